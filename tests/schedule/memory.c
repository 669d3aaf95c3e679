/* SPDX-License-Identifier: MIT */
/*
 * Memory, as the explorer has it: the functions that a compiler calls for
 * -fsanitize=thread (__tsan_*), store buffers, and what each run begins with.
 *
 * An atomic access is made here; a plain one by the code itself, behind the
 * call, so a plain store is never delayed, and the stores before it arrive
 * first. Accesses to memory that is not shared cost a comparison.
 */
#include "engine.h"
#include "hooks.h"

#undef malloc
#undef calloc
#undef free
#undef memcpy
#undef memset

/* The compiler is the only caller, and knows them by heart. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"
#endif

#define CALLER __builtin_return_address(0)
#define RANGES 8u
#define ARENA (1u << 20)
#define CHECK_STEPS 200000u

struct range {
	unsigned char *at, *copy;
	size_t size;
};

static struct range shared[RANGES], kept[RANGES];
static unsigned shared_count, kept_count;
static struct {
	void *at;
	size_t size;
} plain; /* a plain store that the code is making */

bool is_shared(const void *at)
{
	unsigned i;

	for (i = 0; i < shared_count; i++)
		if ((uintptr_t)at - (uintptr_t)shared[i].at < shared[i].size)
			return true;
	return false;
}

/* what each run begins with */

void schedule_keep(void *at, size_t size)
{
	if (kept_count == RANGES)
		abort();
	kept[kept_count++] = (struct range){ at, malloc(size), size };
}

void schedule_share(void *at, size_t size)
{
	if (shared_count == RANGES)
		abort();
	shared[shared_count++] = (struct range){ at, NULL, size };
	schedule_keep(at, size);
}

/* What the library allocates is part of what a run begins with. */
static struct arena {
	size_t used;
	_Alignas(16) unsigned char bytes[ARENA];
} arena;

/* Another schedule is set up. */
void memory_forget(void)
{
	while (kept_count)
		free(kept[--kept_count].copy);
	shared_count = 0;
	plain.size = 0;
	arena.used = 0;
}

void *schedule_malloc(size_t size)
{
	void *at = arena.bytes + arena.used;

	size = (size + 15) / 16 * 16;
	if (size > ARENA - arena.used)
		schedule_fail("the library allocates and allocates");
	arena.used += size;
	return at;
}

void *schedule_calloc(size_t count, size_t size)
{
	return memset(schedule_malloc(count * size), 0, count * size);
}

/* It all comes back when the run has ended. */
void schedule_free(void *at)
{
	(void)at;
}

void memory_keep(void)
{
	unsigned i;

	schedule_keep(&arena, offsetof(struct arena, bytes) + arena.used);
	for (i = 0; i < kept_count; i++)
		memcpy(kept[i].copy, kept[i].at, kept[i].size);
}

void memory_restore(void)
{
	unsigned i;

	plain.size = 0;
	for (i = 0; i < kept_count; i++)
		memcpy(kept[i].at, kept[i].copy, kept[i].size);
}

/* the hash */

/* Take the words at at out of the hash, or put them in. */
static void toggle(const void *at, size_t size)
{
	uintptr_t word = (uintptr_t)at & ~(uintptr_t)7;
	uint64_t value;

	for (; word < (uintptr_t)at + size; word += 8) {
		memcpy(&value, (void *)word, 8);
		world.memory ^= mix(word, value);
	}
}

/* The code has made the plain store that it told of. */
void memory_absorb(void)
{
	if (!plain.size)
		return;
	toggle(plain.at, plain.size);
	plain.size = 0;
	world.version++;
}

static void begin_plain(void *at, size_t size)
{
	toggle(at, size);
	plain.at = at;
	plain.size = size;
}

static uint64_t fetch(const void *at, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

static void commit(void *at, unsigned size, uint64_t value)
{
	if (fetch(at, size) == value)
		return;
	toggle(at, size);
	memcpy(at, &value, size);
	toggle(at, size);
	world.version++;
}

/* The file gets a hole: the segment is the first that is shared. */
void memory_clear(size_t offset, size_t size)
{
	uint64_t *word = (uint64_t *)(void *)(shared[0].at + offset);

	memory_drain(world.current);
	for (; size >= 8 && offset + 8 <= shared[0].size;
	     size -= 8, offset += 8, word++)
		commit(word, 8, 0);
}

/* store buffers */

void memory_flush_one(struct task *task)
{
	struct store *oldest = &task->buffer[0];

	commit(oldest->at, oldest->size, oldest->value);
	task->buffered--;
	memmove(oldest, oldest + 1, task->buffered * sizeof(*oldest));
}

void memory_drain(struct task *task)
{
	while (task && task->buffered)
		memory_flush_one(task);
}

static void drain_own(void)
{
	memory_drain(world.current);
}

/* The own store that a load finds; a part of one has to arrive first. */
static const struct store *own_store(void *at, unsigned size)
{
	struct task *task = world.current;
	unsigned i = task ? task->buffered : 0;
	struct store *store;

	while (i-- > 0) {
		store = &task->buffer[i];
		if (store->at == at && store->size == size)
			return store;
		if ((uintptr_t)at < (uintptr_t)store->at + store->size &&
		    (uintptr_t)store->at < (uintptr_t)at + size) {
			memory_drain(task);
			return NULL;
		}
	}
	return NULL;
}

/* accesses */

/* To the point; true: the store is to be delayed. */
static bool arrive(const struct access *access)
{
	memory_absorb();
	if (world.current)
		return point(access);
	/* Who checks is not scheduled, but comes to an end. */
	if (world.schedule && ++world.check_steps > CHECK_STEPS)
		schedule_fail("the check does not come to its end");
	return false;
}

static void done(const struct access *access, uint64_t value)
{
	learn(value);
	if (world.tracing)
		trace_add(access, value);
}

static uint64_t load(const volatile void *from, unsigned size, const void *pc)
{
	struct access access = { LOAD, "load", (void *)from, size, pc };
	const struct store *own;
	uint64_t value;

	if (!is_shared(access.at))
		return fetch(access.at, size);
	arrive(&access);
	own = own_store(access.at, size);
	value = own ? own->value : fetch(access.at, size);
	done(&access, value);
	return value;
}

static void store(volatile void *to, unsigned size, uint64_t value, int order,
		  const void *pc)
{
	bool full = order == __ATOMIC_SEQ_CST, delay;
	struct access access = { full ? CHANGE : STORE, "store", (void *)to,
				 size, pc };
	struct task *task = world.current;

	if (!is_shared(access.at)) {
		memcpy(access.at, &value, size);
		return;
	}
	delay = arrive(&access) && !full;
	if (delay && task->buffered == BUFFER)
		memory_flush_one(task);
	if (delay) {
		access.what = "store, delayed";
		task->buffer[task->buffered++] =
			(struct store){ access.at, size, value };
	} else {
		drain_own();
		commit(access.at, size, value);
	}
	done(&access, value);
}

enum change { EXCHANGE, ADD, SUB, AND, OR, XOR };

static const char *const change_names[] = { "exchange", "add", "sub", "and",
					    "or", "xor" };

static uint64_t changed(enum change change, uint64_t old, uint64_t operand)
{
	switch (change) {
	case ADD:
		return old + operand;
	case SUB:
		return old - operand;
	case AND:
		return old & operand;
	case OR:
		return old | operand;
	case XOR:
		return old ^ operand;
	case EXCHANGE:
		break;
	}
	return operand;
}

static uint64_t modify(enum change change, volatile void *to, unsigned size,
		       uint64_t operand, const void *pc)
{
	struct access access = { CHANGE, change_names[change], (void *)to,
				 size, pc };
	bool is_point = is_shared(access.at);
	uint64_t old, new;

	if (is_point) {
		arrive(&access);
		drain_own();
	}
	old = fetch(access.at, size);
	new = changed(change, old, operand);
	if (is_point) {
		commit(access.at, size, new);
		done(&access, old);
	} else {
		memcpy(access.at, &new, size);
	}
	return old;
}

/* Never fails by chance: a weak one stands in a loop, which begins anew. */
static bool swap(volatile void *to, void *expected, const void *desired,
		 unsigned size, const void *pc)
{
	struct access access = { CHANGE, "swap", (void *)to, size, pc };
	bool is_point = is_shared(access.at), equal;
	unsigned i;

	if (is_point) {
		arrive(&access);
		drain_own();
	}
	equal = !memcmp(access.at, expected, size);
	if (!equal)
		memcpy(expected, access.at, size);
	for (i = 0; equal && i < size; i += 8)
		if (is_point)
			commit((char *)access.at + i, size < 8 ? size : 8,
			       fetch((const char *)desired + i,
				     size < 8 ? size : 8));
		else
			memcpy((char *)access.at + i,
			       (const char *)desired + i, size < 8 ? size : 8);
	if (is_point) {
		access.what = equal ? "swap" : "swap, in vain";
		done(&access, fetch(equal ? desired : expected,
				    size < 8 ? size : 8) << 1 | equal);
		if (size > 8)
			learn(fetch((char *)expected + 8, 8));
	}
	return equal;
}

static void plain_load(const volatile void *at, size_t size, const void *pc)
{
	struct access access = { PLAIN_LOAD, "read", (void *)at,
				 (unsigned)size, pc };
	size_t i;

	if (!is_shared(access.at))
		return;
	arrive(&access);
	own_store(access.at, (unsigned)size);
	drain_own();
	done(&access, fetch(access.at, size < 8 ? (unsigned)size : 8));
	for (i = 8; i < size; i++)
		learn(((const unsigned char *)at)[i]);
}

static void plain_store(volatile void *at, size_t size, const void *pc)
{
	struct access access = { PLAIN_STORE, "write", (void *)at,
				 (unsigned)size, pc };

	if (!is_shared(access.at))
		return;
	arrive(&access);
	drain_own();
	done(&access, 1);
	begin_plain(access.at, size);
}

/* In words, since others may come in between. */
void *schedule_memcpy(void *to, const void *from, size_t size)
{
	size_t i, step;

	if (!is_shared(to) && !is_shared(from))
		return memcpy(to, from, size);
	for (i = 0; i < size; i += step) {
		step = size - i < 8 ? size - i : 8;
		plain_load((const char *)from + i, step, CALLER);
		plain_store((char *)to + i, step, CALLER);
		memcpy((char *)to + i, (const char *)from + i, step);
	}
	return to;
}

/* At once: what the library clears is nobody's. */
void *schedule_memset(void *to, int byte, size_t size)
{
	plain_store(to, size, CALLER);
	return memset(to, byte, size);
}

/* what the compiler calls */

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void)
{
}

#define PLAIN(size)                                                          \
	void __tsan_read##size(void *at)                                     \
	{                                                                    \
		plain_load(at, size, CALLER);                                \
	}                                                                    \
	void __tsan_write##size(void *at)                                    \
	{                                                                    \
		plain_store(at, size, CALLER);                               \
	}
#define UNALIGNED(size) PLAIN(size)                                          \
	void __tsan_unaligned_read##size(void *at)                           \
	{                                                                    \
		plain_load(at, size, CALLER);                                \
	}                                                                    \
	void __tsan_unaligned_write##size(void *at)                          \
	{                                                                    \
		plain_store(at, size, CALLER);                               \
	}
PLAIN(1)
UNALIGNED(2)
UNALIGNED(4)
UNALIGNED(8)
UNALIGNED(16)

void __tsan_read_range(void *at, size_t size)
{
	plain_load(at, size, CALLER);
}

void __tsan_write_range(void *at, size_t size)
{
	plain_store(at, size, CALLER);
}

/* clang's copies of structs. */
void *__tsan_memcpy(void *to, const void *from, size_t size)
{
	return schedule_memcpy(to, from, size);
}

void *__tsan_memset(void *to, int byte, size_t size)
{
	return schedule_memset(to, byte, size);
}

#define FETCH(bits, name, change)                                            \
	uint##bits##_t __tsan_atomic##bits##_##name(                         \
		volatile uint##bits##_t *at, uint##bits##_t value, int order) \
	{                                                                    \
		(void)order;                                                 \
		return (uint##bits##_t)modify(change, at, bits / 8, value,   \
					      CALLER);                       \
	}

#define SWAP(bits, word, name)                                               \
	int __tsan_atomic##bits##_compare_exchange_##name(                   \
		volatile word *at, word *expected, word desired, int order,  \
		int failure)                                                 \
	{                                                                    \
		(void)order, (void)failure;                                  \
		return swap(at, expected, &desired, bits / 8, CALLER);       \
	}

#define SWAPS(bits, word)                                                    \
	SWAP(bits, word, strong)                                             \
	SWAP(bits, word, weak)                                               \
	word __tsan_atomic##bits##_compare_exchange_val(                     \
		volatile word *at, word expected, word desired, int order,   \
		int failure)                                                 \
	{                                                                    \
		(void)order, (void)failure;                                  \
		swap(at, &expected, &desired, bits / 8, CALLER);             \
		return expected;                                             \
	}

#define ATOMIC(bits)                                                         \
	uint##bits##_t __tsan_atomic##bits##_load(                           \
		const volatile uint##bits##_t *at, int order)                \
	{                                                                    \
		(void)order;                                                 \
		return (uint##bits##_t)load(at, bits / 8, CALLER);           \
	}                                                                    \
	void __tsan_atomic##bits##_store(volatile uint##bits##_t *at,        \
					 uint##bits##_t value, int order)    \
	{                                                                    \
		store(at, bits / 8, value, order, CALLER);                   \
	}                                                                    \
	FETCH(bits, exchange, EXCHANGE)                                      \
	FETCH(bits, fetch_add, ADD)                                          \
	FETCH(bits, fetch_sub, SUB)                                          \
	FETCH(bits, fetch_and, AND)                                          \
	FETCH(bits, fetch_or, OR)                                            \
	FETCH(bits, fetch_xor, XOR)                                          \
	SWAPS(bits, uint##bits##_t)
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)
SWAPS(128, unsigned __int128)

void __tsan_atomic_thread_fence(int order)
{
	struct access access = { CALL, "fence", NULL, 0, CALLER };

	/* On x86 weaker ones order nothing that is not ordered. */
	if (order != __ATOMIC_SEQ_CST || !world.current)
		return;
	arrive(&access);
	drain_own();
	done(&access, 1);
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}
