/* SPDX-License-Identifier: MIT */
/*
 * Folds of an array: from its first element to its last, one after the other,
 * so that all who fold the same elements get the same bits. Each element is
 * read by itself: while others write, the fold is of no moment in particular.
 *
 * They are read where they are, so a fold takes no memory of its own. But to
 * look at a hole of a file in memory fills it, and whoever may write a segment
 * can make a file that is nearly all hole, and as large as he likes. Where the
 * file says that it has a hole there are zeros, and any number of zeros in a
 * row changes a fold as one does: it is not looked at.
 */
#include "lazy.h"

#include "program_emit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ZIPC_NAN_BITS_F32 UINT32_C(0x7fc00000)

/* What has come together so far. */
struct so_far {
	int64_t whole; /* of integers and bools */
	uint64_t high; /* min and max of u64 */
	double real;
};

#define LOAD(type)                                                           \
	atomic_load_explicit((const _Atomic type *)(const void *)at,         \
			     memory_order_relaxed)

/* Bits of an integer, as two's complement, or of the float. */
static uint64_t load(const unsigned char *at, unsigned scalar)
{
	switch (scalar) {
	case ZIPC_SCALAR_BOOL:
		return LOAD(uint8_t) != 0;
	case ZIPC_SCALAR_I8:
		return (uint64_t)(int8_t)LOAD(uint8_t);
	case ZIPC_SCALAR_U8:
		return LOAD(uint8_t);
	case ZIPC_SCALAR_I16:
		return (uint64_t)(int16_t)LOAD(uint16_t);
	case ZIPC_SCALAR_U16:
		return LOAD(uint16_t);
	case ZIPC_SCALAR_I32:
		return (uint64_t)(int32_t)LOAD(uint32_t);
	case ZIPC_SCALAR_U32:
	case ZIPC_SCALAR_F32:
		return LOAD(uint32_t);
	default:
		return LOAD(uint64_t);
	}
}

static bool is_float(unsigned scalar)
{
	return zipc_scalar_class(scalar) == ZIPC_CLASS_FLOAT;
}

static double real_of(uint64_t bits, unsigned scalar)
{
	uint32_t low = (uint32_t)bits;
	double real;
	float narrow;

	if (scalar == ZIPC_SCALAR_F32) {
		memcpy(&narrow, &low, sizeof(narrow));
		return narrow;
	}
	if (scalar == ZIPC_SCALAR_U64)
		return (double)bits;
	if (scalar != ZIPC_SCALAR_F64)
		return (double)(int64_t)bits;
	memcpy(&real, &bits, sizeof(real));
	return real;
}

/* As the operations MIN_F and MAX_F of a program: NaN if one is; -0 below 0. */
static double less_of(double a, double b)
{
	if (a != a || b != b)
		return a != a ? a : b;
	if (a == b)
		return __builtin_signbit(a) ? a : b;
	return a < b ? a : b;
}

static void add_extreme(struct so_far *it, const struct zipc_lazy_fold *fold,
			uint64_t bits, bool first)
{
	bool most = fold->form == ZIPC_LAZY_MAX, less;
	double real;

	if (is_float(fold->scalar)) {
		real = real_of(bits, fold->scalar);
		if (!first)
			real = most ? -less_of(-it->real, -real)
				    : less_of(it->real, real);
		it->real = real;
		return;
	}
	less = fold->scalar == ZIPC_SCALAR_U64
		       ? bits < it->high
		       : (int64_t)bits < (int64_t)it->high;
	if (first || (most ? !less : less))
		it->high = bits;
}

static enum zipc_program_fault add(struct so_far *it,
				   const struct zipc_lazy_fold *fold,
				   uint64_t bits, bool first)
{
	if (fold->form == ZIPC_LAZY_MIN || fold->form == ZIPC_LAZY_MAX) {
		add_extreme(it, fold, bits, first);
		return ZIPC_FAULT_NONE;
	}
	if (fold->form == ZIPC_LAZY_MEAN || is_float(fold->scalar)) {
		it->real += real_of(bits, fold->scalar);
		return ZIPC_FAULT_NONE;
	}
	if (fold->scalar == ZIPC_SCALAR_U64 && bits > INT64_MAX)
		return ZIPC_FAULT_RANGE;
	return __builtin_add_overflow(it->whole, (int64_t)bits, &it->whole)
		       ? ZIPC_FAULT_OVERFLOW
		       : ZIPC_FAULT_NONE;
}

static void put_real(double real, bool narrow, void *to)
{
	uint64_t bits = ZIPC_NAN_BITS;
	uint32_t few = ZIPC_NAN_BITS_F32;
	float less = (float)real;

	if (narrow)
		memcpy(to, real == real ? (void *)&less : &few, sizeof(less));
	else
		memcpy(to, real == real ? (void *)&real : &bits, sizeof(real));
}

static void put(const struct so_far *it, const struct zipc_lazy_fold *fold,
		void *to)
{
	bool extreme = fold->form == ZIPC_LAZY_MIN ||
		       fold->form == ZIPC_LAZY_MAX;

	if (fold->form == ZIPC_LAZY_MEAN)
		put_real(it->real / (double)fold->count, false, to);
	else if (is_float(fold->scalar))
		put_real(it->real, extreme && fold->scalar == ZIPC_SCALAR_F32,
			 to);
	else if (extreme)
		memcpy(to, &it->high, zipc_scalar_size(fold->scalar));
	else
		memcpy(to, &it->whole, sizeof(it->whole));
}

/* So many bytes may be looked at without asking what they are. */
#define SMALL_BYTES UINT64_C(65536)

/* How many elements begin before that place in the file; more than i do. */
static uint64_t count_before(const struct zipc_lazy_fold *fold, off_t place,
			     uint64_t i)
{
	uint64_t bytes = (uint64_t)place - fold->place, n;

	n = bytes / fold->stride + (bytes % fold->stride != 0);
	n = n > i ? n : i + 1;
	return n < fold->count ? n : fold->count;
}

/*
 * Elements from i on, up to *end, lie in a hole; or they do not. No scalar lies
 * in two pages. What is written meanwhile may be missed, as it may elsewhere.
 */
static bool is_hole(const struct zipc_lazy_fold *fold, uint64_t i,
		    uint64_t *end)
{
	off_t from = (off_t)(fold->place + i * fold->stride), to;
	bool hole;

	*end = fold->count;
	if (fold->count * fold->stride <= SMALL_BYTES)
		return false;
	to = lseek(fold->fd, from, SEEK_DATA);
	if (to < 0)
		return errno == ENXIO; /* to the end of the file, or behind */
	hole = to > from;
	if (!hole)
		to = lseek(fold->fd, from, SEEK_HOLE);
	if (to >= 0)
		*end = count_before(fold, to, i);
	return hole;
}

static enum zipc_program_fault add_all(struct so_far *it,
				       const struct zipc_lazy_fold *fold,
				       uint64_t i, uint64_t end)
{
	const unsigned char *at = fold->at + i * fold->stride;
	enum zipc_program_fault fault = ZIPC_FAULT_NONE;

	for (; i < end && !fault; i++, at += fold->stride)
		fault = add(it, fold, load(at, fold->scalar), !i);
	return fault;
}

enum zipc_program_fault zipc_lazy_fold(const struct zipc_lazy_fold *fold,
				       void *to)
{
	enum zipc_program_fault fault = ZIPC_FAULT_NONE;
	struct so_far it = { .whole = 0 };
	uint64_t i, end;

	if (fold->form == ZIPC_LAZY_COUNT) {
		memcpy(to, &fold->count, sizeof(fold->count));
		return fault;
	}
	for (i = 0; i < fold->count && !fault; i = end)
		fault = is_hole(fold, i, &end) ? add(&it, fold, 0, !i)
					       : add_all(&it, fold, i, end);
	put(&it, fold, to);
	return fault;
}

const char *zipc_lazy_fold_type(unsigned form, unsigned scalar)
{
	if (form == ZIPC_LAZY_COUNT)
		return "i64";
	if (!scalar || scalar >= ZIPC_SCALARS)
		return NULL;
	switch (form) {
	case ZIPC_LAZY_SUM:
		return is_float(scalar) ? "f64" : "i64";
	case ZIPC_LAZY_MEAN:
		return "f64";
	case ZIPC_LAZY_MIN:
	case ZIPC_LAZY_MAX:
		return scalar == ZIPC_SCALAR_BOOL ? NULL
						  : zipc_scalar_name(scalar);
	default:
		return NULL;
	}
}
