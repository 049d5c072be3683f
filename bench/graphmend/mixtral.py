"""Mixtral, a mixture of experts: inference, then training."""

import torch
from transformers import MixtralConfig, MixtralForCausalLM

torch.manual_seed(0)
config = MixtralConfig(
    vocab_size=100, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
    intermediate_size=64, num_local_experts=4, num_experts_per_tok=2, max_position_embeddings=64,
)  # fmt: skip
net = MixtralForCausalLM(config)
model = torch.compile(net, backend="aot_eager")

net.eval()
with torch.no_grad():
    for length in (9, 9):
        out = model(torch.randint(3, 100, (2, length)), use_cache=False)
        print(f"{out.logits.sum().item():.3f}")

net.train()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for length in (9, 9):
    ids = torch.randint(3, 100, (2, length))
    loss = model(ids, labels=ids, use_cache=False).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(f"{loss.item():.3f}")
