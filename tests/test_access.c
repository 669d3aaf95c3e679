/* SPDX-License-Identifier: MIT */
/* Who may see what; and by which names the daemon may be called. */
#include "../zeroipcd/access.h"
#include "../zeroipcd/http.h"
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>

/* Users that no machine has, so that they are in no group. */
#define OWNER 4000000001u
#define OTHER 4000000002u

static const struct {
	const char *who;
	struct access_peer peer;
	struct access_file file;
	bool may;
} rules[] = {
#define ROOT { true, 0 }
#define OWN { true, OWNER }
#define OTH { true, OTHER }
#define NOBODY { false, 0 }
#define FILE(mode, acl) { OWNER, 0, mode, acl }
	{ "root reads all", ROOT, FILE(0000, true), true },
	{ "the owner by his bit", OWN, FILE(0400, false), true },
	{ "and only by it", OWN, FILE(0044, false), false },
	{ "the owner beside an ACL", OWN, FILE(0600, true), true },
	{ "others by theirs", OTH, FILE(0604, false), true },
	{ "not by the owner's", OTH, FILE(0600, false), false },
	{ "not by the group's", OTH, FILE(0640, false), false },
	{ "others where all may", OTH, FILE(0644, false), true },
	{ "an ACL may name them", OTH, FILE(0644, true), false },
	{ "an unknown where all may", NOBODY, FILE(0644, false), true },
	{ "an unknown may be the group", NOBODY, FILE(0604, false), false },
	{ "an unknown may be the owner", NOBODY, FILE(0044, false), false },
	{ "an unknown with uid 0", NOBODY, FILE(0600, false), false },
	{ "an unknown beside an ACL", NOBODY, FILE(0644, true), false },
};

START_TEST(a_peer_sees_what_it_could_read)
{
	ck_assert_msg(access_may_read(&rules[_i].peer, &rules[_i].file) ==
			      rules[_i].may,
		      "%s: not %s", rules[_i].who,
		      rules[_i].may ? "true" : "false");
}
END_TEST

START_TEST(a_member_reads_by_the_groups_bit_and_only_by_it)
{
	struct passwd *user = getpwent();
	struct access_peer member = { .known = true };
	struct access_file file = { .uid = OWNER };

	while (user && user->pw_uid == 0)
		user = getpwent();
	ck_assert_ptr_nonnull(user);
	member.uid = user->pw_uid;
	file.gid = user->pw_gid;
	file.mode = 0640;
	ck_assert(access_may_read(&member, &file));
	file.mode = 0604;
	ck_assert(!access_may_read(&member, &file));
	endpwent();
}
END_TEST

/* A connected pair over loopback: ours is [0], the client's is [1]. */
static void connect_pair(int fds[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, size), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&in, &size);
	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fds[1], (struct sockaddr *)&in, size), 0);
	fds[0] = accept(listener, NULL, NULL);
	ck_assert_int_ge(fds[0], 0);
	close(listener);
}

START_TEST(the_kernel_tells_whose_the_other_end_is)
{
	struct access_peer peer;
	int fds[2];

	connect_pair(fds);
	peer = access_identify(fds[0]);
	ck_assert_msg(peer.known, "this kernel has no NETLINK_SOCK_DIAG");
	ck_assert_uint_eq(peer.uid, getuid());
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(an_end_that_has_left_is_not_believed)
{
	int fds[2];

	connect_pair(fds);
	close(fds[1]);
	ck_assert(!access_identify(fds[0]).known);
	close(fds[0]);
	ck_assert(!access_identify(-1).known);
}
END_TEST

static const struct {
	const char *host;
	bool allowed;
} hosts[] = {
	{ "localhost", true },
	{ "LocalHost:7070", true },
	{ "127.0.0.1", true },
	{ "127.0.0.1:7070", true },
	{ "127.0.0.1:8080", true }, /* a tunnel's other end */
	{ "[::1]", true },
	{ "[::1]:7070", true },
	{ "192.0.2.7:7070", true },  /* where we listen */
	{ "198.51.100.9", true },    /* where it came in */
	{ "", false },
	{ ":7070", false },
	{ "evil.example", false },
	{ "evil.example:7070", false },
	{ "localhost.evil.example", false },
	{ "localhost:", false },
	{ "localhost:0", false },
	{ "localhost:65536", false },
	{ "localhost:70x", false },
	{ "localhost:7070:7070", false },
	{ "localhost@evil.example", false },
	{ "127.0.0.2", false },
	{ "[::1", false },
	{ "[::1]x", false },
	{ "::1", false },
	{ "[::2]", false },
	{ "192.0.2.70", false },
};

START_TEST(only_our_own_names_are_served)
{
	struct sockaddr_in local = { .sin_family = AF_INET };

	inet_pton(AF_INET, "198.51.100.9", &local.sin_addr);
	ck_assert_msg(http_host_allowed(hosts[_i].host, "192.0.2.7",
					(struct sockaddr *)&local) ==
			      hosts[_i].allowed,
		      "Host: %s", hosts[_i].host);
}
END_TEST

static Suite *access_suite(void)
{
	Suite *suite = suite_create("access");
	TCase *fast = test_case(suite, "access", "fast", 60);

	tcase_add_loop_test(fast, a_peer_sees_what_it_could_read, 0,
			    sizeof(rules) / sizeof(rules[0]));
	tcase_add_test(fast, a_member_reads_by_the_groups_bit_and_only_by_it);
	tcase_add_test(fast, the_kernel_tells_whose_the_other_end_is);
	tcase_add_test(fast, an_end_that_has_left_is_not_believed);
	tcase_add_loop_test(fast, only_our_own_names_are_served, 0,
			    sizeof(hosts) / sizeof(hosts[0]));
	return suite;
}

TEST_MAIN(access_suite)
