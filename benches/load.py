"""Load from wrk: eight connections, one request at a time on each, as fast as they are answered or at a pace."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from envoy import Envoy
from suite import LAUNCHER
from workload import Tokens

CONNECTIONS = 8
HERE = Path(__file__).parent
AS_FAST_AS_ANSWERED = HERE / "authorized.lua"
PACED = HERE / "paced.lua"
# wrk counts its time in whole seconds, so it is told to stop; it ends by itself when nobody does.
LIMIT_SECONDS = 20
LONGER_LIMIT_SECONDS = 120


class LoadFailed(Exception):
    """Requests were lost or refused; the text says how many."""


@dataclass(frozen=True)
class Slice:
    """What one slice of load showed, with times in microseconds."""

    cpu: float
    rate: float
    p50: float
    p99: float


def send(envoy: Envoy, listener: str, tokens: Tokens, seconds: float) -> Slice:
    """Sends requests with the tokens for so long, and measures."""
    before = envoy.cpu_seconds()
    report = _wrk(envoy.address(listener), tokens, lambda process: _wait(process, seconds))
    cpu_seconds = envoy.cpu_seconds() - before
    # wrk does not count the requests that it had no answer to when it stopped, nor the one that it tries the script with.
    tokens.advance(report["requests"] + CONNECTIONS + 1)
    return Slice(
        cpu=cpu_seconds * 1e6 / report["requests"],
        rate=report["requests"] * 1e6 / report["duration"],
        p50=report["p50"],
        p99=report["p99"],
    )


def longest_wait(envoy: Envoy, listener: str, tokens: Tokens, meanwhile: Callable[[], None]) -> float:
    """The longest that any of the requests waited, in milliseconds, that were sent at a pace while something was done."""
    report = _wrk(envoy.address(listener), tokens, lambda _: meanwhile(), PACED, LONGER_LIMIT_SECONDS)
    return report["max"] / 1000


def _wait(process: subprocess.Popen, seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def _wrk(
    address: str,
    tokens: Tokens,
    meanwhile: Callable[[subprocess.Popen], None],
    script: Path = AS_FAST_AS_ANSWERED,
    limit: int = LIMIT_SECONDS,
) -> dict:
    """Runs wrk until what is done meanwhile has been done, and gives its report."""
    # A request that waits longer than 30 s is none that was answered.
    options = ["--threads", "1", "--connections", str(CONNECTIONS), "--duration", str(limit), "--timeout", "30"]
    arguments = ["--script", str(script), f"http://{address}/", "--", str(tokens.path), str(tokens.position)]
    launched = [sys.executable, "-IS", "-c", LAUNCHER, "wrk", *options, *arguments]
    environment = {**os.environ, "LUA_PATH": f"{HERE}/?.lua;;"}
    with subprocess.Popen(
        launched, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        process.stderr.readline()  # the script has read the tokens
        meanwhile(process)
        process.send_signal(signal.SIGINT)
        output, problems = process.communicate(timeout=limit)
    if process.returncode != 0:
        raise LoadFailed(f"wrk ended with {process.returncode}: {problems or output}")
    report = json.loads(output.splitlines()[-1])
    if report["errors"]:
        raise LoadFailed(f"{address}: {report['errors']} of {report['requests']} requests failed")
    return report
