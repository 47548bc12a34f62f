"""From the rounds to figures: a median over the rounds, and the quartiles as its spread."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from rounds import Cell, Samples
from subjects import NO_FILTER


@dataclass(frozen=True)
class Figure:
    """The median over the rounds with the first and third quartile, and the rounds themselves in their order."""

    median: float
    low: float
    high: float
    rounds: tuple[float, ...]

    @classmethod
    def of(cls, values: list[float]) -> Figure:
        if len(values) == 1:
            return cls(*values * 3, rounds=tuple(values))
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high, tuple(values))

    @classmethod
    def ratio(cls, these: list[float], those: list[float]) -> Figure:
        return cls.of([this / that for this, that in zip(these, those)])

    @classmethod
    def difference(cls, these: list[float], those: list[float]) -> Figure:
        return cls.of([this - that for this, that in zip(these, those)])


def costs(samples: Samples, cell: Cell) -> list[float]:
    """Envoy's CPU per request above no filter in microseconds, round by round."""
    without_filter = Cell(NO_FILTER, 1, cell.algorithm, cell.tokens)
    baseline = statistics.median(its.cpu for its in samples[without_filter])
    return [its.cpu - baseline for its in samples[cell]]
