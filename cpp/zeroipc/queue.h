/* SPDX-License-Identifier: MIT */
/*
 * Queue: first in, first out; any number of producers and consumers, threads
 * and processes; elements of 1 byte to 1 MiB; a fixed, exact capacity.
 *
 *   zeroipc::Queue<Reading> readings(mem, "readings", 1000);
 *   readings.push({1, 21.5f});
 *   Reading oldest = readings.pop();
 *
 * push, pop            wait as long as it takes
 * try_push, try_pop    do not wait
 * push_for, pop_for    wait at most for a std::chrono duration
 * push_until, ..       wait at most until a time point of any clock
 *
 * push_n and pop_n move elements side by side in a std::span, with the same
 * endings (try_push_n, ..): push_n waits until all are in, pop_n until there is
 * one, and takes what there is. They give how many were moved, from the first.
 *
 * Progress    push and pop are lock-free unless they wait for room or an
 *             element. Waiting is a futex sleep. A process that is stopped
 *             inside delays the others by a bounded time, once.
 * Ordering    what a producer did before its push is seen after the pop. The
 *             elements of one producer leave in the order it pushed them.
 * Crash       a killed push happened wholly or not at all; a killed pop too,
 *             and one that happened takes its element with it. All room comes
 *             back by itself.
 *
 * Errors: EUSERS all writers' places are held by live processes; EROFS;
 * EBADMSG. Queue<void> takes elements as bytes, of a type known at run time.
 */
#ifndef ZEROIPC_QUEUE_H
#define ZEROIPC_QUEUE_H

#include <zeroipc/detail/queue_base.h>

#include <chrono>
#include <concepts>
#include <optional>
#include <span>

namespace zeroipc {

struct QueueOptions {
	/*
	 * How many handles may push at the same time; 0: 64, or fewer for
	 * elements over 16 KiB, as each one costs the room of one element. A
	 * handle takes its place at its first push and keeps it until closed.
	 */
	unsigned max_writers = 0;
};

template <typename T>
class Queue : public detail::QueueBase<sizeof(T)> {
	static_assert(std::is_trivially_copyable_v<T> &&
			      std::default_initializable<T>,
		      "what processes share must be trivially copyable");

	using Base = detail::QueueBase<sizeof(T)>;

public:
	using value_type = T;

	/*
	 * Open the queue of that name; if there is none, create it. What is
	 * there must be a queue of the same type and capacity, else EPROTOTYPE
	 * tells the difference.
	 */
	Queue(const Memory &memory, const std::string &name,
	      std::uint64_t capacity)
		: Base(memory, name,
		       detail::open_or_create_structure(
			       *memory.segment(), name,
			       detail::queue_plan(type_of<T>(), capacity, 0)))
	{
	}

	/* Open; ENOENT, EPROTOTYPE. */
	Queue(const Memory &memory, const std::string &name)
		: Base(memory, name, found(memory, name, type_of<T>()))
	{
	}

	/* Open, whatever its elements are, if they have the size of a T. */
	Queue(const Memory &memory, const std::string &name, Reinterpret)
		: Base(memory, name,
		       detail::find_structure(*memory.segment(), name,
					      {detail::kind_queue, nullptr,
					       sizeof(T)}))
	{
	}

	/* EEXIST when there is one. */
	static Queue create(const Memory &memory, const std::string &name,
			    std::uint64_t capacity,
			    const QueueOptions &options = {})
	{
		return Queue(memory, name,
			     detail::create_structure(
				     *memory.segment(), name,
				     detail::queue_plan(type_of<T>(), capacity,
							options.max_writers)));
	}

	/* push; false: there was no room in that time */

	void push(const T &elem)
	{
		push_with(elem, detail::forever);
	}

	bool try_push(const T &elem)
	{
		return push_with(elem, detail::no_wait);
	}

	template <typename Rep, typename Period>
	bool push_for(const T &elem, std::chrono::duration<Rep, Period> timeout)
	{
		return push_with(elem, detail::after(timeout));
	}

	template <typename Clock, typename Duration>
	bool push_until(const T &elem,
			std::chrono::time_point<Clock, Duration> when)
	{
		return push_with(elem, detail::at(when));
	}

	/* pop; nothing: there was no element in that time */

	T pop()
	{
		return *pop_with(detail::forever);
	}

	std::optional<T> try_pop()
	{
		return pop_with(detail::no_wait);
	}

	template <typename Rep, typename Period>
	std::optional<T> pop_for(std::chrono::duration<Rep, Period> timeout)
	{
		return pop_with(detail::after(timeout));
	}

	template <typename Clock, typename Duration>
	std::optional<T>
	pop_until(std::chrono::time_point<Clock, Duration> when)
	{
		return pop_with(detail::at(when));
	}

	/* batches; how many were moved */

	std::size_t push_n(std::span<const T> elems)
	{
		return push_n_with(elems, detail::forever);
	}

	std::size_t try_push_n(std::span<const T> elems)
	{
		return push_n_with(elems, detail::no_wait);
	}

	template <typename Rep, typename Period>
	std::size_t push_n_for(std::span<const T> elems,
			       std::chrono::duration<Rep, Period> timeout)
	{
		return push_n_with(elems, detail::after(timeout));
	}

	template <typename Clock, typename Duration>
	std::size_t push_n_until(std::span<const T> elems,
				 std::chrono::time_point<Clock, Duration> when)
	{
		return push_n_with(elems, detail::at(when));
	}

	std::size_t pop_n(std::span<T> elems)
	{
		return pop_n_with(elems, detail::forever);
	}

	std::size_t try_pop_n(std::span<T> elems)
	{
		return pop_n_with(elems, detail::no_wait);
	}

	template <typename Rep, typename Period>
	std::size_t pop_n_for(std::span<T> elems,
			      std::chrono::duration<Rep, Period> timeout)
	{
		return pop_n_with(elems, detail::after(timeout));
	}

	template <typename Clock, typename Duration>
	std::size_t pop_n_until(std::span<T> elems,
				std::chrono::time_point<Clock, Duration> when)
	{
		return pop_n_with(elems, detail::at(when));
	}

private:
	Queue(const Memory &memory, const std::string &name,
	      const detail::Found &it)
		: Base(memory, name, it)
	{
	}

	static detail::Found found(const Memory &memory,
				   const std::string &name, const Type &type)
	{
		return detail::find_structure(*memory.segment(), name,
					      {detail::kind_queue, &type});
	}

	static void mend(T &elem)
	{
		if constexpr (detail::Described<T>)
			detail::mend_bools<T>(
				reinterpret_cast<unsigned char *>(&elem));
	}

	ZEROIPC_INLINE bool push_with(const T &elem, detail::Deadline deadline)
	{
		if constexpr (sizeof(T) <= 16) {
			const T copy = elem; /* whose address goes nowhere */

			return this->push_bytes(&copy, deadline);
		} else {
			return this->push_bytes(&elem, deadline);
		}
	}

	ZEROIPC_INLINE std::optional<T> pop_with(detail::Deadline deadline)
	{
		T elem;

		if (!this->pop_bytes(&elem, deadline))
			return std::nullopt;
		mend(elem);
		return elem;
	}

	std::size_t push_n_with(std::span<const T> elems,
				detail::Deadline deadline)
	{
		return this->push_all(
			reinterpret_cast<const unsigned char *>(elems.data()),
			elems.size(), deadline);
	}

	std::size_t pop_n_with(std::span<T> elems, detail::Deadline deadline)
	{
		const std::size_t n = this->pop_any(
			reinterpret_cast<unsigned char *>(elems.data()),
			elems.size(), deadline);

		for (T &elem : elems.first(n))
			mend(elem);
		return n;
	}
};

/* Elements as bytes, elem_size() of them, of a type known at run time. */
template <>
class Queue<void> : public detail::QueueBase<0> {
public:
	/* Open, or create. */
	Queue(const Memory &memory, const std::string &name, const Type &type,
	      std::uint64_t capacity)
		: QueueBase(memory, name,
			    detail::open_or_create_structure(
				    *memory.segment(), name,
				    detail::queue_plan(type, capacity, 0)))
	{
	}

	/* Open, of that type; or of any. */
	Queue(const Memory &memory, const std::string &name, const Type &type)
		: QueueBase(memory, name,
			    detail::find_structure(*memory.segment(), name,
						   {detail::kind_queue, &type}))
	{
	}

	Queue(const Memory &memory, const std::string &name)
		: QueueBase(memory, name,
			    detail::find_structure(*memory.segment(), name,
						   {detail::kind_queue}))
	{
	}

	static Queue create(const Memory &memory, const std::string &name,
			    const Type &type, std::uint64_t capacity,
			    const QueueOptions &options = {})
	{
		return Queue(memory, name,
			     detail::create_structure(
				     *memory.segment(), name,
				     detail::queue_plan(type, capacity,
							options.max_writers)));
	}

	void push(const void *elem) { push_bytes(elem, detail::forever); }
	bool try_push(const void *elem)
	{
		return push_bytes(elem, detail::no_wait);
	}
	template <typename Rep, typename Period>
	bool push_for(const void *elem,
		      std::chrono::duration<Rep, Period> timeout)
	{
		return push_bytes(elem, detail::after(timeout));
	}

	void pop(void *elem) { pop_bytes(elem, detail::forever); }
	bool try_pop(void *elem) { return pop_bytes(elem, detail::no_wait); }
	template <typename Rep, typename Period>
	bool pop_for(void *elem, std::chrono::duration<Rep, Period> timeout)
	{
		return pop_bytes(elem, detail::after(timeout));
	}

	/* n elements side by side; how many were moved */
	std::size_t try_push_n(const void *elems, std::size_t n)
	{
		return push_all(static_cast<const unsigned char *>(elems), n,
				detail::no_wait);
	}
	std::size_t try_pop_n(void *elems, std::size_t n)
	{
		return pop_any(static_cast<unsigned char *>(elems), n,
			       detail::no_wait);
	}
	template <typename Rep, typename Period>
	std::size_t push_n_for(const void *elems, std::size_t n,
			       std::chrono::duration<Rep, Period> timeout)
	{
		return push_all(static_cast<const unsigned char *>(elems), n,
				detail::after(timeout));
	}
	template <typename Rep, typename Period>
	std::size_t pop_n_for(void *elems, std::size_t n,
			      std::chrono::duration<Rep, Period> timeout)
	{
		return pop_any(static_cast<unsigned char *>(elems), n,
			       detail::after(timeout));
	}

private:
	Queue(const Memory &memory, const std::string &name,
	      const detail::Found &it)
		: QueueBase(memory, name, it)
	{
	}
};

} // namespace zeroipc

#endif
