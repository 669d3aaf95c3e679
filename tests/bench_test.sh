#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# The bench itself, by counts and never by times: every candidate that is here
# moves its items through every work that it is fit for, once, whole and in
# order; planted candidates that do not are found; and a measurement goes from
# its beginning to its JSON.
set -u
if [ -n "${SANITIZERS-}" ]; then
	echo "1..0 # SKIP the bench is not built with sanitizers"
	exit 77
fi
: "${top_builddir:=$PWD}"
run=$top_builddir/bench/run
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
number=0 failed=0

claim()
{
	local words=$1

	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $words"
	else
		failed=1
		echo "not ok $number - $words"
	fi
}

# Each line of --check is a test of its own.
"$run" --check >"$scratch/all"
status=$?
while read -r line; do
	case $line in
	"ok - "*) claim "${line#ok - }" true ;;
	"not ok - "*) claim "${line#not ok - }" false ;;
	*) echo "# $line" ;;
	esac
done <"$scratch/all"
claim 'all candidates move their items right' [ $status -eq 0 ]
claim 'ours is among them' grep -q '^ok - 1p1c-8-1024: zeroipc$' "$scratch/all"
claim 'ours is among the stacks' \
	grep -q '^ok - stack-2p-64: zeroipc$' "$scratch/all"
claim 'and ours in C++' grep -q '^ok - batch-64-1024: zeroipc-c++$' "$scratch/all"

# Python's own, by the system's, which has its python3-numpy.
"${PYTHON:-/usr/bin/python3}" -B \
	"${top_srcdir:-.}/bench/python_bench.py" --check >"$scratch/python"
status=$?
while read -r line; do
	claim "Python: ${line#*ok - }" [ "${line#not }" = "$line" ]
done <"$scratch/python"
claim "all of Python's candidates move their items right" [ $status -eq 0 ]
claim 'ours is among them, too' \
	grep -q '^ok - pair-8: zeroipc-python$' "$scratch/python"

# planted FAULT WORDS: the candidate with that fault is found, in these words.
planted()
{
	"$run" --check --patience "${3-30}" --only 1p1c-64-1024 \
		--peer "planted-$1" >"$scratch/planted"
	claim "one that $1 an item is found" \
		grep -q "^not ok - 1p1c-64-1024: planted-$1: $2" \
		"$scratch/planted"
}
planted loses 'it hangs' 2
planted doubles 'other items came out'
planted swaps '.* out of order'
planted tears '.* out of order, or torn'
"$run" --check --only stack-pair-64 --peer planted-torn >"$scratch/planted"
claim 'one that tears an item of a stack is found' \
	grep -q '^not ok - stack-pair-64: planted-torn: .* torn' \
	"$scratch/planted"

"$run" --check --only lock-mutex --peer planted-unlocked >"$scratch/planted"
claim 'one that forgets what is under a lock is found' \
	grep -q '^not ok - lock-mutex: planted-unlocked: .* inside' \
	"$scratch/planted"

# With one that is faulty: its fault is told, and the others are measured.
"$run" --only 1p1c-64-1024 --peer ck-mpmc --peer pipe --peer planted-swaps \
	--rounds 2 --seconds 0.002 --unsteady --json "$scratch/json" \
	>"$scratch/table"
claim 'a fault is told by the status' [ $? -eq 1 ]
claim 'and in the table' \
	grep -q 'planted-swaps * FAULT: .*out of order' "$scratch/table"
claim 'ours is compared with a peer' \
	grep -qE '^  pipe +[0-9.]+ \([0-9.]+\.\.[0-9.]+\) +[0-9.]+ \(' \
	"$scratch/table"
claim 'JSON holds every run' jq -e '.works[0] | .work == "1p1c-64-1024" and
	.ours == "zeroipc" and .goal == 35 and
	([.runs[] | select(.candidate == "pipe")] | length) == 2 and
	([.figures[] | select(.candidate == "pipe" and .ratio > 0)]
		| length) == 1' "$scratch/json"
echo "1..$number"
exit "$failed"
