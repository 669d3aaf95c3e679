/* SPDX-License-Identifier: MIT */
/*
 * Array: elements side by side, nothing else. Scalars of 4 and 8 bytes, and of
 * 1 and 2, are single atomic accesses, so there is nothing to repair; larger
 * elements are copied in words.
 *
 *   edge      written by      read by      carries
 *   element   set, add, cas   get, cas     what the writer did before
 */
#include "atoms.h"
#include "error.h"
#include "table.h"

#include <stdlib.h>
#include <zipc/array.h>

#define ELEM_MAX (UINT64_C(1) << 30)

struct zipc_array {
	struct zipc_segment *segment;
	struct zipc_use use;
	_Atomic unsigned generation; /* zipc_use_generation() */
	unsigned char *data;
	uint64_t elem_size, capacity;
	struct zipc_type *type;
	enum zipc_type_class class;
	char name[ZIPC_NAME_MAX + 1];
};

static uint64_t body_bytes(const struct zipc_plan *plan, uint64_t elem_size)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(plan->capacity, elem_size, &bytes))
		return UINT64_MAX;
	return bytes;
}

static struct zipc_plan plan_of(const char *type, uint64_t capacity)
{
	return (struct zipc_plan){ .kind = ZIPC_ARRAY,
				   .type = type,
				   .capacity = capacity,
				   .body_bytes = body_bytes,
				   .elem_size_max = ELEM_MAX };
}

/* The handle on what was found, which it takes over. */
static int handle_on(struct zipc_array **out, struct zipc_segment *segment,
		     const char *name, struct zipc_found *found)
{
	struct zipc_array *array;
	uint64_t bytes;
	int rc = 0;

	if (__builtin_mul_overflow(found->capacity, found->elem_size, &bytes) ||
	    bytes > found->body_bytes)
		rc = zipc_fail(EBADMSG, "array `%s` in segment `/%s` is "
			       "damaged: its elements lie beyond its block",
			       name, segment->name);
	array = rc ? NULL : calloc(1, sizeof(*array));
	if (!array) {
		zipc_table_release(found);
		return rc ? rc : zipc_fail_as(ENOMEM, "out of memory");
	}
	array->segment = zipc_segment_hold(segment);
	array->use = found->use;
	atomic_init(&array->generation, zipc_use_generation(&array->use));
	array->data = found->body;
	array->elem_size = found->elem_size;
	array->capacity = found->capacity;
	array->type = found->type;
	array->class = zipc_type_class(found->type);
	strcpy(array->name, name); /* the table has measured it */
	*out = array;
	return 0;
}

int zipc_array_create(struct zipc_array **out, struct zipc_segment *segment,
		      const char *name, const char *type, uint64_t capacity)
{
	struct zipc_plan plan = plan_of(type, capacity);
	struct zipc_found found;
	int rc = zipc_table_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_array_open(struct zipc_array **out, struct zipc_segment *segment,
		    const char *name, const char *type)
{
	struct zipc_found found;
	int rc = zipc_table_find(&found, segment, name, ZIPC_ARRAY, type);

	return rc ? rc : handle_on(out, segment, name, &found);
}

int zipc_array_open_or_create(struct zipc_array **out,
			      struct zipc_segment *segment, const char *name,
			      const char *type, uint64_t capacity)
{
	struct zipc_plan plan = plan_of(type, capacity);
	struct zipc_found found;
	int rc = zipc_table_open_or_create(&found, segment, name, &plan);

	return rc ? rc : handle_on(out, segment, name, &found);
}

/* Element i, if there is one. */
static int element(const struct zipc_array *array, uint64_t i, void **at)
{
	if (i >= array->capacity)
		return zipc_fail(EINVAL, "element %llu is beyond the %llu of "
				 "array `%s`", (unsigned long long)i,
				 (unsigned long long)array->capacity,
				 array->name);
	*at = array->data + i * array->elem_size;
	return 0;
}

/* Relaxed: only this process writes it, and another thread the same. */
static inline bool has_entered(const struct zipc_array *array)
{
	return __builtin_expect(atomic_load_explicit(&array->generation,
						     memory_order_relaxed) ==
					zipc_fork_generation, 1);
}

/* The first change in a forked child; or in a segment that is only read. */
static int enter_first(struct zipc_array *array)
{
	int rc;

	if (array->segment->read_only)
		return zipc_fail(EROFS, "segment `/%s` is open for reading "
				 "only: array `%s` cannot be changed",
				 array->segment->name, array->name);
	rc = zipc_use_enter(&array->use, array->name);
	if (!rc)
		atomic_store_explicit(&array->generation, zipc_fork_generation,
				      memory_order_relaxed);
	return rc;
}

static int writable_element(struct zipc_array *array, uint64_t i, void **at)
{
	int rc = has_entered(array) ? 0 : enter_first(array);

	return rc ? rc : element(array, i, at);
}

/*
 * Elements lie at multiples of their size from the start of a line, so one of
 * 1, 2, 4 or 8 bytes is always aligned, and a larger one is made of aligned
 * units of the largest power of two, up to 8, that divides its size.
 */
static uint64_t unit_of(uint64_t elem_size)
{
	uint64_t unit = elem_size & -elem_size;

	return unit < 8 ? unit : 8;
}

/* One access per unit; a whole scalar is one unit. */
#define LOAD_UNITS(bits, order)                                              \
	do {                                                                 \
		const _Atomic uint##bits##_t *at = from;                     \
		uint##bits##_t unit;                                         \
									     \
		for (; size; size -= sizeof(unit), bytes += sizeof(unit)) {  \
			unit = atomic_load_explicit(at++, order);            \
			memcpy(bytes, &unit, sizeof(unit));                  \
		}                                                            \
	} while (0)

#define STORE_UNITS(bits, order)                                             \
	do {                                                                 \
		_Atomic uint##bits##_t *at = to;                             \
		uint##bits##_t unit;                                         \
									     \
		for (; size; size -= sizeof(unit), bytes += sizeof(unit)) {  \
			memcpy(&unit, bytes, sizeof(unit));                  \
			atomic_store_explicit(at++, unit, order);            \
		}                                                            \
	} while (0)

static void load(void *elem, const void *from, uint64_t size)
{
	unsigned char *bytes = elem;

	/* element: acquire; pairs with store(), add() and cas. */
	switch (unit_of(size)) {
	case 1:
		LOAD_UNITS(8, memory_order_acquire);
		break;
	case 2:
		LOAD_UNITS(16, memory_order_acquire);
		break;
	case 4:
		LOAD_UNITS(32, memory_order_acquire);
		break;
	default:
		LOAD_UNITS(64, memory_order_acquire);
	}
}

static void store(void *to, const void *elem, uint64_t size)
{
	const unsigned char *bytes = elem;

	/* element: release; pairs with load(). */
	switch (unit_of(size)) {
	case 1:
		STORE_UNITS(8, memory_order_release);
		break;
	case 2:
		STORE_UNITS(16, memory_order_release);
		break;
	case 4:
		STORE_UNITS(32, memory_order_release);
		break;
	default:
		STORE_UNITS(64, memory_order_release);
	}
}

/* Who has no bit up: what was copied counts if the entry stood meanwhile. */
static int still_stands(const struct zipc_array *array)
{
	atomic_thread_fence(memory_order_acquire);
	if (zipc_use_stands(&array->use))
		return 0;
	return zipc_fail(ENOENT, "array `%s` in segment `/%s` was removed: "
			 "look it up again", array->name, array->segment->name);
}

int zipc_array_get(struct zipc_array *array, uint64_t i, void *elem)
{
	void *at = NULL;
	int rc = element(array, i, &at);

	if (rc)
		return rc;
	load(elem, at, array->elem_size);
	return has_entered(array) ? 0 : still_stands(array);
}

int zipc_array_set(struct zipc_array *array, uint64_t i, const void *elem)
{
	void *at = NULL;
	int rc = writable_element(array, i, &at);

	if (!rc)
		store(at, elem, array->elem_size);
	return rc;
}

/* A number of 4 or 8 bytes at i, to be changed in place. */
static int number(struct zipc_array *array, uint64_t i, void **at)
{
	bool is_number = array->class == ZIPC_TYPE_INT ||
			 array->class == ZIPC_TYPE_UINT ||
			 array->class == ZIPC_TYPE_FLOAT;

	if (!is_number || (array->elem_size != 4 && array->elem_size != 8))
		return zipc_fail(EPROTOTYPE, "array `%s` has elements of type "
				 "%s: only numbers of 4 and 8 bytes are added "
				 "and compared in place", array->name,
				 zipc_type_text(array->type));
	return writable_element(array, i, at);
}

/* element: acquire and release; pairs with load(), add and cas. */
static bool swap(void *at, uint64_t size, void *expected, const void *desired)
{
	uint64_t wide;
	uint32_t narrow;

	if (size == 8) {
		memcpy(&wide, desired, 8);
		return atomic_compare_exchange_strong_explicit(
			(_Atomic uint64_t *)at, (uint64_t *)expected, wide,
			memory_order_acq_rel, memory_order_acquire);
	}
	memcpy(&narrow, desired, 4);
	return atomic_compare_exchange_strong_explicit(
		(_Atomic uint32_t *)at, (uint32_t *)expected, narrow,
		memory_order_acq_rel, memory_order_acquire);
}

union value {
	uint32_t u32;
	uint64_t u64;
	float f32;
	double f64;
};

static union value sum(const struct zipc_array *array, union value a,
		       const void *addend)
{
	union value b;

	memcpy(&b, addend, array->elem_size);
	if (array->class == ZIPC_TYPE_FLOAT && array->elem_size == 4)
		a.f32 += b.f32;
	else if (array->class == ZIPC_TYPE_FLOAT)
		a.f64 += b.f64;
	else if (array->elem_size == 4)
		a.u32 += b.u32;
	else
		a.u64 += b.u64;
	return a;
}

int zipc_array_fetch_add(struct zipc_array *array, uint64_t i,
			 const void *addend, void *previous)
{
	union value before = { .u64 = 0 }, after;
	void *at = NULL;
	int rc = number(array, i, &at);

	if (rc)
		return rc;
	load(&before, at, array->elem_size);
	do
		after = sum(array, before, addend);
	while (!swap(at, array->elem_size, &before, &after));
	memcpy(previous, &before, array->elem_size);
	return 0;
}

int zipc_array_add(struct zipc_array *array, uint64_t i, const void *addend)
{
	union value previous;

	return zipc_array_fetch_add(array, i, addend, &previous);
}

int zipc_array_cas(struct zipc_array *array, uint64_t i, void *expected,
		   const void *desired)
{
	union value found;
	void *at = NULL;
	int rc = number(array, i, &at);

	if (rc)
		return rc;
	memcpy(&found, expected, array->elem_size);
	if (swap(at, array->elem_size, &found, desired))
		return 0;
	memcpy(expected, &found, array->elem_size);
	return zipc_fail_as(EAGAIN, "the element has another value");
}

void *zipc_array_data(struct zipc_array *array)
{
	return array->data;
}

uint64_t zipc_array_capacity(const struct zipc_array *array)
{
	return array->capacity;
}

uint64_t zipc_array_elem_size(const struct zipc_array *array)
{
	return array->elem_size;
}

const struct zipc_type *zipc_array_type(const struct zipc_array *array)
{
	return array->type;
}

void zipc_array_close(struct zipc_array *array)
{
	if (!array)
		return;
	zipc_type_free(array->type);
	zipc_use_end(&array->use);
	zipc_segment_close(array->segment);
	free(array);
}
