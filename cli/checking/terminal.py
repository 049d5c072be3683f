"""A check for a person: is it right, how fast, which kernels, how far from the hardware's limit."""

from __future__ import annotations

from rich.text import Text

from g2.capture.model import Span
from g2.check.devices import Device, architecture
from g2.check.model import Call, Check, Kernel, Line, Lowered
from g2.check.roofline import Floor, call_floor, call_wall, kernel_floor, meant, reached
from g2.cli.checking import sentences
from g2.cli.checking.amounts import size, time
from g2.cli.checking.chart import roofline
from g2.cli.text import inline, listing, plural, short_path
from g2.cli.views import Output
from g2.cli.views._page import Page

_KERNELS = 8  # shown of a call, the dearest first, unless all are wanted
_OPERATORS = 6  # named that have no decomposition, unless all are wanted
_LINES = 3  # of the program, shown of a kernel


def render(check: Check, output: Output) -> str:
    """The whole text."""
    page = Page(output)
    style = "bold red" if check.wrong else "bold green" if check.calls and check.captured else "bold"
    page.paragraph(Text(sentences.headline(check), style))
    for call in check.calls:
        page.blank()
        _call(page, check, call)
    _operators(page, check)
    _tail(page, check)
    return page.text()


def _call(page: Page, check: Check, call: Call) -> None:
    where = page.place(Span(call.line.path, call.line.line), check.cwd)
    what = f"  {inline(call.inputs)}" if call.inputs else ""
    trains = f" {page.dot} forward and backward" if call.trains else ""
    page.paragraph(Text.assemble((inline(call.root), "bold"), " ", where, (what, "dim"), trains))
    texts = [page.prose(text) for text in sentences.correct(call)]
    texts += [page.prose(text, "red") for text in sentences.wrongs(call)]
    if texts:
        page.labelled("Right", texts, 2)
    for wrong in call.wrong:
        _lines(page, wrong.lines, check.cwd, 10)
        if wrong.worst is not None:
            worst = wrong.worst
            exact = f", in float64 {worst.exact:.9g}" if worst.exact is not None else ""
            element = f"{worst.path}[{', '.join(map(str, worst.index))}]"
            said = f"{element}: eager {worst.eager:.9g}, compiled {worst.compiled:.9g}{exact}"
            page.paragraph(Text(inline(said)), 10)
        if wrong.repro:
            page.paragraph(Text(f"python {short_path(wrong.repro, check.cwd)} shows it without g2."), 10)
    if call.speed is not None:
        texts = [page.prose(text) for text in (*sentences.speed(call.speed), *sentences.here(call))]
        page.labelled("Speed", texts, 2)
    for name in check.targets:
        if any(one.target == architecture(name) for graph in call.graphs for one in graph.lowered):
            _target(page, check, call, name)
    for note in call.notes:
        page.paragraph(page.prose(note), 10, Text("  Note", "dim"))
    for part in call.failed:
        page.paragraph(page.prose(f"{part.name} could not be done: {part.why}", "yellow"), 10, Text("  Not", "dim"))


def _target(page: Page, check: Check, call: Call, name: str) -> None:
    target, on = architecture(name), meant(call, name)
    found = [one for graph in call.graphs for one in graph.lowered if one.target == target]
    texts = [page.prose(f"{name}: {sentences.kernels(call, target)}")]
    texts += [page.prose(f"{why}", "yellow") for why in dict.fromkeys(one.why for one in found if one.why)]
    page.labelled("GPU", texts, 2)
    if limit := sentences.limit(call_wall(call, target), call_floor(call, target, on), on):
        page.labelled("Limit", [page.prose(limit)], 2)
    for kernel, floor in _dearest(page, found, on):
        _kernel(page, check, kernel, floor)
    if page.output.verbose and on is not None:
        page.blank()
        page.show(roofline([kernel for one in found for kernel in one.kernels], on, page.width - 2), 2)


def _dearest(page: Page, found: list[Lowered], on: Device | None) -> list[tuple[Kernel, Floor | None]]:
    """The longest first; where no limits are known, those that move most."""
    every = [(kernel, kernel_floor(kernel, on) if on else None) for one in found for kernel in one.kernels]
    every.sort(key=lambda pair: -(pair[1].seconds if pair[1] else pair[0].read + pair[0].written))
    return every if page.output.verbose else every[:_KERNELS]


def _kernel(page: Page, check: Check, kernel: Kernel, floor: Floor | None) -> None:
    facts = [f"at least {time(floor.seconds)}, {floor.binds}"] if floor and floor.seconds else []
    facts.append(size(kernel.read + kernel.written))
    if kernel.launches > 1:
        facts.append(plural(kernel.launches, "launch", "launches"))
    if kernel.measured_s:
        share = reached(floor, kernel.measured_s) if floor else None
        facts.append(f"measured {time(kernel.measured_s)}" + (f", {share:.0%} of the limit" if share else ""))
    made = kernel.assembled
    if made is not None and made.registers is not None:
        facts.append(f"{made.registers} registers")
    if made is not None and made.spills:
        facts.append(f"{size(made.spills)} spilled")
    if made is not None and made.why:
        facts.append(f"not assembled: {made.why}")
    wrong = kernel.checked == "differs"
    name = Text(inline(kernel.name), "red bold" if wrong else "cyan")
    told = Text(f" {page.dot} ".join(map(inline, facts)), "dim")
    whole = Text.assemble(name, "  ", told)
    if whole.cell_len + 6 <= page.width:
        page.paragraph(whole, 6)
    else:
        page.paragraph(name, 6)
        page.paragraph(told, 10)
    if wrong:
        by = f" by {kernel.error:.2g}" if kernel.error else ""
        page.paragraph(Text(f"differs from eager{by}", "red"), 10)
    _lines(page, kernel.lines, check.cwd, 10)


def _lines(page: Page, lines: tuple[Line, ...], cwd: str, indent: int) -> None:
    shown = lines if page.output.verbose else lines[:_LINES]
    texts = [f"{short_path(line.path, cwd)}:{line.line}" for line in shown]
    if len(lines) > len(shown):
        texts.append(f"{len(lines) - len(shown)} more")
    if texts:
        page.paragraph(Text(", ".join(texts)), indent)


def _operators(page: Page, check: Check) -> None:
    if not check.operators:
        return
    page.blank()
    if not page.output.verbose:
        counts = [f"{one.level} {len(one.counts)}" for one in check.operators]
        missing = sorted({name for one in check.operators for name in one.undecomposed})
        more = [plural(len(missing) - _OPERATORS, "other")] if len(missing) > _OPERATORS else []
        told = f" Without a decomposition: {listing([*missing[:_OPERATORS], *more])}." if missing else ""
        page.paragraph(page.prose(f"Different operators by level: {listing(counts)}; -v names them.{told}", "dim"))
        return
    for level in check.operators:
        uses = sum(count for _, count in level.counts)
        each = ", ".join(f"{name} {count}" for name, count in level.counts)
        missing_here = f" Without a decomposition: {', '.join(level.undecomposed)}." if level.undecomposed else ""
        text = f"{plural(len(level.counts), 'operator')}, {plural(uses, 'use')}: {each}.{missing_here}"
        page.paragraph(page.prose(text), 12, Text(level.level, "dim"))


def _tail(page: Page, check: Check) -> None:
    page.blank()
    if check.emitted:
        page.paragraph(page.prose(f"Kernels written to {check.emitted}."))
    for note in check.notes:
        page.paragraph(page.prose(note, "dim"))
    for what in check.lost:
        page.paragraph(page.prose(f"Not seen: {what}", "yellow"))
    versions = f"torch {check.torch}, triton {check.triton or 'none'}, {check.device}, {check.seconds:.0f} s"
    page.paragraph(Text(versions, "dim"))
