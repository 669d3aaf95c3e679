/* SPDX-License-Identifier: MIT */
/*
 * Between elements, as they lie in memory, and columns. An element may lie
 * anywhere, so each scalar is copied, never pointed at.
 */
#include "program_column.h"
#include "program_emit.h"

#include <string.h>

/* One value for each row. */
#define LOAD(name, type, convert)                                            \
	static void name(uint64_t *to, const struct zipc_source *from)       \
	{                                                                    \
		size_t k, n = from->n, stride = from->stride;                \
		const uint8_t *at = from->at;                                \
		type x;                                                      \
									     \
		if (from->rows) {                                            \
			for (k = 0; k < n; k++) {                            \
				memcpy(&x, at + from->rows[k] * stride,      \
				       sizeof(x));                           \
				to[k] = convert(x);                          \
			}                                                    \
			return;                                              \
		}                                                            \
		for (k = 0; k < n; k++, at += stride) {                      \
			memcpy(&x, at, sizeof(x));                           \
			to[k] = convert(x);                                  \
		}                                                            \
	}

#define AS_INT(x) (uint64_t)(int64_t)(x)
#define AS_MASK(x) (0 - (uint64_t)((x) != 0))

static inline uint64_t bits_of(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

LOAD(load_bool, uint8_t, AS_MASK)
LOAD(load_i8, int8_t, AS_INT)
LOAD(load_u8, uint8_t, AS_INT)
LOAD(load_i16, int16_t, AS_INT)
LOAD(load_u16, uint16_t, AS_INT)
LOAD(load_i32, int32_t, AS_INT)
LOAD(load_u32, uint32_t, AS_INT)
LOAD(load_64, uint64_t, AS_INT)
LOAD(load_f32, float, bits_of)

void zipc_load(uint64_t *to, const struct zipc_source *from, unsigned scalar)
{
	static void (*const loads[ZIPC_SCALARS])(uint64_t *,
						 const struct zipc_source *) = {
		NULL,	  load_bool, load_i8, load_u8, load_i16, load_u16,
		load_i32, load_u32,  load_64, load_64, load_f32, load_64,
	};

	loads[scalar](to, from);
}

/* The one NaN. */

static inline uint64_t to_64(uint64_t bits)
{
	return bits;
}

static inline uint64_t to_f64(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x == x ? bits : ZIPC_NAN_BITS;
}

static inline uint32_t to_f32(uint64_t bits)
{
	uint32_t narrow;
	double x;
	float f;

	memcpy(&x, &bits, sizeof(x));
	f = (float)x;
	memcpy(&narrow, &f, sizeof(narrow));
	return f == f ? narrow : UINT32_C(0x7fc00000);
}

static inline uint8_t to_bool(uint64_t bits)
{
	return bits & 1;
}

/* Dense elements, as a whole output is, in a loop of their own. */
#define STORE(name, type, convert)                                           \
	static void name(uint8_t *to, size_t stride, const zipc_bits *from,   \
			 size_t n)                                           \
	{                                                                    \
		size_t k;                                                    \
		type x;                                                      \
									     \
		if (stride == sizeof(x)) {                                   \
			for (k = 0; k < n; k++, to += sizeof(x)) {           \
				x = (type)convert(from[k]);                  \
				memcpy(to, &x, sizeof(x));                   \
			}                                                    \
			return;                                              \
		}                                                            \
		for (k = 0; k < n; k++, to += stride) {                      \
			x = (type)convert(from[k]);                          \
			memcpy(to, &x, sizeof(x));                           \
		}                                                            \
	}

STORE(store_bool, uint8_t, to_bool)
STORE(store_8, uint8_t, to_64)
STORE(store_16, uint16_t, to_64)
STORE(store_32, uint32_t, to_64)
STORE(store_64, uint64_t, to_64)
STORE(store_f32, uint32_t, to_f32)
STORE(store_f64, uint64_t, to_f64)

void zipc_store(uint8_t *to, size_t stride, const zipc_bits *from, size_t n,
		unsigned scalar)
{
	static void (*const stores[ZIPC_SCALARS])(uint8_t *, size_t,
						  const zipc_bits *, size_t) = {
		NULL,	  store_bool, store_8,	store_8,  store_16,  store_16,
		store_32, store_32,   store_64, store_64, store_f32, store_f64,
	};

	stores[scalar](to, stride, from, n);
}

/* Bytes as they are; a call for each only where their size is an odd one. */

static inline void copy_each(uint8_t *to, size_t stride,
			     const struct zipc_source *from, size_t size)
{
	const uint8_t *at = from->at;
	size_t k;

	for (k = 0; k < from->n; k++, to += stride, at += from->stride)
		memcpy(to, from->rows ? from->at + from->rows[k] * from->stride
				      : at,
		       size);
}

void zipc_copy(uint8_t *to, size_t stride, const struct zipc_source *from,
	       size_t size)
{
	switch (size) {
	case 1:
		copy_each(to, stride, from, 1);
		return;
	case 2:
		copy_each(to, stride, from, 2);
		return;
	case 4:
		copy_each(to, stride, from, 4);
		return;
	case 8:
		copy_each(to, stride, from, 8);
		return;
	case 16:
		copy_each(to, stride, from, 16);
		return;
	default:
		copy_each(to, stride, from, size);
	}
}
