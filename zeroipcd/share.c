/* SPDX-License-Identifier: MIT */
/* What each user may take; see share.h. */
#include "share.h"

#include <stdlib.h>
#include <unistd.h>

struct share_user *share_user(struct share *share, uid_t uid)
{
	struct share_user *user;

	for (user = share->users; user; user = user->next)
		if (user->uid == uid)
			return user;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	user->next = share->users;
	share->users = user;
	return user;
}

bool share_is_trusted(const struct share_user *user)
{
	return !user->uid || user->uid == geteuid();
}

uint64_t share_most(const struct share *share, const struct share_user *user,
		    enum share_of of)
{
	uint64_t others = share->used[of] - user->used[of];
	uint64_t left = share->most[of] > others ? share->most[of] - others : 0;

	if (share_is_trusted(user))
		return left;
	return left - left / 2;
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
