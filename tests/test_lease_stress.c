/* SPDX-License-Identifier: MIT */
/*
 * Leases under load: producers number their elements, takers give some back and
 * are done with the others, one pops; in the end somebody was done with each
 * element exactly once. The same body runs with threads (for ThreadSanitizer)
 * and processes.
 */
#include "children.h"
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MOST 3 /* producers, and takers */
#define SECOND INT64_C(1000000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define EACH 10000u
#else
#define EACH 100000u
#endif

struct elem {
	uint64_t producer, number, check[4];
};
#define TYPE "{producer:u64, number:u64, check:u64[4]}"

/* Shared by all who take part. */
struct books {
	char segment[96];
	_Atomic uint64_t done;
	_Atomic int failed;
	char failure[256];
	_Atomic uint8_t times[MOST][EACH];
};

struct part {
	struct books *books;
	unsigned index;
};

static void blame(struct books *books, const char *what, uint64_t a, uint64_t b)
{
	if (!atomic_exchange_explicit(&books->failed, 1, memory_order_relaxed))
		snprintf(books->failure, sizeof(books->failure),
			 "%s: %llu, %llu (%s)", what, (unsigned long long)a,
			 (unsigned long long)b, zipc_last_error());
}

static bool over(struct books *books)
{
	return atomic_load_explicit(&books->failed, memory_order_relaxed) ||
	       atomic_load_explicit(&books->done, memory_order_relaxed) ==
		       MOST * EACH;
}

static void fill_elem(struct elem *elem, uint64_t producer, uint64_t number)
{
	unsigned i;

	elem->producer = producer;
	elem->number = number;
	for (i = 0; i < 4; i++)
		elem->check[i] = number * 0x9E3779B97F4A7C15u + producer + i;
}

static void produce(struct books *books, struct zipc_queue *queue, unsigned me)
{
	struct elem elem;
	uint64_t number;
	int rc;

	for (number = 0; number < EACH && !over(books); number++) {
		fill_elem(&elem, me, number);
		do
			rc = zipc_queue_push(queue, &elem, SECOND / 10);
		while (rc == -ETIMEDOUT && !over(books));
		if (rc && rc != -ETIMEDOUT)
			blame(books, "push", (uint64_t)-rc, number);
	}
}

static void count(struct books *books, const struct elem *elem)
{
	struct elem whole;

	fill_elem(&whole, elem->producer, elem->number);
	if (memcmp(&whole, elem, sizeof(whole)) || elem->producer >= MOST ||
	    elem->number >= EACH)
		blame(books, "torn", elem->producer, elem->number);
	else if (atomic_fetch_add_explicit(
			 &books->times[elem->producer][elem->number], 1,
			 memory_order_relaxed))
		blame(books, "done twice", elem->producer, elem->number);
	atomic_fetch_add_explicit(&books->done, 1, memory_order_relaxed);
}

/* The first pops; the others take two at a time, and give one in four back. */
static void consume(struct books *books, struct zipc_queue *queue, unsigned me)
{
	struct zipc_lease lease[2];
	struct elem elem[2];
	unsigned n = 0;
	int rc;

	while (!over(books)) {
		if (me == 0)
			rc = zipc_queue_pop(queue, elem, SECOND / 100);
		else
			rc = zipc_queue_take(queue, &elem[n], &lease[n],
					     n ? ZIPC_NOWAIT : SECOND / 100);
		if (rc && rc != -ETIMEDOUT && rc != -EAGAIN)
			blame(books, "take", (uint64_t)-rc, me);
		if (me == 0 && !rc)
			count(books, elem);
		if (me == 0)
			continue;
		n += !rc;
		if (!n || (n == 1 && !rc))
			continue;
		n--;
		if ((elem[n].number + lease[n].attempt) % 4 == 0) {
			rc = zipc_queue_return(queue, &lease[n]);
		} else {
			rc = zipc_queue_done(queue, &lease[n]);
			count(books, &elem[n]);
		}
		if (rc)
			blame(books, "end", (uint64_t)-rc, me);
	}
}

static void *take_part(void *context)
{
	struct part *part = context;
	struct books *books = part->books;
	struct zipc_segment *segment;
	struct zipc_queue *queue;

	if (zipc_segment_open(&segment, books->segment, 0) ||
	    zipc_queue_open(&queue, segment, "q", TYPE)) {
		blame(books, "open", 0, 0);
		return NULL;
	}
	if (part->index < MOST)
		produce(books, queue, part->index);
	else
		consume(books, queue, part->index - MOST);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
	return NULL;
}

static void run_threads(struct part *parts, unsigned n)
{
	pthread_t threads[2 * MOST];
	unsigned i;

	for (i = 0; i < n; i++)
		ck_assert(!pthread_create(&threads[i], NULL, take_part,
					  &parts[i]));
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static void run_processes(struct part *parts, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (!fork()) {
			take_part(&parts[i]);
			_exit(0);
		}
	while (n--)
		wait(NULL);
}

static void work(unsigned capacity, bool threads, unsigned flags)
{
	const struct zipc_segment_options options = { .flags = flags };
	const struct zipc_queue_options leases = { .max_takers = 2 * MOST };
	struct books *books = mmap(NULL, sizeof(*books),
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct zipc_view_entry entry;
	struct zipc_segment *segment;
	struct part parts[2 * MOST];
	struct zipc_queue *queue;
	struct zipc_view *view;
	unsigned i;

	strcpy(books->segment, test_name("work"));
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_queue_create_with(&queue, segment, "q", TYPE, capacity,
				     &leases), 0);
	for (i = 0; i < 2 * MOST; i++)
		parts[i] = (struct part){ books, i };
	(threads ? run_threads : run_processes)(parts, 2 * MOST);
	ck_assert_msg(!books->failed, "%s", books->failure);
	ck_assert_uint_eq(books->done, MOST * EACH);
	ck_rc(zipc_view_open(&view, books->segment), 0);
	ck_rc(zipc_view_find(view, "q", &entry), 0);
	ck_assert_uint_eq(entry.size + entry.leased, 0);
	ck_assert_uint_eq(entry.late_wakes, 0);
	zipc_view_close(view);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

START_TEST(threads_are_done_with_each_once)
{
	work(64, true, 0);
	work(1, true, 0);
}
END_TEST

START_TEST(processes_are_done_with_each_once)
{
	work(64, false, 0);
	work(2, false, 0);
}
END_TEST

START_TEST(symmetric_fences_do_as_well)
{
	work(16, true, ZIPC_SYMMETRIC_FENCES);
	work(16, false, ZIPC_SYMMETRIC_FENCES);
}
END_TEST

static Suite *lease_stress_suite(void)
{
	Suite *suite = suite_create("lease stress");
	TCase *tc = test_case(suite, "stress", "medium", 300);

	tcase_add_test(tc, threads_are_done_with_each_once);
	tcase_add_test(tc, processes_are_done_with_each_once);
	tcase_add_test(tc, symmetric_fences_do_as_well);
	return suite;
}

TEST_MAIN(lease_stress_suite)
