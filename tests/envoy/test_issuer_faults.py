"""An issuer that breaks off its answer, in each way there is: the fetch fails, the module lives, and the next one is taken."""

import json
import socketserver
import threading

import pytest

import harness
from conftest import check_log
from consumers import plugin
from expect import passed
from harness import until
from key_server import key_set
from tokens import ISSUER, key
from upstream import LOOPBACK

KEY = key("ES256")
BODY = json.dumps(key_set((KEY, "1"))).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
SIZED = HEAD + b"content-length: %d\r\n\r\n" % len(BODY)
CHUNKED = HEAD + b"transfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)

# What comes before the answer breaks off.
CUT = {
    "nothing": b"",
    "in-the-headers": HEAD[:-20],
    "after-the-headers": SIZED,
    "in-the-body": SIZED + BODY[:20],
    "before-a-chunk": CHUNKED,
    "in-a-chunk": CHUNKED + CHUNK[:20],
    "before-the-last-chunk": CHUNKED + CHUNK,
    "in-the-trailers": CHUNKED + CHUNK + b"0\r\nx-en",
    "only-an-interim-answer": b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
    "a-tls-record": b"\x15\x03\x03\x00\x02\x02\x46",
    "no-http": b"220 mail.example.com ESMTP\r\n",
}
# What is a whole answer, and no key set.
WHOLE = {
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not-modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "no-body": HEAD + b"content-length: 0\r\n\r\n",
}
# The answer breaks off by the connection's end, or it never goes on and the time is up.
WAYS = {
    **{f"{name}-then-closed": (octets, False) for name, octets in CUT.items()},
    **{f"{name}-then-silent": (octets, True) for name, octets in CUT.items()},
    **{name: (octets, True) for name, octets in WHOLE.items()},
}


class FaultyIssuer(socketserver.ThreadingTCPServer):
    """Answers a GET of `/WAY` in that way, and any path that was healed with the key set."""

    daemon_threads = True

    def __init__(self):
        super().__init__((LOOPBACK, 0), _Handler)
        self.healed = set()
        self.ended = threading.Event()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.shutdown()
        self.server_close()


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            self._answer()
        except OSError:
            pass  # Envoy has given up

    def _answer(self):
        request_line = self.rfile.readline()
        if not request_line:
            return  # Envoy has closed a connection that it did not use
        way = request_line.split()[1].decode().removeprefix("/")
        while self.rfile.readline().strip():
            pass
        if way in self.server.healed:
            self.wfile.write(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY)
            return
        octets, is_silent = WAYS[way]
        self.wfile.write(octets)
        if is_silent:
            self.server.ended.wait()


def listener_of(way):
    source = {"uri": f"http://issuer.example.com/{way}", "cluster": "issuer", "timeout": "0.4s"}
    return plugin({"username": "App", "jwt_secrets": [{"key": ISSUER, "remote_jwks": source}]})


@pytest.fixture(scope="module")
def answers(upstream, tmp_path_factory):
    """What a request was answered while its set could not be fetched, and, once the issuer was healed, what the next was.

    All ways are tried side by side in one Envoy: a module that one of them ended would end for all.
    """
    directory = tmp_path_factory.mktemp("issuer_faults")
    token = KEY.token(header={"kid": "1"})
    with FaultyIssuer() as issuer:
        clusters = {"issuer": issuer.server_address[1]}
        listeners = {way: listener_of(way) for way in WAYS}
        with harness.Envoy(listeners, upstream, directory, concurrency=2, clusters=clusters) as envoy:
            first = {way: envoy[way].bearer(token) for way in WAYS}
            for way in WAYS:
                envoy.wait_for_log(rf"key set http://issuer.example.com/{way} .*trying again in")
            issuer.healed.update(WAYS)

            def after():
                found = {way: envoy[way].bearer(token) for way in WAYS}
                return found if all(response.status == 200 for response in found.values()) else None

            second = until(after, "the issuer's next answers to be taken")
            check_log(envoy.log())
            # No VM ended and was started again.
            assert all(line.endswith(": 0") for line in envoy.admin("/stats?filter=vm_reload").splitlines())
    return {way: (first[way], second[way]) for way in WAYS}


@pytest.mark.parametrize("way", WAYS)
def test_a_fetch_that_breaks_off_fails_and_the_next_one_counts(answers, way):
    first, second = answers[way]
    assert (first.status, first.body, first.reached) == (503, b'{"message":"Key set unavailable"}', 0)
    passed(second, {"username": "App"})
