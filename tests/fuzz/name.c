/* SPDX-License-Identifier: MIT */
/*
 * Names of segments and structures, of any bytes. A segment's name never leads
 * out of /dev/shm, and mapping and inspection agree on which are names. A
 * structure is created under exactly the names that inspection shows again, and
 * a refused name changes nothing.
 */
#include "fuzz.h"

#include "../../libzeroipc/segment_handle.h"

#include <errno.h>
#include <zeroipc.h>

static struct zipc_segment *segment;
static struct zipc_view *view;

static void remove_segment(void)
{
	zipc_view_close(view);
	zipc_segment_close(segment);
	zipc_segment_unlink(fuzz_segment_name());
}

static void begin(void)
{
	int rc = zipc_segment_create(&segment, fuzz_segment_name(), 1 << 16,
				     NULL);

	if (!rc)
		rc = zipc_view_open(&view, fuzz_segment_name());
	require(!rc, "%s", zipc_last_error());
}

void fuzz_prepare(void)
{
	begin();
	atexit(remove_segment);
}

/* Only asks: what has such a name is not ours. */
static void check_segment_name(const char *name)
{
	struct zipc_view_file file;
	char path[ZIPC_PATH_BYTES];
	int rc = zipc_segment_path(path, name);
	int watched = zipc_view_file(name, &file);

	require(rc == 0 || rc == -EINVAL || rc == -ENAMETOOLONG, "%d", rc);
	require(watched == rc || (rc == 0 && watched == -ENOENT),
		"`%s`: %s by mapping, %s by inspection", name,
		zipc_error_name(rc), zipc_error_name(watched));
	if (rc)
		return;
	require(!strncmp(path, "/dev/shm/", 9) && path[9] &&
			!strchr(path + 9, '/') && strcmp(path + 9, ".") &&
			strcmp(path + 9, ".."),
		"`%s` is at %s", name, path);
}

static unsigned entries(void)
{
	struct zipc_view_segment all;

	require(!zipc_view_segment(view, &all), "%s", zipc_last_error());
	return all.entries;
}

static void check_structure_name(const char *name)
{
	struct zipc_view_entry entry;
	struct zipc_array *array;
	unsigned before = entries();
	int rc = zipc_array_create(&array, segment, name, "u8", 1);

	if (rc) {
		require(rc == -EINVAL || rc == -ENAMETOOLONG || rc == -EEXIST ||
				rc == -ENOSPC, "`%s`: %s", name,
			zipc_error_name(rc));
		require(entries() == before, "a refused name is there");
	} else {
		zipc_array_close(array);
		require(!zipc_view_entry(view, before, &entry), "%s",
			zipc_last_error());
		require(!strcmp(entry.name, name), "`%s` became `%s`", name,
			entry.name);
		require(!zipc_view_find(view, name, &entry), "%s",
			zipc_last_error());
	}
	if (rc == -EINVAL || rc == -ENAMETOOLONG)
		require(zipc_view_find(view, name, &entry), "`%s`", name);
	if (rc == -ENOSPC) { /* an empty one again */
		remove_segment();
		begin();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = fuzz_string(data, size);

	check_segment_name(name);
	check_structure_name(name);
	free(name);
	return 0;
}
