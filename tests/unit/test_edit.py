"""Edits as data: drawing a text, and finding places of the new text in the old one."""

from __future__ import annotations

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2.rewrite.edit import Overlap, Text
from g2.rewrite.model import Edit, FileEdits
from g2.rewrite.rules._names import nodes
from g2.rewrite.source import Source

PROGRAM = '''#!/usr/bin/env python
"""A script."""
from __future__ import annotations
import torch

def f(x):
    if x.sum() > 0:  # why
        x = x + 1
    return x
'''


def text_of(text: str, *files: FileEdits, newline: str = "\n") -> Text:
    return Text.of(Source("/x.py", text.replace("\n", newline).encode()), files)


def at(text: str, part: str, new: str) -> Edit:
    start = text.index(part)
    return Edit(start, start + len(part), new)


def test_an_import_goes_to_its_kind_and_once() -> None:
    twice = (FileEdits("/x.py", (), ("import math",)), FileEdits("/x.py", (), ("import math", "import torch")))
    drawn = text_of(PROGRAM, *twice).draw()
    assert drawn == PROGRAM.replace("import torch\n", "import math\nimport torch\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", "import math\n\nx = 1\n"),
        ('"""doc"""\n\nx = 1\n', '"""doc"""\nimport math\n\nx = 1\n'),
        ("# coding: latin-1\n# a comment\nx = 1\n", "# coding: latin-1\n# a comment\nimport math\n\nx = 1\n"),
        ("import os", "import os\nimport math\n"),
        ("import os\nif os:\n    import sys\n", "import os\nimport math\nif os:\n    import sys\n"),
        ("", "import math\n"),
    ],
    ids=["no import", "docstring", "comments lead", "no last newline", "import under if", "empty"],
)  # fmt: skip
def test_where_a_first_import_goes(before: str, after: str) -> None:
    assert text_of(before, FileEdits("/x.py", (), ("import math",))).draw() == after


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        ("import os\n\nimport torch\n", "import math", "import os\nimport math\n\nimport torch\n"),
        ("import torch\nfrom torch import nn\n", "import math", "import math\n\nimport torch\nfrom torch import nn\n"),
        ("from .a import b\n", "import math", "import math\n\nfrom .a import b\n"),
        ("from torch import nn\n", "import torch", "import torch\nfrom torch import nn\n"),
        ("import os\nfrom os import path\n", "import math", "import os\nimport math\nfrom os import path\n"),
        (
            "import os\nfrom os import path\n",
            "from math import pi",
            "import os\nfrom os import path\nfrom math import pi\n",
        ),
        ("import os\n\nfrom .a import b\n", "import math", "import os\nimport math\n\nfrom .a import b\n"),
        ("import numpy\n\nfrom .a import b\n", "import torch", "import numpy\nimport torch\n\nfrom .a import b\n"),
        ("from .a import b\n", "import torch", "import torch\n\nfrom .a import b\n"),
        ("import os\n", "import torch", "import os\n\nimport torch\n"),
        (
            "from __future__ import annotations\nx = 1\n",
            "import math",
            "from __future__ import annotations\n\nimport math\nx = 1\n",
        ),
        ('"""doc"""; import torch\nx = 1\n', "import math", '"""doc"""; import torch\nimport math\nx = 1\n'),
        ("import os; import torch\n", "import math", "import os; import torch\nimport math\n"),
        ("# Copyright\nimport torch\n", "import math", "# Copyright\nimport math\n\nimport torch\n"),
        (
            "#!python\n\n# installed\nimport torch\n",
            "import math",
            "#!python\n\nimport math\n\n# installed\nimport torch\n",
        ),
        (
            "import os\n\n# ours\nfrom .a import b\n",
            "import torch",
            "import os\n\nimport torch\n\n# ours\nfrom .a import b\n",
        ),
        (
            "from os import (\n    path,\n)\nimport torch\n",
            "import math",
            "import math\nfrom os import (\n    path,\n)\nimport torch\n",
        ),
        ("import torch\nx = 1\nimport math\n", "import math", "import torch\nx = 1\nimport math\n"),
    ],
)
def test_an_import_stands_with_those_of_its_kind(before: str, wanted: str, after: str) -> None:
    drawn = text_of(before, FileEdits("/x.py", (), (wanted,)))
    assert drawn.draw() == after
    assert text_of(after, FileEdits("/x.py", (), (wanted,))).draw() == after
    found = [(before[drawn.back(offset)[0]], character) for offset, character in enumerate(after)
             if drawn.back(offset)[1] is None]  # fmt: skip
    assert "".join(old for old, _ in found) == "".join(new for _, new in found) == before


def test_imports_of_several_kinds_and_what_else_is_put_behind_the_head() -> None:
    setting = Edit(len("import os\n"), len("import os\n"), "os.environ.clear()\n")
    wanted = FileEdits("/x.py", (setting,), ("import torch", "import math"), ("def f():\n    pass",))
    drawn = text_of("import os\nx = 1\n", wanted).draw()
    assert drawn == (
        "import os\n\nimport math\n\nimport torch\n\n\ndef f():\n    pass\n\n\nos.environ.clear()\nx = 1\n"
    ).replace("os\n\nimport math", "os\nimport math")


def test_line_ends_are_those_of_the_file() -> None:
    old = PROGRAM.replace("\n", "\r\n")
    edit = at(old, "x = x + 1", "x = torch.where(\n            c, x + 1, x)")
    drawn = Text.of(Source("/x.py", old.encode()), [FileEdits("/x.py", (edit,), ("import math",))]).draw()
    assert "\n" not in drawn.replace("\r\n", "")
    assert drawn.count("\r\n") == old.count("\r\n") + 2


def test_a_byte_order_mark_and_an_encoding_stay() -> None:
    data = "\ufeffname = 'é'\n".encode()
    assert Text.of(Source("/x.py", data), [FileEdits("/x.py", (), ("import math",))]).data().startswith(b"\xef\xbb\xbf")
    latin = "# coding: latin-1\nname = 'é'\n".encode("latin-1")
    assert Text.of(Source("/x.py", latin), [FileEdits("/x.py", (), ("import math",))]).data().endswith(b"'\xe9'\n")


def test_two_edits_of_the_same_text_do_not_fit() -> None:
    one, other = at(PROGRAM, "x.sum() > 0", "a"), at(PROGRAM, "sum() > 0:", "b")
    with pytest.raises(Overlap):
        text_of(PROGRAM, FileEdits("/x.py", (one,)), FileEdits("/x.py", (other,)))


def test_the_same_edit_twice_is_one() -> None:
    edit = FileEdits("/x.py", (at(PROGRAM, "x + 1", "x + 2"),))
    assert text_of(PROGRAM, edit, edit).draw() == PROGRAM.replace("x + 1", "x + 2")


def test_an_edit_of_new_text_becomes_one_with_what_it_changes() -> None:
    text = text_of(PROGRAM, FileEdits("/x.py", (at(PROGRAM, "x = x + 1", "y = 3\n        z = 4"),)))
    now = text.draw()
    (edit,), taken = text.carried([at(now, "z = 4", "z = 5")])
    assert taken == frozenset(text.edits)
    assert text_of(PROGRAM, FileEdits("/x.py", (edit,))).draw() == now.replace("z = 4", "z = 5")


PARTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.text("ab\n", max_size=5)), max_size=5)


@given(st.text("xyz \n", min_size=1, max_size=60), PARTS, PARTS)
def test_rounds_of_edits_make_the_text_that_they_make_one_after_another(
    old: str, first: list[tuple[int, int, str]], second: list[tuple[int, int, str]]
) -> None:
    def fitting(text: str, wishes: list[tuple[int, int, str]]) -> tuple[Edit, ...]:
        kept: list[Edit] = []
        for start, length, new in wishes:
            edit = Edit(min(start, len(text)), min(start + length, len(text)), new)
            if all(edit.end < other.start or other.end < edit.start for other in kept):
                kept.append(edit)
        return tuple(sorted(kept))

    def applied(text: str, edits: tuple[Edit, ...]) -> str:
        for edit in reversed(edits):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return text

    source = Source("/x.py", old.encode())
    one = Text(source, fitting(old, first))
    middle = one.draw()
    assert middle == applied(old, one.edits)
    for edit in fitting(middle, second):
        carried, taken = one.carried([edit])
        kept = tuple(e for e in one.edits if e not in taken)
        both = Text(source, tuple(sorted((*kept, *carried))))
        assert both.draw() == applied(middle, (edit,))
        for number in range(len(middle)):
            place, inside = one.back(number)
            assert inside is not None or old[place] == middle[number]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_comments_at_the_end_of_a_block_that_goes_are_indented_as_what_replaces_it(newline: str) -> None:
    before = """\
def f(x):
    if x:
        y = 1  # one
        # of the branch

        # more
    # behind it
    return y
"""
    source = Source("/x.py", before.replace("\n", newline).encode())
    piece = source.piece(2)
    branch = next(node for node in nodes(piece.module) if isinstance(node, cst.If))
    drawn = Text.of(source, [FileEdits("/x.py", (piece.replace(branch, "y = 1"),))]).draw()
    after = "def f(x):\n    y = 1  # one\n    # of the branch\n\n    # more\n    # behind it\n    return y\n"
    assert drawn == after.replace("\n", newline)
    still = Text.of(source, [FileEdits("/x.py", (piece.replace(branch, "while x:\n    y = 1"),))]).draw()
    assert "        y = 1  # one\n        # of the branch\n".replace("\n", newline) in still


def test_lines_that_set_options_stand_together_in_any_order() -> None:
    at_two = PROGRAM.index("def f")

    def put(text: str) -> FileEdits:
        return FileEdits("/x.py", (Edit(at_two, at_two, text),))

    first, second = ("torch._dynamo.config.a = True\n", "torch._dynamo.config.b = False\n")
    drawn = text_of(PROGRAM, put(second), put(first)).draw()
    assert drawn == PROGRAM.replace("def f", f"{first}{second}def f")
    assert text_of(PROGRAM, put(first), put(first)).draw() == PROGRAM.replace("def f", f"{first}def f")
    decorators = ("@torch._dynamo.config.patch(a=True)\n", "@torch._dynamo.config.patch(b=1)\n")
    assert text_of(PROGRAM, *map(put, decorators)).draw() == PROGRAM.replace("def f", "".join(decorators) + "def f")
    for other in (f"{first}{second}", "x = 1\n", "torch._dynamo.config.a = True; "):
        with pytest.raises(Overlap):
            text_of(PROGRAM, put(first), put(other))
