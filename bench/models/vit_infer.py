"""A tiny random ViT looks at two pictures, in bfloat16."""

import torch
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(0)
small = dict(num_hidden_layers=2, num_attention_heads=4, hidden_size=64, intermediate_size=128)
model = ViTForImageClassification(ViTConfig(image_size=32, patch_size=8, **small)).eval().to(torch.bfloat16)
with torch.no_grad():
    model(pixel_values=torch.randn(2, 3, 32, 32, dtype=torch.bfloat16))
