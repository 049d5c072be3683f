"""Planted wrong rewrites, as a faulty rule would make them, and right ones beside them."""

from __future__ import annotations

from judged import Pair

_W = "self.w = torch.nn.Parameter(torch.randn(8))"
_COUNT = 'self.register_buffer("count", torch.zeros(()))'
MUTANTS: tuple[Pair, ...] = (
    # a branch on a tensor
    Pair(
        "swapped branches",
        "if x.sum() > 0:\n    return x + 1\nreturn x - 1",
        "return torch.where(x.sum() > 0, x - 1, x + 1)",
    ),
    Pair(
        "less or equal for less",
        "if x.sum() < 0:\n    return x + 1\nreturn x - 1",
        "return torch.where(x.sum() <= 0, x + 1, x - 1)",
    ),
    Pair(
        "condition negated, wrong for NaN",
        "if x.max() > 0.0:\n    return x.nan_to_num() + 1\nreturn x.nan_to_num()",
        "return torch.where(x.max() <= 0.0, x.nan_to_num(), x.nan_to_num() + 1)",
    ),
    Pair("any for all", "if (x > 0).all():\n    return x + 1\nreturn x", "return torch.where((x > 0).any(), x + 1, x)"),
    Pair(
        "or for and",
        "if x.sum() > 0 and x.max() < 2:\n    return x + 1\nreturn x * 2",
        "return torch.where((x.sum() > 0) | (x.max() < 2), x + 1, x * 2)",
    ),
    Pair(
        "elif before if",
        "if x.sum() > 0:\n    return x + 1\nelif x.max() > 0:\n    return x + 2\nreturn x * 3",
        "return torch.where(x.max() > 0, x + 2, torch.where(x.sum() > 0, x + 1, x * 3))",
    ),
    Pair(
        "early return dropped",
        "if (x == 0).all():\n    return x + 0\nreturn x / x.abs().max()",
        "return x / x.abs().max()",
    ),
    Pair(
        "elementwise for whole",
        "if x.sum() > 0:\n    return x * 2\nreturn x * 3",
        "return torch.where(x > 0, x * 2, x * 3)",
    ),
    Pair(
        "gradient through the untaken side",
        "y = x * self.w\nif y.min() > 0:\n    return y.sqrt()\nreturn y * 2",
        "y = x * self.w\nreturn torch.where(y.min() > 0, y.sqrt(), y * 2)",
        _W,
    ),
    Pair(
        "unused parameter gets a gradient",
        "if x.sum() > 0:\n    return x * self.a\nreturn x * self.b",
        "return torch.where(x.sum() > 0, x * self.a, x * self.b)",
        "self.a = torch.nn.Parameter(torch.ones(8))\nself.b = torch.nn.Parameter(torch.ones(8))",
    ),
    Pair(
        "dtype of the other branch",
        "if x.sum() > 0:\n    return x.half()\nreturn x.half() + 1",
        "return torch.where(x.sum() > 0, x, x + 1)",
    ),
    Pair(
        "missing broadcast",
        "if x.sum() > 0:\n    return x.mean(-1, keepdim=True).expand_as(x) + 0\nreturn x + 1",
        "return x.mean(-1, keepdim=True) if x.numel() > 16 else torch.where(x.sum() > 0, x.mean(), x + 1)",
    ),
    Pair(
        "in-place update of the branch lost",
        "if x.sum() > 0:\n    self.count += 1\nreturn x * self.count",
        "return x * (self.count + (x.sum() > 0))",
        _COUNT,
    ),
    Pair(
        "in-place update outside of its branch",
        "if x.sum() > 1e9:\n    self.count += 1\nreturn x * 2",
        "self.count += 1\nreturn x * 2",
        _COUNT,
    ),
    Pair("training flag ignored", "if self.training:\n    return x * 2\nreturn x * 3", "return x * 2"),
    # memory
    Pair("dropped clone, written to", "y = x.clone()\ny[0] = 0\nreturn y + 1", "y = x\ny[0] = 0\nreturn y + 1"),
    Pair("dropped clone, returned", "return x.clone()", "return x"),
    Pair(
        "view for a copy of a buffer",
        "return self.table[:4].clone()",
        "return self.table[:4]",
        'self.register_buffer("table", torch.randn(9, 8))',
    ),
    Pair("out of place on an alias", "v = x.view(-1)\nv += 1\nreturn x * 2", "v = x.view(-1)\nv = v + 1\nreturn x * 2"),
    Pair(
        "shared buffer written to, seen at the second call",
        "if x.shape[0] > 4:\n    self.scale = self.base * 2\nelse:\n    self.scale = self.base\nreturn x * self.scale",
        "if x.shape[0] > 4:\n    self.scale.copy_(self.base * 2)\nelse:\n    self.scale.copy_(self.base)\n"
        "return x * self.scale",
        "self.base = torch.ones(8)\nself.scale = self.base",
    ),
    Pair(
        "one output buffer for every call",
        "return x * 2 + self.out[0, 0] * 0",
        "n = x.shape[0]\ntorch.mul(x, 2, out=self.out[:n])\nreturn self.out[:n]",
        "self.out = torch.zeros(16, 8)",
    ),
    Pair("outputs that were one object", "y = x * 2\nreturn y, y", "return x * 2, x * 2"),
    Pair(
        "buffer bound anew",
        "self.count.add_(1)\nreturn x * self.alias",
        "self.count = self.count + 1\nreturn x * self.alias",
        _COUNT + "\nself.alias = self.count",
    ),
    Pair(
        "argument not written to",
        "out.copy_(x * 2)\nreturn out.sum()",
        "return (x * 2).sum()",
        args="x = torch.randn(4, 8)\nout = torch.zeros(4, 8)",
        params="x, out",
    ),
    Pair(
        "list argument not appended to",
        "seen.append(x.shape[0])\nreturn x * 2",
        "return x * 2",
        args="x = torch.randn(4, 8)\nseen = []",
        params="x, seen",
    ),
    Pair(
        "mutated default",
        "acc.append(1)\nreturn x * len(acc)",
        "acc = [*acc, 1]\nreturn x * len(acc)",
        params="x, acc=[]",
    ),
    # what is told
    Pair("lost print", 'print("step")\nreturn x * 2', "return x * 2"),
    Pair(
        "lost print in a rare branch",
        'if x.isnan().any():\n    print("NaN")\nreturn x.nan_to_num()',
        "return x.nan_to_num()",
    ),
    Pair("print to the other stream", 'print("step")\nreturn x * 2', 'print("step", file=sys.stderr)\nreturn x * 2'),
    Pair("reordered prints", 'print("a")\nprint("b")\nreturn x * 2', 'print("b")\nprint("a")\nreturn x * 2'),
    Pair(
        "print outside of its loop",
        'for i in range(3):\n    print("step")\nreturn x * 2',
        'print("step")\nreturn x * 2',
    ),
    Pair(
        "digits of a print",
        'print(f"mean {x.mean():.3f}")\nreturn x * 2',
        'print(f"mean {x.mean():.2f}")\nreturn x * 2',
    ),
    Pair(
        "print of a later value",
        "print(float(x[0, 0]))\ny = x + 0\ny += 1\nreturn y",
        "y = x + 0\ny += 1\nprint(float(y[0, 0]))\nreturn y",
    ),
    Pair("other log level", 'log.warning("slow")\nreturn x * 2', 'log.error("slow")\nreturn x * 2'),
    Pair("other logger", 'log.warning("slow")\nreturn x * 2', 'logging.warning("slow")\nreturn x * 2'),
    Pair(
        "lost record of a logger that does not propagate",
        'log.propagate = False\nlog.warning("slow")\nreturn x * 2',
        "log.propagate = False\nreturn x * 2",
    ),
    Pair(
        "order of log records",
        'log.warning("a")\nlog.error("b")\nreturn x * 2',
        'log.error("b")\nlog.warning("a")\nreturn x * 2',
    ),
    Pair(
        "print before a log record",
        'log.warning("a")\nprint("b")\nreturn x * 2',
        'print("b")\nlog.warning("a")\nreturn x * 2',
    ),
    Pair(
        "warning category",
        'warnings.warn("old", FutureWarning)\nreturn x * 2',
        'warnings.warn("old", UserWarning)\nreturn x * 2',
    ),
    Pair("warning lost", 'warnings.warn("old")\nreturn x * 2', "return x * 2"),
    # random streams and clocks
    Pair(
        "reordered random draws",
        "a = torch.rand(8)\nb = torch.rand(8)\nreturn x * a + b",
        "b = torch.rand(8)\na = torch.rand(8)\nreturn x * a + b",
    ),
    Pair(
        "draw moved under a branch",
        "noise = torch.rand(8)\nif x.sum() > 0:\n    return x + noise\nreturn x * 2",
        "if x.sum() > 0:\n    return x + torch.rand(8)\nreturn x * 2",
    ),
    Pair("another random stream", "return x * random.random()", "return x * torch.rand(()).item()"),
    Pair("random draw frozen", "return x * random.random()", "return x * self.draw", "self.draw = random.random()"),
    Pair("one draw too many", "return x * torch.rand(())", "y = x * torch.rand(())\ntorch.rand(())\nreturn y"),
    Pair("stream seeded anew", "return x * torch.rand(())", "torch.manual_seed(1)\nreturn x * torch.rand(())"),
    Pair(
        "frozen clock",
        "self.last = time.time()\nreturn x * 2",
        "self.last = self.first\nreturn x * 2",
        "self.first = time.time()",
    ),
    Pair(
        "clock read once for twice",
        "a = time.perf_counter()\nb = time.perf_counter()\nreturn x * (b - a)",
        "a = time.perf_counter()\nreturn x * (a - a)",
    ),
    # exceptions
    Pair("exception swallowed", 'if x.isnan().any():\n    raise ValueError("NaN")\nreturn x * 2', "return x * 2"),
    Pair(
        "other exception type",
        'if x.isnan().any():\n    raise ValueError("NaN")\nreturn x * 2',
        'if x.isnan().any():\n    raise RuntimeError("NaN")\nreturn x * 2',
    ),
    Pair(
        "other exception message",
        'if x.isnan().any():\n    raise ValueError("NaN")\nreturn x * 2',
        'if x.isnan().any():\n    raise ValueError("nan in input")\nreturn x * 2',
    ),
    Pair(
        "raises at the bound",
        'if (x > 1).any():\n    raise ValueError("above 1")\nreturn x * 2',
        'if (x >= 1).any():\n    raise ValueError("above 1")\nreturn x * 2',
        args="x = torch.rand(4, 8)",
    ),
    Pair("assert lost", 'assert x.isfinite().all(), "finite"\nreturn x * 2', "return x * 2"),
    Pair(
        "state written before the check",
        'if x.isnan().any():\n    raise ValueError("NaN")\nself.calls += 1\nreturn x * 2',
        'self.calls += 1\nif x.isnan().any():\n    raise ValueError("NaN")\nreturn x * 2',
        "self.calls = 0",
    ),
    # what is returned
    Pair("dict order", 'return {"a": x + 1, "b": x + 2}', 'return {"b": x + 2, "a": x + 1}'),
    Pair("tuple for list", "return [x + 1, x + 2]", "return x + 1, x + 2"),
    Pair("number for tensor", "return x.sum()", "return x.sum().item()"),
    Pair("tensor for number", "return int(x.shape[0])", "return torch.tensor(x.shape[0])"),
    Pair("float for int", "return len(x)", "return float(len(x))"),
    Pair("float64 by a constant", "return x * 0.1", "return x * torch.full((1,), 0.1, dtype=torch.float64)"),
    Pair("integers of another width", "return (x > 0).sum(dtype=torch.int32)", "return (x > 0).sum()"),
    Pair("keepdim lost", "return x.sum(-1, keepdim=True)", "return x.sum(-1)"),
    Pair("other strides", "return (x * 2).t()", "return (x * 2).t().contiguous()"),
    Pair("squeezes a batch of one", "return x.unsqueeze(1).squeeze(1) + 1", "return x.unsqueeze(1).squeeze() + 1"),
    Pair(
        "attribute of an object",
        "return SimpleNamespace(loss=x.sum(), n=4)",
        "return SimpleNamespace(loss=x.sum(), n=5)",
    ),
    # gradients and modes
    Pair("detached", "return x * self.w", "return (x * self.w).detach()", _W),
    Pair("detach lost", "return x * self.w.detach() + self.w", "return x * self.w + self.w", _W),
    Pair("partly detached", "return x * self.w + self.w", "return x * self.w.detach() + self.w", _W),
    Pair("gradient through what was an item", "return x * x.abs().max().item()", "return x * x.abs().max()"),
    Pair(
        "grad mode left off",
        "with torch.no_grad():\n    y = x * 2\nreturn y",
        "torch.set_grad_enabled(False)\nreturn x * 2",
    ),
    Pair("requires_grad_ lost", "self.w.requires_grad_(False)\nreturn x * 2", "return x * 2", _W),
    # numbers
    Pair("eps dropped", "return x / (x.abs().sum() + 1e-6)", "return x / x.abs().sum()"),
    Pair("clamp for where", "return torch.where(x > 0, x, 0.0)", "return x.clamp(min=0)"),
    Pair("mask times infinity", "return x[x < 3].sum()", "return (x * (x < 3)).sum()"),
    Pair("rounding of negatives", "return torch.floor(x / 2)", "return torch.trunc(x / 2)"),
    Pair(
        "truncated for rounded",
        "return x + int(x.nan_to_num().mean().clamp(-9, 9) * 10)",
        "return x + (x.nan_to_num().mean().clamp(-9, 9) * 10).round()",
    ),
    Pair(
        "first of none",
        "found = (x > 2).any(0).nonzero()\nreturn found[0, 0] if len(found) else torch.tensor(-1)",
        "return (x > 2).any(0).int().argmax()",
    ),
    Pair(
        "mean of an empty selection",
        "s = x[x > 2]\nreturn s.sum() / max(len(s), 1)",
        "m = x > 2\nreturn torch.where(m, x, 0.0).sum() / m.sum()",
    ),
    Pair("sum in half precision", "return x.sum(-1)", "return x.bfloat16().sum(-1).float()"),
    Pair("length fixed at the first call", "return x.sum(0) / x.shape[0]", "return x.sum(0) / 4"),
    # state
    Pair("counter not counted", "self.calls += 1\nreturn x * 2", "return x * 2", "self.calls = 0"),
    Pair("counter counted twice", "self.calls += 1\nreturn x * 2", "self.calls += 2\nreturn x * 2", "self.calls = 0"),
    Pair(
        "history lost",
        "self.seen.append(float(x.sum()))\nreturn x * 2",
        "self.seen.append(0.0)\nreturn x * 2",
        "self.seen = []",
    ),
    Pair(
        "number kept as tensor",
        "self.last = x.sum().item()\nreturn x * 2",
        "self.last = x.sum()\nreturn x * 2",
        "self.last = 0.0",
    ),
    Pair(
        "running mean without momentum",
        "self.count.mul_(0.9).add_(0.1 * x.mean())\nreturn x * 2",
        "self.count.copy_(x.mean())\nreturn x * 2",
        _COUNT,
    ),
    Pair(
        "first call for every call",
        "if not self.ready:\n    self.mean = x.mean()\n    self.ready = True\nreturn x - self.mean",
        "self.mean = x.mean()\nself.ready = True\nreturn x - self.mean",
        "self.ready = False\nself.mean = torch.zeros(())",
    ),
    Pair(
        "hook lost",
        "self.lin.register_forward_hook(print_nothing)\nreturn x * 2",
        "return x * 2",
        "global print_nothing\nprint_nothing = lambda *args: None\nself.lin = torch.nn.Linear(2, 2)",
    ),
)

# Really equal, or within rounding.
EQUAL: tuple[Pair, ...] = (
    Pair(
        "branch to where",
        "if x.sum() > 0:\n    y = x + 1\nelse:\n    y = x - 1\nreturn y",
        "return torch.where(x.sum() > 0, x + 1, x - 1)",
    ),
    Pair(
        "update to where",
        "y = x * 2\nif y.sum() > 0:\n    y = y + 1\nreturn y",
        "y = x * 2\ny = torch.where(y.sum() > 0, y + 1, y)\nreturn y",
    ),
    Pair(
        "branch that returns its input",
        "if x.sum() > 0:\n    x = x * 2\nreturn x",
        "return torch.where(x.sum() > 0, x * 2, x)",
    ),
    Pair(
        "safe side of a root",
        "y = x * self.w\nif y.min() > 0:\n    return y.sqrt()\nreturn y * 2",
        "y = x * self.w\nok = y.min() > 0\nreturn torch.where(ok, torch.where(ok, y, 1.0).sqrt(), y * 2)",
        _W,
    ),
    Pair("print behind the region", 'y = x * 2\nprint("step")\nreturn y + 1', 'z = x * 2 + 1\nprint("step")\nreturn z'),
    Pair("item kept as tensor", "return x * x.abs().max().item()", "return x * x.abs().max().detach()"),
    Pair(
        "same check, written otherwise",
        'if x.isnan().any():\n    raise ValueError("NaN")\nreturn x * 2',
        'if (x != x).any():\n    raise ValueError("NaN")\nreturn x * 2',
    ),
    Pair("sum in another order", "return x.sum()", "return x.sum(0).sum(0)"),
    Pair("product by another kernel", "return x @ self.w", "return (x * self.w).sum(-1)", _W),
    Pair(
        "counter",
        "self.calls += 1\nprint(self.calls)\nreturn x * 2",
        "self.calls = self.calls + 1\nprint(self.calls)\nreturn x * 2",
        "self.calls = 0",
    ),
    Pair(
        "elapsed time",
        "t = time.perf_counter()\ny = x * 2\nprint(time.perf_counter() - t)\nreturn y",
        "y = x * 2\nt = time.perf_counter()\nprint(time.perf_counter() - t)\nreturn y",
    ),
    Pair(
        "random draws",
        "return torch.dropout(x, 0.5, self.training) + random.random()",
        "r = random.random()\nreturn torch.dropout(x, 0.5, self.training) + r",
    ),
    Pair(
        "log behind the region",
        'y = x * 2\nlog.warning("n %d", len(x))\nreturn y + 1',
        'y = x * 2 + 1\nlog.warning("n %d", len(x))\nreturn y',
    ),
    Pair(
        "layer norm by hand",
        "return torch.nn.functional.layer_norm(x.contiguous(), (8,))",
        "x = x.contiguous()\nm = x.mean(-1, keepdim=True)\nv = (x - m).pow(2).mean(-1, keepdim=True)\n"
        "return (x - m) * torch.rsqrt(v + 1e-5)",
    ),
    Pair(
        "random stream, named",
        "return x * random.random()",
        "return x * torch.rand(()).item()",
        differs=frozenset({"random"}),
    ),
    Pair(
        "exception type, named",
        'if x.isnan().any():\n    raise ValueError("NaN")\nreturn x * 2',
        'if x.isnan().any():\n    raise RuntimeError("NaN")\nreturn x * 2',
        differs=frozenset({"exception-type"}),
    ),
)
