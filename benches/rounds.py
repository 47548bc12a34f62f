"""The rounds of requests: in each round every subject takes its turn for every algorithm and way of sending tokens."""

from __future__ import annotations

import dataclasses
import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from envoy import WHO, Envoy
from load import Slice, send
from subjects import Subject
from suite import KeyServer
from workload import (
    ALGORITHMS,
    FIRST_SEEN,
    RETURNING,
    Tokens,
    issuer,
    published,
    username,
    write_tokens,
)


@dataclass(frozen=True)
class Cell:
    """What a figure is of."""

    subject: str
    consumers: int
    algorithm: str
    tokens: str


@dataclass
class Turn:
    """What is done once a round: a listener is sent tokens, each time from where it was left the last time."""

    cell: Cell
    listener: str
    tokens: Tokens
    open_to_all: bool


Samples = dict[Cell, list[Slice]]


class WrongAnswer(Exception):
    """A subject does not do what is to be measured; the text says which and how."""


def measure(subjects: list[Subject], rounds: int, seconds: float, directory: Path, say: Callable) -> Samples:
    """Runs all subjects in one Envoy, and takes one slice of each turn per round."""
    say("signing tokens")
    turns = list(_turns(subjects, directory))
    listeners = {name: filters for subject in subjects for name, filters in subject.listeners.items()}
    say(f"starting Envoy with {len(listeners)} listeners")
    with _publisher() as keys, Envoy(listeners, directory, keys_port=keys.port) as envoy:
        for turn in turns:
            _check(envoy, turn)
        say("warming up")
        for turn in turns:
            send(envoy, turn.listener, turn.tokens, seconds)
        samples: Samples = {turn.cell: [] for turn in turns}
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for turn in turns:
                samples[turn.cell].append(send(envoy, turn.listener, turn.tokens, seconds))
    return samples


def _publisher() -> KeyServer:
    """The server of the issuers whose key sets are fetched."""
    server = KeyServer()
    for path, key_set in published().items():
        server.set(path, key_set)
    return server


def _turns(subjects: list[Subject], directory: Path) -> Iterator[Turn]:
    """The turns of a round; what is compared stands side by side."""
    for algorithm in ALGORITHMS:
        senders = {subject.callers for subject in subjects}
        written = {count: write_tokens(directory, algorithm, count) for count in senders}
        for way in (FIRST_SEEN, RETURNING):
            for subject in subjects:
                if algorithm in subject.algorithms and way in subject.tokens:
                    yield Turn(
                        cell=Cell(subject.name, subject.consumers, algorithm, way),
                        listener=subject.listener(algorithm),
                        tokens=dataclasses.replace(written[subject.callers][way]),
                        open_to_all=subject.lets_anyone_in(),
                    )


def _check(envoy: Envoy, turn: Turn) -> None:
    """Makes sure that what is measured lets its tokens in, says upstream whose they are, and lets nobody else in."""
    token = turn.tokens.first
    forged = token[:-20] + token[-20:].swapcase()
    answers = [_who(envoy.address(turn.listener), bearer) for bearer in (token, forged, None)]
    if turn.open_to_all:
        expected = [(200, None, None)] * 3
    else:
        sender = turn.tokens.first_sender
        identity = username(sender), issuer(turn.cell.algorithm, sender)
        expected = [(200, *identity), (401, None, None), (401, None, None)]
    if answers != expected:
        raise WrongAnswer(f"{turn.listener}, {turn.cell.algorithm}: {answers} instead of {expected}")


def _who(address: str, token: str | None) -> tuple[int, str | None, str | None]:
    """The status of an answer, and the username and credential that the upstream was told of."""
    connection = http.client.HTTPConnection(address, timeout=5)
    connection.request("GET", WHO, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.getheader("username"), answer.getheader("credential")
