# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every lint shares. A lint is a script that sources this, defines
#
#   lint ROOT        prints a line for each fault in the tree at ROOT
#   plant_NAME ROOT  makes a small tree with one fault at ROOT, and prints a
#                    word that the lint's line about it must hold
#
# and ends with run_lint. The real tree must be without faults, and each plant
# must be found: so every lint is known to be able to fail.
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"

# The files at $1 whose names match one of the other words (globs whose * also
# takes slashes), relative to $1: what git knows or would add; without git (in a
# tarball), all but what is generated.
files()
{
	local root=$1 file pattern

	shift
	if [ -e "$root/.git" ] && command -v git >/dev/null; then
		git -c safe.directory='*' -C "$root" ls-files -co \
			--exclude-standard
	else
		(cd "$root" && find . \( -path ./build -o -path ./_build \
			-o -path ./_inst -o -path ./build-aux -o -path ./m4 \
			-o -path ./configure -o -path ./aclocal.m4 \
			-o -path ./autom4te.cache \
			-o -path ./Makefile.in \) -prune -o -type f -print |
			sed 's:^\./::')
	fi | sort | while read -r file; do
		[ -f "$root/$file" ] || continue
		for pattern; do
			# shellcheck disable=SC2053 # it is a glob
			if [[ $file == $pattern ]]; then
				printf '%s\n' "$file"
				break
			fi
		done
	done
}

run_lint()
{
	local scratch found number=1 failed=0 plants plant word

	plants=$(compgen -A function plant_)
	scratch=$(mktemp -d)
	# shellcheck disable=SC2064 # now, while scratch is known
	trap "rm -rf '$scratch'" EXIT
	echo "1..$((1 + $(wc -w <<<"$plants")))"
	found=$(lint "$top_srcdir" 2>&1)
	verdict "the tree is clean" [ -z "$found" ]
	for plant in $plants; do
		mkdir "$scratch/$plant"
		word=$("$plant" "$scratch/$plant")
		found=$(lint "$scratch/$plant" 2>&1)
		verdict "finds ${plant#plant_}" \
			grep -qF -- "${word:?}" <<<"$found"
	done
	exit "$failed"
}

# verdict CLAIM COMMAND..: a line of TAP; uses run_lint's variables.
verdict()
{
	local claim=$1

	shift
	if "$@"; then
		echo "ok $number - $claim"
	else
		failed=1
		[ -z "$found" ] || printf '%s\n' "$found" | sed 's/^/# /'
		echo "not ok $number - $claim"
	fi
	number=$((number + 1))
}
