/* SPDX-License-Identifier: MIT */
/* The pool's promises, one by one, in one process or a few. */
#include "children.h"
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/pool.h"
#include "../libzeroipc/queue.h"
#include "../libzeroipc/table.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>

#define MS INT64_C(1000000)

static struct zipc_segment *segment;

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("pool"), 64 << 20, NULL),
	      0);
}

static void tear_down(void)
{
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_pool *new_pool(const char *type, uint64_t capacity)
{
	struct zipc_pool *pool;

	ck_rc(zipc_pool_create(&pool, segment, "p", type, capacity), 0);
	return pool;
}

static struct zipc_queue *new_queue(uint64_t capacity)
{
	struct zipc_queue *queue;

	ck_rc(zipc_queue_create(&queue, segment, "q", "u64", capacity), 0);
	return queue;
}

/* What another process has: its own handles on the segment. */
struct other {
	struct zipc_segment *segment;
	struct zipc_pool *pool;
	struct zipc_queue *queue;
};

static struct other open_other(void)
{
	struct other other = { 0 };

	ck_rc(zipc_segment_open(&other.segment, zipc_segment_name(segment), 0),
	      0);
	ck_rc(zipc_pool_open(&other.pool, other.segment, "p", NULL), 0);
	if (zipc_queue_open(&other.queue, other.segment, "q", NULL))
		other.queue = NULL;
	return other;
}

static void close_other(struct other *other)
{
	zipc_pool_close(other->pool);
	zipc_queue_close(other->queue);
	zipc_segment_close(other->segment);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static const uint64_t capacities[] = { 1, 2, 63, 64, 65, 1000, 4160, 9000 };

START_TEST(every_object_is_taken_once_and_the_capacity_is_exact)
{
	uint64_t capacity = capacities[_i], i, index;
	struct zipc_pool *pool = new_pool("u32", capacity);
	bool *seen = calloc(capacity, sizeof(*seen));
	unsigned round;

	ck_assert_uint_eq(zipc_pool_capacity(pool), capacity);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < capacity; i++) {
			ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
			ck_assert_uint_lt(index, capacity);
			ck_assert(!seen[index]);
			seen[index] = true;
		}
		ck_assert_uint_eq(zipc_pool_size(pool), capacity);
		index = 77;
		ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), -EAGAIN);
		ck_message("taken");
		ck_assert_uint_eq(index, 77);
		for (i = 0; i < capacity; i++) {
			/* In another order each time. */
			index = (i * 7 + round) % capacity;
			if (capacity % 7 == 0)
				index = i;
			ck_rc(zipc_pool_give(pool, index), 0);
			seen[index] = false;
		}
		ck_assert_uint_eq(zipc_pool_size(pool), 0);
	}
	zipc_pool_close(pool);
	free(seen);
}
END_TEST

START_TEST(one_free_object_of_very_many_is_found_wherever_it_is)
{
	static const uint64_t places[] = { 0, 63, 64, 4095, 77777, 199999 };
	struct zipc_pool *pool = new_pool("u8", 200000);
	uint64_t i, index;

	for (i = 0; i < 200000; i++)
		ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	for (i = 0; i < 6; i++) {
		ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), -EAGAIN);
		ck_rc(zipc_pool_give(pool, places[i]), 0);
		pool->from = 100000; /* as another handle would begin */
		ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
		ck_assert_uint_eq(index, places[i]);
	}
	zipc_pool_close(pool);
}
END_TEST

/* A death between a give and its hint leaves a mark that is not true. */
START_TEST(a_stale_hint_hides_no_object)
{
	uint64_t capacity = _i ? 9000 : 1000, i, index;
	struct zipc_pool *pool = new_pool("u8", capacity);
	struct other other = open_other();

	for (i = 0; i < capacity; i++)
		ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_give(pool, 700), 0);
	ck_rc(zipc_pool_give(pool, 701), 0);
	for (i = 0; i < (capacity + 4095) / 4096; i++)
		atomic_store_explicit(&pool->full[i], UINT64_MAX,
				      memory_order_relaxed);
	for (i = 700; i < 702; i++) {
		other.pool->from = 0;
		ck_rc(zipc_pool_take(other.pool, &index, ZIPC_NOWAIT), 0);
		ck_assert_uint_eq(index, i);
	}
	ck_rc(zipc_pool_take(other.pool, &index, ZIPC_NOWAIT), -EAGAIN);
	close_other(&other);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(objects_are_aligned_and_apart)
{
	static const unsigned sizes[] = { 1, 8, 63, 64, 65, 4096, 1 << 20 };
	unsigned size = sizes[_i], i;
	unsigned char *at[3];
	struct zipc_pool *pool;
	uint64_t index;
	char type[32];

	snprintf(type, sizeof(type), "bytes:%u", size);
	pool = new_pool(type, 3);
	ck_assert_uint_eq(zipc_pool_elem_size(pool), size);
	ck_assert_str_eq(zipc_type_text(zipc_pool_type(pool)), type);
	for (i = 0; i < 3; i++) {
		ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
		at[i] = zipc_pool_at(pool, index);
		ck_assert_ptr_nonnull(at[i]);
		ck_assert_uint_eq((uintptr_t)at[i] % 64, 0);
		memset(at[i], (int)i + 1, size);
	}
	for (i = 0; i < 3; i++) {
		ck_assert_uint_eq(at[i][0], i + 1);
		ck_assert_uint_eq(at[i][size - 1], i + 1);
		ck_assert(!memcmp(at[i], at[i] + 1, size - 1));
	}
	ck_assert_ptr_null(zipc_pool_at(pool, 3));
	ck_message("no object 3");
	zipc_pool_close(pool);
}
END_TEST

/* who may give */

START_TEST(giving_twice_is_refused)
{
	struct zipc_pool *pool = new_pool("u64", 4);
	uint64_t index;

	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_give(pool, index), 0);
	ck_rc(zipc_pool_give(pool, index), -EINVAL);
	ck_message("free");
	ck_message("`p`");
	ck_rc(zipc_pool_give(pool, 4), -EINVAL);
	ck_message("no object 4");
	ck_rc(zipc_pool_give(pool, UINT64_MAX), -EINVAL);
	ck_assert_uint_eq(zipc_pool_size(pool), 0);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(giving_what_is_anothers_is_refused_and_names_the_owner)
{
	struct zipc_pool *pool = new_pool("u64", 4);
	struct other other = open_other();
	uint64_t index, ticket;
	char pid[32];

	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	ck_rc(zipc_pool_take(other.pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_give(pool, index), -EACCES);
	ck_message(pid);
	ck_message("belongs to");
	ck_rc(zipc_pool_pass(pool, index, &ticket), -EACCES);
	ck_rc(zipc_pool_pass(other.pool, index, &ticket), 0);
	ck_rc(zipc_pool_give(pool, index), -EACCES);
	ck_message("passed on");
	ck_rc(zipc_pool_give(other.pool, index), -EACCES);
	ck_message("by this process");
	ck_rc(zipc_pool_accept(pool, ticket, &index), 0);
	ck_rc(zipc_pool_give(other.pool, index), -EACCES);
	ck_rc(zipc_pool_give(pool, index), 0);
	close_other(&other);
	zipc_pool_close(pool);
}
END_TEST

/* passing */

START_TEST(a_ticket_is_accepted_once)
{
	uint64_t capacity = _i ? 65 : 1, index, again = 77, old, ticket;
	struct zipc_pool *pool = new_pool("u64", capacity);
	struct other other = open_other();

	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_pass(pool, index, &old), 0);
	ck_assert_uint_eq(zipc_pool_size(pool), 1);
	ck_rc(zipc_pool_accept(other.pool, old, &again), 0);
	ck_assert_uint_eq(again, index);
	again = 77;
	ck_rc(zipc_pool_accept(pool, old, &again), -ENOENT);
	ck_message("stale");
	ck_rc(zipc_pool_pass(other.pool, index, &ticket), 0);
	ck_assert_uint_ne(ticket, old);
	ck_rc(zipc_pool_accept(pool, old, &again), -ENOENT);
	ck_assert_uint_eq(again, 77);
	/* Who passed it may take it back. */
	ck_rc(zipc_pool_accept(other.pool, ticket, &again), 0);
	ck_rc(zipc_pool_give(other.pool, index), 0);
	ck_rc(zipc_pool_accept(pool, ticket, &again), -ENOENT);
	close_other(&other);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(what_is_no_ticket_is_refused)
{
	struct zipc_pool *pool = new_pool("u64", 5);
	uint64_t bits[] = { 0, 5, 7, UINT64_MAX, 8, UINT64_C(1) << 63 };
	uint64_t index = 77;
	size_t i;

	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		ck_rc(zipc_pool_accept(pool, bits[i], &index), -ENOENT);
	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		ck_rc(zipc_pool_accept(pool, bits[i], &index), -ENOENT);
	ck_rc(zipc_pool_give(pool, index), 0);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(what_is_sent_is_received_in_order)
{
	struct zipc_pool *pool = new_pool("u64", 8);
	struct zipc_queue *queue = new_queue(8);
	struct other other = open_other();
	uint64_t i, index, round;

	for (round = 0; round < 50; round++) {
		for (i = 0; i < 8; i++) {
			ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
			*(uint64_t *)zipc_pool_at(pool, index) = round * 8 + i;
			ck_rc(zipc_pool_send(pool, queue, index, ZIPC_NOWAIT),
			      0);
		}
		for (i = 0; i < 8; i++) {
			ck_rc(zipc_pool_receive(other.pool, other.queue, &index,
						ZIPC_NOWAIT), 0);
			ck_assert_uint_eq(*(uint64_t *)zipc_pool_at(other.pool,
								    index),
					  round * 8 + i);
			ck_rc(zipc_pool_give(other.pool, index), 0);
		}
	}
	ck_rc(zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_pool_receive(pool, queue, &index, 10 * MS), -ETIMEDOUT);
	close_other(&other);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(a_failed_send_leaves_the_object_with_its_owner)
{
	struct zipc_pool *pool = new_pool("u64", 4);
	struct zipc_queue *queue = new_queue(1);
	uint64_t first, second, index;

	ck_rc(zipc_pool_take(pool, &first, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_take(pool, &second, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_send(pool, queue, first, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_send(pool, queue, second, ZIPC_NOWAIT), -EAGAIN);
	ck_message("full");
	ck_rc(zipc_pool_send(pool, queue, second, 10 * MS), -ETIMEDOUT);
	ck_rc(zipc_pool_send(pool, queue, first, ZIPC_NOWAIT), -EACCES);
	ck_rc(zipc_pool_send(pool, queue, 9, ZIPC_NOWAIT), -EINVAL);
	ck_rc(zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(index, first);
	ck_rc(zipc_pool_give(pool, first), 0);
	ck_rc(zipc_pool_send(pool, queue, first, ZIPC_NOWAIT), -EINVAL);
	ck_rc(zipc_pool_give(pool, second), 0);
	ck_assert_uint_eq(zipc_pool_size(pool), 0);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(receive_passes_over_what_is_stale)
{
	struct zipc_pool *pool = new_pool("u64", 4);
	struct zipc_queue *queue = new_queue(8);
	uint64_t index, ticket;

	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_pass(pool, index, &ticket), 0);
	ck_rc(zipc_queue_push(queue, &ticket, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_accept(pool, ticket, &index), 0);
	ticket = UINT64_MAX;
	ck_rc(zipc_queue_push(queue, &ticket, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_send(pool, queue, index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_give(pool, index), 0);
	ck_assert_uint_eq(zipc_queue_size(queue), 0);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(only_a_queue_of_words_in_the_same_segment_carries_objects)
{
	struct zipc_pool *pool = new_pool("u64", 4);
	struct zipc_segment *elsewhere;
	struct zipc_queue *queue;
	uint64_t index;

	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_queue_create(&queue, segment, "narrow", "u32", 4), 0);
	ck_rc(zipc_pool_send(pool, queue, index, ZIPC_NOWAIT), -EPROTOTYPE);
	ck_message("u64");
	ck_rc(zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT), -EPROTOTYPE);
	zipc_queue_close(queue);
	ck_rc(zipc_segment_create(&elsewhere, test_name("else"), 1 << 20, NULL),
	      0);
	ck_rc(zipc_queue_create(&queue, elsewhere, "q", "u64", 4), 0);
	ck_rc(zipc_pool_send(pool, queue, index, ZIPC_NOWAIT), -EINVAL);
	ck_message("segment");
	ck_rc(zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT), -EINVAL);
	ck_rc(zipc_pool_give(pool, index), 0);
	zipc_queue_close(queue);
	zipc_segment_close(elsewhere);
	zipc_pool_close(pool);
}
END_TEST

/* waiting */

START_TEST(a_wait_ends_at_its_deadline_and_not_before)
{
	struct zipc_pool *pool = new_pool("u8", 1);
	int64_t began;
	uint64_t index;

	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	began = now_ns();
	ck_rc(zipc_pool_take(pool, &index, 30 * MS), -ETIMEDOUT);
	ck_assert_int_ge(now_ns() - began, 30 * MS);
	zipc_pool_close(pool);
}
END_TEST

static void take_and_give_often(void *unused)
{
	struct other other = open_other();
	uint64_t index;
	int i;

	(void)unused;
	for (i = 0; i < 2000; i++) {
		ck_rc(zipc_pool_take(other.pool, &index, ZIPC_FOREVER), 0);
		ck_rc(zipc_pool_give(other.pool, index), 0);
	}
	close_other(&other);
}

START_TEST(who_waits_for_ever_is_woken_by_a_give)
{
	struct zipc_pool *pool = new_pool("u8", 1);
	struct child child[3];
	int i;

	for (i = 0; i < 3; i++)
		child[i] = child_start(take_and_give_often, NULL);
	for (i = 0; i < 3; i++)
		child_end(&child[i]);
	ck_assert_uint_eq(zipc_pool_size(pool), 0);
	zipc_pool_close(pool);
}
END_TEST

/* the dead */

static void take_some_and_wait(void *unused)
{
	struct other other = open_other();
	uint64_t index;
	int i;

	(void)unused;
	for (i = 0; i < 3; i++)
		ck_rc(zipc_pool_take(other.pool, &index, ZIPC_NOWAIT), 0);
	tell_parent();
	await_parent();
}

START_TEST(what_a_dead_process_owns_comes_back_and_no_more)
{
	struct zipc_pool *pool = new_pool("u8", 5);
	struct child dying = child_start(take_some_and_wait, NULL), living;
	uint64_t index;

	child_hear(&dying);
	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_reclaim(pool), 0);
	child_kill(&dying);
	ck_assert_uint_eq(zipc_pool_size(pool), 4);
	ck_rc(zipc_pool_reclaim(pool), 3);
	ck_assert_uint_eq(zipc_pool_size(pool), 1);
	living = child_start(take_some_and_wait, NULL);
	child_hear(&living);
	ck_rc(zipc_pool_reclaim(pool), 0);
	ck_rc(zipc_pool_reclaim_passed(pool), 0);
	ck_assert_uint_eq(zipc_pool_size(pool), 4);
	ck_rc(zipc_pool_give(pool, index), 0);
	child_end(&living);
	zipc_pool_close(pool);
}
END_TEST

static struct zipc_pool *new_reclaiming(uint64_t capacity)
{
	static const struct zipc_pool_options itself = { .reclaims = 1 };
	struct zipc_pool *pool;

	ck_rc(zipc_pool_create_with(&pool, segment, "p", "u8", capacity,
				    &itself), 0);
	return pool;
}

START_TEST(where_wished_they_come_back_by_themselves)
{
	struct zipc_pool *pool = new_reclaiming(3);
	struct child child = child_start(take_some_and_wait, NULL);
	uint64_t index, i;

	child_hear(&child);
	child_kill(&child);
	for (i = 0; i < 3; i++)
		ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), -EAGAIN);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(where_not_wished_they_wait_for_reclaim)
{
	struct zipc_pool *pool = new_pool("u8", 3);
	struct child child = child_start(take_some_and_wait, NULL);
	uint64_t index;

	child_hear(&child);
	child_kill(&child);
	ck_rc(zipc_pool_take(pool, &index, 150 * MS), -ETIMEDOUT);
	ck_rc(zipc_pool_reclaim(pool), 3);
	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	zipc_pool_close(pool);
}
END_TEST

static void take_one_for_ever(void *unused)
{
	struct other other = open_other();
	uint64_t index;

	(void)unused;
	tell_parent();
	ck_rc(zipc_pool_take(other.pool, &index, ZIPC_FOREVER), 0);
}

START_TEST(who_waits_finds_what_the_dead_had)
{
	struct zipc_pool *pool = new_reclaiming(3);
	struct child dying = child_start(take_some_and_wait, NULL), waiting;

	child_hear(&dying);
	waiting = child_start(take_one_for_ever, NULL);
	child_hear(&waiting);
	sleeps_in_futex(waiting.pid, 0);
	child_kill(&dying);
	child_end(&waiting);
	zipc_pool_close(pool);
}
END_TEST

static void pass_and_die(void *tickets)
{
	struct other other = open_other();
	uint64_t index;
	int i;

	for (i = 0; i < 2; i++) {
		ck_rc(zipc_pool_take(other.pool, &index, ZIPC_NOWAIT), 0);
		ck_rc(zipc_pool_pass(other.pool, index,
				     (uint64_t *)tickets + i), 0);
	}
}

START_TEST(a_passers_death_leaves_the_passed_until_it_is_asked_for)
{
	uint64_t *tickets = shared_memory(4096), index;
	struct zipc_pool *pool = new_reclaiming(2);
	struct child child = child_start(pass_and_die, tickets);

	child_end(&child);
	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_pool_reclaim(pool), 0);
	ck_rc(zipc_pool_accept(pool, tickets[0], &index), 0);
	ck_rc(zipc_pool_reclaim_passed(pool), 1);
	ck_rc(zipc_pool_accept(pool, tickets[1], &index), -ENOENT);
	ck_message("reclaimed");
	ck_assert_uint_eq(zipc_pool_size(pool), 1);
	zipc_pool_close(pool);
}
END_TEST

/* How far a sender gets before it dies. */
enum sent { SENT_NOT, SENT_PUSHED, SENT_WHOLLY };

static void send_and_die(void *how_far)
{
	enum sent how = *(enum sent *)how_far;
	struct other other = open_other();
	uint64_t index, turn, ticket, me;

	ck_rc(zipc_pool_take(other.pool, &index, ZIPC_NOWAIT), 0);
	if (how == SENT_WHOLLY) {
		ck_rc(zipc_pool_send(other.pool, other.queue, index,
				     ZIPC_NOWAIT), 0);
		return;
	}
	me = zipc_pool_me(other.pool);
	other.pool->queues[index] = zipc_queue_offset(other.queue);
	ck_rc(zipc_pool_hand_on(other.pool, index, me | ZIPC_POOL_SENDING,
				&turn), 0);
	ticket = zipc_pool_ticket(other.pool->capacity, index, turn + 1);
	if (how == SENT_PUSHED)
		ck_rc(zipc_queue_push(other.queue, &ticket, ZIPC_NOWAIT), 0);
}

START_TEST(a_dead_senders_message_is_there_or_its_object_comes_back)
{
	struct zipc_pool *pool = new_pool("u8", 2);
	struct zipc_queue *queue = new_queue(4);
	enum sent how = (enum sent)_i;
	struct child child = child_start(send_and_die, &how);
	uint64_t index;

	child_end(&child);
	ck_rc(zipc_pool_reclaim(pool), how == SENT_NOT ? 1 : 0);
	ck_rc(zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT),
	      how == SENT_NOT ? -EAGAIN : 0);
	ck_rc(zipc_pool_reclaim(pool), 0);
	if (how != SENT_NOT)
		ck_rc(zipc_pool_give(pool, index), 0);
	ck_assert_uint_eq(zipc_pool_size(pool), 0);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
}
END_TEST

/* The name is gone, but who has the queue open may still receive from it. */
START_TEST(a_message_in_a_removed_queue_stays_while_anybody_has_it_open)
{
	struct zipc_pool *pool = new_pool("u8", 2);
	struct zipc_queue *queue = new_queue(4);
	enum sent how = (enum sent)_i;
	struct child child = child_start(send_and_die, &how);
	uint64_t index;

	child_end(&child);
	ck_rc(zipc_segment_remove(segment, "q"), 0);
	ck_rc(zipc_pool_reclaim(pool), 0);
	if (how == SENT_PUSHED) {
		ck_rc(zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT), 0);
		ck_rc(zipc_pool_give(pool, index), 0);
	}
	zipc_queue_close(queue);
	/* Who creates the next one frees the space of the last. */
	ck_rc(zipc_queue_create(&queue, segment, "q", "u64", 4), 0);
	ck_rc(zipc_pool_reclaim(pool), how == SENT_NOT ? 1 : 0);
	ck_assert_uint_eq(zipc_pool_size(pool), 0);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(who_only_reads_a_removed_pool_is_told_nothing_false)
{
	struct zipc_pool *pool = new_pool("u8", 4), *watch;
	struct zipc_segment *mine;
	uint64_t index;

	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_pool_open(&watch, mine, "p", NULL), 0);
	ck_assert_uint_eq(zipc_pool_size(watch), 1);
	ck_rc(zipc_segment_remove(segment, "p"), 0);
	ck_rc(zipc_pool_give(pool, index), 0);
	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(zipc_pool_size(watch), 0);
	zipc_pool_close(watch);
	ck_rc(zipc_pool_open(&watch, mine, "p", NULL), -ENOENT);
	zipc_segment_close(mine);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(what_a_dead_sender_has_sent_can_be_called_back)
{
	struct zipc_pool *pool = new_pool("u8", 2);
	struct zipc_queue *queue = new_queue(4);
	enum sent how = (enum sent)_i;
	struct child child = child_start(send_and_die, &how);
	uint64_t index;

	child_end(&child);
	ck_rc(zipc_pool_reclaim_passed(pool), 1);
	ck_rc(zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT), -EAGAIN);
	ck_assert_uint_eq(zipc_pool_size(pool), 0);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(a_forked_child_owns_what_it_takes_and_not_its_parents)
{
	struct zipc_pool *pool = new_pool("u8", 4);
	uint64_t mine, index;
	struct child child;
	int status;

	ck_rc(zipc_pool_take(pool, &mine, ZIPC_NOWAIT), 0);
	child.pid = fork();
	if (!child.pid) {
		if (zipc_pool_give(pool, mine) != -EACCES ||
		    zipc_pool_take(pool, &index, ZIPC_NOWAIT))
			_exit(1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child.pid, &status, 0), child.pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(zipc_pool_size(pool), 2);
	ck_rc(zipc_pool_reclaim(pool), 1);
	ck_rc(zipc_pool_give(pool, mine), 0);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(a_closed_segment_handle_owns_nothing_any_more)
{
	struct zipc_pool *pool = new_pool("u8", 4);
	struct other other = open_other();
	uint64_t index;

	ck_rc(zipc_pool_take(other.pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_reclaim(pool), 0);
	close_other(&other);
	ck_rc(zipc_pool_reclaim(pool), 1);
	zipc_pool_close(pool);
}
END_TEST

/* what is refused */

START_TEST(through_a_read_only_segment_it_only_answers)
{
	struct zipc_pool *pool = new_pool("u64", 4), *watch;
	struct zipc_segment *mine;
	uint64_t index, ticket = 0;

	ck_rc(zipc_pool_take(pool, &index, ZIPC_NOWAIT), 0);
	*(uint64_t *)zipc_pool_at(pool, index) = 99;
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_pool_open(&watch, mine, "p", "u64"), 0);
	ck_assert_uint_eq(zipc_pool_size(watch), 1);
	ck_assert_uint_eq(*(uint64_t *)zipc_pool_at(watch, index), 99);
	ck_rc(zipc_pool_take(watch, &index, ZIPC_NOWAIT), -EROFS);
	ck_message("`p`");
	ck_rc(zipc_pool_give(watch, index), -EROFS);
	ck_rc(zipc_pool_pass(watch, index, &ticket), -EROFS);
	ck_rc(zipc_pool_accept(watch, ticket, &index), -EROFS);
	ck_rc(zipc_pool_reclaim(watch), -EROFS);
	ck_rc(zipc_pool_reclaim_passed(watch), -EROFS);
	zipc_pool_close(watch);
	zipc_segment_close(mine);
	zipc_pool_close(pool);
}
END_TEST

START_TEST(opening_checks_kind_type_and_capacity)
{
	static const struct zipc_pool_options two = { .reclaims = 2 };
	struct zipc_pool *pool = new_pool("{ts:u64, temp:f32}", 4), *other;
	struct zipc_queue *queue;

	ck_rc(zipc_pool_open(&other, segment, "p", "{ts:u64, temp:f64}"),
	      -EPROTOTYPE);
	ck_message("temp");
	ck_rc(zipc_pool_open(&other, segment, "r", NULL), -ENOENT);
	ck_rc(zipc_queue_open(&queue, segment, "p", NULL), -EPROTOTYPE);
	ck_message("pool");
	ck_rc(zipc_pool_open_or_create(&other, segment, "p",
				       "{ts:u64, temp:f32}", 5), -EPROTOTYPE);
	ck_rc(zipc_pool_open_or_create(&other, segment, "p",
				       "{ts:u64, temp:f32}", 4), 0);
	zipc_pool_close(other);
	ck_rc(zipc_pool_open_or_create(&other, segment, "r", "u8", 4), 0);
	zipc_pool_close(other);
	ck_rc(zipc_pool_create(&other, segment, "p", "u8", 4), -EEXIST);
	ck_rc(zipc_pool_create(&other, segment, "s", "u8", 0), -EINVAL);
	ck_rc(zipc_pool_create(&other, segment, "s", "u8",
			       UINT64_C(1) << 33), -ENOSPC);
	ck_rc(zipc_pool_create_with(&other, segment, "s", "u8", 4, &two),
	      -EINVAL);
	zipc_pool_close(pool);
	zipc_pool_close(NULL);
}
END_TEST

static const struct {
	size_t offset, size;
	uint64_t value;
} misfits[] = {
	{ offsetof(struct zipc_pool_shape, stride), 8, 0 },
	{ offsetof(struct zipc_pool_shape, stride), 8, UINT64_MAX },
	{ offsetof(struct zipc_pool_shape, stride), 8, 128 },
	{ offsetof(struct zipc_pool_shape, options), 4, 2 },
	{ offsetof(struct zipc_pool_shape, cells_offset), 8, 0 },
	{ offsetof(struct zipc_pool_shape, full_offset), 8, 64 },
	{ offsetof(struct zipc_pool_shape, notes_offset), 8, UINT64_MAX },
	{ offsetof(struct zipc_pool_shape, objects_offset), 8, 1 << 20 },
};

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

START_TEST(a_pool_whose_parts_are_misplaced_is_not_opened)
{
	struct zipc_pool *pool = new_pool("u64", 100), *other = NULL;
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, "p", ZIPC_POOL, NULL), 0);
	memcpy(found.body + misfits[_i].offset, &misfits[_i].value,
	       misfits[_i].size);
	ck_rc(zipc_pool_open(&other, segment, "p", NULL), -EBADMSG);
	ck_message("damaged");
	ck_assert_ptr_null(other);
	zipc_type_free(found.type);
	zipc_pool_close(pool);
}
END_TEST

/* speed */

struct handles {
	struct zipc_pool *pool;
	struct zipc_queue *queue;
	struct other other;
};

static void first_round(void *context)
{
	struct handles *it = context;
	uint64_t index;

	it->other = open_other();
	ck_rc(zipc_pool_take(it->pool, &index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_send(it->pool, it->queue, index, ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_receive(it->other.pool, it->other.queue, &index,
				ZIPC_NOWAIT), 0);
	ck_rc(zipc_pool_give(it->other.pool, index), 0);
}

static void hand_on_often(void *context)
{
	struct handles *it = context;
	uint64_t index, ticket;
	int i;

	for (i = 0; i < 1000; i++) {
		ck_rc(zipc_pool_take(it->pool, &index, ZIPC_FOREVER), 0);
		ck_rc(zipc_pool_pass(it->pool, index, &ticket), 0);
		ck_rc(zipc_pool_accept(it->other.pool, ticket, &index), 0);
		ck_rc(zipc_pool_send(it->other.pool, it->other.queue, index,
				     ZIPC_FOREVER), 0);
		ck_rc(zipc_pool_receive(it->pool, it->queue, &index,
					ZIPC_FOREVER), 0);
		ck_rc(zipc_pool_give(it->pool, index), 0);
	}
}

START_TEST(nothing_that_does_not_wait_makes_a_system_call)
{
	struct handles handles = { .pool = new_pool("u64", 200),
				   .queue = new_queue(4) };

	must_make_no_system_call(first_round, hand_on_often, &handles);
	zipc_queue_close(handles.queue);
	zipc_pool_close(handles.pool);
}
END_TEST

static void reclaim_once(void *context)
{
	zipc_pool_reclaim(((struct handles *)context)->pool);
}

static void take_one(void *context)
{
	struct handles *it = context;
	uint64_t index;

	it->other = open_other();
	ck_rc(zipc_pool_take(it->other.pool, &index, ZIPC_NOWAIT), 0);
}

START_TEST(asking_who_is_dead_makes_some)
{
	struct handles handles = { .pool = new_pool("u64", 200) };

	must_make_a_system_call(take_one, reclaim_once, &handles);
	zipc_pool_close(handles.pool);
}
END_TEST

/* many */

#define WORDS 32
#define ROUNDS 20000
#define WORKERS 4

/* An object's words agree, and nobody else writes while one owns it. */
static void work(struct zipc_pool *pool, struct zipc_queue *queue, uint64_t me)
{
	uint64_t index, i, k, *words;

	for (i = 0; i < ROUNDS; i++) {
		if (i % 3 == 2) {
			if (zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT))
				continue;
		} else {
			ck_rc(zipc_pool_take(pool, &index, ZIPC_FOREVER), 0);
		}
		words = zipc_pool_at(pool, index);
		for (k = 1; k < WORDS; k++)
			ck_assert_uint_eq(words[k], words[0]);
		for (k = 0; k < WORDS; k++)
			words[k] = me << 32 | i;
		if (i % 3 != 0 ||
		    zipc_pool_send(pool, queue, index, ZIPC_NOWAIT))
			ck_rc(zipc_pool_give(pool, index), 0);
	}
}

static void check_all_back(struct zipc_pool *pool, struct zipc_queue *queue)
{
	uint64_t index;

	while (!zipc_pool_receive(pool, queue, &index, ZIPC_NOWAIT))
		ck_rc(zipc_pool_give(pool, index), 0);
	ck_assert_uint_eq(zipc_pool_size(pool), 0);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
}

static void *work_in_a_thread(void *unused)
{
	struct zipc_pool *pool;
	struct zipc_queue *queue;

	(void)unused;
	ck_rc(zipc_pool_open(&pool, segment, "p", NULL), 0);
	ck_rc(zipc_queue_open(&queue, segment, "q", NULL), 0);
	work(pool, queue, (uintptr_t)&pool & 0xFFFFFFFF);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
	return NULL;
}

static void work_in_a_process(void *unused)
{
	struct other other = open_other();

	(void)unused;
	work(other.pool, other.queue, (uint64_t)getpid());
	close_other(&other);
}

/* Few objects, so that all are taken often; or groups that fill and empty. */
static const uint64_t many_capacities[] = { 3, 100 };

START_TEST(threads_never_share_an_object)
{
	struct zipc_pool *pool = new_pool("u64[32]", many_capacities[_i]);
	struct zipc_queue *queue = new_queue(many_capacities[_i] / 2);
	pthread_t threads[WORKERS];
	int i;

	for (i = 0; i < WORKERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						work_in_a_thread, NULL), 0);
	for (i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	check_all_back(pool, queue);
}
END_TEST

START_TEST(processes_never_share_an_object)
{
	struct zipc_pool *pool = new_pool("u64[32]", many_capacities[_i]);
	struct zipc_queue *queue = new_queue(many_capacities[_i] / 2);
	struct child child[WORKERS];
	int i;

	for (i = 0; i < WORKERS; i++)
		child[i] = child_start(work_in_a_process, NULL);
	for (i = 0; i < WORKERS; i++)
		child_end(&child[i]);
	check_all_back(pool, queue);
}
END_TEST

static void add_deaths(TCase *tc)
{
	tcase_add_test(tc, what_a_dead_process_owns_comes_back_and_no_more);
	tcase_add_test(tc, where_wished_they_come_back_by_themselves);
	tcase_add_test(tc, where_not_wished_they_wait_for_reclaim);
	tcase_add_test(tc, who_waits_finds_what_the_dead_had);
	tcase_add_test(tc,
		       a_passers_death_leaves_the_passed_until_it_is_asked_for);
	tcase_add_loop_test(
		tc, a_dead_senders_message_is_there_or_its_object_comes_back,
		SENT_NOT, SENT_WHOLLY + 1);
	tcase_add_loop_test(
		tc,
		a_message_in_a_removed_queue_stays_while_anybody_has_it_open,
		SENT_NOT, SENT_PUSHED + 1);
	tcase_add_test(tc,
		       who_only_reads_a_removed_pool_is_told_nothing_false);
	tcase_add_loop_test(tc, what_a_dead_sender_has_sent_can_be_called_back,
			    SENT_NOT, SENT_WHOLLY + 1);
	tcase_add_test(tc,
		       a_forked_child_owns_what_it_takes_and_not_its_parents);
	tcase_add_test(tc, a_closed_segment_handle_owns_nothing_any_more);
}

static Suite *pool_suite(void)
{
	Suite *suite = suite_create("pool");
	TCase *tc = test_case(suite, "pool", "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(
		tc, every_object_is_taken_once_and_the_capacity_is_exact, 0,
		COUNT(capacities));
	tcase_add_test(tc,
		       one_free_object_of_very_many_is_found_wherever_it_is);
	tcase_add_loop_test(tc, a_stale_hint_hides_no_object, 0, 2);
	tcase_add_loop_test(tc, objects_are_aligned_and_apart, 0, 7);
	tcase_add_test(tc, giving_twice_is_refused);
	tcase_add_test(tc,
		       giving_what_is_anothers_is_refused_and_names_the_owner);
	tcase_add_loop_test(tc, a_ticket_is_accepted_once, 0, 2);
	tcase_add_test(tc, what_is_no_ticket_is_refused);
	tcase_add_test(tc, what_is_sent_is_received_in_order);
	tcase_add_test(tc, a_failed_send_leaves_the_object_with_its_owner);
	tcase_add_test(tc, receive_passes_over_what_is_stale);
	tcase_add_test(
		tc, only_a_queue_of_words_in_the_same_segment_carries_objects);
	tcase_add_test(tc, a_wait_ends_at_its_deadline_and_not_before);
	tcase_add_test(tc, through_a_read_only_segment_it_only_answers);
	tcase_add_test(tc, opening_checks_kind_type_and_capacity);
	tcase_add_loop_test(tc,
			    a_pool_whose_parts_are_misplaced_is_not_opened, 0,
			    COUNT(misfits));
	tcase_add_test(tc, nothing_that_does_not_wait_makes_a_system_call);
	tcase_add_test(tc, asking_who_is_dead_makes_some);
	tc = test_case(suite, "deaths", "fast", 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	add_deaths(tc);
	tc = test_case(suite, "many", "medium", 300);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, who_waits_for_ever_is_woken_by_a_give);
	tcase_add_loop_test(tc, threads_never_share_an_object, 0, 2);
	tcase_add_loop_test(tc, processes_never_share_an_object, 0, 2);
	return suite;
}

TEST_MAIN(pool_suite)
