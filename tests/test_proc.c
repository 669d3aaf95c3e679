/* SPDX-License-Identifier: MIT */
/* The feeder's readers of /proc, on kernels' texts and damaged ones. */
#include "../examples/proc.h"

#include <math.h>

#include "harness.h"

/* A parser's text must be refused, with a message that contains words. */
#define ck_refused(call, words)                                              \
	do {                                                                 \
		ck_rc(call, -EBADMSG);                                       \
		ck_assert_msg(strstr(proc_error(), words) != NULL,           \
			      "\"%s\" is not in \"%s\"", words,              \
			      proc_error());                                 \
	} while (0)

static const char stat_text[] =
	"cpu  3134 5 3194 270407 1506 7 229 2246 0 0\n"
	"cpu0 1281 2 1365 136424 165 3 15 1108 0 0\n"
	"cpu2 1853 3 1828 133983 1340 4 213 1137 0 0\n"
	"intr 163569 0 0 1\n"
	"ctxt 279599\n"
	"btime 1795384161\n"
	"processes 5319\n"
	"procs_running 2\n";

static const char memory_text[] =
	"MemTotal:       24684092 kB\n"
	"MemFree:        24520824 kB\n"
	"MemAvailable:   24430248 kB\n"
	"Buffers:             396 kB\n"
	"Cached:            16200 kB\n"
	"SwapCached:            1 kB\n"
	"SwapTotal:          2048 kB\n"
	"SwapFree:           1024 kB\n"
	"HugePages_Total:       0\n";

#define NET_HEADINGS                                                         \
	"Inter-|   Receive                    |  Transmit\n"                 \
	" face |bytes    packets errs drop    |bytes    packets errs\n"

static const char net_text[] = NET_HEADINGS
	"    lo:    3267      29    0    0    0     0          0         0"
	"     3268      29    0    0    0     0       0          0\n"
	"a23456789012345:1 2 3 4 5 6 7 8 18446744073709551615 2 3 4 5 6 7 8\n";

static struct proc_stat stat_out;
static struct proc_net net_out;

START_TEST(stat_gives_the_sum_and_each_cpu_by_its_own_number)
{
	ck_rc(proc_parse_stat(stat_text, &stat_out), 0);
	ck_assert_uint_eq(stat_out.cpus, 3);
	ck_assert_int_eq(stat_out.cpu[0].id, -1);
	ck_assert_uint_eq(stat_out.cpu[0].idle, 270407);
	ck_assert_int_eq(stat_out.cpu[1].id, 0);
	ck_assert_int_eq(stat_out.cpu[2].id, 2);
	ck_assert_uint_eq(stat_out.cpu[2].user, 1853);
	ck_assert_uint_eq(stat_out.cpu[2].nice, 3);
	ck_assert_uint_eq(stat_out.cpu[2].system, 1828);
	ck_assert_uint_eq(stat_out.cpu[2].iowait, 1340);
	ck_assert_uint_eq(stat_out.cpu[2].irq, 4);
	ck_assert_uint_eq(stat_out.cpu[2].softirq, 213);
	ck_assert_uint_eq(stat_out.cpu[2].steal, 1137);
	ck_assert_uint_eq(stat_out.context_switches, 279599);
	ck_assert_uint_eq(stat_out.processes, 5319);
}
END_TEST

START_TEST(damaged_stat_is_refused_by_its_line)
{
	ck_refused(proc_parse_stat("", &stat_out), "no line \"cpu\"");
	ck_refused(proc_parse_stat("cpu  1 2 3 4\ncpu0 1 2 3 4\nctxt 1\n",
				   &stat_out), "\"processes\"");
	ck_refused(proc_parse_stat("cpu  1 2 3 4\ncpu0 1 2 3 4\n"
				   "processes 1\n", &stat_out), "\"ctxt\"");
	ck_refused(proc_parse_stat("cpu  1 2 3\n", &stat_out), "four");
	ck_refused(proc_parse_stat("cpux 1 2 3 4\n", &stat_out), "number of");
	ck_refused(proc_parse_stat("cpu4096 1 2 3 4\n", &stat_out),
		   "cpu4096 1");
	ck_refused(proc_parse_stat("cpu  1 2 3 99999999999999999999\n",
				   &stat_out), "four");
	ck_refused(proc_parse_stat("ctxt -1\n", &stat_out), "a number");
}
END_TEST

START_TEST(more_cpus_than_there_is_room_for_are_refused)
{
	size_t lines = PROC_MOST_CPUS + 2;
	char *text = malloc(lines * 16), *at = text;

	for (size_t i = 0; i < lines; i++)
		at += sprintf(at, "cpu%zu 1 2 3 4\n", i % PROC_MOST_CPUS);
	ck_refused(proc_parse_stat(text, &stat_out), "no more CPUs");
	free(text);
}
END_TEST

START_TEST(memory_is_in_bytes)
{
	struct proc_memory out;

	ck_rc(proc_parse_memory(memory_text, &out), 0);
	ck_assert_uint_eq(out.total, UINT64_C(24684092) * 1024);
	ck_assert_uint_eq(out.free, UINT64_C(24520824) * 1024);
	ck_assert_uint_eq(out.available, UINT64_C(24430248) * 1024);
	ck_assert_uint_eq(out.buffers, 396 * 1024);
	ck_assert_uint_eq(out.cached, 16200 * 1024);
	ck_assert_uint_eq(out.swap_total, 2048 * 1024);
	ck_assert_uint_eq(out.swap_free, 1024 * 1024);
	ck_refused(proc_parse_memory("MemTotal: 1 kB\n", &out),
		   "\"MemAvailable:\"");
	ck_refused(proc_parse_memory("MemTotal: 1\n", &out), "N kB");
	ck_refused(proc_parse_memory("MemTotal: 18446744073709551615 kB\n",
				     &out), "N kB");
}
END_TEST

START_TEST(net_takes_names_with_and_without_a_blank_after_them)
{
	ck_rc(proc_parse_net(net_text, &net_out), 0);
	ck_assert_uint_eq(net_out.interfaces, 2);
	ck_assert_str_eq(net_out.interface[0].name, "lo");
	ck_assert_uint_eq(net_out.interface[0].rx_bytes, 3267);
	ck_assert_uint_eq(net_out.interface[0].tx_bytes, 3268);
	ck_assert_str_eq(net_out.interface[1].name, "a23456789012345");
	ck_assert_uint_eq(net_out.interface[1].rx_bytes, 1);
	ck_assert_uint_eq(net_out.interface[1].tx_bytes, UINT64_MAX);
	ck_rc(proc_parse_net(NET_HEADINGS, &net_out), 0);
	ck_assert_uint_eq(net_out.interfaces, 0);
}
END_TEST

START_TEST(damaged_net_is_refused_by_its_line)
{
	ck_refused(proc_parse_net("", &net_out), "headings");
	ck_refused(proc_parse_net(NET_HEADINGS "lo 1 2 3\n", &net_out),
		   "a colon");
	ck_refused(proc_parse_net(NET_HEADINGS ": 1 2 3\n", &net_out),
		   "a colon");
	ck_refused(proc_parse_net(NET_HEADINGS "a234567890123456: 1 2 3\n",
				  &net_out), "a colon");
	ck_refused(proc_parse_net(NET_HEADINGS "lo: 1 2 3 4 5 6 7 8\n",
				  &net_out), "nine");
}
END_TEST

START_TEST(load_and_uptime_are_read_digit_by_digit)
{
	struct proc_load out;
	double seconds;

	ck_rc(proc_parse_load("0.02 1.50 12.05 1/89 5320\n", &out), 0);
	ck_assert_double_eq(out.load1, 0.02);
	ck_assert_double_eq(out.load5, 1.5);
	ck_assert_double_eq(out.load15, 12.05);
	ck_assert_uint_eq(out.running, 1);
	ck_assert_uint_eq(out.tasks, 89);
	ck_rc(proc_parse_load("2.72 0.29 1.13 1/89 5320\n", &out), 0);
	ck_assert_double_eq(out.load1, 2.72);
	ck_assert_double_eq(out.load5, 0.29);
	ck_assert_double_eq(out.load15, 1.13);
	ck_refused(proc_parse_load("0.02 1.50\n", &out), "three");
	ck_refused(proc_parse_load("0.02 1. 3 1/89\n", &out), "three");
	ck_refused(proc_parse_load("0.02 1.50 12.05 189 5320\n", &out),
		   "RUNNING/TASKS");
	ck_refused(proc_parse_load("0 0 0 1/4294967296 5\n", &out),
		   "RUNNING/TASKS");
	ck_rc(proc_parse_uptime("1400.68 2704.08\n", &seconds), 0);
	ck_assert_double_eq(seconds, 1400.68);
	ck_refused(proc_parse_uptime("\n", &seconds), "seconds");
}
END_TEST

/* Under the sanitizers this also shows that nothing is read past the end. */
START_TEST(a_text_cut_anywhere_is_parsed_or_refused)
{
	struct proc_memory memory;
	size_t whole = 0;

	for (size_t n = 0; n < sizeof(stat_text); n++) {
		char *cut = strndup(stat_text, n);
		int rc = proc_parse_stat(cut, &stat_out);

		ck_assert_msg(!rc || rc == -EBADMSG, "%zu bytes: %d", n, rc);
		whole += !rc;
		free(cut);
	}
	ck_assert_uint_gt(whole, 0);
	for (size_t n = 0; n < sizeof(memory_text); n++) {
		char *cut = strndup(memory_text, n);
		int rc = proc_parse_memory(cut, &memory);

		ck_assert_msg(!rc || rc == -EBADMSG, "%zu bytes: %d", n, rc);
		free(cut);
	}
	for (size_t n = 0; n < sizeof(net_text); n++) {
		char *cut = strndup(net_text, n);
		int rc = proc_parse_net(cut, &net_out);

		ck_assert_msg(!rc || rc == -EBADMSG, "%zu bytes: %d", n, rc);
		free(cut);
	}
}
END_TEST

START_TEST(this_machine_can_be_read)
{
	struct proc_memory memory;
	struct proc_load load;
	double seconds;

	ck_rc(proc_read_stat("/proc", &stat_out), 0);
	ck_assert_uint_ge(stat_out.cpus, 2);
	ck_rc(proc_read_memory("/proc", &memory), 0);
	ck_assert_uint_ge(memory.total, memory.free);
	ck_assert_uint_gt(memory.total, 0);
	ck_rc(proc_read_net("/proc", &net_out), 0);
	ck_rc(proc_read_load("/proc", &load), 0);
	ck_assert_uint_gt(load.tasks, 0);
	ck_rc(proc_read_uptime("/proc", &seconds), 0);
	ck_assert(seconds > 0 && isfinite(seconds));
}
END_TEST

START_TEST(a_missing_file_is_named)
{
	double seconds;

	ck_rc(proc_read_uptime("/proc/self/fd", &seconds), -ENOENT);
	ck_assert_msg(strstr(proc_error(), "/proc/self/fd/uptime") != NULL,
		      "%s", proc_error());
	ck_rc(proc_read_stat("/proc/self/stat", &stat_out), -ENOTDIR);
}
END_TEST

static Suite *proc_suite(void)
{
	Suite *suite = suite_create("proc");
	TCase *tc = test_case(suite, "parse", "fast", 30);

	tcase_add_test(tc,
		       stat_gives_the_sum_and_each_cpu_by_its_own_number);
	tcase_add_test(tc, damaged_stat_is_refused_by_its_line);
	tcase_add_test(tc, more_cpus_than_there_is_room_for_are_refused);
	tcase_add_test(tc, memory_is_in_bytes);
	tcase_add_test(tc,
		       net_takes_names_with_and_without_a_blank_after_them);
	tcase_add_test(tc, damaged_net_is_refused_by_its_line);
	tcase_add_test(tc, load_and_uptime_are_read_digit_by_digit);
	tcase_add_test(tc, a_text_cut_anywhere_is_parsed_or_refused);
	tcase_add_test(tc, this_machine_can_be_read);
	tcase_add_test(tc, a_missing_file_is_named);
	return suite;
}

TEST_MAIN(proc_suite)
