/* SPDX-License-Identifier: MIT */
/*
 * What cJSON lacks: 64-bit integers with all their digits, strings made of
 * arbitrary bytes, and elements printed by their type.
 */
#ifndef ZEROIPCD_JSON_H
#define ZEROIPCD_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zipc/type.h>

/*
 * Copy bytes into out, which has room for three times their length and one
 * more; what is not UTF-8 becomes U+FFFD, byte by byte.
 */
void json_utf8(const char *bytes, char *out);

/* object[key] = bytes, made UTF-8. */
void json_string(cJSON *object, const char *key, const char *bytes);

/* object[key] = value; as a string, for readers whose numbers are doubles. */
void json_u64(cJSON *object, const char *key, uint64_t value, bool as_string);

/* object[key] = the time as "2024-02-29T12:00:00.250Z". */
void json_time(cJSON *object, const char *key, uint64_t ns_since_1970);

/* Text that grows up to a limit; beyond it, only full is set. */
struct json_text {
	char *bytes;
	size_t length, room, limit;
	bool full; /* the limit was met, or memory is out */
};
void json_add(struct json_text *text, const char *bytes, size_t length);
void json_format(struct json_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Append an element; integers of 64 bits in quotes if int64_as_string. */
void json_value(struct json_text *text, const struct zipc_type *type,
		const void *bytes, bool int64_as_string);

#endif
