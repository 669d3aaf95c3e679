#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# zeroipcd drives what is marked for it: each result is there once, however
# often it is killed; a segment that is cut short is lost alone; JSON and the
# page tell who drives, what operators did, and what failed.
# shellcheck source=tests/api/lib.sh
. "${0%/*}/lib.sh"
zeroipc=${top_builddir:-.}/cli/zeroipc
segment=$prefix-flow

it() { get "/segments/$segment/$1?int64=string" | jq -c "$2"; }

# wait_until WORDS COMMAND..: as long as it takes, which the watchdog bounds.
wait_until()
{
	local words=$1 end=$((SECONDS + 60))

	shift
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			echo "# never came: $words"
			return 1
		fi
		sleep 0.05
	done
}

# results N: whether hot has so many.
results() { [ "$("$zeroipc" cat "$segment/hot" | wc -l)" -ge "$1" ]; }

"$zeroipc" create "$segment" --size 2M
"$zeroipc" create "$segment/cpu" --kind stream --type '{n:i64, busy:f64}' \
	--capacity 4096
operators='filter(x.n % 2 == 0) | map(x.n * 900719925474099)'
"$zeroipc" derive --oldest --capacity 4096 "$segment" hot "$operators" cpu
"$zeroipc" derive --by-hand "$segment" mine 'map(x.busy)' cpu
numbers() { seq -f '{"n": %.0f, "busy": 0.5}' "$1" "$2"; }
numbers 1 8 | "$zeroipc" emit "$segment/cpu"

driving() { [ "$(it hot .drive.state)" = '"driving"' ]; }

start_daemon
ok 'what is marked for it is driven' wait_until 'four results' results 4
is 'in order, with all digits' \
	"$("$zeroipc" cat "$segment/hot" | paste -sd ' ')" \
	'1801439850948198 3602879701896396 5404319552844594 7205759403792792'
is 'what is not is left alone' "$(it mine '[.size, .drive]')" '["0",null]'
is 'its text' "$(it hot .derivation.text)" "\"$operators\""
ok 'it says that it drives' \
	wait_until 'a driver' driving
is 'what each operator did' \
	"$(it hot '[.derivation.stages[] | [.in, .out, .failed]]')" \
	'[["8","4","0"],["4","4","0"]]'
is 'where it is in its source' \
	"$(it hot '.derivation.sources[0] | [.name, .position, .lag, .lost]')" \
	'["cpu","9","0","0"]'
is 'who drives' "$(it hot '.derivation.driver | [.name, .pid, .alive]')" \
	"[\"zeroipcd\",$daemon,true]"
is 'its place in the source is the stream, and no process' \
	"$(it cpu '[.stream.subscriptions[] |
		select(.name == "hot") | [.of_derived, .pid]]')" '[[true,0]]'

# Rates of operators, as seen between two looks: keep it busy for a while.
flows()
{
	numbers 2 2 | "$zeroipc" emit "$segment/busy"
	it double '.drive.stages[0] | .in_per_s > 0 and .out_per_s > 0' |
		grep -qx true
}
"$zeroipc" create "$segment/busy" --kind stream --type '{n:i64, busy:f64}' \
	--capacity 64
"$zeroipc" derive "$segment" double 'map(x.n * 2)' busy
ok 'what goes through an operator each second' wait_until 'a rate' flows

# What fails is left out, and told.
"$zeroipc" emit "$segment/cpu" '{"n": 9000000000000000000, "busy": 0}'
failed() { [ "$(it hot '.derivation.stages[1].failed')" = '"1"' ]; }
ok 'an element that fails is counted' wait_until 'a failure' failed
has 'and the failure told in words' "$(it hot .derivation.failure)" overflow

if command -v chromium >/dev/null; then
	page=$(dump "#/$segment")
	has 'the page has the operators' "$page" \
		'<code title="filter(x.n % 2 == 0)">filter(x.n % 2 == 0)</code>'
	has 'who drives' "$page" "driven by zeroipcd ($daemon)"
	has 'who does not' "$page" 'nobody drives it just now'
	has 'what failed' "$page" '1 failed'
	page=$(dump "#/$segment/cpu")
	has 'whose place in a source it is' "$page" 'hot (derived from this, '
	page=$(dump "#/$segment/hot")
	has 'and on its own page what it is made of' "$page" \
		'<dd>filter(x.n % 2 == 0) | map('
	is 'without an error' \
		"$(grep -c 'CONSOLE.*\(Refused\|Error\)' "$scratch/browser.err")" 0
else
	skip 'the page in a browser' 'chromium is not installed'
fi

# Killed again and again under load, started again: each result once.
numbers 10 3000 >"$scratch/numbers"
"$zeroipc" emit --wait forever "$segment/cpu" <"$scratch/numbers" &
producer=$!
for ((kill = 0; kill < 8; kill++)); do
	sleep "0.0$((RANDOM % 10))"
	stop_daemon KILL
	start_daemon
done
wait "$producer"
ok 'it goes on after each death' wait_until 'all results' results 1500
{
	seq 2 2 8
	seq 10 2 3000
} | awk '{ printf "%s\n", $1 }' >"$scratch/even"
"$zeroipc" cat "$segment/hot" >"$scratch/got"
while read -r n; do echo $((n * 900719925474099)); done \
	<"$scratch/even" >"$scratch/wanted"
ok 'and nothing is lost, doubled or out of order' \
	cmp "$scratch/got" "$scratch/wanted"

# A lazy value that is asked for is computed, and its inputs.
"$zeroipc" create "$segment/samples" --kind array --type f64 --capacity 4
"$zeroipc" set "$segment/samples[2]" 8
"$zeroipc" create "$segment/mean" --kind lazy --expression 'mean(samples)'
"$zeroipc" create "$segment/twice" --kind lazy --expression 'mean * 2'
is 'a lazy value that nobody asked for is left alone' \
	"$(it twice .lazy.state)" '"idle"'
is 'one that is waited for is computed' \
	"$("$zeroipc" wait --wait 60 "$segment/twice")" 4
is 'by zeroipcd' "$(it twice '.lazy.computer | [.name, .pid]')" \
	"[\"zeroipcd\",$daemon]"

"$zeroipc" create "$segment/thrice" --kind lazy --expression 'mean * 3'
"$zeroipc" wait --wait 0 "$segment/thrice" 2>/dev/null
computed() { [ "$(it thrice .lazy.state)" = '"done"' ]; }
ok 'so is one that nobody waits for, but somebody has asked for' \
	wait_until 'it is done' computed

# A file that is cut short below it.
other=$prefix-short
"$zeroipc" create "$other" --size 2M
"$zeroipc" create "$other/cpu" --kind stream --type u64 --capacity 64
"$zeroipc" derive "$other" all 'map(x)' cpu
driven() { [ "$(get "/segments/$other/all" | jq -r .drive.state)" = driving ]; }
ok 'another segment is driven too' wait_until 'the other one' driven
truncate -s 0 "/dev/shm/$other"
kill -0 "$daemon"
numbers 3002 3002 | "$zeroipc" emit "$segment/cpu"
ok 'one that is cut short is lost alone' wait_until 'one more' results 1501
rm -f "/dev/shm/$other"

# What is removed is left alone, and what is made anew is found.
"$zeroipc" rm "$segment/hot"
"$zeroipc" derive --oldest "$segment" hot 'take(2) | map(x.n)' cpu
ended() { [ "$(it hot .drive.state)" = '"ended"' ]; }
ok 'a new one of the same name is driven, to its end' \
	wait_until 'the end' ended
stop_daemon TERM
is 'it ends well' "$status" 0

start_daemon --no-drive
"$zeroipc" derive --oldest "$segment" later 'map(x.n)' cpu
is 'it can be told not to drive' "$(it later .drive)" null
"$zeroipc" drive --wait 0 "$segment/later"
ok 'what it leaves others do' \
	[ "$("$zeroipc" cat "$segment/later" | wc -l)" -gt 0 ]
stop_daemon TERM
"$zeroipc" rm "$segment"
finish
