#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# What zeroipcd tells of segments, structures, elements and participants.
# shellcheck source=tests/api/lib.sh
. "${0%/*}/lib.sh"

start_daemon
start_fixture

# The daemon started first, so it has to notice them.
all=$(get /segments)
mine=$(jq -c --arg p "$prefix" \
	'[.segments[] | select(.name | startswith($p))]' <<<"$all")
is 'healthz is well' "$(get /healthz | jq -r .status)" ok
is 'its version is told' "$(jq -r .daemon.version <<<"$all")" 3.0.0
is 'who asks is known' "$(jq -r .client.uid <<<"$all")" "$(id -u)"
is 'all segments are listed' "$(jq length <<<"$mine")" 3
is 'what is damaged is listed apart' "$(jq -r --arg n "$prefix-broken" \
	'.unreadable[] | select(.name == $n) | .error' <<<"$all")" EBADMSG
is 'what is no segment is not listed' \
	"$(grep -c "$prefix-foreign" <<<"$all")" 0
is 'the answer ends with a newline' "$(get /segments | tail -c 1)" ''

data=$(jq -c '.[] | select(.name | endswith("-data"))' <<<"$mine")
is 'a size' "$(jq .size_bytes <<<"$data")" 16777216
is 'a mode' "$(jq -r .mode <<<"$data")" 0644
is 'an owner' "$(jq -r .owner <<<"$data")" "$(id -un)"
is 'an id' "$(jq -r '.id | test("^[0-9a-f]{16}$")' <<<"$data")" true
is 'which the command line tells as well' "$(jq .id <<<"$data")" \
	"$("${top_builddir:-.}/cli/zeroipc" stat --json "$prefix-data" |
		jq .id)"
is 'a time' "$(jq -r '.created | sub("\\.[0-9]+"; "") |
	fromdate > 1700000000' <<<"$data")" true
is 'a count of processes' "$(jq .participants_alive <<<"$data")" 1

one=$(get "/segments/$prefix-data")
is 'structures in order' "$(jq -c '[.structures[].name]' <<<"$one")" \
	'["u64","i64","f64","cpu","events","many","wide","wordy","log","undo","permits","meeting"]'
is 'a queue and what went through' "$(jq -c '.structures[] |
	select(.name == "events") | [.kind, .type, .elem_size, .capacity, .size,
	.added, .removed]' <<<"$one")" '["queue","u64",8,10,4,5,1]'
is 'a stack likewise' "$(jq -c '.structures[] |
	select(.name == "undo") | [.kind, .type, .elem_size, .capacity, .size,
	.added, .removed]' <<<"$one")" '["stack","u64[2]",16,10,3,4,1]'
is 'its newest element first' "$(get "/segments/$prefix-data/undo" |
	jq -c '[.elements[] | [.index, .value[0]]]')" '[[0,3],[1,2],[2,1]]'
is 'the fields of a record' "$(jq -c '.structures[] | select(.name == "cpu") |
	[.fields[].name]' <<<"$one")" '["user","system","id","jiffies"]'
is 'a process that is alive' "$(jq -c '.participants[] |
	[.pid, .name, .alive]' <<<"$one")" "[$held,\"fixture\",true]"

# jq before 1.7 rounds large numbers, so digits are looked for in the text.
u64=$(get "/segments/$prefix-data/u64")
has 'the largest u64 has all its digits' "$u64" '"value": 18446744073709551615}'
has 'so has 2^53 + 1' "$u64" '"value": 9007199254740993}'
has 'and the smallest i64' "$(get "/segments/$prefix-data/i64")" \
	'"value": -9223372036854775808}'
quoted=$(get "/segments/$prefix-data/u64?int64=string")
is 'int64=string quotes them' "$(jq -r '.elements[0].value' <<<"$quoted")" \
	18446744073709551615
is 'and all other counts of 64 bits' "$(jq -c '[.capacity, .elements[1].index]' \
	<<<"$quoted")" '["4","1"]'
is 'int64=number does not' \
	"$(get "/segments/$prefix-data/u64?int64=number" | jq .capacity)" 4
is 'what is no number is a string' "$(get "/segments/$prefix-data/f64" |
	jq -c '[.elements[].value]')" '["nan","-inf",0.1,0]'
is 'a record by its fields' "$(get "/segments/$prefix-data/cpu?from=3&count=1" |
	jq -c '.elements[0] | [.index, .value.user, .value.id]')" '[3,3.5,3]'
is 'a queue from the oldest on' "$(get "/segments/$prefix-data/events" |
	jq -c '[.elements[] | [.index, .value]]')" \
	'[[2,101],[3,102],[4,103],[5,104]]'
is 'and from the second on' "$(get "/segments/$prefix-data/events?from=1&count=2" |
	jq -c '[.elements[].value]')" '[102,103]'
log=$(get "/segments/$prefix-data/log")
is 'a ring by its records' "$(jq -c '[.elements[] | [.index, .length, .value]]' \
	<<<"$log")" '[[1,5,"first"],[2,2,"\\x0001"],[3,28,"<img src=x onerror=alert(1)>"]]'
is 'and who writes and reads it' "$(jq -c '.ring | [.records, .written,
	.has_writer, .readers]' <<<"$log")" '[3,3,false,[]]'
is 'its last record' "$(get "/segments/$prefix-data/log?from=2" |
	jq -c '[.elements[].index]')" '[3]'
is 'none behind it' "$(get "/segments/$prefix-data/log?from=3" |
	jq -c .elements)" '[]'

is 'a semaphore, and who holds what of it' \
	"$(get "/segments/$prefix-data/permits" | jq -c '[.kind, .elements,
	.state.value, .state.owned,
	(.state.holders[] | [.permit, .pid, .name, .alive])]')" \
	"[\"semaphore\",[],2,true,[0,$held,\"fixture\",true]]"
is 'a barrier, and who has arrived' \
	"$(get "/segments/$prefix-data/meeting" | jq -c '[.state.value,
	.state.rounds, .state.broken,
	(.state.holders[] | [.party, .pid, .arrived])]')" "[1,0,0,[0,$held,true]]"

many=/segments/$prefix-data/many
is 'a hundred elements by default' "$(get "$many" | jq '.elements | length')" 100
is 'a thousand at most' "$(get "$many?count=1000" | jq '.elements | length')" 1000
is 'the last ones' "$(get "$many?from=4999" | jq -c '[.elements[].index]')" \
	'[4999]'
is 'none behind the end' "$(get "$many?from=5000" | jq -c .elements)" '[]'
is 'nor far behind it' \
	"$(get "$many?from=18446744073709551615" | jq -c .elements)" '[]'
is 'none if none is wanted' "$(get "$many?count=0" | jq -c .elements)" '[]'

is 'large elements: as many as fit' \
	"$(get "/segments/$prefix-data/wide" | jq '.elements | length')" 4
is 'more than fit are refused' \
	"$(status_of "/segments/$prefix-data/wide?count=5")" 413
is 'so are wordy ones' "$(status_of "/segments/$prefix-data/wordy")" 413
is 'with words' "$(get "/segments/$prefix-data/wordy" | jq -r .error)" EMSGSIZE

# Names of any bytes: shown as UTF-8, and addressed by their href.
odd=$(jq -c '.[] | select(.name | contains("<img"))' <<<"$mine")
is 'bytes that are not UTF-8 are replaced' "$(jq -r .name <<<"$odd")" \
	"$prefix-<img src=x onerror=alert(1)>"$'\xEF\xBF\xBD'
href=$(jq -r .href <<<"$odd")
is 'each can be addressed' "$(get "$href" | jq '.structures | length')" 3
is 'and each structure in it' "$(get "$href" | jq -r '.structures[].href' |
	while read -r it; do get "$it" | jq -r .href; done | sort -u | wc -l)" 3
is 'a slash in a part is part of the name' \
	"$(status_of "/segments%2F$prefix-data")" 404

is 'an unknown segment' "$(status_of /segments/"$prefix"-none)" 404
is 'an unknown structure' "$(status_of "/segments/$prefix-data/none")" 404
is 'says what is missing' "$(get "/segments/$prefix-data/none" | jq -r .message)" \
	"segment $prefix-data has no structure called none"
is 'a damaged segment' "$(status_of "/segments/$prefix-broken")" 422

# Somebody is killed with an object in its hands, and another on its way.
"${top_builddir:-.}/examples/frames_producer" "$prefix-frames" 1 crash
frames=$(get "/segments/$prefix-frames/frames?count=2")
is 'objects of a pool that are taken' "$(jq -c '[.kind, .size, .capacity,
	.elements[0].value.number]' <<<"$frames")" '["pool",2,8,1]'
is 'and whose they are' "$(jq -c '.objects[] | [.index, .state, .alive]' \
	<<<"$frames" | tr '\n' ' ')" \
	'[0,"passed",false] [1,"owned",false] '

stop_daemon TERM
is 'SIGTERM ends it well' "$status" 0
finish
