"""Whatever the source is, the scan ends and names what it could not read: it never raises."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scanning import project

from g2.explain.catalog import reasons

EXAMPLES = [reason.example.bad for reason in reasons().values() if reason.example]
TEXTS = EXAMPLES + [
    path.read_text("utf-8") for path in sorted(Path(__file__).resolve().parents[2].glob("explain/scan/*.py"))
]
WORDS = [
    "x",
    "self.y",
    "torch.sin(x)",
    "None",
    "[]",
    "{}",
    "()",
    "*",
    "**",
    "lambda",
    "yield",
    "await",
    "not",
    "if",
    "else",
    "for",
    "in",
    "is",
    "with",
    "as",
    "import",
    "from",
    "def",
    "class",
    "return",
    ":",
    "=",
    ":=",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "@",
    "#",
    "'a'",
    "f'{x}'",
    "1",
    "0x1",
    "...",
    "match",
    "case",
    "async",
    "global",
    "nonlocal",
    "del",
    "try",
    "except",
    "finally",
    "raise",
]


def check(texts: dict[str, str | bytes]) -> None:
    found = project(texts)
    assert [each for each in found.unread if "in g2 itself" in each.why] == []
    assert found.files == len(texts)


@given(st.sampled_from(TEXTS), st.integers(0, 2**32), st.integers(1, 12))
@settings(max_examples=120, deadline=None)
def test_mutated_source(text: str, seed: int, changes: int) -> None:
    chance = random.Random(seed)
    lines = text.splitlines()
    for _ in range(changes):
        at = chance.randrange(len(lines)) if lines else 0
        match chance.randrange(5):
            case 0 if lines:
                del lines[at]
            case 1 if lines:
                lines.insert(chance.randrange(len(lines)), lines[at])
            case 2 if lines:
                parts = lines[at].split(" ")
                parts[chance.randrange(len(parts))] = chance.choice(WORDS)
                lines[at] = " ".join(parts)
            case 3 if lines:
                cut = chance.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + chance.choice(WORDS) + lines[at][cut:]
            case _:
                lines.insert(at, chance.choice(WORDS))
    check({"a.py": "\n".join(lines), "b.py": text})


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_bytes(data: bytes) -> None:
    check({"a.py": data})


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "y", "self.a", "1", "'s'", "None", "torch.ones(2)", "f", "xs", "self", "N", "super()"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "@", "and", "or", "==", "in", "is", "<", "&"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        inner.map(lambda e: f"{e}.item()"),
        inner.map(lambda e: f"not {e}"),
        st.tuples(inner, inner).map(lambda t: f"{t[0]}[{t[1]}:, 0]"),
        st.tuples(inner, inner).map(lambda t: f"{t[0]}({t[1]}, *{t[1]}, **{t[0]})"),
        st.tuples(inner, inner).map(lambda t: f"[{t[0]} for y in {t[1]} if y]"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"(lambda y, *a: {t[0]})({t[1]})"),
        inner.map(lambda e: f"(z := {e})"),
        inner.map(lambda e: f'f"{{{e}!r:>{{x}}}}"' if '"' not in e else e),
    ),
    max_leaves=12,
)


@given(st.lists(EXPRESSIONS, min_size=1, max_size=5))
@settings(max_examples=120, deadline=None)
def test_generated_functions(expressions: list[str]) -> None:
    body = "\n".join(f"        y = {each}\n        if y: self.a = y, {each}" for each in expressions)
    text = (
        "import torch\nfrom torch import nn\nxs = []\nclass N(nn.Module):\n"
        f"    def forward(self, x, *xs, f=None, **y):\n{body}\n        return f(self, x)\n"
        "f = N()\nf(torch.ones(1), f=f)\n"
    )
    check({"a.py": text})


@pytest.mark.parametrize("depth", [50, 400])
def test_long_chains_of_calls_and_classes(depth: int) -> None:
    calls = "".join(f"def f{n}(x):\n    return f{n + 1}(x) + 1\n" for n in range(depth))
    classes = "".join(f"class C{n}(C{n + 1}):\n    pass\n" for n in range(depth))
    check({"a.py": f"import torch\n{calls}{classes}\n@torch.compile\ndef g(x):\n    return f0(x), C0(x)\n"})
