/* SPDX-License-Identifier: MIT */
#include "stack_works.h"

const struct entry stack_entries[] = {
	{ "zeroipc", NULL, &stack_zeroipc },
	{ "ck-stack", "libck-dev", &stack_ck },
	{ "boost-stack", "libboost-dev", &stack_boost },
	{ "pthread-stack", NULL, &stack_pthread },
	{ "planted-torn", NULL, &stack_tears },
	{ NULL, NULL, NULL },
};
