/* SPDX-License-Identifier: MIT */
/* Concurrency Kit's ring: one to one, and many to many. */
#include "../queue_loops.h"
#include "../queue_peers.h"

#include <ck_ring.h>

struct item8 {
	uint64_t word[1];
};

struct item64 {
	uint64_t word[8];
};

CK_RING_PROTOTYPE(item8, item8)
CK_RING_PROTOTYPE(item64, item64)

/* The ring, and behind it the slots. */
struct queue {
	ck_ring_t ring;
	_Alignas(64) unsigned char slots[];
};

/* It holds one less. */
static void *create(const struct queue_shape *shape)
{
	struct queue *queue = shared_new(sizeof(*queue) +
					 shape->capacity * shape->item_bytes);

	ck_ring_init(&queue->ring, (unsigned)shape->capacity);
	return queue;
}

static void *open_end(void *queue, enum queue_role role)
{
	(void)role;
	return queue;
}

static void close_end(void *end)
{
	(void)end;
}

#define OPERATIONS(kind, item)                                              \
	static inline bool push_##kind##_##item(void *end, const void *from) \
	{                                                                   \
		struct queue *queue = end;                                  \
		struct item copy = *(const struct item *)from;              \
                                                                            \
		return ck_ring_enqueue_##kind##_##item(                     \
			&queue->ring, (struct item *)(void *)queue->slots,  \
			&copy);                                             \
	}                                                                   \
	static inline bool pop_##kind##_##item(void *end, void *to)         \
	{                                                                   \
		struct queue *queue = end;                                  \
                                                                            \
		return ck_ring_dequeue_##kind##_##item(                     \
			&queue->ring, (struct item *)(void *)queue->slots,  \
			to);                                                \
	}                                                                   \
	QUEUE_LOOPS(kind##_##item, sizeof(struct item),                     \
		    push_##kind##_##item, pop_##kind##_##item, NULL)

OPERATIONS(spsc, item8)
OPERATIONS(spsc, item64)
OPERATIONS(mpmc, item8)
OPERATIONS(mpmc, item64)

static const struct queue_loops *spsc_loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &spsc_item8 : &spsc_item64;
}

static const struct queue_loops *mpmc_loops(const struct queue_shape *shape)
{
	return shape->item_bytes == 8 ? &mpmc_item8 : &mpmc_item64;
}

static const char *unfit(const struct queue_shape *shape)
{
	return one_to_one(shape) ? NULL : ONE_TO_ONE_ONLY;
}

#define LIFE .create = create, .destroy = shared_free, .open = open_end, \
	     .close = close_end

static const struct queue_peer spsc = {
	LIFE, .unfit = unfit, .loops = spsc_loops
};
static const struct queue_peer mpmc = { LIFE, .loops = mpmc_loops };

const struct candidate queue_ck_spsc = {
	.name = "ck-spsc", .package = "libck-dev", .family = &spsc,
	.note = "one producer, one consumer"
};

const struct candidate queue_ck_mpmc = {
	.name = "ck-mpmc", .package = "libck-dev", .family = &mpmc
};
