"""Some thousand requests at random, and what a model of the contract says of each: any other answer is a failure, and so is a
documented difference from Kong's plugin that does not occur.

CONTRACT_SEED and CONTRACT_REQUESTS choose other requests and how many.
"""

import http.client
import os
import re
import socket
import time
from collections import Counter
from pathlib import Path
from random import Random

import harness
from client import TIMEOUT, Response, octets
from contract_model import DIFFERENCES, NAMES, Answer, in_grpc
from contract_requests import CONSUMERS, Policy, generate, policies
from harness import ROUTES, Listen

SEED = int(os.environ.get("CONTRACT_SEED", 20261126))
REQUESTS = int(os.environ.get("CONTRACT_REQUESTS", 4000))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "migrating-from-kong.md"
# How many of the answers that differ are shown.
SHOWN = 5

LOG_LEVEL = "warning"
RNG = Random(SEED)
POLICIES = policies(RNG)
RULES = [policy for policy in POLICIES if policy.is_rule]
TO_HTTP1 = {"cluster": "http1"}
EVERYTHING = {"match": {"prefix": "/"}, "route": TO_HTTP1}


def listeners():
    """A listener for each policy, and one with those that are rules, by route."""
    rules = [{"routes": [policy.name], **policy.fields} for policy in RULES]
    routes = [{"name": policy.name, "match": {"prefix": f"/{policy.name}/"}, "route": TO_HTTP1} for policy in RULES]
    shared = {**Policy("", {}).plugin(), "rules": rules}
    own = {policy.name: Listen(policy.plugin(), [EVERYTHING]) for policy in POLICIES if not policy.is_rule}
    return {**own, "rules": Listen(shared, [*routes, EVERYTHING])}


LISTENERS = listeners()

# What Envoy writes or changes itself on the way up.
ENVOYS = {"host", "x-forwarded-proto", "x-request-id", "content-length", "transfer-encoding", "x-envoy-expected-rq-timeout-ms"}
ENVOYS |= {"x-envoy-original-path", "te"}


class Connection:
    """One connection for many requests, one after the other."""

    def __init__(self, address):
        self._address, self._socket = address, None

    def send(self, request):
        self._socket = self._socket or socket.create_connection(self._address, TIMEOUT)
        lines = [octets(f"{request.method} {request.path} HTTP/1.1"), b"host: service.example.com"]
        lines += [octets(name) + b": " + octets(value) for name, value in request.headers]
        lines += [b"content-length: 0"] if request.method == "POST" else []
        self._socket.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        with http.client.HTTPResponse(self._socket, method=request.method) as answer:
            answer.begin()
            headers = [(name.lower(), value) for name, value in answer.getheaders()]
            response = Response(answer.status, headers, answer.read())
            if answer.will_close:
                self.close()
        return response

    def close(self):
        if self._socket:
            self._socket.close()
        self._socket = None


def seen(response, upstream, before, request):
    """An answer as the model puts it."""
    reached = upstream.requests - before
    if reached:
        assert reached == 1 and response.status == 200, response
        arrived = {}
        for name, value in upstream.last["headers"]:
            if name.lower() not in ENVOYS:
                arrived.setdefault(name.lower(), []).append(value)
        return Answer(path=upstream.last["path"], headers=arrived)
    if response.header("grpc-status"):
        assert (response.status, response.body) == (200, b"")
        return Answer(grpc=(int(response.header("grpc-status")), response.header("grpc-message")))
    assert response.header("content-type") == "application/json; charset=utf-8"
    return Answer(response.status, response.body.decode(), response.header("www-authenticate"))


def expected(policy, request, without=None):
    """What the model says, and the differences that may be at stake."""
    gateway = policy.gateway(without)
    answer = gateway.answer(request, int(time.time()))
    if answer.grpc:
        answer.grpc = (answer.grpc[0], in_grpc(answer.grpc[1]))
    return answer, gateway.asked


def told(index, policy, twists, request, wanted, got):
    """What to look at when an answer is another than the model's."""
    text = f"request {index} ({', '.join(twists)}) with {policy.name}: {policy.fields}\n  {request}\n  model:  {wanted}\n  filter: {got}"
    return re.sub(r"[\w-]{200,}", lambda long: f"{long[0][:60]}...", text)


def test_every_answer_is_the_model_s_and_every_difference_occurs(envoy, upstream):
    connections = {name: Connection(envoy[name].address) for name in LISTENERS}
    occurred, answers, wrong = Counter(), Counter(), []
    for index, (policy, twists, request) in enumerate(generate(RNG, POLICIES, REQUESTS)):
        wanted, at_stake = expected(policy, request)
        connection = connections["rules" if policy.is_rule else policy.name]
        for _ in range(1 + (index % 4 == 0)):  # some are sent again, when their token may be remembered
            before = upstream.requests
            got = seen(connection.send(request), upstream, before, request)
            if got != wanted:
                wrong.append(told(index, policy, twists, request, wanted, got))
        occurred.update(name for name in at_stake if expected(policy, request, without=name)[0] != wanted)
        answers[wanted.grpc and f"gRPC {wanted.grpc[0]}" or wanted.status] += 1
    for connection in connections.values():
        connection.close()
    print(f"\nseed {SEED}, {REQUESTS} requests: {dict(answers)}")
    print("differences:", ", ".join(f"{name} {occurred[name]}" for name in NAMES))
    assert not wrong, f"seed {SEED}: {len(wrong)} answers differ, the first of them\n" + "\n".join(wrong[:SHOWN])
    missing = [name for name in NAMES if not occurred[name]]
    assert not missing, f"seed {SEED}: these documented differences did not occur: {missing}"


def test_the_model_s_differences_are_the_documented_ones():
    section = PAGE.read_text().partition("## Where it differs from Kong's plugin\n")[2].partition("\n## ")[0]
    bullets = " ".join(section.partition("\nWhat Kong's dumps carry")[0].split())
    for sentence in DIFFERENCES:
        assert bullets.count(sentence) == 1, sentence
        bullets = bullets.replace(sentence, "")
    rest = re.sub(r"Stricter:|More permissive:|Different:|-", "", bullets).strip()
    assert not rest, f"the model does not know this difference: {rest}"
    assert len(NAMES) == len(set(NAMES))
