/* SPDX-License-Identifier: MIT */
/* Future; the idea is in the header. */
#include "future.h"

#include "atoms.h"
#include "clock.h"
#include "error.h"
#include "participant.h"
#include "record.h"

#include <stdlib.h>
#include <string.h>

#define ELEM_MAX (UINT64_C(1) << 20)
#define SETTERS 8u
#define MESSAGE_MAX ((uint32_t)ZIPC_FUTURE_MESSAGE_MAX)
/* How long a setter looks for a record while all are taken. */
#define RECORD_TRIES 100u
#define RECORD_PAUSE_NS INT64_C(1000000)

/* create and open */

/* Each costs a content, so large elements have fewer. */
static uint32_t setters_for(uint64_t elem_size)
{
	return elem_size <= 16384 ? SETTERS : SETTERS / 2;
}

static uint32_t content_bytes_for(uint64_t elem_size)
{
	uint64_t bytes = elem_size > ZIPC_FUTURE_LEAST ? elem_size
						       : ZIPC_FUTURE_LEAST;

	return (uint32_t)((bytes + ZIPC_LINE - 1) / ZIPC_LINE * ZIPC_LINE);
}

/* Without the records of who waits, which are behind. */
static uint64_t own_bytes_for(uint64_t elem_size)
{
	return sizeof(struct zipc_future_body) +
	       setters_for(elem_size) * (sizeof(struct zipc_setter) +
					 content_bytes_for(elem_size));
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	(void)plan;
	return zipc_lock_body_bytes(own_bytes_for(elem_size));
}

static void build(const struct zipc_plan *plan, unsigned char *at,
		  uint64_t elem_size)
{
	struct zipc_future_body *body = (void *)at;

	(void)plan;
	zipc_lock_build(&body->owner, own_bytes_for(elem_size));
	body->setters = setters_for(elem_size);
	body->content_bytes = content_bytes_for(elem_size);
	body->setters_offset = sizeof(*body);
	body->contents_offset = body->setters_offset +
				body->setters * sizeof(struct zipc_setter);
}

static struct zipc_plan plan_of(const char *type)
{
	return (struct zipc_plan){ .kind = ZIPC_FUTURE,
				   .type = type,
				   .capacity = 1,
				   .body_bytes = body_bytes,
				   .build = build,
				   .elem_size_max = ELEM_MAX };
}

static bool lies_in(uint64_t bytes, uint64_t at, uint64_t count, uint64_t each)
{
	return at % ZIPC_LINE == 0 && at >= ZIPC_LINE && at <= bytes &&
	       count * each <= bytes - at;
}

/* Where the parts are, as the body says and can be. */
static int find_parts(struct zipc_future *future,
		      const struct zipc_found *found)
{
	struct zipc_future_body body;

	memcpy(&body, found->body, sizeof(body));
	if (found->capacity != 1 || body.setters < 1 ||
	    body.setters > ZIPC_SETTERS_MOST ||
	    body.content_bytes < ZIPC_FUTURE_LEAST ||
	    body.content_bytes % ZIPC_LINE ||
	    body.content_bytes < found->elem_size ||
	    !lies_in(found->body_bytes, body.setters_offset, body.setters,
		     sizeof(struct zipc_setter)) ||
	    !lies_in(found->body_bytes, body.contents_offset, body.setters,
		     body.content_bytes))
		return zipc_fail(EBADMSG, "future `%s` in segment `/%s` is "
				 "damaged: its parts are not in its body",
				 future->lock.name,
				 future->lock.segment->name);
	future->setters = (void *)(found->body + body.setters_offset);
	future->contents = found->body + body.contents_offset;
	future->setter_count = body.setters;
	future->content_bytes = body.content_bytes;
	future->elem_size = found->elem_size;
	return 0;
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_future **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_future *future = calloc(1, sizeof(*future));
	/* A lock's elements are not of its type. */
	struct zipc_found as_lock = *found;
	int rc;

	if (!future) {
		zipc_table_release(found);
		return zipc_fail_as(ENOMEM, "out of memory");
	}
	as_lock.type = NULL;
	as_lock.elem_size = sizeof(uint64_t);
	rc = zipc_lock_open(&future->lock, segment, name, ZIPC_FUTURE, &as_lock,
			    sizeof(struct zipc_future_body));
	if (rc) {
		zipc_type_free(found->type);
		free(future);
		return rc;
	}
	future->mark = ZIPC_HANDLE(ZIPC_FUTURE);
	future->type = found->type;
	rc = find_parts(future, found);
	if (rc)
		zipc_future_close(future);
	else
		*out = future;
	return zipc_use_opened(&found->use, name, rc);
}

int zipc_future_create(struct zipc_future **out, struct zipc_segment *segment,
		       const char *name, const char *type)
{
	struct zipc_plan plan = plan_of(type);
	struct zipc_found found;
	int rc = zipc_table_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_future_open(struct zipc_future **out, struct zipc_segment *segment,
		     const char *name, const char *type)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_FUTURE, type);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_future_open_or_create(struct zipc_future **out,
			       struct zipc_segment *segment, const char *name,
			       const char *type)
{
	struct zipc_plan plan = plan_of(type);
	struct zipc_found found;
	int rc = zipc_table_open_or_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

void zipc_future_close(struct zipc_future *future)
{
	if (!future)
		return;
	/* If it has promised, that stores BROKEN, and wakes who waits. */
	zipc_lock_close(&future->lock);
	zipc_type_free(future->type);
	free(future);
}

/* the word */

int zipc_future_enter(struct zipc_future *future)
{
	const struct zipc_lock *lock = &future->lock;

	if (lock->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: future `%s` can only be looked at "
				 "through it", lock->segment->name, lock->name);
	return zipc_lock_enter(&future->lock);
}

static int damaged(const struct zipc_future *future, const char *what)
{
	return zipc_fail(EBADMSG, "future `%s` in segment `/%s` is damaged: %s",
			 future->lock.name, future->lock.segment->name, what);
}

/* Whether the word can have come to be at all. */
static bool is_sound(const struct zipc_future *future, uint64_t word)
{
	return zipc_settling_is_sound(word,
				      future->lock.segment->max_participants,
				      future->setter_count);
}

static uint64_t load(const struct zipc_future *future)
{
	/* settled: acquire; pairs with swap(). */
	return atomic_load_explicit(&future->lock.at->owner,
				    memory_order_acquire);
}

/* From exactly *word, else that becomes what stands there. */
static bool swap(struct zipc_future *future, uint64_t *word, uint64_t to)
{
	/* settled: acquire and release; pairs with load(). */
	return atomic_compare_exchange_strong_explicit(
		&future->lock.at->owner, word, to, memory_order_acq_rel,
		memory_order_acquire);
}

static bool names_another(const struct zipc_future *future, uint64_t word)
{
	return word > ZIPC_BROKEN && !zipc_future_settled(word) &&
	       !zipc_lock_is_mine(&future->lock, word);
}

/* Whether the word names another, who lives. */
static bool is_anothers(struct zipc_future *future, uint64_t word)
{
	return names_another(future, word) &&
	       zipc_segment_lives(future->lock.segment,
				  zipc_owner_holder(word));
}

/* rc: the promise of who the word names is in the way. */
static int is_promised(const struct zipc_future *future, uint64_t word,
		       int error)
{
	const struct zipc_segment *segment = future->lock.segment;
	struct zipc_participant *place =
		&segment->participants[zipc_holder_index(
			zipc_owner_holder(word))];
	uint64_t name[3] = { 0, 0, 0 };
	char text[sizeof(name)];

	zipc_copy_out(name, place->name, 2 * sizeof(*name));
	memcpy(text, name, sizeof(text));
	return zipc_fail(error, "future `%s` in segment `/%s` is promised by "
			 "process %u (%s): it settles it, unless it ends",
			 future->lock.name, segment->name,
			 atomic_load_explicit(&place->pid,
					      memory_order_relaxed), text);
}

static void count_a_death(struct zipc_future *future, uint64_t word)
{
	/* Relaxed: for who watches. */
	if (word && !zipc_lock_is_mine(&future->lock, word))
		atomic_fetch_add_explicit(&future->lock.at->deaths, 1,
					  memory_order_relaxed);
}

/* promise */

static int already(const struct zipc_future *future)
{
	return zipc_fail(EALREADY, "future `%s` in segment `/%s` is settled, "
			 "which it is once", future->lock.name,
			 future->lock.segment->name);
}

/* Each turn of the loop but the last, somebody else changed the word. */
int zipc_future_promise(struct zipc_future *future)
{
	int rc = zipc_future_enter(future);
	uint64_t word;

	if (rc)
		return rc;
	word = load(future);
	do {
		if (!is_sound(future, word))
			return damaged(future, "its owner can be none");
		if (zipc_future_settled(word))
			return already(future);
		if (zipc_lock_is_mine(&future->lock, word))
			return zipc_fail(EBUSY, "future `%s` in segment `/%s` "
					 "is promised by this handle already",
					 future->lock.name,
					 future->lock.segment->name);
		if (is_anothers(future, word))
			return is_promised(future, word, EBUSY);
	} while (!swap(future, &word, future->lock.mine));
	count_a_death(future, word);
	return 0;
}

int zipc_future_withdraw(struct zipc_future *future)
{
	struct zipc_lock *lock = &future->lock;

	if (!zipc_lock_is_mine(lock, zipc_lock_word(lock)))
		return zipc_fail(EPERM, "future `%s` in segment `/%s` is not "
				 "promised by this handle", lock->name,
				 lock->segment->name);
	/* settled: release, in it; pairs with load(). */
	zipc_lock_free(lock, 0);
	return 0;
}

/* settle */

/* What it is settled with. */
struct content {
	uint64_t state; /* SET_TO or FAILED */
	const void *bytes;
	uint32_t size_bytes;
	int code;
};

/* Whether this handle may settle it, as the word says. */
static int may_settle(struct zipc_future *future, uint64_t word)
{
	if (!is_sound(future, word))
		return damaged(future, "its owner can be none");
	if (zipc_future_settled(word))
		return already(future);
	if (is_anothers(future, word))
		return is_promised(future, word, EPERM);
	return 0;
}

/*
 * A record to write with. While all are taken, those who have them are about to
 * settle it or to give them back, unless they are stopped.
 */
static int take_record(struct zipc_future *future, int64_t *record)
{
	struct timespec pause = zipc_timespec(RECORD_PAUSE_NS);
	unsigned tries;
	int rc;

	for (tries = 0; tries < RECORD_TRIES; tries++) {
		if (tries)
			nanosleep(&pause, NULL);
		rc = may_settle(future, load(future));
		if (rc)
			return rc;
		*record = zipc_record_take(future->lock.segment,
					   future->setters,
					   future->setter_count);
		if (*record >= 0)
			return 0;
	}
	return zipc_fail(EUSERS, "%u processes are about to settle future `%s` "
			 "in segment `/%s`, and do not go on: continue or end "
			 "them", future->setter_count, future->lock.name,
			 future->lock.segment->name);
}

static void write_content(struct zipc_future *future, int64_t record,
			  const struct content *it)
{
	struct zipc_setter *setter = &future->setters[record];
	unsigned char *to = future->contents +
			    (size_t)record * future->content_bytes;

	/* Relaxed: the word that names it is stored behind all of this. */
	atomic_store_explicit(&setter->settler,
			      atomic_load_explicit(
				      &future->lock.segment->holder,
				      memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&setter->code, (uint32_t)it->code,
			      memory_order_relaxed);
	atomic_store_explicit(&setter->length, it->size_bytes,
			      memory_order_relaxed);
	zipc_copy_in((void *)to, it->bytes, it->size_bytes);
}

/* Each turn of the loop but the last, somebody else changed the word. */
static int settle_with(struct zipc_future *future, int64_t record,
		       const struct content *it)
{
	/* Behind the record's taking: what it had before is not the value. */
	uint64_t word = load(future);
	int rc = may_settle(future, word);

	if (rc)
		return rc;
	write_content(future, record, it);
	while (!swap(future, &word, (uint64_t)record << 3 | it->state)) {
		rc = may_settle(future, word);
		if (rc)
			return rc;
	}
	count_a_death(future, word);
	return 0;
}

static int settle(struct zipc_future *future, const struct content *it)
{
	struct zipc_lock *lock = &future->lock;
	int rc = zipc_future_enter(future);
	int64_t record;

	if (!rc)
		rc = take_record(future, &record);
	if (rc)
		return rc;
	rc = settle_with(future, record, it);
	if (rc)
		zipc_record_give(&future->setters[record]);
	else
		zipc_wake(&lock->block->readable, lock->symmetric, UINT64_MAX);
	return rc;
}

int zipc_future_set(struct zipc_future *future, const void *elem)
{
	struct content content = { .state = ZIPC_SET_TO,
				   .bytes = elem,
				   .size_bytes = (uint32_t)future->elem_size };

	return settle(future, &content);
}

/* As many whole characters as there is room for. */
static uint32_t length_of(const char *message)
{
	size_t n = message ? strnlen(message, MESSAGE_MAX + 1) : 0;

	if (n <= MESSAGE_MAX)
		return (uint32_t)n;
	for (n = MESSAGE_MAX; n && ((unsigned char)message[n] & 0xC0) == 0x80;)
		n--;
	return (uint32_t)n;
}

int zipc_future_fail(struct zipc_future *future, int code, const char *message)
{
	struct content content = { .state = ZIPC_FAILED,
				   .bytes = message,
				   .size_bytes = length_of(message),
				   .code = code };

	return settle(future, &content);
}

/* look */

/* Who has no bit up (use.h) asks behind it whether that was this future. */
static int64_t if_it_stood(const struct zipc_future *future, int64_t rc)
{
	const struct zipc_lock *lock = &future->lock;

	if (zipc_lock_entered(lock))
		return rc;
	atomic_thread_fence(memory_order_acquire);
	if (zipc_use_stands(&lock->use))
		return rc;
	return zipc_fail(ENOENT, "future `%s` in segment `/%s` was removed: "
			 "look it up again", lock->name, lock->segment->name);
}

static const unsigned char *content_of(const struct zipc_future *future,
				       uint64_t word)
{
	return future->contents + (word >> 3) * future->content_bytes;
}

int64_t zipc_future_look(struct zipc_future *future, void *elem)
{
	uint64_t word = load(future);
	int64_t rc = -EAGAIN;

	if (!is_sound(future, word))
		rc = -EBADMSG;
	else if (word & ZIPC_FAILED)
		rc = -ECANCELED;
	else if (word & ZIPC_SET_TO)
		rc = 0;
	else if (word == ZIPC_BROKEN)
		rc = -EOWNERDEAD;
	if (!rc && elem)
		zipc_copy_out(elem, (const void *)content_of(future, word),
			      future->elem_size);
	return if_it_stood(future, rc);
}

int64_t zipc_future_look_well(struct zipc_future *future, void *elem,
			      int64_t pause_ns)
{
	uint64_t word = zipc_lock_word(&future->lock);
	int64_t rc = zipc_future_look(future, elem);

	if (rc != -EAGAIN || !word ||
	    zipc_lock_is_mine(&future->lock, word) ||
	    !zipc_lock_look_due(&future->lock, pause_ns) ||
	    is_anothers(future, word))
		return rc;
	/* He is dead; but he may have settled it before, or another since. */
	return if_it_stood(future, load(future) == word
					   ? -EOWNERDEAD
					   : zipc_future_look(future, elem));
}

/* get */

static int64_t look(void *context)
{
	struct zipc_future *future = context;

	return zipc_future_look(future, future->elem);
}

static int64_t look_well(void *context)
{
	struct zipc_future *future = context;

	return zipc_future_look_well(future, future->elem, ZIPC_FUTURE_LOOK_NS);
}

static int get_slowly(struct zipc_future *future, void *elem,
		      int64_t timeout_ns)
{
	struct zipc_lock_wait wait = { .lock = &future->lock,
				       .event = &future->lock.block->readable,
				       .to = ZIPC_TO_HOLD,
				       .quick = look,
				       .thorough = look_well,
				       .context = future };
	int rc;

	if (timeout_ns == ZIPC_NOWAIT)
		return (int)zipc_future_look_well(future, elem,
						  ZIPC_TRY_LOOK_NS);
	rc = zipc_future_enter(future);
	if (!rc && zipc_lock_is_mine(&future->lock,
				     zipc_lock_word(&future->lock)))
		rc = zipc_fail(EDEADLK, "future `%s` in segment `/%s` is "
			       "promised by this handle: it would wait for "
			       "itself", future->lock.name,
			       future->lock.segment->name);
	if (rc)
		return rc;
	future->elem = elem;
	return (int)zipc_lock_sleep(&wait, zipc_deadline(timeout_ns));
}

int zipc_future_get(struct zipc_future *future, void *elem, int64_t timeout_ns)
{
	int rc = (int)zipc_future_look(future, elem);

	if (rc == -EAGAIN)
		rc = get_slowly(future, elem, timeout_ns);
	return rc ? zipc_future_tell(future, rc) : 0;
}

/* ask */

/* The code and the message of a failure; text has room for MESSAGE_MAX + 1. */
static int load_error(const struct zipc_future *future, uint64_t word,
		      int *code, char *text)
{
	const struct zipc_setter *setter = &future->setters[word >> 3];
	/* Relaxed: they were written before the word. */
	uint32_t length = atomic_load_explicit(&setter->length,
					       memory_order_relaxed);

	if (length > MESSAGE_MAX)
		return damaged(future, "its message does not fit");
	*code = (int)atomic_load_explicit(&setter->code, memory_order_relaxed);
	zipc_copy_out(text, (const void *)content_of(future, word), length);
	text[length] = '\0';
	return 0;
}

int zipc_future_error(struct zipc_future *future, int *code, char *message,
		      size_t size)
{
	char text[ZIPC_FUTURE_MESSAGE_MAX + 1];
	uint64_t word = load(future);
	int it = 0, rc;

	if (!is_sound(future, word))
		rc = damaged(future, "its owner can be none");
	else if (!(word & ZIPC_FAILED))
		rc = zipc_fail(EINVAL, "future `%s` in segment `/%s` has not "
			       "failed", future->lock.name,
			       future->lock.segment->name);
	else
		rc = load_error(future, word, &it, text);
	rc = (int)if_it_stood(future, rc);
	if (rc)
		return rc;
	if (code)
		*code = it;
	if (message && size) {
		strncpy(message, text, size - 1);
		message[size - 1] = '\0';
	}
	return 0;
}

/* What it is by the word; is_sound() has looked. */
static int state_by(struct zipc_future *future, uint64_t word)
{
	if (zipc_future_settled(word))
		return word & ZIPC_FAILED ? ZIPC_FUTURE_FAILED
					  : ZIPC_FUTURE_SET;
	if (!word)
		return ZIPC_FUTURE_PENDING;
	return is_anothers(future, word) ||
			       zipc_lock_is_mine(&future->lock, word)
		       ? ZIPC_FUTURE_PROMISED
		       : ZIPC_FUTURE_BROKEN;
}

int zipc_future_state(struct zipc_future *future)
{
	uint64_t word = load(future), before;
	int rc;

	/* Again, if somebody changed it while it was asked who lives. */
	do {
		before = word;
		rc = is_sound(future, word)
			     ? state_by(future, word)
			     : damaged(future, "its owner can be none");
		word = load(future);
	} while (rc == ZIPC_FUTURE_BROKEN && word != before);
	return (int)if_it_stood(future, rc);
}

const struct zipc_type *zipc_future_type(const struct zipc_future *future)
{
	return future->type;
}

/* messages */

/* What a message of this library can take in: one line. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7F)
			*text = ' ';
}

static int tell_failure(const struct zipc_future *future)
{
	char text[ZIPC_FUTURE_MESSAGE_MAX + 1];
	uint64_t word = load(future);
	int code, rc;

	if (!(word & ZIPC_FAILED) || !is_sound(future, word))
		return damaged(future, "its owner can be none");
	rc = load_error(future, word, &code, text);
	if (rc)
		return rc;
	clean(text);
	return zipc_fail(ECANCELED, "future `%s` in segment `/%s` has failed "
			 "with code %d%s%s", future->lock.name,
			 future->lock.segment->name, code, *text ? ": " : "",
			 text);
}

int zipc_future_tell(const struct zipc_future *future, int rc)
{
	switch (rc) {
	case -EAGAIN:
		return zipc_fail_as(EAGAIN, "the future is not settled");
	case -ETIMEDOUT:
		return zipc_fail_as(ETIMEDOUT,
				    "the future was not settled in time");
	case -ECANCELED:
		return tell_failure(future);
	case -EOWNERDEAD:
		return zipc_fail(EOWNERDEAD, "who had promised future `%s` in "
				 "segment `/%s` has died: another may promise "
				 "or set it", future->lock.name,
				 future->lock.segment->name);
	case -EBADMSG:
		return damaged(future, "its owner can be none");
	}
	return rc;
}

/* in a select */

static bool is_found_dead(const struct zipc_future_wait *wait, uint64_t word)
{
	return word && word == wait->dead;
}

static bool is_ready(void *context)
{
	const struct zipc_future_wait *wait = context;
	/* Relaxed: attempt() looks again; damaged counts as ready. */
	uint64_t word = zipc_lock_word(&wait->future->lock);

	return word == ZIPC_BROKEN || zipc_future_settled(word) ||
	       is_found_dead(wait, word) || !is_sound(wait->future, word);
}

static void bury(void *context)
{
	struct zipc_future_wait *wait = context;
	/* The word is read before its holder is proven dead. */
	uint64_t word = load(wait->future);

	if (names_another(wait->future, word) &&
	    !is_anothers(wait->future, word))
		wait->dead = word;
}

/* Selects come often: so it asks who lives as a get() that will not wait. */
static int64_t attempt(void *context)
{
	struct zipc_future_wait *wait = context;
	uint64_t word = zipc_lock_word(&wait->future->lock);
	int64_t pause = is_found_dead(wait, word) ? 0 : ZIPC_TRY_LOOK_NS;
	int64_t rc = zipc_future_look_well(wait->future, wait->elem, pause);

	return rc && rc != -EAGAIN ? zipc_future_tell(wait->future, (int)rc)
				   : rc;
}

int zipc_future_waitable(struct zipc_future_wait *wait,
			 struct zipc_waitable *out)
{
	struct zipc_lock *lock = &wait->future->lock;
	int rc = zipc_future_enter(wait->future);

	if (!rc)
		*out = (struct zipc_waitable){ .event = &lock->block->readable,
					       .symmetric = lock->symmetric,
					       .context = wait,
					       .ready = is_ready,
					       .bury = bury,
					       .attempt = attempt };
	return rc;
}
