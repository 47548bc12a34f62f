"""End to end with an authorization server that is none of ours: oidc-provider, on Node."""

import base64
import json
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

import harness
from conftest import check_log
from consumers import plugin
from expect import passed
from harness import until

SERVER = Path(__file__).resolve().parents[1] / "oauth"
ISSUER = "http://auth.example.com"
APP = {"username": "App"}


def _node_version():
    node = shutil.which("node")
    return int(subprocess.check_output([node, "-p", "process.versions.node"]).split(b".")[0]) if node else 0


pytestmark = pytest.mark.skipif(
    _node_version() < 20 or not (SERVER / "node_modules" / "oidc-provider").is_dir(),
    reason="the authorization server needs Node 20 or newer, and its packages in tests/oauth",
)


class AuthorizationServer:
    """A process of tests/oauth/server.mjs."""

    def __enter__(self):
        command = ["node", "server.mjs", "0", ISSUER]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, cwd=SERVER, text=True, start_new_session=True, **pipes)
        self.port = self._said("port")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def token(self):
        """A JWT access token by the client-credentials grant (RFC 6749 section 4.4)."""
        client = base64.b64encode(b"demo:demo-secret").decode()
        request = urllib.request.Request(
            f"http://{harness.LOOPBACK}:{self.port}/token",
            urllib.parse.urlencode({"grant_type": "client_credentials", "scope": "read"}).encode(),
            {"authorization": f"Basic {client}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["access_token"]

    def rotate(self):
        """Signs with a new key from now on; its kid."""
        self._process.stdin.write("rotate\n")
        self._process.stdin.flush()
        return self._said("rotated")

    def _said(self, name):
        """What the server says next under this name, among the notices of its library."""
        line = next(line for line in self._process.stdout if line.startswith(f'{{"{name}"'))
        return json.loads(line)[name]


def kid_of(token):
    header = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]


def test_keys_rotate_under_load_and_no_request_is_refused(upstream, tmp_path):
    discovery = {"uri": f"{ISSUER}/.well-known/openid-configuration", "cluster": "auth"}
    credential = {"key": ISSUER, "algorithm": "RS256", "discovery": discovery}
    configuration = plugin({**APP, "jwt_secrets": [credential]}, claims_to_verify=["exp"])
    with AuthorizationServer() as server:
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
