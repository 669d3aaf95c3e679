# SPDX-License-Identifier: MIT
"""Python's queue beside those of the standard library, in turns, with ratios.

  python_bench.py [--check] [--rounds N] [--seconds S] [--only WORK]
                  [--json FILE]

--check moves some items through everything once and takes no times. Every run
checks that what it moved came whole and in order.
"""
import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "python"))

import numpy as np  # noqa: E402
from zeroipc import Memory, Queue  # noqa: E402

OURS = "zeroipc-python"
_context = multiprocessing.get_context("fork")


class Ours:
    """Elements go one by one, arrays as batches of elements."""

    def __init__(self, dtype: Any) -> None:
        self.name = f"/python_bench_{os.getpid()}"
        self._memory = Memory.create(self.name, 16 << 20)
        Memory.unlink(self.name)
        self._queue = Queue(self._memory, "q", 1024, dtype=dtype)
        self.put, self.get = self._queue.push, self._queue.pop
        self.put_array = self._queue.push_n
        self.get_array = self._queue.pop_n

    def close(self) -> None:
        self._queue.close()


class Peer:
    """A queue of the standard library, which pickles what it takes."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.put = self.put_array = queue.put
        self.get = queue.get

    def get_array(self, n: int) -> Any:
        return self._queue.get()

    def close(self) -> None:
        self._queue.close()


CANDIDATES: Dict[str, Callable[[Any], Any]] = {
    OURS: Ours,
    "simple-queue": lambda dtype: Peer(_context.SimpleQueue()),
    "mp-queue": lambda dtype: Peer(_context.Queue(1024)),
}


def _must(holds: bool) -> None:
    if not holds:
        raise AssertionError("other items came out")


def pair(queue: Any, n: int) -> int:
    """Push and pop in one process."""
    put, get = queue.put, queue.get
    began = time.perf_counter_ns()
    for i in range(n):
        put(i)
        if get() != i:
            _must(False)
    return time.perf_counter_ns() - began


def _produce(queue: Any, n: int) -> None:
    for i in range(n):
        queue.put(i)


def one_to_one(queue: Any, n: int) -> int:
    """A producer and a consumer, as processes."""
    child = _context.Process(target=_produce, args=(queue, n))
    child.start()
    _must(queue.get() == 0)
    began = time.perf_counter_ns()
    for i in range(1, n):
        if queue.get() != i:
            _must(False)
    took = time.perf_counter_ns() - began
    child.join()
    _must(child.exitcode == 0)
    return took


def arrays(length: int, dtype: Any) -> Callable[[Any, int], int]:
    """NumPy arrays of that many elements, in and out in one process."""
    def work(queue: Any, n: int) -> int:
        array = np.zeros(length, dtype)
        words = array.view(np.uint64)
        words[:] = np.arange(len(words))
        took = 0
        for i in range(max(n // length, 1)):
            words[0] = i
            began = time.perf_counter_ns()
            queue.put_array(array)
            out = queue.get_array(length)
            took += time.perf_counter_ns() - began
            _must(out.tobytes() == array.tobytes())
        return took
    return work


class Work(NamedTuple):
    name: str
    unit: str
    per: float  # nanoseconds
    dtype: Any
    run: Callable[[Any, int], int]
    length: int = 1  # items move by this many


WORKS = [
    Work("pair-8", "us", 1e3, "u64", pair),
    Work("1p1c-8", "us", 1e3, "u64", one_to_one),
    Work("array-8", "ns", 1, "u64", arrays(256, np.uint64), 256),
    # Arrays of a pipe's size, or a queue of a pipe would wait for itself.
    Work("array-4096", "ns", 1, "bytes:4096", arrays(8, "V4096"), 8),
]


def measure(work: Work, candidate: str, n: int) -> float:
    queue = CANDIDATES[candidate](work.dtype)
    try:
        n -= n % work.length or 0
        return work.run(queue, max(n, work.length)) / \
            max(n, work.length) / work.per
    finally:
        queue.close()


def amount(work: Work, candidate: str, seconds: float) -> int:
    """As many items as take about that long."""
    each = measure(work, candidate, 8 * work.length + 50) * work.per
    return max(int(seconds * 1e9 / each), 100)


def spread(values: List[float]) -> Tuple[float, float, float]:
    return statistics.median(values), min(values), max(values)


def compare(work: Work, rounds: int, seconds: float) -> Dict[str, Any]:
    """Candidates alternate; a ratio is of two runs in one round."""
    amounts = {name: amount(work, name, seconds) for name in CANDIDATES}
    runs: Dict[str, List[float]] = {name: [] for name in CANDIDATES}
    for _ in range(rounds):
        for name in CANDIDATES:
            runs[name].append(measure(work, name, amounts[name]))
    print(f"\n{work.name}, {work.unit} an item; ratio: above 1 ours is better")
    figures = []
    for name, values in runs.items():
        ratios = [peer / ours for peer, ours in zip(values, runs[OURS])]
        print("  {:16} {:9.2f} ({:.2f}..{:.2f})".format(
            name, *spread(values)) + ("" if name == OURS else
                                      "  {:7.2f} ({:.2f}..{:.2f})".format(
                                          *spread(ratios))), flush=True)
        figures.append(dict(
            zip(("median", "low", "high"), spread(values)), candidate=name,
            ratio=statistics.median(ratios), runs=values))
    return {"work": work.name, "unit": work.unit, "less_is_better": True,
            "ours": OURS, "figures": figures}


def check() -> int:
    number, failed = 0, False
    for work in WORKS:
        for name in CANDIDATES:
            number += 1
            try:
                measure(work, name, 600)
                print(f"ok - {work.name}: {name}")
            except AssertionError as error:
                failed = True
                print(f"not ok - {work.name}: {name}: {error}")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.check:
        return check()
    works = [compare(work, options.rounds, options.seconds)
             for work in WORKS if options.only in work.name]
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"python": sys.version.split()[0], "works": works},
                      file, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
