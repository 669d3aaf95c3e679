/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom. Each structure is looked at twice: first all of them,
 * then all in which somebody waits once more. A wait that was there in both
 * looks, since the same time, was there in between; so was a hold, by its turn.
 * All of what both have seen was therefore true when the first round had ended.
 * A reader has no turn: it may have left and come back.
 *
 * From that comes a graph: who waits leads to who holds. A path that comes back
 * is found by going along from each participant, depth first, and told once.
 */
#include "inspect_waits.h"

#include "clock.h"
#include "error.h"
#include "participant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one answer may cost: 16 MiB are read. */
#define LINES_MOST (UINT64_C(1) << 18)

struct zipc_view_waits {
	struct zipc_view_blocked *blocked;
	struct zipc_look *looks; /* of each, what blocks whom */
	unsigned count, room;
	struct zipc_view_cycle *cycles;
	unsigned cycle_count;
	unsigned partial;
};

/* looking */

static int no_memory(void)
{
	return zipc_fail_as(ENOMEM, "out of memory");
}

/* Room for one more in an array; NULL: out of memory, and it is as it was. */
static void *room_for_one(void *array, unsigned count, unsigned *room,
			  size_t size)
{
	unsigned more = *room ? 2 * *room : 4;

	if (count < *room)
		return array;
	array = realloc(array, more * size);
	if (array)
		*room = more;
	return array;
}

int zipc_look_add_holder(struct zipc_look *look,
			 const struct zipc_look_holder *it)
{
	struct zipc_look_holder *all =
		room_for_one(look->holders, look->holder_count,
			     &look->holder_room, sizeof(*all));

	if (!all)
		return no_memory();
	look->holders = all;
	all[look->holder_count++] = *it;
	return 0;
}

int zipc_look_add_waiter(struct zipc_look *look,
			 const struct zipc_look_waiter *it)
{
	struct zipc_look_waiter *all =
		room_for_one(look->waiters, look->waiter_count,
			     &look->waiter_room, sizeof(*all));

	if (!all)
		return no_memory();
	look->waiters = all;
	all[look->waiter_count++] = *it;
	return 0;
}

bool zipc_look_may(struct zipc_look *look, uint64_t lines)
{
	if (lines > *look->lines) {
		*look->lines = 0;
		return false;
	}
	*look->lines -= lines;
	return true;
}

/* Relaxed: it is a copy of our own. */
static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static int add_record(struct zipc_look *look, const struct zipc_waiter *record)
{
	struct zipc_look_waiter it = {
		.word = load(&record->wanted),
		.since_ns = load(&record->since_ns),
		.saw = load(&record->owner),
		.turn = load(&record->turns),
		.saw_ns = load(&record->seen_ns),
	};

	/* Left by one who died, when another has taken the record since. */
	if (!it.word || zipc_owner_holder(it.word) != load(&record->holder) ||
	    (it.word & 7) > ZIPC_WAIT_TO_DRAIN)
		return 0;
	return zipc_look_add_waiter(look, &it);
}

int zipc_look_at_waiters(struct zipc_look *look, struct zipc_view *view,
			 uint64_t at, uint64_t count)
{
	struct zipc_waiter lines[64];
	uint64_t i, n;
	int rc = 0;

	if (!zipc_look_may(look, count))
		return 0;
	for (; count && !rc; count -= n, at += n * ZIPC_LINE) {
		n = count < 64 ? count : 64;
		rc = zipc_view_read(view, at, lines, n * ZIPC_LINE);
		for (i = 0; i < n && !rc; i++)
			rc = add_record(look, &lines[i]);
	}
	return rc;
}

/* Who waits for it is held up by who has it, until it is settled. */
int zipc_look_at_settling(struct zipc_look *look, struct zipc_view *view,
			  const struct zipc_look_settling *it)
{
	const struct zipc_look_holder holder = {
		.word = it->word & ~UINT64_C(7),
		.turn = it->turn,
		.blocks = 1 << ZIPC_WAIT_TO_HOLD,
	};
	int rc = 0;

	if (it->word & 6)
		return 0;
	if (holder.word)
		rc = zipc_look_add_holder(look, &holder);
	return rc ? rc : zipc_look_at_waiters(look, view, it->waiters_at,
					      it->waiters);
}

static void forget(struct zipc_look *look)
{
	free(look->holders);
	free(look->waiters);
	*look = (struct zipc_look){ .lines = look->lines };
}

static int64_t read_waits(struct zipc_view *view,
			  const struct zipc_view_block *block, void *context)
{
	return block->kind->waits ? block->kind->waits(view, block, context)
				  : 0;
}

/* What is damaged, or gone by now, has nobody who waits. */
static int look_at(struct zipc_view *view, const struct zipc_view_entry *entry,
		   struct zipc_look *look)
{
	int rc = (int)zipc_view_of_block(view, entry, read_waits, look);

	if (rc)
		forget(look);
	return rc == -ENOMEM ? rc : 0;
}

static bool has_waiters(const struct zipc_look *look)
{
	return look->waiter_count || look->unnamed;
}

/* what both looks have seen */

static bool is_in(const struct zipc_look *look,
		  const struct zipc_look_holder *it)
{
	const struct zipc_look_holder *end =
		look->holders + look->holder_count, *at;

	for (at = look->holders; at < end; at++)
		if (at->word == it->word && at->turn == it->turn &&
		    at->blocks == it->blocks && at->permits == it->permits)
			return true;
	return false;
}

static const struct zipc_look_waiter *
find_waiter(const struct zipc_look *look, const struct zipc_look_waiter *it)
{
	const struct zipc_look_waiter *end =
		look->waiters + look->waiter_count, *at;

	for (at = look->waiters; at < end; at++)
		if (at->word == it->word && at->since_ns == it->since_ns &&
		    at->ticket == it->ticket)
			return at;
	return NULL;
}

/* look keeps only what is in first, too. */
static void keep_what_is_in(struct zipc_look *look,
			    const struct zipc_look *first)
{
	const struct zipc_look_waiter *before;
	struct zipc_look_waiter *it;
	unsigned i, n = 0;

	for (i = 0; i < look->holder_count; i++)
		if (is_in(first, &look->holders[i]))
			look->holders[n++] = look->holders[i];
	look->unnamed = look->unnamed && first->unnamed &&
			n == look->holder_count && n == first->holder_count;
	look->holder_count = n;
	for (i = 0, n = 0; i < look->waiter_count; i++) {
		it = &look->waiters[i];
		before = find_waiter(first, it);
		if (!before)
			continue;
		if (memcmp(before, it, sizeof(*it)))
			it->saw = 0; /* it was just written */
		look->waiters[n++] = *it;
	}
	look->waiter_count = n;
}

/* participants */

static uint64_t passed_since(uint64_t then_ns, uint64_t now_ns)
{
	return then_ns < now_ns ? now_ns - then_ns : 0;
}

/* The longest that one of them has seen it held as it is held now. */
static uint64_t held_ns(const struct zipc_look *look, uint64_t now_ns)
{
	const struct zipc_look_waiter *it;
	uint64_t longest = 0, i, ns;

	if (!look->holder_count || look->holders[0].reads)
		return 0;
	for (i = 0; i < look->waiter_count; i++) {
		it = &look->waiters[i];
		if (it->saw != look->holders[0].word ||
		    it->turn != look->holders[0].turn)
			continue;
		ns = passed_since(it->saw_ns, now_ns);
		if (ns > longest)
			longest = ns;
	}
	return longest;
}

static int fill_waiters(struct zipc_view *view, struct zipc_look *look,
			struct zipc_view_blocked *out)
{
	struct zipc_view_waiter *all = calloc(look->waiter_count + 1,
					      sizeof(*all));
	uint64_t now = (uint64_t)zipc_now_ns();
	unsigned i, n = 0;
	int rc = 0;

	if (!all)
		return no_memory();
	out->waiters = all;
	for (i = 0; i < look->waiter_count && !rc; i++) {
		struct zipc_view_waiter *it = &all[n];

		rc = zipc_view_holder_of(
			view, zipc_owner_holder(look->waiters[i].word),
			&it->who);
		it->to = look->waiters[i].word & 7;
		if (look->waiters[i].since_ns)
			it->for_ns = passed_since(look->waiters[i].since_ns,
						  now);
		if (rc || !it->who.alive)
			continue;
		look->waiters[n++] = look->waiters[i];
	}
	out->waiter_count = look->waiter_count = n;
	out->held_ns = held_ns(look, now);
	return rc;
}

static int fill_holders(struct zipc_view *view, const struct zipc_look *look,
			struct zipc_view_blocked *out)
{
	struct zipc_view_holder *all = calloc(look->holder_count + 1,
					      sizeof(*all));
	bool stopped;
	unsigned i;
	int rc = 0;

	if (!all)
		return no_memory();
	out->holders = all;
	for (i = 0; i < look->holder_count && !rc; i++) {
		all[i].reads = look->holders[i].reads;
		all[i].claims = look->holders[i].claims;
		all[i].permits = look->holders[i].permits;
		out->permits += look->holders[i].permits;
		rc = zipc_view_holder_of(
			view, zipc_owner_holder(look->holders[i].word),
			&all[i].who);
		zipc_view_threads(view, all[i].who.index, &stopped);
		all[i].stopped = all[i].who.alive && stopped;
	}
	out->holder_count = rc ? 0 : i;
	return rc;
}

/* rounds */

/* Beside what the first has found; an entry is kept as it was then. */
struct round {
	struct zipc_view_entry *entries;
	struct zipc_look *looks;
	unsigned count, entry_room, look_room;
};

static int keep(struct round *round, const struct zipc_view_entry *entry,
		const struct zipc_look *look)
{
	struct zipc_view_entry *entries =
		room_for_one(round->entries, round->count, &round->entry_room,
			     sizeof(*entries));
	struct zipc_look *looks;

	if (!entries)
		return no_memory();
	round->entries = entries;
	looks = room_for_one(round->looks, round->count, &round->look_room,
			     sizeof(*looks));
	if (!looks)
		return no_memory();
	round->looks = looks;
	entries[round->count] = *entry;
	looks[round->count++] = *look;
	return 0;
}

/* All structures: those that somebody waits for. */
static int first_round(struct round *round, struct zipc_view *view,
		       uint64_t *lines)
{
	struct zipc_view_entry entry;
	unsigned i = 0;
	int rc;

	do {
		struct zipc_look look = { .lines = lines };

		rc = zipc_view_entry(view, i++, &entry);
		if (rc == -EBADMSG || rc == -EAGAIN) {
			rc = 0; /* those beside it can be told of */
			continue;
		}
		if (!rc)
			rc = look_at(view, &entry, &look);
		if (!rc && has_waiters(&look))
			rc = keep(round, &entry, &look);
		if (rc || !has_waiters(&look))
			forget(&look);
	} while (!rc && *lines && i < ZIPC_MOST_ENTRIES);
	return rc == -ENOENT ? 0 : rc;
}

/*
 * How many threads those who wait have. All of their waits stand together
 * between the two looks, so this is asked there.
 */
static unsigned *count_threads(struct zipc_view *view,
			       const struct round *round)
{
	unsigned *threads = calloc(view->header.max_participants,
				   sizeof(*threads));
	const struct zipc_look *look;
	unsigned index, i, k;

	for (i = 0; i < round->count && threads; i++) {
		look = &round->looks[i];
		for (k = 0; k < look->waiter_count; k++) {
			index = zipc_holder_index(
				zipc_owner_holder(look->waiters[k].word));
			if (index < view->header.max_participants &&
			    !threads[index])
				threads[index] =
					zipc_view_threads(view, index, NULL);
		}
	}
	return threads;
}

static int add_blocked(struct zipc_view_waits *waits, struct zipc_view *view,
		       const struct zipc_view_entry *entry,
		       const struct zipc_look *look)
{
	struct zipc_view_blocked *out = &waits->blocked[waits->count];
	struct zipc_look *own = &waits->looks[waits->count];
	int rc;

	*own = *look;
	waits->count++;
	memcpy(out->name, entry->name, sizeof(out->name));
	memcpy(out->kind_name, entry->kind_name, sizeof(out->kind_name));
	out->kind = entry->kind;
	out->unnamed = own->unnamed;
	rc = fill_waiters(view, own, out);
	return rc ? rc : fill_holders(view, own, out);
}

static void drop_the_last(struct zipc_view_waits *waits)
{
	waits->count--;
	forget(&waits->looks[waits->count]);
	free((void *)waits->blocked[waits->count].holders);
	free((void *)waits->blocked[waits->count].waiters);
	memset(&waits->blocked[waits->count], 0, sizeof(*waits->blocked));
}

static int second_round(struct zipc_view_waits *waits, struct zipc_view *view,
			const struct round *round, uint64_t *lines)
{
	unsigned i;
	int rc = 0;

	waits->blocked = calloc(round->count + 1, sizeof(*waits->blocked));
	waits->looks = calloc(round->count + 1, sizeof(*waits->looks));
	if (!waits->blocked || !waits->looks)
		return no_memory();
	for (i = 0; i < round->count && !rc; i++) {
		struct zipc_look look = { .lines = lines };

		rc = look_at(view, &round->entries[i], &look);
		if (rc)
			return rc;
		keep_what_is_in(&look, &round->looks[i]);
		rc = add_blocked(waits, view, &round->entries[i], &look);
		if (!rc && !has_waiters(&waits->looks[waits->count - 1]))
			drop_the_last(waits);
	}
	return rc;
}

static void end_round(struct round *round)
{
	unsigned i;

	for (i = 0; i < round->count; i++)
		forget(&round->looks[i]);
	free(round->looks);
	free(round->entries);
}

int zipc_view_waits_open(struct zipc_view_waits **out, struct zipc_view *view)
{
	struct zipc_view_waits *waits = calloc(1, sizeof(*waits));
	struct round round = { .count = 0 };
	uint64_t lines = LINES_MOST;
	unsigned *threads = NULL;
	int rc;

	if (!waits)
		return no_memory();
	rc = first_round(&round, view, &lines);
	if (!rc) {
		threads = count_threads(view, &round);
		rc = threads ? second_round(waits, view, &round, &lines)
			     : no_memory();
	}
	end_round(&round);
	waits->partial = lines == 0;
	if (!rc)
		rc = zipc_waits_find_cycles(&waits->cycles, &waits->cycle_count,
					    view, waits->blocked, waits->looks,
					    waits->count, threads,
					    &waits->partial);
	free(threads);
	if (rc)
		zipc_view_waits_close(waits);
	else
		*out = waits;
	return rc;
}

void zipc_view_waits_close(struct zipc_view_waits *waits)
{
	unsigned i;

	if (!waits)
		return;
	for (i = 0; i < waits->cycle_count; i++)
		free((void *)waits->cycles[i].steps);
	while (waits->count)
		drop_the_last(waits);
	free(waits->cycles);
	free(waits->blocked);
	free(waits->looks);
	free(waits);
}

const struct zipc_view_blocked *
zipc_view_blocked(const struct zipc_view_waits *waits, unsigned i)
{
	return i < waits->count ? &waits->blocked[i] : NULL;
}

const struct zipc_view_cycle *
zipc_view_cycle(const struct zipc_view_waits *waits, unsigned i)
{
	return i < waits->cycle_count ? &waits->cycles[i] : NULL;
}

unsigned zipc_view_waits_partial(const struct zipc_view_waits *waits)
{
	return waits->partial;
}
