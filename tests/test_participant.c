/* SPDX-License-Identifier: MIT */
/*
 * Participants: who lives and who is dead, however a process came and went;
 * places taken again; fork; pid namespaces; handles used on both sides of fork.
 */
#include "../libzeroipc/participant.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../libzeroipc/segment.h"
#include "children.h"
#include "harness.h"

#define MIB (UINT64_C(1) << 20)

static const char *segment_name;
static struct zipc_segment *segment;

/* What children tell the test. */
struct board {
	_Atomic uint64_t holder;
	_Atomic int pid;
	struct child child; /* of a child */
};

static struct board *board;

static void made(unsigned places)
{
	struct zipc_segment_options options = { .max_participants = places };

	board = shared_memory(sizeof(*board));
	segment_name = test_name("participant");
	ck_rc(zipc_segment_create(&segment, segment_name, MIB, &options), 0);
}

static void gone(void)
{
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(segment_name), 0);
}

static struct zipc_segment *opened(void)
{
	struct zipc_segment *another;

	ck_rc(zipc_segment_open(&another, segment_name, 0), 0);
	return another;
}

static uint64_t holder_of(struct zipc_segment *of)
{
	return atomic_load(&of->holder);
}

/* How many live, as a watcher counts. */
static unsigned living(void)
{
	struct zipc_view *view;
	struct zipc_view_segment told;

	ck_rc(zipc_view_open(&view, segment_name), 0);
	ck_rc(zipc_view_segment(view, &told), 0);
	zipc_view_close(view);
	return told.participants;
}

static struct zipc_view_participant told_of(unsigned index)
{
	struct zipc_view *view;
	struct zipc_view_participant told;

	ck_rc(zipc_view_open(&view, segment_name), 0);
	ck_rc(zipc_view_participant(view, index, &told), 0);
	zipc_view_close(view);
	return told;
}

/* life and death */

static void open_and_stay(void *unused)
{
	struct zipc_segment *mine = opened();

	(void)unused;
	atomic_store(&board->holder, holder_of(mine));
	tell_parent();
	await_parent();
	zipc_segment_close(mine);
	tell_parent();
	await_parent();
}

START_TEST(a_participant_lives_while_it_has_the_segment_open)
{
	struct child child;
	uint64_t holder;

	made(0);
	ck_assert(zipc_segment_lives(segment, holder_of(segment)));
	ck_assert_uint_eq(living(), 1);
	child = child_start(open_and_stay, NULL);
	child_hear(&child);
	holder = atomic_load(&board->holder);
	ck_assert_uint_eq(zipc_holder_index(holder), 1);
	ck_assert(zipc_segment_lives(segment, holder));
	ck_assert_uint_eq(living(), 2);
	child_say(&child);
	child_hear(&child);
	ck_assert(!zipc_segment_lives(segment, holder));
	ck_assert_uint_eq(living(), 1);
	child_end(&child);
	gone();
}
END_TEST

START_TEST(a_participant_tells_who_it_is)
{
	struct zipc_view_participant told;

	made(0);
	told = told_of(0);
	ck_assert_uint_eq(told.incarnation, 1);
	ck_assert_uint_eq(told.alive, 1);
	ck_assert_int_eq(told.pid, getpid());
	ck_assert_uint_eq(told.uid, geteuid());
	ck_assert_uint_gt(told.since_ns, UINT64_C(1700000000000000000));
	ck_assert_msg(strstr("test_participant lt-test_participant",
			     told.name) != NULL, "%s", told.name);
	gone();
}
END_TEST

START_TEST(a_killed_one_is_dead_and_a_stopped_one_is_not)
{
	struct child child;
	uint64_t holder;

	made(0);
	child = child_start(open_and_stay, NULL);
	child_hear(&child);
	holder = atomic_load(&board->holder);
	child_stop(&child);
	ck_assert(zipc_segment_lives(segment, holder));
	child_kill(&child);
	ck_assert(!zipc_segment_lives(segment, holder));
	ck_assert_uint_eq(living(), 1);
	gone();
}
END_TEST

static void open_and_exec(void *context)
{
	struct zipc_segment *mine = opened();

	dup2(*(int *)context, STDOUT_FILENO);
	atomic_store(&board->holder, holder_of(mine));
	tell_parent();
	await_parent();
	execlp("sh", "sh", "-c", "echo; exec sleep 1000", NULL);
	_exit(1);
}

START_TEST(one_that_became_another_program_is_dead)
{
	struct child child;
	uint64_t holder;
	char byte;
	int out[2];

	made(0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	child = child_start(open_and_exec, &out[1]);
	child_hear(&child);
	holder = atomic_load(&board->holder);
	ck_assert(zipc_segment_lives(segment, holder));
	child_say(&child);
	ck_assert_int_eq(read(out[0], &byte, 1), 1);
	ck_assert(!zipc_segment_lives(segment, holder));
	child_kill(&child);
	gone();
}
END_TEST

START_TEST(nobody_and_words_that_name_no_place_are_dead)
{
	uint64_t mine;

	made(0);
	mine = holder_of(segment);
	ck_assert(!zipc_segment_lives(segment, 0));
	ck_assert(!zipc_segment_lives(segment, zipc_holder(128, 1)));
	ck_assert(!zipc_segment_lives(segment, zipc_holder(65534, 1)));
	ck_assert(!zipc_segment_lives(segment, zipc_holder(5, 0)));
	ck_assert(!zipc_segment_lives(segment, zipc_holder(5, 1)));
	ck_assert(!zipc_segment_lives(segment, UINT64_MAX));
	ck_assert(zipc_segment_lives(segment, mine));
	gone();
}
END_TEST

START_TEST(two_handles_of_a_process_are_two_participants)
{
	struct zipc_segment *other;
	uint64_t mine, its;

	made(0);
	other = opened();
	mine = holder_of(segment);
	its = holder_of(other);
	ck_assert_uint_ne(mine, its);
	ck_assert(zipc_segment_lives(segment, its));
	ck_assert(zipc_segment_lives(other, mine));
	zipc_segment_close(other);
	ck_assert(!zipc_segment_lives(segment, its));
	ck_assert(zipc_segment_lives(segment, mine));
	gone();
}
END_TEST

START_TEST(a_reader_takes_no_place)
{
	struct zipc_segment *readers[3];
	int i;

	made(1);
	for (i = 0; i < 3; i++)
		ck_rc(zipc_segment_open(&readers[i], segment_name,
					ZIPC_READ_ONLY), 0);
	ck_assert_uint_eq(living(), 1);
	for (i = 0; i < 3; i++)
		zipc_segment_close(readers[i]);
	gone();
}
END_TEST

START_TEST(a_place_taken_again_leaves_old_words_dead)
{
	struct zipc_segment *other;
	uint64_t old[20], now;
	unsigned i, j;

	made(0);
	for (i = 0; i < 20; i++) {
		other = opened();
		now = holder_of(other);
		ck_assert_uint_eq(zipc_holder_index(now), 1);
		ck_assert_uint_eq(zipc_holder_incarnation(now), i + 1);
		ck_assert(zipc_segment_lives(segment, now));
		for (j = 0; j < i; j++)
			ck_assert(!zipc_segment_lives(segment, old[j]));
		old[i] = now;
		zipc_segment_close(other);
	}
	gone();
}
END_TEST

START_TEST(places_are_refused_to_more_than_fit_and_given_up_by_the_dead)
{
	struct zipc_segment *out = (void *)0x1234;
	struct child children[4];
	unsigned i, round;

	made(5);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 4; i++) {
			children[i] = child_start(open_and_stay, NULL);
			child_hear(&children[i]);
		}
		ck_assert_uint_eq(living(), 5);
		ck_rc(zipc_segment_open(&out, segment_name, 0), -EUSERS);
		ck_message("max_participants");
		ck_assert_ptr_eq(out, (void *)0x1234);
		child_stop(&children[2]);
		ck_rc(zipc_segment_open(&out, segment_name, 0), -EUSERS);
		child_kill(&children[2]);
		zipc_segment_close(opened());
		for (i = 0; i < 4; i++)
			if (i != 2)
				child_kill(&children[i]);
	}
	gone();
}
END_TEST

/* fork */

static void stay_idle(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, 0); /* it outlives its parent */
	tell_parent();
	await_parent();
}

static void use_the_parents_handle(void *context)
{
	struct zipc_array *array = context;
	uint64_t one = 1, parents = holder_of(segment);

	ck_assert_uint_eq(living(), 1);
	ck_rc(zipc_array_add(array, 0, &one), 0);
	ck_assert_uint_ne(holder_of(segment), parents);
	ck_assert_uint_eq(living(), 2);
	ck_assert(zipc_segment_lives(segment, parents));
	atomic_store(&board->holder, holder_of(segment));
	tell_parent();
	await_parent();
}

START_TEST(a_child_takes_a_place_of_its_own_when_it_does_something)
{
	struct zipc_array *array;
	struct child child;
	uint64_t mine;

	made(0);
	mine = holder_of(segment);
	ck_rc(zipc_array_create(&array, segment, "a", "u64", 1), 0);
	child = child_start(use_the_parents_handle, array);
	child_hear(&child);
	ck_assert(zipc_segment_lives(segment, atomic_load(&board->holder)));
	ck_assert_uint_eq(holder_of(segment), mine);
	ck_assert_int_eq(told_of(1).pid, child.pid);
	child_kill(&child);
	ck_assert(!zipc_segment_lives(segment, atomic_load(&board->holder)));
	ck_assert_uint_eq(living(), 1);
	zipc_array_close(array);
	gone();
}
END_TEST

static void add_in_parent_and_child(void *context)
{
	struct zipc_array *array = context;
	uint64_t one = 1;
	int i;

	for (i = 0; i < 20000; i++)
		ck_rc(zipc_array_add(array, 0, &one), 0);
}

START_TEST(handles_work_on_both_sides_of_fork_at_once)
{
	struct zipc_array *array;
	struct child children[3];
	uint64_t sum;
	int i;

	made(0);
	ck_rc(zipc_array_create(&array, segment, "a", "u64", 1), 0);
	for (i = 0; i < 3; i++)
		children[i] = child_start(add_in_parent_and_child, array);
	add_in_parent_and_child(array);
	for (i = 0; i < 3; i++)
		child_end(&children[i]);
	ck_rc(zipc_array_get(array, 0, &sum), 0);
	ck_assert_uint_eq(sum, 80000);
	zipc_array_close(array);
	gone();
}
END_TEST

static void create_in_a_child(void *context)
{
	struct zipc_array *array;
	char name[16];
	int i;

	for (i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "%s%d", (char *)context, i);
		ck_rc(zipc_array_create(&array, segment, name, "u64", 1), 0);
		zipc_array_close(array);
	}
}

START_TEST(both_sides_of_fork_create_at_once)
{
	struct child children[3];
	int i;

	made(0);
	children[0] = child_start(create_in_a_child, (void *)"a");
	children[1] = child_start(create_in_a_child, (void *)"b");
	children[2] = child_start(create_in_a_child, (void *)"c");
	create_in_a_child((void *)"d");
	for (i = 0; i < 3; i++)
		child_end(&children[i]);
	ck_assert_uint_eq((uint32_t)atomic_load(
		&zipc_segment_header(segment)->table_state), 200);
	gone();
}
END_TEST

/*
 * Says that it is there, and ends at a pipe's end; by a signal, as a sanitizer
 * would miss the parent's threads at an exit.
 */
static void hang(int idle, int ready)
{
	char byte;

	if (write(ready, "", 1) == 1)
		while (read(idle, &byte, 1) > 0)
			;
	raise(SIGKILL);
}

/*
 * Opens the segment, and forks a child that does nothing: at_fork: after its
 * handlers; else as if it were stopped before them.
 */
static void fork_an_idle_child(bool at_fork)
{
	struct zipc_segment *mine = opened();
	int idle[2];
	pid_t pid;

	ck_assert_int_eq(pipe(idle), 0);
	atomic_store(&board->holder, holder_of(mine));
	pid = at_fork ? fork() : (pid_t)syscall(SYS_fork);
	if (pid == 0) {
		close(idle[1]);
		pause();
		_exit(0);
	}
	atomic_store(&board->pid, pid);
	tell_parent();
	await_parent();
}

static void fork_with_handlers(void *unused)
{
	(void)unused;
	fork_an_idle_child(true);
}

#ifdef SYS_fork
static void fork_without_handlers(void *unused)
{
	(void)unused;
	fork_an_idle_child(false);
}
#endif

/* The parent dies and its child lives on: the parent must be seen dead. */
static void outlive(void (*body)(void *context))
{
	struct child child;
	uint64_t holder;

	made(0);
	child = child_start(body, NULL);
	child_hear(&child);
	holder = atomic_load(&board->holder);
	ck_assert(zipc_segment_lives(segment, holder));
	ck_assert_int_eq(kill(atomic_load(&board->pid), SIGSTOP), 0);
	ck_assert(zipc_segment_lives(segment, holder));
	child_kill(&child);
	ck_assert_int_eq(kill(atomic_load(&board->pid), 0), 0);
	ck_assert(!zipc_segment_lives(segment, holder));
	ck_assert_uint_eq(living(), 1);
	ck_assert_int_eq(kill(atomic_load(&board->pid), SIGKILL), 0);
	gone();
}

START_TEST(a_dead_parent_is_dead_although_its_child_lives)
{
	outlive(fork_with_handlers);
}
END_TEST

#ifdef SYS_fork
START_TEST(a_child_stopped_before_its_handler_keeps_no_dead_parent_alive)
{
	outlive(fork_without_handlers);
}
END_TEST

/* As before, but nobody has waited for the dead parent yet. */
START_TEST(a_zombie_is_dead_although_a_child_has_its_lock)
{
	struct child child;
	uint64_t holder;
	siginfo_t info;

	made(0);
	child = child_start(fork_without_handlers, NULL);
	child_hear(&child);
	holder = atomic_load(&board->holder);
	ck_assert_int_eq(kill(child.pid, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)child.pid, &info,
				WEXITED | WNOWAIT), 0);
	ck_assert(!zipc_segment_lives(segment, holder));
	child_kill(&child);
	ck_assert(!zipc_segment_lives(segment, holder));
	ck_assert_int_eq(kill(atomic_load(&board->pid), SIGKILL), 0);
	gone();
}
END_TEST

/* It closes the segment, and goes on to live; so does its child. */
static void fork_and_close(void *unused)
{
	struct zipc_segment *mine = opened();
	int idle[2];
	pid_t pid;

	(void)unused;
	ck_assert_int_eq(pipe(idle), 0);
	atomic_store(&board->holder, holder_of(mine));
	pid = (pid_t)syscall(SYS_fork);
	if (pid == 0) {
		close(idle[1]);
		pause();
		_exit(0);
	}
	atomic_store(&board->pid, pid);
	tell_parent();
	await_parent();
	zipc_segment_close(mine);
	tell_parent();
	await_parent();
}

START_TEST(who_closes_is_gone_although_a_child_stopped_before_its_handler)
{
	struct child child;

	made(0);
	child = child_start(fork_and_close, NULL);
	child_hear(&child);
	ck_assert(zipc_segment_lives(segment, atomic_load(&board->holder)));
	child_say(&child);
	child_hear(&child);
	ck_assert(!zipc_segment_lives(segment, atomic_load(&board->holder)));
	ck_assert_int_eq(kill(atomic_load(&board->pid), SIGKILL), 0);
	child_kill(&child);
	gone();
}
END_TEST

/* As that child would, if it went on to its end without its handler. */
static void fork_and_let_it_close(void *unused)
{
	struct zipc_segment *mine = opened();
	pid_t pid;

	(void)unused;
	atomic_store(&board->holder, holder_of(mine));
	pid = (pid_t)syscall(SYS_fork);
	if (pid == 0) {
		zipc_segment_close(mine);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	tell_parent();
	await_parent();
}

START_TEST(a_child_that_closes_without_its_handler_leaves_its_parent_alive)
{
	struct child child;

	made(0);
	child = child_start(fork_and_let_it_close, NULL);
	child_hear(&child);
	ck_assert(zipc_segment_lives(segment, atomic_load(&board->holder)));
	child_kill(&child);
	ck_assert(!zipc_segment_lives(segment, atomic_load(&board->holder)));
	gone();
}
END_TEST
#endif

/* This process lives, so only the lock can tell; the mapping is the child's. */
START_TEST(a_closed_handle_is_dead_although_a_child_has_it)
{
	struct zipc_segment *other;
	struct child child;
	uint64_t holder;

	made(0);
	other = opened();
	holder = holder_of(other);
	child = child_start(stay_idle, NULL);
	child_hear(&child);
	ck_assert(zipc_segment_lives(segment, holder));
	zipc_segment_close(other);
	ck_assert(!zipc_segment_lives(segment, holder));
	ck_assert_uint_eq(living(), 1);
	child_end(&child);
	gone();
}
END_TEST

static void lock_and_fork(void *unused)
{
	struct zipc_segment *mine = opened();

	(void)unused;
	ck_rc(zipc_segment_lock(mine), 0);
	board->child = child_start(stay_idle, NULL);
	child_hear(&board->child);
	tell_parent();
	await_parent();
}

START_TEST(the_child_of_a_dead_creator_does_not_have_its_lock)
{
	struct zipc_array *array;
	struct child child;

	made(0);
	child = child_start(lock_and_fork, NULL);
	child_hear(&child);
	ck_assert_int_eq(kill(board->child.pid, SIGSTOP), 0);
	ck_rc(zipc_array_create(&array, segment, "a", "u64", 1), -EBUSY);
	child_kill(&child);
	ck_rc(zipc_array_create(&array, segment, "a", "u64", 1), 0);
	zipc_array_close(array);
	ck_assert_int_eq(kill(board->child.pid, SIGKILL), 0);
	gone();
}
END_TEST

static void *live_on(void *unused)
{
	(void)unused;
	tell_parent();
	await_parent();
	_exit(0);
	return NULL;
}

static void end_the_first_thread(void *unused)
{
	struct zipc_segment *mine = opened();
	pthread_t thread;

	(void)unused;
	atomic_store(&board->holder, holder_of(mine));
	ck_assert_int_eq(pthread_create(&thread, NULL, live_on, NULL), 0);
	pthread_exit(NULL);
}

START_TEST(a_process_whose_first_thread_has_ended_lives)
{
	struct child child;
	char path[32], text[256];
	ssize_t n;
	int fd;

	made(0);
	child = child_start(end_the_first_thread, NULL);
	child_hear(&child);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)child.pid);
	do {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = '\0';
	} while (!strstr(text, ") Z "));
	ck_assert(zipc_segment_lives(segment, atomic_load(&board->holder)));
	child_end(&child);
	ck_assert(!zipc_segment_lives(segment, atomic_load(&board->holder)));
	gone();
}
END_TEST

/* fork while other threads open and close */

static void *open_and_close(void *context)
{
	_Atomic bool *stop = context;

	while (!atomic_load(stop)) {
		zipc_segment_close(opened());
		zipc_segment_close(opened());
	}
	return NULL;
}

START_TEST(a_child_forked_amid_opening_and_closing_takes_no_place_along)
{
	_Atomic bool stop = false;
	pthread_t threads[2];
	int idle[2], ready[2], i;
	char byte;

	made(128);
	ck_assert_int_eq(pipe(idle), 0);
	ck_assert_int_eq(pipe(ready), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						open_and_close, &stop), 0);
	for (i = 0; i < 60; i++)
		if (fork() == 0) {
			close(idle[1]);
			hang(idle[0], ready[1]);
		}
	/* All have their handlers behind them. */
	for (i = 0; i < 60; i++)
		ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	atomic_store(&stop, true);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(living(), 1);
	close(idle[1]);
	for (i = 0; i < 60; i++)
		ck_assert_int_gt(wait(NULL), 0);
	gone();
}
END_TEST

static void *create_in_a_thread(void *context)
{
	create_in_a_child(context);
	return NULL;
}

static void create_one(void *context)
{
	struct zipc_array *array;

	ck_rc(zipc_array_create(&array, segment, context, "u64", 1), 0);
	zipc_array_close(array);
	tell_parent();
	await_parent();
}

START_TEST(a_child_forked_while_a_thread_creates_can_create)
{
	struct child children[20];
	char name[16];
	pthread_t thread;
	int i;

	made(0);
	ck_assert_int_eq(pthread_create(&thread, NULL, create_in_a_thread,
					(void *)"a"), 0);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "child%d", i);
		children[i] = child_start(create_one, name);
	}
	pthread_join(thread, NULL);
	for (i = 0; i < 20; i++) {
		child_hear(&children[i]);
		child_kill(&children[i]);
	}
	ck_assert_uint_eq((uint32_t)atomic_load(
		&zipc_segment_header(segment)->table_state), 70);
	gone();
}
END_TEST

static void lose_rights_and_fork(void *unused)
{
	struct zipc_segment *mine = opened();
	struct zipc_array *array;
	pid_t pid;
	int status;

	(void)unused;
	if (!become_nobody()) {
		printf("SKIPPED: only root can become somebody else\n");
		return;
	}
	ck_rc(zipc_array_create(&array, mine, "before", "u64", 1), 0);
	pid = fork();
	if (pid == 0) {
		ck_rc(zipc_array_create(&array, mine, "after", "u64", 1),
		      -EACCES);
		ck_message("after fork");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(a_child_that_may_not_write_any_more_is_told_so)
{
	struct child child;

	made(0);
	child = child_start(lose_rights_and_fork, NULL);
	child_end(&child);
	gone();
}
END_TEST

/* pid namespaces; these need root */

static void proc_of_this_namespace(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL),
			 0);
	ck_assert_int_eq(mount("proc", "/proc", "proc", 0, NULL), 0);
}

/* In a namespace of its own: the first process there forks body. */
static void run_in_a_namespace(void (*body)(void *context), void *context)
{
	struct child child;
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID) != 0) {
		printf("SKIPPED: no pid namespace here: %s\n", strerror(errno));
		return;
	}
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		ck_assert_int_eq(getpid(), 1);
		child = child_start(body, context);
		child_end(&child);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* The test watches from outside; this pid is somebody else there. */
static void open_inside(void *context)
{
	const int *pipes = context;
	struct zipc_segment *mine;
	char byte;

	if (pipes[4])
		proc_of_this_namespace();
	mine = opened();
	atomic_store(&board->holder, holder_of(mine));
	ck_assert(zipc_segment_lives(mine, zipc_holder(0, 1)));
	ck_assert_int_eq(write(pipes[1], "", 1), 1);
	ck_assert_int_ge(read(pipes[2], &byte, 1), 0);
}

static void enter_a_namespace(void *context)
{
	run_in_a_namespace(open_inside, context);
}

static void watch_from_outside(int with_proc)
{
	int pipes[5] = { [4] = with_proc };
	struct child child;
	char byte;

	made(0);
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(pipes + 2, O_CLOEXEC), 0);
	child = child_start(enter_a_namespace, pipes);
	close(pipes[1]);
	if (read(pipes[0], &byte, 1) == 1) {
		ck_assert(zipc_segment_lives(segment,
					     atomic_load(&board->holder)));
		ck_assert_uint_eq(living(), 2);
		ck_assert_int_eq(write(pipes[3], "", 1), 1);
	}
	child_end(&child);
	ck_assert(!zipc_segment_lives(segment, atomic_load(&board->holder)));
	ck_assert_uint_eq(living(), 1);
	gone();
}

START_TEST(one_in_another_pid_namespace_lives_by_its_lock_alone)
{
	watch_from_outside(_i);
}
END_TEST

static void open_with_the_right_proc(void *unused)
{
	struct zipc_segment *mine;

	(void)unused;
	proc_of_this_namespace();
	mine = opened();
	atomic_store(&board->holder, holder_of(mine));
	tell_parent();
	await_parent();
}

/* /proc tells of the outer namespace, where our pids are others. */
static void look_with_the_wrong_proc(void *unused)
{
	struct zipc_segment *mine = opened();
	struct child child = child_start(open_with_the_right_proc, NULL);

	(void)unused;
	child_hear(&child);
	ck_assert(zipc_segment_lives(mine, atomic_load(&board->holder)));
	child_kill(&child);
	ck_assert(!zipc_segment_lives(mine, atomic_load(&board->holder)));
}

static void look_inside(void *context)
{
	run_in_a_namespace(look_with_the_wrong_proc, context);
}

START_TEST(a_proc_of_another_namespace_makes_nobody_dead)
{
	struct child child;

	made(0);
	child = child_start(look_inside, NULL);
	child_end(&child);
	gone();
}
END_TEST

/* A time namespace shifts the start times that its readers see. */
static void look_from_another_time(void *unused)
{
	struct zipc_segment *mine;
	int fd, status;
	pid_t pid;

	(void)unused;
	if (unshare(CLONE_NEWTIME) != 0) {
		printf("SKIPPED: no time namespace here: %s\n",
		       strerror(errno));
		return;
	}
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	ck_assert_int_gt(write(fd, "boottime 1000 0", 15), 0);
	close(fd);
	pid = fork();
	if (pid == 0) {
		mine = opened();
		ck_assert(zipc_segment_lives(mine, zipc_holder(0, 1)));
		atomic_store(&board->holder, holder_of(mine));
		tell_parent();
		await_parent();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(another_time_namespace_makes_nobody_dead)
{
	struct child child;
	char byte;

	made(0);
	child = child_start(look_from_another_time, NULL);
	if (read(child.up, &byte, 1) == 1) {
		ck_assert(zipc_segment_lives(segment,
					     atomic_load(&board->holder)));
		child_say(&child);
	}
	child_end(&child);
	ck_assert(!zipc_segment_lives(segment, atomic_load(&board->holder)));
	gone();
}
END_TEST

static void add_fork_cases(Suite *suite)
{
	TCase *tc = test_case(suite, "fork", "medium", 300);

	tcase_add_test(tc,
		       a_child_takes_a_place_of_its_own_when_it_does_something);
	tcase_add_test(tc, handles_work_on_both_sides_of_fork_at_once);
	tcase_add_test(tc, both_sides_of_fork_create_at_once);
	tcase_add_test(tc, a_dead_parent_is_dead_although_its_child_lives);
#ifdef SYS_fork
	tcase_add_test(
		tc,
		a_child_stopped_before_its_handler_keeps_no_dead_parent_alive);
	tcase_add_test(tc, a_zombie_is_dead_although_a_child_has_its_lock);
	tcase_add_test(
		tc,
		who_closes_is_gone_although_a_child_stopped_before_its_handler);
	tcase_add_test(
		tc,
		a_child_that_closes_without_its_handler_leaves_its_parent_alive);
#endif
	tcase_add_test(tc, a_closed_handle_is_dead_although_a_child_has_it);
	tcase_add_test(tc, the_child_of_a_dead_creator_does_not_have_its_lock);
	tcase_add_test(tc, a_process_whose_first_thread_has_ended_lives);
	tcase_add_test(
		tc,
		a_child_forked_amid_opening_and_closing_takes_no_place_along);
	tcase_add_test(tc, a_child_forked_while_a_thread_creates_can_create);
	tcase_add_test(tc, a_child_that_may_not_write_any_more_is_told_so);
}

static Suite *participant_suite(void)
{
	Suite *suite = suite_create("participant");
	TCase *tc = test_case(suite, "life", "fast", 60);

	tcase_add_test(tc, a_participant_lives_while_it_has_the_segment_open);
	tcase_add_test(tc, a_participant_tells_who_it_is);
	tcase_add_test(tc, a_killed_one_is_dead_and_a_stopped_one_is_not);
	tcase_add_test(tc, one_that_became_another_program_is_dead);
	tcase_add_test(tc, nobody_and_words_that_name_no_place_are_dead);
	tcase_add_test(tc, two_handles_of_a_process_are_two_participants);
	tcase_add_test(tc, a_reader_takes_no_place);
	tcase_add_test(tc, a_place_taken_again_leaves_old_words_dead);
	tcase_add_test(
		tc, places_are_refused_to_more_than_fit_and_given_up_by_the_dead);
	add_fork_cases(suite);
	tc = test_case(suite, "namespaces", "fast", 60);
	tcase_add_loop_test(
		tc, one_in_another_pid_namespace_lives_by_its_lock_alone, 0, 2);
	tcase_add_test(tc, a_proc_of_another_namespace_makes_nobody_dead);
	tcase_add_test(tc, another_time_namespace_makes_nobody_dead);
	return suite;
}

TEST_MAIN(participant_suite)
