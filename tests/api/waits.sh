#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# Who waits for whom, as zeroipcd, the command line and the page tell it: two
# processes that wait for each other, and a third beside them.
# shellcheck source=tests/api/lib.sh
. "${0%/*}/lib.sh"
zeroipc=${top_builddir:-.}/cli/zeroipc
segment=$prefix-stuck

case ${SANITIZERS-} in
*thread*)
	skip 'deadlocks' 'each process has a thread of the sanitizer'
	finish
	exit
	;;
esac
start_daemon
"$zeroipc" create "$segment-calm" --size 64K
"$zeroipc" create "$segment-calm/m" --kind mutex
"$zeroipc" create "$segment-calm/waits" --kind array --type u8 --capacity 2
is 'where nobody waits, that is said' "$("$zeroipc" why "$segment-calm")" \
	'nobody waits'
is 'in JSON, too' "$(get "/segments/$segment-calm/waits" |
	jq -c '[.segment, .blocked, .deadlocks, .partial]')" \
	"[\"$segment-calm\",[],[],false]"
is 'a structure of that name is asked for by its elements' \
	"$(get "/segments/$segment-calm/waits?from=0" | jq -r .kind)" array
is 'other parameters are refused' \
	"$(status_of "/segments/$segment-calm/waits?wait=1")" 400
is 'and so is a segment that is not there' \
	"$(status_of "/segments/$segment-none/waits")" 404
is 'who holds a mutex is told, or that nobody does' \
	"$(get "/segments/$segment-calm/m" |
		jq -c '[.lock.state, .lock.deaths, .lock.holder]')" \
	'["free",0,null]'
"$zeroipc" create "$segment-calm/f" --kind future --type u64
is 'a future that nobody has promised is pending' \
	"$(get "/segments/$segment-calm/f" |
		jq -c '[.future.state, .future.promiser, .elements]')" \
	'["pending",null,[]]'
"$zeroipc" fail "$segment-calm/f" -7 'no <b>luck</b>'
is 'and one that has failed tells how, and by whom' \
	"$(get "/segments/$segment-calm/f" | jq -c '.future |
		[.state, .code, .message, .settler.alive, .deaths]')" \
	'["failed",-7,"no <b>luck</b>",false,0]'
"$zeroipc" create "$segment-calm/l" --kind lazy --type i64 --expression '1 // f'
is 'a lazy tells what it is an expression of' \
	"$(get "/segments/$segment-calm/l" |
		jq -c '.lazy | [.state, .expression, .external, .computer]')" \
	'["idle","1 // f",false,null]'
"$zeroipc" force "$segment-calm/l" 2>/dev/null
is 'and one that has failed tells how, and who was it' \
	"$(get "/segments/$segment-calm/l" | jq -c '.lazy |
		[.state, .code, .message, .computer.alive, .computed]')" \
	'["failed",-7,"f has failed: no <b>luck</b>",false,1]'
"$zeroipc" create "$segment-calm/c" --kind channel --type u8
"$zeroipc" send --wait 60 "$segment-calm/c" 7 &
sender=$!
until "$zeroipc" why "$segment-calm" | grep -q 'to send'; do
	:
done
for what in "$(get "/segments/$segment-calm/waits")" \
	"$("$zeroipc" why --json "$segment-calm")"; do
	is 'who waits to send is told' "$(jq -c '.blocked | [length, (.[0] |
		.sentence, .holders, (.waiters[] | .pid, .to, .for_ns))]' \
		<<<"$what")" "[1,\"1 waits to send to channel \`c\`: $sender\",\
[],$sender,\"send\",0]"
done
"$zeroipc" receive "$segment-calm/c" >"$scratch/received"
wait "$sender"
is 'until it is received' "$("$zeroipc" why "$segment-calm")" 'nobody waits'
"$zeroipc" create "$segment-calm/s" --kind semaphore --capacity 1 --owned
"$zeroipc" wait "$segment-calm/s" sh -c "\"\$0\" wait \"\$1\" true &
	until \"\$0\" why '$segment-calm' | grep -q left; do :; done
	curl -sS '$url/segments/$segment-calm/waits'" \
	"$zeroipc" "$segment-calm/s" >"$scratch/held"
is 'who holds all permits is told' "$(jq -c '.blocked | [length, (.[0] |
	.name, .unnamed, .permits, .waiters, .holders[].permits)]' \
	"$scratch/held")" '[1,"s",true,1,[],1]'
ok 'in words, too' grep -q "semaphore \`s\` has 0 of 1 permits left, held by" \
	"$scratch/held"
"$zeroipc" rm "$segment-calm"

mkfifo "$scratch/stuck"
exec {stuck_out}< <(exec "${top_builddir:-.}/tests/api/deadlock" "$segment" \
	<"$scratch/stuck")
exec {stuck}>"$scratch/stuck"
read -r -t 60 one two three <&"$stuck_out"

name='\(lt-deadlock\)|\(deadlock\)'
step="[0-9]+ ($name) waits for mutex \`(first|second)\`, which [0-9]+ holds"
text=$("$zeroipc" why "$segment")
is 'a deadlock is told by its own status' $? 4
ok 'its sentence comes first' grep -qxE "deadlock: $step; $step" \
	<(head -n 1 <<<"$text")
ok 'then who waits for the first' grep -qxE "mutex \`first\` held by $one \
($name) for [0-9.]+ s; 2 wait: ($two, $three|$three, $two)" <<<"$text"
ok 'and for the second' grep -qxE "mutex \`second\` held by $two ($name) for \
[0-9.]+ s; 1 waits: $one" <<<"$text"
is 'that is all' "$(wc -l <<<"$text")" 3

for what in "$(get "/segments/$segment/waits")" \
	"$("$zeroipc" why --json "$segment")"; do
	is 'the deadlock is certain' "$(jq -c '.deadlocks |
		[length, .[0].certain]' <<<"$what")" '[1,true]'
	is 'it has both' "$(jq -c '[.deadlocks[0].steps[].pid] | sort' \
		<<<"$what")" "$(jq -nc "[$one, $two] | sort")"
	is 'and what they wait for' "$(jq -c --argjson one "$one" \
		'.deadlocks[0].steps[] | select(.pid == $one) | .waits_for' \
		<<<"$what")" '"second"'
	is 'who holds which' "$(jq -c '[.blocked[] | [.name, .holders[0].pid]]' \
		<<<"$what")" "[[\"first\",$one],[\"second\",$two]]"
	is 'and who waits' "$(jq -c '.blocked[0].waiters |
		[.[].pid] | sort' <<<"$what")" \
		"$(jq -nc "[$two, $three] | sort")"
	is 'for how long' "$(jq '[.blocked[] | .held_ns, .waiters[].for_ns] |
		map(select(. > 0)) | length' <<<"$what")" 5
done
is 'a holder is told of its structure' "$(get "/segments/$segment/first" |
	jq -c '[.lock.state, .lock.holder.pid, .lock.holder.alive]')" \
	"[\"held\",$one,true]"

if command -v chromium >/dev/null; then
	page=$(timeout 120 chromium --headless --no-sandbox --disable-gpu \
		--disable-quic --no-first-run --disable-background-networking \
		--disable-component-update --disable-sync \
		--user-data-dir="$scratch/browser" --virtual-time-budget=4000 \
		--dump-dom "$url/#/$segment" 2>"$scratch/browser.err")
	has 'the page says so' "$page" '<li class="deadlock">deadlock: '
	has 'and who waits' "$page" "1 waits: $one</li>"
else
	skip 'the page in a browser' 'chromium is not installed'
fi
exec {stuck}>&-
finish
