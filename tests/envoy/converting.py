"""`jwt-auth convert` in tests: what it makes of a source, for each edition of the filter, so that Envoy can start with it."""

import subprocess

import pytest

import harness
import samples

PROGRAM = samples.ROOT / "target" / "debug" / "jwt-auth"
EDITIONS = ["wasm", "native"]
ANY_PORTS = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]


def convert(source, *options):
    """Runs the program with the source as its input."""
    return subprocess.run([PROGRAM, "convert", "-", *options], input=source, capture_output=True, text=True)


def converted_for(edition, source):
    """The configuration with which Envoy starts on free ports."""
    if edition == "native" and not harness.NATIVE_MODULE.is_file():
        pytest.skip(f"{harness.NATIVE_MODULE} is not there: `make native` makes it")
    module = {"wasm": ["--module", str(harness.MODULE)], "native": ["--edition", "native"]}[edition]
    result = convert(source, *ANY_PORTS, *module)
    assert result.returncode == 0, result.stderr
    return result.stdout
