/* SPDX-License-Identifier: MIT */
/*
 * The turn cell: {turn, value}, changed only as a whole, and never to a turn
 * that it had before. So who changes it from what was read can not be deceived
 * by a value that has come back.
 *
 * It is read by halves: turn, value, turn. A load of 16 bytes is no choice: on
 * some machines it is made of a compare-and-swap, which writes, and faults in a
 * mapping for reading only.
 *
 * In inline assembly, since compilers make a call to libatomic of it. Tests
 * that decide at each access who goes on have a builtin to replace.
 */
#ifndef ZIPC_CELL_H
#define ZIPC_CELL_H

#include "format.h"

#include <stdbool.h>
#include <string.h>

#ifdef __SANITIZE_THREAD__
#define ZIPC_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ZIPC_TSAN 1
#endif
#endif
/* What is in assembly ThreadSanitizer has to be told. */
#if defined(ZIPC_TSAN) && !defined(ZIPC_CELL_BUILTIN)
#include <sanitizer/tsan_interface.h>
#define zipc_tsan_acquire(address) __tsan_acquire((void *)(address))
#define zipc_tsan_release(address) __tsan_release((void *)(address))
#else
#define zipc_tsan_acquire(address) ((void)(address))
#define zipc_tsan_release(address) ((void)(address))
#endif

/* What stands in a cell: a copy. */
struct zipc_pair {
	_Alignas(16) uint64_t turn;
	uint64_t value;
};

/* Both halves as they stood at one moment, that of the first look at turn. */
static inline struct zipc_pair zipc_cell_read(const struct zipc_cell *cell)
{
	struct zipc_pair pair;
	uint64_t again = atomic_load_explicit(&cell->turn,
					      memory_order_acquire);

	do {
		pair.turn = again;
		/* Acquire, so that turn is looked at again behind it. */
		pair.value = atomic_load_explicit(&cell->value,
						  memory_order_acquire);
		again = atomic_load_explicit(&cell->turn, memory_order_acquire);
	} while (again != pair.turn);
	return pair;
}

/* What the compare-and-swap is made of: as zipc_cell_swap(). */
static inline bool zipc_cell_swap_bare(struct zipc_cell *cell,
				       struct zipc_pair *expected,
				       struct zipc_pair desired)
{
	bool done;
#if defined(ZIPC_CELL_BUILTIN)
	unsigned __int128 *at = (void *)cell, *from = (void *)expected, to;

	memcpy(&to, &desired, sizeof(to));
	done = __atomic_compare_exchange_n(at, from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
#elif defined(__x86_64__)
	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(done), "+m"(*cell), "+a"(expected->turn),
			   "+d"(expected->value)
			 : "b"(desired.turn), "c"(desired.value)
			 : "memory");
#else
	struct zipc_pair found, next;
	uint32_t failed;

	/*
	 * A pair that was loaded was whole only if it could be stored, so what
	 * was found is stored back when it differs.
	 */
	do {
		__asm__ volatile("ldaxp %0, %1, %2"
				 : "=&r"(found.turn), "=&r"(found.value)
				 : "Q"(*cell)
				 : "memory");
		done = found.turn == expected->turn &&
		       found.value == expected->value;
		next = done ? desired : found;
		__asm__ volatile("stlxp %w0, %2, %3, %1"
				 : "=&r"(failed), "=Q"(*cell)
				 : "r"(next.turn), "r"(next.value)
				 : "memory");
	} while (failed);
	*expected = found;
#endif
	return done;
}

/*
 * Put desired where *expected stands; else *expected becomes what stands there,
 * and false. Acquire and release, and on x86 a full fence.
 */
static inline bool zipc_cell_swap(struct zipc_cell *cell,
				  struct zipc_pair *expected,
				  struct zipc_pair desired)
{
	bool done;

	zipc_tsan_release(&cell->turn);
	done = zipc_cell_swap_bare(cell, expected, desired);
	zipc_tsan_acquire(&cell->turn);
	return done;
}

#endif
