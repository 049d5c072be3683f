"""Patch packs: what is changed in installed libraries, kept beside a script in a file that puts it in place.

The file is g2_patches.py: the text of pack_served.py with the patches in it as plain Python data. What it says is read
as data, it is never run here.
"""

from __future__ import annotations

import ast
import difflib
import io
import itertools
import re
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from g2.capture.fold.owners import owner
from g2.capture.mine import is_mine, package_folder
from g2.rewrite.change import digest

MODULE = "g2_patches"
FILE, FOLDER = f"{MODULE}.py", MODULE
_SERVED = Path(__file__).with_name("pack_served.py")
_DATA = re.compile(r"(?m)^PATCHES: [^=]*= \[\]$")
_ROOT = re.compile(r"^(.*)/(?:site|dist)-packages/(?:[^/]+\.egg/)?([^/].*)$")


class PackError(Exception):
    """A pack that cannot be read or made; str() is a clause or sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines `old`, the first of which is number `line` of the file, become `new`; all without their ends."""

    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patch:
    """What is changed in one file of a library. `notes`: what was done, a sentence each."""

    module: str
    file: str  # below the folder of packages: "transformers/models/t5/modeling_t5.py"
    package: str  # the distribution's name
    version: str | None
    sha256: str  # of the file
    hunks: tuple[Hunk, ...]
    notes: tuple[str, ...] = ()

    @property
    def diff(self) -> str:
        """The name of its diff in the folder g2_patches."""
        return f"{self.module}.patch"

    def applied(self, data: bytes) -> bytes:
        """The file with the patch. Raises PackError when `data` is not the file that it is for."""
        if digest(data) != self.sha256:
            raise PackError(f"{self.file} is not the file that its patch is for")
        text = _Text(data)
        for hunk in reversed(self.hunks):
            text.replace(hunk)
        return text.data()


@dataclass(frozen=True)
class Pack:
    """The patches beside a script, in the order of their files."""

    folder: Path
    patches: tuple[Patch, ...] = ()

    @property
    def file(self) -> Path:
        return self.folder / FILE

    @cached_property
    def by_file(self) -> dict[str, Patch]:
        return {patch.file: patch for patch in self.patches}

    def with_patch(self, patch: Patch) -> Pack:
        """With this one, in place of what there was for its file."""
        others = [other for other in self.patches if other.file != patch.file]
        kept = [*others, patch] if patch.hunks else others
        return Pack(self.folder, tuple(sorted(kept, key=lambda one: one.file)))

    def without(self, files: Iterable[str]) -> Pack:
        """Without the patches of these files."""
        gone = set(files)
        return Pack(self.folder, tuple(patch for patch in self.patches if patch.file not in gone))

    def text(self) -> str:
        """The whole of g2_patches.py."""
        return _DATA.sub(lambda _: _literal(self.patches), _SERVED.read_text("utf-8"), count=1)

    def applied(self, path: str) -> bytes:
        """What a library's file holds with this pack in place. Raises OSError; PackError when it is another file."""
        data = Path(path).read_bytes()
        patch = self.by_file.get(placed(path)[1])
        return data if patch is None else patch.applied(data)


def read(folder: Path) -> Pack:
    """The pack in a folder, an empty one when there is none. Raises PackError, OSError."""
    path = folder / FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Pack(folder)
    except UnicodeDecodeError:
        raise PackError(f"{path} is not a file that g2 wrote", "move it, or give it another name") from None
    try:
        (value,) = (
            node.value
            for node in ast.parse(text).body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "PATCHES"
        )
        return Pack(folder, tuple(_patch(data) for data in ast.literal_eval(value or ast.Constant(None))))
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError):
        raise PackError(f"{path} is not a file that g2 wrote", "move it, or give it another name") from None


def made(path: str, new: bytes, notes: Sequence[str] = ()) -> Patch:
    """The patch that turns a library's file into `new`. Raises OSError; PackError when the file is in no package."""
    module, file = placed(path)
    data = Path(path).read_bytes()
    whose = owner(path)
    if whose.package is None:
        raise PackError(f"{path} belongs to no installed package")
    old, after = _Text(data).lines, _Text(new).lines
    matcher = difflib.SequenceMatcher(None, old, after, autojunk=False)
    hunks = tuple(
        Hunk(i1 + 1, tuple(old[i1:i2]), tuple(after[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    )
    return Patch(module, file, whose.package, whose.version, digest(data), hunks, tuple(dict.fromkeys(notes)))


def joined(one: Patch, other: Patch) -> Patch:
    """Two patches of the same file as one. Raises PackError when both change the same lines, in different ways."""
    if one.sha256 != other.sha256:
        return other
    hunks = sorted({*one.hunks, *other.hunks}, key=lambda hunk: hunk.line)
    for first, second in itertools.pairwise(hunks):
        if second.line <= first.line + len(first.old) - bool(first.old):
            raise PackError(
                f"{one.file} is patched already, in another way at line {second.line}",
                f"g2 patches drop {one.module}",
            )
    return replace(other, hunks=tuple(hunks), notes=tuple(dict.fromkeys((*one.notes, *other.notes))))


def placed(path: str) -> tuple[str, str]:
    """The module that an installed file is, and its path below the folder of packages. Raises PackError."""
    plain = path.replace("\\", "/")
    if match := _ROOT.match(plain):
        file = match.group(2)
    elif folder := package_folder(plain):
        file = plain[len(folder) + 1 :]
    else:
        name = path.rpartition("/")[2]
        raise PackError(f"{name} is part of Python itself" if "/lib/python" in path else f"{name} is in no package")
    parts = file.removesuffix(".py").split("/")
    if not file.endswith(".py") or not all(part.isidentifier() for part in parts):
        raise PackError(f"{file} is no module that an import finds by its name")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts), file


def unpackable(path: str) -> str:
    """Why a file can neither be edited nor patched at import, a clause; empty when it can."""
    if is_mine(path):
        return ""
    try:
        placed(path)
    except PackError as error:
        return f"{error}, which no patch pack replaces"
    return ""


class _Text:
    """A file's lines without their ends, and the ends, so that what is not replaced stays byte for byte."""

    def __init__(self, data: bytes) -> None:
        """Raises PackError."""
        try:
            self._encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
            text = data.decode(self._encoding)
        except (SyntaxError, LookupError, UnicodeDecodeError) as error:
            raise PackError(f"it cannot be decoded ({error})") from None
        physical = io.StringIO(text, newline="").readlines()
        self.lines = [line.rstrip("\r\n") for line in physical]
        self._ends = [line[len(bare) :] for line, bare in zip(physical, self.lines, strict=True)]
        self._end = max(set(self._ends), key=self._ends.count, default="\n") or "\n"
        if not self._ends or self._ends[-1]:  # as "a\n".split("\n") is "a" and an empty line
            self.lines.append("")
            self._ends.append("")

    def replace(self, hunk: Hunk) -> None:
        """Raises PackError when the lines to be replaced are others."""
        start, end = hunk.line - 1, hunk.line - 1 + len(hunk.old)
        if tuple(self.lines[start:end]) != hunk.old:
            raise PackError(f"line {hunk.line} is not the one that is to be replaced")
        self.lines[start:end] = hunk.new
        self._ends[start:end] = [self._end] * len(hunk.new)

    def data(self) -> bytes:
        ends = [*(end or self._end for end in self._ends[:-1]), ""]
        return "".join(line + end for line, end in zip(self.lines, ends, strict=True)).encode(self._encoding)


def _patch(data: dict[str, Any]) -> Patch:
    hunks = tuple(Hunk(int(h["line"]), tuple(map(str, h["old"])), tuple(map(str, h["new"]))) for h in data["hunks"])
    version = data["version"]
    return Patch(
        module=str(data["module"]),
        file=str(data["file"]),
        package=str(data["package"]),
        version=None if version is None else str(version),
        sha256=str(data["sha256"]),
        hunks=hunks,
        notes=tuple(map(str, data.get("notes", ()))),
    )


def _literal(patches: Sequence[Patch]) -> str:
    """The patches as a person reads Python."""
    out = ["PATCHES: list[dict[str, Any]] = ["]
    for patch in patches:
        out.append("    {")
        for name in ("module", "file", "package", "version", "sha256"):
            out.append(f'        "{name}": {_constant(getattr(patch, name))},')
        out += _lines("notes", patch.notes, 8)
        out.append('        "hunks": [')
        for hunk in patch.hunks:
            out += ["            {", f'                "line": {hunk.line},']
            out += [*_lines("old", hunk.old, 16), *_lines("new", hunk.new, 16), "            },"]
        out += ["        ],", "    },"]
    return "\n".join([*out, "]"])


def _lines(name: str, lines: Sequence[str], indent: int) -> list[str]:
    space = " " * indent
    if not lines:
        return [f'{space}"{name}": [],']
    return [f'{space}"{name}": [', *(f"{space}    {_constant(line)}," for line in lines), f"{space}],"]


def _constant(value: str | None) -> str:
    text = repr(value)
    return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text and "\\'" not in text else text
