/* SPDX-License-Identifier: MIT */
/*
 * Receives the frames that frames_producer sends, reads each where it lies, and
 * gives it back.
 *
 *   frames_consumer NAME COUNT
 */
#include <stdio.h>
#include <stdlib.h>

#include "frames.h"

#define SECOND_NS INT64_C(1000000000)

static int fail(void)
{
	fprintf(stderr, "frames_consumer: %s\n", zipc_last_error());
	return 1;
}

/* Every pixel is what the producer made it. */
static int is_whole(const struct frame *frame)
{
	size_t i;

	for (i = 0; i < sizeof(frame->pixels); i++)
		if (frame->pixels[i] != frame->number % 256)
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	uint64_t i, index, count, whole = 0;
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	struct zipc_pool *pool;

	if (argc != 3) {
		fputs("usage: frames_consumer NAME COUNT\n", stderr);
		return 2;
	}
	count = strtoull(argv[2], NULL, 10);
	if (frames_open(argv[1], &segment, &pool, &queue))
		return fail();
	for (i = 0; i < count; i++) {
		if (zipc_pool_receive(pool, queue, &index, 5 * SECOND_NS))
			return fail();
		whole += (uint64_t)is_whole(zipc_pool_at(pool, index));
		if (zipc_pool_give(pool, index))
			return fail();
	}
	printf("frames_consumer: %llu of %llu frames are whole\n",
	       (unsigned long long)whole, (unsigned long long)count);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
	zipc_segment_close(segment);
	return whole != count;
}
