/* SPDX-License-Identifier: MIT */
/* The routes: what each path answers. All of them only read. */
#ifndef ZEROIPCD_API_H
#define ZEROIPCD_API_H

#include "assets.h"
#include "drive.h"
#include "http.h"
#include "registry.h"

struct api {
	struct registry *registry;
	struct assets *assets;
	const struct drive *drive;
	struct share clients; /* their time */
	uint64_t started_ns; /* monotonic */
};

void api_start(struct api *api, struct registry *registry,
	       struct assets *assets, const struct drive *drive);
void api_stop(struct api *api);

/* An http_handler whose context is a struct api. */
void api_handle(void *api, const struct uri *uri,
		const struct access_peer *peer, struct http_answer *answer);

#endif
