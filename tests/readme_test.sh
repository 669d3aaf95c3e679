#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# What README.md and the manual print is what happens. README's programs, which
# open with their file's name, are taken out as they stand; each command of its
# ```console blocks is run, and must print what stands below it. The examples of
# the man pages are compiled with all warnings, and run.
# shellcheck disable=SC2317 # claims call their functions by name
set -u
: "${top_srcdir:=$PWD}" "${top_builddir:=$top_srcdir}" "${CC:=cc}"
: "${CXX:=c++}"
# shellcheck source=tests/private-shm.sh
. "$top_srcdir/tests/private-shm.sh"

scratch=$(mktemp -d)
segments='sensors counters words frames'
# shellcheck disable=SC2086 # a list of words
must_be_free $segments
trap 'rm -rf "$scratch"; (cd /dev/shm && rm -f $segments)' EXIT
readme=$top_srcdir/README.md
# shellcheck source=tests/tap.sh
. "$top_srcdir/tests/tap.sh"

# The tree as it would be installed: pkg-config, cc, zeroipc, python3.
prepare()
{
	local flags=

	[ -z "${SANITIZERS-}" ] || flags="-fsanitize=$SANITIZERS"
	# As configure.ac: gcc says of fences that they are not seen there.
	case ${SANITIZERS-},$("$CXX" --version) in
	*clang*) ;;
	*thread*) flags+=" -Wno-tsan" ;;
	esac
	mkdir "$scratch/bin" "$scratch/readme" "$scratch/man"
	cat >"$scratch/zeroipc.pc" <<-END
		Name: ZeroIPC
		Description: what was built, before it is installed
		Version: 3
		Cflags: -I$top_srcdir/libzeroipc/include $flags
		Libs: -L$top_builddir/libzeroipc/.libs -lzeroipc $flags
	END
	cat >"$scratch/zeroipc++.pc" <<-END
		Name: ZeroIPC for C++
		Description: headers only
		Version: 3
		Cflags: -I$top_srcdir/cpp $flags
	END
	# CC may be "cc" itself, so this one looks along the path from before.
	printf '#!/bin/sh\nPATH="%s"\nexec %s "$@"\n' "$PATH" "$CC" \
		>"$scratch/bin/cc"
	printf '#!/bin/sh\nPATH="%s"\nexec %s "$@"\n' "$PATH" "$CXX" \
		>"$scratch/bin/c++"
	# The system's, which has its python3-numpy. What a sanitizer has built
	# is not loaded by it.
	printf '#!/bin/sh\nPYTHONPATH="%s" exec %s -B "$@"\n' \
		"$top_srcdir/python" "${PYTHON:-/usr/bin/python3}" \
		>"$scratch/bin/python3"
	chmod +x "$scratch"/bin/*
	export PKG_CONFIG_PATH=$scratch
	PATH=$scratch/bin:$top_builddir/cli:$PATH
	export LD_LIBRARY_PATH=$top_builddir/libzeroipc/.libs
	# ThreadSanitizer needs its addresses where it expects them.
	fixed=()
	case ${SANITIZERS-} in
	*thread*) setarch -R true 2>/dev/null && fixed=(setarch -R) ;;
	esac
}

# README's blocks: a file for each program, and for each command one with the
# command (1.command, ..) and one with what it prints (1.output, ..).
take_out()
{
	awk -v dir="$scratch/readme/" '
		/^```/ {
			kind = kind == "" ? substr($0, 4) : ""
			file = ""
			next
		}
		kind ~ /^(c|cpp|python)$/ && file == "" {
			if (!match($0, /^(\/\* |""")[a-z_]+\.(c|cpp|py):/))
				exit 1
			file = dir substr($0, 4, RLENGTH - 4)
		}
		kind ~ /^(c|cpp|python)$/ { print >file }
		kind == "console" && /^\$ / {
			n++
			print substr($0, 3) >(dir n ".command")
			printf "" >(dir n ".output")
			next
		}
		kind == "console" { print >(dir n ".output") }' "$readme"
}

# run_command N: in the directory of the programs.
run_command()
{
	(cd "$scratch/readme" && "${fixed[@]}" bash "$1.command") \
		>"$scratch/printed" 2>&1
	local status=$?

	diff -u --label README.md --label printed \
		"$scratch/readme/$1.output" "$scratch/printed" &&
		[ "$status" -eq 0 ]
}

strict()
{
	# shellcheck disable=SC2046 # a list of words
	cc -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror "$1.c" \
		-o "$1" $(pkg-config --cflags --libs zeroipc)
}

# The program among a page's examples: all up to a line of commands.
take_example()
{
	awk '/^\.Bd -literal -offset indent/ { on = 1; next }
		/^\.Ed/ { on = 0 }
		on && /^zeroipc / { exit }
		on' "$top_srcdir/man/$1.3" | sed 's/\\e/\\/g' \
		>"$scratch/man/$1.c"
	grep -q '^int main' "$scratch/man/$1.c"
}

# prints COMMAND.. WORDS: the last argument is a pattern of the whole output.
prints()
{
	local pattern=${!#} output

	output=$("${fixed[@]}" "${@:1:$#-1}" 2>&1) || return
	[[ $output =~ ^$pattern$ ]] || {
		echo "$output"
		return 1
	}
}

prepare
claim 'README has programs and commands' take_out
claim 'the producer compiles without a warning' \
	strict "$scratch/readme/producer"
claim 'the consumer compiles without a warning' \
	strict "$scratch/readme/consumer"
rm -f "$scratch"/readme/{producer,consumer}
commands=$(find "$scratch/readme" -name '*.command' | wc -l)
for ((i = 1; i <= commands; i++)); do
	claim "\$ $(head -n 1 "$scratch/readme/$i.command")" run_command "$i"
done
claim 'README ran its own programs' \
	test -x "$scratch/readme/producer" -a -x "$scratch/readme/consumer"
claim 'README leaves no segment behind' test ! -e /dev/shm/sensors

for page in zipc_segment zipc_array zipc_queue zipc_stack zipc_map zipc_set \
	zipc_pool zipc_ring zipc_semaphore zipc_barrier zipc_latch zipc_mutex \
	zipc_rwlock zipc_once zipc_event zipc_channel zipc_select zipc_future \
	zipc_lazy zipc_stream zipc_derive zipc_inspect zipc_waits; do
	claim "$page(3) has an example" take_example "$page"
	claim "it compiles without a warning" strict "$scratch/man/$page"
done
cd "$scratch/man" || exit 1
claim 'zipc_segment(3) shows name, size and id' prints ./zipc_segment \
	'sensors: 1048576 bytes, id [0-9a-f]{16}'
claim 'zipc_array(3) counts the first run' prints ./zipc_array 'run 1'
claim 'zipc_array(3) counts the second run' prints ./zipc_array 'run 2'
claim 'zipc_queue(3) pushes its arguments' prints ./zipc_queue one two ''
claim 'zipc_queue(3) takes them in order' prints ./zipc_queue $'one\ntwo'
claim 'zipc_pool(3) sends and receives' prints ./zipc_pool \
	$'aaaaaaaa\nbbbbbbbb\ncccccccc'
claim 'zipc_inspect(3) lists what they left' prints ./zipc_inspect words \
	'queue words: 0 of [0-9]+'
claim 'zipc_waits(3) tells that nobody waits' prints ./zipc_waits words \
	'nobody waits'
claim 'zipc_ring(3) writes its arguments' prints ./zipc_ring one two ''
claim 'zipc_ring(3) reads what is there' prints ./zipc_ring $'one\ntwo'
claim 'zipc_stack(3) pushes its arguments' prints ./zipc_stack one two ''
claim 'zipc_stack(3) takes the last one first' prints ./zipc_stack $'two\none'
claim 'zipc_map(3) counts its arguments' prints ./zipc_map one 'one 1'
claim 'zipc_map(3) adds to the counts of before' prints ./zipc_map one 'one 2'
claim 'zipc_set(3) finds new what is new' prints ./zipc_set one 'one: new'
claim 'zipc_set(3) knows what was' prints ./zipc_set one 'one: seen before'
claim 'zipc_semaphore(3) takes one of three' prints ./zipc_semaphore \
	'2 more may run'
claim 'zipc_latch(3) counts the first down' prints ./zipc_latch '2 are missing'
claim 'zipc_latch(3) counts the next down' prints ./zipc_latch '1 are missing'
claim 'zipc_latch(3) is there with the last' prints ./zipc_latch \
	'all are ready'
claim 'zipc_event(3) is set' prints ./zipc_event now ''
claim 'zipc_event(3) was set' prints ./zipc_event 'changed'
claim 'zipc_event(3) is set no more' prints ./zipc_event 'nothing has changed'
ask()
{
	local got

	got=$(./zipc_future & ./zipc_future 42; wait)
	[ "$got" = 42 ]
}
claim 'zipc_future(3) waits for the answer' ask
claim 'zipc_future(3) still has it' prints ./zipc_future 42
claim 'zipc_lazy(3) computes the mean' prints ./zipc_lazy 32
claim 'zipc_lazy(3) makes it old by a sample' prints ./zipc_lazy 20 ''
claim 'zipc_lazy(3) computes it anew' prints ./zipc_lazy 41
claim 'zipc_stream(3) emits its arguments' prints ./zipc_stream 7 8 ''
claim 'zipc_stream(3) reads what is new' prints ./zipc_stream $'7\n8'
claim 'zipc_derive(3) squares what is positive' prints ./zipc_derive 7 -3 2 \
	$'49\n4'
claim 'zipc_stream(3) has read it' prints ./zipc_stream ''
meet()
{
	local got

	got=$(for _ in 1 2 3; do ./zipc_barrier & done; wait)
	[ "$got" = $'all are here\nall are here\nall are here' ]
}
claim 'zipc_barrier(3) lets three go on together' meet
give_away()
{
	local got

	got=$(./zipc_channel one two three & ./zipc_channel; wait)
	[ "$got" = $'one\ntwo\nthree' ]
}
claim 'zipc_channel(3) hands three words over' give_away
claim 'zipc_select(3) finds no job' prints ./zipc_select ''
claim 'zipc_mutex(3) counts under the lock' prints ./zipc_mutex '1 1'
claim 'zipc_mutex(3) counts on' prints ./zipc_mutex '2 2'
claim 'zipc_rwlock(3) shows what it has read' prints ./zipc_rwlock '1 1'
claim 'zipc_rwlock(3) writes when told' prints ./zipc_rwlock 7 '7 8'
claim 'zipc_once(3) fills first' prints ./zipc_once $'filled\n9'
claim 'zipc_once(3) fills once' prints ./zipc_once 9
claims_end
