#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# The vectors that are kept, with the bytes of their flows.
set -u
: "${top_srcdir:=$PWD}" "${top_builddir:=$top_srcdir}"
export top_srcdir
exec "$top_builddir/tests/interop/flows/check"
