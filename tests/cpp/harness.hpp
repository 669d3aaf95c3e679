/* SPDX-License-Identifier: MIT */
/*
 * The harness of the C tests, for C++: its Check macros, its names of segments,
 * and main(). An Error that a test does not expect fails it with its message.
 */
#ifndef TESTS_CPP_HARNESS_H
#define TESTS_CPP_HARNESS_H

#include <zeroipc/error.h>

#include <string>

extern "C" {
#pragma GCC diagnostic push
/* In C a function may be called as a struct is. */
#pragma GCC diagnostic ignored "-Wshadow"
#include "../harness.h"
#pragma GCC diagnostic pop
}

/* The call must throw an Error of that number, whose message has the words. */
#define ck_throws(call, number_, words)                                      \
	do {                                                                 \
		std::string said_ = "no error";                              \
		int code_ = 0;                                               \
		try {                                                        \
			(void)(call);                                        \
		} catch (const zeroipc::Error &error_) {                     \
			said_ = error_.what();                               \
			code_ = error_.number();                             \
		}                                                            \
		ck_assert_msg(code_ == (number_) &&                          \
				      said_.find(words) != said_.npos,       \
			      "%s gives %d: \"%s\"", #call, code_,           \
			      said_.c_str());                                \
	} while (0)

#endif
