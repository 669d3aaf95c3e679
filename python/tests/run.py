# SPDX-License-Identifier: MIT
"""Run the tests, or those whose names hold one of the arguments; print TAP."""
import faulthandler
import os
import sys
import unittest
from typing import Any, Iterator

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]


class Tap(unittest.TestResult):
    def _say(self, verdict: str, test: unittest.TestCase, more: str,
             why: str = "") -> None:
        words = test.id().split(".")[-1].replace("test_", "", 1)
        print(f"{verdict} {self.testsRun} - {words.replace('_', ' ')}{more}")
        for line in why.splitlines():
            print("# " + line)
        sys.stdout.flush()

    def addSuccess(self, test: Any) -> None:
        self._say("ok", test, "")

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        self._say("ok", test, f" # SKIP {reason}")

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._say("not ok", test, "", self.failures[-1][1])

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._say("not ok", test, "", self.errors[-1][1])

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err:
            self._say("not ok", subtest, "", str(err[1]))


def _flat(suite: Any) -> Iterator[Any]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def main() -> int:
    faulthandler.enable()
    wanted = sys.argv[1:]
    tests = [test for test in _flat(unittest.TestLoader().discover(HERE))
             if not wanted or any(word in test.id() for word in wanted)]
    result = Tap()
    unittest.TestSuite(tests).run(result)
    print(f"1..{result.testsRun}")
    return 0 if tests and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
