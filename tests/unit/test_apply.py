"""Changes to files are made all or none, kept byte for byte, and can be taken back, wherever a process is killed."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from g2.rewrite import applied
from g2.rewrite.apply import Applied, apply
from g2.rewrite.change import Change, Refused, digest
from g2.rewrite.edit import Text
from g2.rewrite.model import Edit, FileEdits
from g2.rewrite.source import Source, Unreadable
from g2.rewrite.undo import undo

OLD, NEW = b"x = 1\r\ny = 2", b"x = 1\r\ny = 3"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; the state is in `tmp_path / "state"`."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def made(folder: Path, **files: bytes) -> list[Change]:
    """Files NAME.py that hold OLD, and the changes that make `files` of them."""
    for name in files:
        (folder / f"{name}.py").write_bytes(OLD)
    return [Change(str(folder / f"{name}.py"), digest(OLD), data) for name, data in files.items()]


def do(folder: Path, *changes: Change) -> Applied:
    return apply(changes, folder.parent / "state", str(folder))


def back(folder: Path) -> Any:
    return undo(folder.parent / "state", str(folder))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# What is written


def test_files_are_replaced_and_brought_back(project: Path) -> None:
    changes = made(project, a=NEW, b=b"")
    new = Change(str(project / "sub" / "c.py"), None, b"z = 1\n")
    (project / "d.py").write_bytes(b"gone\n")
    gone = Change(str(project / "d.py"), digest(b"gone\n"), None)
    before = tree(project)
    done = do(project, *changes, new, gone)
    assert tree(project) == {"a.py": NEW, "b.py": b"", "sub/c.py": b"z = 1\n"}
    assert done.written == tuple(change.path for change in (*changes, new))
    assert done.removed == (gone.path,)
    assert done.notes == ()

    undone = back(project)
    assert tree(project) == before
    assert not (project / "sub").exists()
    assert undone.restored == (*(change.path for change in changes), gone.path)
    assert undone.removed == (new.path,)
    assert (undone.left, undone.whole) == ((), True)
    with pytest.raises(Refused, match="nothing was applied here"):
        back(project)


def test_the_second_time_changes_nothing(project: Path) -> None:
    changes = made(project, a=NEW)
    do(project, *changes)
    status = (project / "a.py").stat()
    assert do(project, *changes) == Applied()
    assert (project / "a.py").stat() == status
    back(project)
    assert (project / "a.py").read_bytes() == OLD


def test_undo_goes_back_step_by_step(project: Path) -> None:
    do(project, *made(project, a=NEW))
    do(project, Change(str(project / "a.py"), digest(NEW), b"third"))
    back(project)
    assert (project / "a.py").read_bytes() == NEW
    back(project)
    assert (project / "a.py").read_bytes() == OLD


def test_undo_is_of_this_folder(project: Path) -> None:
    do(project, *made(project, a=NEW))
    with pytest.raises(Refused) as refused:
        undo(project.parent / "state", "/elsewhere")
    assert refused.value.hint == f"cd {project}"
    assert (project / "a.py").read_bytes() == NEW


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o664, 0o4750])
def test_the_mode_is_kept(project: Path, mode: int) -> None:
    changes = made(project, a=NEW)
    (project / "a.py").chmod(mode)
    do(project, *changes)
    assert stat.S_IMODE((project / "a.py").stat().st_mode) == mode
    back(project)
    assert stat.S_IMODE((project / "a.py").stat().st_mode) == mode


def test_a_new_file_has_the_mode_of_new_files(project: Path) -> None:
    old = os.umask(0o027)
    try:
        do(project, Change(str(project / "a.py"), None, b""))
    finally:
        os.umask(old)
    assert stat.S_IMODE((project / "a.py").stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform != "linux", reason="Python reads extended attributes on Linux alone")
def test_extended_attributes_are_kept(project: Path) -> None:
    changes = made(project, a=NEW)
    try:
        os.setxattr(project / "a.py", "user.note", b"mine")
    except OSError as error:
        pytest.skip(f"this file system has none ({error.strerror})")
    do(project, *changes)
    assert os.getxattr(project / "a.py", "user.note") == b"mine"


def test_a_link_stays_a_link(project: Path) -> None:
    changes = made(project, a=NEW)
    (project / "link.py").symlink_to("a.py")
    do(project, Change(str(project / "link.py"), digest(OLD), NEW))
    assert (project / "link.py").is_symlink()
    assert (project / "a.py").read_bytes() == NEW
    assert back(project).restored == (str(project / "link.py"),)
    assert (project / "a.py").read_bytes() == OLD
    assert changes[0].after == NEW


def test_one_file_under_two_names(project: Path) -> None:
    changes = made(project, a=NEW)
    (project / "link.py").symlink_to("a.py")
    link = Change(str(project / "link.py"), digest(OLD), NEW)
    do(project, *changes, link)
    assert (project / "a.py").read_bytes() == NEW
    back(project)
    with pytest.raises(Refused, match="the same file"):
        do(project, *changes, Change(link.path, digest(OLD), b"other"))


def test_a_hard_link_is_told(project: Path) -> None:
    changes = made(project, a=NEW)
    (project / "other.py").hardlink_to(project / "a.py")
    done = do(project, *changes)
    assert (project / "other.py").read_bytes() == OLD
    assert [note for note in done.notes if "hard link" in note and "a.py" in note]


# What is refused


def test_a_file_that_changed_since(project: Path) -> None:
    changes = made(project, a=NEW, b=NEW)
    (project / "b.py").write_bytes(OLD + b" ")
    with pytest.raises(Refused, match=r"b\.py: it has been changed since"):
        do(project, *changes)
    assert (project / "a.py").read_bytes() == OLD


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.unlink(), "not there any more"),
        (lambda path: (path.unlink(), path.mkdir()), "a folder"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "no ordinary file"),
        (lambda path: path.chmod(0o444), "read-only"),
        (lambda path: path.parent.chmod(0o555), "cannot be written"),
        (lambda path: (path.unlink(), path.symlink_to(path)), "no ordinary file"),
        (lambda path: (path.unlink(), path.symlink_to("none.py")), "not there any more"),
    ],
    ids=["vanished", "folder", "pipe", "read-only", "read-only folder", "circle of links", "link to nothing"],
)
def test_what_cannot_be_written_is_refused_before_anything_is(project: Path, spoil: Any, why: str) -> None:
    changes = made(project, a=NEW, b=NEW)
    spoil(project / "b.py")
    try:
        with pytest.raises(Refused, match=why):
            do(project, *changes)
        assert (project / "a.py").read_bytes() == OLD
        assert sorted(p.name for p in project.iterdir() if p.name.startswith(".")) == []
        assert not list((project.parent / "state").glob("2*"))
    finally:
        project.chmod(0o755)


def test_installed_packages_are_not_edited(project: Path) -> None:
    package = project / "site-packages" / "pack"
    package.mkdir(parents=True)
    (package / "a.py").write_bytes(OLD)
    (project / "link.py").symlink_to(package / "a.py")
    for path in (package / "a.py", project / "link.py"):
        with pytest.raises(Refused, match="installed package"):
            do(project, Change(str(path), digest(OLD), NEW))
    with pytest.raises(Refused, match="installed package"):
        do(project, Change(str(package / "new.py"), None, NEW))
    assert (package / "a.py").read_bytes() == OLD


def test_a_new_file_does_not_replace_another(project: Path) -> None:
    made(project, a=NEW)
    with pytest.raises(Refused, match="a file of this name"):
        do(project, Change(str(project / "a.py"), None, b"mine"))


def test_undo_leaves_what_was_changed_since(project: Path) -> None:
    changes = made(project, a=NEW, b=NEW)
    do(project, *changes)
    (project / "b.py").write_bytes(b"by hand")
    undone = back(project)
    assert undone.restored == (changes[0].path,)
    assert undone.left == ((changes[1].path, "it has been changed since it was applied"),)
    assert tree(project) == {"a.py": OLD, "b.py": b"by hand"}
    (project / "b.py").write_bytes(NEW)  # the change by hand is taken back: so can ours be
    assert back(project).restored == (changes[1].path,)
    assert tree(project) == {"a.py": OLD, "b.py": OLD}


def test_a_damaged_copy_is_not_brought_back(project: Path) -> None:
    do(project, *made(project, a=NEW))
    copy = next((project.parent / "state").glob("2*/0"))
    copy.write_bytes(b"rot")
    assert "damaged" in back(project).left[0][1]
    assert (project / "a.py").read_bytes() == NEW


# What fails on the way


def failing(monkeypatch: pytest.MonkeyPatch, name: str, at: int, error: BaseException) -> None:
    """Have the call number `at` of os.NAME raise."""
    real, calls = getattr(os, name), iter(range(10_000))

    def function(*args: Any, **more: Any) -> Any:
        if next(calls) == at:
            raise error
        return real(*args, **more)

    monkeypatch.setattr(os, name, function)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("name", ["fsync", "replace", "open", "fchmod"])
def test_a_failure_anywhere_leaves_every_file_as_it_was(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException
) -> None:
    changes = [*made(project, a=NEW, b=NEW), Change(str(project / "sub" / "c.py"), None, NEW)]
    before, at = tree(project), 0
    for at in range(100):
        with monkeypatch.context() as patch:
            failing(patch, name, at, error)
            try:
                do(project, *changes)
            except (Refused, KeyboardInterrupt):
                pass
            else:
                break  # so many calls there are not, or this one may fail
        assert tree(project) == before, f"{name} number {at}"
        assert not (project / "sub").exists()
    assert at > 2
    assert tree(project) == {"a.py": NEW, "b.py": NEW, "sub/c.py": NEW}


def test_when_even_the_way_back_fails_undo_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = made(project, a=NEW, b=NEW)
    real = os.replace
    renamed: list[str] = []

    def replace(old: Any, new: Any, **more: Any) -> None:
        if Path(new).suffix == ".py":
            renamed.append(str(new))
            if len(renamed) > 1:
                raise OSError(errno.EIO, "Input/output error")
        real(old, new, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(Refused, match="Input/output error") as refused:
            do(project, *changes)
    assert refused.value.hint == "g2 fix --undo brings the old text back"
    assert tree(project) == {"a.py": NEW, "b.py": OLD, **{k: v for k, v in tree(project).items() if k.startswith(".")}}
    assert back(project).restored == (changes[0].path,)
    assert tree(project) == {"a.py": OLD, "b.py": OLD}


def test_a_file_written_by_another_meanwhile(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = made(project, a=NEW, b=NEW)
    real = os.replace

    def replace(old: Any, new: Any, **more: Any) -> None:
        real(old, new, **more)
        if Path(new).name == "a.py":
            (project / "b.py").write_bytes(b"by an editor")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(Refused, match="by somebody else"):
            do(project, *changes)
    assert tree(project)["b.py"] == b"by an editor"


def test_two_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = made(project, a=NEW)
    state = project.parent / "state"
    state.mkdir()
    monkeypatch.setattr(applied, "WAIT", 0.1)
    with (state / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="another g2 is writing"):
            do(project, *changes)
        with pytest.raises(Refused, match="another g2 is writing"):
            back(project)
    do(project, *changes)


def test_the_oldest_journals_go(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applied, "KEPT", 2)
    path = project / "a.py"
    path.write_bytes(b"0")
    for number in range(5):
        do(project, Change(str(path), digest(b"%d" % number), b"%d" % (number + 1)))
    assert [back(project).restored for _ in range(3)]
    assert path.read_bytes() == b"2"
    with pytest.raises(Refused):
        back(project)


# What is killed on the way

KILLED = """
import os, sys
from pathlib import Path
from g2.rewrite.apply import apply
from g2.rewrite.change import Change, digest
from g2.rewrite.undo import undo

OLD, NEW = b"x = 1\\r\\ny = 2", b"x = 1\\r\\ny = 3"
root = Path(sys.argv[1])
WATCHED = ["open", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "fchmod", "fdopen", "close"]

def fresh(project):
    project.mkdir()
    for name in "ab":
        (project / f"{name}.py").write_bytes(OLD)
    (project / "d.py").write_bytes(b"gone")
    return [
        *(Change(str(project / f"{name}.py"), digest(OLD), NEW) for name in "ab"),
        Change(str(project / "sub" / "c.py"), None, NEW),
        Change(str(project / "d.py"), digest(b"gone"), None),
    ]

def tree(project):
    return {str(p.relative_to(project)): p.read_bytes() for p in project.rglob("*") if p.is_file()}

def killed(at, after, function):
    # Runs function in a fork that dies at its call number `at` of a watched function, before it or right after it.
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    calls = iter(range(100_000))
    def watch(name):
        real = getattr(os, name)
        def function(*args, **more):
            if next(calls) != at:
                return real(*args, **more)
            if after:
                real(*args, **more)
            os._exit(9)
        setattr(os, name, function)
    for name in WATCHED:
        watch(name)
    def opens(event, args):  # also files that are opened in another way
        if event == "open" and next(calls) == at:
            os._exit(9)
    sys.addaudithook(opens)
    function()
    os._exit(0)

before = {"a.py": OLD, "b.py": OLD, "d.py": b"gone"}
done = {"a.py": NEW, "b.py": NEW, "sub/c.py": NEW}
allowed = {"a.py": {OLD, NEW}, "b.py": {OLD, NEW}, "d.py": {b"gone"}, "sub/c.py": {NEW}}

def whole(project, note):
    for name, data in tree(project).items():
        if not Path(name).name.startswith(".g2-"):
            assert data in allowed[name], (note, name, data)

points = 0
for killing in ("apply", "undo"):
    for after in (False, True):
        for at in range(10_000):
            project, state = root / f"{killing}-{after}-{at}", root / f"state-{killing}-{after}-{at}"
            changes = fresh(project)
            note = (killing, after, at)
            if killing == "apply":
                code = killed(at, after, lambda: apply(changes, state, str(project)))
            else:
                apply(changes, state, str(project))
                code = killed(at, after, lambda: undo(state, str(project)))
            whole(project, note)
            if killing == "apply" and at % 2:
                # Asked again, an apply ends what was begun, or refuses nothing but what is half done.
                try:
                    apply(changes, state, str(project))
                except Exception as error:
                    assert type(error).__name__ == "Refused", note
                whole(project, note)
            try:
                undone = undo(state, str(project))
                while True:
                    undo(state, str(project))
            except Exception as error:
                assert "nothing was applied here" in str(error), (note, error)
            assert tree(project) == before, (note, tree(project))
            assert not (project / "sub").exists(), note
            if code == 0:
                break
            points += 1
print(points)
"""


def test_a_kill_at_any_moment_can_be_undone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) > 100  # moments at which it was killed


# Byte for byte

LINES = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=12).map(lambda text: f"# {text}")
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, str]:
    """A Python file of comments in some encoding, with some mixture of line ends; and its encoding."""
    lines = draw(st.lists(st.tuples(LINES, ENDS), min_size=1, max_size=8))
    text = "".join(line + end for line, end in lines)
    text += draw(st.sampled_from(["", "# last", "\x0c"]))
    kind = draw(st.sampled_from(["utf-8", "bom", "latin-1"]))
    if kind == "latin-1":
        return f"# coding: latin-1\n{text}".encode("latin-1"), kind
    return (b"\xef\xbb\xbf" if kind == "bom" else b"") + text.encode(), kind


@given(file=files(), where=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_outside_the_edit_are_kept(file: tuple[bytes, str], where: st.DataObject, tmp_path: Path) -> None:
    data, kind = file
    path = tmp_path / "a.py"
    path.write_bytes(data)
    try:
        source = Source.read(str(path))
    except Unreadable:
        return  # for instance a first line that names an encoding by chance
    start = where.draw(st.integers(0, len(source.text)))
    end = where.draw(st.integers(start, len(source.text)))
    text = Text.of(source, [FileEdits(str(path), (Edit(start, end, "x = 1\ny = 2"),))])
    apply([Change(str(path), digest(data), text.data())], tmp_path / "state", str(tmp_path))
    encoding = {"utf-8": "utf-8", "bom": "utf-8", "latin-1": "latin-1"}[kind]
    mark = b"\xef\xbb\xbf" if kind == "bom" else b""
    middle = f"x = 1{source.newline}y = 2"
    expected = (source.text[:start] + middle + source.text[end:]).encode(encoding)
    assert path.read_bytes() == mark + expected
    undo(tmp_path / "state", str(tmp_path))
    assert path.read_bytes() == data
