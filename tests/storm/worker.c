/* SPDX-License-Identifier: MIT */
/* A worker in a storm, over the C library; worker.h has all but the queue. */
#include "worker.h"

#include <errno.h>
#include <zeroipc.h>

static struct zipc_queue *queue;

static int64_t timeout_of(enum waiting waiting)
{
	static const int64_t timeouts[] = { ZIPC_NOWAIT, BOOKS_SHORT_NS,
					    ZIPC_FOREVER };

	return timeouts[waiting];
}

static int64_t count(int64_t rc, enum waiting waiting, const char *what)
{
	if ((rc == -EAGAIN && waiting == NEVER) ||
	    (rc == -ETIMEDOUT && waiting == SHORTLY))
		return 0;
	worker_assert(rc > 0, "C: %s gives %lld: %s", what, (long long)rc,
		      zipc_last_error());
	return rc;
}

static int64_t worker_push(enum waiting waiting, const uint64_t *elems,
			   unsigned n)
{
	int64_t timeout_ns = timeout_of(waiting), rc;

	if (n > 1)
		return count(zipc_queue_push_n(queue, elems, n, timeout_ns),
			     waiting, "push_n");
	rc = zipc_queue_push(queue, elems, timeout_ns);
	return count(rc ? rc : 1, waiting, "push");
}

static int64_t worker_pop(enum waiting waiting, uint64_t *elems, unsigned n)
{
	int64_t timeout_ns = timeout_of(waiting), rc;

	if (n > 1)
		return count(zipc_queue_pop_n(queue, elems, n, timeout_ns),
			     waiting, "pop_n");
	rc = zipc_queue_pop(queue, elems, timeout_ns);
	return count(rc ? rc : 1, waiting, "pop");
}

static bool worker_pops_in_place(unsigned n)
{
	return n > 0;
}

int main(int argc, char **argv)
{
	struct zipc_segment *segment;

	if (argc != 5 || !worker_open_books(argv[1]))
		return 2;
	worker_assert(zipc_segment_open(&segment, argv[2], 0) == 0,
		      "C: open: %s", zipc_last_error());
	worker_assert(zipc_queue_open(&queue, segment, "q", "u64[8]") == 0,
		      "C: open: %s", zipc_last_error());
	worker_run(argv[3], argv[4]);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
	return 0;
}
