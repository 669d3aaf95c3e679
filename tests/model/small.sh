#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: medium
#
# The small models of run.sh: so that none is forgotten until ./check --long.
exec "$(dirname "$0")/run.sh" --small
