# SPDX-License-Identifier: MIT
"""What tests share: segments with the pid in their names, which are removed
even when a test fails; children, which never outlive it; the command line."""
import itertools
import multiprocessing
import os
import signal
import subprocess
import unittest
from typing import Any, Callable

from zeroipc import Memory

TOP = os.environ.get("top_srcdir") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", ".."))
PYTHON = os.path.join(TOP, "python")
ZEROIPC = os.path.join(os.environ.get("top_builddir", TOP), "cli", "zeroipc")
WATCHDOG_S = 300

_numbers = itertools.count()


class SegmentTest(unittest.TestCase):
    """Each test has a segment name of its own."""

    def setUp(self) -> None:
        self.name = f"/python_test_{os.getpid()}_{next(_numbers)}"
        self.path = "/dev/shm" + self.name
        self.addCleanup(self._remove)

    def _remove(self) -> None:
        if os.path.exists(self.path):
            os.unlink(self.path)

    def memory(self, size: int = 1 << 20, **options: Any) -> Memory:
        return Memory.create(self.name, size, **options)

    def zeroipc(self, *words: str, fails: bool = False) -> str:
        """What the command line prints; @ is the segment's name."""
        done = subprocess.run(
            [ZEROIPC] + [word.replace("@", self.name[1:]) for word in words],
            capture_output=True, text=True, timeout=WATCHDOG_S)
        self.assertEqual(done.returncode != 0, fails,
                         done.stdout + done.stderr)
        return done.stderr if fails else done.stdout

    def message(self, kind: type, call: Callable[..., Any],
                *args: Any, **options: Any) -> str:
        """What a call that must fail in that way says."""
        with self.assertRaises(kind) as caught:
            call(*args, **options)
        return str(caught.exception.strerror)

    def start(self, method: str, body: Callable[..., None],
              *args: Any) -> Any:
        """A child process; it is killed when the test ends."""
        child = multiprocessing.get_context(method).Process(
            target=body, args=args)
        child.start()
        self.addCleanup(self._end, child)
        return child

    @staticmethod
    def _end(child: Any) -> None:
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
        child.join()

    def join(self, child: Any, status: int = 0) -> None:
        child.join(WATCHDOG_S)
        self.assertEqual(child.exitcode, status)
