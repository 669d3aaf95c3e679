/* SPDX-License-Identifier: MIT */
/* zeroipc set: one element of an array, a future, or an external lazy. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

static int set_in(struct zipc_array *array, const struct path *path,
		  const char *value)
{
	const struct zipc_type *type = zipc_array_type(array);
	uint64_t capacity = zipc_array_capacity(array), i, count;
	int status = STATUS_FINE, rc;
	void *elem;

	if (!slice_resolve(&path->slice, capacity, &i, &count))
		return fail("%s/%s has %llu elements: there is no [%lld]",
			    path->segment, path->structure,
			    (unsigned long long)capacity,
			    (long long)path->slice.from);
	elem = must_allocate(1, zipc_type_size(type));
	if (zipc_value_parse(type, value, elem)) {
		status = fail("%s", zipc_last_error());
	} else {
		rc = zipc_array_set(array, i, elem);
		if (rc)
			status = fail_at(path->segment, path->structure, rc);
	}
	free(elem);
	return status;
}

static int set(const struct path *path, const char *value)
{
	struct zipc_segment *segment = NULL;
	struct zipc_array *array = NULL;
	int status, rc = zipc_segment_open(&segment, path->segment, 0);

	if (!rc)
		rc = zipc_array_open(&array, segment, path->structure, NULL);
	status = rc ? fail_at(path->segment, path->structure, rc)
		    : set_in(array, path, value);
	zipc_array_close(array);
	zipc_segment_close(segment);
	return status;
}

/* Asked for, taken and set: as who serves it would. */
static int serve_in(struct zipc_segment *segment, const struct path *path,
		    const char *value)
{
	struct zipc_lazy *lazy = NULL;
	int status = STATUS_FINE;
	void *elem = NULL;
	int rc = zipc_lazy_open(&lazy, segment, path->structure, NULL);

	if (rc == -EPROTOTYPE)
		return fail_usage("`%s/%s` is no future or lazy, and no "
				  "element: write SEGMENT/ARRAY[i]",
				  path->segment, path->structure);
	if (!rc) {
		elem = must_allocate(1, zipc_type_size(zipc_lazy_type(lazy)));
		if (zipc_value_parse(zipc_lazy_type(lazy), value, elem))
			status = fail("%s", zipc_last_error());
		else
			rc = zipc_lazy_request(lazy) ?:
			     zipc_lazy_serve(lazy, ZIPC_NOWAIT) ?:
			     zipc_lazy_set(lazy, elem);
	}
	if (rc)
		status = fail_at(path->segment, path->structure, rc);
	free(elem);
	zipc_lazy_close(lazy);
	return status;
}

/* What has no [i] can only be a future or a lazy. */
static int settle_in(struct zipc_segment *segment, const struct path *path,
		     const char *value)
{
	struct zipc_future *future = NULL;
	int status = STATUS_FINE;
	void *elem = NULL;
	int rc = zipc_future_open(&future, segment, path->structure, NULL);

	if (rc == -EPROTOTYPE)
		return serve_in(segment, path, value);
	if (!rc) {
		elem = must_allocate(1, zipc_type_size(
						zipc_future_type(future)));
		if (zipc_value_parse(zipc_future_type(future), value, elem))
			status = fail("%s", zipc_last_error());
		else
			rc = zipc_future_set(future, elem);
	}
	if (rc)
		status = fail_at(path->segment, path->structure, rc);
	free(elem);
	zipc_future_close(future);
	return status;
}

static int settle(const struct path *path, const char *value)
{
	struct zipc_segment *segment = NULL;
	int rc = zipc_segment_open(&segment, path->segment, 0);
	int status = rc ? fail_at(path->segment, path->structure, rc)
			: settle_in(segment, path, value);

	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'}, {0}};
	struct path path;
	int status;

	/* "+": the value may begin with a minus. */
	if (next_option(argc, argv, "+:", options) == '?')
		return STATUS_USAGE;
	if (argc - optind != 2)
		return fail_usage("name one element, future or lazy, and one value");
	status = path_parse(&path, argv[optind]);
	if (status)
		return status;
	if (path.structure && path.slice.given && path.slice.single)
		status = set(&path, argv[optind + 1]);
	else if (path.structure && !path.slice.given)
		status = settle(&path, argv[optind + 1]);
	else
		status = fail_usage("`%s` is no element: write "
				    "SEGMENT/ARRAY[i]",
				    argv[optind]);
	path_free(&path);
	return status;
}

const struct command command_set = {
	.name = "set",
	.arguments = "SEGMENT/ARRAY[i] VALUE\n"
		     "SEGMENT/FUTURE VALUE\n"
		     "SEGMENT/LAZY VALUE",
	.summary = "Set an element of an array, a future or a lazy",
	.details = "The value is JSON, as its type has it. A negative i counts "
		   "from the end. A future\nis set once, and an external lazy "
		   "until it is reset.\n",
	.run = run,
};
