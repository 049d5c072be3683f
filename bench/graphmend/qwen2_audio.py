"""Qwen2-Audio: text with audio in it, inference, then training."""

import torch
from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration
from transformers.models.qwen2 import Qwen2Config
from transformers.models.qwen2_audio.configuration_qwen2_audio import Qwen2AudioEncoderConfig

torch.manual_seed(0)
audio = Qwen2AudioEncoderConfig(
    num_mel_bins=8, encoder_layers=1, encoder_attention_heads=4, encoder_ffn_dim=64, d_model=32, max_source_positions=20
)
text = Qwen2Config(
    vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64,
)  # fmt: skip
config = Qwen2AudioConfig(audio_config=audio, text_config=text, audio_token_index=99)
net = Qwen2AudioForConditionalGeneration(config)
model = torch.compile(net, backend="aot_eager")


def batch():
    ids = torch.randint(3, 90, (2, 16))
    ids[:, 2:12] = 99
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "input_features": torch.randn(2, 8, 40),
        "feature_attention_mask": torch.ones(2, 40, dtype=torch.long),
    }


net.eval()
with torch.no_grad():
    for _ in range(2):
        print(f"{model(**batch()).logits.sum().item():.3f}")

net.train()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for _ in range(2):
    inputs = batch()
    loss = model(**inputs, labels=inputs["input_ids"]).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(f"{loss.item():.3f}")
