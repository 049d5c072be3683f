"""The pages of docs/ that are made from the reasons: one for each, an index, and the coverage of Dynamo's ids.

python -m g2.explain.pages docs            writes them
python -m g2.explain.pages docs --check    exits with 1 when one on disk is stale
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache

from g2.explain import written
from g2.explain.catalog import claim_order, everything, reason_for, reasons
from g2.explain.reason import Evidence, Reason
from g2.explain.registry import Entry, entries, versions

_SECTIONS = (
    ("What happened", "happened"),
    ("Why", "why"),
    ("What to write instead", "instead"),
    ("What it costs", "cost"),
)


def pages() -> Mapping[str, str]:
    """Every page: its path below docs/, and its text."""
    texts = {f"reasons/{slug}.md": page(reason) for slug, reason in everything().items()}
    return {**texts, "reasons/index.md": index(), "coverage.md": coverage()}


def page(reason: Reason) -> str:
    """One reason."""
    parts = [f"# {reason.slug}: {reason.title}"]
    for heading, field in _SECTIONS:
        parts += [f"## {heading}", markdown(getattr(reason, field))]
    if reason.example is not None:
        second = "One graph" if reason.slug in reasons() else "Compiled once"
        first = "Breaks the graph" if reason.slug in reasons() else "Compiled again"
        parts += [
            f"## {first}",
            fence(reason.example.bad),
            f"## {second}",
            fence(reason.example.good),
        ]
    owned = [entry for entry, owner in _led() if owner.slug == reason.slug]
    if owned and reason.slug in reasons():
        lines = [f"- {entry.id}: {_escape(entry.name)}" for entry in owned]
        parts += ["## Dynamo's ids", "\n".join(lines)]
    if reason.see_also:
        parts += ["## See also", ", ".join(f"[{slug}]({slug}.md)" for slug in reason.see_also)]
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """All reasons: breaks, families of breaks, recompiles."""
    own = reasons().values()
    groups = (
        ("Graph breaks", [r for r in own if not r.family]),
        ("Families: what no reason of its own explains", [r for r in own if r.family]),
        ("Recompiles", [r for slug, r in everything().items() if slug not in reasons()]),
    )
    parts = [
        "# Reasons",
        "Each page is what `g2 why REASON` prints. They are made from `explain/reasons/` and "
        "`explain/recompiles/`; change the text there.",
    ]
    for heading, group in groups:
        rows = [f"- [{r.slug}]({r.slug}.md): {r.title}" for r in sorted(group, key=lambda r: r.slug)]
        parts += [f"## {heading}", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def led_to(entry: Entry) -> Reason:
    """The reason of an id when nothing but its name is known."""
    return reason_for(Evidence(entry.id, entry.name, "", "", "", "", ""))


@cache
def _led() -> tuple[tuple[Entry, Reason], ...]:
    return tuple((entry, led_to(entry)) for entry in entries().values())


def coverage() -> str:
    """Which reason each of Dynamo's ids leads to, and the order in which claims are asked."""
    found = _led()
    own = sum(not reason.family for _, reason in found)
    known = versions()
    rows = [
        f"| {entry.id} | {_escape(entry.name)} | {_versions(entry, known)} "
        f"| [{reason.slug}](reasons/{reason.slug}.md) |"
        for entry, reason in found
    ]
    order = [f"{n}. [{r.slug}](reasons/{r.slug}.md)" for n, r in enumerate(claim_order(), 1)]
    parts = [
        "# Dynamo's graph breaks and g2's reasons",
        f"torch {known[0]} to {known[-1]} know {len(found)} ids of graph breaks. {own} lead to a "
        f"reason of their own, {len(found) - own} to a family. What g2 knows of a place (the source, "
        "Dynamo's context) may lead to a more precise reason than the id alone.",
        "\n".join(["| Id | Dynamo's name | torch | Reason |", "| --- | --- | --- | --- |", *rows]),
        "## Claims",
        "Some reasons recognise their situation at the place itself, whatever the id. They are asked "
        "in this order, and the first that recognises the place has it:",
        "\n".join(order),
    ]
    return "\n\n".join(parts) + "\n"


def _versions(entry: Entry, known: tuple[str, ...]) -> str:
    if entry.versions == known:
        return "all"
    return ", ".join(entry.versions)


def markdown(text: str) -> str:
    """Indented code in fences, so that it is coloured; other paragraphs as they are."""
    out: list[str] = []
    code: list[str] = []
    for line in [*text.splitlines(), "end"]:
        if line.startswith("    ") or (code and not line):
            code.append(line[4:])
            continue
        if code:
            out += [fence("\n".join(code).strip("\n")), ""]
            code = []
        out.append(line)
    return "\n".join(out[:-1]).strip()


def fence(code: str, language: str = "python") -> str:
    return f"```{language}\n{code.rstrip()}\n```"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("__", "\\_\\_")


def main(arguments: Iterable[str]) -> int:
    """Write or check the pages in the folder that is named; the exit code."""
    return written.main(arguments, str(__doc__), pages, "reasons")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
