/* SPDX-License-Identifier: MIT */
/*
 * The stack under load: producers number their elements, consumers keep books,
 * and in the end every element was taken exactly once, and whole. The same body
 * runs with threads (for ThreadSanitizer) and processes.
 */
#include "children.h"
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MOST 4
#define SECOND INT64_C(1000000000)
#define EACH_MOST 400000u

/* Slow tools run less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 20
#else
#define SCALE 1
#endif

/* Shared by all who take part. */
struct books {
	char segment[96];
	unsigned producers, consumers, words;
	uint64_t each; /* elements per producer */
	_Atomic uint64_t taken;
	_Atomic uint8_t times[MOST][EACH_MOST]; /* that each was taken */
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

static void fill_elem(uint64_t *elem, unsigned words, uint64_t name)
{
	unsigned i;

	for (i = 0; i < words; i++)
		elem[i] = name * (2 * i + 1);
}

static void produce(struct books *books, struct zipc_stack *stack, unsigned me)
{
	uint64_t number = 0, elem[8];
	int rc;

	while (number < books->each && !over(books)) {
		fill_elem(elem, books->words, (uint64_t)me << 32 | number);
		rc = zipc_stack_push(stack, elem, SECOND / 10);
		if (rc && rc != -ETIMEDOUT)
			blame(books, "push", (uint64_t)-rc, number);
		number += !rc;
	}
}

static void take(struct books *books, const uint64_t *elem, bool peeked)
{
	uint64_t producer = elem[0] >> 32, number = elem[0] & UINT32_MAX;
	uint64_t whole[8];

	fill_elem(whole, books->words, elem[0]);
	if (producer >= books->producers || number >= books->each ||
	    memcmp(whole, elem, books->words * sizeof(*elem))) {
		blame(books, "torn", producer, number);
		return;
	}
	if (peeked)
		return;
	if (atomic_fetch_add_explicit(&books->times[producer][number], 1,
				      memory_order_relaxed))
		blame(books, "doubled", producer, number);
	atomic_fetch_add_explicit(&books->taken, 1, memory_order_relaxed);
}

static void consume(struct books *books, struct zipc_stack *stack)
{
	uint64_t elem[8];
	unsigned i;
	int rc;

	for (i = 0; !over(books); i++) {
		if (i % 4 == 0 && !zipc_stack_peek(stack, elem))
			take(books, elem, true);
		rc = zipc_stack_pop(stack, elem, SECOND / 100);
		if (!rc)
			take(books, elem, false);
		else if (rc != -ETIMEDOUT)
			blame(books, "pop", (uint64_t)-rc, 0);
	}
}

static void *take_part(void *context)
{
	struct part *part = context;
	struct books *books = part->books;
	struct zipc_segment *segment;
	struct zipc_stack *stack;

	if (zipc_segment_open(&segment, books->segment, 0) ||
	    zipc_stack_open(&stack, segment, "s", NULL)) {
		blame(books, "open", 0, 0);
		return NULL;
	}
	if (part->produces)
		produce(books, stack, part->index);
	else
		consume(books, stack);
	zipc_stack_close(stack);
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
	struct zipc_view_entry entry;
	struct zipc_view *view;
	uint64_t p, i;

	ck_assert_msg(!books->failed, "%s", books->failure);
	for (p = 0; p < books->producers; p++)
		for (i = 0; i < books->each; i++)
			ck_assert_msg(books->times[p][i] == 1,
				      "element %llu of producer %llu is lost",
				      (unsigned long long)i,
				      (unsigned long long)p);
	ck_rc(zipc_view_open(&view, books->segment), 0);
	ck_rc(zipc_view_find(view, "s", &entry), 0);
	ck_assert_uint_eq(entry.late_wakes, 0);
	ck_assert_uint_eq(entry.added, books->each * books->producers);
	zipc_view_close(view);
}

static void storm(unsigned producers, unsigned consumers, unsigned capacity,
		  unsigned words, uint64_t each, bool threads, unsigned flags)
{
	const struct zipc_segment_options options = { .flags = flags };
	struct books *books = mmap(NULL, sizeof(*books),
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct part parts[2 * MOST];
	struct zipc_segment *segment;
	struct zipc_stack *stack;
	char type[16];
	unsigned i;

	strcpy(books->segment, test_name("storm"));
	books->producers = producers;
	books->consumers = consumers;
	books->words = words;
	books->each = each / SCALE;
	snprintf(type, sizeof(type), "u64[%u]", words);
	ck_rc(zipc_segment_create(&segment, books->segment, 1 << 20, &options),
	      0);
	ck_rc(zipc_stack_create(&stack, segment, "s", type, capacity), 0);
	for (i = 0; i < producers + consumers; i++)
		parts[i] = (struct part){
			books, i < producers ? i : i - producers, i < producers
		};
	(threads ? run_threads : run_processes)(parts, producers + consumers);
	check_books(books);
	zipc_stack_close(stack);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(books->segment), 0);
	munmap(books, sizeof(*books));
}

START_TEST(threads_take_each_element_once)
{
	storm(2, 2, 64, 1, 200000, true, 0);
	storm(2, 2, 64, 8, 200000, true, 0);
	storm(3, 3, 3, 8, 50000, true, 0);
}
END_TEST

START_TEST(processes_take_each_element_once)
{
	storm(2, 2, 64, 1, EACH_MOST, false, 0);
	storm(2, 2, 64, 8, EACH_MOST, false, 0);
	storm(4, 4, 3, 8, 100000, false, 0);
}
END_TEST

START_TEST(a_capacity_of_one_is_enough)
{
	storm(2, 2, 1, 1, 50000, true, 0);
	storm(2, 2, 1, 8, 50000, false, 0);
}
END_TEST

START_TEST(symmetric_fences_do_as_well)
{
	storm(2, 2, 16, 1, 200000, true, ZIPC_SYMMETRIC_FENCES);
	storm(2, 2, 16, 8, 200000, false, ZIPC_SYMMETRIC_FENCES);
}
END_TEST

/* Pushes one and pops it until it is killed. */
static void push_and_pop(void *name)
{
	struct zipc_segment *segment;
	struct zipc_stack *stack;
	uint64_t elem = 0;

	ck_rc(zipc_segment_open(&segment, name, 0), 0);
	ck_rc(zipc_stack_open(&stack, segment, "s", "u64"), 0);
	tell_parent();
	for (;;) {
		ck_rc(zipc_stack_push(stack, &elem, ZIPC_NOWAIT), 0);
		ck_rc(zipc_stack_pop(stack, &elem, ZIPC_NOWAIT), 0);
	}
}

START_TEST(the_size_is_true_of_a_moment)
{
	char *name = strdup(test_name("size"));
	struct zipc_segment *segment;
	struct zipc_stack *stack;
	struct child child;
	int i;

	ck_rc(zipc_segment_create(&segment, name, 1 << 20, NULL), 0);
	ck_rc(zipc_stack_create(&stack, segment, "s", "u64", 8), 0);
	child = child_start(push_and_pop, name);
	child_hear(&child);
	for (i = 0; i < 10000000 / SCALE; i++)
		ck_assert_uint_le(zipc_stack_size(stack), 1);
	child_kill(&child);
	zipc_stack_close(stack);
	zipc_segment_close(segment);
	ck_rc(zipc_segment_unlink(name), 0);
	free(name);
}
END_TEST

static Suite *stack_stress_suite(void)
{
	Suite *suite = suite_create("stack stress");
	TCase *tc = test_case(suite, "storms", "medium", 300);

	tcase_add_test(tc, threads_take_each_element_once);
	tcase_add_test(tc, processes_take_each_element_once);
	tcase_add_test(tc, a_capacity_of_one_is_enough);
	tcase_add_test(tc, symmetric_fences_do_as_well);
	tc = test_case(suite, "size", "medium", 300);
	tcase_add_test(tc, the_size_is_true_of_a_moment);
	return suite;
}

TEST_MAIN(stack_stress_suite)
