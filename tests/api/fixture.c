/* SPDX-License-Identifier: MIT */
/*
 * fixture PREFIX: makes segments for the tests of zeroipcd, prints "ready", and
 * holds them until its standard input ends.
 *
 *   PREFIX-data      mode 0644: numbers at their limits, a queue, large things
 *   PREFIX-private   mode 0600
 *   PREFIX-<...      a name and contents that try to break out of a page
 *   PREFIX-broken    begins as a segment and is none
 *   PREFIX-foreign   no segment at all
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zeroipc.h>

#define HOSTILE "<img src=x onerror=alert(1)>"

static struct zipc_segment *held[4];
static char *made[8];
static unsigned n_held, n_made;

static void must(int64_t rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "fixture: %s: %s: %s\n", what, zipc_error_name((int)rc),
		zipc_last_error());
	exit(EXIT_FAILURE);
}

static void remove_all(void)
{
	while (n_held)
		zipc_segment_close(held[--n_held]);
	while (n_made) {
		unlink(made[--n_made]);
		free(made[n_made]);
	}
}

static void will_remove(const char *prefix, const char *rest)
{
	if (asprintf(&made[n_made], "/dev/shm/%s-%s", prefix, rest) < 0)
		abort();
	n_made++;
}

static struct zipc_segment *segment(const char *prefix, const char *rest,
				    unsigned mode)
{
	struct zipc_segment_options options = { .mode = mode };
	char name[256];

	snprintf(name, sizeof(name), "/%s-%s", prefix, rest);
	must(zipc_segment_create(&held[n_held], name, 16 << 20, &options),
	     name);
	will_remove(prefix, rest);
	return held[n_held++];
}

static struct zipc_array *array(struct zipc_segment *in, const char *name,
				const char *type, uint64_t capacity)
{
	struct zipc_array *it;

	must(zipc_array_create(&it, in, name, type, capacity), name);
	return it;
}

static void fill_ring(struct zipc_segment *in)
{
	struct zipc_ring *it;

	must(zipc_ring_create(&it, in, "log", 1024), "log");
	must(zipc_ring_write(it, "first", 5, ZIPC_NOWAIT), "write");
	must(zipc_ring_write(it, "\0\1", 2, ZIPC_NOWAIT), "write");
	must(zipc_ring_write(it, HOSTILE, strlen(HOSTILE), ZIPC_NOWAIT),
	     "write");
	zipc_ring_close(it);
}

static void put(struct zipc_array *in, uint64_t i, const char *json)
{
	char *bytes = calloc(1, zipc_array_elem_size(in));

	must(zipc_value_parse(zipc_array_type(in), json, bytes), json);
	must(zipc_array_set(in, i, bytes), json);
	free(bytes);
}

static void fill_numbers(struct zipc_segment *in)
{
	struct zipc_array *u64 = array(in, "u64", "u64", 4);
	struct zipc_array *i64 = array(in, "i64", "i64", 2);
	struct zipc_array *f64 = array(in, "f64", "f64", 4);
	struct zipc_array *cpu = array(
		in, "cpu", "{user:f32, system:f32, id:u32, jiffies:u64}", 8);
	char json[96];
	unsigned i;

	put(u64, 0, "18446744073709551615");
	put(u64, 1, "9007199254740993");
	put(i64, 0, "-9223372036854775808");
	put(f64, 0, "\"nan\"");
	put(f64, 1, "\"-inf\"");
	put(f64, 2, "0.1");
	for (i = 0; i < 8; i++) {
		snprintf(json, sizeof(json),
			 "{user: %u.5, system: 0.25, id: %u, "
			 "jiffies: 1844674407370955%u}", i, i, i);
		put(cpu, i, json);
	}
	zipc_array_close(u64);
	zipc_array_close(i64);
	zipc_array_close(f64);
	zipc_array_close(cpu);
}

static void fill_queue(struct zipc_segment *in)
{
	struct zipc_queue *queue;
	uint64_t i;

	must(zipc_queue_create(&queue, in, "events", "u64", 10), "events");
	for (i = 100; i < 105; i++)
		must(zipc_queue_push(queue, &i, ZIPC_NOWAIT), "push");
	must(zipc_queue_pop(queue, &i, ZIPC_NOWAIT), "pop");
	zipc_queue_close(queue);
}

static void fill_stack(struct zipc_segment *in)
{
	struct zipc_stack *stack;
	uint64_t elem[2] = { 0 };

	must(zipc_stack_create(&stack, in, "undo", "u64[2]", 10), "undo");
	for (elem[0] = 1; elem[0] < 5; elem[0]++)
		must(zipc_stack_push(stack, elem, ZIPC_NOWAIT), "push");
	must(zipc_stack_pop(stack, elem, ZIPC_NOWAIT), "pop");
	zipc_stack_close(stack);
}

/* Nested names make of each byte some six hundred characters of JSON. */
static void fill_large(struct zipc_segment *in)
{
	char type[ZIPC_TYPE_MAX + 1] = "";
	int level;

	zipc_array_close(array(in, "many", "u32", 5000));
	zipc_array_close(array(in, "wide", "bytes:1048576", 8));
	for (level = 0; level < 10; level++)
		sprintf(type + strlen(type), "{%060d:", level);
	strcat(type, "u8}}}}}}}}}}[20000]");
	for (level = 1; type[level]; level++)
		if (type[level] >= '0' && type[level - 1] == '{')
			type[level] = 'n';
	zipc_array_close(array(in, "wordy", type, 2));
}

/* A permit is held, and a party has arrived: both are this process. */
static void fill_waits(struct zipc_segment *in)
{
	struct zipc_semaphore *permits;
	struct zipc_barrier *meeting;

	must(zipc_semaphore_create_with(&permits, in, "permits", 3, 3,
					ZIPC_OWNED), "permits");
	must(zipc_semaphore_acquire(permits, ZIPC_NOWAIT), "acquire");
	must(zipc_barrier_create(&meeting, in, "meeting", 2), "meeting");
	if (zipc_barrier_wait(meeting, ZIPC_NOWAIT) != -EAGAIN)
		must(-EINVAL, "wait");
}

static void fill_hostile(struct zipc_segment *in)
{
	struct zipc_array *it;

	it = array(in, HOSTILE, "bytes:64", 2);
	put(it, 0, "\"<script>alert(2)<\\/script>&\\\"'\"");
	zipc_array_close(it);
	zipc_array_close(array(in, "not\xFFutf8", "u8", 1));
	zipc_array_close(array(in, "a%2Fb?c#d", "u8", 1));
}

static void plain_file(const char *prefix, const char *rest, const char *bytes,
		       size_t size)
{
	int fd;

	will_remove(prefix, rest);
	fd = open(made[n_made - 1], O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	close(fd);
}

int main(int argc, char **argv)
{
	static const char broken[4096] = "ZIPM\3";
	struct zipc_segment *data;

	if (argc != 2) {
		fputs("usage: fixture PREFIX\n", stderr);
		return 2;
	}
	atexit(remove_all);
	data = segment(argv[1], "data", 0644);
	fill_numbers(data);
	fill_queue(data);
	fill_large(data);
	fill_ring(data);
	fill_stack(data);
	fill_waits(data);
	fill_hostile(segment(argv[1], HOSTILE "\xFE", 0644));
	zipc_array_close(array(segment(argv[1], "private", 0600), "secret",
			       "u32", 1));
	plain_file(argv[1], "broken", broken, sizeof(broken));
	plain_file(argv[1], "foreign", "hello", 5);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
