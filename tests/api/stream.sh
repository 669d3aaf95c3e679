#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# A stream as zeroipcd and its page tell it: where it stands, what is retained,
# and who reads it by name.
# shellcheck source=tests/api/lib.sh
. "${0%/*}/lib.sh"
zeroipc=${top_builddir:-.}/cli/zeroipc
segment=$prefix-news

start_daemon
"$zeroipc" create "$segment" --size 256K
"$zeroipc" create "$segment/ticks" --kind stream --type u64 --capacity 4 \
	--policy drop-old --timestamps --max-writers 3 --max-subscriptions 2
it() { get "/segments/$segment/ticks$1" | jq -c "$2"; }

is 'an empty one' "$(it '' '[.kind, .type, .capacity, .size, .elements]')" \
	'["stream","u64",4,0,[]]'
is 'what it does when it is full, and who may use it' \
	"$(it '' '.stream | [.policy, .timestamps, .ended, .dropped, .writers,
		.max_writers, .max_subscriptions, .subscriptions]')" \
	'["drop-old",true,false,0,0,3,2,[]]'
"$zeroipc" emit "$segment/ticks" 1 2
# It goes on reading; what it has printed, it has read.
exec {out}< <(exec "$zeroipc" follow --oldest --subscription live \
	--wait 600 "$segment/ticks")
reader=$!
read -r -t 60 one <&"$out"
read -r -t 60 two <&"$out"
is 'a reader follows' "$one $two" '1 2'
is 'it is told by its name and process' \
	"$(it '' '.stream.subscriptions[0] | [.name, .has_reader, .alive, .pid,
		.position, .lag, .lost]')" "[\"live\",true,true,$reader,3,0,0]"
"$zeroipc" follow --oldest --subscription 'a<b>' -n 1 "$segment/ticks" \
	>/dev/null
kill -STOP "$reader"
"$zeroipc" emit "$segment/ticks" 3 4 5 18446744073709551615
is 'what is retained, from the oldest on' \
	"$(it '?int64=string' '[.elements[] | [.index, .value]]')" \
	'[["3","3"],["4","4"],["5","5"],["6","18446744073709551615"]]'
is 'and from the third on' "$(it '?from=2&count=1' '[.elements[].value]')" \
	'[5]'
is 'where it stands' "$(it '' '[.added, .size, .stream.position]')" '[6,4,7]'
is 'one that nobody reads just now, and how far it is behind' \
	"$(it '' '.stream.subscriptions[] | select(.name == "a<b>") |
		[.has_reader, .alive, .position, .lag]')" '[false,false,2,5]'
kill -KILL "$reader"
while kill -0 "$reader" 2>/dev/null; do wait "$reader" 2>/dev/null; done
is 'one whose reader has died' \
	"$(it '' '.stream.subscriptions[] | select(.name == "live") |
		[.has_reader, .alive]')" '[true,false]'
is 'counts of 64 bits are quoted if asked' "$(it '?int64=string' \
	'.stream | [.position, .subscriptions[1].lag]')" '["7","5"]'

if command -v chromium >/dev/null; then
	page=$(dump "#/$segment/ticks")
	has 'the page says what it does when it is full' "$page" \
		'the oldest are overwritten'
	has 'who reads, by a name that is text only' "$page" \
		'a&lt;b&gt; (5 behind, 0 lost)'
	has 'and who has died' "$page" 'live (its reader has died, '
	has 'and the elements' "$page" '18446744073709551615'
else
	skip 'the page in a browser' 'chromium is not installed'
fi
"$zeroipc" rm "$segment"
finish
