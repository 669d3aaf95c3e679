/* SPDX-License-Identifier: MIT */
/* Ours: the Map, in C. */
#include "../map_loops.h"
#include "../map_works.h"

#include <errno.h>
#include <stdlib.h>
#include <zeroipc.h>

struct end {
	struct zipc_segment *segment;
	struct zipc_map *map;
};

static void *create(uint64_t capacity)
{
	const char *name = unique_name();
	struct zipc_segment *segment;
	struct zipc_map *map;

	if (zipc_segment_create(&segment, name, (1 << 20) + capacity * 128,
				NULL) ||
	    zipc_map_create(&map, segment, "m", "u64", "u64", capacity))
		die("%s", zipc_last_error());
	zipc_map_close(map);
	zipc_segment_close(segment);
	return (void *)name;
}

static void destroy(void *name)
{
	zipc_segment_unlink(name);
}

static void *open_end(void *name)
{
	struct end *end = calloc(1, sizeof(*end));

	if (!end || zipc_segment_open(&end->segment, name, 0) ||
	    zipc_map_open(&end->map, end->segment, "m", NULL, NULL))
		die("%s", zipc_last_error());
	return end;
}

static void close_end(void *it)
{
	struct end *end = it;

	zipc_map_close(end->map);
	zipc_segment_close(end->segment);
	free(end);
}

static bool put(void *end, uint64_t key, uint64_t value)
{
	struct zipc_map *map = ((struct end *)end)->map;
	int rc = zipc_map_insert(map, &key, &value);

	if (rc == -EEXIST)
		return zipc_map_put(map, &key, &value);
	return !rc;
}

static bool get(void *end, uint64_t key, uint64_t *value)
{
	return !zipc_map_get(((struct end *)end)->map, &key, value);
}

static bool take(void *end, uint64_t key)
{
	return !zipc_map_remove(((struct end *)end)->map, &key, NULL);
}

MAP_LOOPS(loops, put, get, take);

static const struct map_peer peer = {
	.create = create, .destroy = destroy, .open = open_end,
	.close = close_end, .loops = &loops
};

const struct candidate map_zeroipc = {
	.name = "zeroipc", .ours = true, .family = &peer
};
