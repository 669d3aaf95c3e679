/* SPDX-License-Identifier: MIT */
/*
 * JSON onto stdout, one document. It is printed directly: numbers keep all
 * their digits and nothing has to fit in memory.
 */
#include "cli.h"

#include <string.h>

static void quote(const char *text)
{
	putchar('"');
	put_clean(stdout, text, strlen(text), CLEAN_JSON);
	putchar('"');
}

static void next(struct json *json, const char *key)
{
	if (json->depth)
		printf("%s\n%*s", json->first ? "" : ",", 2 * json->depth, "");
	json->first = false;
	if (key) {
		quote(key);
		fputs(": ", stdout);
	}
}

void json_open(struct json *json, const char *key, char bracket)
{
	next(json, key);
	putchar(bracket);
	json->depth++;
	json->first = true;
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (!json->first)
		printf("\n%*s", 2 * json->depth, "");
	json->first = false;
	putchar(bracket);
	if (!json->depth)
		putchar('\n');
}

void json_string(struct json *json, const char *key, const char *text)
{
	next(json, key);
	quote(text);
}

void json_number(struct json *json, const char *key, uint64_t number)
{
	next(json, key);
	printf("%llu", (unsigned long long)number);
}

void json_bool(struct json *json, const char *key, bool value)
{
	next(json, key);
	fputs(value ? "true" : "false", stdout);
}

void json_id(struct json *json, const char *key, uint64_t id)
{
	char text[24];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)id);
	json_string(json, key, text);
}

void json_raw(struct json *json, const char *key, const char *text)
{
	next(json, key);
	put_clean(stdout, text, strlen(text), CLEAN_TEXT);
}

void json_error(struct json *json, int64_t rc)
{
	json_string(json, "error", zipc_error_name((int)rc));
	json_string(json, "message", zipc_last_error());
}
