/* SPDX-License-Identifier: MIT */
/* zeroipc force: compute a lazy, unless it is computed, and print its value. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

static int print(const struct zipc_lazy *lazy, const void *elem)
{
	struct printer printer;
	int rc = printer_init(&printer, zipc_type_text(zipc_lazy_type(lazy)),
			      false);

	if (!rc)
		printer_value(&printer, elem);
	printer_end(&printer);
	return rc;
}

static int force(const struct path *path, int64_t timeout_ns)
{
	struct zipc_segment *segment = NULL;
	struct zipc_lazy *lazy = NULL;
	int status = STATUS_FINE;
	void *elem = NULL;
	int rc = zipc_segment_open(&segment, path->segment, 0);

	if (!rc)
		rc = zipc_lazy_open(&lazy, segment, path->structure, NULL);
	if (!rc) {
		elem = must_allocate(1, zipc_type_size(zipc_lazy_type(lazy)));
		rc = zipc_lazy_force(lazy, elem, timeout_ns);
	}
	if (!rc)
		rc = print(lazy, elem);
	if (rc == -EAGAIN || rc == -ETIMEDOUT) {
		fail("%s/%s: it was not computed in time", path->segment,
		     path->structure);
		status = STATUS_NOTHING;
	} else if (rc) {
		status = fail_at(path->segment, path->structure, rc);
	}
	free(elem);
	zipc_lazy_close(lazy);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"wait", required_argument, NULL, 'w'},
		{0}};
	int64_t timeout_ns = ZIPC_FOREVER;
	struct path path;
	const char *text;
	int option, status;

	while ((option = next_option(argc, argv, ":w:", options)) != -1)
		if (option == '?')
			return STATUS_USAGE;
		else if (!wait_option(&timeout_ns))
			return STATUS_USAGE;
	text = only_argument(argc, argv, "lazy, as SEGMENT/LAZY");
	status = text ? path_parse_structure(&path, text) : STATUS_USAGE;
	if (status)
		return status;
	status = force(&path, timeout_ns);
	path_free(&path);
	return status;
}

const struct command command_force = {
	.name = "force",
	.arguments = "[--wait SECONDS|forever] SEGMENT/LAZY",
	.summary = "Compute a lazy, unless it is, and print its value",
	.details =
		"  -w, --wait SECONDS  wait so long at most for its inputs, or who "
		"serves it;\n                      `forever` if not given\n"
		"\n"
		"Status 3: it was not computed in time.\n",
	.run = run,
};
