#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# The matrix finds what it is for: a difference is planted, and it must fail and
# name it. Plants are a wrong expected value, and copies of the Python
# implementation that write another byte or give another result.
set -u
: "${top_srcdir:=$PWD}" "${top_builddir:=$top_srcdir}"
export top_srcdir top_builddir
here=$top_srcdir/tests/interop
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
number=0 failed=0

# finds CLAIM PATTERN TRACE: the matrix over one trace fails, and says PATTERN.
finds()
{
	local status

	"$here/matrix.sh" "$3" >"$scratch/said" 2>&1
	status=$?
	number=$((number + 1))
	if [ $status = 1 ] && grep -qE -- "$2" "$scratch/said"; then
		echo "ok $number - finds $1"
	else
		failed=1
		echo "not ok $number - finds $1"
		sed 's/^/# /' "$scratch/said"
	fi
}

# python_with FILE SCRIPT CLAIM PATTERN TRACE: a copy, changed by sed -E.
python_with()
{
	rm -rf "$scratch/python"
	cp -r "$top_srcdir/python" "$scratch/python"
	chmod -R u+w "$scratch/python"
	sed -E -i "$2" "$scratch/python/zeroipc/$1"
	if cmp -s "$scratch/python/zeroipc/$1" \
		"$top_srcdir/python/zeroipc/$1"; then
		echo "Bail out! $3 can no longer be planted"
		exit 1
	fi
	ZEROIPC_PYTHON=$scratch/python finds "$3" "$4" "$here/traces/$5.trace"
}

# What is planted in nothing passes; so it is the plant that is found.
number=$((number + 1))
if "$here/matrix.sh" "$here/traces/closing.trace" >"$scratch/said" 2>&1; then
	echo "ok $number - passes what is right"
else
	failed=1
	echo "not ok $number - passes what is right"
	sed 's/^/# /' "$scratch/said"
fi

sed 's/^pop q@2 => 04000000/pop q@2 => 04000001/' \
	"$here/traces/closing.trace" >"$scratch/wrong.trace"
finds 'a wrong expected value' \
	'expected 04000001, got 04000000' "$scratch/wrong.trace"
sed 's/^push q@1 03000000 => ok/& ok/; s/ => ok ok/ => EAGAIN/' \
	"$here/traces/closing.trace" >"$scratch/wrong.trace"
finds 'an error that does not come' 'expected EAGAIN, got ok' \
	"$scratch/wrong.trace"

python_with _table.py 's/generation=lives/generation=1 + lives/' \
	'a wrong field of the block' \
	'Python: other bytes .*: block 0 generation: 01 and 02' closing
python_with _table.py 's/round_up\(len\(text\) \+ 1, LINE\)/&+ LINE/' \
	'a body that stands elsewhere' \
	'block 0 body_offset|EBADMSG' closing
python_with array.py 's/_atomics.store\(address \+ at/_atomics.store(address/' \
	'an element that is not whole' \
	'Python: other bytes .*element, byte|expected .*, got' records
python_with _table.py \
	's/raise failure\(errno.EEXIST/raise failure(errno.EBUSY/' \
	'another error' 'expected EEXIST, got EBUSY' exists
echo "1..$number"
exit "$failed"
