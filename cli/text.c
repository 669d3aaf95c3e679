/* SPDX-License-Identifier: MIT */
/* Text: bytes made fit to be printed, and sizes, times and owners in words. */
#include "cli.h"

#include <errno.h>
#include <grp.h>
#include <math.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

/*
 * The character at bytes[0..length), and its length; *code is UINT32_MAX and
 * the length 1 if there is none. Overlong forms, surrogates and what lies
 * beyond U+10FFFF are none.
 */
static size_t character(const unsigned char *bytes, size_t length,
			uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t it = bytes[0];
	size_t n = it < 0x80   ? 1
		   : it < 0xC2 ? 0
		   : it < 0xE0 ? 2
		   : it < 0xF0 ? 3
		   : it < 0xF5 ? 4
			       : 0;

	*code = UINT32_MAX;
	if (n == 0 || n > length)
		return 1;
	if (n > 1)
		it &= 0x7Fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((bytes[i] & 0xC0) != 0x80)
			return 1;
		it = it << 6 | (bytes[i] & 0x3F);
	}
	if (it < least[n] || it > 0x10FFFF || (it >= 0xD800 && it < 0xE000))
		return 1;
	*code = it;
	return n;
}

/* What a terminal or a reader's eye would obey instead of show. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x61C ||
	       code == 0x200E || code == 0x200F ||
	       (code >= 0x2028 && code <= 0x202E) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

void put_clean(FILE *out, const char *bytes, size_t length, enum clean clean)
{
	const unsigned char *at = (const unsigned char *)bytes;
	uint32_t code;

	for (size_t n; length; at += n, length -= n) {
		n = character(at, length, &code);
		if (code == UINT32_MAX)
			fputs("\xEF\xBF\xBD", out);
		else if (is_control(code))
			fprintf(out, "\\u%04x", code);
		else if (clean == CLEAN_JSON && (code == '"' || code == '\\'))
			fprintf(out, "\\%c", (char)code);
		else
			fwrite(at, 1, n, out);
	}
}

bool is_text(const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint32_t code;

	for (size_t n; length; at += n, length -= n) {
		n = character(at, length, &code);
		if (code == UINT32_MAX || (is_control(code) && code != '\t'))
			return false;
	}
	return true;
}

size_t text_width(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t left = strlen(text), width = 0;
	uint32_t code;

	for (size_t n; left; at += n, left -= n) {
		n = character(at, left, &code);
		int columns = wcwidth((wchar_t)code);

		width += columns < 0 ? 1 : (size_t)columns;
	}
	return width;
}

const char *size_text(uint64_t bytes, char text[static 16])
{
	static const char units[] = "KMGTPE";
	double size = (double)bytes;
	int unit = -1;

	while (size >= 1023.5 && unit < 5) {
		size /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(text, 16, "%llu", (unsigned long long)bytes);
	else if (size < 9.95 && fabs(size - nearbyint(size)) >= 0.05)
		snprintf(text, 16, "%.1f%c", size, units[unit]);
	else
		snprintf(text, 16, "%.0f%c", size, units[unit]);
	return text;
}

bool number_parse(const char *text, uint64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && !*end;
}

/* The power of two that a unit stands for; -1: it is none. */
static int unit_shift(const char *unit)
{
	static const char letters[] = "KMGTPE";
	const char *letter;

	if (!*unit || !strcasecmp(unit, "B"))
		return 0;
	letter = strchr(letters, *unit >= 'a' ? *unit - 'a' + 'A' : *unit);
	if (!letter || (unit[1] && strcasecmp(unit + 1, "B") &&
			strcasecmp(unit + 1, "iB")))
		return -1;
	return 10 * (int)(letter - letters + 1);
}

bool size_parse(const char *text, uint64_t *bytes)
{
	size_t digits = strspn(text, "0123456789.");
	int shift = unit_shift(text + digits);
	char *end;

	if (shift < 0 || *text < '0' || *text > '9')
		return false;
	if (memchr(text, '.', digits)) {
		double size = ldexp(strtod(text, &end), shift);

		if (end != text + digits || size >= 0x1p63)
			return false;
		*bytes = (uint64_t)size;
		return true;
	}
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno || *bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

bool wait_parse(const char *text, int64_t *timeout_ns)
{
	double seconds;
	char *end;

	if (!strcmp(text, "forever")) {
		*timeout_ns = ZIPC_FOREVER;
		return true;
	}
	if ((*text < '0' || *text > '9') && *text != '.')
		return false;
	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds < 1e9))
		return false;
	*timeout_ns = (int64_t)(seconds * 1e9);
	return true;
}

const char *time_text(uint64_t ns, char text[static 40])
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm local;

	if (!localtime_r(&seconds, &local) ||
	    !strftime(text, 40, "%Y-%m-%d %H:%M:%S %z", &local))
		snprintf(text, 40, "%llu ns", (unsigned long long)ns);
	return text;
}

const char *user_text(unsigned uid, char text[static 48])
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(text, 48, "%s", user->pw_name);
	else
		snprintf(text, 48, "%u", uid);
	return text;
}

const char *group_text(unsigned gid, char text[static 48])
{
	const struct group *group = getgrgid(gid);

	if (group)
		snprintf(text, 48, "%s", group->gr_name);
	else
		snprintf(text, 48, "%u", gid);
	return text;
}
