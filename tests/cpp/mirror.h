/* SPDX-License-Identifier: MIT */
/*
 * A segment that C++ has open, as the internals of the C library see one: the
 * handle that C tests pass about. It owns nothing.
 */
#ifndef TESTS_CPP_MIRROR_H
#define TESTS_CPP_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_segment;

struct mirrored {
	const char *name;
	unsigned char *base, *participants;
	uint64_t size, holder;
	int fd;
	bool read_only, symmetric, sparse;
	uint32_t max_entries, max_participants;
};

struct zipc_segment *mirror(const struct mirrored *of);
void mirror_end(struct zipc_segment *segment);

/* The C library's own: over.h has renamed what C++ stands in for. */
int mirror_fail(int error, const char *message);

#ifdef __cplusplus
}
#endif

#endif
