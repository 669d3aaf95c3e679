/* SPDX-License-Identifier: MIT */
/*
 * The queue under load: producers number their elements, consumers keep books,
 * and in the end every element was taken exactly once, each producer's in
 * order. The same body runs with threads (for ThreadSanitizer) and processes.
 */
#include "children.h"
#include "harness.h"
#include "../libzeroipc/place_ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MOST 4
#define SECOND INT64_C(1000000000)

/* Slow tools run less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 20
#else
#define SCALE 1
#endif

struct elem {
	uint64_t producer, number, check[6];
};
#define TYPE "{producer:u64, number:u64, check:u64[6]}"

/* Shared by all who take part. */
struct books {
	char segment[96];
	unsigned producers, consumers, batch;
	uint64_t each; /* elements per producer */
	bool settle;   /* consumers settle at once, without patience */
	_Atomic uint64_t taken;
	_Atomic unsigned ended; /* producers */
	_Atomic uint64_t last[MOST][MOST]; /* of a producer, at a consumer */
	_Atomic uint64_t sum[MOST];
	_Atomic int failed;
	char failure[256];
};

struct part {
	struct books *books;
	unsigned index;
	bool produces;
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
	       atomic_load_explicit(&books->taken, memory_order_relaxed) ==
		       books->each * books->producers;
}

static void fill_elem(struct elem *elem, unsigned producer, uint64_t number)
{
	unsigned i;

	elem->producer = producer;
	elem->number = number;
	for (i = 0; i < 6; i++)
		elem->check[i] = number * 0x9E3779B97F4A7C15u + i;
}

static void produce(struct books *books, struct zipc_queue *queue,
		    unsigned me)
{
	struct elem elems[8];
	uint64_t number = 0, n, i;
	int64_t done;

	while (number < books->each && !over(books)) {
		n = books->batch < books->each - number ? books->batch
							: books->each - number;
		for (i = 0; i < n; i++)
			fill_elem(&elems[i], me, number + 1 + i);
		done = zipc_queue_push_n(queue, elems, n, SECOND / 10);
		if (done < 0 && done != -ETIMEDOUT)
			blame(books, "push", (uint64_t)-done, number);
		if (done > 0)
			number += (uint64_t)done;
	}
	/* Release: who sees it finds all that was pushed. */
	atomic_fetch_add_explicit(&books->ended, 1, memory_order_release);
}

static void take(struct books *books, const struct elem *elem, unsigned me)
{
	_Atomic uint64_t *last;
	struct elem whole;
	uint64_t before;

	fill_elem(&whole, (unsigned)elem->producer, elem->number);
	if (elem->producer >= books->producers ||
	    memcmp(&whole, elem, sizeof(whole))) {
		blame(books, "torn", elem->producer, elem->number);
		return;
	}
	last = &books->last[me][elem->producer];
	before = atomic_load_explicit(last, memory_order_relaxed);
	if (elem->number <= before)
		blame(books, "out of order or doubled", before, elem->number);
	if (books->consumers == 1 && elem->number > before + 1)
		blame(books, "lost between", before, elem->number);
	atomic_store_explicit(last, elem->number, memory_order_relaxed);
	atomic_fetch_add_explicit(&books->sum[elem->producer], elem->number,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&books->taken, 1, memory_order_relaxed);
}

static void settle_head(struct zipc_places *places)
{
	uint64_t head = atomic_load_explicit(&places->ring->head,
					     memory_order_relaxed);

	zipc_places_settle(places, head);
}

static void consume(struct books *books, struct zipc_queue *queue,
		    struct zipc_places *places, unsigned me)
{
	struct elem elems[8];
	bool last = false; /* what is not there now is lost */
	int64_t got = 0;
	int i;

	while (!over(books) && !(last && got < 0)) {
		last = atomic_load_explicit(&books->ended,
					    memory_order_acquire) ==
		       books->producers;
		if (books->settle)
			settle_head(places);
		got = zipc_queue_pop_n(queue, elems, books->batch,
				       books->settle ? 0 : SECOND / 100);
		for (i = 0; i < got; i++)
			take(books, &elems[i], me);
		if (got < 0 && got != -ETIMEDOUT && got != -EAGAIN)
			blame(books, "pop", (uint64_t)-got, 0);
	}
}

static void *take_part(void *context)
{
	struct part *part = context;
	struct books *books = part->books;
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	struct zipc_places places;
	struct zipc_found found;

	if (zipc_segment_open(&segment, books->segment, 0) ||
	    zipc_queue_open(&queue, segment, "q", TYPE) ||
	    zipc_table_find(&found, segment, "q", ZIPC_QUEUE, NULL) ||
	    zipc_places_open(&places, segment, &found, "q")) {
		blame(books, "open", 0, 0);
		return NULL;
	}
	if (part->produces)
		produce(books, queue, part->index);
	else
		consume(books, queue, &places, part->index);
	zipc_type_free(found.type);
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

static void check_books(const struct books *books)
{
	uint64_t all = books->each * (books->each + 1) / 2;
	unsigned p;

	ck_assert_msg(!books->failed, "%s", books->failure);
	for (p = 0; p < books->producers; p++)
		ck_assert_msg(books->sum[p] == all,
			      "some are lost: producer %u's sum is %llu, not "
			      "%llu", p,
			      (unsigned long long)books->sum[p],
			      (unsigned long long)all);
}

static void check_late_wakes(const struct books *books)
{
	struct zipc_view_entry entry;
	struct zipc_view *view;

	ck_rc(zipc_view_open(&view, books->segment), 0);
	ck_rc(zipc_view_find(view, "q", &entry), 0);
	ck_assert_uint_eq(entry.late_wakes, 0);
	zipc_view_close(view);
}

static void storm(unsigned producers, unsigned consumers, unsigned capacity,
		  unsigned batch, uint64_t each, bool settle, bool threads,
		  unsigned flags)
{
	const struct zipc_segment_options options = { .flags = flags };
	struct books *books = mmap(NULL, sizeof(*books),
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct part parts[2 * MOST];
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	unsigned i;

	strcpy(books->segment, test_name("storm"));
	books->producers = producers;
	books->consumers = consumers;
	books->batch = batch;
	books->each = each / SCALE;
	books->settle = settle;
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_queue_create(&queue, segment, "q", TYPE, capacity), 0);
	for (i = 0; i < producers + consumers; i++)
		parts[i] = (struct part){
			books, i < producers ? i : i - producers, i < producers
		};
	(threads ? run_threads : run_processes)(parts, producers + consumers);
	check_books(books);
	if (!settle)
		check_late_wakes(books);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

START_TEST(threads_take_each_element_once)
{
	storm(2, 2, 64, 1, 200000, false, true, 0);
	storm(2, 2, 64, 7, 200000, false, true, 0);
}
END_TEST

START_TEST(processes_take_each_element_once)
{
	storm(2, 2, 64, 1, 500000, false, false, 0);
	storm(2, 2, 64, 7, 500000, false, false, 0);
	storm(4, 4, 3, 2, 100000, false, false, 0);
}
END_TEST

START_TEST(a_capacity_of_one_is_enough)
{
	storm(2, 2, 1, 1, 50000, false, true, 0);
	storm(2, 2, 1, 2, 50000, false, false, 0);
}
END_TEST

START_TEST(symmetric_fences_do_as_well)
{
	storm(2, 2, 16, 1, 200000, false, true, ZIPC_SYMMETRIC_FENCES);
	storm(2, 2, 16, 3, 200000, false, false, ZIPC_SYMMETRIC_FENCES);
}
END_TEST

/*
 * Consumers settle what is at head as soon as it is claimed, so writers that
 * run are asked and revoked all the time: this is what the fence is for.
 */
START_TEST(settling_under_running_writers_loses_nothing)
{
	storm(1, 1, 64, 1, 500000, true, false, 0);
	storm(2, 1, 64, 5, 200000, true, false, 0);
	storm(2, 2, 64, 1, 200000, true, false, 0);
	storm(2, 2, 3, 3, 100000, true, true, 0);
	storm(2, 2, 16, 3, 100000, true, false, ZIPC_SYMMETRIC_FENCES);
}
END_TEST

/* Pushes one and pops it until it is killed. */
static void push_and_pop(void *name)
{
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	uint64_t elem = 0;

	ck_rc(zipc_segment_open(&segment, name, 0), 0);
	ck_rc(zipc_queue_open(&queue, segment, "q", "u64"), 0);
	tell_parent();
	for (;;) {
		ck_rc(zipc_queue_push(queue, &elem, ZIPC_NOWAIT), 0);
		ck_rc(zipc_queue_pop(queue, &elem, ZIPC_NOWAIT), 0);
	}
}

START_TEST(the_size_is_true_of_a_moment)
{
	char *name = strdup(test_name("size"));
	struct zipc_segment *segment;
	struct zipc_queue *queue;
	struct child child;
	int i;

	ck_rc(zipc_segment_create(&segment, name, 1 << 20, NULL), 0);
	ck_rc(zipc_queue_create(&queue, segment, "q", "u64", 8), 0);
	child = child_start(push_and_pop, name);
	child_hear(&child);
	for (i = 0; i < 40000000 / SCALE; i++)
		ck_assert_uint_le(zipc_queue_size(queue), 1);
	child_kill(&child);
	zipc_queue_close(queue);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
	free(name);
}
END_TEST

static Suite *queue_stress_suite(void)
{
	Suite *suite = suite_create("queue stress");
	TCase *tc = test_case(suite, "storms", "medium", 300);

	tcase_add_test(tc, threads_take_each_element_once);
	tcase_add_test(tc, processes_take_each_element_once);
	tcase_add_test(tc, a_capacity_of_one_is_enough);
	tcase_add_test(tc, symmetric_fences_do_as_well);
	tc = test_case(suite, "size", "medium", 300);
	tcase_add_test(tc, the_size_is_true_of_a_moment);
	tc = test_case(suite, "settling", "medium", 300);
	tcase_add_test(tc, settling_under_running_writers_loses_nothing);
	return suite;
}

TEST_MAIN(queue_stress_suite)
