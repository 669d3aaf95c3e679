#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: slow
#
# ./demo, with what is built: its status is 0 when data flows and only then, it
# ends what it started however it ends, and leaves others' segments and ports
# alone.
# shellcheck disable=SC2317 # claims call their functions by name
set -u
: "${top_srcdir:=$PWD}" "${top_builddir:=$top_srcdir}"
# shellcheck source=tests/private-shm.sh
. "$top_srcdir/tests/private-shm.sh"

must_be_free machine
scratch=$(mktemp -d)
port=$((20000 + $$ % 10000))
# shellcheck source=tests/tap.sh
. "$top_srcdir/tests/tap.sh"
running=''

# Only segments of demos that ran here: all of them in a private /dev/shm.
clean_up()
{
	stop
	[ "$private_shm" = no ] || rm -f /dev/shm/machine*
	rm -rf "$scratch"
}
trap clean_up EXIT

# must COMMAND..: note in a file if it is not so; any number in a test.
must()
{
	"$@" && return
	echo "not so: $*"
	return 1
}

demo()
{
	"$top_srcdir/demo" --built "$top_builddir" --port "$port" "$@" \
		</dev/null 2>&1
}

# until COMMAND..: wait for it; run-script's limit is the watchdog.
until_so()
{
	until "$@" 2>/dev/null; do
		sleep 0.05
	done
}

# A demo that a failed test has left.
stop()
{
	[ -z "$running" ] || kill "$running" 2>/dev/null
	wait
	running=''
}

# start: a demo that runs on, and its children's ids.
start()
{
	stop
	: >"$scratch/running"
	"$top_srcdir/demo" --built "$top_builddir" --port "$port" \
		</dev/null >"$scratch/running" 2>&1 &
	running=$!
	until grep -q 'stop with Ctrl-C' "$scratch/running"; do
		kill -0 "$running" || { cat "$scratch/running"; return 1; }
		sleep 0.05
	done
	feeder=$(sed -n 's/.*feeder reads .*(process \([0-9]*\)).*/\1/p' \
		"$scratch/running")
	watcher=$(sed -n 's/.*watcher takes .*(process \([0-9]*\)).*/\1/p' \
		"$scratch/running")
	must kill -0 "$feeder" && must kill -0 "$watcher"
}

# ended STATUS: the running demo has ended so, and nothing of it is left.
ended()
{
	wait "$running"
	local status=$?

	running=''
	must test "$status" -eq "$1" || { cat "$scratch/running"; return 1; }
	must gone "$feeder" && must gone "$watcher" &&
		must test ! -e /dev/shm/machine
}

# A child of a killed parent may stay a zombie where nobody reaps.
gone()
{
	! grep -qs '^State:[[:space:]][^ZX]' "/proc/$1/status"
}

once_is_fine()
{
	demo --once >"$scratch/once" || { cat "$scratch/once"; return 1; }
	must test "$(grep -c '^==> checked: ' "$scratch/once")" -eq 4 &&
		must test "$(grep -c ' -> ' "$scratch/once")" -eq 20 &&
		must grep -q '"name":.*"machine"' "$scratch/once" &&
		must grep -q '^==> removed segment /machine$' "$scratch/once" &&
		must test ! -e /dev/shm/machine
}

two_at_a_time()
{
	local inode status

	start || return
	inode=$(stat -c %i /dev/shm/machine)
	demo --once >"$scratch/once"
	status=$?
	must test "$status" -eq 0 &&
		must grep -q "port $port is taken" "$scratch/once" &&
		must grep -q 'uses segment /machine-' "$scratch/once" &&
		must grep -q '^==> removed segment /machine-' "$scratch/once" &&
		must test "$(stat -c %i /dev/shm/machine)" = "$inode" &&
		must kill -0 "$feeder"
	status=$?
	[ "$status" -eq 0 ] || cat "$scratch/once"
	kill -TERM "$running"
	ended 143 && return "$status"
}

a_hang_up_ends_it()
{
	start && kill -HUP "$running" && ended 129
}

a_killed_feeder_is_told()
{
	start && kill -KILL "$feeder" && ended 1 &&
		must grep -q '^demo: machine_feeder has ended' \
			"$scratch/running"
}

a_killed_watcher_is_told()
{
	start && kill -KILL "$watcher" && ended 1 &&
		must grep -q '^demo: machine_watcher has ended' \
			"$scratch/running"
}

# Killed, it can remove nothing; its children end, and the next demo goes on in
# the segment and lets it stand.
a_killed_demo_leaves_no_process()
{
	local inode status

	start || return
	inode=$(stat -c %i /dev/shm/machine)
	kill -KILL "$running"
	wait "$running"
	running=''
	until_so gone "$feeder" && until_so gone "$watcher"
	demo --once >"$scratch/once" &&
		must grep -q 'from an earlier run' "$scratch/once" &&
		must test "$(stat -c %i /dev/shm/machine)" = "$inode"
	status=$?
	[ "$status" -eq 0 ] || cat "$scratch/once"
	"$top_builddir/cli/zeroipc" rm machine && return "$status"
}

a_strangers_file_is_left_alone()
{
	local status

	echo precious >/dev/shm/machine
	demo --once >"$scratch/once" &&
		must grep -q 'uses segment /machine-' "$scratch/once" &&
		must test "$(cat /dev/shm/machine)" = precious
	status=$?
	rm /dev/shm/machine
	return "$status"
}

# A feeder that feeds nothing: a link farm with one program replaced.
no_flow_is_no_success()
{
	local dir=$scratch/built status

	mkdir -p "$dir/examples"
	ln -sf "$top_builddir/cli" "$top_builddir/zeroipcd" "$dir"
	ln -sf "$top_builddir/examples/machine_watcher" "$dir/examples"
	printf '#!/bin/sh\nexec %s --rounds 1 "$@"\n' \
		"$top_builddir/examples/machine_feeder" \
		>"$dir/examples/machine_feeder"
	chmod +x "$dir/examples/machine_feeder"
	"$top_srcdir/demo" --built "$dir" --port "$port" --once \
		</dev/null >"$scratch/once" 2>&1
	status=$?
	must test "$status" -eq 1 && must test ! -e /dev/shm/machine &&
		must grep -q '^demo: machine_feeder has ended' "$scratch/once"
}

wrong_words_are_refused()
{
	local words status

	for words in --twice '--port 0' '--port x' '--port 65536' --port \
			'--built /nowhere'; do
		# shellcheck disable=SC2086 # a list of words
		"$top_srcdir/demo" $words >"$scratch/once" 2>&1
		status=$?
		if [ "$status" -eq 0 ] ||
		   ! grep -q '^demo: --' "$scratch/once"; then
			echo "$words: status $status"
			cat "$scratch/once"
			return 1
		fi
	done
}

claim '--once ends well when data flows' once_is_fine
claim 'two demos run at a time, and neither harms the other' two_at_a_time
claim 'a hang-up ends all of it' a_hang_up_ends_it
claim 'a killed feeder is told, and the rest is stopped' \
	a_killed_feeder_is_told
claim 'a killed watcher is told, and the rest is stopped' \
	a_killed_watcher_is_told
claim 'a killed demo leaves no process, and the next one goes on' \
	a_killed_demo_leaves_no_process
claim 'the file of a stranger is left alone' a_strangers_file_is_left_alone
claim 'when nothing flows --once does not say that it did' \
	no_flow_is_no_success
claim 'wrong words are refused by name' wrong_words_are_refused
claims_end
