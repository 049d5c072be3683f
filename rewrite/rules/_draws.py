"""Single numbers drawn with NumPy or Python's random, and the operator that draws one from the same stream."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from g2.rewrite.rules._imported import imported
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._operator_body import NotTaken, Taker
from g2.rewrite.rules._ordered_effect import fitting, helper, local_names, space, unsteady_names
from g2.rewrite.site import Site
from g2.rewrite.source import Source

# How many arguments each takes before an array would be asked for.
_NUMPY = {
    "beta": 2, "gamma": 2, "normal": 2, "uniform": 2, "rand": 0, "randn": 0, "random": 0, "random_sample": 0,
    "exponential": 1, "laplace": 2, "lognormal": 2, "triangular": 3, "standard_normal": 0, "gumbel": 2, "logistic": 2,
    "pareto": 1, "rayleigh": 1, "weibull": 1, "chisquare": 1,
}  # fmt: skip
_PYTHON = {
    "random": 0, "uniform": 2, "gauss": 2, "normalvariate": 2, "betavariate": 2, "expovariate": 1, "gammavariate": 2,
    "lognormvariate": 2, "triangular": 3, "vonmisesvariate": 2, "paretovariate": 1, "weibullvariate": 2,
}  # fmt: skip
_WHOLE = {"numpy.random.randint": 2, "random.randint": 2, "random.randrange": 3}


@dataclass(frozen=True, slots=True)
class Draw:
    """A call that draws numbers. name: "numpy.random.beta"; array: more than one may be asked for."""

    call: cst.Call
    name: str
    whole: bool
    array: bool

    @property
    def dtype(self) -> str:
        return "int64" if self.whole else "float64"


def drawn(source: Source, node: cst.CSTNode) -> Draw | None:
    """The draw that a call is, of a distribution that is known; None for anything else."""
    if not isinstance(node, cst.Call):
        return None
    name = imported(source, node.func)
    owner, _, method = name.rpartition(".")
    whole = name in _WHOLE
    most = _WHOLE.get(name) if whole else {"numpy.random": _NUMPY, "random": _PYTHON}.get(owner, {}).get(method)
    if most is None:
        return None
    sized = any(one.star or (one.keyword and one.keyword.value in ("size", "dtype")) for one in node.args)
    return Draw(node, name, whole, sized or len(node.args) > most)


def operator(site: Site, kinds: Kinds, draw: Draw) -> tuple[str, str]:
    """The text of the call of an operator that draws the number, and the operator's definition ("" where the file has
    it). Raises NotTaken.
    """
    if draw.array:
        raise NotTaken("an array is drawn")
    body = Taker(kinds, local_names(site), unsteady_names(site.source)).take(draw.call)
    if any(one.annotation not in ("int", "float") for one in body.parameters):
        raise NotTaken("the distribution depends on a tensor")
    torch = kinds.names.torch
    name, text = fitting(
        site,
        f"_draw_{draw.name.rpartition('.')[2]}",
        lambda name: helper(
            torch,
            space(site.source.path),
            name,
            body.parameters,
            f"return {torch}.tensor({body.text}, dtype={torch}.{draw.dtype})",
            returns=f"{torch}.Tensor",
            fake=f"{torch}.empty((), dtype={torch}.{draw.dtype})",
        ),
    )
    return f"{name}({', '.join(one.argument for one in body.parameters)})", text
