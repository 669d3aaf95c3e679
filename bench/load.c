/* SPDX-License-Identifier: MIT */
#include "load.h"

#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Others may take this part of the machine; /proc/stat counts in ticks. */
#define LIGHT 0.03
#define TICKS_UNSURE 3

/* The first line of /proc/stat: cpu user nice system idle iowait irq softirq
 * steal, in ticks. */
static void read_stat(uint64_t *busy, uint64_t *stolen)
{
	uint64_t user = 0, nice = 0, system = 0, idle, wait, irq, soft = 0;
	FILE *file = fopen("/proc/stat", "re");

	*stolen = 0;
	if (file && fscanf(file, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64
			   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			   " %" SCNu64, &user, &nice, &system, &idle, &wait,
			   &irq, &soft, stolen) < 8)
		*stolen = 0;
	*busy = user + nice + system + soft;
	if (file)
		fclose(file);
}

static int64_t time_of(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
		       INT64_C(1000000000) +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) *
		       INT64_C(1000);
}

static int64_t own_time(void)
{
	return time_of(RUSAGE_SELF) + time_of(RUSAGE_CHILDREN);
}

void load_begin(struct load_mark *mark)
{
	mark->at_ns = now_ns();
	mark->own_ns = own_time();
	read_stat(&mark->busy, &mark->stolen);
}

struct load load_end(const struct load_mark *mark)
{
	double tick_ns = 1e9 / (double)sysconf(_SC_CLK_TCK);
	double all_ns = (double)(now_ns() - mark->at_ns) *
			(double)sysconf(_SC_NPROCESSORS_ONLN);
	struct load load = { 0 };
	uint64_t busy, stolen;
	double others_ns, stolen_ns;

	read_stat(&busy, &stolen);
	others_ns = (double)(busy - mark->busy) * tick_ns -
		    (double)(own_time() - mark->own_ns);
	stolen_ns = (double)(stolen - mark->stolen) * tick_ns;
	load.others = others_ns > 0 ? others_ns / all_ns : 0;
	load.stolen = stolen_ns / all_ns;
	load.heavy = others_ns > LIGHT * all_ns + TICKS_UNSURE * tick_ns ||
		     stolen_ns > LIGHT * all_ns + tick_ns;
	return load;
}

void load_of_thread(int64_t *cpu_ns, int64_t *delayed_ns)
{
	FILE *file = fopen("/proc/thread-self/schedstat", "re");
	struct timespec cpu;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	*cpu_ns = (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec;
	*delayed_ns = 0;
	if (!file)
		return;
	if (fscanf(file, "%*u %" SCNd64, delayed_ns) != 1)
		*delayed_ns = 0;
	fclose(file);
}
