"""Each stage of compiling, latest first, run from what it was given: which is the first whose result is wrong?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils._pytree import tree_flatten

from g2.check.child import locate_code, locate_cone
from g2.check.child.locate_crash import at_run
from g2.check.child.locate_hooks import Dynamo, Inner, Passed, Record, Run
from g2.check.child.locate_lines import lines_of, op_of
from g2.check.child.locate_outputs import laid_out, outputs, triples, written
from g2.check.child.locate_values import Values, values_of, wrong
from g2.check.model import Worst, Wrong


@dataclass(frozen=True, slots=True)
class Found:
    """An answer. graph, inputs: the smallest graph that shows it; shows: its output that does."""

    wrong: Wrong
    graph: torch.fx.GraphModule | None = None
    inputs: tuple[Any, ...] = ()


class Stages:
    """Looks through a record."""

    def __init__(self, record: Record, until: float, facts: bool = False, backward: bool = True) -> None:
        """facts: dtypes, shapes and strides of what graphs return are looked at as well. backward: so are backward
        graphs, which make nothing but gradients wrong.
        """
        self._record = record
        self._until = until
        self._facts = facts
        self._backward = backward

    def found(self) -> Iterator[Found]:
        """Answers, each finer than the one before; none where no stage is seen to be wrong."""
        for made, inner in _in_order(self._record.graphs):
            if inner.backward and not self._backward and not inner.failed:
                continue
            answers = list(self._failed(made, inner)) if inner.failed else []
            yield from answers
            if answers:
                return
            for run in inner.runs:
                any_found = False
                for one in self._inner(made, inner, run):
                    any_found = True
                    yield one
                if any_found:
                    return
        for made in self._record.graphs:
            for passed in made.passed:
                found = self._passes(made, passed)
                if found is not None:
                    yield found
                    return

    def _failed(self, made: Dynamo, inner: Inner) -> Iterator[Found]:
        name = _name(made, inner)
        detail = f"compiling {name} fails: {_first_line(inner.failed)}"
        calls = [node for node in inner.graph.graph.nodes if node.op == "call_function"]
        if inner.blamed is None:
            yield Found(Wrong(graph=name, lines=lines_of(calls), detail=detail), inner.graph)
        else:
            node = inner.blamed
            yield Found(Wrong(graph=name, op=op_of(node), lines=lines_of([node]), detail=detail), inner.graph)

    def _inner(self, made: Dynamo, inner: Inner, run: Run) -> Iterator[Found]:
        name = _name(made, inner)
        values = values_of(inner.graph, run.inputs, run.stream)
        whole = inner.graph, tuple(run.inputs)
        if run.raised:
            yield Found(Wrong(graph=name, detail=f"running {name} ends with {run.raised}"), *whole)
            node = at_run(inner.graph, values, self._until)
            if node is not None:
                detail = f"code for {op_of(node)} ends with {run.raised}"
                yield Found(Wrong(graph=name, op=op_of(node), lines=lines_of([node]), detail=detail), *whole)
            return
        bad = outputs(inner.graph, values, run)
        if not bad and self._facts:
            yield from (Found(replace(one, graph=name), *whole) for one in laid_out(inner.graph, run)[:1])
        if not bad:
            return
        node, worst = bad[0]
        cone = locate_cone.cone(node, ())
        detail = f"what {name} returns is wrong"
        yield Found(Wrong(graph=name, lines=lines_of(cone), worst=worst, detail=detail), *whole)
        post = inner.post
        if post is not None:
            after = values_of(post.after, run.inputs, run.stream)
            changed = any(wrong("", *pair) for pair in zip(values.after, after.after, strict=False))
            if changed or any(wrong("", one, other, exact) for one, other, exact in triples(values, after.outputs)):
                found = _between(post, values, after)
                if found is not None:
                    yield Found(self._said(name, post.stage, *found), *whole)
                return
            graph, values = post.after, after
        else:
            graph = inner.graph
        yield from self._code(name, inner, run, graph, values, whole)

    def _code(
        self, name: str, inner: Inner, run: Run, graph: torch.fx.GraphModule, values: Values, whole: tuple[Any, Any]
    ) -> Iterator[Found]:
        """Generated code: which kernel, then which op."""
        nodes = {node.name: node for node in graph.graph.nodes}
        kernel, right, node, worst, overwritten = "", frozenset[str](), None, None, None
        if inner.wrapper is not None and inner.lowering is not None:
            seen = locate_code.first_wrong(inner, run, values)
            kernel, right, overwritten = seen.kernel, seen.right, seen.overwritten
            node = next((one for one in graph.graph.nodes if one.name in seen.wrong), None)
            worst = seen.wrong.get(node.name) if node is not None else None
        if node is None:  # no buffer of a known node: what the graph returns is
            returned = outputs(graph, values, run)
            if not returned:
                return
            node, worst = returned[0]
            kernel = kernel or (locate_code.kernel_of(inner, node.name) if inner.lowering is not None else "")
        cone = locate_cone.cone(node, right & set(nodes))
        lines = lines_of(cone)
        detail = f"the kernel computes {len(cone)} ops, of which {op_of(node)} is the first whose buffer is wrong"
        coarse = Wrong(graph=name, kernel=kernel, op=op_of(node), lines=lines, worst=worst, detail=detail)
        yield Found(coarse, *whole)
        if time.monotonic() > self._until:
            return
        try:
            part = locate_cone.part_of(graph, cone, values)
            found = locate_cone.first_wrong(part, values)
            if found is None:
                part = locate_cone.part_of(graph, cone, values, {node})
                if locate_cone.first_wrong(part, values) is not None:
                    found = self._prefix(graph, cone, values)
        except Exception as error:
            detail = f"{detail}; its ops could not be compiled alone ({type(error).__name__}: {_first_line(error)})"
            yield Found(replace(coarse, detail=detail), *whole)
            return
        if found is None and overwritten is not None:
            lost, by = nodes[overwritten[0]], overwritten[1]
            detail = f"{by} overwrites what {op_of(lost)} computed, which {op_of(node)} reads after it"
            answer = Wrong(graph=name, kernel=by, op=op_of(lost), lines=lines_of([lost]), worst=worst, detail=detail)
            yield Found(answer, *whole)
            return
        if found is None:
            detail = (
                f"the ops of the kernel are right when they are compiled alone, so it is how they are put together "
                f"(fusion, memory that is used again too early): {op_of(node)} is the first whose buffer is wrong"
            )
            yield Found(replace(coarse, detail=detail), *whole)
            return
        culprit, at = found
        detail = f"compiled alone from right values, {op_of(culprit)} is wrong"
        answer = Wrong(graph=name, kernel=kernel, op=op_of(culprit), lines=lines_of([culprit]), worst=at, detail=detail)
        yield Found(answer, part.graph, tuple(part.inputs))

    def _prefix(
        self, graph: torch.fx.GraphModule, cone: Sequence[torch.fx.Node], values: Values
    ) -> tuple[torch.fx.Node, Worst] | None:
        """The first op that is wrong when it alone is returned: for what is wrong only where it is fused."""
        tensors = [node for node in cone if isinstance(values.eager.get(node.name), torch.Tensor)]
        outside = {node.name for node in graph.graph.nodes} - {node.name for node in cone}
        low, high, found = 0, len(tensors) - 1, None
        while low <= high and time.monotonic() < self._until:
            middle = (low + high) // 2
            chain = locate_cone.cone(tensors[middle], outside)
            seen = locate_cone.first_wrong(locate_cone.part_of(graph, chain, values, {tensors[middle]}), values)
            if seen is None:
                low = middle + 1
            else:
                found, high = seen, middle - 1
        return found

    def _passes(self, made: Dynamo, passed: Passed) -> Found | None:
        """Passes over the whole graph: before AOTAutograd, or over forward and backward together."""
        inputs = inputs_of(made, passed)
        if inputs is None:
            return None
        given, stream = inputs
        before = values_of(passed.before, given, stream)
        after = values_of(passed.after, given, stream)
        found = _between(passed, before, after)
        if found is None:
            return None
        shown = tuple(made.runs[0].inputs) if made.runs else ()
        return Found(self._said(made.id, passed.stage, *found), made.graph, shown)

    def _said(self, name: str, stage: str, old: Any, new: Any, worst: Worst | None) -> Wrong:
        became = f", which became {op_of(new)}," if op_of(new) != op_of(old) else ""
        detail = f"Inductor's {stage} passes changed what {op_of(old)}{became} computes"
        return Wrong(graph=name, op=op_of(old), lines=lines_of([old]), worst=worst, detail=detail)


def _name(made: Dynamo, inner: Inner) -> str:
    kind = "inference" if inner.inference else "backward" if inner.backward else "forward"
    return f"{made.id} {kind}"


def _in_order(graphs: Sequence[Dynamo]) -> list[tuple[Dynamo, Inner]]:
    """As they ran: forward graphs, then the backward ones from the last to the first."""
    every = [(made, inner) for made in graphs for inner in made.inners]
    return [one for one in every if not one[1].backward] + [one for one in reversed(every) if one[1].backward]


def _between(passed: Passed, before: Values, after: Values) -> tuple[Any, Any, Worst | None] | None:
    """(the node before, the node after, its worst element): the first whose value the passes changed."""
    olds = {node.name: node for node in passed.before.graph.nodes}
    used = {node.name for node in passed.after.graph.nodes if node.users}
    for node in passed.after.graph.nodes:
        old = olds.get(node.name)
        if old is None or node.op in ("placeholder", "output"):
            continue
        worst = before.wrong(node.name, after.eager.get(node.name))
        if worst is None:
            continue
        if old.target == node.target:
            for one, other in zip(tree_flatten(old.args)[0], tree_flatten(node.args)[0], strict=False):
                if not (isinstance(one, torch.fx.Node) and isinstance(other, torch.fx.Node)):
                    continue
                gone = other.name not in olds or one.name not in used  # it was replaced, or left out
                if one.op == "call_function" and one.name != other.name and gone:
                    values = before.eager.get(one.name), after.eager.get(other.name), before.exact.get(one.name)
                    inner = wrong(one.name, *values)
                    if inner is not None:
                        return one, other, inner
        return old, node, worst
    (old_out,), (new_out,) = ([n for n in g.graph.nodes if n.op == "output"] for g in (passed.before, passed.after))
    pairs = zip(tree_flatten(old_out.args[0])[0], tree_flatten(new_out.args[0])[0], strict=False)
    for (one, other), (eager, got, exact) in zip(pairs, triples(before, after.outputs), strict=False):
        worst = wrong(getattr(one, "name", ""), eager, got, exact)
        if worst is not None and isinstance(one, torch.fx.Node):
            return one, other if isinstance(other, torch.fx.Node) else one, worst
    places = [node for node in passed.before.graph.nodes if node.op == "placeholder"]
    for place, eager, got in zip(places, before.after, after.after, strict=False):
        worst = wrong(place.name, eager, got)
        if worst is not None:
            source = written(place)
            return source, source, worst
    return None


def inputs_of(made: Dynamo, passed: Passed) -> tuple[list[Any], torch.Tensor | None] | None:
    """What a graph that passes worked on was run with: by the names of the placeholders of the graphs cut from it."""
    places = [node.name for node in passed.before.graph.nodes if node.op == "placeholder"]
    if passed.stage == "pre-grad":
        first = made.runs[0] if made.runs else None
        return (first.inputs, first.stream) if first is not None and len(first.inputs) == len(places) else None
    known: dict[str, Any] = {}
    stream: torch.Tensor | None = None
    for inner in reversed(made.inners):
        for run in inner.runs[:1]:
            names = [node.name for node in inner.graph.graph.nodes if node.op == "placeholder"]
            known.update(zip(names, run.inputs, strict=False))
            stream = run.stream
    return ([known[name] for name in places], stream) if all(name in known for name in places) else None


def _first_line(error: BaseException | None) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
