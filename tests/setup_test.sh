#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# scripts/setup.sh asks apt only for what is missing, and as root or by sudo.
# Everything it would call is planted here: nothing is installed.
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
number=0 failed=0
cd "$scratch" || exit 1
printf '# a comment\none build\ntwo check\nthree demo\n' >packages.txt

# plant COMMAND SCRIPT
plant()
{
	mkdir -p bin
	printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
	chmod +x "bin/$1"
}

# result INSTALLED UID [WORDS]: what is called, when these are installed, as
# that user, and apt-get fails with WORDS, a glob.
result()
{
	plant dpkg-query "for p; do :; done; case ' $1 ' in *\" \$p \"*)
		echo install ok installed ;; *) exit 1 ;; esac"
	plant id "echo $2"
	plant apt-get "echo \"apt-get \$*\" >>calls
		case \$* in ${3-nothing}) echo no network >&2; exit 100 ;; esac"
	: >calls
	(
		PATH=$scratch/bin:/usr/bin:/bin
		# shellcheck source=scripts/setup.sh
		. "$top_srcdir/scripts/setup.sh"
		# no sudo but the one that may be planted
		command() { [ -e "bin/$2" ]; }
		install_missing build check
	) >output 2>&1
	status=$?
}

claim()
{
	local words=$1

	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $words"
	else
		failed=1
		sed 's/^/# /' output calls
		echo "not ok $number - $words"
	fi
}

echo 1..12
result "one two" 0
claim 'nothing missing: apt is not asked' [ ! -s calls ]
claim 'and that is success' [ $status -eq 0 ]
result "one" 0
claim 'what is missing is installed' grep -q '^apt-get .*install .* two$' calls
claim 'after an update' grep -q '^apt-get update' calls
result "" 0
claim 'marks choose' grep -q ' one two$' calls
result "one" 1000
claim 'neither root nor sudo: it says what to do' \
	grep -q 'apt-get install two' output
result "one" 0 'update*'
claim 'when the update fails, apt tries with what it knows' \
	grep -q '^apt-get .*install .* two$' calls
claim 'and that may be enough' [ $status -eq 0 ]
result "one" 0 '*install*'
claim 'when it is not, that is a failure' [ $status -ne 0 ]
result "one two" 0 '*'
claim 'without a network and with all packages it goes on' [ $status -eq 0 ]
plant sudo 'echo sudo >>calls; exec "$@"'
result "one" 1000
claim 'with sudo, by sudo' grep -q sudo calls

# The real find, in a tree with a list further down.
mkdir -p deep/down build
touch configure configure.ac Makefile.am Makefile.in
touch -d '1 hour' deep/down/Makefile.inc
plant autoreconf 'echo autoreconf >>calls'
: >calls
(
	PATH=$scratch/bin:/usr/bin:/bin
	# shellcheck source=scripts/setup.sh
	. "$top_srcdir/scripts/setup.sh"
	make_configure
) >output 2>&1
claim 'configure is made again for a list in any directory' [ -s calls ]
exit "$failed"
