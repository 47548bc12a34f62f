"""What `jwt-auth` prints on a terminal: also the line of a fault, with a caret below the place."""

import pytest

import terminal
from samples import ROOT

PROGRAM = ROOT / "target" / "debug" / "jwt-auth"

CONFIGURATION = """\
claims_to_verify: [exp, iat]
consumers:
- username: joe
  jwt_secrets:
  - {key: joe, secret: 7}
"""


def lines_of(command, environment):
    """Its exit code, and the lines that it prints."""
    code, text = terminal.printed(command, environment)
    return code, text.splitlines()


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_the_line_of_a_fault_is_shown_on_a_terminal(tmp_path, environment):
    path = tmp_path / "jwt-auth.yaml"
    path.write_text(CONFIGURATION)
    assert lines_of([PROGRAM, "check", path], environment) == (
        1,
        [
            f'{path}:1:25: claims_to_verify[1]: "iat"; expected exp or nbf',
            "  |",
            "1 | claims_to_verify: [exp, iat]",
            "  |                         ^^^",
            f"{path}:5:24: consumers[0].jwt_secrets[0].secret: a number; expected a string",
            f"{path}: 1 configuration, 2 faults, 0 warnings",
        ],
    )


def test_it_is_coloured_where_colours_are_welcome(tmp_path):
    path = tmp_path / "jwt-auth.yaml"
    path.write_text(CONFIGURATION)
    code, lines = lines_of([PROGRAM, "check", path], {"TERM": "xterm"})
    assert code == 1
    # The line that editors read stays plain.
    assert lines[0] == f'{path}:1:25: claims_to_verify[1]: "iat"; expected exp or nbf'
    assert any("\x1b[" in line and "^^^" in line for line in lines)


def test_a_file_that_cannot_be_read_is_shown_too(tmp_path):
    path = tmp_path / "kong.yaml"
    path.write_text("claims_to_verify: [exp\nhost_crypto: off\n")
    code, lines = lines_of([PROGRAM, "convert", path], {"TERM": "dumb"})
    assert code == 2
    assert lines[0].startswith(f"error: {path}:2:12: ")
    assert lines[1:] == ["  |", "2 | host_crypto: off", "  |            ^"]
