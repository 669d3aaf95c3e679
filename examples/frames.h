/* SPDX-License-Identifier: MIT */
/*
 * What the producer and the consumer of frames agree on: a pool of frames of a
 * mebibyte, and a queue of what was sent. The buffers rotate: the producer
 * fills the next one while the consumer still reads the last.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <errno.h>
#include <stdint.h>
#include <zeroipc.h>

#define FRAMES_BUFFERS 8
#define FRAMES_BYTES (1 << 20)
#define FRAMES_TYPE "{number:u64, pixels:bytes:1048568}"

struct frame {
	uint64_t number;
	unsigned char pixels[FRAMES_BYTES - sizeof(uint64_t)];
};

/* Open the segment, or make it: whoever comes first. 0 or -errno. */
static inline int frames_open(const char *name, struct zipc_segment **segment,
			      struct zipc_pool **pool,
			      struct zipc_queue **queue)
{
	/* What a crashed process held comes back when there is none free. */
	static const struct zipc_pool_options itself = { .reclaims = 1 };
	int rc = zipc_segment_open_or_create(segment, name, 9 << 20, NULL);

	if (!rc)
		rc = zipc_pool_create_with(pool, *segment, "frames",
					   FRAMES_TYPE, FRAMES_BUFFERS,
					   &itself);
	if (rc == -EEXIST)
		rc = zipc_pool_open(pool, *segment, "frames", FRAMES_TYPE);
	if (!rc)
		rc = zipc_queue_open_or_create(queue, *segment, "sent", "u64",
					       FRAMES_BUFFERS);
	return rc;
}

#endif
