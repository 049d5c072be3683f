"""BioGPT: inference, then training with LayerDrop."""

import torch
from transformers import BioGptConfig, BioGptForCausalLM

torch.manual_seed(0)
config = BioGptConfig(
    vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, layerdrop=0.3,
)  # fmt: skip
net = BioGptForCausalLM(config)
model = torch.compile(net, backend="aot_eager")

net.eval()
with torch.no_grad():
    for length in (9, 9):
        out = model(torch.randint(3, 100, (2, length)))
        print(f"{out.logits.sum().item():.3f}")

net.train()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for length in (9, 9):
    ids = torch.randint(3, 100, (2, length))
    loss = model(ids, labels=ids).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(f"{loss.item():.3f}")
