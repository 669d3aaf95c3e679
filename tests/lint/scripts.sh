#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# Shell scripts, whatever their names, can be parsed by their own shell, and are
# without warnings of shellcheck.
. "$(dirname "$0")/lint.sh"

# Sources that can not be told; what a library sets for others; functions that
# are called by name, or take arguments at will; <&"$fd" 2>.. taken for two
# redirections of stderr.
not_wanted=SC1090,SC1091,SC2034,SC2119,SC2120,SC2317,SC2261

# What is sourced is for bash.
shell_of()
{
	case $(head -n 1 "$1") in
	'#!'*/sh) echo sh ;;
	*) echo bash ;;
	esac
}

lint()
{
	local root=$1 file

	for file in $(files "$root" '*'); do
		[ "${file##*.}" = sh ] ||
			head -c 40 "$root/$file" | tr -d '\0' | head -n 1 |
			grep -qE '^#!.*\<(ba|da)?sh\>' || continue
		(cd "$root" && "$(shell_of "$file")" -n "$file")
		(cd "$root" &&
			shellcheck -x -f gcc -e "$not_wanted" "$file")
	done
}

plant_unquoted_variable()
{
	cat >"$1/planted" <<-'END'
		#!/bin/sh
		file="a b"
		rm $file
	END
	echo SC2086
}

plant_script_that_is_none()
{
	printf '#!/bin/sh\nif true; then\n' >"$1/planted"
	echo 'end of file unexpected'
}

plant_missing_shell()
{
	echo 'echo "one"' >"$1/planted.sh"
	echo SC2148
}

if ! command -v shellcheck >/dev/null; then
	echo "1..0 # SKIP shellcheck is not installed"
	exit 77
fi
run_lint
