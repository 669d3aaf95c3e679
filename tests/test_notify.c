/* SPDX-License-Identifier: MIT */
/* What systemd hears, at sockets with a path and abstract ones. */
#include "../zeroipcd/notify.h"
#include "harness.h"

#include <stddef.h>

static uv_loop_t loop;
static struct notify notify;
static int listener;

/* A socket as systemd's; its name is put into the environment. */
static void listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);

	memcpy(address.sun_path, name, length);
	if (*name == '@')
		address.sun_path[0] = 0;
	listener = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_int_eq(
		bind(listener, (struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				 length)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static const char *heard(void)
{
	static char text[600];
	ssize_t n = recv(listener, text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = 0;
	return text;
}

static void close_all(void)
{
	notify_stop(&notify);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void check_conversation(const char *name)
{
	listen_at(name);
	uv_loop_init(&loop);
	notify_start(&notify, &loop);
	notify_tell(&notify, "READY=1\nSTATUS=%d", 3);
	ck_assert_str_eq(heard(), "READY=1\nSTATUS=3");
	close_all();
	ck_assert_str_eq(heard(), "STOPPING=1");
}

START_TEST(an_abstract_socket_hears)
{
	char name[64];

	snprintf(name, sizeof(name), "@zt-notify-%ld", (long)getpid());
	check_conversation(name);
}
END_TEST

START_TEST(a_socket_with_a_path_hears)
{
	char name[64];

	snprintf(name, sizeof(name), "/tmp/zt-notify-%ld", (long)getpid());
	check_conversation(name);
	unlink(name);
}
END_TEST

START_TEST(the_watchdog_is_fed)
{
	char name[64];

	snprintf(name, sizeof(name), "@zt-watchdog-%ld", (long)getpid());
	setenv("WATCHDOG_USEC", "20000", 1);
	unsetenv("WATCHDOG_PID");
	listen_at(name);
	uv_loop_init(&loop);
	notify_start(&notify, &loop);
	uv_run(&loop, UV_RUN_ONCE);
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	uv_run(&loop, UV_RUN_ONCE);
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	close_all();
}
END_TEST

START_TEST(another_process_s_watchdog_is_not_ours)
{
	char name[64];

	snprintf(name, sizeof(name), "@zt-other-%ld", (long)getpid());
	setenv("WATCHDOG_USEC", "20000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	listen_at(name);
	uv_loop_init(&loop);
	notify_start(&notify, &loop);
	ck_assert(!uv_loop_alive(&loop));
	close_all();
}
END_TEST

START_TEST(nobody_needs_to_listen)
{
	unsetenv("NOTIFY_SOCKET");
	uv_loop_init(&loop);
	notify_start(&notify, &loop);
	ck_assert_int_eq(notify.fd, -1);
	notify_tell(&notify, "READY=1");
	close_all();
}
END_TEST

static Suite *notify_suite(void)
{
	Suite *suite = suite_create("notify");
	TCase *fast = test_case(suite, "notify", "fast", 60);

	tcase_add_test(fast, an_abstract_socket_hears);
	tcase_add_test(fast, a_socket_with_a_path_hears);
	tcase_add_test(fast, the_watchdog_is_fed);
	tcase_add_test(fast, another_process_s_watchdog_is_not_ours);
	tcase_add_test(fast, nobody_needs_to_listen);
	return suite;
}

TEST_MAIN(notify_suite)
