/* SPDX-License-Identifier: MIT */
/* What leases promise, one by one, in one process or a few. */
#include "harness.h"
#include "no_calls.h"

#include "../libzeroipc/lease.h"

#include <signal.h>
#include <sys/wait.h>

#define MS INT64_C(1000000)
#define TAKERS 4u

static struct zipc_segment *segment;
static struct zipc_queue *queue;
static const struct zipc_queue_options leased = { .max_takers = TAKERS };

static void set_up(void)
{
	ck_rc(zipc_segment_create(&segment, test_name("lease"), 8 << 20, NULL),
	      0);
	ck_rc(zipc_queue_create_with(&queue, segment, "q", "u64", 8, &leased),
	      0);
}

static void tear_down(void)
{
	zipc_queue_close(queue);
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static struct zipc_queue *another(void)
{
	struct zipc_queue *other;

	ck_rc(zipc_queue_open(&other, segment, "q", NULL), 0);
	return other;
}

static void push(uint64_t first, uint64_t n)
{
	while (n--) {
		ck_rc(zipc_queue_push(queue, &first, ZIPC_NOWAIT), 0);
		first++;
	}
}

/* Take what must be that element, handed out for that time. */
static struct zipc_lease must_take(struct zipc_queue *from, uint64_t want,
				   unsigned attempt)
{
	struct zipc_lease lease;
	uint64_t elem;

	ck_rc(zipc_queue_take(from, &elem, &lease, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem, want);
	ck_assert_uint_eq(lease.attempt, attempt);
	return lease;
}

static void must_be_empty(struct zipc_queue *from)
{
	struct zipc_lease lease;
	uint64_t elem;

	ck_rc(zipc_queue_take(from, &elem, &lease, ZIPC_NOWAIT), -EAGAIN);
	ck_rc(zipc_queue_pop(from, &elem, ZIPC_NOWAIT), -EAGAIN);
	ck_message("empty");
}

/*
 * A child of its own segment and handle, that takes n and then waits for a byte
 * on the pipe: it is with them by the time this returns.
 */
static pid_t child_with(unsigned n, int *go_on)
{
	struct zipc_segment *mine;
	struct zipc_lease lease;
	struct zipc_queue *own;
	uint64_t elem;
	int ready[2], go[2];
	char byte = 0;
	pid_t child;

	ck_assert(!pipe(ready) && !pipe(go));
	child = fork();
	if (child) {
		close(ready[1]);
		close(go[0]);
		ck_assert_int_eq(read(ready[0], &byte, 1), 1);
		close(ready[0]);
		*go_on = go[1];
		return child;
	}
	close(go[1]);
	if (zipc_segment_open(&mine, zipc_segment_name(segment), 0) ||
	    zipc_queue_open(&own, mine, "q", NULL))
		_exit(1);
	while (n--)
		if (zipc_queue_take(own, &elem, &lease, ZIPC_NOWAIT))
			_exit(2);
	if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
		_exit(3);
	_exit(zipc_queue_done(own, &lease) ? 4 : 0);
}

static void kill_child(pid_t child, int go_on)
{
	ck_assert(!kill(child, SIGKILL));
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	close(go_on);
}

START_TEST(what_is_done_does_not_come_back)
{
	struct zipc_lease lease;
	uint64_t i;

	push(1, 8);
	for (i = 1; i <= 8; i++) {
		lease = must_take(queue, i, 1);
		ck_assert_uint_eq(lease.position, i);
		ck_rc(zipc_queue_done(queue, &lease), 0);
	}
	must_be_empty(queue);
}
END_TEST

START_TEST(what_is_under_lease_leaves_its_room)
{
	struct zipc_lease lease;

	push(1, 8);
	lease = must_take(queue, 1, 1);
	ck_assert_uint_eq(zipc_queue_size(queue), 7);
	push(9, 1);
	ck_assert_uint_eq(zipc_queue_size(queue), 8);
	ck_rc(zipc_queue_return(queue, &lease), 0);
	ck_assert_uint_eq(zipc_queue_size(queue), 8);
	must_take(queue, 1, 2);
}
END_TEST

START_TEST(what_is_given_back_comes_before_newer_ones)
{
	struct zipc_queue *other = another();
	struct zipc_lease first, second;

	push(1, 4);
	first = must_take(queue, 1, 1);
	second = must_take(queue, 2, 1);
	ck_rc(zipc_queue_return(queue, &second), 0);
	ck_rc(zipc_queue_return(queue, &first), 0);
	first = must_take(other, 1, 2);
	ck_rc(zipc_queue_return(other, &first), 0);
	must_take(queue, 1, 3);
	must_take(other, 2, 2);
	must_take(queue, 3, 1);
	zipc_queue_close(other);
}
END_TEST

START_TEST(a_handle_holds_several_and_ends_them_in_any_order)
{
	struct zipc_lease lease[TAKERS];
	uint64_t i, round;

	for (round = 0; round < 3; round++) {
		push(1, TAKERS);
		for (i = 0; i < TAKERS; i++)
			lease[i] = must_take(queue, i + 1, 1);
		ck_rc(zipc_queue_done(queue, &lease[2]), 0);
		ck_rc(zipc_queue_done(queue, &lease[0]), 0);
		ck_rc(zipc_queue_done(queue, &lease[3]), 0);
		ck_rc(zipc_queue_done(queue, &lease[1]), 0);
	}
	must_be_empty(queue);
}
END_TEST

START_TEST(places_are_counted_and_come_back)
{
	struct zipc_queue *other = another();
	struct zipc_lease lease[TAKERS], more;
	uint64_t elem, i;

	push(1, 8);
	for (i = 0; i < TAKERS; i++)
		lease[i] = must_take(queue, i + 1, 1);
	ck_rc(zipc_queue_take(other, &elem, &more, ZIPC_NOWAIT), -EUSERS);
	ck_message("max_takers");
	ck_rc(zipc_queue_take(queue, &elem, &more, ZIPC_FOREVER), -EUSERS);
	/* A pop needs none. */
	ck_rc(zipc_queue_pop(other, &elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem, 5);
	/* The first is kept for the next take, the second is anybody's. */
	ck_rc(zipc_queue_done(queue, &lease[0]), 0);
	ck_rc(zipc_queue_take(other, &elem, &more, ZIPC_NOWAIT), -EUSERS);
	ck_rc(zipc_queue_done(queue, &lease[1]), 0);
	must_take(other, 6, 1);
	must_take(queue, 7, 1);
	zipc_queue_close(other);
}
END_TEST

START_TEST(closing_gives_back_what_is_held)
{
	struct zipc_queue *other = another();

	push(1, 3);
	must_take(other, 1, 1);
	must_take(other, 2, 1);
	zipc_queue_close(other);
	must_take(queue, 1, 2);
	must_take(queue, 2, 2);
	must_take(queue, 3, 1);
}
END_TEST

START_TEST(a_lease_ends_once_and_by_its_handle)
{
	struct zipc_lease lease, wrong;
	struct zipc_queue *other = another();

	push(1, 2);
	lease = must_take(queue, 1, 1);
	ck_rc(zipc_queue_done(other, &lease), -EINVAL);
	ck_message("not held by this handle");
	ck_rc(zipc_queue_return(other, &lease), -EINVAL);
	wrong = lease;
	wrong.place = UINT32_MAX;
	ck_rc(zipc_queue_done(queue, &wrong), -EINVAL);
	wrong = lease;
	wrong.position++;
	ck_rc(zipc_queue_done(queue, &wrong), -EINVAL);
	ck_rc(zipc_queue_done(queue, &lease), 0);
	ck_rc(zipc_queue_done(queue, &lease), -EINVAL);
	ck_rc(zipc_queue_return(queue, &lease), -EINVAL);
	/* Another one is in its place. */
	must_take(queue, 2, 1);
	ck_rc(zipc_queue_done(queue, &lease), -EINVAL);
	zipc_queue_close(other);
}
END_TEST

START_TEST(pop_is_take_and_done)
{
	struct zipc_queue *other = another();
	struct zipc_lease lease;
	uint64_t elems[8];

	push(1, 6);
	lease = must_take(queue, 1, 1);
	ck_rc(zipc_queue_pop(other, elems, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elems[0], 2);
	ck_rc(zipc_queue_return(queue, &lease), 0);
	ck_rc(zipc_queue_pop_n(other, elems, 8, ZIPC_NOWAIT), 1);
	ck_assert_uint_eq(elems[0], 1);
	ck_rc(zipc_queue_pop_n(other, elems, 8, ZIPC_NOWAIT), 4);
	ck_assert_uint_eq(elems[0], 3);
	ck_assert_uint_eq(elems[3], 6);
	must_be_empty(queue);
	zipc_queue_close(other);
}
END_TEST

START_TEST(without_leases_it_says_so)
{
	static const struct zipc_queue_options many = { .max_takers = 1025 };
	struct zipc_lease lease = { 1, 0, 1 };
	struct zipc_queue *plain, *none;
	uint64_t elem;

	ck_rc(zipc_queue_create(&plain, segment, "plain", "u64", 4), 0);
	ck_rc(zipc_queue_take(plain, &elem, &lease, ZIPC_NOWAIT), -EPROTOTYPE);
	ck_message("max_takers");
	ck_rc(zipc_queue_done(plain, &lease), -EPROTOTYPE);
	ck_rc(zipc_queue_return(plain, &lease), -EPROTOTYPE);
	ck_rc(zipc_queue_create_with(&none, segment, "n", "u64", 4, &many),
	      -EINVAL);
	ck_message("1024");
	zipc_queue_close(plain);
}
END_TEST

START_TEST(the_element_of_the_dead_goes_to_the_next_taker)
{
	struct zipc_lease lease;
	int go_on;
	pid_t child;

	push(1, 3);
	child = child_with(2, &go_on);
	must_take(queue, 3, 1);
	must_be_empty(queue);
	push(4, 1);
	kill_child(child, go_on);
	zipc_queue_close(queue);
	queue = another(); /* who comes new looks at once */
	must_take(queue, 1, 2);
	must_take(queue, 2, 2);
	must_take(queue, 3, 2);
	lease = must_take(queue, 4, 1);
	ck_rc(zipc_queue_done(queue, &lease), 0);
	must_be_empty(queue);
}
END_TEST

/* Each dies with it in turn. */
START_TEST(attempts_are_counted_over_deaths)
{
	unsigned attempt;
	int go_on;
	pid_t child;

	push(1, 1);
	for (attempt = 1; attempt < 6; attempt++) {
		child = child_with(1, &go_on);
		must_be_empty(queue);
		kill_child(child, go_on);
	}
	must_take(queue, 1, 6);
}
END_TEST

START_TEST(pop_takes_what_the_dead_held)
{
	uint64_t elem;
	int go_on;
	pid_t child;

	push(1, 1);
	child = child_with(1, &go_on);
	ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), -EAGAIN);
	kill_child(child, go_on);
	ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), 0);
	ck_assert_uint_eq(elem, 1);
	must_be_empty(queue);
}
END_TEST

START_TEST(it_is_handed_out_although_the_queue_is_never_empty)
{
	struct zipc_lease lease;
	uint64_t elem = 0;
	int go_on;
	pid_t child;

	push(1, 1);
	child = child_with(1, &go_on);
	push(100, 8);
	lease = must_take(queue, 100, 1);
	ck_rc(zipc_queue_done(queue, &lease), 0);
	kill_child(child, go_on);
	do {
		push(200, 1);
		ck_rc(zipc_queue_take(queue, &elem, &lease, ZIPC_NOWAIT), 0);
		ck_rc(zipc_queue_done(queue, &lease), 0);
	} while (elem != 1);
	ck_assert_uint_eq(lease.attempt, 2);
}
END_TEST

static bool somebody_sleeps(void)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "q", &entry), 0);
	zipc_view_close(view);
	return entry.readers_asleep;
}

/* A child that waits for ever, and must get that element at that attempt. */
static pid_t sleeper(uint64_t want, unsigned attempt)
{
	struct zipc_segment *mine;
	struct zipc_lease lease;
	struct zipc_queue *own;
	uint64_t elem;
	pid_t child = fork();

	if (child) {
		while (!somebody_sleeps())
			usleep(100);
		return child;
	}
	if (zipc_segment_open(&mine, zipc_segment_name(segment), 0) ||
	    zipc_queue_open(&own, mine, "q", NULL) ||
	    zipc_queue_take(own, &elem, &lease, ZIPC_FOREVER))
		_exit(1);
	if (elem != want || lease.attempt != attempt)
		_exit(2);
	_exit(zipc_queue_done(own, &lease) ? 3 : 0);
}

static void must_end_well(pid_t child)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "the child ended with status 0x%x", status);
}

START_TEST(who_sleeps_finds_what_the_dead_held)
{
	int go_on;
	pid_t child, waits;

	push(1, 1);
	child = child_with(1, &go_on);
	waits = sleeper(1, 2);
	kill_child(child, go_on);
	must_end_well(waits);
	must_be_empty(queue);
}
END_TEST

START_TEST(who_sleeps_is_woken_by_what_is_given_back)
{
	struct zipc_view_entry entry;
	struct zipc_lease lease;
	struct zipc_view *view;
	pid_t waits;

	push(1, 1);
	lease = must_take(queue, 1, 1);
	waits = sleeper(1, 2);
	ck_rc(zipc_queue_return(queue, &lease), 0);
	must_end_well(waits);
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "q", &entry), 0);
	ck_assert_uint_eq(entry.late_wakes, 0);
	zipc_view_close(view);
}
END_TEST

START_TEST(who_waits_for_room_is_woken_by_a_take)
{
	struct zipc_segment *mine;
	struct zipc_queue *own;
	uint64_t elem = 9;
	pid_t child;

	push(1, 8);
	child = fork();
	if (!child) {
		if (zipc_segment_open(&mine, zipc_segment_name(segment), 0) ||
		    zipc_queue_open(&own, mine, "q", NULL))
			_exit(1);
		_exit(zipc_queue_push(own, &elem, ZIPC_FOREVER) ? 2 : 0);
	}
	must_take(queue, 1, 1);
	must_end_well(child);
	ck_assert_uint_eq(zipc_queue_size(queue), 8);
}
END_TEST

START_TEST(what_the_stopped_hold_stays_theirs)
{
	int go_on, status;
	pid_t child;

	push(1, 1);
	child = child_with(1, &go_on);
	ck_assert(!kill(child, SIGSTOP));
	ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
	must_be_empty(queue);
	push(2, 1);
	must_take(queue, 2, 1);
	ck_assert(!kill(child, SIGCONT));
	ck_assert_int_eq(write(go_on, "", 1), 1);
	must_end_well(child);
	must_be_empty(queue);
	close(go_on);
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline_behind_a_look_at_the_dead)
{
	struct zipc_lease lease;
	uint64_t elem;
	int go_on;
	pid_t child;

	push(1, 1);
	child = child_with(1, &go_on);
	ck_rc(zipc_queue_take(queue, &elem, &lease, 5 * MS), -ETIMEDOUT);
	ck_rc(zipc_queue_pop(queue, &elem, 5 * MS), -ETIMEDOUT);
	kill_child(child, go_on);
	ck_rc(zipc_queue_take(queue, &elem, &lease, 1), 0);
	ck_assert_uint_eq(lease.attempt, 2);
}
END_TEST

START_TEST(a_forked_child_has_leases_of_its_own)
{
	struct zipc_lease lease, mine;
	uint64_t elem;
	pid_t child;

	push(1, 2);
	lease = must_take(queue, 1, 1);
	child = fork();
	if (!child) {
		if (zipc_queue_done(queue, &lease) != -EINVAL)
			_exit(1);
		if (zipc_queue_take(queue, &elem, &mine, ZIPC_NOWAIT) ||
		    elem != 2)
			_exit(2);
		if (zipc_queue_return(queue, &mine))
			_exit(3);
		zipc_queue_close(queue);
		_exit(0);
	}
	must_end_well(child);
	must_take(queue, 2, 2);
	ck_rc(zipc_queue_done(queue, &lease), 0);
}
END_TEST

START_TEST(through_a_read_only_segment_nothing_is_taken)
{
	struct zipc_segment *mine;
	struct zipc_lease lease;
	struct zipc_queue *watch;
	uint64_t elem;

	push(1, 1);
	ck_rc(zipc_segment_open(&mine, zipc_segment_name(segment),
				ZIPC_READ_ONLY), 0);
	ck_rc(zipc_queue_open(&watch, mine, "q", NULL), 0);
	ck_rc(zipc_queue_take(watch, &elem, &lease, ZIPC_NOWAIT), -EROFS);
	ck_rc(zipc_queue_pop(watch, &elem, ZIPC_NOWAIT), -EROFS);
	zipc_queue_close(watch);
	zipc_segment_close(mine);
}
END_TEST

static const unsigned sizes[] = { 1, 7, 40, 41, 200, 65537 };

START_TEST(elements_of_any_size_come_back_whole)
{
	unsigned size = sizes[_i], i, k;
	unsigned char *in = malloc(size), *out = malloc(size + 1);
	struct zipc_queue *sized;
	struct zipc_lease lease;
	char type[32];

	snprintf(type, sizeof(type), "bytes:%u", size);
	ck_rc(zipc_queue_create_with(&sized, segment, "s", type, 3, &leased),
	      0);
	for (k = 0; k < 20; k++) {
		for (i = 0; i < size; i++)
			in[i] = (unsigned char)(i * 31 + k);
		ck_rc(zipc_queue_push(sized, in, ZIPC_NOWAIT), 0);
		for (i = 0; i < 3; i++) {
			memset(out, 0xEE, size + 1);
			ck_rc(zipc_queue_take(sized, out, &lease, ZIPC_NOWAIT),
			      0);
			ck_assert(!memcmp(in, out, size));
			ck_assert_uint_eq(out[size], 0xEE);
			ck_rc(zipc_queue_return(sized, &lease), 0);
		}
		ck_rc(zipc_queue_pop(sized, out, ZIPC_NOWAIT), 0);
		ck_assert(!memcmp(in, out, size));
	}
	zipc_queue_close(sized);
	free(in);
	free(out);
}
END_TEST

/* The first take takes a place, and asks after the dead. */
static void take_first(void *context)
{
	struct zipc_lease lease;

	(void)context;
	push(1, 1);
	lease = must_take(queue, 1, 1);
	ck_rc(zipc_queue_done(queue, &lease), 0);
}

static void take_and_done(void *context)
{
	struct zipc_lease lease[2];
	unsigned i;

	(void)context;
	for (i = 0; i < 1000; i++) {
		push(1, 2);
		lease[0] = must_take(queue, 1, 1);
		lease[1] = must_take(queue, 2, 1);
		ck_rc(zipc_queue_return(queue, &lease[0]), 0);
		ck_rc(zipc_queue_done(queue, &lease[1]), 0);
		lease[0] = must_take(queue, 1, 2);
		ck_rc(zipc_queue_done(queue, &lease[0]), 0);
	}
}

START_TEST(push_take_return_and_done_make_no_system_call)
{
	must_make_no_system_call(take_first, take_and_done, NULL);
	must_make_a_system_call(NULL, take_and_done, NULL);
}
END_TEST

/* what a crash leaves, made by hand */

static struct zipc_place_ring *ring;

static struct zipc_taker *taker_of(uint32_t place)
{
	return (void *)((unsigned char *)ring + ring->takers_offset +
			place * ring->taker_bytes);
}

static void find_ring(void)
{
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL), 0);
	ring = (void *)found.body;
	zipc_type_free(found.type);
}

/* The record of somebody dead, who was at that step of a take. */
static void leave(uint32_t place, uint64_t position, enum zipc_lease_state how,
		  uint64_t elem)
{
	struct zipc_taker *taker = taker_of(place);

	taker->element[0] = elem;
	taker->attempts = 1;
	taker->lease = zipc_lease(position, how);
	taker->holder = UINT64_C(777) << 16 | 1; /* an incarnation to come */
}

START_TEST(who_died_before_the_cell_has_taken_nothing)
{
	unsigned i;

	find_ring();
	push(1, 1);
	for (i = 0; i < TAKERS; i++)
		leave(i, 1, ZIPC_TAKING, 1);
	must_take(queue, 1, 1);
	must_be_empty(queue);
	/* And their places are there for others. */
	push(2, TAKERS - 1);
	for (i = 1; i < TAKERS; i++)
		must_take(queue, i + 1, 1);
}
END_TEST

START_TEST(who_died_behind_the_cell_has_taken_it)
{
	find_ring();
	push(5, 2);
	leave(2, 1, ZIPC_TAKING, 5);
	ring->head = 2;
	ring->taken = zipc_taken(1, 2);
	must_take(queue, 5, 2);
	must_take(queue, 6, 1);
	must_be_empty(queue);
}
END_TEST

/* The next take overwrites what tells of him, and so says it in his record. */
START_TEST(the_next_take_marks_the_last)
{
	struct zipc_lease lease;

	find_ring();
	push(4, 3);
	lease = must_take(queue, 4, 1);
	ck_rc(zipc_queue_done(queue, &lease), 0);
	leave(2, 2, ZIPC_TAKING, 5);
	ring->head = 3;
	ring->taken = zipc_taken(2, 2);
	must_take(queue, 6, 1);
	ck_assert_uint_eq(taker_of(2)->lease, zipc_lease(2, ZIPC_TAKEN));
	must_take(queue, 5, 2);
	must_be_empty(queue);
}
END_TEST

START_TEST(who_lost_the_race_and_died_has_taken_nothing)
{
	struct zipc_lease lease;

	find_ring();
	push(4, 2);
	lease = must_take(queue, 4, 1);
	leave(3, 1, ZIPC_TAKING, 4);
	must_take(queue, 5, 1);
	must_be_empty(queue);
	ck_rc(zipc_queue_done(queue, &lease), 0);
}
END_TEST

START_TEST(a_lease_that_makes_no_sense_is_told)
{
	struct zipc_lease lease;
	uint64_t elem;

	find_ring();
	leave(1, 5, 3, 0);
	ck_rc(zipc_queue_take(queue, &elem, &lease, ZIPC_NOWAIT), -EBADMSG);
	ck_message("damaged");
	ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), -EBADMSG);
	leave(1, 0, ZIPC_TAKEN, 0); /* positions begin at 1 */
	ck_rc(zipc_queue_take(queue, &elem, &lease, ZIPC_NOWAIT), -EBADMSG);
}
END_TEST

START_TEST(a_last_take_by_nobody_is_told)
{
	struct zipc_lease lease;
	uint64_t elem;

	find_ring();
	push(1, 1);
	ring->taken = zipc_taken(1, TAKERS);
	ck_rc(zipc_queue_take(queue, &elem, &lease, ZIPC_NOWAIT), -EBADMSG);
	ck_message("damaged");
}
END_TEST

static void use(struct zipc_queue *it)
{
	struct zipc_lease lease;
	uint64_t elem = 0;

	zipc_queue_push(it, &elem, ZIPC_NOWAIT);
	if (!zipc_queue_take(it, &elem, &lease, ZIPC_NOWAIT))
		zipc_queue_return(it, &lease);
	zipc_queue_pop(it, &elem, MS / 10);
	if (!zipc_queue_take(it, &elem, &lease, MS / 10))
		zipc_queue_done(it, &lease);
}

/* The words of the ring's head and of the takers, each what it can not be. */
START_TEST(damaged_words_give_errors_and_ends)
{
	static const uint64_t values[] = { 0, 1, 2, 5, 1000, UINT64_MAX,
					   UINT64_MAX / 2, UINT64_C(1) << 40 };
	uint64_t *words, *at, kept[4096];
	struct zipc_queue *other;
	unsigned n, i;

	find_ring();
	words = (uint64_t *)(void *)ring;
	n = (unsigned)ring->slots_offset / 8;
	ck_assert_uint_le(n, 4096);
	push(1, 4);
	must_take(queue, 1, 1);
	memcpy(kept, words, ring->slots_offset);
	for (at = words; at < words + n; at++) {
		if (at == words + 32) /* the writers are test_queue's */
			at = words + ring->takers_offset / 8;
		for (i = 0; i < 8; i++) {
			*at = values[i];
			use(queue);
			if (!zipc_queue_open(&other, segment, "q", NULL)) {
				use(other);
				zipc_queue_close(other);
			}
			memcpy(words, kept, n * sizeof(*words));
		}
	}
}
END_TEST

START_TEST(flags_that_are_not_known_are_refused)
{
	struct zipc_array *array;
	struct zipc_queue *other;
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL), 0);
	ck_assert_uint_eq(found.block->flags, ZIPC_FLAG_LEASES);
	found.block->flags = ZIPC_FLAG_LEASES | 2;
	ck_rc(zipc_queue_open(&other, segment, "q", NULL), -EPROTOTYPE);
	ck_message("flags 0x3");
	zipc_type_free(found.type);
	ck_rc(zipc_array_create(&array, segment, "a", "u8", 1), 0);
	zipc_array_close(array);
	ck_rc(zipc_table_find(&found, segment, "a", ZIPC_ARRAY, NULL), 0);
	found.block->flags = ZIPC_FLAG_LEASES;
	ck_rc(zipc_array_open(&array, segment, "a", NULL), -EPROTOTYPE);
	ck_message("flags 0x1");
	zipc_type_free(found.type);
}
END_TEST

/* The lease that is told of at a place; -ENOENT: none. */
static int look(uint32_t place, struct zipc_view_lease *lease)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;
	int rc;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "q", &entry), 0);
	ck_assert_uint_eq(entry.max_takers, TAKERS);
	rc = zipc_view_lease(view, &entry, place, lease);
	zipc_view_close(view);
	return rc;
}

static uint64_t count_of(uint64_t *size)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "q", &entry), 0);
	zipc_view_close(view);
	*size = entry.size;
	return entry.leased;
}

START_TEST(inspection_tells_who_holds_what)
{
	struct zipc_lease own;
	struct zipc_view_lease told;
	uint64_t size;
	unsigned place;
	int go_on;
	pid_t child;

	push(1, 3);
	own = must_take(queue, 1, 1);
	child = child_with(1, &go_on);
	ck_assert_uint_eq(count_of(&size), 2);
	ck_assert_uint_eq(size, 1);
	ck_rc(look(own.place, &told), 0);
	ck_assert_uint_eq(told.position, 1);
	ck_assert_int_eq(told.pid, getpid());
	ck_assert(told.alive && told.attempt == 1 && *told.name);
	for (place = 0; place < TAKERS; place++)
		if (place != own.place && !look(place, &told))
			break;
	ck_assert_uint_eq(told.position, 2);
	ck_assert_int_eq(told.pid, child);
	ck_assert(told.alive);
	kill_child(child, go_on);
	ck_rc(look(place, &told), 0);
	ck_assert(!told.alive && told.pid == child);
	ck_rc(zipc_queue_return(queue, &own), 0);
	ck_rc(look(own.place, &told), 0);
	ck_assert(!told.alive && !told.pid && !*told.name);
	ck_rc(look(TAKERS, &told), -ENOENT);
	zipc_queue_close(queue);
	queue = another();
	must_take(queue, 1, 2);
	must_take(queue, 2, 2);
	ck_rc(look(own.place, &told), 0);
	ck_assert_uint_eq(told.attempt, 2);
	ck_assert_uint_eq(count_of(&size), 2);
}
END_TEST

START_TEST(inspection_sees_a_take_that_is_not_marked_yet)
{
	struct zipc_view_lease told;
	uint64_t size;

	find_ring();
	push(5, 2);
	leave(2, 1, ZIPC_TAKING, 5);
	ck_assert_uint_eq(count_of(&size), 0);
	ck_rc(look(2, &told), -ENOENT);
	ring->head = 2;
	ring->taken = zipc_taken(1, 2);
	ck_assert_uint_eq(count_of(&size), 1);
	ck_rc(look(2, &told), 0);
	ck_assert_uint_eq(told.position, 1);
	ck_assert(!told.alive && !told.pid);
}
END_TEST

/* The rows of a queue's constants, each what it can not be. */
static const struct {
	size_t offset, size;
	uint64_t value;
} misfits[] = {
	{ offsetof(struct zipc_place_ring, takers), 4, 0 },
	{ offsetof(struct zipc_place_ring, takers), 4, 1025 },
	{ offsetof(struct zipc_place_ring, takers), 4, 1024 },
	{ offsetof(struct zipc_place_ring, taker_bytes), 4, 0 },
	{ offsetof(struct zipc_place_ring, taker_bytes), 4, 1 << 20 },
	{ offsetof(struct zipc_place_ring, takers_offset), 8, 0 },
	{ offsetof(struct zipc_place_ring, takers_offset), 8, 257 },
	{ offsetof(struct zipc_place_ring, takers_offset), 8, 1 << 20 },
	{ offsetof(struct zipc_place_ring, takers_offset), 8, UINT64_MAX - 63 },
};
#define MISFITS (int)(sizeof(misfits) / sizeof(misfits[0]))

START_TEST(takers_that_lie_elsewhere_are_not_opened)
{
	struct zipc_view_entry entry;
	struct zipc_queue *other;
	struct zipc_view *view;

	find_ring();
	memcpy((unsigned char *)ring + misfits[_i].offset, &misfits[_i].value,
	       misfits[_i].size);
	ck_rc(zipc_queue_open(&other, segment, "q", NULL), -EBADMSG);
	ck_message("takers");
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "q", &entry), -EBADMSG);
	ck_message("takers");
	zipc_view_close(view);
}
END_TEST

START_TEST(inspection_knows_no_flags_beyond)
{
	struct zipc_view_entry entry;
	struct zipc_found found;
	struct zipc_view *view;
	uint64_t elem;

	ck_rc(zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL), 0);
	found.block->flags = 2;
	zipc_type_free(found.type);
	ck_rc(zipc_view_open(&view, zipc_segment_name(segment)), 0);
	ck_rc(zipc_view_find(view, "q", &entry), 0);
	ck_assert_str_eq(entry.kind_name, "kind 2");
	ck_rc(zipc_view_elements(view, &entry, 0, 1, &elem, NULL),
	      -EOPNOTSUPP);
	ck_message("flags 0x2");
	zipc_view_close(view);
}
END_TEST

static TCase *case_of(Suite *suite, const char *name)
{
	TCase *tc = test_case(suite, name, "fast", 60);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	return tc;
}

static void add_uses(TCase *tc)
{
	tcase_add_test(tc, what_is_done_does_not_come_back);
	tcase_add_test(tc, what_is_under_lease_leaves_its_room);
	tcase_add_test(tc, what_is_given_back_comes_before_newer_ones);
	tcase_add_test(tc, a_handle_holds_several_and_ends_them_in_any_order);
	tcase_add_test(tc, places_are_counted_and_come_back);
	tcase_add_test(tc, closing_gives_back_what_is_held);
	tcase_add_test(tc, a_lease_ends_once_and_by_its_handle);
	tcase_add_test(tc, pop_is_take_and_done);
	tcase_add_test(tc, without_leases_it_says_so);
	tcase_add_test(tc, a_forked_child_has_leases_of_its_own);
	tcase_add_test(tc, through_a_read_only_segment_nothing_is_taken);
	tcase_add_loop_test(tc, elements_of_any_size_come_back_whole, 0, 6);
	tcase_add_test(tc, push_take_return_and_done_make_no_system_call);
}

static void add_deaths(TCase *tc)
{
	tcase_add_test(tc, the_element_of_the_dead_goes_to_the_next_taker);
	tcase_add_test(tc, attempts_are_counted_over_deaths);
	tcase_add_test(tc, pop_takes_what_the_dead_held);
	tcase_add_test(tc, what_the_stopped_hold_stays_theirs);
	tcase_add_test(tc, who_died_before_the_cell_has_taken_nothing);
	tcase_add_test(tc, who_died_behind_the_cell_has_taken_it);
	tcase_add_test(tc, the_next_take_marks_the_last);
	tcase_add_test(tc, who_lost_the_race_and_died_has_taken_nothing);
}

static Suite *lease_suite(void)
{
	Suite *suite = suite_create("lease");
	TCase *tc;

	add_uses(case_of(suite, "lease"));
	add_deaths(case_of(suite, "deaths"));
	tc = test_case(suite, "never empty", "fast", 20);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, it_is_handed_out_although_the_queue_is_never_empty);
	tc = case_of(suite, "waiting");
	tcase_add_test(tc, who_sleeps_finds_what_the_dead_held);
	tcase_add_test(tc, who_sleeps_is_woken_by_what_is_given_back);
	tcase_add_test(tc, who_waits_for_room_is_woken_by_a_take);
	tcase_add_test(tc,
		       a_wait_ends_at_its_deadline_behind_a_look_at_the_dead);
	tc = case_of(suite, "damage");
	tcase_add_test(tc, a_lease_that_makes_no_sense_is_told);
	tcase_add_test(tc, a_last_take_by_nobody_is_told);
	tcase_add_test(tc, damaged_words_give_errors_and_ends);
	tcase_add_test(tc, flags_that_are_not_known_are_refused);
	tcase_add_loop_test(tc, takers_that_lie_elsewhere_are_not_opened, 0,
			    MISFITS);
	tc = case_of(suite, "inspection");
	tcase_add_test(tc, inspection_tells_who_holds_what);
	tcase_add_test(tc, inspection_sees_a_take_that_is_not_marked_yet);
	tcase_add_test(tc, inspection_knows_no_flags_beyond);
	return suite;
}

TEST_MAIN(lease_suite)
