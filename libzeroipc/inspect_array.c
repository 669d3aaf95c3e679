/* SPDX-License-Identifier: MIT */
/*
 * Watching an Array: its body is its elements, side by side. A scalar is
 * copied by the kernel in one load; a larger element may be caught in the
 * middle of a set, as by any other reader.
 */
#include "inspect.h"

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	const struct zipc_block *head = &block->head;
	uint64_t bytes;

	if (__builtin_mul_overflow(head->capacity, head->elem_size, &bytes) ||
	    bytes > head->body_bytes)
		return zipc_view_damaged(
			view, block->name,
			"%llu elements of %llu bytes do not fit its %llu bytes",
			(unsigned long long)head->capacity,
			(unsigned long long)head->elem_size,
			(unsigned long long)head->body_bytes);
	out->size = head->capacity;
	return 0;
}

static int64_t elements(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t from,
			uint64_t n, void *bytes, uint64_t *ids)
{
	const struct zipc_block *head = &block->head;
	struct zipc_view_entry unused;
	int rc = describe(view, block, &unused);

	if (rc)
		return rc;
	if (from >= head->capacity)
		return 0;
	if (n > head->capacity - from)
		n = head->capacity - from;
	/* describe() has shown that no product can be too large. */
	rc = zipc_view_read(view, block->body_at + from * head->elem_size,
			    bytes, n * head->elem_size);
	if (rc)
		return rc;
	for (uint64_t i = 0; ids && i < n; i++)
		ids[i] = from + i;
	return (int64_t)n;
}

const struct zipc_view_kind zipc_view_array = {
	.kind = ZIPC_ARRAY,
	.describe = describe,
	.elements = elements,
};
