/* SPDX-License-Identifier: MIT */
/* What structures and their kinds are called. */
#include "name.h"

#include <string.h>

bool zipc_name_valid(const char *name)
{
	size_t length = strnlen(name, ZIPC_NAME_MAX + 1);

	if (length == 0 || length > ZIPC_NAME_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7F ||
		    name[i] == '/')
			return false;
	return strcmp(name, ".") && strcmp(name, "..");
}

uint32_t zipc_name_check(const char *name)
{
	uint32_t hash = 2166136261u;

	while (*name)
		hash = (hash ^ (unsigned char)*name++) * 16777619u;
	return hash;
}

const char *zipc_kind_name(unsigned kind)
{
	switch (kind) {
	case ZIPC_ARRAY:
		return "array";
	case ZIPC_QUEUE:
		return "queue";
	case ZIPC_STACK:
		return "stack";
	case ZIPC_MAP:
		return "map";
	case ZIPC_SET:
		return "set";
	case ZIPC_POOL:
		return "pool";
	case ZIPC_RING:
		return "ring";
	case ZIPC_SEMAPHORE:
		return "semaphore";
	case ZIPC_BARRIER:
		return "barrier";
	case ZIPC_LATCH:
		return "latch";
	case ZIPC_MUTEX:
		return "mutex";
	case ZIPC_RWLOCK:
		return "rwlock";
	case ZIPC_ONCE:
		return "once";
	case ZIPC_EVENT:
		return "event";
	case ZIPC_CHANNEL:
		return "channel";
	case ZIPC_FUTURE:
		return "future";
	case ZIPC_LAZY:
		return "lazy";
	case ZIPC_STREAM:
		return "stream";
	}
	return "structure";
}
