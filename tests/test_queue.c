/* SPDX-License-Identifier: MIT */
/* The queue's promises, one by one, in one process or a few. */
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/place_ring.h"

#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define MS INT64_C(1000000)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("queue"), 8 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_queue *new_queue(const char *type, uint64_t capacity)
{
	struct zipc_queue *queue;

	ck_rc(zipc_queue_create(&queue, segment, "q", type, capacity), 0);
	return queue;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Ends with the status of the child, which must be 0. */
static void must_end_well(pid_t child)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "the child ended with status 0x%x", status);
}

START_TEST(first_in_is_first_out)
{
	struct zipc_queue *queue = new_queue("u32", 100);
	uint32_t i, elem;

	for (i = 0; i < 100; i++)
		ck_rc(zipc_queue_push(queue, &i, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(zipc_queue_size(queue), 100);
	for (i = 0; i < 100; i++) {
		ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), 0);
		ck_assert_uint_eq(elem, i);
	}
	ck_assert_uint_eq(zipc_queue_size(queue), 0);
	zipc_queue_close(queue);
}
END_TEST

START_TEST(capacity_is_exact)
{
	static const uint64_t capacities[] = { 1, 2, 3, 7, 1000, 1024 };
	struct zipc_queue *queue;
	uint64_t i, elem = 5;
	char name[16];

	snprintf(name, sizeof(name), "q%d", _i);
	ck_rc(zipc_queue_create(&queue, segment, name, "u64", capacities[_i]),
	      0);
	ck_assert_uint_eq(zipc_queue_capacity(queue), capacities[_i]);
	for (i = 0; i < capacities[_i]; i++)
		ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), -EAGAIN);
	ck_message("full");
	ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), -EAGAIN);
	zipc_queue_close(queue);
}
END_TEST

START_TEST(empty_says_so_and_leaves_the_buffer_alone)
{
	struct zipc_queue *queue = new_queue("u64", 4);
	uint64_t elem = 77;

	ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), -EAGAIN);
	ck_message("empty");
	ck_assert_uint_eq(elem, 77);
	zipc_queue_close(queue);
}
END_TEST

static const unsigned sizes[] = { 1,  2,  3,   5,    7,	   8,	  9,
				  16, 63, 200, 4096, 65537, 1 << 20 };

START_TEST(elements_of_any_size_come_out_whole)
{
	unsigned size = sizes[_i], i, k;
	unsigned char *in = malloc(size + 16), *out = malloc(size + 16);
	struct zipc_segment *large;
	struct zipc_queue *queue;
	char type[32];

	snprintf(type, sizeof(type), "bytes:%u", size);
	ck_rc(zipc_segment_create(&large, test_name("large"), 64 << 20, NULL),
	      0);
	ck_rc(zipc_queue_create(&queue, large, "q", type, 3), 0);
	ck_assert_uint_eq(zipc_queue_elem_size(queue), size);
	for (k = 0; k < 50; k++) {
		/* Not aligned, and nothing behind the element is touched. */
		for (i = 0; i < size; i++)
			in[1 + i] = (unsigned char)(i * 31 + k);
		memset(out, 0xEE, size + 16);
		ck_rc(zipc_queue_push(queue, in + 1, ZIPC_NOWAIT), 0);
		ck_rc(zipc_queue_pop(queue, out + 1, ZIPC_NOWAIT), 0);
		ck_assert(!memcmp(in + 1, out + 1, size));
		ck_assert_uint_eq(out[0], 0xEE);
		ck_assert_uint_eq(out[size + 1], 0xEE);
	}
	zipc_queue_close(queue);
	zipc_segment_close(large);
	free(in);
	free(out);
}
END_TEST

START_TEST(larger_elements_than_a_mebibyte_are_refused)
{
	struct zipc_queue *queue = NULL;

	ck_rc(zipc_queue_create(&queue, segment, "q", "bytes:1048577", 1),
	      -EINVAL);
	ck_message("1048576");
	ck_assert_ptr_null(queue);
}
END_TEST

START_TEST(batches_move_what_fits_in_order)
{
	struct zipc_queue *queue = new_queue("u16", 1000);
	uint16_t in[1200], out[1200];
	unsigned i;

	for (i = 0; i < 1200; i++)
		in[i] = (uint16_t)i;
	ck_rc(zipc_queue_push_n(queue, in, 0, ZIPC_NOWAIT), 0);
	ck_rc(zipc_queue_push_n(queue, in, 1200, ZIPC_NOWAIT), 1000);
	ck_rc(zipc_queue_push_n(queue, in, 1, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_queue_pop_n(queue, out, 700, ZIPC_NOWAIT), 700);
	ck_rc(zipc_queue_push_n(queue, in + 1000, 200, ZIPC_NOWAIT), 200);
	ck_rc(zipc_queue_pop_n(queue, out + 700, 1200, ZIPC_NOWAIT), 500);
	ck_assert(!memcmp(in, out, sizeof(in)));
	ck_rc(zipc_queue_pop_n(queue, out, 5, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_queue_pop_n(queue, out, 0, ZIPC_NOWAIT), 0);
	zipc_queue_close(queue);
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline_and_not_before)
{
	struct zipc_queue *queue = new_queue("u8", 1);
	int64_t began = now_ns();
	uint8_t elem = 1;

	ck_rc(zipc_queue_pop(queue, &elem, 30 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now_ns() - began, 30 * MS);
	ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), 0);
	began = now_ns();
	ck_rc(zipc_queue_push(queue, &elem, 30 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now_ns() - began, 30 * MS);
	ck_rc(zipc_queue_push_n(queue, &elem, 1, 10 * MS), -ETIMEDOUT);
	zipc_queue_close(queue);
}
END_TEST

START_TEST(a_batch_that_times_out_says_how_many_are_in)
{
	struct zipc_queue *queue = new_queue("u8", 3);
	uint8_t elems[5] = { 1, 2, 3, 4, 5 };

	ck_rc(zipc_queue_push_n(queue, elems, 5, 10 * MS), 3);
	ck_assert_uint_eq(zipc_queue_size(queue), 3);
	zipc_queue_close(queue);
}
END_TEST

/* A child that pops n elements, each with a wait for ever, and adds them. */
static pid_t popper(const char *name, unsigned n, uint64_t sum)
{
	struct zipc_segment *mine;
	struct zipc_queue *queue;
	uint64_t elem;
	pid_t child = fork();

	if (child)
		return child;
	if (zipc_segment_open(&mine, name, 0) ||
	    zipc_queue_open(&queue, mine, "q", "u64"))
		_exit(2);
	while (n--) {
		if (zipc_queue_pop(queue, &elem, ZIPC_FOREVER))
			_exit(3);
		sum -= elem;
	}
	_exit(sum ? 4 : 0);
}

START_TEST(who_waits_for_ever_is_woken)
{
	struct zipc_queue *queue = new_queue("u64", 2);
	uint64_t i, sum = 0;
	pid_t child;

	for (i = 1; i <= 1000; i++)
		sum += i;
	child = popper(zipc_segment_name(segment), 1000, sum);
	for (i = 1; i <= 1000; i++) /* waits for room as well */
		ck_rc(zipc_queue_push(queue, &i, ZIPC_FOREVER), 0);
	must_end_well(child);
	zipc_queue_close(queue);
}
END_TEST

static void nothing(int signal)
{
	(void)signal;
}

START_TEST(signals_do_not_end_a_wait)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction action = { .sa_handler = nothing };
	struct zipc_queue *queue = new_queue("u8", 1);
	int64_t began = now_ns();
	uint8_t elem;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	ck_rc(zipc_queue_pop(queue, &elem, 50 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now_ns() - began, 50 * MS);
	often = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &often, NULL);
	zipc_queue_close(queue);
}
END_TEST

START_TEST(opening_checks_kind_and_type)
{
	struct zipc_queue *queue = new_queue("{ts:u64, temp:f32}", 4), *other;
	struct zipc_array *array;

	ck_rc(zipc_queue_open(&other, segment, "q", "{ts:u64, temp:f64}"),
	      -EPROTOTYPE);
	ck_message("temp");
	ck_rc(zipc_queue_open(&other, segment, "r", NULL), -ENOENT);
	ck_rc(zipc_array_open(&array, segment, "q", NULL), -EPROTOTYPE);
	ck_message("queue");
	ck_rc(zipc_queue_open(&other, segment, "q", "{ ts : u64,temp:f32 }"),
	      0);
	ck_assert_str_eq(zipc_type_text(zipc_queue_type(other)),
			 "{ts:u64, temp:f32}");
	zipc_queue_close(other);
	ck_rc(zipc_queue_open_or_create(&other, segment, "q",
					"{ts:u64, temp:f32}", 5), -EPROTOTYPE);
	ck_message("capacity");
	ck_rc(zipc_queue_create(&other, segment, "q", "u8", 4), -EEXIST);
	zipc_queue_close(queue);
	zipc_queue_close(NULL);
}
END_TEST

START_TEST(through_a_read_only_segment_it_only_answers)
{
	struct zipc_queue *queue = new_queue("u8", 4), *watch;
	struct zipc_segment *mine;
	uint8_t elem = 1;

	ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_queue_open(&watch, mine, "q", NULL), 0);
	ck_assert_uint_eq(zipc_queue_size(watch), 1);
	ck_rc(zipc_queue_push(watch, &elem, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_queue_pop(watch, &elem, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_queue_push_n(watch, &elem, 1, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_queue_push_n(watch, &elem, 0, ZIPC_NOWAIT), 0);
	ck_rc(zipc_queue_pop_n(watch, &elem, 0, ZIPC_NOWAIT), 0);
	zipc_queue_close(watch);
	zipc_segment_close(mine);
	zipc_queue_close(queue);
}
END_TEST

START_TEST(writers_places_are_counted_and_come_back)
{
	static const struct zipc_queue_options two = { .max_writers = 2 };
	struct zipc_queue *queue[4];
	uint8_t elem = 1;
	pid_t child;
	int i;

	ck_rc(zipc_queue_create_with(&queue[0], segment, "q", "u8", 100, &two),
	      0);
	for (i = 1; i < 4; i++)
		ck_rc(zipc_queue_open(&queue[i], segment, "q", NULL), 0);
	ck_rc(zipc_queue_push(queue[0], &elem, ZIPC_NOWAIT), 0);
	child = fork(); /* dies with a place */
	if (!child)
		_exit(zipc_queue_push(queue[1], &elem, ZIPC_NOWAIT) ? 1 : 0);
	must_end_well(child);
	ck_rc(zipc_queue_push(queue[2], &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_queue_push(queue[3], &elem, ZIPC_NOWAIT), -EUSERS);
	ck_rc(zipc_queue_push_n(queue[3], &elem, 0, ZIPC_NOWAIT), 0);
	ck_message("max_writers");
	ck_rc(zipc_queue_pop(queue[3], &elem, ZIPC_NOWAIT), 0);
	zipc_queue_close(queue[2]);
	ck_rc(zipc_queue_push(queue[3], &elem, ZIPC_NOWAIT), 0);
	for (i = 0; i < 4; i++)
		if (i != 2)
			zipc_queue_close(queue[i]);
}
END_TEST

START_TEST(a_forked_child_goes_on_with_the_handle)
{
	struct zipc_queue *queue = new_queue("u64", 100);
	uint64_t elem, i, sum = 0;
	pid_t child;

	elem = 0;
	ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), 0);
	child = fork();
	for (i = 1; i <= 20; i++) {
		elem = child ? i : 1000 * i;
		if (zipc_queue_push(queue, &elem, ZIPC_NOWAIT) && !child)
			_exit(1);
	}
	if (!child) {
		zipc_queue_close(queue);
		zipc_segment_close(segment);
		_exit(0);
	}
	must_end_well(child);
	while (!zipc_queue_pop(queue, &elem, ZIPC_NOWAIT))
		sum += elem;
	ck_assert_uint_eq(sum, 210 + 210000);
	zipc_queue_close(queue);
}
END_TEST

/* The first push takes a writer's place. */
static void push_first(void *queue)
{
	uint64_t elem = 0;

	ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), 0);
}

static void push_and_pop(void *queue)
{
	uint64_t elems[16] = { 0 };
	int i;

	for (i = 0; i < 1000; i++) {
		ck_rc(zipc_queue_push(queue, elems, ZIPC_FOREVER), 0);
		ck_rc(zipc_queue_push_n(queue, elems, 16, 0), 16);
		ck_rc(zipc_queue_pop_n(queue, elems, 16, 0), 16);
		ck_rc(zipc_queue_pop(queue, elems, ZIPC_FOREVER), 0);
	}
}

START_TEST(push_and_pop_make_no_system_call)
{
	struct zipc_queue *queue = new_queue("u64", 64);

	must_make_no_system_call(push_first, push_and_pop, queue);
	/* The filter is in force: a first push looks for a place. */
	must_make_a_system_call(NULL, push_and_pop, queue);
	zipc_queue_close(queue);
}
END_TEST

/* The words of the ring, each set to what it can not be. */
START_TEST(a_damaged_ring_gives_errors_and_ends)
{
	static const uint64_t values[] = { 0, 1, 2, 5, 1000, UINT64_MAX,
					   UINT64_MAX / 2, UINT64_C(1) << 40 };
	struct zipc_queue *queue = new_queue("u64", 8);
	struct zipc_found found;
	uint64_t *words, kept[64], elem = 0;
	unsigned word, i, k;

	for (i = 0; i < 5; i++)
		ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL), 0);
	words = (uint64_t *)(void *)found.body;
	memcpy(kept, words, sizeof(kept));
	for (word = 0; word < 64; word++)
		for (i = 0; i < 8; i++) {
			struct zipc_queue *other;

			words[word] = values[i];
			for (k = 0; k < 20; k++) {
				zipc_queue_push(queue, &elem, ZIPC_NOWAIT);
				zipc_queue_pop(queue, &elem, MS / 10);
			}
			if (!zipc_queue_open(&other, segment, "q", NULL)) {
				zipc_queue_push(other, &elem, MS / 10);
				zipc_queue_pop(other, &elem, ZIPC_NOWAIT);
				zipc_queue_close(other);
			}
			memcpy(words, kept, sizeof(kept));
		}
	zipc_type_free(found.type);
	zipc_queue_close(queue);
}
END_TEST

START_TEST(a_head_beyond_the_tail_is_told)
{
	struct zipc_queue *queue = new_queue("u64", 8);
	struct zipc_found found;
	struct zipc_place_ring *ring;
	uint64_t elem = 0;

	ck_rc(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL), 0);
	ring = (void *)found.body;
	atomic_store_explicit(&ring->head, 1000, memory_order_relaxed);
	ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), -EBADMSG);
	ck_message("damaged");
	zipc_type_free(found.type);
	zipc_queue_close(queue);
}
END_TEST

/* What settling can not change must not be looked at for ever. */
START_TEST(a_question_about_what_nobody_claimed_is_told)
{
	struct zipc_queue *queue = new_queue("u64", 8);
	struct zipc_found found;
	struct zipc_place_ring *ring;
	uint64_t elem = 0;

	ck_rc(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL), 0);
	ring = (void *)found.body;
	ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), 0);
	atomic_store_explicit(&ring->tail, 1, memory_order_relaxed);
	atomic_store_explicit(&ring->active, 3, memory_order_relaxed);
	atomic_store_explicit(&ring->verdict, zipc_verdict(1, ZIPC_ASKING),
			      memory_order_relaxed);
	ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), -EBADMSG);
	ck_message("damaged");
	zipc_type_free(found.type);
	zipc_queue_close(queue);
}
END_TEST

/* A writer that was stopped in slot 4 of 6, a lap ago, goes on. */
START_TEST(beside_a_writer_that_goes_on_the_capacity_is_whole)
{
	const struct zipc_queue_options two = { .max_writers = 2 };
	struct zipc_place_ring *ring;
	struct zipc_writer *writers;
	struct zipc_queue *queue;
	struct zipc_found found;
	uint64_t i, elem;

	ck_rc(zipc_queue_create_with(&queue, segment, "q", "u64", 4, &two), 0);
	ck_rc(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL), 0);
	ring = (void *)found.body;
	writers = (void *)(found.body + ring->writers_offset);
	for (i = 1; i < 8; i++) {
		ck_rc(zipc_queue_push(queue, &i, ZIPC_NOWAIT), 0);
		ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), 0);
	}
	atomic_store_explicit(&writers[1].holder, writers[0].holder,
			      memory_order_relaxed);
	atomic_store_explicit(&writers[1].claim, zipc_claim(4, 1, ZIPC_REVOKED),
			      memory_order_relaxed);
	atomic_store_explicit(&ring->active, 3, memory_order_relaxed);
	for (i = 0; i < 3; i++)
		ck_rc(zipc_queue_push(queue, &i, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(ring->tail, 12); /* 10 was given up */
	atomic_store_explicit(&writers[1].claim, 0, memory_order_relaxed);
	ck_rc(zipc_queue_push(queue, &i, ZIPC_NOWAIT), 0);
	ck_rc(zipc_queue_push(queue, &i, ZIPC_NOWAIT), -EAGAIN);
	for (i = 0; i < 4; i++) {
		ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), 0);
		ck_assert_uint_eq(elem, i);
	}
	ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), -EAGAIN);
	zipc_type_free(found.type);
	zipc_queue_close(queue);
}
END_TEST

/* The constants of a ring, each such that its parts would not be apart. */
static const struct {
	size_t offset, size;
	uint64_t value;
} misfits[] = {
	{ offsetof(struct zipc_place_ring, writers_offset), 8, 0 },
	{ offsetof(struct zipc_place_ring, writers_offset), 8, 192 },
	{ offsetof(struct zipc_place_ring, writers_offset), 8, 1 << 20 },
	{ offsetof(struct zipc_place_ring, slots_offset), 8, 0 },
	{ offsetof(struct zipc_place_ring, slots_offset), 8, 256 },
	{ offsetof(struct zipc_place_ring, slots_offset), 8, 1 << 20 },
	{ offsetof(struct zipc_place_ring, writers), 4, 0 },
	{ offsetof(struct zipc_place_ring, writers), 4, 4097 },
	{ offsetof(struct zipc_place_ring, slots), 8, 71 },
	{ offsetof(struct zipc_place_ring, slots), 8, UINT64_MAX },
	{ offsetof(struct zipc_place_ring, slot_bytes), 4, 8 },
};
#define MISFITS (int)(sizeof(misfits) / sizeof(misfits[0]))

START_TEST(a_ring_whose_parts_overlap_is_not_opened)
{
	/* So large that 4097 writers would find room. */
	struct zipc_queue *queue = new_queue("u64", 40000), *other = NULL;
	struct zipc_found found;
	unsigned char *at;

	ck_rc(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL), 0);
	at = found.body + misfits[_i].offset;
	memcpy(at, &misfits[_i].value, misfits[_i].size);
	ck_rc(zipc_queue_open(&other, segment, "q", NULL), -EBADMSG);
	ck_message("damaged");
	ck_assert_ptr_null(other);
	zipc_type_free(found.type);
	zipc_queue_close(queue);
}
END_TEST

static Suite *queue_suite(void)
{
	Suite *suite = suite_create("queue");
	TCase *tc = test_case(suite, "queue", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, first_in_is_first_out);
	tcase_add_loop_test(tc, capacity_is_exact, 0, 6);
	tcase_add_test(tc, empty_says_so_and_leaves_the_buffer_alone);
	tcase_add_loop_test(tc, elements_of_any_size_come_out_whole, 0, 13);
	tcase_add_test(tc, larger_elements_than_a_mebibyte_are_refused);
	tcase_add_test(tc, batches_move_what_fits_in_order);
	tcase_add_test(tc, a_wait_ends_at_its_deadline_and_not_before);
	tcase_add_test(tc, a_batch_that_times_out_says_how_many_are_in);
	tcase_add_test(tc, who_waits_for_ever_is_woken);
	tcase_add_test(tc, signals_do_not_end_a_wait);
	tcase_add_test(tc, opening_checks_kind_and_type);
	tcase_add_test(tc, through_a_read_only_segment_it_only_answers);
	tcase_add_test(tc, writers_places_are_counted_and_come_back);
	tcase_add_test(tc, a_forked_child_goes_on_with_the_handle);
	tcase_add_test(tc, push_and_pop_make_no_system_call);
	tcase_add_test(tc, a_damaged_ring_gives_errors_and_ends);
	tcase_add_test(tc, a_head_beyond_the_tail_is_told);
	tcase_add_test(tc, a_question_about_what_nobody_claimed_is_told);
	tcase_add_test(tc,
		       beside_a_writer_that_goes_on_the_capacity_is_whole);
	tcase_add_loop_test(tc, a_ring_whose_parts_overlap_is_not_opened, 0,
			    MISFITS);
	return suite;
}

TEST_MAIN(queue_suite)
