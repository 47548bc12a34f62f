"""A stand-in for the service behind Envoy: it answers every request with what it saw of it, as JSON."""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    """Answers `{"method": …, "path": …, "headers": {…}}`; a header that occurs twice has a list as its value."""

    protocol_version = "HTTP/1.1"
    server_version = "echo"
    disable_nagle_algorithm = True  # or head and body of an answer wait for each other

    def answer(self) -> None:
        self.read_body()
        seen = {"method": self.command, "path": self.path, "headers": self.headers_seen()}
        body = (json.dumps(seen, indent=2) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def headers_seen(self) -> dict[str, str | list[str]]:
        values = {name: self.headers.get_all(name) for name in self.headers}
        return {name: found[0] if len(found) == 1 else found for name, found in values.items()}

    def read_body(self) -> None:
        """Takes the body off the connection, so that the next request is found behind it."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + len(b"\r\n"))
            while self.rfile.readline().strip():  # trailers
                pass
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def log_message(self, *_: object) -> None:
        """Nothing: Envoy's log is the one to read."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    arguments = parser.parse_args()
    with Server((arguments.host, arguments.port), Echo) as server:
        print(f"Echoing requests on {arguments.host}:{arguments.port}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
