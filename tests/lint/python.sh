#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# The Python implementation stands on docs/format.md alone: it names nothing of
# the library and loads nothing of it. Only _atomics.py calls C. Its types are
# right, its lines have 80 columns, and Python 3.9 can read it.
. "$(dirname "$0")/lint.sh"

# Names of structs, in format.py, are those of docs/format.md.
lint_independence()
{
	files . 'python/zeroipc/*.py' | while read -r file; do
		grep -HnE 'zipc_[a-z]' "$file" |
			grep -vE 'format\.py:[0-9]+: *("zipc_[a-z_]+", [0-9]+|.*Layout\("zipc_[a-z_]+", [0-9]+)'
		grep -HnE 'libzeroipc([^/]|$)|zeroipc\.h|\<cffi\>' "$file"
	done
}

lint_calls_of_c()
{
	files . 'python/zeroipc/*.py' | while read -r file; do
		[ "${file##*/}" = _atomics.py ] ||
			grep -HnE '\<(ctypes|cffi)\>' "$file" |
			grep -vE '\.ctypes\.data'
	done
}

# The oldest Python that is promised, by its grammar.
lint_syntax()
{
	files . 'python/*.py' | python3 -c '
import ast
import sys

for path in sys.stdin.read().split():
    with open(path) as file:
        try:
            ast.parse(file.read(), path, feature_version=(3, 9))
        except SyntaxError as error:
            print(f"{path}:{error.lineno}: {error.msg}")
'
}

lint()
{
	local file

	cd "$1" || return
	lint_independence
	lint_calls_of_c
	lint_syntax
	files . 'python/*.py' | while read -r file; do
		grep -nE '.{81}|[[:space:]]$' "$file" | sed "s|^|$file:|"
	done
	if [ -e python/pyproject.toml ]; then
		(cd python && mypy --no-error-summary --cache-dir=/dev/null \
			--config-file pyproject.toml zeroipc)
	fi
}

plant()
{
	mkdir -p "$1/python/zeroipc"
	cat >"$1/python/zeroipc/planted.py"
	echo "$2"
}

plant_call_of_the_library()
{
	plant "$1" planted.py:1 <<<'lib.zipc_queue_push(q)'
}

plant_loaded_library()
{
	plant "$1" planted.py:1 <<<'CDLL("libzeroipc.so.3")'
}

plant_call_of_c()
{
	plant "$1" planted.py:1 <<<'from ctypes import CDLL'
}

plant_newer_syntax()
{
	plant "$1" planted.py:3 <<-'END'
	match 1:
	    case 1:
	        pass
	END
}

plant_long_line()
{
	plant "$1" planted.py:1 <<<"# $(printf '%090d' 0)"
}

plant_wrong_type()
{
	mkdir -p "$1/python"
	echo '[tool.mypy]' >"$1/python/pyproject.toml"
	plant "$1" planted.py:1 <<<'number: int = "three"'
}

run_lint
