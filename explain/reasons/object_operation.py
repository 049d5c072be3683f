"""A Python operation on an object for which Dynamo has no rule."""

from g2.explain.reading import flat, method
from g2.explain.reason import Evidence, Example, Reason


def _headline(evidence: Evidence) -> str:
    receiver, name = method(evidence)
    source = flat(evidence.source, 45)
    if receiver and name and not receiver.endswith("Variable"):
        return f"Dynamo has no rule for {flat(receiver.rpartition('.')[2], 25)}.{name}: {source}".removesuffix(": ")
    return f"Dynamo has no rule for this operation: {source}" if source else ""


REASON = Reason(
    title="Dynamo has no rule for this operation",
    happened="""
        The compiled function does something with a Python object (calls a method, compares,
        hashes, indexes, converts to text) for which Dynamo has no rule.
        """,
    why="""
        Dynamo imitates Python: for each kind of object and each operation somebody had to write
        down what it does. For this pair nobody has. It ends the graph, lets Python do it, and
        starts a new graph.
        """,
    instead="""
        Use a plainer form: lists, dicts, tuples, strings and numbers are known best.

        What does not depend on tensors (parsing, dates, paths, settings) is best done once,
        outside the compiled function, and its result passed in:

            width = parse(settings)["width"]
            y = step(x, width)
        """,
    cost="""
        The graph is cut at each such line. Inside a loop, `try` or `with`, the whole function
        stays uncompiled.
        """,
    kinds=("GB0156", "GB0059", "GB0193", "GB0116", "GB0122"),
    names=(
        "not implemented",
        "missing",
        "unsupported method call",
        "repr()",
        "hash",
        "richcompare",
        "comparison",
        "__getitem__",
        "length_hint",
        "len",
        "isinstance",
        "issubclass",
        "builtin",
        "typing",
        "str()",
        "constant",
        "mutation",
        "unsupported type",
        "list",
        "dict",
        "set",
        "bytearray",
        "bytes",
        "python_type",
        "user-defined",
        "object",
    ),
    headline=_headline,
    steps=(
        "Do it outside the compiled function and pass the result in, or use a plainer form (list, "
        "dict, string, number).",
    ),
    family=True,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                size = memoryview(b"abc").nbytes
                return y + size

            step(torch.ones(3))
            """,
        good="""
            import torch

            size = memoryview(b"abc").nbytes

            @torch.compile
            def step(x):
                y = x * 2
                return y + size

            step(torch.ones(3))
            """,
    ),
    see_also=("compiled-extension", "object-attribute", "unusual-call"),
)
