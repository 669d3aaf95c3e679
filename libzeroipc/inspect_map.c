/* SPDX-License-Identifier: MIT */
/*
 * Watching a Map or a Set without touching it: their body is the hopscotch
 * table (hopscotch.h).
 *
 * A home is read, then the cells that its bits name, then the home again: with
 * its turn unchanged, its entries were whole, and there at one moment. Homes
 * that lie side by side are read together, and so are their cells; those that
 * have changed meanwhile are read again, one by one. Each read comes after the
 * one before (zipc_view_read() has the fence).
 *
 * Entries have no order. They are numbered as they come, by home, so a number
 * is good for one look only.
 */
#include "error.h"
#include "inspect.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RUN_MOST 512u         /* homes read together */
#define RUN_BYTES (1u << 20)  /* of their cells */
#define SMALL_CELL 512u       /* larger ones are read one by one */
#define REACH 64u
#define TRIES 1000u           /* of a home that changes all the time */

/* A copy of one. */
struct home {
	uint64_t turn, value;
};

struct hop {
	struct zipc_view *view;
	const struct zipc_view_block *block;
	uint64_t cells, cell_bytes, key_bytes, value_bytes, value_at;
	uint64_t bits;              /* those that a home may have */
	uint64_t homes_at, cells_at; /* in the file */
	/* a run of homes, and their cells */
	struct home before[RUN_MOST], after[RUN_MOST];
	unsigned char *content;
	uint64_t first, count;
};

static uint64_t round_to_word(uint64_t n)
{
	return (n + 7) & ~UINT64_C(7);
}

static int bad_places(const struct hop *hop, const struct zipc_hop *copy)
{
	uint64_t body = hop->block->head.body_bytes, homes, bytes;

	if (copy->homes_offset < sizeof(*copy) ||
	    copy->homes_offset % ZIPC_LINE || copy->homes_offset > body ||
	    copy->cells_offset % ZIPC_LINE || copy->cells_offset > body)
		return 1;
	return __builtin_mul_overflow(hop->cells, sizeof(struct zipc_cell),
				      &homes) ||
	       copy->cells_offset < copy->homes_offset ||
	       homes > copy->cells_offset - copy->homes_offset ||
	       __builtin_mul_overflow(hop->cells, hop->cell_bytes, &bytes) ||
	       bytes > body - copy->cells_offset;
}

/* Where key and value are in an element, by the type's text. */
static int load_type(struct hop *hop)
{
	const struct zipc_block *head = &hop->block->head;
	const struct zipc_type *key, *value = NULL;
	char text[ZIPC_TYPE_MAX + 1];
	struct zipc_type *type;
	int rc = zipc_view_read(hop->view, hop->block->at + head->type_offset,
				text, head->type_length);

	if (rc)
		return rc;
	if (zipc_type_parse(&type, text, head->type_length))
		return zipc_view_damaged(hop->view, hop->block->name,
					 "its type is none");
	key = type;
	if (head->kind == ZIPC_MAP) {
		key = zipc_type_field(type, 0, NULL, NULL);
		value = zipc_type_field(type, 1, NULL, &hop->value_at);
	}
	hop->key_bytes = key ? zipc_type_size(key) : 0;
	hop->value_bytes = value ? zipc_type_size(value) : 0;
	if (!key || zipc_type_size(type) != head->elem_size ||
	    !value != (head->kind == ZIPC_SET))
		rc = zipc_view_damaged(hop->view, hop->block->name,
				       "its entries are no keys and values");
	zipc_type_free(type);
	return rc;
}

/* Copy the table's constants, and see that they fit the block. */
static int hop_load(struct hop *hop, struct zipc_view *view,
		    const struct zipc_view_block *block)
{
	const struct zipc_block *head = &block->head;
	struct zipc_hop copy;
	int rc;

	if (head->body_bytes < sizeof(copy))
		return zipc_view_damaged(view, block->name,
					 "its body of %llu bytes is no table",
					 LLU(head->body_bytes));
	rc = zipc_view_read(view, block->body_at, &copy, sizeof(copy));
	if (rc)
		return rc;
	*hop = (struct hop){ .view = view, .block = block };
	hop->cells = copy.cells;
	hop->cell_bytes = copy.cell_bytes;
	rc = load_type(hop);
	if (rc)
		return rc;
	if (copy.key_bytes != hop->key_bytes ||
	    copy.value_bytes != hop->value_bytes ||
	    hop->cell_bytes != sizeof(struct zipc_hop_cell) +
				       round_to_word(hop->key_bytes) +
				       round_to_word(hop->value_bytes))
		return zipc_view_damaged(view, block->name,
					 "cells of %llu bytes do not fit its "
					 "type",
					 LLU(hop->cell_bytes));
	if (!hop->cells || hop->cells < head->capacity ||
	    bad_places(hop, &copy))
		return zipc_view_damaged(view, block->name,
					 "its homes or cells lie outside its "
					 "%llu bytes",
					 LLU(head->body_bytes));
	hop->bits = hop->cells < REACH ? (UINT64_C(1) << hop->cells) - 1
				       : UINT64_MAX;
	hop->homes_at = block->body_at + copy.homes_offset;
	hop->cells_at = block->body_at + copy.cells_offset;
	return 0;
}

static int read_homes(struct hop *hop, struct home *homes)
{
	return zipc_view_read(hop->view,
			      hop->homes_at + hop->first * sizeof(*homes),
			      homes, hop->count * sizeof(*homes));
}

static unsigned entries_of(const struct hop *hop, uint64_t i)
{
	return (unsigned)__builtin_popcountll(hop->before[i].value & hop->bits);
}

/* The next run of homes, as long as it may be. */
static int next_run(struct hop *hop, uint64_t first)
{
	uint64_t most = RUN_BYTES / hop->cell_bytes;

	most = most > REACH ? most - REACH + 1 : 1;
	if (hop->cell_bytes > SMALL_CELL)
		most = 1;
	if (most > RUN_MOST)
		most = RUN_MOST;
	hop->first = first;
	hop->count = hop->cells - first < most ? hop->cells - first : most;
	return read_homes(hop, hop->before);
}

static int size_of(struct hop *hop, uint64_t *size)
{
	uint64_t first, i;
	int rc = 0;

	*size = 0;
	for (first = 0; !rc && first < hop->cells; first += hop->count) {
		hop->first = first;
		hop->count = hop->cells - first < RUN_MOST
				     ? hop->cells - first
				     : RUN_MOST;
		rc = read_homes(hop, hop->before);
		for (i = 0; !rc && i < hop->count; i++)
			*size += entries_of(hop, i);
	}
	return rc;
}

/* The sums of what the records count; a hint, as a killed writer's is lost. */
static int sum_records(struct hop *hop, struct zipc_view_entry *out)
{
	struct zipc_hop_record records[64];
	struct zipc_hop copy;
	uint64_t i, n, at;
	int rc = zipc_view_read(hop->view, hop->block->body_at, &copy,
				sizeof(copy));

	if (rc)
		return rc;
	n = atomic_load_explicit(&copy.records_used, memory_order_relaxed);
	if (n > 4096 || copy.records_offset > hop->block->head.body_bytes)
		n = 0;
	at = hop->block->body_at + copy.records_offset;
	for (i = 0; !rc && i < n; i++) {
		if (i % 64 == 0)
			rc = zipc_view_read(hop->view,
					    at + i * sizeof(records[0]),
					    records,
					    (n - i < 64 ? n - i : 64) *
						    sizeof(records[0]));
		/* Relaxed: a copy of our own. */
		out->added += atomic_load_explicit(&records[i % 64].inserted,
						   memory_order_relaxed);
		out->removed += atomic_load_explicit(&records[i % 64].removed,
						     memory_order_relaxed);
	}
	return rc;
}

static int describe(struct zipc_view *view, const struct zipc_view_block *block,
		    struct zipc_view_entry *out)
{
	struct hop *hop = malloc(sizeof(*hop));
	int rc;

	if (!hop)
		return zipc_fail(ENOMEM, "no memory to look into `%s`",
				 block->name);
	rc = hop_load(hop, view, block);
	if (!rc)
		rc = size_of(hop, &out->size);
	if (!rc)
		rc = sum_records(hop, out);
	free(hop);
	return rc;
}

/* Cells from one on, around the end, to where they belong in content. */
static int read_cells(struct hop *hop, uint64_t skipped, uint64_t n)
{
	uint64_t from = (hop->first + skipped) % hop->cells, some;
	unsigned char *to = hop->content + skipped * hop->cell_bytes;
	int rc = 0;

	for (; !rc && n; n -= some, from = 0) {
		some = hop->cells - from < n ? hop->cells - from : n;
		rc = zipc_view_read(hop->view,
				    hop->cells_at + from * hop->cell_bytes, to,
				    some * hop->cell_bytes);
		to += some * hop->cell_bytes;
	}
	return rc;
}

/* All cells that the homes of the run may name. */
static int read_content(struct hop *hop)
{
	uint64_t bits, i;
	int rc = 0;

	if (hop->cell_bytes > SMALL_CELL) {
		bits = hop->before[0].value & hop->bits;
		for (; !rc && bits; bits &= bits - 1)
			rc = read_cells(hop, (unsigned)__builtin_ctzll(bits),
					1);
		return rc;
	}
	for (i = 0; i < hop->count && !entries_of(hop, i); i++)
		;
	if (i == hop->count)
		return 0;
	return read_cells(hop, 0, hop->count + REACH - 1);
}

/* What is asked for, and what there is of it. */
struct wanted {
	uint64_t skip, n, got;
	unsigned char *bytes;
	uint64_t *ids, next_id;
};

static void take(const struct hop *hop, uint64_t cell, struct wanted *wanted)
{
	uint64_t elem_size = hop->block->head.elem_size;
	const unsigned char *from = hop->content + cell * hop->cell_bytes +
				    sizeof(struct zipc_hop_cell);
	unsigned char *to = wanted->bytes + wanted->got * elem_size;

	memset(to, 0, elem_size);
	memcpy(to, from, hop->key_bytes);
	if (hop->value_bytes)
		memcpy(to + hop->value_at, from + round_to_word(hop->key_bytes),
		       hop->value_bytes);
	if (wanted->ids)
		wanted->ids[wanted->got] = wanted->next_id;
	wanted->next_id++;
	wanted->got++;
}

/* The entries of the i-th home of the run, which was whole. */
static void take_home(const struct hop *hop, uint64_t i, struct wanted *wanted)
{
	uint64_t bits = hop->before[i].value & hop->bits;

	for (; bits && wanted->got < wanted->n; bits &= bits - 1) {
		if (wanted->skip) {
			wanted->skip--;
			wanted->next_id++;
			continue;
		}
		take(hop, i + (unsigned)__builtin_ctzll(bits), wanted);
	}
}

/* A home alone, until it stands still; one that never does is left out. */
static int retry_home(struct hop *hop, uint64_t home, struct wanted *wanted)
{
	unsigned tries;
	int rc;

	hop->first = home;
	hop->count = 1;
	rc = read_homes(hop, hop->before);
	for (tries = 0; !rc && tries < TRIES; tries++) {
		rc = read_content(hop);
		if (!rc)
			rc = read_homes(hop, hop->after);
		if (rc || hop->after[0].turn == hop->before[0].turn)
			break;
		hop->before[0] = hop->after[0];
	}
	if (!rc && tries < TRIES)
		take_home(hop, 0, wanted);
	return rc;
}

/* Homes of the run that are all to be skipped; their cells are not read. */
static bool skip_run(const struct hop *hop, struct wanted *wanted)
{
	uint64_t entries = 0, i;

	for (i = 0; i < hop->count; i++)
		entries += entries_of(hop, i);
	if (entries > wanted->skip)
		return false;
	wanted->skip -= entries;
	wanted->next_id += entries;
	return true;
}

static int collect(struct hop *hop, struct wanted *wanted)
{
	uint64_t first, count, i;
	int rc = 0;

	for (first = 0; first < hop->cells && wanted->got < wanted->n;
	     first += count) {
		rc = next_run(hop, first);
		count = hop->count;
		if (!rc && skip_run(hop, wanted))
			continue;
		if (!rc)
			rc = read_content(hop);
		if (!rc)
			rc = read_homes(hop, hop->after);
		for (i = 0; !rc && i < count; i++) {
			if (hop->after[i].turn == hop->before[i].turn) {
				take_home(hop, i, wanted);
				continue;
			}
			rc = retry_home(hop, first + i, wanted);
			/* The run's copies are gone: go on behind it. */
			count = i + 1;
		}
		if (rc)
			return rc;
	}
	return 0;
}

/* The most that is read at a time. */
static uint64_t content_cells(const struct hop *hop)
{
	return (hop->cell_bytes > SMALL_CELL ? 1 : RUN_MOST) + REACH;
}

static int64_t elements(struct zipc_view *view,
			const struct zipc_view_block *block, uint64_t from,
			uint64_t n, void *bytes, uint64_t *ids)
{
	struct wanted wanted = { .skip = from, .n = n, .bytes = bytes,
				 .ids = ids };
	struct hop *hop = malloc(sizeof(*hop));
	int rc;

	if (!hop)
		return zipc_fail(ENOMEM, "no memory to look into `%s`",
				 block->name);
	rc = hop_load(hop, view, block);
	if (!rc) {
		hop->content = malloc(content_cells(hop) * hop->cell_bytes);
		rc = hop->content ? collect(hop, &wanted)
				  : zipc_fail(ENOMEM, "no memory to copy "
						      "entries of `%s`",
					      block->name);
		free(hop->content);
	}
	free(hop);
	return rc ? rc : (int64_t)wanted.got;
}

const struct zipc_view_kind zipc_view_map = {
	.kind = ZIPC_MAP,
	.describe = describe,
	.elements = elements,
};

const struct zipc_view_kind zipc_view_set = {
	.kind = ZIPC_SET,
	.describe = describe,
	.elements = elements,
};
