# SPDX-License-Identifier: MIT
"""Run the sweeps, on all cores; print TAP, and a row for each operation.

CK_RUN_CASE: only rows that have these words, as "queue push 8".
"""
import multiprocessing
import os
import sys
from typing import Any, Dict, List

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import sweep_others  # noqa: E402
import sweep_queue  # noqa: E402
from sweep_engine import Count, Scene, Sweeper  # noqa: E402

PREFIX = os.environ.get("SWEEP_PREFIX", f"python_sweep_{os.getpid()}-")


def _sweep(job: Any) -> Count:
    number, scene = job
    return Sweeper(scene, f"{PREFIX}{number}").sweep()


def _add(a: Count, b: Count) -> Count:
    return Count(a.row, a.killed + b.killed, a.stopped + b.stopped,
                 a.pairs + b.pairs, a.run + b.run, a.failure or b.failure)


def main() -> int:
    words = os.environ.get("CK_RUN_CASE", "")
    scenes: List[Scene] = [
        scene for plug_in in (sweep_queue, sweep_others)
        for scene in plug_in.scenes()
        if f" {words} " in f" {scene.row} " or not words]
    rows: Dict[str, Count] = {}
    left = {scene.row: 0 for scene in scenes}
    failures = dict(left)
    for scene in scenes:
        left[scene.row] += 1
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        for count in pool.imap_unordered(_sweep, enumerate(scenes)):
            row = count.row
            rows[row] = _add(rows.get(row, Count(row)), count)
            failures[row] += bool(count.failure)
            left[row] -= 1
            if left[row]:
                continue
            all_ = rows[row]
            print(f"sweep | {row:37} | {all_.killed:6} | {all_.stopped:7} | "
                  f"{all_.pairs:9} | {all_.run:9} | {failures[row]}")
            for line in all_.failure.splitlines():
                print("# " + line)
            number = sum(1 for other in left.values() if not other)
            print(f"{'not ' if all_.failure else ''}ok {number} - {row}",
                  flush=True)
    print(f"1..{len(left)}")
    return 1 if any(failures.values()) or not left else 0


if __name__ == "__main__":
    sys.exit(main())
