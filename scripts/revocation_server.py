"""Serves a list of revoked tokens from a file, for `revocation_list`: with an `ETag`, so that it is sent only when it has changed.

    python3 scripts/revocation_server.py FILE [PORT]
"""

from __future__ import annotations

import hashlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Server(ThreadingHTTPServer):
    """A server of one file, whatever path is asked for."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], file: Path) -> None:
        super().__init__(address, Handler)
        self.file = file


class Handler(BaseHTTPRequestHandler):
    """Answers with the file as it is now."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        try:
            content = self.server.file.read_bytes()
        except OSError:
            return self.answer(503, b"")
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        if self.headers.get("if-none-match") == etag:
            return self.answer(304, b"", etag)
        self.answer(200, content, etag)

    def answer(self, status: int, content: bytes, etag: str | None = None) -> None:
        self.send_response(status)
        headers = {"content-type": "application/json", "content-length": str(len(content)), "etag": etag}
        for name, value in headers.items():
            if value is not None and (status != 304 or name == "etag"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    address = ("127.0.0.1", int(arguments[1]) if len(arguments) == 2 else 8083)
    with Server(address, Path(arguments[0])) as server:
        print(f"http://{address[0]}:{server.server_address[1]}/", flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
