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
static void clear_bits(struct zipc_event_word *event, uint32_t seen,
		       uint32_t bits)
{
	/* Relaxed: a sleeper that is missed sees the word change. */
	atomic_compare_exchange_strong_explicit(&event->word, &seen,
						seen & ~bits,
						memory_order_relaxed,
						memory_order_relaxed);
}

void zipc_wake_sleepers(struct zipc_event_word *event, uint64_t n)
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

static uint32_t count_arrival(uint32_t word)
{
	return (word & ~ZIPC_ARRIVALS) |
	       ((word + ZIPC_ARRIVAL) & ZIPC_ARRIVALS);
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

static bool take_place(struct zipc_event_word *event, struct napper *napper)
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
static void keep_place(struct zipc_event_word *event, struct napper *napper)
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

static bool has_free_place(struct zipc_event_word *event)
{
	int i;

	/* Relaxed: behind a fence, see call_successor(). */
	for (i = 0; i < 2; i++)
		if (expired(atomic_load_explicit(&event->nappers[i],
						 memory_order_relaxed)))
			return true;
	return false;
}

/*
 * While a place is free, one of the crowd is woken to take it. The word changes
 * before that, as for an arrival: who has arrived and does not sleep yet looks
 * again, so the bit may be cleared when nobody slept.
 *
 * The wake may reach someone who needs none: a napper, or who leaves just then.
 * So everybody calls who was awake, before sleeping again and when leaving.
 */
static void call_successor(struct zipc_event_word *event)
{
	uint32_t seen, changed;

	/*
	 * Who saw a place taken has set CROWD and then, behind a fence, looked
	 * once more, so either it finds the place free or CROWD is found here.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	seen = atomic_load_explicit(&event->word, memory_order_relaxed);
	do {
		if (!(seen & ZIPC_CROWD) || !has_free_place(event))
			return;
		changed = count_arrival(seen);
	} while (!atomic_compare_exchange_weak_explicit(
		&event->word, &seen, changed, memory_order_seq_cst,
		memory_order_relaxed));
	if (!futex_wake(&event->word, 1))
		clear_bits(event, changed, ZIPC_CROWD);
}

static void leave_place(struct zipc_event_word *event, struct napper *napper)
{
	if (napper->place >= 0)
		atomic_compare_exchange_strong_explicit(
			&event->nappers[napper->place], &napper->stamp, 0,
			memory_order_acq_rel, memory_order_relaxed);
	call_successor(event);
}

/* the sleeper */

/* sleepers: the heavy fence follows; pairs with zipc_wake(). */
static uint32_t arrive(struct zipc_event_word *event, bool crowd)
{
	uint32_t bits = ZIPC_SLEEPERS | (crowd ? ZIPC_CROWD : 0);
	uint32_t seen = atomic_load_explicit(&event->word,
					     memory_order_relaxed);
	uint32_t mine;

	do
		mine = count_arrival(seen) | bits;
	while (!atomic_compare_exchange_weak_explicit(
		&event->word, &seen, mine, memory_order_seq_cst,
		memory_order_relaxed));
	return mine;
}

/*
 * A nap ended by time and found work. Was its waker just on the way? Then the
 * count of wakes soon changes. It is looked at now and then, and not slept for
 * on the word: a wake that is meant for a sleeper would end here.
 */
static void count_late(struct zipc_event_word *event, uint32_t ticket)
{
	struct timespec pause = zipc_timespec(GRACE_NS / 16);
	int64_t until = zipc_now_ns() + GRACE_NS;
	bool over;

	do {
		over = zipc_now_ns() >= until;
		if ((atomic_load_explicit(&event->word, memory_order_relaxed) ^
		     ticket) & ZIPC_WAKES)
			return;
		if (!over)
			nanosleep(&pause, NULL);
	} while (!over);
	atomic_fetch_add_explicit(&event->late_wakes, 1, memory_order_relaxed);
}

static int64_t nap_end(const struct napper *napper, int64_t deadline_ns)
{
	int64_t end = zipc_now_ns() +
		      (napper->place >= 0 ? NAP_NS : LONG_NAP_NS);

	return end < deadline_ns ? end : deadline_ns;
}

/* Sleep, nap by nap. */
static int64_t sleep_on(struct zipc_event_word *event, bool symmetric,
			int64_t deadline_ns,
			int64_t (*attempt)(void *context), void *context)
{
	struct napper napper = { .place = -1 };
	uint32_t ticket;
	int64_t rc, end;
	bool crowd;
	int slept;

	do {
		keep_place(event, &napper);
		crowd = !take_place(event, &napper);
		call_successor(event);
		ticket = arrive(event, crowd);
		rc = zipc_fence_heavy(symmetric);
		/* Behind the fence: see call_successor(). */
		take_place(event, &napper);
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

int64_t zipc_wait(struct zipc_event_word *event, bool symmetric,
		  struct zipc_spin *spin, int64_t deadline_ns,
		  int64_t (*attempt)(void *context), void *context)
{
	int64_t rc = zipc_spin(spin, deadline_ns, attempt, context);

	if (rc != -EAGAIN)
		return rc;
	return sleep_on(event, symmetric, deadline_ns, attempt, context);
}

/* several words */

#define WORDS_MOST 128u
#define TURN_NS INT64_C(2000000)

static struct napper napper_at(const struct zipc_wait_on *on)
{
	return (struct napper){ on->place, on->stamp };
}

static void keep_napper(struct zipc_wait_on *on, struct napper napper)
{
	on->place = napper.place;
	on->stamp = napper.stamp;
}

static void arrive_at(struct zipc_wait_on *on)
{
	struct napper napper = napper_at(on);

	keep_place(on->event, &napper);
	on->crowd = !take_place(on->event, &napper);
	call_successor(on->event);
	on->arrived = arrive(on->event, on->crowd);
	keep_napper(on, napper);
}

/* The second look: see call_successor(). */
static void look_again_at(struct zipc_wait_on *on)
{
	struct napper napper = napper_at(on);

	take_place(on->event, &napper);
	keep_napper(on, napper);
}

/*
 * The words as they are now, when all have been arrived at: one event may be
 * there twice. False: somebody has cleared the bits of one, and would not wake
 * us. Of the wakes those count that were there when it was arrived at: one that
 * came since was perhaps for us, and nobody sleeps beside it.
 */
static bool read_tickets(struct zipc_wait_on *on, size_t n)
{
	uint32_t now;
	size_t i;

	for (i = 0; i < n; i++) {
		now = atomic_load_explicit(&on[i].event->word,
					   memory_order_acquire);
		if (!(now & ZIPC_SLEEPERS))
			return false;
		on[i].ticket = (now & ~ZIPC_WAKES) |
			       (on[i].arrived & ZIPC_WAKES);
	}
	return true;
}

static int arrive_at_all(struct zipc_wait_on *on, size_t n)
{
	bool asymmetric = false;
	size_t i;
	int rc;

	do
		for (i = 0; i < n; i++)
			arrive_at(&on[i]);
	while (!read_tickets(on, n));
	for (i = 0; i < n; i++)
		asymmetric |= !on[i].symmetric;
	/* sleepers: pairs with zipc_wake(), as in sleep_on(). */
	zipc_fence_heavy(true);
	rc = asymmetric ? zipc_fence_heavy(false) : 0;
	for (i = 0; i < n; i++)
		look_again_at(&on[i]);
	return rc;
}

static int64_t nap_end_of(const struct zipc_wait_on *on, size_t n,
			  int64_t deadline_ns)
{
	struct napper napper = { .place = -1 };
	size_t i;

	for (i = 0; i < n; i++)
		if (on[i].place >= 0)
			napper.place = on[i].place;
	return nap_end(&napper, deadline_ns);
}

/* On up to 128 words, from *turn on. */
static void sleep_in_turn(const struct zipc_wait_on *on, size_t n, size_t *turn,
			  int64_t until_ns)
{
	struct futex_waitv words[WORDS_MOST];
	size_t k = n < WORDS_MOST ? n : WORDS_MOST, i;
	struct timespec until;

	if (k < n && until_ns > zipc_now_ns() + TURN_NS)
		until_ns = zipc_now_ns() + TURN_NS;
	for (i = 0; i < k; i++, *turn = (*turn + 1) % n)
		words[i] = (struct futex_waitv){
			.val = on[*turn].ticket,
			.uaddr = (uintptr_t)&on[*turn].event->word,
			.flags = FUTEX_32,
		};
	until = zipc_timespec(until_ns);
	if (syscall(SYS_futex_waitv, words, k, 0, &until, CLOCK_MONOTONIC) >=
		    0 ||
	    errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT)
		return;
	/* Not there, or refused. */
	if (until_ns > zipc_now_ns() + TURN_NS)
		until_ns = zipc_now_ns() + TURN_NS;
	*turn = (*turn + 1) % n;
	futex_sleep(&on[*turn].event->word, on[*turn].ticket, until_ns);
}

/* A wake that was for what we do not take is somebody else's. */
static void leave_all(struct zipc_wait_on *on, size_t n)
{
	struct napper napper;
	size_t i;

	for (i = 0; i < n; i++) {
		if ((atomic_load_explicit(&on[i].event->word,
					  memory_order_relaxed) ^
		     on[i].arrived) & ZIPC_WAKES)
			zipc_wake_sleepers(on[i].event, 1);
		napper = napper_at(&on[i]);
		leave_place(on[i].event, &napper);
	}
}

int64_t zipc_wait_any(struct zipc_wait_on *on, size_t n,
		      struct zipc_spin *spin, int64_t deadline_ns,
		      int64_t (*attempt)(void *context), void *context)
{
	int64_t rc = zipc_spin(spin, deadline_ns, attempt, context);
	size_t turn = 0, i;

	if (rc != -EAGAIN)
		return rc;
	for (i = 0; i < n; i++)
		on[i].place = -1;
	do {
		rc = arrive_at_all(on, n);
		if (!rc)
			rc = attempt(context);
		if (rc != -EAGAIN)
			break;
		sleep_in_turn(on, n, &turn, nap_end_of(on, n, deadline_ns));
		rc = attempt(context);
	} while (rc == -EAGAIN && zipc_now_ns() < deadline_ns);
	leave_all(on, n);
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}
