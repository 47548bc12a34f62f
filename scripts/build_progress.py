"""Runs a build with cargo and says how far it is: build_progress.py FILE COMMAND…

FILE is what the build makes. If there is nothing to build, nothing is said. Warnings and errors are shown as cargo has them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

# What cargo says of its own progress; all else is for people.
COUNT = re.compile(r"^ *Building \[.*\] (\d+)/(\d+)")
STEP = re.compile(r"^ *(Compiling|Downloading|Downloaded|Updating|Finished) ")
COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
STARTS = ("Updating", "Downloading", "Compiling")


class Progress:
    """What is told of a build. On a terminal one line that changes, elsewhere a line for each quarter."""

    def __init__(self, file: str, stream: IO[str]) -> None:
        self.file, self.stream = file, stream
        self.started = False
        self.quarters = 0

    def start(self) -> None:
        if not self.started:
            self.started = True
            first = "" if Path(self.file).exists() else "; the first time, this takes a minute or two"
            self.say(f"Building {self.file}{first}")

    def count(self, done: int, total: int) -> None:
        told = f"  {done} of {total} crates"
        if not self.started:
            return
        if self.stream.isatty():
            print(f"\r{told}", end="\x1b[K", file=self.stream, flush=True)
        elif done * 4 // total > self.quarters:
            self.quarters = done * 4 // total
            self.say(told)

    def say(self, line: str) -> None:
        before = "\r\x1b[K" if self.stream.isatty() else ""
        print(f"{before}{line}", file=self.stream, flush=True)

    def end(self) -> None:
        if self.started and self.stream.isatty():
            print("\r\x1b[K", end="", file=self.stream, flush=True)


def lines(stream: IO[bytes]) -> Iterator[str]:
    """The lines of a stream as they come. Cargo ends one that changes with a carriage return."""
    held = b""
    while piece := os.read(stream.fileno(), 65536):
        *whole, held = re.split(rb"[\r\n]", held + piece)
        yield from (line.decode(errors="replace") for line in whole)
    yield held.decode(errors="replace")


def build(file: str, command: list[str]) -> int:
    """Builds; the exit status of the command."""
    progress = Progress(file, sys.stderr)
    shown = {"CARGO_TERM_PROGRESS_WHEN": "always", "CARGO_TERM_PROGRESS_WIDTH": "80"}
    colour = {"CARGO_TERM_COLOR": "always"} if sys.stderr.isatty() else {}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, **colour, **shown})
    for line in lines(process.stderr):
        plain = COLOUR.sub("", line)
        if count := COUNT.match(plain):
            progress.count(int(count[1]), int(count[2]))
        elif step := STEP.match(plain):
            if step[1] in STARTS:
                progress.start()
        # An empty line stands between two warnings; what stands alone was a line that has changed.
        elif plain.strip():
            progress.say(line)
    progress.end()
    return process.wait()


def main() -> int:
    file, *command = sys.argv[1:]
    try:
        return build(file, command)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
