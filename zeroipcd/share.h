/* SPDX-License-Identifier: MIT */
/*
 * What each user may take of things of which there are so many for all. Whoever
 * owns a file takes at most half of what others have left; so there is always
 * something for the next one, whatever somebody makes. Root and the user that
 * zeroipcd runs as are not held to that: they could end it as well. But what
 * others than its owner may write is theirs as well, so those files have a
 * share of their own, as if each owner were two.
 */
#ifndef ZEROIPCD_SHARE_H
#define ZEROIPCD_SHARE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum share_of {
	SHARE_THREADS,
	SHARE_SEGMENTS, /* that are mapped */
	SHARE_BYTES,    /* of memory */
	SHARE_RECORDS,  /* of streams, or files, that are kept an eye on */
	SHARE_KINDS,
};

struct share_user {
	struct share_user *next;
	uid_t uid;
	bool open; /* others may write those files */
	uint64_t used[SHARE_KINDS];
	uint64_t turn;          /* of the loop's time, the last that it had, */
	int64_t time_ns;        /* and what is left of that */
	bool told[SHARE_KINDS]; /* that it got no more */
};

struct share {
	uint64_t most[SHARE_KINDS], used[SHARE_KINDS];
	struct share_user *users; /* who ever had something */
};

/* NULL: out of memory. Good until share_stop(). */
struct share_user *share_user(struct share *share, uid_t uid);
/* The owner of a file with that mode. */
struct share_user *share_owner(struct share *share, uid_t uid, mode_t mode);
bool share_is_owner(const struct share_user *user, uid_t uid, mode_t mode);

/* Who is not held to a share. */
bool share_is_trusted(const struct share_user *user);

/* n more for that user; false, and nothing: it would be more than its share. */
bool share_take(struct share *share, struct share_user *user, enum share_of of,
		uint64_t n);
void share_give(struct share *share, struct share_user *user, enum share_of of,
		uint64_t n);

/* What it may have of that, with what it has. */
uint64_t share_most(const struct share *share, const struct share_user *user,
		    enum share_of of);

void share_stop(struct share *share);

#endif
