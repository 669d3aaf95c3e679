/* SPDX-License-Identifier: MIT */
/* Games: lanes, their pauses, naps and deaths; the idea is in the header. */
#include "play.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "../../libzeroipc/atoms.h"
#include "../children.h"
#include "../harness.h"

#define CALLS_MOST 5

/* Shared by all lanes and the leader. */
struct board {
	_Atomic unsigned game; /* that is on; UINT_MAX: no more */
	_Atomic unsigned finished[LINEAR_LANES]; /* the latest, of each lane */
	struct linear_history history;
};

struct seat {
	const struct play *play;
	struct board *board;
	uint64_t seed;
	unsigned lane, first; /* the first game that it plays */
	struct child child;
	pthread_t thread;
};

/* Spin, and now and then let another run on this core. */
static void wait_a_little(unsigned *glances)
{
	if (++*glances % 64)
		zipc_pause();
	else
		sched_yield();
}

static void pause_at_random(struct dice *dice)
{
	unsigned n = roll_below(dice, 200);

	switch (roll_below(dice, 8)) {
	case 0:
		sched_yield();
		break;
	case 1:
	case 2:
	case 3:
		while (n--)
			zipc_pause();
	}
}

/* naps */

static __thread timer_t timer;
static __thread struct timespec nap;

static void take_a_nap(int signal)
{
	int error = errno;

	(void)signal;
	nanosleep(&nap, NULL);
	errno = error;
}

static void set_up_naps(void)
{
	const struct sigaction action = { .sa_handler = take_a_nap };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_signo = SIGRTMIN };

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	prctl(PR_SET_TIMERSLACK, 1);
	ck_assert_int_eq(sigaction(SIGRTMIN, &action, NULL), 0);
	ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
}

/* ThreadSanitizer puts signals off until there is nothing to interrupt. */
static void nap_at_random(struct dice *dice)
{
	struct itimerspec in = { .it_value.tv_nsec =
					 1 + roll_below(dice, 6000) };

	nap.tv_nsec = roll_below(dice, 60000);
#ifndef __SANITIZE_THREAD__
	if (!roll_below(dice, 3))
		timer_settime(timer, 0, &in, NULL);
#else
	(void)in;
#endif
}

/* a lane */

static struct dice dice_of(const struct seat *seat, unsigned game)
{
	struct dice dice = { seat->seed + game * 8 + seat->lane };

	roll(&dice);
	return dice;
}

static void choose_core(enum play_cores cores, unsigned lane)
{
	cpu_set_t all, one;
	int i, n, which;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	n = CPU_COUNT(&all);
	which = cores == PLAY_ON_ONE ? 0 : (int)lane % n;
	for (i = 0; !CPU_ISSET(i, &all) || which--; i++)
		;
	CPU_ZERO(&one);
	CPU_SET(i, &one);
	if (cores != PLAY_ANYWHERE)
		ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
}

static bool next_game(struct board *board, unsigned game)
{
	unsigned on, glances = 0;

	for (;;) {
		on = atomic_load_explicit(&board->game, memory_order_acquire);
		if (on >= game)
			return on != UINT_MAX;
		wait_a_little(&glances);
	}
}

static void play_game(struct seat *seat, struct play_lane *me)
{
	unsigned calls;

	me->dice = dice_of(seat, me->game);
	me->made = 0;
	nap_at_random(&me->dice);
	for (calls = 1 + roll_below(&me->dice, CALLS_MOST); calls; calls--) {
		pause_at_random(&me->dice);
		seat->play->move(me);
	}
	atomic_store_explicit(&seat->board->finished[seat->lane], me->game,
			      memory_order_release);
}

static struct play_lane lane_of(const struct seat *seat)
{
	return (struct play_lane){
		.history = &seat->board->history,
		.lane = seat->lane,
		.game = seat->first,
		.context = seat->play->context,
		.handle = seat->play->enter(seat->play->context),
	};
}

static void play_on(void *context)
{
	struct seat *seat = context;
	struct play_lane me;

	choose_core(seat->play->cores, seat->lane);
	set_up_naps();
	for (me = lane_of(seat); next_game(seat->board, me.game); me.game++)
		play_game(seat, &me);
	timer_delete(timer);
	seat->play->leave(me.handle);
}

static void *play_in_a_thread(void *seat)
{
	play_on(seat);
	return NULL;
}

static void start(struct seat *seat)
{
	if (!seat->play->threads)
		seat->child = child_start(play_on, seat);
	else
		ck_assert_int_eq(pthread_create(&seat->thread, NULL,
						play_in_a_thread, seat), 0);
}

static void end(struct seat *seat)
{
	if (!seat->play->threads)
		child_end(&seat->child);
	else
		pthread_join(seat->thread, NULL);
}

/* the leader */

/* Kill one of them at some moment of the game; returns which. */
static unsigned kill_one(const struct play *play, struct seat *seats,
			 struct dice *dice)
{
	unsigned victim = roll_below(dice, play->lanes);
	unsigned n = roll_below(dice, 600);

	while (n--)
		zipc_pause();
	child_kill(&seats[victim].child);
	return victim;
}

static void lead_game(const struct play *play, struct board *board,
		      struct seat *seats, struct play_lane *last,
		      struct dice *dice)
{
	unsigned victim = UINT_MAX, lane, glances = 0;

	memset(&board->history, 0, sizeof(board->history));
	atomic_store_explicit(&board->game, last->game, memory_order_release);
	if (play->kills)
		victim = kill_one(play, seats, dice);
	for (lane = 0; lane < play->lanes; lane++)
		while (lane != victim &&
		       atomic_load_explicit(&board->finished[lane],
					    memory_order_acquire) != last->game)
			wait_a_little(&glances);
	play->clear(last);
	ck_assert_msg(linear_check(play->spec, &board->history, stdout),
		      "game %u has no explanation, see the output",
		      last->game);
	if (victim != UINT_MAX) {
		seats[victim].first = last->game + 1;
		start(&seats[victim]);
	}
}

void play_games(const struct play *play)
{
	struct board *board = shared_memory(sizeof(*board));
	struct seat seats[LINEAR_LANES];
	struct dice dice = dice_of_this_run("games");
	uint64_t seed = dice.state;
	struct play_lane last;
	unsigned i;

	ck_assert_uint_lt(play->lanes, LINEAR_LANES);
	for (i = 0; i <= play->lanes; i++)
		seats[i] = (struct seat){ .play = play, .board = board,
					  .seed = seed, .lane = i, .first = 1 };
	for (i = 0; i < play->lanes; i++)
		start(&seats[i]);
	for (last = lane_of(&seats[i]); last.game <= play->games; last.game++)
		lead_game(play, board, seats, &last, &dice);
	atomic_store_explicit(&board->game, UINT_MAX, memory_order_release);
	for (i = 0; i < play->lanes; i++)
		end(&seats[i]);
	play->leave(last.handle);
	munmap(board, sizeof(*board));
}

/* elements */

void play_fill(uint64_t *elem, unsigned words, uint64_t name)
{
	unsigned i;

	for (i = 0; i < words; i++)
		elem[i] = name * (2 * i + 1);
}

uint64_t play_value(const struct play_lane *me, const uint64_t *elem,
		    unsigned words)
{
	uint64_t whole[PLAY_WORDS_MOST];

	play_fill(whole, words, elem[0]);
	if (memcmp(whole, elem, words * sizeof(*elem)) != 0)
		return UINT64_MAX;
	return elem[0] >> 8 == me->game ? elem[0] & 0xFF : elem[0];
}

/* suites */

static const struct play_suite *suite_games;

static void play_some(int i, unsigned times, bool threads, bool kills)
{
	unsigned games = kills ? suite_games->games_with_kills
			       : suite_games->games;

	suite_games->play((unsigned)i, times * games, threads, kills);
}

START_TEST(threads_see_one_order)
{
	play_some(_i, 1, true, false);
}
END_TEST

START_TEST(processes_see_one_order)
{
	play_some(_i, 1, false, false);
}
END_TEST

START_TEST(a_killed_call_happened_or_did_not)
{
	play_some(_i, 1, false, true);
}
END_TEST

START_TEST(processes_see_one_order_for_long)
{
	play_some(_i, suite_games->longer, false, false);
}
END_TEST

START_TEST(killed_calls_happened_or_did_not_for_long)
{
	play_some(_i, suite_games->longer, false, true);
}
END_TEST

Suite *play_suite(const char *name, const struct play_suite *games)
{
	int variants = (int)games->variants;
	int with_kills = (int)games->variants_with_kills;
	Suite *suite = suite_create(name);
	TCase *tc = test_case(suite, "threads", "medium", 300);

	suite_games = games;
	tcase_add_loop_test(tc, threads_see_one_order, 0, variants);
	tc = test_case(suite, "processes", "medium", 300);
	tcase_add_loop_test(tc, processes_see_one_order, 0, variants);
	tc = test_case(suite, "kills", "medium", 300);
	tcase_add_loop_test(tc, a_killed_call_happened_or_did_not, 0,
			    with_kills);
	tc = test_case(suite, "long", "stress", 3000);
	tcase_add_loop_test(tc, processes_see_one_order_for_long, 0, variants);
	tcase_add_loop_test(tc, killed_calls_happened_or_did_not_for_long, 0,
			    with_kills);
	return suite;
}
