"""What is put at the top of a file: imports with those of their kind, then helpers behind the last import."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from g2.rewrite.model import Edit
from g2.rewrite.source import Source


class Kind(IntEnum):
    """The blocks of imports in the order that PEP 8 gives them."""

    FUTURE = 0
    STANDARD = 1
    INSTALLED = 2
    RELATIVE = 3


@dataclass(frozen=True, slots=True)
class _Import:
    first: int  # line
    last: int
    kind: Kind
    alone: bool  # it begins its line
    plain: bool  # import x, not from x import y


def head(source: Source, imports: Sequence[str], helpers: Sequence[str]) -> list[Edit]:
    """The edits that put these there; an import that the file has is left out. Raises source.Unreadable."""
    if not imports and not helpers:
        return []
    present = {ast.unparse(node) for node in source.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))}
    wanted: dict[Kind, list[str]] = {}
    for text in imports:
        node = ast.parse(text).body[0]
        if ast.unparse(node) not in present:
            wanted.setdefault(_kind(node), []).append(text)
    found, line = _imports(source)
    edits: list[Edit] = []
    behind: dict[Kind, list[str]] = {}
    for kind in sorted(wanted):
        if edit := _among(source, found, kind, wanted[kind]):
            edits.append(edit)
        else:
            behind[kind] = wanted[kind]
    if behind or helpers:
        edits.append(_behind(source, found, line, behind, helpers))
    return edits


def _among(source: Source, found: list[_Import], kind: Kind, texts: list[str]) -> Edit | None:
    """Imports behind the last one of their kind and form, or in front of the first block that follows theirs.

    None where they go behind all imports.
    """
    text = "".join(f"{one}\n" for one in texts)
    same = [one for one in found if one.kind is kind]
    plain = [one for one in same if one.plain]
    if same and not plain and same[0].alone and all(one.startswith("import ") for one in texts):
        return _at(source, same[0].first, text)  # as sorters of imports have it
    if same:
        last = (plain or same)[-1] if all(one.startswith("import ") for one in texts) else same[-1]
        # Behind the very last import the file's end has to be looked at, too.
        return None if last is found[-1] else _at(source, last.last + 1, text)
    later = [one for one in found if one.kind > kind]
    if not later or not later[0].alone:
        return None
    line = later[0].first
    above = line - 1
    while above and source.line(above).startswith("#"):
        above -= 1
    if above and above < line - 1:  # comments that lead a file stay at its top, others belong to what is below
        line = above + 1
    dense = found[0] is not later[0] and source.line(line - 1).strip()  # no blank lines between blocks in this file
    return _at(source, line, text if dense else text + "\n")


def _behind(
    source: Source, found: list[_Import], line: int, imports: dict[Kind, list[str]], helpers: Sequence[str]
) -> Edit:
    """Imports and helpers behind a line, a blank line before another kind of import."""
    at = source.offset(line + 1, 0) if line < len(source.text.splitlines()) else len(source.text)
    text = ""
    kind = found[-1].kind if found else None
    for other, texts in imports.items():
        text += "\n" if kind is not None and other > kind else ""
        text += "".join(f"{one}\n" for one in texts)
        kind = other
    if imports and not found:
        text += "\n" if source.line(line + 1).strip() else ""
    if at == len(source.text) and source.text and not source.text.endswith(("\n", "\r")):
        text = "\n" + text
    for helper in helpers:
        text += f"\n\n{helper.strip(chr(10))}\n"
    if helpers and source.line(line + 1).strip():
        text += "\n\n"
    return Edit(at, at, text)


def _at(source: Source, line: int, text: str) -> Edit:
    offset = source.offset(line, 0)
    return Edit(offset, offset, text)


def _imports(source: Source) -> tuple[list[_Import], int]:
    """The imports of the file's head, and the line behind which another one may stand.

    The head of a file is its docstring and what comes before its first statement that is no import.
    """
    line = 0
    found: list[_Import] = []
    for number, node in enumerate(source.tree.body):
        last = node.end_lineno or node.lineno
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            alone = node.col_offset == 0 and node.lineno > line
            found.append(_Import(node.lineno, last, _kind(node), alone, isinstance(node, ast.Import)))
        elif number or not _is_text(node):
            break
        line = last
    if line == 0:  # a file that begins with code or comments: behind the comments that lead it
        while source.line(line + 1).startswith("#"):
            line += 1
    return found, line


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _kind(node: ast.stmt) -> Kind:
    if isinstance(node, ast.ImportFrom):
        if node.level:
            return Kind.RELATIVE
        module = node.module or ""
    else:
        module = node.names[0].name if isinstance(node, ast.Import) else ""
    top = module.partition(".")[0]
    if top == "__future__":
        return Kind.FUTURE
    return Kind.STANDARD if top in sys.stdlib_module_names else Kind.INSTALLED
