/* SPDX-License-Identifier: MIT */
/* What a flow is, and what it did. */
#include "error.h"
#include "flow_inside.h"

#include <assert.h>
#include <stdio.h>

const void *zipc_flow_bytes(const struct zipc_flow *flow, size_t *size)
{
	*size = flow->header.size_bytes;
	return flow->bytes;
}

const char *zipc_flow_text(const struct zipc_flow *flow)
{
	return flow->text;
}

static const struct zipc_flow_stage *last_of(const struct zipc_flow *flow)
{
	return &flow->stage[flow->header.operators - 1];
}

const char *zipc_flow_type(const struct zipc_flow *flow)
{
	return last_of(flow)->type;
}

uint64_t zipc_flow_result_bytes(const struct zipc_flow *flow)
{
	return last_of(flow)->bytes;
}

int zipc_flow_has_times(const struct zipc_flow *flow)
{
	return last_of(flow)->times;
}

enum zipc_flow_reads zipc_flow_reads(const struct zipc_flow *flow)
{
	return flow->reads;
}

unsigned zipc_flow_sources(const struct zipc_flow *flow)
{
	return flow->header.origins;
}

const struct zipc_flow_source *zipc_flow_source(const struct zipc_flow *flow,
						unsigned k)
{
	return k < flow->header.origins ? &flow->source[k] : NULL;
}

unsigned zipc_flow_stages(const struct zipc_flow *flow)
{
	return flow->header.operators;
}

const char *zipc_flow_stage(const struct zipc_flow *flow, unsigned stage,
			    size_t *length)
{
	assert(stage < flow->header.operators);
	*length = flow->stage[stage].code.length;
	return flow->text + flow->stage[stage].code.place;
}

/* Counts. */

static const struct zipc_flow_tally *tally_of(const struct zipc_flow *flow,
					      const void *state, unsigned s)
{
	return (const void *)((const uint8_t *)state + flow->stage[s].at);
}

static int is_state(const struct zipc_flow *flow, const void *state)
{
	const struct zipc_flow_state *head = state;

	return head->flow == flow->hash &&
	       head->size_bytes == flow->header.state_bytes;
}

int zipc_flow_counts(const struct zipc_flow *flow, const void *state,
		     unsigned stage, struct zipc_flow_counts *counts)
{
	const struct zipc_flow_tally *tally = tally_of(flow, state, stage);

	assert(stage < flow->header.operators);
	if (!is_state(flow, state))
		return zipc_fail(EBADMSG, "flow: the state is not one of this "
					  "flow, or is damaged");
	*counts = (struct zipc_flow_counts){
		.in = tally->in, .out = tally->out, .failed = tally->failed,
		.late = tally->late,
	};
	return 0;
}

void zipc_flow_failure_print(const struct zipc_flow *flow, const void *state,
			     char *text, size_t size)
{
	const struct zipc_flow_tally *tally, *most = NULL;
	const struct zipc_flow_stage *stage = NULL;
	unsigned s, part;

	if (size)
		text[0] = '\0';
	for (s = 0; is_state(flow, state) && s < flow->header.operators; s++) {
		tally = tally_of(flow, state, s);
		if (tally->failed && (!most || tally->failed > most->failed)) {
			most = tally;
			stage = &flow->stage[s];
		}
	}
	if (!most)
		return;
	part = most->part < stage->code.parts ? most->part : 0;
	snprintf(text, size,
		 "element %llu of `%.*s`: %s, at column %u of the flow",
		 (unsigned long long)most->element,
		 stage->code.length < 100 ? stage->code.length : 100,
		 flow->text + stage->code.place,
		 zipc_program_fault_name(most->fault),
		 stage->place[part] + most->column + 1u);
}
