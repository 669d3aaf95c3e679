#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: stress
#
# Models: spin looks at every interleaving of a model within bounds, and must
# find each mutation of it. What is run, and what must come out, is the table in
# the file runs. Some minutes, on one core; the small ones some seconds each.
#
#   tests/model/run.sh            all of it
#   tests/model/run.sh --small    what is small
#   tests/model/run.sh NAME..     only these, as MODEL, NAME or MODEL/NAME;
#                                 keeps the trail of what comes out otherwise
set -u
models=$(cd "$(dirname "$0")" && pwd)
: "${CC:=cc}"
number=0 failed=0 found=''
small=; [ "${1-}" != --small ] || { small=yes; shift; }
wanted=" $* "
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# explore MODEL EXPECTED SIZE DEFINES..: spin, and its program, in $scratch. 0:
# all of it without an error; 1: with one; 2: it broke off.
explore()
{
	local model=$models/$1.pml property=-DSAFETY loops=''
	local space=-w26 optimize=-O3

	[ "$2" != ends ] || property=-DNP loops=-l
	# What is explored at once is not worth a compiler's time.
	[ "$3" != small ] || space=-w20 optimize=-O0
	shift 3
	rm -f "$scratch"/*
	# shellcheck disable=SC2086 # CC and loops are lists of words
	(
		cd "$scratch" && spin "$@" -a "$model" >pan.log 2>&1 &&
		$CC $optimize -w -DNOREDUCE -DHC4 -DNOBOUNDCHECK \
			-DMEMLIM=6000 $property -o pan pan.c >>pan.log 2>&1 &&
		./pan -E -m200000 $space $loops >pan.log 2>&1
	) || return 2
	found=$(sed -nE 's/^ *([0-9]+) states, stored.*/\1 states/p;
		s/^pan:1: (.{0,60}).*/\1/p' "$scratch/pan.log" | tail -n 1)
	! grep -q 'errors: [1-9]' "$scratch/pan.log" || return 1
	! grep -q 'Search not completed\|max search depth' "$scratch/pan.log" &&
		grep -q 'errors: 0$' "$scratch/pan.log" || return 2
}

# wants MODEL NAME SIZE
wants()
{
	[ -z "$small" ] || [ "$3" = small ] || return 1
	[ "$wanted" = '  ' ] || [[ $wanted = *" $1 "* ]] ||
		[[ $wanted = *" $2 "* ]] || [[ $wanted = *" $1/$2 "* ]]
}

# try MODEL NAME SIZE EXPECTED WORDS DEFINES..
try()
{
	local model=$1 name=$2 size=$3 expected=$4 words=$5 status

	shift 5
	[ "$expected" != caught ] || [[ " $* " = *" -D$name="* ]] ||
		set -- "-D$name" "$@"
	explore "$model" "$expected" "$size" "$@"
	status=$?
	number=$((number + 1))
	case $expected/$status in
	holds/0 | ends/0 | caught/1)
		echo "ok $number - $model/$name $expected: $words ($found)"
		;;
	*)
		failed=1
		echo "# spin $* $model.pml"
		[ $status -lt 2 ] || sed 's/^/# /' "$scratch/pan.log"
		echo "not ok $number - $model/$name $expected: $words ($found)"
		cp "$scratch/$model.pml.trail" . 2>/dev/null
		;;
	esac
}

if ! command -v spin >/dev/null; then
	echo "1..0 # SKIP spin is not installed"
	exit 77
fi
while IFS='|' read -r model name size expected words defines; do
	read -r model name size expected <<<"$model $name $size $expected"
	words=${words# } words=${words% }
	# shellcheck disable=SC2086 # a list of words
	[[ -z $model || $model = '#'* ]] || ! wants $model $name $size ||
		try $model $name $size $expected "$words" $defines </dev/null
done <"$models/runs"
echo "1..$number"
[ $number -gt 0 ] || exit 1
exit "$failed"
