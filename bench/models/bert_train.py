"""A tiny random BERT classifies, two steps with dropout and a padded batch."""

import torch
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(0)
small = dict(num_hidden_layers=2, num_attention_heads=4, hidden_size=64, intermediate_size=128, vocab_size=128)
model = BertForSequenceClassification(BertConfig(**small)).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
mask = torch.ones(2, 16, dtype=torch.long)
mask[1, 10:] = 0
for _ in range(2):
    optimizer.zero_grad()
    batch = dict(input_ids=torch.randint(0, 128, (2, 16)), attention_mask=mask, labels=torch.tensor([0, 1]))
    model(**batch).loss.backward()
    optimizer.step()
