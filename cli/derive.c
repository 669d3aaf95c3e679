/* SPDX-License-Identifier: MIT */
/* zeroipc derive: a stream that operators compute from others. */
#include "create.h"

#include <getopt.h>
#include <string.h>

struct derivation {
	const char *segment, *name, *text, *source;
	struct zipc_derive_options options;
};

static int take_option(struct derivation *it, int option, const char *value)
{
	uint64_t number = 0;

	if (strchr("cbD", option) && (!number_parse(value, &number) ||
				      !number || number > UINT32_MAX))
		return fail_usage("`%s` is no number of at least 1", value);
	switch (option) {
	case 'c':
		it->options.capacity = number;
		break;
	case 'b':
		it->options.batch = (unsigned)number;
		break;
	case 'D':
		it->options.max_drivers = (unsigned)number;
		break;
	case 'o':
		it->options.from = ZIPC_STREAM_OLDEST;
		break;
	case 'H':
		it->options.by_daemon = 0;
		break;
	case 'L':
		if (!policy_parse(value, &it->options.policy))
			return fail_usage("--policy is " POLICIES
					  ", not `%s`", value);
		break;
	default:
		return STATUS_USAGE;
	}
	return STATUS_FINE;
}

static int take_options(struct derivation *it, int argc, char **argv)
{
	static const struct option options[] = {
		{"batch", required_argument, NULL, 'b'},
		{"by-hand", no_argument, NULL, 'H'},
		{"capacity", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"max-drivers", required_argument, NULL, 'D'},
		{"oldest", no_argument, NULL, 'o'},
		{"policy", required_argument, NULL, 'L'},
		{0}};
	int option, status = STATUS_FINE;

	while (!status &&
	       (option = next_option(argc, argv, ":c:o", options)) != -1)
		status = option == '?' ? STATUS_USAGE
				       : take_option(it, option, optarg);
	return status;
}

static int derive(const struct derivation *it)
{
	struct zipc_stream *stream = NULL, *source = NULL;
	struct zipc_segment *segment = NULL;
	int status = STATUS_FINE;
	int rc = zipc_segment_open(&segment, it->segment, 0);

	if (!rc && it->source)
		rc = zipc_stream_open(&source, segment, it->source, NULL);
	if (rc)
		status = fail_at(it->segment, it->source, rc);
	if (!rc) {
		rc = zipc_stream_derive_with(&stream, segment, it->name,
					     it->text, source, &it->options);
		if (rc)
			status = fail_at(it->segment, it->name, rc);
	}
	zipc_stream_close(stream);
	zipc_stream_close(source);
	zipc_segment_close(segment);
	return status;
}

static int run(int argc, char **argv)
{
	struct derivation it = {.options = {.by_daemon = 1}};
	int status = take_options(&it, argc, argv);

	if (status)
		return status;
	if (argc - optind < 3 || argc - optind > 4)
		return fail_usage("what is needed is SEGMENT NAME OPERATORS "
				  "[STREAM]; quote the operators");
	it.segment = argv[optind];
	it.name = argv[optind + 1];
	it.text = argv[optind + 2];
	it.source = argv[optind + 3];
	return derive(&it);
}

const struct command command_derive = {
	.name = "derive",
	.arguments = "[OPTION]... SEGMENT NAME OPERATORS [STREAM]",
	.summary = "Add a stream that operators compute from another",
	.details =
		"      --by-hand          zeroipcd leaves it to `zeroipc drive` "
		"and others\n"
		"  -o, --oldest           begin with the oldest element that is "
		"kept\n"
		"  -c, --capacity N       results that are kept (1024)\n"
		"      --policy POLICY    block or drop-old: who has a named "
		"subscription\n"
		"                         holds the driver back, or may lose\n"
		"      --batch N          results that are computed at a time\n"
		"      --max-drivers N    how many may drive, with those that "
		"are stopped (4)\n"
		"\n"
		"OPERATORS are chained by `|`, as in\n"
		"\n"
		"  zeroipc derive machine hot \\\n"
		"      'filter(x.busy > 0.2) | window(10, mean(x.busy))' cpu\n"
		"\n"
		"and told in zipc_derive(7). Without STREAM they begin with one "
		"that makes\nelements: range, generate, repeat or tick.\n",
	.run = run,
};
