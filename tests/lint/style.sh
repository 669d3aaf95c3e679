#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# Sources, scripts and pages of whatever kind open with their licence. C, shell
# and build files have 80 columns with tabs of 8 (a string is not broken for it,
# nor a test named otherwise), and no white space at the ends of lines; in C,
# functions have 40 lines or fewer, structs have no typedef, and names no _t.
. "$(dirname "$0")/lint.sh"

lint()
{
	local root=$1 file

	cd "$root" || return
	files . '*' | while read -r file; do
		case $file in
		# prose, data, and what has no comments
		*.md | LICENSE | NEWS | packages.txt | *.t | *.svg) ;;
		.clang-format | .editorconfig | *.gitignore) ;;
		tests/fuzz/corpus/* | *.fault) ;;
		*)
			head -n 4 "$file" |
				grep -q 'SPDX-License-Identifier: MIT\>' ||
				echo "$file: no SPDX-License-Identifier: MIT"
			;;
		esac
	done
	files . '*.[ch]' '*.[ch]pp' '*.sh' '*.inc' '*.am' '*.ac' '*.map' \
		check demo |
	while read -r file; do
		grep -Hn '[[:space:]]$' "$file"
		expand "$file" | grep -nE '.{81}' |
			grep -vE '"|[[:alnum:]_]{40}' |
			sed "s|:.*|: over 80 columns|; s|^|$file:|"
	done
	files . '*.[ch]' '*.[ch]pp' | while read -r file; do
		grep -HnE '^[[:space:]]*typedef +(struct|union)' "$file"
		grep -HnE '^(struct|union|enum) [a-z_]+_t\>' "$file"
		awk -v file="$file" '
			/^{/ { began = FNR }
			/^}/ && began {
				if (FNR - began - 1 > 40)
					print file ":" began ": " \
						"a function of " \
						FNR - began - 1 " lines"
				began = 0
			}' "$file"
	done
}

plant()
{
	{ echo '/* SPDX-License-Identifier: MIT */'; cat; } >"$1/planted.c"
	echo "$2"
}

plant_no_licence()
{
	echo 'int planted;' >"$1/planted.c"
	echo 'no SPDX'
}

plant_no_licence_in_a_page()
{
	echo '<!DOCTYPE html>' >"$1/planted.html"
	echo 'no SPDX'
}

plant_long_line()
{
	printf '\t\t\t\t\t\t\t\t\t/* 12345 */\n' | plant "$1" 'over 80'
}

plant_white_space()
{
	printf 'int planted; \n' | plant "$1" 'planted.c:2'
}

plant_typedef()
{
	plant "$1" 'planted.c:2:typedef' <<<'typedef struct planted planted;'
}

plant_reserved_name()
{
	plant "$1" 'planted.c:2' <<<'struct planted_t;'
}

plant_long_function_in_cxx()
{
	plant_long_function "$1" >/dev/null
	mv "$1/planted.c" "$1/planted.cpp"
	echo 'planted.cpp:3: a function of 41 lines'
}

plant_long_function()
{
	{
		echo 'void planted(void)'
		echo '{'
		seq -f ' f(%g);' 41
		echo '}'
	} | plant "$1" 'planted.c:3: a function of 41 lines'
}

run_lint
