"""The chart of README.md and docs/performance.md, as SVG. Its colours can be seen on a light page and on a dark one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from figures import Figure
from results import Circumstances, Results
from subjects import JWT_AUTH, JWT_AUTHN, JWT_AUTHN_CACHE, NATIVE
from workload import ALGORITHMS, FIRST_SEEN, RETURNING

COLOURS = {JWT_AUTHN: "#8b929c", JWT_AUTHN_CACHE: "#bb7b26", JWT_AUTH: "#3b82f6", NATIVE: "#159a68"}
TEXT = "#767b82"
STYLE = f"""
  text {{ font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: {TEXT}; }}
  .title {{ font-size: 16px; font-weight: 600; }}
  .panel {{ font-weight: 600; }}
  .small {{ font-size: 11px; }}
  .grid {{ stroke: {TEXT}; stroke-opacity: 0.25; }}
  .bar {{ fill-opacity: 0.6; }}
  .spread {{ stroke-width: 2; fill: none; }}
"""

WIDTH = 800
TOP = 92
PANEL_WIDTH = 380
LABEL_WIDTH = 52
VALUE_WIDTH = 62
BAR = 15
BAR_STEP = 18
GROUP_STEP = len(COLOURS) * BAR_STEP + 14
PANEL_HEIGHT = len(ALGORITHMS) * GROUP_STEP
HEIGHT = TOP + PANEL_HEIGHT + 70
MOST_STEPS = 8


@dataclass(frozen=True)
class Panel:
    """One half of the chart, with a scale of its own."""

    title: str
    left: float
    costs: dict[tuple[str, str], Figure]  # by algorithm and subject

    @property
    def step(self) -> float:
        """The distance of the grid's lines: the smallest round one that needs few enough steps."""
        return next(step for step in _round_numbers() if step * MOST_STEPS >= self._longest)

    @property
    def steps(self) -> int:
        """How many steps the scale has."""
        return math.ceil(self._longest / self.step)

    @property
    def _longest(self) -> float:
        return max(figure.high for figure in self.costs.values())

    def x(self, value: float) -> float:
        """Where a value stands."""
        bars = PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH
        return self.left + LABEL_WIDTH + max(value, 0) / (self.step * self.steps) * bars


def as_svg(results: Results) -> str:
    """The costs of first-seen and of returning tokens, side by side."""
    panels = [
        Panel("First-seen tokens", 10, _costs(results, FIRST_SEEN)),
        Panel("Returning tokens", 20 + PANEL_WIDTH, _costs(results, RETURNING)),
    ]
    title = "What a request with a token costs: Envoy's CPU above no filter, in µs"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{STYLE}</style>",
        _text(10, 24, title, "title"),
        *_legend(),
        *(part for panel in panels for part in _panel(panel)),
        *_footnotes(results.circumstances),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _costs(results: Results, tokens: str) -> dict[tuple[str, str], Figure]:
    return {
        (row.cell.algorithm, row.cell.subject): row.cost
        for row in results.rows
        if row.cell.tokens == tokens and row.cell.subject in COLOURS and row.cell.consumers == 1
    }


def _round_numbers() -> Iterator[float]:
    size = 0.1
    while True:
        yield from (size, 2 * size, 5 * size)
        size *= 10


def _legend() -> Iterator[str]:
    left = 10
    for subject, colour in COLOURS.items():
        yield f'<rect class="bar" x="{left}" y="40" width="12" height="12" fill="{colour}"/>'
        yield _text(left + 18, 51, subject)
        left += 48 + 7 * len(subject)


def _panel(panel: Panel) -> Iterator[str]:
    yield _text(panel.left, TOP - 12, panel.title, "panel")
    yield from _grid(panel)
    for group, algorithm in enumerate(ALGORITHMS):
        top = TOP + group * GROUP_STEP
        yield _text(panel.left, top + GROUP_STEP / 2 - 2, algorithm)
        measured = [subject for subject in COLOURS if (algorithm, subject) in panel.costs]
        for place, subject in enumerate(measured):
            yield from _bar(panel, top + place * BAR_STEP, panel.costs[algorithm, subject], COLOURS[subject])


def _grid(panel: Panel) -> Iterator[str]:
    for number in range(panel.steps + 1):
        value = number * panel.step
        x = f"{panel.x(value):.1f}"
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP - 2}" y2="{TOP + PANEL_HEIGHT - 8}"/>'
        yield _text(x, TOP + PANEL_HEIGHT + 8, f"{value:g}", "small", anchor="middle")


def _bar(panel: Panel, top: float, figure: Figure, colour: str) -> Iterator[str]:
    """A bar with its spread across its end, and its value behind both."""
    start, end, low, high = (panel.x(value) for value in (0, figure.median, figure.low, figure.high))
    middle = top + BAR / 2
    caps = "".join(f"M{x:.1f} {middle - 4}v8" for x in (low, high))
    yield f'<rect class="bar" x="{start:.1f}" y="{top}" width="{end - start:.1f}" height="{BAR}" fill="{colour}"/>'
    yield f'<path class="spread" d="M{low:.1f} {middle}H{high:.1f}{caps}" stroke="{colour}"/>'
    yield _text(f"{max(end, high) + 6:.1f}", middle + 4, f"{figure.median:.1f}")


def _footnotes(its: Circumstances) -> Iterator[str]:
    rough = "ROUGH, of few and short rounds. " if its.rough else ""
    measured = f"{rough}Lower is better. Bars are medians of {its.rounds} rounds, lines their quartiles. One consumer."
    machine = f"Envoy {its.envoy}, one worker, on {its.cores} cores of {its.processor}, {its.date}."
    yield _text(10, HEIGHT - 26, measured, "small")
    yield _text(10, HEIGHT - 10, machine, "small")


def _text(x: float | str, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
