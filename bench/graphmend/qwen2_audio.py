"""Qwen2-Audio: inference on text with audio in it."""

import torch
from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration
from transformers.models.qwen2 import Qwen2Config
from transformers.models.qwen2_audio.configuration_qwen2_audio import Qwen2AudioEncoderConfig

torch.manual_seed(0)
audio = Qwen2AudioEncoderConfig(
    num_mel_bins=8, encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=64, d_model=32, max_source_positions=20
)
text = Qwen2Config(
    vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64,
)  # fmt: skip
config = Qwen2AudioConfig(audio_config=audio, text_config=text, audio_token_index=99)
model = torch.compile(Qwen2AudioForConditionalGeneration(config).eval(), backend="aot_eager")
ids = torch.randint(3, 90, (2, 16))
ids[:, 2:12] = 99
with torch.no_grad():
    for _ in range(2):
        out = model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            input_features=torch.randn(2, 8, 40),
            feature_attention_mask=torch.ones(2, 40, dtype=torch.long),
        )
        print(f"{out.logits.sum().item():.3f}")
