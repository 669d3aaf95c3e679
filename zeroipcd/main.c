/* SPDX-License-Identifier: MIT */
/*
 * zeroipcd: shows the segments of this machine by HTTP, and drives the derived
 * streams in them. One libuv loop; each module is a struct with its handles
 * inside. SIGTERM and SIGINT stop the modules, and the loop ends because
 * nothing is left in it.
 */
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <zipc/base.h>

#include "api.h"
#include "assets.h"
#include "drive.h"
#include "ending.h"
#include "guard.h"
#include "http.h"
#include "notify.h"
#include "registry.h"
#include "watch.h"

#define USAGE_ERROR 2
#define ENDING_S 10 /* that it may take; more than drive_stop() does */

struct options {
	const char *address, *web_root;
	unsigned port, max_clients;
	struct drive_options drive;
};

struct daemon {
	uv_loop_t loop;
	struct ending ending;
	struct notify notify;
	struct assets assets;
	struct registry registry;
	struct drive drive;
	struct watch watch;
	struct api api;
	struct http http;
	unsigned segments; /* as systemd was told */
};

static const char help[] =
	"usage: zeroipcd [--listen ADDRESS] [--port N] [--max-clients N]\n"
	"                [--threads N] [--memory MIB] [--no-drive]\n"
	"                [--web-root DIR]\n"
	"\n"
	"Shows the ZeroIPC segments of this machine: a page for people at /,\n"
	"JSON at /segments. Drives the derived streams that are marked for it.\n"
	"No data path needs it.\n"
	"\n"
	"  --listen ADDRESS   the IPv4 or IPv6 address to listen on (127.0.0.1)\n"
	"  --port N           the port (7070); 0: any free one\n"
	"  --max-clients N    connections at a time (256)\n"
	"  --threads N        streams that it drives at a time (256)\n"
	"  --memory MIB       memory for that (256); a quarter for one\n"
	"  --no-drive         only show\n"
	"  --web-root DIR     take the page's files from DIR\n"
	"  --version          print the version\n"
	"  --help             print this\n";

static void stop(void *context)
{
	struct daemon *daemon = context;

	ending_stop(&daemon->ending);
	http_stop(&daemon->http);
	watch_stop(&daemon->watch);
	notify_stop(&daemon->notify);
}

/* May be called before and after there is an address to tell. */
static void tell_status(struct daemon *daemon)
{
	if (daemon->http.port)
		notify_tell(&daemon->notify,
			    "STATUS=http://%s:%u/ shows %u segments",
			    daemon->http.host, daemon->http.port,
			    daemon->segments);
}

static bool on_scanned(struct watch *watch)
{
	struct daemon *daemon = watch->context;
	unsigned segments = registry_segments(&daemon->registry);

	drive_scan(&daemon->drive);
	if (segments != daemon->segments) {
		daemon->segments = segments;
		tell_status(daemon);
	}
	return drive_unsettled(&daemon->drive);
}

/* Serve until a signal comes. Nothing is left behind, also when it fails. */
static int serve(struct daemon *daemon, const struct options *options)
{
	struct http_options http = {
		.address = options->address,
		.port = options->port,
		.max_clients = options->max_clients,
		.handler = api_handle,
		.context = &daemon->api,
	};
	int rc = http_start(&daemon->http, &daemon->loop, &http);

	if (rc)
		return rc;
	signal(SIGPIPE, SIG_IGN);
	ending_start(&daemon->ending, &daemon->loop, ENDING_S, stop, daemon);
	notify_start(&daemon->notify, &daemon->loop);
	watch_start(&daemon->watch, &daemon->loop, &daemon->registry,
		    on_scanned, daemon);
	printf("zeroipcd %s: http://%s:%u/\n", zipc_version(),
	       daemon->http.host, daemon->http.port);
	fflush(stdout);
	notify_tell(&daemon->notify, "READY=1");
	tell_status(daemon);
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
	return 0;
}

static int run(const struct options *options)
{
	static struct daemon daemon;
	int rc;

	rc = assets_start(&daemon.assets, options->web_root);
	if (rc)
		return EXIT_FAILURE;
	guard_start();
	rc = registry_start(&daemon.registry);
	if (rc) {
		fprintf(stderr, "zeroipcd: cannot list /dev/shm: %s\n",
			strerror(-rc));
		assets_stop(&daemon.assets);
		return EXIT_FAILURE;
	}
	drive_start(&daemon.drive, &daemon.registry, &options->drive);
	api_start(&daemon.api, &daemon.registry, &daemon.assets,
		  &daemon.drive);
	uv_loop_init(&daemon.loop);
	rc = serve(&daemon, options);
	if (uv_loop_close(&daemon.loop)) {
		uv_print_all_handles(&daemon.loop, stderr);
		assert(!"a handle was left open");
	}
	api_stop(&daemon.api);
	drive_stop(&daemon.drive);
	registry_stop(&daemon.registry);
	assets_stop(&daemon.assets);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void usage_error(const char *what, const char *value)
{
	fprintf(stderr, "zeroipcd: %s, not '%s'; see zeroipcd --help\n", what,
		value);
	exit(USAGE_ERROR);
}

static unsigned number(const char *text, unsigned min, unsigned max,
		       const char *what)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < min ||
	    value > max)
		usage_error(what, text);
	return (unsigned)value;
}

static const struct option long_options[] = {
	{ "listen", required_argument, NULL, 'l' },
	{ "port", required_argument, NULL, 'p' },
	{ "max-clients", required_argument, NULL, 'c' },
	{ "threads", required_argument, NULL, 't' },
	{ "memory", required_argument, NULL, 'm' },
	{ "no-drive", no_argument, NULL, 'n' },
	{ "web-root", required_argument, NULL, 'w' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const char *address(const char *text)
{
	struct sockaddr_storage ignored;

	if (http_address(text, 0, &ignored))
		usage_error("--listen takes an IPv4 or IPv6 address, as "
			    "127.0.0.1 or ::1", text);
	return text;
}

/* An option with a number; false: it is none. */
static bool read_number(int c, struct options *options)
{
	switch (c) {
	case 'p':
		options->port = number(optarg, 0, 65535,
			"--port takes a number from 0 to 65535");
		return true;
	case 'c':
		options->max_clients = number(optarg, 1, 4096,
			"--max-clients takes a number from 1 to 4096");
		return true;
	case 't':
		options->drive.threads = number(optarg, 1, 4096,
			"--threads takes a number from 1 to 4096");
		return true;
	case 'm':
		options->drive.memory_mib = number(optarg, 1, 1 << 20,
			"--memory takes MiB, from 1 to 1048576");
		return true;
	}
	return false;
}

static void read_option(int c, struct options *options)
{
	switch (c) {
	case 'l':
		options->address = address(optarg);
		break;
	case 'n':
		options->drive.off = true;
		break;
	case 'w':
		options->web_root = optarg;
		break;
	case 'V':
		printf("zeroipcd %s\n", zipc_version());
		exit(EXIT_SUCCESS);
	case 'h':
		fputs(help, stdout);
		exit(EXIT_SUCCESS);
	default:
		fputs("see zeroipcd --help\n", stderr);
		exit(USAGE_ERROR);
	}
}

static void read_options(int argc, char **argv, struct options *options)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		if (!read_number(c, options))
			read_option(c, options);
}

int main(int argc, char **argv)
{
	struct options options = {
		.address = "127.0.0.1",
		.port = 7070,
		.max_clients = 256,
		.drive = { .threads = 256, .memory_mib = 256 },
	};

	read_options(argc, argv, &options);
	if (optind < argc)
		usage_error("zeroipcd takes options only", argv[optind]);
	return run(&options);
}
