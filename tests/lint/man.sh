#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# Man pages are without warnings of mandoc's lint.
. "$(dirname "$0")/lint.sh"

lint()
{
	local root=$1 page

	for page in $(files "$root" 'man/*.[1-9]'); do
		mandoc -T lint -W warning "$root/$page"
	done
}

plant_bad_macro()
{
	mkdir "$1/man"
	cat >"$1/man/planted.1" <<-'END'
		.Dd January 1, 2026
		.Dt PLANTED 1
		.Os
		.Sh NAME
		.Nm planted
		.Nd a page with a macro that there is not
		.Xq
	END
	echo Xq
}

if ! command -v mandoc >/dev/null; then
	echo "1..0 # SKIP mandoc is not installed"
	exit 77
fi
run_lint
