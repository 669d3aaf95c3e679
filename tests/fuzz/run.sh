#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# The fuzz targets under libFuzzer, with the address and undefined behaviour
# sanitizers, each for as many seconds as stand beside it.
#
#   tests/fuzz/run.sh                   all of them
#   tests/fuzz/run.sh segment=600 uri   these; the first for 600 seconds
#
# What breaks a target is printed, and kept in the directory in which this was
# called; tests/fuzz/NAME FILE tries it again.
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${FUZZ_CC:=clang}"
# shellcheck source=tests/private-shm.sh
. "$top_srcdir/tests/private-shm.sh"

top=$(cd "$top_srcdir" && pwd) here=$PWD
fuzz=$top/tests/fuzz
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# So that traces tell functions and lines.
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer)
export ASAN_SYMBOLIZER_PATH
number=0 failed=0
declare -A seconds=(
	[segment]=16 [ring]=6 [lock]=6 [future]=5 [lazy]=6 [stream]=5 [derive]=6
	[type]=5 [value]=6 [program]=8 [name]=4 [flow]=6
	[uri]=4 [path]=4
)
sanitizers=('-fsanitize=address,undefined' -fno-sanitize-recover=all)

# compile SOURCE OBJECT FLAGS..
compile()
{
	"$FUZZ_CC" -std=gnu11 -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer \
		"${sanitizers[@]}" -DLIBFUZZER "-DFUZZ_CORPUS=\"$fuzz/corpus\"" \
		-I"$top/libzeroipc/include" -c "$1" -o "$2" "${@:3}"
}

# What is tried is watched by the fuzzer; the targets themselves are not.
build_library()
{
	local source

	mkdir "$scratch/watched"
	for source in "$top"/libzeroipc/*.c "$top"/cli/path.c \
		"$top"/zeroipcd/uri.c; do
		compile "$source" "$scratch/watched/$(basename "$source" .c).o" \
			-fsanitize=fuzzer-no-link \
			-fsanitize-coverage=trace-loads || return
	done
	ar cr "$scratch/libwatched.a" "$scratch"/watched/*.o
}

# build TARGET
build()
{
	local sources=("$1" fuzz seeds) objects=() flags=() source

	if grep -q '"world.h"' "$fuzz/$1.c"; then
		sources+=(world spots)
		for source in mmap munmap pread clock_gettime sched_yield \
			syscall; do
			flags+=("-Wl,--wrap=$source")
		done
	fi
	for source in "${sources[@]}"; do
		compile "$fuzz/$source.c" "$scratch/$1-$source.o" || return
		objects+=("$scratch/$1-$source.o")
	done
	"$FUZZ_CC" "${sanitizers[@]}" -fsanitize=fuzzer "${objects[@]}" \
		"$scratch/libwatched.a" "${flags[@]}" -o "$scratch/$1-fuzzer"
}

# verdict 0|1 CLAIM LOG: a line of TAP; a failure shows the log's end.
verdict()
{
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		failed=1
		echo "not ok $number - $2"
		tail -n 80 "$3" | sed 's/^/# /'
	fi
}

# fuzz TARGET SECONDS
fuzz()
{
	local target=$1 log=$scratch/$1.log status

	if ! build "$target" >"$log" 2>&1; then
		verdict 1 "$target is built" "$log"
		return
	fi
	mkdir "$scratch/found-$target"
	(cd "$scratch/found-$target" &&
		FUZZ_SECONDS=$2 "$scratch/$target-fuzzer") >"$log" 2>&1
	status=$?
	verdict $((status != 0)) "$target: $(sed -n \
		's/^stat::number_of_executed_units: *//p' "$log") inputs" "$log"
	find "$scratch/found-$target" -type f -exec cp {} "$here" \;
}

if ! echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void)
	{ return 0; }' | "$FUZZ_CC" -fsanitize=fuzzer,address -x c - \
	-o "$scratch/probe" 2>"$scratch/log"; then
	echo "1..0 # SKIP $FUZZ_CC has no libFuzzer"
	exit 77
fi
if ! build_library >"$scratch/log" 2>&1; then
	verdict 1 "the library is built for fuzzing" "$scratch/log"
	echo "1..1"
	exit 1
fi
[ $# -gt 0 ] || set -- segment ring lock future lazy stream derive type value \
	name uri path program flow
for target; do
	fuzz "${target%=*}" \
		"$(sed -n 's/.*=//p' <<<"$target" | grep . ||
			echo "${seconds[$target]}")"
done
echo "1..$number"
exit "$failed"
