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
# A case of a Check program is all that runs, up to its first failure; so what
# it tests before that costs time: the faster the finder the better. A fault
# that is a matter of chance, as a missing fence, is tried more than once.
#
# The tree is copied and built once. Each fault is planted in a copy of that, so
# only what it touches is built again, by the ordinary rules; as many at once as
# there are cores, as some only wait. A fault that no longer changes its file
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

jobs=$(nproc)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
whole=$scratch/whole
number=0 failed=0

# verdict 0|1 CLAIM LOG: a line of TAP; a failure shows the log.
verdict()
{
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		failed=1
		echo "not ok $number - $2"
		tail -n 40 "$3" | sed 's/^/# /'
	fi
}

# A copy of the sources, without what a build in the tree itself may have left.
# Nobody debugs what is made of it.
copy_tree()
{
	mkdir -p "$whole/build"
	tar -C "$top_srcdir" -cf - --exclude-vcs --exclude=./build \
		--exclude=./_build --exclude=./config.status \
		--exclude='*.o' --exclude='*.lo' --exclude=.libs . |
		tar -C "$whole" -xf -
	(cd "$whole/build" && ../configure --disable-shared CFLAGS=-O2 \
		CXXFLAGS=-O2 ${CC:+"CC=$CC"} ${CXX:+"CXX=$CXX"})
}

# value FAULT-FILE WORD: what the header line says.
value()
{
	sed -n "/^$/q; s/^$2: *//p" "$1"
}

# build_all FAULT-FILE..: all that these need; what it is linked to is not kept.
build_all()
{
	local fault programs=()

	for fault in "$@"; do
		programs+=("$(value "$fault" 'found by')")
	done
	mapfile -t programs < <(printf '%s\n' "${programs[@]%% *}" |
		grep -v '\.sh$' | sort -u)
	[ ${#programs[@]} -gt 0 ] || return 0
	make -C "$whole/build" -k -j "$jobs" "${programs[@]}" &&
		(cd "$whole/build" && rm -f "${programs[@]}")
}

# survives TREE PROGRAM CASE RUNS PATIENCE: whether the program ends well each
# time that it runs.
survives()
{
	local tree=$1 program=$2 case=$3 runs=${4:-1} patience=${5:-1} run

	# A script stands in the sources.
	[[ $program != *.sh ]] || program=$tree/$program
	for ((run = 1; run <= runs; run++)); do
		echo "run $run of $runs"
		(cd "$tree/build" && top_srcdir=$tree top_builddir=$PWD \
			CK_RUN_CASE=$case CK_TIMEOUT_MULTIPLIER=$patience \
			CK_INCLUDE_TAGS='fast medium slow stress' \
			FIRST_FAILURE_ENDS=yes \
			timeout --kill-after=10 300 "$program") || return 1
	done
}

# plant FAULT-FILE TREE LOG: 0 when it was found as it says; else prints why
# not. The tree is the fault's own.
plant()
{
	local fault=$1 tree=$2 log=$3 file says program case
	file=$(value "$fault" file) says=$(value "$fault" says)
	read -r program case <<<"$(value "$fault" 'found by')"

	if [ -z "$case" ] || [ -z "$says" ] || [ ! -f "$tree/$file" ]; then
		echo "its header is not whole"
		return 1
	fi
	sed '1,/^$/d' "$fault" >"$tree/script"
	if ! sed -E -i -f "$tree/script" "$tree/$file" 2>"$log"; then
		echo "its script is wrong"
	elif cmp -s "$whole/$file" "$tree/$file"; then
		echo "it can no longer be planted"
	elif ! make -C "$tree/build" "$program" >"$log" 2>&1; then
		echo "it does not compile"
	elif survives "$tree" "$program" "$case" "$(value "$fault" runs)" \
		"$(value "$fault" patience)" >"$log" 2>&1; then
		echo "$program $case does not find it"
	elif ! grep -qE -- "$says" "$log"; then
		echo "$program $case fails, but not for it"
	else
		return 0
	fi
	return 1
}

# plant_in_copy N FAULT-FILE: leaves N.log; N.why, if it was not found; and when
# it has ended N.took, the seconds.
plant_in_copy()
{
	local copy=$scratch/$1 began=$SECONDS

	: >"$copy.log"
	cp -a "$whole" "$copy"
	plant "$2" "$copy" "$copy.log" >"$copy.why" && rm "$copy.why"
	rm -rf "$copy"
	echo "$((SECONDS - began))" >"$copy.took"
}

# report N FAULT-FILE, if it has ended; else returns 1.
report()
{
	local copy=$scratch/$1 name took

	took=$(cat "$copy.took" 2>/dev/null)
	[ -n "$took" ] || return
	name=$(basename "$2" .fault) name=${name//-/ }
	if [ -e "$copy.why" ]; then
		verdict 1 "$name: $(cat "$copy.why")" "$copy.log"
	else
		verdict 0 "$name: found by $(value "$2" 'found by')"
	fi
	echo "# $took s"
}

# plant_all FAULT-FILE..
plant_all()
{
	local n told=1

	for ((n = 1; n <= $#; n++)); do
		[ "$n" -le "$jobs" ] || wait -n
		plant_in_copy "$n" "${!n}" &
		while report "$told" "${!told}"; do
			told=$((told + 1))
		done
	done
	wait
	for ((; told <= $#; told++)); do
		report "$told" "${!told}"
	done
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

# refuses WHY FILE SAYS SCRIPT: a fault that must not count as found.
refuses()
{
	local copy=$scratch/made-up why

	printf '%s\n' "file: $2" 'found by: tests/test_error error' \
		"says: $3" '' "$4" >"$copy.fault"
	plant_in_copy made-up "$copy.fault"
	why=$(cat "$copy.why")
	echo "it says: $why" >>"$copy.log"
	[ "$why" = "$1" ]
	verdict $? "a fault is refused: $1" "$copy.log"
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

faults=()
for fault in "$top_srcdir"/tests/faults/*.fault; do
	! is_asked_for "$fault" "$@" || faults+=("$fault")
done
if ! copy_tree >"$scratch/log" 2>&1; then
	verdict 1 "the copy of the tree is configured" "$scratch/log"
elif ! build_all "${faults[@]}" >"$scratch/log" 2>&1; then
	verdict 1 "the copy of the tree is built" "$scratch/log"
else
	plant_all "${faults[@]}"
	[ $# -gt 0 ] || refuse_what_is_no_fault
fi
[ "$number" -gt 0 ] || verdict 1 "there are faults called $*" /dev/null
echo "1..$number"
exit "$failed"
