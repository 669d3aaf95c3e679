/* SPDX-License-Identifier: MIT */
/*
 * Values of the inputs of a lazy, for one computation. Each structure is looked
 * up by its name then, opened, and closed behind it: what took that name since
 * the last time is what is read.
 */
#include "lazy.h"

#include "error.h"
#include "future.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zipc/array.h>
#include <zipc/map.h>

struct value {
	void *bytes; /* as the program's input has it */
	struct zipc_array *array; /* to be read from; or NULL */
	struct zipc_map *map;     /* likewise */
};

struct zipc_lazy_values {
	const struct zipc_lazy *lazy;
	const struct zipc_definition *definition;
	const void *at[ZIPC_PROGRAM_INPUTS];
	struct value of[ZIPC_PROGRAM_INPUTS];
};

/* An input that is looked at. */
struct look {
	struct zipc_segment *segment;
	const struct zipc_lazy_input *input;
	const char *type;
	const struct zipc_forcing *by;
	struct zipc_lazy_trouble *trouble;
	struct value *value;
};

/* Why who needs it has failed, as the input has, with its code. */
static int pass_on(const struct look *look, int code, const char *message)
{
	struct zipc_lazy_trouble *trouble = look->trouble;
	char text[ZIPC_NAME_MAX + ZIPC_LAZY_MESSAGE_MAX + 32];

	snprintf(text, sizeof(text), "%s has failed%s%s", look->input->name,
		 *message ? ": " : "", message);
	trouble->code = code;
	memcpy(trouble->message, text, zipc_lazy_message_length(text));
	trouble->message[zipc_lazy_message_length(text)] = '\0';
	return -ECANCELED;
}

static int get_future(const struct look *look)
{
	char message[ZIPC_FUTURE_MESSAGE_MAX + 1];
	struct zipc_future *future;
	int code = 0, rc = zipc_future_open(&future, look->segment,
					    look->input->name, look->type);

	if (rc)
		return rc;
	rc = zipc_future_get(future, look->value->bytes,
			     zipc_forcing_left(look->by));
	if (rc == -EAGAIN && look->by->waits)
		rc = zipc_future_tell(future, -ETIMEDOUT);
	if (rc == -ECANCELED &&
	    !zipc_future_error(future, &code, message, sizeof(message)))
		rc = pass_on(look, code, message);
	zipc_future_close(future);
	return rc;
}

/* "a -> b -> a", from the one of that name on. */
static void print_circle(const struct zipc_forcing *by, const char *name,
			 char *text, size_t size)
{
	size_t used = 0;

	if (by && strcmp(by->name, name))
		print_circle(by->up, name, text, size);
	used = strlen(text);
	if (by)
		snprintf(text + used, size - used, "%s -> ", by->name);
}

static int check_circle(const struct look *look)
{
	const struct zipc_forcing *by = look->by, *it;
	const char *name = look->input->name;
	char text[600] = "";

	for (it = by; it && strcmp(it->name, name); it = it->up)
		;
	if (it) {
		print_circle(by, name, text, sizeof(text));
		return zipc_fail(ELOOP, "lazy `%s` in segment `/%s` needs "
				 "itself: %s%s", name, look->segment->name,
				 text, name);
	}
	if (by->depth < ZIPC_LAZY_DEEP)
		return 0;
	return zipc_fail(ELOOP, "lazy `%s` in segment `/%s` is needed by %u "
			 "lazies, one of the other: force it first", name,
			 look->segment->name, by->depth);
}

/* How often an input may be reset between its failure and our look at it. */
#define RESETS_MOST 1000u

static int force_lazy(const struct look *look)
{
	struct zipc_forcing by = { .up = look->by,
				   .name = look->input->name,
				   .depth = look->by->depth + 1,
				   .deadline_ns = look->by->deadline_ns,
				   .waits = look->by->waits };
	char message[ZIPC_LAZY_MESSAGE_MAX + 1];
	struct zipc_lazy *lazy;
	int code = 0, failed = 0, rc = check_circle(look);
	unsigned tries = 0;

	if (!rc)
		rc = zipc_lazy_open(&lazy, look->segment, look->input->name,
				    look->type);
	if (rc)
		return rc;
	/* Again, if it was reset behind its failure. */
	do {
		rc = zipc_lazy_force_by(lazy, look->value->bytes, &by);
		failed = rc == -ECANCELED
				 ? zipc_lazy_error(lazy, &code, message,
						   sizeof(message))
				 : 0;
	} while (failed == -EINVAL && ++tries < RESETS_MOST);
	if (failed == -EINVAL)
		rc = zipc_fail_as(EAGAIN, "an input is reset all the time");
	else if (rc == -ECANCELED)
		rc = failed ? failed : pass_on(look, code, message);
	zipc_lazy_close(lazy);
	return rc;
}

static int open_array(const struct look *look)
{
	const struct zipc_lazy_input *input = look->input;
	int rc = zipc_array_open(&look->value->array, look->segment,
				 input->name, look->type);
	uint64_t count;

	if (rc || input->form >= ZIPC_LAZY_SUM)
		return rc;
	count = zipc_array_capacity(look->value->array);
	if (input->form == ZIPC_LAZY_VALUE ? count == 1 : input->index < count)
		return 0;
	return zipc_fail(EPROTOTYPE, "array `%s` in segment `/%s` has %llu "
			 "elements by now: element %llu is not the one meant",
			 input->name, look->segment->name,
			 (unsigned long long)count,
			 (unsigned long long)input->index);
}

static int gather_value(const struct look *look)
{
	unsigned kind;
	int rc = zipc_table_kind(&kind, look->segment, look->input->name);

	if (rc)
		return rc;
	switch (kind) {
	case ZIPC_FUTURE:
		return get_future(look);
	case ZIPC_LAZY:
		return force_lazy(look);
	case ZIPC_ARRAY:
		return open_array(look);
	default:
		return zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` is no "
				 "future, lazy or array: no input of a lazy",
				 look->input->name, look->segment->name);
	}
}

static int gather_one(const struct look *look, const unsigned char *bytes)
{
	const struct zipc_lazy_input *input = look->input;

	switch (input->form) {
	case ZIPC_LAZY_VALUE:
		return gather_value(look);
	case ZIPC_LAZY_ENTRY:
		return zipc_map_open(&look->value->map, look->segment,
				     input->name,
				     (const char *)bytes +
					     input->key_type_offset,
				     look->type);
	default:
		return open_array(look);
	}
}

/* Room for what the program's input of that number is. */
static int make_room(struct zipc_lazy_values *values, unsigned k)
{
	struct zipc_type *type;
	const char *text = NULL;
	int rc;

	zipc_program_input(values->definition->program, k, &text);
	rc = zipc_type_parse(&type, text, SIZE_MAX);
	if (rc)
		return rc;
	values->of[k].bytes = calloc(1, zipc_type_size(type));
	zipc_type_free(type);
	values->at[k] = values->of[k].bytes;
	return values->at[k] ? 0 : zipc_fail_as(ENOMEM, "out of memory");
}

int zipc_lazy_gather(struct zipc_lazy_values **out, struct zipc_lazy *lazy,
		     const struct zipc_forcing *by,
		     struct zipc_lazy_trouble *trouble)
{
	struct zipc_lazy_values *values = calloc(1, sizeof(*values));
	const struct zipc_definition *it = lazy->definition;
	unsigned k;
	int rc = 0;

	if (!values)
		return zipc_fail_as(ENOMEM, "out of memory");
	values->lazy = lazy;
	values->definition = it;
	for (k = 0; k < it->count && !rc; k++) {
		struct look look = { lazy->lock.segment, &it->inputs[k],
				     (const char *)it->bytes +
					     it->inputs[k].type_offset,
				     by, trouble, &values->of[k] };

		rc = make_room(values, k);
		if (!rc)
			rc = gather_one(&look, it->bytes);
	}
	if (rc)
		zipc_lazy_values_free(values);
	else
		*out = values;
	return rc;
}

/* read */

static int fault_code(enum zipc_program_fault fault)
{
	switch (fault) {
	case ZIPC_FAULT_OVERFLOW:
		return -EOVERFLOW;
	case ZIPC_FAULT_ZERO:
		return -EDOM;
	default:
		return -ERANGE;
	}
}

static int read_fold(const struct zipc_segment *segment,
		     const struct zipc_lazy_input *input, struct value *value,
		     struct zipc_lazy_trouble *trouble)
{
	const unsigned char *at =
		(unsigned char *)zipc_array_data(value->array) + input->index;
	struct zipc_lazy_fold fold = {
		.form = input->form,
		.scalar = input->scalar,
		.at = at,
		.stride = zipc_array_elem_size(value->array),
		.count = zipc_array_capacity(value->array),
		.fd = segment->fd,
		.place = (uint64_t)(at - segment->base),
	};
	enum zipc_program_fault fault = zipc_lazy_fold(&fold, value->bytes);

	if (!fault)
		return 0;
	trouble->code = fault_code(fault);
	snprintf(trouble->message, sizeof(trouble->message), "sum of %s: %s",
		 input->name, zipc_program_fault_name(fault));
	return -ECANCELED;
}

static int read_entry(const struct zipc_lazy_values *values,
		      const struct zipc_lazy_input *input, struct value *value)
{
	const struct zipc_lock *lock = &values->lazy->lock;
	int rc = zipc_map_get(value->map,
			      values->definition->bytes + input->key_offset,
			      value->bytes);

	if (rc != -ENOENT)
		return rc;
	return zipc_fail(ENOENT, "lazy `%s` in segment `/%s` needs an entry "
			 "that is not in map `%s`", lock->name,
			 lock->segment->name, input->name);
}

int zipc_lazy_read(struct zipc_lazy_values *values,
		   struct zipc_lazy_trouble *trouble)
{
	const struct zipc_lazy_input *input = values->definition->inputs;
	struct value *value = values->of;
	unsigned k;
	int rc = 0;

	for (k = 0; k < values->definition->count && !rc;
	     k++, input++, value++) {
		if (value->map)
			rc = read_entry(values, input, value);
		else if (value->array && input->form < ZIPC_LAZY_SUM)
			rc = zipc_array_get(value->array, input->index,
					    value->bytes);
		else if (value->array)
			rc = read_fold(values->lazy->lock.segment, input,
				       value, trouble);
	}
	return rc;
}

const void *const *zipc_lazy_values_at(const struct zipc_lazy_values *values)
{
	return values->at;
}

void zipc_lazy_values_free(struct zipc_lazy_values *values)
{
	unsigned k;

	if (!values)
		return;
	for (k = 0; k < ZIPC_PROGRAM_INPUTS; k++) {
		zipc_array_close(values->of[k].array);
		zipc_map_close(values->of[k].map);
		free(values->of[k].bytes);
	}
	free(values);
}
