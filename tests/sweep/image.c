/* SPDX-License-Identifier: MIT */
/* Images of a segment; the idea is in the header. */
#include "image.h"

#include "../../libzeroipc/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "image: %s: %s\n", what, strerror(errno));
	exit(2);
}

struct image image_new(void)
{
	struct image image = { .bytes = malloc(IMAGE_MOST) };

	if (!image.bytes)
		die("memory");
	return image;
}

void image_free(struct image *image)
{
	free(image->bytes);
}

static int open_file(const char *segment, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/shm%s", segment);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0 && errno != ENOENT)
		die(path);
	return fd;
}

void image_take(struct image *image, const char *segment)
{
	int fd = open_file(segment, O_RDONLY);
	ssize_t n = 0;

	image->exists = fd >= 0;
	if (image->exists) {
		n = read(fd, image->bytes, IMAGE_MOST);
		if (n < 0 || n == (ssize_t)IMAGE_MOST)
			die("a segment is too large to be swept");
		close(fd);
	}
	image->size = (size_t)n;
}

bool image_equal(const struct image *a, const struct image *b)
{
	return a->exists == b->exists && a->size == b->size &&
	       !memcmp(a->bytes, b->bytes, a->size);
}

void image_copy(struct image *to, const struct image *from)
{
	to->exists = from->exists;
	to->size = from->size;
	to->hash = from->hash;
	memcpy(to->bytes, from->bytes, from->size);
}

uint64_t image_mix(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint64_t word = 0;

	for (; size; size -= size < 8 ? size : 8, at += 8, word = 0) {
		memcpy(&word, at, size < 8 ? size : 8);
		hash = (hash ^ word) * UINT64_C(1099511628211);
		hash ^= hash >> 29;
	}
	return hash;
}

/* The places of an image, if it has any. */
static struct zipc_participant *places(unsigned char *bytes, size_t size,
				       uint32_t *count)
{
	const struct zipc_header *header = (void *)bytes;
	uint64_t at;

	*count = 0;
	if (size < sizeof(*header) || header->magic != ZIPC_MAGIC)
		return NULL;
	at = (uint64_t)header->participants_offset * ZIPC_LINE;
	if (at + header->max_participants * sizeof(struct zipc_participant) >
	    size)
		return NULL;
	*count = header->max_participants;
	return (void *)(bytes + at);
}

/* Only whether a word is set matters to others, not what it says. */
#define BLUR(word)                                                           \
	atomic_store_explicit(&(word),                                       \
			      atomic_load_explicit(&(word),                  \
						   memory_order_relaxed)     \
				      != 0,                                  \
			      memory_order_relaxed)

void image_hash(struct image *image)
{
	static unsigned char copy[IMAGE_MOST];
	struct zipc_header *header = (void *)copy;
	struct zipc_participant *place;
	uint32_t count, i;

	memcpy(copy, image->bytes, image->size);
	place = places(copy, image->size, &count);
	if (place) {
		header->segment_id = header->segment_id != 0;
		header->created_ns = header->created_ns != 0;
	}
	for (i = 0; i < count; i++) {
		BLUR(place[i].pid);
		BLUR(place[i].start_ticks);
		BLUR(place[i].since_ns);
	}
	image->hash = image_mix(image->exists, copy, image->size);
}

void image_put(const struct image *image, const char *segment)
{
	char path[128];
	int fd;

	if (!image->exists) {
		snprintf(path, sizeof(path), "/dev/shm%s", segment);
		unlink(path);
		return;
	}
	fd = open_file(segment, O_RDWR | O_CREAT);
	if (ftruncate(fd, (off_t)image->size) ||
	    pwrite(fd, image->bytes, image->size, 0) != (ssize_t)image->size)
		die("put back a segment");
	close(fd);
}
