/* SPDX-License-Identifier: MIT */
/*
 * Channel: a place ring, or a meeting, with a type, an end, and waiting at both
 * its sides. What makes it correct, and what a crash leaves, stands in
 * place_ring.h and in meeting.h.
 *
 * Closing a buffer sets a bit in its tail, which no claim expects. So whatever
 * was claimed before the channel was closed is inside, or is taken back and
 * told to be closed; and who finds it closed with head at tail knows that
 * nothing will come any more.
 */
#include "channel.h"

#include "clock.h"
#include "error.h"
#include "place_fast.h"

#include <stdlib.h>

#define ELEM_MAX (UINT64_C(1) << 20)
#define SENDERS 64u

/* create and open */

/* Each sender costs the room of an element, so large ones have fewer. */
static uint32_t senders_for(const struct zipc_plan *plan, uint64_t elem_size)
{
	if (plan->option)
		return plan->option;
	if (elem_size <= 16384)
		return SENDERS;
	return elem_size <= 262144 ? SENDERS / 4 : SENDERS / 8;
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	uint32_t senders = senders_for(plan, elem_size);

	if (!plan->capacity)
		return zipc_meet_bytes(elem_size, senders);
	return zipc_places_bytes(plan->capacity, elem_size, senders, 0);
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	uint32_t senders = senders_for(plan, elem_size);

	if (plan->capacity)
		zipc_places_build(body, plan->capacity, elem_size, senders, 0);
	else
		zipc_meet_build(body, elem_size, senders);
}

static struct zipc_plan plan_of(const char *type, uint64_t capacity,
				unsigned max_senders)
{
	return (struct zipc_plan){ .kind = ZIPC_CHANNEL,
				   .type = type,
				   .capacity = capacity,
				   .body_bytes = body_bytes,
				   .build = build,
				   .elem_size_max = ELEM_MAX,
				   .option = max_senders };
}

/* The body as what it is. */
static int open_body(struct zipc_channel *channel, struct zipc_segment *segment,
		     const struct zipc_found *found, const char *name)
{
	int rc;

	if (!found->capacity)
		return zipc_meet_open(&channel->meet, segment, found, name);
	rc = zipc_places_open(&channel->places, segment, found, name);
	channel->places.closable = true;
	return rc;
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_channel **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_channel *channel = calloc(1, sizeof(*channel));
	int rc = channel ? open_body(channel, segment, found, name)
			 : zipc_fail_as(ENOMEM, "out of memory");

	if (rc) {
		zipc_table_release(found);
		free(channel);
		return zipc_use_opened(&found->use, name, rc);
	}
	channel->mark = ZIPC_HANDLE(ZIPC_CHANNEL);
	channel->capacity = found->capacity;
	channel->segment = zipc_segment_hold(segment);
	channel->use = found->use;
	channel->generation = zipc_use_generation(&channel->use);
	channel->type = found->type;
	strcpy(channel->name, name); /* the table has measured it */
	*out = channel;
	return 0;
}

int zipc_channel_create_with(struct zipc_channel **out,
			     struct zipc_segment *segment, const char *name,
			     const char *type, uint64_t capacity,
			     const struct zipc_channel_options *options)
{
	unsigned senders = options ? options->max_senders : 0;
	struct zipc_plan plan = plan_of(type, capacity, senders);
	struct zipc_found found;
	int rc;

	if (senders > ZIPC_SENDERS_MOST)
		return zipc_fail(EINVAL, "max_senders is %u: at most %u",
				 senders, ZIPC_SENDERS_MOST);
	rc = zipc_table_create(&found, segment, name, &plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_channel_create(struct zipc_channel **out, struct zipc_segment *segment,
			const char *name, const char *type, uint64_t capacity)
{
	return zipc_channel_create_with(out, segment, name, type, capacity,
					NULL);
}

int zipc_channel_open(struct zipc_channel **out, struct zipc_segment *segment,
		      const char *name, const char *type)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_CHANNEL, type);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_channel_open_or_create(struct zipc_channel **out,
				struct zipc_segment *segment, const char *name,
				const char *type, uint64_t capacity)
{
	struct zipc_plan plan = plan_of(type, capacity, 0);
	struct zipc_found found;
	int rc = zipc_table_open_or_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

/* use */

/* The first operation of a forked child; or in a segment that is only read. */
static int enter_first(struct zipc_channel *channel)
{
	int rc;

	if (channel->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: channel `%s` cannot be used through it",
				 channel->segment->name, channel->name);
	rc = zipc_use_enter(&channel->use, channel->name);
	if (!rc)
		channel->generation = zipc_fork_generation;
	return rc;
}

/* A sender also owns a record; a forked child takes one of its own. */
static inline unsigned sender_since(const struct zipc_channel *channel)
{
	return channel->capacity ? channel->places.generation
				 : channel->meet.generation;
}

int zipc_channel_enter(struct zipc_channel *channel, bool to_send)
{
	int rc = channel->generation == zipc_fork_generation
			 ? 0
			 : enter_first(channel);

	if (rc || !to_send || sender_since(channel) == zipc_fork_generation)
		return rc;
	return channel->capacity ? zipc_places_become_writer(&channel->places)
				 : zipc_meet_become_sender(&channel->meet);
}

int zipc_channel_try_send(struct zipc_channel *channel, const void *elem)
{
	int64_t moved = zipc_places_push(&channel->places, elem, 1);

	return moved < 0 ? (int)moved : 0;
}

int zipc_channel_try_recv(struct zipc_channel *channel, void *elem)
{
	int64_t rc;

	if (!channel->capacity)
		return zipc_meet_take(&channel->meet, elem);
	do {
		rc = zipc_places_pop(&channel->places, elem, 1);
		if (rc == -EAGAIN)
			rc = zipc_places_ended(&channel->places);
	} while (rc == 0);
	return rc < 0 ? (int)rc : 0;
}

/* What an attempt moves, and through what. */
struct transfer {
	struct zipc_channel *channel;
	void *elem;
};

static int64_t attempt_send(void *context)
{
	struct transfer *t = context;

	return zipc_channel_try_send(t->channel, t->elem);
}

static int64_t attempt_recv(void *context)
{
	struct transfer *t = context;

	return zipc_channel_try_recv(t->channel, t->elem);
}

/* Say which channel it is that is closed. */
static int told(const struct zipc_channel *channel, int64_t rc)
{
	if (rc == -EPIPE)
		return zipc_fail(EPIPE, "channel `%s` in segment `/%s` is "
				 "closed", channel->name,
				 channel->segment->name);
	return rc < 0 ? (int)rc : 0;
}

static int send_buffered(struct zipc_channel *channel, const void *elem,
			 int64_t timeout_ns)
{
	struct transfer transfer = { channel, (void *)elem };
	struct zipc_places *places = &channel->places;
	int64_t rc = zipc_channel_try_send(channel, elem);

	if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
		rc = zipc_wait(places->writable, places->symmetric,
			       &channel->send_spin, zipc_deadline(timeout_ns),
			       attempt_send, &transfer);
	return told(channel, rc);
}

/* The offer is out: was it taken? Else, when it is closed, take it back. */
static int64_t attempt_meeting(void *context)
{
	struct zipc_meet *meet = context;
	int64_t rc = zipc_meet_answer(meet);

	if (rc != -EAGAIN || !zipc_meet_closed(meet))
		return rc;
	rc = zipc_meet_withdraw(meet);
	return rc == -EAGAIN ? -EPIPE : rc;
}

static int send_meeting(struct zipc_channel *channel, const void *elem,
			int64_t timeout_ns)
{
	struct zipc_meet *meet = &channel->meet;
	int64_t rc, late;

	if (zipc_meet_closed(meet))
		return told(channel, -EPIPE);
	if (timeout_ns == ZIPC_NOWAIT && !zipc_meet_awaited(meet))
		return zipc_fail_as(EAGAIN, "nobody waits to receive, and the "
				    "channel has no buffer");
	zipc_meet_offer(meet, elem, 0);
	if (timeout_ns == ZIPC_NOWAIT)
		rc = zipc_meet_linger(meet);
	else
		rc = zipc_wait(zipc_meet_event(meet), meet->symmetric,
			       &channel->send_spin, zipc_deadline(timeout_ns),
			       attempt_meeting, meet);
	if (rc < 0 && rc != -EPIPE) {
		late = zipc_meet_withdraw(meet);
		rc = late >= 0 ? late : rc;
	}
	if (rc >= 0)
		zipc_meet_count(meet);
	return told(channel, rc);
}

static __attribute__((noinline)) int send_the_long_way(
	struct zipc_channel *channel, const void *elem, int64_t timeout_ns)
{
	int rc = zipc_channel_enter(channel, true);

	if (rc)
		return rc;
	return channel->capacity ? send_buffered(channel, elem, timeout_ns)
				 : send_meeting(channel, elem, timeout_ns);
}

static __attribute__((noinline)) int recv_the_long_way(
	struct zipc_channel *channel, void *elem, int64_t timeout_ns)
{
	struct transfer transfer = { channel, elem };
	bool buffered = channel->capacity;
	int64_t rc = zipc_channel_enter(channel, false);

	if (rc)
		return (int)rc;
	rc = zipc_channel_try_recv(channel, elem);
	if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
		rc = zipc_wait(buffered ? channel->places.readable
					: channel->meet.readable,
			       channel->segment->symmetric, &channel->recv_spin,
			       zipc_deadline(timeout_ns), attempt_recv,
			       &transfer);
	return told(channel, rc);
}

static __attribute__((noinline)) int wake_one(struct zipc_event_word *event)
{
	zipc_wake_sleepers(event, 1);
	return 0;
}

/* The position is claimed, perhaps published: see to it. */
static __attribute__((noinline)) int send_the_rest(struct zipc_channel *channel,
						   const void *elem,
						   int64_t timeout_ns,
						   uint64_t position,
						   enum zipc_fast how)
{
	if (zipc_places_push_rest(&channel->places, elem, position, how))
		return 0;
	return send_the_long_way(channel, elem, timeout_ns);
}

int zipc_channel_send(struct zipc_channel *channel, const void *elem,
		      int64_t timeout_ns)
{
	struct zipc_places *places = &channel->places;
	enum zipc_fast how;
	uint64_t position;

	/* Without a buffer places are zero, and this is never so. */
	if (!zipc_likely(places->generation == zipc_fork_generation))
		return send_the_long_way(channel, elem, timeout_ns);
	how = zipc_places_push_fast(places, elem, places->elem_size, &position,
				    false);
	if (zipc_likely(how == ZIPC_DONE))
		return 0;
	if (how == ZIPC_SLEEPERS_SEEN)
		return wake_one(places->readable);
	if (how == ZIPC_NOT_BEGUN)
		return send_the_long_way(channel, elem, timeout_ns);
	return send_the_rest(channel, elem, timeout_ns, position, how);
}

int zipc_channel_recv(struct zipc_channel *channel, void *elem,
		      int64_t timeout_ns)
{
	struct zipc_places *places = &channel->places;
	enum zipc_fast how;

	if (!zipc_likely(channel->generation == zipc_fork_generation) ||
	    !channel->capacity)
		return recv_the_long_way(channel, elem, timeout_ns);
	how = zipc_places_pop_fast(places, elem, places->elem_size);
	if (zipc_likely(how == ZIPC_DONE))
		return 0;
	if (how == ZIPC_SLEEPERS_SEEN)
		return wake_one(places->writable);
	return recv_the_long_way(channel, elem, timeout_ns);
}

/* the end */

int zipc_channel_close(struct zipc_channel *channel)
{
	int rc = channel ? zipc_channel_enter(channel, false) : 0;

	if (rc || !channel)
		return rc;
	if (channel->capacity)
		zipc_places_shut(&channel->places);
	else
		zipc_meet_shut(&channel->meet);
	return 0;
}

/* Who has no bit up asks behind it whether what was read was the channel's. */
static bool still_stands(const struct zipc_channel *channel)
{
	if (channel->generation == zipc_fork_generation)
		return true;
	atomic_thread_fence(memory_order_acquire);
	return zipc_use_stands(&channel->use);
}

int zipc_channel_closed(const struct zipc_channel *channel)
{
	int is = channel->capacity ? zipc_places_closed(&channel->places)
				   : zipc_meet_closed(&channel->meet);

	return is && still_stands(channel);
}

/* ask */

uint64_t zipc_channel_size(const struct zipc_channel *channel)
{
	uint64_t size = channel->capacity ? zipc_places_size(&channel->places)
					  : zipc_meet_size(&channel->meet);

	return still_stands(channel) ? size : 0;
}

uint64_t zipc_channel_capacity(const struct zipc_channel *channel)
{
	return channel->capacity;
}

uint64_t zipc_channel_elem_size(const struct zipc_channel *channel)
{
	return zipc_type_size(channel->type);
}

const struct zipc_type *zipc_channel_type(const struct zipc_channel *channel)
{
	return channel->type;
}

void zipc_channel_release(struct zipc_channel *channel)
{
	if (!channel)
		return;
	zipc_places_close(&channel->places);
	zipc_meet_close(&channel->meet);
	zipc_use_end(&channel->use);
	zipc_segment_close(channel->segment);
	zipc_type_free(channel->type);
	free(channel);
}
