# SPDX-License-Identifier: MIT
"""The sweep: a victim is killed, or stopped and later continued, before and
behind every step of an operation that could touch what others see.

The interpreter tells of each of its instructions before it takes it
(sys.settrace, f_trace_opcodes). A point is one, in the package's own code, that
calls something or takes or sets an item: so no atomic access and no system call
is left out, as each is within one of those. What other instructions do stays
within the process. A call of the package's own is no point: it has points
inside.

  kill    at each point: the first victim dies there; check
  stop    at each point: it stops there; check; it goes on to its end; check
  pairs   at each point of the first it dies, and at each of the second, which
          meets what that has left, that dies; check

What the dead leave is the segment's file, and what they have said: locks are
gone. Of points that leave the same state one stands for all when it is checked;
and for pairs the first is run through once, and the second once for each state
that the first can leave. States are compared without pids and times, which are
those of somebody dead.

Victims and checks are forked from one warm process, and each check is a process
of its own. One that does not end is a hang, and a failure.
"""
import dis
import mmap
import os
import pickle
import signal
import struct
import sys
import traceback
from types import CodeType, FrameType
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, \
    Tuple

import zeroipc
from zeroipc.format import HEADER, LINE, PARTICIPANT

HANG_S = 60
PACKAGE = os.path.dirname(os.path.abspath(zeroipc.__file__)) + os.sep
_TOUCHING = ("CALL", "BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR",
             "BEFORE_WITH", "SETUP_WITH", "WITH_EXCEPT")


class Failed(Exception):
    """What a check found."""


class Page:
    """What victims say and checks hand on: objects in shared memory."""
    FIRST, SECOND, KEPT, FAILURE, STATES = range(5)
    _SIZES = (1 << 14, 1 << 14, 1 << 14, 1 << 14, 1 << 26)

    def __init__(self) -> None:
        self._maps = [mmap.mmap(-1, size) for size in self._SIZES]

    def put(self, slot: int, what: Any) -> None:
        image = pickle.dumps(what)
        self._maps[slot][:8 + len(image)] = struct.pack("q", len(image)) + \
            image

    def get(self, slot: int) -> Any:
        n = struct.unpack("q", self._maps[slot][:8])[0]
        return pickle.loads(self._maps[slot][8:8 + n])


class Said(NamedTuple):
    """A victim's words. Who is dead or stopped said them before."""
    phase: int = 0  # 0 it has not begun, 1 it has, 2 it has ended
    result: Any = None
    notes: tuple = ()
    where: str = ""


def touching(code: CodeType, known: Dict[CodeType, FrozenSet[int]] = {}
             ) -> FrozenSet[int]:
    """The offsets of the instructions that are points."""
    if code not in known:
        known[code] = frozenset(
            i.offset for i in dis.get_instructions(code)
            if i.opname.startswith(_TOUCHING))
    return known[code]


class Victim:
    """Calls begin() before the operation and end() behind it."""

    def __init__(self, page: Page, slot: int,
                 act: Callable[["Victim", int], None]) -> None:
        self._page, self._slot, self._act = page, slot, act
        self.said = Said()
        self.points = 0
        self.where = ""
        self.places: Dict[int, str] = {}  # of points, where each is

    def say(self, **words: Any) -> None:
        self.said = self.said._replace(where=self.where, **words)
        self._page.put(self._slot, self.said)

    def begin(self) -> None:
        self.say(phase=1)
        sys.settrace(self._enter)

    def note(self, value: Any) -> None:
        self.say(notes=self.said.notes + (value,))

    def end(self, result: Any) -> None:
        sys.settrace(None)
        self.say(phase=2, result=result)

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self.places.pop(self.points, None)  # it was this call
        return self._step

    def _step(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "opcode" and frame.f_lasti in touching(frame.f_code):
            self.points += 1
            self.where = (f"{os.path.basename(frame.f_code.co_filename)}:"
                          f"{frame.f_lineno}")
            self.places[self.points] = self.where
            self._act(self, self.points)
        return self._step


class Scene:
    """What is swept: a plug-in makes these of its own. Methods run in forked
    processes, and find the segment by self.segment."""
    row = ""       # of the table
    name = ""      # failures begin with it
    modes = frozenset(("kill", "stop", "pairs"))
    segment = ""   # set by sweep()

    def set_up(self) -> None:
        """Make the segment, or see that there is none."""

    def first(self, me: Victim) -> None:
        """The operation."""

    def second(self, me: Victim) -> None:
        """Meets what the first has left."""

    def check(self, page: Page, stage: str, point: int) -> None:
        """stage: "dead", "stopped", or "ended" once it went on; raises."""


class Through(NamedTuple):
    """What a victim went through."""
    places: Dict[int, str]
    states: List[Any]  # at how many points, and the state


class Count(NamedTuple):
    row: str
    killed: int = 0
    stopped: int = 0
    pairs: int = 0
    run: int = 0
    failure: str = ""


def _wait(pid: int) -> int:
    return os.waitpid(pid, os.WUNTRACED)[1]


def _child(body: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(HANG_S)
        body()
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(status)


def mask(image: Optional[bytes]) -> Optional[bytes]:
    """Without who its participants were."""
    if image is None or len(image) < HEADER.size:
        return image
    masked = bytearray(image)
    at = HEADER.get(image, "participants_offset") * LINE
    for _ in range(HEADER.get(image, "max_participants")):
        for field in ("pid", "start_ticks", "since_ns"):
            place = PARTICIPANT.fields[field]
            masked[at + place.offset:at + place.offset + place.size] = \
                bytes(place.size)
        at += PARTICIPANT.size
    for field in ("segment_id", "created_ns"):
        place = HEADER.fields[field]
        masked[place.offset:place.offset + place.size] = bytes(place.size)
    return bytes(masked)


class Sweeper:
    """Sweeps one scene, up to its first failure."""

    def __init__(self, scene: Scene, segment: str) -> None:
        self.scene = scene
        scene.segment = segment
        self.path = "/dev/shm/" + segment
        self.page = Page()
        self.run = 0

    # the segment's file

    def image(self) -> Optional[bytes]:
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def restore(self, image: Optional[bytes]) -> None:
        if image is None:
            if os.path.exists(self.path):
                os.unlink(self.path)
            return
        with open(self.path, "r+b" if os.path.exists(self.path) else
                  "wb") as file:
            file.write(image)
            file.truncate()

    def fresh(self, state: Any = None) -> None:
        """Bring back a state: the begin, or one that somebody left."""
        image, first, second = state or (self.begin, Said(), Said())
        self.restore(image)
        self.page.put(Page.FIRST, first)
        self.page.put(Page.SECOND, second)
        self.page.put(Page.KEPT, None)

    # the parts

    def victim(self, slot: int, act: Callable[[Victim, int], None]) -> int:
        """Fork one; its pid."""
        operate = self.scene.first if slot == Page.FIRST else \
            self.scene.second
        return _child(lambda: operate(Victim(self.page, slot, act)))

    def check(self, stage: str, point: int, what: str) -> None:
        def body() -> None:
            self.page.put(Page.FAILURE, "")
            try:
                self.scene.check(self.page, stage, point)
            except Failed as failed:
                self.page.put(Page.FAILURE, str(failed))
            except Exception:
                self.page.put(Page.FAILURE, traceback.format_exc()[-4000:])
        self.run += 1
        status = _wait(_child(body))
        why = self.page.get(Page.FAILURE)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
            why = f"the others hang; {why}"
        elif status:
            why = f"a check ended with status 0x{status:x}; {why}"
        if why:
            first = self.page.get(Page.FIRST)
            second = self.page.get(Page.SECOND)
            raise Failed(f"{self.scene.name}, {what} at {first.where}"
                         f"{' and ' if second.where else ''}{second.where}: "
                         f"{why}")

    def run_through(self, slot: int) -> Through:
        """All points of a victim, and all that it can leave by dying."""
        def body() -> None:
            states: Dict[Any, Any] = {}

            def act(me: Victim, point: int) -> None:
                key, state = self.state(me.said, me.where)
                states.setdefault(key, [0, state])[0] += 1
            victim = Victim(self.page, slot, act)
            (self.scene.first if slot == Page.FIRST else
             self.scene.second)(victim)
            act(victim, 0)
            self.page.put(Page.STATES, Through(
                victim.places, [tuple(one) for one in states.values()]))
        status = _wait(_child(body))
        if status:
            raise Failed(f"{self.scene.name}: run through, it ended with "
                         f"status 0x{status:x}")
        through: Through = self.page.get(Page.STATES)
        return through

    def state(self, said: Said, where: str) -> Tuple[Any, Any]:
        """What is there now: as a key, and as fresh() takes it."""
        image = self.image()
        return ((mask(image), said._replace(where="")),
                (image, said._replace(where=where)))

    # the modes

    def _to(self, point: int, where: str, number: int) -> Tuple[int, int]:
        """Run the first victim to that point, where it sends itself a signal:
        its pid and its status."""
        def act(me: Victim, n: int) -> None:
            if n == point:
                me.say()
                os.kill(os.getpid(), number)
        self.fresh()
        pid = self.victim(Page.FIRST, act)
        status = _wait(pid)
        there = self.page.get(Page.FIRST).where
        if os.WIFEXITED(status) or there != where:
            raise Failed(f"{self.scene.name}: point {point} was at {where}, "
                         f"and is at {there} (status 0x{status:x})")
        return pid, status

    def _kill(self, places: Dict[int, str]) -> None:
        checked = set()
        for point, where in places.items():
            self._to(point, where, signal.SIGKILL)
            key = self.state(self.page.get(Page.FIRST), "")[0]
            if key not in checked:
                self.check("dead", point, "killed")
            checked.add(key)

    def _stop(self, places: Dict[int, str]) -> None:
        for point, where in places.items():
            pid, status = self._to(point, where, signal.SIGSTOP)
            if os.WIFSTOPPED(status):
                self._go_on(pid, point, "stopped")

    def _go_on(self, pid: int, point: int, what: str) -> None:
        try:
            self.check("stopped", point, what)
        except Failed:
            os.kill(pid, signal.SIGKILL)
            _wait(pid)
            raise
        os.kill(pid, signal.SIGCONT)
        status = _wait(pid)
        if status:
            raise Failed(f"{self.scene.name}, {what} at point {point} and "
                         f"continued, it ended with status 0x{status:x}")
        self.check("ended", point, what + " and continued")

    def _pairs(self, firsts: List[Any]) -> int:
        covered = 0
        for n, (image, first) in firsts:
            self.fresh((image, first, Said()))
            through = self.run_through(Page.SECOND)
            covered += n * len(through.places)
            for _, (after, second) in through.states:
                self.fresh((after, first, second))
                self.check("dead", 0, "two killed")
        return covered

    def _sweep(self, count: Count) -> Count:
        status = _wait(_child(self.scene.set_up))
        if status:
            raise Failed(f"{self.scene.name}: set_up failed")
        self.begin, modes = self.image(), self.scene.modes
        self.fresh()
        places, firsts = self.run_through(Page.FIRST)
        if len(places) < 2:
            raise Failed(f"{self.scene.name}: it has no points")
        if "kill" in modes:
            self._kill(places)
            count = count._replace(killed=len(places))
        if "stop" in modes:
            self._stop(places)
            count = count._replace(stopped=len(places))
        if "pairs" in modes:
            before = self.run
            count = count._replace(pairs=self._pairs(firsts),
                                   run=self.run - before)
        return count

    def sweep(self) -> Count:
        count = Count(self.scene.row)
        try:
            return self._sweep(count)
        except Failed as failed:
            return count._replace(failure=str(failed))
        finally:
            self.restore(None)
