"""The report as Markdown that fits into a comment on GitHub or GitLab."""

from __future__ import annotations

import re

from g2.cli.summary import advice_when_empty, failure, summary
from g2.cli.text import blocks, clean, inline, listing, place, plural
from g2.cli.views import Output
from g2.cli.views._recompiles import counts_of_recompile, guard_name, values_of
from g2.cli.views._source import rows
from g2.cli.views.terminal import badges_of, cost_of, counts_of
from g2.explain.report import Finding, RecompileFinding, Report

SUFFIXES = (".md", ".markdown")
LIMIT = 20
LINE = 120
MOST = 65_000  # characters; GitHub refuses comments above 65,536


def render(report: Report, output: Output) -> str:
    """A heading with the summary, a section a finding, a table of recompiles. Data is escaped."""
    session = report.session
    limit = LIMIT if output.limit is None else output.limit
    parts = [f"### g2: {escape(summary(report, output.left_out))}"]
    if report.clean and not output.left_out and (advice := advice_when_empty(session)):
        parts.append(escape(advice))
    if ended := failure(session):
        parts.append(f"**{escape(ended)}**")
    shown = report.findings[: limit or None]
    told: dict[str, int] = {}
    for number, finding in enumerate(shown, 1):
        parts.append(_finding(report, number, finding, told))
    left = len(report.findings) - len(shown)
    if left > 0:
        parts.append(f"and {plural(left, 'more place')}")
    if report.recompiles:
        parts += _recompiles(report, report.recompiles[: limit or None])
    if session.lost:
        parts.append("#### Not observed")
        parts.append("\n".join(f"- {escape(sentence)}" for sentence in session.lost))
    if output.left_out:
        parts.append(f"{plural(output.left_out, 'other finding')} left out by `--only` or `--mine`.")
    if report.next_step and not report.clean:
        parts.append(f"**Next:** {prose(report.next_step)}")
    if session.torch:
        versions = f"g2 {session.g2}, torch {session.torch}, {session.device}"
        parts.append(f"<sub>{escape(versions)}</sub>")
    return _fit(parts)


def _fit(parts: list[str]) -> str:
    """As many parts as a comment holds."""
    total, kept = 0, []
    for part in parts:
        total += len(part) + 2
        if total > MOST:
            kept.append("The rest does not fit into a comment; `g2 show` has it all.")
            break
        kept.append(part)
    return "\n\n".join(kept) + "\n"


def _finding(report: Report, number: int, finding: Finding, told: dict[str, int]) -> str:
    site, cwd = finding.place, report.session.cwd
    where = f"{code(place(site.span, cwd))} in {code(site.function)}" if site.function else code(place(site.span, cwd))
    if site.module:
        where += f" ({code(site.module)})"
    parts = [f"#### {number}. {prose(finding.headline)}", where]
    calls = sum(root.calls for root in report.session.roots)
    facts = [f for f in (*badges_of(site), counts_of(site, calls), cost_of(site)) if f]
    if facts:
        parts[-1] += "<br>" + escape("; ".join(facts))
    lines = []
    for row in rows(site.span, site.snippet, LINE):
        lines.append(row.text)
        if row.end > row.start:
            lines.append(" " * row.start + "^" * (row.end - row.start))
    if lines:
        parts.append(fenced("\n".join(lines)))
    first = told.setdefault(finding.reason.slug, number)
    parts.append(f"**Why:** as in {first}." if first != number else f"**Why:** {_first(finding.reason.why)}")
    if finding.advice:
        parts.append("**What to do:**")
        parts += [formatted(step) for step in finding.advice]
    if finding.after_effects:
        gone = [code(place(after.span, cwd)) for after in finding.after_effects]
        many = plural(len(gone), "more break goes", "more breaks go")
        parts.append(f"{many} away with it: {listing(gone)}.")
    return "\n\n".join(parts)


def _recompiles(report: Report, findings: tuple[RecompileFinding, ...]) -> list[str]:
    cwd = report.session.cwd
    table = ["| Function | What changed | How often | Called from |", "| --- | --- | --- | --- |"]
    for finding in findings:
        recompile = finding.recompile
        changes = [f"{code(guard_name(guard))}: {code(values_of(guard, '->'))}" for guard in recompile.guards]
        site = code(place(recompile.call_site, cwd)) if recompile.call_site else ""
        with_it = f" and {plural(len(finding.others), 'more function')}" if finding.others else ""
        cells = [
            f"{code(recompile.function)} {code(place(recompile.span, cwd))}{with_it}",
            "<br>".join(changes) or escape(finding.headline),
            escape(counts_of_recompile(recompile)),
            site,
        ]
        table.append("| " + " | ".join(cells) + " |")
    parts = ["#### Recompiles", "\n".join(table)]
    for finding in findings:
        if finding.advice:
            parts.append(f"**{prose(finding.headline)}**")
            parts += [formatted(step) for step in finding.advice]
    return parts


def _first(text: str) -> str:
    first = next(blocks(text), None)
    return prose(first.text) if first is not None else ""


def formatted(text: str) -> str:
    """A text of ours: its paragraphs, and its code fenced."""
    return "\n\n".join(fenced(b.text) if b.code else prose(b.text) for b in blocks(text))


def escape(text: str) -> str:
    """`text` on one line with nothing in it that Markdown, HTML or GitHub would read as its own."""
    return re.sub(r"^([-+]|\d+[.)])(?=\s)", r"\\\1", _escaped(inline(text)))


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_{}\[\]#|~!$])", r"\\\1", text)
    return text.replace("@", "&#64;").replace("://", ":&#47;&#47;")  # no mentions, no links


def code(text: str) -> str:
    """`text` as inline code, also where it holds backticks, and safe within a table."""
    text = inline(text).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fenced(text: str) -> str:
    """`text` as a code block, also where it holds fences."""
    text = clean(text)
    ticks = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{ticks}text\n{text}\n{ticks}"


def prose(text: str) -> str:
    """A text of ours, in which backticks mean code."""
    parts = re.split(r"(`[^`]+`)", inline(text))
    return "".join(code(p.strip("`")) if i % 2 else _escaped(p) for i, p in enumerate(parts))
