"""Start-up and memory against the number of consumers, each of which has an RS256 key of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from envoy import Envoy, dynamic_module, wasm
from subjects import plugin_text
from suite import NATIVE_MODULE
from workload import rs256_consumers

# Of the native edition, whose workers share one configuration, the memory is measured as a whole.
NATIVE_WORKERS = 4


@dataclass(frozen=True)
class Start:
    """One round: what starting with so many consumers took, with times in seconds and memory in MB."""

    without_filter: float
    with_filter: float
    worker_cpu: float
    worker_memory: float
    native_memory: float | None


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
        worker_cpu, worker_memory = two.cpu_seconds() - cpu, two.resident_mb() - memory
    return Start(without_filter, with_filter, worker_cpu, worker_memory, _native_memory(plugin, directory))


def _native_memory(plugin: str, directory: Path) -> float | None:
    """What an Envoy with the native edition holds, above one that has only the text of its configuration."""
    if not NATIVE_MODULE.is_file():
        return None
    with Envoy({"start-up": []}, directory, concurrency=NATIVE_WORKERS, unread=plugin) as without:
        memory = without.resident_mb()
    with Envoy({"start-up": [dynamic_module(plugin)]}, directory, concurrency=NATIVE_WORKERS) as envoy:
        return envoy.resident_mb() - memory
