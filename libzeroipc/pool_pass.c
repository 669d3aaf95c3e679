/* SPDX-License-Identifier: MIT */
/* Pool: objects that go from hand to hand; pool.h has the idea. */
#include "pool.h"

#include "error.h"
#include "queue.h"

/* tickets */

int zipc_pool_pass(struct zipc_pool *pool, uint64_t index, uint64_t *ticket)
{
	int rc = zipc_pool_enter(pool);
	uint64_t turn;

	if (!rc)
		rc = zipc_pool_hand_on(pool, index,
				       zipc_pool_me(pool) | ZIPC_POOL_PASSED,
				       &turn);
	if (!rc)
		*ticket = zipc_pool_ticket(pool->capacity, index, turn);
	return rc;
}

/* Whether the ticket is for what stands in the cell; else *turn is not set. */
static bool fits(const struct zipc_pool *pool, struct zipc_pair seen,
		 uint64_t index, uint64_t ticket, uint64_t *turn)
{
	uint64_t state = zipc_pool_state(seen.value), of = seen.turn;

	if (state == ZIPC_POOL_SENDING)
		of++;
	else if (state != ZIPC_POOL_PASSED)
		return false;
	*turn = of + 1;
	return zipc_pool_ticket(pool->capacity, index, of) == ticket;
}

static int stale(const struct zipc_pool *pool, uint64_t index)
{
	return zipc_fail(ENOENT, "the ticket is stale: object %llu of pool "
			 "`%s` has been accepted or reclaimed since",
			 (unsigned long long)index, pool->name);
}

static int accept(struct zipc_pool *pool, uint64_t ticket, uint64_t *index)
{
	unsigned bits = zipc_pool_index_bits(pool->capacity);
	uint64_t i = ticket & ((UINT64_C(1) << bits) - 1), turn;
	struct zipc_pair seen;
	int rc = zipc_pool_enter(pool);

	if (rc)
		return rc;
	if (i >= pool->capacity)
		return zipc_fail(ENOENT, "%llu is no ticket of pool `%s`",
				 (unsigned long long)ticket, pool->name);
	seen = zipc_cell_read(&pool->cells[i]);
	while (fits(pool, seen, i, ticket, &turn)) {
		/* object: acquire; pairs with pass and send. */
		if (zipc_cell_swap(&pool->cells[i], &seen,
				   (struct zipc_pair){ turn,
						       zipc_pool_me(pool) })) {
			*index = i;
			return 0;
		}
	}
	return stale(pool, i);
}

int zipc_pool_accept(struct zipc_pool *pool, uint64_t ticket, uint64_t *index)
{
	return accept(pool, ticket, index);
}

/* through a queue */

static int check_queue(const struct zipc_pool *pool,
		       const struct zipc_queue *queue)
{
	if (zipc_segment_id(zipc_queue_segment(queue)) !=
	    zipc_segment_id(pool->segment))
		return zipc_fail(EINVAL, "the queue is not in the segment "
				 "`/%s` of pool `%s`: only there a recoverer "
				 "can look what a dead sender has pushed",
				 pool->segment->name, pool->name);
	if (zipc_queue_elem_size(queue) != sizeof(uint64_t))
		return zipc_fail(EPROTOTYPE, "the queue has elements of %llu "
				 "bytes: pool `%s` is sent through one of u64",
				 (unsigned long long)
					 zipc_queue_elem_size(queue),
				 pool->name);
	return 0;
}

/*
 * Step 2 has failed, so nobody has the ticket; the message that says why
 * stays.
 */
static void withdraw(struct zipc_pool *pool, uint64_t index, uint64_t turn)
{
	uint64_t me = zipc_pool_me(pool);
	struct zipc_pair seen = { turn, me | ZIPC_POOL_SENDING };

	zipc_cell_swap(&pool->cells[index], &seen,
		       (struct zipc_pair){ turn + 1, me });
}

int zipc_pool_send(struct zipc_pool *pool, struct zipc_queue *queue,
		   uint64_t index, int64_t timeout_ns)
{
	uint64_t me, turn, ticket;
	struct zipc_pair seen;
	int rc = zipc_pool_enter(pool);

	if (!rc)
		rc = check_queue(pool, queue);
	if (rc)
		return rc;
	me = zipc_pool_me(pool);
	if (index < pool->capacity &&
	    atomic_load_explicit(&pool->cells[index].value,
				 memory_order_relaxed) == me)
		/* noted: release; the swap that follows. Pairs with reclaim. */
		atomic_store_explicit(&pool->queues[index],
				      zipc_queue_offset(queue),
				      memory_order_release);
	rc = zipc_pool_hand_on(pool, index, me | ZIPC_POOL_SENDING, &turn);
	if (rc)
		return rc;
	ticket = zipc_pool_ticket(pool->capacity, index, turn + 1);
	rc = zipc_queue_push(queue, &ticket, timeout_ns);
	if (rc) {
		withdraw(pool, index, turn);
		return rc;
	}
	/* It fails when the object is accepted already. */
	seen = (struct zipc_pair){ turn, me | ZIPC_POOL_SENDING };
	zipc_cell_swap(&pool->cells[index], &seen,
		       (struct zipc_pair){ turn + 1, me | ZIPC_POOL_PASSED });
	return 0;
}

struct receiving {
	struct zipc_pool *pool;
	uint64_t index;
};

static int accept_for(void *context, uint64_t ticket)
{
	struct receiving *it = context;

	return accept(it->pool, ticket, &it->index);
}

int zipc_pool_receive(struct zipc_pool *pool, struct zipc_queue *queue,
		      uint64_t *index, int64_t timeout_ns)
{
	struct receiving it = { .pool = pool };
	int rc = check_queue(pool, queue);

	if (!rc)
		rc = zipc_pool_enter(pool);
	if (!rc)
		rc = zipc_queue_pop_claimed(queue, accept_for, &it, timeout_ns);
	if (!rc)
		*index = it.index;
	return rc;
}
