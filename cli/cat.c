/* SPDX-License-Identifier: MIT */
/*
 * zeroipc cat: the elements of a structure, decoded by its type. A queue or
 * stack is looked into, nothing is taken.
 */
#include "cli.h"

#include <stdlib.h>
#include <unistd.h>

/* A queue that is in use moves between two reads, so reads are large. */
#define CHUNK_BYTES (UINT64_C(16) << 20)

struct reading {
	struct zipc_view *view;
	struct zipc_view_entry entry;
	struct printer printer;
	uint64_t first; /* the id of element 0 when reading began */
	uint64_t end;   /* the id at which to stop */
	uint64_t room;  /* elements in a chunk */
	unsigned char *bytes;
	uint64_t *ids;
	int index_width; /* 0: print no indices */
	uint64_t printed;
};

/*
 * Ids count from 0 in an array, and from the newest in a stack; in a queue from
 * 1, ever since its creation.
 */
static uint64_t oldest_id(const struct zipc_view_entry *entry)
{
	bool queue = entry->kind == ZIPC_QUEUE ||
		     entry->kind == ZIPC_STREAM ||
		     (entry->kind == ZIPC_CHANNEL && entry->capacity);

	return queue ? entry->removed + 1 : 0;
}

static void print_chunk(struct reading *it, uint64_t n)
{
	for (uint64_t i = 0; i < n && it->ids[i] < it->end; i++) {
		if (it->index_width)
			printf("%*llu  ", it->index_width,
			       (unsigned long long)(it->ids[i] - it->first));
		printer_value(&it->printer,
			      it->bytes + i * it->entry.elem_size);
		it->printed++;
	}
}

/* Read and print the elements from id on; 0 or -errno. */
static int64_t read_on(struct reading *it, uint64_t id)
{
	uint64_t oldest, n;
	int64_t got;

	while (id < it->end && !ferror(stdout)) {
		got = zipc_view_find(it->view, it->entry.name, &it->entry);
		if (got)
			return got;
		oldest = oldest_id(&it->entry);
		if (id < oldest)
			id = oldest;
		if (id >= it->end)
			return 0;
		n = it->end - id;
		if (n > it->room)
			n = it->room;
		got = zipc_view_elements(it->view, &it->entry, id - oldest, n,
					 it->bytes, it->ids);
		if (got < 0)
			return got;
		if (got == 0)
			return 0;
		print_chunk(it, (uint64_t)got);
		id = it->ids[got - 1] + 1;
	}
	return 0;
}

static void prepare(struct reading *it, uint64_t count)
{
	uint64_t last = it->end - it->first;

	it->room = CHUNK_BYTES / it->entry.elem_size;
	if (it->room < 1)
		it->room = 1;
	if (it->room > count)
		it->room = count ? count : 1;
	it->bytes = must_allocate(it->room, it->entry.elem_size);
	it->ids = must_allocate(it->room, sizeof(*it->ids));
	if (!it->printer.as_json && isatty(STDOUT_FILENO))
		it->index_width = snprintf(NULL, 0, "%llu",
					   (unsigned long long)(last - !!last));
}

static int no_such_element(const struct path *path,
			   const struct zipc_view_entry *entry)
{
	return fail("%s/%s has %llu elements: there is no [%lld]",
		    path->segment, path->structure,
		    (unsigned long long)entry->size,
		    (long long)path->slice.from);
}

static int show(struct reading *it, const struct path *path)
{
	uint64_t from, count;
	int64_t rc;

	if (!slice_resolve(&path->slice, it->entry.size, &from, &count))
		return no_such_element(path, &it->entry);
	rc = printer_init(&it->printer, it->entry.type, it->printer.as_json);
	if (rc)
		return fail_at(path->segment, path->structure, rc);
	it->first = oldest_id(&it->entry);
	it->end = it->first + from + count;
	prepare(it, count);
	rc = read_on(it, it->first + from);
	printer_end(&it->printer);
	free(it->bytes);
	free(it->ids);
	if (rc)
		return fail_at(path->segment, path->structure, rc);
	if (path->slice.single && !it->printed)
		return fail("%s/%s: that element has just been taken, or is "
			    "not complete yet",
			    path->segment, path->structure);
	return STATUS_FINE;
}

/* A ring's records, of any length. */

struct showing {
	uint64_t end; /* number at which to stop */
	struct json json;
	bool as_json;
};

static int show_record(const struct zipc_view_record *record, void *context)
{
	struct showing *it = context;

	if (record->number >= it->end || ferror(stdout))
		return 1;
	print_record(it->as_json ? &it->json : NULL, record->number,
		     record->bytes, record->shown);
	return 0;
}

static int show_ring(struct reading *reading, const struct path *path)
{
	struct showing it = {.as_json = reading->printer.as_json};
	struct zipc_view_ring ring;
	uint64_t from, count;
	int64_t rc = zipc_view_ring(reading->view, &reading->entry, &ring);

	if (rc)
		return fail_at(path->segment, path->structure, rc);
	reading->entry.size = ring.records + 1 - ring.oldest;
	if (!slice_resolve(&path->slice, reading->entry.size, &from, &count))
		return no_such_element(path, &reading->entry);
	it.end = ring.oldest + from + count;
	if (it.as_json)
		json_open(&it.json, NULL, '[');
	rc = zipc_view_records(reading->view, &reading->entry,
			       ring.oldest + from, UINT64_MAX, UINT64_MAX,
			       show_record, &it);
	if (it.as_json)
		json_close(&it.json, ']');
	return rc < 0 ? fail_at(path->segment, path->structure, rc)
		      : STATUS_FINE;
}

/* Whether what is in it is decoded by its type, one after the other. */
static bool has_elements(unsigned kind)
{
	return kind == ZIPC_ARRAY || kind == ZIPC_QUEUE || kind == ZIPC_STACK ||
	       kind == ZIPC_MAP || kind == ZIPC_SET || kind == ZIPC_CHANNEL ||
	       kind == ZIPC_FUTURE || kind == ZIPC_LAZY ||
	       kind == ZIPC_STREAM || is_lock(kind);
}

static int cat(const struct path *path, bool as_json)
{
	struct reading it = {.printer.as_json = as_json};
	int status, rc = zipc_view_open(&it.view, path->segment);

	if (!rc)
		rc = zipc_view_find(it.view, path->structure, &it.entry);
	if (rc)
		status = fail_at(path->segment, path->structure, rc);
	else if (it.entry.kind == ZIPC_POOL)
		status = pool_cat(it.view, &it.entry, path, as_json);
	else if (it.entry.kind == ZIPC_RING)
		status = show_ring(&it, path);
	else if (sync_kind(it.entry.kind_name))
		status = fail("%s/%s is a %s, which has no elements: `zeroipc "
			      "stat` tells its state",
			      path->segment, path->structure,
			      it.entry.kind_name);
	else if (!has_elements(it.entry.kind))
		status = fail("%s/%s is of kind %u, which this program does "
			      "not know",
			      path->segment, path->structure, it.entry.kind);
	else
		status = show(&it, path);
	if (!status && it.entry.kind == ZIPC_FUTURE)
		status = tell_failure(it.view, &it.entry, path);
	if (!status && it.entry.kind == ZIPC_LAZY)
		status = tell_lazy_failure(it.view, &it.entry, path);
	zipc_view_close(it.view);
	return status;
}

static int run(int argc, char **argv)
{
	bool as_json;
	struct path path;
	int status = json_and_path(&as_json, &path, argc, argv,
				   "structure, as SEGMENT/STRUCTURE");

	if (status)
		return status;
	if (path.structure)
		status = cat(&path, as_json);
	else
		status = fail_usage("`%s` names no structure: `zeroipc ls %s` "
				    "lists what there is",
				    path.segment, path.segment);
	path_free(&path);
	return status;
}

const struct command command_cat = {
	.name = "cat",
	.arguments = "[--json] SEGMENT/STRUCTURE[SLICE]",
	.summary = "Show the elements of a structure",
	.details = "  --json  print one JSON array, and not a line for each "
		   "element\n"
		   "\n"
		   "A SLICE is Python's: [i], [i:j], [:j] or [i:]; negative "
		   "numbers count from the\nend. Element 0 of a queue is its "
		   "oldest, of a stack its newest. Nothing is taken\nfrom "
		   "them. The entries of a map or a set have no order: their "
		   "numbers are good\nfor this look. Of a pool the objects "
		   "that are taken are shown, by their index,\nand whose they "
		   "are. A ring's records are shown as text, or as \\x and "
		   "hexadecimal\ndigits.\n",
	.run = run,
};
