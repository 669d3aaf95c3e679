/* SPDX-License-Identifier: MIT */
/*
 * ZEROIPC_EACH(macro, common, x, y, ..): macro(common, x), macro(common, y), ..
 * for up to 256 of them. A macro can not expand itself, so each step leaves
 * the next one unfinished, and ZEROIPC_SCAN scans that over and over.
 */
#ifndef ZEROIPC_DETAIL_EACH_H
#define ZEROIPC_DETAIL_EACH_H

#define ZEROIPC_SCAN(...) ZEROIPC_SCAN_64(ZEROIPC_SCAN_64(                   \
	ZEROIPC_SCAN_64(ZEROIPC_SCAN_64(__VA_ARGS__))))
#define ZEROIPC_SCAN_64(...) ZEROIPC_SCAN_16(ZEROIPC_SCAN_16(                \
	ZEROIPC_SCAN_16(ZEROIPC_SCAN_16(__VA_ARGS__))))
#define ZEROIPC_SCAN_16(...) ZEROIPC_SCAN_4(ZEROIPC_SCAN_4(                  \
	ZEROIPC_SCAN_4(ZEROIPC_SCAN_4(__VA_ARGS__))))
#define ZEROIPC_SCAN_4(...) ZEROIPC_SCAN_1(ZEROIPC_SCAN_1(                   \
	ZEROIPC_SCAN_1(ZEROIPC_SCAN_1(__VA_ARGS__))))
#define ZEROIPC_SCAN_1(...) __VA_ARGS__

#define ZEROIPC_LATER ()
#define ZEROIPC_EACH(macro, common, ...)                                     \
	ZEROIPC_SCAN(ZEROIPC_STEP(macro, common, __VA_ARGS__))
#define ZEROIPC_STEP(macro, common, first, ...)                              \
	macro(common, first)                                                 \
	__VA_OPT__(, ZEROIPC_NEXT ZEROIPC_LATER (macro, common, __VA_ARGS__))
#define ZEROIPC_NEXT() ZEROIPC_STEP

#endif
