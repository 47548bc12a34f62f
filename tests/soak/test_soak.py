"""What the soak's own judges tell apart, shown with made-up figures."""

import random

import harness
import pytest
import report
from soak import Lines

REQUESTS_A_SECOND = 200


def memory(seconds, leak=0.0, warming=20):
    """Envoy's memory in MiB by the second, with noise: it warms up, and loses so many bytes with each request."""
    chance = random.Random(seconds)
    lost = leak * REQUESTS_A_SECOND / 2**20
    return [(at, 120 + warming * min(at / seconds * 4, 1) + lost * at + chance.gauss(0, 0.5)) for at in range(1, seconds + 1)]


@pytest.mark.parametrize(
    ("seconds", "leak"), [(60, 4096), (120, 1024), (600, 128), (3600, 20)], ids=["a minute", "two minutes", "ten minutes", "an hour"]
)
def test_a_leak_is_noticed_and_warming_up_is_none(seconds, leak):
    assert report.growth(memory(seconds)).is_flat(seconds)
    assert not report.growth(memory(seconds, leak)).is_flat(seconds)


def test_memory_that_one_cannot_be_sure_of_is_no_flat_memory():
    chance = random.Random(1)
    wild = [(at, 120 + chance.uniform(0, 400)) for at in range(1, 601)]
    assert not report.growth(wild).is_flat(600)


def log(*counts, kind="denied: no token"):
    """A log with so many lines in each second, on one thread."""
    says = "jwt_auth: " if harness.IS_NATIVE else "wasm log jwt_auth jwt_auth x: "
    head = "[2026-01-01 10:00:{:02}.500][7][info][" + harness.LOGGER + "] [source/file.cc:1] " + says
    return "".join(f"{head.format(second)}{kind}\n" * count for second, count in enumerate(counts))


def test_what_a_worker_logs_is_counted_by_the_second():
    assert Lines(log(100, 30, 100)).are_bounded()
    assert not Lines(log(100, 102, 0)).are_bounded()
    assert Lines(log(22, kind="key set x: 1 key")).are_bounded()
    assert not Lines(log(43, kind="key set x: 1 key")).are_bounded()
    assert Lines(log(100, 30)).refusals.total() == 130


def test_with_an_update_two_configurations_may_log():
    update = log(0, 1, kind="configured with 3 credential keys")
    assert Lines(update + log(0, 200)).are_bounded()
    assert not Lines(update + log(0, 202)).are_bounded()
    assert not Lines(update + log(200)).are_bounded()
