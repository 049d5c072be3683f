"""Longformer: a length that has to be padded, global attention to none, one and two tokens, then training."""

import torch
from transformers import LongformerConfig, LongformerForMaskedLM

torch.manual_seed(0)
config = LongformerConfig(
    vocab_size=100, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
    attention_window=4, max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip
net = LongformerForMaskedLM(config)
model = torch.compile(net, backend="aot_eager")


def batch(tokens):
    ids = torch.randint(3, 100, (2, 15))
    chosen = torch.zeros_like(ids)
    chosen[:, :tokens] = 1
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "global_attention_mask": chosen}


net.eval()
with torch.no_grad():
    for tokens in (0, 1, 2):
        print(f"{model(**batch(tokens)).logits.sum().item():.3f}")

net.train()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for tokens in (0, 2):
    inputs = batch(tokens)
    loss = model(**inputs, labels=inputs["input_ids"]).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(f"{loss.item():.3f}")
