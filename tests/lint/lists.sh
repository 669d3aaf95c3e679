#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# Each source, script, man page and page file stands in a Makefile.inc: what
# is in no list is not built, not run and not in the tarball. A test program
# stands there by its own name, without the .c of its one source.
. "$(dirname "$0")/lint.sh"

# The words of each Makefile.inc, with its directory for %D%.
listed()
{
	local inc directory

	for inc in $(files . Makefile.am '*/Makefile.inc'); do
		directory=$(dirname "$inc")
		sed "s|%D%|$directory|g" "$inc"
	done | tr -s ' \t' '\n'
}

lint()
{
	local file words

	cd "$1" || return
	words=$(listed)
	for file in $(files . '*/*'); do
		case $file in
		*/Makefile.inc | .github/*) continue ;;
		tests/fuzz/corpus/*) continue ;; # listed as a directory
		esac
		grep -qxF -e "$file" <<<"$words" ||
			{ [[ $file == tests/*.c ]] &&
				grep -qxF -e "${file%.c}" <<<"$words"; } ||
			echo "$file is in no Makefile.inc"
	done
}

plant_forgotten_test()
{
	mkdir "$1/tests"
	echo 'UNIT_TESTS = %D%/test_other' >"$1/tests/Makefile.inc"
	touch "$1/tests/test_planted.c"
	echo 'tests/test_planted.c is in no'
}

plant_forgotten_file_two_deep()
{
	mkdir -p "$1/tests/sweep"
	echo 'SWEEPS = %D%/planted' >"$1/tests/Makefile.inc"
	echo 'SWEEPS += %D%/other' >"$1/tests/sweep/Makefile.inc"
	touch "$1/tests/sweep/planted.c"
	echo 'tests/sweep/planted.c is in no'
}

plant_forgotten_source()
{
	mkdir "$1/cli"
	echo 'zeroipc_SOURCES = %D%/not_planted.c' >"$1/cli/Makefile.inc"
	touch "$1/cli/planted.c"
	echo 'cli/planted.c is in no'
}

run_lint
