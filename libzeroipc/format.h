/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a segment, format version 3; docs/format.md is the authority,
 * and a test holds this file against its tables.
 *
 * Little-endian. The unit of space is the line of 64 bytes: offsets and sizes
 * in the table count lines. Inside a block they count bytes.
 *
 * Fields that change after they were committed are _Atomic; all others are
 * written once, before the commit that makes them visible.
 */
#ifndef ZIPC_FORMAT_H
#define ZIPC_FORMAT_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define ZIPC_MAGIC 0x4D50495Au /* "ZIPM" */
#define ZIPC_VERSION 3u
#define ZIPC_LINE 64u

#define ZIPC_DEFAULT_ENTRIES 256u
#define ZIPC_MOST_ENTRIES 65536u
#define ZIPC_DEFAULT_PARTICIPANTS 128u
#define ZIPC_MOST_PARTICIPANTS 4096u
#define ZIPC_MOST_BYTES ((uint64_t)UINT32_MAX * ZIPC_LINE)

#define ZIPC_AT(type, field, offset)                                         \
	static_assert(offsetof(struct type, field) == (offset),              \
		      #type "." #field " is not where the format has it")

/* zipc_header.options */
#define ZIPC_OPTION_SYMMETRIC 1u /* full fences on both sides, no membarrier */
#define ZIPC_OPTION_SPARSE 2u    /* create reserves no memory */
#define ZIPC_OPTIONS_KNOWN 3u

struct zipc_header {
	uint32_t magic;                /* 0x00 */
	uint32_t version;              /* 0x04 */
	_Atomic uint64_t table_state;  /* 0x08 count | next_offset << 32 */
	uint32_t max_entries;          /* 0x10 */
	uint32_t format_word;          /* 0x14 sizes, see ZIPC_FORMAT_WORD */
	uint64_t size_bytes;           /* 0x18 of the whole file */
	uint64_t segment_id;           /* 0x20 random */
	uint32_t participants_offset;  /* 0x28 lines */
	uint32_t max_participants;     /* 0x2C */
	uint64_t created_ns;           /* 0x30 since 1970 */
	uint32_t options;              /* 0x38 ZIPC_OPTION_* */
	_Atomic uint32_t creator;      /* 0x3C participant + 1, or 0 */
};
ZIPC_AT(zipc_header, table_state, 0x08);
ZIPC_AT(zipc_header, max_entries, 0x10);
ZIPC_AT(zipc_header, format_word, 0x14);
ZIPC_AT(zipc_header, size_bytes, 0x18);
ZIPC_AT(zipc_header, segment_id, 0x20);
ZIPC_AT(zipc_header, participants_offset, 0x28);
ZIPC_AT(zipc_header, max_participants, 0x2C);
ZIPC_AT(zipc_header, created_ns, 0x30);
ZIPC_AT(zipc_header, options, 0x38);
ZIPC_AT(zipc_header, creator, 0x3C);
static_assert(sizeof(struct zipc_header) == 64, "header is one line");

/* The table follows the header: max_entries of these. */
struct zipc_entry {
	_Alignas(8) char name[32]; /* 0x00 31 bytes and NUL */
	_Atomic uint64_t extent;   /* 0x20 offset | size << 32, see entry.h */
};
ZIPC_AT(zipc_entry, extent, 0x20);
static_assert(sizeof(struct zipc_entry) == 40, "entry is 40 bytes");

/*
 * Behind the table, for each entry, who uses its structure: bit p % 64 of word
 * p / 64 is participant p's; see use.h.
 */
struct zipc_users {
	_Atomic uint64_t lives;  /* 0x00 structures that the entry has had */
	_Atomic uint64_t bits[]; /* 0x08 */
};
ZIPC_AT(zipc_users, bits, 0x08);

/*
 * One attached process. Its life is a lock on the byte ZIPC_LIFE_BYTE + index
 * of the file; see participant.c.
 */
struct zipc_participant {
	_Atomic uint32_t incarnation;    /* 0x00 grows with each owner */
	_Atomic uint32_t pid;            /* 0x04 as its namespace counts */
	_Atomic uint64_t start_ticks;    /* 0x08 field 22 of /proc/PID/stat */
	_Atomic uint64_t since_ns;       /* 0x10 since 1970 */
	_Atomic uint32_t pid_namespace;  /* 0x18 inode of /proc/PID/ns/pid */
	_Atomic uint32_t uid;            /* 0x1C effective */
	_Atomic uint64_t name[2];        /* 0x20 16 bytes, NUL-padded */
	uint64_t reserved[2];            /* 0x30 zero */
};
ZIPC_AT(zipc_participant, pid, 0x04);
ZIPC_AT(zipc_participant, start_ticks, 0x08);
ZIPC_AT(zipc_participant, since_ns, 0x10);
ZIPC_AT(zipc_participant, pid_namespace, 0x18);
ZIPC_AT(zipc_participant, uid, 0x1C);
ZIPC_AT(zipc_participant, name, 0x20);
static_assert(sizeof(struct zipc_participant) == 64, "participant is a line");

#define ZIPC_LIFE_BYTE (INT64_C(1) << 62)

/*
 * A value with a turn that only grows, changed only by a compare-and-swap of
 * all 16 bytes; see cell.h.
 */
struct zipc_cell {
	_Alignas(16) _Atomic uint64_t turn; /* 0x00 */
	_Atomic uint64_t value;             /* 0x08 */
};
ZIPC_AT(zipc_cell, value, 0x08);
static_assert(sizeof(struct zipc_cell) == 16, "a cell is 16 bytes");

/* A word to sleep on; see wait.c. */
struct zipc_event_word {
	_Atomic uint32_t word;       /* 0x00 counts, CROWD, SLEEPERS */
	_Atomic uint32_t nappers[2]; /* 0x04 milliseconds, or 0: free */
	_Atomic uint32_t late_wakes; /* 0x0C naps that ended and found work */
};
ZIPC_AT(zipc_event_word, nappers, 0x04);
ZIPC_AT(zipc_event_word, late_wakes, 0x0C);
static_assert(sizeof(struct zipc_event_word) == 16, "event is 16 bytes");

/* zipc_block.flags: who finds one that it does not know refuses the block */
#define ZIPC_FLAG_LEASES 1u /* of a Queue: it has takers, see lease.h */

/* Every structure's block opens with these two lines. */
struct zipc_block {
	/* the descriptor: constant once committed */
	uint32_t kind;         /* 0x00 enum zipc_kind */
	uint32_t generation;   /* 0x04 */
	uint64_t elem_size;    /* 0x08 bytes */
	uint64_t capacity;     /* 0x10 elements */
	uint32_t flags;        /* 0x18 ZIPC_FLAG_*, by kind */
	uint32_t name_check;   /* 0x1C FNV-1a of the name */
	uint32_t type_offset;  /* 0x20 bytes from the block's start */
	uint32_t type_length;  /* 0x24 bytes, without the NUL */
	uint64_t body_offset;  /* 0x28 bytes from the block's start */
	uint64_t body_bytes;   /* 0x30 */
	uint64_t reserved;     /* 0x38 zero */
	/* waiting: written only by who sleeps, and who wakes it */
	struct zipc_event_word readable; /* 0x40 waits for an element */
	struct zipc_event_word writable; /* 0x50 waits for room */
	uint64_t reserved_too[4];   /* 0x60 zero */
};
ZIPC_AT(zipc_block, generation, 0x04);
ZIPC_AT(zipc_block, elem_size, 0x08);
ZIPC_AT(zipc_block, capacity, 0x10);
ZIPC_AT(zipc_block, flags, 0x18);
ZIPC_AT(zipc_block, name_check, 0x1C);
ZIPC_AT(zipc_block, type_offset, 0x20);
ZIPC_AT(zipc_block, type_length, 0x24);
ZIPC_AT(zipc_block, body_offset, 0x28);
ZIPC_AT(zipc_block, body_bytes, 0x30);
ZIPC_AT(zipc_block, readable, 0x40);
ZIPC_AT(zipc_block, writable, 0x50);
static_assert(sizeof(struct zipc_block) == 128, "block header is two lines");

/*
 * The place ring, body of a Queue; see place_ring.c. Positions run free from 1
 * and never wrap (62 bits); the slot of position p is p modulo slots. All zero
 * but for head and tail, which begin at 1, is an empty ring.
 */
struct zipc_place_ring {
	/* constant */
	uint64_t slots;          /* 0x00 at least capacity + writers */
	uint32_t slot_bytes;     /* 0x08 8 + elem_size rounded up to 8 */
	uint32_t writers;        /* 0x0C records */
	uint64_t writers_offset; /* 0x10 bytes from the body's start */
	uint64_t slots_offset;   /* 0x18 bytes from the body's start */
	uint32_t takers;         /* 0x20 records; 0: no leases */
	uint32_t taker_bytes;    /* 0x24 of each */
	uint64_t takers_offset;  /* 0x28 bytes from the body's start */
	uint64_t stream_offset;  /* 0x30 bytes; 0: it is no Stream */
	uint64_t reserved;       /* 0x38 zero */
	/* written by consumers */
	_Atomic uint64_t head;   /* 0x40 next position to take */
	_Atomic uint64_t taken;  /* 0x48 position << 10 | record: last take */
	_Atomic uint64_t given;  /* 0x50 grows when a lease becomes free */
	uint64_t head_line[5];
	/* written by who settles */
	_Atomic uint64_t verdict;  /* 0x80 position << 2 | state */
	_Atomic uint64_t active;   /* 0x88 epoch << 1 | up */
	_Atomic uint32_t patience; /* 0x90 doublings */
	uint32_t reserved_too;     /* 0x94 zero */
	_Atomic uint64_t given_up; /* 0x98 the last position that was */
	uint64_t settle_line[4];
	/* written by producers */
	_Atomic uint64_t tail;   /* 0xC0 next to claim | ZIPC_TAIL_CLOSED */
	uint64_t tail_line[7];
};
ZIPC_AT(zipc_place_ring, slot_bytes, 0x08);
ZIPC_AT(zipc_place_ring, writers, 0x0C);
ZIPC_AT(zipc_place_ring, writers_offset, 0x10);
ZIPC_AT(zipc_place_ring, slots_offset, 0x18);
ZIPC_AT(zipc_place_ring, takers, 0x20);
ZIPC_AT(zipc_place_ring, taker_bytes, 0x24);
ZIPC_AT(zipc_place_ring, takers_offset, 0x28);
ZIPC_AT(zipc_place_ring, stream_offset, 0x30);
ZIPC_AT(zipc_place_ring, reserved, 0x38);
ZIPC_AT(zipc_place_ring, head, 0x40);
ZIPC_AT(zipc_place_ring, taken, 0x48);
ZIPC_AT(zipc_place_ring, given, 0x50);
ZIPC_AT(zipc_place_ring, verdict, 0x80);
ZIPC_AT(zipc_place_ring, active, 0x88);
ZIPC_AT(zipc_place_ring, patience, 0x90);
ZIPC_AT(zipc_place_ring, given_up, 0x98);
ZIPC_AT(zipc_place_ring, tail, 0xC0);
static_assert(sizeof(struct zipc_place_ring) == 256, "ring is four lines");

/* One line per writer, from writers_offset. */
struct zipc_writer {
	_Atomic uint64_t holder; /* 0x00 see participant.h; 0: free */
	_Atomic uint64_t claim;  /* 0x08 position << 10 | count << 2 | state */
	uint64_t reserved[6];    /* 0x10 zero */
};
ZIPC_AT(zipc_writer, claim, 0x08);
static_assert(sizeof(struct zipc_writer) == 64, "writer is a line");

/* zipc_taker.lease, its low two bits */
enum zipc_lease_state { ZIPC_NO_LEASE, ZIPC_TAKING, ZIPC_TAKEN };

/*
 * taker_bytes for each lease that there may be, from takers_offset; see
 * lease.h.
 */
struct zipc_taker {
	_Atomic uint64_t holder;    /* 0x00 see participant.h; 0: nobody */
	_Atomic uint64_t lease;     /* 0x08 position << 2 | state */
	_Atomic uint32_t attempts;  /* 0x10 leases on its element so far */
	uint32_t reserved;          /* 0x14 zero */
	_Atomic uint64_t element[]; /* 0x18 */
};
ZIPC_AT(zipc_taker, lease, 0x08);
ZIPC_AT(zipc_taker, attempts, 0x10);
ZIPC_AT(zipc_taker, element, 0x18);

/*
 * A Stream's, from stream_offset; see stream.h. All zero but for the constants,
 * wanted and hold, which begin at 1, is an empty stream.
 */
#define ZIPC_STREAM_STAMPS 1u  /* options: each element has its time */
#define ZIPC_STREAM_DERIVED 2u /* it is derived, and each has its number */

struct zipc_stream_words {
	/* constant */
	uint32_t policy;         /* 0x00 enum zipc_stream_policy */
	uint32_t options;        /* 0x04 ZIPC_STREAM_STAMPS, _DERIVED */
	uint32_t subscriptions;  /* 0x08 records */
	uint32_t reserved;       /* 0x0C zero */
	uint64_t subscriptions_offset; /* 0x10 bytes from the body's start */
	uint64_t derivation_offset;    /* 0x18 likewise; 0: it is not derived */
	uint64_t constants[4];
	/* written by producers, where subscriptions hold them back */
	_Atomic uint64_t hold;    /* 0x40 no position before it is held */
	_Atomic uint64_t wanted;  /* 0x48 where hold is about to go */
	_Atomic uint64_t dropped; /* 0x50 elements that were not taken */
	uint64_t hold_line[5];
};
ZIPC_AT(zipc_stream_words, options, 0x04);
ZIPC_AT(zipc_stream_words, subscriptions, 0x08);
ZIPC_AT(zipc_stream_words, reserved, 0x0C);
ZIPC_AT(zipc_stream_words, subscriptions_offset, 0x10);
ZIPC_AT(zipc_stream_words, derivation_offset, 0x18);
ZIPC_AT(zipc_stream_words, hold, 0x40);
ZIPC_AT(zipc_stream_words, wanted, 0x48);
ZIPC_AT(zipc_stream_words, dropped, 0x50);
static_assert(sizeof(struct zipc_stream_words) == 128, "it is two lines");

/* One line per named subscription, from subscriptions_offset. */
struct zipc_subscription_record {
	_Atomic uint64_t holder;   /* 0x00 see participant.h; 0: nobody now */
	_Atomic uint64_t position; /* 0x08 what it reads next; 0: it is free */
	_Atomic uint64_t lost;     /* 0x10 elements that passed it by */
	_Atomic uint64_t maker;    /* 0x18 who is deriving by it just now */
	_Atomic uint64_t name[4];  /* 0x20 31 bytes and NUL */
};
ZIPC_AT(zipc_subscription_record, position, 0x08);
ZIPC_AT(zipc_subscription_record, lost, 0x10);
ZIPC_AT(zipc_subscription_record, maker, 0x18);
ZIPC_AT(zipc_subscription_record, name, 0x20);
static_assert(sizeof(struct zipc_subscription_record) == 64, "it is a line");

/*
 * The holder of a subscription that belongs to a derived stream: this bit, the
 * number of that structure among those its entry has had, and the entry.
 */
#define ZIPC_HELD_BY_STREAM (UINT64_C(1) << 63)
#define ZIPC_HELD_ENTRY_BITS 17u

/*
 * What makes a Stream derived, from derivation_offset; see derive.h. Sources
 * follow, then the flow, its text, and two buffers for each writer.
 */
#define ZIPC_DERIVED_FOR_DAEMON 1u /* flags */
#define ZIPC_DERIVED_ON_DEMAND 2u  /* who reads, and finds nothing, drives */

struct zipc_derivation {
	/* constant */
	uint64_t flow_offset;    /* 0x00 bytes from the body's start */
	uint32_t flow_bytes;     /* 0x08 */
	uint32_t text_length;    /* 0x0C behind the flow, and a NUL */
	uint64_t buffers_offset; /* 0x10 bytes from the body's start */
	uint64_t buffer_bytes;   /* 0x18 of each */
	uint32_t sources;        /* 0x20 */
	uint32_t state_bytes;    /* 0x24 */
	uint32_t room;           /* 0x28 results in a buffer, at most */
	uint32_t flags;          /* 0x2C ZIPC_DERIVED_.. */
	uint64_t reserved[2];    /* 0x30 zero */
	/* written by drivers */
	_Atomic uint64_t current; /* 0x40 batch << 8 | its buffer */
	_Atomic uint64_t emitted; /* 0x48 results, at least */
	_Atomic uint64_t lease;   /* 0x50 epoch << 16 | writer + 1; or 0 */
	uint64_t drive_line[5];
};
ZIPC_AT(zipc_derivation, flow_bytes, 0x08);
ZIPC_AT(zipc_derivation, text_length, 0x0C);
ZIPC_AT(zipc_derivation, buffers_offset, 0x10);
ZIPC_AT(zipc_derivation, buffer_bytes, 0x18);
ZIPC_AT(zipc_derivation, sources, 0x20);
ZIPC_AT(zipc_derivation, state_bytes, 0x24);
ZIPC_AT(zipc_derivation, room, 0x28);
ZIPC_AT(zipc_derivation, flags, 0x2C);
ZIPC_AT(zipc_derivation, reserved, 0x30);
ZIPC_AT(zipc_derivation, current, 0x40);
ZIPC_AT(zipc_derivation, emitted, 0x48);
ZIPC_AT(zipc_derivation, lease, 0x50);
static_assert(sizeof(struct zipc_derivation) == 128, "it is two lines");

/* A stream that is read, one line each; all of it constant. */
struct zipc_derivation_source {
	char name[32];     /* 0x00 1 to 31 bytes and NUL */
	uint64_t extent;   /* 0x20 its entry's, */
	uint64_t lives;    /* 0x28 and its number among those it has had */
	uint32_t entry;    /* 0x30 */
	uint32_t record;   /* 0x34 the subscription's there */
	uint64_t reserved; /* 0x38 zero */
};
ZIPC_AT(zipc_derivation_source, extent, 0x20);
ZIPC_AT(zipc_derivation_source, lives, 0x28);
ZIPC_AT(zipc_derivation_source, entry, 0x30);
ZIPC_AT(zipc_derivation_source, record, 0x34);
ZIPC_AT(zipc_derivation_source, reserved, 0x38);
static_assert(sizeof(struct zipc_derivation_source) == 64, "it is a line");

/*
 * A buffer begins with this; then the state, results, and their times if they
 * have some.
 */
#define ZIPC_BATCH_ENDS 1u /* flags: no result comes after these */

struct zipc_batch {
	_Atomic uint64_t number; /* 0x00 */
	_Atomic uint64_t first;  /* 0x08 the number of the first result */
	_Atomic uint64_t count;  /* 0x10 results */
	_Atomic uint32_t flags;  /* 0x18 ZIPC_BATCH_ENDS */
	_Atomic uint32_t ended;  /* 0x1C a bit for each source that has */
	_Atomic uint64_t next_ns; /* 0x20 of a clock: no result before */
	uint64_t reserved[3];    /* 0x28 zero */
	_Atomic uint64_t position[8]; /* 0x40 next in each source */
	_Atomic uint64_t lost[8];     /* 0x80 elements of each, so far */
};
ZIPC_AT(zipc_batch, first, 0x08);
ZIPC_AT(zipc_batch, count, 0x10);
ZIPC_AT(zipc_batch, flags, 0x18);
ZIPC_AT(zipc_batch, ended, 0x1C);
ZIPC_AT(zipc_batch, next_ns, 0x20);
ZIPC_AT(zipc_batch, reserved, 0x28);
ZIPC_AT(zipc_batch, position, 0x40);
ZIPC_AT(zipc_batch, lost, 0x80);
static_assert(sizeof(struct zipc_batch) == 192, "three lines");

/*
 * From slots_offset: turn, then the element, padded to 8 bytes, then of a
 * Stream with ZIPC_STREAM_STAMPS its time: nanoseconds since 1970, 8 bytes; and
 * of one with ZIPC_STREAM_DERIVED its number: from 1 on, 8 bytes.
 */
struct zipc_slot {
	_Atomic uint64_t turn;      /* 0x00 the position published here, or 0 */
	_Atomic uint64_t element[]; /* 0x08 */
};
ZIPC_AT(zipc_slot, element, 0x08);

/*
 * The body of a Pool; see pool.h. A cell per object, then what is known of
 * groups of 64 of them, then the objects. All zero but for these constants is a
 * pool of which nothing is taken.
 */
#define ZIPC_POOL_RECLAIMS 1u /* options: who finds nothing free reclaims */
#define ZIPC_POOL_OPTIONS_KNOWN 1u

struct zipc_pool_shape {
	uint64_t stride;         /* 0x00 elem_size rounded up to a line */
	uint32_t options;        /* 0x08 ZIPC_POOL_* */
	uint32_t reserved;       /* 0x0C zero */
	uint64_t cells_offset;   /* 0x10 bytes from the body's start */
	uint64_t full_offset;    /* 0x18 likewise */
	uint64_t notes_offset;   /* 0x20 likewise */
	uint64_t objects_offset; /* 0x28 likewise */
	uint64_t reserved_too[2]; /* 0x30 zero */
};
ZIPC_AT(zipc_pool_shape, options, 0x08);
ZIPC_AT(zipc_pool_shape, cells_offset, 0x10);
ZIPC_AT(zipc_pool_shape, full_offset, 0x18);
ZIPC_AT(zipc_pool_shape, notes_offset, 0x20);
ZIPC_AT(zipc_pool_shape, objects_offset, 0x28);
static_assert(sizeof(struct zipc_pool_shape) == 64, "shape is a line");

/*
 * Body of a Ring; see ring.h. Positions are bytes that were ever written; they
 * begin at 0, are multiples of 8, and the byte of position p lies at p modulo
 * size_bytes of the data. All zero but for the constants is an empty ring.
 */
struct zipc_record_ring {
	/* constant */
	uint64_t size_bytes;     /* 0x00 of the data, a multiple of 64 */
	uint32_t options;        /* 0x08 ZIPC_RING_BACK_PRESSURE */
	uint32_t readers;        /* 0x0C records */
	uint64_t readers_offset; /* 0x10 bytes from the body's start */
	uint64_t data_offset;    /* 0x18 bytes from the body's start */
	uint64_t reserved[4];    /* 0x20 zero */
	/* written by the writer, seldom */
	_Atomic uint64_t oldest; /* 0x40 first position that is whole */
	_Atomic uint64_t wanted; /* 0x48 where it is about to move oldest */
	_Atomic uint64_t writer; /* 0x50 its holder; 0: nobody's place */
	uint64_t seldom_line[5];
	/* written by the writer, with each record */
	_Atomic uint64_t end;     /* 0x80 first position not written | count */
	_Atomic uint64_t records; /* 0x88 that were ever written */
	uint64_t often_line[6];
};
ZIPC_AT(zipc_record_ring, options, 0x08);
ZIPC_AT(zipc_record_ring, readers, 0x0C);
ZIPC_AT(zipc_record_ring, readers_offset, 0x10);
ZIPC_AT(zipc_record_ring, data_offset, 0x18);
ZIPC_AT(zipc_record_ring, oldest, 0x40);
ZIPC_AT(zipc_record_ring, wanted, 0x48);
ZIPC_AT(zipc_record_ring, writer, 0x50);
ZIPC_AT(zipc_record_ring, end, 0x80);
ZIPC_AT(zipc_record_ring, records, 0x88);
static_assert(sizeof(struct zipc_record_ring) == 192, "ring is three lines");

#define ZIPC_RING_BACK_PRESSURE 1u /* zipc_record_ring.options */

/* One line per reader, from readers_offset. */
struct zipc_reader {
	_Atomic uint64_t holder;   /* 0x00 see participant.h; 0: free */
	_Atomic uint64_t position; /* 0x08 what it reads next */
	_Atomic uint64_t lost;     /* 0x10 records that passed it by */
	uint64_t reserved[5];      /* 0x18 zero */
};
ZIPC_AT(zipc_reader, position, 0x08);
ZIPC_AT(zipc_reader, lost, 0x10);
static_assert(sizeof(struct zipc_reader) == 64, "reader is a line");

/* A record: this word, then the bytes, padded to 8. */
#define ZIPC_RECORD_PADDING UINT32_MAX /* as length: up to the data's end */

/*
 * The meeting, body of a Channel of capacity 0; see meeting.h. All zero but for
 * the constants is one that is open, and in which nobody waits.
 */
struct zipc_meeting {
	/* constant */
	uint32_t senders;        /* 0x00 records */
	uint32_t offer_bytes;    /* 0x04 of each offer */
	uint64_t senders_offset; /* 0x08 bytes from the body's start */
	uint64_t offers_offset;  /* 0x10 bytes from the body's start */
	uint64_t reserved[5];    /* 0x18 zero */
	/* written by who sends for the first time, and by who closes */
	_Atomic uint64_t used;   /* 0x40 records that were ever held */
	_Atomic uint64_t closed; /* 0x48 1: it is */
	uint64_t seldom_line[6];
};
ZIPC_AT(zipc_meeting, offer_bytes, 0x04);
ZIPC_AT(zipc_meeting, senders_offset, 0x08);
ZIPC_AT(zipc_meeting, offers_offset, 0x10);
ZIPC_AT(zipc_meeting, used, 0x40);
ZIPC_AT(zipc_meeting, closed, 0x48);
static_assert(sizeof(struct zipc_meeting) == 128, "meeting is two lines");

/* One line per sender, from senders_offset. */
struct zipc_sender {
	_Atomic uint64_t holder; /* 0x00 see participant.h; 0: free */
	_Atomic uint64_t posted; /* 0x08 even, not 0: under another's ticket */
	_Atomic uint64_t where;  /* 0x10 line << 32 | record << 16 | case */
	_Atomic uint64_t wanted; /* 0x18 what that ticket is then */
	_Atomic uint64_t sent;   /* 0x20 that were received */
	uint64_t reserved[3];    /* 0x28 zero */
};
ZIPC_AT(zipc_sender, posted, 0x08);
ZIPC_AT(zipc_sender, where, 0x10);
ZIPC_AT(zipc_sender, wanted, 0x18);
ZIPC_AT(zipc_sender, sent, 0x20);
static_assert(sizeof(struct zipc_sender) == 64, "sender is a line");

/* One per sender, offer_bytes each, from offers_offset. */
struct zipc_offer {
	_Atomic uint64_t ticket;    /* 0x00 epoch << 18 | case << 2 | state */
	struct zipc_event_word event;    /* 0x08 waits for the ticket */
	_Atomic uint64_t element[]; /* 0x18 */
};
ZIPC_AT(zipc_offer, event, 0x08);
ZIPC_AT(zipc_offer, element, 0x18);

/* zipc_place_ring.tail, of a Channel: nothing is sent any more */
#define ZIPC_TAIL_CLOSED (UINT64_C(1) << 63)

#define ZIPC_STACK_MOST ((UINT64_C(1) << 27) - 1) /* capacity */
#define ZIPC_STACK_WRITERS_MOST 4096u

/*
 * The turn stack, body of a Stack; see turn_stack.h. All zero but for what is
 * constant is an empty stack.
 */
struct zipc_turn_stack {
	/* constant; what slots need is 0 when elements are up to 8 bytes */
	uint64_t slots;          /* 0x00 at least capacity + writers, or 0 */
	uint32_t slot_bytes;     /* 0x08 8 + elem_size rounded up to 8, or 0 */
	uint32_t writers;        /* 0x0C records, or 0 */
	uint64_t writers_offset; /* 0x10 bytes from the body's start, or 0 */
	uint64_t cells_offset;   /* 0x18 bytes from the body's start */
	uint64_t slots_offset;   /* 0x20 bytes from the body's start, or 0 */
	uint64_t reserved[3];    /* 0x28 zero */
	/* written by push and pop */
	struct zipc_cell top;    /* 0x40 {turn, PUSHED, index}, value */
	uint64_t top_line[6];
};
ZIPC_AT(zipc_turn_stack, slot_bytes, 0x08);
ZIPC_AT(zipc_turn_stack, writers, 0x0C);
ZIPC_AT(zipc_turn_stack, writers_offset, 0x10);
ZIPC_AT(zipc_turn_stack, cells_offset, 0x18);
ZIPC_AT(zipc_turn_stack, slots_offset, 0x20);
ZIPC_AT(zipc_turn_stack, top, 0x40);
static_assert(sizeof(struct zipc_turn_stack) == 128, "stack is two lines");

/* One line per writer, from writers_offset. */
struct zipc_stack_writer {
	_Atomic uint64_t holder; /* 0x00 see participant.h; 0: free */
	_Atomic uint64_t intent; /* 0x08 position << 32 | slot + 1; 0: none */
	uint64_t reserved[6];    /* 0x10 zero */
};
ZIPC_AT(zipc_stack_writer, intent, 0x08);
static_assert(sizeof(struct zipc_stack_writer) == 64, "writer is a line");

/* From slots_offset: whose it is, then the element, padded to 8 bytes. */
struct zipc_stack_slot {
	_Atomic uint64_t owner;     /* 0x00 turn, position or writer, CLAIMED */
	_Atomic uint64_t element[]; /* 0x08 */
};
ZIPC_AT(zipc_stack_slot, element, 0x08);

/*
 * The hopscotch table, body of a Map and of a Set; see hopscotch.h. There are
 * as many homes as cells. All zero but for the constants is an empty table.
 */
struct zipc_hop {
	/* constant */
	uint64_t cells;          /* 0x00 and homes */
	uint32_t key_bytes;      /* 0x08 exact */
	uint32_t value_bytes;    /* 0x0C exact; 0: a Set */
	uint32_t cell_bytes;     /* 0x10 8, and both rounded up to 8 */
	uint32_t records;        /* 0x14 of who writes */
	uint64_t seed[2];        /* 0x18 random, the second odd */
	uint64_t records_offset; /* 0x28 bytes from the body's start */
	uint64_t homes_offset;   /* 0x30 bytes from the body's start */
	uint64_t cells_offset;   /* 0x38 bytes from the body's start */
	/* hints, written seldom */
	_Atomic uint32_t records_used; /* 0x40 none behind was ever taken */
	_Atomic uint32_t nearly_full;  /* 0x44 1: count before each insert */
	uint64_t reserved[7];
};
ZIPC_AT(zipc_hop, key_bytes, 0x08);
ZIPC_AT(zipc_hop, value_bytes, 0x0C);
ZIPC_AT(zipc_hop, cell_bytes, 0x10);
ZIPC_AT(zipc_hop, records, 0x14);
ZIPC_AT(zipc_hop, seed, 0x18);
ZIPC_AT(zipc_hop, records_offset, 0x28);
ZIPC_AT(zipc_hop, homes_offset, 0x30);
ZIPC_AT(zipc_hop, cells_offset, 0x38);
ZIPC_AT(zipc_hop, records_used, 0x40);
ZIPC_AT(zipc_hop, nearly_full, 0x44);
static_assert(sizeof(struct zipc_hop) == 128, "hop is two lines");

/* One line per handle that writes, from records_offset. */
struct zipc_hop_record {
	_Atomic uint64_t holder;   /* 0x00 see participant.h; 0: free */
	_Atomic uint64_t intent;   /* 0x08 cell + 1 that it takes, or 0 */
	_Atomic uint64_t inserted; /* 0x10 keys, by all its holders */
	_Atomic uint64_t removed;  /* 0x18 keys, by all its holders */
	uint64_t reserved[4];      /* 0x20 zero */
};
ZIPC_AT(zipc_hop_record, intent, 0x08);
ZIPC_AT(zipc_hop_record, inserted, 0x10);
ZIPC_AT(zipc_hop_record, removed, 0x18);
static_assert(sizeof(struct zipc_hop_record) == 64, "hop record is a line");

/* From cells_offset: a word, then key and value, each padded to 8 bytes. */
struct zipc_hop_cell {
	_Atomic uint64_t word;      /* 0x00 turn, record, distance, state */
	_Atomic uint64_t content[]; /* 0x08 */
};
ZIPC_AT(zipc_hop_cell, content, 0x08);

#define ZIPC_PERMITS_MOST 65536u /* of an owned semaphore */
#define ZIPC_PARTIES_MOST 4096u  /* of a barrier */

/*
 * The body of a Semaphore; see semaphore.c. Behind it, if it is owned, stands a
 * word for each permit.
 */
struct zipc_semaphore_body {
	/* constant */
	uint32_t owned;          /* 0x00 1: permits name their holders */
	uint32_t reserved;       /* 0x04 zero */
	uint64_t constants[7];
	/* written by who acquires and releases */
	_Atomic uint64_t permits;   /* 0x40 free ones; owned: 0 */
	uint64_t permits_line[7];
	_Atomic uint64_t holders[]; /* 0x80 turn << 48 | holder, or 0 */
};
ZIPC_AT(zipc_semaphore_body, reserved, 0x04);
ZIPC_AT(zipc_semaphore_body, permits, 0x40);
ZIPC_AT(zipc_semaphore_body, holders, 0x80);
static_assert(sizeof(struct zipc_semaphore_body) == 128, "it is two lines");

/* The body of a Barrier; see barrier.c. */
struct zipc_party {
	/* written by who is the party, or takes it over; see record.h */
	_Atomic uint64_t holder; /* 0x00 see participant.h; 0: free */
	_Atomic uint64_t state;  /* 0x08 round << 2 | what; 0: out */
	uint64_t reserved[6];    /* 0x10 zero */
};
ZIPC_AT(zipc_party, state, 0x08);
static_assert(sizeof(struct zipc_party) == 64, "party is a line");

struct zipc_barrier_body {
	/* written by who ends a round */
	_Atomic uint64_t round;      /* 0x00 complete << 18 | broken */
	uint64_t reserved[7];        /* 0x08 zero */
	struct zipc_party parties[]; /* 0x40 */
};
ZIPC_AT(zipc_barrier_body, parties, 0x40);
static_assert(sizeof(struct zipc_barrier_body) == 64, "it is a line");

/* The body of a Latch; see latch.c. */
struct zipc_latch_body {
	/* written by who counts down */
	_Atomic uint64_t count; /* 0x00 what is left */
	uint64_t reserved[7];   /* 0x08 zero */
};
static_assert(sizeof(struct zipc_latch_body) == 64, "it is a line");

/* The body of an Event; see event.c. */
struct zipc_event_body {
	/* constant */
	uint32_t automatic;     /* 0x00 1: a wait resets it */
	uint32_t reserved;      /* 0x04 zero */
	uint64_t constants[7];
	/* written by who sets, resets, or waits for an automatic one */
	_Atomic uint64_t state; /* 0x40 sets << 1 | set */
	uint64_t state_line[7];
};
ZIPC_AT(zipc_event_body, reserved, 0x04);
ZIPC_AT(zipc_event_body, state, 0x40);
static_assert(sizeof(struct zipc_event_body) == 128, "it is two lines");

/*
 * Who holds a lock, and how often who held it has died. It is where the bodies
 * of Mutex, RWLock and Once begin; the owner is told in lock.h.
 */
struct zipc_owner {
	_Atomic uint64_t owner;  /* 0x00 who, and state; see lock.h */
	_Atomic uint64_t deaths; /* 0x08 owners that died inside */
	_Atomic uint64_t turns;  /* 0x10 how often it was given back */
	/* constant */
	uint32_t waiters_offset; /* 0x18 bytes from the body's start */
	uint32_t waiters;        /* 0x1C records */
};
ZIPC_AT(zipc_owner, deaths, 0x08);
ZIPC_AT(zipc_owner, turns, 0x10);
ZIPC_AT(zipc_owner, waiters_offset, 0x18);
ZIPC_AT(zipc_owner, waiters, 0x1C);
static_assert(sizeof(struct zipc_owner) == 32, "an owner is 32 bytes");

/* zipc_waiter.wanted, its low three bits */
enum zipc_waits_to { ZIPC_TO_HOLD, ZIPC_TO_READ, ZIPC_TO_DRAIN };

#define ZIPC_WAITERS_MOST 4096u

/* One line per sleeper, from waiters_offset; see waiter.h. */
struct zipc_waiter {
	_Atomic uint64_t holder;   /* 0x00 see participant.h; 0: free */
	_Atomic uint64_t wanted;   /* 0x08 who, and what for; 0: not said */
	_Atomic uint64_t since_ns; /* 0x10 CLOCK_MONOTONIC, as the others */
	_Atomic uint64_t owner;    /* 0x18 the lock's, as it was seen */
	_Atomic uint64_t turns;    /* 0x20 the lock's, at that time */
	_Atomic uint64_t seen_ns;  /* 0x28 when it was first seen so */
	uint64_t reserved[2];      /* 0x30 zero */
};
ZIPC_AT(zipc_waiter, wanted, 0x08);
ZIPC_AT(zipc_waiter, since_ns, 0x10);
ZIPC_AT(zipc_waiter, owner, 0x18);
ZIPC_AT(zipc_waiter, turns, 0x20);
ZIPC_AT(zipc_waiter, seen_ns, 0x28);
ZIPC_AT(zipc_waiter, reserved, 0x30);
static_assert(sizeof(struct zipc_waiter) == 64, "waiter is a line");

/* Body of a Mutex; see mutex.c. Records of who waits follow. */
struct zipc_mutex_body {
	/* written by who locks and unlocks */
	struct zipc_owner owner; /* 0x00 */
	uint64_t reserved[4];    /* 0x20 zero */
};
ZIPC_AT(zipc_mutex_body, reserved, 0x20);
static_assert(sizeof(struct zipc_mutex_body) == 64, "a mutex is one line");

#define ZIPC_LOCK_READERS_MOST 4096u

/* Body of a RWLock; see rwlock.c. Records of readers and waiters follow. */
struct zipc_rwlock_body {
	/* written by writers */
	struct zipc_owner owner;   /* 0x00 */
	struct zipc_event_word drained; /* 0x20 a writer waits for readers */
	/* constant */
	uint64_t readers_offset;   /* 0x30 bytes from the body's start */
	uint64_t reserved;         /* 0x38 zero */
};
ZIPC_AT(zipc_rwlock_body, drained, 0x20);
ZIPC_AT(zipc_rwlock_body, readers_offset, 0x30);
ZIPC_AT(zipc_rwlock_body, reserved, 0x38);
static_assert(sizeof(struct zipc_rwlock_body) == 64, "a rwlock is one line");

/* One line per reading handle, from readers_offset: capacity of them. */
struct zipc_lock_reader {
	_Atomic uint64_t holder;  /* 0x00 see participant.h; 0: free */
	_Atomic uint64_t reading; /* 0x08 who reads, as an owner; 0: nobody */
	uint64_t reserved[6];     /* 0x10 zero */
};
ZIPC_AT(zipc_lock_reader, reading, 0x08);
ZIPC_AT(zipc_lock_reader, reserved, 0x10);
static_assert(sizeof(struct zipc_lock_reader) == 64, "reader is a line");

/* Body of a Once; see once.c. Records of who waits follow. */
struct zipc_once_body {
	/* written by who initializes */
	struct zipc_owner owner; /* 0x00 */
	uint64_t reserved[4];    /* 0x20 zero */
};
ZIPC_AT(zipc_once_body, reserved, 0x20);
static_assert(sizeof(struct zipc_once_body) == 64, "a once is one line");

/*
 * A program: the header, then so many of each of the four, then texts; see
 * program_code.h. It may lie anywhere, and is copied before it is looked at.
 */
#define ZIPC_PROGRAM_MAGIC 0x4752505Au /* "ZPRG" */
#define ZIPC_PROGRAM_VERSION 1u

struct zipc_program_header {
	uint32_t magic;          /* 0x00 */
	uint32_t version;        /* 0x04 */
	uint32_t size_bytes;     /* 0x08 of the whole program */
	uint32_t output_bytes;   /* 0x0C of an element of its output */
	uint16_t constants;      /* 0x10 how many */
	uint16_t inputs;         /* 0x12 */
	uint16_t stores;         /* 0x14 */
	uint16_t instructions;   /* 0x16 */
	uint16_t registers;      /* 0x18 those of constants counted */
	uint16_t type_length;    /* 0x1A of the output's */
	uint16_t text_length;    /* 0x1C of the expression */
	uint16_t reserved;       /* 0x1E zero */
};
ZIPC_AT(zipc_program_header, version, 0x04);
ZIPC_AT(zipc_program_header, size_bytes, 0x08);
ZIPC_AT(zipc_program_header, output_bytes, 0x0C);
ZIPC_AT(zipc_program_header, constants, 0x10);
ZIPC_AT(zipc_program_header, inputs, 0x12);
ZIPC_AT(zipc_program_header, stores, 0x14);
ZIPC_AT(zipc_program_header, instructions, 0x16);
ZIPC_AT(zipc_program_header, registers, 0x18);
ZIPC_AT(zipc_program_header, type_length, 0x1A);
ZIPC_AT(zipc_program_header, text_length, 0x1C);
ZIPC_AT(zipc_program_header, reserved, 0x1E);
static_assert(sizeof(struct zipc_program_header) == 32, "half a line");

/* Constant k is what register k holds. */
struct zipc_program_constant {
	uint64_t bits;     /* 0x00 of an i64 or an f64; 0 or 1 of a bool */
	uint32_t class;    /* 0x08 enum zipc_program_class */
	uint32_t reserved; /* 0x0C zero */
};
ZIPC_AT(zipc_program_constant, class, 0x08);
ZIPC_AT(zipc_program_constant, reserved, 0x0C);
static_assert(sizeof(struct zipc_program_constant) == 16, "no padding");

struct zipc_program_input {
	uint32_t size_bytes;  /* 0x00 of its elements */
	uint16_t type_length; /* 0x04 */
	uint8_t name_length;  /* 0x06 */
	uint8_t role;         /* 0x07 enum zipc_program_role */
};
ZIPC_AT(zipc_program_input, type_length, 0x04);
ZIPC_AT(zipc_program_input, name_length, 0x06);
ZIPC_AT(zipc_program_input, role, 0x07);
static_assert(sizeof(struct zipc_program_input) == 8, "no padding");

/* What one part of an element of the output is made of. */
struct zipc_program_store {
	uint32_t offset;      /* 0x00 in the output */
	uint32_t size_bytes;  /* 0x04 */
	uint32_t from_offset; /* 0x08 in the input; 0 of a register */
	uint8_t kind;         /* 0x0C enum zipc_program_store_kind */
	uint8_t from;         /* 0x0D which register or input */
	uint8_t scalar;       /* 0x0E enum zipc_program_scalar; 0 of an input */
	uint8_t reserved;     /* 0x0F zero */
};
ZIPC_AT(zipc_program_store, size_bytes, 0x04);
ZIPC_AT(zipc_program_store, from_offset, 0x08);
ZIPC_AT(zipc_program_store, kind, 0x0C);
ZIPC_AT(zipc_program_store, from, 0x0D);
ZIPC_AT(zipc_program_store, scalar, 0x0E);
ZIPC_AT(zipc_program_store, reserved, 0x0F);
static_assert(sizeof(struct zipc_program_store) == 16, "no padding");

struct zipc_program_code {
	uint8_t op;      /* 0x00 enum zipc_program_op */
	uint8_t to;      /* 0x01 the register that it writes */
	uint8_t a;       /* 0x02 registers that it reads, but of a load */
	uint8_t b;       /* 0x03 and of a conversion: a scalar */
	uint8_t c;       /* 0x04 */
	uint8_t guard;   /* 0x05 a register: where it may fail; or 255 */
	uint16_t place;  /* 0x06 in the text, bytes from its begin */
	uint32_t offset; /* 0x08 in the input */
};
ZIPC_AT(zipc_program_code, to, 0x01);
ZIPC_AT(zipc_program_code, a, 0x02);
ZIPC_AT(zipc_program_code, b, 0x03);
ZIPC_AT(zipc_program_code, c, 0x04);
ZIPC_AT(zipc_program_code, guard, 0x05);
ZIPC_AT(zipc_program_code, place, 0x06);
ZIPC_AT(zipc_program_code, offset, 0x08);
static_assert(sizeof(struct zipc_program_code) == 12, "no padding");

/*
 * A flow: the header, then its origins, its operators and its parts, then
 * texts, then programs; see flow_inside.h. As a program it may lie anywhere.
 */
#define ZIPC_FLOW_MAGIC 0x574C465Au /* "ZFLW" */
#define ZIPC_FLOW_VERSION 1u
#define ZIPC_FLOW_AGGREGATES 16u

struct zipc_flow_header {
	uint32_t magic;       /* 0x00 */
	uint32_t version;     /* 0x04 */
	uint32_t size_bytes;  /* 0x08 of the whole flow */
	uint32_t state_bytes; /* 0x0C */
	uint16_t origins;     /* 0x10 how many */
	uint16_t operators;   /* 0x12 */
	uint16_t parts;       /* 0x14 */
	uint16_t text_length; /* 0x16 */
	uint64_t reserved;    /* 0x18 zero */
};
ZIPC_AT(zipc_flow_header, version, 0x04);
ZIPC_AT(zipc_flow_header, size_bytes, 0x08);
ZIPC_AT(zipc_flow_header, state_bytes, 0x0C);
ZIPC_AT(zipc_flow_header, origins, 0x10);
ZIPC_AT(zipc_flow_header, operators, 0x12);
ZIPC_AT(zipc_flow_header, parts, 0x14);
ZIPC_AT(zipc_flow_header, text_length, 0x16);
ZIPC_AT(zipc_flow_header, reserved, 0x18);
static_assert(sizeof(struct zipc_flow_header) == 32, "half a line");

/* A stream that it reads, and where its elements enter. */
struct zipc_flow_origin {
	uint16_t type_length; /* 0x00 */
	uint8_t name_length;  /* 0x02 */
	uint8_t enters;       /* 0x03 at which operator */
	uint8_t times;        /* 0x04 whether its elements have times */
	uint8_t reserved[3];  /* 0x05 zero */
};
ZIPC_AT(zipc_flow_origin, name_length, 0x02);
ZIPC_AT(zipc_flow_origin, enters, 0x03);
ZIPC_AT(zipc_flow_origin, times, 0x04);
ZIPC_AT(zipc_flow_origin, reserved, 0x05);
static_assert(sizeof(struct zipc_flow_origin) == 8, "no padding");

struct zipc_flow_operator {
	uint8_t kind;       /* 0x00 enum zipc_flow_kind */
	uint8_t flags;      /* 0x01 enum zipc_flow_flag */
	uint8_t parts;      /* 0x02 how many of the parts are its own */
	uint8_t aggregates; /* 0x03 */
	uint16_t place;     /* 0x04 in the text */
	uint16_t length;    /* 0x06 */
	uint64_t number[3]; /* 0x08 */
	uint8_t aggregate[ZIPC_FLOW_AGGREGATES]; /* 0x20 */
};
ZIPC_AT(zipc_flow_operator, flags, 0x01);
ZIPC_AT(zipc_flow_operator, parts, 0x02);
ZIPC_AT(zipc_flow_operator, aggregates, 0x03);
ZIPC_AT(zipc_flow_operator, place, 0x04);
ZIPC_AT(zipc_flow_operator, length, 0x06);
ZIPC_AT(zipc_flow_operator, number, 0x08);
ZIPC_AT(zipc_flow_operator, aggregate, 0x20);
static_assert(sizeof(struct zipc_flow_operator) == 48, "no padding");

/* An expression of an operator. */
struct zipc_flow_part {
	uint32_t size_bytes; /* 0x00 of its program */
	uint16_t place;      /* 0x04 in the text */
	uint16_t reserved;   /* 0x06 zero */
};
ZIPC_AT(zipc_flow_part, place, 0x04);
ZIPC_AT(zipc_flow_part, reserved, 0x06);
static_assert(sizeof(struct zipc_flow_part) == 8, "no padding");

/* What a flow remembers: this, then for each operator counts and its own. */
struct zipc_flow_state {
	uint64_t flow;       /* 0x00 64-bit FNV-1a of the flow's bytes */
	int64_t begun_ns;    /* 0x08 since 1970 */
	uint32_t size_bytes; /* 0x10 */
	uint32_t ended;      /* 0x14 operators, from the first one */
	uint64_t reserved;   /* 0x18 zero */
};
ZIPC_AT(zipc_flow_state, begun_ns, 0x08);
ZIPC_AT(zipc_flow_state, size_bytes, 0x10);
ZIPC_AT(zipc_flow_state, ended, 0x14);
ZIPC_AT(zipc_flow_state, reserved, 0x18);
static_assert(sizeof(struct zipc_flow_state) == 32, "half a line");

struct zipc_flow_tally {
	uint64_t in;       /* 0x00 elements */
	uint64_t out;      /* 0x08 */
	uint64_t failed;   /* 0x10 */
	uint64_t late;     /* 0x18 */
	uint64_t element;  /* 0x20 of the last failure: its number */
	uint16_t column;   /* 0x28 where, in the expression */
	uint8_t fault;     /* 0x2A enum zipc_program_fault */
	uint8_t part;      /* 0x2B which expression of the operator */
	uint32_t reserved; /* 0x2C zero */
};
ZIPC_AT(zipc_flow_tally, out, 0x08);
ZIPC_AT(zipc_flow_tally, failed, 0x10);
ZIPC_AT(zipc_flow_tally, late, 0x18);
ZIPC_AT(zipc_flow_tally, element, 0x20);
ZIPC_AT(zipc_flow_tally, column, 0x28);
ZIPC_AT(zipc_flow_tally, fault, 0x2A);
ZIPC_AT(zipc_flow_tally, part, 0x2B);
ZIPC_AT(zipc_flow_tally, reserved, 0x2C);
static_assert(sizeof(struct zipc_flow_tally) == 48, "no padding");

/*
 * Body of a Future; see future.h. Records of who settles it follow, as many
 * places for a value or a message, and records of who waits.
 */
struct zipc_future_body {
	/* written by who promises, and who settles it */
	struct zipc_owner owner;   /* 0x00 */
	/* constant */
	uint64_t setters_offset;   /* 0x20 bytes from the body's start */
	uint64_t contents_offset;  /* 0x28 bytes from the body's start */
	uint32_t setters;          /* 0x30 records, and contents */
	uint32_t content_bytes;    /* 0x34 of each */
	uint64_t reserved;         /* 0x38 zero */
};
ZIPC_AT(zipc_future_body, setters_offset, 0x20);
ZIPC_AT(zipc_future_body, contents_offset, 0x28);
ZIPC_AT(zipc_future_body, setters, 0x30);
ZIPC_AT(zipc_future_body, content_bytes, 0x34);
ZIPC_AT(zipc_future_body, reserved, 0x38);
static_assert(sizeof(struct zipc_future_body) == 64, "a future is one line");

#define ZIPC_SETTERS_MOST 4096u
#define ZIPC_FUTURE_LEAST 128u /* zipc_future_body.content_bytes */

/* One line for each who may settle it at the same time, from setters_offset. */
struct zipc_setter {
	_Atomic uint64_t holder;  /* 0x00 see participant.h; 0: free */
	_Atomic uint64_t settler; /* 0x08 who has written the content */
	_Atomic uint32_t code;    /* 0x10 of a failure */
	_Atomic uint32_t length;  /* 0x14 of its message, in bytes */
	uint64_t reserved[5];     /* 0x18 zero */
};
ZIPC_AT(zipc_setter, settler, 0x08);
ZIPC_AT(zipc_setter, code, 0x10);
ZIPC_AT(zipc_setter, length, 0x14);
ZIPC_AT(zipc_setter, reserved, 0x18);
static_assert(sizeof(struct zipc_setter) == 64, "setter is a line");

/*
 * Body of a Lazy; see lazy.h. Records of who settles it follow, as of a Future,
 * as many contents, records of who waits, and what it is an expression of.
 */
#define ZIPC_LAZY_RETRIES 1u  /* options: a failure is computed again */
#define ZIPC_LAZY_OPTIONS_KNOWN 1u

struct zipc_lazy_body {
	/* written by who asks, computes and resets, turn and owner as a cell */
	_Alignas(16) _Atomic uint64_t turn; /* 0x00 epoch << 24 | changes */
	struct zipc_owner owner;       /* 0x08 */
	_Atomic uint64_t stalls;       /* 0x28 who computed was replaced */
	/* constant */
	uint64_t setters_offset;       /* 0x30 bytes from the body's start */
	uint64_t contents_offset;      /* 0x38 likewise */
	uint32_t setters;              /* 0x40 records, and contents */
	uint32_t content_bytes;        /* 0x44 of each */
	uint32_t stall_ms;             /* 0x48 0: it is never replaced */
	uint32_t options;              /* 0x4C ZIPC_LAZY_* */
	uint64_t definition_offset;    /* 0x50 bytes from the body's start */
	uint64_t definition_bytes;     /* 0x58 0: it is external */
	uint64_t reserved[4];          /* 0x60 zero */
};
ZIPC_AT(zipc_lazy_body, owner, 0x08);
ZIPC_AT(zipc_lazy_body, stalls, 0x28);
ZIPC_AT(zipc_lazy_body, setters_offset, 0x30);
ZIPC_AT(zipc_lazy_body, contents_offset, 0x38);
ZIPC_AT(zipc_lazy_body, setters, 0x40);
ZIPC_AT(zipc_lazy_body, content_bytes, 0x44);
ZIPC_AT(zipc_lazy_body, stall_ms, 0x48);
ZIPC_AT(zipc_lazy_body, options, 0x4C);
ZIPC_AT(zipc_lazy_body, definition_offset, 0x50);
ZIPC_AT(zipc_lazy_body, definition_bytes, 0x58);
ZIPC_AT(zipc_lazy_body, reserved, 0x60);
static_assert(sizeof(struct zipc_lazy_body) == 128, "a lazy is two lines");

/* What an expression is made of; the inputs follow, then what they point to. */
struct zipc_lazy_definition {
	uint32_t inputs;         /* 0x00 how many, as the program has */
	uint32_t text_offset;    /* 0x04 bytes from the definition's start */
	uint32_t text_length;    /* 0x08 without the NUL */
	uint32_t program_offset; /* 0x0C bytes from the definition's start */
	uint32_t program_bytes;  /* 0x10 */
	uint32_t reserved[3];    /* 0x14 zero */
};
ZIPC_AT(zipc_lazy_definition, text_offset, 0x04);
ZIPC_AT(zipc_lazy_definition, text_length, 0x08);
ZIPC_AT(zipc_lazy_definition, program_offset, 0x0C);
ZIPC_AT(zipc_lazy_definition, program_bytes, 0x10);
ZIPC_AT(zipc_lazy_definition, reserved, 0x14);
static_assert(sizeof(struct zipc_lazy_definition) == 32, "half a line");

#define ZIPC_DEFINITION_MOST (UINT64_C(4) << 20)
#define ZIPC_LAZY_INPUTS_MOST (UINT64_C(4) << 20) /* all that it is given */

/* What the program's input of that number is, as it stands in the segment. */
struct zipc_lazy_input {
	char name[32];             /* 0x00 the structure's, 31 bytes and NUL */
	uint32_t form;             /* 0x20 enum zipc_lazy_form */
	uint32_t scalar;           /* 0x24 of a fold: what it is over */
	uint64_t index;            /* 0x28 an element's; of a fold: bytes */
	uint32_t type_offset;      /* 0x30 of the structure's elements */
	uint32_t type_length;      /* 0x34 without the NUL */
	uint32_t key_type_offset;  /* 0x38 of a map's */
	uint32_t key_type_length;  /* 0x3C without the NUL */
	uint32_t key_offset;       /* 0x40 */
	uint32_t key_bytes;        /* 0x44 */
	uint64_t reserved;         /* 0x48 zero */
};
ZIPC_AT(zipc_lazy_input, form, 0x20);
ZIPC_AT(zipc_lazy_input, scalar, 0x24);
ZIPC_AT(zipc_lazy_input, index, 0x28);
ZIPC_AT(zipc_lazy_input, type_offset, 0x30);
ZIPC_AT(zipc_lazy_input, type_length, 0x34);
ZIPC_AT(zipc_lazy_input, key_type_offset, 0x38);
ZIPC_AT(zipc_lazy_input, key_type_length, 0x3C);
ZIPC_AT(zipc_lazy_input, key_offset, 0x40);
ZIPC_AT(zipc_lazy_input, key_bytes, 0x44);
ZIPC_AT(zipc_lazy_input, reserved, 0x48);
static_assert(sizeof(struct zipc_lazy_input) == 80, "no padding");

enum zipc_lazy_form {
	ZIPC_LAZY_VALUE = 1, /* of a future, a lazy, an array of one element */
	ZIPC_LAZY_ELEMENT,   /* of an array */
	ZIPC_LAZY_ENTRY,     /* of a map */
	ZIPC_LAZY_SUM,       /* folds of an array, from here on */
	ZIPC_LAZY_MEAN,
	ZIPC_LAZY_MIN,
	ZIPC_LAZY_MAX,
	ZIPC_LAZY_COUNT,
};

/* Another build's sizes make another word, and it is refused. */
#define ZIPC_FORMAT_WORD                                                     \
	((uint32_t)(ZIPC_LINE | sizeof(struct zipc_entry) << 8 |             \
		    sizeof(struct zipc_participant) << 16 |                  \
		    sizeof(struct zipc_block) << 24))

#endif
