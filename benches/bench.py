"""`make bench`: measures this filter beside Envoy's own jwt_authn and beside no filter, all in one Envoy.

The tables go to the standard output and, with the chart, to benches/results; those of --quick to benches/results/quick.
benches/README.md says how it is measured.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import chart
import document
import replacing
import results
import rounds
import startup
import table
from subjects import IN_WASM, NO_CACHE, all_subjects
from suite import ROOT

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    slice_seconds: float
    consumers: tuple[int, ...]
    start_rounds: int
    start_consumers: tuple[int, ...]
    replace_rounds: int
    replace_consumers: int


FULL = Plan(11, 0.6, (1, 1_000, 100_000), 5, (1, 1_000, 10_000, 100_000), 5, 100_000)
QUICK = Plan(3, 0.2, (1, 1_000), 1, (1, 10_000), 1, 10_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="end within two minutes, with rough numbers")
    quick = parser.parse_args().quick
    if sys.platform != "linux":
        sys.exit("The bench reads Envoy's CPU time and memory as Linux tells them, and does not run elsewhere.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that what was started is ended too
    run(QUICK if quick else FULL, RESULTS / "quick" if quick else RESULTS, rough=quick)


def run(plan: Plan, target: Path, rough: bool) -> None:
    say = _progress()
    machine = results.machine()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        say("making consumers")
        subjects = all_subjects(plan.consumers)
        samples = rounds.measure(subjects, plan.rounds, plan.slice_seconds, directory, say)
        starts = startup.measure(plan.start_consumers, plan.start_rounds, directory, say)
        replacements = replacing.measure(plan.replace_consumers, plan.replace_rounds, directory, say)
    left_out = {NO_CACHE, IN_WASM} - {subject.name for subject in subjects}
    circumstances = results.Circumstances(
        rough=rough,
        rounds=plan.rounds,
        slice_seconds=plan.slice_seconds,
        start_rounds=plan.start_rounds,
        left_out=tuple(sorted(left_out)),
        **machine,
    )
    save(results.gather(circumstances, samples, starts, plan.replace_consumers, replacements), target)
    say(f"saved in {target.relative_to(ROOT)}")
    if not rough:
        document.update(target / "latest.json")
        say(f"its figures stand in {document.PAGE.relative_to(ROOT)}")


def save(its: results.Results, target: Path) -> None:
    """Prints the tables, and writes them, the chart and the JSON."""
    tables = table.as_markdown(its)
    print(tables)
    target.mkdir(exist_ok=True)
    (target / "latest.md").write_text(tables)
    (target / "latest.json").write_text(results.as_json(its))
    (target / "chart.svg").write_text(chart.as_svg(its))


def _progress() -> Callable[[str], None]:
    """Says what is done now, with the seconds since the start."""
    start = time.monotonic()
    return lambda what: print(f"{time.monotonic() - start:4.0f} s  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
