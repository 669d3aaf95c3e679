/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a segment, format version 3; docs/format.md is the authority,
 * and a test holds this file against its tables.
 *
 * Little-endian. The unit of space is the line of 64 bytes: offsets and sizes
 * in the table count lines. Inside a block they count bytes.
 *
 * A Word changes after it was committed; all other fields are written once,
 * before the commit that makes them visible.
 */
#ifndef ZEROIPC_DETAIL_FORMAT_H
#define ZEROIPC_DETAIL_FORMAT_H

#include <zeroipc/detail/atoms.h>

#include <cstddef>
#include <cstdint>

namespace zeroipc::detail {

inline constexpr std::uint32_t magic = 0x4D50495A; /* "ZIPM" */
inline constexpr std::uint32_t format_version = 3;
inline constexpr std::uint64_t line = 64;
inline constexpr std::uint64_t page = 4096;

inline constexpr unsigned default_entries = 256;
inline constexpr unsigned most_entries = 65536;
inline constexpr unsigned default_participants = 128;
inline constexpr unsigned most_participants = 4096;
inline constexpr std::uint64_t most_bytes = UINT32_MAX * line;
inline constexpr std::size_t name_most = 31;
inline constexpr std::size_t type_most = 1023;

enum Kind : std::uint32_t { kind_array = 1, kind_queue = 2 };

/* Header.options */
inline constexpr std::uint32_t option_symmetric = 1; /* no membarrier */
inline constexpr std::uint32_t option_sparse = 2; /* nothing is reserved */
inline constexpr std::uint32_t options_known = 3;

#define ZEROIPC_AT(type, field, offset)                                      \
	static_assert(offsetof(type, field) == (offset),                     \
		      #type "." #field " is not where the format has it")

struct Header {
	std::uint32_t magic;               /* 0x00 */
	std::uint32_t version;             /* 0x04 */
	Word<std::uint64_t> table_state;   /* 0x08 count | next_offset << 32 */
	std::uint32_t max_entries;         /* 0x10 */
	std::uint32_t format_word;         /* 0x14 sizes, see below */
	std::uint64_t size_bytes;          /* 0x18 of the whole file */
	std::uint64_t segment_id;          /* 0x20 random */
	std::uint32_t participants_offset; /* 0x28 lines */
	std::uint32_t max_participants;    /* 0x2C */
	std::uint64_t created_ns;          /* 0x30 since 1970 */
	std::uint32_t options;             /* 0x38 */
	Word<std::uint32_t> creator;       /* 0x3C participant + 1, or 0 */
};
ZEROIPC_AT(Header, table_state, 0x08);
ZEROIPC_AT(Header, max_entries, 0x10);
ZEROIPC_AT(Header, format_word, 0x14);
ZEROIPC_AT(Header, size_bytes, 0x18);
ZEROIPC_AT(Header, segment_id, 0x20);
ZEROIPC_AT(Header, participants_offset, 0x28);
ZEROIPC_AT(Header, max_participants, 0x2C);
ZEROIPC_AT(Header, created_ns, 0x30);
ZEROIPC_AT(Header, options, 0x38);
ZEROIPC_AT(Header, creator, 0x3C);
static_assert(sizeof(Header) == 64, "the header is one line");

/* The table follows the header: max_entries of these. */
struct Entry {
	Word<std::uint64_t> name[4]; /* 0x00 31 bytes and NUL */
	Word<std::uint64_t> extent;  /* 0x20 offset | size << 32, see Extent */
};
ZEROIPC_AT(Entry, extent, 0x20);
static_assert(sizeof(Entry) == 40, "an entry has 40 bytes");

/*
 * Behind the table, for each entry, who uses its structure: bit p % 64 of the
 * p / 64-th word behind this is participant p's; see use.h.
 */
struct Users {
	Word<std::uint64_t> lives; /* 0x00 structures the entry has had */
};
static_assert(sizeof(Users) == 8, "a row begins with one word");

/* Where that is, and how long a row; participants are behind it. */
constexpr std::uint64_t users_begin(std::uint64_t entries)
{
	return (sizeof(Header) + entries * sizeof(Entry) + line - 1) / line *
	       line;
}

constexpr std::uint64_t users_stride(std::uint64_t participants)
{
	return sizeof(Users) + (participants + 63) / 64 * 8;
}

constexpr std::uint64_t users_end(std::uint64_t entries,
				  std::uint64_t participants)
{
	return (users_begin(entries) + entries * users_stride(participants) +
		line - 1) / line * line;
}

/* One attached process; its life is a lock on byte life_byte + index. */
struct Participant {
	Word<std::uint32_t> incarnation;   /* 0x00 grows with each owner */
	Word<std::uint32_t> pid;           /* 0x04 as its namespace counts */
	Word<std::uint64_t> start_ticks;   /* 0x08 field 22 of its stat */
	Word<std::uint64_t> since_ns;      /* 0x10 since 1970 */
	Word<std::uint32_t> pid_namespace; /* 0x18 inode of /proc/PID/ns/pid */
	Word<std::uint32_t> uid;           /* 0x1C effective */
	Word<std::uint64_t> name[2];       /* 0x20 16 bytes, NUL-padded */
	std::uint64_t reserved[2];         /* 0x30 zero */
};
ZEROIPC_AT(Participant, pid, 0x04);
ZEROIPC_AT(Participant, start_ticks, 0x08);
ZEROIPC_AT(Participant, since_ns, 0x10);
ZEROIPC_AT(Participant, pid_namespace, 0x18);
ZEROIPC_AT(Participant, uid, 0x1C);
ZEROIPC_AT(Participant, name, 0x20);
ZEROIPC_AT(Participant, reserved, 0x30);
static_assert(sizeof(Participant) == 64, "a participant is one line");

inline constexpr std::int64_t life_byte = std::int64_t(1) << 62;

/* A word to sleep on; see event.h. */
struct Event {
	Word<std::uint32_t> word;       /* 0x00 counts, CROWD, SLEEPERS */
	Word<std::uint32_t> nappers[2]; /* 0x04 milliseconds, or 0: free */
	Word<std::uint32_t> late_wakes; /* 0x0C naps that found work */
};
ZEROIPC_AT(Event, nappers, 0x04);
ZEROIPC_AT(Event, late_wakes, 0x0C);
static_assert(sizeof(Event) == 16, "an event has 16 bytes");

/* Every structure's block opens with these two lines. */
struct Block {
	/* the descriptor: constant once committed */
	std::uint32_t kind;        /* 0x00 */
	std::uint32_t generation;  /* 0x04 */
	std::uint64_t elem_size;   /* 0x08 bytes */
	std::uint64_t capacity;    /* 0x10 elements */
	std::uint32_t flags;       /* 0x18 zero */
	std::uint32_t name_check;  /* 0x1C FNV-1a of the name */
	std::uint32_t type_offset; /* 0x20 bytes from the block's start */
	std::uint32_t type_length; /* 0x24 bytes, without the NUL */
	std::uint64_t body_offset; /* 0x28 bytes from the block's start */
	std::uint64_t body_bytes;  /* 0x30 */
	std::uint64_t reserved;    /* 0x38 zero */
	/* waiting: written only by who sleeps, and who wakes it */
	Event readable;                /* 0x40 waits for an element */
	Event writable;                /* 0x50 waits for room */
	std::uint64_t reserved_too[4]; /* 0x60 zero */
};
ZEROIPC_AT(Block, generation, 0x04);
ZEROIPC_AT(Block, elem_size, 0x08);
ZEROIPC_AT(Block, capacity, 0x10);
ZEROIPC_AT(Block, flags, 0x18);
ZEROIPC_AT(Block, name_check, 0x1C);
ZEROIPC_AT(Block, type_offset, 0x20);
ZEROIPC_AT(Block, type_length, 0x24);
ZEROIPC_AT(Block, body_offset, 0x28);
ZEROIPC_AT(Block, body_bytes, 0x30);
ZEROIPC_AT(Block, reserved, 0x38);
ZEROIPC_AT(Block, readable, 0x40);
ZEROIPC_AT(Block, writable, 0x50);
ZEROIPC_AT(Block, reserved_too, 0x60);
static_assert(sizeof(Block) == 128, "a block's header is two lines");

/*
 * The place ring, body of a Queue; see place_ring.h. Positions run free from 1
 * and never wrap; the slot of position p is p modulo slots.
 */
struct PlaceRing {
	/* constant */
	std::uint64_t slots;          /* 0x00 at least capacity + writers */
	std::uint32_t slot_bytes;     /* 0x08 8 + elem_size rounded up to 8 */
	std::uint32_t writers;        /* 0x0C records */
	std::uint64_t writers_offset; /* 0x10 bytes from the body's start */
	std::uint64_t slots_offset;   /* 0x18 bytes from the body's start */
	/* of a queue with leases, which is refused here */
	std::uint32_t takers;         /* 0x20 records */
	std::uint32_t taker_bytes;    /* 0x24 of each */
	std::uint64_t takers_offset;  /* 0x28 bytes from the body's start */
	std::uint64_t stream_offset;  /* 0x30 of a Stream, refused here */
	std::uint64_t reserved;       /* 0x38 zero */
	/* written by consumers */
	Word<std::uint64_t> head;     /* 0x40 next position to take */
	Word<std::uint64_t> taken;    /* 0x48 of leases */
	Word<std::uint64_t> given;    /* 0x50 of leases */
	std::uint64_t head_line[5];
	/* written by who settles */
	Word<std::uint64_t> verdict;  /* 0x80 position << 2 | state */
	Word<std::uint64_t> active;   /* 0x88 epoch << 1 | up */
	Word<std::uint32_t> patience; /* 0x90 doublings */
	std::uint32_t reserved_too;   /* 0x94 zero */
	Word<std::uint64_t> given_up; /* 0x98 the last position that was */
	std::uint64_t settle_line[4];
	/* written by producers */
	Word<std::uint64_t> tail;     /* 0xC0 next position to claim */
	std::uint64_t tail_line[7];
};
ZEROIPC_AT(PlaceRing, slot_bytes, 0x08);
ZEROIPC_AT(PlaceRing, writers, 0x0C);
ZEROIPC_AT(PlaceRing, writers_offset, 0x10);
ZEROIPC_AT(PlaceRing, slots_offset, 0x18);
ZEROIPC_AT(PlaceRing, takers, 0x20);
ZEROIPC_AT(PlaceRing, taker_bytes, 0x24);
ZEROIPC_AT(PlaceRing, takers_offset, 0x28);
ZEROIPC_AT(PlaceRing, stream_offset, 0x30);
ZEROIPC_AT(PlaceRing, reserved, 0x38);
ZEROIPC_AT(PlaceRing, head, 0x40);
ZEROIPC_AT(PlaceRing, taken, 0x48);
ZEROIPC_AT(PlaceRing, given, 0x50);
ZEROIPC_AT(PlaceRing, verdict, 0x80);
ZEROIPC_AT(PlaceRing, active, 0x88);
ZEROIPC_AT(PlaceRing, patience, 0x90);
ZEROIPC_AT(PlaceRing, given_up, 0x98);
ZEROIPC_AT(PlaceRing, tail, 0xC0);
static_assert(sizeof(PlaceRing) == 256, "a ring's header is four lines");

/* One line per writer, from writers_offset. */
struct Writer {
	Word<std::uint64_t> holder; /* 0x00 see participant.h; 0: free */
	Word<std::uint64_t> claim;  /* 0x08 position, count, state */
	std::uint64_t reserved[6];  /* 0x10 zero */
};
ZEROIPC_AT(Writer, claim, 0x08);
ZEROIPC_AT(Writer, reserved, 0x10);
static_assert(sizeof(Writer) == 64, "a writer is one line");

/* taker_bytes for each lease, from takers_offset; the element follows. */
struct Taker {
	Word<std::uint64_t> holder;   /* 0x00 see participant.h; 0: nobody */
	Word<std::uint64_t> lease;    /* 0x08 position << 2, state */
	Word<std::uint32_t> attempts; /* 0x10 leases so far */
	std::uint32_t reserved;       /* 0x14 zero */
};
ZEROIPC_AT(Taker, lease, 0x08);
ZEROIPC_AT(Taker, attempts, 0x10);
ZEROIPC_AT(Taker, reserved, 0x14);
static_assert(sizeof(Taker) == 24, "the element is at 0x18");

/* From slots_offset: turn, then the element, padded to 8 bytes. */
struct Slot {
	Word<std::uint64_t> turn; /* 0x00 the position published here */

	Word<std::uint64_t> *element() /* 0x08 */
	{
		return &turn + 1;
	}
};
static_assert(sizeof(Slot) == 8, "the element is at 0x08");

/* Another build's sizes make another word, and it is refused. */
inline constexpr std::uint32_t format_word =
	line | sizeof(Entry) << 8 | sizeof(Participant) << 16 |
	sizeof(Block) << 24;

inline constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

} // namespace zeroipc::detail

#endif
