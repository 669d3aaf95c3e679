/* SPDX-License-Identifier: MIT */
/*
 * What all queues share: a place ring with a type, and waiting at both its
 * ends. Size is the element's, or 0 when it is known at run time only.
 *
 * Small elements are passed to and from the slow paths by value: then no
 * address is taken of what a fast path moves, and it stays in registers.
 */
#ifndef ZEROIPC_DETAIL_QUEUE_BASE_H
#define ZEROIPC_DETAIL_QUEUE_BASE_H

#include <zeroipc/detail/place_slow.h>
#include <zeroipc/memory.h>
#include <zeroipc/type.h>

#include <array>
#include <memory>

namespace zeroipc::detail {

inline constexpr std::uint64_t queue_elem_most = std::uint64_t(1) << 20;

/* Each writer costs a slot, so large elements have fewer by default. */
inline constexpr std::uint32_t default_writers(std::uint64_t elem_size)
{
	return elem_size <= 16384 ? 64 : elem_size <= 262144 ? 16 : 8;
}

/* 0 is the default. */
inline Plan queue_plan(const Type &type, std::uint64_t capacity,
		       unsigned max_writers)
{
	const std::uint64_t size = type.size();
	const std::uint32_t writers =
		max_writers ? max_writers : default_writers(size);

	if (max_writers > most_writers)
		fail(EINVAL, "max_writers is %u: at most %u", max_writers,
		     most_writers);
	return {kind_queue,
		type,
		capacity,
		place_ring_bytes(capacity, size, writers),
		queue_elem_most,
		[=](unsigned char *body) {
			build_place_ring(body, capacity, size, writers);
		}};
}

struct QueueState {
	std::shared_ptr<Segment> segment; /* goes last */
	std::shared_ptr<Use> use; /* goes behind places */
	std::string name, type;
	Places places;
	Spin push_spin = {}, pop_spin = {};
	unsigned generation; /* Use::generation() */

	QueueState(std::shared_ptr<Segment> segment_, const std::string &name_,
		   const Found &found)
		: segment(std::move(segment_)), use(found.use), name(name_),
		  type(found.type), places(*segment, found, name.c_str()),
		  generation(use->generation())
	{
	}

	/* The first operation of a forked child; or where one only reads. */
	ZEROIPC_SLOW void enter_first()
	{
		if (segment->read_only)
			fail(EROFS, "segment `/%s` is open for reading only: "
			     "queue `%s` cannot be used through it",
			     segment->name.c_str(), name.c_str());
		use->enter(name.c_str());
		generation = fork_generation;
	}

	void enter()
	{
		if (generation != fork_generation) [[unlikely]]
			enter_first();
	}

	/* A writer also owns a record; a forked child takes one of its own. */
	void enter_to_push()
	{
		if (places.generation == fork_generation) [[likely]]
			return;
		enter_first();
		become_writer(places);
	}
};

template <std::size_t Size>
class QueueBase {
public:
	QueueBase(QueueBase &&) noexcept = default;
	QueueBase &operator=(QueueBase &&) noexcept = default;

	/* True at some moment during the call; counts pushes under way. */
	std::uint64_t size() const
	{
		const std::uint64_t n = size_of(state_->places);

		/* Who has no bit up asks whether that was the queue's. */
		if (state_->generation != fork_generation) [[unlikely]]
			state_->use->confirm(state_->name.c_str());
		return n;
	}
	bool empty() const { return size() == 0; }
	std::uint64_t capacity() const { return state_->places.capacity; }
	std::uint64_t elem_size() const { return state_->places.elem_size; }
	const std::string &name() const { return state_->name; }
	/* The text of the type that it was created with. */
	const std::string &type() const { return state_->type; }

protected:
	/* An element on its way: its bytes, or where they are. */
	static constexpr bool by_value = Size > 0 && Size <= 16;
	struct Bytes {
		std::array<unsigned char, by_value ? Size : 1> bytes;
	};
	struct Got {
		Bytes elem;
		bool yes;
	};
	using In = std::conditional_t<by_value, Bytes, const void *>;
	using Out = std::conditional_t<by_value, Got, bool>;

	QueueBase(const Memory &memory, const std::string &name,
		  const Found &found)
		: state_(std::make_unique<QueueState>(memory.segment(), name,
						      found))
	{
	}

	static const unsigned char *address(const In &in)
	{
		if constexpr (by_value)
			return in.bytes.data();
		else
			return static_cast<const unsigned char *>(in);
	}

	ZEROIPC_INLINE bool push_bytes(const void *elem, Deadline deadline);
	ZEROIPC_INLINE bool pop_bytes(void *elem, Deadline deadline);

	std::size_t push_all(const unsigned char *elems, std::size_t n,
			     Deadline deadline);
	std::size_t pop_any(unsigned char *elems, std::size_t n,
			    Deadline deadline);

private:
	static In passed(const void *elem)
	{
		if constexpr (by_value) {
			In in;

			std::memcpy(&in, elem, Size);
			return in;
		} else {
			return elem;
		}
	}

	[[gnu::noinline]] bool push_slowly(In elem, Fast how,
					   std::uint64_t position,
					   Deadline deadline);
	[[gnu::noinline]] Out pop_slowly(void *elem, Deadline deadline);

	std::uint64_t wait_to_push(const unsigned char *elems, std::size_t n,
				   std::int64_t deadline)
	{
		Places &places = state_->places;
		auto push = [&] { return push_some<Size>(places, elems, n); };

		return wait_on(*places.writable, places.symmetric,
			       state_->push_spin, deadline, Attempt(push));
	}

	std::uint64_t wait_to_pop(unsigned char *elems, std::size_t n,
				  std::int64_t deadline)
	{
		Places &places = state_->places;
		auto pop = [&] { return pop_some<Size>(places, elems, n); };

		return wait_on(*places.readable, places.symmetric,
			       state_->pop_spin, deadline, Attempt(pop));
	}

	std::unique_ptr<QueueState> state_;
};

/* push */

template <std::size_t Size>
ZEROIPC_INLINE bool QueueBase<Size>::push_bytes(const void *elem,
						Deadline deadline)
{
	Places &places = state_->places;
	std::uint64_t position = 0;
	Fast how = Fast::not_begun;

	if (places.generation == fork_generation) [[likely]] {
		how = push_fast<Size>(places, elem, position);
		if (how == Fast::done) [[likely]]
			return true;
	}
	return push_slowly(passed(elem), how, position, deadline);
}

template <std::size_t Size>
bool QueueBase<Size>::push_slowly(In elem, Fast how, std::uint64_t position,
				  Deadline deadline)
{
	Places &places = state_->places;

	if (how == Fast::sleepers_seen) {
		wake_sleepers(*places.readable, 1);
		return true;
	}
	if (how != Fast::not_begun &&
	    push_rest<Size>(places, address(elem), position, how))
		return true;
	return push_all(address(elem), 1, deadline) == 1;
}

/* Wait until all are in, or the deadline; how many are. */
template <std::size_t Size>
std::size_t QueueBase<Size>::push_all(const unsigned char *elems, std::size_t n,
				      Deadline deadline)
{
	std::int64_t until = 0;
	std::size_t done = 0;

	if (!n)
		return 0;
	state_->enter_to_push();
	while (done < n) {
		const unsigned char *from = elems + done * elem_size();
		std::uint64_t moved = 0;

		try {
			moved = push_some<Size>(state_->places, from, n - done);
			if (!moved && deadline.waits()) {
				if (!until)
					until = deadline();
				moved = wait_to_push(from, n - done, until);
			}
		} catch (const Error &) {
			/* What was pushed is told; the next call fails. */
			if (!done)
				throw;
		}
		if (!moved)
			break;
		done += moved;
	}
	return done;
}

/* pop */

template <std::size_t Size>
ZEROIPC_INLINE bool QueueBase<Size>::pop_bytes(void *elem, Deadline deadline)
{
	if (state_->generation == fork_generation) [[likely]] {
		const Fast how = pop_fast<Size>(state_->places, elem);

		if (how == Fast::done) [[likely]]
			return true;
		if (how == Fast::sleepers_seen) {
			wake_sleepers(*state_->places.writable, 1);
			return true;
		}
	}
	if constexpr (by_value) {
		const Got got = pop_slowly(nullptr, deadline);

		std::memcpy(elem, &got.elem, Size);
		return got.yes;
	} else {
		return pop_slowly(elem, deadline);
	}
}

template <std::size_t Size>
auto QueueBase<Size>::pop_slowly(void *elem, Deadline deadline) -> Out
{
	if constexpr (by_value) {
		Got got = {};

		got.yes = pop_any(got.elem.bytes.data(), 1, deadline);
		return got;
	} else {
		return pop_any(static_cast<unsigned char *>(elem), 1, deadline);
	}
}

/* Wait until there is one, and take what there is, up to n; how many. */
template <std::size_t Size>
std::size_t QueueBase<Size>::pop_any(unsigned char *elems, std::size_t n,
				     Deadline deadline)
{
	std::uint64_t moved;

	if (!n)
		return 0;
	state_->enter();
	moved = pop_some<Size>(state_->places, elems, n);
	if (!moved && deadline.waits())
		moved = wait_to_pop(elems, n, deadline());
	return moved;
}

} // namespace zeroipc::detail

#endif
