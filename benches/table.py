"""The results as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from figures import Figure
from goals import ANY, Goal
from replacing import WORKERS
from results import Circumstances, ReplacementRow, Results, Row, StartRow
from startup import NATIVE_WORKERS
from subjects import NO_FILTER
from workload import ALGORITHMS

ROUGH = "**Rough:** made with `--quick`, of few and short rounds. Do not quote these numbers."


def as_markdown(results: Results) -> str:
    """All tables, each under its heading."""
    sections = [
        "# What a request costs",
        _introduction(results.circumstances),
        "## Goals",
        "The cost of a request is Envoy's CPU above no filter. ✓ reached, ✗ missed.",
        _goals(results.goals),
        "## Requests",
        _requests(results.rows),
        "## Start-up and memory",
        "The consumers have an RS256 key each. Envoy starts with one worker; what a worker costs is what a second one adds.",
        _starts(results.starts),
        "## Replacing the configuration",
        f"The longest that any request waited, with {WORKERS} workers under a light load.",
        _replacements(results.replacements),
    ]
    return "\n\n".join(sections) + "\n"


def _introduction(its: Circumstances) -> str:
    lines = [
        f"{its.date}, Envoy {its.envoy} with one worker, on {its.cores} cores of {its.processor}",
        f"(load before: {its.load_before:.2f}), with a module of {its.module_bytes:,} bytes.",
        f"Each figure is the median of {its.rounds} alternating rounds of {its.slice_seconds} s ({its.start_rounds} of",
        "starts) with its quartiles. [How it is measured](../README.md).",
    ]
    notes = [ROUGH] if its.rough else []
    notes += [f"Left out, as this module does not know their configuration: {', '.join(its.left_out)}."] * bool(
        its.left_out
    )
    return "\n\n".join([*notes, "\n".join(lines)])


def _goals(goals: list[Goal]) -> str:
    columns = (*ALGORITHMS, ANY)
    return as_table(
        ["", "goal", *columns],
        ([goal.what, _limit(goal), *(_measured(goal, algorithm) for algorithm in columns)] for goal in goals),
    )


def _limit(goal: Goal) -> str:
    exceptions = [f"{algorithm} ≤ {limit:g} {goal.unit}" for algorithm, limit in goal.exceptions.items()]
    return ", ".join([f"≤ {goal.limit:g} {goal.unit}", *exceptions])


def _measured(goal: Goal, algorithm: str) -> str:
    if algorithm not in goal.figures:
        return ""
    digits = 4 if goal.limit < 0.1 else 1 if goal.unit in ("µs", "MB", "ms") and goal.limit > 1.5 else 2
    verdict = "✓" if goal.reached(algorithm) else "✗"
    return f"{verdict} {_with_spread(goal.figures[algorithm], digits)}"


def _requests(rows: list[Row]) -> str:
    return as_table(
        ["", "token", "", "consumers", "CPU µs", "cost µs", "requests/s", "p50 µs", "p99 µs"],
        (
            [
                row.cell.algorithm,
                row.cell.tokens,
                row.cell.subject,
                f"{row.cell.consumers:,}" if row.cell.subject != NO_FILTER else "",
                _with_spread(row.cpu, 1),
                _with_spread(row.cost, 1) if row.cell.subject != NO_FILTER else "",
                *(_with_spread(figure, 0) for figure in (row.rate, row.p50, row.p99)),
            ]
            for row in rows
        ),
    )


def _starts(rows: list[StartRow]) -> str:
    return as_table(
        [
            *["consumers", "start without filter s", "start with it s", "load by a worker, CPU s", "memory of a worker MB"],
            f"native edition, memory with {NATIVE_WORKERS} workers MB",
        ],
        (
            [
                f"{row.consumers:,}",
                *(_with_spread(figure, 2) for figure in (row.without_filter, row.with_filter, row.worker_cpu)),
                _with_spread(row.worker_memory, 1),
                _with_spread(row.native_memory, 1) if row.native_memory else "",
            ]
            for row in rows
        ),
    )


def _replacements(rows: list[ReplacementRow]) -> str:
    return as_table(
        ["", "consumers", "without a change ms", "during one ms"],
        (
            [row.subject, f"{row.consumers:,}", _with_spread(row.without, 1), _with_spread(row.during, 1)]
            for row in rows
        ),
    )


def _with_spread(figure: Figure, digits: int) -> str:
    if len(figure.rounds) == 1:
        return f"{figure.median:,.{digits}f}"
    return f"{figure.median:,.{digits}f} ({figure.low:,.{digits}f}–{figure.high:,.{digits}f})"


def as_table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
