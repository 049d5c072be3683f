"""What a person can do about a function that is compiled again, where no rewrite keeps the meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from g2.capture.model import Guard
from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Negative, Rule
from g2.rewrite.rules._advice import shown
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site

_Advice = tuple[str, ...]
_ARGUMENT = re.compile(r"[A-Za-z_]\w*$")
_OWN = re.compile(r"self\.([A-Za-z_]\w*)$")
_NUMBERS = ("int", "float")


def propose(site: Site) -> Iterator[Proposal | Left]:
    change = site.recompile
    if not site.target.mine:
        return  # what a person can do about a library stands in the report
    for guard in change.guards if change is not None else ():
        if guard.source.startswith("("):
            continue  # a value that a graph break handed on: it goes with the break
        advise = _KINDS.get(guard.kind)
        advice = advise(guard, site) if advise is not None else ()
        if advice:
            yield shown(*advice)
            return


def _call(site: Site) -> str:
    """Where the call was made that brought the new value."""
    change = site.recompile
    where = change.call_site if change is not None else None
    return f"before the call in line {where.line}" if where is not None else "before the call"


def _requires_grad(guard: Guard, site: Site) -> _Advice:
    own = _OWN.match(guard.source)
    if own:
        return (
            f"keep `{guard.source}` without its history: the first one had none, those that are computed have",
            f"{guard.source} = new.detach()  # where it is assigned",
        )
    if _ARGUMENT.match(guard.source):
        return (
            f"hand `{guard.source}` over in one form, when its gradient is not needed",
            f"{guard.source} = {guard.source}.detach()  # {_call(site)}",
        )
    return ()


def _type(guard: Guard, site: Site) -> _Advice:
    kinds, name = {guard.old, guard.new}, guard.source
    if not _ARGUMENT.match(name):
        return ()
    if kinds <= set(_NUMBERS):
        return f"hand `{name}` over as a float at every call", f"{name} = float({name})  # {_call(site)}"
    if "None" in kinds or "NoneType" in kinds:
        torch = torch_names(site.source).torch
        return (
            f"when more than two variants meet, hand `{name}` over at every call, with a value that changes nothing "
            "where there was None",
            f"if {name} is None:  # {_call(site)}",
            f"    {name} = {torch}.ones(...)  # or zeros: what the function takes for none",
        )
    if any("Tensor" in kind or "Parameter" in kind for kind in kinds) and kinds & set(_NUMBERS):
        torch = torch_names(site.source).torch
        return f"hand `{name}` over as a tensor at every call", f"{name} = {torch}.as_tensor({name})  # {_call(site)}"
    return ()


def _length(guard: Guard, site: Site) -> _Advice:
    torch, name = torch_names(site.source).torch, guard.source
    if not _ARGUMENT.match(name):
        return ()
    most = max((int(one) for one in (*guard.values, guard.old, guard.new) if one.isdigit()), default=0)
    return (
        f"put the elements of `{name}` into one tensor, whose size may change; the function then works on that",
        f"{name} = {torch}.stack({name})  # {_call(site)}; tensors of one shape",
        f"{torch}._dynamo.mark_dynamic({name}, 0)  # as many as {most} were seen",
    )


def _keys(guard: Guard, site: Site) -> _Advice:
    own = _OWN.match(guard.source)
    if guard.kind == "attribute" and own:
        return (
            f"let `{guard.source}` be there from the first call on",
            f"{guard.source} = None  # in __init__",
            f"if {guard.source} is None: ...  # where hasattr or try asked whether it was there",
        )
    if guard.kind == "keys" and _ARGUMENT.match(guard.source):
        name, keys = guard.source, re.findall(r"'([^']*)'", guard.old)
        listed = ", ".join(f'"{key}"' for key in keys[:6]) or '"..."'
        return (
            f"hand over only what is read, with the same keys in the same order at every call, in place of `{name}`",
            f"{name} = {{key: {name}[key] for key in [{listed}]}}  # {_call(site)}",
        )
    return ()


def _dtype(guard: Guard, site: Site) -> _Advice:
    if not _ARGUMENT.match(guard.source):
        return ()
    torch, name = torch_names(site.source).torch, guard.source
    old = guard.old.replace("torch.", f"{torch}.") if guard.kind == "dtype" else f'"{guard.old}"'
    return (
        f"bring `{name}` to one {guard.kind} before the function gets it",
        f"{name} = {name}.to({old})  # {_call(site)}",
    )


def _rank(guard: Guard, site: Site) -> _Advice:
    if not (_ARGUMENT.match(guard.source) and guard.old.isdigit() and guard.new.isdigit()):
        return ()
    name, more = guard.source, int(guard.old) - int(guard.new)
    form = f"{name}.unsqueeze(0)" if more > 0 else f"{name}.flatten(0, {-more})"
    return (
        f"bring `{name}` to {guard.old} dimensions before the function gets it",
        f"if {name}.dim() == {guard.new}:  # {_call(site)}",
        f"    {name} = {form}",
    )


def _stride(guard: Guard, site: Site) -> _Advice:
    if not _ARGUMENT.match(guard.source):
        return ()
    name = guard.source
    return (
        f"bring `{name}` to one layout before the function gets it",
        f"{name} = {name}.contiguous()  # {_call(site)}",
    )


def _grad_mode(guard: Guard, site: Site) -> _Advice:
    torch = torch_names(site.source).torch
    return (
        "training and evaluation are two compilations, which is normal; where only one is wanted, make every call in "
        "that mode, those that warm up too",
        f"with {torch}.no_grad():",
        f"    {_called(site)}(...)  # each call",
    )


def _value(guard: Guard, site: Site) -> _Advice:
    if guard.source.endswith("training"):
        return (
            "training and evaluation are two compilations, which is normal; where only one is wanted, choose before "
            "the first call",
            "model.eval()  # or model.train(), once, before the loop",
        )
    if not _ARGUMENT.match(guard.source) or guard.new.lstrip("-").replace(".", "", 1).isdigit():
        return ()
    seen = ", ".join(guard.values[:3] or (guard.old, guard.new))
    return (
        f"decide by `{guard.source}` outside, when it takes many values ({seen}), and hand over what it leads to",
        f"choice = choices[{guard.source}]  # {_call(site)}: a tensor, or a function that exists once",
        f"{_called(site)}(..., choice)",
    )


def _identity(guard: Guard, site: Site) -> _Advice:
    if not _ARGUMENT.match(guard.source) or guard.source == "self":
        return ()
    name = guard.source
    return (
        f"make `{name}` once and hand over the same object at every call; what differs goes in as a tensor",
        f"{name} = ...  # at the top of the file, or before the loop",
        f"{_called(site)}(..., {name})",
    )


def _aliasing(guard: Guard, site: Site) -> _Advice:
    one, _, other = guard.source.partition(" is ")
    if not _ARGUMENT.match(other):
        return ()
    return (
        f"hand over different tensors at every call, where `{one}` and `{other}` are the same one now and then",
        f"{other} = {other}.clone()  # {_call(site)}",
    )


def _global_state(guard: Guard, site: Site) -> _Advice:
    return (
        f"set what changed ({guard.source}) once, before the first call of what is compiled, and not between calls",
        f"...  # {guard.source}: {guard.old} at first, {guard.new} later",
        f"{_called(site)}(...)",
    )


def _called(site: Site) -> str:
    name = site.target.function
    owner, _, last = name.rpartition(".")
    return "model" if owner and last in ("forward", "__call__") else last


_KINDS: dict[str, Callable[[Guard, Site], _Advice]] = {
    "requires_grad": _requires_grad,
    "type": _type,
    "length": _length,
    "keys": _keys,
    "attribute": _keys,
    "dtype": _dtype,
    "device": _dtype,
    "rank": _rank,
    "stride": _stride,
    "grad-mode": _grad_mode,
    "value": _value,
    "identity": _identity,
    "aliasing": _aliasing,
    "global-state": _global_state,
}

RULE = Rule(
    title="advice for a function that is compiled again",
    answers=(
        "changing-aliasing",
        "changing-dtype",
        "changing-flag",
        "changing-global-state",
        "changing-grad-mode",
        "changing-identity",
        "changing-keys",
        "changing-length",
        "changing-requires-grad",
        "changing-stride",
        "changing-type",
        "changing-value",
    ),
    legal="Nothing is rewritten: whether the calls may be made alike only their author can judge. The names and values "
    "are those that the run saw.",
    safety=Safety.SHOW,
    propose=propose,
    rank=90,
    examples=(),
    negatives=(
        Negative(
            "the value came from behind a graph break",
            """
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                print("half way")
                return y + 1

            for dtype in (torch.float32, torch.float64):
                step(torch.ones(3, dtype=dtype))
            """,
        ),
        Negative(
            "a mask is given only at times",
            """
            import torch

            @torch.compile
            def step(x, mask=None):
                return x + 1 if mask is None else x * mask

            step(torch.ones(3))
            step(torch.ones(3), torch.ones(3))
            """,
        ),
        Negative(
            "a list of tensors grows",
            """
            import torch

            @torch.compile
            def step(xs):
                return sum(xs)

            for n in (2, 3):
                step([torch.ones(3) for _ in range(n)])
            """,
        ),
    ),
)
