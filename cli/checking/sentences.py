"""What a check found, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from g2.check import roofline
from g2.check.devices import Device
from g2.check.model import Call, Check, Compared, Graph, Lowered, Speed, Variant
from g2.check.roofline import Floor, Wall
from g2.cli.checking.amounts import ratio, size, time
from g2.cli.checking.points import quantity
from g2.cli.text import listing, plural

_NAMED = 2  # inputs of which the same is said
_KINDS = {"same": "bit for bit", "close": "within rounding", "refused": "both raise the same"}


def headline(check: Check) -> str:
    """The answer in one line."""
    wrong = [call for call in check.calls if call.wrong or any(one.outcome == "differs" for one in call.compared)]
    if wrong:
        share = f"{plural(len(wrong), 'call')} of {len(check.calls)}"
        return f"WRONG: compiled, {share} {_does(wrong)} not compute what eager does."
    if check.wrong:
        return "WRONG: a Triton kernel does not compute what eager does."
    if not check.calls:
        return "Nothing was checked."
    if not check.captured:
        return "Nothing was compiled: Dynamo made no graph of what was called, so compiled is eager."
    compared = sum(one.outcome in _KINDS for call in check.calls for one in call.compared)
    ran = [one for _, one in lowered(check) if one.interpreted in ("same", "close")]
    parts = [f"in {plural(compared, 'comparison')}"] if compared else []
    if ran:
        targets = list(dict.fromkeys(one.target for one in ran))
        parts.append(f"in the Triton kernels of {plural(len(ran) // len(targets), 'graph')} for {listing(targets)}")
    if not parts:
        return _fastest(check) or f"{plural(len(check.calls), 'call')} examined; nothing was compared."
    return f"Compiled, {plural(len(check.calls), 'call')} computed what eager does: {', and '.join(parts)}."


def _fastest(check: Check) -> str:
    """The speedups alone, where nothing else was asked for."""
    gains = [gain.median for call in check.calls if call.speed for _, gain in call.speed.speedups]
    if not gains:
        return ""
    span = f"{min(gains):.2f}" if min(gains) == max(gains) else f"{min(gains):.2f} to {max(gains):.2f}"
    return f"Compiled, {plural(len(check.calls), 'call')} ran {span} times as fast as eager."


def _does(calls: Sequence[Call]) -> str:
    return "does" if len(calls) == 1 else "do"


def lowered(check: Check) -> Iterator[tuple[Graph, Lowered]]:
    """Every graph that was brought to a target, or was tried to be."""
    for call in check.calls:
        for graph in call.graphs:
            for one in graph.lowered:
                yield graph, one


def correct(call: Call) -> Iterator[str]:
    """What comparing gave, for each variant."""
    for variant in dict.fromkeys(one.variant for one in call.compared):
        found = [one for one in call.compared if one.variant == variant]
        counts = Counter(one.outcome for one in found)
        wrong = counts["differs"]
        said = [f"{counts[kind]} {words}" for kind, words in _KINDS.items() if counts[kind]]
        unable = f"; {plural(counts['unable'], 'input')} could not be compared" if counts["unable"] else ""
        how = listing(sorted({one.how for one in found if one.outcome == "close"}) or ["eager"])
        told = f"{plural(len(found) - counts['unable'], 'comparison')} of {variant} with eager"
        if wrong:
            yield f"{told}: {wrong} {'differs' if wrong == 1 else 'differ'}{unable}."
        else:
            yield f"{told}: {listing(said) if said else 'none'}{unable}." + (f" Reference: {how}." if said else "")
        yield from (f"Not compared: {one}" for one in _details(found, "unable"))


def _details(compared: Sequence[Compared], outcome: str) -> Iterator[str]:
    """What is said of those with that outcome, once for all inputs of which the same is."""
    details: dict[str, list[str]] = {}
    for one in compared:
        if one.outcome == outcome and one.detail:
            details.setdefault(one.detail, []).append(one.inputs)
    for detail, inputs in details.items():
        more = [plural(len(inputs) - _NAMED, "other input")] if len(inputs) > _NAMED else []
        yield f"{listing([*inputs[:_NAMED], *more])}: {detail}"


def wrongs(call: Call) -> Iterator[str]:
    """Where what is wrong comes from, and the first differences."""
    yield from _details(call.compared, "differs")
    for wrong in call.wrong:
        where = [f"graph {wrong.graph}"] if wrong.graph else []
        where += [f"kernel {wrong.kernel}"] if wrong.kernel else []
        where += [f"op {wrong.op}"] if wrong.op else []
        yield f"Comes from {', '.join(where) or 'an unknown place'}. {wrong.detail}".strip()


def speed(found: Speed) -> Iterator[str]:
    """How fast each variant is."""
    yield (
        f"{found.what} on {found.device}, {found.backend}, {plural(found.threads, 'thread')}: "
        + ", ".join(f"{one.variant} {time(one.call_s.median)}" for one in found.timed)
        + " a call."
    )
    after = dict(found.pays_after)
    for variant, gain in found.speedups:
        timed = next((one for one in found.timed if one.variant == variant), None)
        cost = f" Compiling took {time(timed.compile_s)}" if timed else ""
        paid = f", paid for after {plural(after[variant], 'call')}." if variant in after else "." if cost else ""
        whose = " of the rewritten script" if variant == Variant.FIXED else ""
        yield f"{variant}: {ratio(gain)} against eager{whose}.{cost}{paid}"
    yield from found.notes


def here(call: Call) -> Iterator[str]:
    """How near the compiled call came to what the processor can do on which it was measured."""
    found = roofline.here(call)
    if found is None:
        return
    floor, on = found.floor, found.on
    share = f"{found.reached:.0%}" if found.reached >= 0.01 else "less than 1%"
    work = listing([quantity(floor.bytes, "B")] + ([quantity(floor.flops, "FLOP")] if floor.flops else []))
    rates = [f"{quantity(on.bandwidth, 'B')}/s copied"]
    rates += [f"{quantity(max(on.vector.values()), 'FLOP')}/s in a matrix product"] if on.vector else []
    binds = "memory" if floor.binds == roofline.MEMORY else "arithmetic"
    cached = " Its data fits into the cache, which is faster than that." if floor.cached else ""
    yield (
        f"compiled reached {share} of this CPU's own limit, measured in this run ({listing(rates)}): {work} take "
        f"{time(floor.seconds)} at least; {binds} binds.{cached}"
    )


def kernels(call: Call, target: str) -> str:
    """The kernels of a call on a target, in a line."""
    found = [one for graph in call.graphs for one in graph.lowered if one.target == target]
    every = [kernel for one in found for kernel in one.kernels]
    own = [kernel for kernel in every if kernel.kind == "triton"]
    library = sum(kernel.launches for kernel in every if kernel.kind == "library")
    parts = [
        f"{plural(len(own), 'Triton kernel')}, {plural(sum(k.launches for k in own), 'launch', 'launches')}, "
        f"{plural(library, 'library call')}"
    ]
    stopped = [one for one in found if one.stopped_by]
    if stopped:
        parts.append(f"{plural(len(stopped), 'graph')} of {len(found)} stopped: {stopped[0].stopped_by.rstrip('.')}")
    ran = Counter(one.interpreted for one in found if one.interpreted)
    if ran:
        good = ran["same"] + ran["close"]
        parts.append(f"interpreted: {good} of {plural(len(found), 'graph')} equal")
    if ran["differs"]:
        parts.append(f"{ran['differs']} WRONG")
    sampled = sum(one.sampled for one in found)
    if sampled:
        parts.append(f"{sampled} by samples of their programs")
    made = [kernel.assembled for kernel in own if kernel.assembled is not None]
    if made:
        good = sum(not one.why for one in made)
        spills = sum(bool(one.spills) for one in made)
        parts.append(f"assembled: {good} of {len(own)}" + (f", {spills} with spills" if spills else ""))
    return "; ".join(parts) + "."


def limit(wall: Wall, floor: Floor | None, on: Device | None) -> str:
    """Bytes moved, and the least time for them; empty where nothing is known."""
    if not wall.fused:
        return ""
    saved = f", eager {size(wall.eager)} ({wall.saved:.1f} times as much)" if wall.saved and wall.eager else ""
    said = f"The kernels move {size(wall.fused)}{saved}."
    if floor is None or on is None:
        return said
    return f"{said} No {on.name} does them in less than {time(floor.seconds)}; {_BINDS[floor.binds]}."


_BINDS = {
    "memory": "memory binds most of that",
    "arithmetic": "arithmetic binds most of that",
    "launch": "launching kernels binds most of that",
    "": "what binds is not known",
}
