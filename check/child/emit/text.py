"""The whole text of an emitted module."""

from __future__ import annotations

import json
import linecache
import sys
from pathlib import Path
from typing import Any

import torch

from g2.check.child import wrapper
from g2.check.child.assemble.private import Assembler
from g2.check.child.emit import calls, frame, graph, kernels
from g2.check.child.emit.standing import standing_in
from g2.check.child.interpret.reference import load

_SAVED = 64 << 20  # bytes of inputs and constants that are written beside the module
_DEFINED = frozenset(("torch", "triton", "tl", "math", "inf", "nan", "aten", "DEVICE", "PARTITIONS",
                      "reinterpret_tensor",
                      "strided", "list", "len", "range", "int", "float", "bool", "max", "min", "tuple"))  # fmt: skip


class NotEmitted(Exception):
    """What cannot be written as a module of its own, and why."""


def emitted(folder: Path, target: str) -> tuple[str, dict[str, Any]]:
    """The module's text, and what its file of values holds: "inputs", "outputs", "constants"; empty where it has none.

    Raises OSError, ValueError, NotEmitted, private.Missing.
    """
    text = (folder / target / "module.py").read_text("utf-8")
    known = json.loads((folder / target / "kernels.json").read_text("utf-8"))
    about = _json(folder / "graph.json")
    found = wrapper.read(text)
    assembler = Assembler.of(target)
    made = {name: assembler.load(name, source) for name, source in found.sources.items()}
    source = kernels.collect(found.sources)
    described = {one["name"]: one for one in known.get("kernels", ())}
    at_line = {one["line"]: one["kernel"] for one in known.get("calls", ()) if "line" in one}

    def plan(name: str, numbers: list[Any]) -> calls.Launch:
        if name not in made:
            raise NotEmitted(f"{name} is no Triton kernel of this module")
        return _plan(made[name], numbers)

    def comment(line: int) -> list[str]:
        name = at_line.get(line, "")
        return said_lines(described.get(name, {}).get("lines", ()))[:2]

    called = calls.read(text, plan, comment)
    if not called.functions:
        raise NotEmitted("the module has no call")
    values = _values(folder, target)
    unknown = called.needs - _DEFINED - set(found.sources) - set(values.get("constants", ())) - set(called.partitions)
    aten_text, why = _aten(folder, target)
    about_text = _docstring(about, target, bool(values.get("inputs")), why, unknown, source)
    parts = [about_text, frame.HEAD, *_imports(unknown, aten_text), _libdevice(source)]
    parts += [f"{one}\n" for one in source.needs]
    for name, one in source.helpers.items():
        parts.append(f"# torch/_inductor/runtime/triton_helpers.py: {name}\n{one}\n")
    for name, one in source.texts.items():
        parts.append("\n".join([*_above(described.get(name, {})), one, ""]))
    parts += [
        standing_in("\n".join([*called.functions, aten_text])),
        frame.SUPPORT,
        _inputs(folder),
        _constants(values),
        *(f"{one}\n" for one in called.functions),
    ]
    if called.partitions:
        parts.append(f"PARTITIONS = [{', '.join(called.partitions)}]\n")
    parts += [
        aten_text or graph.NONE,
        f"RANDOM = {bool(about.get('random'))}\n",
        _expected(aten_text),
        frame.CHECK,
        frame.BENCH,
    ]
    whole = "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"
    compile(whole, "emitted", "exec")
    return whole, values


def _plan(kernel: Any, numbers: list[Any]) -> calls.Launch:
    config = kernel.configs[0]
    left, grid = kernel._interpret_args_grid(tuple(numbers), config)
    settings: dict[str, Any] = {key: one for key, one in config.kwargs.items() if isinstance(one, (int, bool, str))}
    fixed = {
        key: value
        for key, value in kernel.triton_meta.get("constants", {}).items()
        if isinstance(key, str) and key not in settings and isinstance(value, (int, float, bool, type(None)))
    }
    names = list(kernel.triton_meta["signature"])
    given = names[: len(left)]
    settings |= {key: value for key, value in fixed.items() if key not in given}
    settings |= {"num_warps": config.num_warps, "num_stages": config.num_stages}
    return calls.Launch(tuple(int(size) for size in grid), len(left), settings)


def said_lines(lines: Any) -> list[str]:
    """Lines of the program, each with its text; of paths only what is the program's own or the library's name."""
    out = []
    for one in lines:
        path, line = one["path"], one["line"]
        code = linecache.getline(path, line).strip()
        function = f" in {one['function']}" if one.get("function") else ""
        out.append(f"{short(path)}:{line}{function}" + (f": {code}" if code else ""))
    return out


def short(path: str) -> str:
    """Without what is of this machine."""
    for mark in ("/site-packages/", "/dist-packages/"):
        if mark in path:
            return path.partition(mark)[2]
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return Path(path).name


def _above(described: dict[str, Any]) -> list[str]:
    ops = ", ".join(described.get("ops", ()))
    return [*(f"# {words}" for words in said_lines(described.get("lines", ()))), *([f"# {ops}"] if ops else [])]


def _docstring(
    about: dict[str, Any], target: str, saved: bool, why: str, unknown: set[str], source: kernels.Source
) -> str:
    triton: Any = sys.modules["triton"]
    asm = any("inline_asm_elementwise" in one for one in source.texts.values())
    internals = ["the launch configuration is the one that Inductor would try first"]
    if source.helpers:
        internals.append("functions named helper_... are copies of Inductor's own Triton functions")
    if unknown:
        internals.append(f"still taken from Inductor: {', '.join(sorted(unknown))}")
    if asm:
        internals.append("kernels with inline assembly cannot be run by the interpreter")
    inputs = "the recorded ones, from the file beside this one" if saved else "random ones of the recorded form"
    checked = why or "against the same graph by ATen's operators"
    what = f"graph {about.get('id', '?')} ({about.get('kind', '?')}) for {target}"
    return f'''"""The Triton kernels of {what}, and what calls them.

Written by g2 check --emit with torch {torch.__version__} and triton {triton.__version__}.
It needs these two and nothing of g2.

    python THIS_FILE                  checks the kernels on the GPU and measures them
    python THIS_FILE --interpret      checks them on the CPU, by Triton's interpreter (small sizes: it is slow)

Inputs: {inputs}. Checked {checked}.
{_sentence("; ".join(internals))}
"""
'''


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _imports(unknown: set[str], aten_text: str) -> list[str]:
    out = []
    if "extern_kernels" in unknown:
        out.append("from torch._inductor.select_algorithm import extern_kernels")
    for name in ("inductor_ops", "_quantized"):
        if name in unknown:
            out.append(f"{name} = torch.ops.{name.removesuffix('_ops').lstrip('_')}")
    if graph.needs_inductor(aten_text):
        out.append("import torch._inductor.inductor_prims  # defines operators that the ATen graph has")
    return out


def _libdevice(source: kernels.Source) -> str:
    if not source.libdevice:
        return ""
    lines = []
    for name in sorted(source.libdevice):
        if name in frame.FUNCTIONS:
            function, kind = frame.FUNCTIONS[name]
            more = f", {kind!r}" if kind else ""
            lines.append(f"    libdevice.{name} = libdevice.given({function}{more})")
    return frame.LIBDEVICE.replace("{functions}", "\n".join(lines))


def _aten(folder: Path, target: str) -> tuple[str, str]:
    own = folder / target / "graph.py"
    path = own if own.exists() else folder / "graph.py"
    try:
        return graph.function(path.read_text("utf-8")), ""
    except (OSError, SyntaxError) as error:
        return "", f"against the recorded outputs (there is no text of the graph: {type(error).__name__})"


def _expected(aten_text: str) -> str:
    if aten_text:
        return "def expected(inputs):\n    return list(aten_graph(copied(inputs)))\n"
    return (
        "def expected(inputs):\n"
        '    return torch.load(Path(__file__).with_suffix(".pt"), map_location="cpu", weights_only=True)["outputs"]\n'
    )


def _inputs(folder: Path) -> str:
    forms = ",\n    ".join(graph.form(one) for one in load(folder / "inputs.pt"))
    return (
        f"# Sizes, strides, type, and the bounds between which the recorded values lie.\nINPUTS = [\n    {forms}\n]\n"
    )


def _constants(values: dict[str, Any]) -> str:
    names = values.get("constants", {})
    if not names:
        return ""
    lines = [
        'CONSTANTS = torch.load(Path(__file__).with_suffix(".pt"), map_location=DEVICE, weights_only=True)["constants"]'
    ]
    lines += [f"{name} = CONSTANTS[{name!r}]" for name in names if name.isidentifier()]
    return "\n".join(lines) + "\n"


def _values(folder: Path, target: str) -> dict[str, Any]:
    constants: dict[str, Any] = {}
    for path in (folder / "constants.pt", folder / target / "constants.pt"):
        if path.exists():
            constants |= load(path)
    values = {"inputs": load(folder / "inputs.pt"), "outputs": load(folder / "outputs.pt"), "constants": constants}
    if _size(values) > _SAVED:
        values = {"constants": constants}
        if _size(values) > _SAVED:
            raise NotEmitted("its constants take more than 64 MiB")
    return {name: value for name, value in values.items() if value}


def _size(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(_size(one) for one in value.values())
    return sum(_size(one) for one in value) if isinstance(value, (list, tuple)) else 0


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return {}
