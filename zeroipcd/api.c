/* SPDX-License-Identifier: MIT */
/*
 * One function per route. A segment that the client may not read answers as
 * one that the daemon cannot read: by what stat(2) tells, and how to change it.
 */
#include "api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zipc/base.h>
#include <zipc/inspect.h>

#include "describe.h"
#include "json.h"

#define COUNT_DEFAULT 100
#define ANSWER_NS INT64_C(2000000000) /* that an answer may take, */
#define CREDIT_NS INT64_C(1000000000) /* and what a user's may at once */
#define OWNER_NS INT64_C(200000000)   /* for the files of one, in a list */

/* A request on its way to its answer. */
struct request {
	struct api *api;
	const struct uri *uri;
	const struct access_peer *peer;
	struct http_answer *answer;
	bool quoted; /* int64=string */
	uint64_t from, count;
	int64_t until_ns;  /* it has to be answered */
	int64_t others_ns; /* of the loop's time, that is not who asks's */
};

struct route {
	const char *first; /* part of the path */
	unsigned parts;
	const char *params; /* between spaces */
	void (*handle)(struct request *request);
	bool is_cheap; /* whoever asks, and however often */
};

static void finish(struct request *request, cJSON *document)
{
	struct http_answer *answer = request->answer;
	char *text = cJSON_Print(document), *line = NULL;
	size_t length = text ? strlen(text) : 0;

	cJSON_Delete(document);
	if (text)
		line = realloc(text, length + 2);
	if (!line) {
		cJSON_free(text);
		http_error(answer, 503, -ENOMEM, "out of memory");
		return;
	}
	strcpy(line + length, "\n");
	answer->status = 200;
	answer->type = "application/json";
	answer->body = line;
	answer->length = length + 1;
}

static unsigned status_of(int error)
{
	switch (error) {
	case -ENOENT:
		return 404;
	case -EACCES:
		return 403;
	case -EMSGSIZE:
		return 413;
	case -EBADMSG:
	case -EPROTONOSUPPORT:
	case -EOPNOTSUPP:
		return 422;
	default:
		return 503;
	}
}

static void fail(struct request *request, int error)
{
	http_error(request->answer, status_of(error), error, "%s",
		   zipc_last_error()[0] ? zipc_last_error()
					: zipc_strerror(error));
}

static int64_t now_ns(void)
{
	return (int64_t)uv_hrtime();
}

/* The loop's time, whatever else the machine does. */
static int64_t spent_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static double uptime_s(const struct api *api)
{
	return (double)((uv_hrtime() - api->started_ns) / 1000000) / 1e3;
}

static void healthz(struct request *request)
{
	cJSON *document = cJSON_CreateObject();

	cJSON_AddStringToObject(document, "status", "ok");
	cJSON_AddStringToObject(document, "version", zipc_version());
	cJSON_AddNumberToObject(document, "uptime_s", uptime_s(request->api));
	json_u64(document, "segments",
		 registry_segments(request->api->registry), false);
	finish(request, document);
}

/* Is what the view shows for this peer's eyes? */
static bool may_read(const struct access_peer *peer,
		     const struct zipc_view_segment *segment)
{
	struct access_file file = {
		.uid = segment->uid,
		.gid = segment->gid,
		.mode = segment->mode,
		.acl = access_has_acl(segment->name),
	};

	return access_may_read(peer, &file);
}

/*
 * Open a segment for the peer. Returns 0; -EACCES (the daemon or the peer may
 * not read it); or why the segment does not open.
 */
static int open_for(const struct request *request,
		    const struct registry_file *file, struct zipc_view **out,
		    struct zipc_view_segment *segment)
{
	struct zipc_view *view;
	int rc;

	if (file->verdict != REGISTRY_SEGMENT)
		return file->error;
	rc = zipc_view_open(&view, file->name);
	if (rc)
		return rc;
	zipc_view_limit(view, request->until_ns > now_ns()
				      ? request->until_ns - now_ns() : 0);
	rc = zipc_view_segment(view, segment);
	if (!rc && !may_read(request->peer, segment))
		rc = -EACCES;
	if (rc)
		zipc_view_close(view);
	else
		*out = view;
	return rc;
}

static void add_daemon(cJSON *document, const struct request *request)
{
	cJSON *daemon = cJSON_AddObjectToObject(document, "daemon");
	cJSON *client = cJSON_AddObjectToObject(document, "client");

	cJSON_AddStringToObject(daemon, "version", zipc_version());
	cJSON_AddNumberToObject(daemon, "pid", getpid());
	json_string(daemon, "user", access_user(geteuid()));
	cJSON_AddNumberToObject(daemon, "uptime_s", uptime_s(request->api));
	if (request->peer->known) {
		json_u64(client, "uid", request->peer->uid, false);
		json_string(client, "user", access_user(request->peer->uid));
	} else {
		cJSON_AddNullToObject(client, "uid");
		cJSON_AddNullToObject(client, "user");
	}
}

static void add_file(const struct request *request,
		     const struct registry_file *file, cJSON *open,
		     cJSON *closed)
{
	struct zipc_view_segment segment;
	struct zipc_view *view;
	cJSON *one;
	int rc;

	if (file->verdict == REGISTRY_FOREIGN)
		return;
	rc = open_for(request, file, &view, &segment);
	if (rc == -ENOENT)
		return;
	one = cJSON_CreateObject();
	if (rc) {
		describe_closed(one, file, request->peer, request->quoted);
		cJSON_AddItemToArray(closed, one);
		return;
	}
	describe_segment(one, &segment, request->quoted);
	cJSON_AddItemToArray(open, one);
	zipc_view_close(view);
}

/*
 * Whose files take long to look at hides those that are left of his own, and
 * nobody else's; and who asks does not pay for it. False: it is not looked at.
 */
static bool add_in_turn(struct request *request, struct share *owners,
			const struct registry_file *file, cJSON *open,
			cJSON *closed)
{
	struct share_user *owner = share_user(owners, file->stat.st_uid);
	int64_t began_ns = spent_ns(), until_ns = request->until_ns;
	int64_t now = now_ns(), took_ns;

	if (!owner || owner->time_ns >= OWNER_NS || now >= until_ns)
		return false;
	if (until_ns > now + OWNER_NS)
		request->until_ns = now + OWNER_NS;
	add_file(request, file, open, closed);
	request->until_ns = until_ns;
	took_ns = spent_ns() - began_ns;
	owner->time_ns += took_ns;
	if (!request->peer->known || request->peer->uid != owner->uid)
		request->others_ns += took_ns;
	return true;
}

static void add_files(struct request *request, cJSON *document)
{
	cJSON *open = cJSON_AddArrayToObject(document, "segments");
	cJSON *closed = cJSON_AddArrayToObject(document, "unreadable");
	struct registry *registry = request->api->registry;
	struct share owners = { .users = NULL };
	bool all = !registry->more;
	size_t i;

	for (i = 0; i < registry->n; i++)
		all &= add_in_turn(request, &owners, registry->files[i], open,
				   closed);
	if (!all)
		cJSON_AddTrueToObject(document, "more");
	share_stop(&owners);
}

static void segments(struct request *request)
{
	int64_t began_ns = spent_ns();
	cJSON *document;
	int rc = registry_scan(request->api->registry);

	request->others_ns += spent_ns() - began_ns;
	request->until_ns = now_ns() + ANSWER_NS;
	if (rc) {
		fail(request, rc);
		return;
	}
	document = cJSON_CreateObject();
	add_daemon(document, request);
	add_files(request, document);
	finish(request, document);
}

/* The segment that the path names; 0, or the answer is an error already. */
static int find(struct request *request, struct zipc_view **view,
		struct zipc_view_segment *segment)
{
	const char *name = request->uri->part[1];
	const struct registry_file *file;
	cJSON *closed, *message;
	int rc = -ENOENT;

	file = registry_find(request->api->registry, name);
	if (file)
		rc = open_for(request, file, view, segment);
	if (!rc)
		return 0;
	if (rc == -ENOENT) {
		http_error(request->answer, 404, rc,
			   "no segment is called %s; GET /segments lists them",
			   name);
		return rc;
	}
	closed = cJSON_CreateObject();
	describe_closed(closed, file, request->peer, request->quoted);
	message = cJSON_GetObjectItem(closed, "message");
	http_error(request->answer, status_of(rc), rc, "%s",
		   message ? message->valuestring : zipc_strerror(rc));
	cJSON_Delete(closed);
	return rc;
}

static void one_segment(struct request *request)
{
	struct zipc_view_segment segment;
	struct zipc_view *view;
	cJSON *document;
	int rc;

	if (find(request, &view, &segment))
		return;
	document = cJSON_CreateObject();
	describe_segment(document, &segment, request->quoted);
	describe_structures(document, request->api->drive, view, &segment,
			    request->quoted);
	rc = describe_participants(document, view, &segment);
	if (rc) {
		fail(request, rc);
		cJSON_Delete(document);
	} else {
		finish(request, document);
	}
	zipc_view_close(view);
}

/* How many elements are shown to who did not say how many. */
static uint64_t fitting(uint64_t elem_size)
{
	uint64_t fit = elem_size ? DESCRIBE_BYTES_MAX / elem_size : 0;

	if (fit > COUNT_DEFAULT)
		return COUNT_DEFAULT;
	return fit ? fit : 1;
}

/* What a structure has beside its elements, by its kind. */
static int describe_kind(cJSON *document, const struct request *request,
			 struct zipc_view *view,
			 const struct zipc_view_segment *segment,
			 const struct zipc_view_entry *entry)
{
	bool quoted = request->quoted;
	int rc;

	switch (entry->kind) {
	case ZIPC_MUTEX:
	case ZIPC_RWLOCK:
	case ZIPC_ONCE:
		return describe_lock(document, view, entry, quoted);
	case ZIPC_FUTURE:
		return describe_future(document, view, entry, quoted);
	case ZIPC_LAZY:
		return describe_lazy(document, view, entry, quoted);
	case ZIPC_STREAM:
		rc = describe_stream(document, view, entry, quoted);
		return rc ? rc
			  : describe_derivation(document, request->api->drive,
						view, segment, entry, quoted);
	case ZIPC_POOL:
		return describe_objects(document, view, entry, request->from,
					request->count, quoted);
	}
	return 0;
}

static void answer_elements(struct request *request, struct zipc_view *view,
			    const struct zipc_view_segment *segment,
			    const struct zipc_view_entry *entry)
{
	cJSON *document = cJSON_CreateObject();
	const char *problem = NULL;
	int rc;

	json_string(document, "segment", segment->name);
	describe_structure(document, segment->name, entry, request->quoted);
	if (!uri_param(request->uri, "count"))
		request->count = fitting(entry->elem_size);
	json_u64(document, "from", request->from, request->quoted);
	json_u64(document, "count", request->count, request->quoted);
	rc = describe_state(document, view, entry, request->quoted);
	if (rc == -EOPNOTSUPP && entry->kind == ZIPC_RING)
		rc = describe_records(document, view, entry, request->from,
				      request->count, request->quoted);
	else if (rc == -EOPNOTSUPP)
		rc = describe_elements(document, view, entry, request->from,
				       request->count, request->quoted,
				       &problem);
	if (!rc)
		rc = describe_kind(document, request, view, segment, entry);
	if (!rc) {
		finish(request, document);
		return;
	}
	if (problem)
		http_error(request->answer, status_of(rc), rc, "%s", problem);
	else
		fail(request, rc);
	cJSON_Delete(document);
}

/*
 * Who asks for a part of it, by from or count, means a structure that is called
 * so.
 */
static bool means_waits(const struct uri *uri)
{
	return !strcmp(uri->part[2], "waits") && !uri_param(uri, "from") &&
	       !uri_param(uri, "count");
}

static void waits(struct request *request)
{
	struct zipc_view_segment segment;
	struct zipc_view *view;
	cJSON *document;
	int rc;

	if (find(request, &view, &segment))
		return;
	document = cJSON_CreateObject();
	rc = describe_waits(document, view, segment.name, request->quoted);
	if (rc) {
		fail(request, rc);
		cJSON_Delete(document);
	} else {
		finish(request, document);
	}
	zipc_view_close(view);
}

static void one_structure(struct request *request)
{
	const char *name = request->uri->part[2];
	struct zipc_view_segment segment;
	struct zipc_view_entry entry;
	struct zipc_view *view;
	int rc;

	if (means_waits(request->uri)) {
		waits(request);
		return;
	}
	if (find(request, &view, &segment))
		return;
	rc = zipc_view_find(view, name, &entry);
	if (rc == -ENOENT)
		http_error(request->answer, 404, rc,
			   "segment %s has no structure called %s",
			   segment.name, name);
	else if (rc)
		fail(request, rc);
	else
		answer_elements(request, view, &segment, &entry);
	zipc_view_close(view);
}

static const struct route routes[] = {
	{ "healthz", 1, " ", healthz, true },
	{ "segments", 1, " int64 ", segments, false },
	{ "segments", 2, " int64 ", one_segment, false },
	{ "segments", 3, " int64 from count ", one_structure, false },
};

/* A whole number from 0 to max, in digits only. */
static int number(struct request *request, const char *key, uint64_t max,
		  uint64_t *out)
{
	const char *text = uri_param(request->uri, key);
	unsigned long long value;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value > max) {
		http_error(request->answer, 400, -EINVAL,
			   "%s must be a whole number from 0 to %" PRIu64
			   ", not '%s'", key, max, text);
		return -EINVAL;
	}
	*out = value;
	return 0;
}

static int known_params(struct request *request, const char *known)
{
	char word[32];
	unsigned i;

	for (i = 0; i < request->uri->params; i++) {
		const char *key = request->uri->key[i];
		int n = snprintf(word, sizeof(word), " %s ", key);

		if (n >= (int)sizeof(word) || strchr(key, ' ') ||
		    !strstr(known, word)) {
			http_error(request->answer, 400, -EINVAL,
				   "%s is no parameter here; there are:%s", key,
				   known[1] ? known : " none");
			return -EINVAL;
		}
	}
	return 0;
}

static int read_params(struct request *request, const char *known)
{
	const char *int64 = uri_param(request->uri, "int64");

	if (known_params(request, known) ||
	    number(request, "from", UINT64_MAX, &request->from) ||
	    number(request, "count", DESCRIBE_COUNT_MAX, &request->count))
		return -EINVAL;
	request->quoted = int64 && !strcmp(int64, "string");
	if (int64 && !request->quoted && strcmp(int64, "number")) {
		http_error(request->answer, 400, -EINVAL,
			   "int64 must be string or number, not '%s'", int64);
		return -EINVAL;
	}
	return 0;
}

/*
 * Who asks, with what it has left of the loop's time: it gets back a quarter of
 * each second. NULL: nothing.
 */
static struct share_user *client(struct api *api,
				 const struct access_peer *peer)
{
	uid_t uid = peer->known ? peer->uid : (uid_t)-1;
	struct share_user *user = share_user(&api->clients, uid);
	uint64_t now = uv_hrtime(), more;

	if (!user)
		return NULL;
	more = user->turn ? (now - user->turn) / 4 : CREDIT_NS;
	if (more > CREDIT_NS)
		more = CREDIT_NS;
	user->time_ns += (int64_t)more;
	if (user->time_ns > CREDIT_NS)
		user->time_ns = CREDIT_NS;
	user->turn = now;
	return user->time_ns > 0 || share_is_trusted(user) ? user : NULL;
}

/* Who asks is charged for what it takes. */
static void handle(struct request *request, const struct route *route)
{
	struct share_user *user = client(request->api, request->peer);
	int64_t began_ns = spent_ns();

	if (!user) {
		http_error(request->answer, 503, -EBUSY, "what you ask for "
			   "takes more than a quarter of zeroipcd's time: ask "
			   "again later");
		return;
	}
	route->handle(request);
	user->time_ns -= spent_ns() - began_ns - request->others_ns;
}

static void route(struct request *request)
{
	const struct uri *uri = request->uri;
	const struct route *route;
	size_t i;

	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		route = &routes[i];
		if (uri->parts != route->parts ||
		    strcmp(uri->part[0], route->first))
			continue;
		if (read_params(request, route->params))
			return;
		if (route->is_cheap)
			route->handle(request);
		else
			handle(request, route);
		return;
	}
	if (uri->parts <= 1 &&
	    !assets_find(request->api->assets, uri->parts ? uri->part[0] : "",
			 request->answer))
		return;
	http_error(request->answer, 404, -ENOENT,
		   "nothing is here; there are /, /healthz, /segments, "
		   "/segments/NAME, /segments/NAME/waits and "
		   "/segments/NAME/STRUCTURE");
}

void api_handle(void *api, const struct uri *uri,
		const struct access_peer *peer, struct http_answer *answer)
{
	struct request request = {
		.api = api, .uri = uri, .peer = peer, .answer = answer,
		.until_ns = now_ns() + ANSWER_NS,
	};

	route(&request);
}

void api_start(struct api *api, struct registry *registry,
	       struct assets *assets, const struct drive *drive)
{
	api->registry = registry;
	api->assets = assets;
	api->drive = drive;
	api->started_ns = uv_hrtime();
}

void api_stop(struct api *api)
{
	share_stop(&api->clients);
}
