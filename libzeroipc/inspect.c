/* SPDX-License-Identifier: MIT */
/*
 * Watching a segment by pread; the idea is in zipc/inspect.h.
 *
 * From the file's start inwards, each step trusts only what the steps before
 * it have checked: the header (zipc_view_open), the word that counts entries
 * (zipc_view_table), an entry, its block, its type, its body. So damage is told
 * where it is, and what does not lie behind it stays visible.
 *
 * Here are the header and that word. inspect_file.c finds the file,
 * inspect_entry.c goes from an entry to its elements, and
 * inspect_participant.c tells who has the segment open.
 *
 * A segment is never changed in size, so its file's size is asked once; a
 * file that somebody cuts short all the same gives a short read, not a fault.
 */
#include "inspect.h"

#include "clock.h"
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int zipc_view_read(struct zipc_view *view, uint64_t offset, void *bytes,
		   uint64_t n)
{
	unsigned char *to = bytes;
	ssize_t got;

	if (offset > view->file_bytes || n > view->file_bytes - offset)
		return zipc_fail(EBADMSG,
				 "segment `/%s` is damaged: %llu bytes from "
				 "byte %llu on are beyond its file's %llu",
				 view->name, LLU(n), LLU(offset),
				 LLU(view->file_bytes));
	if (view->until_ns && zipc_now_ns() >= view->until_ns)
		return zipc_fail(ETIMEDOUT, "it takes too long to look into "
				 "segment `/%s`", view->name);
	while (n) {
		got = pread(view->fd, to, n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return zipc_fail(errno, "cannot read segment `/%s`: %s",
					 view->name, strerror(errno));
		if (got == 0)
			return zipc_fail(
				EBADMSG,
				"segment `/%s` is damaged: its file was "
				"cut short at byte %llu",
				view->name, LLU(offset));
		to += got;
		offset += (uint64_t)got;
		n -= (uint64_t)got;
	}
	/* The kernel's loads come before those of the next read. */
	atomic_thread_fence(memory_order_acquire);
	return 0;
}

int zipc_view_damaged(const struct zipc_view *view, const char *name,
		      const char *format, ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return zipc_fail(EBADMSG, "`%s` in segment `/%s` is damaged: %s", name,
			 view->name, what);
}

/* The header. */

static int foreign(const struct zipc_view *view, const char *why)
{
	return zipc_fail(EBADMSG, "`/%s` is not a ZeroIPC segment: %s",
			 view->name, why);
}

static int header_damaged(const struct zipc_view *view, const char *field,
			  uint64_t value)
{
	return zipc_fail(EBADMSG,
			 "segment `/%s` is damaged: its header's %s is %llu",
			 view->name, field, LLU(value));
}

/* What says whether this is a segment, and one of ours. */
static int check_origin(const struct zipc_view *view)
{
	const struct zipc_header *header = &view->header;

	if (header->magic != ZIPC_MAGIC)
		return foreign(view, "it begins with other bytes");
	if (header->version != ZIPC_VERSION)
		return zipc_fail(EPROTONOSUPPORT,
				 "segment `/%s` has format version %u, this "
				 "program reads version %u",
				 view->name, header->version, ZIPC_VERSION);
	if (header->format_word != ZIPC_FORMAT_WORD)
		return zipc_fail(
			EBADMSG,
			"segment `/%s` is damaged or by another build: "
			"its format word is 0x%08x, not 0x%08x",
			view->name, header->format_word, ZIPC_FORMAT_WORD);
	if (header->options & ~ZIPC_OPTIONS_KNOWN)
		return header_damaged(view, "options", header->options);
	return 0;
}

/* Whether header, table and participants fit the file, and each other. */
static int check_places(struct zipc_view *view)
{
	const struct zipc_header *header = &view->header;
	uint64_t users_end, places_at;

	if (header->size_bytes > view->file_bytes)
		return zipc_fail(EBADMSG,
				 "segment `/%s` is damaged: its header says "
				 "%llu bytes, its file has %llu",
				 view->name, LLU(header->size_bytes),
				 LLU(view->file_bytes));
	view->file_bytes = header->size_bytes;
	if (header->max_entries < 1 || header->max_entries > ZIPC_MOST_ENTRIES)
		return header_damaged(view, "max_entries", header->max_entries);
	if (header->max_participants < 1 ||
	    header->max_participants > ZIPC_MOST_PARTICIPANTS)
		return header_damaged(view, "max_participants",
				      header->max_participants);
	users_end = zipc_users_end(header->max_entries,
				   header->max_participants);
	places_at = header->participants_offset * (uint64_t)ZIPC_LINE;
	view->blocks_at =
		places_at + header->max_participants * (uint64_t)ZIPC_LINE;
	if (places_at < users_end || view->blocks_at > view->file_bytes)
		return header_damaged(view, "participants_offset",
				      header->participants_offset);
	return 0;
}

int zipc_view_table(struct zipc_view *view, unsigned *count, uint64_t *next)
{
	uint64_t state;
	int rc = zipc_view_read(view, offsetof(struct zipc_header, table_state),
				&state, sizeof(state));

	if (rc)
		return rc;
	*count = (uint32_t)state;
	*next = (state >> 32) * ZIPC_LINE;
	if (*count > view->header.max_entries)
		return zipc_fail(EBADMSG,
				 "segment `/%s` is damaged: it counts %u "
				 "entries in a table for %u",
				 view->name, *count, view->header.max_entries);
	if (*next < view->blocks_at || *next > view->file_bytes)
		return zipc_fail(EBADMSG,
				 "segment `/%s` is damaged: its free space "
				 "begins at byte %llu, its blocks at %llu, and "
				 "its file has %llu",
				 view->name, LLU(*next), LLU(view->blocks_at),
				 LLU(view->file_bytes));
	return 0;
}

static int view_load(struct zipc_view *view)
{
	unsigned count;
	uint64_t next;
	int rc;

	if (view->file_bytes == 0)
		return foreign(view, "it is empty");
	if (view->file_bytes < sizeof(view->header))
		return foreign(view, "it is too short");
	rc = zipc_view_read(view, 0, &view->header, sizeof(view->header));
	if (!rc)
		rc = check_origin(view);
	if (!rc)
		rc = check_places(view);
	if (!rc)
		rc = zipc_view_table(view, &count, &next);
	return rc;
}

int zipc_view_open(struct zipc_view **out, const char *name)
{
	struct zipc_view *view;
	struct stat st;
	int fd, rc;

	rc = zipc_view_plain_name(&name);
	if (rc)
		return rc;
	fd = zipc_view_open_file(name, &st);
	if (fd < 0)
		return fd;
	view = calloc(1, sizeof(*view));
	if (!view) {
		close(fd);
		return zipc_fail(ENOMEM, "no memory to watch `/%s`", name);
	}
	view->fd = fd;
	view->file_bytes = (uint64_t)st.st_size;
	snprintf(view->name, sizeof(view->name), "%s", name);
	rc = view_load(view);
	if (rc) {
		zipc_view_close(view);
		return rc;
	}
	*out = view;
	return 0;
}

void zipc_view_limit(struct zipc_view *view, int64_t timeout_ns)
{
	view->until_ns = zipc_deadline(timeout_ns);
}

void zipc_view_close(struct zipc_view *view)
{
	if (!view)
		return;
	close(view->fd);
	free(view);
}

/* Whether the name leads elsewhere by now. */
static unsigned is_unlinked(const struct zipc_view *view, const struct stat *st)
{
	char path[ZIPC_SHM_PATH];
	struct stat now;

	if (st->st_nlink == 0)
		return 1;
	zipc_view_path(path, view->name);
	return lstat(path, &now) || now.st_ino != st->st_ino ||
	       now.st_dev != st->st_dev;
}

static int count_living(struct zipc_view *view, unsigned *living)
{
	struct zipc_view_participant participant;
	int rc;

	*living = 0;
	for (unsigned i = 0; i < view->header.max_participants; i++) {
		rc = zipc_view_participant(view, i, &participant);
		if (rc && rc != -ENOENT)
			return rc;
		*living += rc == 0 && participant.alive;
	}
	return 0;
}

int zipc_view_segment(struct zipc_view *view, struct zipc_view_segment *out)
{
	const struct zipc_header *header = &view->header;
	struct zipc_view_segment counts;
	unsigned entries, living;
	uint64_t next;
	struct stat st;
	int rc = zipc_view_table(view, &entries, &next);

	if (!rc)
		rc = zipc_view_count(view, &counts);
	if (!rc)
		rc = count_living(view, &living);
	if (!rc && fstat(view->fd, &st))
		rc = zipc_fail(errno, "cannot stat segment `/%s`", view->name);
	if (rc)
		return rc;
	memcpy(out->name, view->name, sizeof(out->name));
	out->id = header->segment_id;
	out->size_bytes = header->size_bytes;
	out->used_bytes = next;
	out->resident_bytes = (uint64_t)st.st_blocks * 512;
	out->created_ns = header->created_ns;
	out->inode = st.st_ino;
	out->mode = st.st_mode & 07777;
	out->uid = st.st_uid;
	out->gid = st.st_gid;
	out->unlinked = is_unlinked(view, &st);
	out->symmetric_fences = header->options & ZIPC_OPTION_SYMMETRIC ? 1 : 0;
	out->entries = counts.entries;
	out->removed = counts.removed;
	out->removed_bytes = counts.removed_bytes;
	out->max_entries = header->max_entries;
	out->participants = living;
	out->max_participants = header->max_participants;
	return 0;
}
