/* SPDX-License-Identifier: MIT */
/*
 * Event: one word {sets, SET}, changed by compare-and-swap only.
 *
 *   not set   set: {sets + 1, SET}                         -> set
 *   set       reset, or automatic, the wait that it ended  -> not set
 *
 * sets counts how often it became set. A manual one's wait remembers the count
 * it began with: when that has grown, it was set meanwhile, and the wait ends,
 * even if it has been reset since. So a set that is followed by a reset is not
 * lost on who sleeps. An automatic one's wait ends by taking SET away, which
 * exactly one can.
 *
 * A set of what is set stores the same word again: the release belongs to this
 * set as well. It wakes too, as the one before may have died before it did.
 *
 *   edge    written by   read by   carries
 *   event   set          wait      what was done before the set
 */
#include "error.h"
#include "sync.h"

#include <stdlib.h>
#include <zipc/event.h>

#define SET UINT64_C(1)
#define ONE_SET UINT64_C(2)

struct zipc_event {
	struct zipc_sync sync;
	_Atomic uint64_t *state;
	bool automatic;
	uint64_t began; /* manual: what the wait that is under way began with */
};

/* create and open */

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	(void)plan, (void)elem_size;
	return sizeof(struct zipc_event_body);
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	(void)elem_size;
	((struct zipc_event_body *)(void *)body)->automatic = plan->option;
}

static int plan_of(struct zipc_plan *out, const char *name, unsigned reset)
{
	if (reset != ZIPC_MANUAL_RESET && reset != ZIPC_AUTO_RESET)
		return zipc_fail(EINVAL, "reset of event `%s` is %u: use "
				 "ZIPC_MANUAL_RESET or ZIPC_AUTO_RESET", name,
				 reset);
	*out = (struct zipc_plan){ .kind = ZIPC_EVENT,
				   .type = ZIPC_SYNC_TYPE,
				   .capacity = 1,
				   .body_bytes = body_bytes,
				   .build = build,
				   .elem_size_max = sizeof(uint64_t),
				   .option = reset };
	return 0;
}

/* rc is what filled in sync; plan NULL takes what it finds. */
static int handle_on(struct zipc_event **out, struct zipc_sync *sync, int rc,
		     const struct zipc_plan *plan)
{
	struct zipc_event_body *body = rc ? NULL : (void *)sync->body;
	struct zipc_event *event = NULL;
	uint32_t automatic;

	if (rc)
		return rc;
	automatic = body->automatic;
	if (automatic > 1 || sync->capacity != 1)
		rc = zipc_sync_damaged(sync, "it resets in no way");
	else if (plan && plan->option != automatic)
		rc = zipc_fail(EPROTOTYPE, "event `%s` in segment `/%s` is "
			       "reset %s", sync->name, sync->segment->name,
			       automatic ? "by who waits" : "by hand");
	else if (!(event = calloc(1, sizeof(*event))))
		rc = zipc_fail_as(ENOMEM, "out of memory");
	if (rc) {
		zipc_sync_close(sync);
		return zipc_use_opened(&sync->use, sync->name, rc);
	}
	event->sync = *sync;
	event->state = &body->state;
	event->automatic = automatic;
	*out = event;
	return 0;
}

int zipc_event_create(struct zipc_event **out, struct zipc_segment *segment,
		      const char *name, unsigned reset)
{
	struct zipc_sync sync;
	struct zipc_plan plan;
	int rc = plan_of(&plan, name, reset);

	if (!rc)
		rc = zipc_sync_create(&sync, segment, name, &plan,
				      sizeof(struct zipc_event_body));
	return handle_on(out, &sync, rc, &plan);
}

int zipc_event_open(struct zipc_event **out, struct zipc_segment *segment,
		    const char *name)
{
	struct zipc_sync sync;
	int rc = zipc_sync_open(&sync, segment, name, ZIPC_EVENT,
				sizeof(struct zipc_event_body));

	return handle_on(out, &sync, rc, NULL);
}

int zipc_event_open_or_create(struct zipc_event **out,
			      struct zipc_segment *segment, const char *name,
			      unsigned reset)
{
	struct zipc_sync sync;
	struct zipc_plan plan;
	int rc = plan_of(&plan, name, reset);

	if (!rc)
		rc = zipc_sync_open_or_create(&sync, segment, name, &plan,
					      sizeof(struct zipc_event_body));
	return handle_on(out, &sync, rc, &plan);
}

/* use */

int zipc_event_set(struct zipc_event *event)
{
	uint64_t now, after;
	int rc = zipc_sync_enter(&event->sync);

	if (rc)
		return rc;
	now = atomic_load_explicit(event->state, memory_order_relaxed);
	do
		after = now & SET ? now : (now + ONE_SET) | SET;
	/* event: acquire and release; pairs with attempt(). */
	while (!atomic_compare_exchange_weak_explicit(event->state, &now, after,
						      memory_order_acq_rel,
						      memory_order_relaxed));
	zipc_sync_wake(&event->sync, event->automatic ? 1 : UINT64_MAX);
	return 0;
}

int zipc_event_reset(struct zipc_event *event)
{
	int rc = zipc_sync_enter(&event->sync);

	/* What came before the set goes on to who is told of a later one. */
	if (!rc)
		atomic_fetch_and_explicit(event->state, ~SET,
					  memory_order_acq_rel);
	return rc;
}

/* Take the set away, if it is there. */
static bool take(struct zipc_event *event, uint64_t now)
{
	while (now & SET)
		/* event: acquire and release; pairs with set. */
		if (atomic_compare_exchange_weak_explicit(
			    event->state, &now, now & ~SET,
			    memory_order_acq_rel, memory_order_relaxed))
			return true;
	return false;
}

/* Whether it is set; by hand, whether it was since this wait began. */
static bool has_come(const struct zipc_event *event, uint64_t now)
{
	return now & SET ||
	       (!event->automatic && (now ^ event->began) & ~SET);
}

static int64_t attempt(void *context)
{
	struct zipc_event *event = context;
	/* event: acquire; pairs with set. */
	uint64_t now = atomic_load_explicit(event->state, memory_order_acquire);

	if (event->automatic ? take(event, now) : has_come(event, now)) {
		event->began = now; /* a set is told of once */
		return 0;
	}
	return zipc_fail_as(EAGAIN, "the event is not set");
}

static int begin(struct zipc_event *event)
{
	int rc = zipc_sync_enter(&event->sync);

	/* Acquire: this wait begins before it looks. */
	if (!rc)
		event->began = atomic_load_explicit(event->state,
						    memory_order_acquire);
	return rc;
}

int zipc_event_wait(struct zipc_event *event, int64_t timeout_ns)
{
	int64_t rc = begin(event);

	if (!rc)
		rc = attempt(event);
	if (rc != -EAGAIN)
		return (int)rc;
	return zipc_sync_wait(&event->sync, timeout_ns, attempt, event);
}

static bool is_ready(void *context)
{
	struct zipc_event *event = context;

	/* Relaxed: attempt() looks again. */
	return has_come(event, atomic_load_explicit(event->state,
						    memory_order_relaxed));
}

int zipc_event_waitable(struct zipc_event *event, struct zipc_waitable *out)
{
	int rc = begin(event);

	if (!rc)
		*out = zipc_sync_waitable(&event->sync, is_ready, attempt);
	return rc;
}

/* ask */

unsigned zipc_event_is_set(const struct zipc_event *event)
{
	unsigned set = atomic_load_explicit(event->state,
					    memory_order_acquire) & SET;

	return zipc_sync_stands(&event->sync) ? set : 0;
}

unsigned zipc_event_reset_mode(const struct zipc_event *event)
{
	return event->automatic ? ZIPC_AUTO_RESET : ZIPC_MANUAL_RESET;
}

void zipc_event_close(struct zipc_event *event)
{
	if (!event)
		return;
	zipc_sync_close(&event->sync);
	free(event);
}
