"""Hand-made sessions and reports for tests of the views: everything a view must be able to draw,
and nothing real.
"""

from __future__ import annotations

from dataclasses import replace

from g2.capture.model import (
    Break,
    Cost,
    Effect,
    Frame,
    Graph,
    Guard,
    Owner,
    Process,
    Recompile,
    Root,
    Session,
    Snippet,
    Span,
)
from g2.explain.reason import Reason
from g2.explain.report import Finding, RecompileFinding, Report

CWD = "/home/ada/project"
LIBRARY = "/home/ada/.venv/lib/python3.11/site-packages/transformers/models/led/modeling_led.py"

BRANCH = Reason(
    slug="tensor-branch",
    title="a branch depends on a tensor's value",
    happened="Python had to know whether a tensor is true before it could go on.",
    why=(
        "A graph holds operations, not decisions. The value is only known when the graph runs,\n"
        "so Dynamo ends the graph, computes the value and starts another graph behind the `if`."
    ),
    instead="Choose with torch.where:\n\n    h = torch.where(h.sum() > 0, h * 2, h)\n",
    cost="Two graphs instead of one, and a wait for the device at each call.",
    kinds=("GB0170",),
    see_also=("host-value",),
)
HOST = Reason(
    slug="host-value",
    title="a tensor's value is read by Python",
    happened="`.item()` hands a tensor's value to Python.",
    why="Python needs the number now, and a graph has none until it runs.",
    instead="Keep the value in a tensor.",
    cost="A wait for the device at each call.",
    kinds=("GB0124",),
)

MODEL = (
    "class Block(nn.Module):",
    "    def forward(self, x):",
    "        h = self.norm(x)",
    "",
    "        if h.sum() > 0:",
    "            h = h * 2",
    '        print("mean", h.mean().item())',
    "        return self.out(h)",
)

BRANCH_BREAK = Break(
    span=Span(f"{CWD}/model.py", 42, 11, 42, 22),
    kind="GB0170",
    title="Data-dependent branching",
    context="attempted to jump with TensorVariable()",
    function="Block.forward",
    module="layers.1",
    stack=(
        Frame(Span(f"{CWD}/train.py", 88, 4, 88, 20), "main"),
        Frame(Span(f"{CWD}/model.py", 60, 15, 60, 30), "Net.forward"),
        Frame(Span(f"{CWD}/model.py", 42, 11, 42, 22), "Block.forward"),
    ),
    count=3,
    calls=12,
    owner=Owner(True),
    effect=Effect.SPLIT,
    opcode="POP_JUMP_IF_FALSE",
    snippet=Snippet(38, MODEL),
    cost=Cost(2, 0.31, 1.84, 40, "median of 40 gaps between graphs"),
)
AFTER = replace(
    BRANCH_BREAK,
    span=Span(f"{CWD}/model.py", 51, 8, 51, 30),
    kind="GB0103",
    title="Missing tp_iternext",
    after_effect_of=BRANCH_BREAK.span,
    snippet=None,
    count=1,
)
ITEM_BREAK = replace(
    BRANCH_BREAK,
    span=Span(f"{CWD}/model.py", 44, 22, 44, 37),
    kind="GB0124",
    title="Unsupported Tensor.item() call",
    context="",
    hidden=True,
    because_of=Span(f"{CWD}/model.py", 40, 12, 40, 24),
    count=1,
    cost=Cost(),
    stack=BRANCH_BREAK.stack[:2],
)
LIBRARY_BREAK = replace(
    BRANCH_BREAK,
    span=Span(LIBRARY, 1203, 8, 1204, 40),
    function="LEDEncoder.forward",
    module="encoder",
    owner=Owner(False, "transformers", "4.57.1"),
    effect=Effect.FRAME_LOST,
    count=1,
    calls=4,
    cost=Cost(1, 0.0, 0.21, 4, "median of 4 gaps between graphs"),
    stack=(
        *BRANCH_BREAK.stack[:2],
        *(Frame(Span(LIBRARY, 1900 - n, 12, 1900 - n, 30), f"LEDModel.part{n}") for n in range(5)),
    ),
    snippet=Snippet(
        1201,
        (
            "        # attend to the global tokens",
            "",
            "        if (attention_mask is not None and",
            "\t\tattention_mask.any()):",
            "            is_global = attention_mask > 0",
        ),
    ),
)
SIZE = Recompile(
    span=Span(f"{CWD}/model.py", 39, 4, 39, 25),
    function="Block.forward",
    module="layers.1",
    count=8,
    guards=(
        Guard("x.size(1)", "size", "5", "1", 1, ("5", "1", "2", "3"), "x.size()[1] == 5"),
        Guard("self.step", "value", "7", "8", None, tuple(str(n) for n in range(7, 30))),
    ),
    call_site=Span(f"{CWD}/train.py", 90, 12, 90, 24),
    owner=Owner(True),
    limit_hit=True,
    limit=8,
    eager_calls=92,
    compile_s=1.4,
)


def session(**changes: object) -> Session:
    """A run of train.py with everything in it; `changes` replace fields."""
    whole = Session(
        g2="0.1.0",
        argv=("train.py", "--epochs", "2"),
        cwd=CWD,
        exit_code=0,
        python="3.11.7",
        torch="2.13.0",
        device="cpu",
        started=1_760_000_000.0,
        seconds=12.4,
        roots=(Root("Net.forward", Span(f"{CWD}/model.py", 58, 4, 58, 25), 12, "auto"),),
        breaks=(BRANCH_BREAK, ITEM_BREAK, LIBRARY_BREAK, AFTER),
        recompiles=(SIZE,),
        graphs=(
            Graph("0/0", Span(f"{CWD}/model.py", 58), "Net.forward", 41, 12, 0.8, BRANCH_BREAK.span),
            Graph("0/1", Span(f"{CWD}/model.py", 58), "Net.forward", 41, 3, 0.7),
            Graph("1/0", Span(f"{CWD}/model.py", 43), "Block.forward", 7, 12, 0.2),
            Graph("2/0", Span(LIBRARY, 1210), "LEDEncoder.forward", 120, 4, 1.2),
        ),
        processes=(Process(4711, None, 4, 1, 4),),
        hidden_looked_for=True,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def report(of: Session | None = None) -> Report:
    """The report of `session()`: three places, of which one is hidden and one in a library, and a
    recompile.
    """
    return Report(
        session=of or session(),
        findings=(
            Finding(
                BRANCH_BREAK,
                BRANCH,
                "`if` on a tensor's value: `h.sum() > 0`",
                ("Compute both sides and choose with torch.where:\n\n    h = torch.where(h.sum() > 0, h * 2, h)\n",),
                (AFTER,),
            ),
            Finding(
                LIBRARY_BREAK,
                BRANCH,
                "`if` on a tensor's value: `attention_mask is not None and attention_mask.any()`",
                ("Pass `global_attention_mask=None` when no token is global.",),
            ),
            Finding(
                ITEM_BREAK,
                HOST,
                "`.item()` reads a tensor's value",
                ("Keep the value in a tensor and print it after the step.",),
            ),
        ),
        recompiles=(
            RecompileFinding(
                SIZE,
                "changing-size",
                "x.size(1) changed: 5, 1, 2, 3; self.step changed",
                (
                    "Tell Dynamo that the size changes, before the first call:\n\n"
                    "    torch._dynamo.mark_dynamic(x, 1, min=1, max=5)\n",
                    "Keep self.step in a tensor.",
                ),
            ),
        ),
        next_step="`g2 why tensor-branch` explains the dearest one.",
    )


def clean() -> Report:
    """A run without findings."""
    of = session(breaks=(), recompiles=(), graphs=session().graphs[:1])
    return Report(of, (), (), "")


def repeated(number: int) -> Report:
    """`number` findings of the same reason at different lines."""
    whole = report()
    first = whole.findings[0]
    findings = tuple(
        replace(first, place=replace(BRANCH_BREAK, span=Span(f"{CWD}/model.py", 100 + n), snippet=None))
        for n in range(number)
    )
    return replace(whole, findings=findings, recompiles=())
