/* SPDX-License-Identifier: MIT */
/*
 * select_loop SEGMENT: a loop of libuv that does jobs of the channel `jobs` as
 * they come, and ends when that is closed. The descriptor of a wait set stands
 * in the loop like any other; beside it a timer, to show that the loop is not
 * held up.
 */
#include <errno.h>
#include <stdio.h>
#include <uv.h>
#include <zeroipc.h>

struct worker {
	uv_loop_t loop;
	uv_poll_t poll;
	uv_timer_t timer;
	struct zipc_segment *segment;
	struct zipc_channel *jobs;
	struct zipc_wait_set *set;
	struct zipc_case one;
	uint64_t job, sum, done;
	int status;
};

static int fail(void)
{
	fprintf(stderr, "select_loop: %s\n", zipc_last_error());
	return 1;
}

/* Nothing is left in the loop, so it ends. */
static void stop(struct worker *worker, int status)
{
	worker->status = status;
	uv_close((uv_handle_t *)&worker->poll, NULL);
	uv_close((uv_handle_t *)&worker->timer, NULL);
}

/* One job each time: if there is more, the descriptor stays readable. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct worker *worker = poll->data;
	int rc = zipc_wait_set_wait(worker->set, ZIPC_NOWAIT);

	(void)status;
	(void)events;
	if (rc == -EAGAIN) /* others were faster */
		return;
	if (rc < 0 || (worker->one.result && worker->one.result != -EPIPE)) {
		stop(worker, fail());
		return;
	}
	if (worker->one.result == -EPIPE) {
		printf("%llu jobs, of %llu together\n",
		       (unsigned long long)worker->done,
		       (unsigned long long)worker->sum);
		stop(worker, 0);
		return;
	}
	worker->done++;
	worker->sum += worker->job;
}

static void on_timer(uv_timer_t *timer)
{
	const struct worker *worker = timer->data;

	printf("%llu jobs so far\n", (unsigned long long)worker->done);
	fflush(stdout);
}

static int open_jobs(struct worker *worker, const char *segment)
{
	if (zipc_segment_open(&worker->segment, segment, 0) ||
	    zipc_channel_open(&worker->jobs, worker->segment, "jobs", "u64"))
		return fail();
	worker->one = (struct zipc_case){ ZIPC_RECV, worker->jobs,
					  &worker->job, 0 };
	if (zipc_wait_set_open(&worker->set, &worker->one, 1) ||
	    zipc_wait_set_fd(worker->set) < 0)
		return fail();
	return 0;
}

static int run_loop(struct worker *worker)
{
	uv_loop_init(&worker->loop);
	uv_poll_init(&worker->loop, &worker->poll,
		     zipc_wait_set_fd(worker->set));
	uv_timer_init(&worker->loop, &worker->timer);
	worker->poll.data = worker->timer.data = worker;
	uv_poll_start(&worker->poll, UV_READABLE, on_readable);
	uv_timer_start(&worker->timer, on_timer, 60000, 60000);
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	uv_loop_close(&worker->loop);
	return worker->status;
}

int main(int argc, char **argv)
{
	static struct worker worker;
	int status;

	if (argc != 2) {
		fprintf(stderr, "usage: select_loop SEGMENT\n");
		return 2;
	}
	status = open_jobs(&worker, argv[1]);
	if (!status)
		status = run_loop(&worker);
	zipc_wait_set_close(worker.set);
	zipc_channel_release(worker.jobs);
	zipc_segment_close(worker.segment);
	return status;
}
