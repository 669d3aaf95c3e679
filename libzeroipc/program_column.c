/* SPDX-License-Identifier: MIT */
/*
 * Operations on columns, two elements at once, as x86-64 and aarch64 both have
 * registers of 16 bytes. Values are 64 bits whatever their class; a bool is all
 * ones or none, so that a choice is a few operations on bits.
 *
 * All of it gives the same bits everywhere: doubles are IEEE 754, rounded to
 * the nearest, and no two operations are made one (-ffp-contract=off).
 */
#include "program_column.h"

#ifdef __FAST_MATH__
#error "programs give the same bits everywhere: build without -ffast-math"
#endif

#include <string.h>
#ifdef __x86_64__
#include <emmintrin.h>
#endif

/* Columns are written as one type and read as another. */
#define PAIR vector_size(16), aligned(8), may_alias
typedef double vfloat __attribute__((PAIR));
typedef int64_t vint __attribute__((PAIR));
typedef uint64_t vbits __attribute__((PAIR));
typedef uint64_t bits64 __attribute__((may_alias));
typedef int64_t int64 __attribute__((may_alias));
typedef double float64 __attribute__((may_alias));

#define SIGN (UINT64_C(1) << 63)
#define ALL2(value) {(value), (value)}

static const vbits sign2 = ALL2(SIGN);

/* A pair at a time: x and y are those of a and b. */
#define PAIRS(name, type_to, type_of, expression)                            \
	static uint64_t name(const struct zipc_columns *on)                  \
	{                                                                    \
		type_to *restrict to = (type_to *)on->to;                    \
		const type_of *a = (const type_of *)on->a;                   \
		const type_of *b = (const type_of *)on->b;                   \
		size_t k, n = (on->n + 1) / 2;                               \
									     \
		for (k = 0; k < n; k++) {                                    \
			type_of x = a[k], y = b[k];                          \
									     \
			(void)y;                                             \
			to[k] = (type_to)(expression);                       \
		}                                                            \
		return 0;                                                    \
	}

/* Where there are no instructions for pairs. */
#define ONES(name, type_to, type_of, expression)                             \
	static uint64_t name(const struct zipc_columns *on)                  \
	{                                                                    \
		type_to *restrict to = (type_to *)on->to;                    \
		const type_of *a = (const type_of *)on->a;                   \
		const type_of *b = (const type_of *)on->b;                   \
		size_t k, n = on->n;                                         \
									     \
		for (k = 0; k < n; k++) {                                    \
			type_of x = a[k], y = b[k];                          \
									     \
			(void)y;                                             \
			to[k] = (type_to)(expression);                       \
		}                                                            \
		return 0;                                                    \
	}

/* Those that may fail: bad is not 0 where one does. */
#define GUARDED(name, type_of, statement)                                    \
	static uint64_t name(const struct zipc_columns *on)                  \
	{                                                                    \
		int64 *restrict to = (int64 *)on->to;                        \
		const type_of *a = (const type_of *)on->a;                   \
		const type_of *b = (const type_of *)on->b;                   \
		const bits64 *guard = (const bits64 *)on->guard;             \
		uint64_t any = 0;                                            \
		size_t k, n = on->n;                                         \
									     \
		for (k = 0; k < n; k++) {                                    \
			type_of x = a[k], y = b[k];                          \
			int64_t result = 0;                                  \
			uint64_t bad;                                        \
									     \
			(void)y;                                             \
			statement;                                           \
			to[k] = result;                                      \
			any |= bad & guard[k];                               \
		}                                                            \
		return any;                                                  \
	}

/* Floats. */

static inline vfloat pick(vbits which, vfloat yes, vfloat no)
{
	return (vfloat)((which & (vbits)yes) | (~which & (vbits)no));
}

static inline vfloat magnitude(vfloat x)
{
	return (vfloat)((vbits)x & ~sign2);
}

static inline vfloat with_sign(vfloat x, vfloat of)
{
	return (vfloat)(((vbits)x & ~sign2) | ((vbits)of & sign2));
}

/* What is 2^52 or more, infinite or no number, has no part behind the point. */
static inline vfloat unless_whole(vfloat x, vfloat rounded)
{
	const vfloat whole = ALL2(0x1p52);

	return pick((vbits)(magnitude(x) < whole), rounded, x);
}

/* Of x >= 0, below 2^52: adding that leaves no bits behind the point. */
static inline vfloat lower(vfloat x)
{
	const vfloat whole = ALL2(0x1p52), one = ALL2(1.0);
	vfloat near = x + whole - whole;

	return near - (vfloat)((vbits)(near > x) & (vbits)one);
}

static inline vfloat truncated(vfloat x)
{
	return unless_whole(x, with_sign(lower(magnitude(x)), x));
}

static inline vfloat floored(vfloat x)
{
	const vfloat one = ALL2(1.0);
	vfloat t = truncated(x);

	return t - (vfloat)((vbits)(t > x) & (vbits)one);
}

/* -0.5 becomes -0. */
static inline vfloat raised(vfloat x)
{
	const vfloat one = ALL2(1.0);
	vfloat t = truncated(x);

	return unless_whole(
		x, with_sign(t + (vfloat)((vbits)(t < x) & (vbits)one), x));
}

/* Halves go away from zero. */
static inline vfloat rounded(vfloat x)
{
	const vfloat one = ALL2(1.0), half = ALL2(0.5);
	vfloat m = magnitude(x), t = lower(m);

	t += (vfloat)((vbits)(m - t >= half) & (vbits)one);
	return unless_whole(x, with_sign(t, x));
}

/*
 * No number if one of them is none; and -0 is below 0. Equal ones have equal
 * bits but for that sign.
 */
static inline vfloat least(vfloat x, vfloat y)
{
	vfloat same = (vfloat)((vbits)x | (vbits)y);
	vfloat other = pick((vbits)(x == y), same, x + y);

	return pick((vbits)(x < y), x, pick((vbits)(y < x), y, other));
}

static inline vfloat most(vfloat x, vfloat y)
{
	vfloat same = (vfloat)((vbits)x & (vbits)y);
	vfloat other = pick((vbits)(x == y), same, x + y);

	return pick((vbits)(x > y), x, pick((vbits)(y > x), y, other));
}

static inline vfloat root(vfloat x)
{
#ifdef __x86_64__
	return (vfloat)_mm_sqrt_pd((__m128d)x);
#else
	vfloat to;

	__asm__("fsqrt %0.2d, %1.2d" : "=w"(to) : "w"(x));
	return to;
#endif
}

PAIRS(add_f, vfloat, vfloat, x + y)
PAIRS(sub_f, vfloat, vfloat, x - y)
PAIRS(mul_f, vfloat, vfloat, x * y)
PAIRS(div_f, vfloat, vfloat, x / y)
PAIRS(neg_f, vbits, vbits, x ^ sign2)
PAIRS(abs_f, vbits, vbits, x & ~sign2)
PAIRS(min_f, vfloat, vfloat, least(x, y))
PAIRS(max_f, vfloat, vfloat, most(x, y))
PAIRS(lt_f, vbits, vfloat, x < y)
PAIRS(le_f, vbits, vfloat, x <= y)
PAIRS(eq_f, vbits, vfloat, x == y)
PAIRS(ne_f, vbits, vfloat, x != y)
PAIRS(sqrt_f, vfloat, vfloat, root(x))
PAIRS(floor_f, vfloat, vfloat, floored(x))
PAIRS(ceil_f, vfloat, vfloat, raised(x))
PAIRS(trunc_f, vfloat, vfloat, truncated(x))
PAIRS(round_f, vfloat, vfloat, rounded(x))
ONES(to_f32, float64, float64, (float)x)

/* Integers. */

static inline uint64_t mask(int truth)
{
	return 0 - (uint64_t)(truth != 0);
}

/* Rounded down; % takes the sign of what it divides by. */
static inline int64_t divided(int64_t x, int64_t y)
{
	int64_t whole;

	if (y == 0 || y == -1)
		return y ? (int64_t)(0 - (uint64_t)x) : 0;
	whole = x / y;
	return whole - (x % y && (x < 0) != (y < 0));
}

static inline int64_t rest(int64_t x, int64_t y)
{
	int64_t left;

	if (y == 0 || y == -1)
		return 0;
	left = x % y;
	return left && (left < 0) != (y < 0) ? left + y : left;
}

static inline int is_too_large(double x)
{
	return !(x >= -0x1p63 && x < 0x1p63);
}

static inline int fits(int64_t x, unsigned scalar)
{
	static const int64_t least_of[ZIPC_SCALARS] = {
		0, 0, INT8_MIN, 0, INT16_MIN, 0, INT32_MIN, 0, INT64_MIN,
	};
	static const int64_t most_of[ZIPC_SCALARS] = {
		0,	    1,	       INT8_MAX,  UINT8_MAX, INT16_MAX,
		UINT16_MAX, INT32_MAX, UINT32_MAX, INT64_MAX, INT64_MAX,
	};

	return x >= least_of[scalar] && x <= most_of[scalar];
}

/* Its value and, in the sign of bad, whether it overflows. */
GUARDED(add_i, int64, {
	result = (int64_t)((uint64_t)x + (uint64_t)y);
	bad = (uint64_t)((x ^ result) & (y ^ result)) & SIGN;
})
GUARDED(sub_i, int64, {
	result = (int64_t)((uint64_t)x - (uint64_t)y);
	bad = (uint64_t)((x ^ y) & (x ^ result)) & SIGN;
})
GUARDED(mul_i, int64, bad = mask(__builtin_mul_overflow(x, y, &result)))
GUARDED(div_i, int64, {
	result = divided(x, y);
	bad = mask(y == 0 || (x == INT64_MIN && y == -1));
})
GUARDED(mod_i, int64, {
	result = rest(x, y);
	bad = mask(y == 0);
})
GUARDED(neg_i, int64, {
	result = (int64_t)(0 - (uint64_t)x);
	bad = mask(x == INT64_MIN);
})
GUARDED(abs_i, int64, {
	result = x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
	bad = mask(x == INT64_MIN);
})
GUARDED(f_to_i, float64, {
	result = is_too_large(x) ? 0 : (int64_t)x;
	bad = mask(is_too_large(x));
})
ONES(min_i, int64, int64, x < y ? x : y)
ONES(max_i, int64, int64, x > y ? x : y)
PAIRS(lt_i, vbits, vint, x < y)
PAIRS(le_i, vbits, vint, x <= y)
PAIRS(eq_i, vbits, vint, x == y)
PAIRS(ne_i, vbits, vint, x != y)
ONES(i_to_f, float64, int64, (double)x)

static uint64_t fit_i(const struct zipc_columns *on)
{
	uint64_t any = 0;
	size_t k;

	memcpy(on->to, on->a, on->n * sizeof(*on->a));
	for (k = 0; k < on->n; k++)
		any |= mask(!fits((int64_t)on->a[k], on->scalar)) &
		       on->guard[k];
	return any;
}

/* Bools, and bits of whatever class. */

static const vbits one2 = ALL2(1);

PAIRS(and_b, vbits, vbits, x & y)
PAIRS(or_b, vbits, vbits, x | y)
PAIRS(not_b, vbits, vbits, ~x)
PAIRS(and_not_b, vbits, vbits, x & ~y)
PAIRS(eq_b, vbits, vbits, ~(x ^ y))
PAIRS(ne_b, vbits, vbits, x ^ y)
PAIRS(b_to_i, vbits, vbits, x & one2)

static uint64_t select_v(const struct zipc_columns *on)
{
	vbits *restrict to = (vbits *)on->to;
	const vbits *a = (const vbits *)on->a, *b = (const vbits *)on->b;
	const vbits *c = (const vbits *)on->c;
	size_t k, n = (on->n + 1) / 2;

	for (k = 0; k < n; k++)
		to[k] = (a[k] & b[k]) | (~a[k] & c[k]);
	return 0;
}

zipc_kernel *const zipc_kernels[ZIPC_OPS] = {
	[ZIPC_OP_FIT] = fit_i,	       [ZIPC_OP_SELECT] = select_v,
	[ZIPC_OP_ADD_I] = add_i,       [ZIPC_OP_SUB_I] = sub_i,
	[ZIPC_OP_MUL_I] = mul_i,       [ZIPC_OP_DIV_I] = div_i,
	[ZIPC_OP_MOD_I] = mod_i,       [ZIPC_OP_NEG_I] = neg_i,
	[ZIPC_OP_ABS_I] = abs_i,       [ZIPC_OP_MIN_I] = min_i,
	[ZIPC_OP_MAX_I] = max_i,       [ZIPC_OP_LT_I] = lt_i,
	[ZIPC_OP_LE_I] = le_i,	       [ZIPC_OP_EQ_I] = eq_i,
	[ZIPC_OP_NE_I] = ne_i,	       [ZIPC_OP_I_TO_F] = i_to_f,
	[ZIPC_OP_ADD_F] = add_f,       [ZIPC_OP_SUB_F] = sub_f,
	[ZIPC_OP_MUL_F] = mul_f,       [ZIPC_OP_DIV_F] = div_f,
	[ZIPC_OP_NEG_F] = neg_f,       [ZIPC_OP_ABS_F] = abs_f,
	[ZIPC_OP_MIN_F] = min_f,       [ZIPC_OP_MAX_F] = max_f,
	[ZIPC_OP_LT_F] = lt_f,	       [ZIPC_OP_LE_F] = le_f,
	[ZIPC_OP_EQ_F] = eq_f,	       [ZIPC_OP_NE_F] = ne_f,
	[ZIPC_OP_SQRT] = sqrt_f,       [ZIPC_OP_FLOOR] = floor_f,
	[ZIPC_OP_CEIL] = ceil_f,       [ZIPC_OP_TRUNC] = trunc_f,
	[ZIPC_OP_ROUND] = round_f,     [ZIPC_OP_TO_F32] = to_f32,
	[ZIPC_OP_F_TO_I] = f_to_i,     [ZIPC_OP_AND] = and_b,
	[ZIPC_OP_OR] = or_b,	       [ZIPC_OP_NOT] = not_b,
	[ZIPC_OP_AND_NOT] = and_not_b, [ZIPC_OP_EQ_B] = eq_b,
	[ZIPC_OP_NE_B] = ne_b,	       [ZIPC_OP_B_TO_I] = b_to_i,
};

/* Failures, looked for one by one where a kernel has seen some. */

static int overflows(unsigned op, int64_t x, int64_t y)
{
	int64_t result;

	switch (op) {
	case ZIPC_OP_ADD_I:
		return __builtin_add_overflow(x, y, &result);
	case ZIPC_OP_SUB_I:
		return __builtin_sub_overflow(x, y, &result);
	case ZIPC_OP_MUL_I:
		return __builtin_mul_overflow(x, y, &result);
	case ZIPC_OP_DIV_I:
		return x == INT64_MIN && y == -1;
	default:
		return x == INT64_MIN;
	}
}

enum zipc_program_fault zipc_fault_of(const struct zipc_program_code *code,
				      uint64_t a, uint64_t b, uint64_t result)
{
	double real;

	switch (code->op) {
	case ZIPC_OP_LOAD:
		return (int64_t)result < 0 ? ZIPC_FAULT_RANGE : ZIPC_FAULT_NONE;
	case ZIPC_OP_FIT:
		return fits((int64_t)a, code->b) ? ZIPC_FAULT_NONE
						 : ZIPC_FAULT_RANGE;
	case ZIPC_OP_F_TO_I:
		memcpy(&real, &a, sizeof(real));
		return is_too_large(real) ? ZIPC_FAULT_RANGE : ZIPC_FAULT_NONE;
	case ZIPC_OP_MOD_I:
		return b ? ZIPC_FAULT_NONE : ZIPC_FAULT_ZERO;
	case ZIPC_OP_DIV_I:
		if (!b)
			return ZIPC_FAULT_ZERO;
		break;
	default:
		break;
	}
	return overflows(code->op, (int64_t)a, (int64_t)b) ? ZIPC_FAULT_OVERFLOW
							   : ZIPC_FAULT_NONE;
}
