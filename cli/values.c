/* SPDX-License-Identifier: MIT */
/*
 * JSON values from the command line, or from stdin, into a structure. Those on
 * the command line are all understood before the first goes in; those from
 * stdin go one by one, as they come.
 */
#include "values.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static int put_arguments(struct values *it, int count, char **texts)
{
	uint64_t size = zipc_type_size(it->type);
	unsigned char *elems = must_allocate((uint64_t)count, size);
	int i, status = STATUS_FINE;

	for (i = 0; i < count && !status; i++)
		if (zipc_value_parse(it->type, texts[i], elems + i * size))
			status = fail("value %d: %s", i + 1, zipc_last_error());
	for (i = 0; i < count && !status; i++)
		status = it->put(it, elems + i * size);
	if (status && i > 1 && status == STATUS_NOTHING)
		fail("%d of %d values were %s", i - 1, count, it->done);
	free(elems);
	return status;
}

static int put_line(struct values *it, char *text, uint64_t line, void *elem)
{
	if (text[strspn(text, " \t\r\n")] == '\0')
		return STATUS_FINE;
	text[strcspn(text, "\r\n")] = '\0';
	if (zipc_value_parse(it->type, text, elem))
		return fail("line %llu: %s", (unsigned long long)line,
			    zipc_last_error());
	return it->put(it, elem);
}

static int put_lines(struct values *it)
{
	void *elem = must_allocate(1, zipc_type_size(it->type));
	int status = STATUS_FINE;
	uint64_t line = 0;
	char *text = NULL;
	size_t room = 0;
	ssize_t length;

	while (!status && (length = getline(&text, &room, stdin)) >= 0) {
		line++;
		if (strlen(text) != (size_t)length)
			status = fail("line %llu holds a NUL",
				      (unsigned long long)line);
		else
			status = put_line(it, text, line, elem);
	}
	if (!status && ferror(stdin))
		status = fail("cannot read stdin: %s", strerror(errno));
	if (status && line > 1)
		fail("stopped at line %llu; those before it were %s",
		     (unsigned long long)line, it->done);
	free(text);
	free(elem);
	return status;
}

int values_put(struct values *it, int count, char **texts)
{
	return count ? put_arguments(it, count, texts) : put_lines(it);
}

int values_run(int argc, char **argv, const char *what,
	       int (*use)(const struct path *path, int64_t timeout_ns,
			  int count, char **texts))
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"wait", required_argument, NULL, 'w'},
		{0}};
	int64_t timeout_ns = ZIPC_NOWAIT;
	struct path path;
	int option, status, count;

	/* "+": what follows the name may begin with a minus, as -5 does. */
	while ((option = next_option(argc, argv, "+:w:", options)) != -1) {
		if (option == '?')
			return STATUS_USAGE;
		if (!wait_option(&timeout_ns))
			return STATUS_USAGE;
	}
	if (optind == argc)
		return fail_usage("name a %s", what);
	status = path_parse_structure(&path, argv[optind]);
	if (status)
		return status;
	count = argc - optind - 1;
	if (count == 1 && !strcmp(argv[optind + 1], "-"))
		count = 0;
	status = use(&path, timeout_ns, count, argv + optind + 1);
	path_free(&path);
	return status;
}
