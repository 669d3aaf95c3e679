/* SPDX-License-Identifier: MIT */
/*
 * The works of queues. Who does what, member by member:
 *
 *   flow        producers first, then consumers. Both sides take their shares
 *               from a common pot, so that they end together
 *   pairs       one process pushes and pops
 *   ping        member 0 sends and waits for the answer of member 1, on two
 *               queues; both poll if they can
 *   hand-off    the same, but both sleep until there is something
 *   stall       flow, in which consumers note when they got nothing for long
 *
 * Each trial checks what it moved: the number of items, their sum, and each
 * producer's order at each consumer.
 */
#include "queue_works.h"

#include "clock.h"
#include "counters.h"
#include "queue.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum pattern { FLOW, PAIRS, PING, HAND_OFF, STALL };

struct queue_row {
	enum pattern pattern;
	struct queue_shape shape;
	int64_t idle_ns; /* before each hand-off */
};

/* How much a member takes from the pot at once. */
#define SHARE 1024u

/* A consumer's time without an item is noted when it is longer than this. */
#define GAP_NS 20000
#define GAPS_MAX 100000u
#define SAMPLES_MAX 20000u

struct gap {
	int64_t begin_ns, end_ns;
};

/* A trial's shared memory. */
struct pot {
	void *queue[2];
	_Alignas(64) _Atomic uint64_t to_send;
	_Alignas(64) _Atomic uint64_t to_receive;
	_Alignas(64) uint64_t sent_sum[MEMBERS_MAX];
	_Alignas(64) struct tally tally[MEMBERS_MAX];
	_Alignas(64) uint64_t wrong;
	struct counters counters;
	unsigned sample_count, gap_count[MEMBERS_MAX];
	int64_t sample[SAMPLES_MAX];
	struct gap *gap[MEMBERS_MAX]; /* GAPS_MAX each; for STALL only */
};

static const struct queue_row *row_of(const struct work *work)
{
	return work->family;
}

static const struct queue_peer *peer_of(const struct candidate *candidate)
{
	return candidate->family;
}

static const struct queue_loops *loops_of(const struct trial *trial)
{
	return peer_of(trial->candidate)->loops(&row_of(trial->work)->shape);
}

static const char *unfit(const struct work *work,
			 const struct candidate *candidate)
{
	const struct queue_shape *shape = &row_of(work)->shape;
	const struct queue_peer *peer = peer_of(candidate);
	const char *why = peer->unfit ? peer->unfit(shape) : NULL;
	const struct queue_loops *loops;

	if (why)
		return why;
	loops = peer->loops(shape);
	if (!loops)
		return NO_SUCH_SIZE;
	if (shape->batches && !loops->send_batches)
		return "has no batches";
	if (shape->waits && !loops->wait)
		return "can not sleep until there is something";
	return NULL;
}

/* life of a trial */

static unsigned queues_of(const struct queue_row *row)
{
	return row->pattern == PING || row->pattern == HAND_OFF ? 2 : 1;
}

static void prepare(struct trial *trial)
{
	const struct queue_row *row = row_of(trial->work);
	struct pot *pot = shared_new(sizeof(*pot));

	trial->shared = pot;
	for (unsigned i = 0; i < queues_of(row); i++)
		pot->queue[i] = peer_of(trial->candidate)->create(&row->shape);
	for (unsigned i = 0; row->pattern == STALL && i < MEMBERS_MAX; i++)
		pot->gap[i] = shared_new(GAPS_MAX * sizeof(struct gap));
	atomic_init(&pot->to_send, trial->amount);
	atomic_init(&pot->to_receive, trial->amount);
}

static void clean(struct trial *trial)
{
	struct pot *pot = trial->shared;

	for (unsigned i = 0; i < queues_of(row_of(trial->work)); i++)
		peer_of(trial->candidate)->destroy(pot->queue[i]);
	for (unsigned i = 0; i < MEMBERS_MAX; i++)
		if (pot->gap[i])
			shared_free(pot->gap[i]);
	shared_free(pot);
}

static void open_ends(struct trial *trial, unsigned index)
{
	const struct queue_row *row = row_of(trial->work);
	const struct queue_peer *peer = peer_of(trial->candidate);
	struct pot *pot = trial->shared;
	void **mine = trial->member[index].mine;

	if (row->pattern == PAIRS) {
		mine[0] = peer->open(pot->queue[0], QUEUE_BOTH);
	} else if (queues_of(row) == 2) {
		/*
		 * [0] is to send on, [1] to receive from; who receives is there
		 * first, because some producers wait for that.
		 */
		mine[1] = peer->open(pot->queue[!index], QUEUE_CONSUMER);
		mine[0] = peer->open(pot->queue[index], QUEUE_PRODUCER);
	} else {
		mine[0] = peer->open(pot->queue[0],
				     index < row->shape.producers
					     ? QUEUE_PRODUCER
					     : QUEUE_CONSUMER);
	}
}

static void close_ends(struct trial *trial, unsigned index)
{
	const struct queue_peer *peer = peer_of(trial->candidate);
	void **mine = trial->member[index].mine;

	for (int i = 0; i < 2; i++)
		if (mine[i])
			peer->close(mine[i]);
}

/* flow */

static uint64_t take_share(_Atomic uint64_t *pot)
{
	/* Relaxed: the number is all that it carries. */
	uint64_t left = atomic_load_explicit(pot, memory_order_relaxed), share;

	do {
		share = left < SHARE ? left : SHARE;
	} while (!atomic_compare_exchange_weak_explicit(pot, &left,
							left - share,
							memory_order_relaxed,
							memory_order_relaxed));
	return share;
}

/* The sum of the n values that begin behind value. */
static uint64_t sum_behind(uint64_t value, uint64_t n)
{
	return n * value + n * (n + 1) / 2;
}

static void produce(struct trial *trial, unsigned index)
{
	const struct queue_loops *loops = loops_of(trial);
	struct pot *pot = trial->shared;
	void *end = trial->member[index].mine[0];
	struct flow flow = { (uint64_t)index << PRODUCER_SHIFT, 0 };
	bool batches = row_of(trial->work)->shape.batches;

	while ((flow.n = take_share(&pot->to_send))) {
		pot->sent_sum[index] += sum_behind(flow.value, flow.n);
		(batches ? loops->send_batches : loops->send)(end, &flow);
	}
}

static void consume(struct trial *trial, unsigned index)
{
	const struct queue_loops *loops = loops_of(trial);
	struct pot *pot = trial->shared;
	void *end = trial->member[index].mine[0];
	struct tally tally = { 0 };
	bool batches = row_of(trial->work)->shape.batches;
	uint64_t n;

	while ((n = take_share(&pot->to_receive)))
		(batches ? loops->receive_batches
			 : loops->receive)(end, &tally, n);
	pot->tally[index] = tally;
}

static void check_flow(struct trial *trial)
{
	const struct pot *pot = trial->shared;
	uint64_t sent = 0, got = 0, count = 0, disorder = 0;

	for (unsigned i = 0; i < trial->work->members; i++) {
		sent += pot->sent_sum[i];
		got += pot->tally[i].sum;
		count += pot->tally[i].count;
		disorder += pot->tally[i].disorder;
	}
	if (count != trial->amount || sent != got)
		trial_fault(trial, "other items came out than went in");
	if (disorder)
		trial_fault(trial, "%llu items came out of order, or torn",
			    (unsigned long long)disorder);
}

/* stall */

static void note_gap(struct pot *pot, unsigned index, int64_t begin,
		     int64_t end)
{
	if (end - begin > GAP_NS && pot->gap_count[index] < GAPS_MAX)
		pot->gap[index][pot->gap_count[index]++] =
			(struct gap){ begin, end };
}

static void count_value(struct tally *tally, uint64_t value)
{
	uint64_t *last = &tally->last[value >> PRODUCER_SHIFT &
				      (PRODUCERS_MAX - 1)];

	tally->disorder += value <= *last;
	*last = value;
	tally->sum += value;
	tally->count++;
}

/* As consume(), item by item, with an eye on the clock. */
static void consume_watchfully(struct trial *trial, unsigned index)
{
	const struct queue_loops *loops = loops_of(trial);
	struct pot *pot = trial->shared;
	struct tally *tally = &pot->tally[index];
	int64_t last_ns = trial->member[index].begin_ns, now;
	uint64_t item[ITEM_WORDS_MAX], n;

	while ((n = take_share(&pot->to_receive))) {
		for (; n; n--) {
			unsigned times = 0;

			while (!loops->pop(trial->member[index].mine[0], item))
				relax(&times);
			now = now_ns();
			note_gap(pot, index, last_ns, now);
			last_ns = now;
			count_value(tally, item[0]);
		}
	}
	/* Done for good: from here on only the others' gaps count. */
	note_gap(pot, index, last_ns, INT64_MAX);
}

/* The longest time that lies in a gap of each of two consumers. */
static int64_t common_gap(const struct pot *pot, unsigned one, unsigned other)
{
	const struct gap *a = pot->gap[one], *b = pot->gap[other];
	const struct gap *a_end = a + pot->gap_count[one];
	const struct gap *b_end = b + pot->gap_count[other];
	int64_t longest = 0;

	while (a < a_end && b < b_end) {
		int64_t begin = a->begin_ns > b->begin_ns ? a->begin_ns
							  : b->begin_ns;
		int64_t end = a->end_ns < b->end_ns ? a->end_ns : b->end_ns;

		if (end != INT64_MAX && end - begin > longest)
			longest = end - begin;
		if (a->end_ns < b->end_ns)
			a++;
		else
			b++;
	}
	return longest;
}

/* round trips */

static void pause_before_next(int64_t idle_ns)
{
	int64_t until = now_ns() + idle_ns;

	while (now_ns() < until)
		pause_core();
}

static void hand_off(struct trial *trial, void **mine)
{
	const struct queue_loops *loops = loops_of(trial);
	int64_t idle_ns = row_of(trial->work)->idle_ns, began;
	uint64_t item[ITEM_WORDS_MAX] = { 0 }, got[ITEM_WORDS_MAX];
	struct pot *pot = trial->shared;
	unsigned times = 0;

	for (uint64_t i = 1; i <= trial->amount; i++) {
		if (idle_ns)
			pause_before_next(idle_ns);
		began = idle_ns ? now_ns() : 0;
		item[0] = i;
		while (!loops->push(mine[0], item))
			relax(&times);
		while (!loops->wait(mine[1], got))
			;
		pot->wrong += got[0] != i;
		if (idle_ns && pot->sample_count < SAMPLES_MAX)
			pot->sample[pot->sample_count++] = now_ns() - began;
	}
}

static void hand_back(struct trial *trial, void **mine)
{
	const struct queue_loops *loops = loops_of(trial);
	uint64_t item[ITEM_WORDS_MAX] = { 0 };
	unsigned times = 0;

	for (uint64_t i = 0; i < trial->amount; i++) {
		while (!loops->wait(mine[1], item))
			;
		while (!loops->push(mine[0], item))
			relax(&times);
	}
}

/* what the rows share */

static void run_pairs(struct trial *trial)
{
	struct pot *pot = trial->shared;

	counters_begin(&pot->counters);
	pot->wrong = loops_of(trial)->pairs(trial->member[0].mine[0],
					    trial->amount);
	counters_end(&pot->counters);
}

static void run(struct trial *trial, unsigned index)
{
	const struct queue_row *row = row_of(trial->work);
	const struct queue_loops *loops = loops_of(trial);
	struct pot *pot = trial->shared;
	void **mine = trial->member[index].mine;

	if (row->pattern == PAIRS)
		run_pairs(trial);
	else if (row->pattern == PING && index == 0)
		pot->wrong = loops->ping(mine[0], mine[1], trial->amount);
	else if (row->pattern == PING)
		loops->pong(mine[1], mine[0], trial->amount);
	else if (row->pattern == HAND_OFF)
		(index == 0 ? hand_off : hand_back)(trial, mine);
	else if (index < row->shape.producers)
		produce(trial, index);
	else if (row->pattern == STALL)
		consume_watchfully(trial, index);
	else
		consume(trial, index);
}

static int compare(const void *left, const void *right)
{
	int64_t l = *(const int64_t *)left, r = *(const int64_t *)right;

	return (l > r) - (l < r);
}

static double value(struct trial *trial)
{
	const struct queue_row *row = row_of(trial->work);
	struct pot *pot = trial->shared;
	double ns_each = (double)trial_ns(trial) / (double)trial->amount;

	if (pot->wrong)
		trial_fault(trial, "%llu answers were not what was sent",
			    (unsigned long long)pot->wrong);
	if (row->pattern == FLOW || row->pattern == STALL)
		check_flow(trial);
	switch (row->pattern) {
	case FLOW:
		return 1000 / ns_each; /* million items a second */
	case STALL:
		return (double)common_gap(pot, 2, 3) / 1e6;
	case HAND_OFF:
		if (!row->idle_ns)
			return ns_each / 1000;
		qsort(pot->sample, pot->sample_count, sizeof(pot->sample[0]),
		      compare);
		return (double)pot->sample[pot->sample_count / 2] / 1000;
	default:
		return ns_each;
	}
}

static void extra(struct trial *trial, char *text, size_t size)
{
	const struct pot *pot = trial->shared;

	if (row_of(trial->work)->pattern == PAIRS)
		counters_print(&pot->counters, trial->amount, text, size);
}

/* the rows */

#define FAMILY(row)                                                         \
	.entries = queue_entries, .unfit = unfit, .prepare = prepare,       \
	.clean = clean, .open = open_ends, .run = run, .close = close_ends, \
	.value = value, .extra = extra, .family = &(row)

#define RATE .unit = "M/s", .seconds = 1
#define TIME(of) .unit = of, .less_is_better = true, .seconds = 1
#define TRIP(of) TIME(of), .trips = 100
#define LONG .unit = "ms", .less_is_better = true, .seconds = 4

#define ROW static const struct queue_row

ROW flow_8_1024 = { FLOW, { 8, 1024, 1, 1, false, false }, 0 };
ROW flow_8_65536 = { FLOW, { 8, 65536, 1, 1, false, false }, 0 };
ROW flow_64_1024 = { FLOW, { 64, 1024, 1, 1, false, false }, 0 };
ROW flow_64_65536 = { FLOW, { 64, 65536, 1, 1, false, false }, 0 };
ROW batch_8_1024 = { FLOW, { 8, 1024, 1, 1, true, false }, 0 };
ROW batch_8_65536 = { FLOW, { 8, 65536, 1, 1, true, false }, 0 };
ROW batch_64_1024 = { FLOW, { 64, 1024, 1, 1, true, false }, 0 };
ROW batch_64_65536 = { FLOW, { 64, 65536, 1, 1, true, false }, 0 };
ROW pairs_8 = { PAIRS, { 8, 1024, 1, 1, false, false }, 0 };
ROW pairs_64 = { PAIRS, { 64, 1024, 1, 1, false, false }, 0 };
ROW trip_8 = { PING, { 8, 1024, 1, 1, false, false }, 0 };
ROW many_8_1024 = { FLOW, { 8, 1024, 2, 2, false, false }, 0 };
ROW many_8_65536 = { FLOW, { 8, 65536, 2, 2, false, false }, 0 };
ROW stall_8 = { STALL, { 8, 1024, 2, 2, false, false }, 0 };
ROW hand_off_busy = { HAND_OFF, { 8, 1024, 1, 1, false, true }, 0 };
ROW hand_off_idle = { HAND_OFF, { 8, 1024, 1, 1, false, true }, 200000 };

const struct work queue_works[] = {
	{ .name = "1p1c-8-1024",
	  .words = "1 producer, 1 consumer; 8 bytes, capacity 1024",
	  RATE, .goal = 75, .members = 2, .cores = { 0, 1 },
	  FAMILY(flow_8_1024) },
	{ .name = "1p1c-8-65536",
	  .words = "the same, capacity 65536",
	  RATE, .goal = 120, .members = 2, .cores = { 0, 1 },
	  FAMILY(flow_8_65536) },
	{ .name = "1p1c-64-1024",
	  .words = "the same, 64 bytes, capacity 1024",
	  RATE, .goal = 35, .members = 2, .cores = { 0, 1 },
	  FAMILY(flow_64_1024) },
	{ .name = "1p1c-64-65536",
	  .words = "the same, 64 bytes, capacity 65536",
	  RATE, .goal = 80, .members = 2, .cores = { 0, 1 },
	  FAMILY(flow_64_65536) },
	{ .name = "batch-8-1024",
	  .words = "in batches of 32; 8 bytes, capacity 1024",
	  RATE, .goal = 300, .members = 2, .cores = { 0, 1 },
	  FAMILY(batch_8_1024) },
	{ .name = "batch-8-65536",
	  .words = "the same, capacity 65536",
	  RATE, .goal = 300, .members = 2, .cores = { 0, 1 },
	  FAMILY(batch_8_65536) },
	{ .name = "batch-64-1024",
	  .words = "the same, 64 bytes, capacity 1024",
	  RATE, .members = 2, .cores = { 0, 1 },
	  FAMILY(batch_64_1024) },
	{ .name = "batch-64-65536",
	  .words = "the same, 64 bytes, capacity 65536",
	  RATE, .members = 2, .cores = { 0, 1 },
	  FAMILY(batch_64_65536) },
	{ .name = "pair-8",
	  .words = "push and pop in one process, 8 bytes",
	  TIME("ns"), .goal = 6, .members = 1, .cores = { 0 },
	  FAMILY(pairs_8) },
	{ .name = "pair-64",
	  .words = "the same, 64 bytes",
	  TIME("ns"), .members = 1, .cores = { 0 },
	  FAMILY(pairs_64) },
	{ .name = "trip-8",
	  .words = "round trip over two queues, 8 bytes",
	  TRIP("ns"), .goal = 160, .members = 2, .cores = { 0, 1 },
	  FAMILY(trip_8) },
	{ .name = "2p2c-8-1024",
	  .words = "2 producers, 2 consumers on 2 cores; 8 bytes",
	  RATE, .goal = 60, .members = 4, .cores = { 0, 1, 0, 1 },
	  FAMILY(many_8_1024) },
	{ .name = "2p2c-8-65536",
	  .words = "the same, capacity 65536",
	  RATE, .goal = 60, .members = 4, .cores = { 0, 1, 0, 1 },
	  FAMILY(many_8_65536) },
	{ .name = "stall-8",
	  .words = "the same, 1024: longest time no item comes out",
	  LONG, .goal = 1, .members = 4, .cores = { 0, 1, 0, 1 },
	  FAMILY(stall_8) },
	{ .name = "handoff-busy",
	  .words = "round trip, both sleep, one right after the other",
	  TRIP("us"), .goal = 1, .members = 2, .cores = { 0, 1 },
	  FAMILY(hand_off_busy) },
	{ .name = "handoff-idle",
	  .words = "the same, 200 us of rest before each",
	  TRIP("us"), .goal = 38, .members = 2, .cores = { 0, 1 },
	  FAMILY(hand_off_idle) },
	{ .name = "handoff-core",
	  .words = "the same without rest, both on one core",
	  TRIP("us"), .goal = 5, .members = 2, .cores = { 0, 0 },
	  FAMILY(hand_off_busy) },
	{ .name = NULL },
};
