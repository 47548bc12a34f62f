"""What is compared: each subject is one or more listeners of one Envoy, and is sent tokens in one or two ways."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from envoy import KEYS_CLUSTER, Ended, Envoy, dynamic_module, jwt_authn, wasm
from suite import NATIVE_MODULE
from workload import (
    ALGORITHMS,
    FIRST_SEEN,
    PUBLISHABLE,
    RETURNING,
    consumer_with_fetched_key_sets,
    consumer_with_key_sets,
    consumers,
    issuer,
    jwks,
)

NO_FILTER = "no filter"
JWT_AUTHN = "jwt_authn"
JWT_AUTHN_CACHE = "jwt_authn, with cache"
JWT_AUTH = "this filter"
NATIVE = "this filter, native edition"
KEY_SET = "this filter, key set"
FETCHED_KEY_SET = "this filter, fetched key set"
NO_CACHE = "this filter, no cache"
IN_WASM = "this filter, no cache, all in Wasm"

# As many as this filter remembers by default.
JWT_AUTHN_CACHED_TOKENS = 10_000

WITHOUT_CACHE = {"token_cache_size": 0}
WITHOUT_HOST_CRYPTO = {"token_cache_size": 0, "host_crypto": "off"}


@dataclass(frozen=True)
class Subject:
    """One row of the tables: a name, listeners by name, how many consumers they know, and what they are sent."""

    name: str
    listeners: dict[str, list[dict]]
    consumers: int = 1
    algorithms: tuple[str, ...] = ALGORITHMS
    tokens: tuple[str, ...] = (FIRST_SEEN, RETURNING)

    def listener(self, algorithm: str) -> str:
        """The listener that tokens of the algorithm are sent to."""
        return next(name for name in (_of_algorithm(self.name, algorithm), *self.listeners) if name in self.listeners)

    def lets_anyone_in(self) -> bool:
        return self.name == NO_FILTER


def all_subjects(consumer_counts: tuple[int, ...]) -> list[Subject]:
    """The subjects that this module can be, in the order in which they take turns."""
    subjects = [
        Subject(NO_FILTER, {NO_FILTER: []}),
        _envoys_own(JWT_AUTHN, {}),
        _envoys_own(JWT_AUTHN_CACHE, {"jwt_cache_config": {"jwt_cache_size": JWT_AUTHN_CACHED_TOKENS}}),
        *[_ours(JWT_AUTH, consumers(count)) for count in consumer_counts],
        _ours(KEY_SET, [consumer_with_key_sets()]),
        _ours(FETCHED_KEY_SET, [consumer_with_fetched_key_sets(KEYS_CLUSTER)], algorithms=PUBLISHABLE),
    ]
    if NATIVE_MODULE.is_file():
        subjects += [_native(NATIVE, consumers(count)) for count in consumer_counts]
    if _is_accepted(WITHOUT_CACHE):
        subjects.append(_ours(NO_CACHE, consumers(1), WITHOUT_CACHE, tokens=(FIRST_SEEN,)))
    if _is_accepted(WITHOUT_HOST_CRYPTO):
        # The host verifies no other algorithms.
        algorithms = ("RS256", "ES256")
        subjects.append(_ours(IN_WASM, consumers(1), WITHOUT_HOST_CRYPTO, tokens=(FIRST_SEEN,), algorithms=algorithms))
    return subjects


def _envoys_own(name: str, fields: dict) -> Subject:
    """jwt_authn; each algorithm has a listener, so that no key of another algorithm is ever tried."""
    filters = {algorithm: jwt_authn(issuer(algorithm, 0), jwks(algorithm), fields) for algorithm in ALGORITHMS}
    return Subject(name, {_of_algorithm(name, algorithm): [its] for algorithm, its in filters.items()})


def _of_algorithm(name: str, algorithm: str) -> str:
    return f"{name}, {algorithm}"


def _ours(name: str, some_consumers: list[dict], fields: dict | None = None, **sent: tuple[str, ...]) -> Subject:
    """This filter; one listener, since it looks a token's key up among all."""
    listener = f"{name}, {len(some_consumers)}"
    plugin = plugin_text(some_consumers, fields or {})
    return Subject(name, {listener: [wasm(plugin, vm_id=listener)]}, len(some_consumers), **sent)


def _native(name: str, some_consumers: list[dict]) -> Subject:
    """The native edition of this filter."""
    listener = f"{name}, {len(some_consumers)}"
    return Subject(name, {listener: [dynamic_module(plugin_text(some_consumers, {}))]}, len(some_consumers))


def plugin_text(some_consumers: list[dict], fields: dict) -> str:
    """A plugin configuration that checks what jwt_authn always checks."""
    return json.dumps({"claims_to_verify": ["exp"], "consumers": some_consumers, **fields})


def _is_accepted(fields: dict) -> bool:
    """Whether this module knows the fields: one that does not refuses its configuration, and Envoy does not start."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            with Envoy({"probe": [wasm(plugin_text([], fields), vm_id="probe")]}, Path(directory)):
                return True
        except Ended:
            return False
