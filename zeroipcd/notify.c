/* SPDX-License-Identifier: MIT */
/* sd_notify(3) by hand, so that libsystemd is not needed. */
#include "notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void notify_tell(struct notify *notify, const char *format, ...)
{
	char text[512];
	va_list args;

	if (notify->fd < 0)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* A full socket is systemd's matter: we do not wait for it. */
	sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
	       (struct sockaddr *)&notify->address, notify->address_size);
}

static void on_watchdog(uv_timer_t *timer)
{
	notify_tell(timer->data, "WATCHDOG=1");
}

/* Half of the time after which systemd takes us for hung; 0: it does not. */
static uint64_t watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return strtoull(usec, NULL, 10) / 2000;
}

static void open_socket(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;

	if (!length || length >= sizeof(notify->address.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, path, length);
	/* An abstract socket's name begins with a NUL, and ends by length. */
	if (path[0] == '@')
		notify->address.sun_path[0] = 0;
	notify->address_size =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

void notify_start(struct notify *notify, uv_loop_t *loop)
{
	uint64_t period_ms = watchdog_ms();

	memset(&notify->address, 0, sizeof(notify->address));
	notify->fd = -1;
	open_socket(notify);
	uv_timer_init(loop, &notify->watchdog);
	notify->watchdog.data = notify;
	if (notify->fd >= 0 && period_ms)
		uv_timer_start(&notify->watchdog, on_watchdog, period_ms,
			       period_ms);
}

void notify_stop(struct notify *notify)
{
	notify_tell(notify, "STOPPING=1");
	uv_close((uv_handle_t *)&notify->watchdog, NULL);
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}
