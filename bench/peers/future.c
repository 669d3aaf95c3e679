/* SPDX-License-Identifier: MIT */
/*
 * Ours; a pipe each way; and an eventfd each way, with the value in shared
 * memory. The peers are used again, where each of ours is settled once.
 */
#include "../future.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zeroipc.h>

/* ours */

struct ours {
	struct zipc_segment *segment;
	unsigned member;
	struct zipc_future *futures[2][FUTURE_TRIPS]; /* set by member 0, 1 */
};

static void must(int rc)
{
	if (rc)
		die("%s", zipc_last_error());
}

static const char *name_of(char name[16], unsigned side, unsigned i)
{
	snprintf(name, 16, "%u.%u", side, i);
	return name;
}

static void *create_ours(void)
{
	const struct zipc_segment_options options = {
		.max_entries = 2 * FUTURE_TRIPS
	};
	const char *name = unique_name();
	struct zipc_segment *segment;

	must(zipc_segment_create(&segment, name, 2 << 20, &options));
	zipc_segment_unlink(name);
	return segment;
}

static void destroy_ours(void *segment)
{
	zipc_segment_close(segment);
}

static void *open_ours(void *segment, unsigned member)
{
	struct ours *it = calloc(1, sizeof(*it));

	if (!it)
		die("out of memory");
	it->segment = segment;
	it->member = member;
	return it;
}

static void drop_ours(void *end)
{
	struct ours *it = end;

	for (unsigned i = 0; i < 2 * FUTURE_TRIPS; i++) {
		zipc_future_close(it->futures[i % 2][i / 2]);
		it->futures[i % 2][i / 2] = NULL;
	}
}

static void renew_ours(void *end)
{
	struct zipc_future *future;
	struct ours *it = end;
	char name[16];

	for (unsigned i = 0; i < 2 * FUTURE_TRIPS; i++) {
		name_of(name, i % 2, i / 2);
		zipc_segment_remove(it->segment, name);
		must(zipc_future_create(&future, it->segment, name, "u64"));
		zipc_future_close(future);
	}
}

static void reopen_ours(void *end)
{
	struct ours *it = end;
	char name[16];

	for (unsigned i = 0; i < 2 * FUTURE_TRIPS; i++)
		must(zipc_future_open(&it->futures[i % 2][i / 2], it->segment,
				      name_of(name, i % 2, i / 2), "u64"));
}

static bool set_ours(void *end, unsigned i, uint64_t value)
{
	struct ours *it = end;

	return !zipc_future_set(it->futures[it->member][i], &value);
}

static uint64_t get_ours(void *end, unsigned i)
{
	struct ours *it = end;
	uint64_t value;

	return zipc_future_get(it->futures[!it->member][i], &value,
			       ZIPC_FOREVER) ? 0 : value;
}

/* descriptors */

struct lines {
	bool counts; /* eventfds; else pipes */
	int in[2], out[2]; /* of what member 0 sets, and 1 */
	_Atomic uint64_t value[2];
};

struct line_end {
	struct lines *lines;
	unsigned member;
};

static void *create_lines(bool counts)
{
	struct lines *it = shared_new(sizeof(*it));
	int pair[2];

	it->counts = counts;
	for (unsigned i = 0; i < 2; i++) {
		if (counts)
			pair[0] = pair[1] = eventfd(0, 0);
		else if (pipe(pair))
			pair[0] = -1;
		if (pair[0] < 0)
			die("no descriptor: %m");
		it->in[i] = pair[0];
		it->out[i] = pair[1];
	}
	return it;
}

static void *create_pipes(void)
{
	return create_lines(false);
}

static void *create_events(void)
{
	return create_lines(true);
}

static void destroy_lines(void *shared)
{
	struct lines *it = shared;

	for (unsigned i = 0; i < 2; i++) {
		close(it->in[i]);
		if (!it->counts)
			close(it->out[i]);
	}
	shared_free(it);
}

static void *open_lines(void *shared, unsigned member)
{
	struct line_end *it = malloc(sizeof(*it));

	if (!it)
		die("out of memory");
	*it = (struct line_end){ shared, member };
	return it;
}

static bool set_line(void *end, unsigned i, uint64_t value)
{
	struct line_end *it = end;
	struct lines *lines = it->lines;
	uint64_t word = lines->counts ? 1 : value;

	(void)i;
	if (lines->counts)
		atomic_store_explicit(&lines->value[it->member], value,
				      memory_order_release);
	return write(lines->out[it->member], &word, 8) == 8;
}

static uint64_t get_line(void *end, unsigned i)
{
	struct line_end *it = end;
	struct lines *lines = it->lines;
	uint64_t word;

	(void)i;
	if (read(lines->in[!it->member], &word, 8) != 8)
		return 0;
	return lines->counts ? atomic_load_explicit(&lines->value[!it->member],
						    memory_order_acquire)
			     : word;
}

static const struct future_peer ours = {
	.create = create_ours, .destroy = destroy_ours, .open = open_ours,
	.close = free, .renew = renew_ours, .reopen = reopen_ours,
	.drop = drop_ours, .set = set_ours, .get = get_ours,
};

#define LINES(create_some)                                              \
	{ .create = create_some, .destroy = destroy_lines,              \
	  .open = open_lines, .close = free, .set = set_line,           \
	  .get = get_line }

static const struct future_peer pipes = LINES(create_pipes);
static const struct future_peer events = LINES(create_events);

const struct candidate future_zeroipc = {
	.name = "zeroipc", .ours = true, .family = &ours,
};
const struct candidate future_pipe = {
	.name = "pipe", .family = &pipes,
};
const struct candidate future_eventfd = {
	.name = "eventfd+shm", .family = &events,
};
