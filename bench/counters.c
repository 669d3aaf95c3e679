/* SPDX-License-Identifier: MIT */
#include "counters.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_one(uint64_t what, int group)
{
	struct perf_event_attr wanted = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(wanted),
		.config = what,
		.disabled = group < 0,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &wanted, 0, -1, group, 0);
}

static bool open_both(struct counters *counters)
{
	counters->fd[0] = open_one(PERF_COUNT_HW_INSTRUCTIONS, -1);
	if (counters->fd[0] < 0)
		return false;
	counters->fd[1] = open_one(PERF_COUNT_HW_CPU_CYCLES, counters->fd[0]);
	if (counters->fd[1] >= 0)
		return true;
	close(counters->fd[0]);
	return false;
}

void counters_begin(struct counters *counters)
{
	counters->counted = open_both(counters);
	if (counters->counted)
		ioctl(counters->fd[0], PERF_EVENT_IOC_ENABLE,
		      PERF_IOC_FLAG_GROUP);
}

void counters_end(struct counters *counters)
{
	if (!counters->counted)
		return;
	ioctl(counters->fd[0], PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
	counters->counted =
		read(counters->fd[0], &counters->instructions, 8) == 8 &&
		read(counters->fd[1], &counters->cycles, 8) == 8;
	close(counters->fd[0]);
	close(counters->fd[1]);
}

void counters_print(const struct counters *counters, uint64_t n, char *text,
		    size_t size)
{
	if (!counters->counted)
		return;
	snprintf(text, size, "%.1f instructions, %.1f cycles",
		 (double)counters->instructions / (double)n,
		 (double)counters->cycles / (double)n);
}

bool counters_available(void)
{
	struct counters counters = { 0 };

	counters_begin(&counters);
	counters_end(&counters);
	return counters.counted;
}
