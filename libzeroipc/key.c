/* SPDX-License-Identifier: MIT */
/* Which types may be keys; the idea is in the header. */
#include "key.h"

#include "error.h"
#include "hopscotch.h"
#include "type.h"

#include <stdio.h>

/* A gap between two fields of a record, or behind its last one. */
struct gap {
	char where[300]; /* the record that has it, as "field pos: ", or "" */
	const char *before, *behind; /* fields; behind NULL: the end */
	uint64_t bytes;
};

static bool find_gap(const struct zipc_type *type, const struct zipc_path *path,
		     struct gap *gap);

static bool tell(struct gap *gap, const struct zipc_path *path,
		 const char *before, const char *behind, uint64_t bytes)
{
	zipc_path_print(path, gap->where, sizeof(gap->where));
	gap->before = before;
	gap->behind = behind;
	gap->bytes = bytes;
	return true;
}

static bool find_gap_in_record(const struct zipc_type *type,
			       const struct zipc_path *path, struct gap *gap)
{
	const char *name, *before = NULL;
	const struct zipc_type *field;
	uint64_t i, offset, end = 0;

	for (i = 0; (field = zipc_type_field(type, i, &name, &offset)); i++) {
		struct zipc_path step = { path, name, 0 };

		if (offset > end)
			return tell(gap, path, before, name, offset - end);
		if (find_gap(field, &step, gap))
			return true;
		before = name;
		end = offset + zipc_type_size(field);
	}
	if (end == zipc_type_size(type))
		return false;
	return tell(gap, path, before, NULL, zipc_type_size(type) - end);
}

static bool find_gap(const struct zipc_type *type, const struct zipc_path *path,
		     struct gap *gap)
{
	struct zipc_path step = { path, NULL, ZIPC_PATH_ANY };

	switch (zipc_type_class(type)) {
	case ZIPC_TYPE_ARRAY:
		return find_gap(zipc_type_element(type), &step, gap);
	case ZIPC_TYPE_RECORD:
		return find_gap_in_record(type, path, gap);
	default:
		return false;
	}
}

int zipc_key_check(const struct zipc_type *type, const char *owner)
{
	struct gap gap;

	if (zipc_type_size(type) > ZIPC_HOP_KEY_MAX)
		return zipc_fail(EINVAL, "keys of `%s` are %llu bytes: at most "
				 "%llu", owner,
				 (unsigned long long)zipc_type_size(type),
				 (unsigned long long)ZIPC_HOP_KEY_MAX);
	if (!find_gap(type, NULL, &gap))
		return 0;
	if (!gap.behind)
		return zipc_fail(EINVAL, "keys of `%s` are compared as bytes, "
				 "but %s%llu bytes of padding follow the last "
				 "field `%s`: add a field that fills them",
				 owner, gap.where,
				 (unsigned long long)gap.bytes, gap.before);
	return zipc_fail(EINVAL, "keys of `%s` are compared as bytes, but "
			 "%s%llu bytes of padding lie between the fields `%s` "
			 "and `%s`: add a field that fills them, or put larger "
			 "fields first", owner, gap.where,
			 (unsigned long long)gap.bytes, gap.before, gap.behind);
}
