/* SPDX-License-Identifier: MIT */
/* Objects that are copied through the kernel: a pipe, and a Unix socket. */
#include "../pool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct bytes {
	const struct pool_shape *shape;
	int fd[2]; /* to read from, to write to */
	unsigned char *object;
};

static struct bytes *create(const struct pool_shape *shape)
{
	struct bytes *it = calloc(1, sizeof(*it));

	if (it)
		it->object = calloc(1, shape->bytes);
	if (!it || !it->object)
		die("out of memory");
	it->shape = shape;
	return it;
}

static void *create_pipe(const struct pool_shape *shape)
{
	struct bytes *it = create(shape);

	if (pipe2(it->fd, O_CLOEXEC))
		die("pipe: %m");
	/* As much as is allowed to everybody. */
	fcntl(it->fd[1], F_SETPIPE_SZ, 1 << 20);
	return it;
}

static void *create_socket(const struct pool_shape *shape)
{
	struct bytes *it = create(shape);
	int room = 1 << 20;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, it->fd))
		die("socketpair: %m");
	setsockopt(it->fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return it;
}

static void destroy(void *pool)
{
	struct bytes *it = pool;

	close(it->fd[0]);
	close(it->fd[1]);
	free(it->object);
	free(it);
}

static void *open_end(void *pool, bool produces)
{
	(void)produces;
	return pool;
}

static void close_end(void *end)
{
	(void)end;
}

static void put(void *end, uint64_t value)
{
	struct bytes *it = end;
	size_t at = 0;
	ssize_t n;

	pool_fill(it->object, it->shape, value);
	for (; at < it->shape->bytes; at += (size_t)n) {
		n = write(it->fd[1], it->object + at, it->shape->bytes - at);
		if (n <= 0)
			die("write: %m");
	}
}

static uint64_t get(void *end)
{
	struct bytes *it = end;
	size_t at = 0;
	ssize_t n;

	for (; at < it->shape->bytes; at += (size_t)n) {
		n = read(it->fd[0], it->object + at, it->shape->bytes - at);
		if (n <= 0)
			die("read: %m");
	}
	return pool_read(it->object, it->shape);
}

static const struct pool_peer piped = {
	.create = create_pipe, .destroy = destroy, .open = open_end,
	.close = close_end, .put = put, .get = get
};

static const struct pool_peer socketed = {
	.create = create_socket, .destroy = destroy, .open = open_end,
	.close = close_end, .put = put, .get = get
};

const struct candidate pool_pipe = { .name = "pipe", .family = &piped };
const struct candidate pool_socket = {
	.name = "socket-stream", .family = &socketed
};
