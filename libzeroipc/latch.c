/* SPDX-License-Identifier: MIT */
/*
 * Latch: one word that only becomes smaller. It is changed by compare-and-swap,
 * so a crash comes before or behind a count_down. Who counts down when it is 0
 * already still wakes: who brought it there may have died before it did.
 *
 *   edge    written by   read by   carries
 *   count   count_down   wait      what was done before each count_down
 */
#include "error.h"
#include "sync.h"

#include <stdlib.h>
#include <zipc/latch.h>

#define MOST (UINT64_C(1) << 62)

struct zipc_latch {
	struct zipc_sync sync;
	struct zipc_latch_body *body;
};

/* create and open */

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	(void)plan, (void)elem_size;
	return sizeof(struct zipc_latch_body);
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	(void)elem_size;
	/* Relaxed: nobody looks here before the commit. */
	atomic_store_explicit(&((struct zipc_latch_body *)(void *)body)->count,
			      plan->capacity, memory_order_relaxed);
}

static int plan_of(struct zipc_plan *out, const char *name, uint64_t count)
{
	if (count < 1 || count > MOST)
		return zipc_fail(EINVAL, "latch `%s` would begin at %llu: it "
				 "takes 1 to %llu", name,
				 (unsigned long long)count,
				 (unsigned long long)MOST);
	*out = (struct zipc_plan){ .kind = ZIPC_LATCH,
				   .type = ZIPC_SYNC_TYPE,
				   .capacity = count,
				   .body_bytes = body_bytes,
				   .build = build,
				   .elem_size_max = sizeof(uint64_t) };
	return 0;
}

/* rc is what filled in sync. */
static int handle_on(struct zipc_latch **out, struct zipc_sync *sync, int rc)
{
	struct zipc_latch *latch;

	if (rc)
		return rc;
	latch = calloc(1, sizeof(*latch));
	if (!latch) {
		zipc_sync_close(sync);
		return zipc_fail_as(ENOMEM, "out of memory");
	}
	latch->sync = *sync;
	latch->body = (void *)sync->body;
	*out = latch;
	return 0;
}

int zipc_latch_create(struct zipc_latch **out, struct zipc_segment *segment,
		      const char *name, uint64_t count)
{
	struct zipc_sync sync;
	struct zipc_plan plan;
	int rc = plan_of(&plan, name, count);

	if (!rc)
		rc = zipc_sync_create(&sync, segment, name, &plan,
				      sizeof(struct zipc_latch_body));
	return handle_on(out, &sync, rc);
}

int zipc_latch_open(struct zipc_latch **out, struct zipc_segment *segment,
		    const char *name)
{
	struct zipc_sync sync;
	int rc = zipc_sync_open(&sync, segment, name, ZIPC_LATCH,
				sizeof(struct zipc_latch_body));

	return handle_on(out, &sync, rc);
}

int zipc_latch_open_or_create(struct zipc_latch **out,
			      struct zipc_segment *segment, const char *name,
			      uint64_t count)
{
	struct zipc_sync sync;
	struct zipc_plan plan;
	int rc = plan_of(&plan, name, count);

	if (!rc)
		rc = zipc_sync_open_or_create(&sync, segment, name, &plan,
					      sizeof(struct zipc_latch_body));
	return handle_on(out, &sync, rc);
}

/* use */

static int too_high(const struct zipc_latch *latch)
{
	return zipc_sync_damaged(&latch->sync, "its count has grown");
}

static int64_t attempt(void *context)
{
	struct zipc_latch *latch = context;
	/* count: acquire; pairs with count_down. */
	uint64_t now = atomic_load_explicit(&latch->body->count,
					    memory_order_acquire);

	if (!now)
		return 0;
	if (now > latch->sync.capacity)
		return too_high(latch);
	return zipc_fail_as(EAGAIN, "the latch's count is not 0 yet");
}

int zipc_latch_count_down(struct zipc_latch *latch, uint64_t n)
{
	uint64_t now, after;
	int rc = zipc_sync_enter(&latch->sync);

	if (rc)
		return rc;
	now = atomic_load_explicit(&latch->body->count, memory_order_relaxed);
	do {
		if (now > latch->sync.capacity)
			return too_high(latch);
		after = n < now ? now - n : 0;
		/*
		 * count: acquire and release; pairs with wait, and passes on
		 * what was done before the others' count_down.
		 */
	} while (!atomic_compare_exchange_weak_explicit(
		&latch->body->count, &now, after, memory_order_acq_rel,
		memory_order_relaxed));
	if (!after)
		zipc_sync_wake(&latch->sync, UINT64_MAX);
	return 0;
}

int zipc_latch_wait(struct zipc_latch *latch, int64_t timeout_ns)
{
	int64_t rc = zipc_sync_enter(&latch->sync);

	if (!rc)
		rc = attempt(latch);
	if (rc != -EAGAIN)
		return (int)rc;
	return zipc_sync_wait(&latch->sync, timeout_ns, attempt, latch);
}

static bool is_ready(void *context)
{
	struct zipc_latch *latch = context;

	/* Relaxed: attempt() looks again, and damaged counts as ready. */
	uint64_t now = atomic_load_explicit(&latch->body->count,
					    memory_order_relaxed);

	return !now || now > latch->sync.capacity;
}

int zipc_latch_waitable(struct zipc_latch *latch, struct zipc_waitable *out)
{
	int rc = zipc_sync_enter(&latch->sync);

	if (!rc)
		*out = zipc_sync_waitable(&latch->sync, is_ready, attempt);
	return rc;
}

/* ask */

uint64_t zipc_latch_value(const struct zipc_latch *latch)
{
	uint64_t now = atomic_load_explicit(&latch->body->count,
					    memory_order_acquire);

	if (!zipc_sync_stands(&latch->sync))
		return 0;
	return now < latch->sync.capacity ? now : latch->sync.capacity;
}

uint64_t zipc_latch_count(const struct zipc_latch *latch)
{
	return latch->sync.capacity;
}

void zipc_latch_close(struct zipc_latch *latch)
{
	if (!latch)
		return;
	zipc_sync_close(&latch->sync);
	free(latch);
}
