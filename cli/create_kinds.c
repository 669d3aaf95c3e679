/* SPDX-License-Identifier: MIT */
/* What zeroipc create can create in a segment: a kind is a row of the table. */
#include "create.h"

#include <string.h>

static int create_array(struct zipc_segment *segment, const char *name,
			const struct wishes *wishes)
{
	struct zipc_array *array = NULL;
	int rc = zipc_array_create(&array, segment, name, wishes->type,
				   wishes->capacity);

	zipc_array_close(array);
	return rc;
}

static int create_queue(struct zipc_segment *segment, const char *name,
			const struct wishes *wishes)
{
	struct zipc_queue_options options = {
		.max_writers = (unsigned)wishes->writers,
		.max_takers = (unsigned)wishes->takers,
	};
	struct zipc_queue *queue = NULL;
	int rc = zipc_queue_create_with(&queue, segment, name, wishes->type,
					wishes->capacity, &options);

	zipc_queue_close(queue);
	return rc;
}

static int create_stack(struct zipc_segment *segment, const char *name,
			const struct wishes *wishes)
{
	struct zipc_stack_options options = {
		.max_writers = (unsigned)wishes->writers,
	};
	struct zipc_stack *stack = NULL;
	int rc = zipc_stack_create_with(&stack, segment, name, wishes->type,
					wishes->capacity, &options);

	zipc_stack_close(stack);
	return rc;
}

static int create_map(struct zipc_segment *segment, const char *name,
		      const struct wishes *wishes)
{
	struct zipc_map_options options = {
		.max_writers = (unsigned)wishes->writers,
	};
	struct zipc_map *map = NULL;
	int rc = zipc_map_create_with(&map, segment, name, wishes->key_type,
				      wishes->type, wishes->capacity,
				      &options);

	zipc_map_close(map);
	return rc;
}

static int create_set(struct zipc_segment *segment, const char *name,
		      const struct wishes *wishes)
{
	struct zipc_set_options options = {
		.max_writers = (unsigned)wishes->writers,
	};
	struct zipc_set *set = NULL;
	int rc = zipc_set_create_with(&set, segment, name, wishes->type,
				      wishes->capacity, &options);

	zipc_set_close(set);
	return rc;
}

static int create_pool(struct zipc_segment *segment, const char *name,
		       const struct wishes *wishes)
{
	struct zipc_pool_options options = {
		.reclaims = wishes->reclaims,
	};
	struct zipc_pool *pool = NULL;
	int rc = zipc_pool_create_with(&pool, segment, name, wishes->type,
				       wishes->capacity, &options);

	zipc_pool_close(pool);
	return rc;
}

static int create_ring(struct zipc_segment *segment, const char *name,
		       const struct wishes *wishes)
{
	struct zipc_ring_options options = {
		.back_pressure = wishes->back_pressure,
		.max_readers = (unsigned)wishes->readers,
	};
	struct zipc_ring *ring = NULL;
	int rc = zipc_ring_create_with(&ring, segment, name,
				       wishes->size_bytes, &options);

	zipc_ring_close(ring);
	return rc;
}

static int create_semaphore(struct zipc_segment *segment, const char *name,
			    const struct wishes *wishes)
{
	struct zipc_semaphore *semaphore = NULL;
	uint64_t initial = strchr(wishes->given, 'I') ? wishes->initial
						      : wishes->capacity;
	int rc = zipc_semaphore_create_with(&semaphore, segment, name, initial,
					    wishes->capacity,
					    wishes->owned ? ZIPC_OWNED : 0);

	zipc_semaphore_close(semaphore);
	return rc;
}

static int create_barrier(struct zipc_segment *segment, const char *name,
			  const struct wishes *wishes)
{
	struct zipc_barrier *barrier = NULL;
	int rc = zipc_barrier_create(&barrier, segment, name,
				     wishes->capacity);

	zipc_barrier_close(barrier);
	return rc;
}

static int create_latch(struct zipc_segment *segment, const char *name,
			const struct wishes *wishes)
{
	struct zipc_latch *latch = NULL;
	int rc = zipc_latch_create(&latch, segment, name, wishes->capacity);

	zipc_latch_close(latch);
	return rc;
}

static int create_event(struct zipc_segment *segment, const char *name,
			const struct wishes *wishes)
{
	struct zipc_event *event = NULL;
	int rc = zipc_event_create(&event, segment, name,
				   wishes->automatic ? ZIPC_AUTO_RESET
						     : ZIPC_MANUAL_RESET);

	zipc_event_close(event);
	return rc;
}

static int create_mutex(struct zipc_segment *segment, const char *name,
			const struct wishes *wishes)
{
	struct zipc_mutex *mutex = NULL;
	int rc = zipc_mutex_create(&mutex, segment, name);

	(void)wishes;
	zipc_mutex_close(mutex);
	return rc;
}

static int create_rwlock(struct zipc_segment *segment, const char *name,
			 const struct wishes *wishes)
{
	struct zipc_rwlock *rwlock = NULL;
	int rc = zipc_rwlock_create(&rwlock, segment, name,
				    (unsigned)wishes->readers);

	zipc_rwlock_close(rwlock);
	return rc;
}

static int create_once(struct zipc_segment *segment, const char *name,
		       const struct wishes *wishes)
{
	struct zipc_once *once = NULL;
	int rc = zipc_once_create(&once, segment, name);

	(void)wishes;
	zipc_once_close(once);
	return rc;
}

static int create_channel(struct zipc_segment *segment, const char *name,
			  const struct wishes *wishes)
{
	struct zipc_channel_options options = {
		.max_senders = (unsigned)wishes->writers,
	};
	struct zipc_channel *channel = NULL;
	int rc = zipc_channel_create_with(&channel, segment, name,
					  wishes->type, wishes->capacity,
					  &options);

	zipc_channel_release(channel);
	return rc;
}

static int create_future(struct zipc_segment *segment, const char *name,
			 const struct wishes *wishes)
{
	struct zipc_future *future = NULL;
	int rc = zipc_future_create(&future, segment, name, wishes->type);

	zipc_future_close(future);
	return rc;
}

/* Without an expression it is external, and needs a type. */
static int create_lazy(struct zipc_segment *segment, const char *name,
		       const struct wishes *wishes)
{
	struct zipc_lazy_options options = {
		.retries = wishes->retries,
		.stall_ns = wishes->stall_ns,
	};
	struct zipc_lazy *lazy = NULL;
	int rc = zipc_lazy_create_with(&lazy, segment, name, wishes->type,
				       wishes->expression, &options);

	zipc_lazy_close(lazy);
	return rc;
}

static int create_stream(struct zipc_segment *segment, const char *name,
			 const struct wishes *wishes)
{
	struct zipc_stream_options options = {
		.policy = wishes->policy,
		.timestamps = wishes->timestamps,
		.max_writers = (unsigned)wishes->writers,
		.max_subscriptions = (unsigned)wishes->subscriptions,
	};
	struct zipc_stream *stream = NULL;
	int rc = zipc_stream_create_with(&stream, segment, name, wishes->type,
					 wishes->capacity, &options);

	zipc_stream_close(stream);
	return rc;
}

struct kind {
	const char *name;
	const char *needs, *takes; /* letters of options, without kind's own */
	int (*create)(struct zipc_segment *segment, const char *name,
		      const struct wishes *wishes);
};

static const struct kind kinds[] = {
	{"array", "tc", "", create_array},
	{"queue", "tc", "WT", create_queue},
	{"stack", "tc", "W", create_stack},
	{"map", "Ktc", "W", create_map},
	{"set", "tc", "W", create_set},
	{"pool", "tc", "C", create_pool},
	{"ring", "s", "BR", create_ring},
	{"semaphore", "c", "IO", create_semaphore},
	{"barrier", "c", "", create_barrier},
	{"latch", "c", "", create_latch},
	{"mutex", "", "", create_mutex},
	{"rwlock", "", "R", create_rwlock},
	{"once", "", "", create_once},
	{"event", "", "A", create_event},
	{"channel", "t", "cW", create_channel},
	{"future", "t", "", create_future},
	{"lazy", "", "tXYZ", create_lazy},
	{"stream", "tc", "WLMU", create_stream},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

bool is_kind(const char *word)
{
	return find_kind(word);
}

const char *all_kinds(void)
{
	static char text[256];
	size_t at = 0;

	for (size_t i = 0; i < KINDS && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s",
				       !i                ? ""
				       : i < KINDS - 1 ? ", "
							 : " or ",
				       kinds[i].name);
	return text;
}

/* "--type and --capacity": what the kind needs. */
static const char *needs_of(const struct kind *kind)
{
	static char text[128];
	size_t at = 0, n = strlen(kind->needs);

	for (size_t i = 0; i < n && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s--%s",
				       !i          ? ""
				       : i < n - 1 ? ", "
						   : " and ",
				       option_name(kind->needs[i]));
	return text;
}

int check_wishes(const struct wishes *wishes)
{
	const struct kind *kind;
	const char *letter;

	if (!wishes->kind)
		return fail_usage("a structure needs --kind, which is %s",
				  all_kinds());
	kind = find_kind(wishes->kind);
	for (letter = wishes->given; *letter; letter++)
		if (*letter != 'k' && !strchr(kind->needs, *letter) &&
		    !strchr(kind->takes, *letter))
			return fail_usage("--kind %s takes no --%s",
					  kind->name, option_name(*letter));
	for (letter = kind->needs; *letter; letter++)
		if (!strchr(wishes->given, *letter))
			return fail_usage("--kind %s needs %s", kind->name,
					  needs_of(kind));
	return STATUS_FINE;
}

int create_in(struct zipc_segment *segment, const char *name,
	      const struct wishes *wishes)
{
	return find_kind(wishes->kind)->create(segment, name, wishes);
}
