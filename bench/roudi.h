/* SPDX-License-Identifier: MIT */
/* iceoryx's daemon, started for the bench and stopped with it. */
#ifndef BENCH_ROUDI_H
#define BENCH_ROUDI_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* False: it does not start, as where another one runs already. */
bool roudi_begin(void);
void roudi_end(void);

#ifdef __cplusplus
}
#endif

#endif
