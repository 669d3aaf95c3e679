/* SPDX-License-Identifier: MIT */
/*
 * What carries bytes through the kernel by read() and write(): a pipe, and two
 * kinds of Unix socket. Their capacity is what the kernel gives, in bytes.
 */
#include "../queue_loops.h"
#include "../queue_peers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
	int from, to;
};

static struct ends *ends_new(void)
{
	struct ends *ends = malloc(sizeof(*ends));

	if (!ends)
		die("out of memory");
	return ends;
}

static void *create_pipe(const struct queue_shape *shape)
{
	struct ends *ends = ends_new();
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		die("pipe2: %m");
	/* As much as it may have; less is no fault. */
	fcntl(fd[1], F_SETPIPE_SZ, (int)(shape->capacity * shape->item_bytes));
	*ends = (struct ends){ fd[0], fd[1] };
	return ends;
}

static void *create_socket(const struct queue_shape *shape, int type)
{
	int bytes = (int)(shape->capacity * shape->item_bytes), fd[2];
	struct ends *ends = ends_new();

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd))
		die("socketpair: %m");
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	*ends = (struct ends){ fd[0], fd[1] };
	return ends;
}

static void *create_stream(const struct queue_shape *shape)
{
	return create_socket(shape, SOCK_STREAM);
}

static void *create_seqpacket(const struct queue_shape *shape)
{
	return create_socket(shape, SOCK_SEQPACKET);
}

static void destroy(void *queue)
{
	struct ends *ends = queue;

	close(ends->from);
	close(ends->to);
	free(ends);
}

static void *open_end(void *queue, enum queue_role role)
{
	(void)role;
	return queue;
}

static void close_end(void *end)
{
	(void)end;
}

/* The rest of an item that came in parts; 0: there was nothing. */
static bool move_rest(ssize_t (*move)(int fd, void *bytes, size_t n), int fd,
		      unsigned char *bytes, size_t n)
{
	while (n) {
		ssize_t moved = move(fd, bytes, n);

		if (moved <= 0)
			die("pipe or socket: %m");
		bytes += moved;
		n -= (size_t)moved;
	}
	return true;
}

static ssize_t write_some(int fd, void *bytes, size_t n)
{
	return write(fd, bytes, n);
}

static inline bool push(void *end, const void *item, size_t bytes)
{
	const struct ends *ends = end;
	ssize_t moved = write(ends->to, item, bytes);

	if (__builtin_expect(moved == (ssize_t)bytes, 1))
		return true;
	if (moved < 0)
		die("write: %m");
	return move_rest(write_some, ends->to, (unsigned char *)item + moved,
			 bytes - (size_t)moved);
}

static inline bool pop(void *end, void *item, size_t bytes)
{
	const struct ends *ends = end;
	ssize_t moved = read(ends->from, item, bytes);

	if (__builtin_expect(moved == (ssize_t)bytes, 1))
		return true;
	if (moved <= 0)
		die("read: %m");
	return move_rest(read, ends->from, (unsigned char *)item + moved,
			 bytes - (size_t)moved);
}

static inline size_t push_n(void *end, const void *items, size_t n,
			    size_t bytes)
{
	push(end, items, n * bytes);
	return n;
}

/* What there is, up to n, but no part of an item. */
static inline size_t pop_n(void *end, void *items, size_t n, size_t bytes)
{
	const struct ends *ends = end;
	ssize_t moved = read(ends->from, items, n * bytes);
	size_t part;

	if (moved <= 0)
		die("read: %m");
	part = (size_t)moved % bytes;
	if (part)
		move_rest(read, ends->from, (unsigned char *)items + moved,
			  bytes - part);
	return ((size_t)moved + bytes - 1) / bytes;
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
	static size_t push_n_##bytes(void *end, const void *items, size_t n) \
	{                                                                   \
		return push_n(end, items, n, bytes);                        \
	}                                                                   \
	static size_t pop_n_##bytes(void *end, void *items, size_t n)       \
	{                                                                   \
		return pop_n(end, items, n, bytes);                         \
	}                                                                   \
	QUEUE_LOOPS_N(bytes_##bytes, bytes, push_##bytes, pop_##bytes,      \
		      pop_##bytes, push_n_##bytes, pop_n_##bytes)           \
	QUEUE_LOOPS(packet_##bytes, bytes, push_##bytes, pop_##bytes,       \
		    pop_##bytes)

OPERATIONS(8)
OPERATIONS(64)

static const struct queue_loops *byte_loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &bytes_8 : &bytes_64;
}

static const struct queue_loops *packet_loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &packet_8 : &packet_64;
}

#define LIFE .destroy = destroy, .open = open_end, .close = close_end

static const struct queue_peer pipes = {
	LIFE, .create = create_pipe, .loops = byte_loops
};
static const struct queue_peer streams = {
	LIFE, .create = create_stream, .loops = byte_loops
};
static const struct queue_peer packets = {
	LIFE, .create = create_seqpacket, .loops = packet_loops
};

const struct candidate queue_pipe = { .name = "pipe", .family = &pipes };

const struct candidate queue_socket_stream = {
	.name = "socket-stream", .family = &streams
};

const struct candidate queue_socket_seqpacket = {
	.name = "socket-packet", .family = &packets
};
