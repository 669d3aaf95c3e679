/* SPDX-License-Identifier: MIT */
/*
 * Read before a C test: what it calls of the library is the C++ implementation,
 * behind functions of the same shape (over.cpp). The test, its processes and
 * its claims stay as they are; what it looks at by internals of the C library
 * is the same bytes.
 */
#ifndef TESTS_CPP_OVER_H
#define TESTS_CPP_OVER_H

/* Which implementation a queue's handle is made with. */
#define OVER_CPP 0       /* C++ */
#define OVER_ALTERNATE 1 /* C++ and C in turn */
#define OVER_VICTIM 2    /* C++ in the victim of a sweep, else C */
#define OVER_OTHERS 3    /* C in the victim of a sweep, else C++ */

#ifdef OVER
const int over_choice = OVER;
/* As sweep.h says. */
#include "../sweep/sweep.h"
enum sweep_brevity sweep_subject_brevity =
	OVER == OVER_CPP ? SWEEP_ONCE : SWEEP_BARE;
const char *sweep_subject = OVER == OVER_VICTIM ? "c++ among c: "
				  : OVER == OVER_OTHERS ? "c among c++: "
							: "c++ ";
#endif

#define zipc_queue_create over_queue_create
#define zipc_queue_create_with over_queue_create_with
#define zipc_queue_open over_queue_open
#define zipc_queue_open_or_create over_queue_open_or_create
#define zipc_queue_push over_queue_push
#define zipc_queue_pop over_queue_pop
#define zipc_queue_push_n over_queue_push_n
#define zipc_queue_pop_n over_queue_pop_n
#define zipc_queue_size over_queue_size
#define zipc_queue_capacity over_queue_capacity
#define zipc_queue_elem_size over_queue_elem_size
#define zipc_queue_type over_queue_type
#define zipc_queue_close over_queue_close

#define zipc_array_create over_array_create
#define zipc_array_open over_array_open
#define zipc_array_open_or_create over_array_open_or_create
#define zipc_array_get over_array_get
#define zipc_array_set over_array_set
#define zipc_array_add over_array_add
#define zipc_array_fetch_add over_array_fetch_add
#define zipc_array_cas over_array_cas
#define zipc_array_data over_array_data
#define zipc_array_capacity over_array_capacity
#define zipc_array_elem_size over_array_elem_size
#define zipc_array_type over_array_type
#define zipc_array_close over_array_close

#define zipc_segment_create over_segment_create
#define zipc_segment_open over_segment_open
#define zipc_segment_open_or_create over_segment_open_or_create
#define zipc_segment_unlink over_segment_unlink
#define zipc_segment_name over_segment_name
#define zipc_segment_size over_segment_size
#define zipc_segment_id over_segment_id
#define zipc_segment_close over_segment_close

/* Both are asked, and must say the same. */
#define zipc_type_parse over_type_parse
#define zipc_type_equal over_type_equal

#endif
