/* SPDX-License-Identifier: MIT */
/*
 * Watching a segment by pread; the idea is in zipc/inspect.h.
 *
 * From the file's start inwards, each step trusts only what the steps before
 * it have checked: the header (zipc_view_open), the word that counts entries
 * (table_load), an entry, its block, its type, its body. So damage is told
 * where it is, and what does not lie behind it stays visible.
 *
 * A segment is never changed in size, so its file's size is asked once; a
 * file that somebody cuts short all the same gives a short read, not a fault.
 */
#include "inspect.h"

#include "error.h"
#include "participant.h"
#include "table.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHM_DIRECTORY "/dev/shm"
#define LLU(x) ((unsigned long long)(x))

static const struct zipc_view_kind *const kinds[] = {
	&zipc_view_array,
	&zipc_view_queue,
};

static const struct zipc_view_kind *kind_find(unsigned kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i]->kind == kind)
			return kinds[i];
	return NULL;
}

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

/* Names and files. */

/* Check a segment's name, and take its leading slash off. */
static int plain_name(const char **name)
{
	const char *it = *name + (**name == '/');
	size_t length = strlen(it);

	if (length == 0 || strchr(it, '/') || !strcmp(it, ".") ||
	    !strcmp(it, ".."))
		return zipc_fail(EINVAL,
				 "`%s` is no segment's name: write one without "
				 "a `/`, but for a leading one",
				 *name);
	if (length > 255)
		return zipc_fail(ENAMETOOLONG,
				 "a segment's name has at most 255 bytes, "
				 "this one %zu",
				 length);
	*name = it;
	return 0;
}

static void file_path(char path[static 320], const char *name)
{
	snprintf(path, 320, SHM_DIRECTORY "/%s", name);
}

static int open_failed(const char *name, const char *path)
{
	int error = errno;
	struct stat st;

	if (error == ENOENT)
		return zipc_fail(ENOENT, "no segment `/%s` in " SHM_DIRECTORY,
				 name);
	if (error == ELOOP || error == ENXIO)
		return zipc_fail(EBADMSG,
				 "`/%s` is not a ZeroIPC segment: not "
				 "a regular file",
				 name);
	if (error == EACCES && lstat(path, &st) == 0)
		return zipc_fail(
			EACCES,
			"may not read segment `/%s`: it belongs to uid "
			"%u, gid %u and has mode %04o",
			name, st.st_uid, st.st_gid, st.st_mode & 07777);
	return zipc_fail(error, "cannot open segment `/%s`: %s", name,
			 strerror(error));
}

static int open_file(const char *name, struct stat *st)
{
	char path[320];
	int fd;

	file_path(path, name);
	/* O_NONBLOCK: a FIFO put there must not hold us up. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return open_failed(name, path);
	if (fstat(fd, st)) {
		int rc = zipc_fail(errno, "cannot stat segment `/%s`", name);

		close(fd);
		return rc;
	}
	if (!S_ISREG(st->st_mode)) {
		close(fd);
		return zipc_fail(EBADMSG,
				 "`/%s` is not a ZeroIPC segment: not "
				 "a regular file",
				 name);
	}
	return fd;
}

/* A list that grows by doubling. */
struct names {
	char **at;
	size_t count, room;
};

static int names_add(struct names *names, const char *name)
{
	if (names->count == names->room) {
		size_t room = names->room ? 2 * names->room : 64;
		char **at = realloc(names->at, room * sizeof(*at));

		if (!at)
			return zipc_fail(ENOMEM, "no memory for names");
		names->at = at;
		names->room = room;
	}
	names->at[names->count] = strdup(name);
	if (!names->at[names->count])
		return zipc_fail(ENOMEM, "no memory for names");
	names->count++;
	return 0;
}

static void names_free(struct names *names)
{
	while (names->count)
		free(names->at[--names->count]);
	free(names->at);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int is_regular(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

static int names_read(struct names *names)
{
	DIR *dir = opendir(SHM_DIRECTORY);
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return zipc_fail(errno, "cannot list " SHM_DIRECTORY ": %s",
				 strerror(errno));
	while (!rc && (errno = 0, entry = readdir(dir)))
		if (is_regular(dirfd(dir), entry))
			rc = names_add(names, entry->d_name);
	if (!rc && errno)
		rc = zipc_fail(errno, "cannot list " SHM_DIRECTORY ": %s",
			       strerror(errno));
	closedir(dir);
	return rc;
}

int zipc_view_names(int (*each)(const char *name, void *context), void *context)
{
	struct names names = {NULL, 0, 0};
	int rc = names_read(&names);

	if (!rc && names.count)
		qsort(names.at, names.count, sizeof(*names.at), compare_names);
	for (size_t i = 0; !rc && i < names.count; i++)
		rc = each(names.at[i], context);
	names_free(&names);
	return rc;
}

static int begins_as_segment(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint32_t magic = 0;
	ssize_t got;

	if (fd < 0)
		return errno == EACCES ? -1 : 0;
	got = pread(fd, &magic, sizeof(magic), 0);
	close(fd);
	return got == sizeof(magic) && magic == ZIPC_MAGIC;
}

int zipc_view_file(const char *name, struct zipc_view_file *out)
{
	char path[320];
	struct stat st;
	int rc = plain_name(&name);

	if (rc)
		return rc;
	file_path(path, name);
	if (lstat(path, &st))
		return open_failed(name, path);
	out->size_bytes = (uint64_t)st.st_size;
	out->resident_bytes = (uint64_t)st.st_blocks * 512;
	out->inode = st.st_ino;
	out->mode = st.st_mode & 07777;
	out->uid = st.st_uid;
	out->gid = st.st_gid;
	out->segment = S_ISREG(st.st_mode) ? begins_as_segment(path) : 0;
	return 0;
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
	uint64_t table_end, places_at;

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
	table_end = sizeof(*header) +
		    header->max_entries * (uint64_t)sizeof(struct zipc_entry);
	places_at = header->participants_offset * (uint64_t)ZIPC_LINE;
	view->blocks_at =
		places_at + header->max_participants * (uint64_t)ZIPC_LINE;
	if (places_at < table_end || view->blocks_at > view->file_bytes)
		return header_damaged(view, "participants_offset",
				      header->participants_offset);
	return 0;
}

/* How many entries there are, and where the first free byte is. */
static int table_load(struct zipc_view *view, unsigned *count, uint64_t *next)
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
		rc = table_load(view, &count, &next);
	return rc;
}

int zipc_view_open(struct zipc_view **out, const char *name)
{
	struct zipc_view *view;
	struct stat st;
	int fd, rc;

	rc = plain_name(&name);
	if (rc)
		return rc;
	fd = open_file(name, &st);
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
	char path[320];
	struct stat now;

	if (st->st_nlink == 0)
		return 1;
	file_path(path, view->name);
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
	unsigned entries, living;
	uint64_t next;
	struct stat st;
	int rc = table_load(view, &entries, &next);

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
	out->entries = entries;
	out->max_entries = header->max_entries;
	out->participants = living;
	out->max_participants = header->max_participants;
	return 0;
}

/* Entries and their blocks. */

static int name_is_valid(const char name[static 32])
{
	size_t length = strnlen(name, 32);

	if (length == 0 || length == 32)
		return 0;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7F ||
		    name[i] == '/')
			return 0;
	return strcmp(name, ".") && strcmp(name, "..");
}

static uint64_t entry_at(unsigned i)
{
	return sizeof(struct zipc_header) +
	       i * (uint64_t)sizeof(struct zipc_entry);
}

/* Where the entry says that its block is; next bounds all blocks. */
static int place_block(struct zipc_view *view, const struct zipc_entry *entry,
		       uint64_t next, struct zipc_view_block *block)
{
	memcpy(block->name, entry->name, sizeof(block->name));
	block->at = entry->offset * (uint64_t)ZIPC_LINE;
	block->bytes = entry->size * (uint64_t)ZIPC_LINE;
	if (block->at > view->file_bytes)
		return zipc_view_damaged(view, block->name,
					 "its block begins at byte %llu, "
					 "beyond the file's %llu",
					 LLU(block->at), LLU(view->file_bytes));
	if (block->at < view->blocks_at)
		return zipc_view_damaged(
			view, block->name,
			"its block begins at byte %llu, inside "
			"the table or the participants",
			LLU(block->at));
	if (block->at > next || block->bytes > next - block->at)
		return zipc_view_damaged(view, block->name,
					 "its block of %llu bytes begins at "
					 "byte %llu and reaches beyond %llu, "
					 "where free space begins",
					 LLU(block->bytes), LLU(block->at),
					 LLU(next));
	if (block->bytes < sizeof(block->head))
		return zipc_view_damaged(view, block->name,
					 "its block has only %llu bytes",
					 LLU(block->bytes));
	return 0;
}

/* Whether the descriptor belongs to the name, and its places to the block. */
static int check_block(struct zipc_view *view,
		       const struct zipc_view_block *block)
{
	const struct zipc_block *head = &block->head;
	uint64_t bytes = block->bytes;

	if (head->name_check != zipc_name_check(block->name))
		return zipc_view_damaged(view, block->name,
					 "its block at byte %llu belongs to "
					 "another name",
					 LLU(block->at));
	if (head->type_length > ZIPC_TYPE_MAX ||
	    head->type_offset < sizeof(*head) || head->type_offset > bytes ||
	    head->type_length >= bytes - head->type_offset)
		return zipc_view_damaged(view, block->name,
					 "its type of %u bytes at byte %u lies "
					 "outside its block of %llu",
					 head->type_length, head->type_offset,
					 LLU(bytes));
	if (head->body_offset < sizeof(*head) || head->body_offset > bytes ||
	    head->body_offset % ZIPC_LINE ||
	    head->body_bytes > bytes - head->body_offset)
		return zipc_view_damaged(view, block->name,
					 "its body of %llu bytes at byte %llu "
					 "lies outside its block of %llu",
					 LLU(head->body_bytes),
					 LLU(head->body_offset), LLU(bytes));
	return 0;
}

static int block_load(struct zipc_view *view, const struct zipc_entry *entry,
		      uint64_t next, struct zipc_view_block *block)
{
	int rc = place_block(view, entry, next, block);

	if (!rc)
		rc = zipc_view_read(view, block->at, &block->head,
				    sizeof(block->head));
	if (!rc)
		rc = check_block(view, block);
	if (rc)
		return rc;
	block->body_at = block->at + block->head.body_offset;
	block->kind = kind_find(block->head.kind);
	return 0;
}

/* Copy the type's text; a known kind's must be a type of elem_size bytes. */
static int type_load(struct zipc_view *view,
		     const struct zipc_view_block *block,
		     char text[static ZIPC_TYPE_MAX + 1])
{
	const struct zipc_block *head = &block->head;
	struct zipc_type *type;
	uint64_t size;
	int rc = zipc_view_read(view, block->at + head->type_offset, text,
				head->type_length + 1);

	if (rc)
		return rc;
	if (text[head->type_length] || strlen(text) != head->type_length)
		return zipc_view_damaged(view, block->name,
					 "its type does not end where it says");
	if (!block->kind)
		return 0;
	rc = zipc_type_parse(&type, text, head->type_length);
	if (rc == -EINVAL)
		return zipc_view_damaged(view, block->name,
					 "its type is none: %s",
					 zipc_last_error());
	if (rc)
		return rc;
	size = zipc_type_size(type);
	zipc_type_free(type);
	if (size != head->elem_size)
		return zipc_view_damaged(view, block->name,
					 "it has elements of %llu bytes, but "
					 "its type has %llu",
					 LLU(head->elem_size), LLU(size));
	return 0;
}

static unsigned may_sleep(const struct zipc_event *event)
{
	/* Both low bits are set by sleepers. */
	return atomic_load_explicit(&event->word, memory_order_relaxed) & 3 ? 1
									    : 0;
}

static void fill_entry(const struct zipc_view_block *block,
		       struct zipc_view_entry *out)
{
	const struct zipc_block *head = &block->head;

	memcpy(out->name, block->name, sizeof(out->name));
	if (block->kind)
		snprintf(out->kind_name, sizeof(out->kind_name), "%s",
			 block->kind->name);
	else
		snprintf(out->kind_name, sizeof(out->kind_name), "kind %u",
			 head->kind);
	out->kind = head->kind;
	out->offset_bytes = block->at;
	out->size_bytes = block->bytes;
	out->elem_size = head->elem_size;
	out->capacity = head->capacity;
	out->size = out->added = out->removed = 0;
	out->readers_asleep = may_sleep(&head->readable);
	out->writers_asleep = may_sleep(&head->writable);
	/* Relaxed: these are a copy of our own. */
	out->late_wakes =
		(uint64_t)atomic_load_explicit(&head->readable.late_wakes,
					       memory_order_relaxed) +
		atomic_load_explicit(&head->writable.late_wakes,
				     memory_order_relaxed);
}

static int describe(struct zipc_view *view, const struct zipc_entry *entry,
		    uint64_t next, struct zipc_view_entry *out)
{
	struct zipc_view_block block;
	struct zipc_view_entry it;
	int rc = block_load(view, entry, next, &block);

	if (!rc)
		rc = type_load(view, &block, it.type);
	if (rc)
		return rc;
	fill_entry(&block, &it);
	if (block.kind)
		rc = block.kind->describe(view, &block, &it);
	if (!rc)
		*out = it;
	return rc;
}

int zipc_view_entry(struct zipc_view *view, unsigned i,
		    struct zipc_view_entry *out)
{
	struct zipc_entry entry;
	unsigned count;
	uint64_t next;
	int rc = table_load(view, &count, &next);

	if (!rc && i >= count)
		rc = zipc_fail(ENOENT, "segment `/%s` has %u structures",
			       view->name, count);
	if (!rc)
		rc = zipc_view_read(view, entry_at(i), &entry, sizeof(entry));
	if (rc)
		return rc;
	if (!name_is_valid(entry.name))
		return zipc_fail(EBADMSG,
				 "segment `/%s` is damaged: entry %u of its "
				 "table has no valid name",
				 view->name, i);
	return describe(view, &entry, next, out);
}

/* The entry called name; of two with one name, the first. */
static int find_entry(struct zipc_view *view, const char *name,
		      struct zipc_entry *entry, uint64_t *next)
{
	struct zipc_entry some[64];
	unsigned count, n;
	int rc = table_load(view, &count, next);

	for (unsigned i = 0; !rc && i < count; i += n) {
		n = count - i < 64 ? count - i : 64;
		rc = zipc_view_read(view, entry_at(i), some,
				    n * sizeof(some[0]));
		for (unsigned k = 0; !rc && k < n; k++) {
			if (!name_is_valid(some[k].name) ||
			    strcmp(some[k].name, name))
				continue;
			*entry = some[k];
			return 0;
		}
	}
	if (rc)
		return rc;
	return zipc_fail(ENOENT, "no structure `%s` in segment `/%s`", name,
			 view->name);
}

int zipc_view_find(struct zipc_view *view, const char *name,
		   struct zipc_view_entry *out)
{
	struct zipc_entry entry;
	uint64_t next;
	int rc = find_entry(view, name, &entry, &next);

	return rc ? rc : describe(view, &entry, next, out);
}

int64_t zipc_view_elements(struct zipc_view *view,
			   const struct zipc_view_entry *entry, uint64_t from,
			   uint64_t n, void *bytes, uint64_t *ids)
{
	struct zipc_view_block block;
	struct zipc_entry found;
	uint64_t next;
	int rc = find_entry(view, entry->name, &found, &next);

	if (!rc)
		rc = block_load(view, &found, next, &block);
	/* The caller's buffer is as long as entry says. */
	if (!rc && (block.at != entry->offset_bytes ||
		    block.head.kind != entry->kind ||
		    block.head.elem_size != entry->elem_size))
		rc = zipc_fail(ENOENT,
			       "`%s` in segment `/%s` is another structure by "
			       "now: look it up again",
			       entry->name, view->name);
	if (!rc && !block.kind)
		rc = zipc_fail(
			EOPNOTSUPP,
			"`%s` in segment `/%s` is of kind %u, which this "
			"program does not know",
			entry->name, view->name, block.head.kind);
	if (rc)
		return rc;
	return block.kind->elements(view, &block, from, n, bytes, ids);
}

/* Participants. */

static void fill_participant(unsigned i, const struct zipc_participant *place,
			     struct zipc_view_participant *out)
{
	/* Relaxed, all of them: place is a copy of our own. */
	uint64_t name[2] = {
		atomic_load_explicit(&place->name[0], memory_order_relaxed),
		atomic_load_explicit(&place->name[1], memory_order_relaxed),
	};

	out->index = i;
	out->incarnation =
		atomic_load_explicit(&place->incarnation, memory_order_relaxed);
	out->pid = (int)atomic_load_explicit(&place->pid, memory_order_relaxed);
	out->uid = atomic_load_explicit(&place->uid, memory_order_relaxed);
	out->since_ns =
		atomic_load_explicit(&place->since_ns, memory_order_relaxed);
	memcpy(out->name, name, sizeof(name));
	out->name[sizeof(name)] = '\0';
}

static struct zipc_life life_of(const struct zipc_participant *place)
{
	/* Relaxed: place is a copy of our own. */
	return (struct zipc_life){
		.incarnation = atomic_load_explicit(&place->incarnation,
						    memory_order_relaxed),
		.pid = atomic_load_explicit(&place->pid, memory_order_relaxed),
		.start_ticks = atomic_load_explicit(&place->start_ticks,
						    memory_order_relaxed),
		.pid_namespace = atomic_load_explicit(&place->pid_namespace,
						      memory_order_relaxed),
	};
}

int zipc_view_participant(struct zipc_view *view, unsigned i,
			  struct zipc_view_participant *out)
{
	struct zipc_participant place, again;
	struct zipc_life life;
	uint64_t at;
	int rc;

	if (i >= view->header.max_participants)
		return zipc_fail(ENOENT, "segment `/%s` has %u places",
				 view->name, view->header.max_participants);
	at = (view->header.participants_offset + (uint64_t)i) * ZIPC_LINE;
	rc = zipc_view_read(view, at, &place, sizeof(place));
	/* Until it stands still: it may be changing hands. */
	for (int tries = 0; !rc && tries < 8; tries++) {
		rc = zipc_view_read(view, at, &again, sizeof(again));
		if (!rc && !memcmp(&place, &again, sizeof(place)))
			break;
		memcpy(&place, &again, sizeof(place));
	}
	if (rc)
		return rc;
	life = life_of(&place);
	if (!life.incarnation)
		return zipc_fail(ENOENT,
				 "place %u of segment `/%s` was never "
				 "used",
				 i, view->name);
	fill_participant(i, &place, out);
	out->alive = zipc_participant_lives(view->fd, i, &life);
	return 0;
}
