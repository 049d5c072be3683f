"""A tiny random T5 translates, for two steps."""

import torch
from transformers import T5Config, T5ForConditionalGeneration

torch.manual_seed(0)
small = dict(num_layers=2, num_heads=4, d_model=64, d_kv=16, d_ff=128, vocab_size=128, decoder_start_token_id=0)
model = T5ForConditionalGeneration(T5Config(**small)).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for _ in range(2):
    optimizer.zero_grad()
    model(input_ids=torch.randint(1, 128, (2, 12)), labels=torch.randint(1, 128, (2, 8))).loss.backward()
    optimizer.step()
