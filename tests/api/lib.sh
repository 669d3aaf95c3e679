# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the tests of zeroipcd share: TAP, a daemon on a port of its own, and the
# segments of fixture.c. Source it, and end with `finish`.

: "${ZEROIPCD:=${top_builddir:-.}/zeroipcd/zeroipcd}"
: "${FIXTURE:=${top_builddir:-.}/tests/api/fixture}"
# shellcheck source=tests/runner.sh
. "${top_srcdir:-.}/tests/runner.sh"
runner_begin $$
prefix=zt-$$
scratch=$(mktemp -d)
tests=0 failures=0 daemon='' port='' url='' status=0 held=''

# ok NAME COMMAND...: passes if the command does.
ok()
{
	local name=$1

	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $name"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $name"
		echo "# failed: $*"
	fi
}

# is NAME GOT WANTED
is()
{
	tests=$((tests + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $tests - $1"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $1"
		printf '#    got: %s\n# wanted: %s\n' "${2//$'\n'/ }" "$3"
	fi
}

# has NAME TEXT PATTERN: the text contains the pattern, a glob.
has()
{
	tests=$((tests + 1))
	# shellcheck disable=SC2053 # it is a pattern
	if [[ $2 == *$3* ]]; then
		echo "ok $tests - $1"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $1"
		printf '#    got: %s\n# wanted: %s\n' "${2//$'\n'/ }" "$3"
	fi
}

skip()
{
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# Start zeroipcd on any free port; sets daemon, port, and url.
start_daemon()
{
	local line=''

	exec {daemon_out}< <(exec "$ZEROIPCD" --port 0 "$@" \
		2>>"$scratch/daemon.err")
	daemon=$!
	read -r -t 60 line <&"$daemon_out" || line=''
	port=${line##*:}
	port=${port%/}
	url=http://127.0.0.1:$port
	case $line in
	"zeroipcd "*": http://"*) return 0 ;;
	esac
	echo "Bail out! zeroipcd does not start: $(cat "$scratch/daemon.err")"
	exit 1
}

# Stop it by a signal; sets status to how it ended.
stop_daemon()
{
	status=0
	kill -"$1" "$daemon"
	wait "$daemon" || status=$?
	daemon=''
	exec {daemon_out}<&-
}

# Make the segments $prefix-...; they go when this shell does.
start_fixture()
{
	local line=''

	mkfifo "$scratch/hold"
	exec {fixture_out}< <(exec "$FIXTURE" "$prefix" <"$scratch/hold")
	held=$!
	exec {hold}>"$scratch/hold"
	read -r -t 60 line <&"$fixture_out"
	if [ "$line" != ready ]; then
		echo "Bail out! the fixture does not start"
		exit 1
	fi
}

# get PATH [CURL'S OPTIONS]: the body. status_of: the number.
get()
{
	local path=$1

	shift
	curl -s --max-time 60 "$@" "$url$path"
}

status_of()
{
	local path=$1

	shift
	curl -s --max-time 60 -o /dev/null -w '%{http_code}' "$@" "$url$path"
}

# dump HASH: the document that the page has become, in headless Chromium.
dump()
{
	timeout 120 chromium --headless --no-sandbox --disable-gpu \
		--disable-quic --no-first-run --disable-background-networking \
		--disable-component-update --disable-sync \
		--user-data-dir="$scratch/browser" --enable-logging=stderr \
		--virtual-time-budget=4000 --dump-dom "$url/$1" \
		2>"$scratch/browser.err"
}

# raw TEXT: what comes back for these bytes (printf's escapes), to the end.
raw()
{
	local socket

	# In one piece: a server that answers half of it and closes resets what
	# comes then, and its answer with it.
	# shellcheck disable=SC2059 # the escapes are the point
	printf "$1" >"$scratch/raw"
	exec {socket}<>"/dev/tcp/127.0.0.1/$port" || return
	cat "$scratch/raw" 1>&"$socket" 2>/dev/null
	timeout 60 cat <&"$socket" 2>/dev/null
	exec {socket}>&-
}

clean_up()
{
	[ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null
	if [ -n "$held" ]; then
		exec {hold}>&-
		wait "$held"
	fi
	# Also what a fixture that died has left.
	runner_end
	rm -rf "$scratch"
}
trap clean_up EXIT
# Writing to a connection that was cut must not end the test.
trap '' PIPE

finish()
{
	echo "1..$tests"
	if [ "$failures" -ne 0 ]; then
		sed 's/^/# zeroipcd: /' "$scratch/daemon.err"
		exit 1
	fi
}
