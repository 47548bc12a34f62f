"""What is compared: each subject is one or more listeners of one Envoy, and is sent tokens in one or two ways."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from envoy import KEYS_CLUSTER, Ended, Envoy, dynamic_module, jwt_authn, wasm
from suite import NATIVE_MODULE
from workload import (
    ACTIVE_CONSUMERS,
    ALGORITHMS,
    FIRST_SEEN,
    PUBLISHABLE,
    RETURNING,
    consumer_with_fetched_key_sets,
    consumer_with_key_sets,
    consumers,
    issuer,
    issuers,
    jwks,
)

NO_FILTER = "no filter"
JWT_AUTHN = "jwt_authn"
JWT_AUTHN_CACHE = "jwt_authn, with cache"
JWT_AUTH = "this filter"
NATIVE = "this filter, native edition"
ONE_CALLER = "this filter, one caller"
NATIVE_ONE_CALLER = "this filter, native edition, one caller"
KEY_SET = "this filter, key set"
FETCHED_KEY_SET = "this filter, fetched key set"
NO_CACHE = "this filter, no cache"
IN_WASM = "this filter, no cache, all in Wasm"

# Where there are many issuers, each consumer has one of its own.
MANY_ISSUERS = 500

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
    most_callers: int = ACTIVE_CONSUMERS

    @property
    def callers(self) -> int:
        """How many of the consumers send tokens."""
        return min(self.consumers, self.most_callers)

    def listener(self, algorithm: str) -> str:
        """The listener that tokens of the algorithm are sent to."""
        return next(name for name in (_of_algorithm(self.name, algorithm), *self.listeners) if name in self.listeners)

    def lets_anyone_in(self) -> bool:
        return self.name == NO_FILTER


def all_subjects(consumer_counts: tuple[int, ...]) -> list[Subject]:
    """The subjects that this module can be, in the order in which they take turns."""
    ours = [_ours(JWT_AUTH, consumers(count)) for count in consumer_counts]
    subjects = [
        Subject(NO_FILTER, {NO_FILTER: []}),
        _envoys_own(JWT_AUTHN, {}),
        _envoys_own(JWT_AUTHN_CACHE, {"jwt_cache_config": {"jwt_cache_size": JWT_AUTHN_CACHED_TOKENS}}),
        *ours,
        _of_one_caller(ONE_CALLER, ours[-1]),
        _envoys_own_with_many(MANY_ISSUERS),
        _ours(JWT_AUTH, consumers(MANY_ISSUERS), algorithms=("RS256",)),
        _ours(KEY_SET, [consumer_with_key_sets()]),
        _ours(FETCHED_KEY_SET, [consumer_with_fetched_key_sets(KEYS_CLUSTER)], algorithms=PUBLISHABLE),
    ]
    if NATIVE_MODULE.is_file():
        native = [_native(NATIVE, consumers(count)) for count in consumer_counts]
        subjects += [*native, _of_one_caller(NATIVE_ONE_CALLER, native[-1])]
        subjects.append(_native(NATIVE, consumers(MANY_ISSUERS), algorithms=("RS256",)))
    if _is_accepted(WITHOUT_CACHE):
        subjects.append(_ours(NO_CACHE, consumers(1), WITHOUT_CACHE, tokens=(FIRST_SEEN,)))
    if _is_accepted(WITHOUT_HOST_CRYPTO):
        # The host verifies no other algorithms.
        algorithms = ("RS256", "ES256")
        subjects.append(_ours(IN_WASM, consumers(1), WITHOUT_HOST_CRYPTO, tokens=(FIRST_SEEN,), algorithms=algorithms))
    return subjects


def _envoys_own(name: str, fields: dict) -> Subject:
    """jwt_authn; each algorithm has a listener, so that no key of another algorithm is ever tried."""
    filters = {algorithm: jwt_authn({issuer(algorithm, 0): jwks(algorithm)}, fields) for algorithm in ALGORITHMS}
    return Subject(name, {_of_algorithm(name, algorithm): [its] for algorithm, its in filters.items()})


def _envoys_own_with_many(count: int) -> Subject:
    """jwt_authn with many issuers in one listener: it has no other way than to try one after the other."""
    filters = {f"{JWT_AUTHN}, {count}": [jwt_authn(issuers(count), {})]}
    return Subject(JWT_AUTHN, filters, count, algorithms=("RS256",))


def _of_one_caller(name: str, among_many: Subject) -> Subject:
    """The same listener, sent the tokens of a single consumer: what the others cost by being there."""
    return replace(among_many, name=name, most_callers=1)


def _of_algorithm(name: str, algorithm: str) -> str:
    return f"{name}, {algorithm}"


def _ours(name: str, some_consumers: list[dict], fields: dict | None = None, **sent: tuple[str, ...]) -> Subject:
    """This filter; one listener, since it looks a token's key up among all."""
    listener = f"{name}, {len(some_consumers)}"
    plugin = plugin_text(some_consumers, fields or {})
    return Subject(name, {listener: [wasm(plugin, vm_id=listener)]}, len(some_consumers), **sent)


def _native(name: str, some_consumers: list[dict], **sent: tuple[str, ...]) -> Subject:
    """The native edition of this filter."""
    listener = f"{name}, {len(some_consumers)}"
    return Subject(name, {listener: [dynamic_module(plugin_text(some_consumers, {}))]}, len(some_consumers), **sent)


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
