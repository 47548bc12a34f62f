"""A configuration that replaces another while Envoy runs, in both editions."""

import harness
from consumers import plugin
from expect import passed
from key_server import KeyServer, key_set
from tokens import ISSUER, in_seconds, key

RS256, OTHER = key("RS256"), key("ES256")
JWKS = "/jwks"
REMOTE = {"uri": "http://issuer.example.com/jwks", "cluster": "issuer", "timeout": "1s"}
APP = {"username": "App", "jwt_secrets": [{"key": ISSUER, "remote_jwks": REMOTE}]}
LOCAL = {"username": "Local", "jwt_secrets": [OTHER.credential("local")]}


def replace(envoy, discovered, configuration):
    """Replaces the configuration, and waits until Envoy has taken it."""
    before = harness.updates(envoy)["update_success"]
    discovered.put(configuration)
    harness.until(lambda: harness.updates(envoy)["update_success"] == before + 1, "the update")


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
