"""`make bench-features`: what each setting beyond authentication adds to the cost of a returning token, in each edition.

All settings are listeners of one Envoy that take turns, as benches/README.md describes for `make bench`. With `--before
MODULE` another build of the Wasm module takes part, without settings, to see what a change cost.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from envoy import Envoy, dynamic_module, wasm
from load import send
from subjects import NO_FILTER, plugin_text
from workload import RETURNING, consumers, write_tokens

ALGORITHM = "RS256"
PLAIN = "none of these"
RULES = [{"routes": [f"route {number}"], "allow": ["client-0"]} for number in range(10)]
PLACES = {
    "token_headers": [{"name": "cf-access-jwt-assertion"}],
    "websocket_protocols": [{"name": "bearer"}],
    "split_cookies": [{"name": "session"}],
}
FEATURES = {
    PLAIN: {},
    "audiences": {"audiences": ["https://api.example.com"]},
    "token_types": {"token_types": ["JWT"]},
    "require": {"require": ["exp"]},
    "required_claims": {"required_claims": [{"claim": "scope", "any_of": ["orders:read"]}]},
    "allow": {"allow": ["client-0"]},
    "optional": {"optional": True},
    "anonymous_for": {"anonymous": "client-0", "anonymous_for": ["missing"]},
    "rules, ten of them": {"rules": RULES},
    "claims_to_headers, one": {"claims_to_headers": [{"claim": "sub", "header": "x-sub"}]},
    "forward_payload_header": {"forward_payload_header": "x-claims"},
    "hide_credentials": {"hide_credentials": True},
    "clear_route_cache": {"clear_route_cache": True},
    "filter_state": {"filter_state": True},
    "claims_to_filter_state, one": {"claims_to_filter_state": [{"claim": "sub", "key": "sub"}]},
    "more places": PLACES,
    "first_valid": {"first_valid": True},
    "resource_metadata": {"resource_metadata": {"resource": "https://api.example.com"}},
    "revoked, a thousand of them": {"revoked": [{"jti": str(number)} for number in range(1000)]},
    "measure_verification": {"measure_verification": True},
}
# What only the native edition has. The policy of a route stands in no configuration.
OWN_POLICY = "a route's own policy"
NATIVE_FEATURES = {
    "dynamic_metadata, no claims": {"dynamic_metadata": {}},
    "dynamic_metadata, one claim": {"dynamic_metadata": {"claims": ["sub"]}},
    OWN_POLICY: {},
}
EDITIONS = ("Wasm", "native")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another build of the module")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    listeners = {NO_FILTER: [], **_listeners(arguments.before)}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        print(_as_markdown(_measure(listeners, arguments.rounds, Path(name))))


def _listeners(before: Path | None) -> dict[str, list[dict]]:
    """A listener for each setting in each edition."""
    listeners = {}
    for name, fields in FEATURES.items():
        listeners[_of("Wasm", name)] = [wasm(plugin_text(consumers(1), fields), vm_id=name)]
    for name, fields in {**FEATURES, **NATIVE_FEATURES}.items():
        listeners[_of("native", name)] = [dynamic_module(plugin_text(consumers(1), fields))]
    if before:
        listeners[_of("Wasm", "before")] = [_of_module(before)]
    return listeners


def _of(edition: str, name: str) -> str:
    return f"{edition}: {name}"


def _of_module(module: Path) -> dict:
    """The filter without settings, of another build."""
    text = json.dumps(wasm(plugin_text(consumers(1), {}), vm_id="before"))
    its = json.loads(text)
    its["typed_config"]["config"]["vm_config"]["code"]["local"]["filename"] = str(module.resolve())
    return its


def _measure(listeners: dict[str, list[dict]], rounds: int, directory: Path) -> dict[str, list[float]]:
    """The CPU that each listener takes for a request, in microseconds, a figure per round."""
    tokens = write_tokens(directory, ALGORITHM, 1)[RETURNING]
    cpu = {name: [] for name in listeners}
    with Envoy(listeners, directory, own_policies=[_of("native", OWN_POLICY)]) as envoy:
        for number in range(rounds + 1):
            for name in listeners:
                its = send(envoy, name, tokens, 0.3)
                if number > 0:  # the first round warms up
                    cpu[name].append(its.cpu)
    return cpu


def _as_markdown(cpu: dict[str, list[float]]) -> str:
    """A row for each setting, with the median of what it adds in a round, and its quartiles."""

    def above(name: str, base: str) -> str:
        if name not in cpu:
            return "–"
        low, middle, high = statistics.quantiles([its - that for its, that in zip(cpu[name], cpu[base])], n=4)
        return f"{middle:+.1f} ({low:+.1f} to {high:+.1f})"

    def row(name: str, label: str, base: str | None) -> str:
        cells = [above(_of(edition, name), _of(edition, base) if base else NO_FILTER) for edition in EDITIONS]
        return f"| {label} | {' | '.join(cells)} |"

    names = [name for name in (*FEATURES, *NATIVE_FEATURES, "before") if any(_of(its, name) in cpu for its in EDITIONS)]
    rows = [row(name, name, PLAIN) for name in names if name != PLAIN]
    plain = row(PLAIN, f"{PLAIN}, above {NO_FILTER}", None)
    return "\n".join(["| setting | µs in Wasm | µs in the native edition |", "|---|---|---|", plain, *rows])


if __name__ == "__main__":
    main()
