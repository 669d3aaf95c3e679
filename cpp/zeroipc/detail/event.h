/* SPDX-License-Identifier: MIT */
/*
 * The event word: sleeping until something may have changed.
 *
 * The word is {wakes, arrivals, CROWD, SLEEPERS}. A sleeper counts its arrival
 * and sets SLEEPERS, runs a heavy fence, looks again, and sleeps (a futex) only
 * while the word is as it left it. A waker publishes, and then plainly loads
 * the word: no SLEEPERS, nothing to do. So the sleeper pays for the fence, and
 * a waker that finds nobody makes no system call.
 *
 *   edge       written by    read by    carries
 *   sleepers   arrive        sleepers   who slept must be woken
 *
 * A waker counts the wake, wakes as many as it has brought work for, and clears
 * the bits if nobody was there and nobody arrived since. A sleeper or waker
 * that dies costs one idle system call at worst.
 *
 * A process may die between its commit and its wake. So sleepers nap: two of
 * them (nappers[], each a claim that expires by itself) look every 100 ms, the
 * others every 5 s. Who finds no place as a napper sets CROWD, and whoever is
 * awake while a place is free wakes one of the crowd. So a napper remains while
 * somebody sleeps, but for what deaths in a row can do. A nap that ended by
 * time, found work, and was not being woken just then is counted in late_wakes;
 * a waker that is held up for long before its wake makes that one too many.
 */
#ifndef ZEROIPC_DETAIL_EVENT_H
#define ZEROIPC_DETAIL_EVENT_H

#include <zeroipc/detail/atoms.h>
#include <zeroipc/detail/clock.h>
#include <zeroipc/detail/fence.h>
#include <zeroipc/detail/format.h>
#include <zeroipc/detail/spin.h>

#include <cerrno>
#include <climits>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace zeroipc::detail {

inline constexpr std::uint32_t sleepers_bit = 1;
inline constexpr std::uint32_t crowd_bit = 2;
inline constexpr std::uint32_t arrival = 4;
inline constexpr std::uint32_t arrivals = 0x0001FFFC;
inline constexpr std::uint32_t wake_count = 0x00020000;
inline constexpr std::uint32_t wakes = 0xFFFE0000;

inline constexpr std::int64_t nap_ns = 100000000;
inline constexpr std::int64_t long_nap_ns = 5000000000;
inline constexpr std::int64_t grace_ns = 10000000;
inline constexpr std::uint32_t watch_ms = 300; /* not heard of longer: gone */

/* futex */

/* True when time was up; a signal counts as woken. */
inline bool futex_sleep(Word<std::uint32_t> &word, std::uint32_t seen,
			std::int64_t until_ns)
{
	timespec until = to_timespec(until_ns);

	return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, seen,
		       until_ns == never ? nullptr : &until, nullptr,
		       FUTEX_BITSET_MATCH_ANY) &&
	       errno == ETIMEDOUT;
}

inline std::uint64_t futex_wake(Word<std::uint32_t> &word, std::uint64_t n)
{
	long woken = syscall(SYS_futex, &word, FUTEX_WAKE,
			     n < INT_MAX ? int(n) : INT_MAX, nullptr, nullptr,
			     0);

	return woken > 0 ? std::uint64_t(woken) : 0;
}

/* the waker */

/* Clear bits if nobody has arrived since seen was read. */
inline void clear_bits(Event &event, std::uint32_t seen, std::uint32_t bits)
{
	/* Relaxed: a sleeper that is missed sees the word change. */
	event.word.change(seen, seen & ~bits, relaxed, relaxed);
}

ZEROIPC_SLOW inline void wake_sleepers(Event &event, std::uint64_t n)
{
	std::uint32_t seen = event.word.load(relaxed);

	/*
	 * The count of wakes tells a sleeper whose nap ends just now that it is
	 * being woken. Release, so that who sees it sees the publication.
	 */
	do {
		if (!(seen & sleepers_bit))
			return;
	} while (!event.word.change(seen, seen + wake_count, release, relaxed));
	if (futex_wake(event.word, n) < n)
		clear_bits(event, seen + wake_count, sleepers_bit | crowd_bit);
}

/* Behind a publication, which the light fence keeps before the load. */
ZEROIPC_INLINE bool sleepers(const Event &event, bool symmetric)
{
	fence_light(symmetric);
	/* sleepers: relaxed is enough behind the fence; pairs with arrive. */
	return event.word.load(relaxed) & sleepers_bit;
}

/* After a publication that n waiters may use. */
inline void wake(Event &event, bool symmetric, std::uint64_t n)
{
	if (sleepers(event, symmetric)) [[unlikely]]
		wake_sleepers(event, n);
}

inline std::uint32_t count_arrival(std::uint32_t word)
{
	return (word & ~arrivals) | ((word + arrival) & arrivals);
}

/* the nappers */

inline std::uint32_t now_ms()
{
	return std::uint32_t(now_ns() / 1000000);
}

/* A sleeper's place in nappers[], if it has one; left when it is destroyed. */
class Napper {
public:
	explicit Napper(Event &event) : event_(event) {}
	Napper(const Napper &) = delete;

	~Napper()
	{
		leave();
	}

	bool has_place() const
	{
		return place_ >= 0;
	}

	bool take_place();
	void keep_place();
	void call_successor();

private:
	/* One that lies behind, or further ahead than any can, has expired. */
	static bool expired(std::uint32_t stamp)
	{
		return stamp == 0 || stamp - now_ms() > watch_ms;
	}

	static std::uint32_t watch_until()
	{
		std::uint32_t until = now_ms() + watch_ms;

		return until ? until : 1;
	}

	bool is_place_free() const;
	void leave();

	Event &event_;
	int place_ = -1;
	std::uint32_t stamp_ = 0; /* what stands there */
};

inline bool Napper::take_place()
{
	const std::uint32_t until = watch_until();

	for (int i = 0; i < 2 && place_ < 0; i++) {
		std::uint32_t stamp = event_.nappers[i].load(relaxed);

		/* acq_rel: orders it with the CROWD bit, see leave(). */
		if (expired(stamp) &&
		    event_.nappers[i].change(stamp, until, acq_rel, relaxed)) {
			place_ = i;
			stamp_ = until;
		}
	}
	return has_place();
}

/* Before each nap: keep the place, or lose it if it was taken as expired. */
inline void Napper::keep_place()
{
	const std::uint32_t until = watch_until();

	if (!has_place())
		return;
	if (event_.nappers[place_].change(stamp_, until, relaxed, relaxed))
		stamp_ = until;
	else
		place_ = -1;
}

inline bool Napper::is_place_free() const
{
	/* Relaxed: behind a fence, see call_successor(). */
	return expired(event_.nappers[0].load(relaxed)) ||
	       expired(event_.nappers[1].load(relaxed));
}

/*
 * While a place is free, one of the crowd is woken to take it. The word changes
 * before that, as for an arrival: who has arrived and does not sleep yet looks
 * again, so the bit may be cleared when nobody slept.
 *
 * The wake may reach someone who needs none: a napper, or who leaves just then.
 * So everybody calls who was awake, before sleeping again and when leaving.
 */
inline void Napper::call_successor()
{
	/*
	 * Who saw a place taken has set CROWD and then looked once more, so
	 * either it finds the place free or CROWD is found here.
	 */
	std::atomic_thread_fence(seq_cst);

	std::uint32_t seen = event_.word.load(relaxed), changed;

	do {
		if (!(seen & crowd_bit) || !is_place_free())
			return;
		changed = count_arrival(seen);
	} while (!event_.word.change(seen, changed, seq_cst, relaxed));
	if (!futex_wake(event_.word, 1))
		clear_bits(event_, changed, crowd_bit);
}

inline void Napper::leave()
{
	if (has_place())
		event_.nappers[place_].change(stamp_, 0, acq_rel, relaxed);
	call_successor();
}

/* the sleeper */

/* sleepers: the heavy fence follows; pairs with sleepers(). */
inline std::uint32_t arrive(Event &event, bool crowd)
{
	const std::uint32_t bits = sleepers_bit | (crowd ? crowd_bit : 0);
	std::uint32_t seen = event.word.load(relaxed), mine;

	do
		mine = count_arrival(seen) | bits;
	while (!event.word.change(seen, mine, seq_cst, relaxed));
	return mine;
}

/*
 * A nap ended by time and found work. Was its waker just on the way? Then the
 * count of wakes soon changes. It is looked at now and then, and not slept for
 * on the word: a wake that is meant for a sleeper would end here.
 */
inline void count_late(Event &event, std::uint32_t ticket)
{
	const timespec pause = to_timespec(grace_ns / 16);
	const std::int64_t until = now_ns() + grace_ns;
	bool over;

	do {
		over = now_ns() >= until;
		if ((event.word.load(relaxed) ^ ticket) & wakes)
			return;
		if (!over)
			nanosleep(&pause, nullptr);
	} while (!over);
	event.late_wakes.add(1, relaxed);
}

/*
 * Sleep, nap by nap, until attempt() gives another number than 0, which is
 * returned; 0 when the deadline has passed.
 */
inline std::uint64_t sleep_on(Event &event, bool symmetric,
			      std::int64_t deadline, Attempt attempt)
{
	Napper napper(event);
	std::uint64_t got;

	do {
		napper.keep_place();

		const bool crowd = !napper.take_place();

		napper.call_successor();

		const std::uint32_t ticket = arrive(event, crowd);

		fence_heavy(symmetric);
		/* Behind the fence: see call_successor(). */
		napper.take_place();
		got = attempt();
		if (got)
			return got;

		const std::int64_t end =
			now_ns() + (napper.has_place() ? nap_ns : long_nap_ns);
		const bool late = futex_sleep(event.word, ticket,
					      end < deadline ? end : deadline);

		got = attempt();
		if (got && late)
			count_late(event, ticket);
	} while (!got && now_ns() < deadline);
	return got;
}

/* As sleep_on(); the caller has made the first attempt. */
inline std::uint64_t wait_on(Event &event, bool symmetric, Spin &spin,
			     std::int64_t deadline, Attempt attempt)
{
	const std::uint64_t got = spin(deadline, attempt);

	return got ? got : sleep_on(event, symmetric, deadline, attempt);
}

} // namespace zeroipc::detail

#endif
