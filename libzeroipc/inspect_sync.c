/* SPDX-License-Identifier: MIT */
/* Watching the structures for waiting, and who holds what of them. */
#include "inspect.h"
#include "inspect_waits.h"

#include "error.h"
#include "name.h"
#include "participant.h"
#include "round.h"

#include <stdlib.h>
#include <string.h>
#include <zipc/inspect_sync.h>

#define HOLDER UINT64_C(0x0000FFFFFFFFFFFF)
#define WORDS 512u /* read at once */

/* What inspect_sync.h tells, and where its holders stand. */
struct look {
	struct zipc_view_sync sync;
	uint64_t holders_at; /* in the file */
	unsigned stride;     /* from one to the next */
	uint64_t arrived;    /* a barrier's: the state of who has */
};

static int body_too_small(struct zipc_view *view,
			  const struct zipc_view_block *block)
{
	return zipc_view_damaged(view, block->name,
				 "its body of %llu bytes is no %s",
				 LLU(block->head.body_bytes),
				 zipc_kind_name(block->head.kind));
}

static int64_t no_elements(struct zipc_view *view,
			   const struct zipc_view_block *block, uint64_t from,
			   uint64_t n, void *bytes, uint64_t *ids)
{
	(void)from, (void)n, (void)bytes, (void)ids;
	return zipc_fail(EOPNOTSUPP,
			 "`%s` in segment `/%s` is a %s, which has no "
			 "elements: `zeroipc stat` tells its state",
			 block->name, view->name,
			 zipc_kind_name(block->head.kind));
}

/* semaphore */

static int count_free(struct zipc_view *view, struct look *look)
{
	uint64_t words[WORDS], n, done;
	int rc;

	for (done = 0; done < look->sync.holders; done += n) {
		n = look->sync.holders - done;
		n = n < WORDS ? n : WORDS;
		rc = zipc_view_read(view, look->holders_at + done * 8, words,
				    n * 8);
		if (rc)
			return rc;
		for (uint64_t i = 0; i < n; i++)
			look->sync.value += !(words[i] & HOLDER);
	}
	return 0;
}

static int look_at_semaphore(struct zipc_view *view,
			     const struct zipc_view_block *block,
			     struct look *look)
{
	const struct zipc_block *head = &block->head;
	struct zipc_semaphore_body body;
	int rc;

	if (head->body_bytes < sizeof(body))
		return body_too_small(view, block);
	rc = zipc_view_read(view, block->body_at, &body, sizeof(body));
	if (rc)
		return rc;
	if (body.owned > 1 ||
	    (body.owned &&
	     (head->capacity > ZIPC_PERMITS_MOST ||
	      head->capacity > (head->body_bytes - sizeof(body)) / 8)))
		return zipc_view_damaged(view, block->name,
					 "it can not have %llu permits",
					 LLU(head->capacity));
	look->sync.flags = body.owned;
	if (body.owned) {
		look->sync.holders = head->capacity;
		look->holders_at = block->body_at + sizeof(body);
		look->stride = sizeof(uint64_t);
		return count_free(view, look);
	}
	/* Relaxed: body is a copy of our own. */
	look->sync.value = atomic_load_explicit(&body.permits,
						memory_order_relaxed);
	if (look->sync.value > head->capacity)
		return zipc_view_damaged(view, block->name,
					 "%llu permits of %llu are free",
					 LLU(look->sync.value),
					 LLU(head->capacity));
	return 0;
}

/* barrier */

/* A death, or who leaves, may have changed records since round was read. */
static int count_arrived(struct zipc_view *view, struct look *look)
{
	struct zipc_party parties[WORDS / 8];
	uint64_t n, done;
	int rc;

	for (done = 0; done < look->sync.holders; done += n) {
		n = look->sync.holders - done;
		n = n < WORDS / 8 ? n : WORDS / 8;
		rc = zipc_view_read(view,
				    look->holders_at + done * sizeof(*parties),
				    parties, n * sizeof(*parties));
		if (rc)
			return rc;
		/* Relaxed: these are copies of our own. */
		for (uint64_t i = 0; i < n; i++)
			look->sync.value += atomic_load_explicit(
				&parties[i].state,
				memory_order_relaxed) == look->arrived;
	}
	return 0;
}

static int look_at_barrier(struct zipc_view *view,
			   const struct zipc_view_block *block,
			   struct look *look)
{
	const struct zipc_block *head = &block->head;
	const uint64_t each = sizeof(struct zipc_party);
	struct zipc_barrier_body body;
	uint64_t round;
	int rc;

	if (head->body_bytes < sizeof(body))
		return body_too_small(view, block);
	if (head->capacity > ZIPC_PARTIES_MOST ||
	    head->capacity > (head->body_bytes - sizeof(body)) / each)
		return zipc_view_damaged(view, block->name,
					 "it can not have %llu parties",
					 LLU(head->capacity));
	rc = zipc_view_read(view, block->body_at, &body, sizeof(body));
	if (rc)
		return rc;
	/* Relaxed: body is a copy of our own. */
	round = atomic_load_explicit(&body.round, memory_order_relaxed);
	look->arrived = zipc_party_state(round, ZIPC_PARTY_ARRIVED);
	look->sync.rounds = zipc_round_complete(round - ZIPC_FIRST_ROUND);
	look->sync.broken = zipc_round_broken(round);
	look->sync.holders = head->capacity;
	look->holders_at = block->body_at + sizeof(body);
	look->stride = sizeof(struct zipc_party);
	return count_arrived(view, look);
}

/* latch, event */

static int look_at_latch(struct zipc_view *view,
			 const struct zipc_view_block *block, struct look *look)
{
	struct zipc_latch_body body;
	int rc;

	if (block->head.body_bytes < sizeof(body))
		return body_too_small(view, block);
	rc = zipc_view_read(view, block->body_at, &body, sizeof(body));
	if (rc)
		return rc;
	/* Relaxed: body is a copy of our own. */
	look->sync.value = atomic_load_explicit(&body.count,
						memory_order_relaxed);
	if (look->sync.value > block->head.capacity)
		return zipc_view_damaged(view, block->name,
					 "its count has grown to %llu from "
					 "%llu", LLU(look->sync.value),
					 LLU(block->head.capacity));
	return 0;
}

static int look_at_event(struct zipc_view *view,
			 const struct zipc_view_block *block, struct look *look)
{
	struct zipc_event_body body;
	uint64_t state;
	int rc;

	if (block->head.body_bytes < sizeof(body))
		return body_too_small(view, block);
	rc = zipc_view_read(view, block->body_at, &body, sizeof(body));
	if (rc)
		return rc;
	if (body.automatic > 1 || block->head.capacity != 1)
		return zipc_view_damaged(view, block->name,
					 "it resets in no way");
	/* Relaxed: body is a copy of our own. */
	state = atomic_load_explicit(&body.state, memory_order_relaxed);
	look->sync.flags = body.automatic;
	look->sync.rounds = state >> 1;
	look->sync.value = state & 1;
	return 0;
}

/* all of them */

static int look_at(struct zipc_view *view, const struct zipc_view_block *block,
		   struct look *look)
{
	memset(look, 0, sizeof(*look));
	switch (block->head.kind) {
	case ZIPC_SEMAPHORE:
		return look_at_semaphore(view, block, look);
	case ZIPC_BARRIER:
		return look_at_barrier(view, block, look);
	case ZIPC_LATCH:
		return look_at_latch(view, block, look);
	case ZIPC_EVENT:
		return look_at_event(view, block, look);
	default:
		return zipc_fail(EOPNOTSUPP,
				 "`%s` in segment `/%s` is nothing to wait for",
				 block->name, view->name);
	}
}

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	struct look look;
	int rc = look_at(view, block, &look);

	if (!rc)
		out->size = look.sync.value;
	return rc;
}

static int64_t look_at_state(struct zipc_view *view,
			     const struct zipc_view_block *block, void *sync)
{
	struct look look;
	int rc = look_at(view, block, &look);

	if (!rc)
		*(struct zipc_view_sync *)sync = look.sync;
	return rc;
}

int zipc_view_sync(struct zipc_view *view, const struct zipc_view_entry *entry,
		   struct zipc_view_sync *out)
{
	struct zipc_view_sync sync;
	int rc = (int)zipc_view_of_block(view, entry, look_at_state, &sync);

	if (!rc)
		*out = sync;
	return rc;
}

/* What zipc_view_sync_holder() asks for. */
struct wanted {
	uint64_t i;
	struct zipc_view_sync_holder it;
};

static int64_t look_at_holder(struct zipc_view *view,
			      const struct zipc_view_block *block,
			      void *context)
{
	uint64_t words[2] = { 0, 0 }; /* of a party the state follows */
	struct wanted *wanted = context;
	struct look look;
	uint64_t bytes;
	int rc = look_at(view, block, &look);

	if (!rc && wanted->i >= look.sync.holders)
		rc = zipc_fail(ENOENT, "`%s` in segment `/%s` has %llu holders",
			       block->name, view->name,
			       LLU(look.sync.holders));
	if (rc)
		return rc;
	bytes = look.stride < sizeof(words) ? look.stride : sizeof(words);
	rc = zipc_view_read(view, look.holders_at + wanted->i * look.stride,
			    words, bytes);
	if (!rc && words[0] & HOLDER) {
		rc = zipc_view_holder_of(view, words[0] & HOLDER,
					 &wanted->it.who);
		wanted->it.held = !rc;
	}
	wanted->it.arrived = wanted->it.held && look.arrived &&
			     words[1] == look.arrived;
	return rc;
}

int zipc_view_sync_holder(struct zipc_view *view,
			  const struct zipc_view_entry *entry, uint64_t i,
			  struct zipc_view_sync_holder *out)
{
	struct wanted wanted = { .i = i };
	int rc = (int)zipc_view_of_block(view, entry, look_at_holder, &wanted);

	if (!rc)
		*out = wanted.it;
	return rc;
}

/* who waits for whom */

static int compare_holders(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one & HOLDER;
	uint64_t b = *(const uint64_t *)other & HOLDER;

	return (a > b) - (a < b);
}

/*
 * The words, by holder: one holder for each, with how many it holds. Their
 * turns grow with each permit that is acquired, so if the sum is the same in a
 * second look, no word was acquired between its two looks.
 */
static int add_holders(struct zipc_look *look, const uint64_t *words,
		       uint64_t n)
{
	struct zipc_look_holder it;
	uint64_t i, holder;
	int rc = 0;

	for (i = 0; i < n && !rc;) {
		holder = words[i] & HOLDER;
		it = (struct zipc_look_holder){
			.word = zipc_owner_word(holder, 0)
		};
		for (; i < n && (words[i] & HOLDER) == holder; i++) {
			it.turn += words[i] / (HOLDER + 1);
			it.permits++;
		}
		rc = zipc_look_add_holder(look, &it);
	}
	return rc;
}

static int read_holders(struct zipc_view *view, const struct look *look,
			struct zipc_look *out)
{
	uint64_t n = look->sync.holders, i;
	uint64_t *words = calloc(n, sizeof(*words));
	int rc;

	if (!words)
		return zipc_fail_as(ENOMEM, "out of memory");
	rc = zipc_view_read(view, look->holders_at, words, n * sizeof(*words));
	for (i = 0; i < n && !rc; i++)
		if (zipc_holder_index(words[i]) >=
		    view->header.max_participants)
			break; /* it is free, or nobody's */
	if (!rc && i == n) {
		qsort(words, n, sizeof(*words), compare_holders);
		rc = add_holders(out, words, n);
		out->unnamed = !rc;
	}
	free(words);
	return rc;
}

/*
 * Of an owned semaphore those who hold its permits, if none is left. Who waits
 * has no record: only that somebody may sleep can be seen.
 */
static int waits(struct zipc_view *view, const struct zipc_view_block *block,
		 struct zipc_look *out)
{
	struct look look;
	int rc = look_at(view, block, &look);

	/* Relaxed: it is a copy of our own. Both bits are set by sleepers. */
	if (rc || !look.sync.holders || look.sync.value ||
	    !(atomic_load_explicit(&block->head.readable.word,
				   memory_order_relaxed) & 3) ||
	    !zipc_look_may(out, (look.sync.holders + 7) / 8))
		return rc;
	return read_holders(view, &look, out);
}

const struct zipc_view_kind zipc_view_semaphore = {
	.kind = ZIPC_SEMAPHORE,
	.describe = describe,
	.elements = no_elements,
	.waits = waits,
};

const struct zipc_view_kind zipc_view_barrier = {
	.kind = ZIPC_BARRIER,
	.describe = describe,
	.elements = no_elements,
};

const struct zipc_view_kind zipc_view_latch = {
	.kind = ZIPC_LATCH,
	.describe = describe,
	.elements = no_elements,
};

const struct zipc_view_kind zipc_view_event = {
	.kind = ZIPC_EVENT,
	.describe = describe,
	.elements = no_elements,
};
