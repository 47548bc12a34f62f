"""A configuration that replaces another while Envoy runs, in both editions."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import harness
import pytest
from client import Streams
from conftest import check_log
from consumers import plugin
from expect import passed
from key_server import KeyServer, key_set
from tokens import ISSUER, in_seconds, key

RS256, OTHER = key("RS256"), key("ES256")
JWKS = "/jwks"
# What all names in shared memory begin with.
FORMAT = b"jwt_auth.1"
REMOTE = {"uri": "http://issuer.example.com/jwks", "cluster": "issuer", "timeout": "1s"}
APP = {"username": "App", "jwt_secrets": [{"key": ISSUER, "remote_jwks": REMOTE}]}
LOCAL = {"username": "Local", "jwt_secrets": [OTHER.credential("local")]}
FETCHED = {"username": "Fetched"}


def replace(envoy, discovered, configuration):
    """Replaces the configuration, and waits until Envoy has taken it."""
    before = harness.updates(envoy)["update_success"]
    discovered.put(configuration)

    def is_taken():
        try:
            return harness.updates(envoy)["update_success"] == before + 1
        except TimeoutError:
            return False  # Envoy compiles a module on the thread that would answer

    harness.until(is_taken, "the update")


def test_a_key_set_is_kept_while_its_issuer_is_gone(upstream, tmp_path):
    """Neither a new configuration nor a second filter is without the keys that are there."""
    token = RS256.token(exp=in_seconds(300))
    discovered = harness.Discovered(tmp_path, plugin(APP))
    with KeyServer() as issuer:
        issuer.set(JWKS, key_set(RS256))
        listeners = {"http": harness.Listen(discovered)}
        with harness.Envoy(listeners, upstream, tmp_path, clusters={"issuer": issuer.port}, concurrency=2) as envoy:
            passed(envoy["http"].bearer(token), APP)
            issuer.set(JWKS, b"", status=500)
            for _ in range(3):
                replace(envoy, discovered, plugin(APP, LOCAL))
                for _ in range(10):
                    passed(envoy["http"].bearer(token), APP)
                replace(envoy, discovered, plugin(APP))


def test_versions_with_another_format_share_memory_and_neither_reads_what_the_other_wrote(upstream, tmp_path, monkeypatch):
    """The module takes the place of another version, and gives way to it again, under one `vm_id`."""
    if harness.IS_NATIVE:
        pytest.skip("a shared object has memory of its own")
    own, other = harness.MODULE, tmp_path / "other.wasm"
    octets = own.read_bytes()
    assert octets.count(FORMAT) == 1, "the format of what is shared stands in the module once"
    other.write_bytes(octets.replace(FORMAT, b"jwt_auth.0"))
    good, forged = (signer.token(exp=in_seconds(300)) for signer in (RS256, key("RS256", "forger")))
    with KeyServer() as issuer:

        def serves():
            for _ in range(10):
                passed(envoy["http"].bearer(good), APP)
                assert envoy["http"].bearer(forged).status == 401

        issuer.set(JWKS, key_set(RS256))
        monkeypatch.setattr(harness, "MODULE", other)
        discovered = harness.Discovered(tmp_path, plugin(APP))
        listeners = {"http": harness.Listen(discovered)}
        with harness.Envoy(listeners, upstream, tmp_path, clusters={"issuer": issuer.port}, concurrency=2) as envoy:
            serves()
            assert issuer.count(JWKS) == 1
            monkeypatch.setattr(harness, "MODULE", own)
            replace(envoy, discovered, plugin(APP))
            serves()
            assert issuer.count(JWKS) == 2, "it has fetched for itself"
            issuer.set(JWKS, b"", status=500)
            monkeypatch.setattr(harness, "MODULE", other)
            replace(envoy, discovered, plugin(APP, LOCAL))
            serves()  # with what it wrote itself
            check_log(envoy.log())


def test_a_set_that_a_configuration_was_fetching_is_fetched_at_once_by_the_next(upstream, tmp_path):
    discovered = harness.Discovered(tmp_path, plugin(APP))
    with KeyServer() as issuer:
        issuer.set(JWKS, key_set(RS256))
        issuer.hold(JWKS)
        listeners = {"http": harness.Listen(discovered)}
        with harness.Envoy(listeners, upstream, tmp_path, clusters={"issuer": issuer.port}) as envoy:
            harness.until(lambda: issuer.count(JWKS) == 1, "the first fetch")
            issuer.set(JWKS, key_set(RS256))
            replace(envoy, discovered, plugin(APP, LOCAL))
            passed(envoy["http"].bearer(RS256.token(exp=in_seconds(300))), APP)


def test_a_configuration_may_end_on_a_worker_while_its_key_sets_are_being_fetched(upstream, tmp_path):
    """The last request of an old configuration ends it, on a worker, while the answers arrive that it has asked for."""
    with KeyServer() as issuer, ExitStack() as open_ones:
        discovered = harness.Discovered(tmp_path, of_round(issuer, 0))
        listeners = {"http": harness.Listen(discovered)}
        with harness.Envoy(listeners, upstream, tmp_path, clusters={"issuer": issuer.port}, concurrency=2) as envoy:
            for number in range(12 if harness.IS_NATIVE else 2):
                paths = paths_of(number)
                harness.until(lambda: all(issuer.count(path) for path in paths), "the fetches")
                streams = [open_ones.enter_context(unfinished_request(envoy["http"])) for _ in range(4)]
                harness.until(lambda: envoy.count("authenticated") == 4 * (number + 1), "the requests")
                replace(envoy, discovered, of_round(issuer, number + 1))
                for stream in streams:
                    stream.sendall(b"12345")
                for path in paths:
                    issuer.release(path)
                assert all(stream.recv(12) == b"HTTP/1.1 200" for stream in streams)
            for path in paths_of(number + 1):
                issuer.release(path)
            passed(envoy["http"].bearer(RS256.token(iss=f"{ISSUER}/{number + 1}-0", exp=in_seconds(300))), FETCHED, f"{ISSUER}/{number + 1}-0")


def test_what_a_configuration_left_out_of_the_log_is_told_although_another_replaces_it(upstream, tmp_path):
    """It ends within a second that had more refusals than may be logged."""
    discovered = harness.Discovered(tmp_path, plugin(LOCAL))
    with harness.Envoy({"http": harness.Listen(discovered)}, upstream, tmp_path, concurrency=1, log_level="info") as envoy:
        for number in range(3):
            with ThreadPoolExecutor(1) as updater:
                update = updater.submit(replace, envoy, discovered, plugin(LOCAL, {"username": f"New {number}"}))
                while not update.done():
                    flood(envoy["http"])
                update.result()

        def is_all_told():
            if harness.IS_NATIVE:
                assert envoy["http"].send().status == 401  # it tells with a request, and the module by its clock
            logged, left_out = envoy.log().count("denied: "), envoy.count("jwt_auth.log_lines_left_out")
            return left_out > 0 and logged + left_out == envoy.count("jwt_auth.denied.no_token")

        harness.until(is_all_told, "all refusals to be logged or counted", seconds=10)


def flood(listener):
    clients = Streams(listener.address)
    clients.send([None] * 300)
    assert clients.answers(count=300) == [401] * 300
    clients.close()


def paths_of(number):
    return [f"/{number}-{at}" for at in range(16)]


def of_round(issuer, number):
    """A configuration with key sets of its own, which the issuer keeps back."""
    credentials = []
    for path in paths_of(number):
        issuer.set(path, key_set(RS256))
        issuer.hold(path)
        uri = f"http://issuer.example.com{path}"
        credentials.append({"key": ISSUER + path, "remote_jwks": {"uri": uri, "cluster": "issuer", "timeout": "5s"}})
    return plugin({**FETCHED, "jwt_secrets": credentials}, LOCAL)


def unfinished_request(listener):
    """A request whose body is still to come."""
    connection = socket.create_connection(listener.address, 30)
    token = OTHER.token(iss="local", exp=in_seconds(300))
    head = f"POST / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\ncontent-length: 5\r\n\r\n"
    connection.sendall(head.encode())
    return connection
