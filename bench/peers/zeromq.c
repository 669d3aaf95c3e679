/* SPDX-License-Identifier: MIT */
/*
 * ZeroMQ, PUSH to PULL: over ipc between processes, over inproc between
 * threads. Many to many it deals items out beforehand, and so is no queue.
 */
#include "../queue_loops.h"
#include "../queue_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

struct queue {
	char address[80];
	int capacity;
	void *context; /* inproc: the one of all threads */
};

struct end {
	void *context; /* ipc: its own */
	void *push, *pull;
};

static struct queue *create(const struct queue_shape *shape,
			    const char *prefix, void *context)
{
	struct queue *queue = malloc(sizeof(*queue));

	if (!queue)
		die("out of memory");
	snprintf(queue->address, sizeof(queue->address), "%s%s", prefix,
		 unique_name());
	queue->capacity = (int)shape->capacity;
	queue->context = context;
	return queue;
}

/* An abstract address: no file. */
static void *create_ipc(const struct queue_shape *shape)
{
	return create(shape, "ipc://@", NULL);
}

static void *create_inproc(const struct queue_shape *shape)
{
	return create(shape, "inproc://", zmq_ctx_new());
}

static void destroy(void *at)
{
	struct queue *queue = at;

	if (queue->context)
		zmq_ctx_term(queue->context);
	free(queue);
}

static void *socket_of(const struct queue *queue, void *context, int type)
{
	void *socket = zmq_socket(context, type);
	size_t size = sizeof(queue->capacity);

	if (!socket)
		die("zmq_socket: %s", zmq_strerror(zmq_errno()));
	zmq_setsockopt(socket, ZMQ_SNDHWM, &queue->capacity, size);
	zmq_setsockopt(socket, ZMQ_RCVHWM, &queue->capacity, size);
	if (type == ZMQ_PULL ? zmq_bind(socket, queue->address)
			     : zmq_connect(socket, queue->address))
		die("%s: %s", queue->address, zmq_strerror(zmq_errno()));
	return socket;
}

static void *open_end(void *at, enum queue_role role)
{
	struct queue *queue = at;
	struct end *end = calloc(1, sizeof(*end));
	void *context = queue->context;

	if (!end)
		die("out of memory");
	if (!context)
		context = end->context = zmq_ctx_new();
	if (role & QUEUE_CONSUMER)
		end->pull = socket_of(queue, context, ZMQ_PULL);
	if (role & QUEUE_PRODUCER)
		end->push = socket_of(queue, context, ZMQ_PUSH);
	return end;
}

static void close_end(void *at)
{
	struct end *end = at;

	if (end->pull)
		zmq_close(end->pull);
	if (end->push)
		zmq_close(end->push);
	if (end->context)
		zmq_ctx_term(end->context);
	free(end);
}

static inline bool push(void *at, const void *item, size_t bytes)
{
	const struct end *end = at;

	if (zmq_send(end->push, item, bytes, 0) != (int)bytes)
		die("zmq_send: %s", zmq_strerror(zmq_errno()));
	return true;
}

static inline bool pop(void *at, void *item, size_t bytes)
{
	const struct end *end = at;

	if (zmq_recv(end->pull, item, bytes, 0) != (int)bytes)
		die("zmq_recv: %s", zmq_strerror(zmq_errno()));
	return true;
}

#define OPERATIONS(bytes)                                                   \
	static bool push_##bytes(void *end, const void *item)               \
	{                                                                   \
		return push(end, item, bytes);                              \
	}                                                                   \
	static bool pop_##bytes(void *end, void *item)                      \
	{                                                                   \
		return pop(end, item, bytes);                               \
	}                                                                   \
	QUEUE_LOOPS(loops_##bytes, bytes, push_##bytes, pop_##bytes,        \
		    pop_##bytes)

OPERATIONS(8)
OPERATIONS(64)

static const struct queue_loops *loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &loops_8 : &loops_64;
}

static const char *unfit(const struct queue_shape *shape)
{
	return one_to_one(shape) ? NULL : ONE_TO_ONE_ONLY;
}

#define LIFE .unfit = unfit, .destroy = destroy, .open = open_end, \
	     .close = close_end, .loops = loops

static const struct queue_peer ipc = { LIFE, .create = create_ipc };
static const struct queue_peer inproc = { LIFE, .create = create_inproc };

const struct candidate queue_zmq_ipc = {
	.name = "zmq-ipc", .package = "libzmq3-dev", .family = &ipc
};

const struct candidate queue_zmq_inproc = {
	.name = "zmq-inproc", .package = "libzmq3-dev", .threads = true,
	.family = &inproc
};
