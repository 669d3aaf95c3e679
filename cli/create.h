/* SPDX-License-Identifier: MIT */
/* zeroipc create, inside: what was asked for, and the kinds of structures. */
#ifndef ZIPC_CLI_CREATE_H
#define ZIPC_CLI_CREATE_H

#include "cli.h"

struct wishes {
	const char *kind, *type, *key_type, *expression;
	uint64_t size_bytes, capacity, initial;
	uint64_t entries, participants, readers, takers, writers;
	uint64_t subscriptions;
	enum zipc_stream_policy policy;
	bool back_pressure, reclaims, owned, automatic, timestamps, retries;
	int64_t stall_ns;
	struct zipc_segment_options options;
	char given[32]; /* the letters of the options that were given */
};

/* The option's name, by its letter. */
const char *option_name(int letter);

/* What a stream's --policy may be; and which one it is, or false. */
#define POLICIES "block, drop-new, drop-old or error"
bool policy_parse(const char *text, enum zipc_stream_policy *policy);

/* create_kinds.c */

/* Whether there is a kind called so; all of them: "array, queue or .." */
bool is_kind(const char *word);
const char *all_kinds(void);

/*
 * Whether the options are those of wishes->kind: STATUS_FINE, or STATUS_USAGE
 * after a message.
 */
int check_wishes(const struct wishes *wishes);

/* Create it, and close it again; 0 or -errno. */
int create_in(struct zipc_segment *segment, const char *name,
	      const struct wishes *wishes);

#endif
