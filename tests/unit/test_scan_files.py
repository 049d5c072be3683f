"""What files get that cannot be scanned, what is kept of those that can, and what is left out on request."""

from __future__ import annotations

import pytest
from scanning import HEAD, Memory, files, project, told

from g2.explain.scan.facts import dump, load
from g2.explain.scan.model import Settings, SourceFile
from g2.explain.scan.read import facts
from g2.explain.scan.rules import detectors
from g2.explain.scan.scan import scan

BAD = f"{HEAD}\n@torch.compile\ndef f(x):\n    return torch.sin(x).item()\n"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"def f(:\n", "line 1: invalid syntax"),
        (b"x = 1\x00", "null bytes"),
        (b"# coding: no-such-coding\n", "no-such-coding"),
        (b"x = '\xff\xfe'\n", "utf-8"),
        (b"(" * 5000 + b")" * 5000, ""),
        (b"x = 1\n" * 700_000, "larger than 4 MB"),
    ],
    ids=["syntax", "null", "coding", "bytes", "nesting", "size"],
)
def test_a_file_that_cannot_be_scanned_is_named_and_the_others_are(data: bytes, why: str) -> None:
    found = project({"bad.py": data, "good.py": BAD})
    assert [each.path for each in found.unread] == ["bad.py"]
    assert why in found.unread[0].why
    assert "in g2 itself" not in found.unread[0].why
    assert told(found.sightings) == ["host-value sure torch.sin(x).item()"]


def test_a_file_that_cannot_be_read_is_named() -> None:
    def refuse() -> bytes:
        raise PermissionError(13, "Permission denied")

    found = scan([SourceFile("a.py", "1", refuse)])
    assert [(each.path, each.why) for each in found.unread] == [("a.py", "cannot be read: Permission denied")]


@pytest.mark.parametrize("levels", [300, 3000])
def test_deep_trees_are_scanned_or_named(levels: int) -> None:
    found = project({"deep.py": "x = " + " + ".join(["1"] * levels), "good.py": BAD})
    assert len(found.sightings) == 1
    assert all("deeply" in each.why for each in found.unread)


def test_other_encodings_keep_their_columns() -> None:
    text = "# coding: latin-1\nimport torch\n@torch.compile\ndef f(x):\n    é = 'ü'; return torch.sin(x).item()\n"
    found = project({"a.py": text.encode("latin-1"), "b.py": b"\xef\xbb\xbf" + BAD.encode()})
    assert told(found.sightings) == ["host-value sure torch.sin(x).item()"] * 2


def test_an_ignore_covers_its_statement_and_an_unused_one_is_told() -> None:
    text = f"""{HEAD}
@torch.compile
def f(x):
    a = torch.sin(x).item()  # g2: ignore[host-value]
    b = torch.stack(  # g2: ignore
        [torch.sin(x)[x > 0]]
    )
    c = torch.cos(x).item()  # g2: ignore[print-call, tensor-branch]
    return a, b, c
"""
    found = project({"a.py": text})
    assert told(found.sightings) == ["host-value sure torch.cos(x).item()"]
    assert found.ignored == 2
    assert [(each.span.line, each.reason) for each in found.unused_ignores] == [
        (12, "print-call"),
        (12, "tensor-branch"),
    ]


def test_settings_leave_reasons_and_paths_out() -> None:
    texts = {"pkg/a.py": BAD, "tests/b.py": BAD, "c.py": BAD}
    assert len(project(texts).sightings) == 3
    assert project(texts, Settings(ignore=frozenset({"host-value"}))).sightings == ()
    some = project(texts, Settings(per_path={"tests/": frozenset({"*"}), "/c.py": frozenset({"print-call"})}))
    assert [each.span.path for each in some.sightings] == ["c.py", "pkg/a.py"]


def test_what_is_kept_is_not_read_again_and_says_the_same() -> None:
    kept = Memory()
    texts = {"a.py": BAD, "b.py": "def g(y):\n    return y.item()\n"}
    first = project(texts, kept=kept)
    assert first.lines > 0

    def fail() -> bytes:
        raise AssertionError

    again = scan([SourceFile(file.path, file.key, fail) for file in files(texts)], kept=kept)
    assert again.lines == 0
    assert again.sightings == first.sightings


def test_damaged_facts_are_found_out_anew() -> None:
    kept = Memory()
    first = project({"a.py": BAD}, kept=kept)
    for key in list(kept):
        for damaged in (b"", b"x", kept[key][:-3], kept[key][:20] + b"\xff" + kept[key][21:]):
            kept[key] = damaged
            assert project({"a.py": BAD}, kept=kept).sightings == first.sightings


def test_facts_survive_being_written() -> None:
    found = facts(BAD.encode(), detectors())
    assert load(dump(found)) == found


def test_several_processes_find_the_same() -> None:
    texts: dict[str, str | bytes] = {f"m{n}.py": BAD.replace("def f", f"def f{n}") for n in range(8)}
    texts["bad.py"] = b"def"
    alone, together = project(texts), project(texts, jobs=2)
    assert alone == together


def test_a_sighting_says_the_same_when_lines_move_or_are_written_otherwise() -> None:
    other = BAD.replace("return torch.sin(x).item()", "# a comment\n\n    return torch . sin( x\n     ).item( )")
    (one,), (two,) = project({"a.py": BAD}).sightings, project({"a.py": other}).sightings
    assert (one.code, one.function, one.number, one.reason) == (two.code, two.function, two.number, two.reason)
    assert one.span != two.span


def test_places_of_the_same_text_are_counted() -> None:
    text = f"{HEAD}\n@torch.compile\ndef f(x):\n    a = x.item()\n    b = x.item()\n    return a + b\n"
    assert [each.number for each in project({"a.py": text}).sightings] == [0, 1]


def test_a_method_without_parameters_that_asks_for_its_base_is_scanned() -> None:
    text = (
        f"{HEAD}\nclass Base(nn.Module):\n    def helper(self, x):\n        return x\n"
        "class Net(Base):\n    def helper():\n        return super().helper(other())\n"
        "    def forward(self, x):\n        self.helper()\n        return x.sum().item()\n"
        "def other():\n    return later(torch.ones(1))\ndef later(x):\n    return x + 1\n"
    )
    assert "host-value" in {each.reason for each in project({"net.py": text}).sightings}
