/* SPDX-License-Identifier: MIT */
/* Time: nanoseconds of CLOCK_MONOTONIC, and timeouts as deadlines. */
#ifndef ZEROIPC_DETAIL_CLOCK_H
#define ZEROIPC_DETAIL_CLOCK_H

#include <chrono>
#include <cstdint>
#include <ctime>

namespace zeroipc::detail {

inline constexpr std::int64_t never = INT64_MAX;

inline std::int64_t now_ns()
{
	timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return std::int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

inline std::uint64_t since_1970_ns()
{
	timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return std::uint64_t(now.tv_sec) * 1000000000 +
	       std::uint64_t(now.tv_nsec);
}

inline timespec to_timespec(std::int64_t ns)
{
	return {ns / 1000000000, ns % 1000000000};
}

/* The deadline of a timeout in any unit; what no clock can reach is never. */
template <typename Rep, typename Period>
std::int64_t deadline_after(std::chrono::duration<Rep, Period> timeout)
{
	using ns = std::chrono::duration<long double, std::nano>;
	const long double left =
		std::chrono::duration_cast<ns>(timeout).count();
	const std::int64_t now = now_ns();

	if (!(left > 0))
		return now;
	if (left >= static_cast<long double>(never - now))
		return never;
	return now + std::chrono::ceil<std::chrono::nanoseconds>(timeout)
			     .count();
}

/* Of a clock that can be set, what it says now decides. */
template <typename Clock, typename Duration>
std::int64_t deadline_at(std::chrono::time_point<Clock, Duration> when)
{
	using seconds = std::chrono::duration<long double>;

	return deadline_after(seconds(when.time_since_epoch()) -
			      seconds(Clock::now().time_since_epoch()));
}

/*
 * How long a call may wait, as its caller said it. The clock is read when there
 * is something to wait for, and that is far from where its type is known: so
 * what all slow paths take is one type, and they are compiled once.
 */
class Deadline {
public:
	constexpr Deadline(std::int64_t (*ask)(const void *),
			   const void *said = nullptr)
		: ask_(ask), said_(said)
	{
	}

	bool waits() const { return ask_; }
	/* On CLOCK_MONOTONIC. */
	std::int64_t operator()() const { return ask_(said_); }

private:
	std::int64_t (*ask_)(const void *said); /* null: do not wait */
	const void *said_;
};

inline constexpr Deadline no_wait(nullptr);
inline constexpr Deadline forever([](const void *) { return never; });

/* They refer to what the caller said, and go before it. */
template <typename Rep, typename Period>
Deadline after(const std::chrono::duration<Rep, Period> &timeout)
{
	using Said = const std::chrono::duration<Rep, Period> *;

	return {[](const void *said) {
			return deadline_after(*static_cast<Said>(said));
		},
		&timeout};
}

template <typename Clock, typename Duration>
Deadline at(const std::chrono::time_point<Clock, Duration> &when)
{
	using Said = const std::chrono::time_point<Clock, Duration> *;

	return {[](const void *said) {
			return deadline_at(*static_cast<Said>(said));
		},
		&when};
}

} // namespace zeroipc::detail

#endif
