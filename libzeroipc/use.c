/* SPDX-License-Identifier: MIT */
/* Uses of structures; the idea is in the header. */
#include "use.h"

#include "atoms.h"
#include "error.h"
#include "participant.h"

static struct zipc_entry *entry_of(const struct zipc_segment *segment,
				   uint32_t entry)
{
	return (struct zipc_entry *)(void *)(segment->base +
					     sizeof(struct zipc_header)) +
	       entry;
}

static struct zipc_users *row_of(const struct zipc_segment *segment,
				 uint32_t entry)
{
	return (void *)(segment->base +
			zipc_users_begin(segment->max_entries) +
			entry * zipc_users_stride(segment->max_participants));
}

/* This process's bit in an entry's row: the word, and where in it. */
struct bit {
	_Atomic uint64_t *word;
	uint64_t mask;
};

static struct bit own_bit(const struct zipc_segment *segment, uint32_t entry)
{
	uint32_t place = zipc_holder_index(atomic_load_explicit(
		&segment->holder, memory_order_relaxed));

	return (struct bit){ &row_of(segment, entry)->bits[place / 64],
			     UINT64_C(1) << place % 64 };
}

static void raise_bit(const struct zipc_segment *segment, uint32_t entry)
{
	struct bit bit = own_bit(segment, entry);

	/* Relaxed: a full fence follows. */
	atomic_fetch_or_explicit(bit.word, bit.mask, memory_order_relaxed);
}

static void lower_bit(const struct zipc_segment *segment, uint32_t entry)
{
	struct bit bit = own_bit(segment, entry);

	/* last-use: release; pairs with zipc_use_any(). */
	atomic_fetch_and_explicit(bit.word, ~bit.mask, memory_order_release);
}

/* Which structure the entry has now. */
static void look(struct zipc_use *use)
{
	/* entry: acquire; pairs with what commits an entry. */
	use->extent = atomic_load_explicit(
		&entry_of(use->segment, use->entry)->extent,
		memory_order_acquire);
	/* life: acquire; pairs with zipc_entry_lives(). */
	use->lives = atomic_load_explicit(
		&row_of(use->segment, use->entry)->lives,
		memory_order_acquire);
}

static bool is_called(const struct zipc_use *use, const char *name)
{
	struct zipc_extent extent;
	char copy[sizeof(entry_of(use->segment, 0)->name)];

	if (zipc_extent_read(&extent, use->extent,
			     zipc_segment_blocks_begin(use->segment),
			     use->segment->size) != ZIPC_ENTRY_THERE)
		return false;
	zipc_copy_out(copy, (void *)entry_of(use->segment, use->entry)->name,
		      sizeof(copy));
	copy[sizeof(copy) - 1] = '\0';
	return !strcmp(copy, name);
}

/* begin and end */

/* Under the mutex of uses. The first handle raises the bit. */
static bool begin_with_a_bit(struct zipc_use *use, const char *name)
{
	struct zipc_segment *segment = use->segment;
	struct zipc_used *used = &segment->uses[use->entry];

	if (!used->handles)
		raise_bit(segment, use->entry);
	/*
	 * Between raising the bit and looking at the entry; who removes runs
	 * one between marking the entry and looking at the bit.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	look(use);
	if (!is_called(use, name)) {
		if (!used->handles)
			lower_bit(segment, use->entry);
		return false;
	}
	used->handles++;
	used->extent = use->extent;
	used->lives = use->lives;
	return true;
}

bool zipc_use_begin(struct zipc_use *use, struct zipc_segment *segment,
		    uint32_t entry, const char *name)
{
	bool begun;

	*use = (struct zipc_use){ .segment = segment, .entry = entry };
	if (segment->read_only) {
		look(use);
		begun = is_called(use, name);
		/* The name was copied before the entry is looked at again. */
		atomic_thread_fence(memory_order_acquire);
		return begun && zipc_use_stands(use);
	}
	pthread_mutex_lock(&segment->uses_mutex);
	begun = begin_with_a_bit(use, name);
	pthread_mutex_unlock(&segment->uses_mutex);
	return begun;
}

/* Whether this process has a bit up for it; a stale handle has none. */
static bool is_ours(const struct zipc_use *use)
{
	const struct zipc_used *used = &use->segment->uses[use->entry];

	return used->handles && used->lives == use->lives;
}

void zipc_use_end(struct zipc_use *use)
{
	struct zipc_segment *segment = use->segment;

	if (segment->read_only)
		return;
	pthread_mutex_lock(&segment->uses_mutex);
	/* After fork, until the child has entered, it has no bits. */
	if (is_ours(use) && !--segment->uses[use->entry].handles &&
	    atomic_load_explicit(&segment->generation, memory_order_relaxed) ==
		    zipc_fork_generation)
		lower_bit(segment, use->entry);
	pthread_mutex_unlock(&segment->uses_mutex);
}

int zipc_use_enter(const struct zipc_use *use, const char *name)
{
	struct zipc_segment *segment = use->segment;
	int rc = zipc_segment_enter(segment);
	bool ours;

	if (rc)
		return rc;
	pthread_mutex_lock(&segment->uses_mutex);
	ours = is_ours(use);
	pthread_mutex_unlock(&segment->uses_mutex);
	if (ours)
		return 0;
	return zipc_fail(ENOENT, "`%s` in segment `/%s` was removed before "
			 "this process, which was forked, first used it: close "
			 "it, and look it up again", name, segment->name);
}

bool zipc_use_stands(const struct zipc_use *use)
{
	struct zipc_use now = { .segment = use->segment, .entry = use->entry };

	look(&now);
	return now.extent == use->extent && now.lives == use->lives;
}

bool zipc_use_is_there(const struct zipc_segment *segment, uint32_t entry,
		       uint64_t lives, uint64_t mask)
{
	struct zipc_use now = { .segment = (struct zipc_segment *)segment,
				.entry = entry };
	struct zipc_extent extent;

	/*
	 * A creator that died just before the table knew of its entry has left
	 * what looks like one. table: acquire; pairs with
	 * zipc_table_set_state().
	 */
	if (entry >= segment->max_entries ||
	    entry >= (uint32_t)atomic_load_explicit(
			     &zipc_segment_header(segment)->table_state,
			     memory_order_acquire))
		return false;
	look(&now);
	return ((now.lives ^ lives) & mask) == 0 &&
	       zipc_extent_read(&extent, now.extent,
				zipc_segment_blocks_begin(segment),
				segment->size) == ZIPC_ENTRY_THERE;
}

int zipc_use_opened(const struct zipc_use *use, const char *name, int rc)
{
	if (!rc || !use->segment->read_only)
		return rc;
	/* What was copied is copied before the entry is looked at again. */
	atomic_thread_fence(memory_order_acquire);
	if (zipc_use_stands(use))
		return rc;
	return zipc_fail(ENOENT, "`%s` in segment `/%s` was removed while it "
			 "was opened: look it up again", name,
			 use->segment->name);
}

/* removing and creating */

static bool lives(struct zipc_segment *segment, uint32_t place,
		  unsigned char *known)
{
	if (!known[place])
		known[place] = zipc_segment_place_lives(segment, place) ? 1 : 2;
	return known[place] == 1;
}

bool zipc_use_any(struct zipc_segment *segment, uint32_t entry,
		  unsigned char *known)
{
	struct zipc_users *row = row_of(segment, entry);
	uint32_t place;
	uint64_t word;

	for (place = 0; place < segment->max_participants; place += 64) {
		/* last-use: acquire; pairs with lower_bit(). */
		word = atomic_load_explicit(&row->bits[place / 64],
					    memory_order_acquire);
		for (; word; word &= word - 1) {
			uint32_t who = place + (uint32_t)__builtin_ctzll(word);

			if (who < segment->max_participants &&
			    lives(segment, who, known))
				return true;
		}
	}
	return false;
}

uint64_t zipc_entry_lives(struct zipc_segment *segment, uint32_t entry)
{
	struct zipc_users *row = row_of(segment, entry);
	/* Relaxed: only who has the lock writes it. */
	uint64_t count = atomic_load_explicit(&row->lives,
					      memory_order_relaxed) + 1;

	/* life: release; pairs with look(). */
	atomic_store_explicit(&row->lives, count, memory_order_release);
	return count;
}

/* joining */

void zipc_uses_forget(struct zipc_segment *segment)
{
	struct bit bit;
	uint32_t i;

	for (i = 0; i < segment->max_entries; i++) {
		bit = own_bit(segment, i);
		/* Relaxed: whoever raised it is dead. */
		if (atomic_load_explicit(bit.word, memory_order_relaxed) &
		    bit.mask)
			lower_bit(segment, i);
	}
}

void zipc_uses_inherit(struct zipc_segment *segment)
{
	struct zipc_used *used = segment->uses;
	struct zipc_use now = { .segment = segment };
	uint32_t i;

	for (i = 0; i < segment->max_entries; i++)
		if (used[i].handles)
			raise_bit(segment, i);
	/* As in begin_with_a_bit(). */
	atomic_thread_fence(memory_order_seq_cst);
	for (i = 0; i < segment->max_entries; i++) {
		if (!used[i].handles)
			continue;
		now.entry = i;
		look(&now);
		if (now.extent == used[i].extent && now.lives == used[i].lives)
			continue;
		lower_bit(segment, i);
		used[i] = (struct zipc_used){ .handles = 0 };
	}
}
