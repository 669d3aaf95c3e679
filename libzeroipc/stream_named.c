/* SPDX-License-Identifier: MIT */
/*
 * The stream's named subscriptions: their records, and how they hold producers
 * back; stream.h has the idea.
 *
 * A record is free while its position is 0. Who adds or finds one has the lock
 * of who creates, which a process that dies drops; so a name is there once.
 * Whose it is says its holder: who finds one that is dead takes it over.
 *
 * A record may belong to a derived stream instead, which its holder then names,
 * and whose drivers raise its position together with that word: so a driver
 * that is late can not raise what is another's by now. While it is made,
 * `maker` is who makes it; from then on it stays as long as that stream is
 * there, and is freed by who meets it: who looks for a record, or for room.
 *
 *   edge     written by              read by   carries
 *   made     zipc_stream_join_end    is_gone   the derived stream is there
 */
#include "cell.h"
#include "error.h"
#include "name.h"
#include "record.h"
#include "stream.h"

/* names */

struct name {
	uint64_t words[4];
};

static void read_name(const struct zipc_subscription_record *record,
		      struct name *name)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		name->words[i] = atomic_load_explicit(&record->name[i],
						      memory_order_relaxed);
}

static void write_name(struct zipc_subscription_record *record,
		       const struct name *name)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		atomic_store_explicit(&record->name[i], name->words[i],
				      memory_order_relaxed);
}

static int make_name(struct name *name, const char *text)
{
	if (!zipc_name_valid(text))
		return zipc_fail(EINVAL, "`%s` is no name of a subscription: "
				 "1 to %d bytes, without `/`", text,
				 ZIPC_NAME_MAX);
	*name = (struct name){ { 0 } };
	memcpy(name->words, text, strlen(text));
	return 0;
}

/* records */

/*
 * A record of a derived stream is changed by its drivers, of whom there are so
 * many at most, each once at a time; who finds it changed more often leaves it.
 */
#define TRIES 256u

static uint64_t read_position(const struct zipc_subscription_record *record)
{
	/* joined: acquire; pairs with hold_back(). */
	return atomic_load_explicit(&record->position, memory_order_acquire);
}

/* Holder and position, if they are what was read there. */
static bool change_both(struct zipc_subscription_record *record,
			uint64_t holder, uint64_t from, uint64_t new_holder,
			uint64_t to)
{
	struct zipc_pair before = { holder, from };

	return zipc_cell_swap((void *)record, &before,
			      (struct zipc_pair){ new_holder, to });
}

static uint64_t holder_of(const struct zipc_subscription_record *record)
{
	return atomic_load_explicit(&record->holder, memory_order_acquire);
}

/* Whether the derived stream that is the holder is not there, nor will be. */
static bool is_gone(const struct zipc_stream_shape *shape,
		    const struct zipc_subscription_record *record,
		    uint64_t holder)
{
	/* made: acquire; what is looked at next was there before. */
	uint64_t maker = atomic_load_explicit(&record->maker,
					      memory_order_acquire);
	uint64_t number = (holder & ~ZIPC_HELD_BY_STREAM) >>
			  ZIPC_HELD_ENTRY_BITS;

	if (maker && zipc_segment_lives(shape->segment, maker))
		return false;
	return !zipc_use_is_there(shape->segment,
				  holder & ((1u << ZIPC_HELD_ENTRY_BITS) - 1),
				  number, ~ZIPC_HELD_BY_STREAM >>
						  ZIPC_HELD_ENTRY_BITS);
}

/* A derived stream's record is freed if that is gone; true: it was. */
static bool free_if_gone(const struct zipc_stream_shape *shape,
			 struct zipc_subscription_record *record)
{
	uint64_t holder = holder_of(record), position;
	unsigned tries = 0;

	if (!(holder & ZIPC_HELD_BY_STREAM) || !is_gone(shape, record, holder))
		return false;
	do {
		if (tries++ == TRIES)
			return false;
		position = atomic_load_explicit(&record->position,
						memory_order_acquire);
	} while (!change_both(record, holder, position, 0, 0) &&
		 holder_of(record) == holder);
	return true;
}

/* Make it the caller's, unless a live process has it; false: it has. */
static bool take(const struct zipc_stream_shape *shape,
		 struct zipc_subscription_record *record)
{
	struct zipc_segment *segment = shape->segment;
	uint64_t me = atomic_load_explicit(&segment->holder,
					   memory_order_relaxed);
	uint64_t holder;

	free_if_gone(shape, record);
	holder = holder_of(record);
	if (holder & ZIPC_HELD_BY_STREAM)
		return false;
	if (holder && zipc_segment_lives(segment, holder))
		return false;
	/* record: acquire and release; pairs with zipc_record_give(). */
	return atomic_compare_exchange_strong_explicit(&record->holder,
						       &holder, me,
						       memory_order_acq_rel,
						       memory_order_relaxed);
}

static struct zipc_subscription_record *find(
	const struct zipc_stream_shape *shape, const struct name *name)
{
	struct zipc_subscription_record *record = shape->records;
	struct name other;
	uint32_t i;

	for (i = 0; i < shape->record_count; i++, record++) {
		if (!read_position(record) || free_if_gone(shape, record))
			continue;
		read_name(record, &other);
		if (!memcmp(&other, name, sizeof(other)))
			return record;
	}
	return NULL;
}

/* Hold producers back from there on, or from a later position. */
static int hold_back(const struct zipc_stream_shape *shape, bool symmetric,
		     struct zipc_subscription_record *record,
		     uint64_t *position)
{
	uint64_t wanted;
	int rc;

	/* joined: release; pairs with find() and slowest(). */
	atomic_store_explicit(&record->position, *position,
			      memory_order_release);
	rc = zipc_fence_heavy(symmetric);
	/* joined: the heavy fence is before it; pairs with allow. */
	wanted = atomic_load_explicit(&shape->words->wanted,
				      memory_order_relaxed);
	if (rc || wanted <= *position)
		return rc;
	*position = wanted;
	/* advanced: release; pairs with slowest(). */
	atomic_store_explicit(&record->position, wanted, memory_order_release);
	return 0;
}

/*
 * Whoever made it has yet to say that this is done: if he was stopped before
 * that, he would say it of the next one's.
 */
static bool is_being_made(const struct zipc_stream_shape *shape,
			  const struct zipc_subscription_record *record)
{
	/* made: acquire; pairs with zipc_stream_join_end(). */
	uint64_t maker = atomic_load_explicit(&record->maker,
					      memory_order_acquire);

	return maker && zipc_segment_lives(shape->segment, maker);
}

/* A record that is free, and nobody's who lives. */
static struct zipc_subscription_record *find_free(
	const struct zipc_stream_shape *shape)
{
	struct zipc_subscription_record *record = shape->records;
	uint32_t i;

	for (i = 0; i < shape->record_count; i++, record++)
		if (!read_position(record) && !is_being_made(shape, record) &&
		    take(shape, record))
			return record;
	return NULL;
}

/* For a holder of its own, if that is not 0. */
static int add(const struct zipc_stream_shape *shape,
	       const struct zipc_places *places, const struct name *name,
	       enum zipc_stream_from from, uint64_t holder,
	       struct zipc_subscription_record **record, uint64_t *position)
{
	struct zipc_subscription_record *it = find_free(shape);
	int rc;

	if (!it)
		return zipc_fail(EUSERS, "stream `%s` has %u subscriptions: "
				 "end some, or create it with more "
				 "(max_subscriptions)", shape->name,
				 shape->record_count);
	write_name(it, name);
	atomic_store_explicit(&it->lost, 0, memory_order_relaxed);
	if (holder) {
		/* Relaxed: told of by the holder. */
		atomic_store_explicit(
			&it->maker, holder_of(it), memory_order_relaxed);
		atomic_store_explicit(&it->holder, holder,
				      memory_order_release);
	}
	*position = from == ZIPC_STREAM_OLDEST ? zipc_stream_oldest(places)
					       : zipc_places_tail(places);
	*record = it;
	rc = hold_back(shape, places->symmetric, it, position);
	if (rc) {
		atomic_store_explicit(&it->maker, 0, memory_order_relaxed);
		zipc_stream_end_record(shape, places, it);
	}
	return rc;
}

/* Under the lock. */
static int find_or_add(const struct zipc_stream_shape *shape,
		       const struct zipc_places *places, const char *text,
		       enum zipc_stream_from from,
		       struct zipc_subscription_record **record,
		       uint64_t *position)
{
	struct name name;
	int rc = make_name(&name, text);

	if (rc)
		return rc;
	*record = find(shape, &name);
	if (!*record && from == ZIPC_STREAM_STOOD)
		return zipc_fail(ENOENT, "stream `%s` has no subscription "
				 "`%s`", shape->name, text);
	if (!*record)
		return add(shape, places, &name, from, 0, record, position);
	if (holder_of(*record) & ZIPC_HELD_BY_STREAM)
		return zipc_fail(EBUSY, "subscription `%s` of stream `%s` is "
				 "the derived stream's of that name", text,
				 shape->name);
	if (!take(shape, *record))
		return zipc_fail(EBUSY, "subscription `%s` of stream `%s` is "
				 "another live process's: it has one reader at "
				 "a time", text, shape->name);
	*position = read_position(*record);
	if (*position && *position <= zipc_places_tail(places))
		return 0;
	zipc_record_give(*record);
	return zipc_stream_damaged(shape, "a subscription stands beyond its "
				   "elements");
}

int zipc_stream_take_record(const struct zipc_stream_shape *shape,
			    const struct zipc_places *places, const char *name,
			    enum zipc_stream_from from,
			    struct zipc_subscription_record **record,
			    uint64_t *position)
{
	int rc = zipc_stream_enter(shape);

	if (!rc)
		rc = zipc_segment_lock(shape->segment);
	if (rc)
		return rc;
	rc = find_or_add(shape, places, name, from, record, position);
	zipc_segment_unlock(shape->segment);
	return rc;
}

void zipc_stream_give_record(struct zipc_subscription_record *record)
{
	zipc_record_give(record);
}

void zipc_stream_end_record(const struct zipc_stream_shape *shape,
			    const struct zipc_places *places,
			    struct zipc_subscription_record *record)
{
	/* advanced: release; pairs with slowest(). */
	atomic_store_explicit(&record->position, 0, memory_order_release);
	zipc_record_give(record);
	if (zipc_stream_holds(shape))
		zipc_wake(places->writable, places->symmetric, UINT32_MAX);
}

static int forget(struct zipc_stream *stream, const char *text)
{
	const struct zipc_stream_shape *shape = &stream->shape;
	struct zipc_subscription_record *record;
	uint64_t position;
	int rc = find_or_add(shape, &stream->places, text, ZIPC_STREAM_STOOD,
			     &record, &position);

	if (!rc)
		zipc_stream_end_record(shape, &stream->places, record);
	return rc;
}

int zipc_stream_forget(struct zipc_stream *stream, const char *name)
{
	int rc = zipc_stream_enter(&stream->shape);

	if (!rc)
		rc = zipc_segment_lock(stream->shape.segment);
	if (rc)
		return rc;
	rc = forget(stream, name);
	zipc_segment_unlock(stream->shape.segment);
	return rc;
}

/* a derived stream's */

int zipc_stream_join_record(const struct zipc_stream_shape *shape,
			    const struct zipc_places *places, const char *text,
			    enum zipc_stream_from from, uint64_t holder,
			    uint32_t *index, uint64_t *position)
{
	struct zipc_subscription_record *record;
	struct name name;
	int rc = make_name(&name, text);

	if (rc)
		return rc;
	record = find(shape, &name);
	if (record && holder_of(record) != holder)
		return zipc_fail(EEXIST, "stream `%s` has a subscription `%s`, "
				 "as the derived stream is to be called",
				 shape->name, text);
	rc = add(shape, places, &name, from, holder, &record, position);
	if (!rc)
		*index = (uint32_t)(record - shape->records);
	return rc;
}

void zipc_stream_join_end(const struct zipc_stream_shape *shape, uint32_t index)
{
	/* made: release; pairs with is_gone(). */
	atomic_store_explicit(&shape->records[index].maker, 0,
			      memory_order_release);
}

void zipc_stream_raise_record(const struct zipc_stream_shape *shape,
			      const struct zipc_places *places, uint32_t index,
			      uint64_t holder, uint64_t to)
{
	struct zipc_subscription_record *record = &shape->records[index];
	unsigned tries = 0;
	uint64_t position;

	do {
		if (tries++ == TRIES)
			return;
		position = atomic_load_explicit(&record->position,
						memory_order_acquire);
		/* It is behind that already, or it was freed. */
		if (!position || (to && position >= to) ||
		    holder_of(record) != holder)
			return;
		/* advanced: release, by this; pairs with slowest(). */
	} while (!change_both(record, holder, position, to ? holder : 0, to));
	if (zipc_stream_holds(shape))
		zipc_wake(places->writable, places->symmetric, UINT32_MAX);
}

/* holding back */

/* The slowest subscription's position, at most limit. */
static uint64_t slowest(const struct zipc_stream_shape *shape, uint64_t limit)
{
	uint64_t position;
	uint32_t i;

	for (i = 0; i < shape->record_count; i++) {
		/* joined: relaxed behind the fence; pairs with hold_back(). */
		/* advanced: acquire; what was read there is read. */
		position = atomic_load_explicit(&shape->records[i].position,
						memory_order_acquire);
		if (position && position < limit)
			limit = position;
	}
	return limit;
}

/* The word is at least that. */
static void raise(_Atomic uint64_t *word, uint64_t to)
{
	/* Acquire: who wrote it has run the fence, or will find us. */
	uint64_t seen = atomic_load_explicit(word, memory_order_acquire);

	/* held: release; pairs with push. */
	while (seen < to && !atomic_compare_exchange_weak_explicit(
				    word, &seen, to, memory_order_acq_rel,
				    memory_order_acquire))
		;
}

/* What was derived, and is not there any more, holds nobody back. */
static bool free_some(const struct zipc_stream_shape *shape)
{
	bool some = false;
	uint32_t i;

	for (i = 0; i < shape->record_count; i++)
		if (holder_of(&shape->records[i]) & ZIPC_HELD_BY_STREAM &&
		    free_if_gone(shape, &shape->records[i]))
			some = true;
	return some;
}

static int full(void)
{
	return zipc_fail_as(EAGAIN, "the stream is full: a named subscription "
			    "has yet to read");
}

int zipc_stream_allow(struct zipc_stream *stream, uint64_t T)
{
	const struct zipc_stream_shape *shape = &stream->shape;
	struct zipc_places *places = &stream->places;
	/* held: acquire; others have moved it. */
	uint64_t hold = atomic_load_explicit(&shape->words->hold,
					     memory_order_acquire);
	/* passed: acquire; pairs with pass. */
	uint64_t limit = atomic_load_explicit(&places->ring->head,
					      memory_order_acquire);
	uint64_t least = hold + 1, step = places->capacity / 16;

	if (T < hold + places->capacity)
		return 0; /* by now there is room */
	/* Positions that were given up do not count: see place_ring.h. */
	if (T + 1 > places->capacity && T + 1 - places->capacity > least)
		least = T + 1 - places->capacity;
	if (limit > least + step)
		limit = least + step;
	/* The first look is enough to find it full, and disturbs nobody. */
	limit = slowest(shape, limit);
	if (limit <= hold)
		return free_some(shape) ? 0 : full();
	/* joined: the light fence follows; pairs with hold_back(). */
	raise(&shape->words->wanted, limit);
	zipc_fence_light(places->symmetric);
	limit = slowest(shape, limit);
	raise(&shape->words->hold, limit);
	return limit > hold ? 0 : full();
}
