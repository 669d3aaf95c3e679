/* SPDX-License-Identifier: MIT */
/*
 * What machine_feeder publishes in segment /machine, and machine_watcher and
 * anyone else reads: each record as a C struct beside the same as type text.
 * The library refuses to open a structure whose type differs, so a reader
 * built from an older copy of this file gets an error instead of wrong values.
 *
 *   cpu      Stream  each record of a CPU as it is made, with its time
 *   cpus     Array   the latest ones: 0 is the whole machine, 1 + n is CPU n
 *   memory   Array   one record, in bytes
 *   net      Array   one record per interface; unused ones are all zero
 *   load     Array   one record
 *   changes  Queue   one record whenever a metric has moved far enough
 *
 * ts_ns is nanoseconds since 1970. The record of a CPU that goes offline stays,
 * and its ts_ns stands still.
 *
 * Crash: a feeder that is killed leaves the last records, and its segment, in
 * place; the next feeder opens the segment and goes on.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>

#define MACHINE_NAME "machine"

struct machine_cpu {
	int32_t id;    /* -1: the whole machine */
	double busy;   /* of the last interval, 0 to 1: not idle nor iowait */
	double user;   /* with niced processes */
	double system; /* with interrupts */
	double iowait;
	uint64_t ts_ns;
};
#define MACHINE_CPU_TYPE                                                     \
	"{id:i32, busy:f64, user:f64, system:f64, iowait:f64, ts_ns:u64}"

struct machine_memory {
	uint64_t total;
	uint64_t available; /* what can be had without swapping */
	uint64_t free;
	uint64_t buffers;
	uint64_t cached;
	uint64_t swap_total;
	uint64_t swap_free;
	uint64_t ts_ns;
};
#define MACHINE_MEMORY_TYPE                                                  \
	"{total:u64, available:u64, free:u64, buffers:u64, cached:u64, "     \
	"swap_total:u64, swap_free:u64, ts_ns:u64}"

struct machine_net {
	char name[16];
	uint64_t rx_bytes; /* since the interface was made */
	uint64_t tx_bytes;
	double rx_rate; /* bytes a second in the last interval */
	double tx_rate;
};
#define MACHINE_NET_TYPE                                                     \
	"{name:bytes:16, rx_bytes:u64, tx_bytes:u64, rx_rate:f64, "          \
	"tx_rate:f64}"

struct machine_load {
	double load1; /* runnable tasks, averaged over 1, 5, 15 minutes */
	double load5;
	double load15;
	uint32_t running; /* tasks */
	uint32_t tasks;
	uint64_t ts_ns;
};
#define MACHINE_LOAD_TYPE                                                    \
	"{load1:f64, load5:f64, load15:f64, running:u32, tasks:u32, "        \
	"ts_ns:u64}"

struct machine_change {
	uint64_t ts_ns;
	char what[24];
	double before; /* when this metric was told of last */
	double after;
};
#define MACHINE_CHANGE_TYPE                                                  \
	"{ts_ns:u64, what:bytes:24, before:f64, after:f64}"
#define MACHINE_CHANGES 1024
#define MACHINE_READINGS 1024

#endif
