/* SPDX-License-Identifier: MIT */
/*
 * Reading what a lazy is an expression of: bytes that anybody may have written
 * are copied, and each part of the copy is checked before it is used.
 */
#include "lazy.h"

#include "atoms.h"
#include "error.h"
#include "name.h"

#include <stdlib.h>
#include <string.h>

static int damaged(const char *what)
{
	return zipc_fail(EBADMSG, "the expression of a lazy is damaged: %s",
			 what);
}

int zipc_definition_weigh(const struct zipc_program *program, unsigned count)
{
	uint64_t left = ZIPC_LAZY_INPUTS_MOST, size;
	const char *text = NULL;
	struct zipc_type *type;
	unsigned k;
	int rc;

	for (k = 0; k < count && zipc_program_input(program, k, &text); k++) {
		rc = zipc_type_parse(&type, text, SIZE_MAX);
		if (rc)
			return rc;
		size = zipc_type_size(type);
		zipc_type_free(type);
		if (size > left)
			return zipc_fail(EINVAL, "expression: its inputs have "
					 "over 4 MiB");
		left -= size;
	}
	return 0;
}

/* A text with its NUL, inside of size bytes. */
static const char *text_at(const unsigned char *bytes, uint64_t size,
			   uint32_t at, uint32_t length)
{
	const char *text = (const char *)bytes + at;

	if (at >= size || length >= size - at || text[length] ||
	    memchr(text, '\0', length))
		return NULL;
	return text;
}

/* The type of the structure's elements, and of what the program is given. */
static int check_fold(const struct zipc_lazy_input *it,
		      const struct zipc_type *type, const char *given)
{
	const char *is = zipc_lazy_fold_type(it->form, it->scalar);
	uint64_t size;

	if (!is || strcmp(is, given))
		return damaged("a fold does not give what it is said to");
	if (it->form == ZIPC_LAZY_COUNT)
		return 0;
	size = zipc_scalar_size(it->scalar);
	if (it->index % size || it->index > zipc_type_size(type) ||
	    size > zipc_type_size(type) - it->index ||
	    zipc_type_size(type) % size)
		return damaged("a fold is over what is in no element");
	return 0;
}

static int check_key(const struct zipc_definition *it, uint64_t size,
		     const struct zipc_lazy_input *input)
{
	const char *text = text_at(it->bytes, size, input->key_type_offset,
				   input->key_type_length);
	struct zipc_type *type;
	uint64_t bytes;

	if (!text || zipc_type_parse(&type, text, SIZE_MAX))
		return damaged("the type of a key makes no sense");
	bytes = zipc_type_size(type);
	zipc_type_free(type);
	if (input->key_bytes != bytes || input->key_offset > size ||
	    bytes > size - input->key_offset)
		return damaged("a key lies beyond it");
	return 0;
}

static int check_type(const struct zipc_definition *it, uint64_t size,
		      unsigned k, const char *given)
{
	const struct zipc_lazy_input *input = &it->inputs[k];
	const char *text = text_at(it->bytes, size, input->type_offset,
				   input->type_length);
	struct zipc_type *type;
	int rc = 0;

	if (!text || zipc_type_parse(&type, text, SIZE_MAX))
		return damaged("the type of an input makes no sense");
	if (input->form >= ZIPC_LAZY_SUM)
		rc = check_fold(input, type, given);
	else if (strcmp(zipc_type_text(type), given))
		rc = damaged("an input's type is not the program's");
	zipc_type_free(type);
	return rc;
}

static int check_input(const struct zipc_definition *it, uint64_t size,
		       unsigned k)
{
	const struct zipc_lazy_input *input = &it->inputs[k];
	const char *given = NULL;

	if (!zipc_program_input(it->program, k, &given) ||
	    zipc_program_role(it->program, k) != ZIPC_ROLE_ONE)
		return damaged("its program has other inputs");
	if (!memchr(input->name, '\0', sizeof(input->name)) ||
	    !zipc_name_valid(input->name))
		return damaged("an input has no name");
	if (input->form < ZIPC_LAZY_VALUE || input->form > ZIPC_LAZY_COUNT)
		return damaged("an input is of no form");
	if (input->form == ZIPC_LAZY_ENTRY && check_key(it, size, input))
		return -EBADMSG;
	return check_type(it, size, k, given);
}

static int check(struct zipc_definition *it, uint64_t size, const char *type)
{
	const struct zipc_lazy_definition *head = (const void *)it->bytes;
	unsigned k;
	int rc;

	if (size < sizeof(*head) || head->inputs > ZIPC_PROGRAM_INPUTS ||
	    size - sizeof(*head) < head->inputs * sizeof(*it->inputs))
		return damaged("its inputs lie beyond it");
	it->inputs = (const void *)(it->bytes + sizeof(*head));
	it->count = head->inputs;
	it->text = text_at(it->bytes, size, head->text_offset,
			   head->text_length);
	if (!it->text || head->text_length > ZIPC_LAZY_TEXT_MAX)
		return damaged("its text is none");
	if (head->program_offset > size ||
	    head->program_bytes > size - head->program_offset)
		return damaged("its program lies beyond it");
	rc = zipc_program_read(&it->program, it->bytes + head->program_offset,
			       head->program_bytes, NULL);
	if (rc)
		return rc;
	if (zipc_program_inputs(it->program) != it->count ||
	    zipc_program_uses_index(it->program) ||
	    strcmp(zipc_program_type(it->program), type))
		return damaged("its program is another one's");
	for (k = 0; k < it->count && !rc; k++)
		rc = check_input(it, size, k);
	if (!rc)
		rc = zipc_definition_weigh(it->program, it->count);
	return rc == -EINVAL ? damaged("its inputs have over 4 MiB") : rc;
}

int zipc_definition_read(struct zipc_definition **out, const unsigned char *at,
			 uint64_t size, const char *type)
{
	struct zipc_definition *it = calloc(1, sizeof(*it));
	int rc;

	if (it)
		it->bytes = malloc(size);
	if (!it || !it->bytes) {
		zipc_definition_free(it);
		return zipc_fail_as(ENOMEM, "out of memory");
	}
	zipc_copy_out(it->bytes, (const void *)at, size);
	rc = check(it, size, type);
	if (rc)
		zipc_definition_free(it);
	else
		*out = it;
	return rc;
}

void zipc_definition_free(struct zipc_definition *it)
{
	if (!it)
		return;
	zipc_program_close(it->program);
	free(it->bytes);
	free(it);
}
