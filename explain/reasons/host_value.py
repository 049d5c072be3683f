"""`.item()`, `int()`, `float()`, `tolist()`, an index: a number leaves a tensor and becomes Python's."""

import ast
import re

from g2.explain.reading import builtin, flat, on_tensor
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot
from g2.explain.scan.model import Sureness

_NUMBERS = {
    "range",
    "int",
    "float",
    "bool",
    "complex",
    "round",
    "divmod",
    "pow",
    "format",
    "chr",
    "hex",
    "bin",
}


def _claims(evidence: Evidence) -> bool:
    if evidence.kind == "GB0033":
        return "_local_scalar_dense" in evidence.context
    if evidence.kind == "GB0148":
        return "range_iterator" in evidence.context
    if evidence.kind == "GB0059":
        return builtin(evidence)[0] in _NUMBERS and on_tensor(evidence)
    return (
        evidence.kind == "GB0208" and re.search(r"example_value type: (int|float|bool)\b", evidence.context) is not None
    )


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source)
    for call in (".item()", ".tolist()"):
        if source.endswith(call):
            return f"`{call}` brings a tensor's value to Python: {source}"
    if found := re.match(r"(int|float|bool|range|round)\(", source):
        return f"`{found[1]}()` brings a tensor's value to Python: {source}"
    return f"a tensor's value is needed in Python: {source}" if source else "a tensor's value is needed in Python"


_OPTION = "capture_scalar_outputs"


def _read(event: Event) -> Spot | None:
    if event.args:
        return None
    return Spot(
        event.node,
        f"`.{event.method}()` brings a tensor's value to Python: {{}}",
        (Need(event.receiver),),
        option=_OPTION,
    )


def _converted(event: Event) -> Spot | None:
    if not event.args:
        return None
    name = event.name.rpartition(".")[2]
    needs = tuple(Need(value) for value in event.args)
    return Spot(event.node, f"`{name}()` brings a tensor's value to Python: {{}}", needs, either=True, option=_OPTION)


_FACTORIES = ("arange", "zeros", "ones", "full", "empty", "rand", "randn", "eye", "linspace", "randperm")


def _sized(event: Event) -> Spot | None:
    values = event.args[:1] if event.name in {"torch.full"} else event.args
    needs = tuple(Need(value) for value in values)
    return Spot(event.node, "a tensor's value is needed as a size: {}", needs, either=True) if needs else None


def _cut(event: Event) -> Spot | None:
    return Spot(event.node, "a tensor's value is needed in Python: {}", (Need(event.value),))


def _chosen(event: Event) -> Spot | None:
    for index in event.indices:
        if not isinstance(index, frozenset) or "t" in index or "tb" in index:
            return Spot(event.node, "a tensor chooses from a list: {}", (Need(event.value, "list"), Need(index)))
    return None


def _picked(event: Event) -> Spot | None:
    # An index without dimensions is read as a number: that of `x[ids[i]]`, where ids has one dimension.
    for index, node in zip(event.indices, event.parts, strict=True):
        inner = node.slice if isinstance(node, ast.Subscript) else None
        single = isinstance(inner, ast.Name) or (isinstance(inner, ast.Constant) and isinstance(inner.value, int))
        if single and not (isinstance(index, frozenset) and not index & {"t", "tb"}):
            needs = (Need(event.value), Need(index))
            return Spot(event.node, "a tensor's value is needed in Python: {}", needs, Sureness.LIKELY)
    return None


def _encoded(event: Event) -> Spot | None:
    classes = event.keywords.get("num_classes", event.args[1] if len(event.args) > 1 else None)
    if classes is None:
        return None
    return Spot(event.node, "a tensor's value is needed as a size: {}", (Need(classes),))


REASON = Reason(
    title="a tensor's value is needed in Python",
    happened="""
        Python asked for the number inside a tensor: `.item()`, `.tolist()`, `int(t)`, `float(t)`,
        `bool(t)`, `range(t)`, `math.sqrt(t)`, or a tensor used as the index of a list or as a
        slice's end.
        """,
    why="""
        Dynamo records a graph without computing: while it traces, the tensor has no numbers yet.
        It has to end the graph, compute it, hand the number to Python and start again.
        """,
    instead="""
        Stay in tensors. Almost every place that takes a number also takes a tensor without
        dimensions:

            scale = x.max()          # not x.max().item()
            return x / scale

            return x * x.sum().sqrt()          # not math.sqrt(x.sum())

        When the number decides a branch, let the tensor choose instead:

            return torch.where(x.sum() > 0, x + 1, x - 1)   # not if x.sum().item() > 0

        When the number is a size, a count or a setting, it should not be a tensor at all: pass it
        as an `int`. When it is only for a log or a progress bar, return the tensor and call
        `.item()` outside the compiled function.
        """,
    cost="""
        The CPU waits until the device has finished everything queued so far, copies one number,
        and starts a second graph. On a GPU this is often the dearest line of a training step.
        """,
    kinds=("GB0124", "GB0109", "GB0070", "GB7596", "GB0038", "GB0218", "GB0105", "GB0106"),
    claims=_claims,
    headline=_headline,
    steps=(
        "Drop the conversion and go on with the tensor: `x / x.max()` instead of `x / x.max().item()`. Where an `if` "
        "asks for the number and both branches give a tensor: `torch.where(condition, a, b)`.",
        "When it must be a Python number (a size, a log line): read it outside the compiled function.",
        "When it is only used in arithmetic: `torch._dynamo.config.capture_scalar_outputs = True` "
        "before the first call. With an `if` on the number the break only moves to the `if`.",
    ),
    outside=(
        "Try `torch._dynamo.config.capture_scalar_outputs = True` before the first call. It helps "
        "where the number is only used in arithmetic; where an `if` follows, the break moves to "
        "the `if`.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                scale = x.max().item()
                return x * 2 / scale

            step(torch.ones(4))
            """,
        good="""
            import torch

            @torch.compile
            def step(x):
                scale = x.max()
                return x * 2 / scale

            step(torch.ones(4))
            """,
        option="import torch; torch._dynamo.config.capture_scalar_outputs = True",
    ),
    see_also=("tensor-branch", "data-dependent-shape", "size-from-data"),
    seen=(
        Detector("call", _read, methods=("item", "tolist", "__bool__", "__int__", "__float__", "__index__")),
        Detector(
            "call",
            _converted,
            names=("builtins.int", "builtins.float", "builtins.bool", "builtins.complex", "builtins.range", "math.*"),
        ),
        Detector("call", _converted, names=("operator.index", "torch._check_tensor_all")),
        Detector("call", _sized, names=tuple(f"torch.{name}" for name in _FACTORIES)),
        Detector("call", _sized, methods=("new_zeros", "new_ones", "new_full", "new_empty", "narrow")),
        Detector("call", _encoded, names=("torch.nn.functional.one_hot",)),
        Detector("slice", _cut),
        Detector("index", _chosen),
        Detector("index", _picked),
    ),
)
