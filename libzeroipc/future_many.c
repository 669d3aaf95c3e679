/* SPDX-License-Identifier: MIT */
/*
 * Several futures at once: who waits sleeps on the words of all, and looks at
 * all when it wakes. Those that have a value keep it, so a look begins behind
 * the first ones that have been found so.
 */
#include "future.h"

#include "clock.h"
#include "error.h"

#include <stdlib.h>

struct many {
	struct zipc_future *const *futures;
	size_t n;
	size_t from; /* all: those before have a value */
	size_t at;   /* the one that the result is about */
	bool all;
};

/* 0: wait no longer, as the one at `at` says. */
static int64_t look_at_all(struct many *many, int64_t pause_ns)
{
	size_t i;
	int64_t rc;

	for (i = many->from; i < many->n; i++) {
		rc = zipc_future_look_well(many->futures[i], NULL, pause_ns);
		if (!rc && many->all) {
			many->from += i == many->from;
			continue;
		}
		if (rc == -EAGAIN)
			continue;
		many->at = i;
		return many->all ? rc : 0;
	}
	many->at = 0;
	return many->from == many->n ? 0 : -EAGAIN;
}

static int64_t attempt(void *context)
{
	return look_at_all(context, ZIPC_FUTURE_LOOK_NS);
}

/* Each of them, since each is slept on. */
static int enter_all(const struct many *many)
{
	size_t i;
	int rc = 0;

	for (i = many->from; i < many->n && !rc; i++)
		rc = zipc_future_enter(many->futures[i]);
	return rc;
}

static int64_t wait_for(struct many *many, int64_t timeout_ns)
{
	size_t n = many->n - many->from, i;
	struct zipc_wait_on *on;
	struct zipc_lock *lock;
	int64_t rc = enter_all(many);

	if (rc)
		return rc;
	on = calloc(n, sizeof(*on));
	if (!on)
		return zipc_fail_as(ENOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		lock = &many->futures[many->from + i]->lock;
		lock->looked_ns = 0;
		on[i].event = &lock->block->readable;
		on[i].symmetric = lock->symmetric;
	}
	rc = zipc_wait_any(on, n, &many->futures[0]->lock.spin,
			   zipc_deadline(timeout_ns), attempt, many);
	free(on);
	return rc;
}

static int64_t wait_for_many(struct many *many, int64_t timeout_ns)
{
	int64_t rc = look_at_all(many, ZIPC_TRY_LOOK_NS);

	if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
		rc = wait_for(many, timeout_ns);
	if (!rc || rc == -ENOMEM || rc == -EROFS || rc == -ENOENT)
		return rc;
	return zipc_future_tell(many->futures[many->at], (int)rc);
}

int zipc_future_all(struct zipc_future *const *futures, size_t n,
		    int64_t timeout_ns)
{
	struct many many = { .futures = futures, .n = n, .all = true };

	return (int)wait_for_many(&many, timeout_ns);
}

int zipc_future_any(struct zipc_future *const *futures, size_t n,
		    int64_t timeout_ns)
{
	struct many many = { .futures = futures, .n = n };
	int64_t rc;

	if (!n || n > INT32_MAX)
		return zipc_fail(EINVAL, "any of %zu futures: there must be "
				 "one at least", n);
	rc = wait_for_many(&many, timeout_ns);
	return rc ? (int)rc : (int)many.at;
}
