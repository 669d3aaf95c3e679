/* SPDX-License-Identifier: MIT */
/* The storm: seats, blows and the watch over all; the idea is in the header. */
#include "storm.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../../libzeroipc/clock.h"
#include "../harness.h"

/* Without any progress for so long is a hang. */
#define HANG_NS INT64_C(60000000000)

/* Shared by all. */
static struct storm_page *page;

static unsigned my_seat;

/* The test's own. */
static struct {
	const struct storm *storm;
	struct dice dice;
	uint64_t seed;
	struct seat {
		struct child child;
		unsigned incarnation;
		uint64_t began; /* its progress when it was taken */
		bool stopped, ended;
	} seats[STORM_SEATS];
} host;

/* who acts */

bool storm_is_over(void)
{
	return word_load(&page->over);
}

void storm_progress(void)
{
	word_add(&page->seats[my_seat].progress, 1);
}

void storm_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	page_fail(page, format, args);
	va_end(args);
	_exit(1);
}

static uint64_t seed_of(const struct seat *seat)
{
	struct dice dice = { host.seed + (unsigned)(seat - host.seats) +
			     seat->incarnation * STORM_SEATS };

	roll(&dice);
	return dice.state;
}

static void act(void *context)
{
	struct seat *seat = context;
	struct dice dice = { seed_of(seat) };

	my_seat = (unsigned)(seat - host.seats);
	host.storm->act(my_seat, &dice, host.storm->context);
}

/* the test */

static void print_seats(void)
{
	unsigned i;

	for (i = 0; i < host.storm->seats; i++)
		printf("seat %u: process %d, the %u., progress %llu%s%s\n", i,
		       (int)host.seats[i].child.pid, host.seats[i].incarnation,
		       (unsigned long long)page->seats[i].progress,
		       host.seats[i].stopped ? ", stopped" : "",
		       host.seats[i].ended ? ", ended" : "");
	printf("again: ZIPC_SEED=%llu\n", (unsigned long long)host.seed);
	fflush(stdout);
}

static void give_up(const char *what)
{
	printf("%s\n", what);
	print_seats();
	ck_abort_msg("%s", what);
}

static void check_nobody_failed(void)
{
	uint64_t failed = word_load(&page->failed);

	if (failed)
		give_up(failed == 2 ? page->failure
				    : "one failed, and was killed over it");
}

static uint64_t progress_of(const struct seat *seat)
{
	return word_load(&page->seats[seat - host.seats].progress);
}

static void sit_down(struct seat *seat)
{
	const struct storm *storm = host.storm;

	seat->incarnation++;
	seat->began = progress_of(seat);
	seat->stopped = seat->ended = false;
	if (storm->start)
		seat->child = storm->start((unsigned)(seat - host.seats),
					   seed_of(seat), storm->context);
	else
		seat->child = child_start(act, seat);
}

static uint64_t progress_of_all(void)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < host.storm->seats; i++)
		sum += progress_of(&host.seats[i]);
	return sum;
}

static bool all_have_done_enough(void)
{
	unsigned i;

	for (i = 0; i < host.storm->seats; i++)
		if (progress_of(&host.seats[i]) < host.storm->least)
			return false;
	return true;
}

static void continue_all(void)
{
	unsigned i;

	for (i = 0; i < host.storm->seats; i++)
		if (host.seats[i].stopped) {
			child_continue(&host.seats[i].child);
			host.seats[i].stopped = false;
		}
}

/* Up to two milliseconds, and longer while there is no progress. */
static void let_them_act(void)
{
	uint64_t before = progress_of_all();
	int64_t began = zipc_now_ns();
	struct timespec span = { 0, roll_below(&host.dice, 2000000) };

	nanosleep(&span, NULL);
	while (progress_of_all() == before) {
		check_nobody_failed();
		if (zipc_now_ns() - began > HANG_NS)
			give_up("nobody moves");
		if (zipc_now_ns() - began > HANG_NS / 1000)
			continue_all();
		poll(NULL, 0, 1);
	}
}

static void kill_seat(struct seat *seat)
{
	int status;

	ck_assert_int_eq(kill(seat->child.pid, SIGKILL), 0);
	status = child_reap(&seat->child);
	check_nobody_failed();
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		give_up("one has ended by itself");
	if (host.storm->bury)
		host.storm->bury((unsigned)(seat - host.seats),
				 host.storm->context);
	sit_down(seat);
}

/* One that has ended instead has failed. */
static void stop_seat(struct seat *seat)
{
	siginfo_t info;

	ck_assert_int_eq(kill(seat->child.pid, SIGSTOP), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)seat->child.pid, &info,
				WSTOPPED | WEXITED | WNOWAIT), 0);
	check_nobody_failed();
	if (info.si_code != CLD_STOPPED)
		give_up("one has ended by itself");
	seat->stopped = true;
}

static bool is_spared(const struct seat *seat)
{
	return host.storm->slow >> (seat - host.seats) & 1 &&
	       progress_of(seat) == seat->began;
}

/* One blow; true if it was a kill. */
static bool strike(void)
{
	struct seat *seat = &host.seats[roll_below(&host.dice,
						   host.storm->seats)];
	unsigned blow = roll_below(&host.dice, 6);

	if (blow > 0 && is_spared(seat))
		return false;
	switch (blow) {
	case 0:
		continue_all();
		return false;
	case 1:
	case 2:
		if (!seat->stopped)
			stop_seat(seat);
		return false;
	}
	kill_seat(seat);
	return true;
}

void storm_await(unsigned i)
{
	struct seat *seat = &host.seats[i];
	int64_t began = zipc_now_ns();
	siginfo_t info;

	while (!seat->ended) {
		info.si_pid = 0;
		ck_assert_int_eq(waitid(P_PID, (id_t)seat->child.pid, &info,
					WEXITED | WNOHANG | WNOWAIT), 0);
		if (info.si_pid) {
			seat->ended = true;
			check_nobody_failed();
			child_end(&seat->child);
		} else if (zipc_now_ns() - began > HANG_NS) {
			give_up("all are to end, and one does not");
		} else {
			check_nobody_failed();
			poll(NULL, 0, 1);
		}
	}
}

uint64_t storm_late_wakes(const char *segment, const char *name)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, segment), 0);
	ck_rc(zipc_view_find(view, name, &entry), 0);
	zipc_view_close(view);
	return entry.late_wakes;
}

static void set_up(const struct storm *storm)
{
	ck_assert_uint_le(storm->seats, STORM_SEATS);
	memset(&host, 0, sizeof(host));
	host.storm = storm;
	host.dice = dice_of_this_run("storm");
	host.seed = host.dice.state;
	page = storm->page ? storm->page : shared_memory(sizeof(*page));
}

void storm_run(const struct storm *storm)
{
	unsigned i, kills = 0;

	set_up(storm);
	for (i = 0; i < storm->seats; i++)
		sit_down(&host.seats[i]);
	while (kills < storm->kills || !all_have_done_enough()) {
		let_them_act();
		if (storm->kills)
			kills += strike();
	}
	continue_all();
	word_store(&page->over, 1);
	if (storm->calm)
		storm->calm(storm->context);
	for (i = 0; i < storm->seats; i++)
		storm_await(i);
	check_nobody_failed();
	if (!storm->page)
		munmap(page, sizeof(*page));
}
