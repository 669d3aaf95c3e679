#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The matrix: every trace by every language alone; by every ordered pair, split
at several lines; and by all three, line by line. README.md tells more.

    matrix.py [TRACE..]

Prints TAP and, in lines that begin with `interop |`, a row for each creator
with a cell for each user: how many of its runs went as the traces say and left
the image that C alone leaves, of how many.
"""
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from image import ALONE, SHARED, Format, Image

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("top_srcdir") or os.path.join(HERE, "..", "..")
BUILT = os.path.join(os.environ.get("top_builddir", TOP), "tests", "interop")
SPLITS = 5
WATCHDOG_S = 300

# A test of this program puts other runners in their places.
RUNNERS = {
    "C": [os.environ.get("RUN_C", os.path.join(BUILT, "run_c"))],
    "C++": [os.environ.get("RUN_CPP", os.path.join(BUILT, "run_cpp"))],
    "Python": [sys.executable,
               os.environ.get("RUN_PYTHON", os.path.join(HERE, "run.py"))],
}
LANGUAGES = list(RUNNERS)
Range = Tuple[int, int]


class Wrong(Exception):
    """A run that did not go as its trace says."""


class Trace:
    """A trace, and the groups of its lines that one process has to run: a line
    that is indented belongs to the one before."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = os.path.basename(path)[:-len(".trace")]
        begins: List[int] = []
        with open(path, encoding="utf-8", errors="surrogateescape",
                  newline="\n") as file:
            for n, line in enumerate(file, 1):
                if line.strip() and line.lstrip()[0] != "#" and \
                        (line[0] not in " \t" or not begins):
                    begins.append(n)
        ends = [begin - 1 for begin in begins[1:]] + [1 << 30]
        self.groups: List[Range] = list(zip(begins, ends))

    def splits(self) -> List[int]:
        """The last lines of the first process."""
        n = len(self.groups)
        return sorted({self.groups[i * n // (SPLITS + 1)][0] - 1
                       for i in range(1, SPLITS + 1)
                       if i * n // (SPLITS + 1) > 0})


class Place:
    """A segment's name of this process's own, free before and after."""

    _lock = threading.Lock()
    _number = 0

    def __enter__(self) -> "Place":
        with Place._lock:
            Place._number += 1
            self.name = f"/interop-{os.getpid()}-{Place._number}"
        self.path = "/dev/shm" + self.name
        return self

    def __exit__(self, *_: object) -> None:
        if os.path.exists(self.path):
            os.unlink(self.path)

    def image(self) -> Optional[Image]:
        return Image(self.path) if os.path.exists(self.path) else None


def run(language: str, place: Place, trace: Trace, lines: Range) -> None:
    done = subprocess.run(
        RUNNERS[language] + [place.name, trace.path, str(lines[0]),
                             str(lines[1])],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        timeout=WATCHDOG_S)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise Wrong(f"{language} ends with {done.returncode}: {said}")


class Server:
    """A runner that lives on, and is told what lines of which trace to run."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.process: Optional["subprocess.Popen[bytes]"] = None

    def _start(self) -> "subprocess.Popen[bytes]":
        if self.process is None:
            self.process = subprocess.Popen(
                RUNNERS[self.language] + ["-"], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self.process

    def _tell(self, words: str) -> None:
        process = self._start()
        assert process.stdin and process.stdout
        watchdog = threading.Timer(WATCHDOG_S, process.kill)
        watchdog.start()
        try:
            process.stdin.write(words.encode() + b"\n")
            process.stdin.flush()
            for line in iter(process.stdout.readline, b"done\n"):
                if not line:
                    raise Wrong(self.end())
        finally:
            watchdog.cancel()

    def run(self, place: Place, trace: Trace, lines: Range) -> None:
        self._tell(f"{place.name} {trace.path} {lines[0]} {lines[1]}")

    def let_go(self) -> None:
        """Close all that is open."""
        if self.process is not None:
            self._tell("- - 0 0")

    def end(self) -> str:
        """How it ended; the next run starts another."""
        process, self.process = self.process, None
        if process is None:
            return ""
        _, said = process.communicate()
        return (f"{self.language} ends with {process.returncode}: "
                f"{said.decode(errors='replace').strip()}")


class Crew:
    """Two of each language, as a language is paired with itself too; each
    thread has a crew of its own."""

    def __init__(self) -> None:
        self.creators = {name: Server(name) for name in LANGUAGES}
        self.users = {name: Server(name) for name in LANGUAGES}

    def let_go(self) -> None:
        for server in self.servers():
            try:
                server.let_go()
            except Wrong:
                pass  # it was told

    def servers(self) -> List[Server]:
        return list(self.creators.values()) + list(self.users.values())

    def end(self) -> None:
        for server in self.servers():
            server.end()


class Crews:
    def __init__(self) -> None:
        self.local = threading.local()
        self.all: List[Crew] = []

    def mine(self) -> Crew:
        if not hasattr(self.local, "crew"):
            self.local.crew = Crew()
            self.all.append(self.local.crew)
        crew: Crew = self.local.crew
        return crew


class Outcome(NamedTuple):
    what: str
    why: str  # empty: it went well


class Matrix:
    def __init__(self, traces: List[Trace]) -> None:
        self.traces = traces
        self.format = Format(os.path.join(TOP, "docs", "format.md"))
        self.alone: Dict[str, Optional[Image]] = {}  # by C
        self.crews = Crews()
        self.number = self.failed = 0

    def say(self, outcomes: List[Outcome], claim: str) -> None:
        """A line of TAP: no run is no success."""
        self.number += 1
        bad = [outcome for outcome in outcomes if outcome.why]
        self.failed += bool(bad or not outcomes)
        print(("not ok" if bad or not outcomes else "ok") +
              f" {self.number} - {claim}")
        for outcome in bad[:10]:
            for line in f"{outcome.what}: {outcome.why}".splitlines():
                print("# " + line)
        sys.stdout.flush()

    def compare(self, trace: Trace, image: Optional[Image],
                mask: Dict[str, List[str]]) -> None:
        ours = self.alone.get(trace.name)
        if (ours is None) != (image is None):
            raise Wrong("a segment is left where C leaves none" if image
                        else "no segment is left where C leaves one")
        if ours and image:
            differ = self.format.differences(ours, image, mask)
            if differ:
                raise Wrong("other bytes than C leaves alone: " +
                            "; ".join(differ))

    def run_alone(self, trace: Trace) -> List[Outcome]:
        outcomes = []
        for language in LANGUAGES:
            why = ""
            with Place() as place:
                try:
                    run(language, place, trace, (1, 1 << 30))
                    image = place.image()
                    if language == "C":
                        self.alone[trace.name] = image
                    self.compare(trace, image, ALONE)
                except (Wrong, subprocess.TimeoutExpired) as wrong:
                    why = str(wrong)
            outcomes.append(Outcome(language, why))
        return outcomes

    def run_pair(self, creator: str, user: str, trace: Trace,
                 split: int) -> Outcome:
        why, crew = "", self.crews.mine()
        with Place() as place:
            try:
                crew.creators[creator].run(place, trace, (1, split))
                crew.creators[creator].let_go()
                crew.users[user].run(place, trace, (split + 1, 1 << 30))
                crew.users[user].let_go()
                self.compare(trace, place.image(), SHARED)
            except Wrong as wrong:
                why = str(wrong)
            crew.let_go()
        return Outcome(f"{trace.name}, split behind line {split}", why)

    def run_turns(self, languages: Sequence[str], trace: Trace) -> Outcome:
        why, crew = "", self.crews.mine()
        with Place() as place:
            try:
                for i, lines in enumerate(trace.groups):
                    turn = languages[i % len(languages)]
                    crew.users[turn].run(place, trace, lines)
                crew.let_go()
                self.compare(trace, place.image(), SHARED)
            except Wrong as wrong:
                why = str(wrong)
            crew.let_go()
        return Outcome(trace.name, why)

    def run_all(self, pool: ThreadPoolExecutor) -> None:
        for trace, outcomes in zip(self.traces,
                                   pool.map(self.run_alone, self.traces)):
            self.say(outcomes, f"{trace.name}: C, C++ and Python give the "
                     "same results and leave the same bytes")
        cells = {}
        for creator in LANGUAGES:
            for user in LANGUAGES:
                runs = [(creator, user, trace, split)
                        for trace in self.traces for split in trace.splits()]
                outcomes = list(pool.map(lambda r: self.run_pair(*r), runs))
                cells[creator, user] = outcomes
                self.say(outcomes, f"what {creator} creates {user} uses")
        turns = {}
        for i, first in enumerate(LANGUAGES):
            order = LANGUAGES[i:] + LANGUAGES[:i]
            turns[first] = list(pool.map(
                lambda trace: self.run_turns(order, trace), self.traces))
            self.say(turns[first], "line by line: " + ", ".join(order))
        self.print_matrix(cells, turns)

    def print_matrix(self, cells: Dict[Tuple[str, str], List[Outcome]],
                     turns: Dict[str, List[Outcome]]) -> None:
        def cell(outcomes: List[Outcome]) -> str:
            well = sum(not outcome.why for outcome in outcomes)
            return f"{well} of {len(outcomes)}"

        row = "interop | %-26s | %-12s | %-12s | %-12s | %s"
        print(row % (("creator, and who uses it",) + tuple(LANGUAGES) +
                     ("all, line by line",)))
        for creator in LANGUAGES:
            print(row % ((creator,) + tuple(
                cell(cells[creator, user]) for user in LANGUAGES) +
                (cell(turns[creator]),)))


def main() -> int:
    paths = sys.argv[1:] or [
        os.path.join(HERE, "traces", name)
        for name in sorted(os.listdir(os.path.join(HERE, "traces")))
        if name.endswith(".trace")]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ["PYTHONPATH"] = os.environ.get(
        "ZEROIPC_PYTHON", os.path.join(TOP, "python"))
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    matrix = Matrix([Trace(path) for path in paths])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        matrix.run_all(pool)
    for crew in matrix.crews.all:
        crew.end()
    print(f"1..{matrix.number}")
    return 1 if matrix.failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
