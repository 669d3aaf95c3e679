/* SPDX-License-Identifier: MIT */
/* Pool: what the dead have left; pool.h has the idea. */
#include "pool.h"

#include "error.h"
#include "queue.h"
#include "table.h"

#define ASKED 64u

/*
 * Whether an owner lives costs system calls, so the answer is kept for this
 * walk. Who is dead stays dead; who dies meanwhile is found by the next walk.
 */
struct asked {
	uint64_t holder[ASKED];
	bool lives[ASKED];
};

static bool lives(struct zipc_pool *pool, struct asked *asked, uint64_t holder)
{
	unsigned at = zipc_holder_index(holder) % ASKED;

	if (asked->holder[at] != holder || !holder) {
		asked->holder[at] = holder;
		asked->lives[at] = zipc_segment_lives(pool->segment, holder);
	}
	return asked->lives[at];
}

/*
 * Whether a dead sender's ticket is in its queue; true too where it cannot be
 * told, as then nothing may be taken away.
 */
static bool is_sent(struct zipc_pool *pool, uint64_t index,
		    const struct zipc_pair *seen)
{
	uint64_t ticket = zipc_pool_ticket(pool->capacity, index,
					   seen->turn + 1);
	/* noted: acquire; pairs with send. The dead write no other. */
	uint32_t offset = atomic_load_explicit(&pool->queues[index],
					       memory_order_acquire);
	char name[ZIPC_NAME_MAX + 1];
	struct zipc_queue *queue;
	bool sent = true;
	int rc = zipc_table_name(name, pool->segment, offset);

	if (rc == -ENOENT) /* of a queue that is gone nobody gets the ticket */
		return false;
	if (!rc)
		rc = zipc_queue_open(&queue, pool->segment, name, NULL);
	if (rc) /* another kind is there, where the queue was */
		return rc != -EPROTOTYPE;
	/* By now it may be another one, of the same name. */
	if (zipc_queue_offset(queue) == offset &&
	    zipc_queue_elem_size(queue) == sizeof(ticket))
		sent = zipc_queue_holds(queue, ticket);
	zipc_queue_close(queue);
	return sent;
}

/* Free one object, if it is a dead one's; whether that was so. */
static bool recover_one(struct zipc_pool *pool, struct asked *asked,
			uint64_t index, bool passed_too)
{
	struct zipc_cell *cell = &pool->cells[index];
	struct zipc_pair seen;
	uint64_t state;

	/* Relaxed: a first look, since most are free or the living's. */
	if (!atomic_load_explicit(&cell->value, memory_order_relaxed))
		return false;
	seen = zipc_cell_read(cell);
	state = zipc_pool_state(seen.value);
	if (!seen.value || (state == ZIPC_POOL_PASSED && !passed_too) ||
	    lives(pool, asked, seen.value & ZIPC_POOL_OWNER))
		return false;
	if (state == ZIPC_POOL_SENDING && !passed_too &&
	    is_sent(pool, index, &seen))
		return false;
	/* object: release; only what was read is changed; pairs with take. */
	return zipc_cell_swap(cell, &seen,
			      (struct zipc_pair){ seen.turn + 1, 0 });
}

int64_t zipc_pool_recover(struct zipc_pool *pool, bool passed_too)
{
	struct asked asked = { .holder = { 0 } };
	int64_t n = 0;
	uint64_t i;

	for (i = 0; i < pool->capacity; i++)
		if (recover_one(pool, &asked, i, passed_too)) {
			zipc_pool_freed(pool, i);
			n++;
		}
	return n;
}

int64_t zipc_pool_reclaim(struct zipc_pool *pool)
{
	int rc = zipc_pool_enter(pool);

	return rc ? rc : zipc_pool_recover(pool, false);
}

int64_t zipc_pool_reclaim_passed(struct zipc_pool *pool)
{
	int rc = zipc_pool_enter(pool);

	return rc ? rc : zipc_pool_recover(pool, true);
}
