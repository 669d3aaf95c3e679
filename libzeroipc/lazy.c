/* SPDX-License-Identifier: MIT */
/* Lazy: its handles, its word, and looking at it; the idea is in the header. */
#include "lazy.h"

#include "atoms.h"
#include "clock.h"
#include "error.h"
#include "participant.h"

#include <stdlib.h>
#include <string.h>

#define ELEM_MAX (UINT64_C(1) << 20)
#define SETTERS 8u
#define STALL_NS INT64_C(1000000000)
#define MS INT64_C(1000000)

/* create and open */

/* A plan, and what is to stand in the body. */
struct plan {
	struct zipc_plan plan; /* first, as build() is given its address */
	const unsigned char *definition;
	uint64_t definition_bytes;
	uint32_t stall_ms, options;
};

/* Each costs a content, so large elements have fewer. */
static uint32_t setters_for(uint64_t elem_size)
{
	return elem_size <= 16384 ? SETTERS : SETTERS / 2;
}

static uint64_t in_lines(uint64_t bytes)
{
	return (bytes + ZIPC_LINE - 1) / ZIPC_LINE * ZIPC_LINE;
}

static uint32_t content_bytes_for(uint64_t elem_size)
{
	return (uint32_t)in_lines(elem_size > ZIPC_FUTURE_LEAST
					  ? elem_size
					  : ZIPC_FUTURE_LEAST);
}

/* Without the records of who waits, and the definition behind them. */
static uint64_t own_bytes_for(uint64_t elem_size)
{
	return sizeof(struct zipc_lazy_body) +
	       setters_for(elem_size) * (sizeof(struct zipc_setter) +
					 content_bytes_for(elem_size));
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	const struct plan *mine = (const void *)plan;

	return zipc_lock_body_bytes(own_bytes_for(elem_size)) +
	       mine->definition_bytes;
}

static void build(const struct zipc_plan *plan, unsigned char *at,
		  uint64_t elem_size)
{
	const struct plan *mine = (const void *)plan;
	struct zipc_lazy_body *body = (void *)at;
	uint64_t own = own_bytes_for(elem_size);

	zipc_lock_build(&body->owner, own);
	body->setters = setters_for(elem_size);
	body->content_bytes = content_bytes_for(elem_size);
	body->setters_offset = sizeof(*body);
	body->contents_offset = body->setters_offset +
				body->setters * sizeof(struct zipc_setter);
	body->stall_ms = mine->stall_ms;
	body->options = mine->options;
	body->definition_bytes = mine->definition_bytes;
	if (!mine->definition_bytes)
		return;
	body->definition_offset = zipc_lock_body_bytes(own);
	memcpy(at + body->definition_offset, mine->definition,
	       mine->definition_bytes);
}

static bool lies_in(uint64_t bytes, uint64_t at, uint64_t count, uint64_t each)
{
	return at % ZIPC_LINE == 0 && at >= ZIPC_LINE && at <= bytes &&
	       count * each <= bytes - at;
}

static bool parts_fit(const struct zipc_found *found,
		      const struct zipc_lazy_body *body)
{
	return found->capacity == 1 && found->elem_size <= ELEM_MAX &&
	       body->setters >= 1 &&
	       body->setters <= ZIPC_SETTERS_MOST &&
	       body->content_bytes >= ZIPC_FUTURE_LEAST &&
	       body->content_bytes % ZIPC_LINE == 0 &&
	       body->content_bytes >= found->elem_size &&
	       lies_in(found->body_bytes, body->setters_offset, body->setters,
		       sizeof(struct zipc_setter)) &&
	       lies_in(found->body_bytes, body->contents_offset, body->setters,
		       body->content_bytes) &&
	       body->definition_bytes <= ZIPC_DEFINITION_MOST &&
	       (!body->definition_bytes ||
		lies_in(found->body_bytes, body->definition_offset, 1,
			body->definition_bytes));
}

/* Where the parts are, as the body says and can be. */
static int find_parts(struct zipc_lazy *lazy, const struct zipc_found *found)
{
	struct zipc_lazy_body body;

	zipc_copy_out(&body, (const void *)found->body, sizeof(body));
	if (!parts_fit(found, &body))
		return zipc_lazy_damaged(lazy, "its parts are not in its body");
	if (body.options & ~ZIPC_LAZY_OPTIONS_KNOWN)
		return zipc_lazy_damaged(lazy, "its options make no sense");
	lazy->body = (void *)found->body;
	lazy->cell = (void *)found->body;
	lazy->setters = (void *)(found->body + body.setters_offset);
	lazy->contents = found->body + body.contents_offset;
	lazy->setter_count = body.setters;
	lazy->content_bytes = body.content_bytes;
	lazy->options = body.options;
	lazy->stall_ns = body.stall_ms ? body.stall_ms * MS : INT64_MAX;
	lazy->elem_size = found->elem_size;
	if (!body.definition_bytes)
		return 0;
	return zipc_definition_read(&lazy->definition,
				    found->body + body.definition_offset,
				    body.definition_bytes,
				    zipc_type_text(lazy->type));
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_lazy **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_lazy *lazy = calloc(1, sizeof(*lazy));
	/* A lock's elements are not of its type. */
	struct zipc_found as_lock = *found;
	int rc;

	if (!lazy) {
		zipc_table_release(found);
		return zipc_fail_as(ENOMEM, "out of memory");
	}
	as_lock.type = NULL;
	as_lock.elem_size = sizeof(uint64_t);
	lazy->lock.owner_at = offsetof(struct zipc_lazy_body, owner);
	rc = zipc_lock_open(&lazy->lock, segment, name, ZIPC_LAZY, &as_lock,
			    sizeof(struct zipc_lazy_body));
	if (rc) {
		zipc_type_free(found->type);
		free(lazy);
		return rc;
	}
	lazy->mark = ZIPC_HANDLE(ZIPC_LAZY);
	lazy->type = found->type;
	rc = find_parts(lazy, found);
	if (rc)
		zipc_lazy_close(lazy);
	else
		*out = lazy;
	return zipc_use_opened(&found->use, name, rc);
}

static int set_options(struct plan *plan,
		       const struct zipc_lazy_options *options)
{
	int64_t stall = options ? options->stall_ns : 0;

	plan->options = options && options->retries ? ZIPC_LAZY_RETRIES : 0;
	if (!stall)
		stall = STALL_NS;
	if (stall < ZIPC_FOREVER || stall / MS >= UINT32_MAX)
		return zipc_fail(EINVAL, "a stall of %lld ns: from 1 ns to 49 "
				 "days, or ZIPC_FOREVER",
				 (long long)stall);
	plan->stall_ms = stall == ZIPC_FOREVER
				 ? 0
				 : (uint32_t)((stall + MS - 1) / MS);
	return 0;
}

int zipc_lazy_create_with(struct zipc_lazy **out, struct zipc_segment *segment,
			  const char *name, const char *type,
			  const char *expression,
			  const struct zipc_lazy_options *options)
{
	struct zipc_lazy_wish wish = { segment, name, type, expression };
	struct plan plan = { .plan = { .kind = ZIPC_LAZY,
				       .type = type,
				       .capacity = 1,
				       .body_bytes = body_bytes,
				       .build = build,
				       .elem_size_max = ELEM_MAX } };
	struct zipc_program *program = NULL;
	unsigned char *bytes = NULL;
	struct zipc_found found;
	int rc = set_options(&plan, options);

	if (!rc && !expression && !type)
		rc = zipc_fail(EINVAL, "external lazy `%s` needs a type", name);
	if (!rc && expression)
		rc = zipc_lazy_define(&bytes, &plan.definition_bytes, &program,
				      &wish);
	if (!rc && expression)
		plan.plan.type = zipc_program_type(program);
	plan.definition = bytes;
	if (!rc)
		rc = zipc_table_create(&found, segment, name, &plan.plan);
	free(bytes);
	zipc_program_close(program);
	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_lazy_create(struct zipc_lazy **out, struct zipc_segment *segment,
		     const char *name, const char *type, const char *expression)
{
	if (!expression)
		return zipc_fail(EINVAL, "lazy `%s` has no expression", name);
	return zipc_lazy_create_with(out, segment, name, type, expression,
				     NULL);
}

int zipc_lazy_create_external(struct zipc_lazy **out,
			      struct zipc_segment *segment, const char *name,
			      const char *type)
{
	return zipc_lazy_create_with(out, segment, name, type, NULL, NULL);
}

int zipc_lazy_open(struct zipc_lazy **out, struct zipc_segment *segment,
		   const char *name, const char *type)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_LAZY, type);

	return rc ? rc : handle_on(out, segment, name, &found);
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

int zipc_lazy_open_or_create(struct zipc_lazy **out,
			     struct zipc_segment *segment, const char *name,
			     const char *type, const char *expression)
{
	struct zipc_lazy *lazy = NULL;
	int rc = -ENOENT, tries;

	/* Others may remove and create it between our two looks. */
	for (tries = 0; tries < 100; tries++) {
		rc = zipc_lazy_open(&lazy, segment, name, type);
		if (rc != -ENOENT || segment->read_only)
			break;
		rc = zipc_lazy_create_with(&lazy, segment, name, type,
					   expression, NULL);
		if (rc != -EEXIST)
			break;
	}
	if (rc)
		return rc;
	if (is_same(zipc_lazy_expression(lazy), expression)) {
		*out = lazy;
		return 0;
	}
	rc = zipc_fail(EPROTOTYPE, "lazy `%s` in segment `/%s` is there, as "
		       "%.200s, not %.200s", name, segment->name,
		       lazy->definition ? lazy->definition->text : "external",
		       expression ? expression : "external");
	zipc_lazy_close(lazy);
	return rc;
}

void zipc_lazy_close(struct zipc_lazy *lazy)
{
	if (!lazy)
		return;
	if (lazy->taken && lazy->taken_generation == zipc_fork_generation)
		zipc_lazy_give(lazy, lazy->taken_turn);
	zipc_lock_close(&lazy->lock);
	zipc_definition_free(lazy->definition);
	zipc_type_free(lazy->type);
	free(lazy);
}

/* the word */

int zipc_lazy_enter(struct zipc_lazy *lazy)
{
	const struct zipc_lock *lock = &lazy->lock;

	if (lock->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: lazy `%s` can only be looked at "
				 "through it", lock->segment->name, lock->name);
	return zipc_lock_enter(&lazy->lock);
}

int zipc_lazy_damaged(const struct zipc_lazy *lazy, const char *what)
{
	return zipc_fail(EBADMSG, "lazy `%s` in segment `/%s` is damaged: %s",
			 lazy->lock.name, lazy->lock.segment->name, what);
}

bool zipc_lazy_is_sound(const struct zipc_lazy *lazy, uint64_t word)
{
	return zipc_settling_is_sound(word,
				      lazy->lock.segment->max_participants,
				      lazy->setter_count);
}

struct zipc_pair zipc_lazy_load(const struct zipc_lazy *lazy)
{
	/* computed: acquire; pairs with zipc_lazy_swap() and next_epoch(). */
	return zipc_cell_read(lazy->cell);
}

bool zipc_lazy_swap(struct zipc_lazy *lazy, struct zipc_pair *from,
		    uint64_t word)
{
	struct zipc_pair to = { from->turn + 1, word };

	/* computed: acquire and release; pairs with zipc_lazy_load(). */
	return zipc_cell_swap(lazy->cell, from, to);
}

static bool next_epoch(struct zipc_lazy *lazy, struct zipc_pair *from,
		       uint64_t word)
{
	uint64_t epoch = zipc_lazy_epoch(from->turn) + 1;
	struct zipc_pair to = { epoch << ZIPC_LAZY_CHANGES, word };

	/* computed: acquire and release; pairs with zipc_lazy_load(). */
	return zipc_cell_swap(lazy->cell, from, to);
}

bool zipc_lazy_is_anothers(struct zipc_lazy *lazy, uint64_t word)
{
	return word > ZIPC_WANTED && !zipc_lazy_settled(word) &&
	       !zipc_lock_is_mine(&lazy->lock, word) &&
	       zipc_segment_lives(lazy->lock.segment, zipc_owner_holder(word));
}

void zipc_lazy_wake_waiters(struct zipc_lazy *lazy)
{
	struct zipc_lock *lock = &lazy->lock;

	zipc_wake(&lock->block->readable, lock->symmetric, UINT64_MAX);
}

void zipc_lazy_wake_server(struct zipc_lazy *lazy)
{
	struct zipc_lock *lock = &lazy->lock;

	zipc_wake(&lock->block->writable, lock->symmetric, 1);
}

/* look */

/* Who has no bit up (use.h) asks behind it whether that was this lazy. */
static int64_t if_it_stood(const struct zipc_lazy *lazy, int64_t rc)
{
	const struct zipc_lock *lock = &lazy->lock;

	if (zipc_lock_entered(lock))
		return rc;
	atomic_thread_fence(memory_order_acquire);
	if (zipc_use_stands(&lock->use))
		return rc;
	return zipc_fail(ENOENT, "lazy `%s` in segment `/%s` was removed: "
			 "look it up again", lock->name, lock->segment->name);
}

/* Whether what was copied since pair was loaded belongs to it. */
static bool is_still(const struct zipc_lazy *lazy, const struct zipc_pair *pair)
{
	/* moved: acquire; pairs with commit_with(). */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&lazy->cell->turn, memory_order_relaxed) ==
	       pair->turn;
}

static const void *content_of(const struct zipc_lazy *lazy, uint64_t word)
{
	return lazy->contents + (word >> 3) * lazy->content_bytes;
}

/*
 * Each turn of the loop but the last, somebody else has reset it; then it was
 * not settled, for once.
 */
int64_t zipc_lazy_look(struct zipc_lazy *lazy, void *elem)
{
	struct zipc_pair pair;
	unsigned tries = 0;
	int64_t rc;

	do {
		if (tries++ == ZIPC_LAZY_CHANGES_MOST)
			return if_it_stood(lazy, -EAGAIN);
		pair = zipc_lazy_load(lazy);
		rc = -EAGAIN;
		if (!zipc_lazy_is_sound(lazy, pair.value))
			rc = -EBADMSG;
		else if (pair.value & ZIPC_LAZY_BAD)
			rc = -ECANCELED;
		else if (pair.value & ZIPC_LAZY_SET)
			rc = 0;
		if (!rc && elem)
			zipc_copy_out(elem, content_of(lazy, pair.value),
				      lazy->elem_size);
	} while (!rc && !is_still(lazy, &pair));
	return if_it_stood(lazy, rc);
}

/* request and reset */

/* What it has to become by a request; its own word: it need not change. */
static uint64_t requested(struct zipc_lazy *lazy, uint64_t word)
{
	bool again = word & ZIPC_LAZY_BAD && lazy->options & ZIPC_LAZY_RETRIES;

	if (!word || again)
		return ZIPC_WANTED;
	if (zipc_lazy_settled(word) || word == ZIPC_WANTED ||
	    zipc_lock_is_mine(&lazy->lock, word) ||
	    !zipc_lock_look_due(&lazy->lock, ZIPC_TRY_LOOK_NS) ||
	    zipc_lazy_is_anothers(lazy, word))
		return word;
	return ZIPC_WANTED; /* of the dead */
}

/* Each turn of the loop but the last, somebody else changed the cell. */
int zipc_lazy_ask(struct zipc_lazy *lazy)
{
	int rc = zipc_lazy_enter(lazy);
	struct zipc_pair pair;
	uint64_t to;

	if (rc)
		return rc;
	pair = zipc_lazy_load(lazy);
	do {
		if (!zipc_lazy_is_sound(lazy, pair.value))
			return zipc_lazy_tell(lazy, -EBADMSG);
		to = requested(lazy, pair.value);
		if (to == pair.value)
			return 0;
	} while (pair.value & ZIPC_LAZY_BAD ? !next_epoch(lazy, &pair, to)
					    : !zipc_lazy_swap(lazy, &pair, to));
	/* Relaxed: for who watches. */
	if (pair.value > ZIPC_WANTED && !zipc_lazy_settled(pair.value))
		atomic_fetch_add_explicit(&lazy->lock.at->deaths, 1,
					  memory_order_relaxed);
	zipc_lazy_wake_server(lazy);
	return 1;
}

/* A daemon that is called once knows of it. */
int zipc_lazy_request(struct zipc_lazy *lazy)
{
	int rc = zipc_lazy_ask(lazy);

	if (rc > 0 && lazy->definition)
		zipc_segment_call_daemon(lazy->lock.segment);
	return rc < 0 ? rc : 0;
}

int zipc_lazy_reset(struct zipc_lazy *lazy)
{
	int rc = zipc_lazy_enter(lazy);
	struct zipc_pair pair;
	uint64_t to;

	if (rc)
		return rc;
	pair = zipc_lazy_load(lazy);
	do {
		if (!zipc_lazy_is_sound(lazy, pair.value))
			return zipc_lazy_tell(lazy, -EBADMSG);
		to = !pair.value || zipc_lazy_settled(pair.value)
			     ? 0
			     : ZIPC_WANTED;
	} while (!next_epoch(lazy, &pair, to));
	/* Who waits for who computed it, and who may compute it now. */
	zipc_lazy_wake_waiters(lazy);
	if (to)
		zipc_lazy_wake_server(lazy);
	return 0;
}

/* ask */

/* The code and the message of a failure. */
static int load_error(const struct zipc_lazy *lazy, uint64_t word, int *code,
		      char text[static ZIPC_LAZY_MESSAGE_MAX + 1])
{
	const struct zipc_setter *setter = &lazy->setters[word >> 3];
	/* Relaxed: they were written before the word. */
	uint32_t length = atomic_load_explicit(&setter->length,
					       memory_order_relaxed);

	if (length > ZIPC_LAZY_MESSAGE_MAX)
		return -EBADMSG;
	*code = (int)atomic_load_explicit(&setter->code, memory_order_relaxed);
	zipc_copy_out(text, content_of(lazy, word), length);
	text[length] = '\0';
	return 0;
}

/* -EINVAL it has not failed. Loops as zipc_lazy_look(). */
static int look_at_error(struct zipc_lazy *lazy, int *code,
			 char text[static ZIPC_LAZY_MESSAGE_MAX + 1])
{
	struct zipc_pair pair;
	unsigned tries = 0;
	int rc;

	do {
		if (tries++ == ZIPC_LAZY_CHANGES_MOST)
			return -EINVAL;
		pair = zipc_lazy_load(lazy);
		if (!zipc_lazy_is_sound(lazy, pair.value))
			rc = -EBADMSG;
		else if (!(pair.value & ZIPC_LAZY_BAD))
			rc = -EINVAL;
		else
			rc = load_error(lazy, pair.value, code, text);
	} while (!is_still(lazy, &pair));
	return rc;
}

int zipc_lazy_error(struct zipc_lazy *lazy, int *code, char *message,
		    size_t size)
{
	char text[ZIPC_LAZY_MESSAGE_MAX + 1];
	int it = 0, rc = look_at_error(lazy, &it, text);

	if (rc == -EINVAL)
		rc = zipc_fail(EINVAL, "lazy `%s` in segment `/%s` has not "
			       "failed", lazy->lock.name,
			       lazy->lock.segment->name);
	rc = (int)if_it_stood(lazy, rc);
	if (rc)
		return zipc_lazy_tell(lazy, rc);
	if (code)
		*code = it;
	if (message && size) {
		strncpy(message, text, size - 1);
		message[size - 1] = '\0';
	}
	return 0;
}

static int state_by(struct zipc_lazy *lazy, uint64_t word)
{
	if (zipc_lazy_settled(word))
		return word & ZIPC_LAZY_SET ? ZIPC_LAZY_DONE : ZIPC_LAZY_FAILED;
	if (!word)
		return ZIPC_LAZY_IDLE;
	return zipc_lock_is_mine(&lazy->lock, word) ||
			       zipc_lazy_is_anothers(lazy, word)
		       ? ZIPC_LAZY_RUNNING
		       : ZIPC_LAZY_WANTED;
}

int zipc_lazy_state(struct zipc_lazy *lazy)
{
	struct zipc_pair pair;
	unsigned tries = 0;
	int rc;

	/* Again, if somebody changed it while it was asked who lives. */
	do {
		pair = zipc_lazy_load(lazy);
		rc = zipc_lazy_is_sound(lazy, pair.value)
			     ? state_by(lazy, pair.value)
			     : zipc_lazy_tell(lazy, -EBADMSG);
	} while (rc == ZIPC_LAZY_WANTED && !is_still(lazy, &pair) &&
		 ++tries < ZIPC_LAZY_CHANGES_MOST);
	return (int)if_it_stood(lazy, rc);
}

const struct zipc_type *zipc_lazy_type(const struct zipc_lazy *lazy)
{
	return lazy->type;
}

const char *zipc_lazy_expression(const struct zipc_lazy *lazy)
{
	return lazy->definition ? lazy->definition->text : NULL;
}

/* messages */

/* What a message of this library can take in: one line. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7F)
			*text = ' ';
}

static int tell_failure(struct zipc_lazy *lazy)
{
	char text[ZIPC_LAZY_MESSAGE_MAX + 1] = "";
	int code = 0;

	/* If it was reset since, what it was is known no more. */
	if (look_at_error(lazy, &code, text))
		return zipc_fail_as(ECANCELED, "the lazy has failed");
	clean(text);
	return zipc_fail(ECANCELED, "lazy `%s` in segment `/%s` has failed "
			 "with code %d%s%s", lazy->lock.name,
			 lazy->lock.segment->name, code, *text ? ": " : "",
			 text);
}

int zipc_lazy_tell(struct zipc_lazy *lazy, int rc)
{
	switch (rc) {
	case -EAGAIN:
		return zipc_fail_as(EAGAIN, "the lazy is not computed yet");
	case -ETIMEDOUT:
		return zipc_fail_as(ETIMEDOUT,
				    "the lazy was not computed in time");
	case -ECANCELED:
		return tell_failure(lazy);
	case -EBADMSG:
		return zipc_lazy_damaged(lazy, "its word can be none");
	}
	return rc;
}
