"""`make soak`: an Envoy with two workers under load, while all around it goes wrong, and what must hold all the same.

Environment: MINUTES (2 unless given), EDITION (wasm or native). A report with a chart is left in dist/soak.
"""

import os
import re
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "envoy"))

import harness  # noqa: E402
import report  # noqa: E402
from clients import all_clients  # noqa: E402
from conftest import check_log  # noqa: E402
from key_server import KeyServer  # noqa: E402
from ledger import Ledger  # noqa: E402
from upstream import LOOPBACK  # noqa: E402
from world import BROKEN_CONFIGURATION, NEW_CONFIGURATION, Chaos, World  # noqa: E402

WORKERS = 2
# What a worker may log in a second: refusals, key sets, and one line that counts what was left out of each.
LINES_PER_SECOND = 122
LINES_PER_UPDATE = 20


def main():
    minutes = float(os.environ.get("MINUTES") or 2)
    with tempfile.TemporaryDirectory() as directory, KeyServer() as issuer:
        outcome = soak(minutes * 60, Path(directory), issuer)
    folder = Path(os.environ.get("SOAK_DIR") or HERE.parents[1] / "dist" / "soak")
    report.write(outcome, folder)
    print(report.summary(outcome))
    print(f"Report: {folder / 'report.md'}")
    sys.exit(0 if outcome["holds"] else 1)


class Ports:
    """The service as the harness sees it: it is in another process, at ports that stay the same."""

    requests = 0

    def __init__(self):
        self.port, self.grpc_port = free_port(), free_port()


def free_port():
    with socket.create_server((LOOPBACK, 0)) as listening:
        return listening.getsockname()[1]


def soak(seconds, directory, issuer):
    ports, ledger = Ports(), Ledger()
    world = World(issuer, directory, (ports.port, ports.grpc_port))
    world.start_service()
    listeners = {"http": harness.Listen(world.discovered)}
    clusters = {"issuer": issuer.port}
    try:
        with harness.Envoy(listeners, ports, directory, "info", concurrency=WORKERS, clusters=clusters) as envoy:
            clients = all_clients(ledger, envoy["http"].address, world)
            for each in clients:
                each.start()
            with Chaos(world, ledger) as chaos:
                memory = observe(envoy, ledger, seconds)
            for each in clients:
                each.ending.set()
            for each in clients:
                each.join(timeout=30)
            return judged(envoy, ledger, world, chaos, memory, clients)
    finally:
        world.stop_service()


def observe(envoy, ledger, seconds):
    """The memory of Envoy, in MiB, by the second."""
    memory = []
    while ledger.seconds() < seconds:
        time.sleep(1)
        memory.append((ledger.seconds(), envoy.resident_kib() / 1024))
    return memory


def judged(envoy, ledger, world, chaos, memory, clients):
    """What was seen, and each thing that must hold with whether it does."""
    settled = settle(lambda: counted(envoy))
    log = envoy.log()
    growth = report.growth(memory)
    lines = log.count("\n")
    allowed_lines = ledger.seconds() * WORKERS * LINES_PER_SECOND + len(chaos.events) * LINES_PER_UPDATE
    duration = memory[-1][0] / 60
    updates = harness.updates(envoy)
    taken, refused = updates["update_success"], updates["update_rejected"] + updates["update_failure"]
    good, broken = (chaos.count(what) for what in (NEW_CONFIGURATION, BROKEN_CONFIGURATION))
    checks = {
        "every good request passed, but for those that met no service": not ledger.wrongs,
        "no other request came to the service": not world.misled,
        "no client is stuck": not any(each.is_alive() for each in clients),
        "no request is stuck": settle(lambda: gauge(envoy, "http.http.downstream_rq_active")) == 0,
        "every decision was counted once": ledger.decided <= settled <= ledger.decided + ledger.undecided,
        "memory does not grow": growth.low * duration < max(4.0, 0.02 * memory[-1][1]),
        "the log is bounded": lines <= allowed_lines,
        "nothing crashed and no secret was logged": is_clean(log),
        "each good configuration was taken, and each broken one refused": (taken, refused) == (good + 1, broken),
    }
    return {
        "edition": harness.EDITION,
        "seconds": ledger.seconds(),
        "sent": ledger.sent(),
        "answers": sorted((kind, str(answer), count) for (kind, answer), count in ledger.answers.items()),
        "decided": ledger.decided,
        "counted": settled,
        "undecided": ledger.undecided,
        "updates": updates,
        "log_lines": lines,
        "allowed_log_lines": round(allowed_lines),
        "memory": memory,
        "growth": {"low": growth.low, "slope": growth.slope, "high": growth.high},
        "median_memory": statistics.median(mib for _, mib in memory),
        "events": chaos.events,
        "checks": checks,
        "wrongs": ledger.wrongs + world.misled[:20],
        "wrong_count": ledger.wrong_count + len(world.misled),
        "holds": all(checks.values()),
    }


def settle(value, seconds=15):
    """The value once it stays the same for three seconds, or after the time."""
    deadline, last, since = time.monotonic() + seconds, None, 0.0
    while time.monotonic() < deadline:
        now = value()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 3:
            break
        time.sleep(0.1)
    return last


def counted(envoy):
    """How many requests the filter says that it has decided."""
    ways = r"(?:authenticated|anonymous|preflight|disabled|denied\.\w+)"
    found = re.findall(rf"{harness.COUNTERS}jwt_auth\.{ways}: (\d+)\n", envoy.admin("/stats?filter=jwt_auth") + "\n")
    return sum(map(int, found))


def gauge(envoy, name):
    [value] = re.findall(rf"(?m)^{re.escape(name)}: (\d+)$", envoy.admin(f"/stats?filter={re.escape(name)}"))
    return int(value)


def is_clean(log):
    """Whether it tells of no crash and no secret. That a configuration is refused is no crash, though Envoy says so."""
    refusal = "Wasm VM failed Failed to configure base Wasm plugin"
    try:
        check_log("\n".join(line for line in log.splitlines() if refusal not in line))
    except AssertionError as error:
        print(error, file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    main()
