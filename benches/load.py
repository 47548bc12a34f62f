"""Load from wrk: eight connections, one request at a time on each, as fast as they are answered."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from envoy import Envoy
from suite import LAUNCHER
from workload import Tokens

CONNECTIONS = 8
SCRIPT = Path(__file__).with_name("authorized.lua")
# wrk counts its time in whole seconds, so it is told to stop; it ends by itself when nobody does.
LIMIT_SECONDS = 20


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
    report = _wrk(envoy.address(listener), tokens, seconds)
    cpu_seconds = envoy.cpu_seconds() - before
    if report["errors"]:
        raise LoadFailed(f"{listener}: {report['errors']} of {report['requests']} requests failed")
    # wrk does not count the requests that it had no answer to when it stopped, nor the one that it tries the script with.
    tokens.advance(report["requests"] + CONNECTIONS + 1)
    return Slice(
        cpu=cpu_seconds * 1e6 / report["requests"],
        rate=report["requests"] * 1e6 / report["duration"],
        p50=report["p50"],
        p99=report["p99"],
    )


def _wrk(address: str, tokens: Tokens, seconds: float) -> dict:
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", str(LIMIT_SECONDS)]
    script = ["--script", str(SCRIPT), f"http://{address}/", "--", str(tokens.path), str(tokens.position)]
    launched = [sys.executable, "-IS", "-c", LAUNCHER, *command, *script]
    with subprocess.Popen(launched, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stderr.readline()  # the script has read the tokens
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.send_signal(signal.SIGINT)
        output, problems = process.communicate(timeout=LIMIT_SECONDS)
    if process.returncode != 0:
        raise LoadFailed(f"wrk ended with {process.returncode}: {problems or output}")
    return json.loads(output.splitlines()[-1])
