"""The report of a soak: tables in Markdown, a chart as SVG, and all of it as JSON."""

import json
import math
import statistics
from dataclasses import dataclass

BLOCK = 15  # seconds; what lies closer together is no independent observation
# Student's t for 95 %, two-sided, by degrees of freedom.
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 8: 2.31, 10: 2.23, 15: 2.13, 20: 2.09, 30: 2.04, 60: 2.00}


# Seconds, in which Envoy has compiled the module well and taken a first new configuration.
WARM_UP = 40
# What memory may rise by after the first third of a run, in MiB: in a short run by measure, in a long one with all that the interval
# leaves open. At 500 requests a second that is 260 bytes for each in two minutes, and 7 in an hour.
SHORT, LIMIT = 600, 8


@dataclass(frozen=True)
class Growth:
    """How memory grows after the first third: in MiB a minute, with the interval that holds it at 95 %, over so many minutes; and
    the rise in MiB from the first fifth of that time to the last.
    """

    low: float
    slope: float
    high: float
    minutes: float
    rise: float

    def is_flat(self, seconds):
        """Whether memory stays the same, as far as a run of so many seconds can tell."""
        return (self.rise if seconds < SHORT else self.high * self.minutes) < LIMIT


def growth(memory):
    """The growth of memory, given as pairs of seconds and MiB, over the means of blocks."""
    end = memory[-1][0]
    warm = [(at, mib) for at, mib in memory if at > max(end / 3, min(WARM_UP, end * 2 / 3))]
    fifth, values = max(len(warm) // 5, 1), [mib for _, mib in warm]
    rise = statistics.mean(values[-fifth:]) - statistics.mean(values[:fifth])
    return Growth(*slope_of(warm), (end - warm[0][0]) / 60, rise)


def slope_of(warm):
    """The slope in MiB a minute, between the ends of its interval."""
    blocks = {}
    for at, mib in warm:
        blocks.setdefault(int(at // BLOCK), []).append(mib)
    points = [((number + 0.5) * BLOCK / 60, statistics.mean(values)) for number, values in sorted(blocks.items())]
    if len(points) < 3:
        return -math.inf, math.nan, math.inf
    xs, ys = zip(*points, strict=True)
    slope, intercept = statistics.linear_regression(xs, ys)
    freedom = len(points) - 2
    residual = sum((y - intercept - slope * x) ** 2 for x, y in points) / freedom
    spread = sum((x - statistics.mean(xs)) ** 2 for x in xs)
    half = student(freedom) * math.sqrt(residual / spread)
    return slope - half, slope, slope + half


def student(freedom):
    """Student's t, rounded up to the next entry of the table."""
    return next((t for known, t in sorted(T95.items(), reverse=True) if known <= freedom), 12.71)


def summary(outcome):
    """A line for each thing that must hold."""
    marks = {True: "holds", False: "FAILS"}
    lines = [f"{marks[holds]:5}  {what}" for what, holds in outcome["checks"].items()]
    lines += [f"       {wrong}" for wrong in outcome["wrongs"]]
    passed = sum(outcome["checks"].values())
    minutes = outcome["seconds"] / 60
    lines.append(f"{outcome['edition']}: {outcome['sent']} requests in {minutes:.1f} minutes, SEED={outcome['seed']}")
    lines.append(f"{passed} passed, {len(outcome['checks']) - passed} failed")
    return "\n".join(lines)


def write(outcome, folder):
    """Leaves report.md, memory.svg and report.json in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(outcome, indent=1))
    (folder / "memory.svg").write_text(chart(outcome["memory"], outcome["events"]))
    (folder / "report.md").write_text(markdown(outcome))


def markdown(outcome):
    grown = outcome["growth"]
    rows = "\n".join(f"| {kind} | {answer} | {count} |" for kind, answer, count in outcome["answers"])
    checks = "\n".join(f"| {what} | {'yes' if holds else '**no**'} |" for what, holds in outcome["checks"].items())
    events = {}
    for _, what in outcome["events"]:
        events[what] = events.get(what, 0) + 1
    happened = "\n".join(f"| {what} | {count} |" for what, count in sorted(events.items()))
    return f"""# Soak of the {outcome["edition"]} edition

{outcome["seconds"] / 60:.1f} minutes, {outcome["sent"]} requests, two workers, `SEED={outcome["seed"]}`.

| what must hold | holds |
|---|---|
{checks}

Memory: {outcome["median_memory"]:.0f} MiB at the median. After the first third it rose by {grown["rise"]:.1f} MiB, {grown["slope"]:.2f} MiB a minute ({grown["low"]:.2f} to {grown["high"]:.2f} at 95 %).
Decisions: {outcome["decided"]} were answered, {outcome["decided_when_cut"]} were made for clients that went away, {outcome["counted"]} were counted.
{outcome["waiting_when_cut"]} requests were waiting for a key set when their client went away.
Refusals: {outcome["denied"]}, of which {outcome["logged"]} were logged and {outcome["left_out"]} counted instead; at most {outcome["most_logged"]} were logged by a worker in a second.
Log: {outcome["log_lines"]} lines.

![Memory over time](memory.svg)

| requests | answer | how many |
|---|---|---|
{rows}

| what went wrong around it | how often |
|---|---|
{happened}
"""


def chart(memory, events, width=900, height=260, margin=50):
    """Memory over time; a tick for each thing that went wrong."""
    end = max(at for at, _ in memory)
    top = max(mib for _, mib in memory) * 1.1

    def place(at, mib):
        return f"{margin + at / end * (width - 2 * margin):.1f},{height - margin - mib / top * (height - 2 * margin):.1f}"

    line = " ".join(place(at, mib) for at, mib in memory)
    ticks = "".join(
        f'<path d="M{place(at, 0)} v8"><title>{at:.0f} s: {what}</title></path>' for at, what in events if at <= end
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>Memory of Envoy over the soak</title>
<style>text {{ font: 12px system-ui, sans-serif; fill: #767b82; }} path {{ stroke: #bb7b26; }}</style>
<polyline points="{line}" fill="none" stroke="#3b82f6" stroke-width="1.5"/>
<path d="M{place(0, 0)} L{place(end, 0)}" style="stroke: #767b82"/>
{ticks}
<text x="{margin}" y="{margin - 15}">MiB, up to {top:.0f}; a tick is something that went wrong around the filter</text>
<text x="{width - margin}" y="{height - 15}" text-anchor="end">{end / 60:.1f} minutes</text>
</svg>
"""
