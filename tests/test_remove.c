/* SPDX-License-Identifier: MIT */
/*
 * Removing structures: the name goes at once, the space when nobody can use it
 * any more, whether they closed, died or forked; and both are used again.
 */
#include "../libzeroipc/table.h"

#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "children.h"
#include "harness.h"
#include "random_type.h"

#define MIB (UINT64_C(1) << 20)
#define BLOCK 192u /* header and type text, before an array's body */

static const char *segment_name;
static struct zipc_segment *segment;
static const struct zipc_segment_options few = { .max_entries = 16,
						 .max_participants = 8 };

/* What is left for blocks of a segment of that size and few entries. */
static uint64_t room_of(uint64_t size)
{
	return size - zipc_users_end(16, 8) - 8 * 64;
}

static void made(uint64_t size)
{
	segment_name = test_name("remove");
	ck_rc(zipc_segment_create(&segment, segment_name, size, &few), 0);
}

static void gone(void)
{
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(segment_name), 0);
}

static struct zipc_array *add(const char *name, uint64_t bytes)
{
	struct zipc_array *array;

	ck_rc(zipc_array_create(&array, segment, name, "u8", bytes), 0);
	return array;
}

static void add_closed(const char *name, uint64_t bytes)
{
	zipc_array_close(add(name, bytes));
}

static struct zipc_array *opened(const char *name)
{
	struct zipc_array *array;

	ck_rc(zipc_array_open(&array, segment, name, "u8"), 0);
	return array;
}

static void ck_absent(const char *name)
{
	struct zipc_array *array;

	ck_rc(zipc_array_open(&array, segment, name, NULL), -ENOENT);
}

static struct zipc_view_segment told(void)
{
	struct zipc_view_segment it;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, segment_name), 0);
	ck_rc(zipc_view_segment(view, &it), 0);
	zipc_view_close(view);
	return it;
}

static struct zipc_view_removed told_of_removed(void)
{
	struct zipc_view_removed it;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, segment_name), 0);
	ck_rc(zipc_view_removed(view, 0, &it), 0);
	zipc_view_close(view);
	return it;
}

/* All bytes can be had in one piece: nothing is held by anybody. */
static void ck_all_is_free(uint64_t size)
{
	uint64_t left = room_of(size) - BLOCK, i;
	struct zipc_array *array = add("all", left);
	unsigned char *bytes = zipc_array_data(array);

	for (i = 0; i < left; i++)
		ck_assert_msg(!bytes[i], "byte %llu is not zero",
			      (unsigned long long)i);
	zipc_array_close(array);
	ck_rc(zipc_segment_remove(segment, "all"), 0);
}

/* names */

START_TEST(what_is_removed_is_found_no_more)
{
	made(MIB);
	add_closed("a", 10);
	add_closed("b", 10);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_absent("a");
	zipc_array_close(opened("b"));
	ck_rc(zipc_segment_remove(segment, "a"), -ENOENT);
	ck_message("`a`");
	ck_rc(zipc_segment_remove(segment, "c"), -ENOENT);
	gone();
}
END_TEST

START_TEST(its_name_can_be_used_at_once_for_another_kind)
{
	struct zipc_array *old;
	struct zipc_queue *queue;
	uint8_t byte = 7;

	made(MIB);
	old = add("a", 10);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_rc(zipc_queue_create(&queue, segment, "a", "u32", 4), 0);
	ck_rc(zipc_array_set(old, 3, &byte), 0);
	ck_rc(zipc_array_get(old, 3, &byte), 0);
	ck_assert_uint_eq(byte, 7);
	ck_assert_uint_eq(zipc_queue_size(queue), 0);
	zipc_queue_close(queue);
	ck_rc(zipc_queue_open(&queue, segment, "a", "u32"), 0);
	zipc_queue_close(queue);
	zipc_array_close(old);
	gone();
}
END_TEST

START_TEST(a_bad_name_and_a_segment_for_reading_are_refused)
{
	struct zipc_segment *reader;

	made(MIB);
	add_closed("a", 10);
	ck_rc(zipc_segment_remove(segment, ""), -EINVAL);
	ck_rc(zipc_segment_remove(segment, "a/b"), -EINVAL);
	ck_rc(zipc_segment_remove(segment, "12345678901234567890123456789012"),
	      -ENAMETOOLONG);
	ck_rc(zipc_segment_open(&reader, segment_name, ZIPC_READ_ONLY), 0);
	ck_rc(zipc_segment_remove(reader, "a"), -EROFS);
	ck_message("ZIPC_READ_ONLY");
	zipc_segment_close(reader);
	zipc_array_close(opened("a"));
	gone();
}
END_TEST

static void hold_the_lock(void *context)
{
	(void)context;
	ck_rc(zipc_segment_open(&segment, segment_name, 0), 0);
	ck_rc(zipc_segment_lock(segment), 0);
	raise(SIGSTOP);
	zipc_segment_unlock(segment);
}

START_TEST(who_is_stopped_with_the_lock_is_named)
{
	struct child child;
	char words[64];

	made(MIB);
	add_closed("a", 10);
	child = child_start(hold_the_lock, NULL);
	child_stops(&child);
	ck_rc(zipc_segment_remove(segment, "a"), -EBUSY);
	snprintf(words, sizeof(words), "process %d ", (int)child.pid);
	ck_message(words);
	zipc_array_close(opened("a"));
	child_continue(&child);
	child_end(&child);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	gone();
}
END_TEST

/* space */

START_TEST(space_is_used_again_when_nobody_has_it_open)
{
	made(65536);
	ck_all_is_free(65536);
	add_closed("a", 20000);
	add_closed("b", 20000);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_rc(zipc_segment_remove(segment, "b"), 0);
	ck_all_is_free(65536);
	ck_assert_uint_eq(told().entries, 0);
	ck_assert_uint_eq(told().removed, 0);
	gone();
}
END_TEST

START_TEST(space_stays_as_long_as_a_handle_is_open)
{
	struct zipc_array *first, *second, *other;
	uint8_t byte;

	made(65536);
	first = add("a", 40000);
	second = opened("a");
	memset(zipc_array_data(first), 0x55, 40000);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_rc(zipc_array_create(&other, segment, "b", "u8", 40000), -ENOSPC);
	ck_message("they hold 40192");
	ck_assert_uint_eq(told().removed, 1);
	ck_assert_uint_eq(told().removed_bytes, 40192);
	zipc_array_close(first);
	ck_rc(zipc_array_create(&other, segment, "b", "u8", 40000), -ENOSPC);
	ck_rc(zipc_array_get(second, 39999, &byte), 0);
	ck_assert_uint_eq(byte, 0x55);
	zipc_array_close(second);
	other = add("b", 40000);
	ck_rc(zipc_array_get(other, 39999, &byte), 0);
	ck_assert_uint_eq(byte, 0);
	zipc_array_close(other);
	gone();
}
END_TEST

static bool is_between(struct zipc_array *a, struct zipc_array *b,
		       struct zipc_array *c)
{
	return zipc_array_data(a) < zipc_array_data(b) &&
	       zipc_array_data(b) < zipc_array_data(c);
}

START_TEST(a_gap_is_filled_and_its_neighbours_are_not_touched)
{
	struct zipc_array *a, *c, *gap;
	uint64_t sizes[] = { 6000, 5999, 64, 1, 3000 };
	unsigned i, k;

	made(65536);
	a = add("a", 6000);
	add_closed("b", 6000);
	c = add("c", 6000);
	memset(zipc_array_data(a), 0xAA, 6000);
	memset(zipc_array_data(c), 0xCC, 6000);
	ck_rc(zipc_segment_remove(segment, "b"), 0);
	for (i = 0; i < 5; i++) {
		gap = add("gap", sizes[i]);
		ck_assert(is_between(a, gap, c));
		for (k = 0; k < sizes[i]; k++)
			ck_assert_uint_eq(
				((uint8_t *)zipc_array_data(gap))[k], 0);
		memset(zipc_array_data(gap), 0xBB, sizes[i]);
		zipc_array_close(gap);
		ck_rc(zipc_segment_remove(segment, "gap"), 0);
	}
	gap = add("more", 6064); /* it is too large for the gap */
	ck_assert(is_between(a, c, gap));
	zipc_array_close(gap);
	for (k = 0; k < 6000; k++) {
		ck_assert_uint_eq(((uint8_t *)zipc_array_data(a))[k], 0xAA);
		ck_assert_uint_eq(((uint8_t *)zipc_array_data(c))[k], 0xCC);
	}
	zipc_array_close(a);
	zipc_array_close(c);
	gone();
}
END_TEST

static uint64_t resident(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(segment->fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

START_TEST(memory_goes_back_with_the_structure)
{
	uint64_t before;

	made(16 * MIB);
	before = resident();
	add_closed("a", 8 * MIB);
	ck_assert_uint_gt(resident(), 8 * MIB);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_assert_uint_le(resident(), before + 8192);
	gone();
}
END_TEST

START_TEST(entries_are_used_again)
{
	char name[16];
	unsigned i;

	made(MIB);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		add_closed(name, 10 + i);
		if (i >= 7) {
			snprintf(name, sizeof(name), "a%u", i - 7);
			ck_rc(zipc_segment_remove(segment, name), 0);
		}
	}
	ck_assert_uint_eq(told().entries, 7);
	for (i = 993; i < 1000; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		ck_rc(zipc_segment_remove(segment, name), 0);
	}
	ck_all_is_free(MIB);
	gone();
}
END_TEST

/* processes */

/* A process that has "a" open. */
static void have_it_open(void *context)
{
	struct zipc_array *array;

	(void)context;
	ck_rc(zipc_segment_open(&segment, segment_name, 0), 0);
	array = opened("a");
	tell_parent();
	await_parent();
	((uint8_t *)zipc_array_data(array))[0] = 1;
	zipc_array_close(array);
	zipc_segment_close(segment);
}

START_TEST(who_holds_it_is_told)
{
	struct zipc_view_removed it;
	struct child child;

	made(65536);
	add_closed("a", 40000);
	child = child_start(have_it_open, NULL);
	child_hear(&child);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	it = told_of_removed();
	ck_assert_str_eq(it.name, "a");
	ck_assert_uint_eq(it.size_bytes, 40192);
	ck_assert_uint_eq(it.user_count, 1);
	ck_assert_uint_eq(it.users[0], 2); /* it joined second */
	child_say(&child);
	child_end(&child);
	it = told_of_removed();
	ck_assert_uint_eq(it.user_count, 0);
	ck_all_is_free(65536);
	gone();
}
END_TEST

START_TEST(a_killed_user_holds_up_nobody)
{
	struct child child;

	made(65536);
	add_closed("a", 40000);
	child = child_start(have_it_open, NULL);
	child_hear(&child);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_assert_uint_eq(told().removed, 1);
	child_kill(&child);
	ck_all_is_free(65536);
	gone();
}
END_TEST

START_TEST(a_stopped_user_keeps_what_it_has)
{
	struct zipc_array *other;
	struct child child;

	made(65536);
	add_closed("a", 40000);
	child = child_start(have_it_open, NULL);
	child_hear(&child);
	child_stop(&child);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_rc(zipc_array_create(&other, segment, "a", "u8", 40000), -ENOSPC);
	add_closed("a", 400);
	child_continue(&child);
	child_say(&child);
	child_end(&child);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_all_is_free(65536);
	gone();
}
END_TEST

/* Its bit stays behind, and the next one's place is the same. */
START_TEST(bits_of_the_dead_go_with_their_place)
{
	struct zipc_segment *next;
	struct child child;

	made(65536);
	add_closed("a", 40000);
	child = child_start(have_it_open, NULL);
	child_hear(&child);
	child_kill(&child);
	ck_rc(zipc_segment_open(&next, segment_name, 0), 0);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_assert_uint_eq(told().removed, 0);
	ck_all_is_free(65536);
	zipc_segment_close(next);
	gone();
}
END_TEST

/* reading only */

START_TEST(who_only_reads_is_never_shown_another_structure)
{
	struct zipc_segment *reader;
	struct zipc_array *array;
	uint8_t byte = 9;

	made(65536);
	add_closed("a", 40000);
	ck_rc(zipc_segment_open(&reader, segment_name, ZIPC_READ_ONLY), 0);
	ck_rc(zipc_array_open(&array, reader, "a", "u8"), 0);
	ck_rc(zipc_array_get(array, 5, &byte), 0);
	ck_assert_uint_eq(byte, 0);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_rc(zipc_array_get(array, 5, &byte), -ENOENT);
	ck_message("was removed");
	add_closed("a", 40000); /* in the same place, of the same name */
	ck_rc(zipc_array_get(array, 5, &byte), -ENOENT);
	zipc_array_close(array);
	ck_rc(zipc_array_open(&array, reader, "a", "u8"), 0);
	ck_rc(zipc_array_get(array, 5, &byte), 0);
	zipc_array_close(array);
	zipc_segment_close(reader);
	gone();
}
END_TEST

START_TEST(a_view_shows_no_other_structure_under_the_name)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;
	uint8_t bytes[8];

	made(65536);
	add_closed("a", 100);
	add_closed("b", 100);
	add_closed("c", 100);
	ck_rc(zipc_view_open(&view, segment_name), 0);
	ck_rc(zipc_view_find(view, "a", &entry), 0);
	ck_rc(zipc_view_elements(view, &entry, 0, 8, bytes, NULL), 8);
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_rc(zipc_view_elements(view, &entry, 0, 8, bytes, NULL), -ENOENT);
	ck_rc(zipc_view_entry(view, 0, &entry), 0);
	ck_assert_str_eq(entry.name, "b");
	ck_rc(zipc_view_entry(view, 1, &entry), 0);
	ck_assert_str_eq(entry.name, "c");
	ck_rc(zipc_view_entry(view, 2, &entry), -ENOENT);
	ck_rc(zipc_view_find(view, "a", &entry), -ENOENT);
	add_closed("a", 100);
	ck_rc(zipc_view_find(view, "a", &entry), 0);
	ck_assert_uint_eq(entry.generation, 2);
	entry.generation = 1;
	ck_rc(zipc_view_elements(view, &entry, 0, 8, bytes, NULL), -ENOENT);
	zipc_view_close(view);
	gone();
}
END_TEST

/* fork */

/* A child that inherits an array and a queue; says, waits, then uses both. */
struct inherited {
	struct zipc_array *array;
	struct zipc_queue *queue;
	int want;
};

static void use_inherited(void *context)
{
	struct inherited *it = context;
	uint8_t byte = 3;

	tell_parent();
	await_parent();
	ck_rc(zipc_array_get(it->array, 1, &byte), it->want);
	ck_rc(zipc_array_set(it->array, 1, &byte), it->want);
	ck_rc(zipc_queue_push(it->queue, &byte, ZIPC_NOWAIT), it->want);
	if (it->want)
		ck_message("removed");
	ck_rc(zipc_queue_pop(it->queue, &byte, ZIPC_NOWAIT),
	      it->want ? it->want : 0);
	ck_assert_uint_eq(zipc_queue_size(it->queue), 0);
	zipc_array_close(it->array);
	zipc_queue_close(it->queue);
	tell_parent();
	await_parent();
}

static void inherit(struct inherited *it)
{
	made(65536);
	it->array = add("a", 1000);
	ck_rc(zipc_queue_create(&it->queue, segment, "q", "u8", 8), 0);
}

static void remove_both(void)
{
	ck_rc(zipc_segment_remove(segment, "a"), 0);
	ck_rc(zipc_segment_remove(segment, "q"), 0);
}

static void close_both(struct inherited *it)
{
	zipc_array_close(it->array);
	zipc_queue_close(it->queue);
}

START_TEST(a_forked_child_has_uses_of_its_own)
{
	struct inherited it = { .want = 0 };
	struct child child;

	inherit(&it);
	child = child_start(use_inherited, &it);
	child_hear(&child);
	child_say(&child);
	child_hear(&child);
	remove_both();
	ck_assert_uint_eq(told().removed, 2); /* by its parent */
	close_both(&it);
	ck_all_is_free(65536);
	child_say(&child);
	child_end(&child);
	gone();
}
END_TEST

START_TEST(what_was_removed_is_lost_to_a_forked_child)
{
	struct inherited it = { .want = -ENOENT };
	struct zipc_array *again;
	struct zipc_queue *queue;
	struct child child;
	unsigned i;

	inherit(&it);
	child = child_start(use_inherited, &it);
	child_hear(&child);
	remove_both();
	if (_i)
		close_both(&it); /* so the same places get others */
	again = add("a", 1000);
	ck_rc(zipc_queue_create(&queue, segment, "q", "u8", 8), 0);
	child_say(&child);
	child_hear(&child);
	for (i = 0; i < 1000; i++)
		ck_assert_uint_eq(((uint8_t *)zipc_array_data(again))[i], 0);
	ck_assert_uint_eq(zipc_queue_size(queue), 0);
	zipc_array_close(again);
	zipc_queue_close(queue);
	if (!_i)
		close_both(&it);
	remove_both();
	ck_all_is_free(65536);
	child_say(&child);
	child_end(&child);
	gone();
}
END_TEST

/* The parent is dead, and what it had was removed and its space given away. */
static void leave_a_child(void *context)
{
	struct inherited it = { .want = -ENOENT };
	struct child child;

	(void)context;
	ck_rc(zipc_segment_open(&segment, segment_name, 0), 0);
	it.array = opened("a");
	ck_rc(zipc_queue_open(&it.queue, segment, "q", "u8"), 0);
	child = child_start(use_inherited, &it);
	child_hear(&child);
	zipc_array_close(it.array);
	zipc_queue_close(it.queue);
	zipc_segment_close(segment);
	tell_parent();
	await_parent();
	child_say(&child);
	child_hear(&child);
	child_say(&child);
	child_end(&child);
}

START_TEST(a_child_of_who_closed_writes_into_nobody_elses_memory)
{
	struct zipc_array *again;
	struct zipc_queue *queue;
	struct child child;
	unsigned i;

	made(65536);
	add_closed("a", 1000);
	ck_rc(zipc_queue_create(&queue, segment, "q", "u8", 8), 0);
	zipc_queue_close(queue);
	child = child_start(leave_a_child, NULL);
	child_hear(&child);
	remove_both();
	again = add("other", 30000);
	child_say(&child);
	child_end(&child);
	for (i = 0; i < 30000; i++)
		ck_assert_uint_eq(((uint8_t *)zipc_array_data(again))[i], 0);
	zipc_array_close(again);
	gone();
}
END_TEST

START_TEST(a_child_that_closes_first_takes_no_bit_of_its_parents)
{
	struct inherited it = { .want = 0 };
	struct zipc_array *other;
	pid_t pid;
	int status;

	inherit(&it);
	pid = fork();
	if (!pid) {
		close_both(&it);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	remove_both();
	ck_assert_uint_eq(told().removed, 2);
	ck_rc(zipc_array_create(&other, segment, "x", "u8",
				room_of(65536) - BLOCK), -ENOSPC);
	close_both(&it);
	ck_all_is_free(65536);
	gone();
}
END_TEST

/* damage */

static _Atomic uint64_t *extent_of(unsigned i)
{
	return &((struct zipc_entry *)(void *)(segment->base + 64))[i].extent;
}

START_TEST(a_damaged_table_gives_nothing_away)
{
	struct zipc_array *a, *c;
	uint64_t good;

	made(65536);
	a = add("a", 1000);
	add_closed("b", 1000);
	c = add("c", 1000);
	memset(zipc_array_data(c), 0xCC, 1000);
	/* b begins in a; its end is its own. */
	good = atomic_load(extent_of(1));
	atomic_store(extent_of(1), good - 1 + (UINT64_C(1) << 32));
	ck_rc(zipc_segment_remove(segment, "c"), 0);
	zipc_array_close(c);
	add_closed("d", 1000); /* behind all others */
	ck_assert_uint_eq(told().removed, 1);
	atomic_store(extent_of(1), good);
	zipc_array_close(a);
	gone();
}
END_TEST

START_TEST(what_lies_where_no_block_can_be_is_not_removed)
{
	static const uint64_t words[] = {
		1, UINT64_C(1) << 32, 1 | UINT64_C(1) << 32,
		1022 | UINT64_C(4) << 32, 600 | UINT64_C(0x7FFFFFFF) << 32,
	};
	unsigned i;

	made(65536);
	add_closed("a", 1000);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		atomic_store(extent_of(0), words[i]);
		ck_rc(zipc_segment_remove(segment, "a"), -EBADMSG);
		ck_assert_uint_eq(atomic_load(extent_of(0)), words[i]);
	}
	gone();
}
END_TEST

/* all of it, many times, while openers are killed */

#define NAMES 6
#define OPENERS 3

static void name_of(char name[8], unsigned i)
{
	snprintf(name, 8, "n%u", i);
}

/* What it opens holds the mark of its capacity, or nothing yet. */
static void open_all_the_time(void *context)
{
	struct dice dice = { (uintptr_t)context };
	struct zipc_array *array;
	struct zipc_queue *queue;
	uint64_t mark, seen;
	char name[8];
	int rc;

	while (zipc_segment_open(&segment, segment_name, 0) == -EUSERS)
		sched_yield();
	tell_parent();
	for (;;) {
		name_of(name, (unsigned)roll_below(&dice, NAMES));
		rc = zipc_array_open(&array, segment, name, "u64");
		if (!rc) {
			mark = zipc_array_capacity(array);
			ck_rc(zipc_array_get(array, mark - 1, &seen), 0);
			ck_assert_msg(!seen || seen == mark,
				      "%s has %llu, not %llu", name,
				      (unsigned long long)seen,
				      (unsigned long long)mark);
			ck_rc(zipc_array_set(array, mark - 1, &mark), 0);
			sched_yield();
			ck_rc(zipc_array_get(array, mark - 1, &seen), 0);
			ck_assert_uint_eq(seen, mark);
			zipc_array_close(array);
		} else if (rc == -EPROTOTYPE) {
			rc = zipc_queue_open(&queue, segment, name, "u64");
			if (!rc) {
				mark = zipc_queue_capacity(queue);
				zipc_queue_push(queue, &mark, ZIPC_NOWAIT);
				if (!zipc_queue_pop(queue, &seen, ZIPC_NOWAIT))
					ck_assert_uint_eq(seen, mark);
				zipc_queue_close(queue);
			}
		}
		if (rc != -ENOENT && rc != -EPROTOTYPE)
			ck_rc(rc, 0);
	}
}

static void create_one(const char *name, struct dice *dice)
{
	struct zipc_array *array;
	struct zipc_queue *queue;
	uint64_t capacity = 1 + roll_below(dice, 3000), i, elem;
	static const struct zipc_queue_options options = { .max_writers = 4 };

	if (roll_below(dice, 3)) {
		ck_rc(zipc_array_create(&array, segment, name, "u64",
					capacity), 0);
		for (i = 0; i + 1 < capacity; i++) {
			ck_rc(zipc_array_get(array, i, &elem), 0);
			ck_assert_uint_eq(elem, 0);
		}
		zipc_array_close(array);
		return;
	}
	ck_rc(zipc_queue_create_with(&queue, segment, name, "u64", capacity,
				     &options), 0);
	zipc_queue_close(queue);
}

/*
 * At most NAMES are there, and one more is held by each opener: 9 blocks of at
 * most 49 KB, with 10 gaps. So in a MiB one gap is always large enough.
 */
static void create_and_remove(unsigned rounds, unsigned per_kill)
{
	struct dice dice = dice_of_this_run("create_and_remove");
	struct child openers[OPENERS];
	bool there[NAMES] = { false };
	char name[8];
	unsigned i, k;

	made(MIB);
	for (i = 0; i < OPENERS; i++) {
		openers[i] = child_start(open_all_the_time,
					 (void *)(uintptr_t)roll(&dice));
		child_hear(&openers[i]);
	}
	for (i = 0; i < rounds; i++) {
		k = (unsigned)roll_below(&dice, NAMES);
		name_of(name, k);
		if (there[k])
			ck_rc(zipc_segment_remove(segment, name), 0);
		else
			create_one(name, &dice);
		there[k] = !there[k];
		if (i % per_kill)
			continue;
		k = (unsigned)roll_below(&dice, OPENERS);
		child_kill(&openers[k]);
		openers[k] = child_start(open_all_the_time,
					 (void *)(uintptr_t)roll(&dice));
		child_hear(&openers[k]);
	}
	for (i = 0; i < OPENERS; i++)
		child_kill(&openers[i]);
	for (k = 0; k < NAMES; k++) {
		name_of(name, k);
		if (there[k])
			ck_rc(zipc_segment_remove(segment, name), 0);
	}
	ck_all_is_free(MIB);
	gone();
}

START_TEST(creating_and_removing_goes_on_whoever_is_killed)
{
	create_and_remove(4000, 20);
}
END_TEST

START_TEST(creating_and_removing_goes_on_for_ever)
{
	create_and_remove(2000000, 200);
}
END_TEST

/* in the middle of opening */

/*
 * This calloc() stands before libc's. Before the one that is chosen `x` is
 * removed, and what comes into its place is no body of anything.
 */
static int callocs_until = -1;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	struct zipc_array *array;

	if (callocs_until >= 0 && callocs_until-- == 0) {
		ck_rc(zipc_segment_remove(segment, "x"), 0);
		array = add("y", 64);
		memset(zipc_array_data(array), 0xFF, 64);
		zipc_array_close(array);
	}
	return __real_calloc(n, size);
}

#define KIND(kind, end, create, open)                        \
	static void make_##kind(void)                        \
	{                                                    \
		struct zipc_##kind *it;                      \
		ck_rc(zipc_##kind##_##create, 0);            \
		zipc_##kind##_##end(it);                     \
	}                                                    \
	static int open_##kind(struct zipc_segment *in)      \
	{                                                    \
		struct zipc_##kind *it;                      \
		int rc = zipc_##kind##_##open;               \
		if (!rc)                                     \
			zipc_##kind##_##end(it);             \
		return rc;                                   \
	}

KIND(queue, close, create(&it, segment, "x", "u64", 4),
     open(&it, in, "x", NULL))
KIND(stack, close, create(&it, segment, "x", "u64", 4),
     open(&it, in, "x", NULL))
KIND(map, close, create(&it, segment, "x", "u64", "u64", 4),
     open(&it, in, "x", NULL, NULL))
KIND(set, close, create(&it, segment, "x", "u64", 4), open(&it, in, "x", NULL))
KIND(ring, close, create(&it, segment, "x", 4096), open(&it, in, "x"))
KIND(channel, release, create(&it, segment, "x", "u64", 0),
     open(&it, in, "x", NULL))
KIND(mutex, close, create(&it, segment, "x"), open(&it, in, "x"))
KIND(rwlock, close, create(&it, segment, "x", 4), open(&it, in, "x"))
KIND(once, close, create(&it, segment, "x"), open(&it, in, "x"))
KIND(future, close, create(&it, segment, "x", "u64"), open(&it, in, "x", NULL))
KIND(lazy, close, create(&it, segment, "x", NULL, "1 + 2"),
     open(&it, in, "x", NULL))

static const struct {
	void (*make)(void);
	int (*open)(struct zipc_segment *in);
} kinds[] = {
	{ make_queue, open_queue },	{ make_stack, open_stack },
	{ make_map, open_map },		{ make_set, open_set },
	{ make_ring, open_ring },	{ make_channel, open_channel },
	{ make_mutex, open_mutex },	{ make_rwlock, open_rwlock },
	{ make_once, open_once },	{ make_future, open_future },
	{ make_lazy, open_lazy },
};

#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

/* One whose copy was made before that is told with the first operation. */
START_TEST(what_is_removed_while_it_is_opened_to_read_is_not_damaged)
{
	struct zipc_segment *reader;
	int n, rc, missed = 0;

	made(MIB);
	ck_rc(zipc_segment_open(&reader, segment_name, ZIPC_READ_ONLY), 0);
	for (n = 0;; n++) {
		kinds[_i].make();
		callocs_until = n;
		rc = kinds[_i].open(reader);
		if (callocs_until >= 0)
			break; /* it calls it fewer times */
		ck_assert_msg(!rc || rc == -ENOENT, "%d: %s", n,
			      zipc_last_error());
		missed += rc == -ENOENT;
		ck_rc(zipc_segment_remove(segment, "y"), 0);
	}
	callocs_until = -1;
	ck_rc(rc, 0);
	ck_assert_int_gt(missed, 0);
	zipc_segment_close(reader);
	gone();
}
END_TEST

/* Of who may write it can not be removed meanwhile, so that is damaged. */
START_TEST(what_came_of_opening_is_judged_by_whether_it_still_stands)
{
	struct zipc_segment *reader;
	struct zipc_use use;

	made(MIB);
	add_closed("x", 64);
	ck_rc(zipc_segment_open(&reader, segment_name, ZIPC_READ_ONLY), 0);
	ck_assert(zipc_use_begin(&use, reader, 0, "x"));
	ck_rc(zipc_use_opened(&use, "x", -EBADMSG), -EBADMSG);
	ck_rc(zipc_segment_remove(segment, "x"), 0);
	ck_rc(zipc_use_opened(&use, "x", 0), 0);
	ck_rc(zipc_use_opened(&use, "x", -EBADMSG), -ENOENT);
	ck_message("was removed while it was opened");
	use.segment = segment;
	ck_rc(zipc_use_opened(&use, "x", -EBADMSG), -EBADMSG);
	zipc_segment_close(reader);
	gone();
}
END_TEST

static Suite *remove_suite(void)
{
	Suite *suite = suite_create("remove");
	TCase *tc = test_case(suite, "remove", "fast", 60);

	tcase_add_test(tc, what_is_removed_is_found_no_more);
	tcase_add_test(tc, its_name_can_be_used_at_once_for_another_kind);
	tcase_add_test(tc, a_bad_name_and_a_segment_for_reading_are_refused);
	tcase_add_test(tc, space_is_used_again_when_nobody_has_it_open);
	tcase_add_test(tc, space_stays_as_long_as_a_handle_is_open);
	tcase_add_test(tc, a_gap_is_filled_and_its_neighbours_are_not_touched);
	tcase_add_test(tc, memory_goes_back_with_the_structure);
	tcase_add_test(tc, entries_are_used_again);
	tcase_add_test(tc, who_only_reads_is_never_shown_another_structure);
	tcase_add_test(tc, a_view_shows_no_other_structure_under_the_name);
	tcase_add_loop_test(
		tc, what_is_removed_while_it_is_opened_to_read_is_not_damaged,
		0, KINDS);
	tcase_add_test(
		tc, what_came_of_opening_is_judged_by_whether_it_still_stands);
	tcase_add_test(tc, a_damaged_table_gives_nothing_away);
	tcase_add_test(tc, what_lies_where_no_block_can_be_is_not_removed);
	tc = test_case(suite, "processes", "medium", 120);
	tcase_add_test(tc, who_is_stopped_with_the_lock_is_named);
	tcase_add_test(tc, who_holds_it_is_told);
	tcase_add_test(tc, a_killed_user_holds_up_nobody);
	tcase_add_test(tc, a_stopped_user_keeps_what_it_has);
	tcase_add_test(tc, bits_of_the_dead_go_with_their_place);
	tcase_add_test(tc, a_forked_child_has_uses_of_its_own);
	tcase_add_loop_test(tc, what_was_removed_is_lost_to_a_forked_child, 0,
			    2);
	tcase_add_test(tc,
		       a_child_of_who_closed_writes_into_nobody_elses_memory);
	tcase_add_test(tc,
		       a_child_that_closes_first_takes_no_bit_of_its_parents);
	tc = test_case(suite, "rounds", "medium", 300);
	tcase_add_test(tc, creating_and_removing_goes_on_whoever_is_killed);
	tc = test_case(suite, "many rounds", "stress", 3600);
	tcase_add_test(tc, creating_and_removing_goes_on_for_ever);
	return suite;
}

TEST_MAIN(remove_suite)
