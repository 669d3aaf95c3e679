/* SPDX-License-Identifier: MIT */
/*
 * Watching a Future: its word (docs/format.md, Future), whom that names, and
 * the content that it has been settled with, which does not change any more.
 */
#include "inspect.h"
#include "inspect_waits.h"

#include "error.h"
#include "participant.h"

#include <string.h>
#include <zipc/inspect_future.h>

#define BROKEN UINT64_C(1)
#define SET UINT64_C(2)
#define FAILED UINT64_C(4)
#define MESSAGE_MAX (sizeof(((struct zipc_view_future *)0)->message) - 1)

/* A copy of the body, whose word and places have been checked. */
struct look {
	uint64_t word, deaths, turns;
	uint64_t setter_at, content_at; /* of a settled one, in the file */
	uint64_t waiters_at, waiters;
};

static bool lies_in(uint64_t bytes, uint64_t at, uint64_t count, uint64_t each)
{
	return at <= bytes && count * each <= bytes - at;
}

static bool fits(const struct zipc_block *head,
		 const struct zipc_future_body *body)
{
	return head->capacity == 1 && body->setters <= ZIPC_SETTERS_MOST &&
	       body->content_bytes >= ZIPC_FUTURE_LEAST &&
	       body->content_bytes >= head->elem_size &&
	       body->owner.waiters <= ZIPC_WAITERS_MOST &&
	       lies_in(head->body_bytes, body->setters_offset, body->setters,
		       sizeof(struct zipc_setter)) &&
	       lies_in(head->body_bytes, body->contents_offset, body->setters,
		       body->content_bytes) &&
	       lies_in(head->body_bytes, body->owner.waiters_offset,
		       body->owner.waiters, sizeof(struct zipc_waiter));
}

static int look_at(struct zipc_view *view, const struct zipc_view_block *block,
		   struct look *look)
{
	struct zipc_future_body body;
	int rc;

	if (block->head.body_bytes < sizeof(body))
		return zipc_view_damaged(view, block->name,
					 "its body of %llu bytes is no future",
					 LLU(block->head.body_bytes));
	rc = zipc_view_read(view, block->body_at, &body, sizeof(body));
	if (rc)
		return rc;
	/* Relaxed: body is a copy of our own. */
	look->word = atomic_load_explicit(&body.owner.owner,
					  memory_order_relaxed);
	look->deaths = atomic_load_explicit(&body.owner.deaths,
					    memory_order_relaxed);
	look->turns = atomic_load_explicit(&body.owner.turns,
					   memory_order_relaxed);
	if (!fits(&block->head, &body))
		return zipc_view_damaged(view, block->name,
					 "its parts are not in its body");
	if (!zipc_settling_is_sound(look->word, view->header.max_participants,
				    body.setters))
		return zipc_view_damaged(view, block->name,
					 "its owner %llx can be none",
					 LLU(look->word));
	look->waiters_at = block->body_at + body.owner.waiters_offset;
	look->waiters = body.owner.waiters;
	if (!(look->word & (SET | FAILED)))
		return 0;
	look->setter_at = block->body_at + body.setters_offset +
			  (look->word >> 3) * sizeof(struct zipc_setter);
	look->content_at = block->body_at + body.contents_offset +
			   (look->word >> 3) * body.content_bytes;
	return 0;
}

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	struct look look;
	int rc = look_at(view, block, &look);

	if (!rc)
		out->size = look.word & SET ? 1 : 0;
	return rc;
}

static int64_t elements(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t from,
			uint64_t n, void *bytes, uint64_t *ids)
{
	struct look look;
	int rc = look_at(view, block, &look);

	if (rc)
		return rc;
	if (!(look.word & SET) || from || !n)
		return 0;
	rc = zipc_view_read(view, look.content_at, bytes,
			    block->head.elem_size);
	if (ids)
		ids[0] = 0;
	return rc ? rc : 1;
}

/* its state */

static int read_settled(struct zipc_view *view,
			const struct zipc_view_block *block,
			const struct look *look, struct zipc_view_future *it)
{
	struct zipc_setter setter;
	uint64_t settler;
	uint32_t length;
	int rc = zipc_view_read(view, look->setter_at, &setter, sizeof(setter));

	if (rc)
		return rc;
	/* Relaxed: it is a copy of our own. */
	settler = atomic_load_explicit(&setter.settler, memory_order_relaxed);
	length = atomic_load_explicit(&setter.length, memory_order_relaxed);
	if (settler & 0xFFFF && zipc_holder_index(settler) <
					view->header.max_participants)
		rc = zipc_view_holder_of(view, settler, &it->who);
	if (rc || it->state == ZIPC_VIEW_SET)
		return rc;
	if (length > MESSAGE_MAX)
		return zipc_view_damaged(view, block->name,
					 "its message of %u bytes does not fit",
					 length);
	it->code = (int)atomic_load_explicit(&setter.code,
					     memory_order_relaxed);
	return zipc_view_read(view, look->content_at, it->message, length);
}

static int fill(struct zipc_view *view, const struct zipc_view_block *block,
		struct zipc_view_future *it)
{
	struct look look;
	int rc = look_at(view, block, &look);

	if (rc)
		return rc;
	it->deaths = look.deaths;
	if (look.word & (SET | FAILED)) {
		it->state = look.word & SET ? ZIPC_VIEW_SET : ZIPC_VIEW_FAILED;
		return read_settled(view, block, &look, it);
	}
	it->state = look.word ? ZIPC_VIEW_BROKEN : ZIPC_VIEW_PENDING;
	if (look.word <= BROKEN)
		return 0;
	rc = zipc_view_holder_of(view, zipc_owner_holder(look.word), &it->who);
	if (it->who.alive)
		it->state = ZIPC_VIEW_PROMISED;
	return rc;
}

static int64_t read_future(struct zipc_view *view,
			   const struct zipc_view_block *block, void *out)
{
	if (block->head.kind != ZIPC_FUTURE)
		return zipc_fail(EPROTOTYPE,
				 "`%s` in segment `/%s` is no future",
				 block->name, view->name);
	return fill(view, block, out);
}

int zipc_view_future(struct zipc_view *view,
		     const struct zipc_view_entry *entry,
		     struct zipc_view_future *out)
{
	struct zipc_view_future it = { .state = ZIPC_VIEW_PENDING };
	int rc = (int)zipc_view_of_block(view, entry, read_future, &it);

	if (!rc)
		*out = it;
	return rc;
}

/* who waits for whom */

static int waits(struct zipc_view *view, const struct zipc_view_block *block,
		 struct zipc_look *out)
{
	struct zipc_look_settling it;
	struct look look;
	int rc = look_at(view, block, &look);

	if (rc)
		return rc;
	it = (struct zipc_look_settling){ look.word, look.turns,
					  look.waiters_at, look.waiters };
	return zipc_look_at_settling(out, view, &it);
}

const struct zipc_view_kind zipc_view_of_future = {
	.kind = ZIPC_FUTURE,
	.describe = describe,
	.elements = elements,
	.waits = waits,
};
