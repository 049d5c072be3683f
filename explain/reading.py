"""Reads Dynamo's debug context and the source at a place. Where there is nothing to read the answer is empty.

The forms are those of `torch/_dynamo/graph_break_registry.json` in torch 2.11 to 2.15.
"""

from __future__ import annotations

import re

from g2.explain.reason import Evidence

_SKIPPED = re.compile(r"module: (?P<module>.*?), qualname: (?P<name>[\w.<>]+)")
_REFUSED = re.compile(r"qualname: (?P<name>[\w.<>]+), name: .*?, filename: `?(?P<file>[^`,]*)")
_BUILTIN = re.compile(r"builtin (?P<name>\w+) \[(?P<arguments>.*)\]")
_METHOD = re.compile(r"call_method (?P<receiver>.+?\)) (?P<name>\w+) ")
_INNER = re.compile(r"\((?:<class ')?(?P<inner>[\w.]+)")
_CALLEE = re.compile(r"\s*(?P<name>[A-Za-z_][\w.]*(?:\[[^\]]*\])?(?:\(\))?(?:\.\w+)*)\(")
_LIBRARY = re.compile(r"<frozen (?P<frozen>\w+)|[/\\](?:python3\.\d+|Lib)[/\\](?!site-packages)(?P<name>\w+)")
_COMPOUND = re.compile(r"(?:if|elif|while|for|with|class|def|try|async)\b|[^\n]*:\s*(?:#[^\n]*)?\n")
_HEAD = re.compile(
    r"""(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|\[[^\]]*\]|\{[^}]*\}|"[^"\n]*"|'[^'\n]*'|[^:"'(\[{])*"""
)
_BY_ITSELF = {"GB0003", "GB4347"}
_UNNAMED = "<unknown module>"


def flat(text: str, width: int = 60) -> str:
    """The text on one line, cut to `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3].rstrip() + "..."


def header(source: str) -> str:
    """The head of a compound statement ("if x.sum() > 0"), other source unchanged."""
    text = source.strip()
    if not _COMPOUND.match(text):
        return text
    end = _HEAD.match(text)
    return end[0].strip() if end else text


def module(evidence: Evidence) -> str:
    """The module of a function that Dynamo skips: "time", "posix"; empty when Dynamo names none."""
    found = _SKIPPED.search(evidence.context)
    return "" if found is None or found["module"] == _UNNAMED else found["module"]


def function(evidence: Evidence) -> str:
    """The function that Dynamo would not go into: "time.perf_counter", "Random.choice", "print"."""
    if found := _SKIPPED.search(evidence.context):
        head = module(evidence)
        return f"{head}.{found['name']}" if head else found["name"]
    if found := _REFUSED.search(evidence.context):
        return found["name"]
    if found := _BUILTIN.search(evidence.context):
        return found["name"]
    receiver, name = method(evidence)
    return f"{receiver}.{name}" if name else callee(evidence)


def refused_file(evidence: Evidence) -> str:
    """The file of a Python function that Dynamo refuses to inline."""
    found = _REFUSED.search(evidence.context)
    return "" if found is None else found["file"]


def builtin(evidence: Evidence) -> tuple[str, str]:
    """The builtin that was called and Dynamo's names of its arguments' types: ("print", "ConstantVariable, ...")."""
    found = _BUILTIN.search(evidence.context)
    return ("", "") if found is None else (found["name"], found["arguments"])


def method(evidence: Evidence) -> tuple[str, str]:
    """Receiver type and name of a method call: ("ContextVar", "set"), ("TensorVariable", "item")."""
    found = _METHOD.search(evidence.context)
    if found is None:
        return "", ""
    inner = _INNER.search(found["receiver"])
    receiver = inner["inner"] if inner else found["receiver"].partition("(")[0]
    return receiver, found["name"]


def callee(evidence: Evidence) -> str:
    """What the source at the place calls, as it is written: "self.proj" in "self.proj(x)"."""
    text = evidence.source.removeprefix("await ").removeprefix("return ")
    found = _CALLEE.match(text)
    return found["name"] if found else ""


def on_tensor(evidence: Evidence) -> bool:
    """Whether an argument of a builtin is a tensor."""
    return "TensorVariable" in builtin(evidence)[1]


def standard_library(evidence: Evidence, *modules: str) -> bool:
    """Whether the place is in one of these modules of Python's own library ("threading", "logging").

    Not for a generator or comprehension that was compiled by itself: that says nothing of what its module does.
    """
    if evidence.kind in _BY_ITSELF:
        return False
    found = _LIBRARY.search(evidence.path)
    return found is not None and (found["frozen"] or found["name"]) in modules
