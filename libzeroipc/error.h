/* SPDX-License-Identifier: MIT */
/* Errors: a code for programs and, per thread, a message for people. */
#ifndef ZIPC_ERROR_H
#define ZIPC_ERROR_H

#include <errno.h>
#include <zipc/base.h>

/*
 * Keep the message for zipc_last_error() and return -error. A message names
 * what is wrong and what to do, without a full stop at its end.
 */
int zipc_fail(int error, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/* The same with constant words, kept by pointer: for what happens often. */
int zipc_fail_as(int error, const char *words);

#endif
