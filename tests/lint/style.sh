#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# Sources open with their licence, have 80 columns with tabs of 8 (but a string
# is not broken for that, nor a test named otherwise), and no white space at the
# ends of lines; functions have 40 lines or fewer; structs have no typedef and
# names no _t.
. "$(dirname "$0")/lint.sh"

lint()
{
	local root=$1 file

	cd "$root" || return
	files . '*.[ch]' '*.sh' '*.inc' '*.am' '*.ac' '*.map' check demo |
	while read -r file; do
		head -n 3 "$file" |
			grep -qE 'SPDX-License-Identifier: MIT( \*/)?$' ||
			echo "$file: no SPDX-License-Identifier: MIT"
		grep -Hn '[[:space:]]$' "$file"
		expand "$file" | grep -nE '.{81}' |
			grep -vE '"|[[:alnum:]_]{40}' |
			sed "s|:.*|: over 80 columns|; s|^|$file:|"
	done
	files . '*.[ch]' | while read -r file; do
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
