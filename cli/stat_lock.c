/* SPDX-License-Identifier: MIT */
/* What zeroipc stat tells of locks: who holds it, and what deaths have left. */
#include "cli.h"

bool is_lock(unsigned kind)
{
	return kind == ZIPC_MUTEX || kind == ZIPC_RWLOCK || kind == ZIPC_ONCE;
}

static const char *state_words(const struct zipc_view_entry *it,
			       const struct zipc_view_lock *lock)
{
	if (it->kind == ZIPC_ONCE)
		return lock->state == ZIPC_LOCK_HELD     ? "being run"
		       : lock->state == ZIPC_LOCK_CLOSED ? "done"
							 : "not done";
	if (lock->state == ZIPC_LOCK_CLOSED)
		return "not recoverable";
	if (lock->state == ZIPC_LOCK_HELD)
		return it->kind == ZIPC_RWLOCK ? "held for writing" : "held";
	return lock->readers ? "held for reading" : "free";
}

static void lock_lines(const struct zipc_view_entry *it,
		       const struct zipc_view_lock *lock)
{
	const struct zipc_view_participant *owner = &lock->owner;

	line("state", "%s%s", state_words(it, lock),
	     lock->inconsistent && it->kind != ZIPC_ONCE ? ", inconsistent"
							 : "");
	if (lock->state == ZIPC_LOCK_HELD && owner->pid)
		line("holder", "%d (%s), %s", owner->pid, owner->name,
		     owner->alive ? "alive" : "dead");
	else if (lock->state == ZIPC_LOCK_HELD)
		line("holder", "dead");
	if (it->kind == ZIPC_RWLOCK)
		line("readers", "%u of at most %llu", lock->readers,
		     (unsigned long long)it->capacity);
	line("deaths", "%llu", (unsigned long long)lock->deaths);
	line("asleep", "%s",
	     it->readers_asleep || it->writers_asleep ? "maybe some" : "none");
	line("late wakes", "%llu", (unsigned long long)it->late_wakes);
}

static void json_lock(struct json *json, const struct zipc_view_lock *lock)
{
	static const char *const states[] = {
		[ZIPC_LOCK_FREE] = "free",
		[ZIPC_LOCK_HELD] = "held",
		[ZIPC_LOCK_CLOSED] = "closed",
	};

	json_string(json, "state", states[lock->state]);
	json_bool(json, "inconsistent", lock->inconsistent);
	json_number(json, "deaths", lock->deaths);
	json_number(json, "readers", lock->readers);
	if (lock->state != ZIPC_LOCK_HELD)
		return;
	json_open(json, "holder", '{');
	json_participant(json, &lock->owner);
	json_close(json, '}');
}

int lock_details(struct zipc_view *view, const struct zipc_view_entry *it,
		 struct json *json)
{
	struct zipc_view_lock lock;
	int rc = zipc_view_lock(view, it, &lock);

	if (!rc && json)
		json_lock(json, &lock);
	else if (!rc)
		lock_lines(it, &lock);
	return rc;
}
