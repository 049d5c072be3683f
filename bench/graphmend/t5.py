"""T5: inference, in float16 too, where infinities are clamped, then training."""

import torch
from transformers import T5Config, T5ForConditionalGeneration

torch.manual_seed(0)
config = T5Config(
    vocab_size=100, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, dropout_rate=0.0,
    feed_forward_proj="gated-gelu", tie_word_embeddings=False, decoder_start_token_id=0, pad_token_id=0,
)  # fmt: skip
net = T5ForConditionalGeneration(config)
half = T5ForConditionalGeneration(config).eval().half()
model, small = torch.compile(net, backend="aot_eager"), torch.compile(half, backend="aot_eager")

net.eval()
with torch.no_grad():
    ids, starts = torch.randint(3, 100, (2, 9)), torch.randint(3, 100, (2, 5))
    print(f"{model(input_ids=ids, decoder_input_ids=starts).logits.sum().item():.2f}")
    print(f"{small(input_ids=ids, decoder_input_ids=starts).logits.float().mean().item():.2f}")

net.train()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for _ in range(2):
    loss = model(input_ids=torch.randint(3, 100, (2, 9)), labels=torch.randint(3, 100, (2, 5))).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(f"{loss.item():.3f}")
