/* SPDX-License-Identifier: MIT */
/*
 * Map: a hopscotch table with types. What makes it correct, and what a crash
 * leaves, stands in hopscotch.h.
 *
 * Its block has one type, {key:KEY, value:VALUE}, so that who only looks shows
 * an entry as a record. In a cell both stand apart, each at a word's boundary.
 */
#include "error.h"
#include "hopscotch.h"
#include "key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zipc/map.h>

struct zipc_map {
	struct zipc_hopscotch table;
	struct zipc_segment *segment;
	struct zipc_use use;
	unsigned generation; /* zipc_use_generation() */
	struct zipc_type *type; /* of an entry; the others are inside */
	const struct zipc_type *key, *value;
	unsigned char *room; /* for a value */
	char name[ZIPC_NAME_MAX + 1];
};

struct zipc_map_iterator {
	struct zipc_map *map;
	uint64_t home;         /* the next one */
	unsigned count, given; /* entries of the home before */
	uint64_t entry_bytes;
	unsigned char entries[];
};

/* create and open */

/* The sizes and the text of what is to be created; type is the caller's. */
struct wish {
	uint64_t key_bytes, value_bytes;
	char text[2 * ZIPC_TYPE_MAX + 32];
};

/* What is at fault is told in words about the key, or the value, alone. */
static int parse_half(struct zipc_type **out, const char *text,
		      const char *half)
{
	char why[400];
	int rc = zipc_type_parse(out, text, SIZE_MAX);

	if (rc != -EINVAL)
		return rc;
	snprintf(why, sizeof(why), "%s", zipc_last_error());
	return zipc_fail(EINVAL, "%s %s", half, why);
}

static int check_value(const struct zipc_type *type, const char *name)
{
	if (zipc_type_size(type) <= ZIPC_HOP_VALUE_MAX)
		return 0;
	return zipc_fail(EINVAL, "values of `%s` are %llu bytes: at most %llu",
			 name, (unsigned long long)zipc_type_size(type),
			 (unsigned long long)ZIPC_HOP_VALUE_MAX);
}

static int make_wish(struct wish *wish, const char *name, const char *key_type,
		     const char *value_type)
{
	struct zipc_type *key = NULL, *value = NULL;
	int rc = parse_half(&key, key_type, "key");

	if (!rc)
		rc = parse_half(&value, value_type, "value");
	if (!rc)
		rc = zipc_key_check(key, name);
	if (!rc)
		rc = check_value(value, name);
	if (!rc) {
		wish->key_bytes = zipc_type_size(key);
		wish->value_bytes = zipc_type_size(value);
		snprintf(wish->text, sizeof(wish->text), "{key:%s, value:%s}",
			 zipc_type_text(key), zipc_type_text(value));
	}
	zipc_type_free(key);
	zipc_type_free(value);
	return rc;
}

static struct zipc_hop_plan plan_of(const struct wish *wish, uint64_t capacity,
				    unsigned max_writers)
{
	return zipc_hopscotch_plan(ZIPC_MAP, wish->text, wish->key_bytes,
				   wish->value_bytes, capacity, max_writers);
}

/* Find key and value in the type of an entry. */
static int split(struct zipc_map *map)
{
	const char *name = "", *other = "";

	map->key = zipc_type_field(map->type, 0, &name, NULL);
	map->value = zipc_type_field(map->type, 1, &other, NULL);
	if (map->key && map->value && zipc_type_length(map->type) == 2 &&
	    !strcmp(name, "key") && !strcmp(other, "value"))
		return 0;
	return zipc_fail(EBADMSG, "map `%s` is damaged: its entries are no "
			 "keys and values", map->name);
}

static int open_table(struct zipc_map *map, const struct zipc_found *found)
{
	int rc = split(map);

	if (rc)
		return rc;
	rc = zipc_hopscotch_open(&map->table, map->segment, found,
				 zipc_type_size(map->key),
				 zipc_type_size(map->value), map->name);
	if (rc)
		return rc;
	map->room = malloc(map->table.value_bytes);
	return map->room ? 0 : zipc_fail_as(ENOMEM, "out of memory");
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_map **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_map *map = calloc(1, sizeof(*map));
	int rc;

	if (!map) {
		zipc_table_release(found);
		return zipc_fail_as(ENOMEM, "out of memory");
	}
	map->segment = zipc_segment_hold(segment);
	map->use = found->use;
	map->generation = zipc_use_generation(&map->use);
	map->type = found->type;
	strcpy(map->name, name); /* the table has measured it */
	rc = open_table(map, found);
	if (rc)
		zipc_map_close(map);
	else
		*out = map;
	return zipc_use_opened(&found->use, name, rc);
}

int zipc_map_create_with(struct zipc_map **out, struct zipc_segment *segment,
			 const char *name, const char *key_type,
			 const char *value_type, uint64_t capacity,
			 const struct zipc_map_options *options)
{
	unsigned writers = options ? options->max_writers : 0;
	struct zipc_hop_plan plan;
	struct zipc_found found;
	struct wish wish;
	int rc;

	if (writers > ZIPC_HOP_RECORDS_MOST)
		return zipc_fail(EINVAL, "max_writers is %u: at most %u",
				 writers, ZIPC_HOP_RECORDS_MOST);
	rc = make_wish(&wish, name, key_type, value_type);
	if (rc)
		return rc;
	plan = plan_of(&wish, capacity, writers);
	rc = zipc_table_create(&found, segment, name, &plan.plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_map_create(struct zipc_map **out, struct zipc_segment *segment,
		    const char *name, const char *key_type,
		    const char *value_type, uint64_t capacity)
{
	return zipc_map_create_with(out, segment, name, key_type, value_type,
				    capacity, NULL);
}

/* Whether what is there is what was asked for; text NULL: anything. */
static int check_half(const struct zipc_map *map, const char *half,
		      const struct zipc_type *there, const char *text)
{
	struct zipc_type *wanted;
	char difference[256];
	int rc, equal;

	if (!text)
		return 0;
	rc = parse_half(&wanted, text, half);
	if (rc)
		return rc;
	equal = zipc_type_equal(wanted, there, difference, sizeof(difference));
	zipc_type_free(wanted);
	if (equal)
		return 0;
	return zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` has %ss of type "
			 "%s, not %s: %s", map->name, map->segment->name, half,
			 zipc_type_text(there), text, difference);
}

int zipc_map_open(struct zipc_map **out, struct zipc_segment *segment,
		  const char *name, const char *key_type,
		  const char *value_type)
{
	struct zipc_found found;
	struct zipc_map *map;
	int rc = zipc_table_find(&found, segment, name, ZIPC_MAP, NULL);

	if (!rc)
		rc = handle_on(&map, segment, name, &found);
	if (rc)
		return rc;
	rc = check_half(map, "key", map->key, key_type);
	if (!rc)
		rc = check_half(map, "value", map->value, value_type);
	if (rc)
		zipc_map_close(map);
	else
		*out = map;
	return rc;
}

int zipc_map_open_or_create(struct zipc_map **out, struct zipc_segment *segment,
			    const char *name, const char *key_type,
			    const char *value_type, uint64_t capacity)
{
	struct zipc_hop_plan plan;
	struct zipc_found found;
	struct wish wish;
	int rc = make_wish(&wish, name, key_type, value_type);

	if (rc)
		return rc;
	plan = plan_of(&wish, capacity, 0);
	rc = zipc_table_open_or_create(&found, segment, name, &plan.plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

/* use */

/* The first change of a handle, and of a forked child. */
static __attribute__((noinline)) int enter_first(struct zipc_map *map)
{
	int rc;

	if (map->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: map `%s` cannot be changed",
				 map->segment->name, map->name);
	rc = zipc_use_enter(&map->use, map->name);
	if (rc)
		return rc;
	map->generation = zipc_fork_generation;
	return zipc_hopscotch_become_writer(&map->table, map->name);
}

static inline int enter(struct zipc_map *map)
{
	return __builtin_expect(map->table.generation == zipc_fork_generation,
				1)
		       ? 0
		       : enter_first(map);
}

static inline int store(struct zipc_map *map, const void *key,
			const void *value, bool may_insert, bool may_replace)
{
	struct zipc_hop_change change = { .may_insert = may_insert,
					  .may_replace = may_replace,
					  .value = value };
	int rc = enter(map);

	return rc ? rc : zipc_hopscotch_change(&map->table, key, &change);
}

int zipc_map_put(struct zipc_map *map, const void *key, const void *value)
{
	return store(map, key, value, true, true);
}

int zipc_map_insert(struct zipc_map *map, const void *key, const void *value)
{
	return store(map, key, value, true, false);
}

int zipc_map_replace(struct zipc_map *map, const void *key, const void *value)
{
	return store(map, key, value, false, true);
}

static int no_key(void)
{
	return zipc_fail_as(ENOENT, "no such key");
}

/* Who has no bit up: what was copied counts if the entry stood meanwhile. */
static bool still_stands(const struct zipc_map *map)
{
	if (__builtin_expect(map->generation == zipc_fork_generation, 1))
		return true;
	atomic_thread_fence(memory_order_acquire);
	return zipc_use_stands(&map->use);
}

static int was_removed(const struct zipc_map *map)
{
	return zipc_fail(ENOENT, "map `%s` in segment `/%s` was removed: look "
			 "it up again", map->name, map->segment->name);
}

int zipc_map_get(struct zipc_map *map, const void *key, void *value)
{
	bool found = zipc_hopscotch_get(&map->table, key, value);

	if (!still_stands(map))
		return was_removed(map);
	return found ? 0 : no_key();
}

int zipc_map_remove(struct zipc_map *map, const void *key, void *old)
{
	int rc = enter(map);

	if (rc)
		return rc;
	return zipc_hopscotch_remove(&map->table, key, old) ? 0 : no_key();
}

/* Change the value as make() says, which is given map->room. */
static int remake(struct zipc_map *map, const void *key,
		  int (*make)(void *context, void *value), void *context)
{
	struct zipc_hop_change change = { .may_replace = true,
					  .make = make,
					  .context = context,
					  .room = map->room };
	int rc = enter(map);

	return rc ? rc : zipc_hopscotch_change(&map->table, key, &change);
}

struct swap {
	const void *expected, *desired;
	uint64_t size;
};

static int swap(void *context, void *value)
{
	const struct swap *it = context;

	if (memcmp(value, it->expected, it->size))
		return zipc_fail_as(EAGAIN, "the key has another value");
	memcpy(value, it->desired, it->size);
	return 0;
}

int zipc_map_cas(struct zipc_map *map, const void *key, void *expected,
		 const void *desired)
{
	struct swap it = { expected, desired, map->table.value_bytes };
	int rc = remake(map, key, swap, &it);

	if (rc == -EAGAIN)
		memcpy(expected, map->room, it.size);
	return rc;
}

/* A sum under way: numbers of one class and size. */
struct sum {
	const void *addend;
	void *previous;
	uint64_t size;
	bool is_float;
};

union number {
	uint32_t u32;
	uint64_t u64;
	float f32;
	double f64;
};

static int add_up(void *context, void *value)
{
	const struct sum *it = context;
	union number a, b;

	memcpy(&a, value, it->size);
	memcpy(&b, it->addend, it->size);
	memcpy(it->previous, value, it->size);
	if (it->is_float && it->size == 4)
		a.f32 += b.f32;
	else if (it->is_float)
		a.f64 += b.f64;
	else if (it->size == 4)
		a.u32 += b.u32;
	else
		a.u64 += b.u64;
	memcpy(value, &a, it->size);
	return 0;
}

int zipc_map_fetch_add(struct zipc_map *map, const void *key,
		       const void *addend, void *previous)
{
	enum zipc_type_class class = zipc_type_class(map->value);
	struct sum it = { addend, previous, map->table.value_bytes,
			  class == ZIPC_TYPE_FLOAT };

	if ((class != ZIPC_TYPE_INT && class != ZIPC_TYPE_UINT &&
	     !it.is_float) || (it.size != 4 && it.size != 8))
		return zipc_fail(EPROTOTYPE, "map `%s` has values of type %s: "
				 "only numbers of 4 and 8 bytes are added in "
				 "place", map->name,
				 zipc_type_text(map->value));
	return remake(map, key, add_up, &it);
}

int zipc_map_add(struct zipc_map *map, const void *key, const void *addend)
{
	union number previous;

	return zipc_map_fetch_add(map, key, addend, &previous);
}

/* walk */

int zipc_map_iterator_open(struct zipc_map_iterator **out,
			   struct zipc_map *map)
{
	const struct zipc_hopscotch *table = &map->table;
	uint64_t entry_bytes = table->cell_bytes - sizeof(struct zipc_hop_cell);
	struct zipc_map_iterator *iterator;

	iterator = malloc(sizeof(*iterator) + table->reach * entry_bytes);
	if (!iterator)
		return zipc_fail_as(ENOMEM, "out of memory");
	*iterator = (struct zipc_map_iterator){ .map = map,
						.entry_bytes = entry_bytes };
	*out = iterator;
	return 0;
}

int zipc_map_next(struct zipc_map_iterator *iterator, void *key, void *value)
{
	const struct zipc_hopscotch *table = &iterator->map->table;
	const unsigned char *entry;

	while (iterator->given == iterator->count) {
		if (iterator->home == table->cell_count)
			return 0;
		iterator->count = zipc_hopscotch_home(table, iterator->home++,
						      iterator->entries);
		iterator->given = 0;
		if (!still_stands(iterator->map))
			return was_removed(iterator->map);
	}
	entry = iterator->entries + iterator->given++ * iterator->entry_bytes;
	if (key)
		memcpy(key, entry, table->key_bytes);
	if (value)
		memcpy(value,
		       entry + table->value_at - sizeof(struct zipc_hop_cell),
		       table->value_bytes);
	return 1;
}

void zipc_map_iterator_close(struct zipc_map_iterator *iterator)
{
	free(iterator);
}

/* ask */

uint64_t zipc_map_size(const struct zipc_map *map)
{
	uint64_t size = zipc_hopscotch_size(&map->table);

	return still_stands(map) ? size : 0;
}

uint64_t zipc_map_capacity(const struct zipc_map *map)
{
	return map->table.capacity;
}

const struct zipc_type *zipc_map_key_type(const struct zipc_map *map)
{
	return map->key;
}

const struct zipc_type *zipc_map_value_type(const struct zipc_map *map)
{
	return map->value;
}

void zipc_map_close(struct zipc_map *map)
{
	if (!map)
		return;
	zipc_hopscotch_close(&map->table);
	zipc_type_free(map->type);
	zipc_use_end(&map->use);
	zipc_segment_close(map->segment);
	free(map->room);
	free(map);
}
