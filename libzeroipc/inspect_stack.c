/* SPDX-License-Identifier: MIT */
/*
 * Watching a Stack: the turn stack, read from its file, the newest first.
 *
 * Of positions below the top, in this order: top, their cells, the elements in
 * their slots, top, their cells. An element is shown if by the second look at
 * top its position is still covered, and then its cell is what it was before:
 * tags do not come back, so it has been inside from the first look to the
 * second, and its slot was its own. The top itself is shown if top did not
 * change, or has come to its cell with the word that it had on top. So a batch
 * costs a read for each element of more than 8 bytes, and some for all.
 *
 * Consumers may take elements faster than they are copied: then there are
 * fewer of them, and never a wrong one.
 */
#include "error.h"
#include "inspect.h"

#include <string.h>

#define BATCH 256u
#define TRIES 16

struct stack {
	struct zipc_view *view;
	const struct zipc_view_block *block;
	uint64_t top_at, cells_at, slots_at; /* in the file */
	uint64_t slots, slot_bytes;
	uint64_t pushed; /* the bit above the index */
};

/* A copy of a cell; its two words. */
struct pair {
	uint64_t turn, value;
};

static bool inside(const struct zipc_block *head, uint64_t offset,
		   uint64_t count, uint64_t each)
{
	uint64_t bytes;

	return offset >= sizeof(struct zipc_turn_stack) &&
	       offset % ZIPC_LINE == 0 && offset <= head->body_bytes &&
	       !__builtin_mul_overflow(count, each, &bytes) &&
	       bytes <= head->body_bytes - offset;
}

/* What is wrong with the constants; NULL: nothing. */
static const char *misfit(const struct zipc_block *head,
			  const struct zipc_turn_stack *copy)
{
	if (head->capacity < 1 || head->capacity > ZIPC_STACK_MOST)
		return "no stack has its capacity";
	if (!inside(head, copy->cells_offset, head->capacity + 1,
		    sizeof(struct zipc_cell)))
		return "its cells lie outside its body";
	if (head->elem_size <= 8)
		return copy->slots || copy->slots_offset || copy->writers ||
				       copy->writers_offset
			       ? "it has slots, which it does not need"
			       : NULL;
	if (copy->writers < 1 || copy->writers > ZIPC_STACK_WRITERS_MOST ||
	    copy->slots != head->capacity + copy->writers)
		return "its slots do not fit its capacity and writers";
	if (head->elem_size > UINT32_MAX - 16 ||
	    copy->slot_bytes != 8 + ((head->elem_size + 7) & ~UINT64_C(7)) ||
	    !inside(head, copy->slots_offset, copy->slots, copy->slot_bytes))
		return "its slots lie outside its body";
	return NULL;
}

static int stack_load(struct stack *stack, struct zipc_view *view,
		      const struct zipc_view_block *block)
{
	const struct zipc_block *head = &block->head;
	const char *wrong = "its body is too short";
	struct zipc_turn_stack copy;
	int rc;

	if (head->body_bytes >= sizeof(copy)) {
		rc = zipc_view_read(view, block->body_at, &copy, sizeof(copy));
		if (rc)
			return rc;
		wrong = misfit(head, &copy);
	}
	if (wrong)
		return zipc_view_damaged(view, block->name, "%s", wrong);
	*stack = (struct stack){
		.view = view,
		.block = block,
		.top_at = block->body_at +
			  offsetof(struct zipc_turn_stack, top),
		.cells_at = block->body_at + copy.cells_offset,
		.slots_at = block->body_at + copy.slots_offset,
		.slots = copy.slots,
		.slot_bytes = copy.slot_bytes,
		.pushed = UINT64_C(1)
			  << (64 - __builtin_clzll(head->capacity)),
	};
	return 0;
}

static uint64_t index_of(const struct stack *stack, uint64_t word)
{
	return word & (stack->pushed - 1);
}

/*
 * Top: its first word before and behind. If it changes each time the last
 * halves are taken: the index was true, and a value that does not belong to it
 * is found out, as an element of another top.
 */
static int read_top(struct stack *stack, struct pair *top)
{
	uint64_t again, value_at = stack->top_at + 8;
	int rc, i;

	rc = zipc_view_read(stack->view, stack->top_at, &again, sizeof(again));
	for (i = 0; !rc && i < TRIES; i++) {
		top->turn = again;
		rc = zipc_view_read(stack->view, value_at, &top->value, 8);
		if (!rc)
			rc = zipc_view_read(stack->view, stack->top_at, &again,
					    sizeof(again));
		if (!rc && again == top->turn)
			break;
	}
	if (!rc && index_of(stack, top->turn) > stack->block->head.capacity)
		return zipc_view_damaged(
			stack->view, stack->block->name,
			"it counts %llu elements inside",
			LLU(index_of(stack, top->turn)));
	return rc;
}

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	struct stack stack;
	struct pair top;
	uint64_t turn;
	int rc = stack_load(&stack, view, block);

	if (!rc)
		rc = read_top(&stack, &top);
	if (rc)
		return rc;
	out->size = index_of(&stack, top.turn);
	/* Each push and pop is a turn, and the pushes are size more. */
	turn = top.turn / (2 * stack.pushed);
	out->added = (turn + out->size) / 2;
	out->removed = out->added - out->size;
	return 0;
}

/* count positions from the highest one, p, down. */
struct batch {
	struct pair top;
	uint64_t p, count;
	struct pair cells[BATCH]; /* of p first */
};

/* The pairs of the batch; that of the top is its own. */
static int read_cells(struct stack *stack, struct batch *batch)
{
	uint64_t lowest = batch->p - batch->count + 1, i;
	struct pair swap;
	int rc = zipc_view_read(stack->view,
				stack->cells_at + lowest * sizeof(swap),
				batch->cells, batch->count * sizeof(swap));

	for (i = 0; i < batch->count / 2; i++) {
		swap = batch->cells[i];
		batch->cells[i] = batch->cells[batch->count - 1 - i];
		batch->cells[batch->count - 1 - i] = swap;
	}
	if (batch->p == index_of(stack, batch->top.turn))
		batch->cells[0] = batch->top;
	return rc;
}

/* The element of a pair; one that names no slot is not shown in the end. */
static int read_elem(struct stack *stack, const struct pair *pair,
		     unsigned char *elem)
{
	uint64_t size = stack->block->head.elem_size;

	if (size <= 8) {
		memcpy(elem, &pair->value, size);
		return 0;
	}
	if (pair->value >= stack->slots)
		return 0;
	return zipc_view_read(stack->view,
			      stack->slots_at +
				      pair->value * stack->slot_bytes + 8,
			      elem, size);
}

static bool is_whole(const struct stack *stack, const struct batch *before,
		     const struct batch *after, uint64_t i)
{
	const struct pair *a = &before->cells[i], *b = &after->cells[i];
	uint64_t p = before->p - i;

	if (p == index_of(stack, before->top.turn) &&
	    before->top.turn == after->top.turn)
		return true;
	return p < index_of(stack, after->top.turn) && a->turn == b->turn &&
	       a->value == b->value;
}

/* Those of the batch that were whole, packed; -EBADMSG. */
static int64_t read_batch(struct stack *stack, struct batch *batch,
			  unsigned char *bytes, uint64_t *ids)
{
	uint64_t size = stack->block->head.elem_size, kept = 0, i;
	struct batch after = *batch;
	int rc = read_cells(stack, batch);

	for (i = 0; !rc && i < batch->count; i++)
		rc = read_elem(stack, &batch->cells[i], bytes + i * size);
	if (!rc)
		rc = read_top(stack, &after.top);
	if (!rc)
		rc = read_cells(stack, &after);
	for (i = 0; !rc && i < batch->count; i++) {
		if (!is_whole(stack, batch, &after, i))
			continue;
		if (size > 8 && batch->cells[i].value >= stack->slots)
			return zipc_view_damaged(
				stack->view, stack->block->name,
				"position %llu names no slot",
				LLU(batch->p - i));
		memmove(bytes + kept * size, bytes + i * size, size);
		if (ids)
			ids[kept] = index_of(stack, batch->top.turn) -
				    (batch->p - i);
		kept++;
	}
	return rc ? rc : (int64_t)kept;
}

static int64_t collect(struct stack *stack, uint64_t from, uint64_t n,
		       unsigned char *bytes, uint64_t *ids)
{
	struct batch batch;
	uint64_t got = 0;
	int64_t rc = read_top(stack, &batch.top);

	if (rc)
		return rc;
	batch.p = index_of(stack, batch.top.turn);
	batch.p -= from < batch.p ? from : batch.p;
	while (batch.p && got < n) {
		batch.count = batch.p < BATCH ? batch.p : BATCH;
		if (batch.count > n - got)
			batch.count = n - got;
		rc = read_batch(stack, &batch,
				bytes + got * stack->block->head.elem_size,
				ids ? ids + got : NULL);
		if (rc < 0)
			return rc;
		got += (uint64_t)rc;
		batch.p -= batch.count;
	}
	return (int64_t)got;
}

static int64_t elements(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t from,
			uint64_t n, void *bytes, uint64_t *ids)
{
	struct stack stack;
	int rc = stack_load(&stack, view, block);

	return rc ? rc : collect(&stack, from, n, bytes, ids);
}

const struct zipc_view_kind zipc_view_stack = {
	.kind = ZIPC_STACK,
	.describe = describe,
	.elements = elements,
};
