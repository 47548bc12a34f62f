"""End to end with an authorization server that is none of ours: oidc-provider, on Node."""

import base64
import json
import threading

import harness
import node
from conftest import check_log
from consumers import plugin
from expect import passed
from harness import until

ISSUER = "http://auth.example.com"
APP = {"username": "App"}

pytestmark = node.NEEDED


def kid_of(token):
    header = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]


def test_keys_rotate_under_load_and_no_request_is_refused(upstream, tmp_path):
    discovery = {"uri": f"{ISSUER}/.well-known/openid-configuration", "cluster": "auth"}
    credential = {"key": ISSUER, "algorithm": "RS256", "discovery": discovery}
    configuration = plugin({**APP, "jwt_secrets": [credential]}, claims_to_verify=["exp"])
    with node.AuthorizationServer(ISSUER) as server:
        envoy = harness.Envoy({"main": configuration}, upstream, tmp_path, concurrency=4, clusters={"auth": server.port})
        with envoy:
            first = server.token()
            passed(envoy["main"].bearer(first), APP, ISSUER)
            with Load(envoy["main"], first) as load:
                load.goes_on()
                kid = server.rotate()
                second = server.token()
                assert kid_of(second) == kid != kid_of(first)
                load.token = second
                load.goes_on()
                load.token = first
                load.goes_on()
            assert load.statuses == {200}
            passed(envoy["main"].bearer(second), APP, ISSUER)
            check_log(envoy.log())


class Load:
    """Sends requests without a pause from two threads."""

    def __init__(self, listener, token):
        self.token = token
        self.statuses = set()
        self._listener = listener
        self._sent = 0
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self):
        """Waits until another hundred requests have been answered."""
        target = self._sent + 100
        until(lambda: self._sent >= target or not all(thread.is_alive() for thread in self._threads), "the load")

    def _run(self):
        while not self._ends.is_set():
            self.statuses.add(self._listener.bearer(self.token).status)
            self._sent += 1
