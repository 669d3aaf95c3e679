/* SPDX-License-Identifier: MIT */
/* The stack's promises, one by one, in one process or a few. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/turn_stack.h"

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define MS INT64_C(1000000)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("stack"), 8 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_stack *new_stack(const char *type, uint64_t capacity)
{
	struct zipc_stack *stack;

	ck_rc(zipc_stack_create(&stack, segment, "s", type, capacity), 0);
	return stack;
}

/* What lies under the handle of "s". */
static struct zipc_turns look_inside(void)
{
	struct zipc_turns turns;
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, "s", ZIPC_STACK, NULL), 0);
	ck_rc(zipc_turns_open(&turns, segment, &found, "s"), 0);
	zipc_table_release(&found);
	return turns;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void must_end_well(pid_t child)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "the child ended with status 0x%x", status);
}

START_TEST(last_in_is_first_out)
{
	struct zipc_stack *stack = new_stack(_i ? "u32[5]" : "u32", 100);
	uint32_t i, round, elem[5] = { 0 };

	for (round = 0; round < 3; round++) {
		for (i = 0; i < 100; i++) {
			elem[0] = i;
			ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
		}
		ck_assert_uint_eq(zipc_stack_size(stack), 100);
		for (i = 100; i-- > 0;) {
			ck_rc(zipc_stack_peek(stack, elem), 0);
			ck_assert_uint_eq(elem[0], i);
			ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), 0);
			ck_assert_uint_eq(elem[0], i);
		}
		ck_assert_uint_eq(zipc_stack_size(stack), 0);
	}
	zipc_stack_close(stack);
}
END_TEST

/* Against a plain array, by chance, up and down through all fill levels. */
START_TEST(it_is_a_stack_in_any_order_of_calls)
{
	struct zipc_stack *stack = new_stack(_i ? "u64[3]" : "u64", 7);
	uint64_t model[7], elem[3] = { 0 }, dice = 1, value = 0;
	unsigned size = 0, i;
	int rc;

	for (i = 0; i < 100000; i++) {
		dice = dice * 6364136223846793005u + 1442695040888963407u;
		elem[0] = ++value;
		if (dice >> 63) {
			rc = zipc_stack_push(stack, elem, ZIPC_NOWAIT);
			ck_rc(rc, size < 7 ? 0 : -EAGAIN);
			if (!rc)
				model[size++] = value;
		} else {
			rc = zipc_stack_pop(stack, elem, ZIPC_NOWAIT);
			ck_rc(rc, size ? 0 : -EAGAIN);
			if (!rc)
				ck_assert_uint_eq(elem[0], model[--size]);
		}
		ck_assert_uint_eq(zipc_stack_size(stack), size);
	}
	zipc_stack_close(stack);
}
END_TEST

START_TEST(capacity_is_exact)
{
	static const uint64_t capacities[] = { 1, 2, 3, 7, 8, 1000, 1024 };
	struct zipc_stack *stack;
	uint64_t i, elem[2] = { 5, 5 };
	char name[16];

	snprintf(name, sizeof(name), "s%d", _i);
	ck_rc(zipc_stack_create(&stack, segment, name,
				_i % 2 ? "u64" : "u64[2]", capacities[_i / 2]),
	      0);
	ck_assert_uint_eq(zipc_stack_capacity(stack), capacities[_i / 2]);
	for (i = 0; i < capacities[_i / 2]; i++)
		ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), -EAGAIN);
	ck_message("full");
	ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), -EAGAIN);
	zipc_stack_close(stack);
}
END_TEST

START_TEST(empty_says_so_and_leaves_the_buffer_alone)
{
	struct zipc_stack *stack = new_stack("u64", 4);
	uint64_t elem = 77;

	ck_rc(zipc_stack_pop(stack, &elem, ZIPC_NOWAIT), -EAGAIN);
	ck_message("empty");
	ck_rc(zipc_stack_peek(stack, &elem), -EAGAIN);
	ck_message("empty");
	ck_assert_uint_eq(elem, 77);
	zipc_stack_close(stack);
}
END_TEST

static const unsigned sizes[] = { 1,  2,  3,   5,    7,	   8,	  9,
				  16, 63, 200, 4096, 65537, 1 << 20 };

START_TEST(elements_of_any_size_come_out_whole)
{
	unsigned size = sizes[_i], i, k;
	unsigned char *in = malloc(size + 16), *out = malloc(size + 16);
	struct zipc_segment *large;
	struct zipc_stack *stack;
	char type[32];

	snprintf(type, sizeof(type), "bytes:%u", size);
	ck_rc(zipc_segment_create(&large, test_name("large"), 64 << 20, NULL),
	      0);
	ck_rc(zipc_stack_create(&stack, large, "s", type, 3), 0);
	ck_assert_uint_eq(zipc_stack_elem_size(stack), size);
	for (k = 0; k < 50; k++) {
		/* Not aligned, and nothing behind the element is touched. */
		for (i = 0; i < size; i++)
			in[1 + i] = (unsigned char)(i * 31 + k);
		ck_rc(zipc_stack_push(stack, in + 1, ZIPC_NOWAIT), 0);
		memset(out, 0xEE, size + 16);
		ck_rc(zipc_stack_peek(stack, out + 1), 0);
		ck_assert(!memcmp(in + 1, out + 1, size));
		ck_assert_uint_eq(out[size + 1], 0xEE);
		memset(out, 0xEE, size + 16);
		ck_rc(zipc_stack_pop(stack, out + 1, ZIPC_NOWAIT), 0);
		ck_assert(!memcmp(in + 1, out + 1, size));
		ck_assert_uint_eq(out[0], 0xEE);
		ck_assert_uint_eq(out[size + 1], 0xEE);
	}
	zipc_stack_close(stack);
	zipc_segment_close(large);
	ck_rc(zipc_segment_unlink(test_name("large")), 0);
	free(in);
	free(out);
}
END_TEST

START_TEST(what_no_stack_can_hold_is_refused)
{
	static const struct zipc_stack_options many = { .max_writers = 4097 };
	struct zipc_stack *stack = NULL;

	ck_rc(zipc_stack_create(&stack, segment, "s", "bytes:1048577", 1),
	      -EINVAL);
	ck_message("1048576");
	ck_rc(zipc_stack_create(&stack, segment, "s", "u8", 0), -EINVAL);
	ck_rc(zipc_stack_create(&stack, segment, "s", "u8",
				ZIPC_STACK_MOST + 1), -EINVAL);
	ck_message("134217727");
	ck_rc(zipc_stack_open_or_create(&stack, segment, "s", "u8",
					UINT64_MAX), -EINVAL);
	ck_rc(zipc_stack_create(&stack, segment, "s", "u8", ZIPC_STACK_MOST),
	      -ENOSPC);
	ck_rc(zipc_stack_create_with(&stack, segment, "s", "u8", 1, &many),
	      -EINVAL);
	ck_message("max_writers");
	ck_assert_ptr_null(stack);
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline_and_not_before)
{
	struct zipc_stack *stack = new_stack("u8", 1);
	int64_t began = now_ns();
	uint8_t elem = 1;

	ck_rc(zipc_stack_pop(stack, &elem, 30 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now_ns() - began, 30 * MS);
	ck_rc(zipc_stack_push(stack, &elem, ZIPC_NOWAIT), 0);
	began = now_ns();
	ck_rc(zipc_stack_push(stack, &elem, 30 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now_ns() - began, 30 * MS);
	zipc_stack_close(stack);
}
END_TEST

/* A child that pops n elements, each with a wait for ever, and adds them. */
static pid_t popper(const char *name, unsigned n, uint64_t sum)
{
	struct zipc_segment *mine;
	struct zipc_stack *stack;
	uint64_t elem[2];
	pid_t child = fork();

	if (child)
		return child;
	if (zipc_segment_open(&mine, name, 0) ||
	    zipc_stack_open(&stack, mine, "s", NULL))
		_exit(2);
	while (n--) {
		if (zipc_stack_pop(stack, elem, ZIPC_FOREVER))
			_exit(3);
		sum -= elem[0];
	}
	_exit(sum ? 4 : 0);
}

START_TEST(who_waits_for_ever_is_woken)
{
	struct zipc_stack *stack = new_stack(_i ? "u64[2]" : "u64", 2);
	uint64_t i, sum = 0, elem[2] = { 0 };
	pid_t child;

	for (i = 1; i <= 1000; i++)
		sum += i;
	child = popper(zipc_segment_name(segment), 1000, sum);
	for (i = 1; i <= 1000; i++) { /* waits for room as well */
		elem[0] = i;
		ck_rc(zipc_stack_push(stack, elem, ZIPC_FOREVER), 0);
	}
	must_end_well(child);
	zipc_stack_close(stack);
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
	struct zipc_stack *stack = new_stack("u8", 1);
	int64_t began = now_ns();
	uint8_t elem;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	ck_rc(zipc_stack_pop(stack, &elem, 50 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now_ns() - began, 50 * MS);
	often = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &often, NULL);
	zipc_stack_close(stack);
}
END_TEST

START_TEST(opening_checks_kind_and_type)
{
	struct zipc_stack *stack = new_stack("{ts:u64, temp:f32}", 4), *other;
	struct zipc_queue *queue;

	ck_rc(zipc_stack_open(&other, segment, "s", "{ts:u64, temp:f64}"),
	      -EPROTOTYPE);
	ck_message("temp");
	ck_rc(zipc_stack_open(&other, segment, "r", NULL), -ENOENT);
	ck_rc(zipc_queue_open(&queue, segment, "s", NULL), -EPROTOTYPE);
	ck_message("stack");
	ck_rc(zipc_stack_open(&other, segment, "s", "{ ts : u64,temp:f32 }"),
	      0);
	ck_assert_str_eq(zipc_type_text(zipc_stack_type(other)),
			 "{ts:u64, temp:f32}");
	zipc_stack_close(other);
	ck_rc(zipc_stack_open_or_create(&other, segment, "s",
					"{ts:u64, temp:f32}", 5), -EPROTOTYPE);
	ck_message("capacity");
	ck_rc(zipc_stack_open_or_create(&other, segment, "s",
					"{ts:u64, temp:f32}", 4), 0);
	zipc_stack_close(other);
	ck_rc(zipc_stack_create(&other, segment, "s", "u8", 4), -EEXIST);
	zipc_stack_close(stack);
	zipc_stack_close(NULL);
}
END_TEST

START_TEST(through_a_read_only_segment_it_is_peeked)
{
	struct zipc_stack *stack = new_stack(_i ? "u8[9]" : "u8", 4), *watch;
	struct zipc_segment *mine;
	uint8_t elem[9] = { 1 };

	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_stack_open(&watch, mine, "s", NULL), 0);
	ck_rc(zipc_stack_peek(watch, elem), -EAGAIN);
	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(zipc_stack_size(watch), 1);
	elem[0] = 0;
	ck_rc(zipc_stack_peek(watch, elem), 0);
	ck_assert_uint_eq(elem[0], 1);
	ck_rc(zipc_stack_push(watch, elem, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_stack_pop(watch, elem, ZIPC_NOWAIT), -EROFS);
	ck_message("peek");
	zipc_stack_close(watch);
	zipc_segment_close(mine);
	zipc_stack_close(stack);
}
END_TEST

START_TEST(who_only_reads_is_told_that_it_was_removed)
{
	struct zipc_stack *stack = new_stack("u64", 4), *watch;
	struct zipc_segment *mine;
	uint64_t elem = 1;

	ck_rc(zipc_stack_push(stack, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_stack_open(&watch, mine, "s", NULL), 0);
	ck_rc(zipc_segment_remove(segment, "s"), 0);
	zipc_stack_close(stack);
	stack = new_stack("u64[9]", 4);
	ck_rc(zipc_stack_peek(watch, &elem), -ENOENT);
	ck_message("removed");
	ck_assert_uint_eq(zipc_stack_size(watch), 0);
	zipc_stack_close(watch);
	zipc_segment_close(mine);
	zipc_stack_close(stack);
}
END_TEST

START_TEST(writers_places_are_counted_and_come_back)
{
	static const struct zipc_stack_options two = { .max_writers = 2 };
	struct zipc_stack *stack[4];
	uint64_t elem[2] = { 1 };
	pid_t child;
	int i;

	ck_rc(zipc_stack_create_with(&stack[0], segment, "s", "u64[2]", 100,
				     &two), 0);
	for (i = 1; i < 4; i++)
		ck_rc(zipc_stack_open(&stack[i], segment, "s", NULL), 0);
	ck_rc(zipc_stack_push(stack[0], elem, ZIPC_NOWAIT), 0);
	child = fork(); /* dies with a place */
	if (!child)
		_exit(zipc_stack_push(stack[1], elem, ZIPC_NOWAIT) ? 1 : 0);
	must_end_well(child);
	ck_rc(zipc_stack_push(stack[2], elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stack_push(stack[3], elem, ZIPC_NOWAIT), -EUSERS);
	ck_message("max_writers");
	ck_rc(zipc_stack_pop(stack[3], elem, ZIPC_NOWAIT), 0);
	zipc_stack_close(stack[2]);
	ck_rc(zipc_stack_push(stack[3], elem, ZIPC_NOWAIT), 0);
	for (i = 0; i < 4; i++)
		if (i != 2)
			zipc_stack_close(stack[i]);
}
END_TEST

START_TEST(small_elements_need_no_places)
{
	static const struct zipc_stack_options one = { .max_writers = 1 };
	struct zipc_stack *stack[3];
	uint64_t elem = 1;
	int i;

	ck_rc(zipc_stack_create_with(&stack[0], segment, "s", "u64", 3, &one),
	      0);
	for (i = 1; i < 3; i++)
		ck_rc(zipc_stack_open(&stack[i], segment, "s", NULL), 0);
	for (i = 0; i < 3; i++)
		ck_rc(zipc_stack_push(stack[i], &elem, ZIPC_NOWAIT), 0);
	for (i = 0; i < 3; i++)
		zipc_stack_close(stack[i]);
}
END_TEST

START_TEST(a_forked_child_goes_on_with_the_handle)
{
	struct zipc_stack *stack = new_stack(_i ? "u64[2]" : "u64", 100);
	uint64_t elem[2] = { 0 }, i, sum = 0;
	pid_t child;

	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	child = fork();
	for (i = 1; i <= 20; i++) {
		elem[0] = child ? i : 1000 * i;
		if (zipc_stack_push(stack, elem, ZIPC_NOWAIT) && !child)
			_exit(1);
	}
	if (!child) {
		zipc_stack_close(stack);
		zipc_segment_close(segment);
		_exit(0);
	}
	must_end_well(child);
	while (!zipc_stack_pop(stack, elem, ZIPC_NOWAIT))
		sum += elem[0];
	ck_assert_uint_eq(sum, 210 + 210000);
	zipc_stack_close(stack);
}
END_TEST

/* The first push may take a writer's place. */
static void push_first(void *stack)
{
	uint64_t elem[2] = { 0 };

	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
}

static void push_peek_and_pop(void *stack)
{
	uint64_t elem[2] = { 0 };
	int i;

	for (i = 0; i < 1000; i++) {
		ck_rc(zipc_stack_push(stack, elem, ZIPC_FOREVER), 0);
		ck_rc(zipc_stack_push(stack, elem, ZIPC_FOREVER), 0);
		ck_rc(zipc_stack_peek(stack, elem), 0);
		ck_rc(zipc_stack_pop(stack, elem, ZIPC_FOREVER), 0);
		ck_rc(zipc_stack_pop(stack, elem, ZIPC_FOREVER), 0);
	}
}

START_TEST(push_pop_and_peek_make_no_system_call)
{
	struct zipc_stack *stack = new_stack(_i ? "u64[2]" : "u64", 64);

	must_make_no_system_call(push_first, push_peek_and_pop, stack);
	if (_i) /* The filter is in force: a first push looks for a place. */
		must_make_a_system_call(NULL, push_peek_and_pop, stack);
	zipc_stack_close(stack);
}
END_TEST

/* slots */

/* The slots that elements lie in, newest first. */
static unsigned list_slots(const struct zipc_turns *turns, uint64_t *slots)
{
	struct zipc_pair top = zipc_cell_read(&turns->stack->top);
	uint64_t index = zipc_top_index(turns, top.turn), i;

	for (i = index; i > 0; i--)
		slots[index - i] = i == index ? top.value
					      : turns->cells[i].value;
	return (unsigned)index;
}

START_TEST(alone_each_position_has_its_slot)
{
	struct zipc_stack *stack = new_stack("u64[2]", 8);
	struct zipc_turns turns = look_inside();
	uint64_t elem[2] = { 0 }, slots[8], dice = 1;
	unsigned n, i, k;

	for (k = 0; k < 1000; k++) {
		dice = dice * 6364136223846793005u + 1442695040888963407u;
		if (dice >> 63)
			zipc_stack_push(stack, elem, ZIPC_NOWAIT);
		else
			zipc_stack_pop(stack, elem, ZIPC_NOWAIT);
		n = list_slots(&turns, slots);
		for (i = 0; i < n; i++)
			ck_assert_uint_eq(slots[i], n - 1 - i);
	}
	zipc_stack_close(stack);
}
END_TEST

/* Pushes one, and dies between its claim and its commit. */
static void claim_and_die(void)
{
	struct zipc_turns turns;
	pid_t child = fork();

	if (child) {
		must_end_well(child);
		return;
	}
	if (zipc_segment_enter(segment))
		_exit(1);
	turns = look_inside();
	if (zipc_turns_become_writer(&turns) || zipc_turns_claim(&turns, 1) < 0)
		_exit(2);
	_exit(0);
}

START_TEST(the_claims_of_the_dead_come_back)
{
	static const struct zipc_stack_options three = { .max_writers = 3 };
	struct zipc_stack *stack;
	uint64_t elem[2] = { 0 };
	unsigned i, k;

	ck_rc(zipc_stack_create_with(&stack, segment, "s", "u64[2]", 2,
				     &three), 0);
	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), 0);
	for (k = 0; k < 20; k++) {
		claim_and_die();
		for (i = 0; i < 2; i++)
			ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
		ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), -EAGAIN);
		for (i = 0; i < 2; i++)
			ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), 0);
	}
	zipc_stack_close(stack);
}
END_TEST

/* A pop of an element whose pusher has yet to say where it is. */
START_TEST(a_slot_is_its_pushers_until_that_has_gone_on)
{
	struct zipc_stack *stack = new_stack("u64[2]", 4);
	struct zipc_turns turns = look_inside();
	uint64_t elem[2] = { 7, 8 }, owner, slots[4];

	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	owner = zipc_stack_slot(&turns, 0)->owner;
	/* As the pusher found it before its last store: CLAIMED by writer 5. */
	zipc_stack_slot(&turns, 0)->owner =
		(owner >> (turns.owner_bits + 1) << (turns.owner_bits + 1)) |
		5 << 1 | 1;
	ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem[0], 7);
	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(list_slots(&turns, slots), 1);
	ck_assert_uint_eq(slots[0], 1);
	ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), 0);
	zipc_stack_slot(&turns, 0)->owner = owner; /* it goes on */
	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(list_slots(&turns, slots), 1);
	ck_assert_uint_eq(slots[0], 0);
	zipc_stack_close(stack);
}
END_TEST

/* words */

START_TEST(turns_that_wrap_change_nothing)
{
	struct zipc_stack *stack = new_stack(_i ? "u64[2]" : "u64", 5);
	struct zipc_turns turns = look_inside();
	uint64_t elem[2] = { 0 }, i;

	atomic_store_explicit(&turns.stack->top.turn,
			      UINT64_MAX - (2 * turns.pushed - 1),
			      memory_order_relaxed);
	for (i = 0; i < 4; i++) {
		elem[0] = i;
		ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	}
	ck_assert_uint_eq(turns.stack->top.turn,
			  3 * 2 * turns.pushed + turns.pushed + 4);
	for (i = 4; i-- > 0;) {
		ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), 0);
		ck_assert_uint_eq(elem[0], i);
	}
	ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), -EAGAIN);
	zipc_stack_close(stack);
}
END_TEST

START_TEST(a_cell_that_was_left_alone_for_all_turns_deceives_nobody)
{
	struct zipc_stack *stack = new_stack("u64", 5);
	struct zipc_turns turns = look_inside();
	uint64_t elem = 1;

	ck_rc(zipc_stack_push(stack, &elem, ZIPC_NOWAIT), 0);
	/* The same tag, from when turns were here before; another value. */
	turns.cells[1].turn = turns.stack->top.turn;
	turns.cells[1].value = 99;
	elem = 2;
	ck_rc(zipc_stack_push(stack, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stack_pop(stack, &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_stack_pop(stack, &elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem, 1);
	zipc_stack_close(stack);
}
END_TEST

START_TEST(the_largest_index_leaves_36_bits_of_turn)
{
	struct zipc_turns turns = {
		.pushed = UINT64_C(1)
			  << (64 - __builtin_clzll(ZIPC_STACK_MOST))
	};

	ck_assert_uint_eq(zipc_top_next(&turns, 0, false, 0),
			  UINT64_C(1) << (64 - 36));
	ck_assert_uint_eq(zipc_top_index(&turns, zipc_top_next(
				  &turns, 0, true, ZIPC_STACK_MOST)),
			  ZIPC_STACK_MOST);
}
END_TEST

/* damage */

/* The words of the body, each set to what it can not be. */
START_TEST(a_damaged_stack_gives_errors_and_ends)
{
	static const uint64_t values[] = { 0, 1, 2, 5, 1000, UINT64_MAX,
					   UINT64_MAX / 2, UINT64_C(1) << 40 };
	struct zipc_stack *stack = new_stack(_i ? "u64[2]" : "u64", 8), *other;
	struct zipc_turns turns = look_inside();
	uint64_t *words = (void *)turns.stack, kept[64], elem[2] = { 0 };
	unsigned word, i, k;

	for (i = 0; i < 5; i++)
		ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	memcpy(kept, words, sizeof(kept));
	for (word = 0; word < (_i ? 64 : 34); word++)
		for (i = 0; i < 8; i++) {
			words[word] = values[i];
			for (k = 0; k < 20; k++) {
				zipc_stack_push(stack, elem, ZIPC_NOWAIT);
				zipc_stack_peek(stack, elem);
				zipc_stack_pop(stack, elem, MS / 10);
			}
			if (!zipc_stack_open(&other, segment, "s", NULL)) {
				zipc_stack_push(other, elem, MS / 10);
				zipc_stack_pop(other, elem, ZIPC_NOWAIT);
				zipc_stack_close(other);
			}
			memcpy(words, kept, sizeof(kept));
		}
	zipc_stack_close(stack);
}
END_TEST

START_TEST(a_top_that_can_not_be_is_told)
{
	struct zipc_stack *stack = new_stack("u64[2]", 4);
	struct zipc_turns turns = look_inside();
	uint64_t elem[2] = { 0 };

	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	turns.stack->top.value = 1000; /* no slot */
	ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), -EBADMSG);
	ck_message("damaged");
	ck_rc(zipc_stack_peek(stack, elem), -EBADMSG);
	turns.stack->top.turn |= 7; /* an index above capacity */
	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), -EBADMSG);
	ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), -EBADMSG);
	ck_rc(zipc_stack_peek(stack, elem), -EBADMSG);
	ck_assert_uint_le(zipc_stack_size(stack), 4);
	zipc_stack_close(stack);
}
END_TEST

START_TEST(slots_that_are_all_claimed_are_told)
{
	struct zipc_stack *stack = new_stack("u64[2]", 4);
	struct zipc_turns turns = look_inside();
	uint64_t elem[2] = { 0 }, i;

	for (i = 0; i < turns.slot_count; i++)
		zipc_stack_slot(&turns, i)->owner = 1 | 3 << 1;
	ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), -EBADMSG);
	ck_message("no slot");
	zipc_stack_close(stack);
}
END_TEST

/* The constants of a stack, each such that its parts would not be apart. */
static const struct {
	size_t offset, size;
	uint64_t value;
} misfits[] = {
	{ offsetof(struct zipc_turn_stack, writers_offset), 8, 0 },
	{ offsetof(struct zipc_turn_stack, writers_offset), 8, 64 },
	{ offsetof(struct zipc_turn_stack, writers_offset), 8, 192 },
	{ offsetof(struct zipc_turn_stack, writers_offset), 8, 1 << 30 },
	{ offsetof(struct zipc_turn_stack, cells_offset), 8, 0 },
	{ offsetof(struct zipc_turn_stack, cells_offset), 8, 128 },
	{ offsetof(struct zipc_turn_stack, cells_offset), 8, 1 << 30 },
	{ offsetof(struct zipc_turn_stack, slots_offset), 8, 0 },
	{ offsetof(struct zipc_turn_stack, slots_offset), 8, 4224 },
	{ offsetof(struct zipc_turn_stack, slots_offset), 8, 1 << 30 },
	{ offsetof(struct zipc_turn_stack, writers), 4, 0 },
	{ offsetof(struct zipc_turn_stack, writers), 4, 4097 },
	{ offsetof(struct zipc_turn_stack, slots), 8, 71 },
	{ offsetof(struct zipc_turn_stack, slots), 8, UINT64_MAX },
	{ offsetof(struct zipc_turn_stack, slot_bytes), 4, 8 },
};
#define MISFITS (int)(sizeof(misfits) / sizeof(misfits[0]))

START_TEST(a_stack_whose_parts_overlap_is_not_opened)
{
	struct zipc_stack *stack = new_stack("u64[2]", 40000), *other = NULL;
	struct zipc_view_entry entry;
	struct zipc_turns turns = look_inside();
	struct zipc_view *view;
	unsigned char *at = (unsigned char *)turns.stack + misfits[_i].offset;

	memcpy(at, &misfits[_i].value, misfits[_i].size);
	ck_rc(zipc_stack_open(&other, segment, "s", NULL), -EBADMSG);
	ck_message("damaged");
	ck_assert_ptr_null(other);
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_assert(zipc_view_find(view, "s", &entry) == 0 ||
		  strstr(zipc_last_error(), "damaged"));
	zipc_view_close(view);
	zipc_stack_close(stack);
}
END_TEST

/* inspection */

START_TEST(it_is_watched_newest_first)
{
	struct zipc_stack *stack = new_stack(_i ? "u64[2]" : "u64", 1000);
	uint64_t elem[2] = { 0 }, ids[1000], bytes[2000], i;
	unsigned words = _i ? 2 : 1;
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "s", &entry), 0);
	ck_assert_str_eq(entry.kind_name, "stack");
	ck_assert_uint_eq(entry.size, 0);
	ck_rc(zipc_view_elements(view, &entry, 0, 10, bytes, ids), 0);
	for (i = 0; i < 705; i++) {
		elem[0] = i;
		ck_rc(zipc_stack_push(stack, elem, ZIPC_NOWAIT), 0);
	}
	for (i = 0; i < 5; i++)
		ck_rc(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_view_find(view, "s", &entry), 0);
	ck_assert_uint_eq(entry.size, 700);
	ck_assert_uint_eq(entry.capacity, 1000);
	ck_assert_uint_eq(entry.added, 705);
	ck_assert_uint_eq(entry.removed, 5);
	ck_rc(zipc_view_elements(view, &entry, 0, 1000, bytes, ids), 700);
	for (i = 0; i < 700; i++) {
		ck_assert_uint_eq(bytes[i * words], 699 - i);
		ck_assert_uint_eq(ids[i], i);
	}
	ck_rc(zipc_view_elements(view, &entry, 690, 1000, bytes, ids), 10);
	ck_assert_uint_eq(bytes[0], 9);
	ck_assert_uint_eq(ids[0], 690);
	ck_rc(zipc_view_elements(view, &entry, 3, 4, bytes, NULL), 4);
	ck_assert_uint_eq(bytes[0], 696);
	ck_rc(zipc_view_elements(view, &entry, 700, 1, bytes, ids), 0);
	zipc_view_close(view);
	zipc_stack_close(stack);
}
END_TEST

static struct zipc_stack *busy;

/* Elements with both words the same, up and down. */
static void keep_busy(void *unused)
{
	uint64_t elem[25], i, n, value = 0;

	(void)unused;
	tell_parent();
	for (n = 0;; n = (n + 7) % 40) {
		for (i = 0; i < n; i++) {
			memset(elem, (int)(++value & 0xFF), sizeof(elem));
			zipc_stack_push(busy, elem, ZIPC_NOWAIT);
		}
		for (i = 0; i < n; i++)
			zipc_stack_pop(busy, elem, ZIPC_NOWAIT);
	}
}

START_TEST(elements_of_a_stack_in_use_are_whole)
{
	uint64_t bytes[64 * 25], ids[64], seen = 0;
	struct zipc_view_entry entry;
	struct zipc_view *view;
	struct child child;
	int64_t n, i, k;
	int round;

	busy = new_stack("u64[25]", 64);
	child = child_start(keep_busy, NULL);
	child_hear(&child);
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	for (round = 0; round < 20000 || seen < 100; round++) {
		ck_rc(zipc_view_find(view, "s", &entry), 0);
		ck_assert_uint_le(entry.size, 40);
		n = zipc_view_elements(view, &entry, 0, 64, bytes, ids);
		ck_assert_int_ge(n, 0);
		for (i = 0; i < n; i++)
			for (k = 1; k < 25; k++)
				ck_assert_uint_eq(bytes[i * 25 + k],
						  bytes[i * 25]);
		for (i = 1; i < n; i++)
			ck_assert_uint_gt(ids[i], ids[i - 1]);
		seen += (uint64_t)n;
	}
	child_kill(&child);
	zipc_view_close(view);
	zipc_stack_close(busy);
}
END_TEST

START_TEST(a_peek_in_use_is_whole)
{
	uint64_t elem[25];
	struct child child;
	int k, round, seen = 0;

	busy = new_stack("u64[25]", 64);
	child = child_start(keep_busy, NULL);
	child_hear(&child);
	for (round = 0; round < 200000 || seen < 100; round++) {
		if (zipc_stack_peek(busy, elem) == -EAGAIN)
			continue;
		for (k = 1; k < 25; k++)
			ck_assert_uint_eq(elem[k], elem[0]);
		seen++;
	}
	child_kill(&child);
	zipc_stack_close(busy);
}
END_TEST

static void add_use(Suite *suite)
{
	TCase *tc = test_case(suite, "stack", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, last_in_is_first_out, 0, 2);
	tcase_add_loop_test(tc, it_is_a_stack_in_any_order_of_calls, 0, 2);
	tcase_add_loop_test(tc, capacity_is_exact, 0, 14);
	tcase_add_test(tc, empty_says_so_and_leaves_the_buffer_alone);
	tcase_add_loop_test(tc, elements_of_any_size_come_out_whole, 0, 13);
	tcase_add_test(tc, what_no_stack_can_hold_is_refused);
	tcase_add_test(tc, a_wait_ends_at_its_deadline_and_not_before);
	tcase_add_loop_test(tc, who_waits_for_ever_is_woken, 0, 2);
	tcase_add_test(tc, signals_do_not_end_a_wait);
	tcase_add_test(tc, opening_checks_kind_and_type);
	tcase_add_loop_test(tc, through_a_read_only_segment_it_is_peeked, 0, 2);
	tcase_add_test(tc, who_only_reads_is_told_that_it_was_removed);
	tcase_add_test(tc, writers_places_are_counted_and_come_back);
	tcase_add_test(tc, small_elements_need_no_places);
	tcase_add_loop_test(tc, a_forked_child_goes_on_with_the_handle, 0, 2);
	tcase_add_loop_test(tc, push_pop_and_peek_make_no_system_call, 0, 2);
}

static Suite *stack_suite(void)
{
	Suite *suite = suite_create("stack");
	TCase *tc;

	add_use(suite);
	tc = test_case(suite, "words", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, alone_each_position_has_its_slot);
	tcase_add_test(tc, the_claims_of_the_dead_come_back);
	tcase_add_test(tc, a_slot_is_its_pushers_until_that_has_gone_on);
	tcase_add_loop_test(tc, turns_that_wrap_change_nothing, 0, 2);
	tcase_add_test(
		tc, a_cell_that_was_left_alone_for_all_turns_deceives_nobody);
	tcase_add_test(tc, the_largest_index_leaves_36_bits_of_turn);
	tc = test_case(suite, "damage", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, a_damaged_stack_gives_errors_and_ends, 0, 2);
	tcase_add_test(tc, a_top_that_can_not_be_is_told);
	tcase_add_test(tc, slots_that_are_all_claimed_are_told);
	tcase_add_loop_test(tc, a_stack_whose_parts_overlap_is_not_opened, 0,
			    MISFITS);
	tc = test_case(suite, "watched", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, it_is_watched_newest_first, 0, 2);
	tc = test_case(suite, "in use", "medium", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, elements_of_a_stack_in_use_are_whole);
	tcase_add_test(tc, a_peek_in_use_is_whole);
	return suite;
}

TEST_MAIN(stack_suite)
