"""A method that only writes into tensors of its module becomes an operator in graphs; in eager it stays as it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._layout import call, width
from g2.rewrite.rules._operator_body import NotTaken
from g2.rewrite.rules._ordered_effect import fitting, space
from g2.rewrite.rules._procedure import Procedure, procedure
from g2.rewrite.rules._procedure_examples import EXAMPLES, NEGATIVES
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site

_CAVEAT = (
    "In graphs the method is one operator that runs in eager, and Inductor does not see into it. It takes values of "
    "the types that they had in this run, raises for others, and computes without autocast."
)


def propose(site: Site) -> Iterator[Proposal | Left]:
    names = torch_names(site.source)
    try:
        found = procedure(site)
    except NotTaken as refused:
        yield Left(str(refused))
        return
    if found is None:
        return
    if "jit.script" in site.source.text:
        yield Left("the file uses TorchScript, which knows no operators written in Python")
        return
    wish = f"_{found.method.name.strip('_')}"
    longest = width(site.piece)
    name, text = fitting(site, wish, lambda name: _operator(found, names.torch, space(site.source.path), name, longest))
    yield Proposal(
        rule="",
        summary=f"in graphs `{found.method.name}` is an operator that writes into the same tensors",
        safety=Safety.ASK,
        files=(
            FileEdits(
                site.source.path, (_entry(site, found, names.torch, name),), names.imports, (text,) if text else ()
            ),
        ),
        caveat=_CAVEAT,
    )


def _entry(site: Site, found: Procedure, torch: str, name: str) -> Edit:
    """The lines at the head of the method."""
    first = found.method.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if documented and len(found.method.body) > 1:
        first = found.method.body[1]
    source, limit = site.source, width(site.piece)
    at = source.offset(first.lineno, source.characters(first.lineno, first.col_offset))
    margin = source.line(first.lineno)[: source.position(at)[1]]
    indent = "\t" if margin.startswith("\t") else "    "
    conditions = [f"{torch}.compiler.is_compiling()", f"type({found.me}) is {found.owner}", *found.conditions]
    line = f"if {' and '.join(conditions)}:"
    lines = [line]
    if len(margin) + len(line) > limit:
        lines = ["if (", f"{indent}{conditions[0]}", *(f"{indent}and {one}" for one in conditions[1:]), "):"]
    arguments = [one.argument for one in found.handed if one.annotation]
    given = call(f"return {name}", arguments, "", len(margin) + 4, limit)
    lines += [f"{indent}{one}" for one in given.split("\n")]
    return Edit(at, at, "".join(f"{one}\n{margin}" for one in lines))


def _operator(found: Procedure, torch: str, namespace: str, name: str, limit: int) -> str:
    mutated = ", ".join(f'"{one}"' for one in found.mutated)
    mutated = f"({mutated}{',' if len(found.mutated) == 1 else ''})"
    kind = [f'"{namespace}::{name.strip("_")}"', f"mutates_args={mutated}"]
    taken = [f"{one.name}: {_annotation(one.annotation, torch)}" for one in found.handed if one.annotation]
    owner = next(one for one in ("module", "owner", "this") if one not in {one.name for one in found.handed})
    arguments = [arg.arg for arg in found.method.args.args[1:]]
    words = [one if one not in found.missing else "None" for one in arguments]
    words += [f"{arg.arg}={'None' if arg.arg in found.missing else arg.arg}" for arg in found.method.args.kwonlyargs]
    while words and words[-1] == "None" and len(words) > len(arguments) - len(found.method.args.defaults):
        words.pop()
    return "\n".join(
        [
            call(f"@{torch}.library.custom_op", kind, "", 0, limit),
            call(f"def {name}", taken, " -> None:", 0, limit),
            f"    {owner} = {found.owner}.__new__({found.owner})",
            f"    {torch}.nn.Module.__init__({owner})",
            *(f"    {owner}.{one.name} = {one.made}" for one in found.handed if one.made),
            f"    {owner}.{found.method.name}({', '.join(words)})",
        ]
    )


def _annotation(written: str, torch: str) -> str:
    return f"{torch}.{written}" if written in ("Tensor", "dtype", "device") else written


RULE = Rule(
    title="a method that writes into its module becomes an operator",
    answers=("tensor-branch", "host-value", "data-dependent-answer", "data-dependent-shape", "size-from-data"),
    legal="""
        The method gives nothing back. It and the methods of its class that it calls set no attribute: they only read
        tensors, plain values and functions of the module, and write into its tensors through `.data` or without
        gradients. No argument is written into. The operator runs the method itself, on an object of its class that
        holds the same tensors and values, and names every tensor that is written into. In eager nothing changes, and a
        subclass or another function than those of the file's own class keeps to what was there.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=70,
    examples=EXAMPLES,
    negatives=NEGATIVES,
)
