#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# The manual tells of all there is, and of nothing else: each public function
# has a page of section 3, each command and option of zeroipc stands in
# zeroipc(1), each option of zeroipcd in zeroipcd(8), and each error that a page
# or a public header names is in the table of zipc/base.h.
. "$(dirname "$0")/lint.sh"

# The lines of the files that match the globs behind ROOT; nothing for none.
text_of()
{
	local root=$1

	(cd "$root" && files . "${@:2}" | tr '\n' '\0' | xargs -0 -r cat)
}

# missing WORDS PAGES: those of stdin that no line of PAGES, as WORDS, has.
# A line of stdin is a name; WORDS has NAME in its place.
missing()
{
	local name line

	sort -u | while read -r name; do
		line=${1//NAME/$name}
		grep -qE -- "$line" <<<"$2" || echo "$name"
	done
}

functions()
{
	text_of "$1" 'libzeroipc/include/zipc/*.h' | tr '\n' ' ' |
		sed 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/: :g' |
		grep -oE '\<zipc_[a-z0-9_]+ *\(' | tr -d ' ('
}

# Rows of a table for getopt_long().
options()
{
	sed -nE 's/^[[:space:]]*\{ ?"([a-z-]+)", (no|required)_arg.*/\1/p'
}

lint()
{
	local page

	page=$(text_of "$1" 'man/*.3')
	functions "$1" | missing '^\.Nm NAME( ,)?$' "$page" |
		sed 's/$/: no page of section 3 names it/'
	page=$(text_of "$1" 'man/zeroipc.1')
	text_of "$1" 'cli/*.c' |
		sed -nE 's/^\t\.name = "([a-z]+)",$/\1/p' |
		missing '^\.It Cm NAME$' "$page" |
		sed 's/$/: this command is not in zeroipc.1/'
	text_of "$1" 'cli/*.c' | options | grep -vx help |
		missing 'Fl -NAME( |$)' "$page" |
		sed 's/^/--/; s/$/: this option is not in zeroipc.1/'
	text_of "$1" 'zeroipcd/main.c' | options |
		missing '^\.It Fl -NAME( |$)' \
			"$(text_of "$1" 'man/zeroipcd.8')" |
		sed 's/^/--/; s/$/: this option is not in zeroipcd.8/'
	{
		text_of "$1" 'man/*.[1-9]' | grep -oE '\<Er E[A-Z0-9]+'
		text_of "$1" 'libzeroipc/include/*.h' | grep -oE -- '-E[A-Z0-9]+'
	} | grep -oE 'E[A-Z0-9]+' |
		missing '^[[:space:]]*X\(NAME,' \
			"$(text_of "$1" 'libzeroipc/include/zipc/base.h')" |
		sed 's/$/: documented, but in no table of errors/'
}

# plant ROOT FILE: from stdin.
plant()
{
	mkdir -p "$1/$(dirname "$2")"
	cat >"$1/$2"
}

plant_function_without_a_page()
{
	echo 'int zipc_one(void); int zipc_two(void);' |
		plant "$1" libzeroipc/include/zipc/planted.h
	printf '.Nm zipc_one ,\nNot zipc_two.\n' | plant "$1" man/planted.3
	echo 'zipc_two: no page'
}

plant_command_that_is_not_told()
{
	printf '\t.name = "planted",\n' | plant "$1" cli/planted.c
	echo '.It Cm plant' | plant "$1" man/zeroipc.1
	echo 'planted: this command'
}

plant_option_that_is_not_told()
{
	printf '\t\t{"planted", no_argument, NULL, 0},\n' |
		plant "$1" cli/planted.c
	echo '.Op Fl -plant' | plant "$1" man/zeroipc.1
	echo '--planted: this option is not in zeroipc.1'
}

plant_daemon_option_that_is_not_told()
{
	printf '\t{ "planted", required_argument, NULL, 0 },\n' |
		plant "$1" zeroipcd/main.c
	echo '.Op Fl -planted' | plant "$1" man/zeroipcd.8
	echo '--planted: this option is not in zeroipcd.8'
}

plant_error_of_a_page_that_there_is_not()
{
	printf '\tX(EAGAIN, "would have to wait")\n' |
		plant "$1" libzeroipc/include/zipc/base.h
	printf '.It Fl Ns Er EAGAIN\n.It Fl Ns Er EPLANTED\n' |
		plant "$1" man/planted.3
	echo 'EPLANTED: documented'
}

plant_error_of_a_header_that_there_is_not()
{
	echo '/* Returns 0; -EPLANTED. */' |
		plant "$1" libzeroipc/include/zipc/planted.h
	echo 'EPLANTED: documented'
}

run_lint
