/* SPDX-License-Identifier: MIT */
/*
 * /proc, parsed line by line. A parser writes *out only when it found all that
 * it looks for; lines that it does not know it passes over, since each kernel
 * adds some.
 */
#include "proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char message[512];

const char *proc_error(void)
{
	return message;
}

__attribute__((format(printf, 2, 3))) static int fail(int error,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return -error;
}

/* Shows the line, without its newline, and what should have stood there. */
static int fail_at(const char *file, const char *line, const char *want)
{
	size_t length = strcspn(line, "\n");

	return fail(EBADMSG, "%s: \"%.*s\": expected %s", file,
		    length > 60 ? 60 : (int)length, line, want);
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

/*
 * Up to n decimal numbers from *at on, in this line; how many there were. One
 * that does not fit 64 bits ends them, as a sign or a letter does.
 */
static unsigned numbers(const char **at, uint64_t *out, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		char *end;

		*at += strspn(*at, " \t");
		if (!isdigit((unsigned char)**at))
			break;
		errno = 0;
		out[i] = strtoull(*at, &end, 10);
		if (errno)
			break;
		*at = end;
	}
	return i;
}

static bool starts(const char *line, const char *word)
{
	return !strncmp(line, word, strlen(word));
}

/*
 * One line "cpu  1 2 3 4 .." or "cpu7 ..". Old kernels stop at idle, the
 * fourth figure; what they do not count is 0.
 */
static int parse_cpu(const char *line, struct proc_cpu *out)
{
	uint64_t id = 0, t[8] = { 0 };
	const char *at = line + strlen("cpu");
	bool sum = *at == ' ';

	if (!sum && (numbers(&at, &id, 1) != 1 || id >= PROC_MOST_CPUS))
		return fail_at("stat", line, "the number of a CPU");
	if (numbers(&at, t, 8) < 4)
		return fail_at("stat", line, "four figures or more");
	*out = (struct proc_cpu){
		.id = sum ? -1 : (int)id,
		.user = t[0], .nice = t[1], .system = t[2], .idle = t[3],
		.iowait = t[4], .irq = t[5], .softirq = t[6], .steal = t[7],
	};
	return 0;
}

static int parse_counter(const char *line, const char *word, uint64_t *out)
{
	const char *at = line + strlen(word);

	if (numbers(&at, out, 1) != 1)
		return fail_at("stat", line, "a number");
	return 0;
}

int proc_parse_stat(const char *text, struct proc_stat *out)
{
	bool switches = false, processes = false;
	const char *line;
	int rc = 0;

	out->cpus = 0;
	for (line = text; *line && !rc; line = next_line(line)) {
		if (starts(line, "cpu") && out->cpus > PROC_MOST_CPUS) {
			rc = fail_at("stat", line, "no more CPUs than 4096");
		} else if (starts(line, "cpu")) {
			rc = parse_cpu(line, &out->cpu[out->cpus++]);
		} else if (starts(line, "ctxt ")) {
			rc = parse_counter(line, "ctxt ",
					   &out->context_switches);
			switches = true;
		} else if (starts(line, "processes ")) {
			rc = parse_counter(line, "processes ",
					   &out->processes);
			processes = true;
		}
	}
	if (rc)
		return rc;
	if (out->cpus < 2 || out->cpu[0].id != -1)
		return fail(EBADMSG, "stat: no line \"cpu\" for the sum, with "
			    "the CPUs after it");
	if (!switches || !processes)
		return fail(EBADMSG, "stat: no line \"%s\"",
			    switches ? "processes" : "ctxt");
	return 0;
}

int proc_parse_memory(const char *text, struct proc_memory *out)
{
	struct {
		const char *word;
		uint64_t *bytes;
		bool found;
	} want[] = {
		{ "MemTotal:", &out->total, false },
		{ "MemAvailable:", &out->available, false },
		{ "MemFree:", &out->free, false },
		{ "Buffers:", &out->buffers, false },
		{ "Cached:", &out->cached, false },
		{ "SwapTotal:", &out->swap_total, false },
		{ "SwapFree:", &out->swap_free, false },
	};
	const char *line, *at;
	size_t i;

	for (line = text; *line; line = next_line(line)) {
		for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
			uint64_t kb;

			if (!starts(line, want[i].word))
				continue;
			at = line + strlen(want[i].word);
			if (numbers(&at, &kb, 1) != 1 || !starts(at, " kB") ||
			    kb > UINT64_MAX / 1024)
				return fail_at("meminfo", line, "N kB");
			*want[i].bytes = kb * 1024;
			want[i].found = true;
		}
	}
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (!want[i].found)
			return fail(EBADMSG, "meminfo: no line \"%s\"",
				    want[i].word);
	return 0;
}

/* "  eth0: 1 2 3 ..": 8 figures received, then 8 sent; bytes come first. */
static int parse_interface(const char *line, struct proc_interface *out)
{
	const char *name = line + strspn(line, " ");
	size_t length = strcspn(name, ":\n");
	const char *at = name + length;
	uint64_t t[16];

	if (*at != ':' || !length || length >= sizeof(out->name))
		return fail_at("net/dev", line,
			       "the name of an interface and a colon");
	at++;
	if (numbers(&at, t, 16) < 9)
		return fail_at("net/dev", line, "nine figures or more");
	memset(out, 0, sizeof(*out));
	memcpy(out->name, name, length);
	out->rx_bytes = t[0];
	out->tx_bytes = t[8];
	return 0;
}

int proc_parse_net(const char *text, struct proc_net *out)
{
	const char *line = next_line(text);
	int rc = 0;

	if (!starts(text, "Inter-|") || !strchr(line, '|'))
		return fail_at("net/dev", text, "two lines of headings");
	out->interfaces = 0;
	for (line = next_line(line); *line && !rc; line = next_line(line)) {
		if (out->interfaces == PROC_MOST_INTERFACES)
			break;
		rc = parse_interface(line, &out->interface[out->interfaces++]);
	}
	return rc;
}

/* A decimal fraction as the kernel writes it, whatever the locale is. */
static int fraction(const char **at, double *out)
{
	uint64_t whole, part;
	const char *begin;
	double scale = 1;

	if (numbers(at, &whole, 1) != 1)
		return -EBADMSG;
	*out = (double)whole;
	if (**at != '.')
		return 0;
	begin = ++*at;
	if (!isdigit((unsigned char)*begin) || numbers(at, &part, 1) != 1)
		return -EBADMSG;
	for (; begin < *at; begin++)
		scale *= 10;
	/* One rounding, so that it is the double nearest to what is written. */
	*out = ((double)whole * scale + (double)part) / scale;
	return 0;
}

int proc_parse_load(const char *text, struct proc_load *out)
{
	const char *at = text;
	uint64_t running, tasks;

	if (fraction(&at, &out->load1) || fraction(&at, &out->load5) ||
	    fraction(&at, &out->load15))
		return fail_at("loadavg", text, "three averages");
	if (numbers(&at, &running, 1) != 1 || *at++ != '/' ||
	    numbers(&at, &tasks, 1) != 1 || running > UINT_MAX ||
	    tasks > UINT_MAX)
		return fail_at("loadavg", text, "RUNNING/TASKS after them");
	out->running = (unsigned)running;
	out->tasks = (unsigned)tasks;
	return 0;
}

int proc_parse_uptime(const char *text, double *seconds)
{
	const char *at = text;

	if (fraction(&at, seconds))
		return fail_at("uptime", text, "seconds");
	return 0;
}

static int read_all(int fd, const char *path, char **out)
{
	size_t room = 16384, length = 0;
	char *text = malloc(room);

	while (text) {
		ssize_t n = read(fd, text + length, room - length - 1);
		char *more;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = errno;
			free(text);
			return fail((int)n, "%s: %s", path,
				    strerrordesc_np((int)n));
		}
		length += (size_t)n;
		text[length] = '\0';
		if (!n)
			break;
		if (room - length > 1)
			continue;
		more = realloc(text, room *= 2);
		if (!more)
			free(text);
		text = more;
	}
	*out = text;
	return text ? 0 : fail(ENOMEM, "%s: out of memory", path);
}

/* The file proc/name as text, to be freed. */
static int read_file(const char *proc, const char *name, char **out)
{
	char path[PATH_MAX];
	int fd, rc;

	if (snprintf(path, sizeof(path), "%s/%s", proc, name) >=
	    (int)sizeof(path))
		return fail(ENAMETOOLONG, "%s: the path is too long", proc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		rc = errno;
		return fail(rc, "%s: %s; is %s the kernel's proc file system?",
			    path, strerrordesc_np(rc), proc);
	}
	rc = read_all(fd, path, out);
	close(fd);
	return rc;
}

#define READER(what, file, type)                                             \
	int proc_read_##what(const char *proc, type *out)                    \
	{                                                                    \
		char *text;                                                  \
		int rc = read_file(proc, file, &text);                       \
                                                                             \
		if (!rc) {                                                   \
			rc = proc_parse_##what(text, out);                   \
			free(text);                                          \
		}                                                            \
		return rc;                                                   \
	}

READER(stat, "stat", struct proc_stat)
READER(memory, "meminfo", struct proc_memory)
READER(net, "net/dev", struct proc_net)
READER(load, "loadavg", struct proc_load)
READER(uptime, "uptime", double)
