#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# A program outside the tree compiles against what `make install` has put in
# place, by pkg-config alone, and its data goes through; and Python imports the
# package. `make installcheck` says where that is, by PKG_CONFIG_PATH,
# LD_LIBRARY_PATH and PYTHONPATH.
set -u
: "${CC:=cc}" "${CXX:=c++}" "${PKG_CONFIG:=pkg-config}"
scratch=$(mktemp -d)
# shellcheck source=tests/runner.sh
. "$(dirname "$0")/runner.sh"
runner_begin $$
name=zt-$$-outside
trap 'rm -rf "$scratch"; runner_end' EXIT
number=0 failed=0

claim()
{
	local words=$1

	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $words"
	else
		failed=1
		echo "not ok $number - $words"
	fi
}

cat >"$scratch/outside.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <zeroipc.h>

struct reading {
	uint64_t ts;
	float temp;
};

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, zipc_last_error());
	return 1;
}

static int use(struct zipc_segment *segment)
{
	struct reading in = { 42, 21.5f }, out = { 0, 0 };
	struct zipc_array *array;
	struct zipc_queue *queue;

	if (zipc_array_create(&array, segment, "last",
			      "{ts:u64, temp:f32}", 4) ||
	    zipc_array_set(array, 3, &in) || zipc_array_get(array, 3, &out))
		return fail("array");
	if (out.ts != 42 || out.temp != 21.5f)
		return fail("the array's element differs");
	if (zipc_queue_create(&queue, segment, "events", "u32", 8))
		return fail("queue");
	for (uint32_t i = 0; i < 8; i++)
		if (zipc_queue_push(queue, &i, ZIPC_NOWAIT))
			return fail("push");
	for (uint32_t i = 0, got; i < 8; i++)
		if (zipc_queue_pop(queue, &got, ZIPC_NOWAIT) || got != i)
			return fail("pop");
	zipc_queue_close(queue);
	zipc_array_close(array);
	return 0;
}

int main(int argc, char **argv)
{
	struct zipc_segment *segment;
	int failed;

	if (argc != 3 || strcmp(argv[2], zipc_version()))
		return fail("pkg-config and zipc_version() differ");
	if (zipc_segment_create(&segment, argv[1], 1 << 20, NULL))
		return fail("create");
	failed = use(segment);
	if (zipc_segment_unlink(argv[1]))
		failed = fail("unlink");
	zipc_segment_close(segment);
	return failed;
}
END

cat >"$scratch/outside.cpp" <<'END'
#include <zeroipc/array.h>
#include <zeroipc/queue.h>

int main(int, char **argv)
{
	zeroipc::Memory mem = zeroipc::Memory::create(argv[1], 1 << 20);
	zeroipc::Queue<int> queue(mem, "q", 4);
	zeroipc::Array<float> array(mem, "a", 4);

	zeroipc::Memory::unlink(argv[1]);
	queue.push(5);
	array[3] = 1.5f;
	return queue.pop() == 5 && array.get(3) == 1.5f ? 0 : 1;
}
END

compile_cxx()
{
	# shellcheck disable=SC2046,SC2086 # they are lists of words
	$CXX -std=c++20 -Wall -Wextra -Wshadow -Werror \
		"$scratch/outside.cpp" -o "$scratch/outside_cxx" \
		$($PKG_CONFIG --cflags zeroipc++)
}

compile()
{
	# shellcheck disable=SC2046,SC2086 # they are lists of words
	$CC -std=c11 -Wall -Wextra -Werror "$scratch/outside.c" \
		-o "$scratch/outside" $($PKG_CONFIG --cflags --libs zeroipc)
}

# From another directory: only PYTHONPATH leads to the package.
run_python()
{
	cd "$scratch" && "$PYTHON" -B - "$name-py" "$PYTHONPATH" <<-'END'
		import sys
		import zeroipc

		assert zeroipc.__file__.startswith(sys.argv[2] + "/zeroipc/")
		mem = zeroipc.Memory(sys.argv[1], 1 << 20)
		queue = zeroipc.Queue(mem, "q", 4, dtype="i32")
		queue.push(5)
		assert queue.pop() == 5
		mem.unlink(sys.argv[1])
	END
}

echo 1..7
claim 'pkg-config knows zeroipc' "$PKG_CONFIG" --exists --print-errors zeroipc
claim 'a program outside the tree compiles' compile
claim 'it runs, with the version that pkg-config told' \
	"$scratch/outside" "$name" "$($PKG_CONFIG --modversion zeroipc)"
claim 'pkg-config knows zeroipc++' \
	"$PKG_CONFIG" --exists --print-errors zeroipc++
claim 'a C++ program outside the tree compiles' compile_cxx
claim 'it runs, and needs no library' "$scratch/outside_cxx" "$name-cxx"
if "${PYTHON:-:}" -c 'import numpy' && [ "${PYTHON:-:}" != : ]; then
	claim 'Python imports the package, and uses it' run_python
else
	number=$((number + 1))
	echo "ok $number - Python # SKIP no Python with NumPy was found"
fi
exit "$failed"
