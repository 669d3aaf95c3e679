/* SPDX-License-Identifier: MIT */
/*
 * Set: keys of any fixed size; any number of readers and writers, threads and
 * processes. It is a Map without values: zipc/map.h tells of its progress, its
 * ordering and its capacity.
 *
 * Crash: a killed operation happened wholly or not at all, and what it took is
 * free again by itself.
 */
#ifndef ZIPC_SET_H
#define ZIPC_SET_H

#include <zipc/segment.h>
#include <zipc/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_set;
struct zipc_set_iterator;

struct zipc_set_options {
	unsigned max_writers; /* as struct zipc_map_options has it */
};

/* As zipc_map_create() and the others. The type is that of the keys. */
int zipc_set_create(struct zipc_set **out, struct zipc_segment *segment,
		    const char *name, const char *type, uint64_t capacity);
int zipc_set_create_with(struct zipc_set **out, struct zipc_segment *segment,
			 const char *name, const char *type, uint64_t capacity,
			 const struct zipc_set_options *options);
int zipc_set_open(struct zipc_set **out, struct zipc_segment *segment,
		  const char *name, const char *type);
int zipc_set_open_or_create(struct zipc_set **out, struct zipc_segment *segment,
			    const char *name, const char *type,
			    uint64_t capacity);

/*
 * add: -EEXIST, -ENOSPC it is full; remove: -ENOENT. Both: -EUSERS all writers'
 * places are held by live processes; -EROFS. has: 1 or 0; -ENOENT the set was
 * removed.
 */
int zipc_set_add(struct zipc_set *set, const void *key);
int zipc_set_remove(struct zipc_set *set, const void *key);
int zipc_set_has(struct zipc_set *set, const void *key);

/* As zipc_map_next() and the others. */
int zipc_set_iterator_open(struct zipc_set_iterator **out,
			   struct zipc_set *set);
int zipc_set_next(struct zipc_set_iterator *iterator, void *key);
void zipc_set_iterator_close(struct zipc_set_iterator *iterator);

/* Keys inside, each counted at some moment of the call; looks at all homes. */
uint64_t zipc_set_size(const struct zipc_set *set);
uint64_t zipc_set_capacity(const struct zipc_set *set);
const struct zipc_type *zipc_set_type(const struct zipc_set *set);

void zipc_set_close(struct zipc_set *set);

#ifdef __cplusplus
}
#endif

#endif
