"""An input of which a dimension is sometimes 0 or 1 is marked as unbacked, so that one graph serves all sizes."""

from __future__ import annotations

from collections.abc import Iterator

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._marks import marked
from g2.rewrite.site import Site

_MARK = "_dynamo.decorators.mark_unbacked"  # 2.11 to 2.15; torch._dynamo itself does not export it
_CAVEAT = "The compiled code works with a size that it does not know; a backend that needs it raises when it compiles."


def _propose(site: Site) -> Iterator[Proposal | Left]:
    return marked(site, _MARK, "unbacked", Safety.ASK, _CAVEAT)


RULE = Rule(
    title="sizes that are sometimes 0 or 1 are marked as unbacked",
    answers=("zero-one-size",),
    legal="""
        A mark changes how Dynamo compiles and not what the program computes: sizes 0 and 1, which else get code of
        their own, run in the same graph. Where the code decides something with the size Dynamo stops there; the trial
        run sees that, and the mark is then not offered.
        """,
    safety=Safety.ASK,
    propose=_propose,
    rank=32,
    examples=(
        Example(
            "a last batch of one",
            """
            import torch

            @torch.compile
            def step(x):
                return x.softmax(-1) * 2

            for n in (4, 1, 5):
                batch = torch.ones(n, 3)
                print(step(batch).sum())
            """,
            """
            import torch

            @torch.compile
            def step(x):
                return x.softmax(-1) * 2

            for n in (4, 1, 5):
                batch = torch.ones(n, 3)
                torch._dynamo.decorators.mark_unbacked(batch, 0)
                print(step(batch).sum())
            """,
        ),
        Example(
            "a prompt, then one token after the other",
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, ids):
                    return ids.float().cumsum(1)

            net = Net()
            ids = torch.ones(2, 6)
            for _ in range(3):
                out = net(ids)
                ids = out[:, -1:].clone()
            print(ids)
            """,
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, ids):
                    return ids.float().cumsum(1)

            net = Net()
            ids = torch.ones(2, 6)
            for _ in range(3):
                torch._dynamo.decorators.mark_unbacked(ids, 1)
                out = net(ids)
                ids = out[:, -1:].clone()
            print(ids)
            """,
        ),
    ),
    negatives=(
        Negative(
            "the call is in a comprehension",
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2

            print([step(torch.ones(n, 3)).sum() for n in (4, 1)])
            """,
        ),
        Negative(
            "the size belongs to an attribute of the module",
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, x):
                    return x * self.table.sum()

            net = torch.compile(Net())
            for n in (4, 1):
                net.table = torch.ones(n)
                print(net(torch.ones(3)))
            """,
        ),
        Negative(
            "the argument would be evaluated before another one",
            """
            import torch

            @torch.compile
            def step(y, x):
                return x * y

            for n in (4, 1):
                print(step(torch.rand(1), torch.rand(n)).shape)
            """,
        ),
        Negative(
            "sizes that are neither 0 nor 1",
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2

            for n in (4, 5):
                x = torch.ones(n, 3)
                print(step(x).sum())
            """,
        ),
    ),
)
