/* SPDX-License-Identifier: MIT */
/* ZeroIPC: lock-free structures in shared memory. This header is all of it. */
#ifndef ZEROIPC_H
#define ZEROIPC_H

#include <zipc/base.h>
#include <zipc/type.h>
#include <zipc/segment.h>
#include <zipc/array.h>
#include <zipc/queue.h>
#include <zipc/stack.h>
#include <zipc/map.h>
#include <zipc/set.h>
#include <zipc/pool.h>
#include <zipc/ring.h>
#include <zipc/semaphore.h>
#include <zipc/barrier.h>
#include <zipc/latch.h>
#include <zipc/mutex.h>
#include <zipc/rwlock.h>
#include <zipc/once.h>
#include <zipc/event.h>
#include <zipc/channel.h>
#include <zipc/select.h>
#include <zipc/wait_set.h>
#include <zipc/future.h>
#include <zipc/lazy.h>
#include <zipc/stream.h>
#include <zipc/derive.h>
#include <zipc/inspect.h>
#include <zipc/inspect_derive.h>
#include <zipc/inspect_future.h>
#include <zipc/inspect_lazy.h>
#include <zipc/inspect_lease.h>
#include <zipc/inspect_lock.h>
#include <zipc/inspect_pool.h>
#include <zipc/inspect_ring.h>
#include <zipc/inspect_stream.h>
#include <zipc/inspect_sync.h>
#include <zipc/inspect_waits.h>

#endif
