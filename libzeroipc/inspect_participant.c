/* SPDX-License-Identifier: MIT */
/* Who has a segment open, and which of them are alive. */
#include "inspect.h"

#include "error.h"
#include "participant.h"

#include <string.h>

static void fill_participant(unsigned i, const struct zipc_participant *place,
			     struct zipc_view_participant *out)
{
	/* Relaxed, all of them: place is a copy of our own. */
	uint64_t name[2] = {
		atomic_load_explicit(&place->name[0], memory_order_relaxed),
		atomic_load_explicit(&place->name[1], memory_order_relaxed),
	};

	out->index = i;
	out->incarnation =
		atomic_load_explicit(&place->incarnation, memory_order_relaxed);
	out->pid = (int)atomic_load_explicit(&place->pid, memory_order_relaxed);
	out->uid = atomic_load_explicit(&place->uid, memory_order_relaxed);
	out->since_ns =
		atomic_load_explicit(&place->since_ns, memory_order_relaxed);
	memcpy(out->name, name, sizeof(name));
	out->name[sizeof(name)] = '\0';
}

static struct zipc_life life_of(const struct zipc_participant *place)
{
	/* Relaxed: place is a copy of our own. */
	return (struct zipc_life){
		.incarnation = atomic_load_explicit(&place->incarnation,
						    memory_order_relaxed),
		.pid = atomic_load_explicit(&place->pid, memory_order_relaxed),
		.start_ticks = atomic_load_explicit(&place->start_ticks,
						    memory_order_relaxed),
		.pid_namespace = atomic_load_explicit(&place->pid_namespace,
						      memory_order_relaxed),
	};
}

int zipc_view_participant(struct zipc_view *view, unsigned i,
			  struct zipc_view_participant *out)
{
	struct zipc_participant place, again;
	struct zipc_life life;
	uint64_t at;
	int rc;

	if (i >= view->header.max_participants)
		return zipc_fail(ENOENT, "segment `/%s` has %u places",
				 view->name, view->header.max_participants);
	at = (view->header.participants_offset + (uint64_t)i) * ZIPC_LINE;
	rc = zipc_view_read(view, at, &place, sizeof(place));
	/* Until it stands still: it may be changing hands. */
	for (int tries = 0; !rc && tries < 8; tries++) {
		rc = zipc_view_read(view, at, &again, sizeof(again));
		if (!rc && !memcmp(&place, &again, sizeof(place)))
			break;
		memcpy(&place, &again, sizeof(place));
	}
	if (rc)
		return rc;
	life = life_of(&place);
	if (!life.incarnation)
		return zipc_fail(ENOENT,
				 "place %u of segment `/%s` was never "
				 "used",
				 i, view->name);
	fill_participant(i, &place, out);
	out->alive = zipc_participant_lives(view->fd, i, &life);
	return 0;
}

struct zipc_life zipc_view_life(struct zipc_view *view, unsigned index)
{
	struct zipc_life life = { .pid = 0 };
	struct zipc_participant place;
	uint64_t at = (view->header.participants_offset + (uint64_t)index) *
		      ZIPC_LINE;

	if (index < view->header.max_participants &&
	    !zipc_view_read(view, at, &place, sizeof(place)))
		life = life_of(&place);
	life.incarnation = 0;
	return life;
}

int zipc_view_holder_of(struct zipc_view *view, uint64_t holder,
			struct zipc_view_participant *out)
{
	unsigned index = zipc_holder_index(holder);
	unsigned incarnation = zipc_holder_incarnation(holder);
	int rc = zipc_view_participant(view, index, out);

	if (rc && rc != -ENOENT)
		return rc;
	if (rc || out->incarnation != incarnation)
		*out = (struct zipc_view_participant){
			.index = index, .incarnation = incarnation
		};
	return 0;
}

unsigned zipc_view_threads(struct zipc_view *view, unsigned index,
			   bool *stopped)
{
	struct zipc_life life = zipc_view_life(view, index);
	bool is_stopped = false;
	unsigned threads = zipc_participant_threads(&life, &is_stopped);

	if (stopped)
		*stopped = is_stopped;
	return threads;
}
