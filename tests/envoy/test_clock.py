"""Failure drills with a clock that jumps by an hour while Envoy runs: what is valid by the new time passes, nothing else does,
key sets are fetched again once, and requests that wait are answered.
"""

import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import harness
from conftest import check_log
from consumers import CLIENT_APP, HS256, plugin
from harness import until
from key_server import KeyServer, key_set
from tokens import in_seconds, key

KEY, FORGER = key("ES256", "drill"), key("ES256", "forger")
HOUR = 3600
WORKERS = 2
# Connections, so that each worker gets some: that one gets none has odds of one in two million.
WARM = 22
SETS = "/tenants"
TENANTS = 20
WAITING = 10


def tenant(number, place=None, **fields):
    uri = f"http://issuer.example.com{place or f'{SETS}/{number}'}"
    secret = {"key": f"tenant {number}", "remote_jwks": {"uri": uri, "cluster": "issuer", **fields}}
    return {"username": f"u{number}", "jwt_secrets": [secret]}


CONFIGURATION = plugin(
    CLIENT_APP,
    *[tenant(number, cache_duration="1h") for number in range(TENANTS)],
    tenant("slow", "/slow", timeout="3s"),
    tenant("patient", "/patient", timeout="60s"),
    tenant("pulse", "/pulse", cache_duration="1s"),
    claims_to_verify=["exp", "nbf"],
)


class Clock:
    """How many seconds Envoy's clock is ahead."""

    def __init__(self, path):
        self._file = path.open("w+b", buffering=0)
        self.jump_to(0)

    def jump_to(self, seconds):
        self._file.seek(0)
        self._file.write(struct.pack("q", seconds))


@pytest.fixture
def clock(tmp_path, monkeypatch):
    if not shutil.which("cc"):
        pytest.skip("the clock that jumps needs a C compiler, cc")
    library, path = tmp_path / "clock.so", tmp_path / "ahead"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).with_name("clock.c")], check=True)
    clock = Clock(path)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("CLOCK_AHEAD", str(path))
    return clock


@pytest.fixture
def issuer():
    with KeyServer() as running:
        for place in (SETS, "/slow", "/patient", "/pulse"):
            running.set(place, key_set((KEY, "1")))
        running.hold("/slow")
        running.hold("/patient")
        yield running


@pytest.fixture
def envoy(clock, issuer, upstream, tmp_path):
    options = {"clusters": {"issuer": issuer.port}, "concurrency": WORKERS, "log_level": "debug"}
    with harness.Envoy({"http": CONFIGURATION}, upstream, tmp_path, **options) as running:
        until(lambda: fetches_of_tenants(issuer) == TENANTS, "the sets")
        yield running
        running.terminate()
        assert running.ends() == 0
        check_log(running.log())


def times(**claims):
    """The times of a token that is valid for hours, but for what is said otherwise."""
    return {"nbf": in_seconds(-3 * HOUR), "exp": in_seconds(3 * HOUR), **claims}


def token_of(tenant, signer=KEY, **claims):
    return signer.token(header={"kid": "1"}, iss=f"tenant {tenant}", **times(**claims))


def statuses(envoy, token):
    """What is answered, by every worker."""
    return {envoy["http"].bearer(token).status for _ in range(WARM)}


def fetches_of_tenants(issuer):
    return sum(issuer.count(f"{SETS}/{number}") for number in range(TENANTS))


def pulse(issuer):
    """Waits until the clock has gone on for some seconds, and whoever looks after key sets has looked after each again."""
    before = issuer.count("/pulse")
    until(lambda: issuer.count("/pulse") >= before + 2, "a set that is fetched each second")


@pytest.mark.parametrize("kind", ["of a secret", "of a key set"])
def test_tokens_are_valid_by_the_time_that_the_clock_has_jumped_to_though_they_are_remembered(envoy, clock, kind):
    def make(**claims):
        return HS256.token(**times(**claims)) if kind == "of a secret" else token_of(0, **claims)

    short, long, early = make(exp=in_seconds(HOUR // 2)), make(), make(nbf=in_seconds(HOUR // 2))
    for at, of_short, of_early in [(0, 200, 401), (HOUR, 401, 200), (0, 200, 401), (-HOUR, 200, 401), (HOUR, 401, 200)]:
        clock.jump_to(at)
        assert (statuses(envoy, short), statuses(envoy, early), statuses(envoy, long)) == ({of_short}, {of_early}, {200})


@pytest.mark.parametrize("to", [HOUR, -HOUR], ids=["forward", "back"])
def test_key_sets_are_fetched_again_once_and_are_in_use_meanwhile(envoy, clock, issuer, to):
    tokens = [token_of(number) for number in range(TENANTS)]
    assert [envoy["http"].bearer(token).status for token in tokens] == [200] * TENANTS
    gate = issuer.hold(SETS)
    clock.jump_to(to)
    until(lambda: fetches_of_tenants(issuer) >= TENANTS + 8, "sets to be fetched again")
    assert [envoy["http"].bearer(token).status for token in tokens] == [200] * TENANTS
    gate.set()
    until(lambda: fetches_of_tenants(issuer) >= 2 * TENANTS, "all sets to be fetched again")
    pulse(issuer)
    assert fetches_of_tenants(issuer) == 2 * TENANTS
    clock.jump_to(0)
    pulse(issuer)
    assert fetches_of_tenants(issuer) <= 3 * TENANTS
    assert [envoy["http"].bearer(token).status for token in tokens] == [200] * TENANTS
    assert envoy["http"].bearer(token_of(0, FORGER)).status == 401


@contextmanager
def waiting(envoy, issuer, name):
    """Good and forged requests that wait for a tenant's set, which is held; each is answered within the given seconds."""
    until(lambda: issuer.count(f"/{name}") >= 1, "the fetch that is held")
    tokens = [token_of(name), token_of(name, FORGER)]
    with ThreadPoolExecutor(2 * WAITING) as clients:
        asked = [[clients.submit(envoy["http"].bearer, token) for _ in range(WAITING)] for token in tokens]
        until(lambda: envoy.log().count("a request waits for a key set") >= 2 * WAITING, "the requests to wait")
        yield lambda seconds: [[it.result(seconds * harness.PATIENCE) for it in each] for each in asked]


def were_unavailable(answers):
    return all(
        (answer.status, answer.body) == (503, b'{"message":"Key set unavailable"}') and 1 <= int(answer.header("retry-after")) <= 60
        for each in answers
        for answer in each
    )


def test_requests_that_have_waited_long_enough_by_the_new_time_are_answered_at_once(envoy, clock, issuer):
    with waiting(envoy, issuer, "patient") as answers:
        clock.jump_to(HOUR)
        assert were_unavailable(answers(2))
    issuer.release("/patient")
    until(lambda: envoy["http"].bearer(token_of("patient")).status == 200, "the set")


def test_requests_wait_on_when_the_clock_goes_back_and_are_decided_when_their_set_arrives(envoy, clock, issuer):
    with waiting(envoy, issuer, "patient") as answers:
        clock.jump_to(-HOUR)
        pulse(issuer)
        issuer.release("/patient")
        good, forged = answers(2)
    assert ({answer.status for answer in good}, {answer.status for answer in forged}) == ({200}, {401})


def test_requests_wait_on_when_the_clock_goes_back_until_their_fetch_ends(envoy, clock, issuer):
    with waiting(envoy, issuer, "slow") as answers:
        clock.jump_to(-HOUR)
        assert were_unavailable(answers(8))
    issuer.release("/slow")
    until(lambda: envoy["http"].bearer(token_of("slow")).status == 200, "the set")
    assert statuses(envoy, token_of("slow", FORGER)) == {401}
    assert issuer.count("/slow") <= 8
