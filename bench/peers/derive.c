/* SPDX-License-Identifier: MIT */
/*
 * Ours, driven by zeroipcd, which is the one that was built beside the bench,
 * and by a member; and a process between two pipes.
 */
#include "../derive.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zeroipc.h>

#define PATIENCE_MS 10000

/* ours */

struct ours {
	char name[64];
	struct zipc_segment *segment;
	pid_t daemon; /* 0: a member drives */
};

struct our_end {
	struct zipc_stream *stream;
	struct zipc_subscription *subscription;
};

static void must(int rc)
{
	if (rc)
		die("%s", zipc_last_error());
}

/* A program in a build directory, perhaps as libtool puts it there. */
static bool find_daemon(char path[static 512])
{
	static const char *const up[] = { "..", "../.." };
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return false;
	self[n] = 0;
	dirname(self);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, 512, "%s/%s/zeroipcd/zeroipcd", self, up[i]);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static bool can_begin(void)
{
	char path[512];

	return find_daemon(path);
}

static void be_daemon(const char *path)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (!freopen("/dev/null", "w", stdout))
		_exit(127);
	execl(path, "zeroipcd", "--port", "0", (char *)NULL);
	_exit(127);
}

/* How many results are out. */
static uint64_t results(const char *name)
{
	struct zipc_view_entry entry = { .added = 0 };
	struct zipc_view *view;

	if (zipc_view_open(&view, name))
		return 0;
	if (zipc_view_find(view, "out", &entry))
		entry.added = 0;
	zipc_view_close(view);
	return entry.added;
}

/* The first result is the daemon's: it is there. */
static void wait_for_daemon(struct ours *it, struct zipc_stream *in)
{
	int64_t first = 1;

	must(zipc_stream_emit(in, &first, ZIPC_FOREVER));
	for (unsigned ms = 0; !results(it->name); ms++) {
		if (ms > PATIENCE_MS)
			die("zeroipcd does not drive");
		poll(NULL, 0, 1);
	}
}

static void *create_ours(bool by_daemon)
{
	struct zipc_derive_options options = { .by_daemon = by_daemon };
	struct ours *it = calloc(1, sizeof(*it));
	struct zipc_stream *in, *out;
	char path[512];

	if (!it)
		die("out of memory");
	snprintf(it->name, sizeof(it->name), "%s", unique_name());
	must(zipc_segment_create(&it->segment, it->name, 2 << 20, NULL));
	must(zipc_stream_create(&in, it->segment, "in", "i64", 1024));
	must(zipc_stream_derive_with(&out, it->segment, "out", "map(x + 1)",
				     in, &options));
	if (by_daemon && find_daemon(path)) {
		it->daemon = fork();
		if (!it->daemon)
			be_daemon(path);
		wait_for_daemon(it, in);
	} else {
		zipc_segment_unlink(it->name);
	}
	zipc_stream_close(out);
	zipc_stream_close(in);
	return it;
}

static void *create_daemon(void)
{
	return create_ours(true);
}

static void *create_member(void)
{
	return create_ours(false);
}

static void destroy_ours(void *shared)
{
	struct ours *it = shared;

	if (it->daemon > 0) {
		kill(it->daemon, SIGTERM);
		waitpid(it->daemon, NULL, 0);
		zipc_segment_unlink(it->name);
	}
	zipc_segment_close(it->segment);
	free(it);
}

static void *open_ours(void *shared, enum derive_role role)
{
	struct our_end *end = calloc(1, sizeof(*end));
	struct ours *it = shared;

	if (!end)
		die("out of memory");
	must(zipc_stream_open(&end->stream, it->segment,
			      role == DERIVE_EMITS ? "in" : "out", NULL));
	if (role == DERIVE_WAITS)
		must(zipc_stream_subscribe(&end->subscription, end->stream,
					   NULL, ZIPC_STREAM_NEWEST));
	return end;
}

static void close_ours(void *at)
{
	struct our_end *end = at;

	zipc_stream_unsubscribe(end->subscription);
	zipc_stream_close(end->stream);
	free(end);
}

static void emit_ours(void *at, int64_t value)
{
	struct our_end *end = at;

	must(zipc_stream_emit(end->stream, &value, ZIPC_FOREVER));
}

static void compute_ours(void *at)
{
	struct our_end *end = at;
	int64_t n;

	do
		n = zipc_stream_drive(end->stream, ZIPC_FOREVER);
	while (!n);
	if (n < 0)
		die("%s", zipc_last_error());
}

static int64_t wait_ours(void *at)
{
	struct our_end *end = at;
	int64_t value;

	must(zipc_stream_next(end->subscription, &value, ZIPC_FOREVER));
	return value;
}

/* pipes */

struct pipes {
	int in[2], out[2];
};

static void *create_pipes(void)
{
	struct pipes *it = calloc(1, sizeof(*it));

	if (!it || pipe(it->in) || pipe(it->out))
		die("no pipe: %m");
	return it;
}

static void destroy_pipes(void *shared)
{
	struct pipes *it = shared;

	close(it->in[0]);
	close(it->in[1]);
	close(it->out[0]);
	close(it->out[1]);
	free(it);
}

static void *open_pipes(void *shared, enum derive_role role)
{
	(void)role;
	return shared;
}

static void close_pipes(void *end)
{
	(void)end;
}

static void put(int fd, int64_t value)
{
	if (write(fd, &value, sizeof(value)) != sizeof(value))
		die("write to a pipe: %m");
}

static int64_t take(int fd)
{
	int64_t value;

	if (read(fd, &value, sizeof(value)) != sizeof(value))
		die("read from a pipe: %m");
	return value;
}

static void emit_pipes(void *end, int64_t value)
{
	put(((struct pipes *)end)->in[1], value);
}

static void compute_pipes(void *end)
{
	struct pipes *it = end;

	put(it->out[1], take(it->in[0]) + 1);
}

static int64_t wait_pipes(void *end)
{
	return take(((struct pipes *)end)->out[0]);
}

static const struct derive_peer by_daemon = {
	create_daemon, destroy_ours, open_ours, close_ours,
	emit_ours, NULL, wait_ours,
};
static const struct derive_peer by_member = {
	create_member, destroy_ours, open_ours, close_ours,
	emit_ours, compute_ours, wait_ours,
};
static const struct derive_peer by_pipes = {
	create_pipes, destroy_pipes, open_pipes, close_pipes,
	emit_pipes, compute_pipes, wait_pipes,
};

const struct candidate derive_zeroipcd = {
	.name = "zeroipcd", .ours = true, .note = "driven by the daemon",
	.begin = can_begin, .family = &by_daemon
};

const struct candidate derive_zeroipc = {
	.name = "zeroipc", .ours = true, .note = "driven by a member",
	.family = &by_member
};

const struct candidate derive_pipe = {
	.name = "pipe", .note = "a process between two pipes",
	.family = &by_pipes
};
