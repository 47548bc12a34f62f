"""What this filter is meant to reach, and whether it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from figures import Figure, costs
from replacing import Replacements
from rounds import Cell, Samples
from startup import NATIVE_WORKERS, Starts
from subjects import (
    FETCHED_KEY_SET,
    IN_WASM,
    JWT_AUTH,
    JWT_AUTHN,
    JWT_AUTHN_CACHE,
    KEY_SET,
    MANY_ISSUERS,
    NATIVE,
    NATIVE_ONE_CALLER,
    NO_CACHE,
    ONE_CALLER,
)
from workload import ALGORITHMS, FIRST_SEEN, PUBLISHABLE, RETURNING

TIMES = "×"
# Stands for an algorithm where none matters.
ANY = "any"


@dataclass(frozen=True)
class Goal:
    """An upper limit in a unit, other limits for some algorithms, and the figure measured for each algorithm."""

    what: str
    limit: float
    unit: str
    figures: dict[str, Figure]
    exceptions: dict[str, float] = field(default_factory=dict)

    def limit_of(self, algorithm: str) -> float:
        return self.exceptions.get(algorithm, self.limit)

    def reached(self, algorithm: str) -> bool:
        return self.figures[algorithm].median <= self.limit_of(algorithm)


def of_requests(samples: Samples) -> Iterator[Goal]:
    """The goals for what a request costs; those that this module cannot be measured for are left out."""
    most = max(cell.consumers for cell in samples)

    def cost(subject: str, algorithm: str, tokens: str, consumers: int = 1) -> list[float]:
        return costs(samples, Cell(subject, consumers, algorithm, tokens))

    def first_seen(algorithm: str, consumers: int = 1) -> list[float]:
        return cost(JWT_AUTH, algorithm, FIRST_SEEN, consumers)

    def returning(algorithm: str, consumers: int = 1) -> list[float]:
        return cost(JWT_AUTH, algorithm, RETURNING, consumers)

    def against_native(algorithm: str) -> Figure:
        return Figure.ratio(first_seen(algorithm), cost(JWT_AUTHN, algorithm, FIRST_SEEN))

    def against_native_rs256(algorithm: str) -> Figure:
        return Figure.ratio(returning(algorithm), cost(JWT_AUTHN, "RS256", RETURNING))

    def against_native_cache(algorithm: str) -> Figure:
        return Figure.ratio(returning(algorithm), cost(JWT_AUTHN_CACHE, algorithm, RETURNING))

    def first_seen_among_many(algorithm: str) -> Figure:
        return Figure.ratio(first_seen(algorithm, most), first_seen(algorithm))

    def returning_among_many(algorithm: str) -> Figure:
        return Figure.ratio(returning(algorithm, most), returning(algorithm))

    def of_key_set(algorithm: str) -> Figure:
        return Figure.ratio(cost(KEY_SET, algorithm, RETURNING), returning(algorithm))

    def of_fetched_key_set(algorithm: str) -> Figure:
        return Figure.ratio(cost(FETCHED_KEY_SET, algorithm, RETURNING), returning(algorithm))

    def against_no_cache(algorithm: str) -> Figure:
        return Figure.difference(first_seen(algorithm), cost(NO_CACHE, algorithm, FIRST_SEEN))

    yield Goal("first-seen token, against `jwt_authn`", 1, TIMES, _each(against_native), {"EdDSA": 3})
    yield Goal("returning token, against `jwt_authn` on RS256", 0.25, TIMES, _each(against_native_rs256))
    yield Goal("returning token, against `jwt_authn` with its cache", 1.5, TIMES, _each(against_native_cache))

    among_many = f"{most:,} consumers against 1"
    yield Goal(f"first-seen token, {among_many}", 1.05, TIMES, _each(first_seen_among_many))
    yield Goal(f"returning token, {among_many}", 1.05, TIMES, _each(returning_among_many))

    yield from _of_one_caller("", JWT_AUTH, ONE_CALLER, samples, most)
    yield from _of_many_issuers("", JWT_AUTH, samples)

    yield Goal("returning token, key set against key", 1.05, TIMES, _each(of_key_set))
    fetched = _each(of_fetched_key_set, PUBLISHABLE)
    yield Goal("returning token, fetched key set against key", 1.05, TIMES, fetched)

    measured = {cell.subject for cell in samples}
    if NATIVE in measured:
        yield from _of_native_edition(samples, most)
    if NO_CACHE in measured:
        yield Goal("first-seen token, what the cache adds", 2, "µs", _each(against_no_cache))
    if IN_WASM in measured:
        rs256 = Figure.of(cost(IN_WASM, "RS256", FIRST_SEEN))
        yield Goal("first-seen token, without the host's cryptography", 250, "µs", {"RS256": rs256})


def _of_native_edition(samples: Samples, most: int) -> Iterator[Goal]:
    """The goals for what a request costs that the native edition sees."""

    def cost(subject: str, algorithm: str, tokens: str, consumers: int = 1) -> list[float]:
        return costs(samples, Cell(subject, consumers, algorithm, tokens))

    def against(subject: str, tokens: str) -> Callable[[str], Figure]:
        return lambda algorithm: Figure.ratio(cost(NATIVE, algorithm, tokens), cost(subject, algorithm, tokens))

    def among_many(tokens: str) -> Callable[[str], Figure]:
        return lambda algorithm: Figure.ratio(cost(NATIVE, algorithm, tokens, most), cost(NATIVE, algorithm, tokens))

    limits = {"HS256": 0.9, "RS256": 0.85, "ES256": 0.95, "EdDSA": 0.7}
    first_seen = _each(against(JWT_AUTHN, FIRST_SEEN))
    yield Goal("native edition, first-seen token, against `jwt_authn`", 1, TIMES, first_seen, limits)
    returning = _each(against(JWT_AUTHN_CACHE, RETURNING))
    yield Goal("native edition, returning token, against `jwt_authn` with its cache", 1.1, TIMES, returning)
    for tokens in FIRST_SEEN, RETURNING:
        figures = _each(among_many(tokens))
        yield Goal(f"native edition, {tokens} token, {most:,} consumers against 1", 1.05, TIMES, figures)
    yield from _of_one_caller("native edition, ", NATIVE, NATIVE_ONE_CALLER, samples, most)
    yield from _of_many_issuers("native edition, ", NATIVE, samples)


def _of_one_caller(edition: str, subject: str, one_caller: str, samples: Samples, most: int) -> Iterator[Goal]:
    """The same tokens of one consumer, where that is the only one and where there are many. (Among many, many call: each has
    a key and tokens of its own, which the processor's caches have to hold.)"""

    def figure(tokens: str) -> Callable[[str], Figure]:
        return lambda algorithm: Figure.ratio(
            costs(samples, Cell(one_caller, most, algorithm, tokens)), costs(samples, Cell(subject, 1, algorithm, tokens))
        )

    for tokens in FIRST_SEEN, RETURNING:
        what = f"{edition}{tokens} token, {most:,} consumers against 1, one of them calls"
        yield Goal(what, 1.05, TIMES, _each(figure(tokens)))


def _of_many_issuers(edition: str, subject: str, samples: Samples) -> Iterator[Goal]:
    """Many issuers, of which jwt_authn tries one after the other."""

    def cost(subject: str, tokens: str) -> list[float]:
        return costs(samples, Cell(subject, MANY_ISSUERS, "RS256", tokens))

    for tokens in FIRST_SEEN, RETURNING:
        figure = Figure.ratio(cost(subject, tokens), cost(JWT_AUTHN, tokens))
        yield Goal(f"{edition}{tokens} token, {MANY_ISSUERS} issuers, against `jwt_authn`", 0.01, TIMES, {"RS256": figure})


def of_loading(starts: Starts, module_bytes: int) -> Iterator[Goal]:
    """The goals for what loading costs."""
    most = max(starts)
    load = Figure.of([start.worker_cpu for start in starts[most]])
    above = Figure.of([start.with_filter - start.without_filter for start in starts[most]])
    memory = Figure.of([start.worker_memory for start in starts[most]])
    yield Goal(f"load of {most:,} consumers by a worker", 3, "s", {"RS256": load})
    yield Goal(f"start of Envoy with {most:,} consumers, above no filter", 3, "s", {"RS256": above})
    yield Goal(f"memory of a worker with {most:,} consumers", 200, "MB", {"RS256": memory})
    if starts[most][0].native_memory is not None:
        native = Figure.of([start.native_memory for start in starts[most]])
        what = f"native edition, memory of {most:,} consumers, {NATIVE_WORKERS} workers in all"
        yield Goal(what, 250, "MB", {"RS256": native})
    yield Goal("size of the module", 1.2, "MB", {ANY: Figure.of([module_bytes / 1e6])})


def of_replacing(consumers: int, replacements: Replacements) -> Iterator[Goal]:
    """The goals for the longest wait while a configuration is replaced, above the same without a change."""
    for subject, limit in (JWT_AUTH, 300), (NATIVE, 10):
        if subject in replacements:
            edition = "native edition, " if subject == NATIVE else ""
            waits = replacements[subject]
            figure = Figure.difference([its.during for its in waits], [its.without for its in waits])
            yield Goal(f"{edition}longest wait, {consumers:,} consumers replaced", limit, "ms", {"RS256": figure})


def _each(figure: Callable[[str], Figure], algorithms: tuple[str, ...] = ALGORITHMS) -> dict[str, Figure]:
    return {algorithm: figure(algorithm) for algorithm in algorithms}
