# SPDX-License-Identifier: MIT
"""Processes: forked and spawned, with C on the other side, and killed."""
import fcntl
import os
import random
import signal
import struct
import subprocess
import sys

import numpy as np

from support import PYTHON, WATCHDOG_S, ZEROIPC, SegmentTest
from zeroipc import Memory, Queue, WouldBlock, _participant

KILLS = int(os.environ.get("ZIPC_KILLS", "200"))


def produce(name, who, n):
    queue = Queue(Memory(name), "q")
    for i in range(n):
        queue.push(who << 32 | i)


def produce_for_ever(name, who):
    queue = Queue(Memory(name), "q")
    i = 0
    while True:
        queue.push(who << 32 | i)
        i += 1
        queue.push_n(np.arange(i, i + 9, dtype=np.uint64) + (who << 32))
        i += 9


def push_through(queue, value):
    queue.push(value)


class Processes(SegmentTest):
    def ordered(self, taken):
        """Each producer's elements in order, none twice; how many."""
        last = {}
        for value in taken:
            who, i = value >> 32, value & 0xFFFFFFFF
            self.assertGreater(i, last.get(who, -1))
            last[who] = i
        return {who: i + 1 for who, i in last.items()}

    def exchange(self, method):
        queue = Queue(self.memory(), "q", 64, dtype="u64")
        children = [self.start(method, produce, self.name, who, 1000)
                    for who in (1, 2)]
        taken = []
        while len(taken) < 2000:
            taken += queue.pop_n(50, WATCHDOG_S).tolist()
        for child in children:
            self.join(child)
        self.assertEqual(self.ordered(taken), {1: 1000, 2: 1000})

    def test_forked_producers_lose_nothing(self):
        self.exchange("fork")

    def test_spawned_producers_lose_nothing(self):
        self.exchange("spawn")

    def test_a_forked_child_takes_a_place_of_its_own(self):
        memory = self.memory()
        queue = Queue(memory, "q", 4, dtype="u64")
        queue.push(1)
        child = self.start("fork", push_through, queue, 2)
        self.join(child)
        queue.push(3)
        self.assertEqual(queue.pop_n(9).tolist(), [1, 2, 3])
        ring = queue._ring
        self.assertTrue(memory.segment.lives(memory.segment.holder))
        self.assertEqual(memory.segment.places.get(1, "pid"), child.pid)
        dead = 2 | memory.segment.places.get(1, "incarnation") << 16
        self.assertFalse(memory.segment.lives(dead))
        self.assertEqual(ring.words[ring.holder_of(1)], dead)

    def test_a_child_does_not_keep_its_parent_alive(self):
        memory = self.memory()
        program = ("import os, sys, time; from zeroipc import Memory; "
                   "m = Memory(sys.argv[1]); "
                   "pid = os.fork(); "
                   "pid or (os.write(2, b'x'), sys.stdin.read(), os._exit(0)); "
                   "print(m.segment.holder, flush=True); os._exit(0)")
        parent = subprocess.Popen(
            [sys.executable, "-c", program, self.name], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": PYTHON})
        holder = int(parent.stdout.readline())
        parent.wait()
        # The child is past its at-fork handler, and still there.
        self.assertEqual(parent.stderr.read(1), "x")
        self.assertFalse(memory.segment.lives(holder))
        # Its lock alone proves it, without the pid.
        lock = fcntl.fcntl(memory.segment.fd, _participant._F_OFD_GETLK,
                           _participant._life_lock((holder & 0xFFFF) - 1))
        self.assertEqual(struct.unpack(_participant._FLOCK, lock)[0],
                         fcntl.F_UNLCK)
        parent.stdin.close()
        parent.stdout.close()
        parent.stderr.close()

    def test_c_waits_for_python_and_python_for_c(self):
        queue = Queue(self.memory(), "q", 1, dtype="i32")
        taker = subprocess.Popen(
            [ZEROIPC, "pop", "--wait", "60", self.name[1:] + "/q"],
            stdout=subprocess.PIPE, text=True)
        queue.push(41)
        self.assertEqual(taker.communicate(timeout=WATCHDOG_S)[0], "41\n")
        giver = subprocess.Popen(
            [ZEROIPC, "push", self.name[1:] + "/q", "42"])
        self.assertEqual(queue.pop(timeout=WATCHDOG_S), 42)
        giver.wait(WATCHDOG_S)

    def test_killed_producers_lose_double_and_block_nothing(self):
        memory = self.memory()
        queue = Queue(memory, "q", 32, dtype="u64")
        draw = random.Random(int(os.environ.get("ZIPC_SEED", "1")))
        taken, children = [], []
        for who in range(KILLS):
            child = os.fork()
            if not child:
                try:
                    produce_for_ever(self.name, who)
                finally:
                    os._exit(1)
            children.append(child)
            for _ in range(draw.randrange(1, 40)):
                taken += queue.pop_n(64, WATCHDOG_S).tolist()
            if len(children) == 2:
                victim = children.pop(draw.randrange(2))
                os.kill(victim, signal.SIGKILL)
                os.waitpid(victim, 0)
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        while len(queue):
            try:
                taken += queue.pop_n(64, 0).tolist()
            except WouldBlock:
                pass
        self.ordered(taken)
        # Nothing is missing between the first and the last of each.
        counts = {}
        for value in taken:
            counts[value >> 32] = counts.get(value >> 32, 0) + 1
        self.assertEqual(counts, self.ordered(taken))
        self.assertEqual(queue.push_n(np.arange(99, dtype=np.uint64), 0), 32)
        self.assertEqual(len(queue.pop_n(99)), 32)

    def test_a_stopped_producer_delays_others_only_once(self):
        queue = Queue(self.memory(), "q", 8, dtype="u64")
        child = os.fork()
        if not child:
            try:
                produce_for_ever(self.name, 1)
            finally:
                os._exit(1)
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(os.kill, child, signal.SIGKILL)
        taken = []
        for _ in range(30):
            taken += queue.pop_n(64, WATCHDOG_S).tolist()
            os.kill(child, signal.SIGSTOP)
            os.waitpid(child, os.WUNTRACED)
            # What it had claimed is taken back; ours goes through.
            queue.push(9 << 32 | len(taken), WATCHDOG_S) \
                if len(queue) < 8 else None
            while True:
                try:
                    taken += queue.pop_n(64, 0).tolist()
                except WouldBlock:
                    break
            os.kill(child, signal.SIGCONT)
        self.ordered(taken)
