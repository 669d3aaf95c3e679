/* SPDX-License-Identifier: MIT */
/*
 * The works of channels: one process sends, another receives, and each waits
 * for the other. With several channels the sender takes another one each time,
 * and the receiver waits for all of them.
 */
#include "channel.h"

#include "clock.h"

struct channel_row {
	unsigned channels;
};

struct pot {
	void *shared;
	uint64_t wrong[2];
};

static unsigned channels_of(const struct trial *trial)
{
	return ((const struct channel_row *)trial->work->family)->channels;
}

static const struct channel_peer *peer_of(const struct trial *trial)
{
	return trial->candidate->family;
}

static const char *unfit(const struct work *work,
			 const struct candidate *candidate)
{
	(void)work;
	(void)candidate;
	return NULL;
}

static void prepare(struct trial *trial)
{
	struct pot *pot = shared_new(sizeof(*pot));

	trial->shared = pot;
	pot->shared = peer_of(trial)->create(channels_of(trial));
}

static void clean(struct trial *trial)
{
	struct pot *pot = trial->shared;

	peer_of(trial)->destroy(pot->shared);
	shared_free(pot);
}

static void open_end(struct trial *trial, unsigned index)
{
	struct pot *pot = trial->shared;

	trial->member[index].mine[0] =
		peer_of(trial)->open(pot->shared, channels_of(trial));
}

static void close_end(struct trial *trial, unsigned index)
{
	peer_of(trial)->close(trial->member[index].mine[0]);
}

static void run(struct trial *trial, unsigned index)
{
	const struct channel_peer *peer = peer_of(trial);
	void *end = trial->member[index].mine[0];
	uint64_t value, n = trial->amount;
	struct pot *pot = trial->shared;

	/* 37 and the numbers of channels have no divisor in common. */
	for (value = 1; value <= n; value++)
		if (index == 0)
			pot->wrong[0] += !peer->send(
				end, (unsigned)(value * 37) %
					     channels_of(trial), value);
		else
			pot->wrong[1] += peer->recv(end) != value;
}

static double value(struct trial *trial)
{
	const struct pot *pot = trial->shared;

	if (pot->wrong[0] + pot->wrong[1])
		trial_fault(trial, "%llu times it was not what was sent",
			    (unsigned long long)(pot->wrong[0] +
						 pot->wrong[1]));
	return (double)trial_ns(trial) / (double)trial->amount / 1000;
}

#define FAMILY(row)                                                         \
	.unit = "us", .less_is_better = true, .seconds = 1, .trips = 100,   \
	.members = 2, .entries = channel_entries, .unfit = unfit,           \
	.prepare = prepare, .clean = clean, .open = open_end, .run = run,   \
	.close = close_end, .value = value, .family = &(row)

static const struct channel_row one = { 1 };
static const struct channel_row two = { 2 };
static const struct channel_row sixteen = { 16 };
static const struct channel_row hundred = { 100 };

const struct work channel_works[] = {
	{ .name = "meet",
	  .words = "an element is handed over, without a buffer",
	  .cores = { 0, 1 }, FAMILY(one) },
	{ .name = "meet-core",
	  .words = "the same, both on one core",
	  .cores = { 0, 0 }, FAMILY(one) },
	{ .name = "select-2",
	  .words = "the same, and the receiver waits for 2 channels",
	  .cores = { 0, 1 }, FAMILY(two) },
	{ .name = "select-16",
	  .words = "the same, for 16 channels",
	  .cores = { 0, 1 }, FAMILY(sixteen) },
	{ .name = "select-100",
	  .words = "the same, for 100 channels",
	  .cores = { 0, 1 }, FAMILY(hundred) },
	{ .name = NULL },
};

const struct entry channel_entries[] = {
	{ "zeroipc", NULL, &channel_zeroipc },
	{ "pipe", NULL, &channel_pipe },
	{ "eventfd+shm", NULL, &channel_eventfd },
	{ "socketpair", NULL, &channel_socket },
	{ NULL, NULL, NULL },
};
