/* SPDX-License-Identifier: MIT */
/* zeroipc: the table of commands, help, and how a command ends. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
	&command_ls,     &command_cat,    &command_stat,
	&command_create, &command_push,   &command_pop,
	&command_put,    &command_get,    &command_delete,
	&command_add,    &command_has,    &command_write,
	&command_emit,   &command_follow, &command_derive,
	&command_drive,  &command_set,    &command_fail,
	&command_force,  &command_reset,  &command_wait,
	&command_signal, &command_send,   &command_receive,
	&command_lock,   &command_why,    &command_rm,
	&command_reclaim, &command_help,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *running;

static void complain(const char *format, va_list args)
{
	char *text;
	int length;

	/* What was printed comes first, also where both go to one file. */
	fflush(stdout);
	length = vasprintf(&text, format, args);
	fprintf(stderr, "zeroipc: %s%s", running ? running->name : "",
		running ? ": " : "");
	if (length >= 0)
		put_clean(stderr, text, (size_t)length, CLEAN_TEXT);
	fputc('\n', stderr);
	if (length >= 0)
		free(text);
}

int fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	return STATUS_FAILED;
}

/* One line for each of the command's forms. */
static void print_usage(FILE *out, const struct command *command)
{
	const char *at = command ? command->arguments : "[ARGUMENT]...";
	const char *lead = "usage:";

	for (size_t n; *at; at += n + (at[n] == '\n'), lead = "      ") {
		n = strcspn(at, "\n");
		fprintf(out, "%s zeroipc %s %.*s\n", lead,
			command ? command->name : "COMMAND", (int)n, at);
	}
}

int fail_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	print_usage(stderr, running);
	return STATUS_USAGE;
}

int fail_at(const char *segment, const char *structure, int64_t rc)
{
	const char *why = zipc_last_error();
	char *message = strdup(*why ? why : zipc_strerror((int)rc));
	struct zipc_view_file file;
	int status;

	if (rc != -ENOENT)
		status = fail("%s%s%s: %s", segment, structure ? "/" : "",
			      structure ? structure : "",
			      message ? message : "out of memory");
	else if (structure && zipc_view_file(segment, &file) == 0)
		status = fail("%s/%s: no such structure; `zeroipc ls %s` lists "
			      "what there is",
			      segment, structure, segment);
	else
		status = fail("%s: no such segment; `zeroipc ls` lists what "
			      "there is",
			      segment);
	free(message);
	return status;
}

void *must_allocate(uint64_t count, uint64_t size_bytes)
{
	void *memory = NULL;
	uint64_t bytes;

	if (!__builtin_mul_overflow(count, size_bytes, &bytes))
		memory = calloc(1, bytes ? bytes : 1);
	if (!memory)
		exit(fail("out of memory"));
	return memory;
}

/* getopt stops inside "-xy" without saying where, but it tells the letter. */
static void no_option(char **argv, const struct option *options)
{
	while (options->name && options->val != optopt)
		options++;
	if (optopt && !options->name)
		fail_usage("no option `-%c`", optopt);
	else
		fail_usage("no option `%s`", argv[optind - 1]);
}

int next_option(int argc, char **argv, const char *letters,
		const struct option *options)
{
	int option;

	opterr = 0;
	option = getopt_long(argc, argv, letters, options, NULL);
	if (option == 'h' || (option == '?' && optopt == 'h')) {
		print_help(running);
		exit(finish(STATUS_FINE));
	}
	if (option == ':')
		fail_usage("`%s` needs a value", argv[optind - 1]);
	else if (option == '?')
		no_option(argv, options);
	return option == ':' ? '?' : option;
}

bool count_option(uint64_t *count)
{
	if (number_parse(optarg, count) && *count)
		return true;
	fail_usage("-n is how many, at least 1, not `%s`", optarg);
	return false;
}

bool wait_option(int64_t *timeout_ns)
{
	if (wait_parse(optarg, timeout_ns))
		return true;
	fail_usage("--wait is seconds or `forever`, not `%s`", optarg);
	return false;
}

const char *only_argument(int argc, char **argv, const char *what)
{
	if (argc - optind < 1)
		fail_usage("name a %s", what);
	else if (argc - optind > 1)
		fail_usage("name one %s: `%s` is too much", what,
			   argv[optind + 1]);
	else
		return argv[optind];
	return NULL;
}

int finish(int status)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (fclose(stdout) || failed)
		return fail("cannot write the output: %s",
			    errno ? strerror(errno) : "write error");
	return status;
}

static void print_overview(FILE *out)
{
	print_usage(out, NULL);
	fputs("Look into shared-memory segments of ZeroIPC, and work on them."
	      "\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-7s  %s\n", commands[i]->name,
			commands[i]->summary);
	fputs("\nA SEGMENT is named with or without its leading slash.\n"
	      "`zeroipc help COMMAND` tells more about one; see zeroipc(1).\n",
	      out);
}

void print_help(const struct command *command)
{
	print_usage(stdout, command);
	printf("%s.\n\n%s", command->summary, command->details);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int no_command(const char *name)
{
	return fail("no command `%s`; `zeroipc help` lists them", name) +
	       (STATUS_USAGE - STATUS_FAILED);
}

static int run_help(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'}, {0}};
	const struct command *about;

	if (next_option(argc, argv, ":", options) == '?')
		return STATUS_USAGE;
	if (optind == argc) {
		print_overview(stdout);
		return STATUS_FINE;
	}
	if (optind + 1 < argc)
		return fail_usage("name one command");
	about = find_command(argv[optind]);
	if (!about)
		return no_command(argv[optind]);
	print_help(about);
	return STATUS_FINE;
}

const struct command command_help = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "Tell about a command, or list all",
	.details = "",
	.run = run_help,
};

int main(int argc, char **argv)
{
	/* Only for the width of characters; numbers stay in C's notation. */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (argc < 2) {
		print_overview(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("zeroipc %s\n", zipc_version());
		return finish(STATUS_FINE);
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_overview(stdout);
		return finish(STATUS_FINE);
	}
	if (*argv[1] == '-')
		return fail_usage("no option `%s`", argv[1]);
	running = find_command(argv[1]);
	if (!running)
		return no_command(argv[1]);
	return finish(running->run(argc - 1, argv + 1));
}
