/* SPDX-License-Identifier: MIT */
/*
 * Images of a segment: what the dead leave to others, kept and put back.
 *
 * Two images are the same when nobody could tell them apart but by who made
 * them and when; image_hash() is of all the rest.
 */
#ifndef ZIPC_SWEEP_IMAGE_H
#define ZIPC_SWEEP_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_MOST (256u << 10)

struct image {
	bool exists;
	size_t size;
	uint64_t hash;
	unsigned char *bytes; /* IMAGE_MOST of them */
};

/* Memory for one; image_free() gives it back. */
struct image image_new(void);
void image_free(struct image *image);

/* Take the segment as it is. Its hash follows; see image_hash(). */
void image_take(struct image *image, const char *segment);
bool image_equal(const struct image *a, const struct image *b);
void image_copy(struct image *to, const struct image *from);

/* Of all but times and the names of processes. */
void image_hash(struct image *image);

/* Make the segment as the image says. */
void image_put(const struct image *image, const char *segment);

/* Fowler, Noll and Vo's; over 8 bytes at a time. */
uint64_t image_mix(uint64_t hash, const void *bytes, size_t size);

#endif
