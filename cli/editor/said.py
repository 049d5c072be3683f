"""What is said of a mark when the pointer rests on it, as Markdown: what g2 explain says of the place, then what g2 why
says of the reason.
"""

from __future__ import annotations

import re

from g2.cli.editor.marks import Mark
from g2.cli.text import Block, blocks
from g2.explain.catalog import everything

_MARKUP = re.compile(r"([\\*_\[\]<>#|])")


def hover(mark: Mark) -> str:
    """The whole text."""
    notice = mark.notice
    how = "met by the last run" if mark.run else "found in the source"
    parts = [f"**{prose(notice.headline)}**", f"{notice.rule} · {how} · g2"]
    parts += _paragraphs(notice.text)
    reason = everything().get(notice.rule)
    if reason is not None:
        parts += ["---", "**What happened**", *_paragraphs(reason.happened)]
        parts += ["**What to write instead**", *_paragraphs(reason.instead)]
        parts += ["**What it costs**", *_paragraphs(reason.cost)]
    tried = [f"`{cure.rule}`" for cure in notice.cures if not cure.tried]
    if tried:
        parts.append(f"`g2 fix` tries {', '.join(tried)}.")
    return "\n\n".join(parts)


def prose(text: str) -> str:
    """A sentence in which only what stands in backticks is marked up: names and source of a run may hold anything."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _MARKUP.sub(r"\\\1", text.replace("`", "'"))
    return "`".join(part if number % 2 else _MARKUP.sub(r"\\\1", part) for number, part in enumerate(parts))


def _paragraphs(text: str) -> list[str]:
    return [_block(block) for block in blocks(text)]


def _block(block: Block) -> str:
    if not block.code:
        return prose(block.text)
    fence = "`" * (max((len(run) for run in re.findall("`+", block.text)), default=0) + 3)
    return f"{fence}python\n{block.text}\n{fence}"
