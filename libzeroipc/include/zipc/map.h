/* SPDX-License-Identifier: MIT */
/*
 * Map: values under keys, both of any fixed size; any number of readers and
 * writers, threads and processes.
 *
 * Keys are compared as bytes, so their type has no padding. Values are whole,
 * whatever their size: nobody sees some words of one and some of another.
 *
 * Progress    lock-free: an operation begins again only because another has
 *             changed an entry nearby. Nothing waits.
 * Ordering    what a writer did before it put a value is seen by who gets it.
 *             Each operation happens at one moment of its call (it is
 *             linearizable); size and next have their own words below.
 * Capacity    so many keys fit (docs/design.md tells for how sure). One more is
 *             refused; writers that insert at the same moment, or were killed
 *             inside, may each make it one more. What a change needs is there
 *             when the map is full, too: put, replace, cas and add go on.
 * Crash       a killed operation happened wholly or not at all, and what it
 *             took is free again by itself.
 */
#ifndef ZIPC_MAP_H
#define ZIPC_MAP_H

#include <zipc/segment.h>
#include <zipc/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_map;
struct zipc_map_iterator;

struct zipc_map_options {
	/*
	 * How many handles may write at the same time; 0: 64, or fewer for
	 * entries over 16 KiB, as each one costs the room of one. A handle
	 * takes its place at its first change and keeps it until closed.
	 */
	unsigned max_writers;
};

/*
 * Create under name, empty; -EEXIST, -ENOSPC, -EINVAL, -EROFS, -EBUSY. A key
 * has at most 64 KiB and no padding, a value at most 1 MiB. open: a type that
 * is NULL accepts what is there; -ENOENT, -EPROTOTYPE with a message that shows
 * the difference. open_or_create: as for an array.
 */
int zipc_map_create(struct zipc_map **out, struct zipc_segment *segment,
		    const char *name, const char *key_type,
		    const char *value_type, uint64_t capacity);
int zipc_map_create_with(struct zipc_map **out, struct zipc_segment *segment,
			 const char *name, const char *key_type,
			 const char *value_type, uint64_t capacity,
			 const struct zipc_map_options *options);
int zipc_map_open(struct zipc_map **out, struct zipc_segment *segment,
		  const char *name, const char *key_type,
		  const char *value_type);
int zipc_map_open_or_create(struct zipc_map **out, struct zipc_segment *segment,
			    const char *name, const char *key_type,
			    const char *value_type, uint64_t capacity);

/*
 * put inserts or replaces; insert: -EEXIST; replace: -ENOENT. -ENOSPC: it is
 * full. All changes: -EUSERS all writers' places are held by live processes;
 * -EROFS.
 */
int zipc_map_put(struct zipc_map *map, const void *key, const void *value);
int zipc_map_insert(struct zipc_map *map, const void *key, const void *value);
int zipc_map_replace(struct zipc_map *map, const void *key, const void *value);

/*
 * The key's value into *value, and into *old (or NULL) what remove took out;
 * -ENOENT, and then the bytes there are of no meaning.
 */
int zipc_map_get(struct zipc_map *map, const void *key, void *value);
int zipc_map_remove(struct zipc_map *map, const void *key, void *old);

/*
 * cas puts *desired where all bytes equal *expected; else -EAGAIN, and
 * *expected is what stands there. add and fetch_add, which also gives the value
 * from before: integers and floats of 4 and 8 bytes only, else -EPROTOTYPE;
 * integers wrap around. -ENOENT: no such key.
 */
int zipc_map_cas(struct zipc_map *map, const void *key, void *expected,
		 const void *desired);
int zipc_map_add(struct zipc_map *map, const void *key, const void *addend);
int zipc_map_fetch_add(struct zipc_map *map, const void *key,
		       const void *addend, void *previous);

/*
 * The entries, in no order. next: 1 and an entry, either of whose halves may be
 * NULL; 0 at the end; -ENOENT the map was removed. An entry that is there all
 * the while is given once; one that comes or goes, once or not at all. The map
 * is to be closed later than its iterators; -ENOMEM.
 */
int zipc_map_iterator_open(struct zipc_map_iterator **out,
			   struct zipc_map *map);
int zipc_map_next(struct zipc_map_iterator *iterator, void *key, void *value);
void zipc_map_iterator_close(struct zipc_map_iterator *iterator);

/* Keys inside, each counted at some moment of the call; looks at all homes. */
uint64_t zipc_map_size(const struct zipc_map *map);
uint64_t zipc_map_capacity(const struct zipc_map *map);
const struct zipc_type *zipc_map_key_type(const struct zipc_map *map);
const struct zipc_type *zipc_map_value_type(const struct zipc_map *map);

void zipc_map_close(struct zipc_map *map);

#ifdef __cplusplus
}
#endif

#endif
