/* SPDX-License-Identifier: MIT */
/*
 * Array: a fixed number of elements side by side, all zero at first.
 *
 *   zeroipc::Array<float> temps(mem, "temperature", 1000);
 *   temps[0] = 23.5f;
 *
 * array[i], begin() and data() are the elements themselves: plain memory,
 * nothing is checked or ordered there. get() and set() read and write elements
 * of 1, 2, 4 or 8 bytes whole; larger ones word by word, so that a reader may
 * see some words of one set and some of another. Use a Queue where whole
 * records must arrive.
 *
 *   edge      written by      read by      carries
 *   element   set, add, cas   get, cas     what the writer did before
 *
 * Array<const T> is for reading only, as of a segment open for reading, where a
 * plain store would fault. Array<void> takes elements as bytes, of a type that
 * is known at run time.
 *
 * Crash: a killed get, add or cas of a scalar happened wholly or not at all.
 */
#ifndef ZEROIPC_ARRAY_H
#define ZEROIPC_ARRAY_H

#include <zeroipc/memory.h>
#include <zeroipc/type.h>

#include <concepts>
#include <span>

namespace zeroipc {

namespace detail {

inline constexpr std::uint64_t array_elem_most = std::uint64_t(1) << 30;

/* What all arrays share: the handle on what was found. */
class ArrayBase {
public:
	ArrayBase(ArrayBase &&) noexcept = default;
	ArrayBase &operator=(ArrayBase &&) noexcept = default;

	std::uint64_t capacity() const { return capacity_; }
	std::uint64_t size() const { return capacity_; }
	std::uint64_t elem_size() const { return elem_size_; }
	const std::string &name() const { return name_; }
	/* The text of the type that it was created with. */
	const std::string &type() const { return type_; }

protected:
	ArrayBase(const Memory &memory, const std::string &name,
		  const Found &found);

	static Plan plan(const Type &type, std::uint64_t capacity);

	/* Element i, if there is one. */
	unsigned char *at(std::uint64_t i) const
	{
		if (i >= capacity_) [[unlikely]]
			fail(EINVAL, "element %llu is beyond the %llu of array "
			     "`%s`", static_cast<unsigned long long>(i),
			     static_cast<unsigned long long>(capacity_),
			     name_.c_str());
		return data_ + i * elem_size_;
	}

	/* Relaxed: another thread writes the same. */
	bool has_entered() const
	{
		return generation_.load(relaxed) == fork_generation;
	}

	/* The first change in a forked child; or where one only reads. */
	ZEROIPC_SLOW void enter_first() const
	{
		if (segment_->read_only)
			fail(EROFS, "segment `/%s` is open for reading only: "
			     "array `%s` cannot be changed",
			     segment_->name.c_str(), name_.c_str());
		use_->enter(name_.c_str());
		generation_.store(fork_generation, relaxed);
	}

	unsigned char *writable_at(std::uint64_t i) const
	{
		if (!has_entered()) [[unlikely]]
			enter_first();
		return at(i);
	}

	/* Behind a copy: who has no bit up asks whether the array stood. */
	void check_copy() const
	{
		if (!has_entered()) [[unlikely]]
			use_->confirm(name_.c_str());
	}

	std::shared_ptr<Segment> segment_;
	std::shared_ptr<Use> use_;
	mutable Word<unsigned> generation_; /* Use::generation() */
	unsigned char *data_;
	std::uint64_t elem_size_, capacity_;
	std::string name_, type_;
};

inline ArrayBase::ArrayBase(const Memory &memory, const std::string &name,
			    const Found &found)
	: segment_(memory.segment()), use_(found.use),
	  generation_{use_->generation()}, data_(found.body),
	  elem_size_(found.elem_size), capacity_(found.capacity), name_(name),
	  type_(found.type)
{
	std::uint64_t bytes;

	if (__builtin_mul_overflow(capacity_, elem_size_, &bytes) ||
	    bytes > found.body_bytes)
		fail(EBADMSG, "array `%s` in segment `/%s` is damaged: its "
		     "elements lie beyond its block", name.c_str(),
		     segment_->name.c_str());
}

inline Plan ArrayBase::plan(const Type &type, std::uint64_t capacity)
{
	Plan plan = {kind_array, type, capacity, 0, array_elem_most};

	if (__builtin_mul_overflow(capacity, type.size(), &plan.body_bytes))
		plan.body_bytes = UINT64_MAX;
	return plan;
}

/*
 * Elements lie at multiples of their size from the start of a line, so one of
 * 1, 2, 4 or 8 bytes is always aligned, and a larger one is made of aligned
 * units of the largest power of two, up to 8, that divides its size.
 */
ZEROIPC_INLINE void load_element(void *to, const void *from, std::uint64_t size)
{
	/* element: acquire; pairs with set, add and cas. */
	if (size % 8 == 0)
		load_units<std::uint64_t>(to, from, size);
	else if (size % 4 == 0)
		load_units<std::uint32_t>(to, from, size);
	else if (size % 2 == 0)
		load_units<std::uint16_t>(to, from, size);
	else
		load_units<std::uint8_t>(to, from, size);
}

ZEROIPC_INLINE void store_element(void *to, const void *from,
				  std::uint64_t size)
{
	/* element: release; pairs with get. */
	if (size % 8 == 0)
		store_units<std::uint64_t>(to, from, size);
	else if (size % 4 == 0)
		store_units<std::uint32_t>(to, from, size);
	else if (size % 2 == 0)
		store_units<std::uint16_t>(to, from, size);
	else
		store_units<std::uint8_t>(to, from, size);
}

/* What is added and compared in place. */
template <typename T>
concept Number = (std::integral<T> || std::floating_point<T>) &&
		 !std::same_as<T, bool> && (sizeof(T) == 4 || sizeof(T) == 8);

} // namespace detail

template <typename T>
class Array : public detail::ArrayBase {
	using Value = std::remove_const_t<T>;

	static_assert(std::is_trivially_copyable_v<Value>,
		      "what processes share must be trivially copyable");

public:
	using value_type = Value;

	/*
	 * Open the array of that name; if there is none, create it. What is
	 * there must be an array of the same type and capacity, else EPROTOTYPE
	 * tells the difference.
	 */
	Array(const Memory &memory, const std::string &name,
	      std::uint64_t capacity)
		: Array(memory, name,
			detail::open_or_create_structure(
				*memory.segment(), name,
				plan(type_of<Value>(), capacity)))
	{
	}

	/* Open; ENOENT, EPROTOTYPE. */
	Array(const Memory &memory, const std::string &name)
		: Array(memory, name, found(memory, name, type_of<Value>()))
	{
	}

	/* Open, whatever its elements are, if they have the size of a T. */
	Array(const Memory &memory, const std::string &name, Reinterpret)
		: Array(memory, name,
			detail::find_structure(*memory.segment(), name,
					       {detail::kind_array, nullptr,
						sizeof(Value)}))
	{
	}

	/* EEXIST when there is one. */
	static Array create(const Memory &memory, const std::string &name,
			    std::uint64_t capacity)
	{
		return Array(memory, name,
			     detail::create_structure(
				     *memory.segment(), name,
				     plan(type_of<Value>(), capacity)));
	}

	/* plain access */

	T *data() const { return reinterpret_cast<T *>(data_); }
	T &operator[](std::uint64_t i) const { return data()[i]; }
	T *begin() const { return data(); }
	T *end() const { return data() + capacity_; }
	std::span<T> span() const { return {data(), capacity_}; }

	/* Atomic access; EINVAL: there is no element i. */

	Value get(std::uint64_t i) const
	{
		Value value;

		detail::load_element(&value, at(i), sizeof(value));
		check_copy();
		if constexpr (detail::Described<Value>)
			detail::mend_bools<Value>(
				reinterpret_cast<unsigned char *>(&value));
		return value;
	}

	void set(std::uint64_t i, const Value &value)
		requires(!std::is_const_v<T>)
	{
		detail::store_element(writable_at(i), &value, sizeof(value));
	}

	/* The value from before. Integers wrap around. */
	Value add(std::uint64_t i, Value addend)
		requires(detail::Number<T>)
	{
		detail::Word<T> &word = number(i);

		if constexpr (std::integral<T>) {
			/* element: acquire and release; pairs with all. */
			return word.add(addend, detail::acq_rel);
		} else {
			Value seen = word.load(detail::acquire);

			while (!word.change(seen, seen + addend,
					    detail::acq_rel, detail::acquire))
				;
			return seen;
		}
	}

	/* If the bytes there equal expected; else that is what stands there. */
	bool cas(std::uint64_t i, Value &expected, Value desired)
		requires(detail::Number<T>)
	{
		/* element: acquire and release; pairs with all. */
		return number(i).change(expected, desired, detail::acq_rel,
					detail::acquire);
	}

private:
	Array(const Memory &memory, const std::string &name,
	      const detail::Found &it)
		: ArrayBase(memory, name, it)
	{
	}

	static detail::Found found(const Memory &memory,
				   const std::string &name, const Type &type)
	{
		return detail::find_structure(*memory.segment(), name,
					      {detail::kind_array, &type});
	}

	detail::Word<T> &number(std::uint64_t i) const
	{
		return *reinterpret_cast<detail::Word<T> *>(writable_at(i));
	}
};

/* Elements as bytes, elem_size() of them, of a type known at run time. */
template <>
class Array<void> : public detail::ArrayBase {
public:
	/* Open, or create. */
	Array(const Memory &memory, const std::string &name, const Type &type,
	      std::uint64_t capacity)
		: ArrayBase(memory, name,
			    detail::open_or_create_structure(
				    *memory.segment(), name,
				    plan(type, capacity)))
	{
	}

	/* Open, of that type; or of any. */
	Array(const Memory &memory, const std::string &name, const Type &type)
		: ArrayBase(memory, name,
			    detail::find_structure(*memory.segment(), name,
						   {detail::kind_array, &type}))
	{
	}

	Array(const Memory &memory, const std::string &name)
		: ArrayBase(memory, name,
			    detail::find_structure(*memory.segment(), name,
						   {detail::kind_array}))
	{
	}

	static Array create(const Memory &memory, const std::string &name,
			    const Type &type, std::uint64_t capacity)
	{
		return Array(memory, name,
			     detail::create_structure(*memory.segment(), name,
						      plan(type, capacity)));
	}

	void *data() const { return data_; }

	void get(std::uint64_t i, void *elem) const
	{
		detail::load_element(elem, at(i), elem_size_);
		check_copy();
	}

	void set(std::uint64_t i, const void *elem)
	{
		detail::store_element(writable_at(i), elem, elem_size_);
	}

private:
	Array(const Memory &memory, const std::string &name,
	      const detail::Found &it)
		: ArrayBase(memory, name, it)
	{
	}
};

} // namespace zeroipc

#endif
