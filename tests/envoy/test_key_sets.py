"""Key sets that an issuer publishes: fetched once for all workers, kept fresh, and kept when the issuer fails."""

import json
import re
import select
import socket
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain

import pytest

import harness
from client import Streams
from conftest import check_log
from consumers import GUEST, plugin
from expect import BAD_SIGNATURE, WRONG_ALGORITHM, passed, passed_as_anonymous, refused
from harness import until
from key_server import KeyServer, jwk, key_set
from tokens import ALGORITHMS, ISSUER, Key, b64, key

RSA, EC, ED = key("RS256"), key("ES256"), key("Ed25519")
OLD, NEW = key("ES256", "old"), key("ES256", "new")
WORKERS = 4
WARM = 48  # connections, so that every worker gets some: that one gets none has odds of 4 × 0.75⁴⁸, one in 250,000


@pytest.fixture
def keys():
    with KeyServer() as running:
        yield running


@pytest.fixture
def start(upstream, keys, tmp_path):
    """Starts an Envoy of four workers with a listener per plugin configuration."""
    started = []

    def launch(listeners, workers=WORKERS, **options):
        directory = tmp_path / str(len(started))
        directory.mkdir()
        clusters = {"issuer": keys.port, "tls": (keys.port, {}), "dead": _unused_port()}
        envoy = harness.Envoy(listeners, upstream, directory, concurrency=workers, clusters=clusters, **options)
        started.append(envoy.__enter__())
        return envoy

    yield launch
    for envoy in started:
        envoy.__exit__()
        check_log(envoy.log())


def _unused_port():
    with socket.socket() as probe:
        probe.bind((harness.LOOPBACK, 0))
        return probe.getsockname()[1]


def remote(uri="http://issuer.example.com/jwks", cluster="issuer", **fields):
    return {"remote_jwks": {"uri": uri, "cluster": cluster, **fields}}


def consumer(*credentials, username="App", issuer=ISSUER):
    return {"username": username, "jwt_secrets": [{"key": issuer, **credential} for credential in credentials]}


def one(credential, *consumers, **fields):
    return {"main": plugin(consumer(credential), *consumers, **fields)}


APP = consumer()


def token(signer, kid=None, **claims):
    return signer.token(header={"kid": kid} if kid else None, **claims)


def counts_fetches_at_once():
    """Whether Envoy lets a module count without a request: a dynamic module can since 1.39."""
    return not harness.IS_NATIVE or harness.envoy_exports("http_filter_config_increment_counter")


def fetches(envoy, result):
    if not counts_fetches_at_once():
        pytest.skip("this Envoy counts a fetch with the next request")
    return envoy.count(f"jwt_auth.key_set_fetch.{result}")


def statuses(listener, text, count=WARM):
    return [listener.bearer(text).status for _ in range(count)]


def unavailable(response):
    assert (response.status, response.body) == (503, b'{"message":"Key set unavailable"}')
    assert 1 <= int(response.header("retry-after")) <= 60
    assert response.header("content-type") == "application/json; charset=utf-8"
    assert response.header("www-authenticate") is None
    assert response.reached == 0


def in_background(call, *arguments):
    return ThreadPoolExecutor(1).submit(call, *arguments)


# Fetching


def test_a_set_is_fetched_before_requests_need_it_and_by_one_worker_for_all(keys, start):
    keys.set("/jwks", key_set((RSA, "1"), (EC, "2")))
    envoy = start(one(remote()))
    until(lambda: fetches(envoy, "success"), "the first fetch")
    assert keys.count("/jwks") == 1
    envoy.wait_for_log(rf"\[info\]\[{harness.LOGGER}\] .*key set http://issuer.example.com/jwks .*2 keys")
    assert set(statuses(envoy["main"], token(RSA, "1"))) == {200}
    passed(envoy["main"].bearer(token(EC, "2")), APP)
    assert (keys.count("/jwks"), keys.hosts["/jwks"]) == (1, "issuer.example.com")


def test_a_set_is_refreshed_before_it_is_stale_by_one_worker_of_four(keys, start):
    keys.set("/jwks", key_set((RSA, "1")))
    start(one(remote(cache_duration="2s")))
    until(lambda: keys.count("/jwks") >= 4, "three refreshes")
    # Refreshes come after 80 to 95 % of two seconds, and are noticed by a tick within one more.
    first, *_, last = keys.arrivals["/jwks"][:4]
    assert 3 * 1.6 - 0.2 <= last - first <= 3 * 3.0


def test_a_shorter_max_age_wins(keys, start):
    keys.set("/jwks", key_set((RSA, "1")), cache_control="public, max-age=10")
    start(one(remote(cache_duration="1h")))
    until(lambda: keys.count("/jwks") == 2, "the refresh")


def test_credentials_of_the_same_source_share_one_set(keys, start):
    keys.set("/jwks", key_set((RSA, "1")))
    both = plugin(consumer(remote()), consumer(remote(), username="Other", issuer="other"))
    envoy = start({"main": both})
    passed(envoy["main"].bearer(token(RSA, "1")), APP)
    passed(envoy["main"].bearer(token(RSA, "1", iss="other")), {"username": "Other"}, "other")
    assert keys.count("/jwks") == 1


def test_sets_of_different_uris_never_mix(keys, start):
    keys.set("/a", key_set((OLD, "1")))
    keys.set("/b", key_set((NEW, "1")))
    credentials = [remote("http://x/a"), remote("http://x/b")]
    envoy = start({"main": plugin(consumer(credentials[0]), consumer(credentials[1], username="B", issuer="b"))})
    passed(envoy["main"].bearer(token(OLD, "1")), APP)
    passed(envoy["main"].bearer(token(NEW, "1", iss="b")), {"username": "B"}, "b")
    refused(envoy["main"].bearer(token(NEW, "1")), BAD_SIGNATURE)
    refused(envoy["main"].bearer(token(OLD, "1", iss="b")), BAD_SIGNATURE)


# A set that has never arrived


def test_a_request_waits_for_the_fetch_under_way(keys, start):
    keys.set("/jwks", key_set((RSA, "1")))
    gate = keys.hold("/jwks")
    envoy = start(one(remote()))
    until(lambda: keys.count("/jwks"), "the fetch")
    waiting = [in_background(envoy["main"].bearer, token(RSA, "1")) for _ in range(WARM)]
    forged = in_background(envoy["main"].bearer, token(key("RS256", "forged"), "1"))
    # What needs no key is answered meanwhile.
    assert envoy["main"].send().status == 401
    assert envoy["main"].bearer(key("HS256").token()).body == b'{"message":"Invalid algorithm"}'
    assert not any(request.done() for request in [*waiting, forged])
    gate.set()
    assert {request.result().status for request in waiting} == {200}
    assert (forged.result().status, forged.result().body) == (401, b'{"message":"Invalid signature"}')
    assert keys.count("/jwks") == 1


def test_the_rule_of_its_route_holds_for_a_request_that_has_waited(keys, start):
    keys.set("/jwks", key_set((RSA, "1")))
    gate = keys.hold("/jwks")
    envoy = start(one(remote(), GUEST, rules=[{"services": ["http2"], "allow": ["guest"]}]))
    until(lambda: keys.count("/jwks"), "the fetch")
    allowed, refusals = [
        [in_background(lambda path: envoy["main"].bearer(token(RSA, "1"), path=path), path) for _ in range(8)]
        for path in ["/", "/http2"]
    ]
    gate.set()
    assert {request.result().status for request in allowed} == {200}
    assert {request.result().status for request in refusals} == {403}


def test_after_the_timeout_the_answer_is_503_and_the_set_still_arrives(keys, start):
    keys.set("/jwks", key_set((RSA, "1")))
    gate = keys.hold("/jwks")
    envoy = start({
        "main": plugin(consumer(remote(timeout="1s"))),
        "anonymous": plugin(consumer(remote(timeout="1s")), GUEST, anonymous="guest"),
    })
    begin = time.monotonic()
    unavailable(envoy["main"].bearer(token(RSA, "1")))
    assert time.monotonic() - begin < 4
    passed_as_anonymous(envoy["anonymous"].bearer(token(RSA, "1")), GUEST)
    assert fetches(envoy, "status") + fetches(envoy, "unreachable") >= 1
    gate.set()
    until(lambda: envoy["main"].bearer(token(RSA, "1")).status == 200, "the set")


def test_a_body_does_not_get_past_a_request_that_waits(keys, start):
    keys.set("/jwks", key_set((RSA, "1")))
    keys.hold("/jwks")
    envoy = start(one(remote(timeout="2s")), wasm={"allow_on_headers_stop_iteration": True})
    until(lambda: keys.count("/jwks"), "the fetch")
    unavailable(envoy["main"].bearer(token(RSA, "1"), method="POST", body=b"x" * 100_000))


def test_a_client_that_goes_away_while_waiting_leaves_nothing_behind(keys, start):
    keys.set("/jwks", key_set((RSA, "1")))
    gate = keys.hold("/jwks")
    envoy = start(one(remote()))
    until(lambda: keys.count("/jwks"), "the fetch")
    head = f"GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token(RSA, '1')}\r\n\r\n".encode()
    for _ in range(WARM):
        with socket.create_connection(envoy["main"].address) as connection:
            connection.sendall(head)
    stays = in_background(envoy["main"].bearer, token(RSA, "1"))
    gate.set()
    assert stays.result().status == 200
    assert set(statuses(envoy["main"], token(RSA, "1"))) == {200}


MOST_WAITING = 512  # for one set: half of the room


def test_no_more_requests_wait_than_a_worker_has_room_for(keys, start):
    """What comes beyond is answered at once, and those that wait can all go away together."""
    keys.set("/jwks", key_set((RSA, "1")))
    gate = keys.hold("/jwks")
    envoy = start(one(remote(timeout="60s")), workers=1)
    until(lambda: keys.count("/jwks"), "the fetch")
    waits, is_answered = token(RSA, "1"), None
    connections = [Streams(envoy["main"].address) for _ in range(MOST_WAITING // 512 + 1)]
    for connection in connections:
        connection.send([waits] * 512 + [is_answered])
    # A worker takes the requests of a connection in their order: with the last one answered, it has seen them all.
    answers = [connection.answers(until_status=401) for connection in connections]
    assert Counter(chain(*answers)) == {503: 512, 401: len(connections)}
    for connection in connections:
        connection.close()
    gate.set()
    passed(envoy["main"].bearer(waits), APP)


def test_bodies_that_wait_have_a_limit(keys, start):
    """A body of 2 MB costs memory while it waits: of 100 such requests few may. The others are answered at once."""
    keys.set("/jwks", key_set((RSA, "1")))
    gate = keys.hold("/jwks")
    envoy = start(one(remote(timeout="60s"), max_waiting_body_bytes=8_000_000), workers=1)
    until(lambda: keys.count("/jwks"), "the fetch")
    before = envoy.resident_kib()
    head = f"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2000000\r\nauthorization: Bearer {token(RSA, '1')}\r\n\r\n"
    with ExitStack() as open_ones:
        connections = [open_ones.enter_context(socket.create_connection(envoy["main"].address)) for _ in range(100)]
        for connection in connections:
            connection.setblocking(False)
            connection.send(head.encode() + b"x" * 100_000)
        answered = until(lambda: (found := _answered(connections)) >= 98 and found, "the answers")
        assert answered == 98, "2 of 2 MB are half of the room"
        assert envoy.resident_kib() - before < 60_000
    # A request without a body waits all the same.
    waiting = in_background(envoy["main"].bearer, token(RSA, "1"))
    gate.set()
    assert waiting.result().status == 200


def test_requests_that_go_on_together_hold_nobody_else_up(keys, start):
    """400 forged tokens, each tried with as many slow keys as a request may try: over a second's work for the worker."""
    keys.set("/jwks", key_set(*[(key("Ed448", str(number)), None) for number in range(8)]))
    gate = keys.hold("/jwks")
    envoy = start({**one(remote(timeout="60s")), "bare": None}, workers=1)
    until(lambda: keys.count("/jwks"), "the fetch")
    forged = key("Ed448", "forger").token()
    waiting = Streams(envoy["main"].address)
    waiting.send([forged] * 400 + [None])
    waiting.answers(until_status=401)
    answers = in_background(waiting.answers, None, 400)
    gate.set()
    latencies = []
    while not answers.done():
        before = time.monotonic()
        assert envoy["bare"].send().status == 200
        latencies.append(time.monotonic() - before)
    assert Counter(answers.result()) == {401: 400}
    waiting.close()
    assert len(latencies) > 20, "somebody else was answered meanwhile"
    # In one piece the work takes more than a second, on a machine that has nothing else to do.
    assert max(latencies) < 0.8, latencies
    print(f"latencies: median {statistics.median(latencies) * 1000:.1f} ms, most {max(latencies) * 1000:.1f} ms")


def _answered(connections):
    """How many have been answered, each with 503."""
    answers = [connection for connection in connections if select.select([connection], [], [], 0)[0]]
    assert all(connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 503" for connection in answers)
    return len(answers)


@pytest.mark.parametrize("cluster, why", [
    ("dead", 'the connection to the server failed: ".+"'),
    ("tls", 'the connection to the server failed: "remote connection failure"'),
    ("none", "the request could not be sent"),
])  # fmt: skip
def test_without_anybody_to_ask_the_answer_is_503_at_once(start, cluster, why):
    envoy = start(one(remote(cluster=cluster)))
    until(lambda: fetches(envoy, "unreachable") + fetches(envoy, "status"), "the first failure")
    begin = time.monotonic()
    unavailable(envoy["main"].bearer(token(RSA, "1")))
    assert time.monotonic() - begin < 2
    envoy.wait_for_log(rf"\[warning\]\[{harness.LOGGER}\] .*key set http://issuer.example.com/jwks .*: {why}.*trying again in 1\.\d s")


def _retries(envoy):
    return [float(seconds) for seconds in re.findall(r"trying again in ([\d.]+) s", envoy.log())]


def test_retries_back_off(keys, start):
    keys.set("/jwks", b"", status=500)
    envoy = start(one(remote()))
    waits = until(lambda: len(found := _retries(envoy)) >= 3 and found, "retries")
    assert [1 <= wait / pause <= 1.25 for wait, pause in zip(waits, [1, 2, 4])] == [True] * 3, waits
    assert fetches(envoy, "status") == 3


# Rotation


def test_a_new_key_works_with_its_first_token(keys, start):
    keys.set("/jwks", key_set((OLD, "old")))
    envoy = start(one(remote()))
    assert set(statuses(envoy["main"], token(OLD, "old"))) == {200}
    keys.set("/jwks", key_set((OLD, "old"), (NEW, "new")))
    assert set(statuses(envoy["main"], token(NEW, "new"))) == {200}
    assert set(statuses(envoy["main"], token(OLD, "old"))) == {200}
    assert keys.count("/jwks") == 2


def test_unknown_kids_cause_few_fetches_however_many_there_are(keys, start):
    keys.set("/jwks", key_set((OLD, "old")))
    envoy = start(one(remote()))
    passed(envoy["main"].bearer(token(OLD, "old")), APP)
    with ThreadPoolExecutor(16) as clients:
        flood = list(clients.map(lambda n: envoy["main"].bearer(token(NEW, f"k{n}")), range(100)))
    # Of a set that was fetched since, it is known that it lacks the key; without one to fetch, the client may try again.
    answers = {(response.status, response.body) for response in flood}
    told = {(401, b'{"message":"Invalid signature"}'), (503, b'{"message":"Key set unavailable"}')}
    assert answers <= told
    assert keys.count("/jwks") <= 1 + 4 + 1  # the first, the reserve, and one for each ten seconds
    assert envoy["main"].bearer(token(OLD, "old")).status == 200


@pytest.mark.parametrize("changed", ["/first", "/second"])
def test_every_set_of_a_key_is_asked_for_an_unknown_kid(keys, start, changed):
    """Whichever has the new key, and though another cannot be had at all."""
    for path in ["/first", "/second"]:
        keys.set(path, key_set((OLD, "old")))
    sets = [remote("http://x/first"), remote("http://x/second"), remote(cluster="dead")]
    envoy = start({"main": plugin(consumer(*sets))})
    until(lambda: fetches(envoy, "success") == 2 and fetches(envoy, "status"), "the first fetches")
    assert set(statuses(envoy["main"], token(OLD, "old"))) == {200}
    keys.set(changed, key_set((OLD, "old"), (NEW, "new")))
    assert set(statuses(envoy["main"], token(NEW, "new"))) == {200}


def test_a_removed_key_stops_working_though_its_token_is_cached(keys, start):
    keys.set("/jwks", key_set((OLD, "old"), (NEW, "new")))
    envoy = start(one(remote(cache_duration="1s")))
    assert set(statuses(envoy["main"], token(OLD, "old"))) == {200}
    keys.set("/jwks", key_set((NEW, "new")))
    # 401 where the set was fetched since the request arrived, else 503.
    until(lambda: set(statuses(envoy["main"], token(OLD, "old"))) <= {401, 503}, "the removal on every worker")
    passed(envoy["main"].bearer(token(NEW, "new")), APP)


# An issuer that fails

FAILURES = {
    "500": (dict(body=b"", status=500), "status"),
    "a redirect": (dict(body=b"", status=302, location="/elsewhere"), "status"),
    "HTML": (dict(body=b"<html>Sorry</html>"), "invalid"),
    "JSON without keys": (dict(body={"error": "sorry"}), "invalid"),
    "101 keys": (dict(body=key_set(*[jwk(NEW, str(n)) for n in range(101)])), "invalid"),
    "2 MiB": (dict(body={"keys": key_set((NEW, "new"))["keys"], "more": "x" * (2 << 20)}), "too_large"),
    "nothing": (None, "status"),
}


WITHDRAWN = {
    "an empty set": {"keys": []},
    "a set of weak keys": {"keys": [{"kty": "RSA", "n": "_w", "e": "AQAB", "kid": "old"}]},
    "a set of secrets": {"keys": [{"kty": "oct", "k": "AQAB", "kid": "old"}]},
}


@pytest.mark.parametrize("answer", WITHDRAWN.values(), ids=WITHDRAWN)
def test_an_issuer_that_withdraws_all_keys_is_believed(keys, start, answer):
    keys.set("/jwks", key_set((OLD, "old")))
    envoy = start(one(remote(cache_duration="1s")))
    assert set(statuses(envoy["main"], token(OLD, "old"))) == {200}
    keys.set("/jwks", answer)
    until(lambda: set(statuses(envoy["main"], token(OLD, "old"))) <= {401, 503}, "no worker to take the old key")
    assert fetches(envoy, "empty")
    envoy.wait_for_log(rf"\[warning\]\[{harness.LOGGER}\] .*key set http.*it has no usable key")


@pytest.mark.parametrize("failure, result", FAILURES.values(), ids=FAILURES)
def test_a_bad_answer_never_replaces_a_good_set(keys, start, failure, result):
    keys.set("/jwks", key_set((OLD, "old")))
    keys.set("/elsewhere", key_set((NEW, "new")))
    envoy = start(one(remote(cache_duration="1s", timeout="0.5s")))
    assert set(statuses(envoy["main"], token(OLD, "old"))) == {200}
    since = len(envoy.log())
    if failure:
        keys.set("/jwks", **failure)
    else:
        keys.hold("/jwks")
    until(lambda: fetches(envoy, result), f"a failure counted as {result}")
    envoy.wait_for_log(rf"\[warning\]\[{harness.LOGGER}\] .*key set http.*trying again", since)
    assert set(statuses(envoy["main"], token(OLD, "old"))) == {200}
    # Whether the issuer has this key by now, nobody can say.
    unavailable(envoy["main"].bearer(token(NEW, "new")))
    assert keys.count("/elsewhere") == 0


def test_a_set_outlives_the_server_that_it_came_from(keys, start):
    keys.set("/jwks", key_set((OLD, "old")), connection="close")
    envoy = start(one(remote(cache_duration="1s")))
    assert set(statuses(envoy["main"], token(OLD, "old"))) == {200}
    keys.__exit__()
    until(lambda: fetches(envoy, "status") + fetches(envoy, "unreachable") >= 2, "two failures")
    assert set(statuses(envoy["main"], token(OLD, "old"))) == {200}


def test_a_set_that_is_too_old_is_used_no_longer(keys, start):
    keys.set("/jwks", key_set((OLD, "old")))
    envoy = start(one(remote(cache_duration="1s", stale_duration="3s")))
    assert set(statuses(envoy["main"], token(OLD, "old"))) == {200}
    keys.set("/jwks", b"", status=500)
    until(lambda: set(statuses(envoy["main"], token(OLD, "old"))) == {503}, "the set to be dropped by all")
    keys.set("/jwks", key_set((OLD, "old")))
    until(lambda: set(statuses(envoy["main"], token(OLD, "old"))) == {200}, "the set to come back")


def test_a_bad_key_does_not_take_the_good_ones_away(keys, start):
    bad = [{"kty": "new"}, {"kty": "RSA", "n": "_w", "e": "AQAB"}]
    of_no_use = [jwk(OLD, "enc", use="enc"), jwk(OLD, "ops", key_ops=["sign"])]
    keys.set("/jwks", key_set(*bad, *of_no_use, (NEW, "new")))
    envoy = start(one(remote()))
    passed(envoy["main"].bearer(token(NEW, "new")), APP)
    for kid in ["enc", "ops"]:
        refused(envoy["main"].bearer(token(OLD, kid)), BAD_SIGNATURE)
    envoy.wait_for_log(rf"\[warning\]\[{harness.LOGGER}\] .*4 keys are skipped: keys\[0\]: .*; keys\[1\]: .*; keys\[2\]: .*\('use'\); keys\[3\]: .*\('key_ops'\)")
    assert envoy.log().count("keys are skipped") == 1


# Discovery

METADATA = "/.well-known/openid-configuration"


def discovery(**fields):
    return {"discovery": {"uri": f"http://issuer.example.com{METADATA}", "cluster": "issuer", **fields}}


def test_discovery_finds_the_set_on_the_same_cluster(keys, start):
    keys.set(METADATA, {"issuer": ISSUER, "jwks_uri": "https://public.example.com/jwks?a=b", "more": [1]})
    keys.set("/jwks?a=b", key_set((RSA, "1")))
    envoy = start(one(discovery()))
    assert set(statuses(envoy["main"], token(RSA, "1"))) == {200}
    assert (keys.count(METADATA), keys.count("/jwks?a=b")) == (1, 1)
    assert keys.hosts == {METADATA: "issuer.example.com", "/jwks?a=b": "public.example.com"}


@pytest.mark.parametrize("metadata", [
    {"issuer": ISSUER + "/", "jwks_uri": "http://issuer.example.com/jwks"},
    {"jwks_uri": "http://issuer.example.com/jwks"},
    {"issuer": ISSUER},
    {"issuer": ISSUER, "jwks_uri": "file:///jwks"},
    [],
], ids=["another issuer", "no issuer", "no jwks_uri", "no http", "a list"])  # fmt: skip
def test_metadata_that_is_not_the_issuers_gives_no_keys(keys, start, metadata):
    keys.set(METADATA, metadata)
    keys.set("/jwks", key_set((RSA, "1")))
    envoy = start(one(discovery()))
    until(lambda: fetches(envoy, "invalid"), "the refusal")
    unavailable(envoy["main"].bearer(token(RSA, "1")))
    assert keys.count("/jwks") == 0


# The choice of a key


def inline(*keys, **fields):
    return {"jwks": key_set(*keys), **fields}


def test_a_key_of_an_unknown_type_is_passed_over_with_one_warning(start):
    envoy = start({"main": plugin(consumer(inline({"kty": "new"}, {"kty": "newer"}, (NEW, "new"))))})
    passed(envoy["main"].bearer(token(NEW, "new")), APP)
    path = r"consumers\[0\]\.jwt_secrets\[0\]\.jwks"
    warnings = re.findall(rf"\[warning\]\[{harness.LOGGER}\] .*{path}: 2 keys are skipped: keys\[0\]: .*; keys\[1\]: ", envoy.log())
    assert len(warnings) == envoy.log().count("keys are skipped") == len(re.findall("configured with", envoy.log()))


@pytest.mark.parametrize("alg", [alg for alg in ALGORITHMS if not alg.startswith("HS")])
@pytest.mark.parametrize("form", ["inline", "as text", "fetched"])
def test_every_kind_of_key_may_be_in_a_set(many, alg, form):
    signer = key(alg)
    passed(many[form].bearer(token(signer, None)), APP)
    forged = key(alg, "forged") if not alg.startswith(("RS", "PS")) else Key(alg, key("RS256", "forged").private)
    if forged.private is not signer.private:
        refused(many[form].bearer(token(forged, None)), BAD_SIGNATURE)


@pytest.fixture(scope="module")
def many(upstream, tmp_path_factory):
    """Three sets that hold every kind of key: inline, the same as text, and fetched."""
    kinds = ["RS256", "ES256", "ES384", "ES512", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]
    everything = key_set(*[key(kind) for kind in kinds])
    with KeyServer() as keys:
        keys.set("/jwks", everything)
        listeners = {
            "inline": plugin(consumer({"jwks": everything})),
            "as text": plugin(consumer({"jwks": json.dumps(everything)})),
            "fetched": plugin(consumer(remote())),
        }
        clusters = {"issuer": keys.port}
        with harness.Envoy(listeners, upstream, tmp_path_factory.mktemp("many"), clusters=clusters) as envoy:
            yield envoy
            check_log(envoy.log())


def test_a_token_is_held_to_its_kid_its_alg_and_its_credential(keys, start):
    hs = key("HS256")
    secret = {"kty": "oct", "k": b64(hs.private), "kid": "s"}
    envoy = start(
        {
            "kids": plugin(consumer(inline((OLD, "old"), (NEW, "new"), secret))),
            "no kids": plugin(consumer(inline(OLD, NEW))),
            "alg": plugin(consumer(inline(jwk(RSA, "1", alg="RS256")))),
            "algorithm": plugin(consumer(inline((RSA, "1"), (OLD, "2"), algorithm="RS256"))),
            "both": plugin(
                consumer(remote(cluster="dead"), inline((OLD, "old")), {"algorithm": "ES256", "rsa_public_key": NEW.spki})
            ),
            "nine": plugin(consumer(inline(*[(key("ES256", str(n)), str(n)) for n in range(1, 10)]))),
        },
        workers=1,
    )
    kids = envoy["kids"]
    for text in [token(OLD, "old"), token(OLD), token(NEW, "new"), token(hs, "s"), token(hs)]:
        passed(kids.bearer(text), APP)
    for text in [token(OLD, "new"), token(OLD, "none"), token(hs, "old")]:
        refused(kids.bearer(text), BAD_SIGNATURE)
    for text in [token(OLD, "whatever"), token(NEW)]:
        passed(envoy["no kids"].bearer(text), APP)
    ps256 = Key("PS256", RSA.private)
    passed(envoy["alg"].bearer(token(RSA, "1")), APP)
    refused(envoy["alg"].bearer(token(ps256, "1")), WRONG_ALGORITHM)
    passed(envoy["algorithm"].bearer(token(RSA, "1")), APP)
    refused(envoy["algorithm"].bearer(token(OLD, "2")), WRONG_ALGORITHM)
    passed(envoy["both"].bearer(token(OLD, "old")), APP)
    passed(envoy["both"].bearer(token(NEW, "whatever")), APP)
    unavailable(envoy["both"].bearer(token(key("ES256", "foreign"), "whatever")))
    eighth, ninth = key("ES256", "8"), key("ES256", "9")
    for text in [token(eighth), token(ninth, "9")]:
        passed(envoy["nine"].bearer(text), APP)
    refused(envoy["nine"].bearer(token(ninth)), BAD_SIGNATURE)


def test_a_public_key_is_never_a_secret(keys, start):
    """The attack that JWK sets are known for: HS256 with the text of a public key as the secret."""
    keys.set("/jwks", key_set((RSA, "1")))
    envoy = start({"inline": plugin(consumer(inline((RSA, "1")))), "main": plugin(consumer(remote()))}, workers=1)
    passed(envoy["main"].bearer(token(RSA, "1")), APP)
    for octets in [RSA.spki.encode(), RSA.spki_der, RSA.jwk["n"].encode(), json.dumps(RSA.jwk).encode()]:
        for listener in ["inline", "main"]:
            refused(envoy[listener].bearer(token(Key("HS256", octets), "1")), WRONG_ALGORITHM)
