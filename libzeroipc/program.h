/* SPDX-License-Identifier: MIT */
/*
 * Programs: an expression over named inputs, as text and as what is run.
 *
 *   x.temp * 9/5 + 32          {t: x.temp, id: x.id}          acc + x.busy
 *
 * In order of life: compiled from text (program_parse.c, program_check.c,
 * program_emit.c), kept anywhere as bytes that hold no address
 * (program_code.h), read from there and verified (program_verify.c), and run
 * over many elements at once (program_run.c, program_column.c). What compiles
 * is verified, too; only what was verified is run.
 *
 * An expression is pure. For each element it gives a value or fails by one of
 * enum zipc_program_fault; that of one element says nothing of another.
 *
 * Threads: a program belongs to one at a time, as the columns are its own.
 * Crash: nothing here touches a segment. What is run on has to be the caller's
 * own copy, which nobody changes meanwhile: values are looked at twice.
 * The thread rounds to the nearest and keeps subnormals, as it does unless
 * something changed that.
 */
#ifndef ZIPC_PROGRAM_H
#define ZIPC_PROGRAM_H

#include "program_code.h"

/* A name that the expression may use; see zipc_program_name_check(). */
struct zipc_program_name {
	const char *name;
	const char *type;
	enum zipc_program_role role;
};

/* text[at..length) begins with the expression; columns count from text[0]. */
struct zipc_program_source {
	const char *text;
	size_t length;
	size_t at;
	const struct zipc_program_name *names;
	unsigned count;
	int index;        /* whether there is `i`, the number of the element */
	const char *type; /* what it has to give; NULL: what it gives */
};

struct zipc_program;

/*
 * The expression ends before what cannot belong to it, as ',' or '|' or an
 * unpaired ')'; *end is where that is, from text[0], blanks skipped. end NULL:
 * it has to be all of the text. All names become inputs, in their order, used
 * or not.
 * Returns 0; -EINVAL, naming the column; -ENOMEM.
 */
int zipc_program_compile(struct zipc_program **out,
			 const struct zipc_program_source *source,
			 size_t *end);

/*
 * From bytes that anybody may have written; they are copied first. The names,
 * `i` and the type of *asked are those that it will be run on: what has others,
 * in another order or another role, is refused, since a run believes what the
 * bytes say of its inputs. (The text of *asked is not looked at.) asked NULL:
 * any; who runs that has to ask for the role of each input.
 * Returns 0; -EBADMSG; -EPROTOTYPE it is not what was asked for;
 * -EPROTONOSUPPORT another version; -EINVAL asked for what cannot be; -ENOMEM.
 */
int zipc_program_read(struct zipc_program **out, const void *bytes, size_t size,
		      const struct zipc_program_source *asked);
void zipc_program_close(struct zipc_program *program);

/* To be kept: *size bytes; of the program. */
const void *zipc_program_bytes(const struct zipc_program *program,
			       size_t *size);

/* Canonical texts, of the program. */
const char *zipc_program_type(const struct zipc_program *program);
const char *zipc_program_text(const struct zipc_program *program);
uint64_t zipc_program_output_bytes(const struct zipc_program *program);

unsigned zipc_program_inputs(const struct zipc_program *program);
/* Of input k; NULL if there is none. type may be NULL. */
const char *zipc_program_input(const struct zipc_program *program, unsigned k,
			       const char **type);
enum zipc_program_role zipc_program_role(const struct zipc_program *program,
					 unsigned k);
/* Whether its value can make a difference. */
int zipc_program_uses(const struct zipc_program *program, unsigned k);
int zipc_program_uses_index(const struct zipc_program *program);

enum zipc_program_fault {
	ZIPC_FAULT_NONE,
	ZIPC_FAULT_OVERFLOW, /* an integer beyond 64 bits */
	ZIPC_FAULT_ZERO,     /* an integer divided by zero */
	ZIPC_FAULT_RANGE,    /* it does not fit the type that it is to have */
};

/*
 * What it is run on. Element e of input k lies at at[k] + row * sizes of its
 * type, where row is rows[e], or e if rows is NULL; of one that has one value
 * for all, at at[k]; that of `acc` is the state of zipc_program_fold(). What is
 * not used may be NULL.
 */
struct zipc_program_batch {
	const void *const *at;
	const uint32_t *rows;
	uint64_t count;
	uint64_t first;  /* `i` of element 0 */
	uint8_t *faults; /* NULL, or one for each element: enum above */
};

/* The first element that failed, and how. */
struct zipc_program_failure {
	uint64_t element;
	enum zipc_program_fault fault;
	unsigned place; /* bytes from the begin of the expression */
};

/*
 * Run for each element, and put what it gives into out[0..count), one behind
 * the other; of those that fail all bytes are zero. out may have no byte in
 * common with what is read. failure may be NULL.
 * Returns how many failed.
 */
uint64_t zipc_program_run(struct zipc_program *program,
			  const struct zipc_program_batch *batch, void *out,
			  struct zipc_program_failure *failure);

/*
 * The program gives a bool: put the rows of those for which it is true into
 * rows, in their order. rows has room for batch->count, whatever is chosen, and
 * may be batch->rows.
 * Returns how many they are; who fails is not among them.
 */
uint64_t zipc_program_select(struct zipc_program *program,
			     const struct zipc_program_batch *batch,
			     uint32_t *rows,
			     struct zipc_program_failure *failure);

/*
 * One after the other, each with what the one before it gave as `acc`, which is
 * in state before and after. Its type has to be that of the output. What each
 * gave goes to out, unless that is NULL. It ends at who fails, with the state
 * from before it; batch->faults has nothing of those behind.
 * Returns how many did not fail: count, if none did; -EPROTOTYPE.
 */
int64_t zipc_program_fold(struct zipc_program *program,
			  const struct zipc_program_batch *batch, void *state,
			  void *out, struct zipc_program_failure *failure);

/*
 * That a name can be one: 1 to 63 letters, digits and '_', no digit first, not
 * true, false, inf or nan, not `i` where that is the number of the element, and
 * no name that is among the first ones.
 * Returns 0 or -EINVAL.
 */
int zipc_program_name_check(const char *name, const char *const first[],
			    unsigned count, int index);

/* "overflow", and the like; "?" for what is none. */
const char *zipc_program_fault_name(unsigned fault);

/*
 * A line for people: what failed, at which column of the expression. What is
 * shown of the text is around there, with blanks for ends of lines.
 */
void zipc_program_failure_print(const struct zipc_program *program,
				const struct zipc_program_failure *failure,
				char *text, size_t size);

#endif
