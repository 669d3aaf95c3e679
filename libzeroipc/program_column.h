/* SPDX-License-Identifier: MIT */
/* What is done with whole columns; each file tells how. */
#ifndef ZIPC_PROGRAM_COLUMN_H
#define ZIPC_PROGRAM_COLUMN_H

#include "program_inside.h"

/* An operation on n elements; columns that are not used are any. */
struct zipc_columns {
	uint64_t *to;
	const uint64_t *a, *b, *c, *guard;
	size_t n;
	unsigned scalar; /* of a conversion */
};

/*
 * Do it, for all n; at most one more is read and written. Returns 0 if none
 * fails where its guard is true, else anything else.
 */
typedef uint64_t zipc_kernel(const struct zipc_columns *on);

/* By the number of an operation; NULL for LOAD and INDEX. */
extern zipc_kernel *const zipc_kernels[ZIPC_OPS];

/* Whether and how an instruction fails, by what it reads and what it gave. */
enum zipc_program_fault zipc_fault_of(const struct zipc_program_code *code,
				      uint64_t a, uint64_t b, uint64_t result);

/* Elements at[row * stride], of one scalar; rows NULL: one after the other. */
struct zipc_source {
	const uint8_t *at;
	size_t stride;
	const uint32_t *rows;
	size_t n;
};

void zipc_load(uint64_t *to, const struct zipc_source *from, unsigned scalar);
void zipc_store(uint8_t *to, size_t stride, const zipc_bits *from, size_t n,
		unsigned scalar);
void zipc_copy(uint8_t *to, size_t stride, const struct zipc_source *from,
	       size_t size);

#endif
