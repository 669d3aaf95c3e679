#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# What holds for every request: methods, parameters, Host, malformed requests,
# slow and many clients; and how the daemon starts and stops.
# shellcheck source=tests/api/lib.sh
. "${0%/*}/lib.sh"

start_daemon --max-clients 64
host="Host: localhost\r\n"
end="Connection: close\r\n\r\n"

first_line()
{
	raw "$1" | head -n 1 | tr -d '\r'
}

is 'a plain request' "$(first_line "GET /healthz HTTP/1.1\r\n$host$end")" \
	'HTTP/1.1 200 OK'
has 'HEAD has a length' "$(curl -sI "$url/healthz")" 'Content-Length: [1-9]'
is 'and no body' "$(raw "HEAD /healthz HTTP/1.1\r\n$host$end" |
	sed '1,/^\r$/d')" ''
for method in POST PUT DELETE PATCH OPTIONS TRACE FROB; do
	is "$method is refused" "$(status_of /segments -X "$method")" 405
done
has 'and told what there is' "$(curl -si -X POST -d x "$url/segments")" \
	'Allow: GET, HEAD'
is 'many requests share a connection' "$(curl -s -o /dev/null -o /dev/null \
	-w '%{num_connects} ' "$url/healthz" "$url/healthz")" '1 0 '

for path in /none /segments/a/b/c /healthz/x //segments /.. /index.html/x \
	/app.js%00 /../segments; do
	has "$path is not here" "40" \
		"$(status_of "$path" --path-as-is | cut -c1-2)"
done
is 'errors are JSON' "$(get /none | jq -r .error)" ENOENT
is 'with their type' "$(curl -s -o /dev/null -w '%{content_type}' \
	"$url/none")" application/json

for bad in int64=x int64= from=1 count=1 x=y 'int64=string&int64=string'; do
	is "/segments?$bad is refused" "$(status_of "/segments?$bad")" 400
done
for bad in from=-1 from= from=x from=18446744073709551616 count=1001 \
	count=1e3 count=+1 count=%201 fron=1 int64=1; do
	is "a structure?$bad is refused" "$(status_of "/segments/a/b?$bad")" 400
done
is 'a refusal names parameter and range' \
	"$(get '/segments/a/b?count=1001' | jq -r .message)" \
	"count must be a whole number from 0 to 1000, not '1001'"

for name in localhost 127.0.0.1 '[::1]' LOCALHOST; do
	is "Host $name is served" \
		"$(status_of /healthz -H "Host: $name:$port")" 200
done
for name in evil.example localhost.evil.example 127.0.0.1.evil.example '' \
	192.0.2.1; do
	is "Host '$name' is not served" \
		"$(status_of / -H "Host: $name:$port")" 403
done

headers=$(curl -si -H 'Origin: http://evil.example' "$url/segments")
for header in "Content-Security-Policy: default-src 'none'" \
	'Cache-Control: no-store' 'X-Content-Type-Options: nosniff' \
	'Referrer-Policy: no-referrer' \
	'Cross-Origin-Resource-Policy: same-origin'; do
	has "$header" "$headers" "$header"
done
ok 'no other origin is let in' test "${headers/Access-Control/}" = "$headers"

# Malformed requests, with | for the end of a line and @ for our Host.
while read -r want request; do
	bytes=${request//|/'\r\n'}
	answer=$(first_line "${bytes//@/Host: localhost}")
	has "$want: $request" "${answer:-closed}" "$want"
done <<'BAD'
400 GET /healthz HTTP/1.1||
400 GET /healthz HTTP/1.1|@|@||
400 GET /healthz HTTP/1.1|@|Content-Length: 0|Content-Length: 0||
400 GET /healthz HTTP/1.1|@|Content-Length: 4|Content-Length: 5||abcde
400 GET /healthz HTTP/1.1|@|Content-Length: 4|Transfer-Encoding: chunked||0||
400 GET /healthz HTTP/1.1|@|Transfer-Encoding: chunked||0||
400 GET /healthz HTTP/1.1|@|Content-Length: 3||abc
400 GET /healthz HTTP/1.0||
400 GET http://localhost/healthz HTTP/1.1|@|Connection: close||
400 GET /%%zz HTTP/1.1|@|Connection: close||
400 GET /segments/a%%00b HTTP/1.1|@|Connection: close||
405 OPTIONS * HTTP/1.1|@|Connection: close||
505 GET /healthz HTTP/3.0|@||
BAD
printf -v long '%20000s' ''
# These it need not read to their ends, so its answer may be lost by a reset.
for request in "GET /${long// /x} HTTP/1.1\r\n$host$end" \
	"GET /healthz HTTP/1.1\r\n${host}X: ${long// /x}\r\n$end"; do
	answer=$(first_line "$request")
	ok "20000 characters are refused: ${answer:-closed}" \
		test "${answer#HTTP/1.1 2}" = "$answer"
done
for junk in '\0\0\0\0\r\n\r\n' '\026\003\001\002\r\n\r\n' \
	'GET\r\n\r\n' '\r\n\r\n\r\n' \
	"GET / HTTP/1.1\r\n$host:\r\n$end" 'GET / HTTP/1.1\nHost\n\n' \
	"GET /\177\377 HTTP/1.1\r\n$host$end" \
	"GET / HTTP/1.1\r\n folded\r\n$host$end"; do
	# A client that has said enough leaves; the daemon must not mind.
	exec {socket}<>"/dev/tcp/127.0.0.1/$port"
	# shellcheck disable=SC2059 # the escapes are the point
	printf "$junk" 1>&"$socket" 2>/dev/null
	exec {socket}>&-
	is "it goes on after ${junk:0:30}" "$(status_of /healthz)" 200
done
for _ in {1..50}; do
	exec {socket}<>"/dev/tcp/127.0.0.1/$port"
	head -c 300 /dev/urandom 1>&"$socket" 2>/dev/null
	exec {socket}>&-
done
is 'it goes on after 50 times noise' "$(status_of /healthz)" 200

# A byte a second keeps it from being idle, but has no header in time.
exec {socket}<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /healthz HTTP/1.1\r\nX: ' 1>&"$socket"
cut=no
for _ in {1..60}; do
	printf x 1>&"$socket" 2>/dev/null
	got=0
	read -r -t 1 -u "$socket" || got=$?
	if [ "$got" -le 128 ]; then
		cut=yes
		break
	fi
done
exec {socket}>&-
is 'a client that drips is cut' "$cut" yes

stop_daemon INT
is 'SIGINT ends it well' "$status" 0

# With one place, who waits gets it as soon as it is free.
start_daemon --max-clients 1
for _ in 1 2 3; do
	exec {socket}<>"/dev/tcp/127.0.0.1/$port"
	printf 'GET /healthz HTTP/1.1\r\n%b\r\n' "$host" 1>&"$socket"
	read -r -t 60 -u "$socket" line
	is 'the only client is served' "${line%$'\r'}" 'HTTP/1.1 200 OK'
	exec {next}< <(exec {socket}>&-; status_of /healthz)
	exec {socket}>&-
	read -r -t 90 -u "$next" got || :
	is 'and the next one after it' "$got" 200
	exec {next}<&-
done

taken=$port
message=$("$ZEROIPCD" --port "$taken" 2>&1)
is 'a taken port is a failure' "$?" 1
has 'that names the port and what to do' "$message" "port $taken: *--port N"
exec {socket}<>"/dev/tcp/127.0.0.1/$port"
stop_daemon TERM
is 'SIGTERM ends it well, with a client' "$status" 0
exec {socket}>&-

for bad in '--port 65536' '--port x' '--port' '--listen example.org' \
	'--max-clients 0' '--frob' 'word'; do
	# shellcheck disable=SC2086 # words, on purpose
	"$ZEROIPCD" $bad 2>>"$scratch/usage" >&2
	is "zeroipcd $bad is a usage error" "$?" 2
done
"$ZEROIPCD" --web-root "$scratch/none" 2>/dev/null
is 'a missing web root is a failure' "$?" 1
is '--version' "$("$ZEROIPCD" --version)" 'zeroipcd 3.0.0'
has '--help' "$("$ZEROIPCD" --help)" '--listen ADDRESS'

start_daemon --listen ::1
is 'it listens on IPv6' "$(curl -s -o /dev/null -w '%{http_code}' \
	"http://[::1]:$port/healthz")" 200
is 'and knows who asks there' \
	"$(curl -s "http://[::1]:$port/segments" | jq .client.uid)" "$(id -u)"
stop_daemon TERM
is 'all ended without a word on stderr' "$(cat "$scratch/daemon.err")" ''
finish
