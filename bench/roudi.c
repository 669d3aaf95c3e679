/* SPDX-License-Identifier: MIT */
#include "roudi.h"

#include "clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 10000
#define READY "ready for clients"

static pid_t roudi;
static int words = -1; /* what it prints; kept open, so that it can */

/* Small memory pools: items have 64 bytes, records up to 1024. */
static const char config[] =
	"[general]\nversion = 1\n\n[[segment]]\n\n"
	"[[segment.mempool]]\nsize = 128\ncount = 4096\n\n"
	"[[segment.mempool]]\nsize = 2048\ncount = 4096\n";

/* A file that only has a descriptor; its path for the daemon. */
static int config_file(char *path, size_t size)
{
	char name[] = "/tmp/bench-roudi-XXXXXX";
	int fd = mkstemp(name);

	if (fd < 0)
		return -1;
	unlink(name);
	snprintf(path, size, "/proc/self/fd/%d", fd);
	if (write(fd, config, strlen(config)) == (ssize_t)strlen(config))
		return fd;
	close(fd);
	return -1;
}

static void be_roudi(int out, const char *path)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execlp("iox-roudi", "iox-roudi", "-c", path, (char *)NULL);
	_exit(127);
}

/* Until it says that it is ready, ends, or patience does. */
static bool becomes_ready(void)
{
	struct pollfd wait = { .fd = words, .events = POLLIN };
	char said[4096];
	size_t length = 0;

	while (length < sizeof(said) - 1 && poll(&wait, 1, PATIENCE_MS) > 0) {
		ssize_t n = read(words, said + length,
				 sizeof(said) - 1 - length);

		if (n <= 0)
			return false;
		length += (size_t)n;
		said[length] = 0;
		if (strstr(said, READY))
			return true;
	}
	return false;
}

bool roudi_begin(void)
{
	char path[64];
	int file, ends[2];

	if (roudi > 0) /* another family has begun it */
		return true;
	file = config_file(path, sizeof(path));
	if (file < 0)
		return false;
	if (pipe2(ends, O_CLOEXEC)) {
		close(file);
		return false;
	}
	words = ends[0];
	roudi = fork();
	if (!roudi)
		be_roudi(ends[1], path);
	close(ends[1]);
	close(file);
	/* Later words are few, and those that do not fit are lost. */
	if (roudi > 0 && becomes_ready())
		return true;
	roudi_end();
	return false;
}

void roudi_end(void)
{
	int64_t deadline = now_ns() + PATIENCE_MS * INT64_C(1000000);

	if (roudi <= 0)
		return;
	kill(roudi, SIGTERM);
	while (waitpid(roudi, NULL, WNOHANG) == 0) {
		poll(NULL, 0, 10);
		if (now_ns() > deadline)
			kill(roudi, SIGKILL);
	}
	close(words);
	roudi = 0;
}
