/* SPDX-License-Identifier: MIT */
/*
 * A damaged segment gives errors, never a crash or an endless loop. The input
 * is a list of damages (world.h); the rest is a tour through everything that
 * can be done with a segment, the same for every input: look at it by
 * inspection, open it for reading and for writing, open each structure and use
 * it, create others, remove some, look again, close.
 *
 * What must be true, whatever is damaged and whenever:
 *   each call ends, and returns what its header says, with a message;
 *   nothing beyond the mapping is touched;
 *   what was opened lies in the mapping, and, unless it was damaged while it
 *   was opened, in its structure's own block;
 *   using a structure changes nothing outside its block.
 */
#include "world.h"

#include "../../libzeroipc/channel.h"
#include "../../libzeroipc/entry.h"
#include "../../libzeroipc/lease.h"
#include "../../libzeroipc/participant.h"
#include "../../libzeroipc/hopscotch.h"
#include "../../libzeroipc/place_fast.h"
#include "../../libzeroipc/pool.h"
#include "../../libzeroipc/queue.h"
#include "../../libzeroipc/round.h"
#include "../../libzeroipc/segment.h"
#include "../../libzeroipc/turn_stack.h"

#include <errno.h>
#include <zeroipc.h>

#define TIMEOUT_NS INT64_C(20000000)
#define SOME 5
#define MANY 40

static struct {
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	struct zipc_stack *stack;
	struct zipc_map *map;
	const char *name; /* of the structure in use */
	unsigned char before[IMAGE_BYTES];
	uint64_t block, block_end; /* of it; equal: not known */
	uint64_t users, users_end; /* where bits are raised, too */
} tour;

/* What the tour meets when nothing is damaged. */
static bool is_of_a_sound_one(int64_t rc)
{
	return rc == -EAGAIN || rc == -ETIMEDOUT || rc == -ENOENT ||
	       rc == -EINVAL || rc == -EPROTOTYPE || rc == -EROFS ||
	       rc == -EACCES || rc == -EOWNERDEAD || rc == -EOPNOTSUPP ||
	       rc == -EPIPE;
}

#define may(call, ...)                                                       \
	world_check(#call, tour.name, (call),                                \
		    (const int[]){ __VA_ARGS__, ENOENT, 0 })

/* blocks */

/* Of the sound segment. */
#define ENTRIES 18u
#define PARTICIPANTS 4u

/* Where the block of the structure to be opened is, by the table. */
static void find_block(void)
{
	const uint64_t table = sizeof(struct zipc_header);
	struct zipc_entry entry;
	struct zipc_extent extent;
	uint32_t i;

	tour.block = tour.block_end = 0;
	world_copy(tour.before);
	/* As when the segment was opened: no damaged header is asked again. */
	tour.users = zipc_users_begin(ENTRIES);
	tour.users_end = zipc_users_end(ENTRIES, PARTICIPANTS);
	for (i = 0; i < (IMAGE_BYTES - table) / sizeof(entry); i++) {
		memcpy(&entry, tour.before + table + i * sizeof(entry),
		       sizeof(entry));
		entry.name[31] = '\0';
		if (strcmp(entry.name, tour.name))
			continue;
		if (zipc_extent_read(&extent,
				     atomic_load_explicit(&entry.extent,
							  memory_order_relaxed),
				     0, IMAGE_BYTES) != ZIPC_ENTRY_THERE)
			continue;
		tour.block = extent.at;
		tour.block_end = extent.at + extent.bytes;
		if (tour.block_end > IMAGE_BYTES) /* it must not open */
			tour.block = tour.block_end = IMAGE_BYTES;
		return;
	}
}

static void check_place(const char *what, const void *at, uint64_t bytes)
{
	uint64_t offset = (uint64_t)((const unsigned char *)at - world_base());

	require(world_holds(at, bytes),
		"the %s of `%s`, %llu bytes, are not in the mapping", what,
		tour.name, (unsigned long long)bytes);
	if (world_disturbed()) {
		tour.block_end = tour.block; /* what was opened? */
		return;
	}
	require(offset >= tour.block && bytes <= tour.block_end - offset,
		"the %s of `%s`, %llu bytes at %llu, are not in its block",
		what, tour.name, (unsigned long long)bytes,
		(unsigned long long)offset);
}

static void check_array_place(const void *at, uint64_t capacity,
			      uint64_t elem_size)
{
	uint64_t bytes;

	require(!__builtin_mul_overflow(capacity, elem_size, &bytes),
		"`%s` is too large", tour.name);
	check_place("elements", at, bytes);
}

static void check_same(const unsigned char *after, uint64_t from, uint64_t end)
{
	uint64_t i = from;

	if (!memcmp(after + from, tour.before + from, end - from))
		return;
	while (after[i] == tour.before[i])
		i++;
	require(0, "using `%s` changed byte %llu, outside its block", tour.name,
		(unsigned long long)i);
}

/* Only the structure's own block, and bits of users, differ from before. */
static void check_others(void)
{
	unsigned char after[IMAGE_BYTES];

	if (world_disturbed() || tour.block == tour.block_end)
		return;
	world_copy(after);
	memcpy(after + tour.users, tour.before + tour.users,
	       tour.users_end - tour.users);
	check_same(after, 0, tour.block);
	check_same(after, tour.block_end, IMAGE_BYTES);
}

static void *buffer(uint64_t n, uint64_t elem_size)
{
	void *bytes;

	require(elem_size > 0 && elem_size <= IMAGE_BYTES,
		"`%s` has elements of %llu bytes", tour.name,
		(unsigned long long)elem_size);
	bytes = malloc(n * elem_size);
	require(bytes, "no memory");
	memset(bytes, 0x5A, n * elem_size);
	return bytes;
}

/* looking */

static void look_at_holders(struct zipc_view *view,
			    const struct zipc_view_entry *entry)
{
	struct zipc_view_sync_holder holder;
	struct zipc_view_sync sync;
	uint64_t i;

	if (may(zipc_view_sync(view, entry, &sync), ENOENT, EBADMSG,
		EOPNOTSUPP))
		return;
	for (i = 0; i < sync.holders && i < SOME; i++)
		may(zipc_view_sync_holder(view, entry, i, &holder), ENOENT,
		    EBADMSG, EOPNOTSUPP);
}

static void look_at_elements(struct zipc_view *view,
			     const struct zipc_view_entry *entry)
{
	struct zipc_type *type;
	char text[512];
	uint64_t ids[MANY];
	unsigned char *bytes;
	int64_t n, i;

	look_at_holders(view, entry);
	if (entry->elem_size == 0 || entry->elem_size > IMAGE_BYTES)
		return; /* of a kind that nobody knows */
	bytes = buffer(MANY, entry->elem_size);
	n = may(zipc_view_elements(view, entry, 1, MANY, bytes, ids), ENOENT,
		EBADMSG, EOPNOTSUPP);
	require(n <= MANY, "%lld elements", (long long)n);
	if (n > 0 && !zipc_type_parse(&type, entry->type, SIZE_MAX)) {
		require(zipc_type_size(type) == entry->elem_size, "%s",
			entry->type);
		for (i = 0; i < n; i++)
			zipc_value_print(type,
					 bytes + (uint64_t)i * entry->elem_size,
					 text, sizeof(text));
		zipc_type_free(type);
	}
	free(bytes);
}

static void look_at_objects(struct zipc_view *view,
			    const struct zipc_view_entry *entry)
{
	struct zipc_view_object objects[MANY];
	int64_t n = may(zipc_view_objects(view, entry, 0, MANY, objects),
			ENOENT, EBADMSG, EPROTOTYPE, EOPNOTSUPP);

	require(n <= MANY, "%lld objects", (long long)n);
	for (; n > 0; n--)
		require(objects[n - 1].index < entry->capacity &&
			objects[n - 1].state <= ZIPC_OBJECT_SENDING,
			"there is no such object");
}

/* Of each 7 inputs one, the first as well: it takes as long as the others. */
static void look_at_waits(struct zipc_view *view)
{
	static unsigned looks;

	if (looks++ % 7 == 0)
		world_look_at_waits(view);
}

static void look(void)
{
	struct zipc_view_participant participant;
	struct zipc_view_segment segment;
	struct zipc_view_entry entry;
	struct zipc_view *view;
	unsigned i;

	tour.name = "the segment";
	if (may(zipc_view_open(&view, fuzz_segment_name()), EBADMSG,
		EPROTONOSUPPORT))
		return;
	may(zipc_view_segment(view, &segment), EBADMSG);
	for (i = 0; i < 16; i++)
		if (!may(zipc_view_entry(view, i, &entry), EBADMSG, ENOENT))
			look_at_elements(view, &entry);
	if (!may(zipc_view_find(view, "queue", &entry), EBADMSG, ENOENT))
		look_at_elements(view, &entry);
	if (!may(zipc_view_find(view, "pool", &entry), EBADMSG, ENOENT))
		look_at_objects(view, &entry);
	look_at_waits(view);
	for (i = 0; i < 6; i++)
		may(zipc_view_participant(view, i, &participant), EBADMSG,
		    ENOENT);
	zipc_view_close(view);
}

/* reading only */

static void read_only(void)
{
	struct zipc_array *array;
	struct zipc_queue *queue;
	uint64_t i;
	void *elem;

	tour.segment = NULL;
	if (may(zipc_segment_open(&tour.segment, fuzz_segment_name(),
				  ZIPC_READ_ONLY), EBADMSG, EPROTONOSUPPORT))
		return;
	tour.name = "records";
	find_block();
	if (!may(zipc_array_open(&array, tour.segment, "records", NULL),
		 EBADMSG, ENOENT, EPROTOTYPE)) {
		check_array_place(zipc_array_data(array),
				  zipc_array_capacity(array),
				  zipc_array_elem_size(array));
		elem = buffer(1, zipc_array_elem_size(array));
		for (i = 0; i < SOME; i++)
			may(zipc_array_get(array, i, elem), EINVAL);
		free(elem);
		zipc_array_close(array);
	}
	tour.name = "queue";
	if (!may(zipc_queue_open(&queue, tour.segment, "queue", "u64"),
		 EBADMSG, ENOENT, EPROTOTYPE)) {
		zipc_queue_size(queue);
		elem = buffer(1, zipc_queue_elem_size(queue));
		may(zipc_queue_pop(queue, elem, TIMEOUT_NS), EROFS);
		free(elem);
		zipc_queue_close(queue);
	}
	zipc_segment_close(tour.segment);
	tour.segment = NULL;
}

static void open_segment(void)
{
	tour.name = "the segment";
	if (may(zipc_segment_open(&tour.segment, fuzz_segment_name(), 0),
		EBADMSG, EPROTONOSUPPORT, EUSERS, EOPNOTSUPP))
		tour.segment = NULL;
}

/* arrays */

static void use_array(struct zipc_array *array)
{
	uint64_t capacity = zipc_array_capacity(array), i;
	uint64_t elem_size = zipc_array_elem_size(array);
	void *elem = buffer(1, elem_size), *other = buffer(1, elem_size);

	check_array_place(zipc_array_data(array), capacity, elem_size);
	for (i = 0; i < SOME; i++) {
		may(zipc_array_get(array, i, elem), EINVAL);
		may(zipc_array_set(array, capacity - 1 - i, elem), EINVAL);
		may(zipc_array_fetch_add(array, i, elem, other), EINVAL,
		    EPROTOTYPE);
		may(zipc_array_cas(array, i, other, elem), EINVAL, EPROTOTYPE,
		    EAGAIN);
	}
	free(elem);
	free(other);
	check_others();
}

static void array_by_name(const char *name, const char *type)
{
	struct zipc_array *array;

	tour.name = name;
	find_block();
	if (may(zipc_array_open(&array, tour.segment, name, type), EBADMSG,
		ENOENT, EPROTOTYPE))
		return;
	use_array(array);
	zipc_array_close(array);
}

static void arrays(void)
{
	array_by_name("numbers", NULL);
	array_by_name("records", "{a:u8, b:f64, c:bytes:5}");
}

/* queues */

/* The ring is opened once more, by itself, as a handle shows nothing. */
static void check_ring(const char *name)
{
	struct zipc_places ring;
	struct zipc_found found;

	if (may(zipc_table_find(&found, tour.segment, name, ZIPC_QUEUE, NULL),
		EBADMSG, ENOENT, EPROTOTYPE))
		return;
	if (!may(zipc_places_open(&ring, tour.segment, &found, name),
		 EBADMSG)) {
		check_place("ring", ring.ring, sizeof(*ring.ring));
		check_place("writers", ring.writers,
			    ring.writer_count * sizeof(*ring.writers));
		check_place("slots", ring.slots,
			    ring.slot_count * ring.slot_bytes);
		check_place("events", ring.readable, sizeof(*ring.readable));
	}
	zipc_type_free(found.type);
}

static void open_queue(const char *name)
{
	tour.queue = NULL;
	tour.name = name;
	if (!tour.segment)
		return;
	find_block();
	check_ring(name);
	if (may(zipc_queue_open(&tour.queue, tour.segment, name, NULL),
		EBADMSG, ENOENT, EPROTOTYPE))
		tour.queue = NULL;
}

static void open_sound(void)
{
	open_queue("queue");
}

static void open_stuck(void)
{
	open_queue("stuck");
}

#define PUSH_ERRORS EAGAIN, ETIMEDOUT, EUSERS, EBADMSG
#define POP_ERRORS EAGAIN, ETIMEDOUT, EBADMSG

static void push(uint64_t n, int64_t timeout_ns)
{
	void *elems;

	if (!tour.queue)
		return;
	world_copy(tour.before);
	elems = buffer(n, zipc_queue_elem_size(tour.queue));
	if (n == 1)
		may(zipc_queue_push(tour.queue, elems, timeout_ns),
		    PUSH_ERRORS);
	else
		may(zipc_queue_push_n(tour.queue, elems, n, timeout_ns),
		    PUSH_ERRORS);
	free(elems);
	check_others();
}

static void pop(uint64_t n, int64_t timeout_ns)
{
	void *elems;

	if (!tour.queue)
		return;
	world_copy(tour.before);
	elems = buffer(n, zipc_queue_elem_size(tour.queue));
	if (n == 1)
		may(zipc_queue_pop(tour.queue, elems, timeout_ns), POP_ERRORS);
	else
		may(zipc_queue_pop_n(tour.queue, elems, n, timeout_ns),
		    POP_ERRORS);
	free(elems);
	check_others();
	zipc_queue_size(tour.queue);
}

static void push_one(void)
{
	push(1, ZIPC_NOWAIT);
}

static void push_some(void)
{
	push(SOME, TIMEOUT_NS);
}

static void pop_one(void)
{
	pop(1, ZIPC_NOWAIT);
}

static void pop_some(void)
{
	pop(SOME, TIMEOUT_NS);
}

static void pop_all(void)
{
	pop(MANY, ZIPC_NOWAIT);
	pop(1, TIMEOUT_NS);
}

/* As a second process would, while the first goes on. */
static void second_writer(void)
{
	struct zipc_queue *first = tour.queue;
	uint64_t block = tour.block, block_end = tour.block_end;

	open_queue(tour.name);
	push(1, ZIPC_NOWAIT);
	push(2, ZIPC_NOWAIT);
	pop(1, ZIPC_NOWAIT);
	zipc_queue_close(tour.queue);
	tour.queue = first;
	tour.block = block;
	tour.block_end = block_end;
}

#define TAKE_ERRORS EAGAIN, ETIMEDOUT, EUSERS, EBADMSG, EPROTOTYPE

/* Take one, and perhaps end the lease; one that was held is closed with. */
static void take(int64_t timeout_ns,
		 int (*end)(struct zipc_queue *queue,
			    const struct zipc_lease *lease))
{
	struct zipc_lease lease;
	void *elem;

	if (!tour.queue)
		return;
	world_copy(tour.before);
	elem = buffer(1, zipc_queue_elem_size(tour.queue));
	if (!may(zipc_queue_take(tour.queue, elem, &lease, timeout_ns),
		 TAKE_ERRORS) && end)
		may(end(tour.queue, &lease), EINVAL);
	free(elem);
	check_others();
}

static void take_and_done(void)
{
	take(TIMEOUT_NS, zipc_queue_done);
	take(ZIPC_NOWAIT, zipc_queue_done);
}

static void take_and_return(void)
{
	take(ZIPC_NOWAIT, zipc_queue_return);
	take(TIMEOUT_NS, zipc_queue_return);
}

static void take_and_hold(void)
{
	take(ZIPC_NOWAIT, NULL);
	take(ZIPC_NOWAIT, NULL);
}

/* As a second process would, while the first holds some. */
static void second_taker(void)
{
	struct zipc_queue *first = tour.queue;
	uint64_t block = tour.block, block_end = tour.block_end;

	open_queue(tour.name);
	push(1, ZIPC_NOWAIT);
	take(ZIPC_NOWAIT, zipc_queue_return);
	take(ZIPC_NOWAIT, NULL);
	zipc_queue_close(tour.queue);
	tour.queue = first;
	tour.block = block;
	tour.block_end = block_end;
}

static void open_leased(void)
{
	open_queue("leased");
}

static void look_at_leases(void)
{
	struct zipc_view_lease lease;
	struct zipc_view_entry entry;
	struct zipc_view *view;
	unsigned i;

	if (may(zipc_view_open(&view, fuzz_segment_name()), EBADMSG,
		EPROTONOSUPPORT))
		return;
	if (!may(zipc_view_find(view, "leased", &entry), EBADMSG, ENOENT))
		for (i = 0; i <= 3; i++)
			may(zipc_view_lease(view, &entry, i, &lease), EBADMSG,
			    ENOENT, EOPNOTSUPP);
	zipc_view_close(view);
}

static void close_queue(void)
{
	zipc_queue_close(tour.queue);
	tour.queue = NULL;
}

/* pools */

#define POOL_ERRORS EAGAIN, ETIMEDOUT, EINVAL, EACCES, ENOENT, EBADMSG

static void use_pool(struct zipc_pool *pool)
{
	uint64_t index = 0, ticket = 0, i;

	check_place("first object", zipc_pool_at(pool, 0),
		    zipc_pool_elem_size(pool));
	i = zipc_pool_capacity(pool) - 1;
	check_place("last object", zipc_pool_at(pool, i),
		    zipc_pool_elem_size(pool));
	for (i = 0; i < SOME; i++) {
		may(zipc_pool_take(pool, &index, ZIPC_NOWAIT), POOL_ERRORS);
		may(zipc_pool_pass(pool, index, &ticket), POOL_ERRORS);
		may(zipc_pool_accept(pool, ticket + i % 2, &index),
		    POOL_ERRORS);
		may(zipc_pool_give(pool, index), POOL_ERRORS);
		may(zipc_pool_give(pool, i), POOL_ERRORS);
	}
	may(zipc_pool_take(pool, &index, TIMEOUT_NS), POOL_ERRORS);
	zipc_pool_size(pool);
	check_others();
}

/* Messages change the queue as well. */
static void send_and_receive(struct zipc_pool *pool, struct zipc_queue *queue)
{
	uint64_t index = 0, i;

	for (i = 0; i < SOME; i++) {
		may(zipc_pool_take(pool, &index, ZIPC_NOWAIT), POOL_ERRORS);
		may(zipc_pool_send(pool, queue, index, ZIPC_NOWAIT),
		    POOL_ERRORS, EPROTOTYPE, EUSERS);
	}
	for (i = 0; i < SOME; i++)
		may(zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT),
		    POOL_ERRORS, EPROTOTYPE);
}

static void use_pools(void)
{
	struct zipc_queue *queue;
	struct zipc_pool *pool;

	tour.name = "pool";
	if (!tour.segment)
		return;
	find_block();
	if (may(zipc_pool_open(&pool, tour.segment, "pool", NULL), EBADMSG,
		ENOENT, EPROTOTYPE))
		return;
	may(zipc_pool_reclaim(pool), EBADMSG);
	use_pool(pool);
	if (!may(zipc_queue_open(&queue, tour.segment, "queue", "u64"),
		 EBADMSG, ENOENT, EPROTOTYPE)) {
		send_and_receive(pool, queue);
		zipc_queue_close(queue);
	}
	may(zipc_pool_reclaim(pool), EBADMSG);
	may(zipc_pool_reclaim_passed(pool), EBADMSG);
	zipc_pool_close(pool);
}

/* stacks */

/* What lies under it is opened once more, by itself. */
static void check_turns(const char *name)
{
	struct zipc_turns turns;
	struct zipc_found found;

	if (may(zipc_table_find(&found, tour.segment, name, ZIPC_STACK, NULL),
		EBADMSG, ENOENT, EPROTOTYPE))
		return;
	if (!may(zipc_turns_open(&turns, tour.segment, &found, name),
		 EBADMSG)) {
		check_place("stack", turns.stack, sizeof(*turns.stack));
		check_place("cells", turns.cells,
			    (turns.capacity + 1) * sizeof(*turns.cells));
		if (!zipc_turns_fit(turns.elem_size)) {
			check_place("writers", turns.writers,
				    turns.writer_count *
					    sizeof(*turns.writers));
			check_place("slots", turns.slots,
				    turns.slot_count * turns.slot_bytes);
		}
		check_place("events", turns.readable, sizeof(*turns.readable));
	}
	zipc_table_release(&found);
}

/* maps */

/* The table is opened once more, by itself, as a handle shows nothing. */
static void check_table(void)
{
	struct zipc_hopscotch table;
	struct zipc_found found;

	if (may(zipc_table_find(&found, tour.segment, tour.name, ZIPC_MAP,
				NULL), EBADMSG, ENOENT, EPROTOTYPE))
		return;
	if (!may(zipc_hopscotch_open(&table, tour.segment, &found, 4, 8,
				     tour.name), EBADMSG)) {
		check_place("hop", table.hop, sizeof(*table.hop));
		check_place("records", table.records,
			    table.record_count * sizeof(*table.records));
		check_place("homes", table.homes,
			    table.cell_count * sizeof(*table.homes));
		check_place("cells", table.cells,
			    table.cell_count * table.cell_bytes);
	}
	zipc_table_release(&found);
}

static void open_stack(const char *name)
{
	tour.stack = NULL;
	tour.name = name;
	if (!tour.segment)
		return;
	find_block();
	check_turns(name);
	if (may(zipc_stack_open(&tour.stack, tour.segment, name, NULL),
		EBADMSG, ENOENT, EPROTOTYPE))
		tour.stack = NULL;
}

static void open_small(void)
{
	open_stack("stack");
}

static void open_wide(void)
{
	open_stack("wide");
}

static void use_stack(int64_t timeout_ns)
{
	void *elem;
	int i;

	if (!tour.stack)
		return;
	world_copy(tour.before);
	elem = buffer(1, zipc_stack_elem_size(tour.stack));
	for (i = 0; i < SOME; i++)
		may(zipc_stack_push(tour.stack, elem, timeout_ns),
		    PUSH_ERRORS);
	may(zipc_stack_peek(tour.stack, elem), EAGAIN, EBADMSG);
	for (i = 0; i <= SOME; i++)
		may(zipc_stack_pop(tour.stack, elem, timeout_ns), POP_ERRORS);
	zipc_stack_size(tour.stack);
	free(elem);
	check_others();
}

static void up_and_down(void)
{
	use_stack(ZIPC_NOWAIT);
}

static void up_and_down_waiting(void)
{
	use_stack(TIMEOUT_NS);
}

/* As a second process would: it takes the record of the dead. */
static void second_handle(void)
{
	struct zipc_stack *first = tour.stack;
	uint64_t block = tour.block, block_end = tour.block_end;

	open_stack(tour.name);
	use_stack(ZIPC_NOWAIT);
	zipc_stack_close(tour.stack);
	tour.stack = first;
	tour.block = block;
	tour.block_end = block_end;
}

static void close_stack(void)
{
	zipc_stack_close(tour.stack);
	tour.stack = NULL;
}

static void open_map(void)
{
	tour.map = NULL;
	tour.name = "map";
	if (!tour.segment)
		return;
	find_block();
	check_table();
	if (may(zipc_map_open(&tour.map, tour.segment, "map", "u32", "f64"),
		EBADMSG, ENOENT, EPROTOTYPE))
		tour.map = NULL;
}

#define CHANGE_ERRORS EUSERS, ENOENT, EEXIST, ENOSPC, EAGAIN

static void change_map(void)
{
	double value = 1.5, other;
	uint32_t key;

	if (!tour.map)
		return;
	world_copy(tour.before);
	for (key = 0; key < 3; key++) {
		may(zipc_map_put(tour.map, &key, &value), CHANGE_ERRORS);
		may(zipc_map_remove(tour.map, &key, &value), CHANGE_ERRORS);
		may(zipc_map_insert(tour.map, &key, &value), CHANGE_ERRORS);
		may(zipc_map_replace(tour.map, &key, &value), CHANGE_ERRORS);
		may(zipc_map_fetch_add(tour.map, &key, &value, &other),
		    CHANGE_ERRORS);
		may(zipc_map_cas(tour.map, &key, &other, &value),
		    CHANGE_ERRORS);
	}
	check_others();
}

static void ask_map(void)
{
	struct zipc_map_iterator *iterator;
	double value;
	uint32_t key;
	int i = 0;

	if (!tour.map)
		return;
	world_copy(tour.before);
	for (key = 0; key < SOME; key++)
		may(zipc_map_get(tour.map, &key, &value), ENOENT);
	zipc_map_size(tour.map);
	if (!may(zipc_map_iterator_open(&iterator, tour.map), ENOMEM)) {
		while (may(zipc_map_next(iterator, &key, &value), ENOENT) > 0)
			require(++i <= 64 * 8192, "a walk without end");
		zipc_map_iterator_close(iterator);
	}
	check_others();
}

static void second_writer_of_it(void)
{
	struct zipc_map *map = tour.map;

	if (!map)
		return;
	open_map();
	change_map();
	zipc_map_close(tour.map);
	tour.map = map;
}

static void close_map(void)
{
	zipc_map_close(tour.map);
	tour.map = NULL;
}

/* what is waited for */

#define OPEN_ERRORS EBADMSG, ENOENT, EPROTOTYPE
#define WAIT_ERRORS EAGAIN, ETIMEDOUT, EBADMSG
#define LOOKS_NS (3 * TIMEOUT_NS) /* in that time the dead are looked for */

static bool begin_use(const char *name)
{
	tour.name = name;
	if (tour.segment)
		find_block();
	return tour.segment;
}

static void use_semaphore(const char *name)
{
	struct zipc_semaphore *it;

	if (!begin_use(name) ||
	    may(zipc_semaphore_open(&it, tour.segment, name), OPEN_ERRORS))
		return;
	may(zipc_semaphore_acquire(it, ZIPC_NOWAIT), WAIT_ERRORS);
	may(zipc_semaphore_acquire(it, ZIPC_NOWAIT), WAIT_ERRORS);
	may(zipc_semaphore_acquire(it, LOOKS_NS), WAIT_ERRORS);
	require(zipc_semaphore_value(it) <= zipc_semaphore_max(it),
		"more are free than there are");
	may(zipc_semaphore_release(it, 1), EINVAL, EBADMSG);
	may(zipc_semaphore_release(it, 2), EINVAL, EBADMSG);
	zipc_semaphore_close(it);
	check_others();
}

static void semaphores(void)
{
	use_semaphore("plain");
	use_semaphore("owned");
}

#define TRANSFER_ERRORS WAIT_ERRORS, EPIPE, EUSERS

static void use_channel(const char *name)
{
	struct zipc_channel *it;
	uint64_t in = 7, out;
	struct zipc_case cases[2];

	if (!begin_use(name) ||
	    may(zipc_channel_open(&it, tour.segment, name, "u64"), OPEN_ERRORS))
		return;
	may(zipc_channel_recv(it, &out, ZIPC_NOWAIT), TRANSFER_ERRORS);
	may(zipc_channel_send(it, &in, 1000), TRANSFER_ERRORS);
	cases[0] = (struct zipc_case){ ZIPC_RECV, it, &out, 0 };
	cases[1] = (struct zipc_case){ ZIPC_SEND, it, &in, 0 };
	may(zipc_select(cases, 2, 1000), TRANSFER_ERRORS);
	may(zipc_select(cases, 1, 1000), TRANSFER_ERRORS);
	zipc_channel_size(it);
	may(zipc_channel_close(it), EBADMSG);
	may(zipc_channel_recv(it, &out, TIMEOUT_NS), TRANSFER_ERRORS);
	zipc_channel_release(it);
	check_others();
}

static void channels(void)
{
	use_channel("buffer");
	use_channel("meeting");
}

static void latches(void)
{
	struct zipc_latch *it;

	if (!begin_use("latch") ||
	    may(zipc_latch_open(&it, tour.segment, "latch"), OPEN_ERRORS))
		return;
	may(zipc_latch_wait(it, TIMEOUT_NS), WAIT_ERRORS);
	may(zipc_latch_count_down(it, 1), EBADMSG);
	require(zipc_latch_value(it) <= zipc_latch_count(it), "it has grown");
	may(zipc_latch_count_down(it, 9), EBADMSG);
	may(zipc_latch_wait(it, TIMEOUT_NS), WAIT_ERRORS);
	zipc_latch_close(it);
	check_others();
}

static void events(void)
{
	struct zipc_event *it;

	if (!begin_use("event") ||
	    may(zipc_event_open(&it, tour.segment, "event"), OPEN_ERRORS))
		return;
	may(zipc_event_wait(it, TIMEOUT_NS), WAIT_ERRORS);
	may(zipc_event_set(it), EBADMSG);
	may(zipc_event_wait(it, TIMEOUT_NS), WAIT_ERRORS);
	may(zipc_event_set(it), EBADMSG);
	may(zipc_event_reset(it), EBADMSG);
	require(zipc_event_is_set(it) <= 1, "it is set twice");
	zipc_event_close(it);
	check_others();
}

/* Two parties of this process: one is dead, and two places are left. */
static void barriers(void)
{
	struct zipc_barrier *a, *b;
	unsigned i;

	if (!begin_use("barrier") ||
	    may(zipc_barrier_open(&a, tour.segment, "barrier"), OPEN_ERRORS,
		EUSERS))
		return;
	if (may(zipc_barrier_open(&b, tour.segment, "barrier"), OPEN_ERRORS,
		EUSERS))
		b = NULL;
	may(zipc_barrier_wait(a, LOOKS_NS), WAIT_ERRORS, EOWNERDEAD);
	for (i = 0; i < 2 && b; i++) {
		may(zipc_barrier_wait(b, ZIPC_NOWAIT), WAIT_ERRORS,
		    EOWNERDEAD);
		may(zipc_barrier_wait(a, LOOKS_NS), WAIT_ERRORS, EOWNERDEAD);
		require(zipc_barrier_arrived(a) <= zipc_barrier_parties(a),
			"more have arrived than there are");
		zipc_barrier_rounds(b);
	}
	zipc_barrier_close(a);
	zipc_barrier_close(b);
	check_others();
}

/* creating */

#define CREATE_ERRORS EEXIST, ENOSPC, EBADMSG, EBUSY, ENOENT, EPROTOTYPE

static void create(void)
{
	struct zipc_queue_options options = { .max_writers = 2 };
	struct zipc_array *array;

	if (!tour.segment)
		return;
	tour.name = "new";
	if (!may(zipc_array_open_or_create(&array, tour.segment, "new",
					   "f32[2]", 3), CREATE_ERRORS)) {
		find_block();
		use_array(array);
		zipc_array_close(array);
	}
	tour.name = "newer";
	if (may(zipc_queue_create_with(&tour.queue, tour.segment, "newer", "u8",
				       2, &options), CREATE_ERRORS)) {
		tour.queue = NULL;
		return;
	}
	find_block();
	push(2, ZIPC_NOWAIT);
	pop(3, ZIPC_NOWAIT);
	close_queue();
}

/* One that is there, one in use, and one that may not be there. */
static void remove_some(void)
{
	static const char *const names[] = { "numbers", "stuck", "gone" };
	struct zipc_queue *queue = NULL;
	unsigned i;

	if (!tour.segment)
		return;
	tour.name = "stuck";
	if (may(zipc_queue_open(&queue, tour.segment, "stuck", NULL), EBADMSG,
		ENOENT, EPROTOTYPE))
		queue = NULL;
	for (i = 0; i < 3; i++) {
		tour.name = names[i];
		may(zipc_segment_remove(tour.segment, names[i]), EBADMSG,
		    ENOENT, EBUSY);
	}
	zipc_queue_close(queue);
}

static void create_again(void)
{
	struct zipc_array *array;

	if (!tour.segment)
		return;
	tour.name = "numbers";
	if (may(zipc_array_create(&array, tour.segment, "numbers", "u16", 9),
		CREATE_ERRORS))
		return;
	find_block();
	use_array(array);
	zipc_array_close(array);
}

static void use_arrays(void)
{
	if (tour.segment)
		arrays();
}

static void close_segment(void)
{
	zipc_segment_close(tour.segment);
	tour.segment = NULL;
}

static const struct stage stages[] = {
	{ "look", look },
	{ "read only", read_only },
	{ "open", open_segment },
	{ "arrays", use_arrays },
	{ "open a queue", open_sound },
	{ "push one", push_one },
	{ "pop one", pop_one },
	{ "push some", push_some },
	{ "pop some", pop_some },
	{ "a second writer", second_writer },
	{ "pop all", pop_all },
	{ "close the queue", close_queue },
	{ "open a stuck queue", open_stuck },
	{ "pop from it", pop_one },
	{ "push to it", push_one },
	{ "push some to it", push_some },
	{ "a second writer to it", second_writer },
	{ "pop some from it", pop_some },
	{ "push again", push_one },
	{ "pop all from it", pop_all },
	{ "close it", close_queue },
	{ "use a pool", use_pools },
	{ "open a map", open_map },
	{ "change it", change_map },
	{ "ask it", ask_map },
	{ "a second writer of it", second_writer_of_it },
	{ "ask it again", ask_map },
	{ "close the map", close_map },
	{ "create", create },
	{ "look again", look },
	{ "open a stack", open_small },
	{ "up and down", up_and_down },
	{ "with waits", up_and_down_waiting },
	{ "close the stack", close_stack },
	{ "open a wide stack", open_wide },
	{ "up and down in it", up_and_down },
	{ "a second handle on it", second_handle },
	{ "with waits in it", up_and_down_waiting },
	{ "close the wide stack", close_stack },
	{ "remove", remove_some },
	{ "create where it was", create_again },
	{ "look once more", look },
	{ "semaphores", semaphores },
	{ "latches", latches },
	{ "events", events },
	{ "barriers", barriers },
	{ "channels", channels },
	{ "close", close_segment },
	{ "open once more", open_segment },
	{ "open a queue with leases", open_leased },
	{ "take what was given back, and give it back", take_and_return },
	{ "take what is there", take_and_done },
	{ "push to take it", push_some },
	{ "take and hold", take_and_hold },
	{ "look at leases", look_at_leases },
	{ "a second taker", second_taker },
	{ "pop beside leases", pop_some },
	{ "close it with leases", close_queue },
	{ "open what had leases", open_leased },
	{ "take again", take_and_done },
	{ "close at the end", close_queue },
	{ "close the segment at the end", close_segment },
};
#define STAGES (sizeof(stages) / sizeof(stages[0]))

/* the sound segment */

static void must(int64_t rc)
{
	require(rc >= 0, "the sound segment: %s", zipc_last_error());
}

/* A writer that died with n positions claimed and none published. */
static void die_in_push(struct zipc_segment *segment, const char *name,
			uint64_t n)
{
	struct zipc_places ring;
	struct zipc_found found;
	uint64_t tail;

	must(zipc_table_find(&found, segment, name, ZIPC_QUEUE, NULL));
	must(zipc_places_open(&ring, segment, &found, name));
	must(zipc_places_become_writer(&ring));
	tail = atomic_load_explicit(&ring.ring->tail, memory_order_acquire);
	require(zipc_places_claim(ring.ring, ring.mine, &tail, n), "no claim");
	zipc_type_free(found.type);
}

static void fill_queue(struct zipc_segment *segment, const char *name,
		       const char *type, uint64_t capacity, unsigned writers,
		       uint64_t lost)
{
	struct zipc_queue_options options = { .max_writers = writers };
	unsigned char elem[64];
	struct zipc_queue *queue;
	unsigned i;

	must(zipc_queue_create_with(&queue, segment, name, type, capacity,
				    &options));
	memset(elem, 'e', sizeof(elem));
	for (i = 0; i < 6; i++) {
		must(zipc_queue_push(queue, elem, ZIPC_NOWAIT));
		must(zipc_queue_pop(queue, elem, ZIPC_NOWAIT));
	}
	if (lost)
		die_in_push(segment, name, lost);
	must(zipc_queue_push(queue, elem, ZIPC_NOWAIT));
	must(zipc_queue_push(queue, elem, ZIPC_NOWAIT));
	zipc_queue_close(queue);
}

/*
 * A pool of somebody who is dead: one object is its own, one it has passed, one
 * it was sending through the queue, and one it has sent.
 */
static void fill_pool(struct zipc_segment *segment)
{
	struct zipc_queue *queue;
	uint64_t index, turn;
	struct zipc_pool *pool;

	must(zipc_queue_open(&queue, segment, "queue", "u64"));
	must(zipc_pool_create(&pool, segment, "pool", "u8", 6));
	must(zipc_pool_take(pool, &index, ZIPC_NOWAIT));
	must(zipc_pool_take(pool, &index, ZIPC_NOWAIT));
	must(zipc_pool_pass(pool, index, &turn));
	must(zipc_pool_take(pool, &index, ZIPC_NOWAIT));
	must(zipc_pool_send(pool, queue, index, ZIPC_NOWAIT));
	must(zipc_pool_take(pool, &index, ZIPC_NOWAIT));
	pool->queues[index] = zipc_queue_offset(queue);
	must(zipc_pool_hand_on(pool, index,
			       zipc_pool_me(pool) | ZIPC_POOL_SENDING, &turn));
	zipc_pool_close(pool);
	zipc_queue_close(queue);
}

/* One is given back, and somebody dead lost the race for another. */
static void fill_leased(struct zipc_segment *segment)
{
	struct zipc_queue_options options = { 2, 3 };
	struct zipc_place_ring *ring;
	struct zipc_taker *taker;
	struct zipc_queue *queue;
	struct zipc_lease lease;
	struct zipc_found found;
	uint64_t elem = 7;
	unsigned i;

	must(zipc_queue_create_with(&queue, segment, "leased", "u64", 2,
				    &options));
	for (i = 0; i < 5; i++) {
		must(zipc_queue_push(queue, &elem, ZIPC_NOWAIT));
		must(zipc_queue_take(queue, &elem, &lease, ZIPC_NOWAIT));
		must(i < 4 ? zipc_queue_done(queue, &lease)
			   : zipc_queue_return(queue, &lease));
	}
	must(zipc_queue_push(queue, &elem, ZIPC_NOWAIT));
	zipc_queue_close(queue);
	must(zipc_table_find(&found, segment, "leased", ZIPC_QUEUE, NULL));
	ring = (void *)found.body;
	taker = (void *)(found.body + ring->takers_offset +
			 2 * ring->taker_bytes);
	atomic_store_explicit(&taker->holder, zipc_holder(3, 9),
			      memory_order_relaxed);
	atomic_store_explicit(&taker->lease, zipc_lease(4, ZIPC_TAKING),
			      memory_order_relaxed);
	zipc_table_release(&found);
}

/* Two inside, and one slot that was claimed by somebody dead. */
static void fill_stack(struct zipc_segment *segment, const char *name,
		       const char *type)
{
	struct zipc_stack_options options = { .max_writers = 2 };
	unsigned char elem[64];
	struct zipc_stack *stack;
	struct zipc_turns turns;
	struct zipc_found found;
	int i;

	must(zipc_stack_create_with(&stack, segment, name, type, 4, &options));
	memset(elem, 'e', sizeof(elem));
	for (i = 0; i < 3; i++)
		must(zipc_stack_push(stack, elem, ZIPC_NOWAIT));
	must(zipc_stack_pop(stack, elem, ZIPC_NOWAIT));
	zipc_stack_close(stack);
	must(zipc_table_find(&found, segment, name, ZIPC_STACK, NULL));
	must(zipc_turns_open(&turns, segment, &found, name));
	if (!zipc_turns_fit(turns.elem_size)) {
		must(zipc_turns_become_writer(&turns));
		must(zipc_turns_claim(&turns, 3));
	}
	zipc_table_release(&found);
}

/* With the claim of a writer that died. */
static void fill_map(struct zipc_segment *segment)
{
	static const struct zipc_map_options two = { .max_writers = 2 };
	struct zipc_hop_claim claim;
	struct zipc_map *map;
	double value = 0.5;
	uint32_t key;

	must(zipc_map_create_with(&map, segment, "map", "u32", "f64", 3, &two));
	for (key = 0; key < 3; key++)
		must(zipc_map_put(map, &key, &value));
	/* The table stands first in a map. */
	require(zipc_hopscotch_claim((void *)map, 1, &claim), "no claim");
	/* What a dead writer has it does not give back. */
	((struct zipc_hopscotch *)(void *)map)->generation = 0;
	zipc_map_close(map);
}

/* An entry that is unused, and one that was removed and keeps its block. */
static void remove_two(struct zipc_segment *segment)
{
	struct zipc_array *array, *held;

	must(zipc_array_create(&held, segment, "held", "u8", 8));
	must(zipc_array_create(&array, segment, "gone", "u8", 8));
	zipc_array_close(array);
	must(zipc_segment_remove(segment, "gone"));
	must(zipc_segment_remove(segment, "held"));
	zipc_array_close(held);
}

/* One with something in it, and one with an offer, of this very process. */
static void make_channels(struct zipc_segment *segment)
{
	static const struct zipc_channel_options two = { .max_senders = 2 };
	struct zipc_channel *channel;

	must(zipc_channel_create_with(&channel, segment, "buffer", "u64", 2,
				      &two));
	must(zipc_channel_send(channel, &(uint64_t){ 5 }, ZIPC_NOWAIT));
	zipc_channel_release(channel);
	must(zipc_channel_create_with(&channel, segment, "meeting", "u64", 0,
				      &two));
	must(zipc_channel_enter(channel, true));
	zipc_meet_offer(&channel->meet, &(uint64_t){ 6 }, 0);
	zipc_channel_release(channel);
}

/* A dead one holds a permit, and is a party that has arrived. */
static void make_waits(struct zipc_segment *segment)
{
	struct zipc_semaphore *semaphore;
	struct zipc_barrier_body *body;
	struct zipc_barrier *barrier;
	struct zipc_latch *latch;
	struct zipc_event *event;
	struct zipc_found found;

	must(zipc_semaphore_create(&semaphore, segment, "plain", 1, 3));
	zipc_semaphore_close(semaphore);
	must(zipc_semaphore_create_with(&semaphore, segment, "owned", 2, 2,
					ZIPC_OWNED));
	must(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT));
	zipc_semaphore_close(semaphore);
	must(zipc_latch_create(&latch, segment, "latch", 3));
	zipc_latch_close(latch);
	must(zipc_event_create(&event, segment, "event", ZIPC_AUTO_RESET));
	zipc_event_close(event);
	must(zipc_barrier_create(&barrier, segment, "barrier", 3));
	zipc_barrier_close(barrier);
	must(zipc_table_find(&found, segment, "barrier", ZIPC_BARRIER, NULL));
	body = (void *)found.body;
	atomic_store_explicit(&body->parties[0].holder, zipc_holder(3, 9),
			      memory_order_relaxed);
	atomic_store_explicit(&body->parties[0].state,
			      zipc_party_state(ZIPC_FIRST_ROUND,
					       ZIPC_PARTY_ARRIVED),
			      memory_order_relaxed);
	zipc_table_release(&found);
}

void fuzz_prepare(void)
{
	struct zipc_segment_options options = {
		.max_entries = ENTRIES, .max_participants = PARTICIPANTS
	};
	struct zipc_segment *segment;
	struct zipc_array *array;
	int32_t number;

	must(zipc_segment_create(&segment, fuzz_segment_name(), IMAGE_BYTES,
				 &options));
	must(zipc_array_create(&array, segment, "numbers", "i32", 10));
	for (number = 0; number < 10; number++)
		must(zipc_array_set(array, (uint64_t)number, &number));
	zipc_array_close(array);
	must(zipc_array_create(&array, segment, "records",
			       "{a:u8, b:f64, c:bytes:5}", 3));
	zipc_array_close(array);
	fill_queue(segment, "queue", "u64", 4, 3, 0);
	fill_queue(segment, "stuck", "{id:u32, what:bytes:9}", 4, 3, 2);
	fill_pool(segment);
	fill_leased(segment);
	fill_stack(segment, "stack", "u64");
	fill_stack(segment, "wide", "bytes:24");
	fill_map(segment);
	make_waits(segment);
	make_channels(segment);
	remove_two(segment);
	zipc_segment_close(segment);
	world_keep();
}

/* damages */

/* One that leaves a word as it might be, or nearly. */
static struct damage likely_damage(unsigned spot, unsigned stage)
{
	struct damage damage = { .stage = (uint8_t)stage,
				 .how = (uint8_t)spots[spot].how,
				 .spot = (uint16_t)spot };

	damage.value = (uint8_t)(roll(9) - 4) | roll(256) << 8 |
		       roll(roll(2) ? 256 : 4) << 16;
	return damage;
}

/* Some words of one ring at one moment, which may seem to belong together. */
static unsigned damage_ring(struct damage damages[DAMAGES_MOST])
{
	uint32_t ring = spots[roll(spot_count)].ring;
	unsigned stage = roll(STAGES), i, count = 0;

	for (i = 0; i < spot_count && count < DAMAGES_MOST; i++)
		if (ring && spots[i].ring == ring &&
		    spots[i].how != HOW_SPECIAL && roll(3) == 0)
			damages[count++] = likely_damage(i, stage);
	return count;
}

static unsigned of_a_ring(struct damage damages[DAMAGES_MOST], unsigned i)
{
	(void)i;
	return damage_ring(damages);
}

/* One field becomes another. */
static void change_damage(struct damage *damage)
{
	switch (roll(6)) {
	case 0:
		damage->stage = (uint8_t)roll(STAGES);
		break;
	case 1:
		damage->how = (uint8_t)roll(HOW_COUNT);
		break;
	case 2:
		damage->spot = (uint16_t)roll(spot_count + 8);
		break;
	case 3:
		damage->loads = roll(2) ? roll(64) : 0;
		break;
	case 4:
		damage->loads += roll(3) - 1;
		break;
	default:
		damage->value = roll(3) ? (unsigned)rand()
					: damage->value + roll(5) - 2;
	}
}

/* One damage more, or less, or others. */
static unsigned mutate(struct damage damages[DAMAGES_MOST], unsigned count)
{
	unsigned dice = roll(8);

	if (dice == 0)
		return damage_ring(damages);
	if (dice < 3 && count < DAMAGES_MOST) {
		damages[count] = (struct damage){
			.stage = (uint8_t)roll(STAGES),
			.how = roll(3) ? HOW_SPECIAL : HOW_FLIP,
			.spot = SPOT_LOADED,
			.loads = 1 + roll(roll(2) ? 8 : 64),
			.value = (unsigned)rand(),
		};
		return count + 1;
	}
	if (dice < 5 && count < DAMAGES_MOST) {
		damages[count] = likely_damage(roll(spot_count), roll(STAGES));
		if (roll(2))
			damages[count].loads = roll(32);
		return count + 1;
	}
	if (dice == 5 && count > 1) {
		count--;
		damages[roll(count + 1)] = damages[count];
	}
	for (dice = roll(3) + 1; count && dice; dice--)
		change_damage(&damages[roll(count)]);
	return count;
}

const struct target world_target = {
	stages, STAGES, .mixed = 8000u, .some = of_a_ring, .mutate = mutate,
	.is_sound = is_of_a_sound_one,
};
