"""Phi-3 and Phi-4 with LongRoPE: short, long and short prompts on the same object, then training."""

import torch
from transformers import Phi3Config, Phi3ForCausalLM

torch.manual_seed(0)
config = Phi3Config(
    vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    intermediate_size=64, max_position_embeddings=64, original_max_position_embeddings=16,
    pad_token_id=0, bos_token_id=1, eos_token_id=2,
    rope_scaling={"type": "longrope", "long_factor": [2.0] * 4, "short_factor": [1.0] * 4},
)  # fmt: skip
net = Phi3ForCausalLM(config)
model = torch.compile(net, backend="aot_eager")

net.eval()
with torch.no_grad():
    for length in (9, 24, 9):
        out = model(torch.randint(3, 100, (2, length)), use_cache=False)
        print(f"{out.logits.sum().item():.3f}")

net.train()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for length in (9, 24, 9):
    ids = torch.randint(3, 100, (2, length))
    loss = model(ids, labels=ids, use_cache=False).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(f"{loss.item():.3f}")
