"""`make run`, as README.md shows it: what it prints, and what the commands that it names answer."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
[SHOWN] = re.findall(r"(?ms)^```console\n(dist/jwt-auth\.wasm: \d+ bytes\n.*?)^```$", README)
TITLE = re.compile(r"(?m)^# (.+): (\d+)(?: (\{.*\})|, and the service sees (\S+): (\S+))\n(curl .+)$")


def free_ports(count):
    probes = [socket.create_server((harness.LOOPBACK, 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Demo:
    """A running `make run`, and the lines that it has printed. The module is built already."""

    def __init__(self):
        self.port, admin = free_ports(2)
        variables = {"PORT": str(self.port), "ADMIN_PORT": str(admin), "ENVOY": harness.ENVOY}
        environment = {name: value for name, value in os.environ.items() if name != "UPSTREAM"} | variables
        command = [sys.executable, "scripts/run.py"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()

    def has_printed(self, text):
        return any(text in line for line in list(self.lines))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.reader.join(10)


@pytest.fixture(scope="module")
def demo():
    if harness.MODULE != ROOT / "dist" / "jwt-auth.wasm":
        pytest.skip("`make run` takes dist/jwt-auth.wasm, and another module is tested")
    demo = Demo()
    try:
        harness.until(lambda: demo.has_printed("Envoy's log") or demo.process.poll() is not None, "the demo", seconds=60)
        yield demo
    finally:
        demo.stop()


def answer(demo, command):
    """What a command of the README prints, sent to where the demo listens."""
    command = command.replace(":8080/", f":{demo.port}/")
    # The variables of a make above this one are not the user's.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(["sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60).stdout


def test_the_demo_prints_what_the_readme_shows_and_does_what_it_says(demo):
    trials = {title: rest for title, *rest in TITLE.findall(SHOWN)}
    assert len(trials) == SHOWN.count("\ncurl ")
    refusals_shown = ["No token", "An expired token"]
    for title in [*refusals_shown, *(title for title in trials if title not in refusals_shown)]:
        status, body, header, value, command = trials[title]
        printed = answer(demo, command)
        assert re.match(rf"HTTP/1\.1 {status} ", printed), (title, printed)
        assert (body or f'"{header.lower()}": "{value}"').lower() in printed.lower(), (title, printed)

    # The first line is the build's. The log has other lines too, in an order that depends on the workers.
    shown, log = SHOWN.split("\n", 1)[1].split("where refusals appear:\n")
    expected = [pattern_of(line) for line in f"{shown}where refusals appear:".splitlines()]
    printed = [line.rstrip("\n").replace(f":{demo.port}/", ":8080/") for line in demo.lines[: len(expected)]]
    for pattern, line in zip(expected, printed, strict=True):
        assert re.fullmatch(pattern, line), (pattern, line)
    for pattern in map(pattern_of, log.splitlines()):
        harness.until(lambda: any(re.fullmatch(pattern, line.rstrip("\n")) for line in list(demo.lines)), pattern)


def pattern_of(line):
    """A line of the README; the path of Envoy, whether there is a page, free ports and the time are others on each machine."""
    pattern = re.escape(line)
    pattern = re.sub(r"^(Envoy|Page):(\\ )+.*", r"\1: +.+", pattern)
    pattern = re.sub(r"127\\\.0\\\.0\\\.1:(?!8080)\d+", r"127\\.0\\.0\\.1:\\d+", pattern)
    return re.sub(r"^\d\d:\d\d:\d\d", r"\\d\\d:\\d\\d:\\d\\d", pattern)
