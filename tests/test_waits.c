/* SPDX-License-Identifier: MIT */
/* Who waits for whom, as inspection tells it, among processes and threads. */
#include "children.h"
#include "harness.h"

#include "../libzeroipc/lock.h"

#include <pthread.h>
#include <regex.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The thread sanitizer has a thread of its own in each process. */
#ifdef __SANITIZE_THREAD__
#define COUNTS_THREADS 0
#else
#define COUNTS_THREADS 1
#endif

static struct zipc_segment *segment;
static struct zipc_semaphore *semaphore; /* s, owned, with 3 permits */
static struct zipc_channel *channels[2]; /* c and d, without a buffer */
static struct zipc_view *view;
static struct zipc_view_waits *waits;
static char said[2048];

static void set_up(void)
{
	const char *name = test_name("waits");
	struct zipc_rwlock *rwlock;
	struct zipc_mutex *mutex;
	struct zipc_once *once;

	ck_rc(zipc_segment_create(&segment, name, 1 << 20, NULL), 0);
	ck_rc(zipc_mutex_create(&mutex, segment, "a"), 0);
	zipc_mutex_close(mutex);
	ck_rc(zipc_mutex_create(&mutex, segment, "b"), 0);
	zipc_mutex_close(mutex);
	ck_rc(zipc_rwlock_create(&rwlock, segment, "r", 0), 0);
	zipc_rwlock_close(rwlock);
	ck_rc(zipc_once_create(&once, segment, "o"), 0);
	zipc_once_close(once);
	ck_rc(zipc_semaphore_create_with(&semaphore, segment, "s", 3, 3,
					 ZIPC_OWNED), 0);
	ck_rc(zipc_channel_create(&channels[0], segment, "c", "u8", 0), 0);
	ck_rc(zipc_channel_create(&channels[1], segment, "d", "u8", 0), 0);
	ck_rc(zipc_view_open(&view, name), 0);
	waits = NULL;
}

static void tear_down(void)
{
	zipc_view_waits_close(waits);
	zipc_view_close(view);
	zipc_semaphore_close(semaphore);
	zipc_channel_release(channels[0]);
	zipc_channel_release(channels[1]);
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

static void look(void)
{
	zipc_view_waits_close(waits);
	ck_rc(zipc_view_waits_open(&waits, view), 0);
}

/* those who wait */

static int run_long(void *unused)
{
	(void)unused;
	tell_parent();
	await_parent();
	return 0;
}

/* Into c; or, if several, into c or d, by one select. */
static void send(struct zipc_segment *own, bool several)
{
	struct zipc_channel *c, *d;
	char elem = 'x';

	ck_rc(zipc_channel_open(&c, own, "c", NULL), 0);
	ck_rc(zipc_channel_open(&d, own, "d", NULL), 0);
	if (several)
		zipc_select((struct zipc_case[]){
				    { ZIPC_SEND, c, &elem, 0 },
				    { ZIPC_SEND, d, &elem, 0 } },
			    2, ZIPC_FOREVER);
	else
		zipc_channel_send(c, &elem, ZIPC_FOREVER);
	zipc_channel_release(c);
	zipc_channel_release(d);
}

/*
 * a, b: a mutex; r, w: the rwlock; o: the once, which has no end; c: send into
 * the channel; x: into one of two; s: a permit of the semaphore.
 */
static void take(struct zipc_segment *own, char what)
{
	char name[2] = { what, '\0' };
	struct zipc_semaphore *permits;
	struct zipc_rwlock *rwlock;
	struct zipc_mutex *mutex;
	struct zipc_once *once;

	switch (what) {
	case 's':
		ck_rc(zipc_semaphore_open(&permits, own, "s"), 0);
		zipc_semaphore_acquire(permits, ZIPC_FOREVER);
		break;
	case 'c':
	case 'x':
		send(own, what == 'x');
		break;
	case 'o':
		ck_rc(zipc_once_open(&once, own, "o"), 0);
		zipc_once_call(once, run_long, NULL, ZIPC_FOREVER);
		break;
	case 'r':
	case 'w':
		ck_rc(zipc_rwlock_open(&rwlock, own, "r"), 0);
		if (what == 'r')
			zipc_rwlock_read_lock(rwlock, ZIPC_FOREVER);
		else
			zipc_rwlock_write_lock(rwlock, ZIPC_FOREVER);
		break;
	default:
		ck_rc(zipc_mutex_open(&mutex, own, name), 0);
		zipc_mutex_lock(mutex, ZIPC_FOREVER);
	}
}

/* Take each in turn; between two of them the parent is told and awaited. */
static void take_each(void *context)
{
	struct zipc_segment *own;
	const char *what;

	ck_rc(zipc_segment_open(&own, zipc_segment_name(segment), 0), 0);
	for (what = context; *what; what++) {
		take(own, *what);
		tell_parent();
		await_parent();
	}
}

static struct child holder_of(char *what)
{
	struct child child = child_start(take_each, what);

	child_hear(&child);
	return child;
}

static struct child waiter_for(char *what)
{
	struct child child = child_start(take_each, what);

	sleeps_in_futex(child.pid, 0);
	return child;
}

static void goes_on_to_wait(const struct child *child)
{
	child_say(child);
	sleeps_in_futex(child->pid, 0);
}

/* what is said */

/* The i-th sentence, in which pids stand for %1 and %2, matches all of it. */
static void says(const char *sentence, const char *format, ...)
{
	char pattern[1024];
	regex_t regex;
	va_list args;

	va_start(args, format);
	vsnprintf(pattern, sizeof(pattern), format, args);
	va_end(args);
	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB),
			 0);
	ck_assert_msg(!regexec(&regex, sentence, 0, NULL, 0),
		      "`%s` does not match `%s`", sentence, pattern);
	regfree(&regex);
}

static const char *blocked_sentence(unsigned i)
{
	const struct zipc_view_blocked *it = zipc_view_blocked(waits, i);

	ck_assert_ptr_nonnull(it);
	ck_assert_int_lt(zipc_view_blocked_say(it, said, sizeof(said)),
			 (int)sizeof(said));
	return said;
}

static const char *cycle_sentence(unsigned i)
{
	const struct zipc_view_cycle *it = zipc_view_cycle(waits, i);

	ck_assert_ptr_nonnull(it);
	ck_assert_int_lt(zipc_view_cycle_say(it, said, sizeof(said)),
			 (int)sizeof(said));
	return said;
}

START_TEST(when_nobody_waits_nothing_is_told)
{
	struct child holder = holder_of("a");

	look();
	ck_assert_ptr_null(zipc_view_blocked(waits, 0));
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	ck_assert_uint_eq(zipc_view_waits_partial(waits), 0);
	child_kill(&holder);
}
END_TEST

START_TEST(who_holds_a_mutex_and_who_waits_is_told)
{
	struct child holder = holder_of("a"), first = waiter_for("a"),
		     second = waiter_for("a");
	const struct zipc_view_blocked *it;

	look();
	says(blocked_sentence(0), "^mutex `a` held by %d \\([^)]+\\) for [0-9]+"
	     "\\.[0-9] s; 2 wait: (%d, %d|%d, %d)$", holder.pid, first.pid,
	     second.pid, second.pid, first.pid);
	it = zipc_view_blocked(waits, 0);
	ck_assert_uint_gt(it->held_ns, 0);
	ck_assert_uint_gt(it->waiters[0].for_ns, 0);
	ck_assert_uint_ge(it->waiters[0].for_ns > it->waiters[1].for_ns
				  ? it->waiters[0].for_ns
				  : it->waiters[1].for_ns,
			  it->held_ns);
	ck_assert_ptr_null(zipc_view_blocked(waits, 1));
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	child_kill(&second);
	child_kill(&first);
	child_kill(&holder);
}
END_TEST

START_TEST(another_hold_of_the_same_holder_begins_anew)
{
	struct zipc_mutex *mutex;
	struct child waiter;

	ck_rc(zipc_mutex_open(&mutex, segment, "a"), 0);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), 0);
	waiter = waiter_for("a");
	look();
	ck_assert_uint_gt(zipc_view_blocked(waits, 0)->held_ns, 0);
	child_stop(&waiter); /* so it does not see what comes now */
	ck_rc(zipc_mutex_unlock(mutex), 0);
	ck_rc(zipc_mutex_lock(mutex, ZIPC_NOWAIT), 0);
	look();
	ck_assert_uint_eq(zipc_view_blocked(waits, 0)->held_ns, 0);
	says(blocked_sentence(0), "^mutex `a` held by %d \\([^)]+\\); 1 waits: %d"
	     "$", (int)getpid(), waiter.pid);
	child_kill(&waiter);
	zipc_mutex_close(mutex);
}
END_TEST

START_TEST(who_goes_on_waits_no_more)
{
	struct child holder = holder_of("a"), waiter = waiter_for("a");

	child_end(&holder); /* which is as if it had died */
	child_hear(&waiter);
	look();
	ck_assert_ptr_null(zipc_view_blocked(waits, 0));
	child_end(&waiter);
}
END_TEST

START_TEST(the_dead_do_not_wait)
{
	struct child holder = holder_of("a"), waiter = waiter_for("a"), other;

	child_kill(&waiter);
	look();
	ck_assert_ptr_null(zipc_view_blocked(waits, 0));
	other = waiter_for("a");
	look();
	says(blocked_sentence(0), "1 waits: %d$", other.pid);
	child_kill(&other);
	child_kill(&holder);
}
END_TEST

START_TEST(that_a_holder_is_dead_or_stopped_is_told)
{
	struct child holder = holder_of("a"), waiter = waiter_for("a");

	child_stop(&holder);
	look();
	says(blocked_sentence(0), "held by %d \\([^)]+\\), who is stopped for",
	     holder.pid);
	child_stop(&waiter); /* or it would take it over */
	child_kill(&holder);
	look();
	says(blocked_sentence(0), "held by %d \\([^)]+\\), who is dead for",
	     holder.pid);
	child_kill(&waiter);
}
END_TEST

START_TEST(readers_hold_up_a_writer_and_it_holds_up_readers)
{
	struct child one = holder_of("r"), other = holder_of("r"),
		     writer = waiter_for("w"), late = waiter_for("r");
	const struct zipc_view_blocked *it;

	look();
	says(blocked_sentence(0), "^rwlock `r` held for reading by (%d|%d) \\("
	     "[^)]+\\), (%d|%d) \\([^)]+\\); 2 wait: (%d to write, %d to read|"
	     "%d to read, %d to write)$", one.pid, other.pid, one.pid,
	     other.pid, writer.pid, late.pid, late.pid, writer.pid);
	it = zipc_view_blocked(waits, 0);
	ck_assert_uint_eq(it->holder_count, 3);
	ck_assert_uint_eq(it->holders[0].claims, 1);
	ck_assert_int_eq(it->holders[0].who.pid, writer.pid);
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	child_kill(&late);
	child_kill(&one);
	child_kill(&other);
	child_hear(&writer);
	late = waiter_for("r");
	look();
	says(blocked_sentence(0), "^rwlock `r` held for writing by %d .* 1 "
	     "waits: %d to read$", writer.pid, late.pid);
	child_kill(&writer);
	child_kill(&late);
}
END_TEST

START_TEST(who_runs_a_once_is_told)
{
	struct child holder = holder_of("o"), waiter = waiter_for("o");

	look();
	says(blocked_sentence(0), "^once `o` run by %d .*; 1 waits: %d$",
	     holder.pid, waiter.pid);
	child_kill(&waiter);
	child_kill(&holder);
}
END_TEST

START_TEST(two_who_wait_for_each_other_are_a_deadlock)
{
	struct child one = holder_of("ab"), other = holder_of("ba");

	goes_on_to_wait(&one);
	look();
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	goes_on_to_wait(&other);
	look();
	says(cycle_sentence(0), "^deadlock: (%d|%d) \\([^)]+\\) waits for mutex"
	     " `[ab]`, which (%d|%d) holds; (%d|%d) \\([^)]+\\) waits for mutex"
	     " `[ab]`, which (%d|%d) holds$", one.pid, other.pid, one.pid,
	     other.pid, one.pid, other.pid, one.pid, other.pid);
	ck_assert_uint_eq(zipc_view_cycle(waits, 0)->certain, 1);
	ck_assert_uint_eq(zipc_view_cycle(waits, 0)->count, 2);
	ck_assert_ptr_null(zipc_view_cycle(waits, 1));
	blocked_sentence(1);
	child_kill(&one); /* and it is none any more */
	child_hear(&other);
	look();
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	child_kill(&other);
}
END_TEST

START_TEST(a_circle_goes_through_readers_and_all_kinds)
{
	struct child one = holder_of("ra"), two = holder_of("bw"),
		     three = holder_of("ab"), beside = waiter_for("a");

	goes_on_to_wait(&one);
	goes_on_to_wait(&two);
	look();
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	goes_on_to_wait(&three);
	look();
	says(cycle_sentence(0), "waits for rwlock `r`, which %d holds",
	     one.pid);
	ck_assert_uint_eq(zipc_view_cycle(waits, 0)->count, 3);
	ck_assert_ptr_null(zipc_view_cycle(waits, 1));
	child_kill(&beside);
	child_kill(&one);
	child_kill(&two);
	child_kill(&three);
}
END_TEST

START_TEST(who_waits_for_itself_is_a_deadlock)
{
	struct child one = holder_of("aa"), late;

	goes_on_to_wait(&one);
	late = waiter_for("a");
	look();
	says(cycle_sentence(0), "^deadlock: %d \\([^)]+\\) waits for mutex `a`,"
	     " which it holds itself$", one.pid);
	ck_assert_ptr_null(zipc_view_cycle(waits, 1));
	child_kill(&late);
	child_kill(&one);
}
END_TEST

/* It holds that until the process is killed. */
static void *take_in_a_thread(void *what)
{
	struct zipc_segment *own;

	ck_rc(zipc_segment_open(&own, zipc_segment_name(segment), 0), 0);
	take(own, *(char *)what);
	tell_parent();
	for (;;)
		pause();
	return NULL;
}

/* Another thread of it takes the first, and then the second is waited for. */
static void take_by_threads(void *context)
{
	struct zipc_segment *own;
	char *what = context;
	pthread_t thread;

	ck_rc(zipc_segment_open(&own, zipc_segment_name(segment), 0), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, take_in_a_thread, what),
			 0);
	await_parent();
	take(own, what[1]);
	tell_parent();
	pthread_join(thread, NULL);
}

START_TEST(a_thread_that_does_not_wait_may_break_a_circle)
{
	struct child one = child_start(take_by_threads, "ab"),
		     other = holder_of("ba");

	child_hear(&one);
	goes_on_to_wait(&one);
	goes_on_to_wait(&other);
	look();
	says(cycle_sentence(0), "^perhaps a deadlock: .*; %d has 2 threads$",
	     one.pid);
	child_kill(&one);
	child_kill(&other);
}
END_TEST

START_TEST(threads_of_one_process_may_wait_for_each_other)
{
	struct child one = child_start(take_by_threads, "aa");

	child_hear(&one);
	goes_on_to_wait(&one);
	look();
	says(blocked_sentence(0), "held by %d .*; 1 waits: %d$", one.pid,
	     one.pid);
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	child_kill(&one);
}
END_TEST

static _Atomic pid_t thread_id;

static void *wait_in_a_thread(void *what)
{
	struct zipc_segment *own;

	ck_rc(zipc_segment_open(&own, zipc_segment_name(segment), 0), 0);
	atomic_store_explicit(&thread_id, gettid(), memory_order_relaxed);
	take(own, *(char *)what);
	return NULL;
}

/* The first is taken; then a thread waits for the second, it for the third. */
static void wait_for_two(void *context)
{
	struct zipc_segment *own;
	char *what = context;
	pthread_t thread;
	pid_t id = 0;

	ck_rc(zipc_segment_open(&own, zipc_segment_name(segment), 0), 0);
	take(own, what[0]);
	tell_parent();
	await_parent();
	ck_assert_int_eq(pthread_create(&thread, NULL, wait_in_a_thread,
					what + 1), 0);
	while (!id)
		id = atomic_load_explicit(&thread_id, memory_order_relaxed);
	sleeps_in_futex(getpid(), id);
	tell_parent();
	take(own, what[2]);
}

START_TEST(a_thread_that_waits_for_somebody_else_may_break_a_circle)
{
	struct child beside = holder_of("r"), other = holder_of("ba"),
		     one = child_start(wait_for_two, "awb");

	child_hear(&one);
	child_say(&one);
	child_hear(&one);
	sleeps_in_futex(one.pid, 0);
	goes_on_to_wait(&other);
	look();
	says(cycle_sentence(0), "^perhaps a deadlock: ");
	ck_assert_uint_eq(zipc_view_cycle(waits, 0)->certain, 0);
	child_kill(&one);
	child_kill(&other);
	child_kill(&beside);
}
END_TEST

#define CROWD (ZIPC_WAITERS + 3)

START_TEST(of_a_crowd_some_are_told)
{
	struct child holder = holder_of("a"), crowd[CROWD];
	unsigned i;

	for (i = 0; i < CROWD; i++)
		crowd[i] = waiter_for("a");
	look();
	ck_assert_uint_eq(zipc_view_blocked(waits, 0)->waiter_count,
			  ZIPC_WAITERS);
	says(blocked_sentence(0), "; %u wait: .* and %u more$", ZIPC_WAITERS,
	     ZIPC_WAITERS - 8);
	for (i = 0; i < CROWD; i++)
		child_kill(&crowd[i]);
	child_kill(&holder);
}
END_TEST

static struct zipc_owner *owner_of(const char *name)
{
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, name, ZIPC_MUTEX, NULL), 0);
	zipc_table_release(&found);
	return (void *)found.body;
}

START_TEST(what_is_damaged_does_not_hide_the_others)
{
	struct zipc_owner *owner = owner_of("a");
	struct child holder = holder_of("b"), waiter = waiter_for("b");
	struct zipc_mutex *mutex;

	owner->waiters = UINT32_MAX;
	ck_rc(zipc_mutex_open(&mutex, segment, "a"), -EBADMSG);
	ck_message("records of who waits");
	look();
	says(blocked_sentence(0), "^mutex `b` held by %d", holder.pid);
	owner->waiters = ZIPC_WAITERS;
	owner->waiters_offset = 65;
	ck_rc(zipc_mutex_open(&mutex, segment, "a"), -EBADMSG);
	look();
	ck_assert_ptr_null(zipc_view_blocked(waits, 1));
	child_kill(&waiter);
	child_kill(&holder);
}
END_TEST

START_TEST(a_sentence_is_cut_where_its_room_ends)
{
	struct child holder = holder_of("a"), waiter = waiter_for("a");
	char few[12];
	int length;

	look();
	length = (int)strlen(blocked_sentence(0));
	ck_assert_int_eq(zipc_view_blocked_say(zipc_view_blocked(waits, 0), few,
					       sizeof(few)), length);
	ck_assert_str_eq(few, "mutex `a` h");
	child_kill(&waiter);
	child_kill(&holder);
}
END_TEST

/* channels */

START_TEST(who_waits_to_send_is_told)
{
	struct child one = waiter_for("c"), other = waiter_for("c");
	const struct zipc_view_blocked *it;
	char elem;

	look();
	says(blocked_sentence(0), "^2 wait to send to channel `c`: (%d, %d|%d, "
	     "%d)$", one.pid, other.pid, other.pid, one.pid);
	it = zipc_view_blocked(waits, 0);
	ck_assert_uint_eq(it->holder_count, 0);
	ck_assert_uint_eq(it->waiters[0].to, ZIPC_WAIT_TO_SEND);
	ck_assert_uint_eq(it->waiters[0].for_ns, 0);
	ck_assert_ptr_null(zipc_view_blocked(waits, 1));
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	child_kill(&other);
	look();
	says(blocked_sentence(0), "^1 waits to send to channel `c`: %d$",
	     one.pid);
	/* Of the dead one, or the live one: then what it offered is left. */
	ck_rc(zipc_channel_recv(channels[0], &elem, ZIPC_NOWAIT), 0);
	ck_rc(zipc_channel_recv(channels[0], &elem, ZIPC_NOWAIT), 0);
	child_hear(&one);
	look();
	ck_assert_ptr_null(zipc_view_blocked(waits, 0));
	child_end(&one);
}
END_TEST

START_TEST(in_a_channel_that_is_closed_nobody_waits)
{
	struct child one = waiter_for("c");

	child_stop(&one); /* or it would take its offer back */
	look();
	says(blocked_sentence(0), "^1 waits to send to channel `c`: %d$",
	     one.pid);
	ck_rc(zipc_channel_close(channels[0]), 0);
	look();
	ck_assert_ptr_null(zipc_view_blocked(waits, 0));
	child_kill(&one);
}
END_TEST

/* It takes its offers back now and then; stopped between that, it has none. */
START_TEST(who_offers_in_several_channels_is_told_once)
{
	struct child one = waiter_for("x");

	for (;;) {
		child_stop(&one);
		look();
		if (zipc_view_blocked(waits, 0))
			break;
		child_continue(&one);
		sleeps_in_futex(one.pid, 0);
	}
	says(blocked_sentence(0), "^1 waits to send to channel `[cd]`: %d$",
	     one.pid);
	ck_assert_ptr_null(zipc_view_blocked(waits, 1));
	child_kill(&one);
}
END_TEST

START_TEST(a_wait_to_send_does_not_hide_a_circle_nor_make_one)
{
	struct child sender = holder_of("ac"), other = waiter_for("a");

	goes_on_to_wait(&sender);
	look();
	says(blocked_sentence(0), "^mutex `a` held by %d .*; 1 waits: %d$",
	     sender.pid, other.pid);
	says(blocked_sentence(1), "^1 waits to send to channel `c`: %d$",
	     sender.pid);
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	child_kill(&other);
	child_kill(&sender);
}
END_TEST

static struct zipc_meeting *meeting_of(const char *name)
{
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, name, ZIPC_CHANNEL, NULL), 0);
	zipc_table_release(&found);
	return (void *)found.body;
}

START_TEST(a_damaged_channel_does_not_hide_the_others)
{
	struct child holder = holder_of("b"), waiter = waiter_for("b"),
		     one = waiter_for("c");
	struct zipc_meeting *meeting = meeting_of("c");
	struct zipc_sender *sender =
		(void *)((unsigned char *)meeting + meeting->senders_offset);
	unsigned i;

	child_stop(&one);
	for (i = 0; i < meeting->senders; i++) /* which can be nobody's */
		atomic_store_explicit(&sender[i].holder, UINT64_MAX,
				      memory_order_relaxed);
	look();
	says(blocked_sentence(0), "^mutex `b` held by %d", holder.pid);
	ck_assert_ptr_null(zipc_view_blocked(waits, 1));
	meeting->senders_offset = UINT64_MAX - 63;
	look();
	says(blocked_sentence(0), "^mutex `b` held by %d", holder.pid);
	ck_assert_ptr_null(zipc_view_blocked(waits, 1));
	child_kill(&one);
	child_kill(&waiter);
	child_kill(&holder);
}
END_TEST

/* semaphores */

static _Atomic uint64_t *permits_of(const char *name)
{
	struct zipc_found found;

	ck_rc(zipc_table_find(&found, segment, name, ZIPC_SEMAPHORE, NULL), 0);
	zipc_table_release(&found);
	return ((struct zipc_semaphore_body *)(void *)found.body)->holders;
}

static void acquire(unsigned n)
{
	while (n--)
		ck_rc(zipc_semaphore_acquire(semaphore, ZIPC_NOWAIT), 0);
}

#define NO_RECORD "; somebody may wait: there is no record of who$"

START_TEST(who_holds_permits_is_told_when_none_is_left)
{
	struct child holder = holder_of("s"), waiter;
	const struct zipc_view_blocked *it;
	unsigned mine;

	acquire(2);
	look(); /* nobody waits */
	ck_assert_ptr_null(zipc_view_blocked(waits, 0));
	waiter = waiter_for("s");
	look();
	says(blocked_sentence(0), "^semaphore `s` has 0 of 3 permits left, held"
	     " by (%d \\([^)]+\\) with 2, %d \\([^)]+\\) with 1|%d \\([^)]+\\) "
	     "with 1, %d \\([^)]+\\) with 2)" NO_RECORD, (int)getpid(),
	     holder.pid, holder.pid, (int)getpid());
	it = zipc_view_blocked(waits, 0);
	ck_assert_uint_eq(it->unnamed, 1);
	ck_assert_uint_eq(it->permits, 3);
	ck_assert_uint_eq(it->waiter_count, 0);
	ck_assert_uint_eq(it->held_ns, 0);
	ck_assert_uint_eq(it->holder_count, 2);
	mine = it->holders[1].who.pid == getpid();
	ck_assert_uint_eq(it->holders[mine].permits, 2);
	ck_assert_uint_eq(it->holders[!mine].permits, 1);
	ck_assert_ptr_null(zipc_view_blocked(waits, 1));
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	child_kill(&waiter);
	child_kill(&holder);
}
END_TEST

START_TEST(where_a_permit_is_left_nobody_is_told)
{
	struct child waiter;

	acquire(3);
	waiter = waiter_for("s");
	child_stop(&waiter); /* so that it stays asleep */
	look();
	ck_assert_ptr_nonnull(zipc_view_blocked(waits, 0));
	atomic_fetch_and_explicit(&permits_of("s")[1], ~UINT64_C(0) << 48,
				  memory_order_relaxed); /* and nobody wakes */
	look();
	ck_assert_ptr_null(zipc_view_blocked(waits, 0));
	child_kill(&waiter);
}
END_TEST

START_TEST(that_a_holder_of_permits_is_dead_or_stopped_is_told)
{
	struct child holder = holder_of("s"), waiter;

	acquire(2);
	waiter = waiter_for("s");
	child_stop(&waiter); /* or it would take the permit */
	child_stop(&holder);
	look();
	says(blocked_sentence(0), "%d \\([^)]+\\) with 1, who is stopped[,;]",
	     holder.pid);
	child_kill(&holder);
	look();
	says(blocked_sentence(0), "%d \\([^)]+\\) with 1, who is dead[,;]",
	     holder.pid);
	child_kill(&waiter);
}
END_TEST

/* A circle leads through the semaphore, but who waits for it is not known. */
START_TEST(no_circle_is_told_through_a_semaphore)
{
	struct child one = holder_of("as"), other;

	acquire(2);
	other = holder_of("sa");
	goes_on_to_wait(&one);
	goes_on_to_wait(&other);
	look();
	says(blocked_sentence(0), "^mutex `a` held by %d .*; 1 waits: %d$",
	     one.pid, other.pid);
	says(blocked_sentence(1), "^semaphore `s` .*" NO_RECORD);
	ck_assert_ptr_null(zipc_view_cycle(waits, 0));
	child_kill(&one);
	child_kill(&other);
}
END_TEST

/* This pread() stands in for libc's: a permit moves before each read. */
static _Atomic uint64_t *moves;

ssize_t pread(int fd, void *bytes, size_t n, off_t offset)
{
	if (moves)
		atomic_fetch_add_explicit(moves, UINT64_C(1) << 48,
					  memory_order_relaxed);
	return syscall(SYS_pread64, fd, bytes, n, offset);
}

START_TEST(while_a_permit_goes_from_hand_to_hand_nobody_is_told)
{
	struct child waiter;

	acquire(3);
	waiter = waiter_for("s");
	child_stop(&waiter);
	moves = permits_of("s");
	look();
	moves = NULL;
	ck_assert_ptr_null(zipc_view_blocked(waits, 0));
	look();
	ck_assert_ptr_nonnull(zipc_view_blocked(waits, 0));
	child_kill(&waiter);
}
END_TEST

START_TEST(damaged_permits_do_not_hide_the_others)
{
	struct child holder = holder_of("b"), waiter = waiter_for("b"), one;

	acquire(3);
	one = waiter_for("s");
	child_stop(&one);
	atomic_store_explicit(&permits_of("s")[2], UINT64_MAX,
			      memory_order_relaxed); /* which can be nobody's */
	look();
	says(blocked_sentence(0), "^mutex `b` held by %d", holder.pid);
	ck_assert_ptr_null(zipc_view_blocked(waits, 1));
	child_kill(&one);
	child_kill(&waiter);
	child_kill(&holder);
}
END_TEST

static void add_kinds(Suite *suite)
{
	TCase *tc = test_case(suite, "channels", "fast", 120);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, who_waits_to_send_is_told);
	tcase_add_test(tc, in_a_channel_that_is_closed_nobody_waits);
	tcase_add_test(tc, who_offers_in_several_channels_is_told_once);
	tcase_add_test(tc,
		       a_wait_to_send_does_not_hide_a_circle_nor_make_one);
	tcase_add_test(tc, a_damaged_channel_does_not_hide_the_others);
	tc = test_case(suite, "semaphores", "fast", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, who_holds_permits_is_told_when_none_is_left);
	tcase_add_test(tc, where_a_permit_is_left_nobody_is_told);
	tcase_add_test(tc, that_a_holder_of_permits_is_dead_or_stopped_is_told);
	tcase_add_test(tc, no_circle_is_told_through_a_semaphore);
	tcase_add_test(tc,
		       while_a_permit_goes_from_hand_to_hand_nobody_is_told);
	tcase_add_test(tc, damaged_permits_do_not_hide_the_others);
}

static Suite *waits_suite(void)
{
	Suite *suite = suite_create("waits");
	TCase *tc = test_case(suite, "who waits", "fast", 120);

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, when_nobody_waits_nothing_is_told);
	tcase_add_test(tc, who_holds_a_mutex_and_who_waits_is_told);
	tcase_add_test(tc, another_hold_of_the_same_holder_begins_anew);
	tcase_add_test(tc, who_goes_on_waits_no_more);
	tcase_add_test(tc, the_dead_do_not_wait);
	tcase_add_test(tc, that_a_holder_is_dead_or_stopped_is_told);
	tcase_add_test(tc, readers_hold_up_a_writer_and_it_holds_up_readers);
	tcase_add_test(tc, who_runs_a_once_is_told);
	tcase_add_test(tc, of_a_crowd_some_are_told);
	tcase_add_test(tc, what_is_damaged_does_not_hide_the_others);
	tcase_add_test(tc, a_sentence_is_cut_where_its_room_ends);
	add_kinds(suite);
	tc = test_case(suite, "circles", "fast", 120);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_circle_goes_through_readers_and_all_kinds);
	tcase_add_test(tc, threads_of_one_process_may_wait_for_each_other);
	if (!COUNTS_THREADS)
		return suite;
	tcase_add_test(tc, two_who_wait_for_each_other_are_a_deadlock);
	tcase_add_test(tc, who_waits_for_itself_is_a_deadlock);
	tcase_add_test(tc, a_thread_that_does_not_wait_may_break_a_circle);
	tcase_add_test(tc,
		       a_thread_that_waits_for_somebody_else_may_break_a_circle);
	return suite;
}

TEST_MAIN(waits_suite)
