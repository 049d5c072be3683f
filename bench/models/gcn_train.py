"""A graph network without a library: messages gathered along edges and added up with index_add, two steps."""

import torch
from torch import nn


class Layer(nn.Module):
    def __init__(self, inside: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inside, out)

    def forward(self, x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        source, target = edges
        degree = torch.zeros(x.size(0)).index_add(0, target, torch.ones(target.size(0))).clamp(min=1)
        gathered = torch.zeros_like(x).index_add(0, target, x[source])
        return self.linear(gathered / degree.unsqueeze(-1))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Layer(8, 16), Layer(16, 4)

    def forward(self, x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        hidden = nn.functional.dropout(torch.relu(self.first(x, edges)), 0.2, self.training)
        return self.second(hidden, edges).log_softmax(-1)


torch.manual_seed(0)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(2):
    optimizer.zero_grad()
    found = model(torch.randn(32, 8), torch.randint(0, 32, (2, 96)))
    nn.functional.nll_loss(found, torch.randint(0, 4, (32,))).backward()
    optimizer.step()
