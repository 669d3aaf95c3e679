/* SPDX-License-Identifier: MIT */
/*
 * docs/format.md is the authority on bytes: this parses its tables and holds
 * the compiled offsets and sizes against them, both ways: those of the C
 * library (format_fields.c) and, in another program, those of C++. The list of
 * compiled fields is itself held against sizeof: each struct must be covered by
 * its fields without a gap, so that a field which was forgotten here is
 * noticed.
 *
 * Then the same comparison is run over copies of the page with one row left
 * out, moved, resized or renamed, and over lists with one field left out: it
 * must find each of them. The man page is held against the same list.
 */
#include "format_fields.h"

#include <ctype.h>
#include <stdbool.h>

#include "harness.h"

#define MOST_ROWS 512

/* A row of the page's tables; size_text as it stands there. */
struct row {
	char section[64], name[64], size_text[64];
	uint64_t offset, size;
	const char *line; /* in the page */
};

struct page {
	struct row rows[MOST_ROWS];
	size_t count;
};

static char *page_text;

/* A file of the source tree as text, to be freed. */
static char *read_source(const char *name)
{
	const char *top = getenv("top_srcdir");
	char *text = malloc(1 << 20), path[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "cannot read %s; set top_srcdir", path);
	n = fread(text, 1, (1 << 20) - 1, file);
	text[n] = '\0';
	fclose(file);
	ck_assert_uint_lt(n, (1 << 20) - 1);
	return text;
}

static void read_page(void)
{
	page_text = read_source("docs/format.md");
}

static void free_page(void)
{
	free(page_text);
}

/* The next cell of a table's line, without blanks around it. */
static const char *cell(const char *at, char *out, size_t size)
{
	size_t length = strcspn(at, "|\n"), begin = 0, end = length;

	while (begin < end && isspace((unsigned char)at[begin]))
		begin++;
	while (end > begin && isspace((unsigned char)at[end - 1]))
		end--;
	snprintf(out, size, "%.*s", (int)(end - begin), at + begin);
	return at[length] == '|' ? at + length + 1 : at + length;
}

static void parse_row(const char *line, const char *section, struct row *row)
{
	char offset[64];
	const char *at = cell(line + 1, offset, sizeof(offset));
	char *end;

	at = cell(at, row->size_text, sizeof(row->size_text));
	cell(at, row->name, sizeof(row->name));
	snprintf(row->section, sizeof(row->section), "%s", section);
	row->line = line;
	row->offset = strtoull(offset, &end, 16);
	/* A row that cannot be read must not match anything. */
	if (*end)
		row->offset = UINT64_MAX;
	row->size = strtoull(row->size_text, &end, 10);
	if (*end || end == row->size_text)
		row->size = 0;
}

static bool is_unknown(const char *section)
{
	const char *const *unknown = unknown_sections;

	while (*unknown && strcmp(*unknown, section))
		unknown++;
	return *unknown;
}

/*
 * All rows that begin with an offset, with the heading above them, but for
 * those that this implementation does not have.
 */
static void parse_page(const char *text, struct page *page)
{
	char section[64] = "";
	const char *line;

	page->count = 0;
	for (line = text; *line; line += strcspn(line, "\n") + 1) {
		if (*line == '#')
			cell(line + strspn(line, "# "), section,
			     sizeof(section));
		if (!strncmp(line, "| 0x", 4) && !is_unknown(section)) {
			ck_assert_uint_lt(page->count, MOST_ROWS);
			parse_row(line, section, &page->rows[page->count++]);
		}
		if (!strchr(line, '\n'))
			break;
	}
}

static bool matches(const struct field *field, const struct row *row)
{
	if (strcmp(field->section, row->section) ||
	    strcmp(field->name, row->name) || field->offset != row->offset)
		return false;
	if (!field->size)
		return !strcmp(row->size_text, !strcmp(field->name, "bits")
						      ? "8 each"
					       : !strcmp(field->name, "content")
						      ? "cell_bytes - 8"
					       : !strcmp(field->section, "Offer")
						      ? "offer_bytes - 24"
						      : "slot_bytes - 8");
	return field->size == row->size;
}

static bool in_fields(const struct row *row, const struct field *fields,
		      size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].role == FIELD && matches(&fields[i], row))
			return true;
	return false;
}

static bool in_page(const struct field *field, const struct page *page)
{
	for (size_t i = 0; i < page->count; i++)
		if (matches(field, &page->rows[i]))
			return true;
	return false;
}

/* How many rows and fields have no equal; the last one's name in odd. */
static unsigned compare(const char *text, const struct field *fields,
			size_t count, char *odd, size_t size)
{
	static struct page page;
	unsigned differences = 0;

	parse_page(text, &page);
	for (size_t i = 0; i < page.count; i++) {
		const struct row *row = &page.rows[i];

		if (in_fields(row, fields, count))
			continue;
		differences++;
		snprintf(odd, size, "the page's %s.%s, %s bytes at 0x%llX, "
			 "is not compiled so", row->section, row->name,
			 row->size_text, (unsigned long long)row->offset);
	}
	for (size_t i = 0; i < count; i++) {
		const struct field *field = &fields[i];

		if (field->role == PADDING || in_page(field, &page))
			continue;
		differences++;
		snprintf(odd, size, "the compiled %s.%s, %llu bytes at "
			 "0x%llX, is not so in the page", field->section,
			 field->name, (unsigned long long)field->size,
			 (unsigned long long)field->offset);
	}
	return differences;
}

static bool agrees(const char *text)
{
	char odd[512];

	return !compare(text, compiled, compiled_count, odd, sizeof(odd));
}

START_TEST(page_and_compiled_offsets_are_equal)
{
	char odd[512] = "";
	unsigned n = compare(page_text, compiled, compiled_count, odd,
			     sizeof(odd));

	ck_assert_msg(!n, "%u differences; the last: %s", n, odd);
}
END_TEST

/* A gap or an overlap means that a field is missing in the list above. */
START_TEST(fields_cover_their_structs_without_a_gap)
{
	for (size_t s = 0; s < structs_count; s++) {
		uint64_t end = 0;

		for (size_t i = 0; i < compiled_count; i++) {
			if (strcmp(compiled[i].section, structs[s].section))
				continue;
			ck_assert_msg(compiled[i].offset == end,
				      "%s.%s is at %llu, but what stands "
				      "before it ends at %llu",
				      structs[s].name, compiled[i].name,
				      (unsigned long long)compiled[i].offset,
				      (unsigned long long)end);
			end += compiled[i].size;
		}
		ck_assert_msg(end == structs[s].size,
			      "%s has %llu bytes, its fields %llu",
			      structs[s].name,
			      (unsigned long long)structs[s].size,
			      (unsigned long long)end);
	}
}
END_TEST

static bool struct_is_told(const char *text, size_t s)
{
	char heading[64], told[96];
	const char *begin, *end, *found;

	snprintf(heading, sizeof(heading), "# %s\n", structs[s].section);
	begin = strstr(text, heading);
	if (!begin)
		return false;
	end = strstr(begin + strlen(heading), "\n#");
	snprintf(told, sizeof(told), "`struct %s`, %llu bytes",
		 structs[s].name, (unsigned long long)structs[s].size);
	found = strstr(begin, told);
	return found && (!end || found < end);
}

START_TEST(page_tells_the_size_of_each_struct)
{
	for (size_t s = 0; s < structs_count; s++)
		ck_assert_msg(!structs[s].told ||
			      struct_is_told(page_text, s),
			      "under \"%s\" the page has no \"`struct %s`, "
			      "%llu bytes\"", structs[s].section,
			      structs[s].name,
			      (unsigned long long)structs[s].size);
}
END_TEST

/* The page must say want on the line of the field. */
static void line_says(const char *section, const char *name, const char *want)
{
	static struct page page;
	char line[1024];

	parse_page(page_text, &page);
	for (size_t i = 0; i < page.count; i++) {
		const struct row *row = &page.rows[i];

		if (strcmp(row->section, section) || strcmp(row->name, name))
			continue;
		snprintf(line, sizeof(line), "%.*s",
			 (int)strcspn(row->line, "\n"), row->line);
		ck_assert_msg(strstr(line, want), "\"%s\" is not in \"%s\"",
			      want, line);
		return;
	}
	ck_abort_msg("the page has no row %s.%s", section, name);
}

START_TEST(page_tells_the_constants)
{
	char want[64];

	snprintf(want, sizeof(want), "0x%08X", constants.magic);
	line_says("Header", "magic", want);
	snprintf(want, sizeof(want), "| %u |", constants.version);
	line_says("Header", "version", want);
	snprintf(want, sizeof(want), "0x%08X", constants.format_word);
	line_says("Header", "format_word", want);
	snprintf(want, sizeof(want), "1 to %u |", constants.most_entries);
	line_says("Header", "max_entries", want);
	snprintf(want, sizeof(want), "1 to %u |", constants.most_participants);
	line_says("Header", "max_participants", want);
	ck_assert_uint_eq(constants.option_symmetric, 1u << 0);
	line_says("Header", "options", "bit 0: symmetric");
	ck_assert_uint_eq(constants.option_sparse, 1u << 1);
	line_says("Header", "options", "bit 1: sparse");
	snprintf(want, sizeof(want), "%u Array, %u Queue",
		 constants.kind_array, constants.kind_queue);
	line_says("Block", "kind", want);
}
END_TEST

/* The n-th row's line in a copy of the page, to be changed and freed. */
static char *copy_with_row(size_t n, char **line)
{
	static struct page page;
	char *copy = strdup(page_text);

	parse_page(copy, &page);
	*line = NULL;
	if (n < page.count)
		*line = copy + (page.rows[n].line - copy);
	return copy;
}

static void remove_row(char *line)
{
	char *next = line + strcspn(line, "\n") + 1;

	memmove(line, next, strlen(next) + 1);
}

static void change_offset(char *line)
{
	line[5] = line[5] == 'F' ? '0' : 'F';
}

static void change_size(char *line)
{
	char *size = strchr(line + 1, '|') + 2;

	*size = *size == '9' ? '1' : '9';
}

static void change_name(char *line)
{
	char *size = strchr(line + 1, '|');

	strchr(size + 1, '|')[2] ^= 1;
}

static void change_heading(char *line)
{
	while (strncmp(line, "\n#", 2))
		line--;
	line[1 + strspn(line + 1, "# ")] ^= 1;
}

START_TEST(each_changed_row_is_noticed)
{
	static void (*const change[])(char *) = {
		remove_row, change_offset, change_size, change_name,
		change_heading,
	};
	static const char *const what[] = {
		"left out", "moved", "resized", "renamed", "under another name",
	};
	char *line = NULL, *copy;
	size_t n;

	for (size_t c = 0; c < sizeof(change) / sizeof(change[0]); c++) {
		for (n = 0; copy = copy_with_row(n, &line), line; n++) {
			change[c](line);
			ck_assert_msg(!agrees(copy), "row %zu, %s, is not "
				      "noticed", n, what[c]);
			free(copy);
		}
		free(copy);
		ck_assert_uint_gt(n, 50);
	}
}
END_TEST

START_TEST(a_row_too_many_is_noticed)
{
	static const char *const rows[] = {
		"\n## Block\n| 0x60 | 8 | more | zero |\n",
		"\n## Heap\n| 0x00 | 8 | top | zero |\n",
		"\n## Queue\n| 0x48 | 56 | head_line | padding |\n",
		"\n## Header\n| 0x1G | 4 | magic | no number |\n",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *copy;

		ck_assert_int_gt(asprintf(&copy, "%s%s", page_text, rows[i]),
				 0);
		ck_assert_msg(!agrees(copy), "%s", rows[i]);
		free(copy);
	}
}
END_TEST

START_TEST(each_missing_field_is_noticed)
{
	ck_assert_uint_lt(compiled_count, MOST_ROWS);
	for (size_t n = 0; n < compiled_count; n++) {
		struct field fields[MOST_ROWS];
		char odd[512];

		memcpy(fields, compiled, n * sizeof(fields[0]));
		memcpy(fields + n, compiled + n + 1,
		       (compiled_count - n - 1) * sizeof(fields[0]));
		ck_assert_msg(compiled[n].role == PADDING ||
			      compare(page_text, fields, compiled_count - 1,
				      odd, sizeof(odd)),
			      "without %s.%s it is not noticed",
			      compiled[n].section, compiled[n].name);
	}
}
END_TEST

/* A word of the line, or what stands in quotes. */
static const char *word(const char *at, char *out, size_t size)
{
	bool quoted = *(at += strspn(at, " ")) == '"';
	size_t length = quoted ? strcspn(++at, "\"\n") : strcspn(at, " \n");

	snprintf(out, size, "%.*s", (int)length, at);
	return at + length + quoted;
}

/* The man page's ".Ss Heading" and ".It 0x08 4 field" as the page has them. */
static char *translate(const char *text)
{
	char *out = NULL, offset[64], bytes[64], name[64];
	const char *line;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	for (line = text; *line; line += strcspn(line, "\n") + 1) {
		if (!strncmp(line, ".Ss ", 4)) {
			word(line + 4, name, sizeof(name));
			fprintf(file, "## %s\n", name);
		} else if (!strncmp(line, ".It 0x", 6)) {
			const char *at = word(line + 4, offset, sizeof(offset));

			at = word(at, bytes, sizeof(bytes));
			word(at, name, sizeof(name));
			fprintf(file, "| %s | %s | %s |\n", offset, bytes,
				name);
		}
		if (!strchr(line, '\n'))
			break;
	}
	fclose(file);
	return out;
}

START_TEST(man_page_and_compiled_offsets_are_equal)
{
	char *man = read_source("man/zeroipc_format.5");
	char *page = translate(man), odd[512] = "";
	unsigned n = compare(page, compiled, compiled_count, odd, sizeof(odd));

	ck_assert_msg(!n, "%u differences; the last: %s", n, odd);
	free(page);
	free(man);
}
END_TEST

static Suite *format_suite(void)
{
	Suite *suite = suite_create("format");
	TCase *tc = test_case(suite, "page", "fast", 30);

	tcase_add_checked_fixture(tc, read_page, free_page);
	tcase_add_test(tc, page_and_compiled_offsets_are_equal);
	tcase_add_test(tc, fields_cover_their_structs_without_a_gap);
	tcase_add_test(tc, page_tells_the_size_of_each_struct);
	tcase_add_test(tc, page_tells_the_constants);
	tcase_add_test(tc, each_changed_row_is_noticed);
	tcase_add_test(tc, a_row_too_many_is_noticed);
	tcase_add_test(tc, each_missing_field_is_noticed);
	tcase_add_test(tc, man_page_and_compiled_offsets_are_equal);
	return suite;
}

TEST_MAIN(format_suite)
