/* SPDX-License-Identifier: MIT */
/*
 * Who asks, and what they may see. Loopback is not access control: every user
 * of the machine can connect to it. So the daemon asks the kernel whose the
 * other end of a connection is (NETLINK_SOCK_DIAG), and shows of a segment what
 * that user could have read without a daemon.
 */
#ifndef ZEROIPCD_ACCESS_H
#define ZEROIPCD_ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct access_peer {
	bool known; /* false: another machine's, or the kernel does not tell */
	uid_t uid;
};

/* The user at the other end of a connected TCP socket. */
struct access_peer access_identify(int fd);

struct access_file {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	bool acl; /* has an access control list beside its mode */
};

/*
 * Could the peer have read the file? As the kernel decides: root always, then
 * the owner by the owner's bit, members of the group by the group's, all others
 * by the others'. Narrower than the kernel in two cases: a file with an ACL is
 * for root and its owner only, and an unknown peer sees what everyone may read.
 */
bool access_may_read(const struct access_peer *peer,
		     const struct access_file *file);

/* Has /dev/shm/name an access control list? */
bool access_has_acl(const char *name);

/* A user's or group's name; its number in digits, if it has none. */
const char *access_user(uid_t uid);
const char *access_group(gid_t gid);

#endif
