/* SPDX-License-Identifier: MIT */
/*
 * What is driven; see drive.h. Of each segment with something marked for us
 * there is a struct driven, of each such stream in it a struct worker with its
 * thread. The loop owns all of them. A thread is asked to end, says when it
 * has, and is joined by the next scan, so that the loop never waits.
 *
 *   edge      written by   read by         carries
 *   stop      ask_to_end   work            the worker is to end
 *   ended     work         reap            the thread touches nothing any more
 */
#include "drive.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <zeroipc.h>

#include "access.h"
#include "guard.h"
#include "json.h"

#define SLICE_NS INT64_C(500000000)
#define RETRY_MS 1000u
#define STACK_BYTES (256u << 10)
#define STRUCTURES_MAX 4096u            /* of a segment that are looked at, */
#define LOOK_NS INT64_C(100000000)      /* for as long as this */
#define STOP_NS INT64_C(5000000000)     /* for threads to end */
#define AGAIN_NS UINT64_C(2500000000)   /* until it is looked at again */

static int64_t now_ns(void)
{
	return (int64_t)uv_hrtime();
}

struct stage {
	uint64_t in, out; /* as the last look found them */
	double in_per_s, out_per_s;
};

struct worker {
	struct worker *next;
	struct driven *segment;
	char name[ZIPC_NAME_MAX + 1]; /* "": it resolves lazy values */
	unsigned generation; /* with the offset: another of that name differs */
	uint64_t offset_bytes;
	bool found;          /* by the scan that is going on; */
	bool was_found;      /* by the one before */
	bool begun;
	bool joined;         /* or not begun: what it ended with stays told */
	struct zipc_stream *stream;
	uv_thread_t thread;
	_Atomic bool stop, ended;
	struct stage stage[ZIPC_DERIVATION_STAGES]; /* the loop's, as stages */
	unsigned stages;
	uint64_t stages_ns; /* when it looked; 0: not yet */
	uv_mutex_t mutex; /* what follows, which the loop reads */
	uint64_t elements;
	double rate; /* of them, each second */
	int error;
	char message[512];
};

struct driven {
	struct driven *next;
	char name[256];
	uint64_t id;
	bool found, tried;            /* by the scan that is going on; */
	bool was_found;               /* by the one before */
	unsigned marked;              /* what it has found there */
	struct zipc_segment *segment; /* NULL: it could not be opened */
	struct guard *guard;
	int error;
	char message[512];
	struct worker *workers;
};

/* in its thread */

static void tell(struct worker *worker, int error, const char *message)
{
	uv_mutex_lock(&worker->mutex);
	worker->error = error;
	snprintf(worker->message, sizeof(worker->message), "%s", message);
	uv_mutex_unlock(&worker->mutex);
}

struct measure {
	uint64_t began_ns, elements;
};

/* Elements were dealt with; once a second that is a rate. */
static void count(struct worker *worker, struct measure *since, uint64_t n)
{
	uint64_t now_ns = uv_hrtime(), span_ns = now_ns - since->began_ns;

	uv_mutex_lock(&worker->mutex);
	worker->elements += n;
	if (span_ns >= 1000000000) {
		worker->rate = (double)(worker->elements - since->elements) *
			       1e9 / (double)span_ns;
		since->began_ns = now_ns;
		since->elements = worker->elements;
	}
	uv_mutex_unlock(&worker->mutex);
}

static bool asked_to_end(struct worker *worker)
{
	/* stop: acquire; pairs with ask_to_end(). */
	return atomic_load_explicit(&worker->stop, memory_order_acquire);
}

/* Whether drive will not succeed later. */
static bool is_final(int64_t rc)
{
	return rc == -EPIPE || rc == -EBADMSG || rc == -ENOENT ||
	       rc == -EPROTOTYPE || rc == -EPROTONOSUPPORT || rc == -EROFS;
}

/* After a failure that may pass: wait, and be ready to end. */
static void wait_a_little(struct worker *worker)
{
	unsigned ms;

	for (ms = 0; ms < RETRY_MS && !asked_to_end(worker); ms += 100)
		uv_sleep(100);
}

/* One step; false: it was the last one. */
static bool step(struct worker *worker, struct measure *since)
{
	int64_t rc = zipc_stream_drive(worker->stream, SLICE_NS);

	if (guard_lost(worker->segment->guard)) {
		tell(worker, -EBADMSG, "its segment's file was cut short");
		return false;
	}
	count(worker, since, rc > 0 ? (uint64_t)rc : 0);
	if (rc >= 0 || rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EBUSY) {
		if (worker->error)
			tell(worker, 0, "");
		return true;
	}
	tell(worker, (int)rc, zipc_last_error());
	if (is_final(rc))
		return false;
	wait_a_little(worker);
	return true;
}

static void drive_all(struct worker *worker)
{
	struct measure since = { .began_ns = uv_hrtime() };

	while (!asked_to_end(worker) && step(worker, &since))
		;
}

/* One that cannot be computed just now is tried again by a later scan. */
static void resolve_all(struct worker *worker)
{
	struct driven *segment = worker->segment;

	while (!asked_to_end(worker) && !guard_lost(segment->guard) &&
	       zipc_lazy_resolve(segment->segment, SLICE_NS) == 1)
		;
}

static void work(void *context)
{
	struct worker *worker = context;

	if (worker->stream)
		drive_all(worker);
	else
		resolve_all(worker);
	/* ended: release; pairs with reap(). */
	atomic_store_explicit(&worker->ended, true, memory_order_release);
}

/* workers, by the loop */

static void ask_to_end(struct worker *worker)
{
	/* stop: release; pairs with asked_to_end(). */
	atomic_store_explicit(&worker->stop, true, memory_order_release);
}

/* Join what has ended; true: its thread still runs. */
static bool runs(struct drive *drive, struct worker *worker)
{
	if (worker->joined)
		return false;
	/* ended: acquire; pairs with work(). */
	if (!atomic_load_explicit(&worker->ended, memory_order_acquire))
		return true;
	uv_thread_join(&worker->thread);
	worker->joined = true;
	worker->rate = 0;
	drive->threads--;
	zipc_stream_close(worker->stream);
	worker->stream = NULL;
	return false;
}

static bool resolves(const struct worker *worker)
{
	return !worker->name[0];
}

static void worker_free(struct worker *worker)
{
	uv_mutex_destroy(&worker->mutex);
	free(worker);
}

static void begin(struct drive *drive, struct worker *worker)
{
	uv_thread_options_t options = {
		.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES,
	};
	int rc;

	if (drive->threads == DRIVE_MAX) {
		tell(worker, -EUSERS, "this zeroipcd drives as many streams as "
		     "it can; `zeroipc drive` does it as well");
		return;
	}
	rc = resolves(worker)
		     ? 0
		     : zipc_stream_open(&worker->stream,
					worker->segment->segment,
					worker->name, NULL);
	if (rc) {
		tell(worker, rc, zipc_last_error());
		return;
	}
	tell(worker, 0, "");
	rc = uv_thread_create_ex(&worker->thread, &options, work, worker);
	if (rc) {
		tell(worker, rc, uv_strerror(rc));
		zipc_stream_close(worker->stream);
		worker->stream = NULL;
		return;
	}
	worker->begun = true;
	worker->joined = false;
	drive->threads++;
}

/* What it resolves has no entry of its own. */
static const struct zipc_view_entry no_entry;

static struct worker *worker_of(struct driven *segment,
				const struct zipc_view_entry *entry)
{
	struct worker *worker;

	for (worker = segment->workers; worker; worker = worker->next)
		if (worker->generation == entry->generation &&
		    worker->offset_bytes == entry->offset_bytes &&
		    !strcmp(worker->name, entry->name))
			return worker;
	return NULL;
}

static struct worker *add_worker(struct driven *segment,
				 const struct zipc_view_entry *entry)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker || uv_mutex_init(&worker->mutex)) {
		free(worker);
		return NULL; /* the next scan tries again */
	}
	worker->segment = segment;
	worker->generation = entry->generation;
	worker->offset_bytes = entry->offset_bytes;
	worker->joined = true;
	snprintf(worker->name, sizeof(worker->name), "%s", entry->name);
	worker->next = segment->workers;
	segment->workers = worker;
	return worker;
}

/* What is there no more ends, and goes when its thread has ended. */
static void sweep_workers(struct drive *drive, struct driven *segment)
{
	struct worker **place = &segment->workers, *worker;

	while ((worker = *place)) {
		if (!worker->found)
			ask_to_end(worker);
		if (runs(drive, worker) ||
		    (worker->found && !resolves(worker))) {
			place = &worker->next;
			continue;
		}
		*place = worker->next;
		worker_free(worker);
	}
}

/* segments */

static void segment_close(struct driven *segment)
{
	if (segment->guard)
		guard_remove(segment->guard);
	guard_lenient();
	zipc_segment_close(segment->segment);
	guard_strict();
	segment->guard = NULL;
	segment->segment = NULL;
}

static void segment_open(struct driven *segment)
{
	int rc;

	guard_lenient();
	rc = zipc_segment_open(&segment->segment, segment->name, 0);
	if (!rc) {
		segment->guard = guard_add(zipc_segment_base(segment->segment),
					   zipc_segment_size(segment->segment));
		rc = segment->guard ? 0 : -EUSERS;
	}
	if (!rc && zipc_segment_id(segment->segment) != segment->id)
		rc = -ESTALE; /* another has its name by now */
	if (guard_strict() && !rc)
		rc = -EBADMSG;
	segment->error = rc;
	if (!rc)
		return;
	if (rc == -EACCES)
		snprintf(segment->message, sizeof(segment->message),
			 "zeroipcd runs as %s, who may not write segment /%s: "
			 "let it (mode, group), or use `zeroipc drive`",
			 access_user(geteuid()), segment->name);
	else if (rc == -EUSERS || rc == -ESTALE || rc == -EBADMSG)
		snprintf(segment->message, sizeof(segment->message),
			 "it cannot be opened, or its file changes, or this "
			 "zeroipcd drives in as many segments as it can");
	else
		snprintf(segment->message, sizeof(segment->message), "%s",
			 zipc_last_error());
	segment_close(segment);
}

static struct driven *driven_of(const struct drive *drive, const char *name,
				uint64_t id)
{
	struct driven *segment;

	for (segment = drive->segments; segment; segment = segment->next)
		if (segment->id == id && !strcmp(segment->name, name))
			return segment;
	return NULL;
}

static struct driven *add_segment(struct drive *drive,
				  const struct zipc_view_segment *it)
{
	struct driven *segment = calloc(1, sizeof(*segment));

	if (!segment)
		return NULL;
	snprintf(segment->name, sizeof(segment->name), "%s", it->name);
	segment->id = it->id;
	segment->next = drive->segments;
	drive->segments = segment;
	return segment;
}

/* Whether the entry is a stream that is to be driven by us. */
static bool is_marked(struct zipc_view *view,
		      const struct zipc_view_entry *entry,
		      struct zipc_view_derivation *it)
{
	return entry->kind == ZIPC_STREAM &&
	       !zipc_view_derivation(view, entry, it) && it->by_daemon;
}

static double rate(uint64_t now, uint64_t before, uint64_t span_ns)
{
	return now > before ? (double)(now - before) * 1e9 / (double)span_ns
			    : 0;
}

/* What its operators did since the last look, whoever drove. */
static void measure_stages(struct worker *worker,
			   const struct zipc_view_derivation *it)
{
	uint64_t now = uv_hrtime(), span = now - worker->stages_ns;
	unsigned k;

	for (k = 0; k < it->stages; k++) {
		struct stage *stage = &worker->stage[k];

		if (worker->stages_ns) {
			stage->in_per_s = rate(it->stage[k].in, stage->in,
					       span);
			stage->out_per_s = rate(it->stage[k].out, stage->out,
						span);
		}
		stage->in = it->stage[k].in;
		stage->out = it->stage[k].out;
	}
	worker->stages = it->stages;
	worker->stages_ns = now;
}

/* Whether it is a lazy value that somebody asked for. */
static bool is_wanted(struct zipc_view *view,
		      const struct zipc_view_entry *entry)
{
	static struct zipc_view_lazy it;

	return entry->kind == ZIPC_LAZY && !zipc_view_lazy(view, entry, &it) &&
	       it.state == ZIPC_VIEW_LAZY_WANTED && !it.external;
}

/* What is not driven yet, for whatever reason, is tried again. */
static void found(struct drive *drive, struct driven *segment,
		  const struct zipc_view_entry *entry,
		  const struct zipc_view_derivation *derivation)
{
	struct worker *worker = worker_of(segment, entry);

	segment->found = true;
	if (!segment->segment && !segment->tried)
		segment_open(segment);
	segment->tried = true;
	if (!worker && segment->marked++ < DRIVE_MAX)
		worker = add_worker(segment, entry);
	if (!worker)
		return;
	worker->found = true;
	if (entry != &no_entry)
		measure_stages(worker, derivation);
	if (!worker->begun && segment->segment)
		begin(drive, worker);
}

/* False: it took too long, and there may be more. */
static bool look_into(struct drive *drive, struct zipc_view *view,
		      const struct zipc_view_segment *it)
{
	struct driven *segment = driven_of(drive, it->name, it->id);
	struct zipc_view_entry entry;
	static struct zipc_view_derivation derivation;
	int64_t until_ns = now_ns() + LOOK_NS;
	unsigned i;
	int rc = 0;

	/* Others are looked at as well, however much one holds. */
	for (i = 0; rc != -ENOENT && i < STRUCTURES_MAX &&
		    now_ns() < until_ns; i++) {
		rc = zipc_view_entry(view, i, &entry);
		if (rc || !(is_marked(view, &entry, &derivation) ||
			    is_wanted(view, &entry)))
			continue;
		if (!segment)
			segment = add_segment(drive, it);
		if (segment)
			found(drive, segment, entry.kind == ZIPC_LAZY
						      ? &no_entry : &entry,
			      &derivation);
	}
	return rc == -ENOENT || i == STRUCTURES_MAX;
}

/* What was found in it by the last look counts as found by this one. */
static void keep(struct drive *drive, const char *name)
{
	struct driven *segment;
	struct worker *worker;

	for (segment = drive->segments; segment; segment = segment->next) {
		if (strcmp(segment->name, name))
			continue;
		segment->found |= segment->was_found;
		for (worker = segment->workers; worker; worker = worker->next)
			worker->found |= worker->was_found;
	}
}

static void look_at(struct drive *drive, const char *name)
{
	struct zipc_view_segment it;
	struct zipc_view *view;

	if (zipc_view_open(&view, name))
		return;
	if (!zipc_view_segment(view, &it) && !look_into(drive, view, &it))
		keep(drive, name);
	zipc_view_close(view);
}

/*
 * Who has something to do for us touches the file; what was done without that,
 * as by one who died before he did, is found a little later.
 */
static bool is_due(struct registry_file *file)
{
	const struct timespec *ctim = &file->stat.st_ctim;
	uint64_t now = uv_hrtime();

	if (file->looked_ns && now - file->looked_ns < AGAIN_NS &&
	    file->looked_ctim.tv_sec == ctim->tv_sec &&
	    file->looked_ctim.tv_nsec == ctim->tv_nsec)
		return false;
	file->looked_ns = now;
	file->looked_ctim = *ctim;
	return true;
}

static void forget(struct worker *worker)
{
	worker->was_found = worker->found;
	worker->found = false;
}

static void forget_what_was_found(struct drive *drive)
{
	struct driven *segment;
	struct worker *worker;

	for (segment = drive->segments; segment; segment = segment->next) {
		segment->was_found = segment->found;
		segment->found = segment->tried = false;
		segment->marked = 0;
		for (worker = segment->workers; worker; worker = worker->next)
			forget(worker);
	}
}

static void sweep_segments(struct drive *drive)
{
	struct driven **place = &drive->segments, *segment;

	while ((segment = *place)) {
		sweep_workers(drive, segment);
		if (segment->found || segment->workers) {
			place = &segment->next;
			continue;
		}
		*place = segment->next;
		segment_close(segment);
		free(segment);
	}
}

void drive_scan(struct drive *drive)
{
	struct registry *registry = drive->registry;
	size_t i;

	if (drive->off)
		return;
	forget_what_was_found(drive);
	for (i = 0; i < registry->n; i++) {
		struct registry_file *file = registry->files[i];

		if (file->verdict != REGISTRY_SEGMENT)
			continue;
		if (is_due(file))
			look_at(drive, file->name);
		else
			keep(drive, file->name);
	}
	sweep_segments(drive);
}

bool drive_unsettled(const struct drive *drive)
{
	const struct driven *segment;
	const struct worker *worker;

	for (segment = drive->segments; segment; segment = segment->next)
		for (worker = segment->workers; worker; worker = worker->next)
			if (!worker->found && !worker->joined)
				return true;
	return false;
}

void drive_start(struct drive *drive, struct registry *registry, bool off)
{
	*drive = (struct drive){ .registry = registry, .off = off };
}

void drive_stop(struct drive *drive)
{
	int64_t until_ns = now_ns() + STOP_NS;
	struct driven *segment;
	struct worker *worker;

	forget_what_was_found(drive);
	for (segment = drive->segments; segment; segment = segment->next)
		for (worker = segment->workers; worker; worker = worker->next)
			ask_to_end(worker);
	while (drive->segments && now_ns() < until_ns) {
		sweep_segments(drive);
		if (drive->segments)
			uv_sleep(5);
	}
	if (!drive->segments)
		return;
	/* Of a driver that is killed nothing is lost. */
	fputs("zeroipcd: somebody keeps a segment changing, and a thread in "
	      "it does not end\n", stderr);
	_exit(EXIT_SUCCESS);
}

/* telling */

static void describe_worker(cJSON *it, struct worker *worker, bool quoted)
{
	uv_mutex_lock(&worker->mutex);
	cJSON_AddStringToObject(it, "state",
				worker->error == -EPIPE ? "ended"
				: worker->error ? "failed" : "driving");
	if (worker->error && worker->error != -EPIPE) {
		cJSON_AddStringToObject(it, "error",
					zipc_error_name(worker->error));
		json_string(it, "message", worker->message);
	}
	json_u64(it, "elements", worker->elements, quoted);
	cJSON_AddNumberToObject(it, "elements_per_s", worker->rate);
	uv_mutex_unlock(&worker->mutex);
}

static void describe_stages(cJSON *it, const struct worker *worker)
{
	cJSON *all = cJSON_AddArrayToObject(it, "stages"), *one;
	unsigned k;

	for (k = 0; k < worker->stages; k++) {
		one = cJSON_CreateObject();
		cJSON_AddNumberToObject(one, "in_per_s",
					worker->stage[k].in_per_s);
		cJSON_AddNumberToObject(one, "out_per_s",
					worker->stage[k].out_per_s);
		cJSON_AddItemToArray(all, one);
	}
}

void drive_describe(const struct drive *drive, cJSON *object,
		    const struct zipc_view_segment *segment,
		    const struct zipc_view_entry *entry, bool int64_as_string)
{
	struct driven *driven = driven_of(drive, segment->name, segment->id);
	struct worker *worker = driven ? worker_of(driven, entry) : NULL;
	cJSON *it;

	if (!worker)
		return;
	it = cJSON_AddObjectToObject(object, "drive");
	if (driven->error) {
		cJSON_AddStringToObject(it, "state", "failed");
		cJSON_AddStringToObject(it, "error",
					zipc_error_name(driven->error));
		json_string(it, "message", driven->message);
	} else {
		describe_worker(it, worker, int64_as_string);
		describe_stages(it, worker);
	}
}
