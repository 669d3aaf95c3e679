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
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <zeroipc.h>

#include "access.h"
#include "guard.h"
#include "holes.h"
#include "json.h"

#define SLICE_NS INT64_C(500000000)
#define RETRY_MS 1000u
#define STACK_BYTES (256u << 10)
#define RESOLVER_BYTES (4u << 20)       /* that computing lazies takes, about */
#define RECORDS_MAX 4096u               /* streams, also those not driven */
#define STRUCTURES_MAX 4096u            /* of a segment that are looked at */
#define TURN_NS INT64_C(200000000)      /* of a user's, in one scan */
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
	uint64_t holes;      /* bytes that its thread may make memory of */
	uint64_t bytes;      /* of memory that are set aside for its thread */
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
	struct share_user *user; /* who owns the file */
	bool found, tried;            /* by the scan that is going on; */
	bool was_found;               /* by the one before */
	struct zipc_segment *segment; /* NULL: it is not open just now */
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
	       rc == -EPROTOTYPE || rc == -EPROTONOSUPPORT || rc == -EROFS ||
	       rc == -ELOOP;
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

/* What its thread had. */
static void give_back(struct drive *drive, struct worker *worker)
{
	struct share_user *user = worker->segment->user;

	share_give(&drive->share, user, SHARE_THREADS, 1);
	share_give(&drive->share, user, SHARE_BYTES, worker->bytes);
	worker->bytes = 0;
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
	zipc_stream_close(worker->stream);
	worker->stream = NULL;
	give_back(drive, worker);
	return false;
}

static bool resolves(const struct worker *worker)
{
	return !worker->name[0];
}

static void worker_free(struct drive *drive, struct worker *worker)
{
	share_give(&drive->share, worker->segment->user, SHARE_RECORDS, 1);
	uv_mutex_destroy(&worker->mutex);
	free(worker);
}

/* Why there is no more of that for the user, in words; logged once. */
static void refuse(const struct drive *drive, struct share_user *user,
		   enum share_of of, char *message, size_t size)
{
	static const char *const what[SHARE_KINDS] = {
		[SHARE_THREADS] = "threads (--threads)",
		[SHARE_SEGMENTS] = "segments",
		[SHARE_BYTES] = "MiB of memory (--memory)",
		[SHARE_RECORDS] = "streams that it knows of",
	};
	unsigned unit = of == SHARE_BYTES ? 20 : 0;

	snprintf(message, size, "no more is driven for %s, who has %" PRIu64
		 " of %" PRIu64 " %s, and may have %" PRIu64
		 "; `zeroipc drive` does it as well",
		 access_user(user->uid), user->used[of] >> unit,
		 drive->share.most[of] >> unit, what[of],
		 share_most(&drive->share, user, of) >> unit);
	if (!user->told[of])
		fprintf(stderr, "zeroipcd: %s\n", message);
	user->told[of] = true;
}

/* A share of n of that; false: it is told why not. */
static bool take(struct drive *drive, struct worker *worker, enum share_of of,
		 uint64_t n)
{
	struct share_user *user = worker->segment->user;
	char message[sizeof(worker->message)];

	if (share_take(&drive->share, user, of, n))
		return true;
	refuse(drive, user, of, message, sizeof(message));
	tell(worker, -EUSERS, message);
	return false;
}

/* Memory that a single stream may take. */
static uint64_t most_of_one(const struct drive *drive)
{
	return drive->share.most[SHARE_BYTES] / 4;
}

static void too_large(const struct drive *drive, struct worker *worker,
		      uint64_t bytes)
{
	struct share_user *user = worker->segment->user;
	char message[sizeof(worker->message)];

	snprintf(message, sizeof(message), "driving it takes %" PRIu64
		 " MiB of memory, more than the %" PRIu64 " MiB that zeroipcd "
		 "gives to one stream (a quarter of --memory)%s; or use "
		 "`zeroipc drive`", (bytes >> 20) + 1,
		 most_of_one(drive) >> 20,
		 worker->holes > bytes / 2 ? ": what it touches of a sparse "
					     "segment becomes memory"
					   : ": derive it with a smaller "
					     "batch");
	if (!user->told[SHARE_BYTES])
		fprintf(stderr, "zeroipcd: stream %s of %s: %s\n",
			worker->name, access_user(user->uid), message);
	user->told[SHARE_BYTES] = true;
	tell(worker, -ENOMEM, message);
}

/* Its stream, and what its thread will take: 0, or why it is not to be. */
static int prepare(struct drive *drive, struct worker *worker)
{
	int64_t bytes = RESOLVER_BYTES;
	uint64_t needs;
	int rc;

	if (!resolves(worker)) {
		rc = zipc_stream_open(&worker->stream,
				      worker->segment->segment, worker->name,
				      NULL);
		bytes = rc ? rc : zipc_stream_drive_bytes(worker->stream);
	}
	if (bytes < 0) {
		tell(worker, (int)bytes, zipc_last_error());
		return (int)bytes;
	}
	needs = (uint64_t)bytes + worker->holes;
	if (needs > most_of_one(drive)) {
		too_large(drive, worker, needs);
		return -ENOMEM;
	}
	if (!take(drive, worker, SHARE_BYTES, needs + STACK_BYTES))
		return -EUSERS;
	worker->bytes = needs + STACK_BYTES;
	tell(worker, 0, "");
	return 0;
}

/* Signals to end are the loop's, which may be at its end. */
static int start_thread(struct worker *worker)
{
	uv_thread_options_t options = {
		.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES,
	};
	sigset_t ends, before;
	int rc;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, &before);
	rc = uv_thread_create_ex(&worker->thread, &options, work, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		tell(worker, rc, uv_strerror(rc));
	return rc;
}

/* Its segment is open, and a thread is set aside. */
static int begin_thread(struct drive *drive, struct worker *worker)
{
	int rc = prepare(drive, worker);

	if (!rc)
		rc = start_thread(worker);
	if (rc) {
		zipc_stream_close(worker->stream);
		worker->stream = NULL;
	}
	return rc;
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

static struct worker *add_worker(struct drive *drive, struct driven *segment,
				 const struct zipc_view_entry *entry)
{
	struct worker *worker;

	if (!share_take(&drive->share, segment->user, SHARE_RECORDS, 1))
		return NULL;
	worker = calloc(1, sizeof(*worker));
	if (!worker || uv_mutex_init(&worker->mutex)) {
		free(worker);
		share_give(&drive->share, segment->user, SHARE_RECORDS, 1);
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

/* segments */

static void segment_close(struct drive *drive, struct driven *segment)
{
	if (!segment->segment)
		return;
	if (segment->guard) {
		guard_remove(segment->guard);
		share_give(&drive->share, segment->user, SHARE_SEGMENTS, 1);
	}
	guard_lenient();
	zipc_segment_close(segment->segment);
	guard_strict();
	segment->guard = NULL;
	segment->segment = NULL;
}

static void say_why(struct driven *segment, int rc)
{
	segment->error = rc;
	if (rc == -EACCES)
		snprintf(segment->message, sizeof(segment->message),
			 "zeroipcd runs as %s, who may not write segment /%s: "
			 "let it (mode, group), or use `zeroipc drive`",
			 access_user(geteuid()), segment->name);
	else if (rc == -ESTALE || rc == -EBADMSG)
		snprintf(segment->message, sizeof(segment->message),
			 "it cannot be opened, or its file changes");
	else
		snprintf(segment->message, sizeof(segment->message), "%s",
			 zipc_last_error());
}

/* Map it, with a guard, of which it has a share already. */
static int segment_map(struct driven *segment)
{
	int rc;

	guard_lenient();
	rc = zipc_segment_open(&segment->segment, segment->name, 0);
	if (!rc) {
		segment->guard = guard_add(zipc_segment_base(segment->segment),
					   zipc_segment_size(segment->segment));
		rc = segment->guard ? 0 : -ENOMEM;
	}
	if (!rc && zipc_segment_id(segment->segment) != segment->id)
		rc = -ESTALE; /* another has its name by now */
	if (guard_strict() && !rc)
		rc = -EBADMSG;
	return rc;
}

static void segment_open(struct drive *drive, struct driven *segment)
{
	int rc;

	segment->error = 0;
	if (!share_take(&drive->share, segment->user, SHARE_SEGMENTS, 1)) {
		segment->error = -EUSERS;
		refuse(drive, segment->user, SHARE_SEGMENTS, segment->message,
		       sizeof(segment->message));
		return;
	}
	rc = segment_map(segment);
	if (!rc)
		return;
	say_why(segment, rc);
	if (!segment->guard)
		share_give(&drive->share, segment->user, SHARE_SEGMENTS, 1);
	segment_close(drive, segment);
}

/* Nobody works in it: what it takes is for others. */
static void let_go(struct drive *drive, struct driven *segment)
{
	const struct worker *worker;

	for (worker = segment->workers; worker; worker = worker->next)
		if (!worker->joined)
			return;
	segment_close(drive, segment);
}

static struct driven *driven_of(const struct drive *drive,
				const struct zipc_view_segment *it)
{
	struct driven *segment;

	for (segment = drive->segments; segment; segment = segment->next)
		if (segment->id == it->id && !strcmp(segment->name, it->name) &&
		    share_is_owner(segment->user, it->uid, it->mode))
			return segment;
	return NULL;
}

static struct driven *add_segment(struct drive *drive,
				  const struct zipc_view_segment *it)
{
	struct share_user *user = share_owner(&drive->share, it->uid, it->mode);
	struct driven *segment;

	if (!user || !share_take(&drive->share, user, SHARE_RECORDS, 1))
		return NULL;
	segment = calloc(1, sizeof(*segment));
	if (!segment) {
		share_give(&drive->share, user, SHARE_RECORDS, 1);
		return NULL;
	}
	segment->user = user;
	snprintf(segment->name, sizeof(segment->name), "%s", it->name);
	segment->id = it->id;
	segment->next = drive->segments;
	drive->segments = segment;
	return segment;
}

/* Whether the stream is to be driven by us; 0, or why that is not known. */
static int is_marked(struct zipc_view *view,
		     const struct zipc_view_entry *entry,
		     struct zipc_view_derivation *it, bool *marked)
{
	int rc = zipc_view_derivation(view, entry, it);

	*marked = !rc && it->by_daemon;
	return rc;
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

/* Whether it is a lazy value that somebody asked for; likewise. */
static int is_wanted(struct zipc_view *view,
		     const struct zipc_view_entry *entry, bool *wanted)
{
	static struct zipc_view_lazy it;
	int rc = zipc_view_lazy(view, entry, &it);

	*wanted = !rc && it.state == ZIPC_VIEW_LAZY_WANTED && !it.external;
	return rc;
}

/* What is not driven yet, for whatever reason, is tried again. */
static void begin(struct drive *drive, struct worker *worker)
{
	struct driven *segment = worker->segment;

	if (!take(drive, worker, SHARE_THREADS, 1))
		return;
	if (!segment->segment && !segment->tried)
		segment_open(drive, segment);
	segment->tried = true;
	if (segment->segment && !begin_thread(drive, worker)) {
		worker->begun = true;
		worker->joined = false;
		return;
	}
	give_back(drive, worker);
}

/* It was asked to end, has ended, and is found again. */
static void begin_again(struct drive *drive, struct worker *worker)
{
	worker->begun = false;
	/* Relaxed: there is no thread. */
	atomic_store_explicit(&worker->stop, false, memory_order_relaxed);
	atomic_store_explicit(&worker->ended, false, memory_order_relaxed);
	begin(drive, worker);
}

/* What is there no more ends, and goes when its thread has ended. */
static void sweep_workers(struct drive *drive, struct driven *segment)
{
	struct worker **place = &segment->workers, *worker;

	while ((worker = *place)) {
		if (!worker->found)
			ask_to_end(worker);
		if (!runs(drive, worker) &&
		    (!worker->found || resolves(worker))) {
			*place = worker->next;
			worker_free(drive, worker);
			continue;
		}
		if (worker->joined && asked_to_end(worker))
			begin_again(drive, worker);
		place = &worker->next;
	}
}

/* One that is to begin; or NULL. */
static struct worker *found(struct drive *drive, struct driven *segment,
			    const struct zipc_view_entry *entry,
			    const struct zipc_view_derivation *derivation)
{
	struct worker *worker = worker_of(segment, entry);

	segment->found = true;
	if (!worker)
		worker = add_worker(drive, segment, entry);
	if (!worker)
		return NULL;
	worker->found = true;
	if (entry != &no_entry)
		measure_stages(worker, derivation);
	return worker->begun ? NULL : worker;
}

/*
 * What its thread may make of holes: of a lazy, any input may be anywhere. Who
 * owns zeroipcd pays for them in any case.
 */
static uint64_t holes_of(struct zipc_view *view,
			 const struct zipc_view_segment *it,
			 const struct worker *worker,
			 const struct zipc_view_entry *entry,
			 const struct zipc_view_derivation *derivation)
{
	if (share_is_trusted(worker->segment->user))
		return 0;
	if (resolves(worker))
		return holes_between(it->name, 0, it->used_bytes);
	return holes_of_stream(view, it->name, entry, derivation);
}

/* Whether it may be otherwise the next time that it is looked at. */
static bool may_pass(int error)
{
	return error && error != -ENOENT && error != -EBADMSG &&
	       error != -EPROTONOSUPPORT && error != -EPROTOTYPE &&
	       error != -EOPNOTSUPP;
}

/*
 * What an entry has for us, if anything. Returns 0; or why it is not known,
 * which may pass.
 */
static int look_at_entry(struct drive *drive, struct zipc_view *view,
			 const struct zipc_view_segment *it,
			 const struct zipc_view_entry *entry)
{
	static struct zipc_view_derivation derivation;
	struct driven *segment;
	struct worker *worker;
	bool has = false;
	int rc = 0;

	if (entry->kind == ZIPC_STREAM)
		rc = is_marked(view, entry, &derivation, &has);
	else if (entry->kind == ZIPC_LAZY)
		rc = is_wanted(view, entry, &has);
	if (may_pass(rc))
		return rc;
	if (!has)
		return 0;
	segment = driven_of(drive, it);
	if (!segment)
		segment = add_segment(drive, it);
	worker = segment ? found(drive, segment,
				 entry->kind == ZIPC_LAZY ? &no_entry : entry,
				 &derivation)
			 : NULL;
	if (worker) {
		worker->holes = holes_of(view, it, worker, entry, &derivation);
		begin(drive, worker);
	}
	return 0;
}

/* False: not all of it could be looked at, for the time. */
static bool look_into(struct drive *drive, struct zipc_view *view,
		      const struct zipc_view_segment *it)
{
	struct zipc_view_entry entry;
	bool all = true;
	unsigned i;
	int rc = 0;

	/* Others are looked at as well, however much one holds. */
	for (i = 0; rc != -ENOENT && i < STRUCTURES_MAX; i++) {
		rc = zipc_view_entry(view, i, &entry);
		if (!rc)
			rc = look_at_entry(drive, view, it, &entry);
		all &= !may_pass(rc);
		if (rc == -ETIMEDOUT)
			break;
	}
	return all;
}

/*
 * What was found in it by the last look counts as found by this one; id: of the
 * segment that has the name now, or NULL, it is not known.
 */
static void keep(struct drive *drive, const char *name, const uint64_t *id)
{
	struct driven *segment;
	struct worker *worker;

	for (segment = drive->segments; segment; segment = segment->next) {
		if (strcmp(segment->name, name) || (id && *id != segment->id))
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
	bool all, known = false;
	int rc = zipc_view_open(&view, name);

	if (!rc) {
		zipc_view_limit(view, drive->look_ns);
		rc = zipc_view_segment(view, &it);
		known = !rc;
		all = rc ? !may_pass(rc) : look_into(drive, view, &it);
		zipc_view_close(view);
	} else {
		all = !may_pass(rc);
	}
	if (!all)
		keep(drive, name, known ? &it.id : NULL);
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
		for (worker = segment->workers; worker; worker = worker->next)
			forget(worker);
	}
}

static void sweep_segments(struct drive *drive)
{
	struct driven **place = &drive->segments, *segment;

	while ((segment = *place)) {
		sweep_workers(drive, segment);
		let_go(drive, segment);
		if (segment->found || segment->workers) {
			place = &segment->next;
			continue;
		}
		*place = segment->next;
		share_give(&drive->share, segment->user, SHARE_RECORDS, 1);
		free(segment);
	}
}

/* False: it is its turn, and its owner has had all the time. */
static bool turn_to(struct drive *drive, struct registry_file *file)
{
	struct share_user *user = share_owner(
		&drive->share, file->stat.st_uid, file->stat.st_mode);
	int64_t began_ns = now_ns();

	if (user && user->turn != drive->turn) {
		user->turn = drive->turn;
		user->time_ns = TURN_NS;
	}
	if (!user || user->time_ns <= 0) {
		keep(drive, file->name, NULL);
		return false;
	}
	if (is_due(file))
		look_at(drive, file->name);
	else
		keep(drive, file->name, NULL);
	user->time_ns -= now_ns() - began_ns;
	return true;
}

/*
 * Whose segments take long to look at waits for the next scan with the others,
 * which begins there; so nobody makes a scan long, and all get their turn.
 */
void drive_scan(struct drive *drive)
{
	struct registry *registry = drive->registry;
	size_t i, at, from = drive->from;
	bool all = true;

	if (drive->off)
		return;
	forget_what_was_found(drive);
	drive->turn++;
	for (i = 0; i < registry->n; i++) {
		at = (from + i) % registry->n;
		if (registry->files[at]->verdict != REGISTRY_SEGMENT ||
		    turn_to(drive, registry->files[at]) || !all)
			continue;
		drive->from = at;
		all = false;
	}
	sweep_segments(drive);
}

bool drive_unsettled(const struct drive *drive)
{
	const struct driven *segment;
	struct worker *worker;

	for (segment = drive->segments; segment; segment = segment->next)
		for (worker = segment->workers; worker; worker = worker->next)
			if (!worker->joined && asked_to_end(worker))
				return true;
	return false;
}

void drive_start(struct drive *drive, struct registry *registry,
		 const struct drive_options *options)
{
	*drive = (struct drive){
		.registry = registry,
		.off = options->off,
		.look_ns = INT64_C(100000000),
		.share.most = {
			[SHARE_THREADS] = options->threads,
			[SHARE_SEGMENTS] = GUARD_MAX,
			[SHARE_BYTES] = (uint64_t)options->memory_mib << 20,
			[SHARE_RECORDS] = RECORDS_MAX,
		},
	};
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
	if (!drive->segments) {
		share_stop(&drive->share);
		return;
	}
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

static void describe_failure(cJSON *it, int error, const char *message)
{
	cJSON_AddStringToObject(it, "state", "failed");
	cJSON_AddStringToObject(it, "error", zipc_error_name(error));
	json_string(it, "message", message);
}

/* There is no record of it, as its owner has too many. */
static void describe_unknown(cJSON *object, const struct drive *drive,
			     struct share_user *user)
{
	char message[512];

	if (user->used[SHARE_RECORDS] <
	    share_most(&drive->share, user, SHARE_RECORDS))
		return;
	refuse(drive, user, SHARE_RECORDS, message, sizeof(message));
	describe_failure(cJSON_AddObjectToObject(object, "drive"), -EUSERS,
			 message);
}

void drive_describe(const struct drive *drive, cJSON *object,
		    const struct zipc_view_segment *segment,
		    const struct zipc_view_entry *entry, bool int64_as_string)
{
	struct driven *driven = driven_of(drive, segment);
	struct worker *worker = driven ? worker_of(driven, entry) : NULL;
	cJSON *it;

	if (driven && !worker)
		describe_unknown(object, drive, driven->user);
	if (!worker)
		return;
	it = cJSON_AddObjectToObject(object, "drive");
	if (driven->error && !worker->begun) {
		describe_failure(it, driven->error, driven->message);
	} else {
		describe_worker(it, worker, int64_as_string);
		describe_stages(it, worker);
	}
}
