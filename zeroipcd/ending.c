/* SPDX-License-Identifier: MIT */
/*
 * How the process ends; see ending.h. Handlers may run in any thread, at any
 * instruction: they call what is safe there only.
 */
#include "ending.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static uv_async_t *_Atomic told; /* NULL: the loop has been told */
static unsigned patience_s;

static void on_signal(int number)
{
	int saved = errno;
	/* Relaxed: the handle was made before the handlers were. */
	uv_async_t *it = atomic_load_explicit(&told, memory_order_relaxed);

	(void)number;
	alarm(patience_s);
	if (it)
		uv_async_send(it);
	errno = saved;
}

static void on_alarm(int number)
{
	static const char words[] = "zeroipcd: somebody keeps a segment "
				    "changing, and a look into it does not "
				    "end\n";
	ssize_t ignored = write(STDERR_FILENO, words, sizeof(words) - 1);

	(void)ignored;
	(void)number;
	_exit(EXIT_SUCCESS);
}

static void on_told(uv_async_t *async)
{
	struct ending *ending = async->data;

	ending->end(ending->context);
}

static void handle(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler,
				    .sa_flags = SA_RESTART };

	sigfillset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

void ending_start(struct ending *ending, uv_loop_t *loop, unsigned seconds,
		  void (*end)(void *context), void *context)
{
	ending->end = end;
	ending->context = context;
	uv_async_init(loop, &ending->told, on_told);
	ending->told.data = ending;
	patience_s = seconds;
	/* Relaxed: the handlers come after it, in this thread. */
	atomic_store_explicit(&told, &ending->told, memory_order_relaxed);
	handle(SIGALRM, on_alarm);
	handle(SIGTERM, on_signal);
	handle(SIGINT, on_signal);
}

/* The handlers stay: what ends the loop may yet be stuck. */
void ending_stop(struct ending *ending)
{
	sigset_t all, before;

	/* A handler of this thread is not in between; others use no handle. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_store_explicit(&told, NULL, memory_order_relaxed);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	uv_close((uv_handle_t *)&ending->told, NULL);
}
