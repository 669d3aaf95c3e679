/* SPDX-License-Identifier: MIT */
/*
 * Array: what C++ adds. That elements are whole, adds and swaps are not lost,
 * and a killed one happened wholly or not at all, over_array shows.
 */
#include <zeroipc/array.h>

#include "harness.hpp"

#include <algorithm>
#include <numeric>

using zeroipc::Array;
using zeroipc::Memory;

struct Pair {
	std::int32_t first, second;
};
ZEROIPC_RECORD(Pair, first, second);

struct Flagged {
	bool flag;
	std::uint8_t rest[2];
};
ZEROIPC_RECORD(Flagged, flag, rest);

START_TEST(elements_are_plain_memory)
{
	Memory mem(test_name("plain"), 1 << 20);
	Array<int> array(mem, "a", 100);

	ck_assert_uint_eq(array.size(), 100);
	std::iota(array.begin(), array.end(), 1);
	ck_assert_int_eq(std::accumulate(array.begin(), array.end(), 0), 5050);
	ck_assert_int_eq(array.span().back(), 100);
	ck_assert_ptr_eq(array.data(), &array[0]);
	for (int &element : array)
		element = 0;
	ck_assert(std::ranges::all_of(array, [](int i) { return i == 0; }));
}
END_TEST

START_TEST(plain_and_atomic_access_see_the_same)
{
	Memory mem(test_name("same"), 1 << 20);
	Array<Pair> pairs(mem, "p", 4);
	Array<double> numbers(mem, "n", 4);

	pairs.set(1, {3, 4});
	ck_assert_int_eq(pairs[1].second, 4);
	pairs[2].first = 9;
	ck_assert_int_eq(pairs.get(2).first, 9);
	numbers[0] = 1.5;
	ck_assert_double_eq(numbers.add(0, 2.0), 1.5);
	ck_assert_double_eq(numbers[0], 3.5);
}
END_TEST

START_TEST(cas_swaps_what_is_expected_and_else_tells_what_is_there)
{
	Memory mem(test_name("cas"), 1 << 20);
	Array<std::uint32_t> array(mem, "a", 4);
	std::uint32_t expected = 0;

	ck_assert(array.cas(3, expected, 7));
	expected = 5;
	ck_assert(!array.cas(3, expected, 9));
	ck_assert_uint_eq(expected, 7);
	ck_assert_uint_eq(array.add(3, UINT32_MAX), 7);
	ck_assert_uint_eq(array[3], 6);
}
END_TEST

START_TEST(an_index_beyond_the_end_is_refused)
{
	Memory mem(test_name("beyond"), 1 << 20);
	Array<int> array(mem, "a", 4);
	int expected = 0;

	ck_throws(array.get(4), EINVAL, "element 4 is beyond the 4");
	ck_throws(array.set(4, 1), EINVAL, "element 4");
	ck_throws(array.add(UINT64_MAX, 1), EINVAL, "beyond");
	ck_throws(array.cas(4, expected, 1), EINVAL, "beyond");
}
END_TEST

START_TEST(a_byte_that_is_no_bool_is_read_as_true)
{
	Memory mem(test_name("bool"), 1 << 20);
	Array<Flagged> array(mem, "a", 2);
	Array<std::array<unsigned char, 3>> bytes(mem, "a",
						  zeroipc::reinterpret);
	Flagged flagged;
	unsigned char flag;

	bytes[1] = {2, 3, 4};
	flagged = array.get(1);
	std::memcpy(&flag, &flagged, 1);
	ck_assert_uint_eq(flag, 1);
	ck_assert_uint_eq(flagged.rest[1], 4);
}
END_TEST

START_TEST(elements_of_a_type_known_at_run_time_are_bytes)
{
	Memory mem(test_name("void"), 1 << 20);
	Array<void> array(mem, "a", zeroipc::Type("{ts:u64, temp:f32}"), 3);
	unsigned char in[16] = "fifteen letters", out[16];

	ck_assert_uint_eq(array.elem_size(), 16);
	array.set(2, in);
	array.get(2, out);
	ck_assert_mem_eq(in, out, 16);
	ck_throws(Array<void>(mem, "a", zeroipc::Type("{ts:u64, temp:f64}")),
		  EPROTOTYPE, "field temp: f64 at byte 8 here, f32 at byte 8");
	ck_assert(Array<void>(mem, "a").type() == "{ts:u64, temp:f32}");
}
END_TEST

static Suite *suite()
{
	Suite *suite = suite_create("C++ array");
	TCase *tc = test_case(suite, "array", "fast", 30);

	tcase_add_test(tc, elements_are_plain_memory);
	tcase_add_test(tc, plain_and_atomic_access_see_the_same);
	tcase_add_test(tc,
		       cas_swaps_what_is_expected_and_else_tells_what_is_there);
	tcase_add_test(tc, an_index_beyond_the_end_is_refused);
	tcase_add_test(tc, a_byte_that_is_no_bool_is_read_as_true);
	tcase_add_test(tc, elements_of_a_type_known_at_run_time_are_bytes);
	return suite;
}

TEST_MAIN(suite)
