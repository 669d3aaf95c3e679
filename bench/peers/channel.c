/* SPDX-License-Identifier: MIT */
/*
 * Ours; and pipes, eventfds with the value in shared memory, and pairs of Unix
 * sockets, each with an answer for each element, and epoll where there are
 * several.
 */
#include "../channel.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zeroipc.h>

#define MOST 100u

/* ours */

struct ours {
	unsigned n;
	struct zipc_channel *channel[MOST];
	struct zipc_case cases[MOST];
	struct zipc_wait_set *set;
	uint64_t elem;
};

static void must(int rc)
{
	if (rc)
		die("%s", zipc_last_error());
}

static const char *name_of(char name[16], unsigned i)
{
	snprintf(name, 16, "c%u", i);
	return name;
}

static void *create_ours(unsigned n)
{
	static const struct zipc_channel_options few = { .max_senders = 4 };
	const char *name = unique_name();
	struct zipc_segment *segment;
	struct zipc_channel *channel;
	char text[16];

	must(zipc_segment_create(&segment, name, 4 << 20, NULL));
	zipc_segment_unlink(name);
	for (unsigned i = 0; i < n; i++) {
		must(zipc_channel_create_with(&channel, segment,
					      name_of(text, i), "u64", 0,
					      &few));
		zipc_channel_release(channel);
	}
	return segment;
}

static void destroy_ours(void *segment)
{
	zipc_segment_close(segment);
}

static void *open_ours(void *segment, unsigned n)
{
	struct ours *it = calloc(1, sizeof(*it));
	char text[16];

	if (!it)
		die("out of memory");
	it->n = n;
	for (unsigned i = 0; i < n; i++) {
		must(zipc_channel_open(&it->channel[i], segment,
				       name_of(text, i), "u64"));
		it->cases[i] = (struct zipc_case){ ZIPC_RECV, it->channel[i],
						   &it->elem, 0 };
	}
	must(zipc_wait_set_open(&it->set, it->cases, n));
	return it;
}

static void close_ours(void *end)
{
	struct ours *it = end;

	zipc_wait_set_close(it->set);
	for (unsigned i = 0; i < it->n; i++)
		zipc_channel_release(it->channel[i]);
	free(it);
}

static bool send_ours(void *end, unsigned i, uint64_t value)
{
	struct ours *it = end;

	return !zipc_channel_send(it->channel[i], &value, ZIPC_FOREVER);
}

static uint64_t recv_ours(void *end)
{
	struct ours *it = end;
	int rc = it->n == 1 ? zipc_channel_recv(it->channel[0], &it->elem,
						ZIPC_FOREVER)
			    : zipc_wait_set_wait(it->set, ZIPC_FOREVER);

	return rc < 0 ? 0 : it->elem;
}

/* descriptors: to the receiver, and for the answer */

enum sort { PIPE, EVENT, SOCKET };

struct lines {
	enum sort sort;
	unsigned n;
	int in[MOST], out[MOST];  /* the receiver's, the sender's */
	int answer_in, answer_out; /* the sender's, the receiver's */
	int epoll;
	_Atomic uint64_t value[MOST]; /* of EVENT */
};

static void make(enum sort sort, int *in, int *out)
{
	int pair[2], rc;

	if (sort == EVENT) {
		*in = *out = eventfd(0, 0);
		rc = *in < 0;
	} else {
		rc = sort == PIPE ? pipe(pair)
				  : socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
		*in = pair[0];
		*out = pair[1];
	}
	if (rc)
		die("no descriptor");
}

static struct lines *create_lines(enum sort sort, unsigned n)
{
	struct lines *it = shared_new(sizeof(*it));

	it->sort = sort;
	it->n = n;
	it->epoll = epoll_create1(0);
	for (unsigned i = 0; i < n; i++) {
		struct epoll_event event = { .events = EPOLLIN,
					     .data.u32 = i };

		make(sort, &it->in[i], &it->out[i]);
		if (epoll_ctl(it->epoll, EPOLL_CTL_ADD, it->in[i], &event))
			die("epoll refuses a descriptor");
	}
	make(sort, &it->answer_in, &it->answer_out);
	return it;
}

static void *create_pipes(unsigned n)
{
	return create_lines(PIPE, n);
}

static void *create_events(unsigned n)
{
	return create_lines(EVENT, n);
}

static void *create_sockets(unsigned n)
{
	return create_lines(SOCKET, n);
}

static void close_both(enum sort sort, int in, int out)
{
	close(in);
	if (sort != EVENT)
		close(out);
}

static void destroy_lines(void *shared)
{
	struct lines *it = shared;

	for (unsigned i = 0; i < it->n; i++)
		close_both(it->sort, it->in[i], it->out[i]);
	close_both(it->sort, it->answer_in, it->answer_out);
	close(it->epoll);
	shared_free(it);
}

static void *open_lines(void *shared, unsigned n)
{
	(void)n;
	return shared;
}

static void close_lines(void *end)
{
	(void)end;
}

static bool send_line(void *end, unsigned i, uint64_t value)
{
	struct lines *it = end;
	uint64_t word = it->sort == EVENT ? 1 : value;

	if (it->sort == EVENT)
		atomic_store_explicit(&it->value[i], value,
				      memory_order_release);
	return write(it->out[i], &word, 8) == 8 &&
	       read(it->answer_in, &word, 8) == 8;
}

static uint64_t recv_line(void *end)
{
	struct lines *it = end;
	struct epoll_event event = { .data.u32 = 0 };
	uint64_t word, answer = 1;
	unsigned i;

	if (it->n > 1 && epoll_wait(it->epoll, &event, 1, -1) != 1)
		return 0;
	i = event.data.u32;
	if (read(it->in[i], &word, 8) != 8)
		return 0;
	if (it->sort == EVENT)
		word = atomic_load_explicit(&it->value[i],
					    memory_order_acquire);
	return write(it->answer_out, &answer, 8) == 8 ? word : 0;
}

#define LINES(create_some)                                              \
	{ .create = create_some, .destroy = destroy_lines,              \
	  .open = open_lines, .close = close_lines, .send = send_line,  \
	  .recv = recv_line }

static const struct channel_peer ours = {
	.create = create_ours, .destroy = destroy_ours, .open = open_ours,
	.close = close_ours, .send = send_ours, .recv = recv_ours,
};
static const struct channel_peer pipes = LINES(create_pipes);
static const struct channel_peer events = LINES(create_events);
static const struct channel_peer sockets = LINES(create_sockets);

const struct candidate channel_zeroipc = {
	.name = "zeroipc", .ours = true, .family = &ours,
};
const struct candidate channel_pipe = {
	.name = "pipe", .note = "and an answer; epoll for several",
	.family = &pipes,
};
const struct candidate channel_eventfd = {
	.name = "eventfd+shm", .note = "and an answer; epoll for several",
	.family = &events,
};
const struct candidate channel_socket = {
	.name = "socketpair", .note = "and an answer; epoll for several",
	.family = &sockets,
};
