/* SPDX-License-Identifier: MIT */
/*
 * Watching leases (lease.h): a taker's record has an element when its lease is
 * TAKEN, or TAKING and the ring's last take names it. That take is read behind
 * the record, and if it is another the record once more: who overwrites the
 * last take has marked its record before.
 *
 * The holder and the attempts belong to the lease that stood before and behind
 * them, in two copies of the record.
 */
#include "inspect.h"

#include "error.h"
#include "participant.h"

#include <string.h>
#include <zipc/inspect_lease.h>

#define MOST_TAKERS 1024u

/* Where the records are. */
struct takers {
	uint64_t at, count, bytes;
	uint64_t taken_at; /* of the ring's word */
};

static int takers_load(struct takers *takers, struct zipc_view *view,
		       const struct zipc_view_block *block)
{
	uint64_t body = block->head.body_bytes;
	struct zipc_place_ring copy;
	int rc = zipc_view_read(view, block->body_at, &copy, sizeof(copy));

	*takers = (struct takers){ 0 };
	if (rc || !(block->head.flags & ZIPC_FLAG_LEASES))
		return rc;
	if (!copy.takers || copy.takers > MOST_TAKERS ||
	    copy.taker_bytes < sizeof(struct zipc_taker) ||
	    copy.taker_bytes % ZIPC_LINE || copy.takers_offset % ZIPC_LINE ||
	    copy.takers_offset < sizeof(copy) || copy.takers_offset > body ||
	    (uint64_t)copy.takers * copy.taker_bytes >
		    body - copy.takers_offset)
		return zipc_view_damaged(view, block->name,
					 "its takers lie outside its %llu "
					 "bytes", LLU(body));
	takers->at = block->body_at + copy.takers_offset;
	takers->count = copy.takers;
	takers->bytes = copy.taker_bytes;
	takers->taken_at =
		block->body_at + offsetof(struct zipc_place_ring, taken);
	return 0;
}

/* What stands in a record, as a copy of plain words. */
struct taker_copy {
	uint64_t holder, lease;
	uint32_t attempts, reserved;
};
static_assert(sizeof(struct taker_copy) == sizeof(struct zipc_taker),
	      "a copy of a taker has all its words");

static int copy_taker(struct zipc_view *view, uint64_t at,
		      struct taker_copy *copy)
{
	struct taker_copy again;
	int rc = zipc_view_read(view, at, copy, sizeof(*copy));

	/* Until it stands still: it may be between two takes. */
	for (int tries = 0; !rc && tries < 8; tries++) {
		rc = zipc_view_read(view, at, &again, sizeof(again));
		if (!rc && !memcmp(copy, &again, sizeof(again)))
			break;
		*copy = again;
	}
	return rc;
}

/* The copy, and whether it has an element: 1 or 0; -errno. */
static int read_taker(struct zipc_view *view, const struct takers *takers,
		      unsigned i, struct taker_copy *copy)
{
	uint64_t at = takers->at + i * takers->bytes, taken = 0;
	int rc = copy_taker(view, at, copy);

	if (!rc && (copy->lease & 3) == ZIPC_TAKING) {
		rc = zipc_view_read(view, takers->taken_at, &taken,
				    sizeof(taken));
		if (!rc && taken == (copy->lease >> 2 << 10 | i))
			return 1;
		if (!rc)
			rc = copy_taker(view, at, copy);
	}
	return rc ? rc : (copy->lease & 3) == ZIPC_TAKEN;
}

int zipc_view_count_leases(struct zipc_view *view,
			   const struct zipc_view_block *block,
			   struct zipc_view_entry *out)
{
	struct taker_copy copy;
	struct takers takers;
	int rc = takers_load(&takers, view, block);

	for (unsigned i = 0; rc >= 0 && i < takers.count; i++) {
		rc = read_taker(view, &takers, i, &copy);
		out->leased += rc > 0;
	}
	out->max_takers = (unsigned)takers.count;
	return rc < 0 ? rc : 0;
}

/* Who has it: nobody that is known, or a participant of that incarnation. */
static int fill_holder(struct zipc_view *view, uint64_t holder,
		       struct zipc_view_lease *out)
{
	struct zipc_view_participant participant;
	int rc;

	out->alive = 0;
	out->pid = 0;
	out->name[0] = '\0';
	if (!holder)
		return 0;
	rc = zipc_view_participant(view, zipc_holder_index(holder),
				   &participant);
	if (rc == -ENOENT)
		return 0;
	if (rc || participant.incarnation != zipc_holder_incarnation(holder))
		return rc;
	out->alive = participant.alive;
	out->pid = participant.pid;
	memcpy(out->name, participant.name, sizeof(out->name));
	return 0;
}

/* At place it->place; 0: there is none, 1. */
static int64_t read_lease(struct zipc_view *view,
			  const struct zipc_view_block *block, void *context)
{
	struct zipc_view_lease *it = context;
	struct taker_copy copy;
	struct takers takers = { 0 };
	int rc = 0;

	if (block->head.kind == ZIPC_QUEUE)
		rc = takers_load(&takers, view, block);
	if (!rc && it->place < takers.count)
		rc = read_taker(view, &takers, it->place, &copy);
	if (rc <= 0)
		return rc;
	it->position = copy.lease >> 2;
	it->attempt = copy.attempts;
	rc = fill_holder(view, copy.holder, it);
	return rc ? rc : 1;
}

int zipc_view_lease(struct zipc_view *view, const struct zipc_view_entry *entry,
		    unsigned i, struct zipc_view_lease *out)
{
	struct zipc_view_lease it = { .place = i };
	int64_t rc = zipc_view_of_block(view, entry, read_lease, &it);

	if (rc < 0)
		return (int)rc;
	if (rc == 0)
		return zipc_fail(ENOENT, "place %u of `%s` in segment `/%s` "
				 "has no lease", i, entry->name, view->name);
	*out = it;
	return 0;
}
