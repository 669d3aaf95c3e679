/* SPDX-License-Identifier: MIT */
/*
 * The C interface over the C++ implementation, for C tests (over.h). An error
 * that is thrown becomes its code and the C library's latest message. A queue
 * may be one of the C library instead, so that both work on one ring.
 */
#include <zeroipc/array.h>
#include <zeroipc/memory.h>
#include <zeroipc/queue.h>

#include "mirror.h"
#include "over.h"
#include <zipc/array.h>
#include <zipc/queue.h>
#include <zipc/segment.h>
#include <zipc/type.h>

#include <cstdlib>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <span>
#include <sys/mman.h>
#include <vector>

extern "C" const int over_choice;

/* The C library's own functions, which over.h has renamed. */
#define C_LIBRARY(name, result, ...)                                         \
	extern "C" result c_##name(__VA_ARGS__) __asm__("zipc_" #name)

C_LIBRARY(type_parse, int, zipc_type **, const char *, std::size_t);
C_LIBRARY(type_equal, int, const zipc_type *, const zipc_type *, char *,
	  std::size_t);
C_LIBRARY(segment_open, int, zipc_segment **, const char *, unsigned);
C_LIBRARY(segment_close, void, zipc_segment *);
C_LIBRARY(queue_open, int, zipc_queue **, zipc_segment *, const char *,
	  const char *);
C_LIBRARY(queue_push_n, std::int64_t, zipc_queue *, const void *, std::uint64_t,
	  std::int64_t);
C_LIBRARY(queue_pop_n, std::int64_t, zipc_queue *, void *, std::uint64_t,
	  std::int64_t);
C_LIBRARY(queue_push, int, zipc_queue *, const void *, std::int64_t);
C_LIBRARY(queue_pop, int, zipc_queue *, void *, std::int64_t);
C_LIBRARY(queue_size, std::uint64_t, const zipc_queue *);
C_LIBRARY(queue_close, void, zipc_queue *);

using zeroipc::Array;
using zeroipc::Error;
using zeroipc::Memory;
using zeroipc::Queue;
using zeroipc::Type;
using std::chrono::nanoseconds;

/* The message, with what an option is called in C. */
static int fail_with(const Error &error)
{
	static const std::string option = "symmetric fences";
	std::string words = error.what();
	const std::size_t at = words.find(option);

	if (at != words.npos)
		words.replace(at, option.size(), "ZIPC_SYMMETRIC_FENCES");
	return mirror_fail(error.number(), words.c_str());
}

/* Run a body whose errors become codes. */
template <typename Body>
static auto coded(Body body) -> decltype(body())
{
	try {
		return body();
	} catch (const Error &error) {
		return fail_with(error);
	} catch (const std::bad_alloc &) {
		return mirror_fail(ENOMEM, "out of memory");
	}
}

/* segments: the handle is a mirror, and here is what it stands for */

static std::mutex memories_mutex;
static std::map<const zipc_segment *, std::shared_ptr<Memory>> memories;

static int give_out(zipc_segment **out, Memory &&memory)
{
	const auto &s = *memory.segment();
	const mirrored of = {
		s.name.c_str(), s.base,
		reinterpret_cast<unsigned char *>(s.participants), s.size,
		s.holder.load(zeroipc::detail::relaxed), s.fd, s.read_only,
		s.symmetric, s.sparse, s.max_entries, s.max_participants,
	};
	std::lock_guard lock(memories_mutex);

	*out = mirror(&of);
	memories[*out] = std::make_shared<Memory>(std::move(memory));
	return 0;
}

static std::shared_ptr<Memory> of(const zipc_segment *segment)
{
	std::lock_guard lock(memories_mutex);

	return memories.at(segment);
}

static zeroipc::Options options_of(const zipc_segment_options *o)
{
	zeroipc::Options options;

	if (!o)
		return options;
	if (o->flags & ~(ZIPC_SYMMETRIC_FENCES | ZIPC_SPARSE))
		throw Error(EINVAL, "unknown flags");
	options.mode = o->mode ? o->mode : options.mode;
	if (o->max_entries)
		options.max_entries = o->max_entries;
	if (o->max_participants)
		options.max_participants = o->max_participants;
	options.symmetric = o->flags & ZIPC_SYMMETRIC_FENCES;
	options.sparse = o->flags & ZIPC_SPARSE;
	return options;
}

int zipc_segment_create(zipc_segment **out, const char *name,
			std::uint64_t size_bytes,
			const zipc_segment_options *options)
{
	return coded([&] {
		return give_out(out, Memory::create(name, size_bytes,
						    options_of(options)));
	});
}

int zipc_segment_open(zipc_segment **out, const char *name, unsigned flags)
{
	return coded([&] {
		if (flags & ~ZIPC_READ_ONLY)
			throw Error(EINVAL, "unknown flags");
		if (flags)
			return give_out(out, Memory(name, zeroipc::read_only));
		return give_out(out, Memory(name));
	});
}

int zipc_segment_open_or_create(zipc_segment **out, const char *name,
				std::uint64_t size_bytes,
				const zipc_segment_options *options)
{
	return coded([&] {
		return give_out(out,
				Memory(name, size_bytes, options_of(options)));
	});
}

int zipc_segment_unlink(const char *name)
{
	return coded([&] {
		Memory::unlink(name);
		return 0;
	});
}

const char *zipc_segment_name(const zipc_segment *segment)
{
	return of(segment)->name().c_str();
}

std::uint64_t zipc_segment_size(const zipc_segment *segment)
{
	return of(segment)->size();
}

std::uint64_t zipc_segment_id(const zipc_segment *segment)
{
	return of(segment)->id();
}

void zipc_segment_close(zipc_segment *segment)
{
	std::shared_ptr<Memory> last;

	if (!segment)
		return;

	std::lock_guard lock(memories_mutex);

	last = memories.at(segment);
	memories.erase(segment);
	mirror_end(segment);
}

/* types: what the C library tells, which C++ must tell too */

/* Both implementations have to agree; else the test ends here. */
static void agree(bool well, const char *what, const std::string &text)
{
	if (well)
		return;
	std::printf("C and C++ differ in %s of type `%s`\n", what,
		    text.c_str());
	std::fflush(stdout);
	std::abort();
}

int zipc_type_parse(zipc_type **out, const char *text, std::size_t length)
{
	const std::string_view view(
		text, length == SIZE_MAX ? strnlen(text, ZIPC_TYPE_MAX + 1)
					 : length);
	const int rc = c_type_parse(out, text, length);

	if (rc == -ENOMEM)
		return rc;

	const std::string message = zipc_last_error(), it(view);

	try {
		const Type type(view);

		agree(!rc, "the verdict", it);
		agree(type.text() == zipc_type_text(*out), "the text", it);
		agree(type.size() == zipc_type_size(*out), "the size", it);
		agree(type.align() == zipc_type_align(*out), "the alignment",
		      it);
	} catch (const Error &error) {
		agree(rc == -error.number(), "the verdict", it);
		agree(message == error.what(), error.what(), message);
	}
	return rc;
}

int zipc_type_equal(const zipc_type *here, const zipc_type *there,
		    char *difference, std::size_t size)
{
	const int equal = c_type_equal(here, there, difference, size);
	const Type other(zipc_type_text(there));
	const std::string told = Type(zipc_type_text(here)).difference(other);

	const std::string cut = size ? told.substr(0, size - 1) : "";

	agree(equal == told.empty(), "the equality", zipc_type_text(here));
	agree(equal || !size || cut == difference, told.c_str(),
	      size ? difference : "");
	return equal;
}

static zipc_type *parsed(const std::string &text)
{
	zipc_type *type = nullptr;

	if (c_type_parse(&type, text.c_str(), SIZE_MAX))
		std::abort();
	return type;
}

/* arrays */

struct zipc_array {
	Array<void> array;
	zipc_type *type;
	std::function<int(std::uint64_t, const void *, void *)> add;
	std::function<int(std::uint64_t, void *, const void *)> cas;
};

template <typename T>
static void make_number(zipc_array &handle, const Memory &memory)
{
	auto array = std::make_shared<Array<T>>(memory, handle.array.name(),
						zeroipc::reinterpret);

	handle.add = [=](std::uint64_t i, const void *addend, void *before) {
		T value;

		std::memcpy(&value, addend, sizeof(value));
		value = array->add(i, value);
		std::memcpy(before, &value, sizeof(value));
		return 0;
	};
	handle.cas = [=](std::uint64_t i, void *expected, const void *desired) {
		T seen, to;

		std::memcpy(&seen, expected, sizeof(seen));
		std::memcpy(&to, desired, sizeof(to));
		if (array->cas(i, seen, to))
			return 0;
		std::memcpy(expected, &seen, sizeof(seen));
		return mirror_fail(EAGAIN, "the element has another value");
	};
}

static int give_out(zipc_array **out, const Memory &memory, Array<void> &&it)
{
	auto handle = new zipc_array{std::move(it), nullptr, nullptr, nullptr};
	const std::string &type = handle->array.type();

	handle->type = parsed(type);
	if (type == "i32")
		make_number<std::int32_t>(*handle, memory);
	else if (type == "u32")
		make_number<std::uint32_t>(*handle, memory);
	else if (type == "i64")
		make_number<std::int64_t>(*handle, memory);
	else if (type == "u64")
		make_number<std::uint64_t>(*handle, memory);
	else if (type == "f32")
		make_number<float>(*handle, memory);
	else if (type == "f64")
		make_number<double>(*handle, memory);
	*out = handle;
	return 0;
}

int zipc_array_create(zipc_array **out, zipc_segment *segment, const char *name,
		      const char *type, std::uint64_t capacity)
{
	return coded([&] {
		const auto memory = of(segment);

		return give_out(out, *memory,
				Array<void>::create(*memory, name, Type(type),
						    capacity));
	});
}

int zipc_array_open(zipc_array **out, zipc_segment *segment, const char *name,
		    const char *type)
{
	return coded([&] {
		const auto memory = of(segment);

		return give_out(out, *memory,
				type ? Array<void>(*memory, name, Type(type))
				     : Array<void>(*memory, name));
	});
}

int zipc_array_open_or_create(zipc_array **out, zipc_segment *segment,
			      const char *name, const char *type,
			      std::uint64_t capacity)
{
	return coded([&] {
		const auto memory = of(segment);

		return give_out(out, *memory,
				Array<void>(*memory, name, Type(type),
					    capacity));
	});
}

int zipc_array_get(zipc_array *handle, std::uint64_t i, void *elem)
{
	return coded([&] {
		handle->array.get(i, elem);
		return 0;
	});
}

int zipc_array_set(zipc_array *handle, std::uint64_t i, const void *elem)
{
	return coded([&] {
		handle->array.set(i, elem);
		return 0;
	});
}

/* In C++ this does not compile. */
static int no_number(const zipc_array *handle)
{
	return mirror_fail(EPROTOTYPE, ("array `" + handle->array.name() +
					"` has elements of type " +
					handle->array.type() + ": only numbers "
					"of 4 and 8 bytes are added and "
					"compared in place").c_str());
}

int zipc_array_fetch_add(zipc_array *handle, std::uint64_t i,
			 const void *addend, void *previous)
{
	if (!handle->add)
		return no_number(handle);
	return coded([&] { return handle->add(i, addend, previous); });
}

int zipc_array_add(zipc_array *handle, std::uint64_t i, const void *addend)
{
	std::uint64_t previous;

	return zipc_array_fetch_add(handle, i, addend, &previous);
}

int zipc_array_cas(zipc_array *handle, std::uint64_t i, void *expected,
		   const void *desired)
{
	if (!handle->cas)
		return no_number(handle);
	return coded([&] { return handle->cas(i, expected, desired); });
}

void *zipc_array_data(zipc_array *handle)
{
	return handle->array.data();
}

std::uint64_t zipc_array_capacity(const zipc_array *handle)
{
	return handle->array.capacity();
}

std::uint64_t zipc_array_elem_size(const zipc_array *handle)
{
	return handle->array.elem_size();
}

const zipc_type *zipc_array_type(const zipc_array *handle)
{
	return handle->type;
}

void zipc_array_close(zipc_array *handle)
{
	if (!handle)
		return;
	zipc_type_free(handle->type);
	delete handle;
}

/* queues */

struct zipc_queue {
	zipc_type *type = nullptr;
	std::uint64_t capacity = 0, elem_size = 0;

	virtual ~zipc_queue()
	{
		zipc_type_free(type);
	}
	virtual std::int64_t push_n(const void *, std::uint64_t,
				    std::int64_t) = 0;
	virtual std::int64_t pop_n(void *, std::uint64_t, std::int64_t) = 0;
	virtual int push(const void *, std::int64_t) = 0;
	virtual int pop(void *, std::int64_t) = 0;
	virtual std::uint64_t size() const = 0;
};

/* The code of a transfer that moved so many. */
static std::int64_t told(std::uint64_t moved, std::int64_t timeout_ns,
			 const char *state)
{
	if (moved)
		return std::int64_t(moved);
	return timeout_ns ? mirror_fail(ETIMEDOUT, "the deadline passed")
			  : mirror_fail(EAGAIN, state);
}

template <std::size_t N>
struct Blob {
	unsigned char bytes[N];
};

/* Room for a batch; of few it needs no memory, which may be a system call. */
template <typename T>
class Batch {
	T few_[16];
	std::vector<T> many_;
	std::span<T> all_;

public:
	explicit Batch(std::size_t n)
		: many_(n > std::size(few_) ? n : 0),
		  all_(many_.empty() ? few_ : many_.data(), n)
	{
	}

	Batch(const Batch &) = delete;

	std::span<T> all() { return all_; }
};

/* Elements whose size the compiler knows. */
template <typename T>
struct Typed : zipc_queue {
	Queue<T> queue;

	Typed(const Memory &memory, const char *name)
		: queue(memory, name, zeroipc::reinterpret)
	{
	}

	int push(const void *elem, std::int64_t timeout_ns) override
	{
		T value;
		bool done = true;

		std::memcpy(&value, elem, sizeof(value));
		if (timeout_ns == 0)
			done = queue.try_push(value);
		else if (timeout_ns < 0)
			queue.push(value);
		else
			done = queue.push_for(value, nanoseconds(timeout_ns));
		return done ? 0
			    : int(told(0, timeout_ns, "the queue is full"));
	}

	int pop(void *elem, std::int64_t timeout_ns) override
	{
		const auto value =
			timeout_ns == 0 ? queue.try_pop()
			: timeout_ns < 0
				? queue.pop()
				: queue.pop_for(nanoseconds(timeout_ns));

		if (!value)
			return int(told(0, timeout_ns, "the queue is empty"));
		std::memcpy(elem, &*value, sizeof(*value));
		return 0;
	}

	std::int64_t push_n(const void *elems, std::uint64_t n,
			    std::int64_t timeout_ns) override
	{
		Batch<T> batch(n);
		const std::span<T> copy = batch.all();
		std::size_t done;

		if (n)
			std::memcpy(copy.data(), elems, n * sizeof(T));
		if (timeout_ns == 0)
			done = queue.try_push_n(copy);
		else if (timeout_ns < 0)
			done = queue.push_n(copy);
		else
			done = queue.push_n_for(copy, nanoseconds(timeout_ns));
		return n ? told(done, timeout_ns, "the queue is full") : 0;
	}

	std::int64_t pop_n(void *elems, std::uint64_t n,
			   std::int64_t timeout_ns) override
	{
		Batch<T> batch(n);
		const std::span<T> copy = batch.all();
		std::size_t done;

		if (timeout_ns == 0)
			done = queue.try_pop_n(copy);
		else if (timeout_ns < 0)
			done = queue.pop_n(copy);
		else
			done = queue.pop_n_for(copy, nanoseconds(timeout_ns));
		if (done)
			std::memcpy(elems, copy.data(), done * sizeof(T));
		return n ? told(done, timeout_ns, "the queue is empty") : 0;
	}

	std::uint64_t size() const override
	{
		return queue.size();
	}
};

/* Elements whose size is known at run time. */
struct Untyped : zipc_queue {
	Queue<void> queue;

	Untyped(const Memory &memory, const char *name) : queue(memory, name) {}

	int push(const void *elem, std::int64_t timeout_ns) override
	{
		bool done = true;

		if (timeout_ns == 0)
			done = queue.try_push(elem);
		else if (timeout_ns < 0)
			queue.push(elem);
		else
			done = queue.push_for(elem, nanoseconds(timeout_ns));
		return done ? 0
			    : int(told(0, timeout_ns, "the queue is full"));
	}

	int pop(void *elem, std::int64_t timeout_ns) override
	{
		bool done = true;

		if (timeout_ns == 0)
			done = queue.try_pop(elem);
		else if (timeout_ns < 0)
			queue.pop(elem);
		else
			done = queue.pop_for(elem, nanoseconds(timeout_ns));
		return done ? 0
			    : int(told(0, timeout_ns, "the queue is empty"));
	}

	static nanoseconds time(std::int64_t timeout_ns)
	{
		return timeout_ns < 0 ? nanoseconds::max()
				      : nanoseconds(timeout_ns);
	}

	std::int64_t push_n(const void *elems, std::uint64_t n,
			    std::int64_t timeout_ns) override
	{
		const std::size_t done =
			timeout_ns ? queue.push_n_for(elems, n,
						      time(timeout_ns))
				   : queue.try_push_n(elems, n);

		return n ? told(done, timeout_ns, "the queue is full") : 0;
	}

	std::int64_t pop_n(void *elems, std::uint64_t n,
			   std::int64_t timeout_ns) override
	{
		const std::size_t done =
			timeout_ns ? queue.pop_n_for(elems, n, time(timeout_ns))
				   : queue.try_pop_n(elems, n);

		return n ? told(done, timeout_ns, "the queue is empty") : 0;
	}

	std::uint64_t size() const override
	{
		return queue.size();
	}
};

/* One of the C library, on a segment that it opened by itself. */
struct Foreign : zipc_queue {
	zipc_segment *segment = nullptr;
	zipc_queue *queue = nullptr;

	Foreign(const Memory &memory, const char *name)
	{
		if (c_segment_open(&segment, memory.name().c_str(), 0) ||
		    c_queue_open(&queue, segment, name, nullptr))
			throw Error(EINVAL, zipc_last_error());
	}

	~Foreign() override
	{
		c_queue_close(queue);
		c_segment_close(segment);
	}

	int push(const void *elem, std::int64_t timeout_ns) override
	{
		return c_queue_push(queue, elem, timeout_ns);
	}

	int pop(void *elem, std::int64_t timeout_ns) override
	{
		return c_queue_pop(queue, elem, timeout_ns);
	}

	std::int64_t push_n(const void *elems, std::uint64_t n,
			    std::int64_t timeout_ns) override
	{
		return c_queue_push_n(queue, elems, n, timeout_ns);
	}

	std::int64_t pop_n(void *elems, std::uint64_t n,
			   std::int64_t timeout_ns) override
	{
		return c_queue_pop_n(queue, elems, n, timeout_ns);
	}

	std::uint64_t size() const override
	{
		return c_queue_size(queue);
	}
};

/* Whether this process is the victim of a sweep. */
static bool is_traced()
{
	char text[64] = "";
	bool traced = false;
	FILE *status = std::fopen("/proc/self/status", "r");

	while (status && std::fgets(text, sizeof(text), status))
		if (!std::strncmp(text, "TracerPid:", 10))
			traced = std::atoi(text + 10) != 0;
	if (status)
		std::fclose(status);
	return traced;
}

/* Every other time; all processes of a test count together. */
static bool is_second()
{
	using Count = zeroipc::detail::Word<unsigned>;
	static const auto count = static_cast<Count *>(
		mmap(nullptr, sizeof(Count), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	return count->add(1, zeroipc::detail::relaxed) % 2;
}

static bool choose_c()
{
	switch (over_choice) {
	case OVER_ALTERNATE:
		return is_second();
	case OVER_VICTIM:
		return !is_traced();
	case OVER_OTHERS:
		return is_traced();
	}
	return false;
}

/* Each size is compiled by itself, which takes long under a sanitizer. */
static zipc_queue *new_handle(const Memory &memory, const char *name,
			      std::uint64_t elem_size)
{
	switch (elem_size) {
	case 3:
		return new Typed<Blob<3>>(memory, name);
	case 8:
		return new Typed<std::uint64_t>(memory, name);
	case 64:
		return new Typed<Blob<64>>(memory, name);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	case 1:
		return new Typed<unsigned char>(memory, name);
	case 16:
		return new Typed<Blob<16>>(memory, name);
	case 200:
		return new Typed<Blob<200>>(memory, name);
#endif
	}
	return new Untyped(memory, name);
}

static int give_out(zipc_queue **out, const Memory &memory,
		    const Queue<void> &it)
{
	const char *name = it.name().c_str();
	zipc_queue *handle =
		choose_c() ? new Foreign(memory, name)
			   : new_handle(memory, name, it.elem_size());

	handle->type = parsed(it.type());
	handle->capacity = it.capacity();
	handle->elem_size = it.elem_size();
	*out = handle;
	return 0;
}

int zipc_queue_create_with(zipc_queue **out, zipc_segment *segment,
			   const char *name, const char *type,
			   std::uint64_t capacity,
			   const zipc_queue_options *options)
{
	return coded([&] {
		const auto memory = of(segment);

		return give_out(out, *memory,
				Queue<void>::create(
					*memory, name, Type(type), capacity,
					{options ? options->max_writers : 0}));
	});
}

int zipc_queue_create(zipc_queue **out, zipc_segment *segment, const char *name,
		      const char *type, std::uint64_t capacity)
{
	return zipc_queue_create_with(out, segment, name, type, capacity,
				      nullptr);
}

int zipc_queue_open(zipc_queue **out, zipc_segment *segment, const char *name,
		    const char *type)
{
	return coded([&] {
		const auto memory = of(segment);

		return give_out(out, *memory,
				type ? Queue<void>(*memory, name, Type(type))
				     : Queue<void>(*memory, name));
	});
}

int zipc_queue_open_or_create(zipc_queue **out, zipc_segment *segment,
			      const char *name, const char *type,
			      std::uint64_t capacity)
{
	return coded([&] {
		const auto memory = of(segment);

		return give_out(out, *memory,
				Queue<void>(*memory, name, Type(type),
					    capacity));
	});
}

int zipc_queue_push(zipc_queue *queue, const void *elem,
		    std::int64_t timeout_ns)
{
	return coded([&] { return queue->push(elem, timeout_ns); });
}

int zipc_queue_pop(zipc_queue *queue, void *elem, std::int64_t timeout_ns)
{
	return coded([&] { return queue->pop(elem, timeout_ns); });
}

/* As coded(), for counts. */
template <typename Body>
static std::int64_t counted(Body body)
{
	std::int64_t count = 0;
	const int rc = coded([&] {
		count = body();
		return 0;
	});

	return rc ? rc : count;
}

std::int64_t zipc_queue_push_n(zipc_queue *queue, const void *elems,
			       std::uint64_t n, std::int64_t timeout_ns)
{
	return counted([&] { return queue->push_n(elems, n, timeout_ns); });
}

std::int64_t zipc_queue_pop_n(zipc_queue *queue, void *elems, std::uint64_t n,
			      std::int64_t timeout_ns)
{
	return counted([&] { return queue->pop_n(elems, n, timeout_ns); });
}

std::uint64_t zipc_queue_size(const zipc_queue *queue)
{
	return queue->size();
}

std::uint64_t zipc_queue_capacity(const zipc_queue *queue)
{
	return queue->capacity;
}

std::uint64_t zipc_queue_elem_size(const zipc_queue *queue)
{
	return queue->elem_size;
}

const zipc_type *zipc_queue_type(const zipc_queue *queue)
{
	return queue->type;
}

void zipc_queue_close(zipc_queue *queue)
{
	delete queue;
}
