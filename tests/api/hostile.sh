#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# What somebody can do to zeroipcd who may write segments of his own and ask it:
# it goes on for all others, and ends when it is told to.
# shellcheck source=tests/api/lib.sh
. "${0%/*}/lib.sh"
zeroipc=${top_builddir:-.}/cli/zeroipc
scribble=${top_builddir:-.}/tests/api/scribble
victim=$prefix-victim

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

new_stream()
{
	"$zeroipc" create "$1" --size 4M --mode 0666
	"$zeroipc" create "$1/numbers" --kind stream --type u64 --capacity 64
}
drive_of() { get "/segments/$1/$2" | jq -r ".drive.$3"; }
drives() { [ "$(drive_of "$1" "$2" state)" = driving ]; }

# Names and files of all kinds.
ln -s /etc/passwd "/dev/shm/$prefix-link"
mkfifo "/dev/shm/$prefix-fifo"
mkdir "/dev/shm/$prefix-directory"
printf -v odd '%s-a\nb\t"<&>\\\xff' "$prefix"
"$zeroipc" create "$odd" --size 64k
printf -v longest '%0255d' 0
longest=$prefix${longest:${#prefix}}
"$zeroipc" create "$longest" --size 64k
new_stream "$victim"
"$zeroipc" derive "$victim" mapped 'map(x + 1)' numbers

start_daemon --threads 24 --max-clients 16
ok 'what is of no harm is driven' wait_until 'driving' drives "$victim" mapped
all=$(get /segments)
is 'links, fifos and directories are no segments' \
	"$(jq --arg p "$prefix" '[.segments[], .unreadable[] |
		select(.name == ($p + "-link", $p + "-fifo", $p + "-directory"))] |
		length' <<<"$all")" 0
href=$(jq -r --arg p "$prefix-a" \
	'.segments[] | select(.name | startswith($p)).href' <<<"$all")
is 'a name of odd bytes has an address' "$(status_of "$href")" 200
is 'and so has the longest' "$(status_of "/segments/$longest")" 200
rmdir "/dev/shm/$prefix-directory"
rm -f "/dev/shm/$prefix-link" "/dev/shm/$prefix-fifo" "/dev/shm/$odd" \
	"/dev/shm/$longest"

# Sparse files that claim to hold more than anybody can read.
sparse=$prefix-sparse
"$zeroipc" create "$sparse" --size 200G --sparse --mode 0666
"$zeroipc" create "$sparse/map" --kind map --key-type u64 --type u64 \
	--capacity 2000000000
before=$(du -k "/dev/shm/$sparse" | cut -f1)
body=$(get "/segments/$sparse/map")
is 'an answer that would take too long is none' \
	"$(jq -r .error <<<"$body")" ETIMEDOUT
ok 'and looking takes no memory of it' \
	[ "$(du -k "/dev/shm/$sparse" | cut -f1)" -le "$before" ]
if [ "$(id -u)" -eq 0 ]; then
	as_other=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	busy()
	{
		[ "$("${as_other[@]}" curl -s --max-time 60 \
			"$url/segments/$sparse/map" | jq -r .error)" = EBUSY ]
	}
	ok 'who asks for too much gets no more' wait_until 'a refusal' busy
	is 'while others are served' "$(status_of "/segments/$victim")" 200
	# Connections that are held: half of them, and no more.
	# shellcheck disable=SC2016 # the other shell's
	hold='for ((i = 0; i < 16; i++)); do
		exec {fd}<>"/dev/tcp/127.0.0.1/$1"
		printf "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" >&"$fd"
		line=
		read -r line <&"$fd"
		[[ $line != HTTP* ]] || served=$((served + 1))
	done
	echo "$served"
	read -r line'
	mkfifo "$scratch/hold"
	exec {held_out}< <(trap '' PIPE
		exec "${as_other[@]}" bash -c "$hold" hold "$port" \
			<"$scratch/hold" 2>/dev/null)
	exec {hold}>"$scratch/hold"
	read -r -t 60 line <&"$held_out"
	is 'who wants all connections gets half of them' "$line" 8
	is 'and others are served meanwhile' "$(status_of /healthz)" 200
	exec {hold}>&-

	# What is wanted of it, others are still driven.
	hog=$prefix-hog
	new_stream "$hog"
	chown 65534 "/dev/shm/$hog"
	for name in {a..p}; do
		"$zeroipc" derive "$hog" "$name" 'map(x)' numbers
	done
	# Other tests may have streams that are driven, too.
	refused()
	{
		get "/segments/$hog" | jq -e '[.structures[].drive?.error |
			select(. == "EUSERS")] | length >= 4'
	}
	ok 'nobody takes all threads' wait_until 'refusals' refused
	has 'and is told so' "$(get "/segments/$hog" | jq -r '[.structures[] |
		.drive?.message | select(.)][0]')" 'of 24 threads'
	is 'which is logged once' "$(grep -c 'no more is driven for nobody' \
		"$scratch/daemon.err")" 1
	new_stream "$prefix-late"
	"$zeroipc" derive "$prefix-late" mapped 'map(x)' numbers
	ok 'so there are some for the next one' \
		wait_until 'the next one' drives "$prefix-late" mapped
	rm -f "/dev/shm/$hog" "/dev/shm/$prefix-late"
else
	skip 'what another user asks for, and has driven' \
		'needs root to become one'
fi
rm -f "/dev/shm/$sparse"

# A segment that changes under its hands.
wild=$prefix-wild
new_stream "$wild"
"$zeroipc" derive "$wild" mapped 'filter(x > 0) | map(x * 2)' numbers
"$zeroipc" create "$wild/array" --kind array --type u64 --capacity 8
"$zeroipc" create "$wild/sum" --kind lazy --expression 'sum(array)'
seq 1 40 | "$zeroipc" emit "$wild/numbers"
ok 'a segment is driven' wait_until 'driving' drives "$wild" mapped
mkfifo "$scratch/hold-wild"
exec {wild_out}< <(exec "$scribble" "$wild" <"$scratch/hold-wild")
exec {hold_wild}>"$scratch/hold-wild"
read -r -t 60 line <&"$wild_out"
is 'somebody changes its words' "$line" ready
for _ in {1..20}; do
	get "/segments/$wild" >/dev/null
	get "/segments/$wild/mapped" >/dev/null
	get "/segments/$wild/waits" >/dev/null
done
is 'zeroipcd goes on' "$(status_of "/segments/$victim")" 200
seq 1 3 | "$zeroipc" emit "$victim/numbers"
results() { [ "$("$zeroipc" cat "$victim/mapped" | wc -l)" = 3 ]; }
ok 'and drives the others' wait_until 'results' results
stop_daemon TERM
is 'it ends while that goes on' "$status" 0
exec {hold_wild}>&-
rm -f "/dev/shm/$wild" "/dev/shm/$victim"
finish
