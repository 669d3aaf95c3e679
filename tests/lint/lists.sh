#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# Each source, script, man page and page file stands in a Makefile.inc: what
# is in no list is not built, not run and not in the tarball.
. "$(dirname "$0")/lint.sh"

lint()
{
	local root=$1 file name listed

	listed=$(cat "$root"/Makefile.am "$root"/*/Makefile.inc 2>/dev/null |
		tr -s ' \t' '\n')
	for file in $(files "$root" '*/*'); do
		case $file in
		*/Makefile.inc | .github/*) continue ;;
		tests/test_*.c) name=%D%/${file#*/} name=${name%.c} ;;
		.*) name=$file ;;
		*) name=%D%/${file#*/} ;;
		esac
		grep -qxF -e "$name" -e "$file" <<<"$listed" ||
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

plant_forgotten_source()
{
	mkdir "$1/cli"
	echo 'zeroipc_SOURCES = %D%/not_planted.c' >"$1/cli/Makefile.inc"
	touch "$1/cli/planted.c"
	echo 'cli/planted.c is in no'
}

run_lint
