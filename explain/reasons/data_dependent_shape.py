"""nonzero, mask indexing, unique, masked_select, repeat_interleave: the size of a result depends on the data."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source)
    return f"the size of the result depends on the data: {source}" if source else ""


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
)
