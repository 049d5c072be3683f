"""nonstrict_trace, leaf_function, assume_constant_result: marks with rules of their own."""

from g2.explain.reason import Reason

REASON = Reason(
    title="a function marked for tracing gets what its mark does not allow",
    happened="""
        A function marked with `nonstrict_trace`, `leaf_function` or `assume_constant_result` was
        called with arguments, or gave a result, that the mark does not allow.
        """,
    why="""
        Such a function goes into the graph unread. So everything that goes in and comes out must
        be made of tensors, numbers and containers registered with `pytree`.
        """,
    instead="""
        Pass tensors and plain values, and return tensors. A class of your own as argument has to
        be registered:

            torch.utils._pytree.register_dataclass(Settings)
        """,
    cost="""
        The graph is cut at the call, or Dynamo stops with an error.
        """,
    kinds=("GB0078", "GB0236", "GB0238", "GB0239", "GB0251", "GB2520", "GB3840", "GB6210"),
    names=("nonstrict_trace", "leaf_function", "leaf function", "assume_constant", "pytree"),
    steps=("Pass tensors and plain values to the marked function, and return tensors.",),
    family=True,
    see_also=("custom-operator", "disabled-on-purpose"),
)
