/* SPDX-License-Identifier: MIT */
/*
 * Wait set: a selection that stays, and a descriptor for it.
 *
 * The descriptor is an eventfd, fed by a thread of this process: the watcher.
 * It sleeps on the words of all cases, and on one of its own by which it is
 * called, and looks; when a case is ready it feeds the descriptor, and looks no
 * more until the owner has waited once. Waiting empties the descriptor, tries
 * the cases, and lets the watcher look again: so it is readable again at once
 * if there is more. Others, in other processes, never know of a descriptor: who
 * dies cannot leave one unfed, nor be missed, since the watcher naps as any
 * sleeper does.
 *
 *   idle      the watcher waits to be let look
 *   looking   it looks and sleeps; under the mutex while it looks
 *   fed       the descriptor is readable; as idle
 *
 * What is made by who tries, the watcher does not make: it feeds when it is
 * time to try.
 *
 * The mutex is held while the cases are tried, so who waits and who watches do
 * not use a handle at the same time. Who watches never waits for it while it is
 * among the sleepers: a wake would end there. It takes what it can not look at
 * for ready, and goes: so that wake goes on to another.
 */
#include "select.h"

#include "clock.h"
#include "error.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zipc/wait_set.h>

struct zipc_wait_set {
	struct zipc_selection selection;
	struct zipc_choice *choices;
	struct zipc_wait_on *on;
	struct zipc_case *cases;
	size_t n;
	unsigned generation; /* of forks, when the cases were prepared */
	/* the watcher's; fd is -1 until there is one */
	int fd;
	unsigned fd_generation;
	pthread_t watcher;
	pthread_mutex_t mutex;
	pthread_cond_t let_look;
	bool looking, ends;            /* under the mutex */
	struct zipc_wait_on *watching; /* those of the cases, and call */
	size_t words;
	struct zipc_event_word call;
	struct zipc_spin spin;
	int64_t buried_ns; /* when what the dead have was made free */
};

#define BURY_EVERY_NS INT64_C(50000000)

/* open */

static int prepare(struct zipc_wait_set *set)
{
	int rc = zipc_selection_begin(&set->selection, set->choices, set->on,
				      set->cases, set->n);

	if (!rc)
		set->generation = zipc_fork_generation;
	return rc;
}

int zipc_wait_set_open(struct zipc_wait_set **out, struct zipc_case *cases,
		       size_t n)
{
	struct zipc_wait_set *set;
	int rc;

	if (!n || n > ZIPC_CASES_MOST)
		return zipc_fail(EINVAL, "a wait set has 1 to %u cases, not "
				 "%zu", ZIPC_CASES_MOST, n);
	set = calloc(1, sizeof(*set));
	if (!set)
		return zipc_fail_as(ENOMEM, "out of memory");
	set->fd = -1;
	set->cases = cases;
	set->n = n;
	set->choices = calloc(n, sizeof(*set->choices));
	set->on = calloc(n, sizeof(*set->on));
	pthread_mutex_init(&set->mutex, NULL);
	pthread_cond_init(&set->let_look, NULL);
	rc = set->choices && set->on ? prepare(set)
				     : zipc_fail_as(ENOMEM, "out of memory");
	if (rc)
		zipc_wait_set_close(set);
	else
		*out = set;
	return rc;
}

/* the watcher */

/* It naps for longer than that, so it does so at the end of each nap. */
static void bury_at_times(struct zipc_wait_set *set)
{
	int64_t now = zipc_now_ns();

	if (now - set->buried_ns < BURY_EVERY_NS)
		return;
	zipc_selection_bury(&set->selection);
	set->buried_ns = now;
}

static int64_t look(void *context)
{
	struct zipc_wait_set *set = context;
	bool found;

	if (pthread_mutex_trylock(&set->mutex))
		return 0;
	bury_at_times(set);
	found = set->ends || zipc_selection_ready(&set->selection);
	pthread_mutex_unlock(&set->mutex);
	return found ? 0 : -EAGAIN;
}

/* Until it is let look, as long as *until_ns at most; false: it ends. */
static bool await_let_look(struct zipc_wait_set *set, int64_t *until_ns)
{
	bool ends;

	pthread_mutex_lock(&set->mutex);
	while (!set->looking && !set->ends)
		pthread_cond_wait(&set->let_look, &set->mutex);
	ends = set->ends;
	*until_ns = zipc_selection_until(&set->selection, INT64_MAX);
	pthread_mutex_unlock(&set->mutex);
	return !ends;
}

static void feed(struct zipc_wait_set *set)
{
	pthread_mutex_lock(&set->mutex);
	set->looking = false;
	/* It holds at most 1, so this can not fail. */
	if (eventfd_write(set->fd, 1))
		abort();
	pthread_mutex_unlock(&set->mutex);
}

static void *watch(void *context)
{
	struct zipc_wait_set *set = context;
	int64_t rc, until_ns;

	while (await_let_look(set, &until_ns)) {
		rc = zipc_wait_any(set->watching, set->words, &set->spin,
				   until_ns, look, set);
		/* An error, too, is found by who then waits. */
		if (rc != -ETIMEDOUT)
			feed(set);
	}
	return NULL;
}

/* Without signals: they are for the threads that know of them. */
static int start_watcher(struct zipc_wait_set *set)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&set->watcher, NULL, watch, set);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

static int start_watching(struct zipc_wait_set *set)
{
	size_t words;
	int error;

	set->watching = calloc(set->n + 1, sizeof(*set->watching));
	if (!set->watching)
		return zipc_fail_as(ENOMEM, "out of memory");
	words = zipc_selection_words(&set->selection, set->watching);
	set->watching[words].event = &set->call;
	set->watching[words].symmetric = true;
	set->words = words + 1;
	set->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = set->fd < 0 ? errno : 0;
	set->looking = true;
	if (!error)
		error = start_watcher(set);
	if (!error) {
		set->fd_generation = zipc_fork_generation;
		return 0;
	}
	if (set->fd >= 0)
		close(set->fd);
	set->fd = -1;
	free(set->watching);
	set->watching = NULL;
	return zipc_fail(error, "a wait set has no descriptor: %s",
			 zipc_strerror(error));
}

int zipc_wait_set_fd(struct zipc_wait_set *set)
{
	int rc;

	if (set->selection.home)
		return zipc_fail(EINVAL, "case %zu sends to a channel without "
				 "a buffer: a descriptor can not tell when to "
				 "do that", (size_t)(set->selection.home -
						     set->choices));
	if (set->fd < 0) {
		rc = start_watching(set);
		if (rc)
			return rc;
	}
	return set->fd;
}

/* wait */

static bool has_watcher(const struct zipc_wait_set *set)
{
	return set->fd >= 0 && set->fd_generation == zipc_fork_generation;
}

/* Under the mutex: the descriptor is empty, and the watcher looks. */
static void let_look(struct zipc_wait_set *set)
{
	eventfd_t value;

	if (set->looking)
		return;
	(void)eventfd_read(set->fd, &value);
	set->looking = true;
	pthread_cond_signal(&set->let_look);
}

int zipc_wait_set_wait(struct zipc_wait_set *set, int64_t timeout_ns)
{
	int rc = 0;

	if (set->generation != zipc_fork_generation)
		rc = prepare(set);
	if (rc)
		return rc;
	if (!has_watcher(set))
		return zipc_selection_do(&set->selection, timeout_ns);
	pthread_mutex_lock(&set->mutex);
	rc = zipc_selection_do(&set->selection, timeout_ns);
	let_look(set);
	pthread_mutex_unlock(&set->mutex);
	return rc;
}

/* close */

static void end_watcher(struct zipc_wait_set *set)
{
	pthread_mutex_lock(&set->mutex);
	set->ends = true;
	pthread_cond_signal(&set->let_look);
	pthread_mutex_unlock(&set->mutex);
	/* It arrives with a full fence, and looks behind it. */
	zipc_wake(&set->call, true, 1);
	pthread_join(set->watcher, NULL);
}

void zipc_wait_set_close(struct zipc_wait_set *set)
{
	if (!set)
		return;
	if (has_watcher(set))
		end_watcher(set);
	/* In a forked child they are as the parent's watcher has left them. */
	if (set->fd < 0 || has_watcher(set)) {
		pthread_cond_destroy(&set->let_look);
		pthread_mutex_destroy(&set->mutex);
	}
	if (set->fd >= 0)
		close(set->fd);
	free(set->watching);
	free(set->choices);
	free(set->on);
	free(set);
}
