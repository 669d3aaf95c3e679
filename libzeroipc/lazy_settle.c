/* SPDX-License-Identifier: MIT */
/* Lazy: taking, settling, and waiting for it; the idea is in the header. */
#include "lazy.h"

#include "atoms.h"
#include "clock.h"
#include "error.h"
#include "record.h"

#include <string.h>

#define MESSAGE_MAX ((uint32_t)ZIPC_LAZY_MESSAGE_MAX)
/* How long one looks for a record while all are taken. */
#define RECORD_TRIES 100u
#define RECORD_PAUSE_NS INT64_C(1000000)

/* take */

/* When the one who computes now is to be replaced. */
static int64_t stall_end(struct zipc_lazy *lazy, const struct zipc_pair *pair)
{
	int64_t end;

	if (lazy->seen.turn != pair->turn || !lazy->seen_ns) {
		lazy->seen = *pair;
		lazy->seen_ns = zipc_now_ns();
	}
	if (__builtin_add_overflow(lazy->seen_ns, lazy->stall_ns, &end))
		return INT64_MAX;
	return end;
}

static void count(_Atomic uint64_t *word)
{
	/* Relaxed: for who watches. */
	atomic_fetch_add_explicit(word, 1, memory_order_relaxed);
}

int zipc_lazy_take(struct zipc_lazy *lazy, struct zipc_pair *from)
{
	struct zipc_lock *lock = &lazy->lock;
	bool dead = false, names = from->value > ZIPC_WANTED;

	if (zipc_lazy_settled(from->value))
		return -EAGAIN;
	if (names && zipc_lock_is_mine(lock, from->value))
		return -EDEADLK;
	/* The word was read before its holder is proven dead. */
	if (names && zipc_lock_look_due(lock, ZIPC_TRY_LOOK_NS))
		dead = !zipc_lazy_is_anothers(lazy, from->value);
	if (names && !dead && zipc_now_ns() < stall_end(lazy, from))
		return -EAGAIN;
	if (!zipc_lazy_swap(lazy, from, lock->mine))
		return -EAGAIN;
	if (names)
		count(dead ? &lock->at->deaths : &lazy->body->stalls);
	*from = (struct zipc_pair){ from->turn + 1, lock->mine };
	return 0;
}

void zipc_lazy_give(struct zipc_lazy *lazy, uint64_t turn)
{
	struct zipc_pair from = { turn, lazy->lock.mine };

	if (!zipc_lazy_swap(lazy, &from, ZIPC_WANTED))
		return;
	zipc_lazy_wake_waiters(lazy);
	zipc_lazy_wake_server(lazy);
}

/* commit */

/* Whether what was begun at turn may be committed still. */
static int may_commit(const struct zipc_lazy *lazy,
		      const struct zipc_pair *pair, uint64_t turn)
{
	if (!zipc_lazy_is_sound(lazy, pair->value))
		return -EBADMSG;
	if (zipc_lazy_epoch(pair->turn) != zipc_lazy_epoch(turn))
		return -EPERM;
	return zipc_lazy_settled(pair->value) ? -EALREADY : 0;
}

/*
 * A record to write with. While all are taken, those who have them are about to
 * give them back, unless they are stopped.
 */
static int take_record(struct zipc_lazy *lazy, uint64_t turn, int64_t *record)
{
	struct timespec pause = zipc_timespec(RECORD_PAUSE_NS);
	struct zipc_pair pair;
	unsigned tries;
	int rc;

	for (tries = 0; tries < RECORD_TRIES; tries++) {
		if (tries)
			nanosleep(&pause, NULL);
		pair = zipc_lazy_load(lazy);
		rc = may_commit(lazy, &pair, turn);
		if (rc)
			return rc;
		*record = zipc_record_take(lazy->lock.segment, lazy->setters,
					   lazy->setter_count);
		if (*record >= 0)
			return 0;
	}
	return zipc_fail(EUSERS, "%u processes are about to settle lazy `%s` "
			 "in segment `/%s`, and do not go on: continue or end "
			 "them", lazy->setter_count, lazy->lock.name,
			 lazy->lock.segment->name);
}

static void write_content(struct zipc_lazy *lazy, int64_t record,
			  const struct zipc_outcome *it)
{
	struct zipc_setter *setter = &lazy->setters[record];
	unsigned char *to = lazy->contents +
			    (size_t)record * lazy->content_bytes;

	/* Relaxed: the word that names it is stored behind all of this. */
	atomic_store_explicit(&setter->settler,
			      atomic_load_explicit(
				      &lazy->lock.segment->holder,
				      memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&setter->code, (uint32_t)it->code,
			      memory_order_relaxed);
	atomic_store_explicit(&setter->length, it->size_bytes,
			      memory_order_relaxed);
	zipc_copy_in((void *)to, it->bytes, it->size_bytes);
}

/* Each turn of the loop but the last, somebody else changed the cell. */
static int commit_with(struct zipc_lazy *lazy, uint64_t turn, int64_t record,
		       const struct zipc_outcome *it)
{
	/* Behind the record's taking: what it had before is not the value. */
	struct zipc_pair pair = zipc_lazy_load(lazy);
	int rc = may_commit(lazy, &pair, turn);

	if (rc)
		return rc;
	/* moved: release; pairs with is_still(). */
	atomic_thread_fence(memory_order_release);
	write_content(lazy, record, it);
	while (!zipc_lazy_swap(lazy, &pair,
			       (uint64_t)record << 3 | it->state)) {
		rc = may_commit(lazy, &pair, turn);
		if (rc)
			return rc;
	}
	count(&lazy->lock.at->turns);
	return 0;
}

int zipc_lazy_commit(struct zipc_lazy *lazy, uint64_t turn,
		     const struct zipc_outcome *it)
{
	int64_t record;
	int rc = take_record(lazy, turn, &record);

	if (rc)
		return rc;
	rc = commit_with(lazy, turn, record, it);
	zipc_record_give(&lazy->setters[record]);
	if (!rc)
		zipc_lazy_wake_waiters(lazy);
	return rc;
}

/* As many whole characters as there is room for. */
uint32_t zipc_lazy_message_length(const char *message)
{
	size_t n = message ? strnlen(message, MESSAGE_MAX + 1) : 0;

	if (n <= MESSAGE_MAX)
		return (uint32_t)n;
	for (n = MESSAGE_MAX; n && ((unsigned char)message[n] & 0xC0) == 0x80;)
		n--;
	return (uint32_t)n;
}

/* wait for who computes */

struct change {
	struct zipc_lazy *lazy;
	uint64_t turn;
};

static int64_t look_for_change(void *context)
{
	struct change *change = context;
	struct zipc_lazy *lazy = change->lazy;
	struct zipc_pair pair = zipc_lazy_load(lazy);

	if (!zipc_lazy_is_sound(lazy, pair.value))
		return -EBADMSG;
	if (zipc_lazy_settled(pair.value) || pair.value <= ZIPC_WANTED ||
	    zipc_lazy_epoch(pair.turn) != zipc_lazy_epoch(change->turn))
		return 0;
	return zipc_lock_is_mine(&lazy->lock, pair.value) ? -EDEADLK : -EAGAIN;
}

static int64_t look_well_for_change(void *context)
{
	struct change *change = context;
	struct zipc_lazy *lazy = change->lazy;
	struct zipc_pair pair = zipc_lazy_load(lazy);
	int64_t rc = look_for_change(context);

	if (rc != -EAGAIN || pair.value <= ZIPC_WANTED ||
	    zipc_lazy_settled(pair.value))
		return rc;
	if (zipc_lock_look_due(&lazy->lock, ZIPC_LAZY_LOOK_NS) &&
	    !zipc_lazy_is_anothers(lazy, pair.value))
		return 0;
	return zipc_now_ns() < stall_end(lazy, &pair) ? -EAGAIN : 0;
}

/*
 * Sleep until the deadline, or until who computes now stalls; then 0, as when
 * the attempt says so.
 */
static int64_t sleep_on(struct zipc_lock_wait *wait, int64_t deadline_ns)
{
	struct zipc_lazy *lazy = ((struct change *)wait->context)->lazy;
	struct zipc_pair pair = zipc_lazy_load(lazy);
	int64_t end = deadline_ns, stall, rc;

	if (pair.value > ZIPC_WANTED && !zipc_lazy_settled(pair.value)) {
		stall = stall_end(lazy, &pair);
		end = stall < end ? stall : end;
	}
	rc = zipc_lock_sleep(wait, end);
	if (rc == -ETIMEDOUT && end < deadline_ns)
		rc = 0;
	/* Who is found dead or stalled is looked at again at once. */
	lazy->lock.looked_ns = 0;
	return rc;
}

int64_t zipc_lazy_await_change(struct zipc_lazy *lazy, uint64_t turn,
			       int64_t deadline_ns)
{
	struct change change = { lazy, turn };
	struct zipc_lock_wait wait = { .lock = &lazy->lock,
				       .event = &lazy->lock.block->readable,
				       .to = ZIPC_TO_HOLD,
				       .quick = look_for_change,
				       .thorough = look_well_for_change,
				       .context = &change };

	return sleep_on(&wait, deadline_ns);
}

/* serve */

static int check_external(const struct zipc_lazy *lazy)
{
	if (!lazy->definition)
		return 0;
	return zipc_fail(EINVAL, "lazy `%s` in segment `/%s` is an expression: "
			 "whoever forces it computes it", lazy->lock.name,
			 lazy->lock.segment->name);
}

static bool has_taken(const struct zipc_lazy *lazy)
{
	return lazy->taken && lazy->taken_generation == zipc_fork_generation;
}

/* Again, if it has changed: behind a reset it is wanted as before. */
static int64_t try_to_serve(struct zipc_lazy *lazy)
{
	struct zipc_pair pair = zipc_lazy_load(lazy);
	unsigned tries = 0;
	uint64_t seen;
	int rc;

	do {
		if (!zipc_lazy_is_sound(lazy, pair.value))
			return -EBADMSG;
		if (!pair.value)
			return -EAGAIN;
		seen = pair.turn;
		rc = zipc_lazy_take(lazy, &pair);
	} while (rc == -EAGAIN && pair.turn != seen &&
		 ++tries < ZIPC_LAZY_CHANGES_MOST);
	if (rc)
		return rc;
	lazy->taken = true;
	lazy->taken_generation = zipc_fork_generation;
	lazy->taken_turn = pair.turn;
	return 0;
}

/* Whether there may be something to take, without asking who lives. */
static int64_t look_for_work(void *context)
{
	const struct change *change = context;
	/* It is looked at again by who takes it. */
	struct zipc_pair pair = zipc_lazy_load(change->lazy);

	return pair.value == ZIPC_WANTED ||
			       !zipc_lazy_is_sound(change->lazy, pair.value)
		       ? 0
		       : -EAGAIN;
}

static int64_t look_well_for_work(void *context)
{
	struct change *change = context;
	struct zipc_lazy *lazy = change->lazy;
	struct zipc_pair pair = zipc_lazy_load(lazy);
	int64_t rc = look_for_work(context);

	if (rc != -EAGAIN || pair.value <= ZIPC_WANTED ||
	    zipc_lazy_settled(pair.value))
		return rc;
	if (zipc_lock_look_due(&lazy->lock, ZIPC_LAZY_LOOK_NS) &&
	    !zipc_lazy_is_anothers(lazy, pair.value))
		return 0;
	return zipc_now_ns() < stall_end(lazy, &pair) ? -EAGAIN : 0;
}

static int tell_serve(struct zipc_lazy *lazy, int rc)
{
	if (rc == -EAGAIN)
		return zipc_fail_as(EAGAIN, "the lazy is not wanted");
	if (rc == -ETIMEDOUT)
		return zipc_fail_as(ETIMEDOUT,
				    "the lazy was not wanted in time");
	if (rc == -EDEADLK || rc == -EBUSY)
		return zipc_fail(EBUSY, "lazy `%s` in segment `/%s` is taken "
				 "by this handle already", lazy->lock.name,
				 lazy->lock.segment->name);
	return zipc_lazy_tell(lazy, rc);
}

int zipc_lazy_serve(struct zipc_lazy *lazy, int64_t timeout_ns)
{
	struct change change = { lazy, 0 };
	struct zipc_lock_wait wait = { .lock = &lazy->lock,
				       .event = &lazy->lock.block->writable,
				       .to = ZIPC_TO_HOLD,
				       .quick = look_for_work,
				       .thorough = look_well_for_work,
				       .context = &change };
	int64_t deadline, rc = check_external(lazy);

	if (!rc)
		rc = zipc_lazy_enter(lazy);
	if (rc)
		return (int)rc;
	rc = try_to_serve(lazy);
	if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT) {
		deadline = zipc_deadline(timeout_ns);
		do {
			rc = sleep_on(&wait, deadline);
			if (!rc)
				rc = try_to_serve(lazy);
		} while (rc == -EAGAIN);
	}
	return rc ? tell_serve(lazy, (int)rc) : 0;
}

static int tell_set(struct zipc_lazy *lazy, int rc)
{
	const struct zipc_lock *lock = &lazy->lock;

	switch (rc) {
	case -EPERM:
		return zipc_fail(EPERM, "lazy `%s` in segment `/%s` is not "
				 "taken by this handle, or was reset since: "
				 "serve it first", lock->name,
				 lock->segment->name);
	case -EALREADY:
		return zipc_fail(EALREADY, "lazy `%s` in segment `/%s` is "
				 "settled: another has been first", lock->name,
				 lock->segment->name);
	}
	return zipc_lazy_tell(lazy, rc);
}

static int settle(struct zipc_lazy *lazy, const struct zipc_outcome *it)
{
	int rc = zipc_lazy_enter(lazy);

	if (rc)
		return rc;
	rc = has_taken(lazy) ? zipc_lazy_commit(lazy, lazy->taken_turn, it)
			     : -EPERM;
	if (rc == -EUSERS)
		return rc;
	lazy->taken = false;
	return tell_set(lazy, rc);
}

int zipc_lazy_set(struct zipc_lazy *lazy, const void *elem)
{
	struct zipc_outcome outcome = { .state = ZIPC_LAZY_SET,
					.bytes = elem,
					.size_bytes =
						(uint32_t)lazy->elem_size };

	return settle(lazy, &outcome);
}

int zipc_lazy_fail(struct zipc_lazy *lazy, int code, const char *message)
{
	struct zipc_outcome outcome = {
		.state = ZIPC_LAZY_BAD,
		.bytes = message,
		.size_bytes = zipc_lazy_message_length(message),
		.code = code,
	};

	return settle(lazy, &outcome);
}

int zipc_lazy_withdraw(struct zipc_lazy *lazy)
{
	struct zipc_pair pair = zipc_lazy_load(lazy);

	if (!has_taken(lazy) ||
	    zipc_lazy_epoch(pair.turn) != zipc_lazy_epoch(lazy->taken_turn))
		return tell_set(lazy, -EPERM);
	lazy->taken = false;
	zipc_lazy_give(lazy, lazy->taken_turn);
	return 0;
}

/* get */

static int64_t look(void *context)
{
	struct change *change = context;

	return zipc_lazy_look(change->lazy, change->lazy->elem);
}

/* And asks for it again, if it was reset, or who computed it is dead. */
static int64_t look_and_ask(void *context)
{
	struct change *change = context;
	struct zipc_lazy *lazy = change->lazy;
	int64_t rc = zipc_lazy_look(lazy, lazy->elem);

	if (rc == -EAGAIN)
		rc = zipc_lazy_request(lazy) ? -EBADMSG : -EAGAIN;
	return rc;
}

static int get_slowly(struct zipc_lazy *lazy, void *elem, int64_t timeout_ns)
{
	struct change change = { lazy, 0 };
	struct zipc_lock_wait wait = { .lock = &lazy->lock,
				       .event = &lazy->lock.block->readable,
				       .to = ZIPC_TO_HOLD,
				       .quick = look,
				       .thorough = look_and_ask,
				       .context = &change };
	bool waits = timeout_ns != ZIPC_NOWAIT;
	int rc = zipc_lazy_ask(lazy);

	if (rc < 0)
		return rc;
	/* Who waits calls again: who asked before may have died before it. */
	if (lazy->definition && (rc || waits))
		zipc_segment_call_daemon(lazy->lock.segment);
	if (!waits)
		return (int)zipc_lazy_look(lazy, elem);
	if (zipc_lock_is_mine(&lazy->lock, zipc_lock_word(&lazy->lock)))
		return zipc_fail(EDEADLK, "lazy `%s` in segment `/%s` is taken "
				 "by this handle: it would wait for itself",
				 lazy->lock.name, lazy->lock.segment->name);
	lazy->elem = elem;
	return (int)zipc_lock_sleep(&wait, zipc_deadline(timeout_ns));
}

int zipc_lazy_get(struct zipc_lazy *lazy, void *elem, int64_t timeout_ns)
{
	int rc = (int)zipc_lazy_look(lazy, elem);

	if (rc == -EAGAIN)
		rc = get_slowly(lazy, elem, timeout_ns);
	return rc ? zipc_lazy_tell(lazy, rc) : 0;
}

/* in a select */

static bool is_ready(void *context)
{
	const struct zipc_lazy_wait *wait = context;
	/* Relaxed: attempt() looks again; damaged counts as ready. */
	uint64_t word = zipc_lock_word(&wait->lazy->lock);

	return zipc_lazy_settled(word) ||
	       !zipc_lazy_is_sound(wait->lazy, word);
}

/* Asks for it, so that it is wanted while somebody waits. */
static int64_t attempt(void *context)
{
	struct zipc_lazy_wait *wait = context;
	int64_t rc = zipc_lazy_look(wait->lazy, wait->elem);

	if (rc == -EAGAIN)
		rc = zipc_lazy_request(wait->lazy) ?: -EAGAIN;
	return rc && rc != -EAGAIN ? zipc_lazy_tell(wait->lazy, (int)rc) : rc;
}

/* What the dead were about to compute is wanted again. */
static void bury(void *context)
{
	struct zipc_lazy_wait *wait = context;

	zipc_lazy_request(wait->lazy);
}

int zipc_lazy_waitable(struct zipc_lazy_wait *wait, struct zipc_waitable *out)
{
	struct zipc_lock *lock = &wait->lazy->lock;
	int rc = zipc_lazy_enter(wait->lazy);

	if (!rc)
		*out = (struct zipc_waitable){ .event = &lock->block->readable,
					       .symmetric = lock->symmetric,
					       .context = wait,
					       .ready = is_ready,
					       .bury = bury,
					       .attempt = attempt };
	return rc;
}
