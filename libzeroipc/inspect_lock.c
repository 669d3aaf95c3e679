/* SPDX-License-Identifier: MIT */
/*
 * Watching locks: the owner word (docs/format.md, Owner), whom it names, and
 * the readers of a RWLock. An element of a lock is the pid of who holds it; the
 * readers of one that waits for them come behind it.
 */
#include "inspect.h"
#include "inspect_waits.h"

#include "error.h"
#include "participant.h"

#include <string.h>
#include <zipc/inspect_lock.h>

#define INCONSISTENT 1u
#define CLOSED 2u
#define CLAIMING 4u
#define STATES 7u
#define OWNER_WORDS (sizeof(struct zipc_owner) / 8)

static int bad_owner(const struct zipc_view *view, const char *name,
		     uint64_t word)
{
	return zipc_view_damaged(view, name, "its owner %llx can be none",
				 LLU(word));
}

/* The word and the count, copied and checked. */
static int load_owner(struct zipc_view *view,
		      const struct zipc_view_block *block,
		      uint64_t words[OWNER_WORDS])
{
	uint64_t holder, state;
	int rc;

	if (block->head.body_bytes < sizeof(struct zipc_owner))
		return zipc_view_damaged(view, block->name,
					 "its body has %llu bytes",
					 LLU(block->head.body_bytes));
	rc = zipc_view_read(view, block->body_at, words,
			    sizeof(struct zipc_owner));
	if (rc)
		return rc;
	holder = zipc_owner_holder(words[0]);
	state = words[0] & STATES;
	if (holder ? (state > INCONSISTENT &&
		      (state != CLAIMING ||
		       block->head.kind != ZIPC_RWLOCK)) ||
			     !(holder & 0xFFFF) ||
			     zipc_holder_index(holder) >=
				     view->header.max_participants
		   : words[0] > CLOSED)
		return bad_owner(view, block->name, words[0]);
	return 0;
}

/* Where a RWLock has its readers, checked; of another kind, nowhere. */
static int find_readers(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t *at,
			uint64_t *count)
{
	struct zipc_rwlock_body body;
	uint64_t bytes = block->head.body_bytes;
	int rc;

	*count = 0;
	if (block->head.kind != ZIPC_RWLOCK)
		return 0;
	if (bytes < sizeof(body))
		return zipc_view_damaged(view, block->name,
					 "its body has %llu bytes",
					 LLU(bytes));
	rc = zipc_view_read(view, block->body_at, &body, sizeof(body));
	if (rc)
		return rc;
	if (body.readers_offset > bytes ||
	    block->head.capacity > ZIPC_LOCK_READERS_MOST ||
	    block->head.capacity * ZIPC_LINE > bytes - body.readers_offset)
		return zipc_view_damaged(view, block->name,
					 "its readers are not in its body");
	*at = block->body_at + body.readers_offset;
	*count = block->head.capacity;
	return 0;
}

/* Who reads by the record at, or 0. */
static int load_reader(struct zipc_view *view, uint64_t at, uint64_t *holder)
{
	struct zipc_lock_reader reader;
	int rc = zipc_view_read(view, at, &reader, sizeof(reader));

	/* Relaxed: it is a copy of our own. */
	if (!rc)
		*holder = zipc_owner_holder(atomic_load_explicit(
			&reader.reading, memory_order_relaxed));
	if (!rc && zipc_holder_index(*holder) >= view->header.max_participants)
		*holder = 0; /* nobody; a writer clears it */
	return rc;
}

/*
 * Up to n holders from the from-th on; behind them, all are counted. The words
 * are those of load_owner().
 */
static int each_holder(struct zipc_view *view,
		       const struct zipc_view_block *block,
		       uint64_t holders[], uint64_t from, uint64_t n,
		       uint64_t *total)
{
	uint64_t words[OWNER_WORDS], at = 0, count, i, holder;
	int rc = load_owner(view, block, words);

	*total = 0;
	if (!rc)
		rc = find_readers(view, block, &at, &count);
	if (rc)
		return rc;
	for (i = 0; i <= count; i++) {
		holder = zipc_owner_holder(words[0]);
		if (i)
			rc = load_reader(view, at + (i - 1) * ZIPC_LINE,
					 &holder);
		if (rc)
			return rc;
		if (!holder)
			continue;
		if (*total >= from && *total - from < n)
			holders[*total - from] = holder;
		++*total;
	}
	return 0;
}

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	struct zipc_rwlock_body body;
	int rc = each_holder(view, block, NULL, 0, 0, &out->size);

	if (out->size > out->capacity) /* readers, and who waits for them */
		out->size = out->capacity;
	if (rc || block->head.kind != ZIPC_RWLOCK)
		return rc;
	rc = zipc_view_read(view, block->body_at, &body, sizeof(body));
	/* Relaxed: it is a copy of our own. */
	if (!rc)
		out->late_wakes += atomic_load_explicit(
			&body.drained.late_wakes, memory_order_relaxed);
	if (!rc && atomic_load_explicit(&body.drained.word,
					memory_order_relaxed) & 3)
		out->writers_asleep = 1;
	return rc;
}

static int64_t elements(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t from,
			uint64_t n, void *bytes, uint64_t *ids)
{
	struct zipc_view_participant owner;
	uint64_t holder, pid, total, i;
	unsigned char *to = bytes;
	int rc;

	for (i = 0; i < n; i++) {
		rc = each_holder(view, block, &holder, from + i, 1, &total);
		if (!rc && from + i >= total)
			break;
		if (!rc)
			rc = zipc_view_holder_of(view, holder, &owner);
		if (rc)
			return rc;
		pid = (uint64_t)(unsigned)owner.pid;
		memcpy(to + i * sizeof(pid), &pid, sizeof(pid));
		if (ids)
			ids[i] = from + i;
	}
	return (int64_t)i;
}

static int fill_lock(struct zipc_view *view,
		     const struct zipc_view_block *block,
		     struct zipc_view_lock *it)
{
	uint64_t words[OWNER_WORDS], total;
	int rc = load_owner(view, block, words);

	if (!rc)
		rc = each_holder(view, block, NULL, 0, 0, &total);
	if (rc)
		return rc;
	it->inconsistent = words[0] & INCONSISTENT;
	it->deaths = words[1];
	it->readers = (unsigned)total;
	if (words[0] == CLOSED)
		it->state = ZIPC_LOCK_CLOSED;
	if (!zipc_owner_holder(words[0]))
		return 0;
	/* Another owner may have come between the two looks. */
	it->readers -= total > 0;
	it->state = ZIPC_LOCK_HELD;
	return zipc_view_holder_of(view, zipc_owner_holder(words[0]),
				   &it->owner);
}

static int64_t read_lock(struct zipc_view *view,
			 const struct zipc_view_block *block, void *out)
{
	if (!block->kind || block->kind->elements != elements)
		return zipc_fail(EPROTOTYPE, "`%s` in segment `/%s` is no lock",
				 block->name, view->name);
	return fill_lock(view, block, out);
}

int zipc_view_lock(struct zipc_view *view, const struct zipc_view_entry *entry,
		   struct zipc_view_lock *out)
{
	struct zipc_view_lock it = { .state = ZIPC_LOCK_FREE };
	int rc = (int)zipc_view_of_block(view, entry, read_lock, &it);

	if (!rc)
		*out = it;
	return rc;
}

/* who waits for whom */

/* Readers hold up the one that has claimed it. */
static int add_readers(struct zipc_view *view, struct zipc_look *look,
		       uint64_t at, uint64_t count)
{
	struct zipc_look_holder it = {
		.reads = 1, .blocks = 1 << ZIPC_WAIT_TO_DRAIN
	};
	struct zipc_lock_reader lines[64];
	uint64_t i, n;
	int rc = 0;

	for (; count && !rc; count -= n, at += n * ZIPC_LINE) {
		n = count < 64 ? count : 64;
		rc = zipc_view_read(view, at, lines, n * ZIPC_LINE);
		for (i = 0; i < n && !rc; i++) {
			/* Relaxed: it is a copy of our own. */
			it.word = atomic_load_explicit(&lines[i].reading,
						       memory_order_relaxed) &
				  ~(uint64_t)STATES;
			if (it.word)
				rc = zipc_look_add_holder(look, &it);
		}
	}
	return rc;
}

static int waits(struct zipc_view *view, const struct zipc_view_block *block,
		 struct zipc_look *look)
{
	uint64_t words[OWNER_WORDS], at = 0, count = 0, bytes;
	struct zipc_look_holder owner = {
		.blocks = 1 << ZIPC_WAIT_TO_HOLD | 1 << ZIPC_WAIT_TO_READ
	};
	int rc = load_owner(view, block, words);

	if (!rc)
		rc = find_readers(view, block, &at, &count);
	if (rc)
		return rc;
	owner.word = words[0] & ~(uint64_t)STATES;
	owner.turn = words[2];
	owner.claims = words[0] & CLAIMING ? 1 : 0;
	if (owner.word)
		rc = zipc_look_add_holder(look, &owner);
	if (!rc && zipc_look_may(look, count))
		rc = add_readers(view, look, at, count);
	if (rc)
		return rc;
	at = (uint32_t)words[3];
	count = words[3] >> 32;
	bytes = block->head.body_bytes;
	if (at > bytes || count > ZIPC_WAITERS_MOST ||
	    count * ZIPC_LINE > bytes - at)
		return zipc_view_damaged(view, block->name, "its records of "
					 "who waits are not in its body");
	return zipc_look_at_waiters(look, view, block->body_at + at, count);
}

const struct zipc_view_kind zipc_view_mutex = {
	.kind = ZIPC_MUTEX,
	.describe = describe,
	.elements = elements,
	.waits = waits,
};

const struct zipc_view_kind zipc_view_once = {
	.kind = ZIPC_ONCE,
	.describe = describe,
	.elements = elements,
	.waits = waits,
};

const struct zipc_view_kind zipc_view_rwlock = {
	.kind = ZIPC_RWLOCK,
	.describe = describe,
	.elements = elements,
	.waits = waits,
};
