/* SPDX-License-Identifier: MIT */
/* Records through the kernel: a pipe, and a Unix socket that keeps packets. */
#include "../ring.h"

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

static void *create_pipe(const struct ring_shape *shape)
{
	struct ends *ends = ends_new();
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		die("pipe2: %m");
	/* As much as it may have; less is no fault. */
	fcntl(fd[1], F_SETPIPE_SZ, (int)shape->size_bytes);
	*ends = (struct ends){ fd[0], fd[1] };
	return ends;
}

static void *create_socket(const struct ring_shape *shape)
{
	int bytes = (int)shape->size_bytes, fd[2];
	struct ends *ends = ends_new();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
		die("socketpair: %m");
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	*ends = (struct ends){ fd[0], fd[1] };
	return ends;
}

static void destroy(void *at)
{
	struct ends *ends = at;

	close(ends->from);
	close(ends->to);
	free(ends);
}

static void *open_end(void *ends, bool writes)
{
	(void)writes;
	return ends;
}

static void close_end(void *end)
{
	(void)end;
}

static inline void write_one(void *at, const void *record, size_t bytes)
{
	const struct ends *ends = at;
	const char *from = record;
	ssize_t n;

	for (; bytes; from += n, bytes -= (size_t)n) {
		n = write(ends->to, from, bytes);
		if (n <= 0)
			die("write: %m");
	}
}

static inline void read_one(void *at, void *record, size_t bytes)
{
	const struct ends *ends = at;
	char *to = record;
	ssize_t n;

	for (; bytes; to += n, bytes -= (size_t)n) {
		n = read(ends->from, to, bytes);
		if (n <= 0)
			die("read: %m");
	}
}

RING_LOOPS(bytes, write_one, read_one)

#define LIFE .unfit = one_reader, .destroy = destroy, .open = open_end, \
	     .close = close_end, .write_all = bytes_write, \
	     .read_all = bytes_read

static const struct ring_peer pipes = { LIFE, .create = create_pipe };
static const struct ring_peer sockets = { LIFE, .create = create_socket };

const struct candidate ring_pipe = { .name = "pipe", .family = &pipes };

const struct candidate ring_socket = { .name = "socket-packet",
				       .family = &sockets };
