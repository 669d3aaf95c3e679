/* SPDX-License-Identifier: MIT */
/*
 * What reading a value of each class shares: where it goes. A reader takes one
 * value from the text and stores it; 0 or -EINVAL.
 */
#ifndef ZIPC_VALUE_READ_H
#define ZIPC_VALUE_READ_H

#include "value_scan.h"

/* Where the value goes; bytes NULL: nowhere. */
struct zipc_target {
	const struct zipc_type *type;
	uint8_t *bytes;
	const struct zipc_path *path;
};

int zipc_read_bool(struct zipc_scanner *s, const struct zipc_target *to);
int zipc_read_integer(struct zipc_scanner *s, const struct zipc_target *to);
int zipc_read_float(struct zipc_scanner *s, const struct zipc_target *to);
int zipc_read_bytes(struct zipc_scanner *s, const struct zipc_target *to);

#endif
