/* SPDX-License-Identifier: MIT */
/*
 * ZeroMQ, XPUB to SUB over ipc. With XPUB_NODROP the publisher waits where it
 * would else drop.
 */
#include "../ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

struct ring {
	char address[80];
	int records;
	unsigned readers;
};

struct end {
	void *context, *socket;
};

static void *create(const struct ring_shape *shape)
{
	struct ring *ring = malloc(sizeof(*ring));

	if (!ring)
		die("out of memory");
	snprintf(ring->address, sizeof(ring->address), "ipc://@%s",
		 unique_name());
	ring->records = (int)(shape->size_bytes / shape->record_bytes);
	ring->readers = shape->readers;
	return ring;
}

static void must(int rc, const char *what)
{
	if (rc < 0)
		die("%s: %s", what, zmq_strerror(zmq_errno()));
}

/* Every reader says that it is there. */
static void be_writer(const struct ring *ring, void *socket)
{
	unsigned char word[8];
	int yes = 1;

	must(zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &yes, sizeof(yes)),
	     "XPUB_NODROP");
	must(zmq_setsockopt(socket, ZMQ_XPUB_VERBOSE, &yes, sizeof(yes)),
	     "XPUB_VERBOSE");
	must(zmq_bind(socket, ring->address), ring->address);
	for (unsigned i = 0; i < ring->readers; i++)
		must(zmq_recv(socket, word, sizeof(word), 0), "zmq_recv");
}

static void *open_end(void *at, bool writes)
{
	struct end *end = calloc(1, sizeof(*end));
	struct ring *ring = at;
	size_t size = sizeof(ring->records);

	if (!end)
		die("out of memory");
	end->context = zmq_ctx_new();
	end->socket = zmq_socket(end->context, writes ? ZMQ_XPUB : ZMQ_SUB);
	if (!end->socket)
		die("zmq_socket: %s", zmq_strerror(zmq_errno()));
	zmq_setsockopt(end->socket, ZMQ_SNDHWM, &ring->records, size);
	zmq_setsockopt(end->socket, ZMQ_RCVHWM, &ring->records, size);
	if (writes) {
		be_writer(ring, end->socket);
		return end;
	}
	must(zmq_setsockopt(end->socket, ZMQ_SUBSCRIBE, "", 0), "SUBSCRIBE");
	must(zmq_connect(end->socket, ring->address), ring->address);
	return end;
}

static void close_end(void *at)
{
	struct end *end = at;

	zmq_close(end->socket);
	zmq_ctx_term(end->context);
	free(end);
}

static inline void write_one(void *at, const void *record, size_t bytes)
{
	const struct end *end = at;

	if (zmq_send(end->socket, record, bytes, 0) != (int)bytes)
		die("zmq_send: %s", zmq_strerror(zmq_errno()));
}

static inline void read_one(void *at, void *record, size_t bytes)
{
	const struct end *end = at;

	if (zmq_recv(end->socket, record, bytes, 0) != (int)bytes)
		die("zmq_recv: %s", zmq_strerror(zmq_errno()));
}

RING_LOOPS(zmq, write_one, read_one)

static const struct ring_peer peer = {
	.create = create, .destroy = free, .open = open_end,
	.close = close_end, .write_all = zmq_write, .read_all = zmq_read
};

const struct candidate ring_zmq_pub = {
	.name = "zmq-pub", .package = "libzmq3-dev", .family = &peer
};
