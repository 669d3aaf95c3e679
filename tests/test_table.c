/* SPDX-License-Identifier: MIT */
/*
 * The table of structures: names, kinds and types, room, damage; creators that
 * race, stop or die, and look-ups beside them.
 */
#include "../libzeroipc/table.h"

#include <signal.h>
#include <time.h>

#include "children.h"
#include "harness.h"

#define MIB (UINT64_C(1) << 20)

/* What *out must still be after a failure. */
#define UNTOUCHED ((void *)0x1234)

#define ck_refused(call, want)                                               \
	do {                                                                 \
		struct zipc_array *out = UNTOUCHED;                          \
									     \
		ck_rc(call, want);                                           \
		ck_assert_ptr_eq(out, UNTOUCHED);                            \
		ck_assert_str_ne(zipc_last_error(), "");                     \
	} while (0)

static const char *segment_name;
static struct zipc_segment *segment;

static struct zipc_segment *made(uint64_t size, unsigned entries)
{
	struct zipc_segment_options options = { .max_entries = entries };

	segment_name = test_name("table");
	ck_rc(zipc_segment_create(&segment, segment_name, size, &options), 0);
	return segment;
}

static void gone(void)
{
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(segment_name), 0);
}

/* Make it, and close it again. */
static void add(const char *name, const char *type, uint64_t capacity)
{
	struct zipc_array *array;

	ck_rc(zipc_array_create(&array, segment, name, type, capacity), 0);
	zipc_array_close(array);
}

/* names */

static const char *const good_names[] = {
	"a", "0", "...", ".a", "a b", "-", "s", "\xc3\xa9t\xc3\xa9",
	"\xff", "1234567890123456789012345678901",
};

START_TEST(a_word_can_name_a_structure)
{
	struct zipc_array *array;

	made(MIB, 0);
	add(good_names[_i], "i32", 3);
	ck_rc(zipc_array_open(&array, segment, good_names[_i], "i32"), 0);
	zipc_array_close(array);
	ck_refused(zipc_array_open(&out, segment, "other", "i32"), -ENOENT);
	gone();
}
END_TEST

static const struct {
	const char *name;
	int rc;
} bad_names[] = {
	{ "", -EINVAL }, { ".", -EINVAL }, { "..", -EINVAL },
	{ "/", -EINVAL }, { "a/b", -EINVAL }, { "/a", -EINVAL },
	{ "a\n", -EINVAL }, { "\x7f", -EINVAL }, { "\t", -EINVAL },
	{ "12345678901234567890123456789012", -ENAMETOOLONG },
};

START_TEST(what_is_no_word_cannot_name_a_structure)
{
	const char *name = bad_names[_i].name;

	made(MIB, 0);
	ck_refused(zipc_array_create(&out, segment, name, "i32", 3),
		   bad_names[_i].rc);
	ck_refused(zipc_array_open(&out, segment, name, "i32"),
		   bad_names[_i].rc);
	ck_refused(zipc_array_open_or_create(&out, segment, name, "i32", 3),
		   bad_names[_i].rc);
	gone();
}
END_TEST

START_TEST(a_name_is_found_among_its_prefixes_and_twins)
{
	char name[ZIPC_NAME_MAX + 1] = "";
	struct zipc_array *array;
	unsigned i;

	made(MIB, 0);
	for (i = 0; i < ZIPC_NAME_MAX; i++) {
		name[i] = 'n';
		add(name, "i32", i + 1);
	}
	for (; i > 0; i--) {
		ck_rc(zipc_array_open(&array, segment, name, "i32"), 0);
		ck_assert_uint_eq(zipc_array_capacity(array), i);
		zipc_array_close(array);
		name[i - 1] = '\0';
	}
	ck_refused(zipc_array_open(&out, segment, "N", NULL), -ENOENT);
	gone();
}
END_TEST

/* what is there, and what is asked for */

START_TEST(what_exists_is_not_created_and_what_does_not_is_not_opened)
{
	made(MIB, 0);
	add("a", "i32", 3);
	ck_refused(zipc_array_create(&out, segment, "a", "i32", 3), -EEXIST);
	ck_message("`a`");
	ck_refused(zipc_array_open(&out, segment, "b", NULL), -ENOENT);
	ck_message("`b`");
	ck_message(segment_name + 1);
	gone();
}
END_TEST

START_TEST(another_kind_is_refused_by_name_of_both)
{
	struct zipc_queue *queue = UNTOUCHED;

	made(MIB, 0);
	add("a", "i32", 3);
	ck_rc(zipc_queue_open(&queue, segment, "a", "i32"), -EPROTOTYPE);
	ck_assert_ptr_eq(queue, UNTOUCHED);
	ck_message("of kind array");
	ck_message("not queue");
	ck_rc(zipc_queue_open(&queue, segment, "a", NULL), -EPROTOTYPE);
	ck_rc(zipc_queue_create(&queue, segment, "a", "i32", 3), -EEXIST);
	gone();
}
END_TEST

static const struct {
	const char *there, *asked, *words;
} differences[] = {
	{ "i32", "u32", "u32" },
	{ "i32", "i64", "i64" },
	{ "f32[3]", "f32[4]", "f32[4]" },
	{ "{ts:u64, temp:f32}", "{ts:u64, temp:f64}", "temp" },
	{ "{ts:u64, temp:f32}", "{ts:u64, heat:f32}", "heat" },
	{ "{a:i32, b:i32}", "{a:i32}", "b" },
	{ "{a:i32, b:i32}", "{b:i32, a:i32}", "a" },
};

START_TEST(another_type_is_refused_with_the_difference)
{
	struct zipc_array *array;

	made(MIB, 0);
	add("a", differences[_i].there, 3);
	ck_refused(zipc_array_open(&out, segment, "a", differences[_i].asked),
		   -EPROTOTYPE);
	ck_message(differences[_i].words);
	ck_message("`a`");
	ck_refused(zipc_array_open_or_create(&out, segment, "a",
					     differences[_i].asked, 3),
		   -EPROTOTYPE);
	ck_rc(zipc_array_open(&array, segment, "a", differences[_i].there), 0);
	zipc_array_close(array);
	gone();
}
END_TEST

START_TEST(no_type_accepts_what_is_there_and_spelling_does_not_matter)
{
	struct zipc_array *array;

	made(MIB, 0);
	add("a", "{ ts : u64 ,temp:f32 }", 3);
	ck_rc(zipc_array_open(&array, segment, "a", NULL), 0);
	ck_assert_str_eq(zipc_type_text(zipc_array_type(array)),
			 "{ts:u64, temp:f32}");
	ck_assert_uint_eq(zipc_array_elem_size(array), 16);
	zipc_array_close(array);
	ck_rc(zipc_array_open(&array, segment, "a", "{ts:u64,temp:f32}"), 0);
	zipc_array_close(array);
	ck_refused(zipc_array_open(&out, segment, "a", "{ts:u64,"), -EINVAL);
	ck_refused(zipc_array_create(&out, segment, "b", "word", 1), -EINVAL);
	gone();
}
END_TEST

START_TEST(open_or_create_refuses_another_capacity)
{
	struct zipc_array *array;

	made(MIB, 0);
	ck_rc(zipc_array_open_or_create(&array, segment, "a", "i32", 3), 0);
	zipc_array_close(array);
	ck_rc(zipc_array_open_or_create(&array, segment, "a", "i32", 3), 0);
	ck_assert_uint_eq(zipc_array_capacity(array), 3);
	zipc_array_close(array);
	ck_refused(zipc_array_open_or_create(&out, segment, "a", "i32", 4),
		   -EPROTOTYPE);
	ck_message("3, not 4");
	gone();
}
END_TEST

/* room */

START_TEST(a_full_table_says_so_and_keeps_what_it_has)
{
	struct zipc_array *array;
	char name[8];
	int i;

	made(MIB, 3);
	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		add(name, "i32", 3);
	}
	ck_refused(zipc_array_create(&out, segment, "more", "i32", 1),
		   -ENOSPC);
	ck_message("max_entries");
	ck_refused(zipc_array_create(&out, segment, "a1", "i32", 1), -EEXIST);
	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		ck_rc(zipc_array_open(&array, segment, name, "i32"), 0);
		zipc_array_close(array);
	}
	gone();
}
END_TEST

START_TEST(a_segment_can_be_filled_to_its_last_line_and_not_beyond)
{
	uint64_t left, block = sizeof(struct zipc_block) + ZIPC_LINE;
	uint8_t byte = 5;
	struct zipc_array *array;

	made(MIB, 0);
	left = MIB - zipc_users_end(256, 128) - 128 * 64 - block;
	ck_refused(zipc_array_create(&out, segment, "a", "u8", left + 1),
		   -ENOSPC);
	ck_message("create a larger one");
	ck_rc(zipc_array_create(&array, segment, "a", "u8", left), 0);
	ck_rc(zipc_array_set(array, left - 1, &byte), 0);
	zipc_array_close(array);
	ck_refused(zipc_array_create(&out, segment, "b", "u8", 1), -ENOSPC);
	gone();
}
END_TEST

START_TEST(no_capacity_overflows)
{
	static const struct {
		const char *type;
		uint64_t capacity;
		int rc;
	} sizes[] = {
		{ "u8", 0, -EINVAL },
		{ "u8", UINT64_MAX, -ENOSPC },
		{ "u16", UINT64_C(1) << 63, -ENOSPC },
		{ "u64", UINT64_C(1) << 61, -ENOSPC },
		{ "u64", (UINT64_C(1) << 61) + 1, -ENOSPC },
		{ "bytes:24", UINT64_MAX / 24 + 1, -ENOSPC },
		{ "u8", UINT64_MAX - 63, -ENOSPC },
		{ "u8", ZIPC_MOST_BYTES, -ENOSPC },
		{ "u8", UINT32_MAX, -ENOSPC },
	};
	size_t i;

	made(MIB, 0);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		ck_refused(zipc_array_create(&out, segment, "a", sizes[i].type,
					     sizes[i].capacity), sizes[i].rc);
	add("a", "u8", 1);
	gone();
}
END_TEST

/* damage */

#define B(field) offsetof(struct zipc_block, field)
#define E(field) offsetof(struct zipc_entry, field)

enum { ENTRY, BLOCK };

/* A field of the middle one of three arrays, made bad. */
static const struct {
	int where;
	const char *field;
	uint64_t offset, value;
	unsigned size;
	int rc;
} damages[] = {
	{ ENTRY, "offset", E(extent), 0, 4, -EBADMSG },
	{ ENTRY, "offset", E(extent), 1, 4, -EBADMSG },
	{ ENTRY, "offset", E(extent), 16383, 4, -EBADMSG },
	{ ENTRY, "offset", E(extent), 16384, 4, -EBADMSG },
	{ ENTRY, "offset", E(extent), UINT32_MAX, 4, -EBADMSG },
	{ ENTRY, "size", E(extent) + 4, 0, 4, -EBADMSG },
	{ ENTRY, "size", E(extent) + 4, 1, 4, -EBADMSG },
	{ ENTRY, "size", E(extent) + 4, 2, 4, -EBADMSG },
	{ ENTRY, "size", E(extent) + 4, 16384, 4, -EBADMSG },
	{ ENTRY, "size", E(extent) + 4, UINT32_MAX, 4, -EBADMSG },
	{ ENTRY, "name", E(name), 0, 8, -ENOENT },
	{ ENTRY, "name", E(name), UINT64_MAX, 8, -ENOENT },
	{ BLOCK, "kind", B(kind), 0, 4, -EPROTOTYPE },
	{ BLOCK, "kind", B(kind), 2, 4, -EPROTOTYPE },
	{ BLOCK, "kind", B(kind), UINT32_MAX, 4, -EPROTOTYPE },
	{ BLOCK, "elem_size", B(elem_size), 0, 8, -EBADMSG },
	{ BLOCK, "elem_size", B(elem_size), 3, 8, -EBADMSG },
	{ BLOCK, "elem_size", B(elem_size), UINT64_MAX, 8, -EBADMSG },
	{ BLOCK, "capacity", B(capacity), 0, 8, -EBADMSG },
	{ BLOCK, "capacity", B(capacity), 17, 8, -EBADMSG },
	{ BLOCK, "capacity", B(capacity), UINT64_C(1) << 62, 8, -EBADMSG },
	{ BLOCK, "capacity", B(capacity), UINT64_MAX, 8, -EBADMSG },
	{ BLOCK, "name_check", B(name_check), 0, 4, -EBADMSG },
	{ BLOCK, "type_offset", B(type_offset), 0, 4, -EBADMSG },
	{ BLOCK, "type_offset", B(type_offset), 127, 4, -EBADMSG },
	{ BLOCK, "type_offset", B(type_offset), 8192, 4, -EBADMSG },
	{ BLOCK, "type_offset", B(type_offset), UINT32_MAX, 4, -EBADMSG },
	{ BLOCK, "type_length", B(type_length), 0, 4, -EBADMSG },
	{ BLOCK, "type_length", B(type_length), 1023, 4, -EBADMSG },
	{ BLOCK, "type_length", B(type_length), 1024, 4, -EBADMSG },
	{ BLOCK, "type_length", B(type_length), UINT32_MAX, 4, -EBADMSG },
	{ BLOCK, "body_offset", B(body_offset), 0, 8, -EBADMSG },
	{ BLOCK, "body_offset", B(body_offset), 64, 8, -EBADMSG },
	{ BLOCK, "body_offset", B(body_offset), 193, 8, -EBADMSG },
	{ BLOCK, "body_offset", B(body_offset), 256, 8, -EBADMSG },
	{ BLOCK, "body_offset", B(body_offset), UINT64_MAX - 63, 8, -EBADMSG },
	{ BLOCK, "body_bytes", B(body_bytes), 0, 8, -EBADMSG },
	{ BLOCK, "body_bytes", B(body_bytes), 63, 8, -EBADMSG },
	{ BLOCK, "body_bytes", B(body_bytes), 65, 8, -EBADMSG },
	{ BLOCK, "body_bytes", B(body_bytes), UINT64_MAX, 8, -EBADMSG },
};

static uint64_t place_of(const struct zipc_entry *entry)
{
	return (atomic_load(&entry->extent) & UINT32_MAX) * ZIPC_LINE;
}

static void damage(int i)
{
	struct zipc_entry *entry =
		(void *)(segment->base + sizeof(struct zipc_header));
	unsigned char *at = damages[i].where == ENTRY
		? (unsigned char *)&entry[1]
		: segment->base + place_of(&entry[1]);

	memcpy(at + damages[i].offset, &damages[i].value, damages[i].size);
}

START_TEST(a_damaged_structure_is_refused_and_its_neighbours_are_not)
{
	struct zipc_array *array, *neighbour;

	made(MIB, 0);
	add("a", "i32", 16);
	add("b", "i32", 16);
	add("c", "i32", 16);
	ck_rc(zipc_array_open(&array, segment, "b", "i32"), 0);
	zipc_array_close(array);
	damage(_i);
	ck_refused(zipc_array_open(&out, segment, "b", "i32"), damages[_i].rc);
	ck_refused(zipc_array_open(&out, segment, "b", NULL), damages[_i].rc);
	ck_rc(zipc_array_open(&neighbour, segment, "a", "i32"), 0);
	zipc_array_close(neighbour);
	ck_rc(zipc_array_open(&neighbour, segment, "c", "i32"), 0);
	zipc_array_close(neighbour);
	add("d", "i32", 16);
	gone();
}
END_TEST

START_TEST(no_block_stands_among_the_participants)
{
	struct zipc_entry *entry;
	unsigned char *place;

	made(MIB, 0);
	add("a", "i32", 3);
	entry = (void *)(segment->base + sizeof(struct zipc_header));
	place = (unsigned char *)&segment->participants[100];
	memcpy(place, segment->base + place_of(entry), 256);
	atomic_store(&entry->extent,
		     zipc_extent_word((uint64_t)(place - segment->base), 256));
	ck_refused(zipc_array_open(&out, segment, "a", NULL), -EBADMSG);
	gone();
}
END_TEST

static const uint64_t damaged_states[] = {
	257,                                   /* more entries than there are */
	UINT32_MAX,
	UINT64_MAX,
	UINT64_C(0),                           /* free: the header */
	UINT64_C(1) << 32 | 1,                 /* the table */
	(uint64_t)(1 + 256 * 64 / 64 + 127) << 32, /* a participant */
	UINT64_C(16385) << 32,                 /* beyond the end */
	UINT64_C(0xFFFFFFFF) << 32,
};

START_TEST(a_damaged_table_is_neither_searched_nor_written)
{
	struct zipc_header *header;
	unsigned char *before = malloc(MIB);

	made(MIB, 0);
	header = zipc_segment_header(segment);
	atomic_store(&header->table_state, damaged_states[_i]);
	memcpy(before, segment->base, MIB);
	ck_refused(zipc_array_open(&out, segment, "a", NULL), -EBADMSG);
	ck_refused(zipc_array_create(&out, segment, "a", "i32", 9), -EBADMSG);
	ck_refused(zipc_array_open_or_create(&out, segment, "a", "i32", 9),
		   -EBADMSG);
	ck_assert_mem_eq(before, segment->base, MIB);
	free(before);
	gone();
}
END_TEST

/* creators at once */

#define CREATORS 8
#define EACH 20

/* Each makes its own, all of another length, and fills them with its mark. */
static void create_many(void *context)
{
	_Atomic unsigned *turn = context;
	unsigned me, i;
	char name[16];
	struct zipc_array *array;

	ck_rc(zipc_segment_open(&segment, segment_name, 0), 0);
	me = atomic_fetch_add(turn, 1);
	tell_parent();
	while (atomic_load(turn) < CREATORS)
		sched_yield();
	for (i = 0; i < EACH; i++) {
		snprintf(name, sizeof(name), "a%u-%u", me, i);
		ck_rc(zipc_array_create(&array, segment, name, "u8",
					1 + 1000 * me + i), 0);
		memset(zipc_array_data(array), (int)(me * EACH + i + 1),
		       1 + 1000 * me + i);
		zipc_array_close(array);
	}
	zipc_segment_close(segment);
}

static void check_all_are_there(void)
{
	unsigned me, i, b;
	char name[16];
	struct zipc_array *array;
	unsigned char *data;

	for (me = 0; me < CREATORS; me++)
		for (i = 0; i < EACH; i++) {
			snprintf(name, sizeof(name), "a%u-%u", me, i);
			ck_rc(zipc_array_open(&array, segment, name, "u8"), 0);
			ck_assert_uint_eq(zipc_array_capacity(array),
					  1 + 1000 * me + i);
			data = zipc_array_data(array);
			for (b = 0; b < 1 + 1000 * me + i; b++)
				ck_assert_uint_eq(data[b], me * EACH + i + 1);
			zipc_array_close(array);
		}
}

/* In the order of the table each block begins where the one before ends. */
static void check_no_blocks_overlap(void)
{
	struct zipc_view *view;
	struct zipc_view_entry entry;
	uint64_t end = zipc_users_end(256, 128) + 128 * 64;
	unsigned i;

	ck_rc(zipc_view_open(&view, segment_name), 0);
	for (i = 0; i < CREATORS * EACH; i++) {
		ck_rc(zipc_view_entry(view, i, &entry), 0);
		ck_assert_uint_eq(entry.offset_bytes, end);
		end += entry.size_bytes;
	}
	ck_assert_uint_le(end, 4 * MIB);
	ck_rc(zipc_view_entry(view, i, &entry), -ENOENT);
	zipc_view_close(view);
}

START_TEST(creators_of_different_names_at_once_share_no_byte)
{
	_Atomic unsigned *turn = shared_memory(sizeof(*turn));
	struct child children[CREATORS];
	unsigned i;

	made(4 * MIB, 0);
	for (i = 0; i < CREATORS; i++)
		children[i] = child_start(create_many, (void *)turn);
	for (i = 0; i < CREATORS; i++)
		child_end(&children[i]);
	check_all_are_there();
	check_no_blocks_overlap();
	gone();
}
END_TEST

struct same {
	_Atomic unsigned ready, created, existed;
};

static void create_the_same(void *context)
{
	struct same *same = context;
	struct zipc_array *array;
	char name[16];
	unsigned i;
	int rc;

	ck_rc(zipc_segment_open(&segment, segment_name, 0), 0);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		atomic_fetch_add(&same->ready, 1);
		while (atomic_load(&same->ready) < CREATORS * (i + 1))
			sched_yield();
		rc = zipc_array_create(&array, segment, name, "u8", 9);
		if (rc == 0) {
			atomic_fetch_add(&same->created, 1);
		} else {
			ck_rc(rc, -EEXIST);
			atomic_fetch_add(&same->existed, 1);
			ck_rc(zipc_array_open(&array, segment, name, "u8"), 0);
		}
		zipc_array_close(array);
		snprintf(name, sizeof(name), "b%u", i);
		ck_rc(zipc_array_open_or_create(&array, segment, name, "u8", 9),
		      0);
		zipc_array_close(array);
	}
	zipc_segment_close(segment);
}

START_TEST(of_creators_of_one_name_at_once_one_creates)
{
	struct same *same = shared_memory(sizeof(*same));
	struct child children[CREATORS];
	unsigned i;

	made(4 * MIB, 200);
	for (i = 0; i < CREATORS; i++)
		children[i] = child_start(create_the_same, same);
	for (i = 0; i < CREATORS; i++)
		child_end(&children[i]);
	ck_assert_uint_eq(atomic_load(&same->created), 100);
	ck_assert_uint_eq(atomic_load(&same->existed), 700);
	ck_assert_uint_eq((uint32_t)atomic_load(
		&zipc_segment_header(segment)->table_state), 200);
	gone();
}
END_TEST

#define LOOK_UPS 2000

/* Names come in order; each is whole as soon as it can be seen. */
static void look_up_until_the_last(void *context)
{
	struct zipc_array *array;
	char name[16];
	unsigned i = 0;
	uint32_t value;
	int rc;

	(void)context;
	ck_rc(zipc_segment_open(&segment, segment_name, ZIPC_READ_ONLY), 0);
	ck_refused(zipc_array_open(&out, segment, "a0", NULL), -ENOENT);
	tell_parent();
	while (i < LOOK_UPS) {
		snprintf(name, sizeof(name), "a%u", i);
		rc = zipc_array_open(&array, segment, name,
				     i % 2 ? "u32" : "{a:u32}");
		if (rc == -ENOENT)
			continue;
		ck_rc(rc, 0);
		ck_assert_uint_eq(zipc_array_capacity(array), i + 1);
		ck_rc(zipc_array_get(array, i, &value), 0);
		ck_assert_uint_eq(value, 0);
		zipc_array_close(array);
		i++;
	}
	zipc_segment_close(segment);
}

START_TEST(what_can_be_found_is_whole)
{
	struct child children[2];
	char name[16];
	unsigned i;

	made(16 * MIB, LOOK_UPS);
	memset(segment->base + MIB, 0xEE, 15 * MIB);
	for (i = 0; i < 2; i++) {
		children[i] = child_start(look_up_until_the_last, NULL);
		child_hear(&children[i]);
	}
	for (i = 0; i < LOOK_UPS; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		add(name, i % 2 ? "u32" : "{a:u32}", i + 1);
	}
	child_end(&children[0]);
	child_end(&children[1]);
	gone();
}
END_TEST

/* a creator that stops or dies */

static void hold_the_lock(void *context)
{
	(void)context;
	ck_rc(zipc_segment_open(&segment, segment_name, 0), 0);
	ck_rc(zipc_segment_lock(segment), 0);
	raise(SIGSTOP);
	zipc_segment_unlock(segment);
	await_parent();
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

START_TEST(a_stopped_creator_holds_up_creators_for_a_second_and_is_named)
{
	struct zipc_array *array;
	struct child child;
	char pid[16];
	int64_t began;

	made(MIB, 0);
	add("a", "i32", 3);
	child = child_start(hold_the_lock, NULL);
	child_stops(&child);
	began = now_ns();
	ck_refused(zipc_array_create(&out, segment, "b", "i32", 3), -EBUSY);
	ck_assert_int_ge(now_ns() - began, 900000000);
	snprintf(pid, sizeof(pid), "process %d ", (int)child.pid);
	ck_message(pid);
	ck_rc(zipc_array_open(&array, segment, "a", "i32"), 0);
	zipc_array_close(array);
	ck_rc(zipc_array_open_or_create(&array, segment, "a", "i32", 3), 0);
	zipc_array_close(array);
	ck_refused(zipc_array_open(&out, segment, "b", "i32"), -ENOENT);
	child_continue(&child);
	add("b", "i32", 3);
	child_end(&child);
	gone();
}
END_TEST

START_TEST(a_killed_creator_holds_up_nobody)
{
	struct child child;

	made(MIB, 0);
	child = child_start(hold_the_lock, NULL);
	child_stops(&child);
	child_kill(&child);
	add("a", "i32", 3);
	gone();
}
END_TEST

/* Dies with block and entry written, one store before the commit. */
static void die_before_the_commit(void *context)
{
	struct zipc_entry entry = { .name = "ghost" };
	uint64_t next;

	(void)context;
	ck_rc(zipc_segment_open(&segment, segment_name, 0), 0);
	ck_rc(zipc_segment_lock(segment), 0);
	next = (atomic_load(&zipc_segment_header(segment)->table_state) >> 32) *
	       ZIPC_LINE;
	ck_rc(zipc_segment_reserve(segment, next, 64000, MIB), 0);
	memset(segment->base + next, 0xEE, 64000);
	atomic_init(&entry.extent, zipc_extent_word(next, 64000));
	memcpy(segment->base + sizeof(struct zipc_header) + sizeof(entry),
	       &entry, sizeof(entry));
	tell_parent();
	await_parent();
}

START_TEST(what_was_not_committed_is_not_there_and_leaves_no_byte)
{
	struct zipc_array *array;
	struct child child;
	uint8_t *bytes;
	unsigned i;

	made(MIB, 0);
	add("a", "i32", 3);
	child = child_start(die_before_the_commit, NULL);
	child_hear(&child);
	child_kill(&child);
	ck_refused(zipc_array_open(&out, segment, "ghost", NULL), -ENOENT);
	ck_rc(zipc_array_create(&array, segment, "ghost", "u8", 100000), 0);
	bytes = zipc_array_data(array);
	for (i = 0; i < 100000; i++)
		ck_assert_uint_eq(bytes[i], 0);
	zipc_array_close(array);
	gone();
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static void add_process_cases(Suite *suite)
{
	TCase *tc = test_case(suite, "processes", "medium", 300);

	tcase_add_test(tc, creators_of_different_names_at_once_share_no_byte);
	tcase_add_test(tc, of_creators_of_one_name_at_once_one_creates);
	tcase_add_test(tc, what_can_be_found_is_whole);
	tcase_add_test(
		tc,
		a_stopped_creator_holds_up_creators_for_a_second_and_is_named);
	tcase_add_test(tc, a_killed_creator_holds_up_nobody);
	tcase_add_test(tc,
		       what_was_not_committed_is_not_there_and_leaves_no_byte);
}

static Suite *table_suite(void)
{
	Suite *suite = suite_create("table");
	TCase *tc = test_case(suite, "table", "fast", 60);

	tcase_add_loop_test(tc, a_word_can_name_a_structure, 0,
			    COUNT(good_names));
	tcase_add_loop_test(tc, what_is_no_word_cannot_name_a_structure, 0,
			    COUNT(bad_names));
	tcase_add_test(tc, a_name_is_found_among_its_prefixes_and_twins);
	tcase_add_test(
		tc, what_exists_is_not_created_and_what_does_not_is_not_opened);
	tcase_add_test(tc, another_kind_is_refused_by_name_of_both);
	tcase_add_loop_test(tc, another_type_is_refused_with_the_difference, 0,
			    COUNT(differences));
	tcase_add_test(
		tc, no_type_accepts_what_is_there_and_spelling_does_not_matter);
	tcase_add_test(tc, open_or_create_refuses_another_capacity);
	tcase_add_test(tc, a_full_table_says_so_and_keeps_what_it_has);
	tcase_add_test(tc,
		       a_segment_can_be_filled_to_its_last_line_and_not_beyond);
	tcase_add_test(tc, no_capacity_overflows);
	tcase_add_loop_test(
		tc, a_damaged_structure_is_refused_and_its_neighbours_are_not,
		0, COUNT(damages));
	tcase_add_test(tc, no_block_stands_among_the_participants);
	tcase_add_loop_test(tc, a_damaged_table_is_neither_searched_nor_written,
			    0, COUNT(damaged_states));
	add_process_cases(suite);
	return suite;
}

TEST_MAIN(table_suite)
