/* SPDX-License-Identifier: MIT */
/*
 * Segments: making, opening and removing them; what is no segment, or a damaged
 * one; permissions; a full /dev/shm; creators that race or die.
 */
#include "../libzeroipc/segment.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#include "children.h"
#include "harness.h"
#include "random_type.h"

#define SMALL (UINT64_C(1) << 16)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* What *out must still be after a failure. */
static struct zipc_segment *const UNTOUCHED = (void *)0x1234;

#define ck_refused(call, want)                                               \
	do {                                                                 \
		struct zipc_segment *out = UNTOUCHED;                        \
									     \
		ck_rc(call, want);                                           \
		ck_assert_ptr_eq(out, UNTOUCHED);                            \
		ck_assert_str_ne(zipc_last_error(), "");                     \
	} while (0)

/* The path of a segment's file. */
static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "/dev/shm%s", name);
	return path;
}

static struct zipc_segment *made(const char *name, uint64_t size)
{
	struct zipc_segment *segment;

	ck_rc(zipc_segment_create(&segment, name, size, NULL), 0);
	return segment;
}

/* Make a segment and close it again. */
static const char *lying(const char *what)
{
	const char *name = test_name(what);

	zipc_segment_close(made(name, SMALL));
	return name;
}

static void patch(const char *name, uint64_t offset, const void *bytes,
		  size_t size)
{
	int fd = open(path_of(name), O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, size, (off_t)offset), (ssize_t)size);
	close(fd);
}

static void patch_u32(const char *name, uint64_t offset, uint32_t value)
{
	patch(name, offset, &value, sizeof(value));
}

/* making and opening */

START_TEST(a_segment_is_the_same_for_who_made_it_and_who_opens_it)
{
	const char *name = test_name("same");
	struct zipc_segment *a = made(name, 100000), *b;

	ck_rc(zipc_segment_open(&b, name, 0), 0);
	ck_assert_uint_eq(zipc_segment_size(a), 102400);
	ck_assert_uint_eq(zipc_segment_size(b), 102400);
	ck_assert_mem_eq(zipc_segment_base(b), zipc_segment_base(a), 8);
	ck_assert_uint_eq(zipc_segment_id(a), zipc_segment_id(b));
	ck_assert_uint_ne(zipc_segment_id(a), 0);
	ck_assert_str_eq(zipc_segment_name(a), name + 1);
	ck_assert_str_eq(zipc_segment_name(b), name + 1);
	zipc_segment_close(a);
	zipc_segment_close(b);
	zipc_segment_close(NULL);
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

START_TEST(a_name_is_the_same_with_and_without_its_slash)
{
	const char *name = test_name("slash");
	struct zipc_segment *a = made(name + 1, SMALL), *b;

	ck_rc(zipc_segment_open(&b, name, 0), 0);
	ck_assert_uint_eq(zipc_segment_id(a), zipc_segment_id(b));
	zipc_segment_close(a);
	zipc_segment_close(b);
	ck_rc(zipc_segment_unlink(name + 1), 0);
	ck_refused(zipc_segment_open(&out, name, 0), -ENOENT);
}
END_TEST

static const char *const bad_names[] = {
	"", "/", ".", "/.", "..", "/..", "a/b", "/a/b", "//a", "a/", "../etc",
};

START_TEST(a_name_that_is_no_word_is_refused)
{
	const char *name = bad_names[_i];

	ck_refused(zipc_segment_create(&out, name, SMALL, NULL), -EINVAL);
	ck_refused(zipc_segment_open(&out, name, 0), -EINVAL);
	ck_refused(zipc_segment_open_or_create(&out, name, SMALL, NULL),
		   -EINVAL);
	ck_rc(zipc_segment_unlink(name), -EINVAL);
	ck_message("cannot name a segment");
}
END_TEST

START_TEST(a_name_of_255_bytes_fits_and_one_more_does_not)
{
	char name[300];
	struct zipc_segment *segment;

	memset(name, 'n', sizeof(name));
	strcpy(name, test_name("long"));
	name[strlen(name)] = 'n';
	name[256] = '\0';
	segment = made(name, SMALL);
	ck_assert_str_eq(zipc_segment_name(segment), name + 1);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
	strcat(name, "n");
	ck_refused(zipc_segment_create(&out, name, SMALL, NULL),
		   -ENAMETOOLONG);
	ck_refused(zipc_segment_open(&out, name, 0), -ENAMETOOLONG);
	ck_rc(zipc_segment_unlink(name), -ENAMETOOLONG);
}
END_TEST

START_TEST(a_segment_that_cannot_hold_its_table_is_refused)
{
	static const uint64_t sizes[] = { 0, 1, 4096, 16384 };
	const char *name = test_name("size");
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_refused(zipc_segment_create(&out, name, sizes[i], NULL),
			   -EINVAL);
		ck_message("too few");
	}
	zipc_segment_close(made(name, 28672));
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

START_TEST(a_segment_has_less_than_256_gib)
{
	static const uint64_t sizes[] = { 256 * GIB, 256 * GIB + 1,
					  UINT64_MAX - 4095, UINT64_MAX };
	const char *name = test_name("most");
	struct zipc_segment *segment;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_refused(zipc_segment_create(&out, name, sizes[i], NULL),
			   -EINVAL);
		ck_message("256 GiB");
	}
	segment = made(name, 256 * GIB - 8192);
	ck_assert_uint_eq(zipc_segment_size(segment), 256 * GIB - 8192);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

START_TEST(options_beyond_their_range_are_refused)
{
	static const struct zipc_segment_options bad[] = {
		{ .max_entries = ZIPC_MOST_ENTRIES + 1 },
		{ .max_entries = UINT32_MAX },
		{ .max_participants = ZIPC_MOST_PARTICIPANTS + 1 },
		{ .max_participants = UINT32_MAX },
		{ .flags = 4 },
		{ .flags = UINT32_MAX },
		{ .mode = 01600 },
		{ .mode = UINT32_MAX },
	};
	const struct zipc_segment_options most = {
		.max_entries = ZIPC_MOST_ENTRIES,
		.max_participants = ZIPC_MOST_PARTICIPANTS,
		.flags = ZIPC_SPARSE | ZIPC_SYMMETRIC_FENCES,
		.mode = 0777,
	};
	const char *name = test_name("options");
	struct zipc_segment *segment;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_refused(zipc_segment_create(&out, name, 8 * MIB, &bad[i]),
			   -EINVAL);
	ck_rc(zipc_segment_create(&segment, name, 64 * MIB, &most), 0);
	zipc_segment_close(segment);
	ck_refused(zipc_segment_open(&out, name, 2), -EINVAL);
	ck_refused(zipc_segment_open(&out, name, UINT32_MAX), -EINVAL);
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

START_TEST(what_exists_is_not_created_and_what_does_not_is_not_opened)
{
	const char *name = lying("exists");

	ck_refused(zipc_segment_create(&out, name, SMALL, NULL), -EEXIST);
	ck_message(name + 1);
	ck_rc(zipc_segment_unlink(name), 0);
	ck_refused(zipc_segment_open(&out, name, 0), -ENOENT);
	ck_refused(zipc_segment_open(&out, name, ZIPC_READ_ONLY), -ENOENT);
	ck_message(name + 1);
	ck_rc(zipc_segment_unlink(name), -ENOENT);
}
END_TEST

START_TEST(open_or_create_leaves_an_existing_segment_as_it_is)
{
	const char *name = test_name("either");
	struct zipc_segment *a, *b;

	ck_rc(zipc_segment_open_or_create(&a, name, SMALL, NULL), 0);
	ck_rc(zipc_segment_open_or_create(&b, name, 2 * SMALL, NULL), 0);
	ck_assert_uint_eq(zipc_segment_id(a), zipc_segment_id(b));
	ck_assert_uint_eq(zipc_segment_size(b), SMALL);
	zipc_segment_close(a);
	zipc_segment_close(b);
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

START_TEST(the_mode_is_applied_whatever_the_umask)
{
	static const unsigned masks[] = { 0, 022, 077, 0777 };
	static const unsigned modes[][2] = { { 0, 0600 }, { 0644, 0644 },
					     { 0666, 0666 }, { 0400, 0400 } };
	struct zipc_segment_options options = { 0 };
	struct zipc_segment *segment;
	const char *name = test_name("mode");
	struct stat st;
	size_t i;

	for (i = 0; i < 16; i++) {
		umask(masks[i / 4]);
		options.mode = modes[i % 4][0];
		ck_rc(zipc_segment_create(&segment, name, SMALL, &options), 0);
		ck_assert_int_eq(stat(path_of(name), &st), 0);
		ck_assert_uint_eq(st.st_mode, S_IFREG | modes[i % 4][1]);
		zipc_segment_close(segment);
		ck_rc(zipc_segment_unlink(name), 0);
	}
}
END_TEST

START_TEST(who_has_a_removed_segment_open_keeps_it)
{
	const char *name = test_name("kept");
	struct zipc_segment *segment = made(name, SMALL), *other;
	struct zipc_array *array;
	int32_t value = 7;

	ck_rc(zipc_segment_unlink(name), 0);
	other = made(name, SMALL);
	ck_assert_uint_ne(zipc_segment_id(segment), zipc_segment_id(other));
	ck_rc(zipc_array_create(&array, segment, "a", "i32", 4), 0);
	ck_rc(zipc_array_set(array, 3, &value), 0);
	zipc_array_close(array);
	ck_rc(zipc_array_open(&array, other, "a", "i32"), -ENOENT);
	zipc_segment_close(segment);
	zipc_segment_close(other);
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

START_TEST(a_structure_keeps_its_segment_mapped)
{
	const char *name = test_name("mapped");
	struct zipc_segment *segment = made(name, SMALL);
	struct zipc_array *array;
	int32_t value = 7;

	ck_rc(zipc_array_create(&array, segment, "a", "i32", 4), 0);
	zipc_segment_close(segment);
	ck_rc(zipc_array_set(array, 3, &value), 0);
	value = 0;
	ck_rc(zipc_array_get(array, 3, &value), 0);
	ck_assert_int_eq(value, 7);
	zipc_array_close(array);
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

START_TEST(a_read_only_handle_reads_and_changes_nothing)
{
	const char *name = test_name("reads");
	struct zipc_segment *segment = made(name, SMALL), *reader;
	struct zipc_array *array, *out = (void *)UNTOUCHED;
	int32_t value = 7;

	ck_rc(zipc_array_create(&array, segment, "a", "i32", 4), 0);
	ck_rc(zipc_array_set(array, 3, &value), 0);
	zipc_array_close(array);
	ck_rc(zipc_segment_open(&reader, name, ZIPC_READ_ONLY), 0);
	ck_rc(zipc_array_create(&out, reader, "b", "i32", 4), -EROFS);
	ck_rc(zipc_array_open_or_create(&out, reader, "b", "i32", 4), -ENOENT);
	ck_assert_ptr_eq(out, UNTOUCHED);
	ck_rc(zipc_array_open_or_create(&array, reader, "a", "i32", 4), 0);
	value = 0;
	ck_rc(zipc_array_get(array, 3, &value), 0);
	ck_assert_int_eq(value, 7);
	ck_rc(zipc_array_set(array, 3, &value), -EROFS);
	zipc_array_close(array);
	zipc_segment_close(reader);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

/* permissions */

/* What the mode and the umask deny is not denied to who creates. */
static void create_what_nobody_may_write(const char *name)
{
	const struct zipc_segment_options options = { .mode = 0444 };
	struct zipc_segment *segment;
	struct zipc_array *array;

	umask(0777);
	ck_rc(zipc_segment_create(&segment, name, SMALL, &options), 0);
	ck_rc(zipc_array_create(&array, segment, "a", "i32", 1), 0);
	zipc_array_close(array);
	zipc_segment_close(segment);
	ck_refused(zipc_segment_open(&out, name, 0), -EACCES);
	ck_rc(zipc_segment_open(&segment, name, ZIPC_READ_ONLY), 0);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
}

static void as_nobody(void *context)
{
	const char *const *names = context;
	struct zipc_segment *segment;

	if (!become_nobody()) {
		printf("SKIPPED: only root can become somebody else\n");
		return;
	}
	ck_refused(zipc_segment_open(&out, names[0], 0), -EACCES);
	ck_message("write");
	ck_message("chmod");
	ck_rc(zipc_segment_open(&segment, names[0], ZIPC_READ_ONLY), 0);
	zipc_segment_close(segment);
	ck_refused(zipc_segment_open(&out, names[1], ZIPC_READ_ONLY), -EACCES);
	ck_message("read");
	ck_refused(zipc_segment_open_or_create(&out, names[1], SMALL, NULL),
		   -EACCES);
	ck_rc(zipc_segment_open(&segment, names[2], 0), 0);
	zipc_segment_close(segment);
	/* /dev/shm lets only owners remove. */
	ck_rc(zipc_segment_unlink(names[0]), -EACCES);
	ck_rc(zipc_segment_unlink(names[1]), -EACCES);
	zipc_segment_close(made(names[3], SMALL));
	ck_rc(zipc_segment_unlink(names[3]), 0);
	create_what_nobody_may_write(names[3]);
}

START_TEST(permissions_are_those_of_the_file_and_the_message_says_so)
{
	struct zipc_segment_options options = { .mode = 0644 };
	const char *names[4] = { test_name("0644"), test_name("0600"),
				 test_name("0666"), test_name("theirs") };
	struct zipc_segment *segment;
	struct child child;

	ck_rc(zipc_segment_create(&segment, names[0], SMALL, &options), 0);
	zipc_segment_close(segment);
	zipc_segment_close(made(names[1], SMALL));
	options.mode = 0666;
	ck_rc(zipc_segment_create(&segment, names[2], SMALL, &options), 0);
	zipc_segment_close(segment);
	child = child_start(as_nobody, names);
	child_end(&child);
	ck_rc(zipc_segment_unlink(names[0]), 0);
	ck_rc(zipc_segment_unlink(names[1]), 0);
	ck_rc(zipc_segment_unlink(names[2]), 0);
}
END_TEST

/* what is no segment */

static const char *const strangers[] = {
	"empty", "short", "text", "zeros", "directory", "symlink", "loop",
	"fifo", "socket",
};

/* Put something of that sort in the place of a segment. */
static void put(const char *sort, const char *name)
{
	const char *path = path_of(name);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char bytes[8192] = { 0 };
	size_t size = 0;
	int fd;

	if (!strcmp(sort, "directory")) {
		ck_assert_int_eq(mkdir(path, 0700), 0);
	} else if (!strcmp(sort, "fifo")) {
		ck_assert_int_eq(mkfifo(path, 0600), 0);
	} else if (!strcmp(sort, "loop")) {
		ck_assert_int_eq(symlink(path, path), 0);
	} else if (!strcmp(sort, "symlink")) {
		ck_assert_int_eq(symlink(path_of(lying("target")), path), 0);
	} else if (!strcmp(sort, "socket")) {
		strcpy(address.sun_path, path);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(bind(fd, (void *)&address, sizeof(address)),
				 0);
		close(fd);
	} else {
		if (!strcmp(sort, "text"))
			size = (size_t)snprintf(bytes, sizeof(bytes), "%0999d",
						1);
		else if (!strcmp(sort, "zeros"))
			size = sizeof(bytes);
		else if (!strcmp(sort, "short"))
			size = (size_t)snprintf(bytes, 64, "MZIP, or not");
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
		close(fd);
	}
}

START_TEST(what_is_no_segment_is_neither_opened_nor_removed)
{
	const char *name = test_name(strangers[_i]);
	struct stat st;

	put(strangers[_i], name);
	ck_refused(zipc_segment_open(&out, name, 0), -EBADMSG);
	ck_message(name + 1);
	ck_refused(zipc_segment_open(&out, name, ZIPC_READ_ONLY), -EBADMSG);
	ck_refused(zipc_segment_open_or_create(&out, name, SMALL, NULL),
		   -EBADMSG);
	ck_refused(zipc_segment_create(&out, name, SMALL, NULL), -EEXIST);
	ck_rc(zipc_segment_unlink(name), -EBADMSG);
	ck_message(name + 1);
	ck_assert_int_eq(lstat(path_of(name), &st), 0);
	ck_assert_int_eq(remove(path_of(name)), 0);
}
END_TEST

START_TEST(a_truncated_segment_is_refused_at_every_length)
{
	const char *name = lying("cut");
	off_t length;

	for (length = SMALL - 1; length >= 0;
	     length -= length > 256 ? 997 : 1) {
		ck_assert_int_eq(truncate(path_of(name), length), 0);
		ck_refused(zipc_segment_open(&out, name, 0), -EBADMSG);
		ck_refused(zipc_segment_open(&out, name, ZIPC_READ_ONLY),
			   -EBADMSG);
	}
	ck_assert_int_eq(unlink(path_of(name)), 0);
}
END_TEST

START_TEST(another_version_is_refused_with_both_numbers_and_can_be_removed)
{
	static const uint32_t versions[] = { 0, 1, 2, 4, UINT32_MAX };
	const char *name = lying("version");
	char words[32];
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		patch_u32(name, offsetof(struct zipc_header, version),
			  versions[i]);
		ck_refused(zipc_segment_open(&out, name, 0),
			   -EPROTONOSUPPORT);
		snprintf(words, sizeof(words), "version %u", versions[i]);
		ck_message(words);
		ck_message("has 3");
	}
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

#define H(field) offsetof(struct zipc_header, field)

/* One 32-bit word of a good header, made bad. */
static const struct {
	const char *field;
	uint64_t offset;
	uint32_t value;
} damages[] = {
	{ "magic", H(magic), 0 },
	{ "magic", H(magic), ZIPC_MAGIC ^ 1 },
	{ "max_entries", H(max_entries), 0 },
	{ "max_entries", H(max_entries), 257 },
	{ "max_entries", H(max_entries), ZIPC_MOST_ENTRIES + 1 },
	{ "max_entries", H(max_entries), UINT32_MAX },
	{ "format_word", H(format_word), 0 },
	{ "format_word", H(format_word), ZIPC_FORMAT_WORD ^ 1u << 31 },
	{ "size_bytes", H(size_bytes), 0 },
	{ "size_bytes", H(size_bytes), SMALL + 1 },
	{ "size_bytes", H(size_bytes), UINT32_MAX },
	{ "size_bytes, high", H(size_bytes) + 4, 1 },
	{ "size_bytes, high", H(size_bytes) + 4, UINT32_MAX },
	{ "participants_offset", H(participants_offset), 0 },
	{ "participants_offset", H(participants_offset), 160 },
	{ "participants_offset", H(participants_offset), 1024 - 127 },
	{ "participants_offset", H(participants_offset), UINT32_MAX },
	{ "max_participants", H(max_participants), 0 },
	{ "max_participants", H(max_participants), ZIPC_MOST_PARTICIPANTS },
	{ "max_participants", H(max_participants), UINT32_MAX },
	{ "options", H(options), 4 },
	{ "options", H(options), UINT32_MAX },
};

START_TEST(a_header_that_makes_no_sense_is_refused)
{
	const char *name = lying("header");
	struct zipc_segment *segment;

	ck_rc(zipc_segment_open(&segment, name, 0), 0);
	zipc_segment_close(segment);
	patch_u32(name, damages[_i].offset, damages[_i].value);
	ck_refused(zipc_segment_open(&out, name, 0), -EBADMSG);
	ck_refused(zipc_segment_open(&out, name, ZIPC_READ_ONLY), -EBADMSG);
	ck_assert_int_eq(unlink(path_of(name)), 0);
}
END_TEST

/* any damage: no crash, no endless loop, no error without words */

struct image {
	const char *name;
	char bytes[SMALL];
	char what[128];
};

/* A segment with one structure of each kind, and its bytes. */
static struct image *image_of(const char *name)
{
	struct image *image = shared_memory(sizeof(*image));
	struct zipc_segment *segment = made(name, SMALL);
	struct zipc_array *array;
	struct zipc_queue *queue;
	int32_t value = 1;
	int fd;

	ck_rc(zipc_array_create(&array, segment, "a", "i32", 100), 0);
	ck_rc(zipc_queue_create(&queue, segment, "q", "{a:i32, b:u8}", 10), 0);
	ck_rc(zipc_queue_push(queue, &(int64_t){ 5 }, ZIPC_NOWAIT), 0);
	ck_rc(zipc_array_set(array, 99, &value), 0);
	zipc_array_close(array);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
	fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(pread(fd, image->bytes, SMALL, 0), SMALL);
	close(fd);
	image->name = name;
	return image;
}

/* A result is a success, or an error of the table with a message. */
static int said(int64_t rc)
{
	if (rc < 0) {
		ck_assert_str_ne(zipc_error_name((int)rc), "?");
		ck_assert_str_ne(zipc_last_error(), "");
	}
	return rc >= 0;
}

static void use_structures(struct zipc_segment *segment)
{
	struct zipc_array *array;
	struct zipc_queue *queue;
	int64_t value[2] = { 0 };
	uint64_t last;

	if (said(zipc_array_open(&array, segment, "a", NULL))) {
		last = zipc_array_capacity(array) - 1;
		if (zipc_array_elem_size(array) <= sizeof(value)) {
			said(zipc_array_get(array, 0, value));
			said(zipc_array_set(array, last, value));
			said(zipc_array_add(array, last, value));
		}
		zipc_array_close(array);
	}
	if (said(zipc_array_create(&array, segment, "b", "u8", 3000)))
		zipc_array_close(array);
	if (said(zipc_queue_open(&queue, segment, "q", "{a:i32, b:u8}"))) {
		said(zipc_queue_push(queue, value, ZIPC_NOWAIT));
		said(zipc_queue_pop(queue, value, ZIPC_NOWAIT));
		said(zipc_queue_pop(queue, value, ZIPC_NOWAIT));
		zipc_queue_close(queue);
	}
	if (said(zipc_queue_create(&queue, segment, "r", "u8", 1))) {
		said(zipc_queue_push(queue, value, ZIPC_NOWAIT));
		said(zipc_queue_pop(queue, value, ZIPC_NOWAIT));
		zipc_queue_close(queue);
	}
}

static void view_everything(const char *name)
{
	struct zipc_view *view;
	struct zipc_view_segment segment;
	struct zipc_view_entry entry;
	struct zipc_view_participant participant;
	char bytes[64 * 4];
	unsigned i;

	if (!said(zipc_view_open(&view, name)))
		return;
	said(zipc_view_segment(view, &segment));
	for (i = 0; i < 5; i++)
		if (said(zipc_view_entry(view, i, &entry)) &&
		    entry.elem_size <= 64)
			said(zipc_view_elements(view, &entry, 0, 4, bytes,
						NULL));
	for (i = 0; i < 200; i++)
		said(zipc_view_participant(view, i, &participant));
	zipc_view_close(view);
}

static void use_everything(void *context)
{
	const struct image *image = context;
	struct zipc_segment *segment;

	alarm(60); /* an endless loop ends here */
	view_everything(image->name);
	if (said(zipc_segment_open(&segment, image->name, ZIPC_READ_ONLY))) {
		use_structures(segment);
		zipc_segment_close(segment);
	}
	if (said(zipc_segment_open(&segment, image->name, 0))) {
		use_structures(segment);
		zipc_segment_close(segment);
	}
	view_everything(image->name);
}

static void survive(struct image *image, uint64_t offset, const void *bytes,
		    size_t size)
{
	struct child child;
	int status;

	patch(image->name, 0, image->bytes, SMALL);
	patch(image->name, offset, bytes, size);
	child = child_start(use_everything, image);
	status = child_reap(&child);
	ck_assert_msg(status == 0, "status 0x%x after %s", status, image->what);
}

/* The fields of what a segment is found by. */
static const struct {
	const char *name;
	uint64_t offset; /* from the header, the first entry, the first block */
	unsigned size, base;
} fields[] = {
	{ "version", H(version), 4, 0 },
	{ "entry_count", H(table_state), 4, 0 },
	{ "next_offset", H(table_state) + 4, 4, 0 },
	{ "max_entries", H(max_entries), 4, 0 },
	{ "size_bytes", H(size_bytes), 8, 0 },
	{ "segment_id", H(segment_id), 8, 0 },
	{ "participants_offset", H(participants_offset), 4, 0 },
	{ "max_participants", H(max_participants), 4, 0 },
	{ "options", H(options), 4, 0 },
	{ "creator", H(creator), 4, 0 },
	{ "offset", offsetof(struct zipc_entry, extent), 4, 1 },
	{ "size", offsetof(struct zipc_entry, extent) + 4, 4, 1 },
	{ "extent", offsetof(struct zipc_entry, extent), 8, 1 },
	{ "name", 0, 8, 1 },
	{ "kind", offsetof(struct zipc_block, kind), 4, 2 },
	{ "elem_size", offsetof(struct zipc_block, elem_size), 8, 2 },
	{ "capacity", offsetof(struct zipc_block, capacity), 8, 2 },
	{ "type_offset", offsetof(struct zipc_block, type_offset), 4, 2 },
	{ "type_length", offsetof(struct zipc_block, type_length), 4, 2 },
	{ "body_offset", offsetof(struct zipc_block, body_offset), 8, 2 },
	{ "body_bytes", offsetof(struct zipc_block, body_bytes), 8, 2 },
	{ "incarnation", offsetof(struct zipc_participant, incarnation), 4, 3 },
	{ "pid", offsetof(struct zipc_participant, pid), 4, 3 },
};

/* Where field f of structure n (0 the array, 1 the queue) lies. */
static uint64_t place_of(const struct image *image, size_t f, unsigned n)
{
	const struct zipc_header *header = (const void *)image->bytes;
	const struct zipc_entry *entry =
		(const void *)(image->bytes + sizeof(*header));
	const uint64_t bases[] = {
		0, sizeof(*header) + n * sizeof(*entry),
		(atomic_load(&entry[n].extent) & UINT32_MAX) * ZIPC_LINE,
		(uint64_t)header->participants_offset * ZIPC_LINE
	};

	return bases[fields[f].base] + fields[f].offset;
}

START_TEST(no_extreme_of_any_field_crashes_any_operation)
{
	static const uint64_t values[] = {
		0, 1, 2, 63, 64, 255, 1023, 1024, 1025, 65536, INT32_MAX,
		UINT32_MAX - 1, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX,
		UINT64_MAX - 63, UINT64_MAX
	};
	struct image *image = image_of(test_name("extremes"));
	size_t f = (size_t)_i / 2, v;

	for (v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
		snprintf(image->what, sizeof(image->what), "%s of %s = %llu",
			 fields[f].name, _i % 2 ? "queue" : "array",
			 (unsigned long long)values[v]);
		survive(image, place_of(image, f, (unsigned)_i % 2),
			&values[v], fields[f].size);
	}
	ck_assert_int_eq(unlink(path_of(image->name)), 0);
}
END_TEST

START_TEST(no_random_bytes_crash_any_operation)
{
	struct dice dice = dice_of_this_run("no_random_bytes");
	struct image *image = image_of(test_name("fuzz"));
	uint64_t used = 35584, at, word;
	unsigned round, size;

	for (round = 0; round < 300; round++) {
		word = roll(&dice);
		size = 1u << roll_below(&dice, 4);
		at = roll_below(&dice, 2) ? roll_below(&dice, 256)
					  : 24640 + roll_below(&dice,
							(unsigned)used - 24640);
		snprintf(image->what, sizeof(image->what),
			 "%u bytes of 0x%016llx at %llu", size,
			 (unsigned long long)word, (unsigned long long)at);
		survive(image, at, &word, size);
	}
	ck_assert_int_eq(unlink(path_of(image->name)), 0);
}
END_TEST

/* size */

START_TEST(a_large_segment_costs_only_what_structures_take)
{
	const char *name = test_name("large");
	struct zipc_segment *segment = made(name, 8 * GIB);
	struct zipc_array *array;
	struct stat st;

	ck_rc(zipc_array_create(&array, segment, "a", "u8", MIB), 0);
	ck_assert_int_eq(stat(path_of(name), &st), 0);
	ck_assert_int_eq(st.st_size, (off_t)(8 * GIB));
	ck_assert_int_lt(st.st_blocks * 512, 2 * MIB);
	ck_assert_int_ge(st.st_blocks * 512, MIB);
	zipc_array_close(array);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

START_TEST(a_large_sparse_segment_works_at_its_far_end)
{
	const struct zipc_segment_options sparse = { .flags = ZIPC_SPARSE };
	const char *name = test_name("far");
	struct zipc_segment *segment;
	struct zipc_array *first, *last;
	uint64_t value = 42, n = GIB - 1 - 16384;
	struct stat st;

	ck_rc(zipc_segment_create(&segment, name, 8 * GIB, &sparse), 0);
	ck_rc(zipc_array_create(&first, segment, "first", "u64", n), 0);
	ck_rc(zipc_array_create(&last, segment, "last", "u64", 8192), 0);
	ck_rc(zipc_array_set(first, n - 1, &value), 0);
	ck_rc(zipc_array_add(last, 8191, &value), 0);
	zipc_array_close(first);
	zipc_array_close(last);
	zipc_segment_close(segment);
	ck_assert_int_eq(stat(path_of(name), &st), 0);
	ck_assert_int_lt(st.st_blocks * 512, MIB);
	ck_rc(zipc_segment_open(&segment, name, 0), 0);
	ck_rc(zipc_array_open(&first, segment, "first", "u64"), 0);
	ck_rc(zipc_array_open(&last, segment, "last", "u64"), 0);
	value = 0;
	ck_rc(zipc_array_get(last, 8191, &value), 0);
	ck_assert_uint_eq(value, 42);
	ck_rc(zipc_array_get(first, n - 1, &value), 0);
	ck_assert_uint_eq(value, 42);
	ck_rc(zipc_array_get(first, n / 2, &value), 0);
	ck_assert_uint_eq(value, 0);
	zipc_array_close(first);
	zipc_array_close(last);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

/* a full /dev/shm */

/*
 * In the place of the C library's: with a limit, what reserves more at once is
 * interrupted, as older kernels do when a signal comes meanwhile.
 */
static off_t interrupted_above;

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	if (interrupted_above && mode == 0 && length > interrupted_above) {
		errno = EINTR;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

static uint64_t free_bytes(void)
{
	struct statvfs st;

	ck_assert_int_eq(statvfs("/dev/shm", &st), 0);
	return (uint64_t)st.f_bavail * st.f_frsize;
}

static void fill_it_up(void *context)
{
	struct zipc_segment *segment, *out = UNTOUCHED;
	struct zipc_array *small, *refused = (void *)UNTOUCHED, *rest;
	unsigned char byte;
	uint64_t before, i;

	(void)context;
	if (!own_shm(MIB))
		return;
	segment = made("/full", 64 * MIB);
	ck_rc(zipc_array_create(&small, segment, "small", "u8", 300000), 0);
	memset(zipc_array_data(small), 7, 300000);
	before = free_bytes();
	ck_rc(zipc_array_create(&refused, segment, "large", "u8", 2 * MIB),
	      -ENOSPC);
	ck_message("/dev/shm is full");
	ck_assert_uint_eq(free_bytes(), before);
	interrupted_above = 65536; /* so that it fails after some steps */
	ck_rc(zipc_array_create(&refused, segment, "larger", "u8", 60 * MIB),
	      -ENOSPC);
	interrupted_above = 0;
	ck_assert_uint_eq(free_bytes(), before);
	ck_assert_ptr_eq(refused, UNTOUCHED);
	ck_rc(zipc_array_open(&refused, segment, "large", NULL), -ENOENT);
	ck_rc(zipc_array_create(&rest, segment, "rest", "u8", before - 8192),
	      0);
	memset(zipc_array_data(rest), 9, before - 8192);
	for (i = 0; i < 300000; i += 299) {
		ck_rc(zipc_array_get(small, i, &byte), 0);
		ck_assert_uint_eq(byte, 7);
	}
	ck_rc(zipc_segment_create(&out, "/another", MIB, NULL), -ENOSPC);
	ck_assert_ptr_eq(out, UNTOUCHED);
	ck_rc(zipc_segment_open(&out, "/another", 0), -ENOENT);
	zipc_array_close(small);
	zipc_array_close(rest);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink("/full"), 0);
	ck_assert_uint_ge(free_bytes(), MIB - 4096);
}

START_TEST(a_full_dev_shm_is_an_error_and_loses_nothing)
{
	struct child child = child_start(fill_it_up, NULL);

	child_end(&child);
}
END_TEST

static void die_with_memory_reserved(void *context)
{
	struct zipc_segment *segment;

	(void)context;
	ck_rc(zipc_segment_open(&segment, "/full", 0), 0);
	ck_rc(zipc_segment_lock(segment), 0);
	ck_rc(zipc_segment_reserve(segment, 128 << 10, 600 << 10,
				   segment->size), 0);
	memset(segment->base + (128 << 10), 0xEE, 600 << 10);
	memset(segment->base + (28 << 10), 0xEE, 100 << 10);
	tell_parent();
	await_parent();
}

static void create_behind_a_dead_one(void *context)
{
	struct zipc_segment *segment;
	struct zipc_array *array;
	struct child child;
	uint64_t before, i;

	(void)context;
	if (!own_shm(MIB))
		return;
	segment = made("/full", 64 * MIB);
	before = free_bytes();
	child = child_start(die_with_memory_reserved, NULL);
	child_hear(&child);
	child_kill(&child);
	ck_assert_uint_lt(free_bytes(), before - (600 << 10));
	ck_rc(zipc_array_create(&array, segment, "a", "u8", 8000), 0);
	for (i = 0; i < 8000; i++)
		ck_assert_uint_eq(((uint8_t *)zipc_array_data(array))[i], 0);
	ck_assert_uint_ge(free_bytes(), before - (16 << 10));
	zipc_array_close(array);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink("/full"), 0);
}

START_TEST(what_a_dead_creator_had_reserved_comes_back_and_reads_zero)
{
	struct child child = child_start(create_behind_a_dead_one, NULL);

	child_end(&child);
}
END_TEST

static void ignore(int signal)
{
	(void)signal;
}

/* The usual /dev/shm of a container has 64 MiB. */
static void create_in_a_storm(void *context)
{
	const struct sigaction action = { .sa_handler = ignore };
	const struct itimerval often = { { 0, 500 }, { 0, 500 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	struct zipc_segment *segment;
	struct zipc_array *array;
	uint8_t last = 1;

	(void)context;
	if (!own_shm(256 * MIB))
		return;
	segment = made("/storm", 256 * MIB);
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	ck_rc(zipc_array_create(&array, segment, "a", "u8", 192 * MIB), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	ck_rc(zipc_array_get(array, 192 * MIB - 1, &last), 0);
	ck_assert_uint_eq(last, 0);
	zipc_array_close(array);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink("/storm"), 0);
}

START_TEST(a_storm_of_signals_does_not_hold_up_a_create)
{
	struct child child = child_start(create_in_a_storm, NULL);

	child_end(&child);
}
END_TEST

START_TEST(a_reservation_that_signals_cut_short_goes_on_in_smaller_steps)
{
	const char *name = test_name("steps");
	struct zipc_segment *segment = made(name, 32 * MIB);
	struct zipc_array *array;
	struct stat st;

	interrupted_above = 20000;
	ck_rc(zipc_array_create(&array, segment, "a", "u8", 24 * MIB), 0);
	ck_assert_int_eq(stat(path_of(name), &st), 0);
	ck_assert_int_ge(st.st_blocks * 512, 24 * MIB);
	zipc_array_close(array);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
}
END_TEST

/* creators that race */

#define RACERS 8

struct race {
	const char *name;
	_Atomic unsigned ready, round;
	int rc[RACERS];
	uint64_t id[RACERS];
	_Atomic unsigned turn;
	bool either;
};

static void run_the_race(void *context)
{
	struct race *race = context;
	unsigned me = atomic_fetch_add(&race->turn, 1), round = 0;
	struct zipc_segment *segment;

	for (;;) {
		tell_parent();
		await_parent();
		round++;
		atomic_fetch_add(&race->ready, 1);
		while (atomic_load(&race->ready) < RACERS * round)
			sched_yield();
		if (race->either)
			race->rc[me] = zipc_segment_open_or_create(
				&segment, race->name, SMALL, NULL);
		else
			race->rc[me] = zipc_segment_create(
				&segment, race->name, SMALL, NULL);
		if (race->rc[me])
			continue;
		race->id[me] = zipc_segment_id(segment);
		zipc_segment_close(segment);
	}
}

/* One round: how many have it, all with the same id. */
static unsigned race_once(struct race *race, struct child *children)
{
	unsigned i, n = 0;
	uint64_t id = 0;

	for (i = 0; i < RACERS; i++)
		child_say(&children[i]);
	for (i = 0; i < RACERS; i++)
		child_hear(&children[i]);
	for (i = 0; i < RACERS; i++) {
		if (race->rc[i]) {
			ck_rc(race->rc[i], -EEXIST);
			continue;
		}
		ck_assert(n == 0 || race->id[i] == id);
		id = race->id[i];
		n++;
	}
	ck_rc(zipc_segment_unlink(race->name), 0);
	return n;
}

START_TEST(of_creators_at_once_exactly_one_creates_or_all_get_the_same)
{
	struct race *race = shared_memory(sizeof(*race));
	struct child children[RACERS];
	unsigned i, round;

	race->name = test_name("race");
	for (i = 0; i < RACERS; i++)
		children[i] = child_start(run_the_race, race);
	for (i = 0; i < RACERS; i++)
		child_hear(&children[i]);
	for (round = 0; round < 100; round++) {
		race->either = round % 2;
		ck_assert_uint_eq(race_once(race, children),
				  race->either ? RACERS : 1);
	}
	for (i = 0; i < RACERS; i++)
		child_end(&children[i]);
}
END_TEST

/* creators that die */

static void create_and_remove(void *context)
{
	const char *name = context;

	tell_parent();
	for (;;) {
		zipc_segment_close(made(name, SMALL));
		ck_rc(zipc_segment_unlink(name), 0);
	}
}

START_TEST(a_killed_creator_leaves_a_whole_segment_or_none)
{
	struct dice dice = dice_of_this_run("a_killed_creator");
	const char *name = test_name("killed");
	struct zipc_segment *segment;
	struct zipc_array *array;
	struct child child;
	unsigned round, spin, left = 0;
	int rc;

	for (round = 0; round < 300; round++) {
		child = child_start(create_and_remove, (void *)name);
		child_hear(&child);
		for (spin = roll_below(&dice, 100000); spin; spin--)
			atomic_signal_fence(memory_order_seq_cst);
		child_kill(&child);
		rc = zipc_segment_open(&segment, name, 0);
		if (rc == -ENOENT)
			continue;
		ck_rc(rc, 0);
		left++;
		ck_rc(zipc_array_create(&array, segment, "a", "i32", 4), 0);
		zipc_array_close(array);
		zipc_segment_close(segment);
		ck_rc(zipc_segment_unlink(name), 0);
	}
	printf("%u of 300 killed creators left a segment\n", left);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static void add_hostile_cases(Suite *suite)
{
	TCase *tc = test_case(suite, "strangers", "fast", 60);

	tcase_add_loop_test(tc, what_is_no_segment_is_neither_opened_nor_removed,
			    0, COUNT(strangers));
	tcase_add_test(tc, a_truncated_segment_is_refused_at_every_length);
	tcase_add_test(
		tc,
		another_version_is_refused_with_both_numbers_and_can_be_removed);
	tcase_add_loop_test(tc, a_header_that_makes_no_sense_is_refused, 0,
			    COUNT(damages));
	tc = test_case(suite, "damage", "medium", 600);
	tcase_add_loop_test(tc, no_extreme_of_any_field_crashes_any_operation,
			    0, 2 * COUNT(fields));
	tcase_add_test(tc, no_random_bytes_crash_any_operation);
}

static void add_process_cases(Suite *suite)
{
	TCase *tc = test_case(suite, "processes", "medium", 300);

	tcase_add_test(tc, a_full_dev_shm_is_an_error_and_loses_nothing);
	tcase_add_test(
		tc, what_a_dead_creator_had_reserved_comes_back_and_reads_zero);
	tcase_add_test(tc, a_storm_of_signals_does_not_hold_up_a_create);
	tcase_add_test(
		tc,
		a_reservation_that_signals_cut_short_goes_on_in_smaller_steps);
	tcase_add_test(
		tc, of_creators_at_once_exactly_one_creates_or_all_get_the_same);
	tcase_add_test(tc, a_killed_creator_leaves_a_whole_segment_or_none);
}

static Suite *segment_suite(void)
{
	Suite *suite = suite_create("segment");
	TCase *tc = test_case(suite, "life", "fast", 60);

	tcase_add_test(tc,
		       a_segment_is_the_same_for_who_made_it_and_who_opens_it);
	tcase_add_test(tc, a_name_is_the_same_with_and_without_its_slash);
	tcase_add_loop_test(tc, a_name_that_is_no_word_is_refused, 0,
			    COUNT(bad_names));
	tcase_add_test(tc, a_name_of_255_bytes_fits_and_one_more_does_not);
	tcase_add_test(tc, a_segment_that_cannot_hold_its_table_is_refused);
	tcase_add_test(tc, a_segment_has_less_than_256_gib);
	tcase_add_test(tc, options_beyond_their_range_are_refused);
	tcase_add_test(tc,
		       what_exists_is_not_created_and_what_does_not_is_not_opened);
	tcase_add_test(tc, open_or_create_leaves_an_existing_segment_as_it_is);
	tcase_add_test(tc, the_mode_is_applied_whatever_the_umask);
	tcase_add_test(tc, who_has_a_removed_segment_open_keeps_it);
	tcase_add_test(tc, a_structure_keeps_its_segment_mapped);
	tcase_add_test(tc, a_read_only_handle_reads_and_changes_nothing);
	tcase_add_test(tc,
		       permissions_are_those_of_the_file_and_the_message_says_so);
	tcase_add_test(tc, a_large_segment_costs_only_what_structures_take);
	tcase_add_test(tc, a_large_sparse_segment_works_at_its_far_end);
	add_hostile_cases(suite);
	add_process_cases(suite);
	return suite;
}

TEST_MAIN(segment_suite)
