"""Examples of mask_reduced_to_where."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative

EXAMPLES = (
    Example(
        "sum and mean",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        y = x * 2
        return y[y > 0].sum() + 3 * x[x < 1].mean()


print(Net()(torch.tensor([1.0, -2.0, 3.0])))
""",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        y = x * 2
        return torch.where(y > 0, y, 0).sum() + 3 * (torch.where(x < 1, x, 0).sum() / (x < 1).sum())


print(Net()(torch.tensor([1.0, -2.0, 3.0])))
""",
    ),
    Example(
        "names hold what is selected",
        """import torch


class Net(torch.nn.Module):
    def forward(self, predicted, target):
        known = target > 0
        predicted = predicted[known]
        target = target[known]
        # squared, in logarithms
        error = (predicted.log() - target.log()) ** 2
        return error.mean()


x = torch.tensor([0.0, 2.0, 3.0], requires_grad=True)
loss = Net()(x, torch.tensor([-1.0, 1.0, 2.0]))
loss.backward()
print(loss.detach(), x.grad)
""",
        """import torch


class Net(torch.nn.Module):
    def forward(self, predicted, target):
        known = target > 0
        # squared, in logarithms
        error = (torch.where(known, predicted, 1).log() - torch.where(known, target, 1).log()) ** 2
        return torch.where(known, error, 0).sum() / known.sum()


x = torch.tensor([0.0, 2.0, 3.0], requires_grad=True)
loss = Net()(x, torch.tensor([-1.0, 1.0, 2.0]))
loss.backward()
print(loss.detach(), x.grad)
""",
    ),
    Example(
        "a loss",
        """import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def forward(self, x, y, keep):
        return F.mse_loss(x[keep], y[keep])


keep = torch.tensor([True, False])
print(Net()(torch.ones(2), torch.zeros(2), keep))
""",
        """import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def forward(self, x, y, keep):
        return F.mse_loss(torch.where(keep, x, 0), torch.where(keep, y, 0), reduction="sum") / keep.sum()


keep = torch.tensor([True, False])
print(Net()(torch.ones(2), torch.zeros(2), keep))
""",
    ),
)

ROWS = (
    Example(
        "rows, of which all columns count",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x, keep):
        mean = x[keep].mean()
        return mean + x[keep, :].sum(0)


x = torch.tensor([[1.0, 2.0, 3.0], [float("nan"), 1.0, 1.0]])
print(Net()(x, torch.tensor([True, False])))
""",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x, keep):
        mean = torch.where(keep.unsqueeze(-1), x, 0).sum() / (keep.sum() * x.shape[-1])
        return mean + torch.where(keep.unsqueeze(-1), x, 0).sum(0)


x = torch.tensor([[1.0, 2.0, 3.0], [float("nan"), 1.0, 1.0]])
print(Net()(x, torch.tensor([True, False])))
""",
    ),
    Example(
        "the mask has one dimension less than what it comes of",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x, y):
        z = y * 2
        return x + z[(x.abs() > 0.3).any(1)].sum(0)


print(Net()(torch.tensor([[1.0, -2.0], [0.1, 0.2]]), torch.ones(2, 2)))
""",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x, y):
        z = y * 2
        return x + torch.where((x.abs() > 0.3).any(1).unsqueeze(-1), z, 0).sum(0)


print(Net()(torch.tensor([[1.0, -2.0], [0.1, 0.2]]), torch.ones(2, 2)))
""",
    ),
)

NEGATIVES = (
    Negative(
        "the selected elements are returned",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        return x[x > 0] * 2


print(Net()(torch.tensor([1.0, -2.0, 3.0])))
""",
    ),
    Negative(
        "their number is used",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        y = x[x > 0]
        return y.sum() if len(y) > 1 else x.sum()


print(Net()(torch.tensor([1.0, -2.0, 3.0])))
""",
    ),
    Negative(
        "the median needs the selected elements by themselves",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        return x[x > 0].median()


print(Net()(torch.tensor([1.0, -2.0, 3.0])))
""",
    ),
    Negative(
        "the mean could overflow in half precision",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        return x[x > 0].mean()


print(Net()(torch.tensor([1.0, -2.0, 3.0]).half()))
""",
    ),
    Negative(
        "the tensor changes before what was selected is used",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        y = x * 1
        chosen = y[y > 0]
        y.zero_()
        return chosen.sum() + y.sum()


print(Net()(torch.tensor([1.0, -2.0, 3.0])))
""",
    ),
)
