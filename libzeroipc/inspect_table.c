/* SPDX-License-Identifier: MIT */
/*
 * The table, as a view walks it: which entries have structures, which have
 * removed ones, and who keeps those.
 *
 * Entries change hands while they are read. So an entry is copied with the
 * count of its lives, and who has read what it leads to copies both again: if
 * they are the same, all of that was its structure's.
 */
#include "inspect.h"

#include "error.h"
#include "name.h"

#include <string.h>

#define SOME 64u /* entries that are read at once */

static uint64_t entry_at(unsigned i)
{
	return sizeof(struct zipc_header) +
	       i * (uint64_t)sizeof(struct zipc_entry);
}

static uint64_t row_at(const struct zipc_view *view, unsigned i)
{
	return zipc_users_begin(view->header.max_entries) +
	       i * zipc_users_stride(view->header.max_participants);
}

int zipc_view_slot(struct zipc_view *view, unsigned i,
		   struct zipc_view_slot *out)
{
	int rc;

	out->index = i;
	rc = zipc_view_read(view, entry_at(i), &out->entry,
			    sizeof(out->entry));
	if (!rc)
		rc = zipc_view_read(view, row_at(view, i), &out->lives,
				    sizeof(out->lives));
	return rc;
}

int zipc_view_confirm(struct zipc_view *view, const struct zipc_view_slot *slot)
{
	struct zipc_view_slot now;
	int rc = zipc_view_slot(view, slot->index, &now);

	if (!rc && (now.lives != slot->lives ||
		    memcmp(&now.entry, &slot->entry, sizeof(now.entry)) != 0))
		return zipc_fail(EAGAIN, "entry %u of segment `/%s` has changed",
				 slot->index, view->name);
	return rc;
}

int zipc_view_changes(const struct zipc_view *view)
{
	return zipc_fail(EAGAIN, "structures of segment `/%s` have come and "
			 "gone each of the %u times that it was looked at: "
			 "look again", view->name, ZIPC_VIEW_TRIES);
}

/* Relaxed: it is a copy of our own. */
static enum zipc_entry_state state_of(const struct zipc_view *view,
				      const struct zipc_entry *entry,
				      struct zipc_extent *extent)
{
	return zipc_extent_read(extent,
				atomic_load_explicit(&entry->extent,
						     memory_order_relaxed),
				view->blocks_at, view->file_bytes);
}

bool zipc_view_there(const struct zipc_view *view,
		     const struct zipc_view_slot *slot)
{
	struct zipc_extent extent;

	return state_of(view, &slot->entry, &extent) == ZIPC_ENTRY_THERE;
}

/*
 * From the first entry on, until each() gives other than 0; what it gave, or
 * 0, or -errno.
 */
static int walk(struct zipc_view *view, unsigned from,
		int (*each)(struct zipc_view *view, unsigned i,
			    const struct zipc_entry *entry, void *context),
		void *context)
{
	struct zipc_entry some[SOME];
	unsigned count, n, i, k;
	uint64_t next;
	int rc = zipc_view_table(view, &count, &next);

	for (i = from; !rc && i < count; i += n) {
		n = count - i < SOME ? count - i : SOME;
		rc = zipc_view_read(view, entry_at(i), some,
				    n * sizeof(some[0]));
		for (k = 0; !rc && k < n; k++)
			rc = each(view, i + k, &some[k], context);
	}
	return rc;
}

struct search {
	const char *name;
	unsigned left; /* of those that count, to be passed over */
	unsigned index;
};

static int is_called(struct zipc_view *view, unsigned i,
		     const struct zipc_entry *entry, void *context)
{
	struct search *search = context;
	struct zipc_extent extent;

	if (state_of(view, entry, &extent) != ZIPC_ENTRY_THERE ||
	    !zipc_name_valid(entry->name) ||
	    strcmp(entry->name, search->name) != 0)
		return 0;
	search->index = i;
	return 1;
}

int zipc_view_index_of(struct zipc_view *view, const char *name,
		       unsigned *index)
{
	struct search search = { .name = name };
	int rc = walk(view, 0, is_called, &search);

	if (rc < 0)
		return rc;
	if (!rc)
		return zipc_fail(ENOENT, "no structure `%s` in segment `/%s`",
				 name, view->name);
	*index = search.index;
	return 0;
}

static int is_next(struct zipc_view *view, unsigned i,
		   const struct zipc_entry *entry, void *context)
{
	struct search *search = context;
	struct zipc_extent extent;

	if (state_of(view, entry, &extent) != ZIPC_ENTRY_THERE ||
	    search->left--)
		return 0;
	search->index = i;
	return 1;
}

/* Who asks for one behind the other gets each entry at most once. */
int zipc_view_index(struct zipc_view *view, unsigned n, unsigned *index)
{
	struct search search = { .left = n };
	unsigned from = 0;
	int rc;

	if (view->walked && n + 1 == view->walked) {
		search.left = 0;
		from = view->walked_to;
	} else if (view->walked && n >= view->walked) {
		search.left = n - view->walked;
		from = view->walked_to + 1;
	}
	rc = walk(view, from, is_next, &search);
	if (rc < 0)
		return rc;
	if (!rc)
		return zipc_fail(ENOENT, "segment `/%s` has %u structures",
				 view->name, n - search.left);
	view->walked = n + 1;
	view->walked_to = *index = search.index;
	return 0;
}

static int count(struct zipc_view *view, unsigned i,
		 const struct zipc_entry *entry, void *context)
{
	struct zipc_view_segment *out = context;
	struct zipc_extent extent;

	(void)i;
	switch (state_of(view, entry, &extent)) {
	case ZIPC_ENTRY_THERE:
		out->entries++;
		break;
	case ZIPC_ENTRY_REMOVED:
		out->removed++;
		out->removed_bytes += extent.bytes;
		break;
	case ZIPC_ENTRY_UNUSED:
		break;
	}
	return 0;
}

int zipc_view_count(struct zipc_view *view, struct zipc_view_segment *out)
{
	out->entries = out->removed = 0;
	out->removed_bytes = 0;
	return walk(view, 0, count, out);
}

/* removed ones */

static int is_removed(struct zipc_view *view, unsigned i,
		      const struct zipc_entry *entry, void *context)
{
	struct search *search = context;
	struct zipc_extent extent;

	if (state_of(view, entry, &extent) != ZIPC_ENTRY_REMOVED ||
	    search->left--)
		return 0;
	search->index = i;
	return 1;
}

/* The bits in the entry's row of those that live. */
static int read_users(struct zipc_view *view, unsigned i,
		      struct zipc_view_removed *out)
{
	unsigned places = view->header.max_participants, p;
	struct zipc_view_participant it;
	int rc;

	memset(out->users, 0, sizeof(out->users));
	rc = zipc_view_read(view, row_at(view, i) + sizeof(struct zipc_users),
			    out->users, (places + 63) / 64 * sizeof(uint64_t));
	if (places % 64)
		out->users[places / 64] &= (UINT64_C(1) << places % 64) - 1;
	out->user_count = 0;
	for (p = 0; !rc && p < places; p++) {
		if (!(out->users[p / 64] >> p % 64 & 1))
			continue;
		rc = zipc_view_participant(view, p, &it);
		if (!rc && it.alive)
			out->user_count++;
		else if (!rc || rc == -ENOENT)
			out->users[p / 64] &= ~(UINT64_C(1) << p % 64);
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc;
}

static int describe_removed(struct zipc_view *view, unsigned i,
			    struct zipc_view_removed *out)
{
	struct zipc_view_slot slot;
	struct zipc_extent extent;
	int rc = zipc_view_slot(view, i, &slot);

	if (!rc && state_of(view, &slot.entry, &extent) != ZIPC_ENTRY_REMOVED)
		return -EAGAIN;
	if (!rc)
		rc = read_users(view, i, out);
	if (!rc)
		rc = zipc_view_confirm(view, &slot);
	if (rc)
		return rc;
	memcpy(out->name, slot.entry.name, sizeof(out->name));
	out->name[ZIPC_NAME_MAX] = '\0';
	out->offset_bytes = extent.at;
	out->size_bytes = extent.bytes;
	return 0;
}

/* It looks again only when somebody has removed or created meanwhile. */
int zipc_view_removed(struct zipc_view *view, unsigned i,
		      struct zipc_view_removed *out)
{
	struct zipc_view_removed it;
	unsigned tries = 0;
	struct search search;
	int rc;

	do {
		search = (struct search){ .left = i };
		rc = walk(view, 0, is_removed, &search);
		if (rc < 0)
			return rc;
		if (!rc)
			return zipc_fail(ENOENT, "segment `/%s` has no more "
					 "removed structures", view->name);
		rc = describe_removed(view, search.index, &it);
	} while (rc == -EAGAIN && ++tries < ZIPC_VIEW_TRIES);
	if (!rc)
		*out = it;
	return rc == -EAGAIN ? zipc_view_changes(view) : rc;
}
