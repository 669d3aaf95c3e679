/* SPDX-License-Identifier: MIT */
/*
 * Concurrency Kit's hash table of words: any readers beside one writer, so
 * writers take turns by a lock.
 */
#include "../map_loops.h"
#include "../map_works.h"

#include <ck_ht.h>
#include <ck_spinlock.h>
#include <stdlib.h>

struct map {
	ck_ht_t table;
	ck_spinlock_t lock;
};

static void *allocate(size_t size)
{
	return malloc(size);
}

/* Readers may still be in it: it ends with its process. */
static void forget(void *memory, size_t size, bool defer)
{
	(void)size;
	if (!defer)
		free(memory);
}

static struct ck_malloc memory = { .malloc = allocate, .free = forget };

static void *create(uint64_t capacity)
{
	struct map *map = calloc(1, sizeof(*map));

	if (!map || !ck_ht_init(&map->table, CK_HT_MODE_DIRECT, NULL, &memory,
				2 * capacity, 6602834))
		die("ck_ht_init");
	ck_spinlock_init(&map->lock);
	return map;
}

static void destroy(void *it)
{
	struct map *map = it;

	ck_ht_destroy(&map->table);
	free(map);
}

static void *open_end(void *map)
{
	return map;
}

static void close_end(void *end)
{
	(void)end;
}

static bool put(void *end, uint64_t key, uint64_t value)
{
	struct map *map = end;
	ck_ht_entry_t entry;
	ck_ht_hash_t hash;
	bool done;

	ck_ht_hash_direct(&hash, &map->table, key);
	ck_ht_entry_set_direct(&entry, hash, key, value);
	ck_spinlock_lock(&map->lock);
	done = ck_ht_set_spmc(&map->table, hash, &entry);
	ck_spinlock_unlock(&map->lock);
	if (!done)
		die("ck_ht_set_spmc");
	return ck_ht_entry_empty(&entry);
}

static bool get(void *end, uint64_t key, uint64_t *value)
{
	struct map *map = end;
	ck_ht_entry_t entry;
	ck_ht_hash_t hash;

	ck_ht_hash_direct(&hash, &map->table, key);
	ck_ht_entry_key_set_direct(&entry, key);
	if (!ck_ht_get_spmc(&map->table, hash, &entry))
		return false;
	*value = ck_ht_entry_value_direct(&entry);
	return true;
}

static bool take(void *end, uint64_t key)
{
	struct map *map = end;
	ck_ht_entry_t entry;
	ck_ht_hash_t hash;
	bool done;

	ck_ht_hash_direct(&hash, &map->table, key);
	ck_ht_entry_key_set_direct(&entry, key);
	ck_spinlock_lock(&map->lock);
	done = ck_ht_remove_spmc(&map->table, hash, &entry);
	ck_spinlock_unlock(&map->lock);
	return done;
}

MAP_LOOPS(loops, put, get, take);

static const struct map_peer peer = {
	/* Each search then goes past what was removed: it takes minutes. */
	.no_churn = "fills up with tombstones",
	.create = create, .destroy = destroy, .open = open_end,
	.close = close_end, .loops = &loops
};

const struct candidate map_ck = {
	.name = "ck-ht", .package = "libck-dev", .threads = true,
	.note = "one writer at a time, by a spin lock", .family = &peer
};
