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

#include "../../libzeroipc/entry.h"
#include "../../libzeroipc/place_fast.h"
#include "../../libzeroipc/segment.h"

#include <errno.h>
#include <zeroipc.h>

#define TIMEOUT_NS INT64_C(20000000)
#define SOME 5
#define MANY 40

static struct {
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	const char *name; /* of the structure in use */
	unsigned char before[IMAGE_BYTES];
	uint64_t block, block_end; /* of it; equal: not known */
	uint64_t users, users_end; /* where bits are raised, too */
} tour;

/* What the tour meets when nothing is damaged. */
static bool is_of_a_sound_one(int64_t rc)
{
	return rc == -EAGAIN || rc == -ETIMEDOUT || rc == -ENOENT ||
	       rc == -EINVAL || rc == -EPROTOTYPE || rc == -EROFS;
}

/* rc must be at least 0, or one of the errors in the list, which ends in 0. */
static int64_t check(const char *call, int64_t rc, const int *errors)
{
	if (rc >= 0)
		return rc;
	require(world_damaged() || is_of_a_sound_one(rc),
		"%s on `%s`, which is sound: %s", call, tour.name,
		zipc_last_error());
	while (*errors && *errors != -rc)
		errors++;
	require(*errors, "%s on `%s` returned %s: %s", call, tour.name,
		zipc_error_name((int)rc), zipc_last_error());
	require(*zipc_last_error(), "%s fails without a message", call);
	return rc;
}

#define may(call, ...) check(#call, (call), (const int[]){ __VA_ARGS__, 0 })

/* blocks */

/* Where the block of the structure to be opened is, by the table. */
static void find_block(void)
{
	struct zipc_header header;
	struct zipc_entry entry;
	struct zipc_extent extent;
	uint32_t i;

	tour.block = tour.block_end = 0;
	world_copy(tour.before);
	memcpy(&header, tour.before, sizeof(header));
	tour.users = zipc_users_begin(header.max_entries);
	tour.users_end = zipc_users_end(header.max_entries,
					header.max_participants);
	if (tour.users_end > IMAGE_BYTES) /* it must not open */
		tour.users = tour.users_end = 0;
	for (i = 0; i < (IMAGE_BYTES - sizeof(header)) / sizeof(entry); i++) {
		memcpy(&entry, tour.before + sizeof(header) + i * sizeof(entry),
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

static void look_at_elements(struct zipc_view *view,
			     const struct zipc_view_entry *entry)
{
	struct zipc_type *type;
	char text[512];
	uint64_t ids[MANY];
	unsigned char *bytes;
	int64_t n, i;

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
	for (i = 0; i < 10; i++)
		if (!may(zipc_view_entry(view, i, &entry), EBADMSG, ENOENT))
			look_at_elements(view, &entry);
	if (!may(zipc_view_find(view, "queue", &entry), EBADMSG, ENOENT))
		look_at_elements(view, &entry);
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

static void close_queue(void)
{
	zipc_queue_close(tour.queue);
	tour.queue = NULL;
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

static const struct {
	const char *name;
	void (*run)(void);
} stages[] = {
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
	{ "create", create },
	{ "look again", look },
	{ "remove", remove_some },
	{ "create where it was", create_again },
	{ "look once more", look },
	{ "close", close_segment },
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

void fuzz_prepare(void)
{
	struct zipc_segment_options options = { .max_entries = 8,
						.max_participants = 4 };
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
	remove_two(segment);
	zipc_segment_close(segment);
	world_keep();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct damage damages[DAMAGES_MOST];
	unsigned count, i;

	count = size / sizeof(damages[0]) < DAMAGES_MOST
			? (unsigned)(size / sizeof(damages[0]))
			: DAMAGES_MOST;
	if (count)
		memcpy(damages, data, count * sizeof(damages[0]));
	for (i = 0; i < count; i++)
		damages[i].stage %= STAGES;
	world_begin(damages, count);
	for (i = 0; i < STAGES; i++) {
		world_stage(i, stages[i].name);
		stages[i].run();
	}
	return 0;
}

/* damages */

static unsigned roll(unsigned below)
{
	return (unsigned)rand() % below;
}

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

#define WAYS 45u
#define RINGS 8000u

/* Every word in many ways, one at a time; then some of a ring's together. */
size_t fuzz_generate(unsigned i, uint8_t *data, size_t room)
{
	static const uint8_t add[4] = { 1, 255, 64, 192 };
	struct damage damages[DAMAGES_MOST] = { { .how = HOW_SPECIAL } };
	unsigned way = i % WAYS, count = 1;

	(void)room;
	if (i >= WAYS * spot_count + RINGS)
		return SIZE_MAX;
	if (i >= WAYS * spot_count) {
		srand(i);
		count = damage_ring(damages);
	} else {
		damages[0].spot = (uint16_t)(i / WAYS);
		damages[0].value = way;
		if (way >= WAYS - 4) {
			damages[0].how = HOW_ADD;
			damages[0].value = add[WAYS - 1 - way];
		}
	}
	memcpy(data, damages, count * sizeof(damages[0]));
	return count * sizeof(damages[0]);
}

#ifdef LIBFUZZER
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

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
			       unsigned seed)
{
	struct damage damages[DAMAGES_MOST];
	unsigned count = (unsigned)(size / sizeof(damages[0]));

	srand(seed);
	if (roll(16) == 0 || most < sizeof(damages))
		return LLVMFuzzerMutate(data, size, most);
	if (count > DAMAGES_MOST)
		count = DAMAGES_MOST;
	memcpy(damages, data, count * sizeof(damages[0]));
	count = mutate(damages, count);
	memcpy(data, damages, count * sizeof(damages[0]));
	return count * sizeof(damages[0]);
}
#endif
