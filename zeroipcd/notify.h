/* SPDX-License-Identifier: MIT */
/*
 * What systemd hears of us, by datagrams to $NOTIFY_SOCKET (sd_notify(3)), and
 * its watchdog. Without systemd nothing happens.
 */
#ifndef ZEROIPCD_NOTIFY_H
#define ZEROIPCD_NOTIFY_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

struct notify {
	uv_timer_t watchdog;
	int fd; /* -1: nobody listens */
	struct sockaddr_un address;
	socklen_t address_size;
};

void notify_start(struct notify *notify, uv_loop_t *loop);
void notify_stop(struct notify *notify);

/* One or more lines, as "READY=1\nSTATUS=..". */
void notify_tell(struct notify *notify, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
