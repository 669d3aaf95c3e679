#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# Each public header compiles alone, as C11 -pedantic and as C++20, asks for
# nothing but standard headers and its neighbours, and has 120 lines or fewer.
. "$(dirname "$0")/lint.sh"
: "${CC:=cc}" "${CXX:=c++}"

lint()
{
	local root=$1 header lines include=$1/libzeroipc/include

	for header in $(files "$root" 'libzeroipc/include/*.h'); do
		$CC -std=c11 -pedantic -Wall -Wextra -Werror -fsyntax-only \
			-I"$include" -x c "$root/$header"
		$CXX -std=c++20 -pedantic -Wall -Wextra -Werror -fsyntax-only \
			-I"$include" -x c++ "$root/$header"
		lines=$(wc -l <"$root/$header")
		[ "$lines" -le 120 ] ||
			echo "$header has $lines lines; split it at 120"
		grep -nE '^# *include *"' "$root/$header" |
			sed "s|^|$header:|; s|$|  <- write <zipc/..>|"
	done
}

plant()
{
	mkdir -p "$1/libzeroipc/include/zipc"
	cat >"$1/libzeroipc/include/zipc/planted.h"
	echo "$2"
}

plant_header_that_needs_another()
{
	plant "$1" uint64_t <<-'END'
		uint64_t planted(void);
	END
}

plant_header_that_is_no_cxx()
{
	plant "$1" class <<-'END'
		int planted(int class);
	END
}

plant_long_header()
{
	seq -f '/* %g */' 121 | plant "$1" '121 lines'
}

plant_internal_header()
{
	plant "$1" 'planted.h:1:#include "' <<-'END'
		#include "planted.h"
	END
}

run_lint
