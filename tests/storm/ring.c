/* SPDX-License-Identifier: MIT */
/*
 * The ring in a storm: two want to write, and one may, until it is killed; the
 * readers are killed and stopped too. Every record says which it is, so each
 * reader sees whether it gets those that it should, and counts what it lost;
 * what was written before a write returned stays written; and in the end the
 * ring is whole, its places are free, and all of it can be written.
 */
#include "storm.h"
#include "../harness.h"
#include "../ring_records.h"
#include "../../libzeroipc/ring.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define WRITERS 2u
#define SHORT INT64_C(200000)
#define LONG INT64_C(20000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

struct variant {
	unsigned readers, most; /* bytes of a record */
	uint64_t size;
	bool patient, in_place;
	unsigned flags; /* of the segment */
};

struct books {
	const struct variant *variant;
	char segment[96];
	_Atomic uint64_t written; /* the latest whose write has returned */
	_Atomic uint64_t read, lost; /* by all */
};

static struct zipc_ring *open_ring(struct books *books)
{
	struct zipc_segment *segment;
	struct zipc_ring *ring;

	storm_assert(!zipc_segment_open(&segment, books->segment, 0) &&
			     !zipc_ring_open(&ring, segment, "r"),
		     "%s", zipc_last_error());
	return ring;
}

/* writers */

static void note_written(struct books *books, uint64_t number)
{
	uint64_t before = atomic_load_explicit(&books->written,
					       memory_order_relaxed);

	while (before < number &&
	       !atomic_compare_exchange_weak_explicit(
		       &books->written, &before, number, memory_order_relaxed,
		       memory_order_relaxed))
		;
}

static int64_t timeout_of(const struct variant *variant)
{
	return variant->patient ? SHORT : ZIPC_NOWAIT;
}

/* Write the next record, here or in place; its number is known by then. */
static int write_next(const struct variant *variant, struct zipc_ring *ring)
{
	unsigned char bytes[1024];
	void *at;
	int rc;

	if (!ring->generation || variant->in_place) {
		rc = zipc_ring_reserve(ring, variant->most, &at,
				       timeout_of(variant));
		if (rc)
			return rc;
		return zipc_ring_commit(ring, record_make(at, ring->records + 1,
							  variant->most));
	}
	return zipc_ring_write(ring, bytes,
			       record_make(bytes, ring->records + 1,
					   variant->most),
			       timeout_of(variant));
}

static void act_as_writer(struct books *books)
{
	struct zipc_ring *ring = open_ring(books);
	int rc;

	while (!storm_is_over()) {
		rc = write_next(books->variant, ring);
		if (!rc) {
			note_written(books, ring->records);
			storm_progress();
			continue;
		}
		storm_assert(rc == -EBUSY || (books->variant->patient &&
					      rc == -ETIMEDOUT),
			     "write gives %s: %s", rc_name(rc),
			     zipc_last_error());
		sched_yield();
	}
	zipc_ring_close(ring);
}

/* readers */

static void check_record(const struct variant *variant, const void *bytes,
			 size_t n, uint64_t number)
{
	uint64_t is = record_number(bytes, n, variant->most);

	storm_assert(is, "record %llu is torn", (unsigned long long)number);
	storm_assert(is == number, "record %llu came as number %llu",
		     (unsigned long long)is, (unsigned long long)number);
}

static int64_t read_one(const struct variant *variant,
			struct zipc_ring_reader *reader)
{
	unsigned char bytes[1024];
	int64_t n = zipc_ring_read(reader, bytes, sizeof(bytes), LONG);

	if (n < 0)
		return n;
	check_record(variant, bytes, (size_t)n,
		     zipc_ring_next_number(reader) - 1);
	return 1;
}

/* What is whole when all has been read was whole when it was. */
static int64_t read_in_place(const struct variant *variant,
			     struct zipc_ring_reader *reader)
{
	unsigned char bytes[4][1024];
	struct zipc_ring_record records[4];
	int64_t n = zipc_ring_peek(reader, records, 4, LONG), i, gone;
	uint64_t first = zipc_ring_next_number(reader);

	for (i = 0; i < n; i++)
		memcpy(bytes[i], records[i].at, records[i].n);
	if (n < 0)
		return n;
	gone = zipc_ring_advance(reader);
	for (i = gone; gone >= 0 && i < n; i++)
		check_record(variant, bytes[i], records[i].n,
			     first + (uint64_t)i);
	return gone < 0 ? gone : n - gone;
}

static void act_as_reader(struct books *books, struct dice *dice)
{
	const struct variant *variant = books->variant;
	struct zipc_ring *ring = open_ring(books);
	struct zipc_ring_reader *reader;
	int64_t n;

	storm_assert(!zipc_ring_reader_open(&reader, ring,
					    roll_below(dice, 2)
						    ? ZIPC_RING_OLDEST
						    : ZIPC_RING_NEWEST),
		     "%s", zipc_last_error());
	while (!storm_is_over()) {
		n = roll_below(dice, 2) ? read_in_place(variant, reader)
					: read_one(variant, reader);
		storm_assert(n >= 0 || n == -ETIMEDOUT, "read gives %s: %s",
			     rc_name(n), zipc_last_error());
		storm_assert(!variant->patient ||
				     !zipc_ring_has_place(reader) ||
				     !zipc_ring_lost(reader),
			     "who holds the writer back has lost %llu",
			     (unsigned long long)zipc_ring_lost(reader));
		if (n > 0) {
			atomic_fetch_add_explicit(&books->read, (uint64_t)n,
						  memory_order_relaxed);
			storm_progress();
		}
	}
	atomic_fetch_add_explicit(&books->lost, zipc_ring_lost(reader),
				  memory_order_relaxed);
	zipc_ring_reader_close(reader);
	zipc_ring_close(ring);
}

static void act(unsigned seat, struct dice *dice, void *context)
{
	struct books *books = context;

	if (seat < WRITERS)
		act_as_writer(books);
	else
		act_as_reader(books, dice);
}

/* the end */

static void check_contents(struct books *books, struct zipc_ring *ring)
{
	const struct variant *variant = books->variant;
	struct zipc_ring_reader *reader;
	unsigned char bytes[1024];
	uint64_t number = 0;
	int64_t n;

	ck_rc(zipc_ring_reader_open(&reader, ring, ZIPC_RING_OLDEST), 0);
	while ((n = zipc_ring_read(reader, bytes, sizeof(bytes),
				   ZIPC_NOWAIT)) >= 0) {
		number = zipc_ring_next_number(reader) - 1;
		check_record(variant, bytes, (size_t)n, number);
	}
	ck_rc(n, -EAGAIN);
	ck_assert_uint_ge(number, atomic_load_explicit(&books->written,
						       memory_order_relaxed));
	zipc_ring_reader_close(reader);
}

/* Every place can be had, and then none; and two laps can be written. */
static void check_places(struct books *books, struct zipc_ring *ring)
{
	unsigned places = books->variant->readers + 1, i;
	struct zipc_ring_reader *readers[8];
	uint64_t written;

	for (i = 0; i <= places; i++) {
		ck_rc(zipc_ring_reader_open(&readers[i], ring,
					    ZIPC_RING_NEWEST), 0);
		ck_assert_int_eq(zipc_ring_has_place(readers[i]), i < places);
	}
	for (i = 0; i <= places; i++)
		zipc_ring_reader_close(readers[i]);
	/* The one that a killed writer was committing counts until the next. */
	ck_rc(write_next(books->variant, ring), 0);
	written = zipc_ring_records(ring);
	for (i = 0; i * UINT64_C(16) < 2 * books->variant->size; i++)
		ck_rc(write_next(books->variant, ring), 0);
	ck_assert_uint_eq(zipc_ring_records(ring), written + i);
}

static void storm_on_a_ring(const struct variant *variant, unsigned kills)
{
	struct zipc_segment_options options = { .flags = variant->flags };
	struct zipc_ring_options ring_options = { variant->patient,
						  variant->readers + 1 };
	struct books *books = shared_memory(sizeof(*books));
	struct storm storm = { .seats = WRITERS + variant->readers,
			       .kills = kills / SCALE,
			       .act = act, .context = books };
	struct zipc_segment *segment;
	struct zipc_ring *ring;

	books->variant = variant;
	strcpy(books->segment, test_name("storm"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_ring_create_with(&ring, segment, "r", variant->size,
				    &ring_options), 0);
	storm_run(&storm);
	check_contents(books, ring);
	check_places(books, ring);
	printf("%llu written, %llu read; %llu lost at the end\n",
	       (unsigned long long)books->written,
	       (unsigned long long)books->read,
	       (unsigned long long)books->lost);
	zipc_ring_close(ring);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

static const struct variant variants[] = {
	{ 3, 24, 64, false, false, 0 },
	{ 3, 100, 1024, false, false, 0 },
	{ 4, 900, 16384, false, true, 0 },
	{ 2, 24, 64, true, false, 0 },
	{ 4, 100, 1024, true, true, 0 },
	{ 2, 400, 65536, true, false, 0 },
	{ 3, 60, 512, false, true, ZIPC_SYMMETRIC_FENCES },
	{ 3, 60, 512, true, false, ZIPC_SYMMETRIC_FENCES },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

START_TEST(what_was_written_survives_random_kills)
{
	storm_on_a_ring(&variants[_i], 300);
}
END_TEST

START_TEST(what_was_written_survives_many_kills)
{
	storm_on_a_ring(&variants[_i], 10000);
}
END_TEST

static Suite *storm_ring_suite(void)
{
	Suite *suite = suite_create("storm ring");
	TCase *tc = test_case(suite, "storm", "slow", 600);

	tcase_add_loop_test(tc, what_was_written_survives_random_kills, 0,
			    VARIANTS);
	tc = test_case(suite, "long storm", "stress", 3600);
	tcase_add_loop_test(tc, what_was_written_survives_many_kills, 0,
			    VARIANTS);
	return suite;
}

TEST_MAIN(storm_ring_suite)
