#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# The C++ headers implement the format by themselves: they name nothing of the
# C library, include none of its headers, and a program that uses them links
# without it. Each compiles alone and without warnings, by every compiler here.
. "$(dirname "$0")/lint.sh"
: "${CXX:=c++}"

compilers=("$CXX")
for other in g++ clang++; do
	[ "$other" = "${CXX%% *}" ] || ! command -v "$other" >/dev/null ||
		compilers+=("$other")
done

lint()
{
	local root=$1 header compiler program

	for header in $(files "$root" 'cpp/*.h'); do
		grep -HnE '\<(zipc_|ZIPC_)' "$root/$header"
		grep -HnE '^#[ \t]*include[ \t]*("|<(zipc/|zeroipc\.h))' \
			"$root/$header"
		for compiler in "${compilers[@]}"; do
			# What is public includes all; one is enough for parts.
			[[ $header == */detail/* ]] &&
				[ "$compiler" != "$CXX" ] && continue
			$compiler -std=c++20 -Wall -Wextra -Wshadow -Werror \
				-fsyntax-only -I"$root/cpp" -x c++ \
				"$root/$header" 2>&1 |
				sed "s|^|$compiler: |" | head -n 20
		done
	done
	[ -e "$root/cpp/zeroipc/queue.h" ] || return 0
	program=$(mktemp)
	$CXX -std=c++20 -I"$root/cpp" -x c++ -o "$program" - 2>&1 <<-'END'
		#include <zeroipc/array.h>
		#include <zeroipc/queue.h>
		int main()
		{
			zeroipc::Memory mem("/planted", 1 << 20);
			zeroipc::Queue<int>(mem, "q", 4).push(1);
			zeroipc::Array<int>(mem, "a", 4).set(0, 1);
		}
	END
	nm -u "$program" | grep -E '\<zipc_' &&
		echo 'it needs the C library'
	rm -f "$program"
}

plant()
{
	mkdir -p "$1/cpp/zeroipc"
	cat >"$1/cpp/zeroipc/${3-planted}.h"
	echo "$2"
}

plant_symbol_of_the_c_library()
{
	plant "$1" planted.h:1 <<<'int zipc_queue_push(void);'
}

plant_header_of_the_c_library()
{
	plant "$1" 'planted.h:1:#include <zipc/base.h>' <<-'END'
		#include <zipc/base.h>
	END
}

plant_header_by_its_place()
{
	plant "$1" 'planted.h:1:#include "' <<-'END'
		#include "../../libzeroipc/format.h"
	END
}

plant_header_that_needs_another()
{
	plant "$1" string <<<'inline std::string planted();'
}

plant_header_with_a_warning()
{
	plant "$1" Werror <<<'inline int planted(int i) { int j; return i; }'
}

plant_link_that_needs_the_c_library()
{
	plant "$1" 'undefined reference' queue <<-'END'
		extern "C" int foreign();
		namespace zeroipc {
		struct Memory { Memory(const char *, int) { foreign(); } };
		template <typename T> struct Queue {
			Queue(Memory &, const char *, int) {}
			void push(int) {}
		};
		template <typename T> struct Array {
			Array(Memory &, const char *, int) {}
			void set(int, int) {}
		};
		}
	END
	touch "$1/cpp/zeroipc/array.h"
}

run_lint
