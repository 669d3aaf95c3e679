/* SPDX-License-Identifier: MIT */
/*
 * Ours; pthread_once(), and a word with a flag, in shared memory; a pipe each
 * way; and an eventfd each way, with the value in shared memory.
 */
#include "../lazy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zeroipc.h>

/* ours */

struct ours {
	struct zipc_lazy *sum, *asked;
};

static void must(int rc)
{
	if (rc)
		die("%s", zipc_last_error());
}

static void *create_ours(void)
{
	const char *name = unique_name();
	struct zipc_segment *segment;
	struct zipc_lazy *lazy;

	must(zipc_segment_create(&segment, name, 1 << 20, NULL));
	zipc_segment_unlink(name);
	must(zipc_lazy_create(&lazy, segment, "sum", "u64", "1 + 2"));
	must(zipc_lazy_force(lazy, NULL, ZIPC_FOREVER));
	zipc_lazy_close(lazy);
	must(zipc_lazy_create_external(&lazy, segment, "asked", "u64"));
	zipc_lazy_close(lazy);
	return segment;
}

static void destroy_ours(void *segment)
{
	zipc_segment_close(segment);
}

static void *open_ours(void *segment)
{
	struct ours *it = calloc(1, sizeof(*it));

	if (!it)
		die("out of memory");
	must(zipc_lazy_open(&it->sum, segment, "sum", "u64"));
	must(zipc_lazy_open(&it->asked, segment, "asked", "u64"));
	return it;
}

static void close_ours(void *end)
{
	struct ours *it = end;

	zipc_lazy_close(it->sum);
	zipc_lazy_close(it->asked);
	free(it);
}

static uint64_t read_ours(void *end, uint64_t times)
{
	struct ours *it = end;
	uint64_t sum = 0, value = 0;

	for (; times; times--) {
		if (zipc_lazy_get(it->sum, &value, ZIPC_FOREVER))
			return 0;
		sum += value;
	}
	return sum;
}

static uint64_t compute_ours(void *end, uint64_t times)
{
	struct ours *it = end;
	uint64_t sum = 0, value = 0;

	for (; times; times--) {
		if (zipc_lazy_reset(it->sum) ||
		    zipc_lazy_force(it->sum, &value, ZIPC_FOREVER))
			return 0;
		sum += value;
	}
	return sum;
}

static uint64_t ask_ours(void *end, uint64_t times)
{
	struct ours *it = end;
	uint64_t sum = 0, value = 0;

	for (; times; times--) {
		if (zipc_lazy_get(it->asked, &value, ZIPC_FOREVER) ||
		    zipc_lazy_reset(it->asked))
			return 0;
		sum += value;
	}
	return sum;
}

static bool answer_ours(void *end, uint64_t times)
{
	struct ours *it = end;
	uint64_t i;

	for (i = 1; i <= times; i++)
		if (zipc_lazy_serve(it->asked, ZIPC_FOREVER) ||
		    zipc_lazy_set(it->asked, &i))
			return false;
	return true;
}

/* in shared memory */

struct words {
	pthread_once_t once;
	_Atomic bool computed;
	_Atomic uint64_t value;
};

static struct words *words; /* of this process; pthread_once() gives nothing */

static void compute_value(void)
{
	/* Relaxed: who calls it makes it seen. */
	atomic_store_explicit(&words->value, LAZY_VALUE, memory_order_relaxed);
}

static void *create_words(void)
{
	struct words *it = shared_new(sizeof(*it));

	it->once = (pthread_once_t)PTHREAD_ONCE_INIT;
	return it;
}

static void *open_words(void *shared)
{
	return words = shared;
}

static void close_words(void *end)
{
	(void)end;
}

static uint64_t read_once(void *end, uint64_t times)
{
	struct words *it = end;
	uint64_t sum = 0;

	for (; times; times--) {
		pthread_once(&it->once, compute_value);
		sum += atomic_load_explicit(&it->value, memory_order_relaxed);
	}
	return sum;
}

static uint64_t compute_once(void *end, uint64_t times)
{
	struct words *it = end;
	uint64_t sum = 0;

	for (; times; times--) {
		it->once = (pthread_once_t)PTHREAD_ONCE_INIT;
		sum += read_once(end, 1);
	}
	return sum;
}

static uint64_t read_word(void *end, uint64_t times)
{
	struct words *it = end;
	uint64_t sum = 0;

	for (; times; times--) {
		/* Pairs with the store behind it, whoever made that. */
		if (!atomic_load_explicit(&it->computed,
					  memory_order_acquire)) {
			compute_value();
			atomic_store_explicit(&it->computed, true,
					      memory_order_release);
		}
		sum += atomic_load_explicit(&it->value, memory_order_relaxed);
	}
	return sum;
}

/* descriptors */

struct lines {
	bool counts; /* eventfds; else pipes */
	int in[2], out[2]; /* what is asked, what is answered */
	_Atomic uint64_t value;
};

static void *create_lines(bool counts)
{
	struct lines *it = shared_new(sizeof(*it));
	int pair[2];

	it->counts = counts;
	for (unsigned i = 0; i < 2; i++) {
		if (counts)
			pair[0] = pair[1] = eventfd(0, 0);
		else if (pipe(pair))
			pair[0] = -1;
		if (pair[0] < 0)
			die("no descriptor: %m");
		it->in[i] = pair[0];
		it->out[i] = pair[1];
	}
	return it;
}

static void *create_pipes(void)
{
	return create_lines(false);
}

static void *create_events(void)
{
	return create_lines(true);
}

static void destroy_lines(void *shared)
{
	struct lines *it = shared;

	for (unsigned i = 0; i < 2; i++) {
		close(it->in[i]);
		if (!it->counts)
			close(it->out[i]);
	}
	shared_free(it);
}

static void *open_lines(void *shared)
{
	return shared;
}

static uint64_t ask_line(void *end, uint64_t times)
{
	uint64_t sum = 0, word = 1;
	struct lines *it = end;

	for (; times; times--) {
		word = 1;
		if (write(it->out[0], &word, sizeof(word)) != sizeof(word) ||
		    read(it->in[1], &word, sizeof(word)) != sizeof(word))
			return 0;
		sum += it->counts ? atomic_load_explicit(&it->value,
							 memory_order_relaxed)
				  : word;
	}
	return sum;
}

static bool answer_line(void *end, uint64_t times)
{
	struct lines *it = end;
	uint64_t i, word;

	for (i = 1; i <= times; i++) {
		if (read(it->in[0], &word, sizeof(word)) != sizeof(word))
			return false;
		word = it->counts ? 1 : i;
		/* Relaxed: the write to the descriptor comes behind it. */
		atomic_store_explicit(&it->value, i, memory_order_relaxed);
		if (write(it->out[1], &word, sizeof(word)) != sizeof(word))
			return false;
	}
	return true;
}

/* the candidates */

static const struct lazy_peer ours = {
	.create = create_ours, .destroy = destroy_ours, .open = open_ours,
	.close = close_ours, .read = read_ours, .compute = compute_ours,
	.ask = ask_ours, .answer = answer_ours,
}, once = {
	.create = create_words, .destroy = shared_free, .open = open_words,
	.close = close_words, .read = read_once, .compute = compute_once,
}, word = {
	.create = create_words, .destroy = shared_free, .open = open_words,
	.close = close_words, .read = read_word,
}, pipes = {
	.create = create_pipes, .destroy = destroy_lines, .open = open_lines,
	.close = close_words, .ask = ask_line, .answer = answer_line,
}, events = {
	.create = create_events, .destroy = destroy_lines, .open = open_lines,
	.close = close_words, .ask = ask_line, .answer = answer_line,
};

const struct candidate lazy_zeroipc = {
	.name = "zeroipc", .ours = true, .family = &ours,
};
const struct candidate lazy_once = {
	.name = "pthread-once", .family = &once,
};
const struct candidate lazy_word = {
	.name = "shm-word", .family = &word,
};
const struct candidate lazy_pipe = {
	.name = "pipe", .family = &pipes,
};
const struct candidate lazy_eventfd = {
	.name = "eventfd+shm", .family = &events,
};
