/* SPDX-License-Identifier: MIT */
/* The specification of a map; the header says what it promises. */
#include "keys.h"

#include <errno.h>
#include <string.h>

struct keys {
	uint64_t values[KEYS]; /* 0: it is not there */
};

static void make_empty(void *state, const void *context)
{
	(void)context;
	memset(state, 0, sizeof(struct keys));
}

static unsigned count(const struct keys *keys)
{
	unsigned i, n = 0;

	for (i = 0; i < KEYS; i++)
		n += keys->values[i] != 0;
	return n;
}

/*
 * A key comes to be there. Writers that insert at the same moment may each make
 * it one more than the capacity, as none sees the others' counts.
 */
static bool may_come(const struct keys *keys, const struct keys_rules *rules,
		     const struct linear_moment *moment)
{
	return rules->kills ||
	       count(keys) < rules->capacity +
				     linear_beside(moment, KEYS_PUT) +
				     linear_beside(moment, KEYS_INSERT);
}

static bool put(struct keys *keys, const struct linear_op *op, int64_t result,
		bool may_insert, bool may_replace,
		const struct linear_moment *moment,
		const struct keys_rules *rules)
{
	uint64_t *at = &keys->values[keys_key(op->value)];

	if (result == -EEXIST)
		return *at && !may_replace;
	if (result == -ENOENT)
		return !*at && !may_insert;
	if (result == -ENOSPC)
		return !*at && may_insert && count(keys) >= rules->capacity;
	if (result || (*at ? !may_replace : !may_insert) ||
	    (!*at && !may_come(keys, rules, moment)))
		return false;
	*at = keys_in(op->value);
	return true;
}

/* What is there becomes next, if it is what the operation has told of. */
static bool change(uint64_t *at, int64_t result, bool tells, uint64_t told,
		   uint64_t next)
{
	if (result == -ENOENT)
		return !*at;
	if (result || !*at || (tells && *at != told))
		return false;
	*at = next;
	return true;
}

static bool swap(uint64_t *at, const struct linear_op *op, int64_t result,
		 bool tells)
{
	uint64_t expected = keys_expected(op->value);

	if (result == -EAGAIN)
		return *at && *at != expected &&
		       (!tells || *at == keys_out(op->value));
	return change(at, result, true, expected, keys_in(op->value));
}

/*
 * One that is pending gives what it gives when it does something; that it does
 * nothing is that it does not happen.
 */
static bool happens(void *state, const struct linear_op *op, bool pending,
		    const struct linear_moment *moment, const void *context)
{
	const struct keys_rules *rules = context;
	struct keys *keys = state;
	uint64_t *at = &keys->values[keys_key(op->value)];
	uint64_t out = keys_out(op->value);
	int64_t result = pending ? 0 : op->result;

	switch ((enum keys_kind)op->kind) {
	case KEYS_PUT:
		return put(keys, op, result, true, true, moment, rules);
	case KEYS_INSERT:
		return put(keys, op, result, true, false, moment, rules);
	case KEYS_REPLACE:
		return put(keys, op, result, false, true, moment, rules);
	case KEYS_REMOVE:
		return change(at, result, !pending, out, 0);
	case KEYS_CAS:
		return swap(at, op, result, !pending);
	case KEYS_ADD:
		return change(at, result, !pending, out,
			      *at + keys_in(op->value));
	case KEYS_GET:
		return change(at, result, !pending, out, *at);
	}
	return false;
}

static void print_op(FILE *out, const struct linear_op *op, bool pending)
{
	static const char *const names[] = { "put",    "insert", "replace",
					     "remove", "cas",	 "add",
					     "get" };

	fprintf(out, "%s key %u", names[op->kind], keys_key(op->value));
	if (op->kind == KEYS_CAS)
		fprintf(out, " from %u", (unsigned)keys_expected(op->value));
	if (op->kind != KEYS_REMOVE && op->kind != KEYS_GET)
		fprintf(out, ", %u", (unsigned)keys_in(op->value));
	if (pending)
		fprintf(out, ": never returned");
	else if (op->result)
		fprintf(out, ": %s", strerror((int)-op->result));
	if (!pending && keys_out(op->value))
		fprintf(out, ": %u", (unsigned)keys_out(op->value));
}

static void print_state(FILE *out, const void *state)
{
	const struct keys *keys = state;

	fprintf(out, "[%u %u %u]", (unsigned)keys->values[0],
		(unsigned)keys->values[1], (unsigned)keys->values[2]);
}

struct linear_spec keys_spec(const struct keys_rules *rules)
{
	return (struct linear_spec){
		.state_bytes = sizeof(struct keys),
		.init = make_empty,
		.apply = happens,
		.print_op = print_op,
		.print_state = print_state,
		.context = rules,
	};
}
