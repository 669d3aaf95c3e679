/* SPDX-License-Identifier: MIT */
/*
 * WORKER BOOKS SEGMENT SEAT SEED: a producer or a consumer in a storm, until it
 * is over. This part, the accounting of books.h, is shared by C and C++; each
 * states how it opens the queue, pushes and pops. worker.py does all of it by
 * itself.
 */
#ifndef ZIPC_STORM_WORKER_H
#define ZIPC_STORM_WORKER_H

#include "../random_type.h"
#include "books.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

/*
 * What a language provides. Both give how many elements were moved, 0 if it
 * would wait or has waited enough, and call worker_fail() for anything else.
 */
static int64_t worker_push(enum waiting waiting, const uint64_t *elems,
			   unsigned n);
static int64_t worker_pop(enum waiting waiting, uint64_t *elems, unsigned n);
/* Whether that writes to elems before it takes the elements away. */
static bool worker_pops_in_place(unsigned n);

static struct books *books;

__attribute__((format(printf, 1, 2), noreturn))
static void worker_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	page_fail(&books->page, format, args);
	va_end(args);
	_exit(1);
}

#define worker_assert(condition, ...)                                        \
	do {                                                                 \
		if (!(condition))                                            \
			worker_fail(__VA_ARGS__);                            \
	} while (0)

static void worker_progress(unsigned seat)
{
	word_add(&books->page.seats[seat].progress, 1);
}

static void produce(unsigned me, struct dice *dice)
{
	uint64_t first = word_load(&books->next[me]);
	unsigned n = 1 + roll_below(dice, (unsigned)books->batch), i;
	uint64_t elems[BOOKS_BATCH * BOOKS_WORDS];
	int64_t done;

	if (first + n > BOOKS_NUMBERS) { /* none is left: only be killed */
		worker_progress(me);
		sched_yield();
		return;
	}
	for (i = 0; i < n; i++)
		fill(elems + i * BOOKS_WORDS, me, first + i);
	/* Who is killed from here on leaves these numbers behind. */
	word_store(&books->next[me], first + n);
	done = worker_push((enum waiting)books->waiting, elems, n);
	if (done > 0)
		worker_progress(me);
	for (i = 0; i < done; i++)
		fate_add(books, me, first + i, COMMITTED);
	word_store(&books->next[me], first + (uint64_t)done);
}

static void note(const uint64_t *elem, unsigned me)
{
	unsigned long long number = number_of(elem), after;
	unsigned producer = producer_of(elem);

	worker_assert(is_whole(elem), "a torn element: %llx",
		      (unsigned long long)elem[0]);
	worker_assert(producer < books->producers &&
			      number < word_load(&books->next[producer]),
		      "element %llu of producer %u comes from nowhere", number,
		      producer);
	worker_assert(fate_add(books, producer, number, TAKEN) < TAKEN,
		      "element %llu of producer %u is doubled", number,
		      producer);
	after = word_load(&books->last[me][producer]);
	worker_assert(number + 1 > after,
		      "element %llu of producer %u comes behind %llu", number,
		      producer, after - 1);
	word_store(&books->last[me][producer], number + 1);
}

/* Takes a batch; how many were elements that end a consumer. */
static unsigned consume(unsigned me, struct dice *dice)
{
	unsigned n = 1 + roll_below(dice, (unsigned)books->batch), stops = 0;
	uint64_t *elem = books->buffers[me];
	int64_t got, i;

	word_store(&books->popping[me], worker_pops_in_place(n) ? 0 : n);
	got = worker_pop((enum waiting)books->waiting, elem, n);
	word_store(&books->popping[me], 0);
	if (got > 0)
		worker_progress((unsigned)books->producers + me);
	for (i = 0; i < got; i++, elem += BOOKS_WORDS)
		if (producer_of(elem) == BOOKS_STOP)
			stops++;
		else
			note(elem, me);
	return stops;
}

/* Until told to stop; more than one is others'. */
static void consume_until_stopped(unsigned me, struct dice *dice)
{
	uint64_t elem[BOOKS_WORDS];
	unsigned stops;

	do
		stops = consume(me, dice);
	while (!stops);
	fill(elem, BOOKS_STOP, 0);
	while (--stops)
		worker_push(FOREVER, elem, 1);
}

static void worker_run(const char *seat_text, const char *seed)
{
	unsigned seat = (unsigned)strtoul(seat_text, NULL, 10);
	struct dice dice = { strtoull(seed, NULL, 10) };

	if (seat >= books->producers) {
		consume_until_stopped(seat - (unsigned)books->producers, &dice);
		return;
	}
	while (!word_load(&books->page.over))
		produce(seat, &dice);
}

static bool worker_open_books(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *memory = mmap(NULL, sizeof(*books), PROT_READ | PROT_WRITE,
			    MAP_SHARED, fd, 0);

	close(fd);
	books = (struct books *)memory;
	return memory != MAP_FAILED;
}

#endif
