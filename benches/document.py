"""Writes the figures of a run into docs/performance.md, between two marks. `make bench` does so after a full run;
`benches/document.py` alone does it again from benches/results/latest.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from subjects import JWT_AUTH, JWT_AUTHN, JWT_AUTHN_CACHE, MANY_ISSUERS, NATIVE
from suite import ROOT
from table import as_table
from workload import ACTIVE_CONSUMERS, ALGORITHMS, FIRST_SEEN, RETURNING, RETURNING_TOKENS

PAGE = ROOT / "docs" / "performance.md"
LATEST = Path(__file__).resolve().parent / "results" / "latest.json"
BEGIN, END = "<!-- Figures, written by benches/document.py. -->", "<!-- End of the figures. -->"

NAMES = {
    JWT_AUTHN: "`jwt_authn`",
    JWT_AUTHN_CACHE: "`jwt_authn` with its cache",
    JWT_AUTH: "this filter, Wasm",
    NATIVE: "this filter, native",
}
# Of the consumers that send tokens, so many have an algorithm.
FIRST_SEEN_CALLERS = ACTIVE_CONSUMERS // len(ALGORITHMS)
EDITIONS = {JWT_AUTH: ("", "Wasm"), NATIVE: ("native edition, ", "native")}


def update(results: Path) -> None:
    """Puts the figures of the run into the page."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    figures = "\n\n".join(_sections(json.loads(results.read_text())))
    PAGE.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}")


def _sections(run: dict) -> Iterator[str]:
    its = run["circumstances"]
    yield (
        "Envoy's CPU for a request, in µs above no filter; medians of "
        f"{its['rounds']} alternating rounds in one Envoy {its['envoy']} with one\n"
        f"worker, on {its['cores']} cores of an {its['processor']}, {its['date']}:"
    )
    yield as_table(["", *ALGORITHMS], _costs(run))
    yield "In multiples of what `jwt_authn` costs:"
    yield as_table(["", *ALGORITHMS], _multiples(run))
    yield "With many consumers or issuers, as medians; the Wasm edition has a copy for each worker:"
    yield as_table(["", "Wasm", "native"], _many(run))


def _costs(run: dict) -> Iterator[list[str]]:
    cost = {
        (row["tokens"], row["subject"], row["algorithm"]): row["cost_us"]["median"]
        for row in run["requests"]
        if row["consumers"] == 1
    }
    for tokens in FIRST_SEEN, RETURNING:
        for subject, name in NAMES.items():
            yield [f"{tokens} token, {name}", *(f"{cost[tokens, subject, it]:.1f}" for it in ALGORITHMS)]


def _multiples(run: dict) -> Iterator[list[str]]:
    for prefix, edition in EDITIONS.values():
        for what in "first-seen token, against `jwt_authn`", "returning token, against `jwt_authn` with its cache":
            goals = _goals(run, prefix + what)
            yield [f"{edition}, {what}", *(f"{goals[it]['median']:.2f}" for it in ALGORITHMS)]


def _many(run: dict) -> Iterator[list[str]]:
    most = max(row["consumers"] for row in run["requests"])
    issuers = f"{MANY_ISSUERS} issuers, against `jwt_authn`"
    among = f"{most:,} consumers against 1"
    for tokens in FIRST_SEEN, RETURNING:
        yield [f"{tokens} token, {issuers}, RS256", *_of_editions(run, f"{tokens} token, {issuers}", "{:.4f} times")]
    for tokens, callers in (FIRST_SEEN, FIRST_SEEN_CALLERS), (RETURNING, RETURNING_TOKENS):
        what = f"{tokens} token, {among}"
        yield [f"{what}, one of them calls", *_of_editions(run, f"{what}, one of them calls", "{:.2f}")]
        yield [f"{what}, {callers} of them call", *_of_editions(run, what, "{:.2f}")]
    longest = f"longest wait, {most:,} consumers replaced"
    yield [f"{longest}, above the same without a change", *_of_editions(run, longest, "{:.0f} ms")]
    yield [
        f"memory of {most:,} RS256 consumers",
        *_of(run, f"memory of a worker with {most:,} consumers", "{:.0f} MB a worker"),
        *_of(run, f"native edition, memory of {most:,} consumers, 4 workers in all", "{:.0f} MB in all, 4 workers"),
    ]


def _of_editions(run: dict, what: str, form: str) -> list[str]:
    return [*_of(run, what, form), *_of(run, f"native edition, {what}", form)]


def _of(run: dict, what: str, form: str) -> list[str]:
    """The figure of a goal, or of each algorithm from the lowest to the highest."""
    medians = sorted(figure["median"] for figure in _goals(run, what).values())
    if len(medians) > 1 and form.format(medians[0]) != form.format(medians[-1]):
        return [f"{form.format(medians[0])} to {form.format(medians[-1])} times"]
    return [form.format(medians[0])]


def _goals(run: dict, what: str) -> dict[str, dict]:
    """The figures of a goal by algorithm."""
    return {goal["algorithm"]: goal["measured"] for goal in run["goals"] if goal["goal"] == what}


if __name__ == "__main__":
    update(LATEST)
