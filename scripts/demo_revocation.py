"""`make demo-revocation`: Envoy with the module, a stand-in for the service, and a list of revoked tokens that a small server
reads from a file; says what to try.

Environment: as for `make run`.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import revocation_server
import run

FILE = Path(".run/revoked.json")
LIST = "revocation_list: {uri: http://revocations/, cluster: revocations, cache_duration: 10s}\n"
CLUSTER = """\
  - name: revocations
    type: STATIC
    load_assignment:
      cluster_name: revocations
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: %s, port_value: %d } } }
"""


@contextlib.contextmanager
def server(file: Path) -> Iterator[run.Address]:
    """The server of the list, on a free port, for as long as the context lasts."""
    with revocation_server.Server((run.LOCALHOST, 0), file) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        try:
            yield run.Address(*running.server_address[:2])
        finally:
            running.shutdown()


def configuration(sample: str, moves: dict[run.Address, run.Address], revocations: run.Address) -> Path:
    """The sample, with the list beside its consumers, and a cluster of the server."""
    path = run.write_configuration(sample, moves)
    text, found = re.subn(r"(?m)^( *)consumers:$", rf"\1{LIST}\1consumers:", path.read_text())
    text, clusters = re.subn(r"(?m)^  clusters:\n", "  clusters:\n" + CLUSTER % (revocations.host, revocations.port), text)
    if (found, clusters) != (1, 1):
        raise run.Problem(f"{sample}: expected one line `consumers:` and one `clusters:`, and found {found} and {clusters}")
    path.write_text(text)
    return path


def trials(listener: run.Address) -> str:
    return (
        "TOKEN=$(make -s token CLAIMS='{\"jti\":\"7\"}')\n"
        f'curl -i http://{listener}/ -H "Authorization: Bearer $TOKEN"     # 200\n'
        f"echo '{{\"revoked\": [{{\"jti\": \"7\"}}]}}' > {FILE}\n"
        f'curl -i http://{listener}/ -H "Authorization: Bearer $TOKEN"     # within ten seconds: 401 {{"message":"Token revoked"}}'
    )


def demo(stop: run.StopRequest) -> None:
    ours = run.edition()
    command = run.find_envoy()
    listener = run.own_address("PORT", run.SAMPLE_LISTENER, "demo-revocation")
    admin = run.own_address("ADMIN_PORT", run.SAMPLE_ADMIN, "demo-revocation")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text('{"revoked": []}\n')
    with run.stand_in() as upstream, server(FILE) as revocations:
        moves = {run.SAMPLE_LISTENER: listener, run.SAMPLE_ADMIN: admin, run.SAMPLE_UPSTREAM: upstream}
        envoy = run.Envoy(command, configuration(ours.sample, moves, revocations), ours)
        ready = f"Ready: http://{listener}/, until Ctrl-C. In another terminal, in the same directory:\n\n"
        run.serve(envoy, admin, stop, lambda: ready + trials(listener))


if __name__ == "__main__":
    sys.exit(run.main(demo))
