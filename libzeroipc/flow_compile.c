/* SPDX-License-Identifier: MIT */
/* From a text to a flow: parsed, made bytes of, and read as any other. */
#include "error.h"
#include "flow_draft.h"

#include <assert.h>
#include <stdlib.h>

struct bytes {
	uint8_t *start;
	size_t used, room;
	int is_full;
};

static void put(struct bytes *out, const void *bytes, size_t size)
{
	out->is_full |= size > out->room - out->used;
	if (out->is_full)
		return;
	memcpy(out->start + out->used, bytes, size);
	out->used += size;
}

static void put_origins(struct bytes *out, const struct zipc_flow_draft *d,
			char *const types[])
{
	unsigned k;

	for (k = 0; k < d->sources; k++) {
		struct zipc_flow_origin origin = {
			.type_length = (uint16_t)strlen(types[k]),
			.name_length = (uint8_t)strlen(d->source[k].name),
			.enters = d->enters[k],
			.times = d->source[k].times != 0,
		};

		put(out, &origin, sizeof(origin));
	}
}

static void put_parts(struct bytes *out, const struct zipc_flow_draft *d)
{
	unsigned s, k;
	size_t size;

	for (s = 0; s < d->stages; s++)
		for (k = 0; k < d->stage[s].code.parts; k++) {
			struct zipc_flow_part part = {
				.place = d->stage[s].place[k],
			};

			zipc_program_bytes(d->stage[s].program[k], &size);
			part.size_bytes = (uint32_t)size;
			put(out, &part, sizeof(part));
		}
}

static void put_programs(struct bytes *out, const struct zipc_flow_draft *d)
{
	const void *bytes;
	unsigned s, k;
	size_t size;

	for (s = 0; s < d->stages; s++)
		for (k = 0; k < d->stage[s].code.parts; k++) {
			bytes = zipc_program_bytes(d->stage[s].program[k],
						   &size);
			put(out, bytes, size);
		}
}

static void put_all(struct bytes *out, const struct zipc_flow_draft *d,
		    char *const types[])
{
	struct zipc_flow_header header = {
		.magic = ZIPC_FLOW_MAGIC,
		.version = ZIPC_FLOW_VERSION,
		.origins = (uint16_t)d->sources,
		.operators = (uint16_t)d->stages,
		.text_length = (uint16_t)d->length,
	};
	unsigned s, k;

	for (s = 0; s < d->stages; s++)
		header.parts += d->stage[s].code.parts;
	put(out, &header, sizeof(header));
	put_origins(out, d, types);
	for (s = 0; s < d->stages; s++)
		put(out, &d->stage[s].code, sizeof(d->stage[s].code));
	put_parts(out, d);
	for (k = 0; k < d->sources; k++) {
		put(out, d->source[k].name, strlen(d->source[k].name) + 1);
		put(out, types[k], strlen(types[k]) + 1);
	}
	put(out, d->text, d->length + 1);
	put_programs(out, d);
	header.size_bytes = (uint32_t)out->used;
	memcpy(out->start, &header, sizeof(header));
}

static int write_and_read(struct zipc_flow **out,
			  const struct zipc_flow_draft *d, char *const types[])
{
	struct bytes bytes = {.room = ZIPC_FLOW_BYTES_MOST};
	int rc;

	bytes.start = malloc(bytes.room);
	if (!bytes.start)
		return zipc_fail(ENOMEM, "flow: out of memory");
	put_all(&bytes, d, types);
	rc = bytes.is_full
		     ? zipc_fail(EINVAL, "flow: it becomes over %u bytes; "
					 "derive a stream of a part of it",
				 ZIPC_FLOW_BYTES_MOST)
		     : zipc_flow_build(out, bytes.start, bytes.used, 1);
	free(bytes.start);
	return rc;
}

/* Types in their one spelling. */
static int canonical(char **out, const char *text)
{
	struct zipc_type *type;
	int rc = zipc_type_parse(&type, text, SIZE_MAX);

	if (rc)
		return rc;
	*out = strdup(zipc_type_text(type));
	zipc_type_free(type);
	return *out ? 0 : zipc_fail(ENOMEM, "flow: out of memory");
}

static int finish(struct zipc_flow **out, const struct zipc_flow_draft *d)
{
	char *types[ZIPC_FLOW_SOURCES] = {NULL};
	unsigned k;
	int rc = 0;

	for (k = 0; !rc && k < d->sources; k++)
		rc = canonical(&types[k], d->source[k].type);
	if (!rc)
		rc = write_and_read(out, d, types);
	for (k = 0; k < ZIPC_FLOW_SOURCES; k++)
		free(types[k]);
	return rc;
}

/* What people can see, and no more than that. */
static int check_text(const char *text, size_t length)
{
	size_t k;

	if (length > ZIPC_FLOW_TEXT_MOST)
		return zipc_flow_fail(ZIPC_FLOW_TEXT_MOST,
				      "a flow has at most %u characters",
				      ZIPC_FLOW_TEXT_MOST);
	for (k = 0; k < length; k++)
		if ((text[k] < ' ' || text[k] > '~') &&
		    !strchr("\t\r\n", text[k]))
			return zipc_flow_fail(k, "byte 0x%02x: a flow is of "
						 "ASCII",
					      (unsigned char)text[k]);
	return 0;
}

int zipc_flow_compile(struct zipc_flow **out, const struct zipc_flow_text *text)
{
	size_t length = strnlen(text->text, ZIPC_FLOW_TEXT_MOST + 1);
	int rc = check_text(text->text, length);
	struct zipc_flow_draft *d;
	unsigned s, k;

	assert(out);
	if (rc)
		return rc;
	d = calloc(1, sizeof(*d));
	if (!d)
		return zipc_fail(ENOMEM, "flow: out of memory");
	d->from = text;
	d->text = text->text;
	d->length = length;
	rc = zipc_flow_parse(d);
	if (!rc)
		rc = finish(out, d);
	for (s = 0; s < ZIPC_FLOW_STAGES; s++)
		for (k = 0; k < ZIPC_FLOW_PARTS; k++)
			zipc_program_close(d->stage[s].program[k]);
	free(d);
	return rc;
}
