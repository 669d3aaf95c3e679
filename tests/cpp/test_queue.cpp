/* SPDX-License-Identifier: MIT */
/*
 * Queue: what C++ adds. That it keeps order and capacity, waits, forks, finds
 * damage and survives kills and stops, the over_ and mixed_ programs show.
 */
#include <zeroipc/queue.h>

#include "harness.hpp"

#include <chrono>
#include <numeric>
#include <sys/wait.h>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using std::chrono::system_clock;
using zeroipc::Memory;
using zeroipc::Queue;

struct Reading {
	std::uint64_t ts;
	float temp;
	bool good;
	char place[40];
};
ZEROIPC_RECORD(Reading, ts, temp, good, place);

START_TEST(elements_go_in_and_come_out)
{
	Memory mem(test_name("elements"), 1 << 20);
	Queue<Reading> readings(mem, "r", 10);
	Queue<std::uint8_t> bytes(mem, "b", 10);

	readings.push({1, 21.5f, true, "roof"});
	ck_assert(readings.try_push({2, 22.5f, false, "yard"}));
	ck_assert_uint_eq(readings.size(), 2);

	const Reading first = readings.pop();

	ck_assert(first.ts == 1 && first.temp == 21.5f && first.good);
	ck_assert_str_eq(first.place, "roof");
	ck_assert(std::string(readings.try_pop()->place) == "yard");
	ck_assert(!readings.try_pop());
	ck_assert(readings.empty());
	for (std::uint8_t i = 0; i < 10; i++)
		bytes.push(i);
	ck_assert(!bytes.try_push(1));
	for (std::uint8_t i = 0; i < 10; i++)
		ck_assert_uint_eq(bytes.pop(), i);
}
END_TEST

START_TEST(waits_end_at_durations_and_time_points)
{
	Memory mem(test_name("waits"), 1 << 20);
	Queue<int> queue(mem, "q", 1);
	const auto begin = steady_clock::now();

	ck_assert(!queue.pop_for(20ms));
	ck_assert(!queue.pop_until(steady_clock::now() + 20ms));
	ck_assert(!queue.pop_until(system_clock::now() + 20ms));
	ck_assert(queue.push_for(1, 1h));
	ck_assert(!queue.push_for(2, 20ms));
	ck_assert(!queue.push_until(2, steady_clock::now() + 20ms));
	ck_assert(!queue.push_until(2, system_clock::now() + 20ms));
	ck_assert(steady_clock::now() - begin >= 120ms);
	ck_assert(!queue.push_for(2, -1h));
	ck_assert(!queue.push_until(2, system_clock::time_point::min()));
	ck_assert(queue.pop_for(0s));
}
END_TEST

START_TEST(a_duration_beyond_all_clocks_is_for_ever)
{
	Memory mem(test_name("ever"), 1 << 20);
	Queue<int> queue(mem, "q", 1), other(mem, "q");
	std::thread pusher([&] {
		for (int i = 0; i < 4; i++)
			other.push(i);
	});

	ck_assert_int_eq(*queue.pop_for(std::chrono::hours::max()), 0);
	ck_assert_int_eq(*queue.pop_for(std::chrono::duration<double>::max()),
			 1);
	ck_assert_int_eq(*queue.pop_until(steady_clock::time_point::max()), 2);
	ck_assert_int_eq(queue.pop(), 3);
	pusher.join();
}
END_TEST

START_TEST(batches_are_spans)
{
	Memory mem(test_name("spans"), 1 << 20);
	Queue<int> queue(mem, "q", 10);
	std::vector<int> in(12), out(12);

	std::iota(in.begin(), in.end(), 1);
	ck_assert_uint_eq(queue.try_push_n(in), 10);
	ck_assert_uint_eq(queue.push_n_for(in, 1ms), 0);
	ck_assert_uint_eq(queue.try_pop_n(std::span(out).first(4)), 4);
	ck_assert_uint_eq(queue.push_n_until(std::span(in).last(2),
					     steady_clock::now()), 2);
	ck_assert_uint_eq(queue.pop_n(std::span(out).subspan(4)), 8);
	ck_assert(in == out);
	ck_assert_uint_eq(queue.pop_n_for(out, 1ms), 0);
	ck_assert_uint_eq(queue.push_n({}), 0);
	ck_assert_uint_eq(queue.pop_n({}), 0);
}
END_TEST

START_TEST(who_sleeps_is_woken_by_another_process)
{
	const char *name = test_name("woken");
	Memory mem(name, 1 << 20);
	Queue<Reading> there(mem, "there", 1), back(mem, "back", 1);
	int status;
	const pid_t child = fork();

	if (!child) {
		for (std::uint64_t i = 0; i < 1000; i++) {
			Reading reading = there.pop();

			reading.ts++;
			back.push(reading);
		}
		_exit(0);
	}
	for (std::uint64_t i = 0; i < 1000; i++) {
		there.push({i, 0, true, ""});
		ck_assert_uint_eq(back.pop().ts, i + 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_handle_that_goes_gives_its_writers_place_back)
{
	Memory mem(test_name("places"), 1 << 20);
	auto queue = Queue<int>::create(mem, "q", 4, {.max_writers = 1});

	for (int i = 0; i < 3; i++)
		Queue<int>(mem, "q").push(i);
	queue.push(3);
	ck_throws(Queue<int>(mem, "q").push(4), EUSERS, "max_writers");
	ck_throws(Queue<int>::create(mem, "p", 4, {.max_writers = 4097}),
		  EINVAL, "at most 4096");
}
END_TEST

START_TEST(a_byte_that_is_no_bool_comes_out_as_true)
{
	Memory mem(test_name("bool"), 1 << 20);
	Queue<bool> queue(mem, "q", 4);
	Queue<unsigned char> bytes(mem, "q", zeroipc::reinterpret);
	bool flags[2];
	unsigned char flag;

	bytes.push(2);
	bytes.push(3);
	bytes.push(0);
	flags[0] = queue.pop();
	std::memcpy(&flag, flags, 1);
	ck_assert_uint_eq(flag, 1);
	ck_assert_uint_eq(queue.pop_n(flags), 2);
	std::memcpy(&flag, flags, 1);
	ck_assert_uint_eq(flag, 1);
	ck_assert(!flags[1]);
}
END_TEST

static Suite *suite()
{
	Suite *suite = suite_create("C++ queue");
	TCase *tc = test_case(suite, "queue", "fast", 60);

	tcase_add_test(tc, elements_go_in_and_come_out);
	tcase_add_test(tc, waits_end_at_durations_and_time_points);
	tcase_add_test(tc, a_duration_beyond_all_clocks_is_for_ever);
	tcase_add_test(tc, batches_are_spans);
	tcase_add_test(tc, who_sleeps_is_woken_by_another_process);
	tcase_add_test(tc, a_handle_that_goes_gives_its_writers_place_back);
	tcase_add_test(tc, a_byte_that_is_no_bool_comes_out_as_true);
	return suite;
}

TEST_MAIN(suite)
