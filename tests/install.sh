#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# A program outside the tree compiles against what `make install` has put in
# place, by pkg-config alone, and its data goes through. `make installcheck`
# says where that is, by PKG_CONFIG_PATH and LD_LIBRARY_PATH.
set -u
: "${CC:=cc}" "${PKG_CONFIG:=pkg-config}"
scratch=$(mktemp -d)
name=zt-$$-outside
trap 'rm -rf "$scratch" "/dev/shm/$name"' EXIT
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

compile()
{
	# shellcheck disable=SC2046,SC2086 # they are lists of words
	$CC -std=c11 -Wall -Wextra -Werror "$scratch/outside.c" \
		-o "$scratch/outside" $($PKG_CONFIG --cflags --libs zeroipc)
}

echo 1..3
claim 'pkg-config knows zeroipc' "$PKG_CONFIG" --exists --print-errors zeroipc
claim 'a program outside the tree compiles' compile
claim 'it runs, with the version that pkg-config told' \
	"$scratch/outside" "$name" "$($PKG_CONFIG --modversion zeroipc)"
exit "$failed"
