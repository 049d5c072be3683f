"""`--adopt`: torch.compile for a script that compiles nothing, at the modules that its run called.

`model.compile()` is written behind the statements that make the model: unlike `model = torch.compile(model)` it leaves
the type, the names in state_dict, isinstance and pickling as they are, and also serves calls that a library makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from g2.capture.model import Root, Use
from g2.explain.report import Report
from g2.rewrite.making import Made, made
from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety, Target
from g2.rewrite.plan import absolute
from g2.rewrite.source import Source, Unreadable

RULE = "adopt"
_CAVEAT = (
    "Inductor's results differ from those of eager within float error, and the first calls take the time to compile."
)
_WHOLE = " With fullgraph=True a call raises where it would break the graph."
_SIZES = ("changing-size", "zero-one-size", "shape-relation")


@dataclass(frozen=True, slots=True)
class Adopted:
    """A root that nobody compiles: proposals, the best first, or why there is none."""

    target: Target
    proposals: tuple[Proposal, ...]
    left: tuple[Left, ...] = ()


def adopt(report: Report, read: Callable[[str], Source] = Source.read) -> tuple[Adopted, ...]:
    """For every module that g2 compiled because the script compiles nothing.

    `read` gives a file as it was in the run of the report (an absolute path); it raises Unreadable. Made from a report
    with the cures in place, it asks for fullgraph=True where the region is clean by now.
    """
    session = report.session
    if any(root.by == "script" for root in session.roots):
        return ()
    found = []
    for root in session.roots:
        if root.by != "auto":
            continue
        span = root.uses[0].span if root.uses else root.span
        target = Target(RULE, span, root.name, f"{root.name} is not compiled", bool(root.uses), None, "root")
        said = tuple(_proposals(root, report, read))
        found.append(
            Adopted(
                target,
                tuple(one for one in said if isinstance(one, Proposal)),
                tuple(one for one in said if isinstance(one, Left)),
            )
        )
    return tuple(found)


def _proposals(root: Root, report: Report, read: Callable[[str], Source]) -> Iterator[Proposal | Left]:
    if root.calls < 2:
        yield Left("it was called once, and compiling takes longer than a call", RULE)
        return
    places: dict[tuple[str, int, str], Made] = {}
    for use in root.uses:
        place = _made(use, report, read)
        if isinstance(place, Left):
            yield place
            return
        places[place.source.path, place.offset, place.name] = place
    if not places:
        yield Left("no line of your own files calls it", RULE)
        return
    for options in _options(root, report):
        files: dict[str, list[Edit]] = {}
        for place in places.values():
            files.setdefault(place.source.path, []).append(place.insert(f"{place.name}.compile({options})"))
        names = ", ".join(dict.fromkeys(place.name for place in places.values()))
        yield Proposal(
            rule=RULE,
            summary=f"{names} is compiled in place" + (f" with {options}" if options else ""),
            safety=Safety.ASK,
            files=tuple(FileEdits(path, tuple(dict.fromkeys(edits))) for path, edits in files.items()),
            caveat=_CAVEAT + (_WHOLE if "fullgraph" in options else ""),
        )


def _made(use: Use, report: Report, read: Callable[[str], Source]) -> Made | Left:
    why = Left("the module has no name where it is called", RULE)
    path = absolute(use.span.path, report.session.cwd)
    for name in use.names:
        try:
            found = made(read(path), name, use.span.line)
        except Unreadable as error:
            return Left(f"{use.span.path} was not opened: {error}", RULE)
        if isinstance(found, Made):
            return found
        why = Left(found.why, RULE)
    return why


def _options(root: Root, report: Report) -> Iterator[str]:
    """Arguments of compile(), what the record calls for first."""
    clean = not any(_inside(root, [step.function for step in one.place.stack]) for one in report.findings)
    sizes = any(
        one.reason in _SIZES
        and any(guard.kind != "size" or not guard.source.startswith("self.") for guard in one.recompile.guards)
        and _inside(root, [*(step.function for step in one.recompile.stack), one.recompile.function])
        for change in report.recompiles
        for one in (change, *change.others)
    )
    whole = "fullgraph=True" if clean and not report.session.lost else ""
    if whole and sizes:
        yield f"{whole}, dynamic=True"
    if whole:
        yield whole
    if sizes:
        yield "dynamic=True"
    yield ""


def _inside(root: Root, functions: list[str]) -> bool:
    return root.name in functions or not functions
