"""Miscompiles that are planted into Inductor, each with the line of the program that it makes wrong.

Run as a script it plants them all and prints a table: python miscompiles.py [words of names]. With --one NAME FOLDER it
plants one of them and tells what was found as JSON.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch._inductor.codegen.cpp as cpp
import torch._inductor.config as config
import torch._inductor.decomposition as decomposition
import torch._inductor.lowering as lowering
from torch import Tensor
from torch._inductor.codecache import PyCodeCache
from torch._inductor.custom_graph_pass import CustomGraphPass

sys.path.insert(0, str(Path(__file__).parent))
import by_hand
import wrong_programs as programs

aten: Any = torch.ops.aten
prims: Any = torch.ops.prims
Planting = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Plant:
    """line: text of the program's line that is made wrong. most: how many inputs are compared."""

    name: str
    program: Callable[..., Any]
    plant: Planting
    line: str
    backward: bool = False
    most: int = 1
    inputs: Callable[[], tuple[Any, ...]] | None = None

    def number(self) -> int:
        """That line's number."""
        source, first = inspect.getsourcelines(self.program)
        (found,) = [at for at, text in enumerate(source, first) if self.line in text]
        return found


def floats(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def inputs_of(program: Callable[..., Any], backward: bool) -> tuple[Any, ...]:
    """Small ones; square, so that a wrong dimension still has the right shape."""
    wide = floats(16, 16)
    made: dict[Any, tuple[Any, ...]] = {
        programs.mlp: (wide, floats(16, 16, seed=1), floats(16, seed=2)),
        programs.normed: (wide, floats(16, seed=1), floats(16, seed=2)),
        programs.attended: (wide, floats(16, 16, seed=1) > 0.5),
        programs.indexed: (wide, torch.arange(16).flip(0), torch.arange(256).reshape(16, 16) * 7 % 16),
        programs.shaped: (wide, floats(16, 16, seed=1)),
        programs.chosen: (torch.round(wide * 2) / 2, torch.round(floats(16, 16, seed=1) * 2) / 2),
        programs.activated: (wide, floats(16, 16, seed=1)),
        programs.counting: (wide, torch.zeros(())),
        programs.halved: (floats(16, 512).bfloat16() / 16,),
        programs.chained: (wide, floats(16, 16, seed=1) / 4),
        programs.convolved: (floats(2, 3, 8, 8), floats(4, 3, 3, 3, seed=1)),
        programs.lost: (wide, floats(16, 16, seed=1), torch.arange(16) * 5 % 16),
    }
    found = made.get(program, (wide,))
    if backward:
        found = tuple(x.clone().requires_grad_() if isinstance(x, Tensor) and x.is_floating_point() else x for x in found)
    return found


class Pass(CustomGraphPass):
    """A pass that no cache of graphs may know."""

    def __init__(self, change: Callable[[torch.fx.Graph], None]) -> None:
        self._change = change

    def __call__(self, graph: Any) -> None:
        self._change(getattr(graph, "graph", graph))

    def uuid(self) -> Any:
        return None


def edited(op: Any, change: Callable[[torch.fx.Node], None], where: str, at: int, backward: bool | None) -> Planting:
    """A pass that changes one node of that op: the first, or the one `at`, of a forward or backward graph."""

    def run(graph: torch.fx.Graph) -> None:
        is_backward = any(node.op == "placeholder" and "tangents" in node.name for node in graph.nodes)
        if backward is not None and is_backward != backward:
            return
        found = [node for node in graph.nodes if node.target in (op if isinstance(op, tuple) else (op,))]
        if found and at < len(found):
            change(found[at])

    return lambda: config.patch({where: Pass(run)})


def swap(op: Any, new: Any, where: str = "post_grad_custom_post_pass", at: int = 0, backward: bool | None = False) -> Planting:
    def change(node: torch.fx.Node) -> None:
        node.target = new

    return edited(op, change, where, at, backward)


def give(op: Any, place: int, value: Any, at: int = 0, backward: bool | None = False, where: str = "post_grad_custom_post_pass") -> Planting:
    """Another argument."""
    return edited(op, lambda node: node.update_arg(place, value), where, at, backward)


def bypass(op: Any, place: int = 0, at: int = 0, backward: bool | None = False, where: str = "post_grad_custom_post_pass") -> Planting:
    """The op is left out: what it was given is taken for what it gives."""
    return edited(op, lambda node: node.replace_all_uses_with(node.args[place]), where, at, backward)


def after(op: Any, new: Any, *args: Any, at: int = 0, backward: bool | None = False, where: str = "post_grad_custom_post_pass") -> Planting:
    """Another op is done to what the op gives."""

    def change(node: torch.fx.Node) -> None:
        users = list(node.users)
        with node.graph.inserting_after(node):
            made = node.graph.call_function(new, (node, *args))
        made.meta["val"] = node.meta["val"]
        for user in users:
            user.replace_input_with(node, made)

    return edited(op, change, where, at, backward)


def erased(op: Any) -> Planting:
    """The node is taken away; nothing uses it."""
    return edited(op, lambda node: node.graph.erase_node(node), "post_grad_custom_post_pass", 0, None)


@contextlib.contextmanager
def patched(place: Any, name: Any, make: Callable[[Any], Any]) -> Iterator[None]:
    """An attribute, or an item of a dict."""
    is_dict = isinstance(place, dict)
    real = place[name] if is_dict else inspect.getattr_static(place, name)
    new = make(real)
    place.__setitem__(name, new) if is_dict else setattr(place, name, new)
    try:
        yield
    finally:
        place.__setitem__(name, real) if is_dict else setattr(place, name, real)


def lowered(op: Any, make: Callable[[Any], Any]) -> Planting:
    return lambda: patched(lowering.lowerings, op, make)


def decomposed(op: Any, new: Callable[..., Any]) -> Planting:
    """Inductor's decomposition of an op is another."""

    @contextlib.contextmanager
    def plant() -> Iterator[None]:
        decomposition.fast_random_decomps.cache_clear()
        with patched(decomposition.decompositions, op, lambda real: new):
            yield
        decomposition.fast_random_decomps.cache_clear()

    return plant


def vectorized(name: str, make: Callable[[Any], Any]) -> Planting:
    """The C++ backend's text for an op, vectorized and scalar."""

    @contextlib.contextmanager
    def plant() -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for overrides in (cpp.CppVecOverrides, cpp.CppOverrides):
                stack.enter_context(patched(overrides, name, lambda real: staticmethod(make(real.__func__))))
            yield

    return plant


def rewritten(new: Callable[[str], str]) -> Planting:
    """The text of the wrapper is changed before it is written."""
    def make(real: Any) -> Any:
        def write(cls: Any, source: str, *args: Any, **kwargs: Any) -> Any:
            return real.__func__(cls, new(source), *args, **kwargs)

        return classmethod(write)

    return lambda: patched(PyCodeCache, "write", make)


def early_reuse(source: str) -> str:
    """A cosine is put where the product is that it is of, which is still needed."""
    return source.replace("buf2 = buf0; del buf0  # reuse", "buf2 = buf1  # reuse")


def unturned(source: str) -> str:
    """What is returned is contiguous."""
    head, _, tail = source.rpartition("return (")
    name, _, rest = tail.partition(",")
    return f"{head}return (({name}).contiguous(),{rest}"


def config_of(**options: Any) -> Planting:
    return lambda: config.patch({name.replace("__", "."): value for name, value in options.items()})


def _gelu(x: Tensor, approximate: str = "none") -> Tensor:
    return x * torch.sigmoid(1.702 * x)


def _silu(x: Tensor) -> Tensor:
    return x * torch.tanh(x)


def _silu_backward(grad: Tensor, x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return grad * s


def _gelu_backward(grad: Tensor, x: Tensor, approximate: str = "none") -> Tensor:
    return grad * 0.5 * (1 + torch.erf(x * 0.7071067811865476))


def _pre_grad() -> AbstractContextManager[Any]:
    def run(graph: torch.fx.Graph) -> None:
        for node in graph.nodes:
            if node.op == "call_function" and node.target is torch.tanh:
                node.target = torch.sigmoid

    return config.patch({"pre_grad_custom_pass": Pass(run)})


def _binary(name: str) -> Callable[[Any], Any]:
    return lambda real: lowering.lowerings[getattr(aten, name).default]


def _wrong_where(real: Any) -> Any:
    return lambda condition, one, other: real(condition, other, one)


def _wrong_max(real: Any) -> Any:
    return lambda kind, dtype: 0 if kind == "max" else real(kind, dtype)


def _early_max() -> AbstractContextManager[Any]:
    stack = contextlib.ExitStack()
    stack.enter_context(patched(cpp, "reduction_init", _wrong_max))
    vec = lambda real: lambda self, kind, dtype: "at::vec::Vectorized<float>(0)" if kind == "max" else real(self, kind, dtype)  # noqa: E731
    stack.enter_context(patched(cpp.CppVecKernel, "reduction_init_vec", vec))
    return stack


def _seeded_random(real: Any) -> Any:
    """Draws that are never below one half."""

    def random(size: Any, seed: Any, mode: str, **kwargs: Any) -> Any:
        drawn = real(size, seed, mode, **kwargs)
        return lowering.lowerings[aten.mul.Tensor](drawn, 0.5)

    return random


def _small_sum(node: torch.fx.Node) -> None:
    """A sum whose accumulator is the input's own bfloat16: 32 partial sums, added one after the other."""
    (source,) = (one for one in node.all_input_nodes)
    with node.graph.inserting_before(node):
        total: Any = None
        for start in range(0, 512, 16):
            piece = node.graph.call_function(aten.slice.Tensor, (source, 1, start, start + 16))
            piece.meta["val"] = source.meta["val"][:, start : start + 16]
            one = node.graph.call_function(aten.sum.dim_IntList, (piece, [1]))
            one.meta["val"] = node.meta["val"]
            one = node.graph.call_function(prims.convert_element_type.default, (one, torch.bfloat16))
            one.meta["val"] = node.meta["val"].to(torch.bfloat16)
            if total is not None:
                one = node.graph.call_function(aten.add.Tensor, (total, one))
                one.meta["val"] = node.meta["val"].to(torch.bfloat16)
                one = node.graph.call_function(aten.mul.Tensor, (one, 1.0078125))
                one.meta["val"] = node.meta["val"].to(torch.bfloat16)
            total = one
        last = node.graph.call_function(prims.convert_element_type.default, (total, node.meta["val"].dtype))
        last.meta["val"] = node.meta["val"]
    node.replace_all_uses_with(last)


_P = programs
_JOINT = "joint_custom_post_pass"
_EARLY = "post_grad_custom_pre_pass"
PLANTS: tuple[Plant, ...] = (
    # Passes after AOTAutograd that swap an op.
    Plant("tanh is sigmoid", _P.mlp, swap(aten.tanh.default, aten.sigmoid.default), "torch.tanh"),
    Plant("sub is add", _P.mlp, swap(aten.sub.Tensor, aten.add.Tensor), "return h - x"),
    Plant("tanh is left out", _P.mlp, bypass(aten.tanh.default, where=_EARLY), "torch.tanh"),
    Plant("a constant is another", _P.mlp, give(aten.mul.Tensor, 1, 2.5), "h = h * 2.0"),
    Plant("amax is amin", _P.reduced, swap(aten.amax.default, aten.amin.default), "largest ="),
    Plant("argmax is argmin", _P.chosen, swap(aten.argmax.default, aten.argmin.default), "best ="),
    Plant("lt is le", _P.chosen, swap(aten.lt.Tensor, aten.le.Tensor), "less = x < y"),
    Plant("and is or", _P.chosen, swap(aten.bitwise_and.Tensor, aten.bitwise_or.Tensor), "both ="),
    Plant("square is cube", _P.powers, give(aten.pow.Tensor_Scalar, 1, 3), "a = x.pow(2)"),
    Plant("floor is ceil", _P.powers, swap(aten.floor.default, aten.ceil.default), "c = torch.floor"),
    Plant("neg is left out", _P.activated, bypass(aten.neg.default, at=-1), "return -h"),
    Plant("clamp is one-sided", _P.chosen, bypass((aten.clamp_min.default, aten.clamp_max.default), 0, 0), "clipped ="),
    # Masks, epsilons, dimensions, indices, broadcasting.
    Plant("a mask is dropped", _P.attended, bypass(aten.where.self, 2), "s.masked_fill"),
    Plant("a mask is inverted", _P.chosen, edited(aten.where.self, lambda n: setattr(n, "args", (n.args[0], n.args[2], n.args[1])), "post_grad_custom_post_pass", 0, False), "kept ="),
    Plant("an epsilon is dropped", _P.normed, give(aten.add.Tensor, 1, 0.0), "F.layer_norm"),
    Plant("a sum over the other dimension", _P.reduced, give(aten.sum.dim_IntList, 1, [0]), "total ="),
    Plant("a cumulative sum over the other dimension", _P.reduced, give(aten.cumsum.default, 1, 1), "running ="),
    Plant("a variance without its correction", _P.reduced, edited(aten.var.correction, lambda n: n.update_kwarg("correction", 0), "post_grad_custom_pre_pass", 0, False), "spread ="),
    Plant("gather over the other dimension", _P.indexed, give(aten.gather.default, 1, 0), "torch.gather"),
    Plant("a slice begins one later", _P.indexed, edited(aten.slice.Tensor, lambda n: setattr(n, "args", (n.args[0], 1, 3, 11)), "post_grad_custom_post_pass", 0, False), "t[:, 2:10]"),
    Plant("joined in the other order", _P.shaped, edited(aten.cat.default, lambda n: n.update_arg(0, list(reversed(n.args[0]))), "post_grad_custom_post_pass", 0, False), "joined ="),
    Plant("flipped over the other dimension", _P.shaped, give((aten.flip.default, prims.rev.default), 1, [1]), "flipped ="),
    Plant("broadcast along the other dimension", _P.shaped, give(aten.unsqueeze.default, 1, 0), "column ="),
    Plant("a permutation is lost", _P.shaped, give(aten.permute.default, 1, [0, 1]), "turned ="),
    Plant("padded with another value", _P.shaped, give(aten.constant_pad_nd.default, 2, 0.0), "padded ="),
    Plant("an index is shifted", _P.indexed, edited(aten.index.Tensor, lambda n: _shift(n), "post_grad_custom_post_pass", 0, False), "e = x[rows]"),
    # State, memory, strides, products.
    Plant("a mutation is lost", _P.counting, erased(aten.copy_.default), "count.add_"),
    Plant("a buffer is used again too early", _P.chained, rewritten(early_reuse), "b = a @ w"),
    Plant("strides are lost", _P.turned, rewritten(unturned), "y.transpose"),
    Plant("a product is scaled", _P.activated, after(aten.mm.default, aten.mul.Tensor, 1.01), "h = h @ w"),
    Plant("a sum in bfloat16", _P.halved, edited(aten.sum.dim_IntList, _small_sum, "post_grad_custom_post_pass", 0, False), "h.sum(1)"),
    Plant("a dropout is not scaled", _P.dropped, bypass(aten.mul.Tensor, 0, -1), "F.dropout"),
    Plant("a dropout of Inductor's own draws", _P.dropped, lowered(prims.inductor_random.default, _seeded_random), "F.dropout"),
    # Passes over forward and backward together, and over the backward graph.
    Plant("joint: sigmoid is tanh", _P.normed, swap(aten.sigmoid.default, aten.tanh.default, _JOINT, 0, None), "torch.sigmoid", True),
    Plant("joint: tanh's output is scaled", _P.mlp, after(aten.tanh.default, aten.mul.Tensor, 1.001, where=_JOINT, backward=None), "torch.tanh", True),
    Plant("backward: a gradient is scaled", _P.mlp, after(aten.mm.default, aten.mul.Tensor, 0.9, backward=True), "h = x @ w", True),
    Plant("backward: a sum over the other dimension", _P.mlp, give(aten.sum.dim_IntList, 1, [1], backward=True), "h = h + b", True),
    Plant("backward: tanh's derivative", _P.mlp, swap(aten.sub.Tensor, aten.add.Tensor, backward=True), "torch.tanh", True),
    Plant("backward: a mask is dropped", _P.activated, bypass(aten.where.self, 2, backward=True), "torch.relu", True),
    Plant("backward: a sign is lost", _P.activated, bypass(aten.neg.default, backward=True), "return -h", True),
    Plant("backward: sine for cosine", _P.dropped, swap(aten.cos.default, aten.sin.default, backward=True), "h = torch.sin(x)", True),
    # Decompositions, and passes before AOTAutograd.
    Plant("decomposition: gelu", _P.activated, decomposed(aten.gelu.default, _gelu), "F.gelu"),
    Plant("decomposition: silu", _P.activated, decomposed(aten.silu.default, _silu), "F.silu"),
    Plant("decomposition: silu's derivative", _P.activated, decomposed(aten.silu_backward.default, _silu_backward), "F.silu", True),
    Plant("decomposition: gelu's derivative", _P.activated, decomposed(aten.gelu_backward.default, _gelu_backward), "F.gelu", True),
    Plant("pre-grad: tanh is sigmoid", _P.mlp, _pre_grad, "torch.tanh"),
    # Lowerings and generated code.
    Plant("lowering: cos is sin", _P.powers, lowered(aten.cos.default, _binary("sin")), "b = torch.cos"),
    Plant("lowering: sigmoid is relu", _P.normed, lowered(aten.sigmoid.default, _binary("relu")), "torch.sigmoid"),
    Plant("lowering: where is swapped", _P.attended, lowered(aten.where.self, _wrong_where), "s.masked_fill"),
    Plant("code: tanh is exp", _P.mlp, vectorized("tanh", lambda real: lambda x: f"{x}.exp()"), "torch.tanh"),
    Plant("code: a maximum begins at zero", _P.reduced, _early_max, "largest =", inputs=lambda: (-floats(16, 16).abs() - 1,)),
    Plant("code: erf is its argument", _P.activated, vectorized("erf", lambda real: lambda x: f"{x}"), "F.gelu"),
    Plant("Inductor's own: relu adds one", _P.powers, config_of(cpp__inject_relu_bug_TESTING_ONLY="accuracy"), "torch.relu"),
    Plant("Inductor's own: log1p adds one", _P.powers, config_of(cpp__inject_log1p_bug_TESTING_ONLY="accuracy"), "torch.log1p"),
    Plant("Inductor's own: relu throws", _P.powers, config_of(cpp__inject_relu_bug_TESTING_ONLY="runtime_error"), "torch.relu"),
    Plant("Inductor's own: relu does not compile", _P.powers, config_of(cpp__inject_relu_bug_TESTING_ONLY="compile_error"), "torch.relu"),
    # Those that other inputs than the recorded ones show.
    Plant("an epsilon matters to a constant row", _P.normed, give(aten.add.Tensor, 1, 0.0), "F.layer_norm", most=12, inputs=lambda: (floats(16, 16) * 1e6, floats(16, seed=1), floats(16, seed=2))),
    Plant("a loss without its maximum", _P.lost, bypass(aten.sub.Tensor, 0), "F.cross_entropy", most=12),
)  # fmt: skip


def _shift(node: torch.fx.Node) -> None:
    source, (index,) = node.args
    with node.graph.inserting_before(node):
        shifted = node.graph.call_function(aten.add.Tensor, (index, -1))
    shifted.meta["val"] = index.meta["val"] - 1  # type: ignore[union-attr]
    node.args = (source, [shifted])


@dataclass(frozen=True)
class Judged:
    """What the part said of a plant."""

    outcome: str
    wrong: dict[str, Any] | None
    seconds: float
    lines: tuple[int, ...]
    why: str = ""


def judged(plant: Plant, folder: Path, seconds: float = 240.0) -> Judged:
    """Plant it and have the part look."""
    begin = time.monotonic()
    given = plant.inputs() if plant.inputs is not None else inputs_of(plant.program, plant.backward)
    with plant.plant():
        moment = by_hand.moment(plant.program, *given, trains=plant.backward)
        events = by_hand.examined(moment, folder, seconds, most=plant.most)
    compared = [event["compared"] for event in events if event["e"] == "compared"]
    outcomes = [one["outcome"] for one in compared]
    wrong = next((event["wrong"] for event in events if event["e"] == "wrong"), None)
    lines = tuple(line["line"] for line in (wrong or {}).get("lines", ()))
    outcome = "differs" if "differs" in outcomes else ",".join(outcomes)
    why = next((one.get("detail", "") for one in compared if one["outcome"] == "differs"), "")
    return Judged(outcome, wrong, time.monotonic() - begin, lines, why)


def one(name: str, folder: str) -> int:
    """One plant, told as JSON; the repro script is left in the folder."""
    (plant,) = (plant for plant in PLANTS if plant.name == name)
    found = judged(plant, Path(folder))
    print(json.dumps({"outcome": found.outcome, "lines": found.lines, "line": plant.number(), "wrong": found.wrong}))
    return 0


def main(words: list[str]) -> int:
    """The table."""
    torch.set_num_threads(1)
    if words[:1] == ["--one"]:
        return one(*words[1:])
    bad = 0
    wanted = [plant for plant in PLANTS if not words or any(word in plant.name for word in words)]
    for plant in wanted:
        with tempfile.TemporaryDirectory() as folder:
            found = judged(plant, Path(folder))
        right = found.outcome == "differs" and found.lines == (plant.number(),)
        bad += not right
        wrong = found.wrong or {}
        print(f"{'ok ' if right else 'NOT'} {plant.name:45} {found.outcome:8} line {plant.number()} {found.lines} "
              f"{wrong.get('op', '')} [{wrong.get('kernel', '')}] {found.seconds:.0f}s", flush=True)  # fmt: skip
        if not right:
            print("    ", found.why[:200], "|", wrong.get("detail", "")[:400], flush=True)
    print(f"{len(wanted) - bad} of {len(wanted)} caught at the right line")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
