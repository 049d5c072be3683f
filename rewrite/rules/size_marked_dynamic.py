"""An input whose size changes is marked before the call, so that the first compilation is dynamic in that dimension."""

from __future__ import annotations

from collections.abc import Iterator

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._marks import marked
from g2.rewrite.site import Site

_MARK = "_dynamo.maybe_mark_dynamic"


def _propose(site: Site) -> Iterator[Proposal | Left]:
    return marked(site, _MARK, "dynamic", Safety.SAFE)


RULE = Rule(
    title="sizes that change are marked as dynamic",
    answers=("changing-size",),
    legal="""
        Always: a mark changes how Dynamo compiles and not what the program computes. maybe_mark_dynamic is used, which
        unlike mark_dynamic raises nothing where the code turns out to need one particular size. The trial run
        has to show a recompile less.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=30,
    examples=(
        Example(
            "a loop over batches",
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2

            for n in (4, 5, 6):
                batch = torch.ones(n, 3)
                print(step(batch).sum())
            """,
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2

            for n in (4, 5, 6):
                batch = torch.ones(n, 3)
                torch._dynamo.maybe_mark_dynamic(batch, 0)
                print(step(batch).sum())
            """,
        ),
        Example(
            "two calls of one model",
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, tokens, scale):
                    return tokens * scale

            net = Net()
            scale = torch.ones(1)
            net(torch.ones(2, 5), scale)
            print(net(tokens=torch.ones(2, 7), scale=scale).sum())
            """,
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, tokens, scale):
                    return tokens * scale

            net = Net()
            scale = torch.ones(1)
            tokens = torch.ones(2, 5)
            torch._dynamo.maybe_mark_dynamic(tokens, 1)
            net(tokens, scale)
            tokens = torch.ones(2, 7)
            torch._dynamo.maybe_mark_dynamic(tokens, 1)
            print(net(tokens=tokens, scale=scale).sum())
            """,
        ),
        Example(
            "a batch that is a dictionary",
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, ids, mask):
                    return ids * mask

            net = torch.compile(Net())
            for n in (4, 5):
                batch = {"ids": torch.ones(2, n), "mask": torch.ones(2, 1)}
                print(net(**batch).sum())
            """,
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, ids, mask):
                    return ids * mask

            net = torch.compile(Net())
            for n in (4, 5):
                batch = {"ids": torch.ones(2, n), "mask": torch.ones(2, 1)}
                torch._dynamo.maybe_mark_dynamic(batch["ids"], 1)
                print(net(**batch).sum())
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

            print([step(torch.ones(n, 3)).sum() for n in (4, 5)])
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
            for n in (4, 5):
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

            for n in (4, 5):
                print(step(torch.rand(1), torch.rand(n)).shape)
            """,
        ),
        Negative(
            "the size is marked already",
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2 if x.shape[0] > 4 else x

            for n in (4, 5):
                x = torch.ones(n, 3)
                torch._dynamo.maybe_mark_dynamic(x, 0)
                print(step(x).sum())
            """,
        ),
    ),
)
