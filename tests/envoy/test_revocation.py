"""Tokens that are revoked before they expire."""

import base64
import hashlib
import http.client
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import harness
from conftest import check_log
from consumers import CLIENT_APP, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import passed, refused
from key_server import KeyServer

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
import revocation_server  # noqa: E402

REVOKED = "Token revoked"
NOON = 1_700_000_000

LISTENERS = {
    "inline": plugin(
        CLIENT_APP,
        PARTNER,
        revoked=[
            {"jti": "7"},
            {"jti": "8", "credential": PARTNER_ISSUER},
            {"sub": "bob"},
            {"consumer": "ClientApp", "issued_before": "2023-11-14T22:13:20Z"},
        ],
    ),
}


@pytest.mark.parametrize("claims", [{"jti": "7"}, {"sub": "bob"}, {"iat": NOON - 1}, {"iat": None}])
def test_a_revoked_token_is_refused_however_well_it_is_known(envoy, claims):
    token = HS256.token(**{"iat": NOON, **claims})
    for _ in range(3):
        refused(envoy["inline"].bearer(token), REVOKED)


def test_another_token_passes(envoy):
    passed(envoy["inline"].bearer(HS256.token(iat=NOON, jti="8", sub="alice")), CLIENT_APP)
    passed(envoy["inline"].bearer(RS256.token(iss=PARTNER_ISSUER, jti="9")), PARTNER, PARTNER_ISSUER)
    refused(envoy["inline"].bearer(RS256.token(iss=PARTNER_ISSUER, jti="8")), REVOKED)


def test_a_jti_of_60_kilobytes_is_compared_as_a_whole(envoy):
    passed(envoy["inline"].bearer(HS256.token(iat=NOON, jti="7" * 20_000)), CLIENT_APP)


# --- A list that is fetched


@pytest.fixture
def server():
    with KeyServer() as running:
        yield running


@pytest.fixture
def start(upstream, server, tmp_path):
    """Starts an Envoy of two workers whose filter fetches a list."""
    started = []

    def launch(**fields):
        source = {"uri": "http://revocations.example.com/list", "cluster": "revocations", "cache_duration": "1s", **fields}
        listeners = {"main": plugin(revocation_list=source)}
        envoy = harness.Envoy(listeners, upstream, tmp_path, concurrency=2, clusters={"revocations": server.port})
        started.append(envoy.__enter__())
        return envoy["main"], envoy

    yield launch
    for envoy in started:
        envoy.__exit__()
        check_log(envoy.log())


def outcomes(listener, token):
    """The status of a request over each of many connections, so that every worker gets some."""
    return {listener.bearer(token).status for _ in range(24)}


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).decode().rstrip("=")


def test_a_token_is_refused_by_every_worker_once_it_is_on_the_list_however_well_it_is_known(start, server):
    server.set("/list", {"revoked": []})
    main, _ = start()
    one, other = HS256.token(jti="1"), HS256.token(jti="2")
    assert outcomes(main, one) == outcomes(main, other) == {200}
    server.set("/list", {"revoked": [{"jti": "1"}], "sha256": [digest("jti:2")]})
    harness.until(lambda: outcomes(main, one) == outcomes(main, other) == {401}, "the list to arrive", seconds=15)
    refused(main.bearer(one), REVOKED)
    passed(main.bearer(HS256.token(jti="3")), CLIENT_APP)


def test_an_unchanged_list_is_not_sent_again(start, server):
    server.set("/list", {"revoked": [{"jti": "1"}]}, etag='"1"')
    main, envoy = start()
    harness.until(lambda: main.bearer(HS256.token(jti="1")).status == 401, "the list to arrive", seconds=15)
    server.set("/list", b"", status=304)
    asked = server.count("/list")
    harness.until(lambda: server.count("/list") >= asked + 2, "it to be asked for twice", seconds=15)
    assert outcomes(main, HS256.token(jti="1")) == {401}
    counters = envoy.admin("/stats")
    assert re.search(rf"{harness.COUNTERS}jwt_auth\.revocation_list_fetch\.status: 0\n", counters)


def test_requests_wait_for_the_first_list(start, server):
    server.set("/list", {"revoked": [{"jti": "1"}]})
    server.hold("/list")
    main, _ = start()
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(main.bearer, HS256.token(jti=jti)) for jti in "123"]
        harness.until(lambda: server.count("/list") == 1, "the list to be asked for", seconds=15)
        server.release("/list")
        assert [it.result().status for it in waiting] == [401, 200, 200]


@pytest.mark.parametrize("bad", [b"<html>", b"{}", b'{"revoked":[{"jti":7}]}', b" " * (33 << 20)], ids=["html", "empty", "entry", "huge"])
def test_a_server_that_is_wrong_leaves_the_last_list_in_use(start, server, bad):
    server.set("/list", {"revoked": [{"jti": "1"}]})
    main, envoy = start()
    harness.until(lambda: main.bearer(HS256.token(jti="1")).status == 401, "the list to arrive", seconds=15)
    server.set("/list", bad)
    envoy.wait_for_log(r"revocation list \S+ .*; trying again in")
    assert outcomes(main, HS256.token(jti="1")) == {401}
    assert outcomes(main, HS256.token(jti="2")) == {200}


@pytest.mark.parametrize(("on_unavailable", "status"), [("deny", 503), ("allow", 200)])
def test_what_happens_without_a_server_is_configured(start, server, on_unavailable, status):
    server.set("/list", b"", status=500)
    main, _ = start(on_unavailable=on_unavailable, timeout="0.2s")
    response = main.bearer(HS256.token(jti="1"))
    assert response.status == status
    if status == 503:
        assert response.body == b'{"message":"Revocation list unavailable"}'
        assert 1 <= int(response.header("retry-after")) <= 60


def test_the_server_of_the_demo_sends_a_file_and_says_when_it_has_not_changed(tmp_path):
    file = tmp_path / "revoked.json"
    with revocation_server.Server((harness.LOOPBACK, 0), file) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()

        def get(**headers):
            connection = http.client.HTTPConnection(*running.server_address[:2])
            connection.request("GET", "/", headers=headers)
            response = connection.getresponse()
            return response.status, response.read(), response.headers["etag"]

        assert get()[0] == 503
        file.write_text('{"revoked": []}')
        status, content, etag = get()
        assert (status, content) == (200, b'{"revoked": []}')
        assert get(**{"If-None-Match": etag}) == (304, b"", etag)
        file.write_text('{"revoked": [{"jti": "1"}]}')
        assert get(**{"If-None-Match": etag})[0] == 200
        running.shutdown()
