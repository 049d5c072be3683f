"""Longformer: a length that has to be padded, and global attention to none, one and two tokens."""

import torch
from transformers import LongformerConfig, LongformerForMaskedLM

torch.manual_seed(0)
config = LongformerConfig(
    vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    attention_window=4, max_position_embeddings=64,
)  # fmt: skip
model = torch.compile(LongformerForMaskedLM(config).eval(), backend="aot_eager")
with torch.no_grad():
    for tokens in (0, 1, 2):
        ids = torch.randint(3, 100, (2, 15))
        chosen = torch.zeros_like(ids)
        chosen[:, :tokens] = 1
        out = model(input_ids=ids, attention_mask=torch.ones_like(ids), global_attention_mask=chosen)
        print(f"{out.logits.sum().item():.3f}")
