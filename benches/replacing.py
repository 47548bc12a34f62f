"""Replacing the filter's configuration under load: how long requests wait meanwhile.

Envoy discovers the filter's configuration in a file (ECDS), and another file is moved into its place. The consumers have
an RS256 key each. The load is light: what is measured is the wait that the new configuration causes, not that for other requests.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from envoy import Envoy, discovered, dynamic_module, wasm
from load import longest_wait
from subjects import JWT_AUTH, NATIVE, plugin_text
from suite import NATIVE_MODULE, Key, until
from workload import RETURNING, consumer, rs256_consumers, write_tokens

WORKERS = 2
LISTENER = "replacing"
# How long the load goes on before and after a change, and how long it is watched without one.
MARGIN_SECONDS = 0.5
QUIET_SECONDS = 2
LIMIT_SECONDS = 60
# So many answers in a row, each on a connection of its own, have met every worker.
IN_A_ROW = 20


@dataclass(frozen=True)
class Replacement:
    """One round: the longest that any request waited, in milliseconds, without a change and during one."""

    without: float
    during: float


Replacements = dict[str, list[Replacement]]


def measure(consumer_count: int, rounds: int, directory: Path, say: Callable) -> Replacements:
    """Replaces the configuration of each edition once a round."""
    editions = {JWT_AUTH: lambda plugin: wasm(plugin, vm_id=LISTENER)}
    if NATIVE_MODULE.is_file():
        editions[NATIVE] = dynamic_module
    others = rs256_consumers(consumer_count)[1:]
    tokens = write_tokens(directory, "RS256", 1)[RETURNING]
    replacements: Replacements = {}
    for name, of_plugin in editions.items():
        file = _File(directory / "discovered.json", others, of_plugin)
        file.put(0)
        with Envoy({LISTENER: [file.filter()]}, directory, concurrency=WORKERS) as envoy:
            file.wait_for(0, envoy)
            replacements[name] = []
            for number in range(1, rounds + 1):
                say(f"replacing {consumer_count:,} consumers, {name}, {number} of {rounds}")
                file.prepare(number)
                without = longest_wait(envoy, LISTENER, tokens, lambda: time.sleep(QUIET_SECONDS))
                during = longest_wait(envoy, LISTENER, tokens, lambda: file.replace_under_load(number, envoy))
                replacements[name].append(Replacement(without, during))
    return replacements


class _File:
    """The file that Envoy watches. Each of its versions knows a consumer that no other one knows."""

    def __init__(self, path: Path, consumers: list[dict], of_plugin: Callable[[str], dict]):
        self._path = path
        self._next = path.with_name("next.json")
        self._consumers = consumers
        self._of_plugin = of_plugin

    def filter(self) -> dict:
        """The filter that gets its configuration from the file."""
        return discovered(self._path, self._of_plugin(""))

    def put(self, version: int) -> None:
        self.prepare(version)
        self._next.rename(self._path)

    def prepare(self, version: int) -> None:
        """Writes a version beside the file."""
        marked = {"username": _mark(version), "jwt_secrets": [{"key": _mark(version), "secret": _mark(version)}]}
        plugin = plugin_text([consumer(0), marked, *self._consumers], {})
        resource = {
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "jwt_auth",
            "typed_config": self._of_plugin(plugin)["typed_config"],
        }
        self._next.write_text(json.dumps({"resources": [resource]}))

    def replace_under_load(self, version: int, envoy: Envoy) -> None:
        """Moves the prepared version into the place of the other, and returns when all workers have taken it."""
        time.sleep(MARGIN_SECONDS)
        self._next.rename(self._path)
        self.wait_for(version, envoy)
        time.sleep(MARGIN_SECONDS)

    def wait_for(self, version: int, envoy: Envoy) -> None:
        """Waits until all workers work by a version."""
        mark = _mark(version)
        token = Key("HS256", mark.encode()).token(iss=mark, exp=int(time.time()) + LIMIT_SECONDS)

        def is_known() -> bool:
            return all(_status(envoy.address(LISTENER), token) == 200 for _ in range(IN_A_ROW))

        until(is_known, f"version {version}", LIMIT_SECONDS)


def _mark(version: int) -> str:
    return f"a long and random secret, version {version}"


def _status(address: str, token: str) -> int:
    connection = http.client.HTTPConnection(address, timeout=LIMIT_SECONDS)
    connection.request("GET", "/", headers={"Authorization": f"Bearer {token}"})
    status = connection.getresponse().status
    connection.close()
    return status
