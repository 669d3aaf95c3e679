/* SPDX-License-Identifier: MIT */
/*
 * Inspection of segments that this test writes byte by byte, by the offsets in
 * docs/format.md: nothing of the library that makes segments is used, so it is
 * an independent reading of the format. Damage is done to these bytes.
 */
#include "harness.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define BYTES 65536u
#define ENTRIES 8u
#define PLACES 4u
#define TABLE_AT 64u
#define USERS_AT 384u /* 16 bytes for each entry, lives first */
#define PLACES_AT 512u
#define BLOCKS_AT 768u
#define LIFE_BYTE (INT64_C(1) << 62)

struct image {
	unsigned char bytes[BYTES];
	uint32_t count;
	uint64_t next;
};

static struct image image;

static void put(uint64_t at, uint64_t value, unsigned size)
{
	ck_assert_uint_le(at + size, BYTES);
	memcpy(image.bytes + at, &value, size);
}

static uint64_t round_up(uint64_t n)
{
	return (n + 63) / 64 * 64;
}

static void put_table(void)
{
	put(0x08, image.count, 4);
	put(0x0C, image.next / 64, 4);
}

static void begin_image(void)
{
	memset(&image, 0, sizeof(image));
	memcpy(image.bytes, "ZIPM", 4);
	put(0x04, 3, 4);
	put(0x10, ENTRIES, 4);
	put(0x14, 0x80402840, 4);
	put(0x18, BYTES, 8);
	put(0x20, 0x0123456789ABCDEF, 8);
	put(0x28, PLACES_AT / 64, 4);
	put(0x2C, PLACES, 4);
	put(0x30, UINT64_C(1700000000123456789), 8);
	image.next = BLOCKS_AT;
	put_table();
}

static uint32_t name_check(const char *name)
{
	uint32_t hash = 0x811C9DC5;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x01000193;
	return hash;
}

/* Where the next block is going to be, for tests that damage it. */
static uint64_t block_at(unsigned i)
{
	uint32_t lines;

	memcpy(&lines, image.bytes + TABLE_AT + i * 40 + 0x20, 4);
	return lines * UINT64_C(64);
}

static uint64_t body_at(unsigned i)
{
	uint64_t offset;

	memcpy(&offset, image.bytes + block_at(i) + 0x28, 8);
	return block_at(i) + offset;
}

static void add_block(const char *name, unsigned kind, const char *type,
		      uint64_t elem_size, uint64_t capacity,
		      uint64_t body_bytes)
{
	uint64_t at = image.next, entry = TABLE_AT + image.count * 40;
	uint64_t body = round_up(128 + strlen(type) + 1);
	uint64_t bytes = round_up(body + body_bytes);

	memcpy(image.bytes + entry, name, strlen(name));
	put(entry + 0x20, at / 64, 4);
	put(entry + 0x24, bytes / 64, 4);
	put(at + 0x00, kind, 4);
	put(at + 0x04, 1, 4);
	put(at + 0x08, elem_size, 8);
	put(at + 0x10, capacity, 8);
	put(at + 0x1C, name_check(name), 4);
	put(at + 0x20, 128, 4);
	put(at + 0x24, strlen(type), 4);
	put(at + 0x28, body, 8);
	put(at + 0x30, body_bytes, 8);
	memcpy(image.bytes + at + 128, type, strlen(type));
	image.next += bytes;
	image.count++;
	put_table();
}

static uint64_t slot_bytes(uint64_t elem_size)
{
	return 8 + (elem_size + 7) / 8 * 8;
}

static void add_queue(const char *name, const char *type, uint64_t elem_size,
		      uint64_t capacity)
{
	const uint64_t writers = 2, slots = capacity + writers;
	const uint64_t slots_at = 256 + writers * 64;
	uint64_t body;

	add_block(name, 2, type, elem_size, capacity,
		  slots_at + slots * slot_bytes(elem_size));
	body = body_at(image.count - 1);
	put(body + 0x00, slots, 8);
	put(body + 0x08, slot_bytes(elem_size), 4);
	put(body + 0x0C, writers, 4);
	put(body + 0x10, 256, 8);
	put(body + 0x18, slots_at, 8);
	put(body + 0x40, 1, 8);
	put(body + 0xC0, 1, 8);
}

static void put_positions(unsigned i, uint64_t head, uint64_t tail)
{
	put(body_at(i) + 0x40, head, 8);
	put(body_at(i) + 0xC0, tail, 8);
}

/* Where position p of queue i lives. */
static uint64_t slot_of(unsigned i, uint64_t p)
{
	uint64_t body = body_at(i), slots, slots_at;
	uint32_t stride;

	memcpy(&slots, image.bytes + body, 8);
	memcpy(&stride, image.bytes + body + 0x08, 4);
	memcpy(&slots_at, image.bytes + body + 0x18, 8);
	return body + slots_at + p % slots * stride;
}

static void publish(unsigned i, uint64_t p, uint64_t value, unsigned size)
{
	put(slot_of(i, p), p, 8);
	put(slot_of(i, p) + 8, value, size);
}

/*
 * Entry 0 `cells`, an array of three records; 1 `jobs`, a queue of at most 4
 * with positions 8 to 10 inside; 2 `thing`, of a kind to come.
 */
static void usual_image(void)
{
	begin_image();
	add_block("cells", 1, "{ts:u64, temp:f32, id:u32}", 16, 3, 48);
	for (unsigned i = 0; i < 3; i++) {
		put(body_at(0) + 16 * i, 1000 + i, 8);
		put(body_at(0) + 16 * i + 12, 70 + i, 4);
	}
	add_queue("jobs", "u32", 4, 4);
	put_positions(1, 8, 11);
	for (uint64_t p = 5; p <= 10; p++)
		publish(1, p, 100 + p, 4);
	add_block("thing", 77, "something else", 12, 34, 100);
}

static const char *write_image(const char *what)
{
	const char *name = test_name(what);
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/shm%s", name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0640);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, 0640), 0);
	ck_assert_int_eq(write(fd, image.bytes, BYTES), BYTES);
	close(fd);
	return name;
}

static int open_raw(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/shm%s", name);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* fork(), and the child dies with the test however that ends. */
static pid_t fork_child(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static struct zipc_view *usual_view(void)
{
	struct zipc_view *view;

	usual_image();
	ck_rc(zipc_view_open(&view, write_image("usual")), 0);
	return view;
}

START_TEST(tells_of_the_segment)
{
	struct zipc_view *view = usual_view();
	struct zipc_view_segment it;

	ck_rc(zipc_view_segment(view, &it), 0);
	ck_assert_str_eq(it.name, test_name("usual") + 1);
	ck_assert_uint_eq(it.id, 0x0123456789ABCDEF);
	ck_assert_uint_eq(it.size_bytes, BYTES);
	ck_assert_uint_eq(it.used_bytes, image.next);
	ck_assert_uint_eq(it.resident_bytes, BYTES);
	ck_assert_uint_eq(it.created_ns, UINT64_C(1700000000123456789));
	ck_assert_uint_eq(it.mode, 0640);
	ck_assert_uint_eq(it.uid, geteuid());
	ck_assert_uint_eq(it.unlinked, 0);
	ck_assert_uint_eq(it.symmetric_fences, 0);
	ck_assert_uint_eq(it.entries, 3);
	ck_assert_uint_eq(it.max_entries, ENTRIES);
	ck_assert_uint_eq(it.participants, 0);
	ck_assert_uint_eq(it.max_participants, PLACES);
	zipc_view_close(view);
}
END_TEST

START_TEST(tells_of_entries)
{
	struct zipc_view *view = usual_view();
	struct zipc_view_entry it, same;

	ck_rc(zipc_view_entry(view, 0, &it), 0);
	ck_assert_str_eq(it.name, "cells");
	ck_assert_str_eq(it.kind_name, "array");
	ck_assert_uint_eq(it.kind, ZIPC_ARRAY);
	ck_assert_str_eq(it.type, "{ts:u64, temp:f32, id:u32}");
	ck_assert_uint_eq(it.offset_bytes, BLOCKS_AT);
	ck_assert_uint_eq(it.elem_size, 16);
	ck_assert_uint_eq(it.capacity, 3);
	ck_assert_uint_eq(it.size, 3);
	ck_assert_uint_eq(it.added + it.removed, 0);
	ck_rc(zipc_view_find(view, "jobs", &it), 0);
	ck_assert_str_eq(it.kind_name, "queue");
	ck_assert_uint_eq(it.size, 3);
	ck_assert_uint_eq(it.added, 10);
	ck_assert_uint_eq(it.removed, 7);
	ck_rc(zipc_view_entry(view, 1, &same), 0);
	ck_assert_str_eq(it.name, same.name);
	ck_rc(zipc_view_entry(view, 3, &it), -ENOENT);
	ck_message("has 3 structures");
	ck_rc(zipc_view_find(view, "nothing", &it), -ENOENT);
	ck_message("no structure `nothing`");
	zipc_view_close(view);
}
END_TEST

START_TEST(tells_who_may_sleep)
{
	struct zipc_view_entry it;
	struct zipc_view *view;

	usual_image();
	put(block_at(1) + 0x40, 5 << 2 | 1, 4);
	put(block_at(1) + 0x4C, 3, 4);
	put(block_at(1) + 0x5C, 4, 4);
	ck_rc(zipc_view_open(&view, write_image("sleep")), 0);
	ck_rc(zipc_view_find(view, "jobs", &it), 0);
	ck_assert_uint_eq(it.readers_asleep, 1);
	ck_assert_uint_eq(it.writers_asleep, 0);
	ck_assert_uint_eq(it.late_wakes, 7);
	zipc_view_close(view);
}
END_TEST

START_TEST(reads_an_array)
{
	struct zipc_view *view = usual_view();
	struct {
		uint64_t ts;
		float temp;
		uint32_t id;
	} cells[5];
	struct zipc_view_entry it;
	uint64_t ids[5];

	ck_rc(zipc_view_find(view, "cells", &it), 0);
	ck_rc(zipc_view_elements(view, &it, 0, 5, cells, ids), 3);
	ck_assert_uint_eq(cells[2].ts, 1002);
	ck_assert_uint_eq(cells[2].id, 72);
	ck_assert_uint_eq(ids[2], 2);
	ck_rc(zipc_view_elements(view, &it, 1, 1, cells, NULL), 1);
	ck_assert_uint_eq(cells[0].ts, 1001);
	ck_rc(zipc_view_elements(view, &it, 3, 1, cells, NULL), 0);
	ck_rc(zipc_view_elements(view, &it, UINT64_MAX, UINT64_MAX, cells,
				 NULL),
	      0);
	zipc_view_close(view);
}
END_TEST

START_TEST(reads_a_queue_across_its_wrap)
{
	struct zipc_view *view = usual_view();
	struct zipc_view_entry it;
	uint32_t jobs[8];
	uint64_t ids[8];

	ck_rc(zipc_view_find(view, "jobs", &it), 0);
	/* Six slots, so position 12 is slot 0, and 10 to 14 wraps. */
	ck_rc(zipc_view_elements(view, &it, 0, 8, jobs, ids), 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(ids[i], 8 + i);
		ck_assert_uint_eq(jobs[i], 108 + i);
	}
	put_positions(1, 10, 14);
	for (uint64_t p = 11; p <= 13; p++)
		publish(1, p, 100 + p, 4);
	zipc_view_close(view);
	ck_rc(zipc_view_open(&view, write_image("wrap")), 0);
	ck_rc(zipc_view_elements(view, &it, 1, 2, jobs, ids), 2);
	ck_assert_uint_eq(jobs[0], 111);
	ck_assert_uint_eq(jobs[1], 112);
	ck_rc(zipc_view_elements(view, &it, 0, 8, jobs, ids), 4);
	ck_assert_uint_eq(jobs[3], 113);
	ck_assert_uint_eq(ids[3], 13);
	ck_rc(zipc_view_elements(view, &it, 4, 8, jobs, ids), 0);
	ck_rc(zipc_view_elements(view, &it, 0, 0, jobs, ids), 0);
	zipc_view_close(view);
}
END_TEST

START_TEST(leaves_out_what_is_not_published)
{
	struct zipc_view_entry it;
	struct zipc_view *view;
	uint32_t jobs[4];
	uint64_t ids[4];

	usual_image();
	/* Claimed by someone who has not finished: an older turn, or none. */
	put(slot_of(1, 9), 3, 8);
	ck_rc(zipc_view_open(&view, write_image("claimed")), 0);
	ck_rc(zipc_view_find(view, "jobs", &it), 0);
	ck_assert_uint_eq(it.size, 3);
	ck_rc(zipc_view_elements(view, &it, 0, 4, jobs, ids), 2);
	ck_assert_uint_eq(ids[0], 8);
	ck_assert_uint_eq(ids[1], 10);
	ck_assert_uint_eq(jobs[1], 110);
	/* It goes on to what is published when n is smaller. */
	ck_rc(zipc_view_elements(view, &it, 1, 1, jobs, ids), 1);
	ck_assert_uint_eq(ids[0], 10);
	zipc_view_close(view);
}
END_TEST

/* Queues of small slots and of large ones, in more than one batch. */
static void read_many(const char *type, unsigned elem_size, unsigned capacity)
{
	unsigned char *elems = malloc((size_t)elem_size * capacity);
	uint64_t *ids = calloc(capacity, sizeof(*ids));
	const uint64_t head = 3 * capacity + 1;
	struct zipc_view_entry it;
	struct zipc_view *view;

	begin_image();
	add_queue("many", type, elem_size, capacity);
	put_positions(0, head, head + capacity);
	for (uint64_t p = head; p < head + capacity; p++) {
		put(slot_of(0, p), p, 8);
		memset(image.bytes + slot_of(0, p) + 8, (int)(p % 251),
		       elem_size);
	}
	ck_rc(zipc_view_open(&view, write_image("many")), 0);
	ck_rc(zipc_view_find(view, "many", &it), 0);
	ck_assert_uint_eq(it.size, capacity);
	ck_rc(zipc_view_elements(view, &it, 0, capacity, elems, ids), capacity);
	for (uint64_t i = 0; i < capacity; i++) {
		ck_assert_uint_eq(ids[i], head + i);
		for (unsigned k = 0; k < elem_size; k++)
			ck_assert_uint_eq(elems[i * elem_size + k],
					  (head + i) % 251);
	}
	zipc_view_close(view);
	free(elems);
	free(ids);
}

START_TEST(reads_many_elements_in_batches)
{
	read_many("u8", 1, 3500);
	read_many("bytes:24", 24, 1500);
	read_many("bytes:505", 505, 110);
	read_many("bytes:12001", 12001, 3);
}
END_TEST

START_TEST(lists_a_kind_it_does_not_know)
{
	struct zipc_view *view = usual_view();
	struct zipc_view_entry it;
	char bytes[64];

	ck_rc(zipc_view_find(view, "thing", &it), 0);
	ck_assert_str_eq(it.kind_name, "kind 77");
	ck_assert_uint_eq(it.kind, 77);
	ck_assert_str_eq(it.type, "something else");
	ck_assert_uint_eq(it.elem_size, 12);
	ck_assert_uint_eq(it.capacity, 34);
	ck_rc(zipc_view_elements(view, &it, 0, 1, bytes, NULL), -EOPNOTSUPP);
	ck_message("kind 77");
	zipc_view_close(view);
}
END_TEST

START_TEST(notices_another_structure_in_the_place)
{
	struct zipc_view *view = usual_view();
	struct zipc_view_entry it;
	char bytes[64];
	int fd;

	ck_rc(zipc_view_find(view, "cells", &it), 0);
	/* Else elements would be longer than the caller's buffer. */
	fd = open_raw(test_name("usual"));
	ck_assert_int_eq(pwrite(fd, "\x18", 1, (off_t)block_at(0) + 0x08), 1);
	ck_rc(zipc_view_elements(view, &it, 0, 1, bytes, NULL), -ENOENT);
	ck_message("look it up again");
	close(fd);
	zipc_view_close(view);
}
END_TEST

/* One field of a segment's head made wrong, and what open says of it. */
static const struct {
	unsigned at, size;
	uint64_t value;
	int rc;
	const char *words;
} head_damage[] = {
	{0x00, 4, 0x4D50495B, -EBADMSG, "is not a ZeroIPC segment"},
	{0x04, 4, 4, -EPROTONOSUPPORT, "format version 4"},
	{0x04, 4, 2, -EPROTONOSUPPORT, "format version 2"},
	{0x14, 4, 0x80402841, -EBADMSG, "format word is 0x80402841"},
	{0x18, 8, BYTES + 4096, -EBADMSG, "says 69632 bytes, its file has 6"},
	{0x18, 8, UINT64_MAX, -EBADMSG, "its file has 65536"},
	{0x18, 8, 64, -EBADMSG, "participants_offset"},
	{0x10, 4, 0, -EBADMSG, "max_entries is 0"},
	{0x10, 4, 65537, -EBADMSG, "max_entries is 65537"},
	{0x10, 4, 9, -EBADMSG, "participants_offset is 8"},
	{0x28, 4, 0, -EBADMSG, "participants_offset is 0"},
	{0x28, 4, UINT32_MAX, -EBADMSG, "participants_offset is 4294967295"},
	{0x28, 4, BYTES / 64 - 3, -EBADMSG, "participants_offset is 1021"},
	{0x2C, 4, 0, -EBADMSG, "max_participants is 0"},
	{0x2C, 4, 4097, -EBADMSG, "max_participants is 4097"},
	{0x38, 4, 4, -EBADMSG, "options is 4"},
	{0x08, 4, ENTRIES + 1, -EBADMSG, "counts 9 entries in a table for 8"},
	{0x08, 4, UINT32_MAX, -EBADMSG, "counts 4294967295 entries"},
	{0x0C, 4, 0, -EBADMSG, "free space begins at byte 0"},
	{0x0C, 4, BYTES / 64 + 1, -EBADMSG, "free space begins at byte 65600"},
	{0x0C, 4, UINT32_MAX, -EBADMSG, "free space begins at byte 2748779"},
};

START_TEST(refuses_a_damaged_head)
{
	struct zipc_view *view = NULL;

	usual_image();
	put(head_damage[_i].at, head_damage[_i].value, head_damage[_i].size);
	ck_rc(zipc_view_open(&view, write_image("head")), head_damage[_i].rc);
	ck_message(head_damage[_i].words);
	ck_assert_ptr_null(view);
}
END_TEST

/* One field of an entry, a block or a body made wrong. */
static const struct {
	unsigned entry;
	enum { IN_ENTRY, IN_BLOCK, IN_BODY } where;
	unsigned at, size;
	uint64_t value;
	const char *words;
} damage[] = {
	{0, IN_ENTRY, 0x00, 1, 0, "entry 0 of its table has no valid name"},
	{0, IN_ENTRY, 0x01, 1, '/', "entry 0 of its table has no valid name"},
	{0, IN_ENTRY, 0x01, 1, '\n', "entry 0 of its table has no valid name"},
	{0, IN_ENTRY, 0x01, 1, 'f', "belongs to another name"},
	{0, IN_ENTRY, 0x20, 4, 1425, "begins at byte 91200, beyond the file's"},
	{0, IN_ENTRY, 0x20, 4, UINT32_MAX, "beyond the file's 65536"},
	{0, IN_ENTRY, 0x20, 4, 0, "inside the table or the participants"},
	{0, IN_ENTRY, 0x20, 4, 9, "inside the table or the participants"},
	{0, IN_ENTRY, 0x20, 4, 1024, "where free space begins"},
	{0, IN_ENTRY, 0x24, 4, 1000, "where free space begins"},
	{0, IN_ENTRY, 0x24, 4, UINT32_MAX, "where free space begins"},
	{0, IN_ENTRY, 0x24, 4, 1, "its block has only 64 bytes"},
	{0, IN_ENTRY, 0x24, 4, 2, "its type of 26 bytes at byte 128 lies outs"},
	{0, IN_BLOCK, 0x1C, 4, 0, "belongs to another name"},
	{0, IN_BLOCK, 0x20, 4, 64, "its type of 26 bytes at byte 64 lies outs"},
	{0, IN_BLOCK, 0x20, 4, UINT32_MAX, "lies outside its block"},
	{0, IN_BLOCK, 0x24, 4, 1024, "its type of 1024 bytes"},
	{0, IN_BLOCK, 0x24, 4, UINT32_MAX, "its type of 4294967295 bytes"},
	{0, IN_BLOCK, 0x24, 4, 25, "its type does not end where it says"},
	{0, IN_BLOCK, 0x24, 4, 27, "its type does not end where it says"},
	{0, IN_BLOCK, 128, 1, '(', "its type is none: "},
	{0, IN_BLOCK, 0x08, 8, 24, "elements of 24 bytes, but its type has 16"},
	{0, IN_BLOCK, 0x08, 8, 0, "elements of 0 bytes"},
	{0, IN_BLOCK, 0x28, 8, 64, "its body of 48 bytes at byte 64 lies outs"},
	{0, IN_BLOCK, 0x28, 8, 193, "lies outside its block"},
	{0, IN_BLOCK, 0x28, 8, UINT64_MAX - 63, "lies outside its block"},
	{0, IN_BLOCK, 0x30, 8, 129, "its body of 129 bytes"},
	{0, IN_BLOCK, 0x30, 8, UINT64_MAX, "lies outside its block of 256"},
	{0, IN_BLOCK, 0x10, 8, 4, "4 elements of 16 bytes do not fit its 48"},
	{0, IN_BLOCK, 0x10, 8, UINT64_MAX / 16 + 2, "do not fit its 48 bytes"},
	{0, IN_BLOCK, 0x00, 4, 2, "its body of 48 bytes is no queue"},
	{1, IN_BLOCK, 0x08, 8, 8, "elements of 8 bytes, but its type has 4"},
	{1, IN_BLOCK, 0x10, 8, 0, "too few for a capacity of 0"},
	{1, IN_BLOCK, 0x10, 8, 5, "6 slots are too few for a capacity of 5"},
	{1, IN_BLOCK, 0x10, 8, UINT64_MAX, "6 slots are too few"},
	{1, IN_BODY, 0x00, 8, 0, "0 slots are too few"},
	{1, IN_BODY, 0x00, 8, 7, "slots or writers lie outside"},
	{1, IN_BODY, 0x00, 8, UINT64_MAX, "slots or writers lie outside"},
	{1, IN_BODY, 0x00, 8, UINT64_C(1) << 60,
	 "slots or writers lie outside"},
	{1, IN_BODY, 0x08, 4, 0, "slots of 0 bytes do not fit elements of 4"},
	{1, IN_BODY, 0x08, 4, 8, "slots of 8 bytes do not fit elements of 4"},
	{1, IN_BODY, 0x0C, 4, 0, "slots or writers lie outside"},
	{1, IN_BODY, 0x0C, 4, UINT32_MAX, "slots or writers lie outside"},
	{1, IN_BODY, 0x10, 8, 128, "slots or writers lie outside"},
	{1, IN_BODY, 0x10, 8, 257, "slots or writers lie outside"},
	{1, IN_BODY, 0x10, 8, UINT64_MAX - 63, "slots or writers lie outside"},
	{1, IN_BODY, 0x18, 8, 320, "slots or writers lie outside"},
	{1, IN_BODY, 0x18, 8, 448, "slots or writers lie outside"},
	{1, IN_BODY, 0x18, 8, UINT64_MAX - 63, "slots or writers lie outside"},
	{1, IN_BODY, 0x40, 8, 0, "its head is at 0 and its tail at 11"},
	{1, IN_BODY, 0x40, 8, 12, "its head is at 12 and its tail at 11"},
	{1, IN_BODY, 0xC0, 8, UINT64_MAX, "its head is at 8 and its tail at 1"},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

START_TEST(tells_what_is_damaged_and_shows_the_rest)
{
	unsigned hurt = damage[_i].entry, other = !hurt;
	struct zipc_view_entry it;
	struct zipc_view *view;
	unsigned char elems[64];
	uint64_t base;

	usual_image();
	base = damage[_i].where == IN_ENTRY   ? TABLE_AT + hurt * 40
	       : damage[_i].where == IN_BLOCK ? block_at(hurt)
					      : body_at(hurt);
	put(base + damage[_i].at, damage[_i].value, damage[_i].size);
	ck_rc(zipc_view_open(&view, write_image("hurt")), 0);
	it.kind = 4711;
	ck_rc(zipc_view_entry(view, hurt, &it), -EBADMSG);
	ck_message(damage[_i].words);
	ck_message(test_name("hurt"));
	ck_assert_uint_eq(it.kind, 4711);
	ck_rc(zipc_view_entry(view, other, &it), 0);
	ck_rc(zipc_view_elements(view, &it, 0, 2, elems, NULL), 2);
	ck_rc(zipc_view_find(view, "thing", &it), 0);
	zipc_view_close(view);
}
END_TEST

/* Damage that was done after the entry had been read. */
START_TEST(elements_of_what_is_damaged_are_refused)
{
	struct zipc_view *view = usual_view();
	struct zipc_view_entry cells, jobs;
	unsigned char elems[64];
	int fd = open_raw(test_name("usual"));
	const uint64_t much = UINT64_MAX;

	ck_rc(zipc_view_find(view, "cells", &cells), 0);
	ck_rc(zipc_view_find(view, "jobs", &jobs), 0);
	ck_assert_int_eq(pwrite(fd, &much, 8, (off_t)block_at(0) + 0x10), 8);
	ck_rc(zipc_view_elements(view, &cells, 0, 4, elems, NULL), -EBADMSG);
	ck_assert_int_eq(pwrite(fd, &much, 8, (off_t)body_at(1) + 0x40), 8);
	ck_rc(zipc_view_elements(view, &jobs, 0, 4, elems, NULL), -EBADMSG);
	close(fd);
	zipc_view_close(view);
}
END_TEST

START_TEST(a_file_that_is_cut_short_is_no_fault)
{
	struct zipc_view *view = usual_view();
	struct zipc_view_entry it;
	struct zipc_view_segment segment;
	unsigned char elems[64];
	int fd = open_raw(test_name("usual"));

	ck_rc(zipc_view_find(view, "cells", &it), 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)body_at(0) + 8), 0);
	ck_rc(zipc_view_elements(view, &it, 0, 4, elems, NULL), -EBADMSG);
	ck_message("cut short at byte");
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_rc(zipc_view_find(view, "cells", &it), -EBADMSG);
	ck_rc(zipc_view_segment(view, &segment), -EBADMSG);
	ck_rc(zipc_view_participant(view, 0,
				    &(struct zipc_view_participant){0}),
	      -EBADMSG);
	close(fd);
	zipc_view_close(view);
}
END_TEST

static void make_file(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/shm%s", name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static const char *shm_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "/dev/shm%s", name);
	return path;
}

START_TEST(refuses_what_is_no_segment)
{
	struct zipc_view *view;

	make_file(test_name("empty"), "");
	ck_rc(zipc_view_open(&view, test_name("empty")), -EBADMSG);
	ck_message("it is empty");
	make_file(test_name("short"), "ZIPM");
	ck_rc(zipc_view_open(&view, test_name("short")), -EBADMSG);
	ck_message("too short");
	make_file(test_name("text"),
		  "Sixty-four bytes of something that is not "
		  "a segment, and then some more.");
	ck_rc(zipc_view_open(&view, test_name("text")), -EBADMSG);
	ck_message("not a ZeroIPC segment");
	ck_assert_int_eq(
		symlink(test_name("text") + 1, shm_path(test_name("link"))), 0);
	ck_rc(zipc_view_open(&view, test_name("link")), -EBADMSG);
	ck_message("not a regular file");
	ck_assert_int_eq(mkfifo(shm_path(test_name("fifo")), 0600), 0);
	ck_rc(zipc_view_open(&view, test_name("fifo")), -EBADMSG);
	ck_message("not a regular file");
	ck_assert_int_eq(mkdir(shm_path(test_name("dir")), 0700), 0);
	ck_rc(zipc_view_open(&view, test_name("dir")), -EBADMSG);
	ck_assert_int_eq(rmdir(shm_path(test_name("dir"))), 0);
}
END_TEST

START_TEST(refuses_names_that_lead_elsewhere)
{
	struct zipc_view *view;
	char name[300];

	ck_rc(zipc_view_open(&view, test_name("nothing")), -ENOENT);
	ck_message(test_name("nothing") + 1);
	ck_rc(zipc_view_open(&view, ""), -EINVAL);
	ck_rc(zipc_view_open(&view, "/"), -EINVAL);
	ck_rc(zipc_view_open(&view, "a/b"), -EINVAL);
	ck_rc(zipc_view_open(&view, "//b"), -EINVAL);
	ck_rc(zipc_view_open(&view, ".."), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	ck_rc(zipc_view_open(&view, name), -ENAMETOOLONG);
	name[255] = '\0';
	ck_rc(zipc_view_open(&view, name), -ENOENT);
}
END_TEST

struct seen {
	char last[256];
	int ours, links, stop_after, calls;
};

static int look(const char *name, void *context)
{
	struct seen *seen = context;

	ck_assert_int_lt(strcmp(seen->last, name), 0);
	snprintf(seen->last, sizeof(seen->last), "%s", name);
	seen->ours += !strcmp(name, test_name("names-b") + 1) ||
		      !strcmp(name, test_name("names-a") + 1);
	seen->links += !strcmp(name, test_name("names-link") + 1) ||
		       !strcmp(name, test_name("names-fifo") + 1);
	return ++seen->calls == seen->stop_after ? 4711 : 0;
}

START_TEST(names_are_regular_files_in_order)
{
	struct seen seen = {.calls = 0};

	make_file(test_name("names-b"), "");
	make_file(test_name("names-a"), "");
	ck_assert_int_eq(symlink("x", shm_path(test_name("names-link"))), 0);
	ck_assert_int_eq(mkfifo(shm_path(test_name("names-fifo")), 0600), 0);
	ck_rc(zipc_view_names(look, &seen), 0);
	ck_assert_int_eq(seen.ours, 2);
	ck_assert_int_eq(seen.links, 0);
	seen = (struct seen){.stop_after = 1};
	ck_rc(zipc_view_names(look, &seen), 4711);
	ck_assert_int_eq(seen.calls, 1);
}
END_TEST

START_TEST(tells_of_a_file_without_opening_it)
{
	struct zipc_view_file it;

	usual_image();
	put(0x04, 99, 4);
	ck_rc(zipc_view_file(write_image("future"), &it), 0);
	ck_assert_int_eq(it.segment, 1);
	ck_assert_uint_eq(it.size_bytes, BYTES);
	ck_assert_uint_eq(it.resident_bytes, BYTES);
	ck_assert_uint_eq(it.mode, 0640);
	ck_assert_uint_eq(it.uid, geteuid());
	make_file(test_name("other"), "ZIP");
	ck_rc(zipc_view_file(test_name("other"), &it), 0);
	ck_assert_int_eq(it.segment, 0);
	ck_assert_uint_eq(it.size_bytes, 3);
	ck_rc(zipc_view_file(test_name("nothing"), &it), -ENOENT);
}
END_TEST

/* As somebody who may not read the file; only root can become one. */
START_TEST(tells_whose_the_unreadable_is)
{
	struct zipc_view_file it;
	struct zipc_view *view;
	const char *name;
	char words[32];

	if (geteuid() != 0)
		return;
	usual_image();
	name = write_image("theirs");
	ck_assert_int_eq(chmod(shm_path(name), 0600), 0);
	ck_assert_int_eq(seteuid(65534), 0);
	ck_rc(zipc_view_open(&view, name), -EACCES);
	snprintf(words, sizeof(words), "uid 0, gid %u", (unsigned)getgid());
	ck_message(words);
	ck_message("mode 0600");
	ck_rc(zipc_view_file(name, &it), 0);
	ck_assert_int_eq(it.segment, -1);
	ck_assert_uint_eq(it.uid, 0);
	ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(notices_that_its_name_is_gone)
{
	struct zipc_view *view = usual_view();
	struct zipc_view_segment it;

	ck_assert_int_eq(unlink(shm_path(test_name("usual"))), 0);
	ck_rc(zipc_view_segment(view, &it), 0);
	ck_assert_uint_eq(it.unlinked, 1);
	ck_assert_uint_eq(it.entries, 3);
	write_image("usual");
	ck_rc(zipc_view_segment(view, &it), 0);
	ck_assert_uint_eq(it.unlinked, 1);
	zipc_view_close(view);
}
END_TEST

/* A sparse segment of many pages, of which watching must make none. */
START_TEST(watching_allocates_no_page)
{
	const uint64_t bytes = UINT64_C(256) << 20;
	struct zipc_view_segment before, after;
	struct zipc_view_entry it;
	struct zipc_view *view;
	unsigned char *elems = malloc(1 << 20);
	int fd;

	begin_image();
	put(0x18, bytes, 8);
	add_block("wide", 1, "u8", 1, 100, 100);
	put(block_at(0) + 0x10, bytes / 2, 8);
	put(block_at(0) + 0x30, bytes / 2, 8);
	put(TABLE_AT + 0x24, bytes / 2 / 64 + 4, 4);
	put(0x0C, block_at(0) / 64 + bytes / 2 / 64 + 4, 4);
	fd = open_raw(write_image("sparse"));
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
	ck_rc(zipc_view_open(&view, test_name("sparse")), 0);
	ck_rc(zipc_view_segment(view, &before), 0);
	ck_assert_uint_eq(before.resident_bytes, 4096);
	ck_rc(zipc_view_find(view, "wide", &it), 0);
	for (uint64_t from = 0; from < bytes / 2; from += 16 << 20) {
		ck_rc(zipc_view_elements(view, &it, from, 1 << 20, elems, NULL),
		      1 << 20);
		ck_assert_uint_eq(elems[4711], 0);
	}
	ck_rc(zipc_view_segment(view, &after), 0);
	ck_assert_uint_eq(after.resident_bytes, before.resident_bytes);
	zipc_view_close(view);
	close(fd);
	free(elems);
}
END_TEST

/* Participants. */

static uint64_t start_ticks(pid_t pid)
{
	char path[64], text[1024];
	unsigned long long ticks;
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	ck_assert_int_eq(sscanf(strrchr(text, ')'),
				") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s "
				"%*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
				&ticks),
			 1);
	return ticks;
}

static void put_participant(unsigned i, pid_t pid, uint64_t ticks,
			    const char *name)
{
	uint64_t at = PLACES_AT + i * 64;
	struct stat st;

	ck_assert_int_eq(stat("/proc/self/ns/pid", &st), 0);
	put(at + 0x00, 7, 4);
	put(at + 0x04, (uint64_t)pid, 4);
	put(at + 0x08, ticks, 8);
	put(at + 0x10, UINT64_C(1700000001000000000), 8);
	put(at + 0x18, st.st_ino, 4);
	put(at + 0x1C, 1234, 4);
	memcpy(image.bytes + at + 0x20, name, strnlen(name, 16));
}

/* A child that holds the lock of a place until it is killed. */
static pid_t hold_life(const char *name, unsigned i)
{
	struct flock lock = {.l_type = F_WRLCK,
			     .l_whence = SEEK_SET,
			     .l_start = LIFE_BYTE + i,
			     .l_len = 1};
	int ready[2], fd;
	char byte = 0;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork_child();
	if (pid == 0) {
		fd = open_raw(name);
		byte = fcntl(fd, F_OFD_SETLK, &lock) == 0;
		if (write(ready[1], &byte, 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_child(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static unsigned is_alive(struct zipc_view *view, unsigned i)
{
	struct zipc_view_participant it;

	ck_rc(zipc_view_participant(view, i, &it), 0);
	return it.alive;
}

START_TEST(a_lock_held_means_alive)
{
	struct zipc_view_participant it;
	struct zipc_view_segment segment;
	struct zipc_view *view;
	const char *name;
	pid_t pid;
	int fd;

	usual_image();
	name = write_image("life");
	pid = hold_life(name, 1);
	put_participant(1, pid, start_ticks(pid), "sixteen-letters!");
	put_participant(2, pid, start_ticks(pid), "b");
	fd = open_raw(name);
	ck_assert_int_eq(pwrite(fd, image.bytes, BYTES, 0), BYTES);
	ck_rc(zipc_view_open(&view, name), 0);
	ck_rc(zipc_view_participant(view, 1, &it), 0);
	ck_assert_uint_eq(it.alive, 1);
	ck_assert_uint_eq(it.index, 1);
	ck_assert_uint_eq(it.incarnation, 7);
	ck_assert_int_eq(it.pid, pid);
	ck_assert_uint_eq(it.uid, 1234);
	ck_assert_uint_eq(it.since_ns, UINT64_C(1700000001000000000));
	ck_assert_str_eq(it.name, "sixteen-letters!");
	ck_assert_uint_eq(is_alive(view, 2), 0);
	ck_rc(zipc_view_participant(view, 0, &it), -ENOENT);
	ck_message("never used");
	ck_rc(zipc_view_participant(view, PLACES, &it), -ENOENT);
	ck_rc(zipc_view_segment(view, &segment), 0);
	ck_assert_uint_eq(segment.participants, 1);
	end_child(pid);
	ck_assert_uint_eq(is_alive(view, 1), 0);
	ck_rc(zipc_view_segment(view, &segment), 0);
	ck_assert_uint_eq(segment.participants, 0);
	close(fd);
	zipc_view_close(view);
}
END_TEST

START_TEST(a_recycled_pid_is_dead_in_spite_of_its_lock)
{
	struct zipc_view *view;
	const char *name;
	pid_t pid;
	int fd;

	usual_image();
	name = write_image("recycled");
	pid = hold_life(name, 0);
	fd = open_raw(name);
	put_participant(0, pid, start_ticks(pid) + 1, "a");
	ck_assert_int_eq(pwrite(fd, image.bytes, BYTES, 0), BYTES);
	ck_rc(zipc_view_open(&view, name), 0);
	ck_assert_uint_eq(is_alive(view, 0), 0);
	/* In another pid namespace the pid means nothing here. */
	put(PLACES_AT + 0x18, 1, 4);
	ck_assert_int_eq(pwrite(fd, image.bytes, BYTES, 0), BYTES);
	ck_assert_uint_eq(is_alive(view, 0), 1);
	end_child(pid);
	ck_assert_uint_eq(is_alive(view, 0), 0);
	close(fd);
	zipc_view_close(view);
}
END_TEST

/*
 * What happens between two reads: this pread() stands in for libc's, and does
 * something to the file before the read that is chosen.
 */
static void (*between)(int fd);
static int reads_until;

ssize_t pread(int fd, void *bytes, size_t n, off_t offset)
{
	if (between && reads_until-- == 0)
		between(open_raw(test_name("between")));
	return syscall(SYS_pread64, fd, bytes, n, offset);
}

static void rewrite(int fd)
{
	ck_assert_int_eq(pwrite(fd, image.bytes, BYTES, 0), BYTES);
	close(fd);
}

/*
 * Positions 8 to 10 are taken, 11 to 13 published, and a writer has begun with
 * 14, in the slot of 8: the element is new and the turn still old.
 */
static void others_go_on(int fd)
{
	put_positions(1, 11, 15);
	for (uint64_t p = 11; p <= 13; p++)
		publish(1, p, 100 + p, 4);
	put(slot_of(1, 8) + 8, 114, 4);
	rewrite(fd);
}

/* Position 9, which was only claimed, is published. */
static void writer_finishes(int fd)
{
	publish(1, 9, 109, 4);
	rewrite(fd);
}

/* Position 9 is taken back, and its slot left half written. */
static void writer_is_revoked(int fd)
{
	put(slot_of(1, 9), 0, 8);
	put(slot_of(1, 9) + 8, 4711, 4);
	rewrite(fd);
}

static const struct {
	void (*between)(int fd);
	int claimed; /* position 9 is only claimed at first */
} meanwhile[] = {
	{others_go_on, 0},
	{writer_finishes, 1},
	{writer_is_revoked, 0},
};

/* Returns whether there were so many reads. */
static int read_with_change_before(int reads, int what)
{
	struct zipc_view_entry it;
	struct zipc_view *view = usual_view();
	uint32_t jobs[4];
	uint64_t ids[4];
	int64_t n;

	ck_rc(zipc_view_find(view, "jobs", &it), 0);
	zipc_view_close(view);
	if (meanwhile[what].claimed) {
		put(slot_of(1, 9), 3, 8);
		put(slot_of(1, 9) + 8, 103, 4);
	}
	ck_rc(zipc_view_open(&view, write_image("between")), 0);
	reads_until = reads;
	between = meanwhile[what].between;
	n = zipc_view_elements(view, &it, 0, 4, jobs, ids);
	between = NULL;
	ck_assert_msg(n >= 0, "%s", zipc_last_error());
	for (int64_t i = 0; i < n; i++)
		ck_assert_uint_eq(jobs[i], 100 + ids[i]);
	zipc_view_close(view);
	return reads_until < 0;
}

START_TEST(a_change_between_two_reads_tears_nothing)
{
	int reads = 0;

	while (read_with_change_before(reads, _i))
		reads++;
	ck_assert_int_ge(reads, 8);
}
END_TEST

/* what changes all the time */

/* Of each entry another structure, it seems, with each read. */
static void lives_grow(int fd)
{
	static uint64_t lives = 1000;
	unsigned i;

	lives++;
	for (i = 0; i < ENTRIES; i++)
		ck_assert_int_eq(pwrite(fd, &lives, 8, USERS_AT + i * 16), 8);
	close(fd);
	reads_until = 0;
}

START_TEST(what_changes_with_each_look_is_given_up)
{
	const uint64_t last = TABLE_AT + 2 * 40 + 0x20;
	struct zipc_view_removed removed;
	struct zipc_view_entry it;
	struct zipc_view *view;
	uint64_t extent;

	usual_image();
	memcpy(&extent, image.bytes + last, 8);
	put(last, ~extent, 8); /* it is removed */
	ck_rc(zipc_view_open(&view, write_image("between")), 0);
	between = lives_grow;
	reads_until = 0;
	ck_rc(zipc_view_entry(view, 0, &it), -EAGAIN);
	ck_message("come and gone");
	ck_rc(zipc_view_find(view, "jobs", &it), -EAGAIN);
	ck_message("look again");
	ck_rc(zipc_view_removed(view, 0, &removed), -EAGAIN);
	ck_message("look again");
	between = NULL;
	ck_rc(zipc_view_entry(view, 0, &it), 0);
	ck_rc(zipc_view_find(view, "jobs", &it), 0);
	ck_rc(zipc_view_removed(view, 0, &removed), 0);
	zipc_view_close(view);
}
END_TEST

/* A queue in use. */

/* Push and pop numbered elements, all words of one alike, until killed. */
static void keep_busy(const char *name)
{
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	uint64_t *elem, words, number = 0;

	ck_rc(zipc_segment_open(&segment, name, 0), 0);
	ck_rc(zipc_queue_open(&queue, segment, "busy", NULL), 0);
	words = zipc_queue_elem_size(queue) / 8;
	elem = malloc(words * 8);
	for (;;) {
		number++;
		for (uint64_t i = 0; i < words; i++)
			elem[i] = number;
		ck_rc(zipc_queue_push(queue, elem, ZIPC_NOWAIT), 0);
		if (number >= zipc_queue_capacity(queue))
			ck_rc(zipc_queue_pop(queue, elem, ZIPC_NOWAIT), 0);
	}
}

/* Returns how many were seen. */
static int64_t look_at_busy(struct zipc_view *view)
{
	struct zipc_view_entry it;
	uint64_t *elems, *ids, words;
	int64_t n;

	ck_rc(zipc_view_find(view, "busy", &it), 0);
	ck_assert_uint_le(it.size, it.capacity);
	words = it.elem_size / 8;
	elems = malloc(it.capacity * it.elem_size);
	ids = calloc(it.capacity, sizeof(*ids));
	n = zipc_view_elements(view, &it, 0, it.capacity, elems, ids);
	ck_assert_msg(n >= 0, "%s", zipc_last_error());
	for (int64_t i = 0; i < n; i++) {
		const uint64_t *elem = elems + (uint64_t)i * words;

		/* The only producer pushes number p at position p. */
		ck_assert_uint_eq(elem[0], ids[i]);
		ck_assert(i == 0 || ids[i] > ids[i - 1]);
		for (uint64_t k = 1; k < words; k++)
			if (elem[k] != elem[0])
				ck_abort_msg("word %d of element %d is torn",
					     (int)k, (int)i);
	}
	free(elems);
	free(ids);
	return n;
}

static const struct {
	unsigned words, capacity, max_writers, looks;
} busy_queues[] = {
	/* Small slots, read in batches, and soon written again. */
	{64, 8, 1, 3000},
	/* Large ones, in which a writer is most of the time. */
	{32768, 1, 1, 3000},
};

START_TEST(elements_of_a_queue_in_use_are_whole)
{
	const struct zipc_queue_options options = {
		.max_writers = busy_queues[_i].max_writers,
	};
	unsigned looks = busy_queues[_i].looks;
	const char *name = test_name("busy");
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	struct zipc_view *view;
	int64_t seen = 0;
	char type[32];
	pid_t pid;

	snprintf(type, sizeof(type), "u64[%u]", busy_queues[_i].words);
	ck_rc(zipc_segment_create(&segment, name, 2 << 20, NULL), 0);
	ck_rc(zipc_queue_create_with(&queue, segment, "busy", type,
				     busy_queues[_i].capacity, &options),
	      0);
	pid = fork_child();
	if (pid == 0)
		keep_busy(name);
	ck_rc(zipc_view_open(&view, name), 0);
	for (unsigned i = 0; i < looks || seen < 10; i++)
		seen += look_at_busy(view);
	end_child(pid);
	zipc_view_close(view);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
}
END_TEST

/* Random damage. */

static uint64_t dice;

static uint64_t roll(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice;
}

/* The errors that damage may show as. */
static void allow(int64_t rc)
{
	ck_assert_msg(rc >= 0 || rc == -EBADMSG || rc == -EPROTONOSUPPORT ||
			      rc == -ENOENT || rc == -EOPNOTSUPP,
		      "%s: %s", rc_name(rc), zipc_last_error());
}

static void read_elements(struct zipc_view *view,
			  const struct zipc_view_entry *it)
{
	uint64_t n = roll() % 8, ids[8];
	/* Just large enough, so that a sanitizer sees one byte more. */
	unsigned char *elems;
	int64_t got;

	if (it->elem_size > BYTES)
		return;
	elems = malloc(n * it->elem_size + 1);
	got = zipc_view_elements(view, it, roll() % 5, n, elems, ids);
	allow(got);
	ck_assert_int_le(got, (int64_t)n);
	free(elems);
}

/* Ask everything that can be asked. */
static void exercise(const char *name)
{
	struct zipc_view_participant participant;
	struct zipc_view_segment segment;
	struct zipc_view_entry it;
	struct zipc_view *view;
	int rc = zipc_view_open(&view, name);

	allow(rc);
	if (rc)
		return;
	allow(zipc_view_segment(view, &segment));
	for (unsigned i = 0; i < 4; i++) {
		rc = zipc_view_entry(view, i, &it);
		allow(rc);
		if (!rc) {
			ck_assert(it.offset_bytes + it.size_bytes <= BYTES);
			ck_assert(it.kind > 2 || it.size <= it.capacity);
			ck_assert(strlen(it.type) <= ZIPC_TYPE_MAX);
			read_elements(view, &it);
		}
	}
	allow(zipc_view_find(view, "jobs", &it));
	for (unsigned i = 0; i <= PLACES; i++)
		allow(zipc_view_participant(view, i, &participant));
	zipc_view_close(view);
}

static void seed_dice(void)
{
	const char *seed = getenv("ZIPC_TEST_SEED");

	dice = seed ? strtoull(seed, NULL, 0)
		    : (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	dice |= 1;
	printf("# ZIPC_TEST_SEED=%llu\n", (unsigned long long)dice);
	fflush(stdout);
}

/* Flip a few bits of what is used, or put a telling number somewhere. */
static void damage_bytes(unsigned char *bytes, uint64_t used)
{
	static const uint64_t telling[] = {
		0,     1,         2, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 63,
		BYTES, INT32_MAX,
	};
	uint64_t at = roll() % used, value = telling[roll() % 8];

	if (roll() % 2)
		bytes[at] ^= (unsigned char)(1u << roll() % 8);
	else
		memcpy(bytes + at / 4 * 4, &value, roll() % 2 ? 4 : 8);
}

START_TEST(no_damage_is_a_fault)
{
	const char *name;
	int fd;

	usual_image();
	put_participant(0, getpid(), 1, "a");
	name = write_image("flips");
	fd = open_raw(name);
	seed_dice();
	for (int round = 0; round < 4000; round++) {
		struct image good = image;

		for (uint64_t n = roll() % 4 + 1; n; n--)
			damage_bytes(image.bytes, image.next);
		ck_assert_int_eq(pwrite(fd, image.bytes, image.next, 0),
				 (ssize_t)image.next);
		exercise(name);
		image = good;
	}
	close(fd);
}
END_TEST

/* The same while the bytes change between one look and the next. */
START_TEST(bytes_that_change_under_the_reader_are_no_fault)
{
	unsigned char *bytes;
	const char *name;
	pid_t pid;
	int fd;

	usual_image();
	name = write_image("moving");
	fd = open_raw(name);
	seed_dice();
	pid = fork_child();
	if (pid == 0) {
		bytes = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			     fd, 0);
		for (;;) {
			memcpy(bytes + 64, image.bytes + 64, image.next - 64);
			put_table();
			memcpy(bytes, image.bytes, 64);
			for (uint64_t n = roll() % 3; n; n--)
				damage_bytes(bytes + 64, image.next - 64);
			sched_yield();
		}
	}
	for (int round = 0; round < 4000; round++)
		exercise(name);
	end_child(pid);
	close(fd);
}
END_TEST

static void add_tells(Suite *suite)
{
	TCase *tc = test_case(suite, "tells", "fast", 60);

	tcase_add_test(tc, tells_of_the_segment);
	tcase_add_test(tc, tells_of_entries);
	tcase_add_test(tc, tells_who_may_sleep);
	tcase_add_test(tc, reads_an_array);
	tcase_add_test(tc, reads_a_queue_across_its_wrap);
	tcase_add_test(tc, leaves_out_what_is_not_published);
	tcase_add_test(tc, reads_many_elements_in_batches);
	tcase_add_test(tc, lists_a_kind_it_does_not_know);
	tcase_add_test(tc, notices_another_structure_in_the_place);
	tcase_add_test(tc, names_are_regular_files_in_order);
	tcase_add_test(tc, tells_of_a_file_without_opening_it);
	tcase_add_test(tc, tells_whose_the_unreadable_is);
	tcase_add_test(tc, notices_that_its_name_is_gone);
	tcase_add_test(tc, watching_allocates_no_page);
}

static void add_damage(Suite *suite)
{
	TCase *tc = test_case(suite, "damage", "fast", 60);

	tcase_add_loop_test(tc, refuses_a_damaged_head, 0, COUNT(head_damage));
	tcase_add_loop_test(tc, tells_what_is_damaged_and_shows_the_rest, 0,
			    COUNT(damage));
	tcase_add_test(tc, elements_of_what_is_damaged_are_refused);
	tcase_add_test(tc, a_file_that_is_cut_short_is_no_fault);
	tcase_add_test(tc, refuses_what_is_no_segment);
	tcase_add_test(tc, refuses_names_that_lead_elsewhere);

	tc = test_case(suite, "chaos", "medium", 300);
	tcase_add_test(tc, no_damage_is_a_fault);
	tcase_add_test(tc, bytes_that_change_under_the_reader_are_no_fault);
}

static void add_change(Suite *suite)
{
	TCase *tc = test_case(suite, "between", "fast", 60);

	tcase_add_test(tc, what_changes_with_each_look_is_given_up);
	tcase_add_loop_test(tc, a_change_between_two_reads_tears_nothing, 0,
			    COUNT(meanwhile));

	tc = test_case(suite, "life", "fast", 60);
	tcase_add_test(tc, a_lock_held_means_alive);
	tcase_add_test(tc, a_recycled_pid_is_dead_in_spite_of_its_lock);

	tc = test_case(suite, "in use", "medium", 300);
	tcase_add_loop_test(tc, elements_of_a_queue_in_use_are_whole, 0,
			    COUNT(busy_queues));
}

static Suite *inspect_suite(void)
{
	Suite *suite = suite_create("inspect");

	add_tells(suite);
	add_damage(suite);
	add_change(suite);
	return suite;
}

TEST_MAIN(inspect_suite)
