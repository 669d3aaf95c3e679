#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# Who sees what: segments by their permissions, files of a web root by name.
# shellcheck source=tests/api/lib.sh
. "${0%/*}/lib.sh"

start_daemon
start_fixture
secret=/segments/$prefix-private/secret

is 'the owner sees a private segment' "$(status_of "$secret")" 200
if [ "$(id -u)" -eq 0 ]; then
	as_other=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	all=$("${as_other[@]}" curl -s "$url/segments")
	is 'another user is known' "$(jq .client.uid <<<"$all")" 65534
	is 'and sees what all may read' "$(jq --arg n "$prefix-data" \
		'[.segments[] | select(.name == $n)] | length' <<<"$all")" 1
	is 'but no private segment' "$(jq --arg n "$prefix-private" \
		'[.segments[] | select(.name == $n)] | length' <<<"$all")" 0
	why=$(jq -r --arg n "$prefix-private" \
		'.unreadable[] | select(.name == $n) | .message' <<<"$all")
	has 'which is listed with what to do' "$why" \
		"chmod a+r '/dev/shm/$prefix-private'"
	for path in "/segments/$prefix-private" "$secret" "$secret?count=1"; do
		is "nor its contents at ${path#*private}" "$("${as_other[@]}" \
			curl -s -o /dev/null -w '%{http_code}' "$url$path")" 403
	done
	chmod a+r "/dev/shm/$prefix-private"
	is 'after chmod it sees them' "$("${as_other[@]}" \
		curl -s -o /dev/null -w '%{http_code}' "$url$secret")" 200
	chmod 0600 "/dev/shm/$prefix-private"
	stop_daemon TERM

	# A daemon that may not read it tells what stat tells.
	chmod 755 "$scratch"
	real=$ZEROIPCD
	printf '#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 %s %s "$@"\n' \
		'--clear-groups' "$real" >"$scratch/as-nobody"
	chmod 755 "$scratch/as-nobody"
	if setpriv --reuid 65534 --regid 65534 --clear-groups "$real" \
		--version >/dev/null 2>&1; then
		ZEROIPCD=$scratch/as-nobody
		start_daemon
		is 'what the daemon may not read' "$(get /segments |
			jq -r --arg n "$prefix-private" '.unreadable[] |
			select(.name == $n) | [.error, .mode, .owner] | join(" ")')" \
			"EACCES 0600 root"
		is 'is refused to root too' "$(status_of "$secret")" 403
		stop_daemon TERM
		ZEROIPCD=$real
	else
		skip 'a daemon of another user' 'the build is closed to it'
	fi
else
	skip 'what another user sees' 'needs root to become one'
	stop_daemon TERM
fi

# Files from a web root: by the names that are built in, and no others.
web=$scratch/web
mkdir "$web"
echo 'mine' >"$web/index.html"
echo 'secret' >"$web/other.html"
echo 'outside' >"$scratch/outside"
ln -s "$scratch/outside" "$web/app.js"
mkfifo "$web/style.css"
start_daemon --web-root "$web"
is 'the page from disk' "$(get /)" mine
is 'by its name too' "$(get /index.html)" mine
is 'no file of another name' "$(status_of /other.html)" 404
is 'no link out of it' "$(status_of /app.js)" 404
is 'no FIFO' "$(status_of /style.css)" 404
for path in /../outside /%2e%2e/outside /..%2foutside "/%2Fetc%2Fpasswd"; do
	is "no way out by $path" "$(status_of "$path" --path-as-is)" 404
done
echo 'changed' >"$web/index.html"
is 'a change is seen at once' "$(get /)" changed
stop_daemon TERM
is 'it ends well' "$status" 0

start_daemon
for file in / /index.html /app.js /style.css /icon.svg; do
	is "$file is built in" "$(status_of "$file")" 200
done
is 'and is what it was made from' "$(get /app.js | cksum)" \
	"$(cksum <"${top_srcdir:-.}/web/app.js")"
stop_daemon TERM
finish
