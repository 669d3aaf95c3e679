/* SPDX-License-Identifier: MIT */
/*
 * That an operation makes no system call: it runs in a child under a seccomp
 * filter that kills at any but write() and exit_group(), by which the child
 * ends.
 */
#ifndef ZIPC_NO_CALLS_H
#define ZIPC_NO_CALLS_H

/*
 * In a child: warm_up(context), the filter, body(context). The test fails if
 * body makes a system call, or if a value that it asserts is wrong.
 */
void must_make_no_system_call(void (*warm_up)(void *context),
			      void (*body)(void *context), void *context);

/* The same, and a call is what is wanted: shows that the filter is in force. */
void must_make_a_system_call(void (*warm_up)(void *context),
			     void (*body)(void *context), void *context);

#endif
