#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# The tally, which ./check believes, counts what it should, and takes no silence
# for success.
set -u
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
number=0 failed=0

# claim WORDS EXPECTED RESULT: the tally of one test whose log is on stdin.
claim()
{
	number=$((number + 1))
	cat >"$scratch/planted.log"
	echo ":test-result: $3" >"$scratch/planted.trs"
	got=$("$here/tally" "$scratch" | head -n 1)
	if [ "$got" = "$2" ]; then
		echo "ok $number - $1"
	else
		failed=1
		echo "not ok $number - $1: $got, not $2"
	fi
}

echo 1..12
claim "counts Check's checks" '12 0 0' PASS <<'END'
Running suite(s): queue
100%: Checks: 12, Failures: 0, Errors: 0
END
claim "counts Check's failures and errors" '9 3 0' FAIL <<'END'
75%: Checks: 12, Failures: 2, Errors: 1
END
claim 'adds several suites' '5 1 0' FAIL <<'END'
100%: Checks: 3, Failures: 0, Errors: 0
66%: Checks: 3, Failures: 1, Errors: 0
END
claim 'counts TAP' '1 1 1' FAIL <<'END'
1..3
ok 1 - one
not ok 2 - two
ok 3 - three # SKIP no network
END
claim 'a test that prints no counts has failed' '0 1 0' PASS <<'END'
all is well
END
claim 'a test that dies before its counts has failed' '0 1 0' FAIL </dev/null
claim 'a test that dies after its counts has failed' '2 1 0' FAIL <<'END'
100%: Checks: 2, Failures: 0, Errors: 0
Segmentation fault
END
claim 'TAP that ends before its plan has failed' '1 1 0' PASS <<'END'
1..2
ok 1 - one
END
claim 'a test with an error of its own has failed' '0 1 0' ERROR </dev/null
claim 'counts a skipped test' '0 0 1' SKIP <<'END'
1..0 # SKIP no clang
END
claim 'counts one that skips itself with success' '0 0 1' PASS <<'END'
1..0 # SKIP no clang
END
claim 'a label that is not asked for is no skipped test' '0 0 0' SKIP <<'END'
# label slow is not asked for
END
exit "$failed"
