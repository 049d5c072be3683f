"""A tiny random Llama continues two texts, once without a cache of keys."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
small = dict(num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, hidden_size=64, intermediate_size=128)
model = LlamaForCausalLM(LlamaConfig(vocab_size=128, **small)).eval()
with torch.no_grad():
    model(input_ids=torch.randint(0, 128, (2, 16)), use_cache=False)
