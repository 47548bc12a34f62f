"""Failure drills with 5,000 credentials that have a key set of their own, all from one server: it is asked for a few at a
time, whether it is quick, slow or broken, and requests are answered meanwhile.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

import harness
from conftest import check_log
from consumers import CLIENT_APP, HS256, plugin
from harness import until
from key_server import KeyServer, key_set
from tokens import in_seconds, key

KEY = key("ES256", "drill")
MANY, LAST = 5000, 4999
WORKERS = 2
# At a time in each worker, for which Envoy's main thread counts too. The native edition fetches there alone.
MAX_CALLS = 16 * (1 if harness.IS_NATIVE else WORKERS + 1)
SETS = "/tenants"
# How long an answer may take on a machine that has other things to do as well.
PROMPT = 5 * harness.PATIENCE


def path(tenant):
    return f"{SETS}/{tenant}"


def tenant_of(number, **fields):
    remote = {"uri": f"http://issuer.example.com{path(number)}", "cluster": "issuer", "timeout": "30s", **fields}
    return {"username": f"u{number}", "jwt_secrets": [{"key": f"tenant {number}", "remote_jwks": remote}]}


def many(*others, **fields):
    return plugin(CLIENT_APP, *[tenant_of(number, **fields) for number in range(MANY)], *others)


def token(tenant, signer=KEY):
    return signer.token(header={"kid": "1"}, iss=f"tenant {tenant}", exp=in_seconds(300))


@pytest.fixture
def issuer():
    with KeyServer() as running:
        running.set(SETS, key_set((KEY, "1")))
        yield running


@pytest.fixture
def start(upstream, issuer, tmp_path):
    """Starts an Envoy with a listener for a plugin configuration."""
    started = []

    def launch(configuration):
        options = {"clusters": {"issuer": issuer.port}, "concurrency": WORKERS, "log_level": "warning"}
        envoy = harness.Envoy({"http": harness.Listen(configuration)}, upstream, tmp_path, **options)
        started.append(envoy.__enter__())
        return envoy

    yield launch
    for envoy in started:
        envoy.__exit__()
        check_log(envoy.log())


def fetches(issuer):
    """How many requests there were for each set that was asked for."""
    return {at: len(times) for at, times in issuer.arrivals.copy().items()}


def timed(call, *arguments):
    """What a call gives, once it is plain that it took no longer than it may."""
    start = time.monotonic()
    result = call(*arguments)
    took = time.monotonic() - start
    assert took < PROMPT, f"{took:.1f} s for {call.__name__}{arguments}"
    return result


def attend(envoy, until_true):
    """Has Envoy's admin interface and requests that wait for no set answered promptly, until a condition holds."""

    def answers():
        assert timed(envoy.admin, "/ready") == "LIVE\n"
        assert timed(envoy["http"].bearer, HS256.token()).status == 200
        return until_true()

    until(answers, "all of it to be fetched", seconds=60)


def is_full(issuer):
    return issuer.under_way >= MAX_CALLS


@pytest.mark.parametrize("when", ["at the start", "with an update"])
def test_5000_sets_are_fetched_a_few_at_a_time(issuer, start, tmp_path, when):
    issuer.hold(SETS)
    if when == "at the start":
        envoy = start(many())
    else:
        discovered = harness.Discovered(tmp_path, plugin())
        envoy = start(discovered)
        discovered.put(many())
    http = envoy["http"]
    with ThreadPoolExecutor() as clients:
        until(lambda: is_full(issuer), "as many fetches as there may be")
        waiting = [clients.submit(http.bearer, token(tenant)) for tenant in (0, LAST)]
        forged = clients.submit(http.bearer, token(LAST, key("ES256", "forger")))
        attend(envoy, lambda: envoy.count("http.downstream_rq_active") == 3)
        assert sum(fetches(issuer).values()) == MAX_CALLS, "nobody is asked for more while these are under way"

        released = time.monotonic()
        issuer.release(SETS)
        assert [it.result(PROMPT).status for it in waiting] == [200, 200], "first what requests wait for"
        assert forged.result(PROMPT).status == 401
        attend(envoy, lambda: len(issuer.arrivals) == MANY and issuer.under_way == 0)
    took = time.monotonic() - released
    for tenant in range(0, MANY, 500):
        assert timed(http.bearer, token(tenant)).status == 200
    assert sum(fetches(issuer).values()) == MANY, "each once"
    assert issuer.most_under_way == MAX_CALLS
    print(f"{MANY} sets in {took:.1f} s")


def test_an_update_while_5000_sets_are_being_fetched_asks_again_only_for_what_was_under_way(issuer, start, tmp_path):
    discovered = harness.Discovered(tmp_path, many())
    envoy = start(discovered)
    attend(envoy, lambda: len(issuer.arrivals) > MANY / 10)
    discovered.put(many(tenant_of(MANY)))
    attend(envoy, lambda: len(issuer.arrivals) == MANY + 1 and issuer.under_way == 0)
    assert timed(envoy["http"].bearer, token(MANY)).status == 200
    assert sum(fetches(issuer).values()) <= MANY + 1 + MAX_CALLS
    assert issuer.most_under_way <= 2 * MAX_CALLS, "Envoy may have given up what the server still answers"


def test_a_server_that_does_not_answer_is_asked_for_no_more_of_5000_sets_than_time_runs_out_for(issuer, start):
    issuer.hold(SETS)
    seconds = 1
    envoy = start(many(timeout=f"{seconds}s"))
    until(lambda: is_full(issuer), "as many fetches as there may be")
    first = min(times[0] for times in issuer.arrivals.copy().values())
    for tenant in (LAST, LAST - 1):
        response = timed(envoy["http"].bearer, token(tenant))
        assert (response.status, response.body) == (503, b'{"message":"Key set unavailable"}')
    attend(envoy, lambda: len(issuer.arrivals) > 3 * MAX_CALLS)
    arrivals = sorted(at for times in issuer.arrivals.copy().values() for at in times)
    rounds = 1 + (arrivals[-1] - first) // seconds
    assert len(arrivals) <= MAX_CALLS * (rounds + 1)
    assert {path(LAST), path(LAST - 1)} <= set(issuer.arrivals), "what a request has waited for comes first"
    issuer.release(SETS)
    until(lambda: envoy["http"].bearer(token(LAST)).status == 200, "the set, now that the server answers")


def test_a_server_that_fails_is_asked_again_for_5000_sets_later_each_time_and_a_few_at_a_time(issuer, start):
    issuer.set(SETS, b"", status=500)
    envoy = start(many())
    for _ in range(10):
        response = timed(envoy["http"].bearer, token(LAST))
        assert (response.status, response.body) == (503, b'{"message":"Key set unavailable"}')
        assert 1 <= int(response.header("retry-after")) <= 5
    assert issuer.count(path(LAST)) <= 2, "not every request has it asked for again"
    attend(envoy, lambda: max(fetches(issuer).values()) >= 3)
    pauses = [[later - earlier for earlier, later in pairwise(times)] for times in issuer.arrivals.copy().values()]
    for failure, at_least in enumerate([1, 2]):
        after = [of_set[failure] for of_set in pauses if len(of_set) > failure]
        assert after and min(after) >= 0.95 * at_least
    assert issuer.most_under_way <= MAX_CALLS
    issuer.set(SETS, key_set((KEY, "1")))
    until(lambda: envoy["http"].bearer(token(LAST)).status == 200, "the server's return")
