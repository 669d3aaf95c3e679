#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# Every trace by C, C++ and Python: alone, in every ordered pair, and line by
# line. matrix.py does it, and README.md tells how.
set -u
: "${top_srcdir:=$PWD}" "${top_builddir:=$top_srcdir}"
export top_srcdir top_builddir
# The system's, which has its python3-numpy.
exec "${PYTHON:-/usr/bin/python3}" -B "$top_srcdir/tests/interop/matrix.py" "$@"
