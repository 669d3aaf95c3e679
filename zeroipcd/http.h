/* SPDX-License-Identifier: MIT */
/*
 * HTTP by libmicrohttpd inside the libuv loop, without threads. Here is what
 * holds for every request, whatever it asks for: whose Host it may name, that
 * it is well formed, how long a client may take, and who the client is.
 */
#ifndef ZEROIPCD_HTTP_H
#define ZEROIPCD_HTTP_H

#include <microhttpd.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "access.h"
#include "share.h"
#include "uri.h"

struct http_answer {
	unsigned status;
	const char *type; /* of the content */
	const char *body;
	size_t length;
	bool body_is_static; /* else it is freed */
	bool close;          /* the connection, after this answer */
	const char *allow;   /* methods, with 405 */
};

/* Fills in the answer to a GET or a HEAD. */
typedef void http_handler(void *context, const struct uri *uri,
			  const struct access_peer *peer,
			  struct http_answer *answer);

struct http_options {
	const char *address; /* numeric, or "localhost" */
	unsigned port;       /* 0: any free one */
	unsigned max_clients;
	http_handler *handler;
	void *context;
};

struct http_client;

/* Fill in the socket address of --listen's words; -EINVAL: it is none. */
int http_address(const char *text, unsigned port,
		 struct sockaddr_storage *out);

struct http {
	uv_poll_t poll; /* on libmicrohttpd's epoll descriptor */
	uv_timer_t timer;
	struct MHD_Daemon *mhd;
	struct http_client *clients;
	unsigned n_clients, max_clients;
	struct share share; /* of connections, and of answers' bytes */
	http_handler *handler;
	void *context;
	char host[64]; /* the listen address as a Host header names it */
	unsigned port;
};

/*
 * Returns 0, or a negative errno after a line on stderr that says what is wrong
 * and what to do. Then http.host and http.port make the address.
 */
int http_start(struct http *http, uv_loop_t *loop,
	       const struct http_options *options);
void http_stop(struct http *http);

/* The JSON of an error; error is a negative errno. */
void http_error(struct http_answer *answer, unsigned status, int error,
		const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * May a request be for this Host? local is the address that it came in at. A
 * page of another site that points its own name at this machine (DNS
 * rebinding) cannot say one of these names.
 */
bool http_host_allowed(const char *value, const char *listen_host,
		       const struct sockaddr *local);

#endif
