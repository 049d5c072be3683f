"""Text from a run made fit to be shown: names, messages and source are data, never instructions
to a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from g2.capture.model import Span
from g2.capture.paths import relative as relative

# ECMA-48 control sequences (CSI), control strings (OSC, DCS, SOS, PM, APC) and two-character
# escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f]).*?(?:\x1b\\|\x07|\x9c|$)"
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
# Characters that reorder what is shown (Unicode bidirectional controls), or cannot be encoded
# (lone surrogates).
_UNSEEN = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """`text` without terminal escapes and control characters; newlines and tabs stay."""
    text = _CONTROL.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))
    return _UNSEEN.sub(lambda m: f"\\u{ord(m.group()):04x}", text.replace("\u2028", "\n"))


def inline(text: str) -> str:
    """`text` cleaned and on one line."""
    return " ".join(clean(text).split())


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """`1 graph`, `2 graphs`, `1,200 graphs`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def listing(words: list[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" {last} {words[-1]}"


def milliseconds(value: float) -> str:
    """A time in milliseconds with two significant digits, in the unit that reads best."""
    if value < 0.001:
        return "under 0.001 ms"
    if value >= 1000:
        return seconds(value / 1000)
    return f"{value:.2g} ms" if value < 1 else f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def seconds(value: float) -> str:
    """A time in seconds, in the unit that reads best."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 100:
        return f"{value:.1f} s"
    return f"{value / 60:.0f} min" if value < 6000 else f"{value / 3600:.1f} h"


_SITE = re.compile(r".*/(?:site|dist)-packages/(?=.)")
_STDLIB = re.compile(r".*/lib/(?=python3\.\d+t?/)")


def short_path(path: str, cwd: str) -> str:
    """`path` as a person names it: relative to the working directory, or from the package's name
    on.
    """
    near = relative(path, cwd)
    if near == path or "site-packages/" in near:
        near = _STDLIB.sub("", _SITE.sub("", near))
    return inline(near)


def place(span: Span, cwd: str, full: bool = False) -> str:
    """`path:line:column` of a span, with a short path unless `full`."""
    path = inline(relative(span.path, cwd)) if full else short_path(span.path, cwd)
    column = f":{span.column}" if span.column >= 0 else ""
    return f"{path}:{span.line}{column}"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph on one line, or lines of code without their common indent."""

    text: str
    code: bool = False


def blocks(text: str) -> Iterator[Block]:
    """Split a text of ours into paragraphs and code (lines that are indented, or fenced)."""
    prose: list[str] = []
    code: list[str] = []
    fenced = False

    def flush() -> Iterator[Block]:
        if prose:
            yield Block(" ".join(prose))
            prose.clear()
        while code and not code[-1].strip():
            code.pop()
        if code:
            indent = min(len(x) - len(x.lstrip()) for x in code if x.strip())
            yield Block("\n".join(x[indent:].rstrip() for x in code), code=True)
            code.clear()

    for line in clean(text).expandtabs(4).split("\n"):
        if line.lstrip().startswith("```"):
            yield from flush()
            fenced = not fenced
        elif fenced or line.startswith("  "):
            if prose:
                yield from flush()
            code.append(line)
        elif not line.strip():
            if code:
                code.append("")
            else:
                yield from flush()
        else:
            if code or line.lstrip().startswith("- "):
                yield from flush()
            prose.append(line.strip())
    yield from flush()


def inside(path: str, folder: str) -> bool:
    """Whether `path` lies below `folder` (by its text alone; a relative path does)."""
    return not path.startswith("/") or path.startswith(folder.rstrip("/") + "/")


def own(path: str, cwd: str) -> bool:
    """Whether a file is the person's own, as far as its path tells."""
    return inside(path, cwd) and "-packages/" not in path and not path.startswith("<")
