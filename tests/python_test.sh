#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# The tests of the Python implementation. What is built by a sanitizer is the
# other side's, so these go over the plain build only.
set -u
: "${top_srcdir:=$PWD}" "${top_builddir:=$top_srcdir}"
export top_srcdir top_builddir
if [ -n "${SANITIZERS-}" ]; then
	echo '1..0 # SKIP the other side is tested under sanitizers by itself'
	exit 0
fi
# The system's, which has its python3-numpy.
: "${PYTHON:=/usr/bin/python3}"
export PYTHONDONTWRITEBYTECODE=1
exec "$PYTHON" "$top_srcdir/python/tests/run.py" "$@"
