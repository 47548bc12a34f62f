"""What `make run` says while it builds, and of the token page."""

import subprocess
import sys

import pytest

import terminal
from samples import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import run  # noqa: E402

SCRIPT = ROOT / "scripts" / "build_progress.py"


@pytest.fixture
def crate(tmp_path):
    """A crate with four others in it, small enough to be built in a second."""
    names = [f"part{number}" for number in range(4)]
    parts = "".join(f'{name} = {{ path = "{name}" }}\n' for name in names)
    about = '[package]\nname = "{}"\nversion = "1.0.0"\nedition = "2024"\n'
    (tmp_path / "Cargo.toml").write_text(f"[workspace]\n{about.format('whole')}[dependencies]\n{parts}")
    for folder in [tmp_path, *(tmp_path / name for name in names)]:
        (folder / "src").mkdir(parents=True)
        (folder / "src" / "lib.rs").write_text("")
    for name in names:
        (tmp_path / name / "Cargo.toml").write_text(about.format(name))
    return tmp_path


def command(crate):
    cargo = ["cargo", "build", "--offline", "--manifest-path", crate / "Cargo.toml", "--target-dir", crate / "target"]
    return [sys.executable, SCRIPT, crate / "made", *cargo]


def build(crate):
    done = subprocess.run(command(crate), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    return done.returncode, done.stdout.replace(str(crate / "made"), "MADE").splitlines()


def test_a_first_build_says_that_it_takes_a_while_and_how_far_it_is(crate):
    code, lines = build(crate)
    assert (code, lines[0]) == (0, "Building MADE; the first time, this takes a minute or two")
    assert lines[1:] and all(line.startswith("  ") and line.endswith(" of 5 crates") for line in lines[1:])


def test_a_build_with_nothing_to_do_says_nothing(crate):
    build(crate)
    assert build(crate) == (0, [])


def test_what_changes_is_built_without_a_warning_of_the_time(crate):
    build(crate)
    (crate / "made").touch()
    (crate / "src" / "lib.rs").write_text("pub fn changed() {}\n")
    code, lines = build(crate)
    assert (code, lines[0]) == (0, "Building MADE")


def test_an_error_is_shown_whole(crate):
    (crate / "src" / "lib.rs").write_text("pub fn broken() -> u8 { true }\n")
    code, lines = build(crate)
    assert code == 101
    assert "error[E0308]: mismatched types" in lines
    assert any("expected `u8`, found `bool`" in line for line in lines)


def test_a_terminal_has_one_line_that_changes(crate):
    code, text = terminal.printed(command(crate), seconds=300)
    head, *rest = text.split("\r\n")
    assert code == 0 and "Building " in head
    assert "".join(rest).endswith("\r\x1b[K") and " of 5 crates" in rest[-1]
    assert "Compiling" not in text


def test_the_page_is_named_if_it_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run.page() == "`make page` writes one that explains a token in a browser"
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "jwt-auth.html").write_text("")
    assert run.page() == f"{tmp_path.as_uri()}/dist/jwt-auth.html explains a token"
