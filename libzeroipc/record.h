/* SPDX-License-Identifier: MIT */
/*
 * Records: a structure has a line for each handle that may be in the middle of
 * something there. It names its holder, and what stands behind that word tells
 * what the holder is about to do, so that who takes the record after a death
 * can end it or take it back.
 *
 * The holder is at the line's begin: 0, or who has it (participant.h). A record
 * is taken by one compare-and-swap of that word. Its old content is the dead
 * holder's, and now the caller's to resolve, before anything else: if the
 * caller dies in that, the next one does it again.
 *
 *   edge     written by          read by            carries
 *   record   zipc_record_give    zipc_record_take   what its holder left
 */
#ifndef ZIPC_RECORD_H
#define ZIPC_RECORD_H

#include "segment.h"

/*
 * Take one of count records, lines from records on: one that is free, else one
 * whose holder is dead. Returns its index; -1: the living hold all of them.
 */
int64_t zipc_record_take(struct zipc_segment *segment, void *records,
			 uint32_t count);

/* Give the caller's own back; what it was about to do has been done. */
void zipc_record_give(void *record);

#endif
