/* SPDX-License-Identifier: MIT */
/*
 * Segments and what is in them, as JSON. Names that come out of a segment or a
 * directory are made UTF-8; the "href" beside each addresses it exactly.
 */
#ifndef ZEROIPCD_DESCRIBE_H
#define ZEROIPCD_DESCRIBE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <zipc/inspect.h>
#include <zipc/inspect_pool.h>

#include "access.h"
#include "drive.h"
#include "registry.h"

/* The most of everything in one answer: a segment's writer is not trusted. */
#define DESCRIBE_COUNT_MAX 1000
#define DESCRIBE_BYTES_MAX (UINT64_C(4) << 20)
#define DESCRIBE_STRUCTURES_MAX 4096
#define DESCRIBE_TEXT_MAX (UINT64_C(8) << 20)

/* object.href: /segments/segment or /segments/segment/structure. */
void describe_href(cJSON *object, const char *segment, const char *structure);

void describe_segment(cJSON *object, const struct zipc_view_segment *segment,
		      bool int64_as_string);

/*
 * A segment whose contents the peer does not see: what stat(2) tells, why, and
 * who could change that.
 */
void describe_closed(cJSON *object, const struct registry_file *file,
		     const struct access_peer *peer, bool int64_as_string);

/*
 * object.structures; a damaged one has an error and a message in the place of
 * its figures. object.participants; returns 0 or a negative errno.
 */
void describe_structures(cJSON *object, const struct drive *drive,
			 struct zipc_view *view,
			 const struct zipc_view_segment *segment,
			 bool int64_as_string);
int describe_participants(cJSON *object, struct zipc_view *view,
			  const struct zipc_view_segment *segment);

void describe_structure(cJSON *object, const char *segment,
			const struct zipc_view_entry *entry,
			bool int64_as_string);

void describe_participant(cJSON *object,
			  const struct zipc_view_participant *participant);

/*
 * object.state of what is waited for, with who holds what; its object.elements
 * is empty. Returns as zipc_view_sync().
 */
int describe_state(cJSON *object, struct zipc_view *view,
		   const struct zipc_view_entry *entry, bool int64_as_string);

/*
 * object.elements: up to count of them from the from-th. Returns 0; -EMSGSIZE,
 * too large for an answer; or as zipc_view_elements(). *problem is set to words
 * for people where zipc_last_error() does not tell.
 */
int describe_elements(cJSON *object, struct zipc_view *view,
		      const struct zipc_view_entry *entry, uint64_t from,
		      uint64_t count, bool int64_as_string,
		      const char **problem);

/* object.objects: whose those of a pool are. Returns 0 or -errno. */
int describe_objects(cJSON *object, struct zipc_view *view,
		     const struct zipc_view_entry *entry, uint64_t from,
		     uint64_t count, bool int64_as_string);

/*
 * The same of a ring, whose elements are records, from the from-th, the oldest
 * being 0; and object.ring: who writes and reads. As zipc_view_records().
 */
int describe_records(cJSON *object, struct zipc_view *view,
		     const struct zipc_view_entry *entry, uint64_t from,
		     uint64_t count, bool int64_as_string);

/* Of a stream, object.stream: where it stands, and who is subscribed. */
int describe_stream(cJSON *object, struct zipc_view *view,
		    const struct zipc_view_entry *entry, bool int64_as_string);

/*
 * Of a derived stream, object.derivation: what it is made of; and object.drive:
 * what this daemon does about it. Of all else nothing. 0 or -errno.
 */
int describe_derivation(cJSON *object, const struct drive *drive,
			struct zipc_view *view,
			const struct zipc_view_segment *segment,
			const struct zipc_view_entry *entry,
			bool int64_as_string);

/* Of a mutex, rwlock or once, object.lock: who holds it. 0 or -errno. */
int describe_lock(cJSON *object, struct zipc_view *view,
		  const struct zipc_view_entry *entry, bool int64_as_string);

/* Of a lazy, object.lazy: what it is and who computes it. 0 or -errno. */
int describe_lazy(cJSON *object, struct zipc_view *view,
		  const struct zipc_view_entry *entry, bool int64_as_string);

/* Of a future, object.future: who has promised or settled it. 0 or -errno. */
int describe_future(cJSON *object, struct zipc_view *view,
		    const struct zipc_view_entry *entry, bool int64_as_string);

/* object.blocked and object.deadlocks: who waits for whom. 0 or -errno. */
int describe_waits(cJSON *object, struct zipc_view *view, const char *segment,
		   bool int64_as_string);

#endif
