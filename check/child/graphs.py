"""The ATen graphs of a call, as AOTAutograd hands them to a compiler, forward and backward, and what went in and out.

The road is that of torch._inductor.compile_fx: Inductor's decompositions, its joint passes and its partitioner (random
operators become draws from Inductor's own streams), mutations of inputs kept as copy_ at a graph's end. Each graph runs
in eager, operator by operator, so that the call goes on as it would.

Private torch (2.11 to 2.15): torch._dynamo.backends.common.aot_autograd, torch._inductor.compile_fx's partition_fn and
select_decomp_table, fx_passes.joint_graph.joint_graph_passes, virtualized.V.set_fake_mode, torch._guards,
torch._C._set_mkldnn_enabled.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch._guards import CompileContext, detect_fake_mode
from torch._subclasses.fake_tensor import FakeTensorMode

from g2.check.child import attention, eager, lines, reference
from g2.check.child import random as streams
from g2.check.child.moment import FOR_DYNAMO, Moment
from g2.check.child.said import said
from g2.check.child.unwrapped import unwrapped
from g2.check.model import Line
from g2.rewrite.trial.gradients import tensors_of

INPUTS, OUTPUTS, WRITTEN = "inputs.pt", "outputs.pt", "written.pt"
GIB = 1 << 30


@dataclass(slots=True)
class Recorded:
    """One ATen graph. module: as it was handed over, on the CPU. examples: its fake inputs. folder: what is kept of it.

    values: whether inputs and outputs of its first run lie in the folder; why: where they do not.
    """

    id: str
    kind: str
    folder: Path
    module: torch.fx.GraphModule
    examples: list[Any]
    values: bool = False
    why: str = "it never ran"
    shapes: list[Any] = field(default_factory=list[Any])  # tensors without values, and numbers, of its first run
    eager_bytes: int = 0
    line: tuple[Line, ...] = ()  # of the root, for what has no line of its own


@dataclass(slots=True)
class Found:
    """All of a call. refused: what AOTAutograd could not make a graph of, with the reason."""

    graphs: list[Recorded] = field(default_factory=list[Recorded])
    refused: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    notes: list[str] = field(default_factory=list[str])
    line: tuple[Line, ...] = ()
    room: int = 8 * GIB  # bytes that may still be kept on disk


def of(moment: Moment, folder: Path, most: int = 2 * GIB) -> Found:
    """The graphs of a call, in the order in which Dynamo made them; with their backward where the moment trains.

    most: bytes that are kept of one graph's inputs, and of its outputs. Raises what the call raises.
    """
    found = Found(line=lines.of_root(moment.root))
    attention.stand_in()
    run = moment.compiled(_compiler(found, folder, most))
    with _alike():
        out = run(*moment.args, **moment.kwargs)
        if moment.trains:
            _flow_back(out, found)
    return found


def _flow_back(out: Any, found: Found) -> None:
    """A backward pass with fixed cotangents, so that the backward graphs are made and run."""
    ends = [(path, one) for path, one in tensors_of(out, "the output") if one.requires_grad and not one.is_inference()]
    ends = [(path, one) for path, one in ends if one.is_floating_point() or one.is_complex()]
    if not ends:
        return
    try:
        torch.autograd.backward([one for _, one in ends], [_cotangent(one, at) for at, (_, one) in enumerate(ends)])
    except Exception as error:
        found.notes.append(f"The backward pass raised {type(error).__name__}: {str(error).splitlines()[0][:300]}")


@contextlib.contextmanager
def _alike() -> Iterator[None]:
    """Shapes as they are; no operator that only the CPU has: oneDNN's are off, attention was replaced or is matmuls."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    config: Any = importlib.import_module("torch._dynamo.config")
    core: Any = torch._C
    before = core._get_mkldnn_enabled()
    core._set_mkldnn_enabled(False)
    try:
        with config.patch(automatic_dynamic_shapes=False), sdpa_kernel([SDPBackend.MATH]), attention.in_patterns():
            yield
    finally:
        core._set_mkldnn_enabled(before)


def _compiler(found: Found, folder: Path, most: int) -> Callable[..., Any]:
    seen: dict[str, int] = {}

    def compiler(graph: torch.fx.GraphModule, inputs: Sequence[Any]) -> Callable[..., Any]:
        name = str(CompileContext.current_compile_id() or "?")
        count = seen[name] = seen.get(name, -1) + 1
        identity = f"{name}#{count}" if count else name
        number = sum(seen.values()) + len(seen) - 1
        if not any(node.op not in ("placeholder", "output", "get_attr") for node in graph.graph.nodes):
            return graph.forward
        attention.replaced(graph)
        keeper = _Keeper(found, folder, number, identity, most)
        try:
            keeper.eager = eager.moved(graph)
        except Exception as error:  # a figure less; the graph itself may well be traced
            found.notes.append(f"The bytes that eager moves for graph {identity} could not be counted: {said(error)}")
        try:
            return _traced(graph, list(inputs), keeper)
        except FOR_DYNAMO:
            raise
        except Exception as error:
            found.refused.append((identity, said(error)))
            return graph.forward

    return compiler


def _traced(graph: torch.fx.GraphModule, inputs: list[Any], keeper: _Keeper) -> Callable[..., Any]:
    inductor: Any = importlib.import_module("torch._inductor.compile_fx")
    virtualized: Any = importlib.import_module("torch._inductor.virtualized")
    common: Any = importlib.import_module("torch._dynamo.backends.common")
    config: Any = importlib.import_module("torch._functorch.config")
    mode = detect_fake_mode(inputs) or FakeTensorMode(allow_non_fake_inputs=True)
    with virtualized.V.set_fake_mode(mode), config.patch(enable_autograd_cache=False, unlift_effect_tokens=True):
        run: Callable[..., Any] = common.aot_autograd(
            fw_compiler=keeper.compiler("forward"),
            bw_compiler=keeper.compiler("backward"),
            inference_compiler=keeper.compiler("inference"),
            decompositions=inductor.select_decomp_table(),
            partition_fn=_partition,
            keep_inference_input_mutations=True,
        )(graph, inputs)
    return run


def _partition(graph: torch.fx.GraphModule, inputs: Any, **more: Any) -> Any:
    """Inductor's own. torch 2.15 would compute the seeds of random operators in checkpoints again, by saving the random
    stream of a device; they are kept instead, as up to 2.14.
    """
    inductor: Any = importlib.import_module("torch._inductor.compile_fx")
    real = inductor.min_cut_rematerialization_partition
    known = streams.stand_ins()

    def partition(joint: torch.fx.GraphModule, *args: Any, **kwargs: Any) -> Any:
        for node in joint.graph.nodes:
            if node.target in known:
                node.meta.pop("recompute", None)
        return real(joint, *args, **kwargs)

    inductor.min_cut_rematerialization_partition = partition
    try:
        return inductor.partition_fn(graph, inputs, **more)
    finally:
        inductor.min_cut_rematerialization_partition = real


class _Keeper:
    """Takes the ATen graphs of one graph of Dynamo's."""

    def __init__(self, found: Found, folder: Path, number: int, identity: str, most: int) -> None:
        self._found, self._folder, self._number, self._id, self._most = found, folder, number, identity, most
        self.eager: tuple[int, int] = (0, 0)

    def compiler(self, kind: str) -> Callable[..., Any]:
        def take(module: torch.fx.GraphModule, examples: Sequence[Any]) -> Callable[..., Any]:
            if kind == "inference":
                passes: Any = importlib.import_module("torch._inductor.fx_passes.joint_graph")
                module = passes.joint_graph_passes(module) or module  # the partitioner has done it for the others
            folder = self._folder / f"g{self._number}-{kind}"
            recorded = Recorded(self._id, kind, folder, copied(module), list(examples), line=self._found.line)
            recorded.eager_bytes = self.eager[kind == "backward"]
            self._found.graphs.append(recorded)
            waiting = [recorded]  # its first run is kept

            def run(given: list[Any]) -> list[Any]:
                args = unwrapped(given)
                if not waiting:
                    return [_no_view(one) for one in module(*args)]
                waiting.clear()
                return [_no_view(one) for one in _first(recorded, module, args, self._found, self._most)]

            run._boxed_call = True  # type: ignore[attr-defined]
            return run

        return take


def copied(module: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """Its nodes are its own, as are those of the graphs inside it; its tensors are shared."""
    with torch.no_grad():
        made = torch.fx.GraphModule(module, copy.deepcopy(module.graph))
    for name, child in list(made.named_children()):
        if isinstance(child, torch.fx.GraphModule):
            setattr(made, name, copied(child))
    return made


def nested(module: torch.fx.GraphModule) -> list[torch.fx.GraphModule]:
    """The graph and those inside it: branches of torch.cond and the like."""
    return [one for one in module.modules() if isinstance(one, torch.fx.GraphModule)]


def _first(recorded: Recorded, module: torch.fx.GraphModule, args: list[Any], found: Found, most: int) -> list[Any]:
    """Run it and keep what went in, what came out and what it wrote into."""
    recorded.shapes = [_form(one) if isinstance(one, torch.Tensor) else one for one in args]
    recorded.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    writes = written(module)
    kept, recorded.why = save(recorded.folder / INPUTS, args, min(most, found.room))
    found.room -= kept
    if reference.is_random(module):
        torch.manual_seed(streams.SEED)
        outputs = list(reference.Reference(module).run(*args))
    else:
        outputs = list(module(*args))
    if not recorded.why:
        kept, recorded.why = save(recorded.folder / OUTPUTS, outputs, min(most, found.room))
        found.room -= kept
    if not recorded.why and writes:
        kept, recorded.why = save(recorded.folder / WRITTEN, {at: args[at] for at in writes}, min(most, found.room))
        found.room -= kept
    recorded.values = not recorded.why
    return outputs


def _no_view(value: Any) -> Any:
    """The same memory, but for autograd no view of anything, as what Inductor's modules return."""
    if not isinstance(value, torch.Tensor) or not value._is_view() or value.layout != torch.strided:
        return value
    made = torch.empty(0, dtype=value.dtype, device=value.device)
    return made.set_(value.untyped_storage(), value.storage_offset(), value.shape, value.stride())


def _form(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def written(module: torch.fx.GraphModule) -> list[int]:
    """The places of the inputs that a graph writes into (copy_ at its end)."""
    places = {node: at for at, node in enumerate(module.graph.find_nodes(op="placeholder"))}
    writes = module.graph.find_nodes(op="call_function", target=torch.ops.aten.copy_.default)
    return [places[node.args[0]] for node in writes if node.args[0] in places]


def save(path: Path, values: Any, room: int) -> tuple[int, str]:
    """Keep tensors and Python numbers in a file. How many bytes, and why it was not done, empty where it was.

    Raises OSError when the disk is full.
    """
    import torch.utils._pytree as pytree

    tensors = [one for one in pytree.tree_leaves(values) if isinstance(one, torch.Tensor)]
    for one in tensors:
        if type(one) not in (torch.Tensor, torch.nn.Parameter) or one.layout != torch.strided:
            return 0, f"a tensor of it is not a plain one ({type(one).__name__}, {one.layout})"
    size = sum(one.numel() * one.element_size() for one in tensors)
    if size > room:
        return 0, f"its values take {size / GIB:.1f} GiB, more than the {room / GIB:.1f} GiB that are kept"
    torch.save(
        pytree.tree_map(lambda one: reference.alone(one) if isinstance(one, torch.Tensor) else one, values), path
    )
    return size, ""


def _cotangent(tensor: torch.Tensor, seed: int) -> torch.Tensor:
    """Odd multiples of 1/4, exact in every floating dtype."""
    steps = torch.randint(-5, 5, tensor.shape, generator=torch.Generator().manual_seed(seed))
    return ((2 * steps + 1).to(torch.float64) / 4).to(device=tensor.device, dtype=tensor.dtype)
