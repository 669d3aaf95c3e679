/* SPDX-License-Identifier: MIT */
/* How long to spin; the idea is in the header. */
#include "spin.h"

#include "atoms.h"
#include "clock.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <unistd.h>

#define AWAKE_NS 400u  /* before the core is offered to others, who may push */
#define SHORT_NS 2000u /* when something was found the last time */
#define LONG_NS 80000u /* a trial: sleeping and waking, on both sides */
#define PATIENCE_LEAST 8u
#define PATIENCE_MOST 1024u

/*
 * Spinning helps only where the other side can run meanwhile. The machine's
 * cores count, not those that this process may use: the others may use more.
 */
static bool has_company(void)
{
	static _Atomic long cores; /* 0: not counted yet */
	long n = atomic_load_explicit(&cores, memory_order_relaxed);

	if (!n) {
		n = sysconf(_SC_NPROCESSORS_ONLN);
		atomic_store_explicit(&cores, n, memory_order_relaxed);
	}
	return n != 1;
}

static uint32_t length(struct zipc_spin *spin)
{
	if (spin->length_ns)
		return spin->length_ns;
	if (++spin->vain < spin->patience)
		return AWAKE_NS;
	spin->vain = 0;
	spin->patience = spin->patience * 2u < PATIENCE_LEAST
				 ? PATIENCE_LEAST
				 : spin->patience * 2u;
	if (spin->patience > PATIENCE_MOST)
		spin->patience = PATIENCE_MOST;
	return LONG_NS;
}

static void learn(struct zipc_spin *spin, int64_t took_ns)
{
	if (took_ns > LONG_NS) { /* others had the core: better asleep */
		spin->length_ns = 0;
		return;
	}
	if (took_ns > LONG_NS / 4)
		took_ns = LONG_NS / 4;
	spin->length_ns = took_ns < SHORT_NS / 4 ? SHORT_NS
						 : 4 * (uint32_t)took_ns;
	spin->vain = 0;
	spin->patience = 0;
}

int64_t zipc_spin(struct zipc_spin *spin, int64_t deadline_ns,
		  int64_t (*attempt)(void *context), void *context)
{
	int64_t began, now, end, rc;

	if (!has_company())
		return -EAGAIN;
	began = now = zipc_now_ns();
	end = began + length(spin);
	if (end > deadline_ns)
		end = deadline_ns;
	do {
		if (now - began < AWAKE_NS)
			zipc_pause();
		else
			sched_yield();
		rc = attempt(context);
		now = zipc_now_ns();
		if (rc != -EAGAIN) {
			learn(spin, now - began);
			return rc;
		}
	} while (now < end);
	spin->length_ns = 0;
	return -EAGAIN;
}
