#!/bin/sh
# SPDX-License-Identifier: MIT
#
# embed.sh FILE... writes the C source that builds the files into zeroipcd:
#
#   zeroipcd/embed.sh web/index.html web/app.js ... >zeroipcd/assets_data.c
set -eu

echo '/* Made by embed.sh; change the files in web/ instead. */'
echo '#include "assets.h"'
n=0
for file; do
	n=$((n + 1))
	printf '\nstatic const unsigned char file_%d[] = {\n' "$n"
	od -An -v -t x1 "$file" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'
	# An empty file makes no empty array, and each ends with a NUL.
	printf '0x00};\n'
done
printf '\nconst struct asset assets_built_in[] = {\n'
n=0
for file; do
	n=$((n + 1))
	printf '\t{ "%s", file_%d, sizeof(file_%d) - 1 },\n' \
		"${file##*/}" "$n" "$n"
done
printf '\t{ 0 },\n};\n'
