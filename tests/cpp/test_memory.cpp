/* SPDX-License-Identifier: MIT */
/*
 * Memory: what C++ adds to a segment. That segments are made, opened, refused,
 * shared and left by the dead as in C, over_segment and over_table show.
 */
#include <zeroipc/array.h>
#include <zeroipc/memory.h>
#include <zeroipc/queue.h>

#include "harness.hpp"

#include <sys/stat.h>
#include <type_traits>
#include <vector>

using zeroipc::Array;
using zeroipc::Memory;
using zeroipc::Queue;

static_assert(!std::is_copy_constructible_v<Memory>);
static_assert(!std::is_copy_constructible_v<Array<int>>);
static_assert(!std::is_copy_constructible_v<Queue<int>>);
static_assert(std::is_nothrow_move_constructible_v<Memory>);
static_assert(std::is_nothrow_move_constructible_v<Array<int>>);
static_assert(std::is_nothrow_move_constructible_v<Queue<int>>);
static_assert(std::is_nothrow_move_assignable_v<Queue<int>>);

/* The first program that anybody writes, run as often as one likes. */
START_TEST(opening_or_creating_runs_twice)
{
	const char *name = test_name("sensor_data");

	for (int run = 0; run < 2; run++) {
		zeroipc::Memory mem(name, 10*1024*1024);
		zeroipc::Array<float> temps(mem, "temperature", 1000);

		ck_assert_float_eq(temps[1], run ? 24.1f : 0.0f);
		temps[0] = 23.5f;
		temps[1] = 24.1f;
		ck_assert_uint_eq(mem.size(), 10*1024*1024);
	}
	Memory::unlink(name);
	ck_throws(Memory(name), ENOENT, "no segment `/zt-");
}
END_TEST

START_TEST(create_takes_only_a_name_that_is_free)
{
	const char *name = test_name("free");
	Memory mem = Memory::create(name, 1 << 20);

	ck_throws(Memory::create(name, 1 << 20), EEXIST, "exists");
	ck_assert_uint_eq(Memory(name).id(), mem.id());
	ck_assert_str_eq(mem.name().c_str(), name + 1);
}
END_TEST

START_TEST(options_are_those_of_the_struct)
{
	const char *name = test_name("options");
	Memory mem(name, 1 << 20,
		   {.mode = 0640, .max_entries = 1, .symmetric = true});
	struct stat st;

	ck_assert_int_eq(stat((std::string("/dev/shm") + name).c_str(), &st),
			 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	Array<int>(mem, "one", 1);
	ck_throws(Array<int>(mem, "two", 1), ENOSPC, "max_entries");
	ck_assert(mem.segment()->symmetric);
	ck_throws(Memory::create(name, 1, {.mode = 01777}), EINVAL, "mode");
}
END_TEST

START_TEST(names_stand_in_the_order_of_creation)
{
	Memory mem(test_name("names"), 1 << 20);

	ck_assert_uint_eq(mem.names().size(), 0);
	Queue<int>(mem, "z", 4);
	Array<int>(mem, "a", 4);
	ck_assert(mem.names() == (std::vector<std::string>{"z", "a"}));
}
END_TEST

START_TEST(a_structure_outlives_the_memory_that_it_was_opened_by)
{
	Array<int> array(Memory(test_name("outlives"), 1 << 20), "a", 4);
	Queue<int> queue(Memory(test_name("outlives")), "q", 4);

	array[3] = 7;
	queue.push(8);
	ck_assert_int_eq(array.get(3), 7);
	ck_assert_int_eq(queue.pop(), 8);
}
END_TEST

START_TEST(what_was_moved_from_holds_nothing)
{
	Memory first(test_name("moved"), 1 << 20);
	Memory second = std::move(first);
	Queue<int> one(second, "q", 4);

	one.push(1);

	Queue<int> two = std::move(one);

	two.push(2);
	ck_assert_int_eq(two.pop(), 1);
	one = std::move(two);
	ck_assert_int_eq(one.pop(), 2);
}
END_TEST

START_TEST(what_is_open_for_reading_reads_and_changes_nothing)
{
	const char *name = test_name("reading");
	Memory mem(name, 1 << 20);
	Array<int> array(mem, "a", 4);
	Queue<int> queue(mem, "q", 4);

	array[2] = 5;
	queue.push(6);

	Memory reader(name, zeroipc::read_only);
	Array<const int> view(reader, "a");
	Queue<int> looked_at(reader, "q");

	ck_assert(reader.is_read_only());
	ck_assert_int_eq(view[2], 5);
	ck_assert_int_eq(view.get(2), 5);
	ck_throws(Array<int>(reader, "a").set(2, 1), EROFS, "reading only");
	ck_throws(Array<int>(reader, "b", 4), ENOENT, "no structure `b`");
	ck_throws(Array<int>::create(reader, "b", 4), EROFS, "to create `b`");
	ck_assert_uint_eq(looked_at.size(), 1);
	ck_throws(looked_at.try_pop(), EROFS, "reading only");
	ck_throws(looked_at.try_push(1), EROFS, "reading only");
}
END_TEST

START_TEST(another_kind_or_type_is_told_with_the_difference)
{
	Memory mem(test_name("types"), 1 << 20);
	Array<float> array(mem, "a", 4);

	ck_throws(Queue<float>(mem, "a"), EPROTOTYPE,
		  "is of kind array (1), not queue");
	ck_throws(Array<double>(mem, "a"), EPROTOTYPE,
		  "has elements of type f32, not f64: f64 here, f32 there");
	ck_throws(Array<float>(mem, "a", 5), EPROTOTYPE,
		  "has a capacity of 4, not 5");
	ck_throws(Array<double>(mem, "a", zeroipc::reinterpret), EPROTOTYPE,
		  "can not be taken for others of 8");
	array[0] = 1.0f;
	ck_assert_uint_eq(
		Array<unsigned>(mem, "a", zeroipc::reinterpret)[0], 0x3F800000);
}
END_TEST

/* A queue with leases has a flag, and is not yet known here. */
START_TEST(flags_that_are_not_known_are_refused)
{
	Memory mem(test_name("flags"), 1 << 20);
	Queue<int> queue(mem, "q", 4);
	Array<int> array(mem, "a", 4);
	const auto flag = [&mem](const char *name) {
		zeroipc::detail::Segment &segment = *mem.segment();
		const zeroipc::detail::Found found =
			zeroipc::detail::find_structure(
				segment, name,
				{name[0] == 'q' ? zeroipc::detail::kind_queue
						: zeroipc::detail::kind_array});

		found.block->flags = 1;
	};

	flag("q");
	flag("a");
	ck_throws(Queue<int>(mem, "q"), EPROTOTYPE, "flags 0x1");
	ck_throws(Queue<int>(mem, "q", 4), EPROTOTYPE, "flags 0x1");
	ck_throws(Queue<void>(mem, "q"), EPROTOTYPE, "flags 0x1");
	ck_throws(Array<int>(mem, "a"), EPROTOTYPE, "flags 0x1");
	ck_assert(queue.try_push(1)); /* who has it open goes on */
}
END_TEST

START_TEST(an_error_is_a_system_error)
{
	try {
		Memory(test_name("nowhere"));
		ck_abort_msg("it was opened");
	} catch (const std::system_error &error) {
		ck_assert(error.code() == std::errc::no_such_file_or_directory);
		ck_assert_ptr_nonnull(strstr(error.what(), "no segment"));
	}
}
END_TEST

/* removing */

START_TEST(what_is_removed_is_found_no_more)
{
	const char *name = test_name("removed");
	Memory mem(name, 1 << 20);

	Array<int>(mem, "a", 4);
	Array<int>(mem, "b", 4);
	mem.remove("a");
	ck_throws(Array<int>(mem, "a"), ENOENT, "no structure `a`");
	ck_throws(mem.remove("a"), ENOENT, "no structure `a`");
	ck_throws(mem.remove("a/b"), EINVAL, "cannot name a structure");
	ck_throws(Memory(name, zeroipc::read_only).remove("b"), EROFS,
		  "to remove `b`");
	ck_assert(mem.names() == (std::vector<std::string>{"b"}));
	ck_assert_uint_eq(Queue<float>(mem, "a", 4).size(), 0);
}
END_TEST

/* One fits into the segment, and two do not. */
static constexpr std::size_t most_of_it = 40000;

static Memory small_one(const char *name)
{
	return Memory::create(name, 1 << 16,
			      {.max_entries = 4, .max_participants = 4});
}

START_TEST(space_stays_until_the_last_handle_is_gone)
{
	Memory mem = small_one(test_name("space"));
	Array<char> first(mem, "a", most_of_it);

	{
		Array<char> other(mem, "a");

		mem.remove("a");
		first = std::move(other);
	}
	ck_throws(Array<char>(mem, "b", most_of_it), ENOSPC,
		  "removed ones open");
	first[most_of_it - 1] = 7;
	ck_assert_int_eq(first.get(most_of_it - 1), 7);
	{
		Array<char> gone = std::move(first);
	}

	Array<char> second(mem, "b", most_of_it);

	for (char byte : second)
		ck_assert_int_eq(byte, 0);
}
END_TEST

START_TEST(a_queue_that_was_removed_is_used_on_by_who_has_it)
{
	Memory mem = small_one(test_name("queue"));

	for (int round = 0; round < 20; round++) {
		Queue<long> old(mem, "q", 2000), gone = std::move(old);

		gone.push(round);
		mem.remove("q");
		ck_assert_uint_eq(Queue<int>(mem, "q", 4).size(), 0);
		gone.push(-round);
		ck_assert_int_eq(gone.pop(), round);
		ck_assert_int_eq(gone.pop(), -round);
		mem.remove("q");
	}
	ck_assert_uint_eq(mem.names().size(), 0);
}
END_TEST

static Suite *suite()
{
	Suite *suite = suite_create("C++ memory");
	TCase *tc = test_case(suite, "memory", "fast", 30);

	tcase_add_test(tc, opening_or_creating_runs_twice);
	tcase_add_test(tc, create_takes_only_a_name_that_is_free);
	tcase_add_test(tc, options_are_those_of_the_struct);
	tcase_add_test(tc, names_stand_in_the_order_of_creation);
	tcase_add_test(tc,
		       a_structure_outlives_the_memory_that_it_was_opened_by);
	tcase_add_test(tc, what_was_moved_from_holds_nothing);
	tcase_add_test(tc, what_is_open_for_reading_reads_and_changes_nothing);
	tcase_add_test(tc, another_kind_or_type_is_told_with_the_difference);
	tcase_add_test(tc, flags_that_are_not_known_are_refused);
	tcase_add_test(tc, an_error_is_a_system_error);
	tcase_add_test(tc, what_is_removed_is_found_no_more);
	tcase_add_test(tc, space_stays_until_the_last_handle_is_gone);
	tcase_add_test(tc, a_queue_that_was_removed_is_used_on_by_who_has_it);
	return suite;
}

TEST_MAIN(suite)
