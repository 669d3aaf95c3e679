#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: slow
#
# Tests of the tests: the library is built with one planted fault at a time, and
# the test that guards against it must fail and say so. A fault is a sed script
# on one source; one that no longer changes anything fails too.
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${CC:=cc}"
# shellcheck source=tests/private-shm.sh
. "$top_srcdir/tests/private-shm.sh"
if [ -n "${SANITIZERS-}" ]; then
	echo "1..0 # SKIP the plain build does this"
	exit 0
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
number=0 failed=0

verdict()
{
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		failed=$((failed + 1))
		echo "not ok $number - $2: $3"
		sed 's/^/# /' "$scratch/log"
	fi
}

# build TEST: the test with the sources in $scratch/libzeroipc
build()
{
	# shellcheck disable=SC2046 # flags are words
	$CC -std=gnu11 -D_GNU_SOURCE -O2 -I"$scratch/libzeroipc/include" \
		"$scratch"/libzeroipc/*.c "$scratch"/tests/{harness,children,sweep}.c \
		"$scratch/tests/$1.c" -o "$scratch/test" -Wl,-z,now \
		$(pkg-config --cflags --libs check) -lpthread
}

# Whether the test ends well every time. A missing fence shows only when two
# processes meet within some nanoseconds, so one run may miss it.
survives()
{
	local try

	for try in 1 2 3 4 5; do
		echo "# run $try"
		CK_RUN_CASE=$1 CK_INCLUDE_TAGS='fast medium slow' \
			timeout 300 "$scratch/test" || return 1
	done >"$scratch/log" 2>&1
}

# fault NAME FILE SED TEST CASE WORDS: with the fault, the case fails, and one
# line of what the test prints matches WORDS.
fault()
{
	local name=$1 file=$2 script=$3 test=$4 case=$5 words=$6 source

	rm -rf "${scratch:?}/libzeroipc" "$scratch/tests"
	cp -r "$top_srcdir/libzeroipc" "$top_srcdir/tests" "$scratch"
	: >"$scratch/log"
	source=$scratch/libzeroipc/$file
	sed -E -i "$script" "$source"
	if cmp -s "$top_srcdir/libzeroipc/$file" "$source"; then
		verdict 1 "$name" "the fault can no longer be planted"
	elif ! build "$test" >"$scratch/log" 2>&1; then
		verdict 1 "$name" "it does not compile"
	elif survives "$case"; then
		verdict 1 "$name" "$test does not find it"
	elif ! grep -qE -- "$words" "$scratch/log"; then
		verdict 1 "$name" "$test fails, but not for it"
	else
		verdict 0 "$name: found by $test"
	fi
}

fault "publish before the copy" place_fast.h '
	/zipc_copy_in\(slot->element/d
	/atomic_store_explicit\(&slot->turn, first \+ i,/{
		n
		a\
		zipc_copy_in(slot->element, elems, places->elem_size);
	}' test_queue_sweep '8 bytes' 'torn|these came|doubled'

fault "no settling of a stuck position" place_settle.c '
	/^int zipc_places_unstick/,/^}/{
		s/return zipc_places_settle.*/return zipc_fail_as(EAGAIN, "");/
	}
	' test_queue_sweep '8 bytes' 'is lost|gives'

fault "no fence when a position is settled" place_settle.c '
	s/rc = zipc_fence_heavy\(places->symmetric\);/rc = 0;/
	' test_queue_stress 'settling' 'lost between|out of order or doubled'

fault "no quarantine of a stopped writer's slot" place_settle.c '
	s/return distance > 0 .*/return false;/
	' test_queue_sweep '8 bytes' 'at instruction'

fault "a revoked writer is not told" place_settle.c '
	/verdict == zipc_verdict\(position, ZIPC_IS_REVOKED\)\)/{
		n
		s/return give_back.*/return n;/
	}' test_queue_stress 'settling' 'lost between|out of order or doubled'

fault "no fence when a sleeper arrives" wait.c '
	s/rc = zipc_fence_heavy\(symmetric\);/rc = 0;/
	' test_wait 'rounds' 'late'

echo "1..$number"
exit $((failed > 0))
