/* SPDX-License-Identifier: MIT */
/*
 * Tables for people: the same on a terminal and in a pipe, but for the bold
 * head that only a terminal gets.
 */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void table_init(struct table *table, const struct column *columns, size_t width)
{
	*table = (struct table){.columns = columns, .width = width};
}

void table_add(struct table *table, const char *format, ...)
{
	char *raw, *cell;
	size_t length;
	va_list args;
	FILE *out;

	va_start(args, format);
	if (vasprintf(&raw, format, args) < 0)
		raw = must_allocate(UINT64_MAX, 1);
	va_end(args);
	out = open_memstream(&cell, &length);
	if (!out)
		must_allocate(UINT64_MAX, 1);
	put_clean(out, raw, strlen(raw), CLEAN_TEXT);
	fclose(out);
	free(raw);
	if (table->count == table->room) {
		table->room = table->room ? 2 * table->room : 64;
		table->cells = reallocarray(table->cells, table->room,
					    sizeof(*table->cells));
		if (!table->cells)
			must_allocate(UINT64_MAX, 1);
	}
	table->cells[table->count++] = cell;
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t widest = strlen(table->columns[column].title), width;

	for (size_t i = column; i < table->count; i += table->width) {
		width = text_width(table->cells[i]);
		if (width > widest)
			widest = width;
	}
	return widest;
}

static bool column_is_empty(const struct table *table, size_t column)
{
	for (size_t i = column; i < table->count; i += table->width)
		if (*table->cells[i])
			return false;
	return true;
}

/* Blanks go before a cell, never after the last of a line. */
static void print_row(const struct table *table, char *const *cells,
		      const size_t *widths, size_t columns)
{
	size_t owed = 0, blanks;

	for (size_t i = 0; i < columns; i++) {
		const char *cell = cells ? cells[i] : table->columns[i].title;
		bool right = table->columns[i].right;

		blanks = widths[i] - text_width(cell);
		owed += right ? blanks : 0;
		if (*cell) {
			printf("%*s%s", (int)owed, "", cell);
			owed = 0;
		}
		owed += right ? 2 : blanks + 2;
	}
}

static bool wants_bold(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no) && term &&
	       strcmp(term, "dumb");
}

void table_print(struct table *table)
{
	size_t columns = table->width, *widths;
	bool bold = wants_bold();

	if (!table->count)
		return;
	widths = must_allocate(columns, sizeof(*widths));
	if (column_is_empty(table, columns - 1))
		columns--;
	for (size_t i = 0; i < columns; i++)
		widths[i] = column_width(table, i);
	fputs(bold ? "\033[1m" : "", stdout);
	print_row(table, NULL, widths, columns);
	puts(bold ? "\033[0m" : "");
	for (size_t i = 0; i < table->count; i += table->width) {
		print_row(table, table->cells + i, widths, columns);
		putchar('\n');
	}
	free(widths);
	while (table->count)
		free(table->cells[--table->count]);
	free(table->cells);
}
