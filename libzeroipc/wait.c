/* SPDX-License-Identifier: MIT */
/* Sleeping on event words; the idea is in the header. */
#include "wait.h"

#include "atoms.h"
#include "clock.h"
#include "error.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAP_NS INT64_C(100000000)
#define LONG_NAP_NS INT64_C(5000000000)
#define WATCH_MS 300u /* a napper that is not heard of for longer is gone */
#define GRACE_NS INT64_C(10000000)
#define SPIN_LEAST 16u
#define SPIN_MOST 1024u

/* futex */

/* 0 woken or changed, -ETIMEDOUT; a signal counts as woken. */
static int futex_sleep(_Atomic uint32_t *word, uint32_t seen, int64_t until_ns)
{
	struct timespec until = zipc_timespec(until_ns);

	if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen,
		    until_ns == INT64_MAX ? NULL : &until, NULL,
		    FUTEX_BITSET_MATCH_ANY) &&
	    errno == ETIMEDOUT)
		return -ETIMEDOUT;
	return 0;
}

static uint64_t futex_wake(_Atomic uint32_t *word, uint64_t n)
{
	long woken = syscall(SYS_futex, word, FUTEX_WAKE,
			     n < INT_MAX ? (int)n : INT_MAX, NULL, NULL, 0);

	return woken > 0 ? (uint64_t)woken : 0;
}

/* the waker */

/* Clear bits if nobody has arrived since seen was read. */
static void clear_bits(struct zipc_event *event, uint32_t seen, uint32_t bits)
{
	/* Relaxed: a sleeper that is missed sees the word change. */
	atomic_compare_exchange_strong_explicit(&event->word, &seen,
						seen & ~bits,
						memory_order_relaxed,
						memory_order_relaxed);
}

void zipc_wake_sleepers(struct zipc_event *event, uint64_t n)
{
	uint32_t seen = atomic_load_explicit(&event->word,
					     memory_order_relaxed);

	/*
	 * The count of wakes tells a sleeper whose nap ends just now that it is
	 * being woken. Release, so that who sees it sees the publication.
	 */
	do {
		if (!(seen & ZIPC_SLEEPERS))
			return;
	} while (!atomic_compare_exchange_weak_explicit(
		&event->word, &seen, seen + ZIPC_WAKE, memory_order_release,
		memory_order_relaxed));
	if (futex_wake(&event->word, n) < n)
		clear_bits(event, seen + ZIPC_WAKE, ZIPC_SLEEPERS | ZIPC_CROWD);
}

/* the nappers */

static uint32_t now_ms(void)
{
	return (uint32_t)(zipc_now_ns() / 1000000);
}

static uint32_t watch_until(void)
{
	uint32_t until = now_ms() + WATCH_MS;

	return until ? until : 1;
}

/* A stamp that lies behind, or further ahead than any can, has expired. */
static bool expired(uint32_t stamp)
{
	return stamp == 0 || stamp - now_ms() > WATCH_MS;
}

struct napper {
	int place;      /* in nappers[]; -1: none */
	uint32_t stamp; /* what stands there */
};

static bool take_place(struct zipc_event *event, struct napper *napper)
{
	uint32_t stamp, until = watch_until();
	int i;

	for (i = 0; i < 2 && napper->place < 0; i++) {
		stamp = atomic_load_explicit(&event->nappers[i],
					     memory_order_relaxed);
		/* acq_rel: orders it with the CROWD bit, see leave_place(). */
		if (expired(stamp) &&
		    atomic_compare_exchange_strong_explicit(
			    &event->nappers[i], &stamp, until,
			    memory_order_acq_rel, memory_order_relaxed))
			*napper = (struct napper){ i, until };
	}
	return napper->place >= 0;
}

/* Before each nap: keep the place, or lose it if it was taken as expired. */
static void keep_place(struct zipc_event *event, struct napper *napper)
{
	uint32_t until = watch_until();

	if (napper->place < 0)
		return;
	if (atomic_compare_exchange_strong_explicit(
		    &event->nappers[napper->place], &napper->stamp, until,
		    memory_order_relaxed, memory_order_relaxed))
		napper->stamp = until;
	else
		napper->place = -1;
}

static void leave_place(struct zipc_event *event, struct napper *napper)
{
	uint32_t seen;

	if (napper->place < 0 ||
	    !atomic_compare_exchange_strong_explicit(
		    &event->nappers[napper->place], &napper->stamp, 0,
		    memory_order_acq_rel, memory_order_relaxed))
		return;
	/*
	 * Who saw this place taken has set CROWD and then looked once more, so
	 * either it finds the place free or CROWD is found here.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	seen = atomic_load_explicit(&event->word, memory_order_relaxed);
	if (seen & ZIPC_CROWD && !futex_wake(&event->word, 1))
		clear_bits(event, seen, ZIPC_CROWD);
}

/* the sleeper */

/* sleepers: the heavy fence follows; pairs with zipc_wake(). */
static uint32_t arrive(struct zipc_event *event, bool crowd)
{
	uint32_t bits = ZIPC_SLEEPERS | (crowd ? ZIPC_CROWD : 0);
	uint32_t seen = atomic_load_explicit(&event->word,
					     memory_order_relaxed);
	uint32_t mine;

	do
		mine = (seen & ~ZIPC_ARRIVALS) |
		       ((seen + ZIPC_ARRIVAL) & ZIPC_ARRIVALS) | bits;
	while (!atomic_compare_exchange_weak_explicit(
		&event->word, &seen, mine, memory_order_seq_cst,
		memory_order_relaxed));
	return mine;
}

/*
 * A nap ended by time and found work. Was its waker just on the way? Then the
 * count of wakes soon changes.
 */
static void count_late(struct zipc_event *event, uint32_t ticket)
{
	int64_t until = zipc_now_ns() + GRACE_NS;
	uint32_t seen;

	do {
		seen = atomic_load_explicit(&event->word,
					    memory_order_relaxed);
		if ((seen ^ ticket) & ZIPC_WAKES)
			return;
	} while (!futex_sleep(&event->word, seen, until));
	atomic_fetch_add_explicit(&event->late_wakes, 1, memory_order_relaxed);
}

static int64_t nap_end(const struct napper *napper, int64_t deadline_ns)
{
	int64_t end = zipc_now_ns() +
		      (napper->place >= 0 ? NAP_NS : LONG_NAP_NS);

	return end < deadline_ns ? end : deadline_ns;
}

/* Sleep, nap by nap. */
static int64_t sleep_on(struct zipc_event *event, bool symmetric,
			int64_t deadline_ns,
			int64_t (*attempt)(void *context), void *context)
{
	struct napper napper = { .place = -1 };
	uint32_t ticket;
	int64_t rc, end;
	int slept;

	do {
		keep_place(event, &napper);
		ticket = arrive(event, !take_place(event, &napper));
		take_place(event, &napper);
		rc = zipc_fence_heavy(symmetric);
		if (!rc)
			rc = attempt(context);
		if (rc != -EAGAIN)
			break;
		end = nap_end(&napper, deadline_ns);
		slept = futex_sleep(&event->word, ticket, end);
		rc = attempt(context);
		if (rc != -EAGAIN) {
			if (slept == -ETIMEDOUT)
				count_late(event, ticket);
			break;
		}
	} while (zipc_now_ns() < deadline_ns);
	leave_place(event, &napper);
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}

/* Spinning helps only where the other side can run meanwhile. */
static bool has_company(void)
{
	static _Atomic int cores; /* 0: not counted yet */
	int n = atomic_load_explicit(&cores, memory_order_relaxed);
	cpu_set_t set;

	if (!n) {
		n = sched_getaffinity(0, sizeof(set), &set) ? 2
							    : CPU_COUNT(&set);
		atomic_store_explicit(&cores, n, memory_order_relaxed);
	}
	return n > 1;
}

/* Spinning that found something is done longer next time, in vain shorter. */
static int64_t spin_for(struct zipc_spin *spin,
			int64_t (*attempt)(void *context), void *context)
{
	unsigned limit = spin->limit < SPIN_LEAST ? SPIN_LEAST : spin->limit;
	unsigned i;
	int64_t rc;

	for (i = 0; i < limit; i++) {
		zipc_pause();
		rc = attempt(context);
		if (rc != -EAGAIN) {
			spin->limit = limit * 2 < SPIN_MOST ? limit * 2
							    : SPIN_MOST;
			return rc;
		}
	}
	spin->limit = limit / 2;
	return -EAGAIN;
}

int64_t zipc_wait(struct zipc_event *event, bool symmetric,
		  struct zipc_spin *spin, int64_t deadline_ns,
		  int64_t (*attempt)(void *context), void *context)
{
	int64_t rc = -EAGAIN;

	if (has_company())
		rc = spin_for(spin, attempt, context);
	if (rc != -EAGAIN)
		return rc;
	return sleep_on(event, symmetric, deadline_ns, attempt, context);
}
