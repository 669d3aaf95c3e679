/* SPDX-License-Identifier: MIT */
/* ZeroIPC: lock-free structures in shared memory. This header is all of it. */
#ifndef ZEROIPC_H
#define ZEROIPC_H

#include <zipc/base.h>
#include <zipc/type.h>
#include <zipc/segment.h>
#include <zipc/array.h>
#include <zipc/queue.h>
#include <zipc/map.h>
#include <zipc/set.h>
#include <zipc/inspect.h>

#endif
