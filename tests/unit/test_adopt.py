"""Where options and torch.compile are written in a person's file; no torch is needed for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from g2.capture.model import Break, Effect, Frame, Owner, Root, Session, Span, Use
from g2.explain.findings import report
from g2.rewrite.adopt import adopt
from g2.rewrite.edit import Text
from g2.rewrite.making import Made, made
from g2.rewrite.model import FileEdits, Left, Target
from g2.rewrite.rules._compiles import compiles
from g2.rewrite.rules._options import options_edit
from g2.rewrite.site import Site
from g2.rewrite.source import Source

NAME = "capture_scalar_outputs"

# A script, and the line that sets the option, which is the only one that is new.
SETTINGS = {
    "a decorator, torch under another name": (
        "import torch as th\n\n@th.compile(dynamic=True)\ndef f(x):\n    return x\n",
        f"@th._dynamo.config.patch({NAME}=True)",
    ),
    "a method among other decorators": (
        "import torch\nclass A:\n    @other\n    @torch.compile\n    def f(self, x):\n        return x\n",
        f"    @torch._dynamo.config.patch({NAME}=True)",
    ),
    "a module": (
        "import torch\ndef main():\n    model = torch.compile(Net())\n    model.eval()\n",
        f"    torch._dynamo.config.{NAME} = True",
    ),
    "a module in a branch of one line": (
        "import torch\nif fast: model = torch.compile(Net())\n",
        f"torch._dynamo.config.{NAME} = True",
    ),
    "in place": ("import torch\nmodel = Net()\nmodel.compile(mode='default')\n", f"torch._dynamo.config.{NAME} = True"),
    "re.compile is not meant": (
        "import re\nimport torch\nword = re.compile('x')\n\nx = 1\n",
        f"torch._dynamo.config.{NAME} = True",
    ),
    "windows": (
        "import torch\r\nmodel = Net()\r\nmodel.compile()\r\n",
        f"torch._dynamo.config.{NAME} = True",
    ),
}


def site(text: str) -> tuple[Site, Source]:
    """A break in a function of a script that nothing more is known of."""
    source = Source("/s.py", text.encode())
    session = Session("0", ("/s.py",), "/", 0, "3", "2", "cpu", 0.0, 0.0)
    target = Target("host-value", Span("/s.py", 1), "f", "", True)
    piece = source.whole
    return Site(target, None, None, session, piece, piece.module, target.span, "/s.py", lambda _: source), source


def new_text(text: str, option: str = NAME) -> str:
    place, source = site(text)
    edits = options_edit(place, {option: True})
    assert isinstance(edits, FileEdits)
    return Text.of(source, [edits]).draw()


@pytest.mark.parametrize("case", SETTINGS)
def test_an_option_is_set_around_the_compile_call(case: str) -> None:
    before, line = SETTINGS[case]
    after = new_text(before)
    compile(after, "s.py", "exec")
    assert line in after.splitlines()
    rest = after.splitlines()
    rest.remove(line)
    assert [one for one in rest if one] == [one for one in before.splitlines() if one]
    assert ("\r\n" in before) == ("\r\n" in after)


def test_a_function_compiled_by_a_call_is_wrapped() -> None:
    after = new_text("import torch\ndef f(x):\n    return x\ng = torch.compile(f, dynamic=True)  # fast\n")
    assert after.endswith(f"g = torch._dynamo.config.patch({NAME}=True)(torch.compile(f, dynamic=True))  # fast\n")


@pytest.mark.parametrize("case", SETTINGS)
def test_an_option_is_set_once(case: str) -> None:
    place, _ = site(new_text(SETTINGS[case][0]))
    assert options_edit(place, {NAME: True}) == Left(f"{NAME} is set already")


@pytest.mark.parametrize("case", SETTINGS)
def test_a_second_option_joins_the_first(case: str) -> None:
    """Cures of two rounds are kept as edits of the text on disk, apart from each other."""
    place, source = site(SETTINGS[case][0])
    first = options_edit(place, {NAME: True})
    assert isinstance(first, FileEdits)
    one = Text.of(source, [first])
    second = options_edit(site(one.draw())[0], {"allow_rnn": True})
    assert isinstance(second, FileEdits)
    edits, taken = one.carried(second.edits)
    kept = tuple(edit for edit in one.edits if edit not in taken)
    both = Text.of(source, [FileEdits(source.path, (*kept, *edits), one.imports)]).draw()
    compile(both, "s.py", "exec")
    assert NAME in both and "allow_rnn" in both


def test_what_the_script_chose_is_left() -> None:
    place, _ = site(f"import torch\ntorch._dynamo.config.{NAME} = False\nmodel.compile()\n")
    assert options_edit(place, {NAME: True}) == Left(f"s.py sets {NAME} to False")


def test_a_disabled_compile_call_asks_for_nothing() -> None:
    source = Source("/s.py", b"import torch\nm = torch.compile(Net(), disable=True)\n")
    assert compiles(source) == []


# A script, the name used, the line of its use, and the line behind which one more statement goes.
MADE = {
    "behind what finishes it": ("m = Net()\nm.to('cpu').eval()\nm.load_state_dict(s)\nx = 1\nm(x)\n", "m", 5, 3),
    "behind both branches": ("if a:\n    m = A()\nelse:\n    m = B()\nm(1)\n", "m", 5, 4),
    "in the loop that uses it": ("for k in ks:\n    m = A(k)\n    for x in xs:\n        m(x)\n", "m", 4, 2),
    "where a parameter comes from": ("def run(m):\n    m(1)\ndef main():\n    net = A()\n    run(net)\n", "m", 2, 4),
    "a global": ("m = A()\ndef f(x):\n    return m(x)\nf(1)\n", "m", 3, 1),
    "an attribute": (
        "class T:\n    def __init__(self):\n        self.n = A()\n    def go(self):\n        self.n(1)\n",
        "self.n",
        5,
        3,
    ),
    "a part of it": ("p = load()\np.to('cuda')\np(1)\n", "p.unet", 3, 2),
    "the last one before the use": ("m = A()\nm = DDP(m)\nm(1)\nm = None\n", "m", 3, 2),
}  # fmt: skip


@pytest.mark.parametrize("case", MADE)
def test_where_a_module_is_finished(case: str) -> None:
    text, name, used, line = MADE[case]
    source = Source("/s.py", text.encode())
    found = made(source, name, used)
    assert isinstance(found, Made)
    assert source.position(found.offset)[0] == line
    compile(Text.of(source, [FileEdits("/s.py", (found.insert("pass"),))]).draw(), "s.py", "exec")


@pytest.mark.parametrize("text", ["for m in ms:\n    m(1)\n", "m = A(); m(1)\n", "def run(m):\n    m(1)\n"])
def test_where_it_cannot_be_said(text: str) -> None:
    line = len(text.splitlines())
    assert isinstance(made(Source("/s.py", text.encode()), "m", line), Left)


def adopted(tmp_path: Path, calls: int, broken: bool) -> tuple[str, ...]:
    path = tmp_path / "train.py"
    path.write_text("net = Net()\nfor x in xs:\n    net(x)\n")
    use = Use(Span(str(path), 3, 4, 3, 10), "<module>", ("net",))
    place = Break(
        Span(str(path), 1), "GB0124", "", "", "Net.forward", None, (Frame(Span(str(path), 1), "Net.forward"),), 1, 1,
        Owner(True), Effect.SPLIT,
    )  # fmt: skip
    session = Session(
        "0", (str(path),), str(tmp_path), 0, "3", "2", "cpu", 0.0, 0.0,
        roots=(Root("Net.forward", Span(str(path), 1), calls, "auto", (use,)),), breaks=(place,) if broken else (),
    )  # fmt: skip
    (root,) = adopt(report(session))
    source = Source.read(str(path))
    return tuple(Text.of(source, one.files).draw().splitlines()[1] for one in root.proposals)


def test_a_clean_region_is_compiled_whole(tmp_path: Path) -> None:
    assert adopted(tmp_path, 3, broken=False) == ("net.compile(fullgraph=True)", "net.compile()")


def test_a_region_that_breaks_is_compiled_in_pieces(tmp_path: Path) -> None:
    assert adopted(tmp_path, 3, broken=True) == ("net.compile()",)


def test_one_call_does_not_pay(tmp_path: Path) -> None:
    assert adopted(tmp_path, 1, broken=False) == ()
