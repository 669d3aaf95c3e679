/* SPDX-License-Identifier: MIT */
/* What the messages about types and values share: to say where, and what. */
#ifndef ZIPC_TYPE_INTERNAL_H
#define ZIPC_TYPE_INTERNAL_H

#include <zipc/type.h>

/* Any of an array's elements, where all have the same type. */
#define ZIPC_PATH_ANY UINT64_MAX

/* A step on the way to an inner type; it lies on the stack of who descends. */
struct zipc_path {
	const struct zipc_path *outer; /* NULL: a step from the whole */
	const char *name;              /* a field's; NULL: an element */
	uint64_t index;                /* the element's, or ZIPC_PATH_ANY */
};

/*
 * Put "field pos[2].x: " into text, or "element [2]: " where no field is named,
 * or "" for the whole (path NULL).
 */
void zipc_path_print(const struct zipc_path *path, char *text, size_t size);

/* What stands in the way: "'x'", "byte 0x07", or "the end" for -1. */
const char *zipc_character_print(int character, char text[16]);

#endif
