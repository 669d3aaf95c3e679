#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# The vectors that are kept, with the bytes of their flows; and the examples of
# the manual, which are flows that make their elements, with their results.
set -u
: "${top_srcdir:=$PWD}" "${top_builddir:=$top_srcdir}"
here=$top_srcdir/tests/interop/flows
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
awk '/^=> / {
	print "makes\nflow\t" before
	for (k = 2; k <= NF; k++)
		print "result\t" $k
	print ""
} { before = $0 }' "$top_srcdir/man/zipc_derive.7" >"$scratch/manual"
"$top_builddir/tests/interop/flows/check" "$here/hand.vectors" \
	"$here/random.vectors" "$scratch/manual"
