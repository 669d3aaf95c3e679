/* SPDX-License-Identifier: MIT */
/*
 * Spinning before sleeping. A sleeper that is woken goes on some 10 to 60 us
 * later; what comes sooner is better waited for awake.
 *
 * So each waiting handle learns. What was found by spinning is looked for a few
 * times as long the next time; what was not is looked for only briefly, and at
 * length only now and then: two sides that answer each other at once, and have
 * fallen asleep once, would else wait for each other's waking for ever. Those
 * trials become rare when they find nothing, so a long wait costs next to no
 * time of a core. Behind the first 400 ns each look is preceded by an offer of
 * the core to others (sched_yield), among whom may be who is waited for. On a
 * busy machine that takes long, and is then found not to pay.
 */
#ifndef ZEROIPC_DETAIL_SPIN_H
#define ZEROIPC_DETAIL_SPIN_H

#include <zeroipc/detail/atoms.h>
#include <zeroipc/detail/clock.h>

#include <algorithm>
#include <sched.h>
#include <unistd.h>

namespace zeroipc::detail {

/*
 * Spinning helps only where the other side can run meanwhile. The machine's
 * cores count, not those that this process may use: the others may use more.
 */
inline bool has_company()
{
	static const bool company = sysconf(_SC_NPROCESSORS_ONLN) != 1;

	return company;
}

/*
 * What is tried until it gives another number than 0. It refers to the body,
 * so that all that wait are compiled once and not for each body.
 */
class Attempt {
public:
	template <typename Body>
	explicit Attempt(Body &body)
		: call_([](void *it) { return (*static_cast<Body *>(it))(); }),
		  body_(&body)
	{
	}

	std::uint64_t operator()() const { return call_(body_); }

private:
	std::uint64_t (*call_)(void *body);
	void *body_;
};

class Spin {
public:
	/*
	 * Call attempt() for as long as it pays and until the deadline. Where
	 * no other core is, not at all.
	 */
	std::uint64_t operator()(std::int64_t deadline, Attempt attempt);

private:
	static constexpr std::int64_t awake_ns = 400; /* before yielding */
	static constexpr std::int64_t short_ns = 2000; /* it paid last time */
	static constexpr std::int64_t long_ns = 80000; /* a trial */
	static constexpr unsigned patience_least = 8, patience_most = 1024;

	std::int64_t length();
	void learn(std::int64_t took_ns);

	std::int64_t length_ns_ = 0; /* what pays, or 0: not known */
	unsigned vain_ = 0; /* sleeps since the last trial */
	unsigned patience_ = 0; /* of them until the next one */
};

inline std::int64_t Spin::length()
{
	if (length_ns_)
		return length_ns_;
	if (++vain_ < patience_)
		return awake_ns;
	vain_ = 0;
	patience_ = std::clamp(patience_ * 2, patience_least, patience_most);
	return long_ns;
}

inline void Spin::learn(std::int64_t took_ns)
{
	if (took_ns > long_ns) { /* others had the core: better asleep */
		length_ns_ = 0;
		return;
	}
	took_ns = std::min(took_ns, long_ns / 4);
	length_ns_ = took_ns < short_ns / 4 ? short_ns : 4 * took_ns;
	vain_ = 0;
	patience_ = 0;
}

inline std::uint64_t Spin::operator()(std::int64_t deadline, Attempt attempt)
{
	if (!has_company())
		return 0;

	const std::int64_t began = now_ns();
	const std::int64_t end = std::min(began + length(), deadline);
	std::int64_t now = began;

	do {
		if (now - began < awake_ns)
			pause();
		else
			sched_yield();

		const std::uint64_t got = attempt();

		now = now_ns();
		if (got) {
			learn(now - began);
			return got;
		}
	} while (now < end);
	length_ns_ = 0;
	return 0;
}

} // namespace zeroipc::detail

#endif
