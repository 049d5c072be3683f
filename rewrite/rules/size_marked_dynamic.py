"""An input whose size changes is marked before the call, so that the first compilation is dynamic in that dimension."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.capture.model import Guard
from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._call_sites import CallSite, call_site
from g2.rewrite.rules._new_name import fresh_in
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site

_MARK = "_dynamo.maybe_mark_dynamic"


def _propose(site: Site) -> Iterator[Proposal | Left]:
    changed = [guard for guard in site.recompile.guards if guard.kind == "size"] if site.recompile else []
    if not changed:
        yield Left("no size changed")
        return
    made = _edits(site, changed)
    if isinstance(made, Left):
        yield made
        return
    names = ", ".join(dict.fromkeys(f"{guard.source}.size({guard.dim or 0})" for guard in changed))
    yield Proposal("", f"{names} is marked as dynamic before the call", Safety.SAFE, (made,))


def _edits(site: Site, changed: list[Guard]) -> FileEdits | Left:
    call = call_site(site)
    if isinstance(call, Left):
        return call
    names = torch_names(call.piece.source)
    edits: list[Edit] = []
    for one in call.calls():
        dims: dict[tuple[cst.Arg, str], set[int]] = {}
        for guard in changed:
            if (given := call.given(guard.source, one)) is not None:
                dims.setdefault(given, set()).add(guard.dim or 0)
            elif one is call.call:
                return Left(f"{guard.source} is no argument of the call that brought the other size")
        said = _marked(call, one, dims, names.torch)
        if isinstance(said, Left):
            if one is call.call:
                return said
            continue
        edits += said
    if not edits:
        return Left("the size is marked already")
    return FileEdits(call.piece.source.path, tuple(dict.fromkeys(edits)), names.imports)


def _marked(call: CallSite, one: cst.Call, dims: dict[tuple[cst.Arg, str], set[int]], torch: str) -> list[Edit] | Left:
    piece = call.piece
    line = piece.statement(one)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return Left("the call is no statement of its own")
    for above in piece.ancestors(one):
        if above is line:
            break
        if isinstance(above, (cst.Lambda, cst.BaseComp, cst.IfExp, cst.BooleanOperation)):
            return Left("the call is part of an expression that may run it never or often")
    margin = piece.indent(line)
    before: list[str] = []
    edits: list[Edit] = []
    for number, ((arg, rest), wanted) in enumerate(dims.items()):
        written = piece.code(arg.value)
        if not isinstance(arg.value, (cst.Name, cst.Attribute)):
            if number or not _first(one, arg):
                return Left(f"{written} would be evaluated earlier than it is now")
            name = fresh_in(piece, one, _called(call, arg), "inputs")
            before.append(f"{name} = {written}")
            edits.append(piece.replace(arg.value, name))
            written = name
        which = ", ".join(str(dim) for dim in sorted(wanted))
        mark = f"{torch}.{_MARK}({written}{rest}, {which if len(wanted) == 1 else f'[{which}]'})"
        if mark not in piece.source.text:
            before.append(mark)
    if before:
        at = piece.bounds(line)[0]
        edits.append(Edit(at, at, "".join(f"{text}\n{margin}" for text in before)))
    return edits


def _called(call: CallSite, arg: cst.Arg) -> str:
    """What the function calls the argument."""
    if arg.keyword is not None:
        return arg.keyword.value
    return call.parameters[0] if call.parameters else ""


def _first(one: cst.Call, arg: cst.Arg) -> bool:
    """Whether nothing that could notice is evaluated before the argument: names and constants cannot."""
    for other in one.args:
        if other is arg:
            return True
        if not isinstance(other.value, (cst.Name, cst.BaseNumber, cst.SimpleString)):
            return False
    return False


RULE = Rule(
    title="sizes that change are marked as dynamic",
    answers=("changing-size",),
    legal="""
        Always: a mark changes how Dynamo compiles and not what the program computes. maybe_mark_dynamic is used, which
        unlike mark_dynamic raises nothing where the code turns out to need one particular size. The trial run
        has to show a recompile less.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=30,
    examples=(
        Example(
            "a loop over batches",
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2

            for n in (4, 5, 6):
                batch = torch.ones(n, 3)
                print(step(batch).sum())
            """,
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2

            for n in (4, 5, 6):
                batch = torch.ones(n, 3)
                torch._dynamo.maybe_mark_dynamic(batch, 0)
                print(step(batch).sum())
            """,
        ),
        Example(
            "two calls of one model",
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, tokens, scale):
                    return tokens * scale

            net = Net()
            scale = torch.ones(1)
            net(torch.ones(2, 5), scale)
            print(net(tokens=torch.ones(2, 7), scale=scale).sum())
            """,
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, tokens, scale):
                    return tokens * scale

            net = Net()
            scale = torch.ones(1)
            tokens = torch.ones(2, 5)
            torch._dynamo.maybe_mark_dynamic(tokens, 1)
            net(tokens, scale)
            tokens = torch.ones(2, 7)
            torch._dynamo.maybe_mark_dynamic(tokens, 1)
            print(net(tokens=tokens, scale=scale).sum())
            """,
        ),
        Example(
            "a batch that is a dictionary",
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, ids, mask):
                    return ids * mask

            net = torch.compile(Net())
            for n in (4, 5):
                batch = {"ids": torch.ones(2, n), "mask": torch.ones(2, 1)}
                print(net(**batch).sum())
            """,
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, ids, mask):
                    return ids * mask

            net = torch.compile(Net())
            for n in (4, 5):
                batch = {"ids": torch.ones(2, n), "mask": torch.ones(2, 1)}
                torch._dynamo.maybe_mark_dynamic(batch["ids"], 1)
                print(net(**batch).sum())
            """,
        ),
    ),
    negatives=(
        Negative(
            "the call is in a comprehension",
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2

            print([step(torch.ones(n, 3)).sum() for n in (4, 5)])
            """,
        ),
        Negative(
            "the size belongs to an attribute of the module",
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, x):
                    return x * self.table.sum()

            net = torch.compile(Net())
            for n in (4, 5):
                net.table = torch.ones(n)
                print(net(torch.ones(3)))
            """,
        ),
        Negative(
            "the argument would be evaluated before another one",
            """
            import torch

            @torch.compile
            def step(y, x):
                return x * y

            for n in (4, 5):
                print(step(torch.rand(1), torch.rand(n)).shape)
            """,
        ),
        Negative(
            "the size is marked already",
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2 if x.shape[0] > 4 else x

            for n in (4, 5):
                x = torch.ones(n, 3)
                torch._dynamo.maybe_mark_dynamic(x, 0)
                print(step(x).sum())
            """,
        ),
    ),
)
