"""`make bench-forged`: what one request with a forged signature costs, by the keys that it might have been signed with.

Whoever sends such a request needs no key, so what it costs has a bound: `verification_budget` of the documentation. Each
figure is Envoy's CPU for one request, in milliseconds, above that of a request without a token; the median of the rounds.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from envoy import Envoy, wasm
from subjects import NO_FILTER, plugin_text
from suite import as_json, b64, key

NO_TOKEN = "no token"
REQUESTS = 30


@dataclass(frozen=True)
class Case:
    """Credentials that share a key, and the algorithm that a forged token names."""

    algorithm: str
    credentials: int
    keys: int
    kind: str

    @property
    def name(self) -> str:
        sets = f"{self.credentials} credentials of " if self.credentials > 1 else ""
        return f"{self.kind}, {sets}{self.keys} key{'s' if self.keys > 1 else ''}"

    @property
    def jwk(self) -> dict:
        return key(self.kind, "").jwk

    def plugin(self) -> str:
        keys = [self.jwk] * self.keys
        credential = {"key": "issuer", "jwks": {"keys": keys}}
        return plugin_text([{"username": "a", "jwt_secrets": [credential] * self.credentials}], {"token_cache_size": 0})

    def token(self) -> str:
        header, claims = {"alg": self.algorithm}, {"iss": "issuer"}
        signature = key(self.kind, "forger").sign(b"another text")
        return ".".join([b64(as_json(header)), b64(as_json(claims)), b64(signature)])


def cases() -> Iterator[Case]:
    kinds = {
        "RS256": "RS256",
        "PS512": "PS512",
        "ES256": "ES256",
        "ES384": "ES384",
        "ES512": "ES512",
        "Ed25519": "EdDSA",
        "Ed448": "EdDSA",
        "ML-DSA-87": "ML-DSA-87",
    }
    for kind, algorithm in kinds.items():
        for credentials, keys in (1, 1), (1, 8), (5, 8):
            yield Case(algorithm, credentials, keys, kind)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    known = list(cases())
    listeners = {case.name: [wasm(case.plugin(), vm_id=case.name)] for case in known}
    listeners[NO_FILTER] = []
    listeners[NO_TOKEN] = [wasm(known[0].plugin(), vm_id=NO_TOKEN)]
    tokens = {case.name: case.token() for case in known}
    cpu: dict[str, list[float]] = {name: [] for name in listeners}
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, Envoy(listeners, Path(directory)) as envoy:
        for number in range(rounds + 1):
            for name in listeners:
                its = _cpu(envoy, name, tokens.get(name))
                if number > 0:  # the first round warms up
                    cpu[name].append(its)
    print("| keys that may have signed it | ms of CPU for a forged token |\n|---|---|")
    for name in tokens:
        above = [its - that for its, that in zip(cpu[name], cpu[NO_TOKEN])]
        print(f"| {name} | {statistics.median(above):.2f} |")


def _cpu(envoy: Envoy, listener: str, token: str | None) -> float:
    """What a request costs, in milliseconds."""
    connection = http.client.HTTPConnection(envoy.address(listener))
    headers = {"authorization": f"Bearer {token}"} if token else {}
    before = envoy.cpu_seconds()
    for _ in range(REQUESTS):
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert not token or answer.status == 401, (listener, answer.status, body)
    taken = envoy.cpu_seconds() - before
    connection.close()
    return taken * 1000 / REQUESTS


if __name__ == "__main__":
    main()
