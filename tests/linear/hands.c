/* SPDX-License-Identifier: MIT */
/* The specification of a pool; the header says what it promises. */
#include "hands.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define FREE 0
#define SENT 100   /* a lane's is 1 + the lane */
#define PASSED 101

struct hands {
	uint8_t owner[HANDS_OBJECTS_MOST + 1];
	uint8_t sent; /* how many are under way */
	uint8_t order[HANDS_OBJECTS_MOST]; /* them, oldest first; 0 behind */
	uint8_t message[HANDS_OBJECTS_MOST + 1]; /* of what is on its way */
	uint64_t ticket[HANDS_OBJECTS_MOST];
};

static void make_free(void *state, const void *context)
{
	(void)context;
	memset(state, 0, sizeof(struct hands));
}

static unsigned count(const struct hands *hands, unsigned owner,
		      const struct hands_rules *rules)
{
	unsigned i, n = 0;

	for (i = 0; i < rules->objects; i++)
		n += hands->owner[i] == owner;
	return n;
}

/* Whether a lane holds the object of which no other call returns. */
static bool is_of_the_dead(const struct hands *hands, unsigned index,
			   const struct linear_moment *moment)
{
	unsigned lane = hands->owner[index] - 1u;

	return lane < LINEAR_LANES && lane != moment->lane &&
	       moment->done[lane] >=
		       atomic_load_explicit(&moment->history->lanes[lane].ended,
					    memory_order_acquire);
}

static bool take(struct hands *hands, unsigned index,
		 const struct linear_moment *moment,
		 const struct hands_rules *rules)
{
	if (index >= rules->objects ||
	    (hands->owner[index] != FREE &&
	     !(rules->reclaims && is_of_the_dead(hands, index, moment))))
		return false;
	hands->owner[index] = (uint8_t)(moment->lane + 1);
	return true;
}

/* Each that is free now was so only because of another, or only now. */
static bool finds_none(const struct hands *hands,
		       const struct linear_moment *moment,
		       const struct hands_rules *rules)
{
	unsigned n = count(hands, FREE, rules);

	if (rules->objects == 1)
		return !n;
	return n <= linear_beside(moment, HANDS_TAKE) +
			    linear_beside(moment, HANDS_GIVE);
}

static bool is_mine(const struct hands *hands, unsigned index,
		    const struct linear_moment *moment)
{
	return hands->owner[index] == moment->lane + 1;
}

static bool give(struct hands *hands, const struct linear_op *op, bool pending,
		 const struct linear_moment *moment,
		 const struct hands_rules *rules)
{
	unsigned index = hands_index(op->value);
	bool mine = is_mine(hands, index, moment);
	uint8_t *owner = &hands->owner[index];

	if (pending || !op->result) {
		if (mine)
			*owner = FREE;
		return mine || pending;
	}
	if (op->result == -EACCES)
		return *owner != FREE && !mine;
	return op->result == -EINVAL &&
	       (*owner == FREE ||
		(rules->reclaims && is_of_the_dead(hands, index, moment)));
}

static bool send(struct hands *hands, const struct linear_op *op, bool pending,
		 const struct linear_moment *moment,
		 const struct hands_rules *rules)
{
	unsigned index = hands_index(op->value);

	if (!is_mine(hands, index, moment))
		return false;
	if (!pending && op->result)
		return op->result == -EAGAIN &&
		       hands->sent + linear_under_way(moment, HANDS_SEND) >=
			       rules->queue;
	if (hands->sent >= rules->queue)
		return false;
	hands->owner[index] = SENT;
	hands->message[index] = (uint8_t)hands_message(op->value);
	hands->order[hands->sent++] = (uint8_t)index;
	return true;
}

static bool receive(struct hands *hands, const struct linear_op *op,
		    bool pending, const struct linear_moment *moment)
{
	unsigned index = hands->order[0];

	if (!pending && op->result)
		return op->result == -EAGAIN && !hands->sent;
	if (!hands->sent ||
	    (!pending && (hands_index(op->value) != index ||
			  hands_message(op->value) != hands->message[index])))
		return false;
	hands->sent--;
	memmove(hands->order, hands->order + 1, sizeof(hands->order) - 1);
	hands->order[HANDS_OBJECTS_MOST - 1] = 0;
	hands->message[index] = 0;
	hands->owner[index] = (uint8_t)(moment->lane + 1);
	return true;
}

/* Of a pass that never returned nobody knows the ticket. */
static bool pass(struct hands *hands, const struct linear_op *op, bool pending,
		 const struct linear_moment *moment)
{
	unsigned index = hands_index(op->value);

	if (!is_mine(hands, index, moment) || (!pending && op->result))
		return false;
	hands->owner[index] = PASSED;
	hands->message[index] = (uint8_t)hands_message(op->value);
	hands->ticket[index] = pending ? UINT64_MAX : hands_ticket(op->value);
	return true;
}

static bool accept(struct hands *hands, const struct linear_op *op,
		   bool pending, const struct linear_moment *moment)
{
	unsigned index = hands_index(op->value);
	bool fits = hands->owner[index] == PASSED &&
		    hands->ticket[index] == hands_ticket(op->value);

	if (!pending && op->result)
		return op->result == -ENOENT && !fits;
	if (!fits ||
	    (!pending && hands_message(op->value) != hands->message[index]))
		return false;
	hands->owner[index] = (uint8_t)(moment->lane + 1);
	hands->message[index] = 0;
	hands->ticket[index] = 0;
	return true;
}

/* Nobody else does anything now. What the dead own may be back already. */
static bool reclaim(struct hands *hands, const struct linear_op *op,
		    const struct hands_rules *rules)
{
	int64_t n = (int64_t)rules->objects - count(hands, FREE, rules);

	if (op->result > n || (op->result < n && !rules->reclaims))
		return false;
	make_free(hands, rules);
	return true;
}

static bool happens(void *state, const struct linear_op *op, bool pending,
		    const struct linear_moment *moment, const void *context)
{
	const struct hands_rules *rules = context;
	struct hands *hands = state;

	switch ((enum hands_kind)op->kind) {
	case HANDS_TAKE:
		if (pending || !op->result)
			return take(hands, hands_index(op->value), moment,
				    rules);
		return op->result == -EAGAIN &&
		       finds_none(hands, moment, rules);
	case HANDS_GIVE:
		return give(hands, op, pending, moment, rules);
	case HANDS_SEND:
		return send(hands, op, pending, moment, rules);
	case HANDS_RECEIVE:
		return receive(hands, op, pending, moment);
	case HANDS_PASS:
		return pass(hands, op, pending, moment);
	case HANDS_ACCEPT:
		return accept(hands, op, pending, moment);
	case HANDS_RECLAIM:
		return reclaim(hands, op, rules);
	case HANDS_SIZE:
		return op->result == (int64_t)rules->objects -
					     count(hands, FREE, rules);
	}
	return false;
}

static void print_result(FILE *out, const struct linear_op *op)
{
	if (op->result == -EAGAIN)
		fprintf(out, ": none");
	else if (op->result < 0)
		fprintf(out, ": error %lld", (long long)op->result);
	else if (op->kind >= HANDS_RECLAIM)
		fprintf(out, ": %lld", (long long)op->result);
	else
		fprintf(out, ": object %u", hands_index(op->value));
}

static void print_op(FILE *out, const struct linear_op *op, bool pending)
{
	static const char *const names[] = { "take", "give", "send", "receive",
					     "pass", "accept", "reclaim",
					     "size" };

	fprintf(out, "%s object %u, message %u, ticket %llu", names[op->kind],
		hands_index(op->value), hands_message(op->value),
		(unsigned long long)hands_ticket(op->value));
	if (pending)
		fprintf(out, ": never returned");
	else
		print_result(out, op);
}

static void print_state(FILE *out, const void *state)
{
	const struct hands *hands = state;
	unsigned i;

	for (i = 0; i < HANDS_OBJECTS_MOST; i++)
		if (hands->owner[i] == SENT)
			fprintf(out, "[sent %u]", hands->message[i]);
		else if (hands->owner[i] == PASSED)
			fprintf(out, "[passed %u]", hands->message[i]);
		else if (hands->owner[i])
			fprintf(out, "[of lane %u]", hands->owner[i] - 1u);
		else
			fprintf(out, "[free]");
}

_Static_assert(sizeof(struct hands) <= LINEAR_STATE_MOST, "a state fits");

struct linear_spec hands_spec(const struct hands_rules *rules)
{
	return (struct linear_spec){
		.state_bytes = sizeof(struct hands),
		.init = make_free,
		.apply = happens,
		.print_op = print_op,
		.print_state = print_state,
		.context = rules,
	};
}
