"""Programs on Node, in tests/oauth: an authorization server, oidc-provider; and what speaks the Model Context Protocol."""

import base64
import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from upstream import LOOPBACK

FOLDER = Path(__file__).resolve().parents[1] / "oauth"


def _version():
    node = shutil.which("node")
    return int(subprocess.check_output([node, "-p", "process.versions.node"]).split(b".")[0]) if node else 0


PACKAGES = [FOLDER / "node_modules" / name for name in ["oidc-provider", "@modelcontextprotocol"]]
NEEDED = pytest.mark.skipif(
    _version() < 20 or not all(package.is_dir() for package in PACKAGES),
    reason="the authorization server needs Node 20 or newer, and its packages in tests/oauth",
)


def free_port():
    """A port that nobody listens on, for who must know it before it is taken."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        return taken.getsockname()[1]


def run(program, *arguments):
    """What a program says that ends, the last line of it JSON."""
    command = ["node", program, *arguments]
    done = subprocess.run(command, cwd=FOLDER, text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class Server:
    """A process that says on which port it listens."""

    def __init__(self, program, *arguments):
        self._command = ["node", program, *map(str, arguments)]

    def __enter__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(self._command, cwd=FOLDER, text=True, start_new_session=True, **pipes)
        self.port = self._said("port")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def _said(self, name):
        """What the server says next under this name, among the notices of its library."""
        line = next(line for line in self._process.stdout if line.startswith(f'{{"{name}"'))
        return json.loads(line)[name]


class AuthorizationServer(Server):
    """A process of tests/oauth/server.mjs."""

    def __init__(self, issuer, *resource, port=0):
        super().__init__("server.mjs", port, issuer, *resource)

    def token(self):
        """A JWT access token by the client-credentials grant (RFC 6749 section 4.4)."""
        client = base64.b64encode(b"demo:demo-secret").decode()
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self.port}/token",
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
