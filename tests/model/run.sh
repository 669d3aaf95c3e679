#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: stress
#
# The place ring as a model (place_ring.pml): spin looks at every interleaving
# within bounds, and must find each mutation. Some minutes, on one core.
#
#   tests/model/run.sh          all of it
#   tests/model/run.sh NAME..   only these, by the first words below; keeps
#                               the trail of what fails in the directory
set -u
model=$(cd "$(dirname "$0")" && pwd)/place_ring.pml
: "${CC:=cc}"
number=0 failed=0 found=''
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# explore FLAGS DEFINES..: 0 without error, 1 with one; else it broke off.
explore()
{
	local flags=$1

	shift
	# shellcheck disable=SC2086 # flags and CC are lists of words
	(
		cd "$scratch" && spin "$@" -a "$model" >spin.log 2>&1 &&
		$CC -O3 -w -DNOREDUCE -DHC4 -DNOBOUNDCHECK -DMEMLIM=6000 \
			$flags -o pan pan.c &&
		./pan -E -m100000 -w26 ${loops:+-l} >pan.log 2>&1
	) || return 2
	found=$(sed -nE 's/^ *([0-9]+) states, stored.*/\1 states/p;
		s/^pan:1: (.{0,60}).*/\1/p' "$scratch/pan.log" | tail -n 1)
	grep -q 'Search not completed\|max search depth' "$scratch/pan.log" &&
		! grep -q 'errors: [1-9]' "$scratch/pan.log" && return 2
	grep -q 'errors: 0$' "$scratch/pan.log"
}

# line PASSED WORDS
line()
{
	number=$((number + 1))
	if [ "$1" = 1 ]; then
		echo "ok $number - $2 ($found)"
	else
		failed=1
		[ $# -lt 3 ] || echo "# $3"
		echo "not ok $number - $2 ($found)"
		cp "$scratch/place_ring.pml.trail" . 2>/dev/null
	fi
}

wanted=" $* "
wants()
{
	[ "$wanted" = '  ' ] || [[ $wanted = *" $1 "* ]]
}

# holds NAME WORDS DEFINES..: the ring is without fault.
holds()
{
	local name=$1 words=$2 status

	wants "$name" || return
	shift 2
	explore -DSAFETY "$@"
	status=$?
	line $((status == 0)) "$name: $words" "spin $* place_ring.pml"
}

# ends NAME WORDS DEFINES..: it has no cycle, so somebody always gets on.
ends()
{
	local name=$1 words=$2 status loops=1

	wants "$name" || return
	shift 2
	explore -DNP "$@"
	status=$?
	line $((status == 0)) "$name: $words" "spin $* place_ring.pml"
}

# breaks NAME WORDS DEFINES..: with the mutation NAME a fault is found.
breaks()
{
	local name=$1 words=$2 status

	wants "$name" || return
	shift 2
	explore -DSAFETY "-D$name" "$@"
	status=$?
	line $((status == 1)) "$name is caught: $words" \
		"spin -D$name $* place_ring.pml"
}

if ! command -v spin >/dev/null; then
	echo "1..0 # SKIP spin is not installed"
	exit 77
fi

batch='-DCAPACITY=2 -DWORK0=2 -DBATCH0=2'
# shellcheck disable=SC2086 # a list of words
{
holds one_each "two writers, a consumer and a late settler" -DWORK1=1
holds laps "a slow writer is lapped, while another process tidies" \
	-DWORK1=3 -DLATE_TIDIES
holds stops "a writer or a settler is stopped for good" \
	-DWORK1=1 -DSETTLES=0 -DSTOPS
holds kills "a writer is killed" -DWORK1=2 -DSETTLES=0 -DKILLS
holds heirs "a writer is killed, and its record has an heir" \
	-DWORK1=2 -DSETTLES=1 -DLATE=0 -DKILLS -DHEIRS
holds batches "a batch, and a late settler" $batch -DWORK1=1 -DSETTLES=0
holds batch_laps "a batch among many pushes" $batch -DWORK1=4 -DLATE=0
holds batch_stops "a batch whose writer is stopped" \
	$batch -DWORK1=2 -DLATE=0 -DSTOPS
holds holes "positions that were given up do not count as full" \
	-DCAPACITY=2 -DWORK1=4 -DBATCH1=2 -DLATE=0 -DSTOPS
holds batch_kills "a batch whose writer is killed" \
	$batch -DWORK1=2 -DLATE=0 -DKILLS
holds leaves "a writer that lost its position leaves" \
	-DWORK1=1 -DLATE=0 -DLEAVES
ends goes_on "no process goes round for ever" -DWORK1=1 -DLATE_TIDIES

breaks NO_FENCE "no heavy fence" -DWORK1=2 -DSETTLES=0
breaks PUBLISH_FIRST "the turn is stored before the element" -DWORK1=1
breaks NO_QUARANTINE "a slot is used while its loser may write" \
	-DWORK1=3 -DLATE=0
breaks CLAIMS_FIRST "active goes down by claims older than the verdict" \
	-DWORK1=3 -DLATE_TIDIES
breaks LOWER_EARLY "and though head has not passed what is revoked" \
	-DCLAIMS_FIRST -DWORK1=1 -DLATE_TIDIES -DCONSUMERS=2
breaks PASS_FIRST "head goes past before claims are marked" \
	-DWORK1=1 -DSETTLES=0 -DSTOPS
breaks NO_REBASE "a batch is asked without moving its claim" \
	$batch -DWORK1=1 -DLATE=0
breaks UNASK_EARLY "a claim is opened again under the question" \
	-DWORK1=1 -DLATE_TIDIES
breaks LOSER_STAYS "who lost a position leaves with its claim" \
	-DWORK1=1 -DLATE=0 -DLEAVES
breaks ANSWER_AT_ONCE "the claim is not read again behind the verdict" \
	-DWORK1=2 -DSETTLES=0 -DSTOPS
breaks ASKING_STAYS "nobody ends the question of a settler that stopped" \
	-DWORK1=2 -DSETTLES=0 -DSTOPS
}
echo "1..$number"
exit "$failed"
