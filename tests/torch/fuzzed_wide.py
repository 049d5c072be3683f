"""Functions made by chance of more than branches: draws, NumPy, counters, exceptions, containers, calls of methods."""

from __future__ import annotations

from fuzzed import Maker
from fuzzed_words import Pick, tight


class Wide(Maker):
    """One method `name`, with parameters x and y; `helped`: there is a method self.help(x, y) to call."""

    def __init__(self, pick: Pick, name: str = "forward", helped: bool = False) -> None:
        super().__init__(pick)
        self.name = name
        self.helped = helped
        self.notes = 0

    def say(self, line: str) -> None:
        """Some lines have comments, which are not to be lost."""
        if self.chance(3):
            self.notes += 1
            super().say(f"# note {self.notes} of {self.name}")
        if self.chance(4):
            self.notes += 1
            line = f"{line}  # note {self.notes} of {self.name}"
        super().say(line)

    def statement(self, inner: bool = False) -> None:
        if self.chance(45):
            super().statement(inner)
            return
        self.budget -= 1
        forms = [self.drawn, self.numpy, self.counted, self.told, self.kept, self.picked, self.looped, self.odd]
        if self.helped:
            forms += [self.helps] * 2
        if self.budget > 0 and self.depth < 4:
            forms += [self.chosen, self.tried, self.quiet, self.flagged, self.one_line]
        if not inner:
            forms += [self.gathered, self.sized, self.cast, self.raising]
        self.pick(forms)()

    def named(self, value: str) -> None:
        """A tensor shaped as x has a new name, or one of those there are."""
        name = self.pick(("x", "y", "h", "z", "p"))
        self.say(f"{name} = {value}")
        self._known(name)

    def drawn(self) -> None:
        one = self.tensor(1)
        self.named(
            self.pick(
                (
                    f"F.dropout({one}, 0.5, self.training)", f"self.drop({one})", f"{one} + torch.rand_like(x)",
                    f"{tight(one)} * random.random()", f"{tight(one)} * random.choice((1, 2))",
                    f"{one} + np.random.rand()", f"{one} + torch.randn(4)", f"self.lin({one})",
                    f"{tight(one)} * torch.bernoulli(torch.full_like(x, 0.5))",
                    f"{one} if self.training and random.random() < 0.5 else {self.tensor(1)}",
                    f"{one} if np.random.rand() < 0.5 else {self.pick(self.tensors)}",
                )
            )
        )  # fmt: skip

    def numpy(self) -> None:
        if self.chance(40):
            form = self.pick(("np.sqrt({})", "float(np.clip({}, 0, 1))", "np.log1p(abs({}))", "int(np.ceil({}))"))
            self.say(f"n = {form.format(self.pick(('3.0', 'self.limit', 'x.size(0)', f'{self.scalar()}.item()')))}")
            self.numbers = [*self.numbers, "n"]
            return
        one = tight(self.tensor(1))
        self.named(
            self.pick(
                (
                    f"torch.from_numpy(np.abs({one}.detach().numpy()))",
                    f"x * float(np.mean({one}.detach().numpy()))",
                    f"{one} * torch.from_numpy(np.array([1.0, 2.0, 0.5, 1.0], dtype=np.float32))",
                    f"{one} * float(np.max(np.array([0.5, 2.0])))",
                    f"torch.tensor(np.tanh({one}.detach().numpy()))",
                    f"{one} * np.pi",
                )
            )
        )

    def counted(self) -> None:
        said = ("self.count += 1", "self.count = self.count + 1", "self.rate *= 0.9", "self.limit += 0.25")
        self.say("globals()['steps'] += 1" if self.chance(5) else self.pick(said))
        if self.chance(50):
            self.named(f"{tight(self.tensor(1))} * {self.pick(('self.count', 'self.rate', 'scale', 'steps'))}")
        elif self.depth < 4:
            self.say(f"if {self.pick(('self.count % 2 == 0', 'self.count > 2', 'self.rate < 0.2', 'steps > 1'))}:")
            self.block(1, end=False)

    def told(self) -> None:
        self.say(
            self.pick(
                (
                    'logger.info("sum %s", x.shape)', 'logger.warning("odd")',
                    f'logger.warning("value %.3f", {self.scalar()}.item())', 'print("x", tuple(x.shape), end=" ")',
                    f'warnings.warn(f"odd {{{self.scalar()}.item():.2f}}")', f'print(f"{{{self.scalar()}:.4f}}")',
                    f'if {self.condition(0)}: print("yes")', f'if {self.condition(0)}: logger.warning("no %d", 1)',
                    'if os.environ.get("FUZZ_SAYS"): print("said")', "began = time.perf_counter()",
                    "self.took = time.time()",
                )
            )
        )  # fmt: skip

    def kept(self) -> None:
        one = self.pick(self.tensors)
        self.say(
            self.pick(
                (
                    f"self.seen.append({self.scalar()}.item())", f"self.seen.append({one}.detach())",
                    f'self.table["a"] = {self.scalar()}.detach()', f'self.table["n"] = {self.scalar()}.item()',
                    f"self.last = copy.deepcopy({one}.detach())", f"self.last = {self.scalar()}.item()",
                    f"self.w.data.mul_({self.pick(('0.5', 'x.detach().mean()'))})", "self.state = self.state.clone()",
                    f"self.limit = {self.scalar()}.item()", "self.state.add_(x.detach().mean(0), alpha=0.1)",
                )
            )
        )  # fmt: skip

    def picked(self) -> None:
        one, mask = tight(self.pick(self.tensors)), self.mask()
        self.named(
            self.pick(
                (
                    f"{one}[{tight(self.tensor(0))}.sum(1).argsort()]", f"x + F.one_hot({one}.argmax(1), 4)",
                    f"x * ({mask}).nonzero().size(0)", f"x + len(torch.unique({one}.round()))",
                    f"x + {one}[int(y.sum(1).argmax())]", f"x * {one}.flatten()[0].item()",
                    f"{one}.masked_fill({mask}, 0.5)", f"x + {one}[{mask}].sum()",
                    f"x + {one}[({mask}).any(1)].sum(0)", f"x + sum({one}[0].tolist())",
                    f"torch.stack([row * 2 if row.sum() > 0 else row for row in {one}])",
                    f"x + sum(row.mean() for row in {one} if row.max() > 0.5)", f"x * max({one}.max().item(), 0.5)",
                    f"x + torch.arange(4)[: int(({mask}).sum().clamp(max=1))].sum()",
                    f"x + {one}[:, : max(int(({mask}).any()), 1)].sum()",
                    f"x + torch.repeat_interleave({one}, 2).sum()",
                )
            )
        )  # fmt: skip

    def looped(self) -> None:
        name = self.pick(self.tensors)
        form = self.pick(range(5))
        if form == 0:
            self.say("tries = 0")
            self.say(f"while {self.condition(0)} and tries < 3:")
            self.say(f"    {name} = {name} * 0.5")
            self.say("    tries += 1")
        elif form == 1:
            self.say(f"for i in range({self.pick(('2', 'x.size(0)'))}):")
            self.say(f"    if {name}[i].sum() > {self.pick(('0', '1', 'i'))}:")
            self.say(f"        {name}[i] = {self.pick(('0', 'y[i] * 2', f'{name}[i] + 1'))}")
        elif form == 2:
            self.say("for layer in self.layers:")
            self.depth += 1
            self.say(f"if {self.pick((self.condition(0), 'self.training and random.random() < 0.5'))}:")
            self.say("    continue" if self.chance(60) else f"    {name} = {name} + 1")
            self.say(f"{name} = layer({name})")
            self.depth -= 1
        elif form == 3:
            self.say("parts = []")
            self.say(f"for row in {name}:")
            self.say(f"    parts.append(row {self.pick(('* 2', '- row.mean()', 'if row.sum() > 0 else row * 0'))})")
            self.named("torch.stack(parts)")
        else:
            self.say(f"for v in {name}[0].tolist():")
            self.say(f"    {name} = {name} + v")

    def odd(self) -> None:
        """Other ways to write the same things."""
        one, other = self.tensor(1), self.pick(self.tensors)
        self.named(
            self.pick(
                (
                    f"torch.add({other}, {one} if {self.condition(0)} else 1)",
                    f"({other} if {self.condition(0)} else {one}).relu()",
                    f"(lambda t: t * 2 if t.sum() > 0 else t)({one})",
                    f"{other} * (1 if {self.condition(0)} else -1)",
                    f"{one} if {self.condition(0)} else {other} if {self.condition(0)} else x",
                    f"torch.where({self.mask()}, {one}, {other}) if {self.condition(0)} else {other}",
                    f"{other} + (top := {self.scalar()}) * (2 if top > 0 else 1)",
                    f"{other} * float({self.condition(0)})",
                    f"{other} * ({self.condition(0)})",
                    f"{other}.chunk(2, 1)[0].repeat(1, 2)",
                    f"{other}[:, torch.randperm(4)]",
                )
            )
        )

    def helps(self) -> None:
        self.named(f"self.help({self.tensor(1)}, {self.pick(self.tensors)})")

    def chosen(self) -> None:
        self.say(f"if (top := {self.scalar()}) > {self.number()}:")
        self.block(2)
        if self.chance(50):
            self.say("else:")
            self.block(2)

    def tried(self) -> None:
        self.say("try:")
        self.block(2)
        self.say(self.pick(("except ValueError:", "except Exception as error:", "finally:")))
        self.depth += 1
        self.say(self.pick(('print("caught")', "self.count += 10", "y = y * 0.5")))
        self.depth -= 1

    def quiet(self) -> None:
        self.say(f"with {self.pick(('torch.no_grad()', 'torch.enable_grad()', 'warnings.catch_warnings()'))}:")
        self.block(2)

    def flagged(self) -> None:
        self.say(f"if {self.pick(('not self.ready', 'not self.ready.item()', 'self.last is None', 'self.ready'))}:")
        self.depth += 1
        self.say(self.pick(("self.ready.fill_(True)", "self.ready = torch.tensor(True)", "self.last = x.detach()")))
        self.statement(inner=True)
        self.depth -= 1

    def one_line(self) -> None:
        name = self.pick(self.tensors)
        self.say(f"if {self.condition(0)}: {name} = {name} * 2; {name} = {name} + 1")

    def gathered(self) -> None:
        self.say(f"out = {{'a': {self.tensor(1)}, 'n': {self.scalar()}}}")
        self.say(f"if {self.condition(0)}:")
        self.say(f"    out['a'] = {self.tensor(1)}")
        self.named("out['a'] + out['n']")

    def sized(self) -> None:
        one = self.pick(self.tensors)
        self.say(f"few = {one}[{self.pick(('({}).any(1)', '({})[:, 0]')).format(self.mask())}]")
        self.say(self.pick((
            "if few.size(0) > 0:", "if len(few) == 0:", "if few.numel():", f"if {self.condition(0)} and len(few):",
        )))  # fmt: skip
        self.say(f"    {one} = {one} + {self.pick(('few.mean()', 'few.sum()', '1', 'few.sum(0)'))}")

    def cast(self) -> None:
        one = tight(self.tensor(1))
        self.say(self.pick((f"k = {one}.long()", f"k = {one}.round().int()", f"k = {one} > 0", f"k = {one}.double()")))
        self.say(f"if {self.pick(('k.sum() > 0', 'k.any()', 'k.max() > 1', 'k[0, 0]'))}:")
        self.say(f"    k = {self.pick(('k * 2', 'k + 1', 'k + 0.5', 'k * x', 'torch.zeros_like(k)'))}")
        self.named("x + k")

    def raising(self) -> None:
        self.say(f"if {self.condition()}:")
        kind = self.pick(("ValueError", "RuntimeError", "IndexError", "TypeError"))
        message = self.pick(('"bad input"', 'f"bad {tuple(x.shape)}"', 'f"bad {x.sum()}"'))
        self.say(f"    raise {kind}({message})")

    def method(self) -> str:
        """The whole of it."""
        return f"    def {self.name}(self, x, y):\n{self.whole()}"


class Helper(Wide):
    """A method that gives a tensor shaped as x."""

    def __init__(self, pick: Pick) -> None:
        super().__init__(pick, "help")
        self.budget = 5

    def result(self) -> str:
        return self.tensor(1)
