#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: slow
#
# Tests of the tests: a fault is planted in the sources, and the test that
# guards against it must fail and say so. Each fault is a file NAME.fault here:
#
#   # SPDX-License-Identifier: MIT
#   file: libzeroipc/wait.c             what the fault is planted in
#   found by: tests/test_wait rounds    the program, and its Check case; or a
#                                       script, and what it takes as one
#   says: late|lost                     the extended expression that a line of
#                                       its output must match
#   runs: 5                             how often it is tried; 1 if left out
#   patience: 0.2                       where it hangs who finds it: the part of
#                                       his time that is enough to say so
#   label: stress                       slow if left out; stress: ./check --long
#
#   s/heavy/light/                      then a script for sed -E, to the end
#
# A case of a Check program is all that runs, so one that also tests other
# things costs their time; the faster the finder the better. A fault that is
# a matter of chance, as a missing fence, is tried more than once.
#
# The tree is copied and configured once. For each fault only what it touches is
# built again, by the ordinary rules. A fault that no longer changes its file
# fails. Some of them, by name:
#
#   tests/faults/run.sh no-settling no-quarantine
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${CK_INCLUDE_TAGS:=slow stress}"
# shellcheck source=tests/private-shm.sh
. "$top_srcdir/tests/private-shm.sh"
if [ -n "${SANITIZERS-}" ]; then
	echo "1..0 # SKIP the plain build does this"
	exit 0
fi
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR top_builddir

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tree=$scratch/tree build=$scratch/tree/build log=$scratch/log
number=0 failed=0

# verdict 0|1 CLAIM: a line of TAP; a failure shows the log.
verdict()
{
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		failed=1
		echo "not ok $number - $2"
		tail -n 40 "$log" | sed 's/^/# /'
	fi
}

# A copy of the sources, without what a build in the tree itself may have left.
copy_tree()
{
	mkdir -p "$build"
	tar -C "$top_srcdir" -cf - --exclude-vcs --exclude=./build \
		--exclude=./_build --exclude=./config.status \
		--exclude='*.o' --exclude='*.lo' --exclude=.libs . |
		tar -C "$tree" -xf -
	(cd "$build" && ../configure --disable-shared ${CC:+"CC=$CC"})
}

# value FAULT-FILE WORD: what the header line says.
value()
{
	sed -n "/^$/q; s/^$2: *//p" "$1"
}

# Whether the program ends well each time that it runs.
survives()
{
	local program=$1 case=$2 runs=${3:-1} patience=${4:-1} run

	# A script stands in the sources.
	[[ $program != *.sh ]] || program=$tree/$program
	for ((run = 1; run <= runs; run++)); do
		echo "run $run of $runs"
		(cd "$build" && top_srcdir=$tree top_builddir=$build \
			CK_RUN_CASE=$case CK_TIMEOUT_MULTIPLIER=$patience \
			CK_INCLUDE_TAGS='fast medium slow stress' \
			timeout --kill-after=10 300 "$program") || return 1
	done
}

# plant FAULT-FILE: 0 when it was found as it says; else prints why not.
plant()
{
	local fault=$1 file says program case
	file=$(value "$fault" file) says=$(value "$fault" says)
	read -r program case <<<"$(value "$fault" 'found by')"

	if [ -z "$case" ] || [ -z "$says" ] || [ ! -f "$tree/$file" ]; then
		echo "its header is not whole"
		return 1
	fi
	sed '1,/^$/d' "$fault" >"$scratch/script"
	cp "$tree/$file" "$scratch/before"
	if ! sed -E -i -f "$scratch/script" "$tree/$file" 2>"$log"; then
		echo "its script is wrong"
	elif cmp -s "$scratch/before" "$tree/$file"; then
		echo "it can no longer be planted"
	elif ! make -C "$build" -j 2 "$program" >"$log" 2>&1; then
		echo "it does not compile"
	elif survives "$program" "$case" "$(value "$fault" runs)" \
		"$(value "$fault" patience)" >"$log" 2>&1; then
		echo "$program $case does not find it"
	elif ! grep -qE -- "$says" "$log"; then
		echo "$program $case fails, but not for it"
	else
		cat "$scratch/before" >"$tree/$file"
		return 0
	fi
	cat "$scratch/before" >"$tree/$file"
	return 1
}

# is_asked_for FAULT-FILE NAME..: by its name, or else by its label.
is_asked_for()
{
	local fault=$1 label

	shift
	label=$(value "$fault" label)
	if [ $# -gt 0 ]; then
		[[ " $* " == *" $(basename "$fault" .fault) "* ]]
	else
		[[ " $CK_INCLUDE_TAGS " == *" ${label:-slow} "* ]]
	fi
}

plant_all()
{
	local fault name why began

	for fault in "$top_srcdir"/tests/faults/*.fault; do
		is_asked_for "$fault" "$@" || continue
		name=$(basename "$fault" .fault) name=${name//-/ }
		began=$SECONDS
		if why=$(plant "$fault"); then
			verdict 0 "$name: found by $(value "$fault" 'found by')"
		else
			verdict 1 "$name: $why"
		fi
		echo "# $((SECONDS - began)) s"
	done
}

# refuses WHY FILE SAYS SCRIPT: a fault that must not count as found.
refuses()
{
	local why

	printf '%s\n' "file: $2" 'found by: tests/test_error error' \
		"says: $3" '' "$4" >"$scratch/made-up.fault"
	why=$(plant "$scratch/made-up.fault")
	echo "it says: $why" >>"$log"
	[ "$why" = "$1" ]
	verdict $? "a fault is refused: $1"
}

# What this script could do wrong: call a fault found that is not.
refuse_what_is_no_fault()
{
	refuses "it can no longer be planted" libzeroipc/error.c . \
		's/no such words//'
	refuses "it does not compile" libzeroipc/error.c . 's/^#include/#exclude/'
	refuses "tests/test_error error does not find it" \
		libzeroipc/error.c . '1s/^/\n/'
	refuses "tests/test_error error fails, but not for it" \
		tests/test_error.c 'no such words' 's/ck_assert.*;/abort();/'
	refuses "its header is not whole" libzeroipc/no-such.c . 's/a/b/'
}

if copy_tree >"$log" 2>&1; then
	plant_all "$@"
	[ $# -gt 0 ] || refuse_what_is_no_fault
else
	verdict 1 "the copy of the tree is configured"
fi
[ "$number" -gt 0 ] || verdict 1 "there are faults called $*"
echo "1..$number"
exit "$failed"
