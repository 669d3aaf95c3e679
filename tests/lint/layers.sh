#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# The layers: a file includes only from its own layer and those below. A file
# of the library that is in no layer has to be put in one here.
#
# Inspection stands beside the data. It reads by pread and never by a mapping,
# so it takes nothing of what handles a segment. Programs use public headers.
. "$(dirname "$0")/lint.sh"

layer_of()
{
	case $1 in
	base | error | name | format | atoms | cell | clock | fence) echo 1 ;;
	entry | handle | round | spin | wait | participant) echo 1 ;;
	segment | segment_* | record | table | table_* | use) echo 2 ;;
	type | type_* | value | value_*) echo 2 ;;
	program | program_*) echo 3 ;;
	flow | flow_*) echo 3 ;;
	array | queue | place_* | lease | stack | turn_*) echo 3 ;;
	map | set | hopscotch | hopscotch_* | key) echo 3 ;;
	pool | pool_* | ring | ring_* | stream | stream_*) echo 3 ;;
	lock | mutex | once | rwlock | waiter) echo 3 ;;
	barrier | event | latch | semaphore | sync | waitable) echo 3 ;;
	future | future_*) echo 3 ;;
	derive | drive | drive_*) echo 3 ;;
	channel | meeting | select | wait_set) echo 4 ;;
	lazy | lazy_*) echo 4 ;;
	inspect | inspect_*) echo inspect ;;
	zeroipc) echo all ;;
	*) echo "in no layer" ;;
	esac
}

# may_include LAYER OTHER NAME: whether a file of LAYER may include NAME, which
# is of layer OTHER.
may_include()
{
	case $1/$2 in
	1/1 | 2/[12] | 3/[123] | 4/[1234] | all/*) true ;;
	inspect/1) [ "$3" != wait ] && [ "$3" != fence ] ;;
	inspect/inspect) true ;;
	inspect/3) [ "$3" = flow ] ;; # of bytes only
	inspect/2) [ "$3" = type ] || [ "$3" = value ] ;;
	*) false ;;
	esac
}

base() { local name=${1##*/}; echo "${name%.[ch]}"; }

# The headers that a file includes, with their <> or "".
includes()
{
	sed -nE 's/^#[ \t]*include[ \t]*([<"][^>"]+[>"]).*/\1/p' "$1"
}

lint_library()
{
	local root=$1 file layer header name other

	for file in $(files "$root" 'libzeroipc/*.[ch]'); do
		layer=$(layer_of "$(base "$file")")
		[ "$layer" != "in no layer" ] ||
			echo "$file: add it to a layer in tests/lint/layers.sh"
		includes "$root/$file" | while read -r header; do
			case $header in
			\<zipc/* | \<zeroipc.h\> | \"*) ;;
			\<uv.h\> | \<microhttpd.h\> | *cJSON.h*)
				echo "$file: $header is not for the library"
				continue
				;;
			*) continue ;;
			esac
			name=$(base "${header//[<>\"]/}")
			other=$(layer_of "$name")
			may_include "$layer" "$other" "$name" ||
				echo "$file ($layer) may not include" \
					"$header ($other)"
		done
	done
}

lint_inspection()
{
	(cd "$1" && files . 'libzeroipc/inspect*.[ch]' | xargs -r grep -HnE \
		'\<(mmap|zipc_(segment|table)_[a-z_]+) *\(')
}

# lint_program ROOT DIRECTORY REFUSED: public headers and its own.
lint_program()
{
	local root=$1 directory=$2 refused=$3 file header

	for file in $(files "$root" "$directory/*.[ch]"); do
		includes "$root/$file" | while read -r header; do
			case $header in
			\"*)
				header=${header//\"/}
				[ -e "$root/$directory/$header" ] || echo \
					"$file: $header is not in $directory/"
				;;
			*)
				! grep -qE "$refused" <<<"$header" || echo \
					"$file: $header is not for $directory/"
				;;
			esac
		done
	done
}

lint()
{
	lint_library "$1"
	lint_inspection "$1"
	lint_program "$1" zeroipcd '<check.h>'
	lint_program "$1" cli '<(check|uv|microhttpd).h>'
	lint_program "$1" examples '<(check|microhttpd|cjson.*).h>'
}

plant()
{
	mkdir -p "$1/${2%/*}"
	printf '#include %s\n' "$3" >"$1/$2"
	echo "$4"
}

plant_upward_include()
{
	plant "$1" libzeroipc/segment.c '"queue.h"' \
		'may not include "queue.h"'
}

plant_upward_public_header()
{
	plant "$1" libzeroipc/wait.c '<zipc/segment.h>' \
		'may not include <zipc/segment.h>'
}

plant_inspection_of_a_mapping()
{
	plant "$1" libzeroipc/inspect_queue.c '"segment.h"' \
		'may not include "segment.h"'
}

plant_mapping_in_inspection()
{
	mkdir "$1/libzeroipc"
	echo 'void *planted(void) { return mmap(0); }' \
		>"$1/libzeroipc/inspect.c"
	echo inspect.c:1
}

plant_data_on_inspection()
{
	plant "$1" libzeroipc/queue.c '<zipc/inspect.h>' \
		'may not include <zipc/inspect.h>'
}

plant_foreign_library()
{
	plant "$1" libzeroipc/queue.c '<cjson/cJSON.h>' \
		'not for the library'
}

plant_file_without_a_layer()
{
	plant "$1" libzeroipc/planted.c '<stdio.h>' 'add it to a layer'
}

plant_internals_in_the_daemon()
{
	plant "$1" zeroipcd/watch.c '"../libzeroipc/format.h"' \
		'is not in zeroipcd/'
}

plant_event_loop_in_the_cli()
{
	plant "$1" cli/ls.c '<uv.h>' 'is not for cli/'
}

run_lint
