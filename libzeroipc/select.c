/* SPDX-License-Identifier: MIT */
/* Select; the idea is in the header. */
#include "select.h"

#include "atoms.h"
#include "clock.h"
#include "error.h"
#include "ring.h"

#include <stdlib.h>

#define FEW 8u /* cases that need no memory */
#define TRY_EVERY_NS INT64_C(50000000)
#define VAIN_MOST 10u
#define LOOK_BACK 64u /* for the same event: cases */

/* the cases */

static int refuse(const struct zipc_choice *choice, size_t i, const char *why)
{
	return zipc_fail(EINVAL, "case %zu of the select, of kind %d: %s", i,
			 choice->said->kind, why);
}

static bool may_send(void *context)
{
	struct zipc_choice *choice = context;
	struct zipc_places *places = &choice->channel->places;

	return zipc_places_closed(places) || zipc_places_has_room(places);
}

static bool may_recv(void *context)
{
	struct zipc_choice *choice = context;
	const struct zipc_places *places = &choice->channel->places;

	return zipc_places_closed(places) || zipc_places_has(places);
}

static int64_t try_send(void *context)
{
	struct zipc_choice *choice = context;

	return zipc_channel_send(choice->channel, choice->said->elem,
				 ZIPC_NOWAIT);
}

static int64_t try_recv(void *context)
{
	struct zipc_choice *choice = context;

	return zipc_channel_recv(choice->channel, choice->said->elem,
				 ZIPC_NOWAIT);
}

static int prepare_channel(struct zipc_choice *choice)
{
	bool send = choice->said->kind == ZIPC_SEND;
	struct zipc_channel *channel = choice->said->target;
	int rc = zipc_channel_enter(channel, send);

	choice->channel = channel;
	choice->offers = send && !channel->capacity;
	choice->waitable = (struct zipc_waitable){
		.symmetric = channel->segment->symmetric,
		.context = choice,
		.ready = send ? may_send : may_recv,
		.attempt = send ? try_send : try_recv,
	};
	if (channel->capacity)
		choice->waitable.event = send ? channel->places.writable
					      : channel->places.readable;
	else if (!send)
		choice->waitable.event = channel->meet.readable;
	else if (!rc) /* whichever gets the ticket; and for its end */
		choice->waitable.event = zipc_meet_event(&channel->meet);
	return rc;
}

static int prepare_transfer(struct zipc_choice *choice, size_t i)
{
	struct zipc_case *said = choice->said;

	if (!said->elem)
		return refuse(choice, i, "it has no elem");
	switch (zipc_handle_kind(said->target)) {
	case ZIPC_CHANNEL:
		return prepare_channel(choice);
	case ZIPC_QUEUE:
		choice->queue = (struct zipc_queue_wait){ said->target,
							  said->elem };
		return zipc_queue_waitable(&choice->queue,
					   said->kind == ZIPC_SEND,
					   &choice->waitable);
	default:
		return refuse(choice, i, "its target is no channel or queue");
	}
}

static int prepare_wait(struct zipc_choice *choice, size_t i)
{
	void *target = choice->said->target;

	switch (zipc_handle_kind(target)) {
	case ZIPC_SEMAPHORE:
		return zipc_semaphore_waitable(target, &choice->waitable);
	case ZIPC_LATCH:
		return zipc_latch_waitable(target, &choice->waitable);
	case ZIPC_EVENT:
		return zipc_event_waitable(target, &choice->waitable);
	case ZIPC_RING:
		return zipc_ring_reader_waitable(target, &choice->waitable);
	case ZIPC_FUTURE:
		choice->future = (struct zipc_future_wait){
			.future = target,
			.elem = choice->said->elem,
		};
		return zipc_future_waitable(&choice->future, &choice->waitable);
	case ZIPC_LAZY:
		choice->lazy = (struct zipc_lazy_wait){ target,
							choice->said->elem };
		return zipc_lazy_waitable(&choice->lazy, &choice->waitable);
	case ZIPC_STREAM:
		choice->stream = (struct zipc_subscription_wait){
			.subscription = target,
			.elem = choice->said->elem,
		};
		return zipc_subscription_waitable(&choice->stream,
						  &choice->waitable);
	default:
		return refuse(choice, i, "its target is no semaphore, latch, "
			      "event, future, lazy, ring's reader or "
			      "subscription");
	}
}

static int prepare(struct zipc_choice *choice, size_t i)
{
	if (!choice->said->target)
		return refuse(choice, i, "it has no target");
	switch (choice->said->kind) {
	case ZIPC_SEND:
	case ZIPC_RECV:
		return prepare_transfer(choice, i);
	case ZIPC_WAIT:
		return prepare_wait(choice, i);
	default:
		return refuse(choice, i, "it is ZIPC_SEND, ZIPC_RECV or "
			      "ZIPC_WAIT");
	}
}

/* What offers together must be able to be offered together. */
static int check_offers(struct zipc_selection *selection)
{
	struct zipc_choice *choice, *home = selection->home;
	size_t i, j;

	for (i = 0; i < selection->n; i++) {
		choice = &selection->choices[i];
		if (!choice->offers)
			continue;
		if (choice->channel->segment != home->channel->segment)
			return refuse(choice, i, "its channel, which has no "
				      "buffer, was opened through another "
				      "segment handle than that of a case "
				      "before it");
		for (j = 0; j < i; j++)
			if (selection->choices[j].offers &&
			    selection->choices[j].channel == choice->channel)
				return refuse(choice, i, "a case before it "
					      "sends through the same handle, "
					      "without a buffer: open another");
	}
	return 0;
}

int zipc_selection_begin(struct zipc_selection *selection,
			 struct zipc_choice *choices, struct zipc_wait_on *on,
			 struct zipc_case *cases, size_t n)
{
	size_t i;
	int rc = 0;

	*selection = (struct zipc_selection){ .choices = choices, .on = on,
					      .n = n };
	for (i = 0; i < n && !rc; i++) {
		choices[i] = (struct zipc_choice){ .said = &cases[i] };
		rc = prepare(&choices[i], i);
		if (!rc && choices[i].offers && !selection->home)
			selection->home = &choices[i];
	}
	if (!rc && selection->home)
		rc = check_offers(selection);
	/* Those of calls behind each other are near: roll() mixes them well. */
	selection->dice = (uint64_t)zipc_now_ns();
	return rc;
}

static uint64_t roll(struct zipc_selection *selection)
{
	uint64_t dice = selection->dice += UINT64_C(0x9E3779B97F4A7C15);

	dice = (dice ^ dice >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	dice = (dice ^ dice >> 27) * UINT64_C(0x94D049BB133111EB);
	return dice ^ dice >> 31;
}

/* offers */

static struct zipc_meet *meet_of(const struct zipc_choice *choice)
{
	return &choice->channel->meet;
}

static uint32_t number_of(const struct zipc_selection *selection,
			  const struct zipc_choice *choice)
{
	return (uint32_t)(choice - selection->choices);
}

/* Which to try first. */
static size_t any_case(struct zipc_selection *selection)
{
	return selection->n > 1 ? roll(selection) % selection->n : 0;
}

static struct zipc_choice *choose_home(struct zipc_selection *selection)
{
	size_t n = selection->n, i, k = any_case(selection);
	struct zipc_choice *choice, *any = selection->home;

	if (zipc_use_stands(&any->channel->use))
		return any;
	for (i = 0; i < n; i++, k = k + 1 < n ? k + 1 : 0) {
		choice = &selection->choices[k];
		if (!choice->offers)
			continue;
		any = choice;
		if (zipc_use_stands(&any->channel->use))
			break;
	}
	return any;
}

/* From in to out: all others before the one that has the ticket. */
static void go_out(struct zipc_selection *selection)
{
	struct zipc_choice *home = choose_home(selection), *choice;
	uint32_t number = number_of(selection, home);
	size_t i;

	selection->home = home;
	for (i = 0; i < selection->n; i++) {
		choice = &selection->choices[i];
		if (!choice->offers || choice == home)
			continue;
		zipc_meet_spread(meet_of(choice), choice->said->elem,
				 (uint32_t)i, meet_of(home), number);
		choice->spread = true;
	}
	zipc_meet_offer(meet_of(home), home->said->elem, number);
	selection->out = true;
	for (i = 0; i < selection->n; i++)
		if (selection->choices[i].spread)
			zipc_meet_tell(meet_of(&selection->choices[i]));
}

/* The ticket is IDLE or TAKEN. */
static void take_back_others(struct zipc_selection *selection)
{
	size_t i;

	for (i = 0; i < selection->n; i++) {
		if (selection->choices[i].spread)
			zipc_meet_unspread(meet_of(&selection->choices[i]));
		selection->choices[i].spread = false;
	}
	selection->out = false;
}

/* rc is what the ticket has answered. 0: it is over; -EAGAIN; an error. */
static int64_t end_by(struct zipc_selection *selection, int64_t rc)
{
	struct zipc_choice *choice;

	if (rc == -EAGAIN)
		return rc;
	take_back_others(selection);
	if (rc < 0)
		return rc;
	choice = &selection->choices[rc];
	if ((size_t)rc >= selection->n || !choice->offers)
		return zipc_fail_as(EBADMSG, "a channel is damaged: an offer "
				    "was taken that nobody made");
	zipc_meet_count(meet_of(choice));
	choice->said->result = 0;
	selection->happened = rc;
	return 0;
}

/* From out to in, -EAGAIN; 0: it is over. */
static int64_t go_in(struct zipc_selection *selection)
{
	int64_t rc;

	if (!selection->out)
		return -EAGAIN;
	rc = end_by(selection, zipc_meet_withdraw(meet_of(selection->home)));
	if (rc == -EAGAIN)
		take_back_others(selection);
	return rc;
}

/* trying and looking */

static int64_t try_one(struct zipc_choice *choice)
{
	if (!choice->offers)
		return choice->waitable.attempt(choice->waitable.context);
	if (!zipc_meet_closed(meet_of(choice)))
		return -EAGAIN;
	return zipc_channel_send(choice->channel, choice->said->elem,
				 ZIPC_NOWAIT);
}

/* Do one, from k on: 0 it is done; -EAGAIN. */
static int64_t try_all(struct zipc_selection *selection, size_t k)
{
	struct zipc_choice *choice;
	size_t n = selection->n, i;
	int64_t rc;

	for (i = 0; i < n; i++, k = k + 1 < n ? k + 1 : 0) {
		choice = &selection->choices[k];
		rc = try_one(choice);
		if (rc == -EAGAIN)
			continue;
		choice->said->result = (int)rc;
		selection->happened = (int64_t)k;
		return 0;
	}
	return -EAGAIN;
}

/* Whether that record's offer is out for this very select. */
static bool is_own(const struct zipc_selection *selection,
		   const struct zipc_meet *meet, int64_t record)
{
	const struct zipc_meet *other;
	size_t i;

	for (i = 0; i < selection->n; i++) {
		if (!selection->choices[i].offers)
			continue;
		other = meet_of(&selection->choices[i]);
		if (other->mine == record && zipc_meet_is_at(other, meet))
			return true;
	}
	return false;
}

static bool may_take(struct zipc_selection *selection,
		     struct zipc_choice *choice)
{
	struct zipc_meet *meet = meet_of(choice);
	int64_t record = -1;

	if (zipc_meet_closed(meet))
		return true;
	if (choice->offers)
		return false;
	do
		record = zipc_meet_find(meet, (uint32_t)(record + 1));
	while (record >= 0 && is_own(selection, meet, record));
	return record >= 0;
}

bool zipc_selection_ready(struct zipc_selection *selection)
{
	struct zipc_choice *choice;
	size_t i;

	for (i = 0; i < selection->n; i++) {
		choice = &selection->choices[i];
		if (choice->channel && !choice->channel->capacity
			    ? may_take(selection, choice)
			    : choice->waitable.ready(choice->waitable.context))
			return true;
	}
	return false;
}

void zipc_selection_bury(struct zipc_selection *selection)
{
	struct zipc_waitable *waitable;
	size_t i;

	for (i = 0; i < selection->n; i++) {
		waitable = &selection->choices[i].waitable;
		if (waitable->bury)
			waitable->bury(waitable->context);
	}
}

/* With the offers out, a random while: 0, or -EAGAIN when it is over. */
static int64_t hold_on(struct zipc_selection *selection)
{
	unsigned vain = selection->vain < VAIN_MOST ? selection->vain
						    : VAIN_MOST;
	uint64_t pauses = roll(selection) % (UINT64_C(16) << vain);
	int64_t rc = -EAGAIN;

	while (pauses-- && rc == -EAGAIN) {
		zipc_pause();
		rc = zipc_meet_answer(meet_of(selection->home));
	}
	return end_by(selection, rc);
}

static int64_t attempt_in(struct zipc_selection *selection)
{
	int64_t rc = try_all(selection, any_case(selection));

	selection->tried_ns = zipc_now_ns();
	if (rc == -EAGAIN && selection->home)
		go_out(selection);
	return rc;
}

/* As zipc_wait() has it. */
static int64_t attempt(void *context)
{
	struct zipc_selection *selection = context;
	int64_t rc;

	if (!selection->out)
		return attempt_in(selection);
	rc = end_by(selection, zipc_meet_answer(meet_of(selection->home)));
	if (rc != -EAGAIN)
		return rc;
	if (zipc_selection_ready(selection)) {
		rc = hold_on(selection);
		selection->vain++;
	} else if (zipc_now_ns() - selection->tried_ns < TRY_EVERY_NS) {
		return rc;
	}
	if (rc == -EAGAIN)
		rc = go_in(selection);
	return rc == -EAGAIN ? attempt_in(selection) : rc;
}

/* waiting */

/* Whether it is among the last few of n. */
static bool has_word(const struct zipc_wait_on *on, size_t n,
		     const struct zipc_event_word *event)
{
	size_t i;

	for (i = n > LOOK_BACK ? n - LOOK_BACK : 0; i < n; i++)
		if (on[i].event == event)
			return true;
	return false;
}

size_t zipc_selection_words(const struct zipc_selection *selection,
			    struct zipc_wait_on *on)
{
	const struct zipc_waitable *waitable;
	size_t i, n = 0;

	for (i = 0; i < selection->n; i++) {
		waitable = &selection->choices[i].waitable;
		if (has_word(on, n, waitable->event))
			continue;
		on[n].event = waitable->event;
		on[n++].symmetric = waitable->symmetric;
	}
	return n;
}

int64_t zipc_selection_until(const struct zipc_selection *selection,
			     int64_t deadline_ns)
{
	const struct zipc_waitable *waitable;
	size_t i;

	for (i = 0; i < selection->n; i++) {
		waitable = &selection->choices[i].waitable;
		if (waitable->until)
			deadline_ns = waitable->until(waitable->context,
						      deadline_ns);
	}
	return deadline_ns;
}

static int64_t wait_for_any(struct zipc_selection *selection,
			    int64_t deadline_ns)
{
	size_t n = zipc_selection_words(selection, selection->on);
	int64_t until, rc;

	do {
		until = zipc_selection_until(selection, deadline_ns);
		rc = zipc_wait_any(selection->on, n, &selection->spin, until,
				   attempt, selection);
	} while (rc == -ETIMEDOUT && until < deadline_ns &&
		 zipc_now_ns() < deadline_ns);
	return rc;
}

/* If somebody sleeps to receive what case k sends: 0 it is done; -EAGAIN. */
static int64_t offer_first(struct zipc_selection *selection, size_t k)
{
	struct zipc_choice *choice = &selection->choices[k];

	if (!choice->offers || zipc_meet_closed(meet_of(choice)) ||
	    !zipc_meet_awaited(meet_of(choice)))
		return -EAGAIN;
	go_out(selection);
	/* What the answer is, go_in() finds. */
	(void)zipc_meet_linger(meet_of(selection->home));
	return go_in(selection);
}

/* Without waiting: 0 it is done; -EAGAIN. */
static int64_t do_now(struct zipc_selection *selection, bool waits)
{
	size_t n = selection->n, k = any_case(selection), i;
	int64_t rc = offer_first(selection, k);

	if (rc == -EAGAIN)
		rc = try_all(selection, k);
	for (i = 0; !waits && i < n && rc == -EAGAIN; i++)
		rc = i == k ? rc : offer_first(selection, i);
	return rc;
}

int zipc_selection_do(struct zipc_selection *selection, int64_t timeout_ns)
{
	int64_t rc, late;
	size_t i;

	for (i = 0; i < selection->n; i++)
		selection->choices[i].said->result = -EAGAIN;
	selection->vain = 0;
	rc = do_now(selection, timeout_ns != ZIPC_NOWAIT);
	if (rc == -EAGAIN && timeout_ns == ZIPC_NOWAIT)
		return zipc_fail_as(EAGAIN, "no case can be done now");
	if (rc == -EAGAIN)
		rc = wait_for_any(selection, zipc_deadline(timeout_ns));
	if (rc < 0) {
		late = go_in(selection);
		rc = late == -EAGAIN ? rc : late;
	}
	return rc < 0 ? (int)rc : (int)selection->happened;
}

int zipc_select(struct zipc_case *cases, size_t n, int64_t timeout_ns)
{
	struct zipc_choice few[FEW], *choices = few;
	struct zipc_wait_on few_on[FEW], *on = few_on;
	struct zipc_selection selection;
	int rc;

	if (!n || n > ZIPC_CASES_MOST)
		return zipc_fail(EINVAL, "a select has 1 to %u cases, not %zu",
				 ZIPC_CASES_MOST, n);
	if (n > FEW) {
		choices = calloc(n, sizeof(*choices));
		on = calloc(n, sizeof(*on));
	}
	rc = choices && on ? zipc_selection_begin(&selection, choices, on,
						  cases, n)
			   : zipc_fail_as(ENOMEM, "out of memory");
	if (!rc)
		rc = zipc_selection_do(&selection, timeout_ns);
	if (n > FEW) {
		free(choices);
		free(on);
	}
	return rc;
}
