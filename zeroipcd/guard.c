/* SPDX-License-Identifier: MIT */
/*
 * Mappings that may be cut short; see guard.h.
 *
 * A place is taken by its base, from 0, and its size is written behind that; so
 * the handler, which may run between any two instructions of any thread, finds
 * a place whose size is not there yet empty. One that is given back and taken
 * while it looks has another size, or is the mapping that base and size say.
 *
 *   edge      written by   read by     carries
 *   guarded   guard_add    on_bus      base and size, when size is not 0
 */
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
	_Atomic uintptr_t base;
	_Atomic size_t size;
	_Atomic bool lost;
};

static struct guard guards[GUARD_MAX];
static uintptr_t page_size;

/* Only this thread's, and of handlers that interrupt it. */
static _Thread_local volatile sig_atomic_t lenient, mended;

/*
 * Zeros, from there on: all of them, or one page if that is too much. Shared,
 * as the whole of a private mapping would count as data (LimitDATA=), and then
 * there might be none for the next one.
 */
static bool lay(uintptr_t page, size_t size)
{
	int how = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;

	if (mmap((void *)page, size, PROT_READ | PROT_WRITE, how, -1, 0) !=
	    MAP_FAILED)
		return true;
	return mmap((void *)page, page_size, PROT_READ | PROT_WRITE, how, -1,
		    0) != MAP_FAILED;
}

/* Lay zeros over what is gone; false: nobody has said that it may go. */
static bool mend(uintptr_t address)
{
	uintptr_t base, page = address / page_size * page_size;
	size_t i, size;

	for (i = 0; i < GUARD_MAX; i++) {
		/* guarded: acquire; pairs with guard_add(). */
		size = atomic_load_explicit(&guards[i].size,
					    memory_order_acquire);
		/* Acquire: the size is looked at again behind it. */
		base = atomic_load_explicit(&guards[i].base,
					    memory_order_acquire);
		if (address - base >= size ||
		    atomic_load_explicit(&guards[i].size,
					 memory_order_relaxed) != size)
			continue;
		/* Relaxed: who is interrupted here reads it by itself later. */
		atomic_store_explicit(&guards[i].lost, true,
				      memory_order_relaxed);
		return lay(page, base + size - page);
	}
	/* A page that gives SIGBUS is mapped, and of a file. */
	if (!lenient)
		return false;
	mended = 1;
	return lay(page, page_size);
}

static void on_bus(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	/* What was sent by a process has no address. */
	if (info->si_code <= 0 || !mend((uintptr_t)info->si_addr))
		signal(number, SIG_DFL); /* and it comes again */
	errno = saved;
}

int guard_start(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	action.sa_sigaction = on_bus;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

struct guard *guard_add(const void *base, size_t size)
{
	uintptr_t nobody;
	size_t i;

	for (i = 0; i < GUARD_MAX; i++) {
		nobody = 0;
		/* Relaxed: the size behind it is what is looked at. */
		if (!atomic_compare_exchange_strong_explicit(
			    &guards[i].base, &nobody, (uintptr_t)base,
			    memory_order_relaxed, memory_order_relaxed))
			continue;
		atomic_store_explicit(&guards[i].lost, false,
				      memory_order_relaxed);
		/* guarded: release; pairs with mend(). */
		atomic_store_explicit(&guards[i].size, size,
				      memory_order_release);
		return &guards[i];
	}
	return NULL;
}

bool guard_lost(const struct guard *guard)
{
	/* Relaxed: it was set in this thread, or is looked at again. */
	return atomic_load_explicit(&guard->lost, memory_order_relaxed);
}

void guard_remove(struct guard *guard)
{
	/* Relaxed: nobody touches the mapping, so no handler looks for it. */
	atomic_store_explicit(&guard->size, 0, memory_order_relaxed);
	atomic_store_explicit(&guard->base, 0, memory_order_release);
}

void guard_lenient(void)
{
	mended = 0;
	lenient = 1;
}

bool guard_strict(void)
{
	lenient = 0;
	return mended;
}
