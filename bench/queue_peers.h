/* SPDX-License-Identifier: MIT */
/*
 * The candidates for queues, one file each in peers/. What configure did not
 * find is not built: a weak name, which is then NULL.
 */
#ifndef BENCH_QUEUE_PEERS_H
#define BENCH_QUEUE_PEERS_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CANDIDATE(name) \
	extern const struct candidate name __attribute__((weak))

CANDIDATE(queue_zeroipc);
CANDIDATE(queue_zeroipc_try);
CANDIDATE(queue_zeroipc_lease);
CANDIDATE(queue_zeroipc_cpp);
CANDIDATE(queue_ck_spsc);
CANDIDATE(queue_ck_mpmc);
CANDIDATE(queue_boost);
CANDIDATE(queue_boost_spsc);
CANDIDATE(queue_boost_mq);
CANDIDATE(queue_moodycamel);
CANDIDATE(queue_tbb);
CANDIDATE(queue_iceoryx);
CANDIDATE(queue_zmq_ipc);
CANDIDATE(queue_zmq_inproc);
CANDIDATE(queue_posix_mq);
CANDIDATE(queue_pipe);
CANDIDATE(queue_socket_stream);
CANDIDATE(queue_socket_seqpacket);
CANDIDATE(queue_pthread);
CANDIDATE(queue_semaphore);
CANDIDATE(queue_eventfd);
CANDIDATE(queue_loses);
CANDIDATE(queue_doubles);
CANDIDATE(queue_swaps);
CANDIDATE(queue_tears);

#ifdef __cplusplus
}
#endif

#endif
