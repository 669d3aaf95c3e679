/* SPDX-License-Identifier: MIT */
/* Pool: shape, take and give; pool.h has the idea. */
#include "pool.h"

#include "clock.h"
#include "error.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define ELEM_MAX (UINT64_C(1) << 30)
#define LARGE 4096u      /* bytes of an object */
#define FEW 4096u        /* cells that are looked at each time */
#define LOOK_NS 10000000 /* between two looks at many */

#define INLINE static inline __attribute__((always_inline))

/* shape */

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static uint64_t groups_of(uint64_t capacity)
{
	return capacity / ZIPC_GROUP + (capacity % ZIPC_GROUP != 0);
}

/* The constants of a pool; false: it would be too large. */
static bool shape_of(struct zipc_pool_shape *shape, uint64_t capacity,
		     uint64_t elem_size, uint32_t options)
{
	uint64_t bits = round_up(groups_of(capacity), 64);

	if (capacity > UINT32_MAX)
		return false;
	*shape = (struct zipc_pool_shape){
		.stride = round_up(elem_size, ZIPC_LINE),
		.options = options,
		.cells_offset = sizeof(*shape),
	};
	shape->full_offset = round_up(shape->cells_offset +
				      capacity * sizeof(struct zipc_cell),
				      ZIPC_LINE);
	shape->notes_offset = round_up(shape->full_offset + bits / 8,
				       ZIPC_LINE);
	shape->objects_offset = round_up(shape->notes_offset +
					 capacity * sizeof(uint32_t),
					 ZIPC_LINE);
	return true;
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	struct zipc_pool_shape shape;
	uint64_t bytes;

	if (!shape_of(&shape, plan->capacity, elem_size, plan->option) ||
	    __builtin_mul_overflow(plan->capacity, shape.stride, &bytes) ||
	    __builtin_add_overflow(bytes, shape.objects_offset, &bytes))
		return UINT64_MAX;
	return bytes;
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	shape_of((void *)body, plan->capacity, elem_size, plan->option);
}

static struct zipc_plan plan_of(const char *type, uint64_t capacity,
				unsigned options)
{
	return (struct zipc_plan){ .kind = ZIPC_POOL,
				   .type = type,
				   .capacity = capacity,
				   .body_bytes = body_bytes,
				   .build = build,
				   .elem_size_max = ELEM_MAX,
				   .option = options };
}

/* What is wrong with a copy of the constants; NULL: nothing. */
static const char *misfit(const struct zipc_pool_shape *copy,
			  const struct zipc_found *found)
{
	struct zipc_pool_shape right;
	uint64_t bytes;

	if (!shape_of(&right, found->capacity, found->elem_size,
		      copy->options) ||
	    __builtin_mul_overflow(found->capacity, right.stride, &bytes) ||
	    __builtin_add_overflow(bytes, right.objects_offset, &bytes) ||
	    bytes > found->body_bytes)
		return "its objects lie beyond its body";
	if (copy->stride != right.stride ||
	    copy->cells_offset != right.cells_offset ||
	    copy->full_offset != right.full_offset ||
	    copy->notes_offset != right.notes_offset ||
	    copy->objects_offset != right.objects_offset)
		return "its parts are not where they belong";
	if (copy->options & ~ZIPC_POOL_OPTIONS_KNOWN)
		return "it has options that are not known";
	return NULL;
}

static void adopt(struct zipc_pool *pool, const struct zipc_found *found,
		  const struct zipc_pool_shape *copy)
{
	pool->cells = (void *)(found->body + copy->cells_offset);
	pool->full = (void *)(found->body + copy->full_offset);
	pool->queues = (void *)(found->body + copy->notes_offset);
	pool->objects = found->body + copy->objects_offset;
	pool->takers = &found->block->readable;
	pool->capacity = found->capacity;
	pool->elem_size = found->elem_size;
	pool->stride = copy->stride;
	pool->groups = groups_of(found->capacity);
	pool->reclaims = copy->options & ZIPC_POOL_RECLAIMS;
	pool->large = found->elem_size >= LARGE;
	pool->few = found->capacity <= FEW;
	pool->type = found->type;
}

/* Each process begins elsewhere, in a group of its own. */
static void begin_elsewhere(struct zipc_pool *pool)
{
	pool->from = zipc_holder_index(zipc_pool_me(pool)) *
		     (uint64_t)ZIPC_GROUP % pool->capacity;
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_pool **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	const char *wrong = "its body is too short";
	struct zipc_pool_shape copy;
	struct zipc_pool *pool = NULL;

	if (found->body_bytes >= sizeof(copy)) {
		/* Only the copy is checked and used. */
		memcpy(&copy, found->body, sizeof(copy));
		wrong = misfit(&copy, found);
	}
	if (!wrong)
		pool = calloc(1, sizeof(*pool));
	if (!pool) {
		zipc_table_release(found);
		if (!wrong)
			return zipc_fail_as(ENOMEM, "out of memory");
		return zipc_use_opened(
			&found->use, name,
			zipc_fail(EBADMSG, "pool `%s` in segment `/%s` is "
				  "damaged: %s", name, segment->name, wrong));
	}
	adopt(pool, found, &copy);
	pool->segment = zipc_segment_hold(segment);
	pool->use = found->use;
	pool->generation = zipc_use_generation(&pool->use);
	pool->symmetric = segment->symmetric;
	begin_elsewhere(pool);
	strcpy(pool->name, name); /* the table has measured it */
	*out = pool;
	return 0;
}

int zipc_pool_create_with(struct zipc_pool **out, struct zipc_segment *segment,
			  const char *name, const char *type, uint64_t capacity,
			  const struct zipc_pool_options *options)
{
	unsigned reclaims = options ? options->reclaims : 0;
	struct zipc_plan plan = plan_of(type, capacity, reclaims);
	struct zipc_found found;
	int rc;

	if (reclaims > 1)
		return zipc_fail(EINVAL, "reclaims is %u: 0 or 1", reclaims);
	rc = zipc_table_create(&found, segment, name, &plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_pool_create(struct zipc_pool **out, struct zipc_segment *segment,
		     const char *name, const char *type, uint64_t capacity)
{
	return zipc_pool_create_with(out, segment, name, type, capacity, NULL);
}

int zipc_pool_open(struct zipc_pool **out, struct zipc_segment *segment,
		   const char *name, const char *type)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_POOL, type);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_pool_open_or_create(struct zipc_pool **out,
			     struct zipc_segment *segment, const char *name,
			     const char *type, uint64_t capacity)
{
	struct zipc_plan plan = plan_of(type, capacity, 0);
	struct zipc_found found;
	int rc = zipc_table_open_or_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_pool_enter_first(struct zipc_pool *pool)
{
	int rc;

	if (pool->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: pool `%s` cannot be used through it",
				 pool->segment->name, pool->name);
	rc = zipc_use_enter(&pool->use, pool->name);
	if (rc)
		return rc;
	pool->generation = zipc_fork_generation;
	begin_elsewhere(pool);
	return 0;
}

/* taking */

/* Make the caller the owner of a cell, if it is free. */
INLINE bool claim(struct zipc_pool *pool, uint64_t index, uint64_t me)
{
	struct zipc_cell *cell = &pool->cells[index];
	struct zipc_pair seen = { .value = 0 };

	/* Relaxed: it is a guess, which the swap makes sure of. */
	if (atomic_load_explicit(&cell->value, memory_order_relaxed))
		return false;
	seen.turn = atomic_load_explicit(&cell->turn, memory_order_relaxed);
	do {
		/* object: acquire and release; pairs with give, reclaim. */
		if (zipc_cell_swap(cell, &seen,
				   (struct zipc_pair){ seen.turn + 1, me }))
			return true;
	} while (!seen.value);
	return false;
}

/* One of [first, end), from the lowest on; -1: none is free. */
static int64_t claim_one_of(struct zipc_pool *pool, uint64_t first,
			    uint64_t end)
{
	uint64_t me = zipc_pool_me(pool), i;

	for (i = first; i < end; i++)
		if (claim(pool, i, me))
			return (int64_t)i;
	return -1;
}

/*
 * A locked instruction is before, and what is read behind it is to be read
 * behind it: on x86 it is a full fence by itself.
 */
static inline void fence_behind_swap(void)
{
#if defined(__x86_64__)
	atomic_signal_fence(memory_order_seq_cst);
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

static uint64_t bit_of(uint64_t group)
{
	return UINT64_C(1) << group % 64;
}

static void unmark(struct zipc_pool *pool, uint64_t group)
{
	_Atomic uint64_t *word = &pool->full[group / 64];

	/* Relaxed: behind the fence, see mark_full(); and it is a hint. */
	if (atomic_load_explicit(word, memory_order_relaxed) & bit_of(group))
		atomic_fetch_and_explicit(word, ~bit_of(group),
					  memory_order_relaxed);
}

/*
 * A group was found full: say so, and look again, for what was given before
 * its giver could see the bit.
 */
static int64_t mark_full(struct zipc_pool *pool, uint64_t group,
			 uint64_t begin, uint64_t end)
{
	int64_t i;

	atomic_fetch_or_explicit(&pool->full[group / 64], bit_of(group),
				 memory_order_acq_rel);
	fence_behind_swap();
	i = claim_one_of(pool, begin, end);
	if (i >= 0)
		unmark(pool, group);
	return i;
}

/* One of a group, from index on and then before it; -1: none. */
static int64_t take_of_group(struct zipc_pool *pool, uint64_t index)
{
	uint64_t group = index / ZIPC_GROUP, begin = group * ZIPC_GROUP;
	uint64_t end = begin + ZIPC_GROUP;
	int64_t i;

	if (end > pool->capacity)
		end = pool->capacity;
	i = claim_one_of(pool, index, end);
	if (i < 0)
		i = claim_one_of(pool, begin, index);
	if (i < 0 && pool->groups > 1)
		i = mark_full(pool, group, begin, end);
	return i;
}

/* The first group from one on that is not marked; or pool->groups. */
static uint64_t next_open(const struct zipc_pool *pool, uint64_t group)
{
	uint64_t open;

	while (group < pool->groups) {
		/* Relaxed: it is a hint. */
		open = ~atomic_load_explicit(&pool->full[group / 64],
					     memory_order_relaxed);
		open &= UINT64_MAX << group % 64;
		if (open) {
			group = group / 64 * 64 +
				(uint64_t)__builtin_ctzll(open);
			return group < pool->groups ? group : pool->groups;
		}
		group = (group / 64 + 1) * 64;
	}
	return pool->groups;
}

/* One of the groups that are not marked, the last one's first; -1: none. */
static int64_t search(struct zipc_pool *pool)
{
	uint64_t mine = pool->from / ZIPC_GROUP, group;
	int64_t i = take_of_group(pool, pool->from);

	for (group = next_open(pool, mine + 1); i < 0 && group < pool->groups;
	     group = next_open(pool, group + 1))
		i = take_of_group(pool, group * ZIPC_GROUP);
	for (group = next_open(pool, 0); i < 0 && group < mine;
	     group = next_open(pool, group + 1))
		i = take_of_group(pool, group * ZIPC_GROUP);
	return i;
}

/* Whether this handle has not looked at many cells, or for the dead, lately. */
static bool is_due(struct zipc_pool *pool)
{
	int64_t now = zipc_now_ns();

	if (pool->looked_ns && now - pool->looked_ns < LOOK_NS)
		return false;
	pool->looked_ns = now;
	return true;
}

/* Nothing was found where the hints say: look at all, and for the dead. */
static int64_t search_all(struct zipc_pool *pool)
{
	bool due = !(pool->few && !pool->reclaims) && is_due(pool);
	int64_t i = -1;

	if (pool->groups > 1 && (pool->few || due))
		i = claim_one_of(pool, 0, pool->capacity);
	if (i >= 0) {
		unmark(pool, (uint64_t)i / ZIPC_GROUP);
		return i;
	}
	if (pool->reclaims && due && zipc_pool_recover(pool, false) > 0)
		i = search(pool);
	return i;
}

static int64_t attempt_take(void *context)
{
	struct zipc_pool *pool = context;
	int64_t i = search(pool);

	if (i < 0 && (pool->groups > 1 || pool->reclaims))
		i = search_all(pool);
	return i < 0 ? zipc_fail_as(EAGAIN, "every object of the pool is taken")
		     : i;
}

/* The next one is looked for behind what was taken. */
INLINE int taken(struct zipc_pool *pool, uint64_t i, uint64_t *index)
{
	*index = i;
	pool->from = i + 1 < pool->capacity ? i + 1 : 0;
	return 0;
}

static __attribute__((noinline)) int
take_the_long_way(struct zipc_pool *pool, uint64_t *index, int64_t timeout_ns)
{
	int64_t i = attempt_take(pool);

	if (i == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
		i = zipc_wait(pool->takers, pool->symmetric, &pool->spin,
			      zipc_deadline(timeout_ns), attempt_take, pool);
	return i < 0 ? (int)i : taken(pool, (uint64_t)i, index);
}

int zipc_pool_take(struct zipc_pool *pool, uint64_t *index, int64_t timeout_ns)
{
	int rc = zipc_pool_enter(pool);

	if (rc)
		return rc;
	if (claim(pool, pool->from, zipc_pool_me(pool)))
		return taken(pool, pool->from, index);
	return take_the_long_way(pool, index, timeout_ns);
}

/* giving */

int zipc_pool_no_object(const struct zipc_pool *pool, uint64_t index)
{
	return zipc_fail(EINVAL, "there is no object %llu in pool `%s`: it has "
			 "%llu", (unsigned long long)index, pool->name,
			 (unsigned long long)pool->capacity);
}

/* The caller does not own it: say who does. */
static __attribute__((cold)) int not_mine(const struct zipc_pool *pool,
					  uint64_t index, uint64_t value)
{
	uint32_t place = zipc_holder_index(value & ZIPC_POOL_OWNER), pid = 0;
	const char *how = zipc_pool_state(value) ? "was passed on by"
						 : "belongs to";

	if (!value)
		return zipc_fail(EINVAL, "object %llu of pool `%s` is free: "
				 "it was given back already",
				 (unsigned long long)index, pool->name);
	if (place < pool->segment->max_participants)
		pid = atomic_load_explicit(
			&pool->segment->participants[place].pid,
			memory_order_relaxed);
	if ((value & ZIPC_POOL_OWNER) == zipc_pool_me(pool))
		return zipc_fail(EACCES, "object %llu of pool `%s` was passed "
				 "on by this process: accept its ticket first",
				 (unsigned long long)index, pool->name);
	return zipc_fail(EACCES, "object %llu of pool `%s` %s process %u "
			 "(participant %u), not this one",
			 (unsigned long long)index, pool->name, how, pid,
			 place);
}

INLINE int hand_on(struct zipc_pool *pool, uint64_t index, uint64_t value,
		   uint64_t *turn)
{
	uint64_t me = zipc_pool_me(pool);
	struct zipc_cell *cell;
	struct zipc_pair seen;

	if (__builtin_expect(index >= pool->capacity, 0))
		return zipc_pool_no_object(pool, index);
	cell = &pool->cells[index];
	/* Relaxed: while it is the caller's, only its threads change it. */
	seen.value = atomic_load_explicit(&cell->value, memory_order_relaxed);
	seen.turn = atomic_load_explicit(&cell->turn, memory_order_relaxed);
	while (seen.value == me) {
		*turn = seen.turn + 1;
		/* object: release; pairs with take and accept. */
		if (zipc_cell_swap(cell, &seen,
				   (struct zipc_pair){ *turn, value }))
			return 0;
	}
	return not_mine(pool, index, seen.value);
}

int zipc_pool_hand_on(struct zipc_pool *pool, uint64_t index, uint64_t value,
		      uint64_t *turn)
{
	return hand_on(pool, index, value, turn);
}

INLINE void freed(struct zipc_pool *pool, uint64_t index)
{
	fence_behind_swap();
	if (pool->groups > 1)
		unmark(pool, index / ZIPC_GROUP);
	zipc_wake(pool->takers, pool->symmetric, 1);
}

void zipc_pool_freed(struct zipc_pool *pool, uint64_t index)
{
	freed(pool, index);
}

int zipc_pool_give(struct zipc_pool *pool, uint64_t index)
{
	int rc = zipc_pool_enter(pool);
	uint64_t turn;

	if (!rc)
		rc = hand_on(pool, index, 0, &turn);
	if (rc)
		return rc;
	if (!pool->large)
		pool->from = index;
	freed(pool, index);
	return 0;
}

/* ask */

void *zipc_pool_at(struct zipc_pool *pool, uint64_t index)
{
	if (__builtin_expect(index >= pool->capacity, 0)) {
		zipc_pool_no_object(pool, index);
		return NULL;
	}
	return pool->objects + index * pool->stride;
}

uint64_t zipc_pool_size(const struct zipc_pool *pool)
{
	uint64_t i, n = 0;

	/* Relaxed: each was so when it was looked at, and may not be now. */
	for (i = 0; i < pool->capacity; i++)
		n += atomic_load_explicit(&pool->cells[i].value,
					  memory_order_relaxed) != 0;
	if (pool->generation == zipc_fork_generation)
		return n;
	/* Who has no bit up asks behind it whether that was the pool's. */
	atomic_thread_fence(memory_order_acquire);
	return zipc_use_stands(&pool->use) ? n : 0;
}

uint64_t zipc_pool_capacity(const struct zipc_pool *pool)
{
	return pool->capacity;
}

uint64_t zipc_pool_elem_size(const struct zipc_pool *pool)
{
	return pool->elem_size;
}

const struct zipc_type *zipc_pool_type(const struct zipc_pool *pool)
{
	return pool->type;
}

void zipc_pool_close(struct zipc_pool *pool)
{
	if (!pool)
		return;
	zipc_type_free(pool->type);
	zipc_use_end(&pool->use);
	zipc_segment_close(pool->segment);
	free(pool);
}
