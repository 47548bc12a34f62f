"""`make bench-features`: what each setting beyond authentication adds to the cost of a returning token.

All settings are listeners of one Envoy that take turns, as benches/README.md describes for `make bench`. With `--before
MODULE` another build of the module takes part, without settings, to see what a change cost.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from envoy import Envoy, wasm
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
    "required_claims": {"required_claims": [{"claim": "scope", "any_of": ["orders:read"]}]},
    "allow": {"allow": ["client-0"]},
    "rules, ten of them": {"rules": RULES},
    "claims_to_headers, one": {"claims_to_headers": [{"claim": "sub", "header": "x-sub"}]},
    "forward_payload_header": {"forward_payload_header": "x-claims"},
    "hide_credentials": {"hide_credentials": True},
    "clear_route_cache": {"clear_route_cache": True},
    "filter_state": {"filter_state": True},
    "more places": PLACES,
    "first_valid": {"first_valid": True},
    "resource_metadata": {"resource_metadata": {"resource": "https://api.example.com"}},
    "measure_verification": {"measure_verification": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another build of the module")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    listeners = {name: [wasm(plugin_text(consumers(1), fields), vm_id=name)] for name, fields in FEATURES.items()}
    listeners[NO_FILTER] = []
    if arguments.before:
        listeners["before"] = [_of_module(arguments.before)]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        print(_as_markdown(_measure(listeners, arguments.rounds, Path(name))))


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
    with Envoy(listeners, directory) as envoy:
        for number in range(rounds + 1):
            for name in listeners:
                its = send(envoy, name, tokens, 0.3)
                if number > 0:  # the first round warms up
                    cpu[name].append(its.cpu)
    return cpu


def _as_markdown(cpu: dict[str, list[float]]) -> str:
    def median_above(name: str, base: str) -> float:
        return statistics.median(its - that for its, that in zip(cpu[name], cpu[base]))

    rows = [f"| {name} | {median_above(name, PLAIN):+.1f} |" for name in cpu if name not in (PLAIN, NO_FILTER)]
    plain = f"| {PLAIN}, above {NO_FILTER} | {median_above(PLAIN, NO_FILTER):.1f} |"
    return "\n".join(["| setting | µs for a returning token |", "|---|---|", plain, *rows])


if __name__ == "__main__":
    main()
