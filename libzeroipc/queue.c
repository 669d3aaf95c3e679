/* SPDX-License-Identifier: MIT */
/*
 * Queue: a place ring with a type, and waiting at both its ends. What makes it
 * correct, and what a crash leaves, stands in place_ring.h, and for leases in
 * lease.h.
 */
#include "clock.h"
#include "error.h"
#include "handle.h"
#include "lease.h"
#include "place_fast.h"
#include "queue.h"
#include "waitable.h"

#include <stdlib.h>
#include <string.h>
#include <zipc/queue.h>

#define ELEM_MAX (UINT64_C(1) << 20)
#define WRITERS 64u

struct zipc_queue {
	uint64_t mark; /* handle.h */
	struct zipc_places places;
	struct zipc_spin push_spin, pop_spin;
	struct zipc_segment *segment;
	struct zipc_use use;
	unsigned generation; /* zipc_use_generation() */
	struct zipc_type *type;
	char name[ZIPC_NAME_MAX + 1];
	/*
	 * NULL: it has none. With them generation stays 0, so that pop goes the
	 * long way, which alone knows of leases.
	 */
	struct zipc_leases *leases;
};

/* create and open */

/* Each writer costs a slot, so large elements have fewer by default. */
static uint32_t writers_for(const struct zipc_plan *plan, uint64_t elem_size)
{
	if (plan->option)
		return plan->option;
	if (elem_size <= 16384)
		return WRITERS;
	return elem_size <= 262144 ? WRITERS / 4 : WRITERS / 8;
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	return zipc_places_bytes(plan->capacity, elem_size,
				 writers_for(plan, elem_size),
				 zipc_leases_bytes(plan->other_option,
						   elem_size));
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	uint32_t takers = plan->other_option;

	zipc_places_build(body, plan->capacity, elem_size,
			  writers_for(plan, elem_size),
			  zipc_leases_bytes(takers, elem_size));
	if (takers)
		zipc_leases_build(body, takers, elem_size);
}

static struct zipc_plan plan_of(const char *type, uint64_t capacity,
				unsigned max_writers, unsigned max_takers)
{
	return (struct zipc_plan){ .kind = ZIPC_QUEUE,
				   .type = type,
				   .capacity = capacity,
				   .body_bytes = body_bytes,
				   .build = build,
				   .elem_size_max = ELEM_MAX,
				   .option = max_writers,
				   .other_option = max_takers,
				   .flags = max_takers ? ZIPC_FLAG_LEASES : 0 };
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_queue **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_queue *queue = calloc(1, sizeof(*queue));
	int rc = queue ? zipc_places_open(&queue->places, segment, found, name)
		       : zipc_fail_as(ENOMEM, "out of memory");

	if (!rc && found->flags & ZIPC_FLAG_LEASES)
		rc = zipc_leases_open(&queue->leases, &queue->places, found,
				      name);
	if (rc) {
		zipc_table_release(found);
		free(queue);
		return zipc_use_opened(&found->use, name, rc);
	}
	queue->mark = ZIPC_HANDLE(ZIPC_QUEUE);
	queue->segment = zipc_segment_hold(segment);
	queue->use = found->use;
	if (!queue->leases)
		queue->generation = zipc_use_generation(&queue->use);
	queue->type = found->type;
	strcpy(queue->name, name); /* the table has measured it */
	*out = queue;
	return 0;
}

int zipc_queue_create_with(struct zipc_queue **out,
			   struct zipc_segment *segment, const char *name,
			   const char *type, uint64_t capacity,
			   const struct zipc_queue_options *options)
{
	unsigned writers = options ? options->max_writers : 0;
	unsigned takers = options ? options->max_takers : 0;
	struct zipc_plan plan = plan_of(type, capacity, writers, takers);
	struct zipc_found found;
	int rc;

	if (writers > ZIPC_WRITERS_MOST)
		return zipc_fail(EINVAL, "max_writers is %u: at most %u",
				 writers, ZIPC_WRITERS_MOST);
	if (takers > ZIPC_TAKERS_MOST)
		return zipc_fail(EINVAL, "max_takers is %u: at most %u",
				 takers, ZIPC_TAKERS_MOST);
	rc = zipc_table_create(&found, segment, name, &plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_queue_create(struct zipc_queue **out, struct zipc_segment *segment,
		      const char *name, const char *type, uint64_t capacity)
{
	return zipc_queue_create_with(out, segment, name, type, capacity, NULL);
}

int zipc_queue_open(struct zipc_queue **out, struct zipc_segment *segment,
		    const char *name, const char *type)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_QUEUE, type);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_queue_open_or_create(struct zipc_queue **out,
			      struct zipc_segment *segment, const char *name,
			      const char *type, uint64_t capacity)
{
	struct zipc_plan plan = plan_of(type, capacity, 0, 0);
	struct zipc_found found;
	int rc = zipc_table_open_or_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

/* use */

/* The first operation of a forked child; or in a segment that is only read. */
static int enter_first(struct zipc_queue *queue)
{
	int rc;

	if (queue->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: queue `%s` cannot be used through it",
				 queue->segment->name, queue->name);
	rc = zipc_use_enter(&queue->use, queue->name);
	if (!rc && queue->leases)
		zipc_leases_enter(queue->leases);
	else if (!rc)
		queue->generation = zipc_fork_generation;
	return rc;
}

static inline bool has_entered(const struct zipc_queue *queue)
{
	return zipc_likely(queue->generation == zipc_fork_generation);
}

/* A writer also owns a record; a forked child takes one of its own. */
static inline bool has_entered_to_push(const struct zipc_queue *queue)
{
	return zipc_likely(queue->places.generation == zipc_fork_generation);
}

static int enter(struct zipc_queue *queue)
{
	return has_entered(queue) ? 0 : enter_first(queue);
}

static int enter_to_push(struct zipc_queue *queue)
{
	int rc;

	if (has_entered_to_push(queue))
		return 0;
	rc = enter_first(queue);
	return rc ? rc : zipc_places_become_writer(&queue->places);
}

/* What an attempt moves, and where. */
struct transfer {
	struct zipc_places *places;
	void *elems;
	uint64_t n;
};

static int64_t attempt_push(void *context)
{
	struct transfer *t = context;

	return zipc_places_push(t->places, t->elems, t->n);
}

static int64_t attempt_pop(void *context)
{
	struct transfer *t = context;

	return zipc_places_pop(t->places, t->elems, t->n);
}

/* Pop, or take if there is a lease to fill in. */
struct handing_out {
	struct zipc_leases *leases;
	void *elems;
	uint64_t n;
	struct zipc_lease *lease;
};

static int64_t hand_out(const struct handing_out *h, bool thorough)
{
	if (h->lease)
		return zipc_leases_take(h->leases, h->elems, h->lease,
					thorough);
	return zipc_leases_pop(h->leases, h->elems, h->n, thorough);
}

static int64_t attempt_hand_out(void *context)
{
	return hand_out(context, false);
}

static int64_t wait_to_push(struct zipc_queue *queue, const void *elems,
			    uint64_t n, int64_t deadline_ns)
{
	struct transfer transfer = { &queue->places, (void *)elems, n };

	return zipc_wait(queue->places.writable, queue->places.symmetric,
			 &queue->push_spin, deadline_ns, attempt_push,
			 &transfer);
}

static int64_t wait_to_pop(struct zipc_queue *queue, void *elems, uint64_t n,
			   int64_t deadline_ns)
{
	struct transfer transfer = { &queue->places, elems, n };

	return zipc_wait(queue->places.readable, queue->places.symmetric,
			 &queue->pop_spin, deadline_ns, attempt_pop,
			 &transfer);
}

/*
 * The dead are looked for at the begin if the caller will not wait, in naps,
 * and once more when the time is over.
 */
static int64_t wait_for_hand_out(struct zipc_queue *queue,
				 struct handing_out *handing_out,
				 int64_t timeout_ns)
{
	int64_t rc = zipc_wait(queue->places.readable, queue->places.symmetric,
			       &queue->pop_spin, zipc_deadline(timeout_ns),
			       attempt_hand_out, handing_out);

	if (rc == -ETIMEDOUT)
		rc = hand_out(handing_out, true);
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}

static int64_t pop_leased(struct zipc_queue *queue, void *elems, uint64_t n,
			  int64_t timeout_ns)
{
	struct handing_out handing_out = { queue->leases, elems, n, NULL };
	int64_t rc = zipc_leases_pop(queue->leases, elems, n,
				     timeout_ns == ZIPC_NOWAIT);

	if (rc != -EAGAIN || timeout_ns == ZIPC_NOWAIT)
		return rc;
	return wait_for_hand_out(queue, &handing_out, timeout_ns);
}

int64_t zipc_queue_push_n(struct zipc_queue *queue, const void *elems,
			  uint64_t n, int64_t timeout_ns)
{
	const unsigned char *from = elems;
	int64_t deadline = 0, moved = 0;
	uint64_t done = 0;
	int rc;

	if (!n)
		return 0;
	rc = enter_to_push(queue);
	if (rc)
		return rc;
	while (done < n) {
		moved = zipc_places_push(&queue->places, from, n - done);
		if (moved == -EAGAIN && timeout_ns != ZIPC_NOWAIT) {
			if (!deadline)
				deadline = zipc_deadline(timeout_ns);
			moved = wait_to_push(queue, from, n - done, deadline);
		}
		if (moved < 0)
			break;
		done += (uint64_t)moved;
		from += (uint64_t)moved * queue->places.elem_size;
	}
	return done ? (int64_t)done : moved;
}

int64_t zipc_queue_pop_n(struct zipc_queue *queue, void *elems, uint64_t n,
			 int64_t timeout_ns)
{
	int64_t moved;
	int rc;

	if (!n)
		return 0;
	rc = enter(queue);
	if (rc)
		return rc;
	if (queue->leases)
		return pop_leased(queue, elems, n, timeout_ns);
	moved = zipc_places_pop(&queue->places, elems, n);
	if (moved == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
		moved = wait_to_pop(queue, elems, n, zipc_deadline(timeout_ns));
	return moved;
}

/*
 * One element. The functions that follow are continuations of push and pop:
 * each is left by a tail call, see place_fast.h.
 */
#define CONTINUATION static __attribute__((noinline)) int

CONTINUATION push_the_long_way(struct zipc_queue *queue, const void *elem,
			       int64_t timeout_ns)
{
	int64_t moved = zipc_queue_push_n(queue, elem, 1, timeout_ns);

	return moved < 0 ? (int)moved : 0;
}

/* The position is claimed, perhaps published: see to it. */
CONTINUATION push_the_rest(struct zipc_queue *queue, const void *elem,
			   int64_t timeout_ns, uint64_t position,
			   enum zipc_fast how)
{
	if (zipc_places_push_rest(&queue->places, elem, position, how))
		return 0;
	return push_the_long_way(queue, elem, timeout_ns);
}

CONTINUATION pop_the_long_way(struct zipc_queue *queue, void *elem,
			      int64_t timeout_ns)
{
	int64_t moved = zipc_queue_pop_n(queue, elem, 1, timeout_ns);

	return moved < 0 ? (int)moved : 0;
}

CONTINUATION wake_one(struct zipc_event_word *event)
{
	zipc_wake_sleepers(event, 1);
	return 0;
}

ZIPC_INLINE int push_of(struct zipc_queue *queue, const void *elem,
			uint64_t elem_size, int64_t timeout_ns)
{
	enum zipc_fast how;
	uint64_t position;

	how = zipc_places_push_fast(&queue->places, elem, elem_size, &position,
				    false);
	if (zipc_likely(how == ZIPC_DONE))
		return 0;
	if (how == ZIPC_SLEEPERS_SEEN)
		return wake_one(queue->places.readable);
	if (how == ZIPC_NOT_BEGUN)
		return push_the_long_way(queue, elem, timeout_ns);
	return push_the_rest(queue, elem, timeout_ns, position, how);
}

ZIPC_INLINE int pop_of(struct zipc_queue *queue, void *elem,
		       uint64_t elem_size, int64_t timeout_ns)
{
	enum zipc_fast how;

	how = zipc_places_pop_fast(&queue->places, elem, elem_size);
	if (zipc_likely(how == ZIPC_DONE))
		return 0;
	if (how == ZIPC_SLEEPERS_SEEN)
		return wake_one(queue->places.writable);
	return pop_the_long_way(queue, elem, timeout_ns);
}

CONTINUATION push_any_size(struct zipc_queue *queue, const void *elem,
			   int64_t timeout_ns)
{
	return push_of(queue, elem, queue->places.elem_size, timeout_ns);
}

CONTINUATION pop_any_size(struct zipc_queue *queue, void *elem,
			  int64_t timeout_ns)
{
	return pop_of(queue, elem, queue->places.elem_size, timeout_ns);
}

int zipc_queue_push(struct zipc_queue *queue, const void *elem,
		    int64_t timeout_ns)
{
	if (!has_entered_to_push(queue))
		return push_the_long_way(queue, elem, timeout_ns);
	if (queue->places.elem_size == 8)
		return push_of(queue, elem, 8, timeout_ns);
	return push_any_size(queue, elem, timeout_ns);
}

int zipc_queue_pop(struct zipc_queue *queue, void *elem, int64_t timeout_ns)
{
	if (!has_entered(queue))
		return pop_the_long_way(queue, elem, timeout_ns);
	if (queue->places.elem_size == 8)
		return pop_of(queue, elem, 8, timeout_ns);
	return pop_any_size(queue, elem, timeout_ns);
}

/* for structures whose messages it carries */

struct claiming {
	struct zipc_places *places;
	int (*claim)(void *context, uint64_t elem);
	void *context;
};

static int64_t attempt_claim(void *context)
{
	struct claiming *it = context;
	uint64_t elem, position;
	int rc;

	do {
		rc = zipc_places_peek(it->places, &elem, &position);
		if (rc)
			return rc;
		rc = it->claim(it->context, elem);
		if (rc && rc != -ENOENT)
			return rc;
		zipc_places_drop(it->places, position);
	} while (rc);
	return 0;
}

int zipc_queue_pop_claimed(struct zipc_queue *queue,
			   int (*claim)(void *context, uint64_t elem),
			   void *context, int64_t timeout_ns)
{
	struct claiming claiming = { &queue->places, claim, context };
	int64_t rc;

	if (queue->leases)
		return zipc_fail(EPROTOTYPE, "queue `%s` has leases, which do "
				 "not go with the messages of a pool: use "
				 "another", queue->name);
	rc = enter(queue);

	if (!rc)
		rc = attempt_claim(&claiming);
	if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
		rc = zipc_wait(queue->places.readable, queue->places.symmetric,
			       &queue->pop_spin, zipc_deadline(timeout_ns),
			       attempt_claim, &claiming);
	return (int)rc;
}

bool zipc_queue_holds(struct zipc_queue *queue, uint64_t elem)
{
	return zipc_places_hold(&queue->places, elem);
}

struct zipc_segment *zipc_queue_segment(const struct zipc_queue *queue)
{
	return queue->segment;
}

uint32_t zipc_queue_offset(const struct zipc_queue *queue)
{
	const unsigned char *block =
		(const unsigned char *)queue->places.readable -
		offsetof(struct zipc_block, readable);

	return (uint32_t)((uint64_t)(block - queue->segment->base) / ZIPC_LINE);
}

/* for a select */

static bool may_push(void *context)
{
	struct zipc_queue_wait *wait = context;

	return zipc_places_has_room(&wait->queue->places);
}

static bool may_pop(void *context)
{
	struct zipc_queue *queue = ((struct zipc_queue_wait *)context)->queue;

	return zipc_places_has(&queue->places) ||
	       (queue->leases && zipc_leases_have(queue->leases));
}

static void bury(void *context)
{
	struct zipc_queue_wait *wait = context;

	zipc_leases_bury(wait->queue->leases);
}

static int64_t try_push(void *context)
{
	struct zipc_queue_wait *wait = context;

	return zipc_queue_push(wait->queue, wait->elem, ZIPC_NOWAIT);
}

static int64_t try_pop(void *context)
{
	struct zipc_queue_wait *wait = context;

	return zipc_queue_pop(wait->queue, wait->elem, ZIPC_NOWAIT);
}

int zipc_queue_waitable(struct zipc_queue_wait *wait, bool push,
			struct zipc_waitable *out)
{
	struct zipc_queue *queue = wait->queue;
	int rc = push ? enter_to_push(queue) : enter(queue);

	*out = (struct zipc_waitable){
		.event = push ? queue->places.writable
			      : queue->places.readable,
		.symmetric = queue->places.symmetric,
		.context = wait,
		.ready = push ? may_push : may_pop,
		.bury = !push && queue->leases ? bury : NULL,
		.attempt = push ? try_push : try_pop,
	};
	return rc;
}

/* leases */

static int enter_to_take(struct zipc_queue *queue)
{
	if (!queue->leases)
		return zipc_fail(EPROTOTYPE, "queue `%s` has no leases: pop "
				 "from it, or create it with some (max_takers)",
				 queue->name);
	return enter_first(queue);
}

static int64_t wait_to_take(struct zipc_queue *queue, void *elem,
			    struct zipc_lease *lease, int64_t timeout_ns)
{
	struct handing_out handing_out = { queue->leases, elem, 1, lease };

	return wait_for_hand_out(queue, &handing_out, timeout_ns);
}

int zipc_queue_take(struct zipc_queue *queue, void *elem,
		    struct zipc_lease *lease, int64_t timeout_ns)
{
	int64_t rc = enter_to_take(queue);

	if (!rc)
		rc = zipc_leases_take(queue->leases, elem, lease,
				      timeout_ns == ZIPC_NOWAIT);
	if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
		rc = wait_to_take(queue, elem, lease, timeout_ns);
	return rc < 0 ? (int)rc : 0;
}

int zipc_queue_done(struct zipc_queue *queue, const struct zipc_lease *lease)
{
	int rc = enter_to_take(queue);

	return rc ? rc : zipc_leases_done(queue->leases, lease);
}

int zipc_queue_return(struct zipc_queue *queue, const struct zipc_lease *lease)
{
	int rc = enter_to_take(queue);

	return rc ? rc : zipc_leases_return(queue->leases, lease);
}

/* ask */

/* Who has no bit up asks behind it whether that was the queue's size. */
uint64_t zipc_queue_size(const struct zipc_queue *queue)
{
	uint64_t size = zipc_places_size(&queue->places);

	if (has_entered(queue))
		return size;
	atomic_thread_fence(memory_order_acquire);
	return zipc_use_stands(&queue->use) ? size : 0;
}

uint64_t zipc_queue_capacity(const struct zipc_queue *queue)
{
	return queue->places.capacity;
}

uint64_t zipc_queue_elem_size(const struct zipc_queue *queue)
{
	return queue->places.elem_size;
}

const struct zipc_type *zipc_queue_type(const struct zipc_queue *queue)
{
	return queue->type;
}

void zipc_queue_close(struct zipc_queue *queue)
{
	if (!queue)
		return;
	zipc_leases_close(queue->leases);
	zipc_places_close(&queue->places);
	zipc_type_free(queue->type);
	zipc_use_end(&queue->use);
	zipc_segment_close(queue->segment);
	free(queue);
}
