#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# A record that ZEROIPC_RECORD tells wrongly does not compile, and the compiler
# says why: else two processes would take the same bytes for different fields.
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}" "${CXX:=c++}"
number=0 failed=0

# verdict CLAIM COMMAND..
verdict()
{
	number=$((number + 1))
	if "${@:2}"; then
		echo "ok $number - $1"
	else
		failed=1
		echo "not ok $number - $1"
		head -n 20 <<<"$said" | sed 's/^/# /'
	fi
}

# compile STRUCT FIELDS: leaves what the compiler said in said.
compile()
{
	said=$(LC_ALL=C $CXX -std=c++20 -Wall -Wextra -Wshadow -Werror \
		-fsyntax-only -I"$top_srcdir/cpp" -x c++ - 2>&1 <<-END
			#include <zeroipc/type.h>
			using u16 = std::uint16_t;
			using u32 = std::uint32_t;
			using u64 = std::uint64_t;
			struct Told { $1 };
			ZEROIPC_RECORD(Told, $2);
		END
	)
}

# refused CLAIM STRUCT FIELDS WORDS: an extended expression.
refused()
{
	compile "$2" "$3"
	verdict "$1 is refused" grep -qE -- "$4" <<<"$said"
}

compile 'u64 a; u32 b; u16 c[2];' 'a, b, c'
verdict 'a record that is told right compiles' [ -z "$said" ]

count='names provided for structured binding|decomposes into'
layout='must name all fields of Told in their order'
refused 'a field that is left out' 'u64 a; u64 b; u64 c;' 'a, c' "$layout"
refused 'one that hides in the last gap' 'u64 a; u32 b; u32 c;' 'a, b' "$count"
refused 'one that hides in an inner gap' 'u32 a; u16 b; u16 c; u32 d;' \
	'a, b, d' "$count"
refused 'another order' 'u32 a; u32 b;' 'b, a' "$layout"
refused 'a field that is named twice' 'u32 a; u32 b;' 'a, a' \
	'zeroipc_a|conflicting|redecl'
refused 'a packed record' \
	'u16 a; u32 b; } __attribute__((packed)); struct X {' 'a, b' "$layout"
refused 'a gap that the text does not tell' 'u16 a; alignas(8) u32 b;' \
	'a, b' "$layout"
refused 'a field that is not there' 'u32 a;' 'b' "has no member|no member named"
refused 'a pointer' 'u32 *a;' 'a' 'does not know the type of a field'
refused 'a record that is no plain memory' 'u32 a; ~Told() {}' 'a' \
	'trivially copyable'
echo "1..$number"
exit "$failed"
