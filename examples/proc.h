/* SPDX-License-Identifier: MIT */
/*
 * Reads what the kernel tells of the machine in /proc. Each reader takes the
 * directory, so that a container can be shown its host's (and a test its own),
 * and each is a file read whole and a parser of its text.
 *
 * Returns 0 or a negative errno: that of the file, or -EBADMSG when the text is
 * not what the kernel writes. proc_error() then names the file and the line.
 * Counters are as the kernel has them; some of them may go backwards.
 */
#ifndef PROC_H
#define PROC_H

#include <stdint.h>

#define PROC_MOST_CPUS 4096
#define PROC_MOST_INTERFACES 256

struct proc_cpu {
	int id; /* -1: the sum of all */
	/* ticks since boot; guests' are in user already */
	uint64_t user, nice, system, idle, iowait, irq, softirq, steal;
};

struct proc_stat {
	unsigned cpus; /* in cpu[]; the sum comes first, then who is online */
	struct proc_cpu cpu[PROC_MOST_CPUS + 1];
	uint64_t context_switches, processes; /* since boot */
};

struct proc_memory {
	uint64_t total, available, free, buffers, cached; /* bytes */
	uint64_t swap_total, swap_free;
};

struct proc_interface {
	char name[16];
	uint64_t rx_bytes, tx_bytes;
};

/* The first 256, in the kernel's order. */
struct proc_net {
	unsigned interfaces;
	struct proc_interface interface[PROC_MOST_INTERFACES];
};

struct proc_load {
	double load1, load5, load15;
	unsigned running, tasks;
};

int proc_parse_stat(const char *text, struct proc_stat *out);
int proc_parse_memory(const char *text, struct proc_memory *out);
int proc_parse_net(const char *text, struct proc_net *out);
int proc_parse_load(const char *text, struct proc_load *out);
int proc_parse_uptime(const char *text, double *seconds);

int proc_read_stat(const char *proc, struct proc_stat *out);
int proc_read_memory(const char *proc, struct proc_memory *out);
int proc_read_net(const char *proc, struct proc_net *out);
int proc_read_load(const char *proc, struct proc_load *out);
int proc_read_uptime(const char *proc, double *seconds);

/* What went wrong in the latest call that failed. */
const char *proc_error(void);

#endif
