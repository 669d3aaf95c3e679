/* SPDX-License-Identifier: MIT */
/*
 * SIGTERM and SIGINT end the process: the loop is told, and if it has not come
 * to its end after some seconds, as it is stuck in what somebody keeps
 * changing, the process ends all the same. Nothing is lost by that.
 */
#ifndef ZEROIPCD_ENDING_H
#define ZEROIPCD_ENDING_H

#include <uv.h>

struct ending {
	uv_async_t told;
	void (*end)(void *context);
	void *context;
};

/* Call end(context) in the loop; there is one for the process. */
void ending_start(struct ending *ending, uv_loop_t *loop, unsigned seconds,
		  void (*end)(void *context), void *context);
void ending_stop(struct ending *ending);

#endif
