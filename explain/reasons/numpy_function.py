"""A NumPy function or array attribute that has no tensor form."""

import re

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot

_FUNCTION = re.compile(r"<(?:function|ufunc|built-in function|class) '?(?:numpy\.)?(\w+)")


def _headline(evidence: Evidence) -> str:
    found = _FUNCTION.search(evidence.context)
    if found:
        return f"NumPy's `{found[1]}` has no tensor form: {flat(evidence.source, 50)}".removesuffix(": ")
    return f"NumPy that has no tensor form: {flat(evidence.source)}" if evidence.source else ""


# Of NumPy 2, what torch's own NumPy (torch._numpy, 2.13) does not have.
_MISSING = """
    interp insert delete unravel_index ravel_multi_index polyfit polyval roots spacing unwrap frexp fromiter
    fromfunction loadtxt savetxt save load savez genfromtxt array2string array_str array_repr isin intersect1d
    setdiff1d union1d setxor1d lexsort partition argpartition piecewise select place putmask extract packbits
    unpackbits trapezoid apply_along_axis apply_over_axes nanmax nanmin nanmean nanmedian nanstd nansum nanvar
    nanpercentile nanquantile nancumsum nancumprod nanargmax nanargmin ix_ digitize histogram_bin_edges
    ediff1d base_repr binary_repr format_float_positional format_float_scientific frombuffer fromfile
    fromstring frompyfunc vectorize
"""


def _called(event: Event) -> Spot | None:
    return Spot(event.node, "a function of NumPy that Dynamo does not know: {}")


REASON = Reason(
    title="a NumPy function has no tensor form",
    happened="""
        The compiled function used something of NumPy that torch can't express: `np.interp`, a
        method of a ufunc such as `np.add.reduce`, an array of objects, a reading or writing of
        files.
        """,
    why="""
        Inside a compiled function Dynamo replaces NumPy by tensor operations. For this function
        there is none, so the graph ends, real NumPy runs, and a new graph starts.
        """,
    instead="""
        Use the torch function: most have one under the same or a similar name.

            torch.searchsorted(edges, x)          # np.digitize(x, edges)
            torch.nn.functional.interpolate       # for resampling

        What does not depend on the input (tables, masks, positions) is better made once outside,
        in `__init__`, and kept as a buffer:

            self.register_buffer("table", torch.from_numpy(make_table()))
        """,
    cost="""
        The data goes to the CPU and back, and nothing is fused across the line. No gradient flows
        through NumPy.
        """,
    kinds=(
        "GB0294",
        "GB0290",
        "GB0250",
        "GB0157",
        "GB0158",
        "GB0159",
        "GB0231",
        "GB0232",
        "GB0293",
        "GB0300",
        "GB0185",
    ),
    names=("numpy", "ndarray"),
    headline=_headline,
    steps=(
        "Use the torch function of the same name, or compute the array once outside and keep it as a buffer.",
        "When it only works on plain numbers: Python's `math` instead of NumPy.",
    ),
    example=Example(
        bad="""
            import numpy as np
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                weights = np.interp([0.5, 1.5], [0.0, 2.0], [0.0, 1.0])
                return y * float(weights.shape[0])

            step(torch.ones(2))
            """,
        good="""
            import numpy as np
            import torch

            WEIGHTS = torch.from_numpy(np.interp([0.5, 1.5], [0.0, 2.0], [0.0, 1.0]))

            @torch.compile
            def step(x):
                y = x * 2
                return y * WEIGHTS

            step(torch.ones(2))
            """,
    ),
    see_also=("numpy-on-numbers", "numpy-random"),
    seen=(Detector("call", _called, names=tuple(f"numpy.{name}" for name in _MISSING.split())),),
)
