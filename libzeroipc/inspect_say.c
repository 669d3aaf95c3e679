/* SPDX-License-Identifier: MIT */
/* Who waits for whom, in sentences. */
#include "inspect.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zipc/inspect_waits.h>

#define NAMED_MOST 8u

/* A text that is cut where its room ends; length is that of all of it. */
struct text {
	char *at;
	size_t room;
	int length;
};

static void say(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct text *text, const char *format, ...)
{
	size_t done = (size_t)text->length;
	va_list args;

	va_start(args, format);
	if (done < text->room)
		text->length += vsnprintf(text->at + done, text->room - done,
					  format, args);
	else
		text->length += vsnprintf(NULL, 0, format, args);
	va_end(args);
}

static void say_time(struct text *text, uint64_t ns)
{
	uint64_t ms = ns / 1000000, s = ms / 1000;

	if (s < 60)
		say(text, " for %llu.%llu s", LLU(s), LLU(ms % 1000 / 100));
	else if (s < 3600)
		say(text, " for %llu min %llu s", LLU(s / 60), LLU(s % 60));
	else
		say(text, " for %llu h %llu min", LLU(s / 3600),
		    LLU(s / 60 % 60));
}

static void say_who(struct text *text, const struct zipc_view_participant *who)
{
	if (!who->pid)
		say(text, "somebody");
	else if (*who->name)
		say(text, "%d (%s)", who->pid, who->name);
	else
		say(text, "%d", who->pid);
}

static void say_more(struct text *text, unsigned count)
{
	if (count > NAMED_MOST)
		say(text, " and %u more", count - NAMED_MOST);
}

/*
 * Of a rwlock that is claimed, or that nobody writes, those who hold it are the
 * readers; beside one who writes they are about to find it held.
 */
static bool is_reading(const struct zipc_view_blocked *it)
{
	return it->kind == ZIPC_RWLOCK && it->holder_count &&
	       it->holders[it->holder_count - 1].reads &&
	       (it->holders[0].reads || it->holders[0].claims);
}

static void say_holders(struct text *text, const struct zipc_view_blocked *it,
			bool reads)
{
	const struct zipc_view_holder *holder;
	unsigned i, n = 0;

	for (i = 0; i < it->holder_count; i++) {
		holder = &it->holders[i];
		if ((holder->reads != 0) != reads || n++ >= NAMED_MOST)
			continue;
		if (n > 1)
			say(text, ", ");
		say_who(text, &holder->who);
		if (holder->permits)
			say(text, " with %u", holder->permits);
		if (!holder->who.alive)
			say(text, ", who is dead");
		else if (holder->stopped)
			say(text, ", who is stopped");
	}
	say_more(text, n);
}

static void say_held(struct text *text, const struct zipc_view_blocked *it)
{
	bool reads = is_reading(it);
	const char *how = it->kind == ZIPC_ONCE	    ? "run by"
			  : it->kind == ZIPC_FUTURE ? "promised by"
			  : it->kind == ZIPC_LAZY   ? "computed by"
			  : reads ? "held for reading by"
			  : it->kind != ZIPC_RWLOCK ? "held by"
			  : it->holder_count && it->holders[0].claims
				  ? "claimed for writing by"
				  : "held for writing by";

	say(text, "%s `%s` ", it->kind_name, it->name);
	if (!it->holder_count && it->kind == ZIPC_FUTURE) {
		say(text, "is promised by nobody");
		return;
	}
	if (!it->holder_count && it->kind == ZIPC_LAZY) {
		say(text, "is computed by nobody");
		return;
	}
	if (!it->holder_count) {
		say(text, "is being handed on");
		return;
	}
	say(text, "%s ", how);
	say_holders(text, it, reads);
	if (it->held_ns && !reads)
		say_time(text, it->held_ns);
}

static void say_waiters(struct text *text, const struct zipc_view_blocked *it)
{
	const struct zipc_view_waiter *waiter;
	unsigned i, n = it->waiter_count;

	for (i = 0; i < n && i < NAMED_MOST; i++) {
		waiter = &it->waiters[i];
		say(text, "%s%d", i ? ", " : "", waiter->who.pid);
		if (it->kind == ZIPC_RWLOCK)
			say(text, waiter->to == ZIPC_WAIT_TO_READ
					  ? " to read" : " to write");
	}
	say_more(text, n);
}

/* Any one who lets go is enough for one who waits. */
static void say_permits(struct text *text, const struct zipc_view_blocked *it)
{
	say(text, "semaphore `%s` has 0 of %u permits left, held by ", it->name,
	    it->permits);
	say_holders(text, it, false);
	say(text, "; somebody may wait: there is no record of who");
}

int zipc_view_blocked_say(const struct zipc_view_blocked *blocked, char *out,
			  size_t bytes)
{
	struct text text = { out, bytes, 0 };
	unsigned n = blocked->waiter_count;

	if (blocked->kind == ZIPC_SEMAPHORE) {
		say_permits(&text, blocked);
	} else if (blocked->kind == ZIPC_CHANNEL) {
		say(&text, n == 1 ? "1 waits" : "%u wait", n);
		say(&text, " to send to channel `%s`: ", blocked->name);
	} else {
		say_held(&text, blocked);
		say(&text, n == 1 ? "; 1 waits: " : "; %u wait: ", n);
	}
	say_waiters(&text, blocked);
	return text.length;
}

/* What who comes next has to do with what this one waits for. */
static void say_why(struct text *text, const struct zipc_view_step *it,
		    const struct zipc_view_step *next, bool itself)
{
	const char *has = it->waits_for->kind == ZIPC_FUTURE ? "has promised"
			  : it->waits_for->kind == ZIPC_LAZY ? "computes"
							     : "holds";

	if (itself)
		say(text, "it %s itself", has);
	else
		say(text, "%d %s", next->who.pid, has);
}

int zipc_view_cycle_say(const struct zipc_view_cycle *cycle, char *out,
			size_t bytes)
{
	struct text text = { out, bytes, 0 };
	const struct zipc_view_step *it, *next;
	unsigned i;

	say(&text, cycle->certain ? "deadlock: " : "perhaps a deadlock: ");
	for (i = 0; i < cycle->count; i++) {
		it = &cycle->steps[i];
		next = &cycle->steps[(i + 1) % cycle->count];
		if (i)
			say(&text, "; ");
		say_who(&text, &it->who);
		say(&text, " waits for %s `%s`, which ",
		    it->waits_for->kind_name, it->waits_for->name);
		say_why(&text, it, next, cycle->count == 1);
	}
	for (i = 0; i < cycle->count; i++) {
		it = &cycle->steps[i];
		if (!cycle->certain && it->threads > 1)
			say(&text, "; %d has %u threads", it->who.pid,
			    it->threads);
	}
	return text.length;
}
