"""What the kernels' results are compared with, read from the folder of a graph."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from g2.check.child.correct_rule import beyond
from g2.check.child.interpret import exactly
from g2.check.child.interpret.exactly import Exact

# Without a run in float64: units in the last place of the element and of the largest one. Eager and fused arithmetic
# round in other orders; a sum of n terms in blocks is off by about log2(n) units (Higham, Accuracy and Stability, 4.2).
_UNITS = 32.0


@dataclass(frozen=True)
class Verdict:
    """outcome: "same", "close" or "differs". error: the largest difference, relative to the largest value."""

    outcome: str
    error: float = 0.0
    detail: str = ""


@dataclass
class Reference:
    """values: of nodes, of the recorded run. exact, shaken: the same in float64, and there with every step moved by one
    unit in the last place (exactly.py). written: what inputs held afterwards, by their place. inexact: why there is no
    run in float64.
    """

    inputs: list[Any]
    outputs: list[Any]
    values: dict[str, Any]
    written: dict[int, Any]
    nodes: dict[str, str]  # buffer -> node
    constants: dict[str, Any]
    exact: Exact = field(default_factory=Exact)
    shaken: Exact = field(default_factory=Exact)
    inexact: str = ""
    notes: list[str] = field(default_factory=list)
    seed: int = 0  # of torch's stream, before the call
    computed: dict[int, set[str]] = field(default_factory=dict)  # line of the module -> nodes that its kernel computes

    @property
    def how(self) -> str:
        return self.inexact or "float64"

    def node(self, buffer: str, line: int = 0) -> str | None:
        """The node whose value a buffer holds, where it is known and was kept. line: of the kernel that wrote it; a
        buffer that another one writes into later is named after that one's.
        """
        name = self.nodes.get(buffer, "")
        if line in self.computed and name not in self.computed[line]:
            return None
        return name if isinstance(self.values.get(name), torch.Tensor) else None

    def judge(self, name: str, got: torch.Tensor, where: torch.Tensor | None = None) -> Verdict | None:
        """A node's value against what a kernel wrote; None where the two are not of one shape. where: was written."""
        old = shaped(self.values[name], got)
        if old is None or old.dtype != got.dtype:
            return None
        exact, shaken = (shaped(one.values.get(name), got) for one in (self.exact, self.shaken))
        return verdict(old, got, exact, shaken, where)

    def judge_output(self, at: int, got: Any) -> Verdict | None:
        """The same of an output of the graph."""
        old = self.outputs[at]
        if not isinstance(old, torch.Tensor) or not isinstance(got, torch.Tensor):
            same = isinstance(old, torch.Tensor) == isinstance(got, torch.Tensor) and (
                isinstance(old, torch.Tensor) or old == got
            )
            return Verdict("same") if same else Verdict("differs", detail=f"it is {got!r}, was {old!r}"[:200])
        if old.shape != got.shape or old.dtype != got.dtype:
            is_, was = f"{got.dtype}{list(got.shape)}", f"{old.dtype}{list(old.shape)}"
            return Verdict("differs", detail=f"it is {is_}, was {was}")
        exact, shaken = (_at(one.outputs, at, got) for one in (self.exact, self.shaken))
        return verdict(old, got, exact, shaken, None)

    def judge_written(self, at: int, got: torch.Tensor) -> Verdict:
        """The same of an input that the call writes into."""
        exact, shaken = (_at(one.inputs, at, got) for one in (self.exact, self.shaken))
        return verdict(self.written[at], got, exact, shaken, None)


def _at(values: list[Any], at: int, like: torch.Tensor) -> torch.Tensor | None:
    return shaped(values[at], like) if at < len(values) else None


def shaped(value: Any, like: torch.Tensor) -> torch.Tensor | None:
    """With the sizes of `like`, where only dimensions of size 1 are others."""
    if not isinstance(value, torch.Tensor):
        return None
    if value.shape != like.shape and [n for n in value.shape if n != 1] != [n for n in like.shape if n != 1]:
        return None
    return value.reshape(like.shape)


def verdict(
    old: torch.Tensor,
    new: torch.Tensor,
    exact: torch.Tensor | None,
    shaken: torch.Tensor | None,
    where: torch.Tensor | None,
) -> Verdict:
    """By the rule of check/child/correct_rule.py for one kernel, also for what went through many: `shaken` shows what
    rounding comes to there. What is no float must be equal, but where one unit in the last place decides it.
    """
    if where is not None:
        old, new = old[where], new[where]
        exact, shaken = (None if one is None else one[where] for one in (exact, shaken))
    if not old.numel():
        return Verdict("same")
    if torch.equal(old, new) or (old.dtype.is_floating_point and bool(_alike(old, new).all())):
        return Verdict("same")
    if old.dtype.is_floating_point and old.dtype.itemsize == 1:
        # float8: the next number up or down, as a cast from a value that is one rounding away gives.
        far = (_rank(old) - _rank(new)).abs() > 1
        old, new = old.float(), new.float()
    elif old.dtype.is_floating_point or old.is_complex():
        far = _beyond(old, new) if exact is None else beyond(old, new, exact, shaken)
    else:
        far = old != new
        for other in (exact, shaken):
            if other is not None and other.dtype == old.dtype:
                far = far & (other == old)
    error = _error(old, new, exact)
    if not bool(far.any()):
        return Verdict("close", error)
    at = int(torch.argmax((far.double() * (1 + (new.double() - old.double()).abs().nan_to_num(nan=1e300))).flatten()))
    count = int(far.sum())
    was = old.flatten()[at].item()
    detail = f"{count} of {far.numel()} elements differ; the worst is {new.flatten()[at].item():.8g}, was {was:.8g}"
    return Verdict("differs", error, detail)


def _rank(values: torch.Tensor) -> torch.Tensor:
    """The place of a float8 among all of its format, in order of size."""
    bits = values.view(torch.uint8).to(torch.int16)
    return torch.where(bits >= 128, -(bits - 128), bits)


def _alike(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    first, second = old.double(), new.double()
    return (first == second) | (first.isnan() & second.isnan())


def _beyond(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    eps = torch.finfo(old.dtype).eps
    if old.is_complex():
        return _beyond(torch.view_as_real(old), torch.view_as_real(new)).any(-1)
    first, second = old.double(), new.double()
    finite = first.isfinite() & second.isfinite()
    largest = torch.where(finite, first.abs(), 0.0).amax()
    return torch.where(finite, (first - second).abs() > _UNITS * eps * (first.abs() + largest), ~_alike(old, new))


def _error(old: torch.Tensor, new: torch.Tensor, exact: torch.Tensor | None) -> float:
    if old.is_complex():
        old, new, exact = torch.view_as_real(old), torch.view_as_real(new), None
    target = (exact if exact is not None else old).double()
    apart = (new.double() - target).abs()
    finite = apart.isfinite() & target.isfinite()
    largest = float(
        torch.where(finite, torch.maximum(target.abs(), old.double().abs()), 0.0).nan_to_num(posinf=0).amax()
    )
    worst = float(torch.where(finite, apart, 0.0).amax())
    return worst / largest if largest else worst


def read(folder: Path, target: str) -> Reference:
    """Raises OSError and ValueError where inputs and outputs cannot be read."""
    known = json.loads((folder / target / "kernels.json").read_text("utf-8"))
    graph = _json(folder / "graph.json")
    nodes = {**known.get("buffers", {}), **known.get("mutated", {})}
    computed = {call["line"]: set(call["nodes"]) for call in known.get("calls", ()) if call.get("nodes")}
    return Reference(
        inputs=load(folder / "inputs.pt"),
        outputs=load(folder / "outputs.pt"),
        values=_optional(_nearest(folder, target, "values.pt")),
        written=_optional(folder / "written.pt"),
        nodes=nodes,
        constants={**_optional(folder / "constants.pt"), **_optional(folder / target / "constants.pt")},
        seed=graph.get("seed", 0),
        computed=computed,
        notes=["random numbers are drawn from the streams that the kernels draw from"] if graph.get("random") else [],
    )


def _nearest(folder: Path, target: str, name: str) -> Path:
    """The target's own, where its plan is another than that of the first target."""
    own = folder / target / name
    return own if own.exists() else folder / name


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def in_double(reference: Reference, folder: Path, target: str) -> None:
    """Run the graph in float64 and keep what is compared; say why where that is not possible."""
    try:
        text = _nearest(folder, target, "graph.py").read_text("utf-8")
    except OSError:
        reference.inexact = "there was no text of the graph to run in float64"
        return
    wanted = set(reference.nodes.values())
    held = reference.constants
    try:
        reference.exact = exactly.run(text, reference.inputs, held, wanted, reference.values)
        with contextlib.suppress(exactly.Inexact):
            reference.shaken = exactly.run(text, reference.inputs, held, wanted, reference.values, shaken=True)
    except exactly.Inexact as error:
        reference.inexact = str(error)


def load(path: Path) -> Any:
    """Plain tensors and numbers. Raises OSError and ValueError."""
    try:
        return torch.load(path, weights_only=True)
    except (OSError, ValueError):
        raise
    except Exception as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from None


def _optional(path: Path) -> dict[Any, Any]:
    return dict(load(path)) if path.exists() else {}
