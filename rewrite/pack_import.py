"""The line that puts a patch pack in place: `import g2_patches`, before every other import of the script."""

from __future__ import annotations

import ast

from g2.rewrite.pack import MODULE
from g2.rewrite.source import Source

# Sorters of imports would move it behind the libraries, and linters call it unused.
LINE = f"import {MODULE}  # noqa: F401  # isort: skip"


def imported(source: Source) -> bool:
    """Whether the file imports the pack. Raises Unreadable."""
    return any(_names(node) for node in source.tree.body)


def with_import(source: Source) -> str:
    """The file's text with the line, behind docstring, __future__ imports and the comments that lead it. The same text
    when it has the line. Raises Unreadable.
    """
    if imported(source):
        return source.text
    text, end = source.text, source.newline
    body = source.tree.body
    behind = next((number for number, node in enumerate(body) if not _leads(number, node)), len(body))
    if behind < len(body):
        line = _first(body[behind])
        if behind and line == body[behind - 1].end_lineno:  # two statements on one line
            at = source.offset(line, source.characters(line, body[behind].col_offset))
            return f"{text[:at]}import {MODULE}; {text[at:]}"
        at = source.offset(line, 0)
        plain = isinstance(body[behind], (ast.Import, ast.ImportFrom))
        return f"{text[:at]}{LINE}{end}{'' if plain else end}{text[at:]}"
    gap = "" if not text or text.endswith(("\n", "\r")) else end
    return f"{text}{gap}{LINE}{end}"


def without_import(source: Source) -> str:
    """The file's text without the line; the same text when it has none, or has it among others. Raises Unreadable."""
    text = source.text
    for node in source.tree.body:
        if not _names(node) or not isinstance(node, ast.Import) or len(node.names) > 1:
            continue
        line = source.line(node.lineno)
        rest = line.strip().removeprefix(f"import {MODULE}").strip()
        start = source.offset(node.lineno, source.characters(node.lineno, node.col_offset))
        if line.lstrip().startswith("import") and (not rest or rest.startswith("#")):
            stop = source.offset(node.lineno, len(line))
            after = source.line(node.lineno + 1)
            following = [other for other in source.tree.body if other.lineno > node.lineno]
            plain = not following or isinstance(following[0], (ast.Import, ast.ImportFrom))
            if not plain and not after.strip() and after:
                stop += len(after)  # the empty line that came with it
            return text[: source.offset(node.lineno, 0)] + text[stop:]
        tail = text[start:].removeprefix(f"import {MODULE}")
        if tail.startswith("; "):
            return text[:start] + tail[2:]
    return text


def _names(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import) and any(alias.name == MODULE for alias in node.names)


def _leads(number: int, node: ast.stmt) -> bool:
    """Whether a statement has to stay before every import."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "__future__"
    return (
        number == 0
        and isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _first(node: ast.stmt) -> int:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return node.lineno


