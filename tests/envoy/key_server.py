"""An issuer's web server, whose answers the tests steer: what, how late, how often, and who asked."""

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from upstream import LOOPBACK


def key_set(*keys):
    """A JWK set of keys; a key is a `tokens.Key`, or that with a kid, or a JWK as it is to stand there."""
    return {"keys": [key if isinstance(key, dict) else jwk(*key) if isinstance(key, tuple) else jwk(key) for key in keys]}


def jwk(key, kid=None, **members):
    return {**key.jwk, **({"kid": kid} if kid else {}), **members}


class KeyServer:
    """Answers GETs of the paths that were `set`, and like a path those right below it; all others with 404. `arrivals[path]`
    has the time of each as it came in, by the monotonic clock, and `most_under_way` is how many there were at a time. With an
    `ssl.SSLContext` it speaks TLS.
    """

    def __init__(self, tls=None):
        self.arrivals = {}
        self.most_under_way = 0
        self.under_way = 0
        self.hosts = {}
        self._answers = {}
        self._changing = threading.Lock()
        self._server = _Server((LOOPBACK, 0), _Handler)
        self._server.keys = self
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        for answer in self._answers.values():
            answer.gate.set()
        self._server.shutdown()
        self._server.server_close()

    def set(self, path, body, status=200, **headers):
        """What the path is answered with from now on: JSON, or octets as they are."""
        octets = body if isinstance(body, bytes) else json.dumps(body).encode()
        with self._changing:
            self._answers[path] = _Answer(status, octets, {name.replace("_", "-"): text for name, text in headers.items()})

    def hold(self, path):
        """Lets requests of the path wait from now on, until they are released by the event that this gives."""
        with self._changing:
            self._answers[path].gate.clear()
            return self._answers[path].gate

    def release(self, path):
        """Answers the requests that wait."""
        with self._changing:
            self._answers[path].gate.set()

    def count(self, path):
        return len(self.arrivals.get(path, []))

    def go_away(self):
        """Ends all connections and refuses new ones, as a process does that has died. The port stays its own. Not with TLS."""
        self._server.shutdown()
        self._server.server_close()
        self._server.end_connections()
        self._server.socket = socket.socket()
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._server.socket.bind((LOOPBACK, self.port))

    def come_back(self):
        """Serves again, at the same port."""
        self._server.server_activate()
        self.__enter__()

    def answer(self, path, host):
        with self._changing:
            self.arrivals.setdefault(path, []).append(time.monotonic())
            self.hosts[path] = host
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            above = path.rpartition("/")[0]
            return self._answers.get(path) or self._answers.get(above) or _Answer(404, b"", {})

    def answering(self):
        """Notes that a request is about to be answered: whoever gets the answer may send the next one."""
        with self._changing:
            self.under_way -= 1


class _Answer:
    def __init__(self, status, body, headers):
        self.status, self.body, self.headers = status, body, headers
        self.gate = threading.Event()
        self.gate.set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._connections = set()

    def process_request(self, connection, address):
        self._connections.add(connection)
        super().process_request(connection, address)

    def shutdown_request(self, connection):
        self._connections.discard(connection)
        super().shutdown_request(connection)

    def end_connections(self):
        for connection in self._connections.copy():
            with contextlib.suppress(OSError):  # it has ended by itself
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_):
        pass  # Envoy has gone away


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        answer = self.server.keys.answer(self.path, self.headers["host"])
        answer.gate.wait()
        self.server.keys.answering()
        try:
            self.send_response(answer.status)
            for name, text in {"content-length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(answer.body)
        except OSError:
            pass  # Envoy has given up, or was stopped

    def log_message(self, *_):
        pass
