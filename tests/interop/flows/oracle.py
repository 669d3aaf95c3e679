#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random flows, and what they give: worked out element by element.

    oracle.py SEED COUNT        vectors, as README.md here describes them

This shares nothing with the library: it does what docs/format.md says, in the
plainest way. An operator is an object to which elements are pushed, one after
the other, and a window keeps its elements until it ends. Expressions are those
of the oracle of programs.
"""
import math
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "programs"))
# pylint: disable=wrong-import-position
from oracle import (Fault, INT_LEAST, INT_MOST, Maker, SCALARS, as_json,
                    class_of, is_below, output_of, parts_of, random_record,
                    random_value, text_of, whole)

UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9,
         "h": 3600 * 10**9, "d": 86400 * 10**9}


# Types: the name of a scalar, or a record's fields.

def type_text(kind):
    return kind if isinstance(kind, str) else text_of(kind)


def type_of(text):
    if text[0] != "{":
        return text
    return dict(part.split(":") for part in text[1:-1].split(", "))


def parts_named(kind, name):
    if isinstance(kind, str):
        return [(name, kind, lambda names: names[name])]
    return parts_of(kind, name)


def random_of(dice, kind):
    if isinstance(kind, str):
        return random_value(dice, kind)
    return {f: random_value(dice, s) for f, s in kind.items()}


def asked(node, scalar):
    """A node's value where a type is asked for."""
    if scalar == "f64":
        return lambda names: float(node.value(names))
    return node.value


# Operators. What an operator gives, it gives by self.give(value, time).

class Operator:
    def __init__(self):
        self.came = self.out = self.failed = self.late = 0
        self.filled = False
        self.next = None

    def give(self, value, time):
        self.out += 1
        self.next(value, time)

    def push(self, value, time):
        number = self.came
        self.came += 1
        try:
            self.take(value, time, number)
        except Fault:
            self.failed += 1

    def take(self, value, time, number):
        raise NotImplementedError

    def finish(self):
        pass

    @staticmethod
    def names(value, time, number, **more):
        return {"x": value, "t": time, "i": number, **more}


class Filter(Operator):
    def __init__(self, e):
        super().__init__()
        self.e = e

    def take(self, value, time, number):
        if self.e(self.names(value, time, number)):
            self.give(value, time)


class Map(Operator):
    def __init__(self, e):
        super().__init__()
        self.e = e

    def take(self, value, time, number):
        self.give(self.e(self.names(value, time, number)), time)


class Scan(Operator):
    def __init__(self, init, e):
        super().__init__()
        self.acc, self.e = init, e

    def take(self, value, time, number):
        self.acc = self.e(self.names(value, time, number, acc=self.acc))
        self.give(self.acc, time)


class Fold(Operator):
    def __init__(self, init, e):
        super().__init__()
        self.acc, self.e, self.time = init, e, 0

    def take(self, value, time, number):
        self.acc = self.e(self.names(value, time, number, acc=self.acc))
        self.time = time

    def finish(self):
        self.give(self.acc, self.time)


class Take(Operator):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def push(self, value, time):
        if not self.filled:
            super().push(value, time)

    def take(self, value, time, number):
        self.give(value, time)
        self.filled = self.out == self.n


class Skip(Operator):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def take(self, value, time, number):
        if number >= self.n:
            self.give(value, time)


class Distinct(Operator):
    def __init__(self, e, n):
        super().__init__()
        self.e, self.n, self.keys = e, n, []

    def take(self, value, time, number):
        key = as_json(self.e(self.names(value, time, number)))
        known = key in self.keys
        if known:
            self.keys.remove(key)
        self.keys = [key, *self.keys][:self.n]
        if not known:
            self.give(value, time)


class Sample(Operator):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def take(self, value, time, number):
        if number % self.n == 0:
            self.give(value, time)


class SampleTime(Operator):
    def __init__(self, every):
        super().__init__()
        self.every, self.last = every, None

    def take(self, value, time, number):
        if self.last is None or time - self.last >= self.every:
            self.last = time
            self.give(value, time)


class Merge(Operator):
    def take(self, value, time, number):
        self.give(value, time)


class Aggregate:
    """Of a window's elements: what it comes to, from left to right."""

    def __init__(self, what, e, kind):
        self.what, self.e, self.kind = what, e, kind

    def of(self, values):
        if self.what == "count":
            return len(values)
        if self.what == "first":
            return values[0]
        if self.what == "last":
            return values[-1]
        total = values[0]
        for value in values[1:]:
            total = self.add(total, value)
        return total / float(len(values)) if self.what == "mean" else total

    def add(self, total, value):
        if self.what in ("sum", "mean"):
            total += value
            return whole(total) if isinstance(total, int) else total
        if isinstance(total, float) and (math.isnan(total) or
                                         math.isnan(value)):
            return math.nan
        if isinstance(total, int):
            return (min if self.what == "min" else max)(total, value)
        if self.what == "min":
            return value if is_below(value, total) else total
        return value if is_below(total, value) else total


class Window(Operator):
    def __init__(self, size, step, aggregates, w):
        super().__init__()
        self.size, self.step = size, step
        self.aggregates, self.w = aggregates, w
        self.windows = {}   # number: arguments of each element

    def arguments(self, value, time, number):
        names = self.names(value, time, number)
        return [a.e(names) if a.e else None for a in self.aggregates]

    def end(self, j, time):
        rows = self.windows.pop(j)
        try:
            # All come to something before w looks at any of them.
            came = [a.of([row[k] for row in rows])
                    for k, a in enumerate(self.aggregates)]
            given = self.w({"came": came})
        except Fault:
            self.failed += 1
            return
        self.give(given, time)


class WindowCount(Window):
    seen = 0

    def take(self, value, time, number):
        row = self.arguments(value, time, number)
        place, self.seen = self.seen, self.seen + 1
        if place % self.step == 0:
            self.windows[place // self.step] = []
        for j in sorted(self.windows):
            if j * self.step + self.size <= place:
                del self.windows[j]
                continue
            self.windows[j].append(row)
            if place == j * self.step + self.size - 1:
                self.end(j, time)


class WindowTime(Window):
    by = None
    greatest = None

    def take(self, value, time, number):
        row = self.arguments(value, time, number)
        if self.by:
            time = self.by(self.names(value, time, number))
        if self.greatest is None or time > self.greatest:
            for j in sorted(self.windows):
                if j * self.step + self.size <= time:
                    self.end(j, max(j * self.step, INT_LEAST))
            self.greatest = time
        last = time // self.step
        j, mine = last, []
        while j * self.step + self.size > time:
            mine.append(j)
            j -= 1
        still = [j for j in mine if j * self.step + self.size > self.greatest]
        for j in still:
            self.windows.setdefault(j, []).append(row)
        self.late += bool(mine) and not still

    def finish(self):
        for j in sorted(self.windows):
            self.end(j, max(j * self.step, INT_LEAST))


# Flows.

class Flow:
    """Operators, and where streams enter."""

    def __init__(self):
        self.operators, self.enters, self.over = [], {}, set()
        self.ended, self.results, self.is_zip = 0, [], False
        self.pairs = [[], []]

    def add(self, operator):
        if self.operators:
            self.operators[-1].next = operator.push
        operator.next = lambda value, time: self.results.append((value, time))
        self.operators.append(operator)

    def give(self, name, value, time):
        if self.is_zip:
            self.pairs[list(self.enters).index(name)].append((value, time))
            self.pair_up()
        elif self.enters[name] >= self.ended:
            self.operators[self.enters[name]].push(value, time)
        self.settle()

    def pair_up(self):
        left, right = self.pairs
        while left and right and not self.ended:
            (x, a), (y, b) = left.pop(0), right.pop(0)
            times = [t for t in (a, b) if t is not None]
            self.operators[0].push((x, y), max(times) if times else None)
            self.settle()

    def nothing_comes(self, k):
        if self.is_zip:
            return self.ended > 0 or any(
                n in self.over and not self.pairs[j]
                for j, n in enumerate(self.enters))
        return all(n in self.over or at < self.ended
                   for n, at in self.enters.items() if at <= k)

    def settle(self):
        for k, operator in enumerate(self.operators):
            if operator.filled:
                self.ended = max(self.ended, k + 1)
        while self.ended < len(self.operators) and \
                self.nothing_comes(self.ended):
            k = self.ended
            self.operators[k].finish()
            self.ended = k + 1
            for j, operator in enumerate(self.operators):
                if operator.filled:
                    self.ended = max(self.ended, j + 1)

    def end(self, name):
        self.over.add(name)
        self.settle()


class Zip(Operator):
    def __init__(self, e):
        super().__init__()
        self.e = e

    def take(self, value, time, number):
        x, y = value
        self.give(self.e(self.names(x, time, number, y=y)), time)


# Making them.

class Author:
    """Adds random operators to a flow, and their words to its text."""

    def __init__(self, dice):
        self.dice, self.flow, self.words = dice, Flow(), []
        self.kind, self.times = None, False
        self.sources = {}   # name: its type, whether it has times
        self.causes = 1
        self.lines = []

    def add(self, words, operator):
        self.words.append(words)
        self.flow.add(operator)

    def source(self, kind=None, times=None):
        dice = self.dice
        name = "abcdefgh"[len(self.sources)] + dice.choice(["", "_1", ".log"])
        if kind is None:
            kind = (dice.choice(SCALARS) if dice.random() < 0.4
                    else random_record(dice))
        if times is None:
            times = dice.random() < 0.6
        self.sources[name] = (kind, times)
        self.flow.enters[name] = len(self.flow.operators)
        return name

    def parts(self, acc=None):
        parts = parts_named(self.kind, "x") if self.kind else []
        if self.times:
            parts.append(("t", "i64", lambda names: names["t"]))
        if acc:
            parts += parts_named(acc, "acc") * 2
        return parts

    def node(self, kind, acc=None):
        while True:
            node = Maker(self.dice, self.parts(acc), True).make(
                kind, self.dice.randint(0, 3))
            if len(node.text) < 200:
                return node

    def output(self, parts, index=True):
        while True:
            found = output_of(self.dice, Maker(self.dice, parts, index))
            if len(found[0]) < 250:
                return found

    # operators

    def filter(self):
        node = self.node("bool")
        self.add(f"filter({node.text})", Filter(node.value))

    def map(self):
        text, kind, value = self.output(self.parts())
        self.add(f"map({text})", Map(value))
        self.kind = type_of(kind)

    def steps(self):
        """init and e: their text, init's value, e, and the type."""
        dice = self.dice
        fields = {f: dice.choice(["i64", "f64"])
                  for f in "pq"[:dice.randint(1, 2)]}
        inits = {f: dice.randint(-3, 9) if s == "i64" else
                 dice.choice([0.0, 1.5, -2.5]) for f, s in fields.items()}
        acc = fields if dice.random() < 0.4 else fields["p"]
        nodes = {f: self.node(class_of(s), acc) for f, s in fields.items()}
        calls = {f: asked(nodes[f], s) for f, s in fields.items()}
        if isinstance(acc, str):
            return f"{inits['p']}, {nodes['p'].text}", inits["p"], calls["p"], \
                acc
        text = ", ".join(
            "{" + ", ".join(f"{f}: {x}" for f, x in of) + "}"
            for of in (inits.items(), [(f, n.text) for f, n in nodes.items()]))
        return text, inits, lambda names: {
            f: call(names) for f, call in calls.items()}, acc

    def scan(self):
        text, init, e, kind = self.steps()
        self.add(f"scan({text})", Scan(init, e))
        self.kind = kind

    def fold(self):
        text, init, e, kind = self.steps()
        self.add(f"fold({text})", Fold(init, e))
        self.kind = kind

    def take(self):
        n = self.dice.choice([1, 2, 5, 10, 40])
        self.add(f"take({n})", Take(n))

    def skip(self):
        n = self.dice.choice([1, 2, 5, 10])
        self.add(f"skip({n})", Skip(n))

    def distinct(self):
        if self.dice.random() < 0.3:
            self.add("distinct()", Distinct(lambda names: names["x"], 1))
            return
        text, _, value = self.output(self.parts(), self.dice.random() < 0.2)
        if self.dice.random() < 0.4:
            self.add(f"distinct({text})", Distinct(value, 1))
            return
        n = self.dice.randint(1, 6)
        self.add(f"distinct({text}, {n})", Distinct(value, n))

    def a_time(self, most=None):
        unit = self.dice.choice(["ns", "us", "ms", "s", "m", "h", "d"])
        n = self.dice.randint(1, 20)
        if most and n * UNITS[unit] > most:
            n, unit = self.dice.randint(1, most), "ns"
        return f"{n}{unit}", n * UNITS[unit]

    def sample(self):
        if self.times and self.dice.random() < 0.6:
            text, every = self.a_time()
            self.add(f"sample({text})", SampleTime(every))
            return
        n = self.dice.randint(1, 5)
        self.add(f"sample({n})", Sample(n))

    def merge(self):
        if self.flow.is_zip or not self.sources or len(self.sources) > 6:
            return
        at = [self.source(self.kind, self.dice.random() < 0.8)
              for _ in range(self.dice.randint(1, 2))]
        self.times = self.times and all(self.sources[n][1] for n in at)
        shown = [f'"{n}"' if self.dice.random() < 0.2 else n for n in at]
        self.add(f"merge({', '.join(shown)})", Merge())

    def zip(self):
        name = self.source()
        kind, times = self.sources[name]
        self.flow.enters[name] = 0
        self.flow.is_zip = True
        self.times = self.times or times
        parts = self.parts() + parts_named(kind, "y") * 2
        if self.dice.random() < 0.2 and isinstance(self.kind, str) and \
                isinstance(kind, str):
            self.add(f"zip({name})",
                     Zip(lambda names: {"x": names["x"], "y": names["y"]}))
            self.kind = {"x": self.kind, "y": kind}
            return
        text, given, value = self.output(parts)
        self.add(f"zip({name}, {text})", Zip(value))
        self.kind = type_of(given)

    def aggregate(self):
        """Its text, what it gives, and it."""
        what = self.dice.choice(["sum", "mean", "min", "max", "count",
                                 "first", "last"])
        if what == "count":
            return "count()", "i64", Aggregate(what, None, "i64")
        node = self.node(self.dice.choice(["int", "float"]))
        if what in ("first", "last"):
            copied = hasattr(node, "raw")
            return (f"{what}({node.text})", node.scalar,
                    Aggregate(what, node.raw if copied else node.value,
                              node.scalar))
        scalar = "i64" if node.kind == "int" and what != "mean" else "f64"
        return (f"{what}({node.text})", scalar,
                Aggregate(what, asked(node, scalar), scalar))

    def aggregates(self):
        """w: its text and type, its aggregates, and its function."""
        made = []

        def came(k):
            return lambda names: names["came"][k]
        for _ in range(self.dice.randint(1, 4)):
            made.append(self.aggregate())
        parts = [(text, kind, came(k))
                 for k, (text, kind, _) in enumerate(made)]
        used = [a for _, _, a in made]
        if self.dice.random() < 0.5:
            fields = {"abcd"[k]: p for k, p in enumerate(parts)}
            text = "{" + ", ".join(f"{f}: {p[0]}" for f, p in
                                   fields.items()) + "}"
            kind = {f: p[1] for f, p in fields.items()}
            return text, kind, used, lambda names: {
                f: p[2](names) for f, p in fields.items()}
        # An expression over them. What it does not name is not aggregated.
        while True:
            text, kind, value = output_of(self.dice,
                                          Maker(self.dice, parts, False))
            count = sum(text.count(p[0]) for p in parts)
            named = [a if p[0] in text else Aggregate("count", None, "i64")
                     for p, a in zip(parts, used)]
            if 0 < count < 16 and len(text) < 900 and not any(
                    p[0] in q[0] for p in parts for q in parts if p is not q):
                return text, type_of(kind), named, value
            if len(parts) > 1:
                parts, used = parts[:1], used[:1]

    def window(self):
        dice = self.dice
        if dice.random() < 0.5:
            size = dice.randint(1, 12)
            every = dice.choice([size, size, 1, 2, 3, 5, 20])
            words, kind = [str(size)], WindowCount
            if every != size or dice.random() < 0.1:
                words.append(f"every {every}")
        else:
            shown, size = self.a_time()
            words, kind, every = [shown], WindowTime, size
            if dice.random() < 0.5:
                shown, every = self.a_time(size)
                if math.ceil(size / every) * self.causes > 64:
                    return
                if every != size:
                    words.append(f"every {shown}")
            self.causes *= math.ceil(size / every)
        by = None
        if kind is WindowTime and (not self.times or dice.random() < 0.2):
            by = self.node("int")
        text, given, used, w = self.aggregates()
        words.append(text)
        operator = kind(size, every, used, w)
        if by:
            words.append(f"by {by.text}")
            operator.by = by.value
        self.add(f"window({', '.join(words)})", operator)
        self.kind = given
        self.times = self.times if kind is WindowCount else True

    # what a vector is given

    def time(self, base):
        dice = self.dice
        return dice.choice([base, base, base + dice.randint(-5, 5),
                            base - dice.randint(0, 10**10),
                            dice.choice([INT_LEAST, INT_MOST, 0, -1])
                            if dice.random() < 0.1 else base])

    def play(self):
        dice, base = self.dice, dice_time(self.dice)
        names = list(self.sources)
        jump = dice.choice([1, 100, 10**6, 10**9, 3600 * 10**9])
        for _ in range(dice.choice([0, 5, 30, 60, 100])):
            name = dice.choice(names)
            kind, times = self.sources[name]
            few = dice.random() < 0.6
            for _ in range(1 if few else dice.randint(1, 8)):
                value = random_of(dice, kind)
                base = min(base + dice.randint(0, jump), INT_MOST)
                time = self.time(base) if times else None
                if time is not None:
                    time = max(INT_LEAST, min(time, INT_MOST))
                self.lines.append("\t".join(
                    ["give", name, as_json(value)] +
                    ([str(time)] if times else [])))
                self.flow.give(name, value, time)
            if dice.random() < 0.01 and len(names) > 1:
                names.remove(name)
                self.end(name)
        dice.shuffle(names)
        for name in names:
            self.end(name)

    def end(self, name):
        self.lines.append(f"end\t{name}")
        self.flow.end(name)

    # operators that make elements

    def make(self):
        """A generator's words; its elements are pushed when all is there."""
        dice = self.dice
        way = dice.choice(["range", "reals", "generate", "repeat"])
        if way in ("range", "reals"):
            low, step = dice.randint(-9, 9), dice.choice([-2, -1, 1, 3, 7])
            if way == "reals":
                low, step = low + 0.1, step * 0.3
            to = low + step * dice.randint(0, 70)
            if dice.random() < 0.1:
                low = to = INT_MOST - 20 if way == "range" else 1e300
                step = abs(step)
            self.kind = "i64" if way == "range" else "f64"
            self.words.append(f"range({low}, {to}, {step})" if low != to else
                              f"range({low})")
            return self.ranged(low, to if low != to else None,
                               step if low != to else 1)
        if way == "generate":
            text, init, e, kind = self.steps()
            self.words.append(f"generate({text})")
            self.kind = kind
            return self.generated(init, e)
        text, kind, value = output_of(dice, Maker(dice, [], True))
        self.words.append(f"repeat({text})")
        self.kind = type_of(kind)
        return self.repeated(value)

    @staticmethod
    def ranged(low, to, step):
        k = 0
        while True:
            value = (low + k * step if isinstance(low, int) else
                     low + float(k) * step)
            if isinstance(value, int) and not INT_LEAST <= value <= INT_MOST:
                return
            if to is not None and not (value < to if step > 0 else value > to):
                return
            yield value
            k += 1

    @staticmethod
    def generated(init, e):
        acc, number = init, 1
        yield acc
        while True:
            try:
                acc = e({"i": number, "acc": acc})
            except Fault:
                yield Fault
                return
            yield acc
            number += 1

    @staticmethod
    def repeated(value):
        number = 0
        while True:
            try:
                yield value({"i": number})
            except Fault:
                yield Fault
            number += 1

    def run_made(self, made):
        """What is made, until something has taken enough; counts of it."""
        operators, came, out, failed = self.flow.operators, 0, 0, 0
        while not self.flow.ended:
            value = next(made, None)
            if value is None:
                break
            came += 1
            if came > 3000:
                return None
            if value is Fault:
                failed += 1
                continue
            out += 1
            operators[0].push(value, None)
            for k, operator in enumerate(operators):
                if operator.filled:
                    self.flow.ended = k + 1
        self.flow.settle()
        return came, out, failed, 0


def dice_time(dice):
    return dice.choice([0, 1700000000 * 10**9, -10**12, INT_MOST - 10**6,
                        INT_LEAST + 10**6])


def print_vector(author, first=None):
    for name, (kind, times) in author.sources.items():
        print(f"source\t{name}\t{type_text(kind)}" + "\ttimes" * times)
    if first:
        print("makes")
    print(f"flow\t{' | '.join(author.words)}")
    print(f"gives\t{type_text(author.kind)}" + "\ttimes" * author.times)
    for line in author.lines:
        print(line)
    for value, time in author.flow.results:
        print(f"result\t{as_json(value)}" + f"\t{time}" * author.times)
    if first:
        print("counts\t" + "\t".join(map(str, first)))
    for o in author.flow.operators:
        print(f"counts\t{o.came}\t{o.out}\t{o.failed}\t{o.late}")
    print()


def random_operators(author, most):
    ways = [author.filter, author.filter, author.map, author.map, author.scan,
            author.fold, author.take, author.skip, author.distinct,
            author.sample, author.merge, author.window, author.window,
            author.window]
    for _ in range(author.dice.randint(1, most)):
        if len(" | ".join(author.words)) < 2500:
            author.dice.choice(ways)()
    if not author.flow.operators:
        author.map()


def one_that_reads(dice):
    author = Author(dice)
    name = author.source()
    author.kind, author.times = author.sources[name]
    if dice.random() < 0.2:
        author.zip()
    random_operators(author, 5)
    author.play()
    if sum(len(line) for line in author.lines) < 60000 and \
            len(author.flow.results) < 3000:
        print_vector(author)


def one_that_makes(dice):
    author = Author(dice)
    made = author.make()
    if dice.random() < 0.5:
        random_operators(author, 3)
    n = dice.randint(1, 60)
    author.add(f"take({n})", Take(n))
    if dice.random() < 0.5:
        random_operators(author, 2)
    first = author.run_made(made)
    if first:
        print_vector(author, first)


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    dice = random.Random(seed)
    print("# SPDX-License-Identifier: MIT")
    print(f"# Made by oracle.py {seed} {count}; README.md has the form.\n")
    for k in range(count):
        (one_that_makes if k % 6 == 5 else one_that_reads)(dice)


if __name__ == "__main__":
    main()
