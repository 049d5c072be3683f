"""Files, the operating system, other processes: the world outside."""

from g2.explain.reading import builtin, flat, method, module, standard_library
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot

_MODULES = {
    "posix",
    "nt",
    "_io",
    "io",
    "os",
    "os.path",
    "shutil",
    "subprocess",
    "_posixsubprocess",
    "_socket",
    "socket",
    "torch.serialization",
}
_STREAMS = {
    "TextIOWrapper",
    "BufferedReader",
    "BufferedWriter",
    "StringIO",
    "BytesIO",
    "_io.StringIO",
    "_io.BytesIO",
    "FileIO",
}


def _claims(evidence: Evidence) -> bool:
    if module(evidence) in _MODULES or builtin(evidence)[0] in {"open", "input"}:
        return True
    library = standard_library(
        evidence,
        "os",
        "posixpath",
        "ntpath",
        "genericpath",
        "pathlib",
        "shutil",
        "subprocess",
        "tempfile",
        "socket",
        "io",
        "csv",
    )
    return library or method(evidence)[0] in _STREAMS or "UserDefinedObjectVariable(TextIOWrapper)" in evidence.context


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a file or the operating system is used: {source}" if source else ""


def _used(event: Event) -> Spot | None:
    return Spot(event.node, "a file or the system is asked: {}")


REASON = Reason(
    title="a file or the operating system is used inside a compiled function",
    happened="""
        The compiled function opens, reads or writes a file, asks whether a path exists, sets an
        environment variable, or starts a process.
        """,
    why="""
        A graph holds tensor operations and nothing else. What the operating system answers may be
        another thing at each call, so Dynamo ends the graph, lets Python ask, and starts a new
        graph.
        """,
    instead="""
        Do it before or after the compiled function, and pass in what was read:

            table = torch.load("table.pt")          # once, outside
            y = step(x, table)

        To save something from the middle, return it and save it outside.
        """,
    cost="""
        The graph is cut, and the device waits for the disk. `with open(...)` leaves the whole
        function uncompiled.
        """,
    claims=_claims,
    before=(
        "skipped-function",
        "context-manager",
        "print-call",
        "python-random",
        "interpreter-state",
        "thread-state",
        "unusual-call",
    ),
    headline=_headline,
    steps=("Read or write outside the compiled function, and pass in or return what is needed.",),
    example=Example(
        bad="""
            import os

            import torch

            @torch.compile
            def step(x):
                y = x * 2
                if os.path.exists("scale.txt"):
                    y = y + 1
                return y + 1

            step(torch.ones(4))
            """,
        good="""
            import os

            import torch

            shifted = os.path.exists("scale.txt")

            @torch.compile
            def step(x):
                y = x * 2
                if shifted:
                    y = y + 1
                return y + 1

            step(torch.ones(4))
            """,
    ),
    see_also=("print-call", "logging-call", "copy-or-pickle"),
    seen=(
        Detector(
            "call",
            _used,
            names=(
                "builtins.open",
                "builtins.input",
                "os.path.exists",
                "os.path.isfile",
                "os.path.isdir",
                "os.listdir",
                "os.makedirs",
                "os.mkdir",
                "os.remove",
                "os.getpid",
                "os.getcwd",
                "os.system",
                "os.stat",
                "torch.save",
                "torch.load",
                "shutil.*",
                "subprocess.*",
                "socket.*",
            ),
        ),
    ),
)
