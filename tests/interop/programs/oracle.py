#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random programs, and what they give: worked out element by element.

    oracle.py SEED COUNT        vectors, as README.md here describes them

This shares nothing with the library. An expression is made as a tree, printed
with as few parentheses as its operators need (and now and then more), and the
tree is evaluated as it stands: a choice evaluates one side, && and || as much
as they need, and the first failure ends it.
"""
import ctypes
import json
import math
import random
import struct
import sys

INT_LEAST, INT_MOST = -2**63, 2**63 - 1
RANGES = {f"{s}{n}": ((-2**(n - 1), 2**(n - 1) - 1) if s == "i" else
                      (0, min(2**n - 1, INT_MOST)))
          for s in "iu" for n in (8, 16, 32, 64)}
SCALARS = ["bool", *RANGES, "f32", "f64"]


class Fault(Exception):
    """How an element fails."""


def class_of(scalar):
    return {"b": "bool", "f": "float"}.get(scalar[0], "int")


def as_f32(x):
    return ctypes.c_float(x).value


def whole(x):
    """An integer that has to have 64 bits."""
    if not INT_LEAST <= x <= INT_MOST:
        raise Fault("overflow")
    return x


def divide(a, b):
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a) or math.isnan(b):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1, b)


def times(a, b):
    return a * b


def floor_divide(a, b):
    if b == 0:
        raise Fault("division by zero")
    return whole(a // b)


def modulo(a, b):
    if b == 0:
        raise Fault("division by zero")
    return a % b


def is_below(a, b):
    return a < b or (a == b == 0 and math.copysign(1, a) <
                     math.copysign(1, b))


def least(a, b):
    if math.isnan(a) or math.isnan(b):
        return math.nan
    return a if is_below(a, b) else b


def most(a, b):
    if math.isnan(a) or math.isnan(b):
        return math.nan
    return b if is_below(a, b) else a


def rounding(to_int):
    def rounded(x):
        if math.isnan(x) or math.isinf(x):
            return x
        return math.copysign(float(to_int(x)), x)
    return rounded


def half_away(x):
    low = math.floor(abs(x))
    return low + (abs(x) - low >= 0.5)


def root(x):
    return math.sqrt(x) if x >= 0 else math.nan


def to_int(x):
    if math.isnan(x) or not -2.0**63 <= x < 2.0**63:
        raise Fault("range")
    return int(x)


def fit(x, scalar):
    low, high = RANGES[scalar]
    if not low <= x <= high:
        raise Fault("range")
    return x


def convert(value, source, scalar):
    """A value of a class as a scalar."""
    target = class_of(scalar)
    if target == "bool":
        return value != 0
    if target == "int":
        return fit(to_int(value) if source == "float" else int(value), scalar)
    value = float(value)
    return as_f32(value) if scalar == "f32" else value


class Node:
    """An expression: its text at a precedence, its class, and its value."""

    def __init__(self, text, level, kind, value, scalar=None):
        self.text, self.level, self.kind = text, level, kind
        self.value = value      # a function of the names' values
        self.scalar = scalar or {"int": "i64", "float": "f64",
                                 "bool": "bool"}[kind]


CHOICE, OR, AND, EQUAL, LESS, SUM, TERM, SIGN, PRIMARY = range(9)


class Maker:
    def __init__(self, dice, parts, index):
        self.dice, self.parts, self.index = dice, parts, index

    def inside(self, node, level):
        if node.level < level or self.dice.random() < 0.1:
            return f"({node.text})"
        return node.text

    def blank(self):
        return self.dice.choice(["", " ", " ", "  "])

    # leaves

    def literal(self, kind):
        dice = self.dice
        if kind == "bool":
            value = dice.random() < 0.5
            return Node(str(value).lower(), PRIMARY, kind, lambda _: value)
        if kind == "int":
            value = dice.choice([0, 1, 2, 3, 7, 10, 100, 255, 2**31, INT_MOST,
                                 dice.randrange(1000)])
        else:
            value = dice.choice([0.0, 0.5, 1.0, 1.5, 2.5, 1e300, 1e-300, 4.0,
                                 math.inf, math.nan, dice.random() * 100])
        text = repr(value)
        if dice.random() < 0.2 and not isinstance(value, bool) and \
                value == value and value != math.inf:
            value = -value
            return Node("-" + text, SIGN, kind, lambda _: value)
        return Node(text, PRIMARY, kind, lambda _: value)

    def part(self, kind):
        fits = [p for p in self.parts if class_of(p[1]) == kind]
        if not fits or self.dice.random() < 0.2:
            if kind == "int" and self.index and self.dice.random() < 0.3:
                return Node("i", PRIMARY, kind, lambda names: names["i"])
            return self.literal(kind)
        text, scalar, find = self.dice.choice(fits)

        def value(names):
            found = find(names)
            return fit(found, "u64") if scalar == "u64" else found
        node = Node(text, PRIMARY, kind, value, scalar)
        node.raw = find
        return node

    # operators

    def number(self, depth):
        return self.make(self.dice.choice(["int", "float"]), depth)

    def floated(self, node):
        if node.kind != "int":
            return node.value
        return lambda names: float(node.value(names))

    def pair(self, depth, kinds=("int", "float")):
        """Two nodes of one kind, and their values as that kind."""
        a = self.make(self.dice.choice(kinds), depth)
        b = self.make(self.dice.choice(kinds), depth)
        if a.kind == b.kind == "int":
            return a, b, "int", a.value, b.value
        return a, b, "float", self.floated(a), self.floated(b)

    def binary(self, sign, level, a, b, kind, value, right=None):
        text = (self.inside(a, level) + self.blank() + sign + self.blank() +
                self.inside(b, level + 1 if right is None else right))
        return Node(text, level, kind, value)

    def arithmetic(self, kind, depth):
        dice = self.dice
        if kind == "int":
            sign = dice.choice(["+", "-", "*", "//", "%"])
            a, b = self.make("int", depth), self.make("int", depth)
            on = {"+": lambda x, y: whole(x + y),
                  "-": lambda x, y: whole(x - y),
                  "*": lambda x, y: whole(x * y),
                  "//": floor_divide, "%": modulo}[sign]
            left, right = a.value, b.value
        else:
            sign = dice.choice(["+", "-", "*", "/"])
            a, b = self.number(depth), self.number(depth)
            if sign != "/" and a.kind == b.kind == "int":
                a = self.make("float", depth)
            on = {"+": lambda x, y: x + y, "-": lambda x, y: x - y,
                  "*": times, "/": divide}[sign]
            left, right = self.floated(a), self.floated(b)
        level = SUM if sign in "+-" else TERM
        return self.binary(sign, level, a, b, kind,
                           lambda names: on(left(names), right(names)))

    def comparison(self, depth):
        dice = self.dice
        if dice.random() < 0.2:
            a, b = self.make("bool", depth), self.make("bool", depth)
            sign, left, right = dice.choice(["==", "!="]), a.value, b.value
        else:
            a, b, _, left, right = self.pair(depth)
            sign = dice.choice(["<", "<=", ">", ">=", "==", "!="])
        on = {"<": lambda x, y: x < y, "<=": lambda x, y: x <= y,
              ">": lambda x, y: x > y, ">=": lambda x, y: x >= y,
              "==": lambda x, y: x == y, "!=": lambda x, y: x != y}[sign]
        level = EQUAL if sign in ("==", "!=") else LESS
        node = self.binary(sign, level + 1, a, b, "bool",
                           lambda names: on(left(names), right(names)),
                           level + 1)
        node.level = level
        return node

    def logic(self, depth):
        a, b = self.make("bool", depth), self.make("bool", depth)
        if self.dice.random() < 0.5:
            return self.binary("&&", AND, a, b, "bool", lambda names:
                               a.value(names) and b.value(names))
        return self.binary("||", OR, a, b, "bool", lambda names:
                           a.value(names) or b.value(names))

    def sign(self, kind, depth):
        a = self.make(kind, depth)
        if kind == "bool":
            return Node("!" + self.inside(a, SIGN), SIGN, kind,
                        lambda names: not a.value(names))
        on = whole if kind == "int" else float
        return Node("-" + self.inside(a, SIGN), SIGN, kind,
                    lambda names: on(-a.value(names)))

    def choice(self, kind, depth):
        a = self.make("bool", depth)
        if kind == "float":
            b, c = self.number(depth), self.number(depth)
            if b.kind == c.kind == "int":
                b = self.make("float", depth)
            yes, no = self.floated(b), self.floated(c)
        else:
            b, c = self.make(kind, depth), self.make(kind, depth)
            yes, no = b.value, c.value
        text = (f"{self.inside(a, OR)}{self.blank()}?{self.blank()}{b.text}"
                f"{self.blank()}:{self.blank()}{c.text}")
        return Node(text, CHOICE, kind,
                    lambda names: (yes if a.value(names) else no)(names))

    def call(self, kind, depth):
        dice = self.dice
        if dice.random() < 0.4:
            return self.conversion(kind, depth)
        if kind == "float" and dice.random() < 0.6:
            name, on = dice.choice([
                ("sqrt", root), ("floor", rounding(math.floor)),
                ("ceil", rounding(math.ceil)),
                ("trunc", rounding(math.trunc)),
                ("round", rounding(half_away))])
            a = self.number(depth)
            value = self.floated(a)
            return Node(f"{name}({a.text})", PRIMARY, kind,
                        lambda names: on(value(names)))
        if dice.random() < 0.3:
            a = self.make(kind, depth)
            on = whole if kind == "int" else float
            return Node(f"abs({a.text})", PRIMARY, kind,
                        lambda names: on(abs(a.value(names))))
        a, b = self.make(kind, depth), self.make(kind, depth)
        name, on = dice.choice([("min", least), ("max", most)])
        if kind == "int":
            on = min if name == "min" else max
        return Node(f"{name}({a.text},{self.blank()}{b.text})", PRIMARY, kind,
                    lambda names: on(a.value(names), b.value(names)))

    def conversion(self, kind, depth):
        scalar = self.dice.choice([s for s in SCALARS if class_of(s) == kind])
        a = self.make(self.dice.choice(["int", "float", "bool"]), depth)
        return Node(f"{scalar}({a.text})", PRIMARY, kind,
                    lambda names: convert(a.value(names), a.kind, scalar),
                    scalar)

    def make(self, kind, depth):
        if depth <= 0 or self.dice.random() < 0.15:
            return self.part(kind)
        depth -= 1
        if kind == "bool":
            way = self.dice.choice([self.comparison, self.comparison,
                                    self.logic, None])
            if way:
                return way(depth)
            ways = [self.sign, self.choice, self.conversion]
        else:
            ways = [self.arithmetic] * 4 + [self.sign, self.choice, self.call]
        return self.dice.choice(ways)(kind, depth)


# Values, types and vectors.

def random_value(dice, scalar):
    if scalar == "bool":
        return dice.random() < 0.5
    if scalar in ("f32", "f64"):
        value = dice.choice([0.0, -0.0, 1.0, -1.5, 2.5, 1e30, math.inf,
                             -math.inf, math.nan, dice.gauss(0, 100),
                             dice.gauss(0, 100)])
        return as_f32(value) if scalar == "f32" else value
    low, high = RANGES[scalar]
    if scalar == "u64":
        high = 2**64 - 1
    few = [v for v in (-3, -2, -1, 0, 1, 2, 3, 5, 10, 100)
           if low <= v <= high]
    return dice.choice([low, high, dice.randint(low, high), *few])


def as_json(value):
    """As zipc_value_print() and zipc_value_parse() have it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{k}": {as_json(v)}'
                               for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_json, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps("nan" if math.isnan(value) else
                          "inf" if value > 0 else "-inf")
    return json.dumps(value)


def random_record(dice):
    fields = {}
    for k in range(dice.randint(2, 5)):
        fields["abcde"[k]] = dice.choice(SCALARS)
    return fields


def parts_of(fields, name):
    return [(f"{name}.{f}", s, lambda names, f=f: names[name][f])
            for f, s in fields.items()]


def output_of(dice, maker):
    """Its text, its type, and a function of the names to what it gives."""
    def field(kind):
        node = maker.make(kind, dice.randint(0, 4))
        # A part that is passed on as it is never fails.
        copied = hasattr(node, "raw") and node.scalar != "bool"
        return node, node.raw if copied else node.value
    kinds = ["int", "float", "bool"]
    if dice.random() < 0.7:
        node, value = field(dice.choice(kinds))
        return node.text, node.scalar, value
    made = {f: field(dice.choice(kinds))
            for f in "pqrst"[:dice.randint(1, 4)]}
    text = "{" + ", ".join(f"{f}: {n.text}" for f, (n, _) in made.items()) + "}"
    kind = "{" + ", ".join(f"{f}:{n.scalar}" for f, (n, _) in made.items()) + "}"
    return text, kind, lambda names: {f: value(names)
                                      for f, (_, value) in made.items()}


def text_of(fields):
    return "{" + ", ".join(f"{f}:{s}" for f, s in fields.items()) + "}"


def print_rows(dice, inputs, first, value):
    for row in range(dice.randint(3, 9)):
        names = {name: {f: random_value(dice, s) for f, s in fields.items()}
                 for name, fields in inputs.items()}
        names["i"] = first + row
        try:
            gives = as_json(value(names))
        except Fault as fault:
            gives = f"! {fault}"
        print("\t".join(["row", *(as_json(names[n]) for n in inputs), gives]))


def print_vector(dice):
    inputs = {"x": random_record(dice)}
    if dice.random() < 0.3:
        inputs["other_1"] = random_record(dice)
    first = dice.choice([None, 0, 7, 2**40])
    parts = [p for name in inputs for p in parts_of(inputs[name], name)]
    maker = Maker(dice, parts, first is not None)
    while True:
        text, kind, value = output_of(dice, maker)
        if len(text) < 1000:
            break
    for name, fields in inputs.items():
        print(f"input\t{name}\telement\t{text_of(fields)}")
    if first is not None:
        print(f"index\t{first}")
    print(f"expression\t{text}")
    print(f"gives\t{kind}")
    print_rows(dice, inputs, first or 0, value)
    print()


def print_fold(dice):
    """acc of the type that it gives: a fold of an integer or a float."""
    kind = dice.choice(["int", "float"])
    fields = random_record(dice)
    scalar = {"int": "i64", "float": "f64"}[kind]
    maker = Maker(dice, parts_of(fields, "x") +
                  [("acc", scalar, lambda names: names["acc"])] * 3, False)
    while True:
        node = maker.make(kind, 3)
        if "acc" in node.text and node.scalar == scalar and \
                len(node.text) < 1000:
            break
    state = random_value(dice, scalar)
    print(f"input\tx\telement\t{text_of(fields)}\ninput\tacc\tacc\t{scalar}")
    print(f"expression\t{node.text}\ngives\t{scalar}\nfold\t{as_json(state)}")
    for _ in range(dice.randint(3, 9)):
        x = {f: random_value(dice, s) for f, s in fields.items()}
        try:
            state = node.value({"x": x, "acc": state})
        except Fault as fault:
            print(f"row\t{as_json(x)}\t! {fault}")
            break
        print(f"row\t{as_json(x)}\t{as_json(state)}")
    print()


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    dice = random.Random(seed)
    print("# SPDX-License-Identifier: MIT")
    print(f"# Made by oracle.py {seed} {count}; README.md has the form.\n")
    for k in range(count):
        (print_fold if k % 8 == 7 else print_vector)(dice)


if __name__ == "__main__":
    main()
