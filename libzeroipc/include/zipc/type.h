/* SPDX-License-Identifier: MIT */
/*
 * Types are text, at run time:
 *
 *   bool i8 u8 i16 u16 i32 u32 i64 u64 f32 f64     scalars
 *   bytes:24                                       24 bytes as they are
 *   f32[3]   f64[4][4]                             arrays
 *   {ts:u64, temp:f32, id:u32}                     records, may be nested
 *
 * Records are laid out as a C struct with natural alignment: the text above is
 * struct { uint64_t ts; float temp; uint32_t id; }.
 *
 * Values are text as well, in JSON: numbers, true and false, [..] for arrays,
 * {"ts": 1, ..} for records. 64-bit integers keep all their digits, floats
 * print the fewest digits that read back the same, infinities and NaN are the
 * strings "inf", "-inf" and "nan". bytes print as a string without their
 * trailing NULs when they are printable UTF-8, else as "0x" and two hexadecimal
 * digits for every byte, as does a text that begins with 0x.
 *
 * Crash: nothing here touches a segment.
 */
#ifndef ZIPC_TYPE_H
#define ZIPC_TYPE_H

#include <zipc/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_type;

enum zipc_type_class {
	ZIPC_TYPE_BOOL = 1,
	ZIPC_TYPE_INT,
	ZIPC_TYPE_UINT,
	ZIPC_TYPE_FLOAT,
	ZIPC_TYPE_BYTES,
	ZIPC_TYPE_ARRAY,
	ZIPC_TYPE_RECORD,
};

/*
 * Parse text[0..length); length SIZE_MAX: up to its NUL. Limits: ZIPC_TYPE_MAX
 * characters, 16 levels, 256 types (inner ones counted), 1 GiB in size.
 * Returns 0; -EINVAL (zipc_last_error() names the column and what was
 * expected); -ENOMEM.
 */
int zipc_type_parse(struct zipc_type **out, const char *text, size_t length);
void zipc_type_free(struct zipc_type *type);

uint64_t zipc_type_size(const struct zipc_type *type);  /* bytes */
uint64_t zipc_type_align(const struct zipc_type *type); /* bytes */
enum zipc_type_class zipc_type_class(const struct zipc_type *type);

/* Its text in the one canonical spelling; owned by the type. */
const char *zipc_type_text(const struct zipc_type *type);

/*
 * An array's length and element; a record's length, which is the number of its
 * fields, and these in order. Asked of another class, or for a field that there
 * is not, counts are 0, pointers NULL, and nothing is written. name and
 * offset_bytes may be NULL. What is returned is owned by type.
 */
uint64_t zipc_type_length(const struct zipc_type *type);
const struct zipc_type *zipc_type_element(const struct zipc_type *type);
const struct zipc_type *zipc_type_field(const struct zipc_type *type,
					uint64_t i, const char **name,
					uint64_t *offset_bytes);

/*
 * 1 if both lay out the same bytes under the same names, else 0 and in
 * difference[0..size) the first difference as a line for people
 * ("field temp: f32 at byte 8 here, f64 at byte 8 there"), cut to size.
 */
int zipc_type_equal(const struct zipc_type *here, const struct zipc_type *there,
		    char *difference, size_t size);

/*
 * Print the value at bytes as JSON into text[0..size), always ended by NUL.
 * Returns the length that the whole has, as snprintf does (the text is cut
 * when that is size or more).
 */
size_t zipc_value_print(const struct zipc_type *type, const void *bytes,
			char *text, size_t size);

/*
 * Read a value from JSON text into bytes (of zipc_type_size). Keys may stand
 * without quotes; fields left out are zero; padding is zero. After an error the
 * bytes are as before.
 * Returns 0; -EINVAL: the message names the column, the field and the range.
 */
int zipc_value_parse(const struct zipc_type *type, const char *text,
		     void *bytes);

#ifdef __cplusplus
}
#endif

#endif
