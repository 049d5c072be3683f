"""Things that export forbids."""

from g2.explain.reason import Reason

REASON = Reason(
    title="something export forbids",
    happened="""
        The program is traced in a strict mode (`torch.export` or another exporter), and the
        function does something that mode forbids.
        """,
    why="""
        An exported program has to be one graph that is right for all inputs. What reads single
        numbers or leaves the graph can't be part of it.
        """,
    instead="""
        Take the operation out of the exported function, or write it with tensors: `torch.where`
        instead of `if`, masks instead of indices.
        """,
    cost="""
        The export fails.
        """,
    kinds=("GB0068", "GB0102", "GB1380", "GB0337", "GB0345", "GB0173"),
    names=("strict mode", "strict_mode", "export"),
    steps=("Write it with tensors (`torch.where`, masks), or take it out of the exported function.",),
    family=True,
    see_also=("tensor-branch", "host-value"),
)
