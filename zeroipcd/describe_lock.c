/* SPDX-License-Identifier: MIT */
/* Locks as documents: who holds one, and who waits for whom; describe.h. */
#include "describe.h"

#include <zipc/inspect_lock.h>
#include <zipc/inspect_waits.h>

#include "json.h"

#define SENTENCE 4096
/* Of what a segment has made up, too. */
#define SHOWN_MAX 256u

static cJSON *process(const struct zipc_view_participant *who)
{
	cJSON *object = cJSON_CreateObject();

	json_u64(object, "index", who->index, false);
	cJSON_AddNumberToObject(object, "pid", who->pid);
	json_string(object, "name", who->name);
	cJSON_AddBoolToObject(object, "alive", who->alive != 0);
	return object;
}

int describe_lock(cJSON *object, struct zipc_view *view,
		  const struct zipc_view_entry *entry, bool int64_as_string)
{
	static const char *const states[] = {
		[ZIPC_LOCK_FREE] = "free",
		[ZIPC_LOCK_HELD] = "held",
		[ZIPC_LOCK_CLOSED] = "closed",
	};
	struct zipc_view_lock lock;
	int rc = zipc_view_lock(view, entry, &lock);
	cJSON *it;

	if (rc)
		return rc;
	it = cJSON_AddObjectToObject(object, "lock");
	cJSON_AddStringToObject(it, "state", states[lock.state]);
	cJSON_AddBoolToObject(it, "inconsistent", lock.inconsistent != 0);
	json_u64(it, "deaths", lock.deaths, int64_as_string);
	json_u64(it, "readers", lock.readers, false);
	if (lock.state == ZIPC_LOCK_HELD)
		cJSON_AddItemToObject(it, "holder", process(&lock.owner));
	return 0;
}

/* who waits for whom */

static void add_holders(cJSON *object, const struct zipc_view_blocked *it)
{
	cJSON *all = cJSON_AddArrayToObject(object, "holders"), *one;
	unsigned i;

	for (i = 0; i < it->holder_count && i < SHOWN_MAX; i++) {
		one = process(&it->holders[i].who);
		cJSON_AddBoolToObject(one, "reads", it->holders[i].reads != 0);
		cJSON_AddBoolToObject(one, "claims",
				      it->holders[i].claims != 0);
		cJSON_AddBoolToObject(one, "stopped",
				      it->holders[i].stopped != 0);
		if (it->holders[i].permits)
			json_u64(one, "permits", it->holders[i].permits, false);
		cJSON_AddItemToArray(all, one);
	}
}

static void add_waiters(cJSON *object, const struct zipc_view_blocked *it,
			bool quoted)
{
	static const char *const purposes[] = {
		[ZIPC_WAIT_TO_HOLD] = "hold",
		[ZIPC_WAIT_TO_READ] = "read",
		[ZIPC_WAIT_TO_DRAIN] = "drain",
		[ZIPC_WAIT_TO_SEND] = "send",
	};
	cJSON *all = cJSON_AddArrayToObject(object, "waiters"), *one;
	unsigned i;

	for (i = 0; i < it->waiter_count && i < SHOWN_MAX; i++) {
		one = process(&it->waiters[i].who);
		json_string(one, "to", purposes[it->waiters[i].to]);
		json_u64(one, "for_ns", it->waiters[i].for_ns, quoted);
		cJSON_AddItemToArray(all, one);
	}
}

static void add_blocked(cJSON *all, const char *segment,
			const struct zipc_view_blocked *it, bool quoted)
{
	cJSON *one = cJSON_CreateObject();
	char text[SENTENCE];

	zipc_view_blocked_say(it, text, sizeof(text));
	json_string(one, "name", it->name);
	describe_href(one, segment, it->name);
	json_string(one, "kind", it->kind_name);
	json_string(one, "sentence", text);
	json_u64(one, "held_ns", it->held_ns, quoted);
	cJSON_AddBoolToObject(one, "unnamed", it->unnamed != 0);
	if (it->permits)
		json_u64(one, "permits", it->permits, false);
	add_holders(one, it);
	add_waiters(one, it, quoted);
	cJSON_AddItemToArray(all, one);
}

static void add_cycle(cJSON *all, const char *segment,
		      const struct zipc_view_cycle *it)
{
	cJSON *one = cJSON_CreateObject(), *steps, *step;
	char text[SENTENCE];
	unsigned i;

	zipc_view_cycle_say(it, text, sizeof(text));
	json_string(one, "sentence", text);
	cJSON_AddBoolToObject(one, "certain", it->certain != 0);
	steps = cJSON_AddArrayToObject(one, "steps");
	for (i = 0; i < it->count && i < SHOWN_MAX; i++) {
		step = process(&it->steps[i].who);
		json_string(step, "waits_for", it->steps[i].waits_for->name);
		describe_href(step, segment, it->steps[i].waits_for->name);
		json_u64(step, "threads", it->steps[i].threads, false);
		cJSON_AddItemToArray(steps, step);
	}
	cJSON_AddItemToArray(all, one);
}

int describe_waits(cJSON *object, struct zipc_view *view, const char *segment,
		   bool int64_as_string)
{
	const struct zipc_view_blocked *blocked;
	const struct zipc_view_cycle *cycle;
	struct zipc_view_waits *waits;
	int rc = zipc_view_waits_open(&waits, view);
	cJSON *all;
	unsigned i;

	if (rc)
		return rc;
	json_string(object, "segment", segment);
	all = cJSON_AddArrayToObject(object, "deadlocks");
	for (i = 0; (cycle = zipc_view_cycle(waits, i)); i++)
		add_cycle(all, segment, cycle);
	all = cJSON_AddArrayToObject(object, "blocked");
	for (i = 0; (blocked = zipc_view_blocked(waits, i)); i++)
		if (i < SHOWN_MAX)
			add_blocked(all, segment, blocked, int64_as_string);
	cJSON_AddBoolToObject(object, "partial",
			      zipc_view_waits_partial(waits) || i > SHOWN_MAX);
	zipc_view_waits_close(waits);
	return 0;
}
