#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# libzeroipc.so exports exactly the functions that the public headers declare,
# its symbol map names exactly those, and it needs libc only.
. "$(dirname "$0")/lint.sh"
: "${CC:=cc}"

library=${top_builddir:-.}/libzeroipc/.libs/libzeroipc.so

# The functions declared in the public headers of the tree at $1.
declared()
{
	cat "$1"/libzeroipc/include/zipc/*.h | sed 's://.*::' | tr '\n' ' ' |
		sed 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/: :g' |
		grep -oE '\<zipc_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u
}

exported()
{
	nm -D --defined-only "$1" |
		awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort
}

# The functions that the symbol map of the tree at $1 names, if it has one.
mapped()
{
	sed -nE 's/^[[:space:]]+(zipc_[a-z0-9_]+);.*/\1/p' \
		"$1/libzeroipc/zeroipc.map" | sort
}

# The tree's own library, or one that was planted beside the headers.
lint()
{
	local root=$1 so=$library

	[ ! -e "$root/planted.so" ] || so=$root/planted.so
	if [ ! -e "$so" ]; then
		echo "$so: no such library; --disable-shared?"
		return
	fi
	comm -23 <(declared "$root") <(exported "$so") |
		sed 's/$/ is in a header, but not exported/'
	comm -13 <(declared "$root") <(exported "$so") |
		sed 's/$/ is exported, but in no header/'
	comm -13 <(mapped "$root") <(declared "$root") |
		sed 's/$/ is in a header, but not in zeroipc.map/'
	comm -23 <(mapped "$root") <(declared "$root") |
		sed 's/$/ is in zeroipc.map, but in no header/'
	readelf -d "$so" | awk '/NEEDED/ { print $NF }' | tr -d '[]' |
		grep -vE '^(libc|ld-linux-[a-z0-9-]+)\.so' |
		sed 's/$/ is needed: the library needs libc only/'
}

plant()
{
	mkdir -p "$1/libzeroipc/include/zipc"
	echo 'int zipc_one(void); /* zipc_not(me) */ int zipc_two(int);' \
		>"$1/libzeroipc/include/zipc/planted.h"
	# shellcheck disable=SC2086 # a list of words
	printf '\t%s;\n' zipc_one ${5-zipc_two} >"$1/libzeroipc/zeroipc.map"
	echo "$2" | $CC -shared -fPIC -x c -o "$1/planted.so" - \
		-Wl,--no-as-needed ${4+"$4"}
	echo "$3"
}

plant_undeclared_export()
{
	plant "$1" 'void zipc_one(void) {} void zipc_two(void) {}
		void zipc_three(void) {}' \
		'zipc_three is exported, but in no header'
}

plant_missing_export()
{
	plant "$1" 'void zipc_one(void) {}' \
		'zipc_two is in a header, but not exported'
}

plant_needed_library()
{
	plant "$1" 'void zipc_one(void) {} void zipc_two(void) {}' \
		'libm.so.6 is needed' -lm
}

plant_function_that_is_not_in_the_map()
{
	plant "$1" 'void zipc_one(void) {} void zipc_two(void) {}' \
		'zipc_two is in a header, but not in zeroipc.map' -lc ''
}

plant_name_in_the_map_of_nothing()
{
	plant "$1" 'void zipc_one(void) {} void zipc_two(void) {}' \
		'zipc_four is in zeroipc.map, but in no header' \
		-lc 'zipc_two zipc_four'
}

run_lint
