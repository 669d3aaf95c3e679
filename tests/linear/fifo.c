/* SPDX-License-Identifier: MIT */
/* The specification of a bounded queue; the header says what it promises. */
#include "fifo.h"

#include <errno.h>
#include <string.h>

struct fifo {
	uint64_t size;
	uint64_t values[FIFO_CAPACITY_MOST]; /* the oldest first; 0 behind */
};

static void make_empty(void *state, const void *context)
{
	(void)context;
	memset(state, 0, sizeof(struct fifo));
}

static bool push(struct fifo *fifo, uint64_t value, uint64_t capacity)
{
	if (fifo->size >= capacity)
		return false;
	fifo->values[fifo->size++] = value;
	return true;
}

static bool pop(struct fifo *fifo)
{
	if (!fifo->size)
		return false;
	fifo->size--;
	memmove(fifo->values, fifo->values + 1,
		fifo->size * sizeof(*fifo->values));
	fifo->values[fifo->size] = 0;
	return true;
}

static bool happens(void *state, const struct linear_op *op, bool pending,
		    const struct linear_moment *moment, const void *context)
{
	uint64_t capacity = *(const unsigned *)context, size;
	struct fifo *fifo = state;

	size = fifo->size;
	switch ((enum fifo_kind)op->kind) {
	case FIFO_PUSH:
		if (pending || !op->result)
			return push(fifo, op->value, capacity);
		return op->result == -EAGAIN &&
		       size + linear_under_way(moment, FIFO_PUSH) >= capacity;
	case FIFO_POP:
		if (!pending && op->result)
			return op->result == -EAGAIN && !size;
		return (pending || fifo->values[0] == op->value) && pop(fifo);
	case FIFO_SIZE:
		return pending || ((uint64_t)op->result >= size &&
				   (uint64_t)op->result <= capacity);
	}
	return false;
}

static void print_result(FILE *out, const struct linear_op *op)
{
	if (op->result == -EAGAIN)
		fprintf(out, op->kind == FIFO_PUSH ? ": full" : ": empty");
	else if (op->kind == FIFO_SIZE)
		fprintf(out, ": %lld", (long long)op->result);
	else if (op->result)
		fprintf(out, ": error %lld", (long long)op->result);
	else if (op->kind == FIFO_POP)
		fprintf(out, ": %llu", (unsigned long long)op->value);
}

static void print_op(FILE *out, const struct linear_op *op, bool pending)
{
	static const char *const names[] = { "push", "pop", "size" };

	fprintf(out, "%s", names[op->kind]);
	if (op->kind == FIFO_PUSH)
		fprintf(out, " %llu", (unsigned long long)op->value);
	if (pending)
		fprintf(out, ": never returned");
	else
		print_result(out, op);
}

static void print_state(FILE *out, const void *state)
{
	const struct fifo *fifo = state;
	uint64_t i;

	fprintf(out, "[");
	for (i = 0; i < fifo->size; i++)
		fprintf(out, i ? " %llu" : "%llu",
			(unsigned long long)fifo->values[i]);
	fprintf(out, "]");
}

struct linear_spec fifo_spec(const unsigned *capacity)
{
	return (struct linear_spec){
		.state_bytes = sizeof(struct fifo),
		.init = make_empty,
		.apply = happens,
		.print_op = print_op,
		.print_state = print_state,
		.context = capacity,
	};
}
