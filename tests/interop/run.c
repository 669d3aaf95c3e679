/* SPDX-License-Identifier: MIT */
/*
 * RUNNER SEGMENT TRACE FROM TO: runs lines of a trace of operations on a
 * segment, by the C library's public headers. README.md tells the grammar. The
 * first line whose result is not the expected one ends it with status 1.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zeroipc.h>

#define WORDS_MOST 512
#define HANDLES_MOST 512

/* An open structure: an array or a queue, under the word that names it. */
struct handle {
	char word[256];
	struct zipc_array *array;
	struct zipc_queue *queue;
};

static const char *segment_name, *trace_name;
static struct zipc_segment *segment;
static struct handle handles[HANDLES_MOST];
static unsigned long long line_number;
static char *words[WORDS_MOST + 1]; /* operation, arguments, NULL */
static unsigned word_count;
static int64_t timeout_ns;
static char *result; /* of the line that is run */
static const char *message; /* the library's, when that is an error */

/* A trace that can not be understood. */
__attribute__((format(printf, 1, 2), noreturn))
static void broken(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", trace_name);
	if (line_number)
		fprintf(stderr, "line %llu: ", line_number);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static void *memory(size_t size)
{
	void *bytes = calloc(1, size ? size : 1);

	if (!bytes)
		broken("out of memory");
	return bytes;
}

__attribute__((format(printf, 1, 2)))
static void give(const char *format, ...)
{
	va_list args;

	free(result);
	va_start(args, format);
	if (vasprintf(&result, format, args) < 0)
		broken("out of memory");
	va_end(args);
}

/* words */

/* Decimal, or hexadecimal behind 0x. */
static unsigned long long number(const char *text)
{
	int base = strncmp(text, "0x", 2) ? 10 : 16;
	const char *digits = base == 16 ? text + 2 : text, *at;
	unsigned long long n;

	for (at = digits; base == 16 ? isxdigit((unsigned char)*at)
				     : isdigit((unsigned char)*at); at++)
		;
	errno = 0;
	n = strtoull(digits, NULL, base);
	if (at == digits || *at || errno)
		broken("`%s` is no number", text);
	return n;
}

static unsigned hex_byte(const char *text)
{
	char digits[] = { text[0], text[0] ? text[1] : '\0', '\0' };

	if (!isxdigit((unsigned char)digits[0]) ||
	    !isxdigit((unsigned char)digits[1]))
		broken("`%s` is not hexadecimal", text);
	return (unsigned)strtoul(digits, NULL, 16);
}

/* An element: bytes in hexadecimal, and *N repeats them. To be freed. */
static unsigned char *value(const char *text, uint64_t size)
{
	const char *star = strchr(text, '*');
	uint64_t digits = star ? (uint64_t)(star - text) : strlen(text);
	uint64_t times = star ? number(star + 1) : 1, i;
	unsigned char *bytes = memory(size);

	if (!digits || digits % 2 || digits > 2 * size ||
	    times != 2 * size / digits || 2 * size % digits)
		broken("`%s` is not %llu bytes", text,
		       (unsigned long long)size);
	for (i = 0; i < size; i++)
		bytes[i] = (unsigned char)hex_byte(text + 2 * i % digits);
	return bytes;
}

static void append_value(char **text, const unsigned char *bytes,
			 uint64_t size)
{
	uint64_t shown = size, i;

	if (size > 32 && size % 8 == 0 && !memcmp(bytes, bytes + 8, size - 8))
		shown = 8;
	for (i = 0; i < shown; i++)
		*text += sprintf(*text, "%02x", bytes[i]);
	if (shown < size)
		*text += sprintf(*text, "*%llu", (unsigned long long)size / 8);
}

/* n elements, parted by blanks. */
static void give_values(const unsigned char *bytes, uint64_t size, uint64_t n)
{
	char *text = memory(n * (2 * size + 2)), *end = text;
	uint64_t i;

	for (i = 0; i < n; i++) {
		if (i)
			*end++ = ' ';
		append_value(&end, bytes + i * size, size);
	}
	give("%s", text);
	free(text);
}

/* What a word names, in name[256]: without @N, and \xHH is a byte. */
static const char *named(const char *from, char *name)
{
	const char *end = strrchr(from, '@');
	char *to = name;

	if (!end)
		end = from + strlen(from);
	if (end - from > 255)
		broken("`%s` is too long", from);
	if (!strncmp(from, "\"\"", 2))
		from += 2;
	while (from < end) {
		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		if (from[1] != 'x' || !(*to++ = (char)hex_byte(from + 2)))
			broken("`%s` is no byte of a name", from);
		from += 4;
	}
	*to = '\0';
	return name;
}

/* handles: opened when a line first needs them */

static int attached(void)
{
	return segment ? 0 : zipc_segment_open(&segment, segment_name, 0);
}

static void close_handle(struct handle *handle)
{
	zipc_array_close(handle->array);
	zipc_queue_close(handle->queue);
	memset(handle, 0, sizeof(*handle));
}

static void close_all(void)
{
	unsigned i;

	for (i = 0; i < HANDLES_MOST; i++)
		close_handle(&handles[i]);
	zipc_segment_close(segment);
	segment = NULL;
}

/* The handle of that word, or a free one. */
static struct handle *handle_of(const char *text)
{
	struct handle *free_one = NULL;
	unsigned i;

	for (i = 0; i < HANDLES_MOST; i++)
		if (!strcmp(handles[i].word, text))
			return &handles[i];
		else if (!handles[i].word[0])
			free_one = &handles[i];
	if (!free_one || strlen(text) >= sizeof(free_one->word))
		broken("no handle for `%s`", text);
	return free_one;
}

/* What was opened or created takes the place of what the word named before. */
static void keep(const char *text, struct zipc_array *array,
		 struct zipc_queue *queue)
{
	struct handle *handle = handle_of(text);

	close_handle(handle);
	strcpy(handle->word, text);
	handle->array = array;
	handle->queue = queue;
}

static int open_array(struct zipc_array **out, const char *text,
		      const char *type)
{
	char name[256];
	int rc = attached();

	if (!rc)
		rc = zipc_array_open(out, segment, named(text, name), type);
	if (!rc)
		keep(text, *out, NULL);
	return rc;
}

static int open_queue(struct zipc_queue **out, const char *text,
		      const char *type)
{
	char name[256];
	int rc = attached();

	if (!rc)
		rc = zipc_queue_open(out, segment, named(text, name), type);
	if (!rc)
		keep(text, NULL, *out);
	return rc;
}

static int array_of(struct zipc_array **out, const char *text)
{
	*out = handle_of(text)->array;
	return *out ? 0 : open_array(out, text, NULL);
}

static int queue_of(struct zipc_queue **out, const char *text)
{
	*out = handle_of(text)->queue;
	return *out ? 0 : open_queue(out, text, NULL);
}

/* operations: each gives a result, or returns an error */

static int run_segment(void)
{
	struct zipc_segment_options options = { 0 };
	unsigned i;

	for (i = 2; i < word_count; i++)
		if (!strcmp(words[i], "symmetric"))
			options.flags |= ZIPC_SYMMETRIC_FENCES;
		else if (!strcmp(words[i], "sparse"))
			options.flags |= ZIPC_SPARSE;
		else if (!strncmp(words[i], "entries=", 8))
			options.max_entries = (unsigned)number(words[i] + 8);
		else if (!strncmp(words[i], "participants=", 13))
			options.max_participants =
				(unsigned)number(words[i] + 13);
		else
			broken("no option `%s`", words[i]);
	close_all();
	return zipc_segment_create(&segment, segment_name, number(words[1]),
				   &options);
}

static int run_attach(void)
{
	bool read_only = word_count > 1 && !strcmp(words[1], "read_only");

	if (word_count > 1 && !read_only)
		broken("no option `%s`", words[1]);
	close_all();
	return zipc_segment_open(&segment, segment_name,
				 read_only ? ZIPC_READ_ONLY : 0);
}

static int run_unlink(void)
{
	close_all();
	return zipc_segment_unlink(segment_name);
}

/* Whether the kind is a queue's, and not an array's. */
static bool is_queue(const char *kind)
{
	if (strcmp(kind, "queue") && strcmp(kind, "array"))
		broken("no kind `%s`", kind);
	return *kind == 'q';
}

static int create_queue(const char *name, const char *type, uint64_t capacity)
{
	struct zipc_queue_options options = { 0 };
	struct zipc_queue *queue;
	int rc;

	if (word_count > 5 && strncmp(words[5], "writers=", 8))
		broken("no option `%s`", words[5]);
	if (word_count > 5)
		options.max_writers = (unsigned)number(words[5] + 8);
	rc = zipc_queue_create_with(&queue, segment, name, type, capacity,
				    &options);
	if (!rc)
		keep(words[2], NULL, queue);
	return rc;
}

static int run_create(void)
{
	const char *type = words[3];
	uint64_t capacity = number(words[4]);
	struct zipc_array *array;
	char name[256];
	int rc = attached();

	named(words[2], name);
	if (is_queue(words[1]))
		return rc ? rc : create_queue(name, type, capacity);
	if (!rc)
		rc = zipc_array_create(&array, segment, name, type, capacity);
	if (!rc)
		keep(words[2], array, NULL);
	return rc;
}

static int run_open(void)
{
	const char *type = strcmp(words[3], "-") ? words[3] : NULL;
	struct zipc_array *array;
	struct zipc_queue *queue;

	return is_queue(words[1]) ? open_queue(&queue, words[2], type)
				  : open_array(&array, words[2], type);
}

static void give_number(uint64_t n)
{
	give("%llu", (unsigned long long)n);
}

/* What is asked of a structure of either kind. */
static int run_about(void)
{
	struct zipc_queue *queue = handle_of(words[1])->queue;
	struct zipc_array *array = NULL;
	int rc = queue ? 0 : array_of(&array, words[1]);

	if (rc == -EPROTOTYPE)
		rc = open_queue(&queue, words[1], NULL);
	if (rc)
		return rc;
	if (!strcmp(words[0], "type"))
		give("%s", zipc_type_text(queue ? zipc_queue_type(queue)
						: zipc_array_type(array)));
	else if (!strcmp(words[0], "capacity"))
		give_number(queue ? zipc_queue_capacity(queue)
				  : zipc_array_capacity(array));
	else
		give_number(queue ? zipc_queue_elem_size(queue)
				  : zipc_array_elem_size(array));
	return 0;
}

static int run_get(void)
{
	struct zipc_array *array;
	unsigned char *elem;
	uint64_t size;
	int rc = array_of(&array, words[1]);

	if (rc)
		return rc;
	size = zipc_array_elem_size(array);
	elem = memory(size);
	rc = zipc_array_get(array, number(words[2]), elem);
	if (!rc)
		give_values(elem, size, 1);
	free(elem);
	return rc;
}

static int run_set(void)
{
	struct zipc_array *array;
	unsigned char *elem;
	int rc = array_of(&array, words[1]);

	if (rc)
		return rc;
	elem = value(words[3], zipc_array_elem_size(array));
	rc = zipc_array_set(array, number(words[2]), elem);
	free(elem);
	return rc;
}

static int run_add(void)
{
	struct zipc_array *array;
	unsigned char *elem;
	uint64_t size;
	int rc = array_of(&array, words[1]);

	if (rc)
		return rc;
	size = zipc_array_elem_size(array);
	elem = value(words[3], size);
	rc = zipc_array_fetch_add(array, number(words[2]), elem, elem);
	if (!rc)
		give_values(elem, size, 1);
	free(elem);
	return rc;
}

static int run_cas(void)
{
	struct zipc_array *array;
	unsigned char *expected, *desired;
	uint64_t size;
	char *there;
	int rc = array_of(&array, words[1]);

	if (rc)
		return rc;
	size = zipc_array_elem_size(array);
	expected = value(words[3], size);
	desired = value(words[4], size);
	rc = zipc_array_cas(array, number(words[2]), expected, desired);
	if (rc == -EAGAIN) {
		give_values(expected, size, 1);
		there = strdup(result);
		give("EAGAIN %s", there);
		free(there);
		rc = 0;
	}
	free(expected);
	free(desired);
	return rc;
}

static int run_push(void)
{
	struct zipc_queue *queue;
	unsigned char *elem;
	int rc = queue_of(&queue, words[1]);

	if (rc)
		return rc;
	elem = value(words[2], zipc_queue_elem_size(queue));
	rc = zipc_queue_push(queue, elem, timeout_ns);
	free(elem);
	return rc;
}

static int run_pop(void)
{
	struct zipc_queue *queue;
	unsigned char *elem;
	uint64_t size;
	int rc = queue_of(&queue, words[1]);

	if (rc)
		return rc;
	size = zipc_queue_elem_size(queue);
	elem = memory(size);
	rc = zipc_queue_pop(queue, elem, timeout_ns);
	if (!rc)
		give_values(elem, size, 1);
	free(elem);
	return rc;
}

static int run_push_n(void)
{
	int64_t done;
	unsigned char *elems, *elem;
	struct zipc_queue *queue;
	uint64_t size;
	unsigned i;
	int rc = queue_of(&queue, words[1]);

	if (rc)
		return rc;
	size = zipc_queue_elem_size(queue);
	elems = memory(word_count * size);
	for (i = 2; i < word_count; i++) {
		elem = value(words[i], size);
		memcpy(elems + (i - 2) * size, elem, size);
		free(elem);
	}
	done = zipc_queue_push_n(queue, elems, word_count - 2, timeout_ns);
	free(elems);
	if (done < 0)
		return (int)done;
	give_number((uint64_t)done);
	return 0;
}

static int run_pop_n(void)
{
	int64_t done;
	uint64_t n = number(words[2]), size;
	struct zipc_queue *queue;
	unsigned char *elems;
	int rc = queue_of(&queue, words[1]);

	if (rc)
		return rc;
	size = zipc_queue_elem_size(queue);
	elems = memory(n * size);
	done = zipc_queue_pop_n(queue, elems, n, timeout_ns);
	if (done > 0)
		give_values(elems, size, (uint64_t)done);
	else if (!done)
		give("0");
	free(elems);
	return done < 0 ? (int)done : 0;
}

static int run_size(void)
{
	struct zipc_queue *queue;
	int rc = queue_of(&queue, words[1]);

	if (!rc)
		give_number(zipc_queue_size(queue));
	return rc;
}

static int run_close(void)
{
	close_handle(handle_of(words[1]));
	return 0;
}

static int run_remove(void)
{
	char name[256];
	int rc = attached();

	named(words[1], name);
	return rc ? rc : zipc_segment_remove(segment, name);
}

/* A name as a word. */
static void append_name(char **text, const char *name)
{
	for (; *name; name++)
		if (*name <= ' ' || *name > '~' || strchr("\\@", *name))
			*text += sprintf(*text, "\\x%02x",
					 (unsigned char)*name);
		else
			*(*text)++ = *name;
	*text = stpcpy(*text, " ");
}

static int run_list(void)
{
	struct zipc_view_segment about;
	struct zipc_view_entry entry;
	struct zipc_view *view;
	char *text, *end;
	unsigned i;
	int rc = zipc_view_open(&view, segment_name);

	if (rc)
		return rc;
	rc = zipc_view_segment(view, &about);
	text = end = memory(about.entries * 4 * sizeof(entry.name) + 2);
	for (i = 0; !rc && i < about.entries; i++) {
		rc = zipc_view_entry(view, i, &entry);
		if (!rc)
			append_name(&end, entry.name);
	}
	*(end > text ? end - 1 : stpcpy(end, "-")) = '\0';
	give("%s", text);
	free(text);
	zipc_view_close(view);
	return rc;
}

static const struct operation {
	const char *name;
	int (*run)(void);
	unsigned fewest, most; /* words behind its name */
} operations[] = {
	{ "segment", run_segment, 1, 5 },
	{ "attach", run_attach, 0, 1 },
	{ "unlink", run_unlink, 0, 0 },
	{ "create", run_create, 4, 5 },
	{ "open", run_open, 3, 3 },
	{ "type", run_about, 1, 1 },
	{ "capacity", run_about, 1, 1 },
	{ "elem_size", run_about, 1, 1 },
	{ "get", run_get, 2, 2 },
	{ "set", run_set, 3, 3 },
	{ "add", run_add, 3, 3 },
	{ "cas", run_cas, 4, 4 },
	{ "push", run_push, 2, 2 },
	{ "pop", run_pop, 1, 1 },
	{ "push_n", run_push_n, 1, 511 },
	{ "pop_n", run_pop_n, 2, 2 },
	{ "size", run_size, 1, 1 },
	{ "close", run_close, 1, 1 },
	{ "remove", run_remove, 1, 1 },
	{ "list", run_list, 0, 0 },
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* traces */

/* The words of a line; a type's blanks do not part it. */
static void split(char *line)
{
	int depth = 0;

	for (word_count = 0;; word_count++) {
		line += strspn(line, " \t\r\n");
		if (!*line || word_count == WORDS_MOST)
			break;
		words[word_count] = line;
		for (; *line && (depth > 0 || !strchr(" \t\r\n", *line));
		     line++)
			depth += (*line == '{') - (*line == '}');
		if (*line)
			*line++ = '\0';
	}
	if (*line)
		broken("more than %d words", WORDS_MOST);
	words[word_count] = NULL;
}

/* The text without the white space around it. */
static char *trimmed(char *text)
{
	char *end;

	text += strspn(text, " \t\r\n");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return text;
}

/* The last word, if it is "ms=N", taken off. */
static void take_timeout(void)
{
	timeout_ns = ZIPC_NOWAIT;
	if (word_count && !strncmp(words[word_count - 1], "ms=", 3))
		timeout_ns = (int64_t)number(words[--word_count] + 3) * 1000000;
}

static const struct operation *find_operation(void)
{
	const struct operation *operation = operations;

	while (strcmp(operation->name, words[0]))
		if (++operation == operations + OPERATIONS)
			broken("no operation `%s`", words[0]);
	if (word_count - 1 < operation->fewest)
		broken("`%s` needs more words", words[0]);
	if (word_count - 1 > operation->most)
		broken("`%s` has too many words", words[0]);
	return operation;
}

static void run_operation(void)
{
	int rc;

	give("ok");
	rc = find_operation()->run();
	if (rc)
		give("%s", zipc_error_name(rc));
	message = rc ? zipc_last_error() : "";
	printf("%llu: %s\n", line_number, result);
	fflush(stdout);
}

/* Run one line; status 1 when its result is another than the expected one. */
static void run_line(char *line)
{
	char *arrow = strstr(line, "=>");
	const char *expected;

	line = trimmed(line);
	if (!*line || *line == '#')
		return;
	if (!arrow)
		broken("no `=>`");
	*arrow = '\0';
	expected = trimmed(arrow + 2);
	split(line);
	take_timeout();
	if (!word_count)
		broken("no operation");
	run_operation();
	if (!strcmp(result, expected))
		return;
	fprintf(stderr, "line %llu: expected %s, got %s%s%s\n", line_number,
		expected, result, *message ? ": " : "", message);
	exit(1);
}

static void run_lines(unsigned long long from, unsigned long long to)
{
	FILE *file = fopen(trace_name, "re");
	char *line = NULL;
	size_t room = 0;

	line_number = 0;
	if (!file)
		broken("cannot be read");
	while (line_number < to && getline(&line, &room, file) >= 0)
		if (++line_number >= from)
			run_line(line);
	line_number = 0;
	free(line);
	fclose(file);
}

/*
 * Lines "SEGMENT TRACE FROM TO" of standard input; "done" answers each. On
 * another segment than before it begins anew.
 */
static void serve(void)
{
	static char name[256], trace[4096];
	char next[sizeof(name)];
	unsigned long long from, to;

	segment_name = name;
	trace_name = trace;
	while (scanf("%255s %4095s %llu %llu", next, trace, &from, &to) == 4) {
		if (strcmp(next, name))
			close_all();
		strcpy(name, next);
		if (to)
			run_lines(from, to);
		puts("done");
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	bool serves = argc == 2 && !strcmp(argv[1], "-");

	if (argc != 5 && !serves) {
		fprintf(stderr, "usage: %s SEGMENT TRACE FROM TO\n", argv[0]);
		return 2;
	}
	if (serves) {
		serve();
	} else {
		segment_name = argv[1];
		trace_name = argv[2];
		run_lines(number(argv[3]), number(argv[4]));
	}
	close_all();
	free(result);
	return 0;
}
