/* SPDX-License-Identifier: MIT */
/*
 * From an entry of the table to its elements: its name, where its block is, the
 * descriptor, the type's text, and the body, which is its kind's to read. Each
 * is checked before the next is looked for.
 */
#include "inspect.h"

#include "error.h"
#include "name.h"

#include <stdio.h>
#include <string.h>

static const struct zipc_view_kind *const kinds[] = {
	&zipc_view_array,
	&zipc_view_queue,
	&zipc_view_pool,
	&zipc_view_of_ring,
	&zipc_view_stack,
	&zipc_view_map,
	&zipc_view_set,
	&zipc_view_semaphore,
	&zipc_view_barrier,
	&zipc_view_latch,
	&zipc_view_mutex,
	&zipc_view_rwlock,
	&zipc_view_once,
	&zipc_view_event,
	&zipc_view_channel,
	&zipc_view_of_future,
	&zipc_view_of_lazy,
	&zipc_view_of_stream,
};

/* What has a flag that is not known is not known either. */
static const struct zipc_view_kind *kind_find(const struct zipc_block *head)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i]->kind == head->kind &&
		    !(head->flags & ~kinds[i]->flags))
			return kinds[i];
	return NULL;
}

/* Where the entry says that its block is; next bounds all blocks. */
static int place_block(struct zipc_view *view, const struct zipc_entry *entry,
		       uint64_t next, struct zipc_view_block *block)
{
	/* Relaxed: it is a copy of our own. */
	struct zipc_extent extent = zipc_extent_of(
		atomic_load_explicit(&entry->extent, memory_order_relaxed));

	memcpy(block->name, entry->name, sizeof(block->name));
	block->at = extent.at;
	block->bytes = extent.bytes;
	if (block->at > view->file_bytes)
		return zipc_view_damaged(view, block->name,
					 "its block begins at byte %llu, "
					 "beyond the file's %llu",
					 LLU(block->at), LLU(view->file_bytes));
	if (block->at < view->blocks_at)
		return zipc_view_damaged(
			view, block->name,
			"its block begins at byte %llu, inside "
			"the table or the participants",
			LLU(block->at));
	if (block->at > next || block->bytes > next - block->at)
		return zipc_view_damaged(view, block->name,
					 "its block of %llu bytes begins at "
					 "byte %llu and reaches beyond %llu, "
					 "where free space begins",
					 LLU(block->bytes), LLU(block->at),
					 LLU(next));
	if (block->bytes < sizeof(block->head))
		return zipc_view_damaged(view, block->name,
					 "its block has only %llu bytes",
					 LLU(block->bytes));
	return 0;
}

/* Whether the descriptor belongs to the name, and its places to the block. */
static int check_block(struct zipc_view *view,
		       const struct zipc_view_block *block)
{
	const struct zipc_block *head = &block->head;
	uint64_t bytes = block->bytes;

	if (head->name_check != zipc_name_check(block->name))
		return zipc_view_damaged(view, block->name,
					 "its block at byte %llu belongs to "
					 "another name",
					 LLU(block->at));
	if (head->type_length > ZIPC_TYPE_MAX ||
	    head->type_offset < sizeof(*head) || head->type_offset > bytes ||
	    head->type_length >= bytes - head->type_offset)
		return zipc_view_damaged(view, block->name,
					 "its type of %u bytes at byte %u lies "
					 "outside its block of %llu",
					 head->type_length, head->type_offset,
					 LLU(bytes));
	if (head->body_offset < sizeof(*head) || head->body_offset > bytes ||
	    head->body_offset % ZIPC_LINE ||
	    head->body_bytes > bytes - head->body_offset)
		return zipc_view_damaged(view, block->name,
					 "its body of %llu bytes at byte %llu "
					 "lies outside its block of %llu",
					 LLU(head->body_bytes),
					 LLU(head->body_offset), LLU(bytes));
	return 0;
}

/* next_offset is read behind the entry, which was written behind it. */
static int block_load(struct zipc_view *view, const struct zipc_entry *entry,
		      struct zipc_view_block *block)
{
	unsigned count;
	uint64_t next;
	int rc = zipc_view_table(view, &count, &next);

	if (!rc)
		rc = place_block(view, entry, next, block);

	if (!rc)
		rc = zipc_view_read(view, block->at, &block->head,
				    sizeof(block->head));
	if (!rc)
		rc = check_block(view, block);
	if (rc)
		return rc;
	block->body_at = block->at + block->head.body_offset;
	block->kind = kind_find(&block->head);
	return 0;
}

/* Copy the type's text; a known kind's must be a type of elem_size bytes. */
static int type_load(struct zipc_view *view,
		     const struct zipc_view_block *block,
		     char text[static ZIPC_TYPE_MAX + 1])
{
	const struct zipc_block *head = &block->head;
	struct zipc_type *type;
	uint64_t size;
	int rc = zipc_view_read(view, block->at + head->type_offset, text,
				head->type_length + 1);

	if (rc)
		return rc;
	if (text[head->type_length] || strlen(text) != head->type_length)
		return zipc_view_damaged(view, block->name,
					 "its type does not end where it says");
	if (!block->kind)
		return 0;
	rc = zipc_type_parse(&type, text, head->type_length);
	if (rc == -EINVAL)
		return zipc_view_damaged(view, block->name,
					 "its type is none: %s",
					 zipc_last_error());
	if (rc)
		return rc;
	size = zipc_type_size(type);
	zipc_type_free(type);
	if (size != head->elem_size)
		return zipc_view_damaged(view, block->name,
					 "it has elements of %llu bytes, but "
					 "its type has %llu",
					 LLU(head->elem_size), LLU(size));
	return 0;
}

static unsigned may_sleep(const struct zipc_event_word *event)
{
	/* Both low bits are set by sleepers. */
	return atomic_load_explicit(&event->word, memory_order_relaxed) & 3 ? 1
									    : 0;
}

static void fill_entry(const struct zipc_view_block *block,
		       struct zipc_view_entry *out)
{
	const struct zipc_block *head = &block->head;

	memcpy(out->name, block->name, sizeof(out->name));
	if (block->kind)
		snprintf(out->kind_name, sizeof(out->kind_name), "%s",
			 zipc_kind_name(head->kind));
	else
		snprintf(out->kind_name, sizeof(out->kind_name), "kind %u",
			 head->kind);
	out->kind = head->kind;
	out->offset_bytes = block->at;
	out->size_bytes = block->bytes;
	out->generation = head->generation;
	out->elem_size = head->elem_size;
	out->capacity = head->capacity;
	out->size = out->added = out->removed = 0;
	out->leased = out->max_takers = out->closed = 0;
	out->readers_asleep = may_sleep(&head->readable);
	out->writers_asleep = may_sleep(&head->writable);
	/* Relaxed: these are a copy of our own. */
	out->late_wakes =
		(uint64_t)atomic_load_explicit(&head->readable.late_wakes,
					       memory_order_relaxed) +
		atomic_load_explicit(&head->writable.late_wakes,
				     memory_order_relaxed);
}

static int describe(struct zipc_view *view, const struct zipc_view_slot *slot,
		    struct zipc_view_entry *out)
{
	struct zipc_view_block block;
	int rc;

	if (!zipc_name_valid(slot->entry.name))
		return zipc_fail(EBADMSG,
				 "segment `/%s` is damaged: entry %u of its "
				 "table has no valid name",
				 view->name, slot->index);
	rc = block_load(view, &slot->entry, &block);
	if (!rc)
		rc = type_load(view, &block, out->type);
	if (rc)
		return rc;
	fill_entry(&block, out);
	return block.kind ? block.kind->describe(view, &block, out) : 0;
}

/* What entry i has, if it is called name (NULL: any); -EAGAIN: no longer. */
static int describe_slot(struct zipc_view *view, unsigned i, const char *name,
			 struct zipc_view_entry *out)
{
	struct zipc_view_slot slot;
	struct zipc_view_entry it;
	int rc = zipc_view_slot(view, i, &slot), changed;

	if (rc)
		return rc;
	if (!zipc_view_there(view, &slot) ||
	    (name && strncmp(name, slot.entry.name, sizeof(slot.entry.name))))
		return -EAGAIN;
	rc = describe(view, &slot, &it);
	if (rc && rc != -EBADMSG)
		return rc;
	changed = zipc_view_confirm(view, &slot);
	if (changed)
		return changed;
	if (!rc)
		*out = it;
	return rc;
}

/* Both look again only when somebody has removed or created meanwhile. */

int zipc_view_entry(struct zipc_view *view, unsigned i,
		    struct zipc_view_entry *out)
{
	unsigned index, tries = 0;
	int rc;

	do {
		rc = zipc_view_index(view, i, &index);
		if (!rc)
			rc = describe_slot(view, index, NULL, out);
	} while (rc == -EAGAIN && ++tries < ZIPC_VIEW_TRIES);
	return rc == -EAGAIN ? zipc_view_changes(view) : rc;
}

int zipc_view_find(struct zipc_view *view, const char *name,
		   struct zipc_view_entry *out)
{
	unsigned index, tries = 0;
	int rc;

	do {
		rc = zipc_view_index_of(view, name, &index);
		if (!rc)
			rc = describe_slot(view, index, name, out);
	} while (rc == -EAGAIN && ++tries < ZIPC_VIEW_TRIES);
	return rc == -EAGAIN ? zipc_view_changes(view) : rc;
}

int zipc_view_is_another(const struct zipc_view *view, const char *name)
{
	return zipc_fail(ENOENT,
			 "`%s` in segment `/%s` is another structure by now: "
			 "look it up again",
			 name, view->name);
}

int zipc_view_block_again(struct zipc_view *view,
			  const struct zipc_view_entry *entry,
			  struct zipc_view_slot *slot,
			  struct zipc_view_block *block)
{
	unsigned index;
	int rc = zipc_view_index_of(view, entry->name, &index);

	if (!rc)
		rc = zipc_view_slot(view, index, slot);
	if (!rc)
		rc = block_load(view, &slot->entry, block);
	if (rc)
		return rc;
	/* The caller's buffer is as long as entry says. */
	if (block->at != entry->offset_bytes ||
	    block->head.generation != entry->generation ||
	    block->head.kind != entry->kind ||
	    block->head.elem_size != entry->elem_size)
		return zipc_view_is_another(view, entry->name);
	if (!block->kind)
		return zipc_fail(
			EOPNOTSUPP,
			"`%s` in segment `/%s` is of kind %u with flags 0x%x, "
			"which this program does not know",
			entry->name, view->name, block->head.kind,
			block->head.flags);
	return 0;
}

int64_t zipc_view_of_block(struct zipc_view *view,
			   const struct zipc_view_entry *entry,
			   int64_t (*read)(struct zipc_view *view,
					   const struct zipc_view_block *block,
					   void *context),
			   void *context)
{
	struct zipc_view_block block;
	struct zipc_view_slot slot;
	int64_t got;
	int rc = zipc_view_block_again(view, entry, &slot, &block);

	if (rc && rc != -EBADMSG)
		return rc;
	got = rc ? rc : read(view, &block, context);
	if (got < 0 && got != -EBADMSG)
		return got;
	rc = zipc_view_confirm(view, &slot);
	if (rc == -EAGAIN)
		return zipc_view_is_another(view, entry->name);
	return rc ? rc : got;
}

struct wanted {
	uint64_t from, n;
	void *bytes;
	uint64_t *ids;
};

static int64_t read_elements(struct zipc_view *view,
			     const struct zipc_view_block *block, void *context)
{
	const struct wanted *it = context;

	return block->kind->elements(view, block, it->from, it->n, it->bytes,
				     it->ids);
}

int64_t zipc_view_elements(struct zipc_view *view,
			   const struct zipc_view_entry *entry, uint64_t from,
			   uint64_t n, void *bytes, uint64_t *ids)
{
	struct wanted wanted = {from, n, bytes, ids};

	return zipc_view_of_block(view, entry, read_elements, &wanted);
}
