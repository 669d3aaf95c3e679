#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# The page in headless Chromium: real values are in its document, and hostile
# names and bytes are there as text only.
# shellcheck source=tests/api/lib.sh
. "${0%/*}/lib.sh"

if ! command -v chromium >/dev/null; then
	skip 'the page in a browser' 'chromium is not installed'
	finish
	exit
fi
start_daemon
start_fixture

page=$(dump '')
has 'a segment with its address' "$page" \
	"<a href=\"#/$prefix-data\">$prefix-data</a>"
has 'a damaged one with its reason' "$page" "$prefix-broken\` is damaged"
has 'a hostile name is text' "$page" \
	"$prefix-&lt;img src=x onerror=alert(1)&gt;"
is 'and no element' "$(grep -c '<img src="\?x' <<<"$page")" 0
has 'who asks' "$page" "you are $(id -un)"
has 'it is live' "$page" 'data-state="live"'

page=$(dump "#/$prefix-data")
has 'a queue and how full it is' "$page" '4 of 10'
has 'a process' "$page" 'fixture'
has 'a type' "$page" '{user:f32, system:f32, id:u32, jiffies:u64}'

page=$(dump "#/$prefix-data/u64")
has 'the largest u64 with all its digits' "$page" '18446744073709551615'
page=$(dump "#/$prefix-data/cpu")
has 'a column per field' "$page" '>jiffies<'
has 'values of a record' "$page" '>7.5</td>'
page=$(dump "#/$prefix-data/many?from=4990")
has 'the last page' "$page" 'index 4,990 to 4,999 of 5,000'

odd=$(get /segments | jq -r --arg p "$prefix-<" \
	'.segments[] | select(.name | startswith($p)) | .href')
page=$(dump "#${odd#/segments}/%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E")
has 'hostile bytes are text' "$page" '&lt;script&gt;alert(2)&lt;/script&gt;&amp;'
is 'and no script' "$(grep -c '<script>' <<<"$page")" 0
page=$(dump "#/$prefix-none")
has 'a segment that is not there' "$page" 'no segment is called'
is 'nothing is refused by the policy or fails' \
	"$(grep -c 'CONSOLE.*\(Refused\|Error\)' "$scratch/browser.err")" 0

stop_daemon TERM
is 'it ends well' "$status" 0

# The same page, with faults planted in its way to the daemon: fault N..M.
mkdir "$scratch/web"
cp "${top_srcdir:-.}"/web/* "$scratch/web/" 2>/dev/null
plant()
{
	{
		cat <<-FAULT
		const honest = window.fetch, line = document.getElementById("status");
		let asked = 0;
		window.fetch = (...it) => ++asked < $1 || asked > $2
			? honest(...it) : Promise.reject(new TypeError());
		new MutationObserver(() => {
			document.body.dataset.saw += " " + line.dataset.state;
		}).observe(line, { attributes: true });
		FAULT
		sed '/^"use strict"/d' "${top_srcdir:-.}/web/app.js"
	} >"$scratch/web/app.js"
}
start_daemon --web-root "$scratch/web"
plant 2 999
page=$(dump "#/$prefix-data")
has 'a daemon that is gone is told' "$page" 'zeroipcd does not answer'
has 'over what was seen last' "$page" '4 of 10'
plant 2 3
page=$(dump "#/$prefix-data")
has 'when it is back, so is the page' "$page" 'data-state="live"'
has 'which had noticed' "$page" 'live gone'
stop_daemon TERM
finish
