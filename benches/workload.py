"""Who calls, and with what: consumers with their credentials, and the tokens that are sent for them."""

from __future__ import annotations

import base64
import random
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from suite import Key, as_json, b64, key

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")
# Nobody publishes a shared secret.
PUBLISHABLE = ALGORITHMS[1:]

FIRST_SEEN = "first-seen"
RETURNING = "returning"

# A cache of 10,000 tokens that forgets the least recently used one holds none of these by the time it comes again.
FIRST_SEEN_TOKENS = 12_000
RETURNING_TOKENS = 8

# So many consumers send tokens, where there are so many; the others are only there to be looked through.
ACTIVE_CONSUMERS = 1_000
# Pairs of RSA keys take long to make, so the active consumers share these.
RSA_KEY_PAIRS = 8

VALID_SECONDS = 24 * 3600


# Consumers. The first has a credential for each algorithm; of the others each has one, the algorithms dealt in turn.


def consumers(count: int) -> list[dict]:
    """That many consumers, the active ones scattered among them."""
    everyone = [consumer(index) for index in range(count)]
    random.Random(count).shuffle(everyone)
    return everyone


def consumer(index: int) -> dict:
    return {"username": username(index), "jwt_secrets": [credential(name, index) for name in algorithms_of(index)]}


def consumer_with_key_sets() -> dict:
    """The first consumer, whose keys stand in sets of one key each."""
    credentials = [{"key": issuer(name, 0), "jwks": jwks(name)} for name in ALGORITHMS]
    return {"username": username(0), "jwt_secrets": credentials}


def consumer_with_fetched_key_sets(cluster: str) -> dict:
    """The first consumer, whose issuers publish such sets."""
    places = {name: {"uri": f"http://{cluster}{_path(name)}", "cluster": cluster} for name in PUBLISHABLE}
    credentials = [{"key": issuer(name, 0), "remote_jwks": place} for name, place in places.items()]
    return {"username": username(0), "jwt_secrets": credentials}


def issuers(count: int) -> dict[str, dict]:
    """The key sets of the issuers of that many consumers' tokens, by issuer."""
    senders = [(algorithm, index) for index in range(count) for algorithm in algorithms_of(index)]
    return {issuer(*sender): jwks(*sender) for sender in senders}


def published() -> dict[str, dict]:
    """The key sets that are fetched, by path."""
    return {_path(name): jwks(name) for name in PUBLISHABLE}


def _path(algorithm: str) -> str:
    return f"/{algorithm.lower()}/jwks.json"


def rs256_consumers(count: int) -> list[dict]:
    """That many consumers with an RS256 key each."""
    return [{"username": username(index), "jwt_secrets": [passive_rs256(index)]} for index in range(count)]


def algorithms_of(index: int) -> tuple[str, ...]:
    return ALGORITHMS if index == 0 else (ALGORITHMS[index % len(ALGORITHMS)],)


def username(index: int) -> str:
    return f"client-{index}"


def issuer(algorithm: str, index: int) -> str:
    """The value of the key claim, the name of a credential."""
    return f"https://{algorithm.lower()}.example.com/{username(index)}"


def credential(algorithm: str, index: int) -> dict:
    if algorithm == "RS256" and index >= ACTIVE_CONSUMERS:
        return passive_rs256(index)
    return signing_key(algorithm, index).credential(issuer(algorithm, index))


def signing_key(algorithm: str, index: int) -> Key:
    if algorithm == "RS256":
        return key(algorithm, index % RSA_KEY_PAIRS)
    return key("Ed25519" if algorithm == "EdDSA" else algorithm, index)


def passive_rs256(index: int) -> dict:
    """A credential whose public key is of its own, and of which there is no private key."""
    modulus = (1 << 2047 | random.Random(index).getrandbits(2048) | 1).to_bytes(256, "big")
    before, after = around_the_modulus()
    return key("RS256", 0).credential(issuer("RS256", index), public=pem(before + modulus + after))


@cache
def around_the_modulus() -> tuple[bytes, bytes]:
    """What stands before and after the modulus in the DER of an RSA public key of 2048 bits."""
    some_key = key("RS256", 0)
    modulus = some_key.public.public_numbers().n.to_bytes(256, "big")
    before, after = some_key.spki_der.split(modulus)
    return before, after


def pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def jwks(algorithm: str, index: int = 0) -> dict:
    """A consumer's key of an algorithm as a set of JSON Web Keys."""
    its = signing_key(algorithm, index)
    jwk = {"kty": "oct", "k": b64(its.private)} if algorithm == "HS256" else its.jwk
    return {"keys": [{**jwk, "alg": algorithm, "use": "sig"}]}


# Tokens.


@dataclass
class Tokens:
    """Tokens in a file, one a line, sent in a circle; `position` is that of the token to send next."""

    path: Path
    count: int
    first: str
    first_sender: int
    position: int = 0

    def advance(self, sent: int) -> None:
        self.position = (self.position + sent) % self.count


def write_tokens(directory: Path, algorithm: str, consumer_count: int) -> dict[str, Tokens]:
    """Signs tokens of the active ones among that many consumers, in turn: first-seen ones and returning ones."""
    active = [index for index in range(min(consumer_count, ACTIVE_CONSUMERS)) if algorithm in algorithms_of(index)]
    counts = {FIRST_SEEN: FIRST_SEEN_TOKENS, RETURNING: RETURNING_TOKENS}
    written = {}
    for way, count in counts.items():
        tokens = [token(algorithm, active[serial % len(active)]) for serial in range(count)]
        path = directory / f"{algorithm}-{consumer_count}-{way}"
        path.write_text("".join(f"{its}\n" for its in tokens))
        written[way] = Tokens(path, count, first=tokens[0], first_sender=active[0])
    return written


def token(algorithm: str, index: int) -> str:
    """A token as authorization servers give them out; no two are the same."""
    now = int(time.time())
    claims = {
        "iss": issuer(algorithm, index),
        "sub": username(index),
        "aud": "https://api.example.com",
        "iat": now,
        "exp": now + VALID_SECONDS,
        "jti": str(uuid.uuid4()),
        "scope": "orders:read orders:write",
    }
    signing_input = f"{b64(as_json({'alg': algorithm, 'typ': 'JWT'}))}.{b64(as_json(claims))}"
    return f"{signing_input}.{b64(signing_key(algorithm, index).sign(signing_input.encode()))}"
