"""Failure drills through a real Envoy: the module panics, and Envoy is drained while requests wait.

`make drill` builds the module that panics when a request asks for it. No release has that.
"""

import os
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import harness
from client import Streams
from conftest import check_log
from consumers import plugin
from expect import passed
from harness import until
from key_server import KeyServer, key_set
from tokens import ISSUER, key

KEY, FORGER = key("ES256", "drill"), key("ES256", "forger")
JWKS = "/jwks"
PANICS = Path(os.environ.get("JWT_AUTH_PANICS") or harness.DIST.parent / "target/drill/wasm32-wasip1/release/jwt_auth_filter.wasm")
NATIVE_PANICS = Path(os.environ.get("JWT_AUTH_NATIVE_PANICS") or harness.DIST.parent / "target/debug/libjwt_auth.so")
# How long after a start of the module Envoy starts it again at the latest: half as long again as `base_interval` of its backoff.
ENVOYS_PAUSE = 1.5


def remote(path=JWKS, **fields):
    return {"uri": f"http://issuer.example.com{path}", "cluster": "issuer", **fields}


def app(path=JWKS, issuer=ISSUER, username="App", **fields):
    return {"username": username, "jwt_secrets": [{"key": issuer, "remote_jwks": remote(path, **fields)}]}


def good(**claims):
    return KEY.token(header={"kid": "1"}, **claims)


def forged(**claims):
    return FORGER.token(header={"kid": "1"}, **claims)


@pytest.fixture
def issuer():
    with KeyServer() as running:
        running.set(JWKS, key_set((KEY, "1")))
        yield running


# The module panics


def panic(listener):
    """Has the worker that takes the connection panic; the status of the answer, or None if there was none."""
    try:
        return listener.send(headers=[("x-panic-drill", "1")]).status
    except (OSError, ValueError):
        return None


@pytest.fixture
def that_panics(monkeypatch):
    if harness.IS_NATIVE:
        pytest.skip("the native edition has a drill of its own")
    if not PANICS.is_file():
        pytest.skip(f"{PANICS} is not there: `make drill` makes it")
    monkeypatch.setattr(harness, "MODULE", PANICS)


def outlast_pause():
    start = time.monotonic()
    until(lambda: time.monotonic() - start > ENVOYS_PAUSE, "Envoy to start a module again that fails now")


def test_a_panic_passes_nothing_that_is_in_flight_and_the_worker_serves_again_within_a_second_without_another_fetch(
    that_panics, upstream, issuer, tmp_path
):
    issuer.set("/slow", key_set((KEY, "1")))
    gate = issuer.hold("/slow")
    # If the machine that ends was the one that fetched this set, another may do so once that fetch would have run out of time.
    configuration = plugin(app(), app("/slow", issuer="slow", username="Slow", timeout="10s"))
    # Envoy has no answer for what waits in a machine that has ended: it holds it until the stream is idle for too long.
    listeners = {"http": harness.Listen(configuration, manager={"stream_idle_timeout": "3s"})}
    with harness.Envoy(listeners, upstream, tmp_path, clusters={"issuer": issuer.port}) as envoy:
        listener = envoy["http"]
        passed(listener.bearer(good()), app())
        until(lambda: issuer.count("/slow") == 1, "the fetch that is held")
        outlast_pause()
        before = upstream.requests
        waiting = Streams(listener.address)
        waiting.send([good(iss="slow")] * 20 + [forged(iss="slow")] * 20 + [None])
        waiting.answers(until_status=401)

        assert panic(listener) in (None, 500, 503)
        start = time.monotonic()
        assert upstream.requests == before, "what made it panic did not pass"
        until(lambda: listener.bearer(good()).status == 200, "the worker")
        took = time.monotonic() - start
        assert took < 1, took
        assert listener.bearer(forged()).status == 401
        passing = upstream.requests
        answers = waiting.answers(count=40)
        assert set(answers) <= {408, 500, 503, 504}, Counter(answers)
        assert upstream.requests == passing, "nothing that was in flight passed"
        assert issuer.count(JWKS) == 1, "a set that has just been fetched is there without another fetch"
        assert envoy.count("vm_reload_success") == 1
        assert "panicked at" in envoy.log()
        assert "a request asked for it" not in envoy.log()
        gate.set()
        until(lambda: listener.bearer(good(iss="slow")).status == 200, "the set that was being fetched")
        waiting.close()
        print(f"{Counter(answers)}; served again after {took * 1000:.0f} ms, {issuer.count(JWKS)} fetches of the set that was there")


def test_after_one_panic_soon_after_another_the_worker_refuses_everything_for_a_second_or_so(
    that_panics, upstream, issuer, tmp_path
):
    with harness.Envoy({"http": plugin(app())}, upstream, tmp_path, clusters={"issuer": issuer.port}) as envoy:
        listener = envoy["http"]
        passed(listener.bearer(good()), app())
        outlast_pause()
        panic(listener)
        until(lambda: listener.bearer(good()).status == 200, "the worker")
        panic(listener)
        start, passing, answers = time.monotonic(), upstream.requests, []
        until(lambda: answers.append(listener.bearer(good()).status) or answers[-1] == 200, "the worker once more")
        assert time.monotonic() - start < 2 * ENVOYS_PAUSE
        assert len(answers) > 1 and set(answers[:-1]) <= {500, 503}, Counter(answers)
        assert upstream.requests == passing + 1


@pytest.fixture
def native_that_panics(monkeypatch):
    if not harness.IS_NATIVE:
        pytest.skip("for the native edition")
    if not NATIVE_PANICS.is_file():
        pytest.skip(f"{NATIVE_PANICS} is not there: `make test-native` makes it")
    monkeypatch.setattr(harness, "NATIVE_MODULE", NATIVE_PANICS)


def test_a_panic_of_the_native_module_is_a_500_for_that_request_and_all_others_go_on(
    native_that_panics, upstream, issuer, tmp_path
):
    gate = issuer.hold(JWKS)
    with harness.Envoy({"http": plugin(app())}, upstream, tmp_path, clusters={"issuer": issuer.port}) as envoy:
        listener = envoy["http"]
        waiting = Streams(listener.address)
        waiting.send([good()] * 10 + [forged()] * 10 + [None])
        waiting.answers(until_status=401)
        for number in range(1, 4):
            answer = listener.send(headers=[("x-panic-drill", "1"), ("authorization", f"Bearer {good()}")])
            assert (answer.status, answer.reached) == (500, 0)
            assert envoy.count("denied.internal_error") == number
        gate.set()
        assert Counter(waiting.answers(count=20)) == {200: 10, 401: 10}
        passed(listener.bearer(good()), app())
        waiting.close()
        assert envoy.log().count("panicked at native/src/exchange.rs") == 3
        assert "a request asked for it" not in envoy.log()


# Envoy is drained


def ask(address, token):
    """The status of the answer to a request on a connection of its own; None if the connection ends without one."""
    head = f"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    with socket.create_connection(address, 30) as connection:
        connection.sendall(head.encode())
        try:
            line = connection.makefile("rb").readline()
        except ConnectionResetError:
            return None
    return int(line.split()[1]) if line else None


@pytest.fixture
def waiting(upstream, issuer, tmp_path):
    """An Envoy with ten good and ten forged requests that wait for a set which is held."""
    gate = issuer.hold(JWKS)
    clusters = {"issuer": issuer.port}
    configuration = {"http": plugin(app(timeout="60s"))}
    with harness.Envoy(configuration, upstream, tmp_path, clusters=clusters, concurrency=2) as envoy:
        until(lambda: issuer.count(JWKS) == 1, "the fetch")
        with ThreadPoolExecutor(20) as clients:
            asked = [clients.submit(ask, envoy["http"].address, token) for token in [good(), forged()] * 10]
            until(lambda: envoy.log().count("a request waits for a key set") == 20, "the requests to wait")
            try:
                yield envoy, gate, asked[::2], asked[1::2]
            finally:
                gate.set()
        check_log(envoy.log())


def test_a_graceful_drain_lets_requests_that_wait_be_decided_and_then_nobody_comes_in(waiting, upstream):
    envoy, gate, good_ones, forged_ones = waiting
    before = upstream.requests
    envoy.post("/drain_listeners?graceful")
    assert not any(request.done() for request in [*good_ones, *forged_ones])
    gate.set()
    assert [request.result(30) for request in good_ones] == [200] * 10
    assert [request.result(30) for request in forged_ones] == [401] * 10
    assert upstream.requests - before == 10
    envoy.post("/quitquitquit")
    assert envoy.ends() == 0


@pytest.mark.parametrize("how", ["drain_listeners", "sigterm", "quitquitquit"])
def test_an_envoy_that_ends_while_requests_wait_passes_none_of_them(waiting, upstream, how):
    envoy, _, good_ones, forged_ones = waiting
    before = upstream.requests
    if how == "sigterm":
        envoy.terminate()
    else:
        envoy.post(f"/{how}")
        if how == "drain_listeners":
            envoy.terminate()
    assert envoy.ends() == 0
    answers = {request.result(30) for request in [*good_ones, *forged_ones]}
    assert answers <= {None, 500, 503}, answers
    assert upstream.requests == before
