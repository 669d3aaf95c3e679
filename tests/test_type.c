/* SPDX-License-Identifier: MIT */
/* Types: their texts, their layouts, their limits, and how they differ. */
#include "harness.h"
#include "random_type.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

static struct zipc_type *parsed(const char *text)
{
	struct zipc_type *type = NULL;

	ck_rc(zipc_type_parse(&type, text, SIZE_MAX), 0);
	return type;
}

/* Memory of exactly length bytes, so that a sanitizer sees one read beyond. */
static int parse_exactly(struct zipc_type **out, const char *text,
			 size_t length)
{
	char *copy = malloc(length ? length : 1);
	int rc;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, length);
	rc = zipc_type_parse(out, copy, length);
	free(copy);
	return rc;
}

static void ck_refused(const char *text, size_t length, const char *message)
{
	struct zipc_type *type = (void *)&type;

	ck_rc(parse_exactly(&type, text, length), -EINVAL);
	ck_message(message);
	ck_assert_ptr_eq(type, (void *)&type);
}

/* Layout. */

#define ck_whole(text, c_type)                                               \
	do {                                                                 \
		struct zipc_type *whole_ = parsed(text);                     \
		ck_assert_uint_eq(zipc_type_size(whole_), sizeof(c_type));   \
		ck_assert_uint_eq(zipc_type_align(whole_), alignof(c_type)); \
		zipc_type_free(whole_);                                      \
	} while (0)

#define ck_field(record, i, c_type, member)                                  \
	do {                                                                 \
		const char *name_ = NULL;                                    \
		uint64_t offset_ = UINT64_MAX;                               \
		const struct zipc_type *field_ =                             \
			zipc_type_field(record, i, &name_, &offset_);        \
		ck_assert_ptr_nonnull(field_);                               \
		ck_assert_str_eq(name_, #member);                            \
		ck_assert_uint_eq(offset_, offsetof(c_type, member));        \
		ck_assert_uint_eq(zipc_type_size(field_),                    \
				  sizeof(((c_type *)0)->member));            \
	} while (0)

START_TEST(lays_scalars_out_as_c_does)
{
	ck_whole("bool", bool);
	ck_whole("i8", int8_t);
	ck_whole("u8", uint8_t);
	ck_whole("i16", int16_t);
	ck_whole("u16", uint16_t);
	ck_whole("i32", int32_t);
	ck_whole("u32", uint32_t);
	ck_whole("i64", int64_t);
	ck_whole("u64", uint64_t);
	ck_whole("f32", float);
	ck_whole("f64", double);
	ck_whole("bytes:24", char[24]);
	ck_whole("f64[5]", double[5]);
	ck_whole("u16[3][5]", uint16_t[3][5]);
}
END_TEST

struct reading {
	uint64_t ts;
	float temp;
	uint32_t id;
};

struct gaps {
	uint8_t a;
	double b;
	bool c;
	int16_t d;
	char e[3];
	uint32_t f;
	uint8_t g;
};

struct outer {
	uint8_t tag;
	struct {
		uint32_t x;
		uint8_t y;
	} pos[3];
	uint16_t after;
	struct {
		struct {
			int8_t z;
		} deep;
		double w[2][2];
	} last;
	bool end;
};

START_TEST(lays_records_out_as_c_does)
{
	struct zipc_type *type;

	ck_whole("{ts:u64, temp:f32, id:u32}", struct reading);
	ck_whole("{ts:u64, temp:f32, id:u32}[7]", struct reading[7]);
	ck_whole("{a:u8}", struct { uint8_t a; });
	ck_whole("{a:u8, b:u16}", struct { uint8_t a; uint16_t b; });
	ck_whole("{a:u16, b:u8}", struct { uint16_t a; uint8_t b; });
	ck_whole("{a:bytes:5, b:f32}", struct { char a[5]; float b; });
	ck_whole("{a:f64, b:bytes:5}", struct { double a; char b[5]; });
	ck_whole("{a:{b:u64, c:u8}, d:u8}",
		 struct { struct { uint64_t b; uint8_t c; } a; uint8_t d; });

	type = parsed("{a:u8, b:f64, c:bool, d:i16, e:bytes:3, f:u32, g:u8}");
	ck_assert_uint_eq(zipc_type_length(type), 7);
	ck_field(type, 0, struct gaps, a);
	ck_field(type, 1, struct gaps, b);
	ck_field(type, 2, struct gaps, c);
	ck_field(type, 3, struct gaps, d);
	ck_field(type, 4, struct gaps, e);
	ck_field(type, 5, struct gaps, f);
	ck_field(type, 6, struct gaps, g);
	ck_assert_uint_eq(zipc_type_size(type), sizeof(struct gaps));
	ck_assert_uint_eq(zipc_type_align(type), alignof(struct gaps));
	zipc_type_free(type);
}
END_TEST

START_TEST(lays_inner_records_out_as_c_does)
{
	struct zipc_type *type = parsed("{tag:u8, pos:{x:u32, y:u8}[3], "
					"after:u16, last:{deep:{z:i8}, "
					"w:f64[2][2]}, end:bool}");
	const struct zipc_type *pos, *last;
	uint64_t offset = UINT64_MAX;

	ck_assert_uint_eq(zipc_type_size(type), sizeof(struct outer));
	ck_assert_uint_eq(zipc_type_align(type), alignof(struct outer));
	ck_field(type, 0, struct outer, tag);
	ck_field(type, 1, struct outer, pos);
	ck_field(type, 2, struct outer, after);
	ck_field(type, 3, struct outer, last);
	ck_field(type, 4, struct outer, end);

	pos = zipc_type_field(type, 1, NULL, NULL);
	ck_assert_uint_eq(zipc_type_size(zipc_type_element(pos)),
			  sizeof(((struct outer *)0)->pos[0]));
	zipc_type_field(zipc_type_element(pos), 1, NULL, &offset);
	ck_assert_uint_eq(offset, offsetof(struct outer, pos[0].y) -
					  offsetof(struct outer, pos[0]));
	last = zipc_type_field(type, 3, NULL, NULL);
	zipc_type_field(last, 1, NULL, &offset);
	ck_assert_uint_eq(offset, offsetof(struct outer, last.w) -
					  offsetof(struct outer, last));
	zipc_type_free(type);
}
END_TEST

START_TEST(orders_dimensions_as_c_does)
{
	float x[3][2];
	struct zipc_type *type = parsed("f32[3][2]");
	const struct zipc_type *row = zipc_type_element(type);

	ck_assert_uint_eq(zipc_type_length(type), sizeof(x) / sizeof(x[0]));
	ck_assert_uint_eq(zipc_type_size(row), sizeof(x[0]));
	ck_assert_uint_eq(zipc_type_length(row),
			  sizeof(x[0]) / sizeof(x[0][0]));
	ck_assert_int_eq(zipc_type_class(zipc_type_element(row)),
			 ZIPC_TYPE_FLOAT);
	zipc_type_free(type);
}
END_TEST

/* Texts. */

static const struct {
	const char *text, *canonical;
} spellings[] = {
	{" u64 ", "u64"},
	{"bytes : 24", "bytes:24"},
	{"f32 [ 3 ] [\t2 ]", "f32[3][2]"},
	{"{ts:u64,temp:f32,id:u32}", "{ts:u64, temp:f32, id:u32}"},
	{"\r\n{ a : { b : i8 [4] } [ 2 ] , _9 : bytes : 1 }\n",
	 "{a:{b:i8[4]}[2], _9:bytes:1}"},
	{"{bytes:bytes:2, u8:u8, B:bool}", "{bytes:bytes:2, u8:u8, B:bool}"},
};

START_TEST(spells_a_type_in_one_way)
{
	struct zipc_type *type = NULL;

	ck_rc(parse_exactly(&type, spellings[_i].text,
			    strlen(spellings[_i].text)),
	      0);
	ck_assert_str_eq(zipc_type_text(type), spellings[_i].canonical);
	zipc_type_free(type);
}
END_TEST

START_TEST(spells_inner_types_too)
{
	struct zipc_type *type = parsed("{a:{b:u8,c:bytes:7}[3][2],d:f64}");
	const struct zipc_type *inner = zipc_type_field(type, 0, NULL, NULL);

	ck_assert_str_eq(zipc_type_text(inner), "{b:u8, c:bytes:7}[3][2]");
	inner = zipc_type_element(inner);
	ck_assert_str_eq(zipc_type_text(inner), "{b:u8, c:bytes:7}[2]");
	inner = zipc_type_element(inner);
	ck_assert_str_eq(zipc_type_text(inner), "{b:u8, c:bytes:7}");
	inner = zipc_type_field(inner, 1, NULL, NULL);
	ck_assert_str_eq(zipc_type_text(inner), "bytes:7");
	inner = zipc_type_field(type, 1, NULL, NULL);
	ck_assert_str_eq(zipc_type_text(inner), "f64");
	zipc_type_free(type);
}
END_TEST

static const struct {
	const char *text, *message;
} refusals[] = {
	{"", "column 1: expected a type, found the end"},
	{"  ", "column 3: expected a type, found the end"},
	{"int", "column 1: unknown type `int`"},
	{"u8x", "column 1: unknown type `u8x`"},
	{"U8", "column 1: unknown type `U8`"},
	{"8", "column 1: expected a type, found '8'"},
	{"u8 u8", "column 4: expected '[' or the end, found 'u'"},
	{"u8]", "column 3: expected '[' or the end, found ']'"},
	{"u8\x01", "column 3: expected '[' or the end, found byte 0x01"},
	{"bytes", "column 6: expected ':' and a length after `bytes`"},
	{"bytes:", "column 7: expected the length of `bytes`, found the end"},
	{"bytes:0", "column 7: a length begins with a digit from 1 to 9"},
	{"bytes:-1", "column 7: expected the length of `bytes`, found '-'"},
	{"bytes:1073741825", "column 7: a length is at most 1073741824"},
	{"bytes:99999999999999999999999", "column 7: a length is at most"},
	{"u8[", "column 4: expected the length of an array, found the end"},
	{"u8[]", "column 4: expected the length of an array, found ']'"},
	{"u8[0]", "column 4: a length begins with a digit from 1 to 9"},
	{"u8[08]", "column 4: a length begins with a digit from 1 to 9"},
	{"u8[3", "column 5: expected ']' after an array's length"},
	{"u8[3x]", "column 5: expected ']' after an array's length, found 'x'"},
	{"{", "column 2: expected a field name, found the end"},
	{"{}", "column 2: expected a field name, found '}'"},
	{"{1a:u8}", "column 2: expected a field name, found '1'"},
	{"{a}", "column 3: expected ':' after field name `a`, found '}'"},
	{"{ts:u64, temp f32}",
	 "column 15: expected ':' after field name `temp`, found 'f'"},
	{"{a:}", "column 4: expected a type, found '}'"},
	{"{a:u8", "column 6: expected ',' or '}' in a record, found the end"},
	{"{a:u8 b:u8}", "column 7: expected ',' or '}' in a record, found 'b'"},
	{"{a:u8,}", "column 7: expected a field name, found '}'"},
	{"{a:u8, b:u8, a:u8}", "column 14: the record has two fields `a`"},
	{"{a:u8}}", "column 7: expected '[' or the end, found '}'"},
	{"u8\xc3\xa9", "column 3: byte 0xc3 is not printable ASCII"},
	{"{gr\xf6\xdf" "e:u8}", "column 4: byte 0xf6 is not printable ASCII"},
	{"u8\x7f", "column 3: byte 0x7f is not printable ASCII"},
};

START_TEST(refuses_what_is_no_type)
{
	ck_refused(refusals[_i].text, strlen(refusals[_i].text),
		   refusals[_i].message);
}
END_TEST

START_TEST(refuses_a_nul_inside_the_text)
{
	ck_refused("u8\0", 3, "column 3: a NUL inside the text");
	ck_refused("{a:u8,\0b:u8}", 12, "column 7: a NUL inside the text");
	ck_refused("", 1, "column 1: a NUL inside the text");
}
END_TEST

START_TEST(reads_no_further_than_its_length)
{
	struct zipc_type *type = NULL;

	ck_rc(parse_exactly(&type, "u32[4]", 3), 0);
	ck_assert_str_eq(zipc_type_text(type), "u32");
	zipc_type_free(type);
	ck_refused("u32[4]", 0, "column 1: expected a type, found the end");
	ck_refused("u32[4]", 5, "column 6: expected ']'");
}
END_TEST

/* Limits: each is reached, and not passed. */

/* text, then n times repeated, then end. */
static char *repeat(const char *text, const char *repeated, unsigned n,
		    const char *end)
{
	static char whole[4096];

	snprintf(whole, sizeof(whole), "%s", text);
	while (n--)
		strcat(whole, repeated);
	strcat(whole, end);
	return whole;
}

static void ck_accepted(const char *text)
{
	struct zipc_type *type = parsed(text);

	zipc_type_free(type);
}

START_TEST(takes_16_levels)
{
	static const char message[] = "more than 16 levels";
	char close[32] = "u8";

	strcat(close, repeat("", "}", 15, ""));
	ck_accepted(repeat("u8", "[1]", 15, ""));
	ck_refused(repeat("u8", "[1]", 16, ""), 2 + 16 * 3, message);
	ck_refused(repeat("u8", "[1]", 300, ""), 2 + 300 * 3, message);
	ck_accepted(repeat("", "{a:", 15, close));
	ck_refused(repeat("", "{a:", 16, close), 16 * 3 + 17, message);
	ck_refused(repeat("", "{a:", 300, ""), 300 * 3, message);
	ck_accepted(repeat("{a:u8[1]", "[1]", 13, "}"));
	ck_refused(repeat("{a:u8[1]", "[1]", 14, "}"), 9 + 14 * 3, message);
}
END_TEST

START_TEST(takes_256_types)
{
	/* The record, 17 fields of 15 types each: 256. */
	char text[1024] = "{";
	unsigned i, n;

	for (i = 0; i < 17; i++) {
		n = (unsigned)strlen(text);
		snprintf(text + n, sizeof(text) - n, "%sa%u:u8",
			 i ? "," : "", i);
		for (n = 0; n < 14; n++)
			strcat(text, "[1]");
	}
	strcat(text, "}");
	ck_accepted(text);
	text[strlen(text) - 1] = '\0';
	strcat(text, ",b:u8}");
	ck_refused(text, strlen(text), "more than 256 types");
}
END_TEST

START_TEST(takes_1_gib)
{
	static const char message[] = "the type takes more than 1 GiB";
	static const char *const fit[] = {
		"bytes:1073741824",
		"u8[1073741824]",
		"u64[134217728]",
		"u8[32768][32768]",
		"{a:u8[1073741816], b:u64}",
	};
	static const char *const pass[] = {
		"u16[1073741824]",
		"u64[134217729]",
		"u8[32768][32769]",
		"u8[1073741824][1073741824][1073741824][1073741824]",
		"{a:u8[1073741817], b:u64}",
		"{a:u64, b:u8[1073741816], c:u8}",
		"{a:bytes:1073741824, b:bytes:1073741824}",
	};
	size_t i;

	for (i = 0; i < sizeof(fit) / sizeof(fit[0]); i++)
		ck_accepted(fit[i]);
	for (i = 0; i < sizeof(pass) / sizeof(pass[0]); i++)
		ck_refused(pass[i], strlen(pass[i]), message);
}
END_TEST

START_TEST(takes_1023_characters)
{
	struct zipc_type *type;
	char text[1100];

	memset(text, ' ', sizeof(text));
	memcpy(text, "u8", 2);
	text[1024] = '\0';
	ck_refused(text, 1024, "column 1024: the text is longer than 1023");
	ck_refused(text, sizeof(text), "the text is longer than 1023");
	ck_rc(zipc_type_parse(&type, text, SIZE_MAX), -EINVAL);
	ck_message("column 1024: the text is longer than 1023");
	text[1023] = '\0';
	ck_accepted(text);
}
END_TEST

START_TEST(keeps_the_canonical_text_within_1023_characters)
{
	char text[2048] = "{";
	struct zipc_type *type;
	unsigned i;

	for (i = 0; i < 102; i++)
		sprintf(text + strlen(text), "%sa%03u:u8", i ? "," : "", i);
	strcat(text, "}");
	type = parsed(text);
	/* 102 * 7 + 101 * 2 + 2 */
	ck_assert_uint_eq(strlen(zipc_type_text(type)), 918);
	zipc_type_free(type);
	text[strlen(text) - 1] = '\0';
	for (; i < 114; i++)
		sprintf(text + strlen(text), ",a%03u:u8", i);
	/* 114 * 7 + 113 * 2 + 2 = 1026 */
	strcat(text, "}");
	ck_refused(text, strlen(text), "the canonical spelling");
	/* The first name three characters shorter: 1023. */
	memcpy(strstr(text, "a000:u8"), "a:u8", 4);
	memmove(text + 5, text + 8, strlen(text + 8) + 1);
	type = parsed(text);
	ck_assert_uint_eq(strlen(zipc_type_text(type)), 1023);
	zipc_type_free(type);
}
END_TEST

START_TEST(takes_names_of_63_characters)
{
	char text[128];

	snprintf(text, sizeof(text), "{%063d:u8}", 0);
	memset(text + 1, 'n', 63);
	ck_accepted(text);
	snprintf(text, sizeof(text), "{%064d:u8}", 0);
	memset(text + 1, 'n', 64);
	ck_refused(text, strlen(text),
		   "column 2: a field name has at most 63 characters");
}
END_TEST

/* Questions. */

START_TEST(answers_nothing_for_what_a_type_has_not)
{
	static const char *const texts[] = {"u8", "bytes:3", "u8[3]", "{a:u8}"};
	struct zipc_type *type;
	const char *name = "untouched";
	uint64_t offset = 77;
	size_t i;

	for (i = 0; i < 4; i++) {
		type = parsed(texts[i]);
		if (i != 2)
			ck_assert_ptr_null(zipc_type_element(type));
		if (i < 2)
			ck_assert_uint_eq(zipc_type_length(type), 0);
		ck_assert_ptr_null(zipc_type_field(type, i == 3, &name,
						   &offset));
		ck_assert_ptr_null(zipc_type_field(type, UINT64_MAX, &name,
						   &offset));
		zipc_type_free(type);
	}
	ck_assert_str_eq(name, "untouched");
	ck_assert_uint_eq(offset, 77);
	zipc_type_free(NULL);
}
END_TEST

START_TEST(knows_the_class_of_a_type)
{
	static const struct {
		const char *text;
		enum zipc_type_class class;
	} classes[] = {
		{"bool", ZIPC_TYPE_BOOL},    {"i8", ZIPC_TYPE_INT},
		{"u64", ZIPC_TYPE_UINT},     {"f32", ZIPC_TYPE_FLOAT},
		{"bytes:1", ZIPC_TYPE_BYTES}, {"u8[1]", ZIPC_TYPE_ARRAY},
		{"{a:u8}", ZIPC_TYPE_RECORD},
	};
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		struct zipc_type *type = parsed(classes[i].text);

		ck_assert_int_eq(zipc_type_class(type), classes[i].class);
		zipc_type_free(type);
	}
}
END_TEST

/* Differences. */

static const struct {
	const char *here, *there, *difference;
} differences[] = {
	{"u32", "{a:u32}", "u32 here, {a:u32} there"},
	{"u32", "i32", "u32 here, i32 there"},
	{"bytes:3", "bytes:4", "bytes:3 here, bytes:4 there"},
	{"u8[3]", "u8[4]", "3 elements here, 4 there"},
	{"u8[3]", "i8[3]", "element []: u8 here, i8 there"},
	{"u8[3][2]", "u8[2][3]", "3 elements here, 2 there"},
	{"u8[3][2]", "u8[3][4]", "element []: 2 elements here, 4 there"},
	{"{ts:u64, temp:f32}", "{ts:u64, temp:f64}",
	 "field temp: f32 at byte 8 here, f64 at byte 8 there"},
	{"{a:u64, pos:{y:u8, x:f32}}", "{a:u64, pos:{y:u8, x:f64}}",
	 "field pos.x: f32 at byte 12 here, f64 at byte 16 there"},
	{"{ts:u64, id:u32}", "{ts:u64}", "field id: missing there"},
	{"{ts:u64}", "{id:u32, ts:u64}", "field id: missing here"},
	{"{a:u8, b:u8}", "{b:u8, a:u8}",
	 "field a: u8 at byte 0 here, u8 at byte 1 there"},
	{"{v:f32[3]}", "{v:f32[4]}", "field v: 3 elements here, 4 there"},
	{"{v:f32[3]}", "{v:f32}",
	 "field v: f32[3] at byte 0 here, f32 at byte 0 there"},
	{"{v:{a:u8}[2]}", "{v:{b:u8}[2]}", "field v[].a: missing there"},
	{"{a:u8}[2]", "{a:i8}[2]",
	 "field [].a: u8 at byte 0 here, i8 at byte 0 there"},
	{"{a:u16, v:{p:{q:u8[2]}}}", "{a:u16, v:{p:{q:i8[2]}}}",
	 "field v.p.q[]: u8 at byte 2 here, i8 at byte 2 there"},
};

START_TEST(tells_the_first_difference)
{
	struct zipc_type *here = parsed(differences[_i].here);
	struct zipc_type *there = parsed(differences[_i].there);
	char text[200] = "";

	ck_assert_int_eq(zipc_type_equal(here, there, text, sizeof(text)), 0);
	ck_assert_str_eq(text, differences[_i].difference);
	ck_assert_int_eq(zipc_type_equal(here, there, NULL, 0), 0);
	ck_assert_int_eq(zipc_type_equal(here, here, NULL, 0), 1);
	zipc_type_free(here);
	zipc_type_free(there);
}
END_TEST

START_TEST(cuts_a_difference_to_its_room)
{
	struct zipc_type *here = parsed("u32"), *there = parsed("f32");
	char text[8] = "???????";

	ck_assert_int_eq(zipc_type_equal(here, there, text, 5), 0);
	ck_assert_str_eq(text, "u32 ");
	ck_assert_int_eq(text[5], '?');
	zipc_type_free(here);
	zipc_type_free(there);
}
END_TEST

START_TEST(tells_a_difference_between_the_longest_types)
{
	char here_text[1100] = "", there_text[1100], text[2000];
	struct zipc_type *here, *there;
	unsigned i;

	/* 15 names of 63 characters: the path is longer than its room. */
	for (i = 0; i < 15; i++)
		sprintf(here_text + strlen(here_text), "{%060d%c__:", 0, 'a');
	for (i = 0; i < strlen(here_text); i++)
		if (here_text[i] == '0')
			here_text[i] = 'n';
	strcpy(there_text, here_text);
	strcat(strcat(here_text, "u8"), repeat("", "}", 15, ""));
	strcat(strcat(there_text, "i8"), repeat("", "}", 15, ""));
	here = parsed(here_text);
	there = parsed(there_text);
	ck_assert_int_eq(zipc_type_equal(here, there, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "field nnn"));
	ck_assert_ptr_nonnull(strstr(text, "u8 at byte 0 here, i8 at"));
	zipc_type_free(there);
	there = parsed("u8");
	ck_assert_int_eq(zipc_type_equal(here, there, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "nn.. here, u8 there"));
	zipc_type_free(here);
	zipc_type_free(there);
}
END_TEST

/* No memory. */

/* gcc and clang each have their own way to tell. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||         \
	__has_feature(address_sanitizer) ||                                  \
	__has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Takes all memory that malloc() can give in blocks of 16 bytes or more. */
static void **take_all_memory(void)
{
	void **taken = NULL, **block;
	size_t size;

	for (size = 1 << 20; size >= 16; size /= 2)
		while ((block = malloc(size))) {
			*block = taken;
			taken = block;
		}
	return taken;
}

static void give_back(void **taken)
{
	while (taken) {
		void **next = *taken;

		free(taken);
		taken = next;
	}
}

START_TEST(says_when_there_is_no_memory)
{
	struct rlimit before, none;
	struct zipc_type *type = parsed("{a:u8, b:u64[3]}");
	struct zipc_type *other = NULL;
	void **taken;
	int rc;

	if (SANITIZED) {
		printf("skipped: sanitizers need memory of their own\n");
		zipc_type_free(type);
		return;
	}
	ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
	none = before;
	none.rlim_cur = 1;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
	taken = take_all_memory();
	rc = zipc_type_parse(&other, "{a:u8, b:u64[3]}", SIZE_MAX);
	give_back(taken);
	setrlimit(RLIMIT_AS, &before);
	ck_rc(rc, -ENOMEM);
	ck_message("out of memory");
	ck_assert_ptr_null(other);
	zipc_type_free(type);
}
END_TEST

/* Properties. */

START_TEST(reads_back_any_type_it_spells)
{
	struct dice dice = dice_of_this_run("reads_back_any_type_it_spells");
	struct random_type drawn;
	char difference[200];
	int i;

	for (i = 0; i < 5000; i++) {
		struct zipc_type *type, *blanks;

		draw_type(&drawn, &dice);
		type = parsed(drawn.canonical);
		blanks = parsed(drawn.blanks);
		ck_assert_str_eq(zipc_type_text(type), drawn.canonical);
		ck_assert_str_eq(zipc_type_text(blanks), drawn.canonical);
		ck_assert_msg(zipc_type_equal(type, blanks, difference,
					      sizeof(difference)),
			      "%s: %s", drawn.canonical, difference);
		zipc_type_free(type);
		zipc_type_free(blanks);
	}
}
END_TEST

START_TEST(finds_a_difference_exactly_where_the_texts_differ)
{
	struct dice dice = dice_of_this_run("finds_a_difference");
	struct random_type here_drawn, there_drawn;
	char difference[300];
	int i;

	for (i = 0; i < 20000; i++) {
		struct zipc_type *here, *there;
		int equal;

		draw_type(&here_drawn, &dice);
		draw_type(&there_drawn, &dice);
		here = parsed(here_drawn.canonical);
		there = parsed(there_drawn.canonical);
		difference[0] = '\0';
		equal = zipc_type_equal(here, there, difference,
					sizeof(difference));
		ck_assert_msg(equal == !strcmp(here_drawn.canonical,
					       there_drawn.canonical),
			      "%s and %s: %s", here_drawn.canonical,
			      there_drawn.canonical, difference);
		ck_assert_int_eq(equal, !*difference);
		zipc_type_free(here);
		zipc_type_free(there);
	}
}
END_TEST

/* Changes some bytes to other ones, moves and drops some; the new length. */
static size_t mutate(char *text, size_t length, struct dice *dice)
{
	static const char likely[] = "{}[]:, 0123456789abytesu8f64_\0\xff";
	unsigned n = 1 + roll_below(dice, 4);

	while (n-- && length) {
		size_t at = roll_below(dice, (unsigned)length);
		size_t to = roll_below(dice, (unsigned)length);

		switch (roll_below(dice, 4)) {
		case 0:
			text[at] = (char)roll(dice);
			break;
		case 1:
			text[at] = likely[roll_below(dice, sizeof(likely))];
			break;
		case 2:
			memmove(text + at, text + to,
				length - (at > to ? at : to));
			break;
		default:
			memmove(text + at, text + at + 1, length - at - 1);
			length--;
		}
	}
	return length;
}

START_TEST(survives_damaged_texts)
{
	struct dice dice = dice_of_this_run("survives_damaged_texts");
	struct random_type drawn;
	int i, accepted = 0;

	for (i = 0; i < 50000; i++) {
		char *text = roll_below(&dice, 2) ? drawn.canonical
						  : drawn.blanks;
		struct zipc_type *type, *again;
		size_t length;

		draw_type(&drawn, &dice);
		length = mutate(text, strlen(text), &dice);
		if (parse_exactly(&type, text, length)) {
			ck_message("type: column ");
			continue;
		}
		accepted++;
		again = parsed(zipc_type_text(type));
		ck_assert_str_eq(zipc_type_text(type), zipc_type_text(again));
		ck_assert_uint_eq(zipc_type_size(type), zipc_type_size(again));
		zipc_type_free(type);
		zipc_type_free(again);
	}
	ck_assert_int_gt(accepted, 0);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static void add_text_cases(Suite *suite)
{
	TCase *tc = test_case(suite, "text", "fast", 20);

	tcase_add_loop_test(tc, spells_a_type_in_one_way, 0, ROWS(spellings));
	tcase_add_test(tc, spells_inner_types_too);
	tcase_add_loop_test(tc, refuses_what_is_no_type, 0, ROWS(refusals));
	tcase_add_test(tc, refuses_a_nul_inside_the_text);
	tcase_add_test(tc, reads_no_further_than_its_length);
	tc = test_case(suite, "limits", "fast", 20);
	tcase_add_test(tc, takes_16_levels);
	tcase_add_test(tc, takes_256_types);
	tcase_add_test(tc, takes_1_gib);
	tcase_add_test(tc, takes_1023_characters);
	tcase_add_test(tc, keeps_the_canonical_text_within_1023_characters);
	tcase_add_test(tc, takes_names_of_63_characters);
	tcase_add_test(tc, says_when_there_is_no_memory);
}

static Suite *type_suite(void)
{
	Suite *suite = suite_create("type");
	TCase *tc = test_case(suite, "layout", "fast", 20);

	tcase_add_test(tc, lays_scalars_out_as_c_does);
	tcase_add_test(tc, lays_records_out_as_c_does);
	tcase_add_test(tc, lays_inner_records_out_as_c_does);
	tcase_add_test(tc, orders_dimensions_as_c_does);
	add_text_cases(suite);
	tc = test_case(suite, "questions", "fast", 20);
	tcase_add_test(tc, answers_nothing_for_what_a_type_has_not);
	tcase_add_test(tc, knows_the_class_of_a_type);
	tc = test_case(suite, "difference", "fast", 20);
	tcase_add_loop_test(tc, tells_the_first_difference, 0,
			    ROWS(differences));
	tcase_add_test(tc, cuts_a_difference_to_its_room);
	tcase_add_test(tc, tells_a_difference_between_the_longest_types);
	tc = test_case(suite, "properties", "medium", 120);
	tcase_add_test(tc, reads_back_any_type_it_spells);
	tcase_add_test(tc, finds_a_difference_exactly_where_the_texts_differ);
	tcase_add_test(tc, survives_damaged_texts);
	return suite;
}

TEST_MAIN(type_suite)
