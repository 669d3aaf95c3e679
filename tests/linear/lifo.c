/* SPDX-License-Identifier: MIT */
/* The specification of a bounded stack; the header says what it promises. */
#include "lifo.h"

#include <errno.h>
#include <string.h>

struct lifo {
	uint64_t size;
	uint64_t values[LIFO_CAPACITY_MOST]; /* the oldest first; 0 behind */
};

static void make_empty(void *state, const void *context)
{
	(void)context;
	memset(state, 0, sizeof(struct lifo));
}

static bool push(struct lifo *lifo, uint64_t value, uint64_t capacity)
{
	if (lifo->size >= capacity)
		return false;
	lifo->values[lifo->size++] = value;
	return true;
}

static bool pop(struct lifo *lifo)
{
	if (!lifo->size)
		return false;
	lifo->values[--lifo->size] = 0;
	return true;
}

static bool has_on_top(const struct lifo *lifo, uint64_t value)
{
	return lifo->size && lifo->values[lifo->size - 1] == value;
}

static bool happens(void *state, const struct linear_op *op, bool pending,
		    const struct linear_moment *moment, const void *context)
{
	uint64_t capacity = *(const unsigned *)context;
	struct lifo *lifo = state;

	(void)moment;
	switch ((enum lifo_kind)op->kind) {
	case LIFO_PUSH:
		if (pending || !op->result)
			return push(lifo, op->value, capacity);
		return op->result == -EAGAIN && lifo->size == capacity;
	case LIFO_POP:
		if (!pending && op->result)
			return op->result == -EAGAIN && !lifo->size;
		return (pending || has_on_top(lifo, op->value)) && pop(lifo);
	case LIFO_PEEK:
		if (!pending && op->result)
			return op->result == -EAGAIN && !lifo->size;
		return pending || has_on_top(lifo, op->value);
	case LIFO_SIZE:
		return pending || (uint64_t)op->result == lifo->size;
	}
	return false;
}

static void print_result(FILE *out, const struct linear_op *op)
{
	if (op->result == -EAGAIN)
		fprintf(out, op->kind == LIFO_PUSH ? ": full" : ": empty");
	else if (op->kind == LIFO_SIZE)
		fprintf(out, ": %lld", (long long)op->result);
	else if (op->result)
		fprintf(out, ": error %lld", (long long)op->result);
	else if (op->kind != LIFO_PUSH)
		fprintf(out, ": %llu", (unsigned long long)op->value);
}

static void print_op(FILE *out, const struct linear_op *op, bool pending)
{
	static const char *const names[] = { "push", "pop", "peek", "size" };

	fprintf(out, "%s", names[op->kind]);
	if (op->kind == LIFO_PUSH)
		fprintf(out, " %llu", (unsigned long long)op->value);
	if (pending)
		fprintf(out, ": never returned");
	else
		print_result(out, op);
}

static void print_state(FILE *out, const void *state)
{
	const struct lifo *lifo = state;
	uint64_t i;

	fprintf(out, "[");
	for (i = 0; i < lifo->size; i++)
		fprintf(out, i ? " %llu" : "%llu",
			(unsigned long long)lifo->values[i]);
	fprintf(out, "]");
}

struct linear_spec lifo_spec(const unsigned *capacity)
{
	return (struct linear_spec){
		.state_bytes = sizeof(struct lifo),
		.init = make_empty,
		.apply = happens,
		.print_op = print_op,
		.print_state = print_state,
		.context = capacity,
	};
}
