"""Start-up and memory against the number of consumers, each of which has an RS256 key of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from envoy import Envoy, wasm
from subjects import plugin_text
from workload import rs256_consumers


@dataclass(frozen=True)
class Start:
    """One round: what starting with so many consumers took, with times in seconds and memory in MB."""

    without_filter: float
    with_filter: float
    worker_cpu: float
    worker_memory: float


Starts = dict[int, list[Start]]


def measure(consumer_counts: tuple[int, ...], rounds: int, directory: Path, say: Callable) -> Starts:
    """Starts Envoy for every number of consumers, once a round and way."""
    plugins = {count: plugin_text(rs256_consumers(count), {}) for count in consumer_counts}
    starts: Starts = {count: [] for count in consumer_counts}
    for number in range(rounds):
        for count, plugin in plugins.items():
            say(f"start-up with {count:,} consumers, round {number + 1} of {rounds}")
            starts[count].append(_start(plugin, directory))
    return starts


def _start(plugin: str, directory: Path) -> Start:
    """Starts without the filter, with it, and with one worker more, which shows what a worker costs."""
    filters = [wasm(plugin, vm_id="start-up")]
    with Envoy({"start-up": []}, directory, unread=plugin) as envoy:
        without_filter = envoy.start_seconds
    with Envoy({"start-up": filters}, directory) as one:
        with_filter, cpu, memory = one.start_seconds, one.cpu_seconds(), one.resident_mb()
    with Envoy({"start-up": filters}, directory, concurrency=2) as two:
        return Start(without_filter, with_filter, two.cpu_seconds() - cpu, two.resident_mb() - memory)
