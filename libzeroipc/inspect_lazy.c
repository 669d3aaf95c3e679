/* SPDX-License-Identifier: MIT */
/*
 * Watching a Lazy: its cell (docs/format.md, Lazy), whom that names, and the
 * content that it has been settled with. That may be written over when it is
 * reset, so the turn is looked at again behind it.
 */
#include "inspect.h"
#include "inspect_waits.h"

#include "error.h"
#include "participant.h"

#include <string.h>
#include <zipc/inspect_lazy.h>

#define WANTED UINT64_C(1)
#define SET UINT64_C(2)
#define FAILED UINT64_C(4)
#define MESSAGE_MAX (sizeof(((struct zipc_view_lazy *)0)->message) - 1)
#define TEXT_MAX (sizeof(((struct zipc_view_lazy *)0)->expression) - 1)
#define EPOCH_SHIFT 24
#define TRIES 100

/* A copy of the body, whose word and places have been checked. */
struct look {
	struct zipc_lazy_body body;
	uint64_t turn, word;
	uint64_t setter_at, content_at; /* of a settled one, in the file */
};

static uint64_t load(const _Atomic uint64_t *word)
{
	/* Relaxed: it is a copy of our own. */
	return atomic_load_explicit(word, memory_order_relaxed);
}

static bool lies_in(uint64_t bytes, uint64_t at, uint64_t count, uint64_t each)
{
	return at <= bytes && count * each <= bytes - at;
}

static bool fits(const struct zipc_block *head,
		 const struct zipc_lazy_body *body)
{
	return head->capacity == 1 && body->setters <= ZIPC_SETTERS_MOST &&
	       body->content_bytes >= ZIPC_FUTURE_LEAST &&
	       body->content_bytes >= head->elem_size &&
	       body->owner.waiters <= ZIPC_WAITERS_MOST &&
	       body->definition_bytes <= ZIPC_DEFINITION_MOST &&
	       lies_in(head->body_bytes, body->setters_offset, body->setters,
		       sizeof(struct zipc_setter)) &&
	       lies_in(head->body_bytes, body->contents_offset, body->setters,
		       body->content_bytes) &&
	       lies_in(head->body_bytes, body->definition_offset, 1,
		       body->definition_bytes) &&
	       lies_in(head->body_bytes, body->owner.waiters_offset,
		       body->owner.waiters, sizeof(struct zipc_waiter));
}

/* The turn and the word as they stood together. */
static int read_body(struct zipc_view *view,
		     const struct zipc_view_block *block, struct look *look)
{
	struct zipc_lazy_body again;
	int rc, i;

	for (i = 0; i < TRIES; i++) {
		rc = zipc_view_read(view, block->body_at, &look->body,
				    sizeof(look->body));
		if (!rc)
			rc = zipc_view_read(view, block->body_at, &again,
					    sizeof(again));
		look->turn = load(&look->body.turn);
		look->word = load(&look->body.owner.owner);
		if (rc || load(&again.turn) == look->turn)
			return rc;
	}
	return zipc_fail(EAGAIN, "lazy `%s` in segment `/%s` changes all the "
			 "while: look again", block->name, view->name);
}

static int look_at(struct zipc_view *view, const struct zipc_view_block *block,
		   struct look *look)
{
	const struct zipc_lazy_body *body = &look->body;
	int rc;

	if (block->head.body_bytes < sizeof(*body))
		return zipc_view_damaged(view, block->name,
					 "its body of %llu bytes is no lazy",
					 LLU(block->head.body_bytes));
	rc = read_body(view, block, look);
	if (rc)
		return rc;
	if (!fits(&block->head, body))
		return zipc_view_damaged(view, block->name,
					 "its parts are not in its body");
	if (!zipc_settling_is_sound(look->word, view->header.max_participants,
				    body->setters))
		return zipc_view_damaged(view, block->name,
					 "its word %llx can be none",
					 LLU(look->word));
	if (!(look->word & (SET | FAILED)))
		return 0;
	look->setter_at = block->body_at + body->setters_offset +
			  (look->word >> 3) * sizeof(struct zipc_setter);
	look->content_at = block->body_at + body->contents_offset +
			   (look->word >> 3) * body->content_bytes;
	return 0;
}

/* What was read behind look was the lazy's own: 1; 0: it was reset. */
static int is_still(struct zipc_view *view, const struct zipc_view_block *block,
		    const struct look *look)
{
	struct zipc_lazy_body body;
	int rc = zipc_view_read(view, block->body_at, &body, sizeof(body));

	return rc ? rc : load(&body.turn) == look->turn;
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
	int rc, i;

	for (i = 0; i < TRIES; i++) {
		rc = look_at(view, block, &look);
		if (rc)
			return rc;
		if (!(look.word & SET) || from || !n)
			return 0;
		rc = zipc_view_read(view, look.content_at, bytes,
				    block->head.elem_size);
		if (!rc)
			rc = is_still(view, block, &look);
		if (rc == 1 && ids)
			ids[0] = 0;
		if (rc)
			return rc;
	}
	return 0;
}

/* its state */

static int read_settled(struct zipc_view *view,
			const struct zipc_view_block *block,
			const struct look *look, struct zipc_view_lazy *it)
{
	struct zipc_setter setter;
	uint64_t settler;
	uint32_t length;
	int rc = zipc_view_read(view, look->setter_at, &setter, sizeof(setter));

	if (rc)
		return rc;
	settler = load(&setter.settler);
	/* Relaxed: it is a copy of our own. */
	length = atomic_load_explicit(&setter.length, memory_order_relaxed);
	if (settler & 0xFFFF && zipc_holder_index(settler) <
					view->header.max_participants)
		rc = zipc_view_holder_of(view, settler, &it->who);
	if (rc || it->state == ZIPC_VIEW_LAZY_DONE)
		return rc;
	if (length > MESSAGE_MAX)
		return zipc_view_damaged(view, block->name,
					 "its message of %u bytes does not fit",
					 length);
	it->code = (int)atomic_load_explicit(&setter.code,
					     memory_order_relaxed);
	return zipc_view_read(view, look->content_at, it->message, length);
}

static int read_text(struct zipc_view *view,
		     const struct zipc_view_block *block,
		     const struct zipc_lazy_body *body,
		     struct zipc_view_lazy *it)
{
	struct zipc_lazy_definition head;
	uint64_t at = block->body_at + body->definition_offset;
	int rc;

	it->external = !body->definition_bytes;
	if (it->external)
		return 0;
	if (body->definition_bytes < sizeof(head))
		return zipc_view_damaged(view, block->name,
					 "its expression is too short");
	rc = zipc_view_read(view, at, &head, sizeof(head));
	if (rc)
		return rc;
	if (head.text_length > TEXT_MAX ||
	    !lies_in(body->definition_bytes, head.text_offset, 1,
		     head.text_length))
		return zipc_view_damaged(view, block->name,
					 "its expression is not in its body");
	return zipc_view_read(view, at + head.text_offset, it->expression,
			      head.text_length);
}

static int fill_by(struct zipc_view *view, const struct zipc_view_block *block,
		   const struct look *look, struct zipc_view_lazy *it)
{
	const struct zipc_lazy_body *body = &look->body;
	int rc;

	*it = (struct zipc_view_lazy){
		.computed = load(&body->owner.turns),
		.deaths = load(&body->owner.deaths),
		.stalls = load(&body->stalls),
		.resets = look->turn >> EPOCH_SHIFT,
		.stall_ns = body->stall_ms ? body->stall_ms * INT64_C(1000000)
					   : ZIPC_FOREVER,
		.retries = (body->options & ZIPC_LAZY_RETRIES) != 0,
	};
	rc = read_text(view, block, body, it);
	if (rc)
		return rc;
	if (look->word & (SET | FAILED)) {
		it->state = look->word & SET ? ZIPC_VIEW_LAZY_DONE
					     : ZIPC_VIEW_LAZY_FAILED;
		return read_settled(view, block, look, it);
	}
	it->state = look->word ? ZIPC_VIEW_LAZY_WANTED : ZIPC_VIEW_LAZY_IDLE;
	if (look->word <= WANTED)
		return 0;
	rc = zipc_view_holder_of(view, zipc_owner_holder(look->word), &it->who);
	if (it->who.alive)
		it->state = ZIPC_VIEW_LAZY_RUNNING;
	return rc;
}

static int fill(struct zipc_view *view, const struct zipc_view_block *block,
		struct zipc_view_lazy *it)
{
	struct look look;
	int rc, i;

	for (i = 0; i < TRIES; i++) {
		rc = look_at(view, block, &look);
		if (rc)
			return rc;
		rc = fill_by(view, block, &look, it);
		if (!rc || rc == -EBADMSG) {
			int still = is_still(view, block, &look);

			if (still)
				return still < 0 ? still : rc;
		} else {
			return rc;
		}
	}
	return zipc_fail(EAGAIN, "lazy `%s` in segment `/%s` changes all the "
			 "while: look again", block->name, view->name);
}

static int64_t read_lazy(struct zipc_view *view,
			 const struct zipc_view_block *block, void *out)
{
	if (block->head.kind != ZIPC_LAZY)
		return zipc_fail(EPROTOTYPE,
				 "`%s` in segment `/%s` is no lazy",
				 block->name, view->name);
	return fill(view, block, out);
}

int zipc_view_lazy(struct zipc_view *view, const struct zipc_view_entry *entry,
		   struct zipc_view_lazy *out)
{
	struct zipc_view_lazy it = { .state = ZIPC_VIEW_LAZY_IDLE };
	int rc = (int)zipc_view_of_block(view, entry, read_lazy, &it);

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
	it = (struct zipc_look_settling){
		.word = look.word,
		.turn = load(&look.body.owner.turns),
		.waiters_at = block->body_at + look.body.owner.waiters_offset,
		.waiters = look.body.owner.waiters,
	};
	return zipc_look_at_settling(out, view, &it);
}

const struct zipc_view_kind zipc_view_of_lazy = {
	.kind = ZIPC_LAZY,
	.describe = describe,
	.elements = elements,
	.waits = waits,
};
