/* SPDX-License-Identifier: MIT */
/*
 * The kernel is asked about the client's own socket, by its four addresses.
 * The answer is believed only for a socket that is ESTABLISHED and has an
 * inode: one in TIME_WAIT, or one that nobody holds any more, says uid 0.
 */
#include "access.h"

#include <arpa/inet.h>
#include <grp.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct question {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
};

/* Address and port of one end; an IPv4 address in IPv6 form becomes IPv4. */
static int put_end(const struct sockaddr_storage *end, __be32 *address,
		   __be16 *port)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)end;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)end;

	if (end->ss_family == AF_INET) {
		*port = in->sin_port;
		address[0] = in->sin_addr.s_addr;
		return AF_INET;
	}
	if (end->ss_family != AF_INET6)
		return AF_UNSPEC;
	*port = in6->sin6_port;
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		memcpy(address, &in6->sin6_addr.s6_addr[12], 4);
		return AF_INET;
	}
	memcpy(address, &in6->sin6_addr, 16);
	return AF_INET6;
}

/* The client's socket: what is our peer is its own end. */
static bool ask_about(int fd, struct question *question)
{
	struct sockaddr_storage here, there;
	socklen_t here_size = sizeof(here), there_size = sizeof(there);
	struct inet_diag_sockid *id = &question->body.id;
	int family;

	memset(question, 0, sizeof(*question));
	if (getsockname(fd, (struct sockaddr *)&here, &here_size) ||
	    getpeername(fd, (struct sockaddr *)&there, &there_size))
		return false;
	family = put_end(&there, id->idiag_src, &id->idiag_sport);
	if (family == AF_UNSPEC ||
	    put_end(&here, id->idiag_dst, &id->idiag_dport) != family)
		return false;
	id->idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	question->body.sdiag_family = (__u8)family;
	question->body.sdiag_protocol = IPPROTO_TCP;
	question->body.idiag_states = 1U << TCP_ESTABLISHED;
	question->header.nlmsg_len = sizeof(*question);
	question->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	question->header.nlmsg_flags = NLM_F_REQUEST;
	return true;
}

static bool same_socket(const struct inet_diag_msg *message,
			const struct question *question)
{
	const struct inet_diag_sockid *id = &question->body.id;

	return message->id.idiag_sport == id->idiag_sport &&
	       message->id.idiag_dport == id->idiag_dport;
}

struct access_peer access_identify(int fd)
{
	union {
		struct nlmsghdr header;
		char bytes[4096];
	} answer;
	struct access_peer peer = { .known = false };
	struct inet_diag_msg *message = NLMSG_DATA(&answer.header);
	struct question question;
	ssize_t n = -1;
	int netlink;

	if (!ask_about(fd, &question))
		return peer;
	netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			 NETLINK_SOCK_DIAG);
	if (netlink < 0)
		return peer;
	/* The kernel answers before send() returns. */
	if (send(netlink, &question, sizeof(question), 0) > 0)
		n = recv(netlink, &answer, sizeof(answer), 0);
	close(netlink);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(*message)) ||
	    answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    message->idiag_state != TCP_ESTABLISHED ||
	    !message->idiag_inode || !same_socket(message, &question))
		return peer;
	peer.known = true;
	peer.uid = message->idiag_uid;
	return peer;
}

static bool in_group(uid_t uid, gid_t gid)
{
	struct passwd *user = getpwuid(uid);
	int i, n = 64, room = n;
	gid_t *groups = NULL;
	bool found = false;

	if (!user)
		return false;
	do {
		room = n;
		free(groups);
		groups = calloc((size_t)room, sizeof(*groups));
		if (!groups)
			return false;
	} while (getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0 &&
		 n > room);
	for (i = 0; i < n && i < room; i++)
		found = found || groups[i] == gid;
	free(groups);
	return found;
}

bool access_may_read(const struct access_peer *peer,
		     const struct access_file *file)
{
	const mode_t all = S_IRUSR | S_IRGRP | S_IROTH;

	if (!peer->known)
		return !file->acl && (file->mode & all) == all;
	if (peer->uid == 0)
		return true;
	if (peer->uid == file->uid)
		return file->mode & S_IRUSR;
	if (file->acl)
		return false;
	/* The user database is asked only where it makes a difference. */
	if (!(file->mode & S_IRGRP) == !(file->mode & S_IROTH))
		return file->mode & S_IROTH;
	return in_group(peer->uid, file->gid) ? file->mode & S_IRGRP
					      : file->mode & S_IROTH;
}

bool access_has_acl(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "/dev/shm/%s", name);
	return lgetxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

/*
 * One name of each kind is kept: neighbours in a list are mostly of one user,
 * and the user database may be slow.
 */
const char *access_user(uid_t uid)
{
	static char name[64];
	static uid_t known;
	struct passwd *user;

	if (name[0] && known == uid)
		return name;
	user = getpwuid(uid);
	known = uid;
	if (user)
		snprintf(name, sizeof(name), "%s", user->pw_name);
	else
		snprintf(name, sizeof(name), "%u", uid);
	return name;
}

const char *access_group(gid_t gid)
{
	static char name[64];
	static gid_t known;
	struct group *group;

	if (name[0] && known == gid)
		return name;
	group = getgrgid(gid);
	known = gid;
	if (group)
		snprintf(name, sizeof(name), "%s", group->gr_name);
	else
		snprintf(name, sizeof(name), "%u", gid);
	return name;
}
