/* SPDX-License-Identifier: MIT */
/*
 * Stack: a turn stack with a type, and waiting for room and for elements. What
 * makes it correct, and what a crash leaves, stands in turn_stack.h.
 */
#include "clock.h"
#include "error.h"
#include "turn_fast.h"

#include <stdlib.h>
#include <string.h>
#include <zipc/stack.h>

#define ELEM_MAX (UINT64_C(1) << 20)
#define WRITERS 64u

struct zipc_stack {
	struct zipc_turns turns;
	struct zipc_spin push_spin, pop_spin;
	struct zipc_segment *segment;
	struct zipc_use use;
	unsigned generation; /* zipc_use_generation() */
	/* The same, but 0 until it may push: it may need a record. */
	unsigned push_generation;
	struct zipc_type *type;
	char name[ZIPC_NAME_MAX + 1];
};

/* create and open */

/* Each writer costs a slot, so large elements have fewer by default. */
static uint32_t writers_for(const struct zipc_plan *plan, uint64_t elem_size)
{
	if (plan->option)
		return plan->option;
	if (elem_size <= 16384)
		return WRITERS;
	return elem_size <= 262144 ? WRITERS / 4 : WRITERS / 8;
}

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	return zipc_turns_bytes(plan->capacity, elem_size,
				writers_for(plan, elem_size));
}

static void build(const struct zipc_plan *plan, unsigned char *body,
		  uint64_t elem_size)
{
	zipc_turns_build(body, plan->capacity, elem_size,
			 writers_for(plan, elem_size));
}

static struct zipc_plan plan_of(const char *type, uint64_t capacity,
				unsigned max_writers)
{
	return (struct zipc_plan){ .kind = ZIPC_STACK,
				   .type = type,
				   .capacity = capacity,
				   .body_bytes = body_bytes,
				   .build = build,
				   .elem_size_max = ELEM_MAX,
				   .option = max_writers };
}

static int check_capacity(uint64_t capacity)
{
	if (capacity <= ZIPC_STACK_MOST)
		return 0;
	return zipc_fail(EINVAL, "the capacity is %llu: a stack has at most "
			 "%llu", (unsigned long long)capacity,
			 (unsigned long long)ZIPC_STACK_MOST);
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_stack **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_stack *stack = calloc(1, sizeof(*stack));
	int rc = stack ? zipc_turns_open(&stack->turns, segment, found, name)
		       : zipc_fail_as(ENOMEM, "out of memory");

	if (rc) {
		zipc_table_release(found);
		free(stack);
		return zipc_use_opened(&found->use, name, rc);
	}
	stack->segment = zipc_segment_hold(segment);
	stack->use = found->use;
	stack->generation = zipc_use_generation(&stack->use);
	stack->type = found->type;
	strcpy(stack->name, name); /* the table has measured it */
	*out = stack;
	return 0;
}

int zipc_stack_create_with(struct zipc_stack **out,
			   struct zipc_segment *segment, const char *name,
			   const char *type, uint64_t capacity,
			   const struct zipc_stack_options *options)
{
	unsigned writers = options ? options->max_writers : 0;
	struct zipc_plan plan = plan_of(type, capacity, writers);
	struct zipc_found found;
	int rc = check_capacity(capacity);

	if (!rc && writers > ZIPC_STACK_WRITERS_MOST)
		rc = zipc_fail(EINVAL, "max_writers is %u: at most %u",
			       writers, ZIPC_STACK_WRITERS_MOST);
	if (!rc)
		rc = zipc_table_create(&found, segment, name, &plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_stack_create(struct zipc_stack **out, struct zipc_segment *segment,
		      const char *name, const char *type, uint64_t capacity)
{
	return zipc_stack_create_with(out, segment, name, type, capacity, NULL);
}

int zipc_stack_open(struct zipc_stack **out, struct zipc_segment *segment,
		    const char *name, const char *type)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_STACK, type);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_stack_open_or_create(struct zipc_stack **out,
			      struct zipc_segment *segment, const char *name,
			      const char *type, uint64_t capacity)
{
	struct zipc_plan plan = plan_of(type, capacity, 0);
	struct zipc_found found;
	int rc = check_capacity(capacity);

	if (!rc)
		rc = zipc_table_open_or_create(&found, segment, name, &plan);
	return rc ? rc : handle_on(out, segment, name, &found);
}

/* use */

/* The first operation of a forked child; or in a segment that is only read. */
static int enter(struct zipc_stack *stack)
{
	int rc;

	if (stack->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: stack `%s` can only be peeked through "
				 "it", stack->segment->name, stack->name);
	rc = zipc_use_enter(&stack->use, stack->name);
	if (!rc)
		stack->generation = zipc_fork_generation;
	return rc;
}

/* A child takes a record of its own, where one is needed. */
static int enter_to_push(struct zipc_stack *stack)
{
	int rc = enter(stack);

	if (!rc && !zipc_turns_fit(stack->turns.elem_size))
		rc = zipc_turns_become_writer(&stack->turns);
	if (!rc)
		stack->push_generation = zipc_fork_generation;
	return rc;
}

struct transfer {
	struct zipc_turns *turns;
	void *elem;
};

static int64_t attempt_push(void *context)
{
	struct transfer *t = context;

	return zipc_turns_push(t->turns, t->elem);
}

static int64_t attempt_pop(void *context)
{
	struct transfer *t = context;

	return zipc_turns_pop(t->turns, t->elem);
}

static int wait_to_push(struct zipc_stack *stack, const void *elem,
			int64_t timeout_ns)
{
	struct zipc_turns *turns = &stack->turns;
	struct transfer transfer = { turns, (void *)elem };

	return (int)zipc_wait(turns->writable, turns->symmetric,
			      &stack->push_spin, zipc_deadline(timeout_ns),
			      attempt_push, &transfer);
}

static int wait_to_pop(struct zipc_stack *stack, void *elem, int64_t timeout_ns)
{
	struct zipc_turns *turns = &stack->turns;
	struct transfer transfer = { turns, elem };

	return (int)zipc_wait(turns->readable, turns->symmetric,
			      &stack->pop_spin, zipc_deadline(timeout_ns),
			      attempt_pop, &transfer);
}

/*
 * The functions that follow are continuations of push and pop: each is left by
 * a tail call, see turn_fast.h.
 */
#define CONTINUATION static __attribute__((noinline)) int

CONTINUATION push_the_long_way(struct zipc_stack *stack, const void *elem,
			       int64_t timeout_ns)
{
	struct zipc_turns *turns = &stack->turns;
	int rc = 0;

	if (stack->push_generation != zipc_fork_generation)
		rc = enter_to_push(stack);
	if (!rc)
		rc = zipc_turns_push(turns, elem);
	if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
		rc = wait_to_push(stack, elem, timeout_ns);
	if (!rc)
		zipc_wake(turns->readable, turns->symmetric, 1);
	return rc;
}

CONTINUATION pop_the_long_way(struct zipc_stack *stack, void *elem,
			      int64_t timeout_ns)
{
	struct zipc_turns *turns = &stack->turns;
	int rc = 0;

	if (stack->generation != zipc_fork_generation)
		rc = enter(stack);
	if (!rc)
		rc = zipc_turns_pop(turns, elem);
	if (rc == -EAGAIN && timeout_ns != ZIPC_NOWAIT)
		rc = wait_to_pop(stack, elem, timeout_ns);
	if (!rc)
		zipc_wake(turns->writable, turns->symmetric, 1);
	return rc;
}

CONTINUATION wake_one(struct zipc_event_word *event)
{
	zipc_wake_sleepers(event, 1);
	return 0;
}

int zipc_stack_push(struct zipc_stack *stack, const void *elem,
		    int64_t timeout_ns)
{
	enum zipc_turns_how how = ZIPC_TURN_NOT_MADE;
	uint64_t value;

	if (stack->turns.elem_size == 8 &&
	    stack->push_generation == zipc_fork_generation) {
		memcpy(&value, elem, sizeof(value));
		how = zipc_turns_push_fast(&stack->turns, value);
	}
	if (__builtin_expect(how == ZIPC_TURN_MADE, 1))
		return 0;
	if (how == ZIPC_TURN_MADE_FOR_SLEEPERS)
		return wake_one(stack->turns.readable);
	return push_the_long_way(stack, elem, timeout_ns);
}

int zipc_stack_pop(struct zipc_stack *stack, void *elem, int64_t timeout_ns)
{
	enum zipc_turns_how how = ZIPC_TURN_NOT_MADE;
	uint64_t value;

	if (stack->turns.elem_size == 8 &&
	    stack->generation == zipc_fork_generation)
		how = zipc_turns_pop_fast(&stack->turns, &value);
	if (__builtin_expect(how != ZIPC_TURN_NOT_MADE, 1))
		memcpy(elem, &value, sizeof(value));
	if (__builtin_expect(how == ZIPC_TURN_MADE, 1))
		return 0;
	if (how == ZIPC_TURN_MADE_FOR_SLEEPERS)
		return wake_one(stack->turns.writable);
	return pop_the_long_way(stack, elem, timeout_ns);
}

/* Who has no bit up asks behind it whether what was read was the stack's. */
static bool was_there(const struct zipc_stack *stack)
{
	if (stack->generation == zipc_fork_generation)
		return true;
	atomic_thread_fence(memory_order_acquire);
	return zipc_use_stands(&stack->use);
}

int zipc_stack_peek(struct zipc_stack *stack, void *elem)
{
	int rc = zipc_turns_peek(&stack->turns, elem);

	if (was_there(stack))
		return rc;
	return zipc_fail(ENOENT, "stack `%s` in segment `/%s` was removed: "
			 "look it up again", stack->name, stack->segment->name);
}

/* ask */

uint64_t zipc_stack_size(const struct zipc_stack *stack)
{
	uint64_t size = zipc_turns_size(&stack->turns);

	return was_there(stack) ? size : 0;
}

uint64_t zipc_stack_capacity(const struct zipc_stack *stack)
{
	return stack->turns.capacity;
}

uint64_t zipc_stack_elem_size(const struct zipc_stack *stack)
{
	return stack->turns.elem_size;
}

const struct zipc_type *zipc_stack_type(const struct zipc_stack *stack)
{
	return stack->type;
}

void zipc_stack_close(struct zipc_stack *stack)
{
	if (!stack)
		return;
	zipc_turns_close(&stack->turns);
	zipc_type_free(stack->type);
	zipc_use_end(&stack->use);
	zipc_segment_close(stack->segment);
	free(stack);
}
