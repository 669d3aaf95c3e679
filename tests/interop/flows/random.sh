#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# Random flows against an oracle in Python that shares nothing with the library.
# Other ones each time; ZIPC_SEED repeats those that it printed.
set -u
: "${top_srcdir:=$PWD}" "${top_builddir:=$top_srcdir}"
: "${ZIPC_SEED:=$(date +%s)}" "${PYTHON:=/usr/bin/python3}"
here=$top_srcdir/tests/interop/flows
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "# ZIPC_SEED=$ZIPC_SEED"
"$PYTHON" -B "$here/oracle.py" "$ZIPC_SEED" 120 >"$scratch/random" || exit 1
"$top_builddir/tests/interop/flows/check" "$scratch/random"
