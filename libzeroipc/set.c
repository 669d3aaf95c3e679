/* SPDX-License-Identifier: MIT */
/*
 * Set: a hopscotch table without values. What makes it correct, and what a
 * crash leaves, stands in hopscotch.h.
 */
#include "error.h"
#include "hopscotch.h"
#include "key.h"

#include <stdlib.h>
#include <string.h>
#include <zipc/set.h>

struct zipc_set {
	struct zipc_hopscotch table;
	struct zipc_segment *segment;
	struct zipc_use use;
	unsigned generation; /* zipc_use_generation() */
	struct zipc_type *type;
	char name[ZIPC_NAME_MAX + 1];
};

struct zipc_set_iterator {
	struct zipc_set *set;
	uint64_t home;         /* the next one */
	unsigned count, given; /* keys of the home before */
	uint64_t entry_bytes;
	unsigned char entries[];
};

/* create and open */

static int plan_of(struct zipc_hop_plan *plan, const char *name,
		   const char *type, uint64_t capacity, unsigned max_writers)
{
	struct zipc_type *key;
	int rc = zipc_type_parse(&key, type, SIZE_MAX);

	if (rc)
		return rc;
	rc = zipc_key_check(key, name);
	*plan = zipc_hopscotch_plan(ZIPC_SET, type, zipc_type_size(key), 0,
				    capacity, max_writers);
	zipc_type_free(key);
	return rc;
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_set **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_set *set = calloc(1, sizeof(*set));
	int rc = set ? zipc_hopscotch_open(&set->table, segment, found,
					   found->elem_size, 0, name)
		     : zipc_fail_as(ENOMEM, "out of memory");

	if (rc) {
		zipc_table_release(found);
		free(set);
		return zipc_use_opened(&found->use, name, rc);
	}
	set->segment = zipc_segment_hold(segment);
	set->use = found->use;
	set->generation = zipc_use_generation(&set->use);
	set->type = found->type;
	strcpy(set->name, name); /* the table has measured it */
	*out = set;
	return 0;
}

int zipc_set_create_with(struct zipc_set **out, struct zipc_segment *segment,
			 const char *name, const char *type, uint64_t capacity,
			 const struct zipc_set_options *options)
{
	unsigned writers = options ? options->max_writers : 0;
	struct zipc_hop_plan plan;
	struct zipc_found found;
	int rc;

	if (writers > ZIPC_HOP_RECORDS_MOST)
		return zipc_fail(EINVAL, "max_writers is %u: at most %u",
				 writers, ZIPC_HOP_RECORDS_MOST);
	rc = plan_of(&plan, name, type, capacity, writers);
	if (!rc)
		rc = zipc_table_create(&found, segment, name, &plan.plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_set_create(struct zipc_set **out, struct zipc_segment *segment,
		    const char *name, const char *type, uint64_t capacity)
{
	return zipc_set_create_with(out, segment, name, type, capacity, NULL);
}

int zipc_set_open(struct zipc_set **out, struct zipc_segment *segment,
		  const char *name, const char *type)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_SET, type);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_set_open_or_create(struct zipc_set **out, struct zipc_segment *segment,
			    const char *name, const char *type,
			    uint64_t capacity)
{
	struct zipc_hop_plan plan;
	struct zipc_found found;
	int rc = plan_of(&plan, name, type, capacity, 0);

	if (!rc)
		rc = zipc_table_open_or_create(&found, segment, name,
					       &plan.plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

/* use */

/* The first change of a handle, and of a forked child. */
static __attribute__((noinline)) int enter_first(struct zipc_set *set)
{
	int rc;

	if (set->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: set `%s` cannot be changed",
				 set->segment->name, set->name);
	rc = zipc_use_enter(&set->use, set->name);
	if (rc)
		return rc;
	set->generation = zipc_fork_generation;
	return zipc_hopscotch_become_writer(&set->table, set->name);
}

static inline int enter(struct zipc_set *set)
{
	return __builtin_expect(set->table.generation == zipc_fork_generation,
				1)
		       ? 0
		       : enter_first(set);
}

int zipc_set_add(struct zipc_set *set, const void *key)
{
	/* There is nothing to copy, but it must not be NULL. */
	struct zipc_hop_change change = { .may_insert = true, .value = key };
	int rc = enter(set);

	return rc ? rc : zipc_hopscotch_change(&set->table, key, &change);
}

int zipc_set_remove(struct zipc_set *set, const void *key)
{
	int rc = enter(set);

	if (rc)
		return rc;
	return zipc_hopscotch_remove(&set->table, key, NULL)
		       ? 0
		       : zipc_fail_as(ENOENT, "no such key");
}

/* Who has no bit up: what was copied counts if the entry stood meanwhile. */
static bool still_stands(const struct zipc_set *set)
{
	if (__builtin_expect(set->generation == zipc_fork_generation, 1))
		return true;
	atomic_thread_fence(memory_order_acquire);
	return zipc_use_stands(&set->use);
}

static int was_removed(const struct zipc_set *set)
{
	return zipc_fail(ENOENT, "set `%s` in segment `/%s` was removed: look "
			 "it up again", set->name, set->segment->name);
}

int zipc_set_has(struct zipc_set *set, const void *key)
{
	bool has = zipc_hopscotch_get(&set->table, key, NULL);

	return still_stands(set) ? has : was_removed(set);
}

/* walk */

int zipc_set_iterator_open(struct zipc_set_iterator **out, struct zipc_set *set)
{
	const struct zipc_hopscotch *table = &set->table;
	uint64_t entry_bytes = table->cell_bytes - sizeof(struct zipc_hop_cell);
	struct zipc_set_iterator *iterator;

	iterator = malloc(sizeof(*iterator) + table->reach * entry_bytes);
	if (!iterator)
		return zipc_fail_as(ENOMEM, "out of memory");
	*iterator = (struct zipc_set_iterator){ .set = set,
						.entry_bytes = entry_bytes };
	*out = iterator;
	return 0;
}

int zipc_set_next(struct zipc_set_iterator *iterator, void *key)
{
	const struct zipc_hopscotch *table = &iterator->set->table;

	while (iterator->given == iterator->count) {
		if (iterator->home == table->cell_count)
			return 0;
		iterator->count = zipc_hopscotch_home(table, iterator->home++,
						      iterator->entries);
		iterator->given = 0;
		if (!still_stands(iterator->set))
			return was_removed(iterator->set);
	}
	memcpy(key,
	       iterator->entries + iterator->given++ * iterator->entry_bytes,
	       table->key_bytes);
	return 1;
}

void zipc_set_iterator_close(struct zipc_set_iterator *iterator)
{
	free(iterator);
}

/* ask */

uint64_t zipc_set_size(const struct zipc_set *set)
{
	uint64_t size = zipc_hopscotch_size(&set->table);

	return still_stands(set) ? size : 0;
}

uint64_t zipc_set_capacity(const struct zipc_set *set)
{
	return set->table.capacity;
}

const struct zipc_type *zipc_set_type(const struct zipc_set *set)
{
	return set->type;
}

void zipc_set_close(struct zipc_set *set)
{
	if (!set)
		return;
	zipc_hopscotch_close(&set->table);
	zipc_type_free(set->type);
	zipc_use_end(&set->use);
	zipc_segment_close(set->segment);
	free(set);
}
