"""How near to the limit of memory fused kernels come on the GPU that is here: python bench/check_gpu.py [--gib 2].

The limit is the bandwidth of a copy measured in the same run. Each program is memory-bound, and what it must move is
known: its inputs once, its outputs once. It is compiled by Inductor, replayed from a CUDA graph over several sets of
inputs that together exceed the cache, and timed by events of the device, in turn with the copy and with eager.
Results are compared with float64 first. Needs torch with a GPU and triton; g2 itself need not be installed. --dry
runs all of it but the timing, small, on a CPU.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

Tensors = tuple[torch.Tensor, ...]
_ROUNDS = 30
_WIDTH = 4096
_AIM = 0.9  # of the copy's bandwidth


@dataclass(frozen=True)
class Program:
    """A memory-bound function. inputs: how many [rows, width] tensors it reads; sides: further vectors of `width`."""

    name: str
    call: Callable[..., torch.Tensor | Tensors]
    inputs: int = 1
    sides: int = 0
    dtype: torch.dtype = torch.bfloat16
    trains: bool = False  # its backward is timed, alone


@dataclass(frozen=True)
class Row:
    """One program measured. bytes: of one call. share: of the copy's bandwidth in the same rounds."""

    name: str
    kernels: int
    bytes: int
    seconds: float
    share: float
    low: float
    high: float
    eager: float
    error: float


def bias_gelu(x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return F.gelu(x + bias, approximate="tanh")


def add_layer_norm(x: torch.Tensor, rest: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> Tensors:
    total = x + rest
    return total, F.layer_norm(total, (total.shape[-1],), weight, bias)


def rms_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype) * weight


def swiglu(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return F.silu(gate) * up


def scaled_softmax(x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(x * 0.125, dim=-1)


def residual_scale(x: torch.Tensor, rest: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return rest + scale * torch.tanh(x)


def sum_of_squares(x: torch.Tensor) -> torch.Tensor:
    return x.float().pow(2).sum(-1)


PROGRAMS = (
    Program("bias + GELU", bias_gelu, sides=1),
    Program("residual + layer norm", add_layer_norm, inputs=2, sides=2),
    Program("RMS norm", rms_norm, sides=1),
    Program("SwiGLU", swiglu, inputs=2),
    Program("scale + softmax", scaled_softmax),
    Program("tanh + scale + residual", residual_scale, inputs=2, sides=1),
    Program("sum of squares", sum_of_squares),
    Program("bias + GELU, float32", bias_gelu, sides=1, dtype=torch.float32),
    Program("SwiGLU, backward", swiglu, inputs=2, trains=True),
    Program("bias + GELU, backward of x", bias_gelu, sides=1, trains=True),
)


def made(program: Program, rows: int, device: str, seed: int) -> Tensors:
    """Fresh random inputs, never zeros: those can run faster than real data."""
    source = torch.Generator(device).manual_seed(seed)
    shapes = [(rows, _WIDTH)] * program.inputs + [(_WIDTH,)] * program.sides
    tensors = [torch.randn(shape, generator=source, device=device).to(program.dtype) for shape in shapes]
    wanted = program.inputs if program.trains else 0
    return tuple(one.requires_grad_(place < wanted) for place, one in enumerate(tensors))


def results(call: Callable[..., torch.Tensor | Tensors], given: Tensors) -> Tensors:
    """What the call returns; where it trains, its gradients for a fixed cotangent instead."""
    out = call(*given)
    outs = out if isinstance(out, tuple) else (out,)
    wanted = [one for one in given if one.requires_grad]
    if not wanted:
        return outs
    source = torch.Generator(outs[0].device).manual_seed(1)
    cotangent = torch.randn(outs[0].shape, generator=source, device=outs[0].device).to(outs[0].dtype)
    return torch.autograd.grad(outs[0], wanted, cotangent)


def error(program: Program, compiled: Callable[..., torch.Tensor | Tensors], rows: int, device: str) -> float:
    """The largest relative difference from float64, in the norm. NaN counts as infinite."""
    given = made(program, rows, device, 99)
    exact = results(program.call, tuple(one.detach().double().requires_grad_(one.requires_grad) for one in given))
    worst = 0.0
    for found, true in zip(results(compiled, given), exact, strict=True):
        difference = float((found.double() - true).norm() / true.norm())
        worst = max(worst, difference if math.isfinite(difference) else math.inf)
    return worst


def moved(program: Program, given: Tensors, out: Tensors) -> int:
    """Bytes that no version can leave out: what is read once, with the cotangent in a backward pass, and written
    once.
    """
    total = sum(one.numel() * one.element_size() for one in (*given, *out))
    if program.trains:
        total += given[0].numel() * given[0].element_size()  # the cotangent has the shape of the first input
    return total


def captured(work: Callable[[], object]) -> torch.cuda.CUDAGraph:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    torch.cuda.synchronize()
    return graph


def seconds(work: Callable[[], object]) -> float:
    """Of the device, by its events."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1000


def kernels(work: Callable[[], object]) -> int:
    """How many the device runs in one call."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        work()
        torch.cuda.synchronize()
    return sum(getattr(event.device_type, "name", "") == "CUDA" for event in seen.events() or [])


def on_device(program: Program, rows: int, sets: int) -> Row:
    """Compiled, eager and a copy in turns; each call over sets of inputs that the cache cannot hold together."""
    torch.compiler.reset()
    # A backward pass is replayed here, and AOTAutograd gives away what it saved for a single one.
    torch._functorch.config.donated_buffer = False
    compiled = torch.compile(program.call)
    wrong = error(program, compiled, 1024, "cuda")
    every = [made(program, rows, "cuda", seed) for seed in range(sets)]
    backwards = program.trains

    def forward_graphs(call: Callable[..., torch.Tensor | Tensors]) -> list[Callable[[], object]]:
        if not backwards:
            return [lambda given=given: call(*given) for given in every]  # type: ignore[misc]
        works: list[Callable[[], object]] = []
        for given in every:
            out = call(*given)
            first = out[0] if isinstance(out, tuple) else out
            cotangent = torch.randn_like(first)
            wanted = [one for one in given if one.requires_grad]
            works.append(
                lambda first=first, wanted=wanted, cotangent=cotangent: torch.autograd.grad(  # type: ignore[misc]
                    first, wanted, cotangent, retain_graph=True
                )
            )
        return works

    size = moved(program, every[0], tuple(results(compiled, every[0])))
    source = torch.randn(size // 8, device="cuda")
    targets = [torch.empty_like(source) for _ in range(2)]
    fused, eager = forward_graphs(compiled), forward_graphs(program.call)
    count = kernels(fused[0])
    graphs = {
        "fused": [captured(one) for one in fused],
        "eager": [captured(one) for one in eager],
        "copy": [captured(lambda one=one: one.copy_(source)) for one in targets],  # type: ignore[misc]
    }
    taken: dict[str, list[float]] = {name: [] for name in graphs}
    for number in range(_ROUNDS):
        names = list(graphs)
        for name in names[number % 3 :] + names[: number % 3]:
            held = graphs[name]
            taken[name].append(seconds(held[number % len(held)].replay))
    copied = 2 * source.numel() * 4
    shares = sorted(
        (size / fused_s) / (copied / copy_s) for fused_s, copy_s in zip(taken["fused"], taken["copy"], strict=True)
    )
    # The 10th and 21st of 30: the interval of a median by order statistics, at least 95%.
    low, high = shares[9], shares[20]
    return Row(
        program.name, count, size, statistics.median(taken["fused"]), statistics.median(shares), low, high,
        statistics.median(taken["eager"]), wrong,
    )  # fmt: skip


def copy_bandwidth(size: int) -> float:
    """Bytes read and written by second, of the fastest of some copies of `size` bytes."""
    source = torch.randn(size // 4, device="cuda")
    target = torch.empty_like(source)
    copy = captured(lambda: target.copy_(source))
    return 2 * source.numel() * 4 / min(seconds(copy.replay) for _ in range(_ROUNDS))


def table(rows: Sequence[Row], copy: float) -> str:
    """Rows, and those below the aim by name."""
    lines = [
        f"Copy: {copy / 1e12:.2f} TB/s, read and written. Share: of that in the same rounds.",
        "",
        "| program | kernels | bytes | time | share of copy | eager / fused | error |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row.name} | {row.kernels} | {row.bytes / 1e9:.2f} GB | {row.seconds * 1e6:.0f} us "
            f"| {row.share:.0%} [{row.low:.0%}, {row.high:.0%}] | {row.eager / row.seconds:.1f} | {row.error:.1e} |"
        )
    below = [row.name for row in rows if row.share < _AIM]
    lines += ["", f"Below {_AIM:.0%}: {', '.join(below) or 'none'}."]
    return "\n".join(lines)


def dry() -> int:
    """Every program right, and what it moves counted: the part that needs no GPU."""
    for program in PROGRAMS:
        torch.compiler.reset()
        compiled = torch.compile(program.call)
        given = made(program, 32, "cpu", 0)
        size = moved(program, given, tuple(results(compiled, given)))
        print(f"{program.name}: {size} bytes, error {error(program, compiled, 32, 'cpu'):.1e}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a result is wrong."""
    parser = argparse.ArgumentParser(description="Fused kernels against the copy bandwidth of this GPU.")
    parser.add_argument("--gib", type=float, default=1.0, help="GiB of one input")
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--out", type=Path, help="append rows as JSON lines")
    parser.add_argument("--dry", action="store_true")
    given = parser.parse_args(argv)
    if given.dry:
        return dry()
    if not torch.cuda.is_available():
        print("no GPU is here; --dry runs what needs none", file=sys.stderr)
        return 2
    bandwidth = copy_bandwidth(int(given.gib * (1 << 30)))
    rows = []
    for program in PROGRAMS:
        width = _WIDTH * torch.empty((), dtype=program.dtype).element_size()
        begin = time.perf_counter()
        rows.append(on_device(program, int(given.gib * (1 << 30)) // width, given.sets))
        torch.cuda.empty_cache()
        print(f"{program.name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print(table(rows, bandwidth))
    if given.out:
        with given.out.open("a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
    tolerance = 2e-2  # bfloat16 keeps 8 bits: a result rounded once is within 0.4%, one of two roundings within 1%
    return int(any(not row.error < tolerance for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
