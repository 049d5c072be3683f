"""One self-contained page: it asks nothing of the network, works without its script, and prints.

Everything that came from the run is escaped by the template, and a content security policy lets only our own style and
script run, by their hashes, should anything ever slip through.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from g2.capture.model import Break, Frame, Session
from g2.cli.summary import advice_when_empty, failure, lost_ms, summary
from g2.cli.text import blocks, clean, inline, milliseconds, place, plural, seconds
from g2.cli.views import Cure, Output
from g2.cli.views._figures import strips, timeline
from g2.cli.views._recompiles import counts_of_recompile, guard_name, values_of
from g2.cli.views._source import rows
from g2.cli.views.terminal import badges_of, cost_of, counts_of, processes_of
from g2.explain.report import Finding, RecompileFinding, Report

SUFFIXES = (".html", ".htm")
_WIDTH = 400  # characters of a source line; what is longer is cropped round the mark
_DATA = Path(__file__).parent / "data"
_POLICY = (
    "default-src 'none'; style-src '{style}'; script-src '{script}'; img-src data:; base-uri 'none'; form-action 'none'"
)


def render(report: Report, output: Output) -> str:
    """The whole report; a limit does not apply."""
    session = report.session
    template, style, script = _parts()
    return template.render(
        title=inline(" ".join(session.argv)) or "g2",
        summary=summary(report, output.left_out),
        advice=advice_when_empty(session) if report.clean and not output.left_out else None,
        failure=failure(session),
        clean=report.clean and not (session.lost or session.exit_code or output.left_out),
        facts=_facts(session),
        tiles=_tiles(report),
        reasons=_reasons(report),
        places=[_place(report, number, finding, output) for number, finding in enumerate(report.findings, 1)],
        recompiles=[
            _recompile(report, number, finding)
            for number, finding in enumerate(report.recompiles, len(report.findings) + 1)
        ],
        strips=strips(report),
        timeline=timeline(report),
        check=_checked(output),
        processes=session.processes if len(session.processes) > 1 else (),
        lost=session.lost,
        next_step=report.next_step if not report.clean else "",
        left_out=plural(output.left_out, "other finding") if output.left_out else "",
        versions=_versions(session),
        style=Markup(style),
        script=Markup(script),
        policy=_POLICY.format(style=_hash(style), script=_hash(script)),
    )


def _checked(output: Output) -> dict[str, Any] | None:
    if output.check is None:
        return None
    from g2.cli.views._check import drawn

    return drawn(output.check)


@functools.cache
def _parts() -> tuple[jinja2.Template, str, str]:
    """The template, the style and the script."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_DATA),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_cleaned,
    )
    environment.filters.update(prose=_prose, blocks=blocks)
    style, script = ((_DATA / f"report.{end}").read_text("utf-8") for end in ("css", "js"))
    return environment.get_template("report.html.jinja"), style, script


def _cleaned(value: Any) -> Any:
    """What goes into the page, without control characters: text of a run may hold any."""
    return clean(value) if type(value) is str else value


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _prose(text: str) -> Markup:
    """A sentence; what stands in backticks is code."""
    parts = inline(text).split("`")
    if len(parts) % 2 == 0:  # one without its partner
        return escape(inline(text))
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if number % 2 else escape(part) for number, part in enumerate(parts))


def _facts(session: Session) -> list[str]:
    facts = [processes_of(session), session.device, seconds(session.seconds) if session.seconds else ""]
    if session.started:
        facts.insert(0, time.strftime("%Y-%m-%d %H:%M", time.localtime(session.started)))
    return [inline(fact) for fact in facts if fact]


def _versions(session: Session) -> str:
    torch = f", torch {session.torch}" if session.torch else ""
    return inline(f"g2 {session.g2}{torch}, Python {session.python}")


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    """Figure, what it counts, and a remark."""
    session = report.session
    hidden = sum(f.place.hidden for f in report.findings)
    after = sum(len(f.after_effects) for f in report.findings)
    compiling = sum(graph.compile_s for graph in session.graphs)
    spent = f"{seconds(compiling)} compiling" if compiling else ""
    remarks = [f"{hidden} hidden" if hidden else "", f"{after} more go away with them" if after else ""]
    noun = "place that breaks" if len(report.findings) == 1 else "places that break"
    tiles = [
        (f"{len(report.findings):,}", noun, ", ".join(filter(None, remarks))),
        (f"{sum(r.count for r in report.recompiles):,}", "recompiles", ""),
        (f"{sum(not g.backward for g in session.graphs):,}", "graphs", spent),
        (f"{sum(root.calls for root in session.roots):,}", "calls", ""),
    ]  # fmt: skip
    if (lost := lost_ms(report)) is not None:
        tiles.insert(1, (milliseconds(lost), "lost per call", "between graphs, an estimate"))
    return tiles


def _reasons(report: Report) -> list[tuple[str, int]]:
    """The reasons of all findings with their numbers, the commonest first."""
    counts = Counter(finding.reason.slug for finding in report.findings)
    counts.update(finding.reason for finding in report.recompiles)
    return counts.most_common()


def _place(report: Report, number: int, finding: Finding, output: Output) -> dict[str, Any]:
    site, cwd = finding.place, report.session.cwd
    return {
        "number": number,
        "headline": finding.headline,
        "where": place(site.span, cwd),
        "function": site.function,
        "module": site.module,
        "reason": finding.reason.slug,
        "mine": site.owner.mine,
        "hidden": site.hidden,
        "badges": badges_of(site),
        "counts": counts_of(site, sum(root.calls for root in report.session.roots)),
        "cost": cost_of(site),
        "source": rows(site.span, site.snippet, _WIDTH),
        "path": _path(site, cwd),
        "why": finding.reason.why,
        "origin": place(site.because_of, cwd) if site.because_of else "",
        "steps": finding.advice,
        "cures": [_cure(cure) for cure in output.cures.get(site.span, ())],
        "after": [place(b.span, cwd) for b in finding.after_effects],
        "dynamo": ": ".join(inline(x) for x in (site.kind, site.title) if x),
        "context": site.context,
    }


def _path(site: Break, cwd: str) -> list[tuple[str, str]]:
    """Place and function of each step that leads to the break, without its own."""
    frames: list[Frame] = list(site.stack)
    if frames and (frames[-1].span.path, frames[-1].span.line) == (site.span.path, site.span.line):
        frames.pop()
    return [(place(f.span, cwd), "" if f.function == "<module>" else f.function) for f in frames]


def _cure(cure: Cure) -> dict[str, Any]:
    lines = [(line[:1], line) for _, diff in cure.diffs for line in diff.splitlines()]
    return {"rule": cure.rule, "safety": cure.safety, "summary": cure.summary, "lines": lines, "tried": cure.tried}


def _recompile(report: Report, number: int, finding: RecompileFinding) -> dict[str, Any]:
    recompile, cwd = finding.recompile, report.session.cwd
    site = recompile.call_site
    return {
        "number": number,
        "headline": finding.headline,
        "where": place(recompile.span, cwd),
        "function": recompile.function,
        "module": recompile.module,
        "reason": finding.reason,
        "mine": recompile.owner.mine,
        "counts": counts_of_recompile(recompile),
        "guards": [(guard_name(g), values_of(g, "→"), g.code) for g in recompile.guards],
        "source": rows(site, recompile.snippet, _WIDTH) if site else [],
        "site": place(site, cwd) if site else "",
        "others": [(other.recompile.function, place(other.recompile.span, cwd)) for other in finding.others],
        "steps": finding.advice,
    }
