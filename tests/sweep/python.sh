#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# The sweep of the Python implementation: killed and stopped before and behind
# each access and each call; python/tests/sweep_engine.py has the idea.
# CK_RUN_CASE chooses rows, as "queue push 8".
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
if [ -n "${SANITIZERS-}" ]; then
	echo '1..0 # SKIP the plain build does this'
	exit 0
fi
# shellcheck source=tests/runner.sh
. "$top_srcdir/tests/runner.sh"
number=$(printf '%07d' $$)
runner_begin "$number"
trap runner_end EXIT
export SWEEP_PREFIX=zt-$number- PYTHONDONTWRITEBYTECODE=1
# The system's, which has its python3-numpy.
"${PYTHON:-/usr/bin/python3}" "$top_srcdir/python/tests/sweep.py"
