/* SPDX-License-Identifier: MIT */
/* A filter that kills at any system call; the idea is in the header. */
#include "no_calls.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"

struct quiet {
	void (*warm_up)(void *context);
	void (*body)(void *context);
	void *context;
};

static void allow_only_to_end(void)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = { sizeof(steps) / sizeof(steps[0]), steps };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter),
			 0);
}

static void run(void *context)
{
	struct quiet *quiet = context;

	if (quiet->warm_up)
		quiet->warm_up(quiet->context);
	allow_only_to_end();
	quiet->body(quiet->context);
	syscall(SYS_exit_group, 0);
}

static int status_of(void (*warm_up)(void *context),
		     void (*body)(void *context), void *context)
{
	struct quiet quiet = { warm_up, body, context };
	struct child child = child_start(run, &quiet);

	return child_reap(&child);
}

void must_make_no_system_call(void (*warm_up)(void *context),
			      void (*body)(void *context), void *context)
{
	int status = status_of(warm_up, body, context);

	ck_assert_msg(!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS,
		      "it made a system call");
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status),
		      "it ended with status 0x%x", (unsigned)status);
}

void must_make_a_system_call(void (*warm_up)(void *context),
			     void (*body)(void *context), void *context)
{
	int status = status_of(warm_up, body, context);

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
		      "no system call was seen: status 0x%x",
		      (unsigned)status);
}
