#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: stress
#
# The fuzz targets for minutes.
exec "$(dirname "$0")/run.sh" segment=600 type=150 value=180 name=60 uri=60 \
	path=60 program=150 flow=150
