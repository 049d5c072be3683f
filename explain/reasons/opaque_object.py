"""Objects registered with torch as opaque."""

from g2.explain.reason import Reason

REASON = Reason(
    title="an opaque object is opened inside a compiled function",
    happened="""
        An object that was registered with torch as opaque (its inside is closed to the compiler)
        was made, read or compared inside the compiled function.
        """,
    why="""
        The graph only passes such an object on to operators. What is inside is not known while
        Dynamo traces.
        """,
    instead="""
        Make the object before the compiled function, pass it in, and ask for its attributes
        outside. Members that the graph may use have to be registered together with the class.
        """,
    cost="""
        The graph is cut at the place, or Dynamo stops with an error.
        """,
    kinds=(
        "GB0362",
        "GB0363",
        "GB1739",
        "GB2078",
        "GB7685",
        "GB8656",
        "GB8843",
        "GB9567",
    ),
    names=("opaque",),
    steps=("Make the object and read its attributes outside the compiled function.",),
    family=True,
    see_also=("tensor-subclass", "object-construction"),
)
