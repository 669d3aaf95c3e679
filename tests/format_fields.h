/* SPDX-License-Identifier: MIT */
/*
 * What an implementation of the format has compiled, as tables: format_fields.c
 * tells of the C library, cpp/format_fields.cpp of C++.
 */
#ifndef ZIPC_FORMAT_FIELDS_H
#define ZIPC_FORMAT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Padding has a place in the struct and none in the page. */
enum role { FIELD, PADDING };

struct field {
	const char *section; /* the heading that its table stands under */
	const char *name;
	uint64_t offset, size;
	enum role role;
};

extern const struct field compiled[];
extern const size_t compiled_count;

/* What sizeof says, and the page after the struct's name; slots vary. */
struct sized {
	const char *section, *name;
	uint64_t size;
	bool told;
};

extern const struct sized structs[];
extern const size_t structs_count;

/* Sections of the page that this implementation does not have; ends in NULL. */
extern const char *const unknown_sections[];

struct constants {
	unsigned magic, version, format_word;
	unsigned most_entries, most_participants;
	unsigned option_symmetric, option_sparse;
	unsigned kind_array, kind_queue;
};

extern const struct constants constants;

#ifdef __cplusplus
}
#endif

#endif
