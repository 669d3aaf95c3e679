/* SPDX-License-Identifier: MIT */
/* The error table, and the message that belongs to a thread's last failure. */
#include "error.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char formatted[1024];
static _Thread_local const char *message = "";

int zipc_fail(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(formatted, sizeof(formatted), format, args);
	va_end(args);
	message = formatted;
	return -error;
}

int zipc_fail_as(int error, const char *words)
{
	message = words;
	return -error;
}

const char *zipc_last_error(void)
{
	return message;
}

/* INT_MIN has no positive, and is no error's code. */
static int positive(int error)
{
	return error < 0 && error != INT_MIN ? -error : error;
}

const char *zipc_strerror(int error)
{
	const char *words;

	switch (positive(error)) {
#define X(code, meaning)                                                     \
	case code:                                                           \
		return meaning;
		ZIPC_ERRORS(X)
#undef X
	}
	words = strerrordesc_np(positive(error));
	return words ? words : "unknown error";
}

const char *zipc_error_name(int error)
{
	switch (positive(error)) {
#define X(code, meaning)                                                     \
	case code:                                                           \
		return #code;
		ZIPC_ERRORS(X)
#undef X
	}
	return "?";
}

const char *zipc_version(void)
{
	return "3.0.0";
}
