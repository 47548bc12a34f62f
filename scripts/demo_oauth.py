"""`make demo-oauth`: an authorization server, Envoy with the module, and a stand-in for the service; says what to try.

Environment:
  AUTH_PORT   where the authorization server listens on 127.0.0.1 (8082)
  PORT, ADMIN_PORT, ENVOY   as for `make run`
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import run

SAMPLE = "envoy/oauth.yaml"
SAMPLE_AUTH = run.Address(run.LOCALHOST, 8082)


@contextlib.contextmanager
def authorization_server(address: run.Address) -> Iterator[subprocess.Popen]:
    """tests/oauth/server.mjs, for as long as the context lasts. A line to its standard input rotates its keys."""
    command = ["node", "server.mjs", str(address.port), f"http://{address}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd="tests/oauth", text=True, start_new_session=True, **pipes)
    try:
        if not any(line.startswith('{"port"') for line in process.stdout):
            raise run.Problem("The authorization server did not start: (cd tests/oauth && node server.mjs 0 http://a)")
        yield process
    finally:
        process.kill()
        process.communicate()


def configuration(addresses: dict[run.Address, run.Address]) -> Path:
    path = run.write_configuration(SAMPLE, addresses)
    path.write_text(path.read_text().replace(f"http://{SAMPLE_AUTH}", f"http://{addresses[SAMPLE_AUTH]}"))
    return path


def trials(listener: run.Address, auth: run.Address) -> str:
    grant = f"curl -s -u demo:demo-secret -d grant_type=client_credentials -d scope=read http://{auth}/token"
    field = "sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'"
    return f"TOKEN=$({grant} | {field})\ncurl -i http://{listener}/ -H \"Authorization: Bearer $TOKEN\""


def demo(stop: run.StopRequest) -> None:
    command = run.find_envoy()
    listener = run.own_address("PORT", run.SAMPLE_LISTENER, "demo-oauth")
    admin = run.own_address("ADMIN_PORT", run.SAMPLE_ADMIN, "demo-oauth")
    auth = run.own_address("AUTH_PORT", SAMPLE_AUTH, "demo-oauth")
    with run.stand_in() as upstream, authorization_server(auth):
        addresses = {run.SAMPLE_LISTENER: listener, run.SAMPLE_ADMIN: admin, run.SAMPLE_UPSTREAM: upstream}
        envoy = run.Envoy(command, configuration({**addresses, SAMPLE_AUTH: auth}))
        ready = f"Ready: http://{listener}/, until Ctrl-C. In another terminal, get a token and use it:\n\n"
        run.serve(envoy, admin, stop, lambda: ready + trials(listener, auth))


if __name__ == "__main__":
    sys.exit(run.main(demo))
