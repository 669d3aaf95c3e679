/* SPDX-License-Identifier: MIT */
/* A flow that is being made of a text: the parser's, until it is bytes. */
#ifndef ZIPC_FLOW_DRAFT_H
#define ZIPC_FLOW_DRAFT_H

#include "flow_inside.h"

struct zipc_flow_draft {
	const struct zipc_flow_text *from;
	const char *text;
	size_t length, at;
	unsigned stages, sources;
	struct zipc_flow_stage stage[ZIPC_FLOW_STAGES];
	struct zipc_flow_source source[ZIPC_FLOW_SOURCES];
	char name[ZIPC_FLOW_SOURCES][ZIPC_NAME_MAX + 1];
	uint8_t enters[ZIPC_FLOW_SOURCES];
	/* what leaves the last one */
	const char *type;
	int times;
};

/* Into an empty draft. 0; -EINVAL, naming the column; what find gave. */
int zipc_flow_parse(struct zipc_flow_draft *draft);
/* size, items [, by expr] ")" of a window. */
int zipc_flow_parse_window(struct zipc_flow_draft *draft,
			   struct zipc_flow_stage *stage);

/* What the parts of the parser share. */

int zipc_flow_expected(struct zipc_flow_draft *draft, const char *what);
void zipc_flow_blanks(struct zipc_flow_draft *draft);
/* Whether that is next; then it is behind it. */
int zipc_flow_take(struct zipc_flow_draft *draft, char mark);
int zipc_flow_take_word(struct zipc_flow_draft *draft, const char *word);
/* digits, or digits and a unit of time: then *is_time, and ns. */
int zipc_flow_number(struct zipc_flow_draft *draft, uint64_t *number,
		     int *is_time);
/* The next expression of the stage, at the draft's place. */
int zipc_flow_expression(struct zipc_flow_draft *draft,
			 struct zipc_flow_stage *stage);
/* Likewise, but with these names and in another text. */
int zipc_flow_expression_in(struct zipc_flow_draft *draft,
			    struct zipc_flow_stage *stage, const char *text,
			    const struct zipc_flow_names *names);

#endif
