/* SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <stdarg.h>

#define LINE (1 << 17)

unsigned vectors_line;
char *vectors_text;

static const struct vectors *kind;
static const char *file_name;
static unsigned number, text_line;
static int asked_for_code;

void fail(const char *format, ...)
{
	va_list args;

	printf("not ok %u - %s:%u: ", ++number, file_name, text_line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n# of `%s`\n1..%u\n", vectors_text ? vectors_text : "",
	       number);
	exit(1);
}

void *room(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		abort();
	return memory;
}

/* reading */

char *next_word(char **at)
{
	char *word = *at;

	if (!word)
		fail("line %u: too few words", vectors_line);
	*at = strchr(word, '\t');
	if (*at)
		*(*at)++ = '\0';
	return word;
}

int is_word(char **at, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*at, word, length) ||
	    ((*at)[length] != '\t' && (*at)[length]))
		return 0;
	*at += length + ((*at)[length] == '\t');
	return 1;
}

void read_text(const char *text)
{
	vectors_text = strdup(text);
	text_line = vectors_line;
}

struct zipc_type *type_of(const char *text)
{
	struct zipc_type *type;

	if (zipc_type_parse(&type, text, SIZE_MAX))
		fail("%s", zipc_last_error());
	return type;
}

void read_value(const struct zipc_type *type, const char *text, void *value)
{
	if (zipc_value_parse(type, text, value))
		fail("line %u: %s", vectors_line, zipc_last_error());
}

/* checking */

void check_column(size_t column)
{
	char words[64];

	snprintf(words, sizeof(words), "column %zu:", column);
	if (!strstr(zipc_last_error(), words))
		fail("refused as %s, and not at column %zu", zipc_last_error(),
		     column);
}

static char *hex_of(const void *bytes, size_t size)
{
	char *hex = room(2 * size + 1);
	size_t k;

	for (k = 0; k < size; k++)
		sprintf(hex + 2 * k, "%02x", ((const uint8_t *)bytes)[k]);
	return hex;
}

void check_code(const void *bytes, size_t size, const char *code)
{
	char *hex = hex_of(bytes, size);

	if (asked_for_code)
		printf("code\t%s\n", hex);
	else if (code && strcmp(hex, code))
		fail("its bytes are\n%s, not\n%s", hex, code);
	free(hex);
}

/* files */

/* At the empty line behind a vector. */
static void check_vector(void)
{
	if (!vectors_text)
		return;
	kind->check();
	if (!asked_for_code)
		printf("ok %u - %s:%u\n", ++number, file_name, text_line);
	kind->forget();
	free(vectors_text);
	vectors_text = NULL;
}

static void check_file(const char *path)
{
	FILE *file = fopen(path, "r");
	static char line[LINE];
	const char *name = strrchr(path, '/');

	file_name = name ? name + 1 : path;
	if (!file)
		fail("cannot open %s", path);
	for (vectors_line = 1; fgets(line, sizeof(line), file);
	     vectors_line++) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line)
			check_vector();
		if (asked_for_code && strncmp(line, "code\t", 5))
			puts(line);
		if (*line && *line != '#')
			kind->read_line(line);
	}
	check_vector();
	fclose(file);
}

static void check_ours(void)
{
	static const char *const names[] = {"hand", "random"};
	const char *top = getenv("top_srcdir");
	char path[4096];
	int k;

	for (k = 0; k < 2; k++) {
		snprintf(path, sizeof(path), "%s/tests/interop/%s/%s.vectors",
			 top ? top : ".", kind->directory, names[k]);
		check_file(path);
	}
}

int vectors_main(const struct vectors *vectors, int argc, char **argv)
{
	int k = 1;

	kind = vectors;
	if (argc > 1 && !strcmp(argv[1], "--code")) {
		asked_for_code = 1;
		k++;
	}
	for (; k < argc; k++)
		check_file(argv[k]);
	if (argc == 1)
		check_ours();
	if (!asked_for_code)
		printf("1..%u\n", number);
	return !(number || asked_for_code);
}
