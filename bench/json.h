/* SPDX-License-Identifier: MIT */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include "engine.h"

/* Every run and every figure; README.md tells the fields. */
void json_write(const char *path, const struct outcome *outcomes,
		unsigned count, const struct options *options);

#endif
