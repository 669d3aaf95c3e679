/* SPDX-License-Identifier: MIT */
/* The steps of a run, printed with the lines of the sources they stand in. */
#include "engine.h"

#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS 4096u
#define LABELS 96u

struct step {
	unsigned task;
	const void *pc; /* NULL: a note */
	char text[96];
};

static struct step steps[STEPS];
static unsigned step_count;

static struct {
	const char *at;
	size_t size;
	char name[32];
} labels[LABELS];
static unsigned label_count;

void schedule_label(const void *at, size_t size, const char *format, ...)
{
	va_list args;

	if (label_count == LABELS)
		return;
	va_start(args, format);
	vsnprintf(labels[label_count].name, sizeof(labels[0].name), format,
		  args);
	va_end(args);
	labels[label_count].at = at;
	labels[label_count++].size = size;
}

void trace_forget(void)
{
	label_count = 0;
}

static const char *name_of(const void *at)
{
	static char text[32];
	unsigned i;

	for (i = 0; i < label_count; i++)
		if ((uintptr_t)at - (uintptr_t)labels[i].at < labels[i].size)
			return labels[i].name;
	snprintf(text, sizeof(text), "%p", at);
	return text;
}

void trace_clear(void)
{
	step_count = 0;
}

void trace_add(const struct access *access, uint64_t value)
{
	struct step *step = &steps[step_count];

	/* Who spins in vain repeats itself. */
	if (!world.current || world.current->idle || step_count == STEPS)
		return;
	step_count++;
	step->task = number_of(world.current);
	step->pc = access->pc;
	if (access->at)
		snprintf(step->text, sizeof(step->text), "%s %s %#llx",
			 access->what, name_of(access->at),
			 (unsigned long long)value);
	else
		snprintf(step->text, sizeof(step->text), "%s", access->what);
}

void trace_note(const struct task *task, const char *what)
{
	struct step *step = &steps[step_count];

	if (step_count == STEPS)
		return;
	step_count++;
	step->task = number_of(task);
	step->pc = NULL;
	snprintf(step->text, sizeof(step->text), "-- %s", what);
}

/* Where the program was loaded: addresses in its file begin at 0. */
static int first_object(struct dl_phdr_info *info, size_t size, void *base)
{
	(void)size;
	*(uintptr_t *)base = info->dlpi_addr;
	return 1;
}

/* addr2line answers each address by it, then "function at file:line". */
static FILE *ask_for_lines(void)
{
	char command[256], path[] = "/tmp/zt-steps-XXXXXX";
	uintptr_t base = 0;
	int fd = mkstemp(path);
	FILE *list = fd < 0 ? NULL : fdopen(fd, "w"), *answer;
	unsigned i;

	if (!list)
		return NULL;
	dl_iterate_phdr(first_object, &base);
	for (i = 0; i < step_count; i++)
		if (steps[i].pc)
			fprintf(list, "%#zx\n",
				(uintptr_t)steps[i].pc - base - 1);
	fclose(list);
	snprintf(command, sizeof(command),
		 "addr2line -fips -e /proc/%ld/exe <%s; rm %s", (long)getpid(),
		 path, path);
	answer = popen(command, "r");
	return answer;
}

/* One line per step; " (inlined by) .." lines follow some, and are joined. */
static void print_place(FILE *lines)
{
	char line[256];
	unsigned i;
	int next;

	for (i = 0; lines && fgets(line, sizeof(line), lines); i++) {
		line[strcspn(line, "\n")] = '\0';
		if (strstr(line, " (discriminator"))
			*strstr(line, " (discriminator") = '\0';
		if (i < 3)
			printf("%s%s", i ? " < " : "  ",
			       i ? line + strlen(" (inlined by) ") : line);
		next = getc(lines);
		ungetc(next, lines);
		if (next != ' ')
			break;
	}
}

void trace_print(void)
{
	FILE *lines;
	unsigned i;

	fflush(stdout);
	lines = ask_for_lines();
	for (i = 0; i < step_count; i++) {
		printf("  task %u  %-44s", steps[i].task, steps[i].text);
		if (steps[i].pc)
			print_place(lines);
		putchar('\n');
	}
	if (lines)
		pclose(lines);
}
