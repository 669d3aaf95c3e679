#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# The example that ZeroIPC was founded on runs as it stands: C++ creates and
# writes, Python reads by its name and type; twice, as what is there is opened;
# and Python first, who is told that there is nothing, or creates by the same
# lines. Only the segment's name is another, so that nobody's is touched.
# shellcheck disable=SC2317 # claims call their functions by name
set -u
: "${top_srcdir:=$PWD}" "${top_builddir:=$top_srcdir}" "${CXX:=c++}"
: "${PYTHON:=/usr/bin/python3}"

scratch=$(mktemp -d)
segment=founding-$$
trap 'rm -rf "$scratch" "/dev/shm/$segment"' EXIT
export PYTHONPATH=$top_srcdir/python PYTHONDONTWRITEBYTECODE=1
# shellcheck source=tests/tap.sh
. "$top_srcdir/tests/tap.sh"

# The two programs; in C++ with a main() around what is not an include.
cat >"$scratch/example.cpp" <<'END'
#include <zeroipc/memory.h>
#include <zeroipc/array.h>
// Create shared memory segment
zeroipc::Memory mem("/sensor_data", 10*1024*1024); // 10MB
// Create typed array
zeroipc::Array<float> temps(mem, "temperature", 1000);
temps[0] = 23.5f;
temps[1] = 24.1f;
END
cat >"$scratch/example.py" <<'END'
from zeroipc import Memory, Array
import numpy as np
# Open same shared memory segment
mem = Memory("/sensor_data")
# Read with duck typing - user specifies type
temps = Array(mem, "temperature", dtype=np.float32)
print(temps[0]) # 23.5
print(temps[1]) # 24.1
END
# The same the other way round.
cat >"$scratch/creator.py" <<'END'
from zeroipc import Memory, Array
import numpy as np
mem = Memory("/sensor_data", 10*1024*1024)
temps = Array(mem, "temperature", 1000, dtype=np.float32)
temps[0] = 23.5
temps[1] = 24.1
END
cat >"$scratch/reader.cpp" <<'END'
#include <zeroipc/memory.h>
#include <zeroipc/array.h>
#include <iostream>
zeroipc::Memory mem("/sensor_data");
zeroipc::Array<float> temps(mem, "temperature");
std::cout << temps[0] << "\n" << temps[1] << "\n";
END

# compile NAME: with all warnings.
compile()
{
	sed -i "s|/sensor_data|/$segment|" "$scratch/$1.cpp"
	{
		grep '^#include' "$scratch/$1.cpp"
		echo 'int main() {'
		grep -v '^#include' "$scratch/$1.cpp"
		echo '}'
	} >"$scratch/main.cpp"
	$CXX -std=c++20 -Wall -Wextra -Werror -I"$top_srcdir/cpp" \
		"$scratch/main.cpp" -o "$scratch/$1"
}

python()
{
	sed "s|/sensor_data|/$segment|" "$scratch/$1.py" |
		"$PYTHON" -
}

# reads COMMAND..: it prints both values.
reads()
{
	diff <(printf '23.5\n24.1\n') <("$@")
}

both()
{
	"$scratch/example" && reads python example
}

gone()
{
	rm "/dev/shm/$segment"
}

told_that_there_is_none()
{
	python example 2>&1 | grep -F "no segment \`/$segment\`"
}

claim 'the C++ program compiles without a warning' compile example
claim 'the C++ program that reads does too' compile reader
claim 'Python first: there is no segment yet, and it says so' \
	told_that_there_is_none
claim 'C++ writes, Python reads' both
claim 'the same once more, on the segment that is there' both
claim 'Python again, without C++' reads python example
claim 'C++ reads what C++ wrote' reads "$scratch/reader"
gone
claim 'Python creates and writes' python creator
claim 'C++ reads it' reads "$scratch/reader"
claim 'Python creates once more: it is opened' python creator
claim 'C++ writes into what Python created, and Python reads' both
claims_end
