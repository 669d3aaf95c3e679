/* SPDX-License-Identifier: MIT */
/*
 * Array: a fixed number of elements side by side, all zero at first.
 *
 * Elements of 1, 2, 4 or 8 bytes (scalars) are read and written whole by get
 * and set; larger ones word by word, so that a reader may see some words of
 * one set and some of another, as it may after a writer was killed inside.
 * Use a Queue where whole records must arrive.
 *
 * Crash: a killed get, add or cas of a scalar happened wholly or not at all.
 */
#ifndef ZIPC_ARRAY_H
#define ZIPC_ARRAY_H

#include <zipc/segment.h>
#include <zipc/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_array;

/*
 * Create under name, with capacity elements of the type; -EEXIST, -ENOSPC,
 * -EINVAL, -EROFS, -EBUSY. open: type NULL accepts what is there; -ENOENT,
 * -EPROTOTYPE with a message that shows the difference. open_or_create opens
 * when the name exists, and then the capacity must be equal too (-EPROTOTYPE).
 */
int zipc_array_create(struct zipc_array **out, struct zipc_segment *segment,
		      const char *name, const char *type, uint64_t capacity);
int zipc_array_open(struct zipc_array **out, struct zipc_segment *segment,
		    const char *name, const char *type);
int zipc_array_open_or_create(struct zipc_array **out,
			      struct zipc_segment *segment, const char *name,
			      const char *type, uint64_t capacity);

/*
 * Element i, wait-free. -EINVAL: i is beyond the capacity; -EROFS; -EUSERS: a
 * forked child's first change finds all participants' places taken.
 * Ordering: get acquires and set releases: who reads a value that set wrote
 * sees what its writer did before.
 */
int zipc_array_get(struct zipc_array *array, uint64_t i, void *elem);
int zipc_array_set(struct zipc_array *array, uint64_t i, const void *elem);

/*
 * Integers and floats of 4 and 8 bytes only, else -EPROTOTYPE; lock-free.
 * Integers wrap around. fetch_add also gives the value from before. cas puts
 * *desired where the bytes equal *expected; else -EAGAIN, and *expected is
 * what stands there. Ordering: acquire and release.
 */
int zipc_array_add(struct zipc_array *array, uint64_t i, const void *addend);
int zipc_array_fetch_add(struct zipc_array *array, uint64_t i,
			 const void *addend, void *previous);
int zipc_array_cas(struct zipc_array *array, uint64_t i, void *expected,
		   const void *desired);

/*
 * The elements themselves, for plain access: element i is at i times elem_size.
 * Nothing is checked or ordered there; of a read-only segment a store faults.
 * Good until the handle is closed.
 */
void *zipc_array_data(struct zipc_array *array);
uint64_t zipc_array_capacity(const struct zipc_array *array);
uint64_t zipc_array_elem_size(const struct zipc_array *array); /* bytes */
const struct zipc_type *zipc_array_type(const struct zipc_array *array);

void zipc_array_close(struct zipc_array *array);

#ifdef __cplusplus
}
#endif

#endif
