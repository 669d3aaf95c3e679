/* SPDX-License-Identifier: MIT */
/*
 * The command line: one command is one file and one row of the table in
 * main.c, from which all help is printed. What commands share stands here.
 *
 * A command returns its exit status. It reads by inspection (zipc/inspect.h)
 * wherever it only looks, so that looking changes nothing.
 *
 * Whatever comes out of a segment may hold any bytes, so it is printed by
 * put_clean() or what is built on it: fail(), table_add(), json_string().
 */
#ifndef ZIPC_CLI_H
#define ZIPC_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <zeroipc.h>

enum status {
	STATUS_FINE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_NOTHING = 3, /* nothing to take, or no room, in time */
	STATUS_DEADLOCK = 4,
};

struct command {
	const char *name;
	const char *arguments; /* one line for each form */
	const char *summary;
	const char *details; /* its options, and what to know */
	int (*run)(int argc, char **argv);
};

extern const struct command command_ls, command_cat, command_stat,
	command_create, command_push, command_pop, command_put, command_get,
	command_delete, command_add, command_has, command_write, command_emit,
	command_follow, command_derive, command_drive, command_set,
	command_fail, command_force, command_reset, command_wait,
	command_signal, command_send, command_receive, command_lock,
	command_why, command_rm, command_reclaim, command_help;

/* main.c */

/* Print "zeroipc: COMMAND: message" on stderr; STATUS_FAILED. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2), cold));

/* The same, and the command's usage line; STATUS_USAGE. */
int fail_usage(const char *format, ...)
	__attribute__((format(printf, 1, 2), cold));

/*
 * Tell why the call on segment, or on its structure (or NULL), returned rc, by
 * the library's message; STATUS_FAILED.
 */
int fail_at(const char *segment, const char *structure, int64_t rc);

/* Print the command's help. */
void print_help(const struct command *command);

struct option;
/*
 * As getopt_long(), for a command: complains by fail_usage() and returns '?';
 * --help prints the help and ends the program.
 */
int next_option(int argc, char **argv, const char *letters,
		const struct option *options);

/* What -n and --wait were given (optarg); false, after fail_usage(). */
bool count_option(uint64_t *count);
bool wait_option(int64_t *timeout_ns);

/* The only argument left must be this one; else NULL, after fail_usage(). */
const char *only_argument(int argc, char **argv, const char *what);

/* Flush stdout; the status, or STATUS_FAILED if it could not be written. */
int finish(int status);

/* Memory, or the end of the program with a message. */
void *must_allocate(uint64_t count, uint64_t size_bytes);

/* path.c */

struct slice {
	bool given;
	bool single; /* [i]: from alone counts */
	bool has_from, has_to;
	int64_t from, to;
};

/* SEGMENT, SEGMENT/STRUCTURE or SEGMENT/STRUCTURE[i:j] */
struct path {
	char *segment;
	char *structure; /* NULL: none was named */
	struct slice slice;
};

/* STATUS_FINE, or STATUS_USAGE after a message. */
int path_parse(struct path *path, const char *text);
void path_free(struct path *path);

/* All of a command's words, where they are "[--json] PATH"; what: the path. */
int json_and_path(bool *as_json, struct path *path, int argc, char **argv,
		  const char *what);

/* path_parse(), and a structure must be named, without a slice. */
int path_parse_structure(struct path *path, const char *text);

/*
 * What the slice means in something of size elements, as in Python; false: it
 * is one element that does not exist.
 */
bool slice_resolve(const struct slice *slice, uint64_t size, uint64_t *from,
		   uint64_t *count);

/* sync.c */

/* The kind that is called so, if it is one to wait for; else 0. */
unsigned sync_kind(const char *name);
const char *kind_text(unsigned kind);

/* The kind of the structure that path names; or a status, after a message. */
int kind_of(const struct path *path, unsigned *kind);

/* What its kind alone tells: lines, or members; 0 or -errno. */
int stat_sync(struct zipc_view *view, const struct zipc_view_entry *entry);
struct json;
int json_sync(struct json *json, struct zipc_view *view,
	      const struct zipc_view_entry *entry);

/* text.c */

enum clean {
	CLEAN_TEXT, /* for people, or JSON that is to stay as it is */
	CLEAN_JSON, /* inside a JSON string: quotes and backslashes as well */
};

/*
 * Print bytes as valid UTF-8 without control characters: these, and what
 * would turn the direction of writing, become \u001b; what is no UTF-8
 * becomes U+FFFD.
 */
void put_clean(FILE *out, const char *bytes, size_t length, enum clean clean);

/* Whether the bytes are UTF-8 without control characters, but for tabs. */
bool is_text(const void *bytes, size_t length);

/* How many columns clean text takes on a terminal. */
size_t text_width(const char *text);

/* "1.5K": with a binary unit, in 7 characters at most. */
const char *size_text(uint64_t bytes, char text[static 16]);
/* "1536", "10M", "10MiB", "1.5G", all by 1024; false: none of them. */
bool size_parse(const char *text, uint64_t *bytes);
/* Decimal digits only. */
bool number_parse(const char *text, uint64_t *number);
/* "forever", or seconds with a fraction. */
bool wait_parse(const char *text, int64_t *timeout_ns);

/* Local time, as 2026-01-31 12:00:00 +0100. */
const char *time_text(uint64_t ns, char text[static 40]);
const char *user_text(unsigned uid, char text[static 48]);
const char *group_text(unsigned gid, char text[static 48]);

/* table.c */

struct column {
	const char *title;
	bool right; /* numbers stand to the right */
};

struct table {
	const struct column *columns;
	size_t width; /* columns */
	char **cells;
	size_t count, room;
};

void table_init(struct table *table, const struct column *columns,
		size_t width);
/* The next cell, from left to right, row by row. */
void table_add(struct table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * Print it, without the last column if that is empty, and free it. Without a
 * row nothing is printed.
 */
void table_print(struct table *table);

/* json.c */

struct json {
	int depth;
	bool first;
};

/* key: NULL in an array, and for the document itself. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_string(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, uint64_t number);
void json_bool(struct json *json, const char *key, bool value);
/* A string of 16 hexadecimal digits: readers of JSON round large numbers. */
void json_id(struct json *json, const char *key, uint64_t id);
/* Text that is JSON already. */
void json_raw(struct json *json, const char *key, const char *text);
/* The keys "error" and "message": what the library's last call ended with. */
void json_error(struct json *json, int64_t rc);

/* keyed.c */

#define KEYED_MAP 1u
#define KEYED_SET 2u

/* A map or a set that is open; the other is NULL. */
struct keyed {
	const struct path *path;
	struct zipc_segment *segment;
	struct zipc_map *map;
	struct zipc_set *set;
	const struct zipc_type *key_type;
};

/* Open what the path names, one of kinds; a status, after a message. */
int keyed_open(struct keyed *it, const struct path *path, unsigned flags,
	       unsigned kinds);
void keyed_close(struct keyed *it);

/* A value from its text, to be freed; NULL after a message. */
void *keyed_parse(const struct zipc_type *type, const char *what,
		  const char *text);

/* The status for what an operation on a key returned, after a message. */
int keyed_result(const struct keyed *it, const char *key, int rc);

/*
 * All of a command whose words are SEGMENT/STRUCTURE and so many more, which
 * use() is given.
 */
int keyed_run(int argc, char **argv, unsigned flags, unsigned kinds, int words,
	      const char *what,
	      int (*use)(struct keyed *it, char **words));

/* show.c */

/* Keys and values of what inspection tells, into an object that is open. */
void json_segment(struct json *json, const struct zipc_view_segment *segment);
/* Of one that cannot be opened as a segment. */
void json_file(struct json *json, const char *name,
	       const struct zipc_view_file *file);
void json_entry(struct json *json, const struct zipc_view_entry *entry);
void json_participant(struct json *json,
		      const struct zipc_view_participant *participant);

/*
 * A ring's record, as a line: text as it is, and what is none as \x and
 * hexadecimal digits; or as an object with its number, and text or hex.
 */
void print_record(struct json *json, uint64_t number, const void *bytes,
		  size_t length);

/* Values of one type, one after the other, as lines or as a JSON array. */
struct printer {
	struct zipc_type *type;
	bool as_json;
	struct json json;
	char *text;
	size_t room;
};

/* Returns 0 or -errno. */
int printer_init(struct printer *printer, const char *type, bool as_json);
void printer_value(struct printer *printer, const void *bytes);
/* The value of a key, in an object that is open in printer->json. */
void printer_keyed(struct printer *printer, const char *key, const void *bytes);
/* After the last value; also after a failed init. */
void printer_end(struct printer *printer);

/* follow_stream.c */

/* What follow was asked for. */
struct following {
	const struct path *path;
	const char *subscription; /* NULL: private */
	bool oldest, as_json;
	uint64_t wanted;
	int64_t timeout_ns;
};
int follow_stream(const struct following *it);

/* pool.c */

/* A table of who owns how many objects, or "owners" of a document; 0, -errno. */
int64_t pool_owners(struct zipc_view *view, const struct zipc_view_entry *entry,
		    struct json *json);
/* The objects that are taken, of those that the path's slice names. */
int pool_cat(struct zipc_view *view, const struct zipc_view_entry *entry,
	     const struct path *path, bool as_json);

/* stat.c */

/* "key          value": what is put in is printed clean. */
void line(const char *key, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* details.c */

/*
 * What stat tells of the structure's kind alone: printed, or into a document
 * whose object is open. 0 or -errno.
 */
int details(struct zipc_view *view, const struct zipc_view_entry *it,
	    struct json *json);

/* stat_lock.c */

/* Whether it has no elements, but is held: mutex, rwlock, once. */
bool is_lock(unsigned kind);

/* The same as details(). */
int lock_details(struct zipc_view *view, const struct zipc_view_entry *it,
		 struct json *json);

/* stat_stream.c */

/* The same as details(). */
int stream_details(struct zipc_view *view, const struct zipc_view_entry *it,
		   struct json *json);

/* stat_future.c */

/* The same as details(). */
int future_details(struct zipc_view *view, const struct zipc_view_entry *it,
		   struct json *json);
/* STATUS_FAILED, and why, if it has failed. */
int tell_failure(struct zipc_view *view, const struct zipc_view_entry *it,
		 const struct path *path);

/* stat_lazy.c */

/* The same two of a lazy. */
int lazy_details(struct zipc_view *view, const struct zipc_view_entry *it,
		 struct json *json);
int tell_lazy_failure(struct zipc_view *view, const struct zipc_view_entry *it,
		      const struct path *path);

#endif
