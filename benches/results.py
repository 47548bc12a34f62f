"""All that one run of the bench showed, and under which circumstances; as JSON."""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import envoy
from figures import Figure, costs
from goals import Goal, of_loading, of_replacing, of_requests
from replacing import Replacements
from rounds import Cell, Samples
from startup import Starts
from suite import MODULE


@dataclass(frozen=True)
class Circumstances:
    """Where, when and how it was measured."""

    date: str
    rough: bool
    rounds: int
    slice_seconds: float
    start_rounds: int
    processor: str
    cores: int
    load_before: float
    envoy: str
    module_bytes: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """The figures of a cell: CPU and cost per request and latency in microseconds, and requests per second."""

    cell: Cell
    cpu: Figure
    cost: Figure
    rate: Figure
    p50: Figure
    p99: Figure


@dataclass(frozen=True)
class StartRow:
    """The figures of a number of consumers: times in seconds, memory in MB."""

    consumers: int
    without_filter: Figure
    with_filter: Figure
    worker_cpu: Figure
    worker_memory: Figure
    native_memory: Figure | None


@dataclass(frozen=True)
class ReplacementRow:
    """The longest waits with an edition, in milliseconds: without a change of its configuration, and during one."""

    subject: str
    consumers: int
    without: Figure
    during: Figure


@dataclass(frozen=True)
class Results:
    """A whole run."""

    circumstances: Circumstances
    rows: list[Row]
    starts: list[StartRow]
    replacements: list[ReplacementRow]
    goals: list[Goal]


def machine() -> dict:
    """The circumstances that do not depend on the plan of the run."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "processor": model[1] if model else os.uname().machine,
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "envoy": envoy.version(),
        "module_bytes": MODULE.stat().st_size,
    }


def gather(
    circumstances: Circumstances, samples: Samples, starts: Starts, replaced: int, replacements: Replacements
) -> Results:
    """Turns what was measured into figures; `replaced` is how many consumers were."""
    goals = [
        *of_requests(samples),
        *of_loading(starts, circumstances.module_bytes),
        *of_replacing(replaced, replacements),
    ]
    rows = list(_replacement_rows(replaced, replacements))
    return Results(circumstances, list(_rows(samples)), list(_start_rows(starts)), rows, goals)


def _rows(samples: Samples) -> Iterator[Row]:
    for cell, slices in samples.items():
        measured = {name: Figure.of([getattr(its, name) for its in slices]) for name in ("cpu", "rate", "p50", "p99")}
        yield Row(cell, cost=Figure.of(costs(samples, cell)), **measured)


def _start_rows(starts: Starts) -> Iterator[StartRow]:
    for consumers, rounds in starts.items():
        names = ["without_filter", "with_filter", "worker_cpu", "worker_memory"]
        names += ["native_memory"] * (rounds[0].native_memory is not None)
        figures = {name: Figure.of([getattr(its, name) for its in rounds]) for name in names}
        yield StartRow(consumers, **{"native_memory": None, **figures})


def _replacement_rows(consumers: int, replacements: Replacements) -> Iterator[ReplacementRow]:
    for subject, rounds in replacements.items():
        figures = {name: Figure.of([getattr(its, name) for its in rounds]) for name in ("without", "during")}
        yield ReplacementRow(subject, consumers, **figures)


def as_json(results: Results) -> str:
    """Each row, start and goal stands in a line of its own."""
    parts = {
        "circumstances": asdict(results.circumstances),
        "requests": [{**asdict(row.cell), **_figures(row, FIELDS_OF_ROW)} for row in results.rows],
        "starts": [{"consumers": row.consumers, **_figures(row, FIELDS_OF_START)} for row in results.starts],
        "replacements": [
            {"subject": row.subject, "consumers": row.consumers, **_figures(row, FIELDS_OF_REPLACEMENT)}
            for row in results.replacements
        ],
        "goals": [_goal(goal, algorithm) for goal in results.goals for algorithm in goal.figures],
    }
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {_lines(part)}" for name, part in parts.items()) + "\n}\n"


# The names in the JSON say the unit.
FIELDS_OF_ROW = {
    "cpu": "cpu_us",
    "cost": "cost_us",
    "rate": "requests_per_second",
    "p50": "latency_p50_us",
    "p99": "latency_p99_us",
}
FIELDS_OF_START = {
    "without_filter": "without_filter_s",
    "with_filter": "with_filter_s",
    "worker_cpu": "worker_cpu_s",
    "worker_memory": "worker_memory_mb",
    "native_memory": "native_memory_mb",
}
FIELDS_OF_REPLACEMENT = {"without": "longest_wait_without_ms", "during": "longest_wait_during_ms"}


def _figures(row: Row | StartRow | ReplacementRow, fields: dict[str, str]) -> dict:
    figures = {in_json: getattr(row, name) for name, in_json in fields.items()}
    return {in_json: _figure(figure) for in_json, figure in figures.items() if figure is not None}


def _figure(figure: Figure, digits: int = 3) -> dict:
    quartiles = {name: round(getattr(figure, name), digits) for name in ("median", "low", "high")}
    return {**quartiles, "rounds": [round(value, digits) for value in figure.rounds]}


def _goal(goal: Goal, algorithm: str) -> dict:
    return {
        "goal": goal.what,
        "algorithm": algorithm,
        "limit": goal.limit_of(algorithm),
        "unit": goal.unit,
        "measured": _figure(goal.figures[algorithm], digits=5 if goal.limit < 0.1 else 3),
        "reached": goal.reached(algorithm),
    }


def _lines(part: dict | list) -> str:
    if isinstance(part, dict):
        return json.dumps(part, ensure_ascii=False)
    return "[\n" + ",\n".join(json.dumps(line, ensure_ascii=False) for line in part) + "\n]"
