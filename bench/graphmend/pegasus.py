"""Pegasus: inference, then training with LayerDrop."""

import torch
from transformers import PegasusConfig, PegasusForConditionalGeneration

torch.manual_seed(0)
config = PegasusConfig(
    vocab_size=100, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
    decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
    dropout=0.0, encoder_layerdrop=0.3, decoder_layerdrop=0.3,
)  # fmt: skip
net = PegasusForConditionalGeneration(config)
model = torch.compile(net, backend="aot_eager")

net.eval()
with torch.no_grad():
    for _ in range(2):
        out = model(input_ids=torch.randint(3, 100, (2, 9)), decoder_input_ids=torch.randint(3, 100, (2, 5)))
        print(f"{out.logits.sum().item():.3f}")

net.train()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for _ in range(2):
    loss = model(input_ids=torch.randint(3, 100, (2, 9)), labels=torch.randint(3, 100, (2, 5))).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(f"{loss.item():.3f}")
