/* SPDX-License-Identifier: MIT */
#include "map_works.h"

const struct entry map_entries[] = {
	{ "zeroipc", NULL, &map_zeroipc },
	{ "ck-ht", "libck-dev", &map_ck },
	{ "tbb", "libtbb-dev", &map_tbb },
	{ "robust-mutex", NULL, &map_robust },
	{ "unordered-map", NULL, &map_bare },
	{ NULL, NULL, NULL },
};
