/* SPDX-License-Identifier: MIT */
/* What each user may take; see share.h. */
#include "share.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct share_user *find(struct share *share, uid_t uid, bool open)
{
	struct share_user *user;

	for (user = share->users; user; user = user->next)
		if (user->uid == uid && user->open == open)
			return user;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	user->open = open;
	user->next = share->users;
	share->users = user;
	return user;
}

static bool is_open(mode_t mode)
{
	return mode & (S_IWGRP | S_IWOTH);
}

struct share_user *share_user(struct share *share, uid_t uid)
{
	return find(share, uid, false);
}

struct share_user *share_owner(struct share *share, uid_t uid, mode_t mode)
{
	return find(share, uid, is_open(mode));
}

bool share_is_owner(const struct share_user *user, uid_t uid, mode_t mode)
{
	return user->uid == uid && user->open == is_open(mode);
}

bool share_is_trusted(const struct share_user *user)
{
	return !user->open && (!user->uid || user->uid == geteuid());
}

uint64_t share_most(const struct share *share, const struct share_user *user,
		    enum share_of of)
{
	uint64_t others = share->used[of] - user->used[of];
	uint64_t left = share->most[of] > others ? share->most[of] - others : 0;

	if (share_is_trusted(user))
		return left;
	/* Who is alone may have what there is one of. */
	return others ? left / 2 : left - left / 2;
}

bool share_take(struct share *share, struct share_user *user, enum share_of of,
		uint64_t n)
{
	uint64_t most = share_most(share, user, of);

	if (user->used[of] > most || n > most - user->used[of])
		return false;
	user->used[of] += n;
	share->used[of] += n;
	return true;
}

void share_give(struct share *share, struct share_user *user, enum share_of of,
		uint64_t n)
{
	user->used[of] -= n;
	share->used[of] -= n;
}

void share_stop(struct share *share)
{
	struct share_user *user;

	while ((user = share->users)) {
		share->users = user->next;
		free(user);
	}
}
