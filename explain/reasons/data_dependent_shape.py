"""nonzero, mask indexing, unique, masked_select, repeat_interleave: the size of a result depends on the data."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot
from g2.explain.scan.model import Sureness


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source)
    return f"the size of the result depends on the data: {source}" if source else ""


_OPTION = "capture_dynamic_output_shape_ops"
_MAKERS = (
    "nonzero",
    "unique",
    "unique_consecutive",
    "masked_select",
    "argwhere",
    "bincount",
    "combinations",
)


def _made(event: Event) -> Spot | None:
    return Spot(event.node, "the size of the result depends on the data: {}", (Need(event.receiver),), option=_OPTION)


def _called(event: Event) -> Spot | None:
    return Spot(event.node, "the size of the result depends on the data: {}", option=_OPTION)


def _where(event: Event) -> Spot | None:
    return _called(event) if len(event.args) == 1 and not event.keywords else None


def _repeated(event: Event) -> Spot | None:
    repeats = event.keywords.get("repeats", event.args[-1] if event.args else frozenset())
    if "output_size" in event.keywords or (event.name and len(event.args) == 1 and "repeats" not in event.keywords):
        return None
    return Spot(event.node, "the size of the result depends on the data: {}", (Need(repeats),), option=_OPTION)


def _indexed(event: Event) -> Spot | None:
    for index, name in zip(event.indices, event.names, strict=True):
        if isinstance(index, frozenset) and "tb" not in index and ("mask" not in name or "t" not in index):
            continue
        needs = (Need(event.value), Need(index, "mask"))
        if "mask" in name and not (isinstance(index, frozenset) and "tb" in index):
            needs = (Need(event.value), Need(index))
            return Spot(
                event.node, "the size of the result depends on the data: {}", needs, Sureness.LIKELY, option=_OPTION
            )
        return Spot(event.node, "the size of the result depends on the data: {}", needs, option=_OPTION)
    return None


def _ctc(event: Event) -> Spot | None:
    # With the lengths in tensors.
    needs = tuple(Need(value) for value in event.args[2:4])
    return Spot(event.node, "the size of a result depends on the data: {}", needs, Sureness.LIKELY) if needs else None


REASON = Reason(
    title="the size of a result depends on the data",
    happened="""
        An operator gave a tensor whose size depends on the numbers in its input: `x[mask]`,
        `nonzero`, `where` with one argument, `masked_select`, `unique`, `bincount`,
        `repeat_interleave` with a tensor of counts.
        """,
    why="""
        Dynamo records a graph without computing, so it must know each shape from the shapes of
        the inputs. How many elements of a mask are true can only be known by counting them. It
        ends the graph there, runs the operator, and starts again with the size that came out.
        """,
    instead="""
        Keep the full size and mask the values, so that the shape never changes:

            total = torch.where(mask, x, 0).sum()          # not x[mask].sum()
            mean = (x * mask).sum() / mask.sum()           # not x[mask].mean()
            x = torch.where(mask, new, x)                  # not x[mask] = new[mask]

        For counts per class: `torch.zeros(n, dtype=torch.long).scatter_add(0, idx,
        torch.ones_like(idx))` instead of `bincount`. For a limited number of picks: `topk` with a
        fixed k.
        """,
    cost="""
        The CPU waits for the device to count, then a second graph starts. The code behind sees
        another size at almost every call, so it is likely to be compiled again, up to the
        recompile limit.
        """,
    kinds=("GB0036", "GB0037"),
    headline=_headline,
    steps=(
        "Keep the full size and mask the values: `torch.where(mask, x, 0)` instead of `x[mask]`.",
        "Or try `torch._dynamo.config.capture_dynamic_output_shape_ops = True` before the first "
        "call: the size stays unknown in the graph. It helps until something behind it needs the "
        "number.",
    ),
    outside=(
        "Try `torch._dynamo.config.capture_dynamic_output_shape_ops = True` before the first "
        "call, and look whether the place goes. It helps until something behind it needs the "
        "number.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def total(x):
                y = x * 2
                return y[y > 0].sum()

            total(torch.ones(4))
            """,
        good="""
            import torch

            @torch.compile
            def total(x):
                y = x * 2
                return torch.where(y > 0, y, 0).sum()

            total(torch.ones(4))
            """,
        option="import torch; torch._dynamo.config.capture_dynamic_output_shape_ops = True",
    ),
    see_also=("size-from-data", "host-value", "one-hot"),
    seen=(
        Detector("call", _made, methods=_MAKERS),
        Detector("call", _called, names=tuple(f"torch.{name}" for name in _MAKERS)),
        Detector("call", _where, names=("torch.where",)),
        Detector("call", _repeated, names=("torch.repeat_interleave",), methods=("repeat_interleave",)),
        Detector("index", _indexed),
        Detector("call", _ctc, names=("torch.nn.functional.ctc_loss", "torch.ctc_loss")),
    ),
)
