# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For scripts that print TAP, and have a directory $scratch:
#
#   claim WORDS COMMAND..   one test: ok if the command is; else what it said
#   claims_end              the plan; ends with status 1 if a claim was wrong
number=0 failed=0

claim()
{
	local words=$1

	shift
	number=$((number + 1))
	# shellcheck disable=SC2154 # the script's own
	if "$@" >"$scratch/said" 2>&1; then
		echo "ok $number - $words"
	else
		failed=1
		echo "not ok $number - $words"
		sed 's/^/# /' "$scratch/said"
	fi
}

claims_end()
{
	echo "1..$number"
	exit "$failed"
}
