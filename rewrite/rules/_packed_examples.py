"""Examples of packed_to_masked."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative

EXAMPLES = (
    Example(
        "the mean of what a net gives",
        before="""
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 3, batch_first=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x * 2, lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return out.mean(1)


torch.manual_seed(0)
model = torch.compile(Encoder())
print(model(torch.ones(2, 5, 4), torch.tensor([4, 2])).shape)
""",
        after="""
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 3, batch_first=True)

    def forward(self, x, lengths):
        torch._check(int(lengths.min()) > 0, lambda: "Length of all samples has to be greater than 0")
        longest = int(lengths.max())
        out = self.rnn(x * 2)[0][:, :longest]
        ended = torch.arange(longest, device=out.device) >= lengths.to(out.device).unsqueeze(1)
        out = out.masked_fill(ended.unsqueeze(-1), 0)
        return out.mean(1)


torch.manual_seed(0)
torch._dynamo.config.allow_rnn = True
torch._dynamo.config.capture_scalar_outputs = True
model = torch.compile(Encoder())
print(model(torch.ones(2, 5, 4), torch.tensor([4, 2])).shape)
""",
    ),
)

NEGATIVES = (
    Negative(
        "the net runs backwards too",
        """
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 3, batch_first=True, bidirectional=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x * 2, lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return out.mean(1)


torch.manual_seed(0)
model = torch.compile(Encoder())
print(model(torch.ones(2, 5, 4), torch.tensor([4, 2])).shape)
""",
    ),
    Negative(
        "its last state is used",
        """
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 3, batch_first=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True)
        out, last = self.rnn(packed)
        out, _ = pad_packed_sequence(out, batch_first=True)
        return out.sum() + last.sum()


torch.manual_seed(0)
model = torch.compile(Encoder())
print(model(torch.ones(2, 5, 4), torch.tensor([4, 2])).shape)
""",
    ),
    Negative(
        "the lengths that unpacking gives are used",
        """
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 3, batch_first=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True)
        out, sizes = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return out.sum(1) / sizes.unsqueeze(1)


torch.manual_seed(0)
model = torch.compile(Encoder())
print(model(torch.ones(2, 5, 4), torch.tensor([4, 2])).shape)
""",
    ),
    Negative(
        "dropout draws other numbers",
        """
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 3, 2, batch_first=True, dropout=0.5)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x * 2, lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return out.mean(1)


torch.manual_seed(0)
model = torch.compile(Encoder())
print(model(torch.ones(2, 5, 4), torch.tensor([4, 2])).shape)
""",
    ),
)
