/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd waits on one epoll descriptor, which the libuv loop polls. What
 * it leaves to its user stands here:
 *
 * - At the connection limit it takes its listening socket out of epoll, and
 *   puts it back only at the next MHD_run() after a client has left.
 * - Its timeout counts idle time, so a client that sends a byte now and then
 *   stays for ever: each client has a deadline for its header, and one for
 *   taking its answer, and is shut down when it passes.
 * - It looks neither at the Host nor at doubled or conflicting headers.
 * - It decodes the whole target before it is split: uri.c does that instead.
 * - The poll on its descriptor must be closed before MHD_stop_daemon().
 */
#include "http.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"

/* How long a client may take for its header; for its next; for an answer. */
#define HEADER_MS 5000
#define NEXT_HEADER_MS 15000
#define ANSWER_MS 30000
#define NO_DEADLINE UINT64_MAX

#define CLIENT_MEMORY_BYTES ((size_t)16 << 10)

/* Answers that are on their way, all together; small ones are not counted. */
#define ANSWERS_BYTES (UINT64_C(64) << 20)
#define SMALL_BYTES 65536u

struct http_client {
	struct http *http;
	struct http_client *next, *previous;
	int fd;
	uint64_t deadline_ms; /* by the loop's clock */
	struct access_peer peer;
	struct share_user *user; /* NULL: it has too many connections */
	char *target; /* of the request under way */
	uint64_t bytes; /* of an answer that is being taken */
};

static const char *const headers[][2] = {
	{ "Cache-Control", "no-store" },
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; "
	  "connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
	  "form-action 'none'; frame-ancestors 'none'" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Referrer-Policy", "no-referrer" },
	{ "X-Content-Type-Options", "nosniff" },
};

void http_error(struct http_answer *answer, unsigned status, int error,
		const char *format, ...)
{
	cJSON *document = cJSON_CreateObject();
	char message[2048], *text;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* Not zipc_error_name(): HTTP's errors are none of the library's. */
	json_string(document, "error",
		    strerrorname_np(-error) ? strerrorname_np(-error) : "?");
	json_string(document, "message", message);
	text = cJSON_PrintUnformatted(document);
	cJSON_Delete(document);
	answer->status = status;
	answer->type = "application/json";
	answer->body = text;
	answer->length = text ? strlen(text) : 0;
	/* The end of a line for people, in the place of the NUL. */
	if (text)
		text[answer->length++] = '\n';
}

static bool is_port(const char *text)
{
	char *end;
	long port;

	if (!isdigit((unsigned char)*text))
		return false;
	port = strtol(text, &end, 10);
	return !*end && port > 0 && port <= 65535;
}

static void host_of(const struct sockaddr *address, char *out, size_t size)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	char text[INET6_ADDRSTRLEN] = "";

	if (address->sa_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	} else if (address->sa_family == AF_INET6 &&
		   IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text,
			  sizeof(text));
	} else if (address->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		snprintf(out, size, "[%s]", text);
		return;
	}
	snprintf(out, size, "%s", text);
}

bool http_host_allowed(const char *value, const char *listen_host,
		       const struct sockaddr *local)
{
	size_t length = strcspn(value, *value == '[' ? "]" : ":");
	char name[256], local_host[64];

	/* Any port will do: a tunnel's other end has another one. */
	length += value[length] == ']';
	if (!length || length >= sizeof(name) ||
	    (value[length] && (value[length] != ':' ||
			       !is_port(value + length + 1))))
		return false;
	memcpy(name, value, length);
	name[length] = 0;
	host_of(local, local_host, sizeof(local_host));
	return !strcasecmp(name, "localhost") || !strcmp(name, "127.0.0.1") ||
	       !strcmp(name, "[::1]") || !strcasecmp(name, listen_host) ||
	       (*local_host && !strcasecmp(name, local_host));
}

/* The headers that say where a request belongs and where it ends. */
struct framing {
	unsigned hosts, lengths, encodings;
	const char *host, *length;
};

static enum MHD_Result see_header(void *context, enum MHD_ValueKind kind,
				  const char *key, const char *value)
{
	struct framing *framing = context;

	(void)kind;
	if (!strcasecmp(key, "Host")) {
		framing->hosts++;
		framing->host = value ? value : "";
	} else if (!strcasecmp(key, "Content-Length")) {
		framing->lengths++;
		framing->length = value ? value : "";
	} else if (!strcasecmp(key, "Transfer-Encoding")) {
		framing->encodings++;
	}
	return MHD_YES;
}

static bool framing_is_good(const struct framing *framing,
			    struct http_answer *answer)
{
	const char *problem = NULL;

	if (framing->hosts != 1)
		problem = "a request must have exactly one Host";
	else if (framing->lengths > 1)
		problem = "Content-Length is given twice";
	else if (framing->encodings && framing->lengths)
		problem = "Content-Length and Transfer-Encoding contradict "
			  "each other";
	if (problem)
		http_error(answer, 400, -EINVAL, "%s", problem);
	return !problem;
}

static bool host_is_ours(const struct http_client *client, const char *host,
			 struct http_answer *answer)
{
	struct sockaddr_storage local = { 0 };
	socklen_t size = sizeof(local);

	getsockname(client->fd, (struct sockaddr *)&local, &size);
	if (http_host_allowed(host, client->http->host,
			      (struct sockaddr *)&local))
		return true;
	http_error(answer, 403, -EACCES,
		   "Host %s is not served here; ask for localhost, 127.0.0.1, "
		   "[::1] or the address that zeroipcd listens on", host);
	return false;
}

static bool method_is_good(const char *method, const struct framing *framing,
			   struct http_answer *answer)
{
	if (strcmp(method, "GET") && strcmp(method, "HEAD")) {
		http_error(answer, 405, -EOPNOTSUPP,
			   "%s is not possible here; there are GET and HEAD",
			   method);
		answer->allow = "GET, HEAD";
		return false;
	}
	if (framing->encodings ||
	    (framing->lengths && strcmp(framing->length, "0"))) {
		http_error(answer, 400, -EINVAL, "%s takes no body", method);
		return false;
	}
	return true;
}

static void serve(struct http_client *client, const char *method,
		  const char *version, const struct framing *framing,
		  struct http_answer *answer)
{
	struct http *http = client->http;
	const char *problem = NULL;
	struct uri uri;
	int rc;

	answer->close = true;
	if (strncmp(version, "HTTP/1.", 7)) {
		http_error(answer, 505, -EPROTONOSUPPORT,
			   "this is a server of HTTP/1.1");
		return;
	}
	if (!framing_is_good(framing, answer) ||
	    !host_is_ours(client, framing->host, answer) ||
	    !method_is_good(method, framing, answer))
		return;
	answer->close = false;
	rc = uri_parse(&uri, client->target ? client->target : "", &problem);
	if (rc == -EINVAL) {
		http_error(answer, 400, rc, "%s", problem);
		return;
	}
	if (rc) {
		http_error(answer, 503, rc, "out of memory");
		return;
	}
	http->handler(http->context, &uri, &client->peer, answer);
	uri_free(&uri);
}

static void give_back(struct http_client *client)
{
	if (client->bytes)
		share_give(&client->http->share, client->user, SHARE_BYTES,
			   client->bytes);
	client->bytes = 0;
}

/* Who takes answers slowly has a share of what they all may keep. */
static void count_answer(struct http_client *client, struct http_answer *answer)
{
	if (answer->body_is_static || answer->length <= SMALL_BYTES)
		return;
	if (client->user && share_take(&client->http->share, client->user,
				       SHARE_BYTES, answer->length)) {
		client->bytes = answer->length;
		return;
	}
	free((void *)(uintptr_t)answer->body);
	http_error(answer, 503, -EBUSY, "there are too many answers of yours "
		   "that you have yet to take");
}

static enum MHD_Result send_answer(struct MHD_Connection *connection,
				   const struct http_answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result done;
	size_t i;

	response = MHD_create_response_from_buffer(
		answer->length, (void *)(uintptr_t)answer->body,
		answer->body_is_static ? MHD_RESPMEM_PERSISTENT
				       : MHD_RESPMEM_MUST_FREE);
	if (!response) {
		if (!answer->body_is_static)
			free((void *)(uintptr_t)answer->body);
		return MHD_NO;
	}
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		MHD_add_response_header(response, headers[i][0], headers[i][1]);
	MHD_add_response_header(response, "Content-Type", answer->type);
	if (answer->allow)
		MHD_add_response_header(response, "Allow", answer->allow);
	if (answer->close)
		MHD_add_response_header(response, "Connection", "close");
	done = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return done;
}

static struct http_client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static enum MHD_Result on_request(void *context,
				  struct MHD_Connection *connection,
				  const char *url, const char *method,
				  const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct http_client *client = client_of(connection);
	struct http_answer answer = { .status = 0 };
	struct framing framing = { .host = "" };

	(void)context;
	(void)url;
	(void)upload;
	(void)upload_size;
	if (!client || !client->user)
		return MHD_NO;
	MHD_get_connection_values(connection, MHD_HEADER_KIND, see_header,
				  &framing);
	/*
	 * The first call comes before the body. An answer there ends the
	 * connection, which is right only if a body would have to be read.
	 */
	if (!*state && !framing.lengths && !framing.encodings) {
		*state = client;
		return MHD_YES;
	}
	client->deadline_ms = uv_now(client->http->timer.loop) + ANSWER_MS;
	serve(client, method, version, &framing, &answer);
	if (!answer.body)
		return MHD_NO;
	count_answer(client, &answer);
	if (!answer.body)
		return MHD_NO;
	return send_answer(connection, &answer);
}

/* The target as it came, before libmicrohttpd splits it. */
static void *on_target(void *context, const char *target,
		       struct MHD_Connection *connection)
{
	struct http_client *client = client_of(connection);

	(void)context;
	if (client) {
		free(client->target);
		client->target = strdup(target);
	}
	return NULL;
}

static size_t leave_escaped(void *context, struct MHD_Connection *connection,
			    char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

static void on_completed(void *context, struct MHD_Connection *connection,
			 void **state, enum MHD_RequestTerminationCode how)
{
	struct http_client *client = client_of(connection);

	(void)context;
	(void)how;
	*state = NULL;
	if (!client)
		return;
	give_back(client);
	client->deadline_ms = uv_now(client->http->timer.loop) + NEXT_HEADER_MS;
}

/* The user, with one connection more; NULL: it would be more than its share. */
static struct share_user *share_of_peer(struct http *http,
					const struct access_peer *peer)
{
	struct share_user *user = share_user(
		&http->share, peer->known ? peer->uid : (uid_t)-1);

	if (!user || !share_take(&http->share, user, SHARE_RECORDS, 1))
		return NULL;
	return user;
}

static void greet(struct http *http, struct MHD_Connection *connection,
		  void **socket_context)
{
	int fd = MHD_get_connection_info(connection,
					 MHD_CONNECTION_INFO_CONNECTION_FD)
			 ->connect_fd;
	struct http_client *client = calloc(1, sizeof(*client));

	http->n_clients++;
	if (!client) {
		shutdown(fd, SHUT_RDWR);
		return;
	}
	client->http = http;
	client->fd = fd;
	client->deadline_ms = uv_now(http->timer.loop) + HEADER_MS;
	client->peer = access_identify(fd);
	client->user = share_of_peer(http, &client->peer);
	/* libmicrohttpd then sees it leave, and closes. */
	if (!client->user)
		shutdown(fd, SHUT_RDWR);
	client->next = http->clients;
	if (client->next)
		client->next->previous = client;
	http->clients = client;
	*socket_context = client;
}

static void part(struct http *http, struct http_client *client)
{
	http->n_clients--;
	if (!client)
		return;
	if (client->next)
		client->next->previous = client->previous;
	if (client->previous)
		client->previous->next = client->next;
	else
		http->clients = client->next;
	give_back(client);
	if (client->user)
		share_give(&http->share, client->user, SHARE_RECORDS, 1);
	free(client->target);
	free(client);
}

static void on_connection(void *context, struct MHD_Connection *connection,
			  void **socket_context,
			  enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		greet(context, connection, socket_context);
	else
		part(context, *socket_context);
}

/* Shut down who is late; when the next one will be. */
static uint64_t cut_late(struct http *http)
{
	uint64_t now = uv_now(http->timer.loop), next = NO_DEADLINE;
	struct http_client *client;

	for (client = http->clients; client; client = client->next) {
		if (client->deadline_ms <= now) {
			/* libmicrohttpd then sees it leave, and closes. */
			shutdown(client->fd, SHUT_RDWR);
			client->deadline_ms = NO_DEADLINE;
		}
		if (client->deadline_ms < next)
			next = client->deadline_ms;
	}
	return next == NO_DEADLINE ? next : next - now;
}

static void on_timer(uv_timer_t *timer);

static void run(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;
	uint64_t due_ms;
	bool full;

	due_ms = cut_late(http);
	do {
		full = http->n_clients >= http->max_clients;
		MHD_run(http->mhd);
	} while (full && http->n_clients < http->max_clients);
	/* MHD_run() may have brought clients and new deadlines. */
	due_ms = cut_late(http);
	if (MHD_get_timeout(http->mhd, &wait_ms) == MHD_YES && wait_ms < due_ms)
		due_ms = wait_ms;
	if (due_ms == NO_DEADLINE)
		uv_timer_stop(&http->timer);
	else
		uv_timer_start(&http->timer, on_timer, due_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

int http_address(const char *text, unsigned port,
		 struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (!strcmp(text, "localhost"))
		text = "127.0.0.1";
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	return 0;
}

static void explain(const struct http_options *options, int error)
{
	const char *what = strerror(error), *todo = "";

	if (error == EADDRINUSE) {
		what = "the port is taken";
		todo = "; stop what listens there (ss -ltnp tells), or choose "
		       "another by --port N, or any free one by --port 0";
	} else if (error == EADDRNOTAVAIL) {
		what = "this machine does not have that address";
		todo = "; choose one that `ip address` shows by --listen";
	} else if (error == EACCES) {
		todo = "; choose a port above 1023 by --port";
	}
	fprintf(stderr, "zeroipcd: cannot listen on %s port %u: %s%s\n",
		options->address, options->port, what, todo);
}

static socklen_t size_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
}

/* A listening socket; http.host and http.port become what it is bound to. */
static int listen_on(struct http *http, const struct http_options *options)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	const int yes = 1;
	int fd, rc;

	if (http_address(options->address, options->port, &address))
		return -EINVAL;
	fd = socket(address.ss_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)&address, size_of(&address)) ||
	    listen(fd, 128) ||
	    getsockname(fd, (struct sockaddr *)&address, &size)) {
		rc = errno;
		explain(options, rc);
		if (fd >= 0)
			close(fd);
		return -rc;
	}
	host_of((struct sockaddr *)&address, http->host, sizeof(http->host));
	/* The port stands at the same place for both families. */
	http->port = ntohs(((struct sockaddr_in *)&address)->sin_port);
	return fd;
}

static struct MHD_Daemon *start_daemon(struct http *http, int fd)
{
	return MHD_start_daemon(
		MHD_USE_EPOLL | (*http->host == '[' ? MHD_USE_IPv6 : 0), 0,
		NULL, NULL, on_request, http,
		MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, http->max_clients,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CLIENT_MEMORY_BYTES,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, http,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, http,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
		MHD_OPTION_END);
}

int http_start(struct http *http, uv_loop_t *loop,
	       const struct http_options *options)
{
	int fd;

	*http = (struct http){
		.max_clients = options->max_clients,
		.share.most = {
			[SHARE_RECORDS] = options->max_clients,
			[SHARE_BYTES] = ANSWERS_BYTES,
		},
		.handler = options->handler,
		.context = options->context,
	};
	fd = listen_on(http, options);
	if (fd < 0)
		return fd;
	http->mhd = start_daemon(http, fd);
	if (!http->mhd) {
		fprintf(stderr, "zeroipcd: libmicrohttpd does not start\n");
		close(fd);
		return -EIO;
	}
	uv_timer_init(loop, &http->timer);
	uv_poll_init(loop, &http->poll,
		     MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD)
			     ->epoll_fd);
	http->timer.data = http;
	http->poll.data = http;
	uv_poll_start(&http->poll, UV_READABLE, on_poll);
	run(http);
	return 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct http *http = handle->data;

	MHD_stop_daemon(http->mhd);
	http->mhd = NULL;
	share_stop(&http->share);
}

void http_stop(struct http *http)
{
	uv_close((uv_handle_t *)&http->timer, NULL);
	uv_close((uv_handle_t *)&http->poll, on_poll_closed);
}
