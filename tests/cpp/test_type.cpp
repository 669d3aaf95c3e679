/* SPDX-License-Identifier: MIT */
/*
 * Texts from C++ types. That texts are parsed and compared as the C library
 * does, over_type shows.
 */
#include <zeroipc/type.h>

#include "harness.hpp"

using zeroipc::type_text;

enum class Colour : std::uint16_t { red, green };

struct Point {
	float x, y;
};
ZEROIPC_RECORD(Point, x, y);

namespace inner {

struct Everything {
	bool flag;
	std::int8_t a;
	std::uint16_t b;
	std::int64_t c;
	char name[24];
	Colour colour;
	Point corners[2][3];
	std::array<double, 4> weights;
	std::array<std::byte, 3> raw;
};
ZEROIPC_RECORD(Everything, flag, a, b, c, name, colour, corners, weights, raw);

} // namespace inner

struct One {
	std::uint8_t only;
};
ZEROIPC_RECORD(One, only);

static void is(const std::string &text, const char *want)
{
	ck_assert_str_eq(text.c_str(), want);
}

START_TEST(scalars_are_told_by_size_and_sign)
{
	is(type_text<bool>(), "bool");
	is(type_text<signed char>(), "i8");
	is(type_text<unsigned char>(), "u8");
	is(type_text<short>(), "i16");
	is(type_text<unsigned>(), "u32");
	is(type_text<long>(), "i64");
	is(type_text<long long>(), "i64");
	is(type_text<std::size_t>(), "u64");
	is(type_text<float>(), "f32");
	is(type_text<double>(), "f64");
	is(type_text<const int>(), "i32");
	is(type_text<Colour>(), "u16");
}
END_TEST

START_TEST(characters_and_bytes_are_bytes)
{
	is(type_text<char>(), "bytes:1");
	is(type_text<std::byte>(), "bytes:1");
	is(type_text<char[24]>(), "bytes:24");
	is(type_text<std::array<char, 5>>(), "bytes:5");
	is(type_text<char[3][8]>(), "bytes:8[3]");
}
END_TEST

START_TEST(lengths_stand_in_the_order_of_c)
{
	is(type_text<float[3][2]>(), "f32[3][2]");
	is((type_text<std::array<std::array<int, 2>, 3>>()), "i32[3][2]");
	is(type_text<Point[3]>(), "{x:f32, y:f32}[3]");
}
END_TEST

START_TEST(records_are_told_with_all_that_is_in_them)
{
	is(type_text<One>(), "{only:u8}");
	is(type_text<inner::Everything>(),
	   "{flag:bool, a:i8, b:u16, c:i64, name:bytes:24, colour:u16, "
	   "corners:{x:f32, y:f32}[2][3], weights:f64[4], raw:bytes:3}");
}
END_TEST

/* The C library lays the text out by itself. */
START_TEST(the_text_lays_out_what_the_compiler_does)
{
	const std::string text = type_text<inner::Everything>();
	std::uint64_t offset = 0;
	const char *name;
	struct zipc_type *type;

	ck_rc(zipc_type_parse(&type, text.c_str(), SIZE_MAX), 0);
	ck_assert_uint_eq(zipc_type_size(type), sizeof(inner::Everything));
	ck_assert_uint_eq(zipc_type_align(type), alignof(inner::Everything));
	ck_assert_ptr_nonnull(zipc_type_field(type, 6, &name, &offset));
	ck_assert_str_eq(name, "corners");
	ck_assert_uint_eq(offset, offsetof(inner::Everything, corners));
	ck_assert_ptr_nonnull(zipc_type_field(type, 8, &name, &offset));
	ck_assert_uint_eq(offset, offsetof(inner::Everything, raw));
	zipc_type_free(type);
}
END_TEST

START_TEST(a_text_that_is_no_type_is_told_by_its_column)
{
	ck_throws(zeroipc::Type("{ts:u64, temp:f33}"), EINVAL,
		  "type: column 15: unknown type `f33`");
	ck_throws(zeroipc::Type(""), EINVAL, "expected a type, found the end");
	ck_assert(zeroipc::Type("u8 [ 3 ]") == zeroipc::Type("u8[3]"));
}
END_TEST

START_TEST(bytes_that_are_no_bool_become_one)
{
	unsigned char bytes[sizeof(inner::Everything)];

	std::memset(bytes, 7, sizeof(bytes));
	zeroipc::detail::mend_bools<inner::Everything>(bytes);
	ck_assert_uint_eq(bytes[0], 1);
	ck_assert_uint_eq(bytes[1], 7);
	std::memset(bytes, 2, sizeof(bytes));
	zeroipc::detail::mend_bools<bool[3]>(bytes);
	ck_assert_uint_eq(bytes[0] + bytes[1] + bytes[2], 3);
	ck_assert_uint_eq(bytes[3], 2);
}
END_TEST

static Suite *suite()
{
	Suite *suite = suite_create("C++ type");
	TCase *tc = test_case(suite, "texts", "fast", 30);

	tcase_add_test(tc, scalars_are_told_by_size_and_sign);
	tcase_add_test(tc, characters_and_bytes_are_bytes);
	tcase_add_test(tc, lengths_stand_in_the_order_of_c);
	tcase_add_test(tc, records_are_told_with_all_that_is_in_them);
	tcase_add_test(tc, the_text_lays_out_what_the_compiler_does);
	tcase_add_test(tc, a_text_that_is_no_type_is_told_by_its_column);
	tcase_add_test(tc, bytes_that_are_no_bool_become_one);
	return suite;
}

TEST_MAIN(suite)
