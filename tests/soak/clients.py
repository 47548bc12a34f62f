"""Clients: good ones, bad ones, hostile ones, ones that go away, and floods. Each runs in a thread until it is told to stop."""

import http.client
import random
import select
import socket
import threading
import time

import client
import grpc
from ledger import Ledger
from tokens import ALGORITHMS, b64, in_seconds, key
from upstream_process import GOOD, MARK

LIFETIME = 86_400
FOREIGN = "foreign"
ABUSED = "https://abused.example.com"
# Its key set takes its time.
WAITED_FOR = "https://waited-for.example.com"
# What the requests say that are cut off. Envoy's access log has those alone.
CUTTING = "cutting"


def issuer_of(algorithm):
    """Every algorithm has an issuer, and a consumer, of its own."""
    return f"https://{algorithm.lower()}.example.com"


class Client(threading.Thread):
    """Sends again and again, with a pause in between."""

    pause = 0.02

    def __init__(self, ledger: Ledger, address, world, chance: random.Random):
        super().__init__(daemon=True)
        self.ledger, self.address, self.world, self.chance = ledger, address, world, chance
        self.ending = threading.Event()

    def run(self):
        while not self.ending.wait(self.pause):
            try:
                self.send()
            except Exception as error:  # whatever it is, it must be seen
                self.ledger.wrong(f"{type(self).__name__} failed: {error!r}")

    def send(self):
        raise NotImplementedError


class Good(Client):
    """Tokens of all algorithms, and of the issuer whose keys rotate. Each must pass; only the service may be away."""

    def token(self):
        fresh = self.chance.random() < 0.1
        return self.world.rotating_token() if self.chance.random() < 0.3 else self.world.token(self.chance, fresh)

    def judge(self, start, status, body):
        if status == 200:
            self.ledger.answered(self.name_of_kind, 200)
        elif status == 503 and b"upstream" in body and self.world.service_was_away_since(start):
            self.ledger.answered(self.name_of_kind, "service away")
        else:
            self.ledger.answered(self.name_of_kind, status)
            self.ledger.wrong(f"{self.name_of_kind}: a good request got {status} {body[:120]!r}")


class GoodHttp1(Good):
    name_of_kind = "good HTTP/1.1"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.connection = http.client.HTTPConnection(*self.address, timeout=10)

    def send(self):
        headers, start = {"authorization": f"Bearer {self.token()}", MARK: GOOD}, time.monotonic()
        self.connection.request("GET", "/orders", headers=headers)
        answer = self.connection.getresponse()
        self.judge(start, answer.status, answer.read())


class GoodHttp2(Good):
    name_of_kind = "good HTTP/2"

    def send(self):
        headers, start = [("authorization", f"Bearer {self.token()}"), (MARK, GOOD)], time.monotonic()
        answer = client.http2(self.address, "POST", "/http2/orders", headers, b"x" * 1000)
        self.judge(start, answer.status, answer.body)


class GoodGrpc(Good):
    name_of_kind = "good gRPC"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.call = grpc.insecure_channel(f"{self.address[0]}:{self.address[1]}").unary_unary("/echo/Unary")

    def send(self):
        headers, start = [("authorization", f"Bearer {self.token()}"), (MARK, GOOD)], time.monotonic()
        try:
            self.call(b"hello", metadata=headers, timeout=10)
            self.judge(start, 200, b"")
        except grpc.RpcError as error:
            is_away = error.code() == grpc.StatusCode.UNAVAILABLE
            self.judge(start, 503 if is_away else error.code().name, (error.details() or "").encode())


class Bad(Client):
    """Tokens that nobody may pass with."""

    pause = 0.01

    def token(self):
        algorithm = self.chance.choice(["HS256", "RS256", "ES256", "Ed25519"])
        signer, forger = key(algorithm), key(algorithm, FOREIGN)
        claims = {"iss": issuer_of(algorithm), "exp": in_seconds(LIFETIME)}
        good = self.world.token(self.chance)
        head, body, signature = good.split(".")
        return self.chance.choice(
            [
                lambda: forger.token(**claims),
                lambda: signer.token(iss=claims["iss"], exp=in_seconds(-60)),
                lambda: signer.token(iss="https://nobody.example.com", exp=claims["exp"]),
                lambda: signer.token(exp=claims["exp"], iss=7),
                lambda: signer.token(claims, header={"alg": "none"}),
                lambda: signer.token(claims, header={"crit": ["exp"]}),
                lambda: forger.token(claims | {"iss": ABUSED}, header={"kid": b64(self.chance.randbytes(9))}),
                lambda: forger.token(claims | {"iss": ABUSED}),
                lambda: f"{head}.{body}.",
                lambda: f"{head}.{body}.{signature[:-4]}",
                lambda: f"{body}.{head}.{signature}",
                lambda: b64(self.chance.randbytes(300)),
                lambda: "",
            ]
        )()

    def send(self):
        headers = [("authorization", f"Bearer {self.token()}"), (MARK, "bad")]
        answer = client.http1(self.address, "GET", "/orders", headers)
        self.ledger.answered("bad", answer.status)
        if answer.status not in (401, 503):
            self.ledger.wrong(f"a bad token got {answer.status} {answer.body[:120]!r}")


class Hostile(Client):
    """Requests that are meant to confuse. None may come to the service; most are refused before the filter sees them."""

    pause = 0.05

    def requests(self):
        token = self.world.token(self.chance)
        forged = f"{token[:-8]}AAAAAAAA"
        mark = f"{MARK}: hostile\r\n"
        start = f"GET /orders HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{mark}"
        yield f"{start}authorization: Bearer {token}\r\nauthorization: Bearer {forged}\r\n\r\n"
        yield f"{start}authorization: Bearer {forged},Bearer {token}\r\n\r\n"
        yield f"{start}authorization: Bearer {token}\x00\r\n\r\n"
        yield f"{start}authorization: Bearer {'A' * 60_000}\r\n\r\n"
        yield f"{start}authorization: Bearer {'.' * 60_000}\r\n\r\n"
        yield f"{start}x-consumer-username: admin\r\nx-consumer-id: 1\r\n\r\n"
        yield f"{start}connection: x-consumer-username\r\nauthorization: Bearer {forged}\r\n\r\n"
        yield f"{start}{'x: ' + 'y' * 100_000}\r\n\r\n"
        yield f"GET /orders?jwt={forged}&jwt={token} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{mark}\r\n"
        yield f"GET /orders?{'jwt=%00&' * 3000} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{mark}\r\n"
        yield f"GET /\xff\xfe%ff%00/../orders HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{mark}\r\n"
        yield f"OPTIONS * HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{mark}\r\n"
        yield f"POST /orders HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{mark}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n"
        yield f"{start}cookie: {'jwt=' + forged + '; '}{'a=b; ' * 5000}\r\n\r\n"

    def send(self):
        request = self.chance.choice(list(self.requests()))
        try:
            answer = client.http1_raw(self.address, request.encode("latin-1"))
        except (OSError, http.client.HTTPException):
            self.ledger.answered("hostile", "closed", by_filter=False)
            return
        self.ledger.answered("hostile", answer.status, by_filter=answer.body.startswith(b'{"'))
        if answer.status < 400:
            self.ledger.wrong(f"a hostile request got {answer.status}: {request[:80]!r}")


class Cutting(Client):
    """Clients that go away while their request waits for a key set, and before they have sent all of it."""

    pause = 0.1

    def send(self):
        token = key("ES256", FOREIGN).token(
            {"iss": WAITED_FOR, "exp": in_seconds(LIFETIME)}, header={"kid": b64(self.chance.randbytes(9))}
        )
        request = (
            f"POST /orders HTTP/1.1\r\nhost: h\r\n{MARK}: {CUTTING}\r\nauthorization: Bearer {token}\r\n"
            f"content-length: 100000\r\n\r\n{'x' * 50_000}"
        ).encode()
        length = self.chance.choice([len(request), self.chance.randrange(len(request))])
        with socket.create_connection(self.address, 10) as connection:
            connection.sendall(request[:length])
            self.ending.wait(self.chance.random() * 0.2)
            is_answered = bool(select.select([connection], [], [], 0)[0])
        self.ledger.cut(CUTTING, is_answered)


class Flood(Client):
    """Now and then many more refusals within a second than may be logged, on connections of which both workers get some."""

    pause = 5
    connections, requests = 8, 100
    tokens = [None, "x", "a.b.c", f"{b64(b'{}')}.{b64(b'{}')}."]

    def send(self):
        token = self.chance.choice(self.tokens)
        open_ones = [client.Streams(self.address) for _ in range(self.connections)]
        for each in open_ones:
            each.send([token] * self.requests)
        for each in open_ones:
            statuses = each.answers(count=self.requests)
            each.close()
            for status in statuses:
                self.ledger.answered("flood", status)
            if set(statuses) != {401}:
                self.ledger.wrong(f"a flood got {set(statuses)}")


def all_clients(ledger, address, world, seed):
    """As many of each as two cores can serve beside Envoy."""
    kinds = [GoodHttp1, GoodHttp1, GoodHttp2, GoodGrpc, Bad, Bad, Hostile, Cutting, Flood]
    return [kind(ledger, address, world, random.Random(f"{seed} {number}")) for number, kind in enumerate(kinds)]


def good_tokens(count):
    """So many tokens of each algorithm."""
    return [
        key(algorithm).token(iss=issuer_of(algorithm), exp=in_seconds(LIFETIME), jti=str(number))
        for algorithm in ALGORITHMS
        for number in range(count)
    ]
