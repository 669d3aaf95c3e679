/* SPDX-License-Identifier: MIT */
#include "queue_peers.h"

#include "queue_works.h"

const struct entry queue_entries[] = {
	{ "zeroipc", NULL, &queue_zeroipc },
	{ "zeroipc-try", NULL, &queue_zeroipc_try },
	{ "zeroipc-lease", NULL, &queue_zeroipc_lease },
	{ "zeroipc-c++", NULL, &queue_zeroipc_cpp },
	{ "ck-spsc", "libck-dev", &queue_ck_spsc },
	{ "ck-mpmc", "libck-dev", &queue_ck_mpmc },
	{ "boost-lockfree", "libboost-dev", &queue_boost },
	{ "boost-spsc", "libboost-dev", &queue_boost_spsc },
	{ "boost-mq", "libboost-dev", &queue_boost_mq },
	{ "moodycamel", "libconcurrentqueue-dev", &queue_moodycamel },
	{ "tbb", "libtbb-dev", &queue_tbb },
	{ "iceoryx", "iceoryx libiceoryx-posh-dev", &queue_iceoryx },
	{ "zmq-ipc", "libzmq3-dev", &queue_zmq_ipc },
	{ "zmq-inproc", "libzmq3-dev", &queue_zmq_inproc },
	{ "posix-mq", NULL, &queue_posix_mq },
	{ "pipe", NULL, &queue_pipe },
	{ "socket-stream", NULL, &queue_socket_stream },
	{ "socket-packet", NULL, &queue_socket_seqpacket },
	{ "pthread-cond", NULL, &queue_pthread },
	{ "semaphore", NULL, &queue_semaphore },
	{ "eventfd", NULL, &queue_eventfd },
	{ "planted-loses", NULL, &queue_loses },
	{ "planted-doubles", NULL, &queue_doubles },
	{ "planted-swaps", NULL, &queue_swaps },
	{ "planted-tears", NULL, &queue_tears },
	{ NULL, NULL, NULL },
};
