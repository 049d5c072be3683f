"""BART: inference, in float16 too, where infinities are clamped, then training with LayerDrop."""

import torch
from transformers import BartConfig, BartForConditionalGeneration

torch.manual_seed(0)
config = BartConfig(
    vocab_size=100, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
    decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
    dropout=0.0, encoder_layerdrop=0.3, decoder_layerdrop=0.3,
)  # fmt: skip
net = BartForConditionalGeneration(config)
half = BartForConditionalGeneration(config).eval().half()
model, small = torch.compile(net, backend="aot_eager"), torch.compile(half, backend="aot_eager")

net.eval()
with torch.no_grad():
    for _ in range(2):
        ids, starts = torch.randint(3, 100, (2, 9)), torch.randint(3, 100, (2, 5))
        print(f"{model(input_ids=ids, decoder_input_ids=starts).logits.sum().item():.3f}")
        print(f"{small(input_ids=ids, decoder_input_ids=starts).logits.float().sum().item():.2f}")

net.train()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for _ in range(2):
    loss = model(input_ids=torch.randint(3, 100, (2, 9)), labels=torch.randint(3, 100, (2, 5))).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(f"{loss.item():.3f}")
