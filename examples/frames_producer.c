/* SPDX-License-Identifier: MIT */
/*
 * Fills frames of a mebibyte in shared memory, and sends them through a queue:
 * what goes through it is 8 bytes, and nothing is copied. Start frames_consumer
 * before or after it; kill either at any time, and start it again.
 *
 *   frames_producer NAME COUNT [crash]
 *
 * With "crash" it dies by kill -9 at the end, with a frame in its hands.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"

#define SECOND_NS INT64_C(1000000000)

static int fail(void)
{
	fprintf(stderr, "frames_producer: %s\n", zipc_last_error());
	return 1;
}

static int produce(struct zipc_pool *pool, struct zipc_queue *queue,
		   uint64_t number)
{
	struct frame *frame;
	uint64_t index;
	int rc = zipc_pool_take(pool, &index, 5 * SECOND_NS);

	if (rc)
		return rc;
	frame = zipc_pool_at(pool, index);
	frame->number = number;
	memset(frame->pixels, (int)(number % 256), sizeof(frame->pixels));
	rc = zipc_pool_send(pool, queue, index, 5 * SECOND_NS);
	if (rc) /* it is still ours */
		zipc_pool_give(pool, index);
	return rc;
}

int main(int argc, char **argv)
{
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	struct zipc_pool *pool;
	uint64_t i, count, held;

	if (argc < 3 || argc > 4) {
		fputs("usage: frames_producer NAME COUNT [crash]\n", stderr);
		return 2;
	}
	count = strtoull(argv[2], NULL, 10);
	if (frames_open(argv[1], &segment, &pool, &queue))
		return fail();
	for (i = 1; i <= count; i++)
		if (produce(pool, queue, i))
			return fail();
	if (argc == 4 && !zipc_pool_take(pool, &held, SECOND_NS))
		raise(SIGKILL);
	printf("frames_producer: %llu frames sent\n",
	       (unsigned long long)count);
	zipc_queue_close(queue);
	zipc_pool_close(pool);
	zipc_segment_close(segment);
	return 0;
}
