"""Clients that send what they are told to, octet for octet: HTTP/1.1 on a socket, and HTTP/2 with prior knowledge."""

import http.client
import json
import socket
from dataclasses import dataclass
from functools import cached_property

import h2.config
import h2.connection
import h2.events

TIMEOUT = 10


@dataclass
class Response:
    """An answer; header names in lower case. `reached` tells how many requests came to the upstream meanwhile."""

    status: int
    headers: list
    body: bytes
    reached: int = 0

    def header(self, name):
        """The only value of a header, or None."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"{name} occurs {len(values)} times: {values}"
        return values[0] if values else None

    @cached_property
    def upstream(self):
        """What the upstream received: {protocol, method, path, headers: [[name, value]], trailers}."""
        assert (self.status, self.reached) == (200, 1), f"not answered by the upstream: {self}"
        return json.loads(self.body)

    def upstream_headers(self, name):
        """All values of a header as the upstream received it."""
        return [value for key, value in self.upstream["headers"] if key.lower() == name]


def octets(text):
    """Text as it goes over the wire; a str holds one octet per character, except that tests may write bytes as well."""
    return text if isinstance(text, bytes) else text.encode("latin-1")


def http1(address, method, path, headers, body=b"", tls=None):
    """One request on a connection of its own; with TLS, if there is a context for it."""
    lines = [octets(method) + b" " + octets(path) + b" HTTP/1.1", b"host: service.example.com", b"connection: close"]
    lines += [octets(name) + b": " + octets(value) for name, value in headers]
    if body:
        lines.append(b"content-length: %d" % len(body))
    return http1_raw(address, b"\r\n".join(lines) + b"\r\n\r\n" + body, method, tls)


def http1_raw(address, request, method="GET", tls=None):
    """Sends the octets of one request and reads one answer."""
    with socket.create_connection(address, TIMEOUT) as plain, tls.wrap_socket(plain) if tls else plain as connection:
        connection.sendall(request)
        with http.client.HTTPResponse(connection, method=method) as answer:
            answer.begin()
            headers = [(name.lower(), value) for name, value in answer.getheaders()]
            return Response(answer.status, headers, answer.read())


class Streams:
    """Many requests at a time on one HTTP/2 connection, of which only the statuses are of interest."""

    def __init__(self, address):
        self._transport = socket.create_connection(address, TIMEOUT)
        self._connection = _h2_connection()

    def send(self, tokens):
        """GETs / once for each token, or without one for None."""
        for token in tokens:
            headers = [("authorization", f"Bearer {token}")] if token else []
            stream = self._connection.get_next_available_stream_id()
            self._connection.send_headers(stream, _h2_head("GET", "/", headers), end_stream=True)
        self._transport.sendall(self._connection.data_to_send())

    def answers(self, until_status=None, count=0):
        """The statuses that arrive, up to one that is awaited, or so many."""
        statuses = []
        while until_status not in statuses if until_status else len(statuses) < count:
            received = self._transport.recv(65536)
            assert received, "the connection ended before the answer did"
            events = self._connection.receive_data(received)
            heads = [dict(event.headers) for event in events if isinstance(event, h2.events.ResponseReceived)]
            statuses += [int(head[":status"]) for head in heads]
            self._transport.sendall(self._connection.data_to_send())
        return statuses

    def close(self):
        self._transport.close()


def http2(address, method, path, headers, body=b"", trailers=()):
    """One request on a connection of its own. Nothing is checked or tidied up on the way out."""
    connection = _h2_connection()
    head = _h2_head(method, path, headers)
    stream = connection.get_next_available_stream_id()
    connection.send_headers(stream, head, end_stream=not (body or trailers))
    if body:
        connection.send_data(stream, body, end_stream=not trailers)
    if trailers:
        connection.send_headers(stream, trailers, end_stream=True)
    with socket.create_connection(address, TIMEOUT) as transport:
        answer = None
        while True:
            transport.sendall(connection.data_to_send())
            received = transport.recv(65536)
            assert received, "the connection ended before the answer did"
            for event in connection.receive_data(received):
                if isinstance(event, h2.events.ResponseReceived):
                    fields = dict(event.headers)
                    answer = Response(int(fields[":status"]), list(event.headers), b"")
                elif isinstance(event, h2.events.DataReceived):
                    answer.body += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    assert answer is not None, f"no answer: {event}"
                    return answer


def _h2_connection():
    config = h2.config.H2Configuration(
        header_encoding="latin-1", validate_outbound_headers=False, normalize_outbound_headers=False
    )
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    return connection


def _h2_head(method, path, headers):
    pseudo = [(":method", method), (":scheme", "http"), (":authority", "service.example.com"), (":path", path)]
    return [(octets(name), octets(value)) for name, value in [*pseudo, *headers]]
