/* SPDX-License-Identifier: MIT */
/* Lazy: computing it here; the idea is in the header. */
#include "lazy.h"

#include "atoms.h"
#include "clock.h"
#include "error.h"
#include "table_inside.h"

#include <stdlib.h>
#include <string.h>

/* Not an errno: it is to be looked at from the begin. */
#define AGAIN 1

/* One computation. */
struct computing {
	struct zipc_lazy *lazy;
	const struct zipc_forcing *by;
	struct zipc_lazy_values *values;
	struct zipc_lazy_trouble trouble;
	struct zipc_pair begun; /* what stood there before the inputs did */
	void *elem;
};

/* run */

static void fail_with(struct zipc_lazy_trouble *trouble,
		      struct zipc_program *program,
		      const struct zipc_program_failure *failure)
{
	static const char one[] = "element 0: ";
	char text[256], *said = text;

	trouble->code = failure->fault == ZIPC_FAULT_OVERFLOW ? -EOVERFLOW
			: failure->fault == ZIPC_FAULT_ZERO   ? -EDOM
							      : -ERANGE;
	zipc_program_failure_print(program, failure, text, sizeof(text));
	/* There is one element only. */
	if (!strncmp(said, one, strlen(one)))
		said += strlen(one);
	memcpy(trouble->message, said, zipc_lazy_message_length(said));
	trouble->message[zipc_lazy_message_length(said)] = '\0';
}

/* 0; -ECANCELED it has failed. */
static int run(struct computing *it, void *to)
{
	struct zipc_program *program = it->lazy->definition->program;
	struct zipc_program_batch batch = { .at = zipc_lazy_values_at(
						    it->values),
					    .count = 1 };
	struct zipc_program_failure failure;

	if (!zipc_program_run(program, &batch, to, &failure))
		return 0;
	fail_with(&it->trouble, program, &failure);
	return -ECANCELED;
}

/* commit */

/* What came of committing; that of another one is looked up. */
static int judge(struct computing *it, const struct zipc_outcome *outcome,
		 int rc)
{
	if (rc == -EALREADY || rc == -EPERM)
		return AGAIN;
	if (rc)
		return zipc_lazy_tell(it->lazy, rc);
	if (outcome->state == ZIPC_LAZY_BAD)
		return zipc_lazy_tell(it->lazy, -ECANCELED);
	if (it->elem)
		memcpy(it->elem, outcome->bytes, outcome->size_bytes);
	return 0;
}

static int commit_failure(struct computing *it, uint64_t turn)
{
	const char *message = it->trouble.message;
	struct zipc_outcome outcome = {
		.state = ZIPC_LAZY_BAD,
		.bytes = message,
		.size_bytes = zipc_lazy_message_length(message),
		.code = it->trouble.code,
	};

	return judge(it, &outcome, zipc_lazy_commit(it->lazy, turn, &outcome));
}

static int commit_value(struct computing *it, uint64_t turn, const void *bytes)
{
	struct zipc_outcome outcome = { .state = ZIPC_LAZY_SET,
					.bytes = bytes,
					.size_bytes =
						(uint32_t)it->lazy->elem_size };

	return judge(it, &outcome, zipc_lazy_commit(it->lazy, turn, &outcome));
}

/* compute */

/* The word is the caller's, since turn; there is nothing to wait for now. */
static int compute_here(struct computing *it, uint64_t turn)
{
	uint64_t bytes = (it->lazy->elem_size + 7) / 8 * 8;
	void *to = calloc(1, bytes);
	int rc = to ? zipc_lazy_read(it->values, &it->trouble)
		    : zipc_fail_as(ENOMEM, "out of memory");

	if (!rc)
		rc = run(it, to);
	if (!rc)
		rc = commit_value(it, turn, to);
	else if (rc == -ECANCELED)
		rc = commit_failure(it, turn);
	/* What it was that only this one has met, others may do without. */
	if (rc && rc != AGAIN && rc != -ECANCELED)
		zipc_lazy_give(it->lazy, turn);
	free(to);
	return rc;
}

/*
 * Inputs are there: take the word, in the epoch that they are of. Each turn of
 * the loop, another has taken or given it, or died or stalled with it; after
 * many, the caller looks at the time.
 */
static int take_and_compute(struct computing *it)
{
	struct zipc_lazy *lazy = it->lazy;
	struct zipc_pair pair;
	unsigned tries;
	uint64_t seen;
	int64_t rc;

	for (tries = 0; tries < ZIPC_LAZY_CHANGES_MOST; tries++) {
		pair = zipc_lazy_load(lazy);
		if (!zipc_lazy_is_sound(lazy, pair.value))
			return zipc_lazy_tell(lazy, -EBADMSG);
		if (zipc_lazy_settled(pair.value) ||
		    zipc_lazy_epoch(pair.turn) !=
			    zipc_lazy_epoch(it->begun.turn))
			return AGAIN;
		seen = pair.turn;
		rc = zipc_lazy_take(lazy, &pair);
		if (!rc)
			return compute_here(it, pair.turn);
		if (rc == -EAGAIN && pair.turn != seen)
			continue;
		if (rc == -EAGAIN && it->by->waits)
			rc = zipc_lazy_await_change(lazy, it->begun.turn,
						    it->by->deadline_ns);
		if (rc)
			return zipc_lazy_tell(lazy, (int)rc);
	}
	return AGAIN;
}

/* 0 and the value; -ECANCELED; AGAIN; another error. */
static int compute(struct computing *it)
{
	struct zipc_lazy *lazy = it->lazy;
	int rc;

	it->begun = zipc_lazy_load(lazy);
	if (!zipc_lazy_is_sound(lazy, it->begun.value))
		return zipc_lazy_tell(lazy, -EBADMSG);
	if (zipc_lazy_settled(it->begun.value)) {
		rc = (int)zipc_lazy_look(lazy, it->elem);
		if (rc == -EAGAIN)
			return AGAIN;
		return rc ? zipc_lazy_tell(lazy, rc) : 0;
	}
	rc = zipc_lazy_gather(&it->values, lazy, it->by, &it->trouble);
	if (rc == -ECANCELED)
		return commit_failure(it, it->begun.turn);
	if (rc)
		return rc;
	rc = take_and_compute(it);
	zipc_lazy_values_free(it->values);
	return rc;
}

/* Whether it may be looked at from the begin, behind so many times. */
static bool goes_on(const struct zipc_forcing *by, unsigned tries)
{
	return by->waits ? zipc_forcing_left(by) != 0
			 : tries < ZIPC_LAZY_CHANGES_MOST;
}

/* Each turn of the loop but the last, somebody else settled or reset it. */
static int compute_in_time(struct computing *it)
{
	unsigned tries = 0;
	int rc;

	do {
		rc = compute(it);
	} while (rc == AGAIN && goes_on(it->by, ++tries));
	if (rc != AGAIN)
		return rc;
	rc = (int)zipc_lazy_look(it->lazy, it->elem);
	if (rc == -EAGAIN && it->by->waits)
		rc = -ETIMEDOUT;
	return rc ? zipc_lazy_tell(it->lazy, rc) : 0;
}

int zipc_lazy_force_by(struct zipc_lazy *lazy, void *elem,
		       const struct zipc_forcing *by)
{
	struct computing it = { .lazy = lazy, .by = by, .elem = elem };
	/* It is computed here: a daemon would only be in the way. */
	int rc = zipc_lazy_ask(lazy);

	if (rc < 0)
		return rc;
	if (!lazy->definition) {
		rc = zipc_lazy_get(lazy, elem, zipc_forcing_left(by));
		return rc == -EAGAIN && by->waits
			       ? zipc_lazy_tell(lazy, -ETIMEDOUT)
			       : rc;
	}
	return compute_in_time(&it);
}

int zipc_lazy_force(struct zipc_lazy *lazy, void *elem, int64_t timeout_ns)
{
	struct zipc_forcing by = { .name = lazy->lock.name, .depth = 1 };
	int rc = (int)zipc_lazy_look(lazy, elem);
	bool again = rc == -ECANCELED && lazy->options & ZIPC_LAZY_RETRIES;

	if (!rc)
		return 0;
	if (rc != -EAGAIN && !again)
		return zipc_lazy_tell(lazy, rc);
	by.waits = timeout_ns != ZIPC_NOWAIT;
	by.deadline_ns = by.waits ? zipc_deadline(timeout_ns) : 0;
	return zipc_lazy_force_by(lazy, elem, &by);
}

/* one of a segment's that is wanted */

/* 1; 0 it is not wanted, or no expression; or an error. */
static int resolve(struct zipc_segment *segment, const char *name,
		   int64_t timeout_ns)
{
	struct zipc_lazy *lazy;
	unsigned kind;
	int rc = zipc_table_kind(&kind, segment, name);

	if (!rc && kind != ZIPC_LAZY)
		return 0;
	if (!rc)
		rc = zipc_lazy_open(&lazy, segment, name, NULL);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (lazy->definition && zipc_lazy_state(lazy) == ZIPC_LAZY_WANTED) {
		rc = zipc_lazy_force(lazy, NULL, timeout_ns);
		rc = rc && rc != -ECANCELED ? rc : 1;
	}
	zipc_lazy_close(lazy);
	return rc;
}

/* The name of an entry that has a structure; false: it has none. */
static bool name_of(const struct zipc_segment *segment, uint32_t i,
		    char name[static sizeof(((struct zipc_entry *)0)->name)])
{
	struct zipc_entry *entry = zipc_table_entry(segment, i);
	struct zipc_extent extent;
	/* entry: acquire; pairs with commit(). */
	uint64_t word = atomic_load_explicit(&entry->extent,
					     memory_order_acquire);

	if (zipc_table_read(segment, &extent, word) != ZIPC_ENTRY_THERE)
		return false;
	zipc_copy_out(name, (void *)entry->name, sizeof(entry->name));
	name[sizeof(entry->name) - 1] = '\0';
	return true;
}

int zipc_lazy_resolve(struct zipc_segment *segment, int64_t timeout_ns)
{
	char name[sizeof(((struct zipc_entry *)0)->name)];
	uint32_t count, i;
	uint64_t next;
	int64_t left = timeout_ns, deadline = zipc_deadline(timeout_ns);
	int rc = zipc_table_state(segment, &count, &next), one;

	for (i = 0; rc != -EBADMSG && i < count; i++) {
		if (!name_of(segment, i, name))
			continue;
		one = resolve(segment, name, left);
		if (one == 1)
			return 1;
		rc = rc ? rc : one;
		if (timeout_ns > 0)
			left = deadline > zipc_now_ns()
				       ? deadline - zipc_now_ns() : ZIPC_NOWAIT;
	}
	return rc;
}
