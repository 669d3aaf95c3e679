/* SPDX-License-Identifier: MIT */
/*
 * The ring under load, with threads, for ThreadSanitizer: one writes and others
 * read, each by its own means, and nobody gets a record that is torn, or out of
 * its turn. In place only where nothing is overwritten: what a lapped reader
 * looks at is being written, and it learns so behind its look.
 */
#include "harness.h"
#include "ring_records.h"

#include <pthread.h>

#define READERS 3u
#define MOST 200u
#define SECOND INT64_C(1000000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define RECORDS UINT64_C(20000)
#else
#define RECORDS UINT64_C(300000)
#endif

struct part {
	struct zipc_ring *ring;
	bool patient;
	unsigned index;
	uint64_t read, lost, last;
	char failure[128];
};

static void *write_all(void *context)
{
	struct part *part = context;
	unsigned char bytes[MOST];
	uint64_t i;
	void *at;
	int rc = 0;

	for (i = 1; i <= RECORDS && !rc; i++) {
		if (part->patient && i % 2) {
			rc = zipc_ring_reserve(part->ring, MOST, &at,
					       60 * SECOND);
			if (!rc)
				rc = zipc_ring_commit(
					part->ring, record_make(at, i, MOST));
			continue;
		}
		rc = zipc_ring_write(part->ring, bytes,
				     record_make(bytes, i, MOST), 60 * SECOND);
	}
	if (rc)
		snprintf(part->failure, sizeof(part->failure), "write: %s",
			 zipc_last_error());
	return NULL;
}

static bool is_well(struct part *part, const void *bytes, size_t n,
		    uint64_t number)
{
	part->last = record_number(bytes, n, MOST);
	part->read++;
	if (part->last == number)
		return true;
	snprintf(part->failure, sizeof(part->failure),
		 "%llu came, not %llu", (unsigned long long)part->last,
		 (unsigned long long)number);
	return false;
}

/* How many came; 0: something is wrong. */
static int64_t read_in_place(struct part *part, struct zipc_ring_reader *reader)
{
	uint64_t number = zipc_ring_next_number(reader);
	struct zipc_ring_record records[8];
	int64_t n = zipc_ring_peek(reader, records, 8, 60 * SECOND), i;

	for (i = 0; i < n; i++)
		if (!is_well(part, records[i].at, records[i].n,
			     number + (uint64_t)i))
			return 0;
	return n < 0 || zipc_ring_advance(reader) ? 0 : n;
}

static int64_t read_a_copy(struct part *part, struct zipc_ring_reader *reader)
{
	unsigned char bytes[MOST];
	int64_t n = zipc_ring_read(reader, bytes, MOST, 60 * SECOND);

	return n >= 0 && is_well(part, bytes, (size_t)n,
				 zipc_ring_next_number(reader) - 1);
}

static void *read_all(void *context)
{
	struct part *part = context;
	struct zipc_ring_reader *reader;
	int64_t n;

	if (zipc_ring_reader_open(&reader, part->ring, ZIPC_RING_OLDEST)) {
		snprintf(part->failure, sizeof(part->failure), "open: %s",
			 zipc_last_error());
		return NULL;
	}
	do
		n = part->patient && part->index % 2
			    ? read_in_place(part, reader)
			    : read_a_copy(part, reader);
	while (n > 0 && part->last < RECORDS);
	if (n <= 0 && !*part->failure)
		snprintf(part->failure, sizeof(part->failure), "read: %s",
			 zipc_last_error());
	part->lost = zipc_ring_lost(reader);
	zipc_ring_reader_close(reader);
	return NULL;
}

static void run(bool patient, uint64_t size)
{
	struct zipc_ring_options options = { patient, READERS };
	struct part parts[READERS + 1] = { 0 };
	pthread_t threads[READERS + 1];
	struct zipc_segment *segment;
	struct zipc_ring *ring;
	unsigned i;

	ck_rc(zipc_segment_create(&segment, test_name("stress"), 8 << 20,
				  NULL), 0);
	ck_rc(zipc_ring_create_with(&ring, segment, "r", size, &options), 0);
	for (i = 0; i <= READERS; i++) {
		parts[i].patient = patient;
		parts[i].index = i;
		ck_rc(zipc_ring_open(&parts[i].ring, segment, "r"), 0);
		pthread_create(&threads[i], NULL, i ? read_all : write_all,
			       &parts[i]);
	}
	for (i = 0; i <= READERS; i++) {
		pthread_join(threads[i], NULL);
		zipc_ring_close(parts[i].ring);
		ck_assert_msg(!*parts[i].failure, "%s", parts[i].failure);
		ck_assert_msg(!i || !patient || !parts[i].lost,
			      "who holds the writer back has lost %llu",
			      (unsigned long long)parts[i].lost);
		ck_assert_uint_le(parts[i].read + parts[i].lost, RECORDS);
	}
	zipc_ring_close(ring);
	ck_rc(zipc_segment_unlink(zipc_segment_name(segment)), 0);
	zipc_segment_close(segment);
}

START_TEST(threads_read_what_was_written)
{
	static const uint64_t sizes[] = { 512, 4096, 65536 };

	run(_i % 2, sizes[_i / 2]);
}
END_TEST

static Suite *ring_stress_suite(void)
{
	Suite *suite = suite_create("ring stress");
	TCase *tc = test_case(suite, "threads", "medium", 300);

	tcase_add_loop_test(tc, threads_read_what_was_written, 0, 6);
	return suite;
}

TEST_MAIN(ring_stress_suite)
