"""The services behind Envoy: an HTTP echo, over HTTP/1.1 and HTTP/2 on one port, and a gRPC echo.

Each answers with what it received, as JSON, and counts, so that a test can show that a refused request never arrived.
"""

import json
import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import h2.config
import h2.connection
import h2.events

LOOPBACK = "127.0.0.1"
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n"


class Upstream:
    """Both services, on any ports or on those that are given; `requests` counts what reached either of them, and `last` is what
    came last.
    """

    def __init__(self, port=0, grpc_port=0):
        self.requests = 0
        self.last = None
        self._counting = threading.Lock()
        self._http = _HttpServer((LOOPBACK, port), _HttpHandler)
        self._http.upstream = self
        self.port = self._http.server_address[1]
        self._grpc = grpc.server(ThreadPoolExecutor(4))
        self._grpc.add_generic_rpc_handlers([_GrpcEcho(self)])
        self.grpc_port = self._grpc.add_insecure_port(f"{LOOPBACK}:{grpc_port}")

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        self._grpc.start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()
        self._grpc.stop(grace=None).wait()

    def record(self, protocol, method, path, headers, trailers=()):
        """Counts a request and gives what it is answered with; octets become characters one to one (ISO 8859-1)."""
        seen = {"protocol": protocol, "method": method, "path": path, "headers": headers, "trailers": trailers}
        with self._counting:
            self.requests += 1
            self.last = seen
        return json.dumps(seen).encode()


class _HttpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _HttpHandler(socketserver.StreamRequestHandler):
    """One connection. Written by hand because the standard library's server changes unusual header values."""

    disable_nagle_algorithm = True

    def handle(self):
        try:
            line = self.rfile.readline()
            if line == HTTP2_PREFACE:
                self._http2(line)
            while line:
                self._http1(line)
                line = self.rfile.readline()
        except OSError:
            pass  # Envoy was stopped

    def _http1(self, line):
        method, path, _ = line.decode("latin-1").split(" ")
        headers = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            name, value = line.decode("latin-1").split(":", 1)
            headers.append([name, value.strip(" \r\n")])
        self._skip_body(dict(headers))
        body = self.server.upstream.record("HTTP/1.1", method, path, headers)
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + (b"" if method == "HEAD" else body))

    def _skip_body(self, headers):
        self.rfile.read(int(headers.get("content-length", 0)))
        if headers.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            while self.rfile.readline() != b"\r\n":
                pass  # trailers

    def _http2(self, preface):
        config = h2.config.H2Configuration(client_side=False, header_encoding="latin-1")
        connection = h2.connection.H2Connection(config)
        connection.initiate_connection()
        received, heads, trailers = preface, {}, {}
        while received:
            for event in connection.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    heads[event.stream_id] = [list(header) for header in event.headers]
                elif isinstance(event, h2.events.DataReceived):
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.TrailersReceived):
                    trailers[event.stream_id] = [list(header) for header in event.headers]
                elif isinstance(event, h2.events.StreamEnded):
                    headers = heads.pop(event.stream_id)
                    pseudo = dict(headers)
                    seen = ("HTTP/2", pseudo[":method"], pseudo[":path"], headers, trailers.pop(event.stream_id, []))
                    body = self.server.upstream.record(*seen)
                    connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/json")])
                    connection.send_data(event.stream_id, body, end_stream=True)
            self.wfile.write(connection.data_to_send())
            received = self.rfile.read1(65536)


class _GrpcEcho(grpc.GenericRpcHandler):
    """`/echo/Unary` and `/echo/Stream`: each message is answered with the call's metadata and the message."""

    def __init__(self, upstream):
        self._upstream = upstream

    def service(self, call):
        metadata = [[key, value] for key, value in call.invocation_metadata if isinstance(value, str)]
        seen = self._upstream.record("gRPC", "POST", call.method, metadata)
        if call.method == "/echo/Unary":
            return grpc.unary_unary_rpc_method_handler(lambda message, _: seen + b"\n" + message)
        if call.method == "/echo/Stream":
            return grpc.stream_stream_rpc_method_handler(
                lambda messages, _: (seen + b"\n" + message for message in messages)
            )
        return None
