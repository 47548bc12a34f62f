"""`make soak`: an Envoy with two workers under load, while all around it goes wrong, and what must hold all the same.

Environment: MINUTES (2 unless given), EDITION (wasm or native), SEED (of what is chosen at random; when it happens is left to the
machine). A report with a chart is left in dist/soak.
"""

import os
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "envoy"))

import harness  # noqa: E402
import report  # noqa: E402
from clients import CUTTING, Flood, all_clients  # noqa: E402
from conftest import check_log  # noqa: E402
from key_server import KeyServer  # noqa: E402
from ledger import Ledger  # noqa: E402
from upstream_process import MARK  # noqa: E402
from world import BROKEN_CONFIGURATION, EVERY_EVENT, NEW_CONFIGURATION, Chaos, Ports, World  # noqa: E402

WORKERS = 2
# What a worker may log in a second: refusals; and key sets, with a line for each of the two that counts what was left out.
REFUSALS_A_SECOND, OTHERS_A_SECOND = 100, 22
# What a worker says of a new configuration.
LINES_PER_UPDATE = 20
# From how many seconds on everything has had its turn to go wrong.
ALL_TURNS = 120
LINE = re.compile(
    rf"^\[(\S+ [\d:]+)\.\d+\]\[(\d+)\]\[\w+\]\[{harness.LOGGER}\] \[\S+\] (?:{harness.SAYS})?(denied: |configured with )?", re.MULTILINE
)


def main():
    minutes = float(os.environ.get("MINUTES") or 2)
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**9))
    print(f"SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory() as directory, KeyServer() as issuer:
        outcome = soak(minutes * 60, Path(directory), issuer, seed)
    folder = Path(os.environ.get("SOAK_DIR") or HERE.parents[1] / "dist" / "soak")
    report.write(outcome, folder)
    print(report.summary(outcome))
    print(f"Report: {folder / 'report.md'}")
    sys.exit(0 if outcome["holds"] else 1)


def keep_module(directory):
    """Has Envoy load a copy with each configuration, and not what is built meanwhile."""
    name = "NATIVE_MODULE" if harness.IS_NATIVE else "MODULE"
    setattr(harness, name, Path(shutil.copy(getattr(harness, name), directory)))


def soak(seconds, directory, issuer, seed):
    keep_module(directory)
    ports, ledger, access_log = Ports(), Ledger(), directory / "access.log"
    world = World(issuer, directory, ports)
    world.start_service()
    listeners = {"http": harness.Listen(world.discovered, manager={"access_log": [log_of_cut_requests(access_log)]})}
    clusters = {"issuer": issuer.port}
    try:
        with harness.Envoy(listeners, ports, directory, "info", concurrency=WORKERS, clusters=clusters) as envoy:
            clients = all_clients(ledger, envoy["http"].address, world, seed)
            for each in clients:
                each.start()
            with Chaos(world, ledger, seed) as chaos:
                memory = observe(envoy, ledger, seconds)
            for each in clients:
                each.ending.set()
            for each in clients:
                each.join(timeout=30)
            world.stop_service()
            return judged(envoy, ledger, world, chaos, memory, clients, access_log) | {"seed": seed}
    finally:
        world.stop_service()


def log_of_cut_requests(path):
    """An access log of the requests whose clients go away: what the filter decided about each, and that the client was gone."""
    of_those = {"header_filter": {"header": {"name": MARK, "string_match": {"exact": CUTTING}}}}
    line = {"inline_string": "%FILTER_STATE(wasm.jwt_auth.outcome:PLAIN)% %RESPONSE_FLAGS%\n"}
    file = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    config = {"@type": file, "path": str(path), "log_format": {"text_format_source": line}}
    return {"name": "envoy.access_loggers.file", "filter": of_those, "typed_config": config}


def observe(envoy, ledger, seconds):
    """The memory of Envoy, in MiB, by the second."""
    memory = []
    while ledger.seconds() < seconds:
        time.sleep(1)
        memory.append((ledger.seconds(), envoy.resident_kib() / 1024))
    return memory


def judged(envoy, ledger, world, chaos, memory, clients, access_log):
    """What was seen, and each thing that must hold with whether it does."""
    ways = settle(lambda: decisions(envoy))
    counted, denied = ways.total(), sum(count for way, count in ways.items() if way.startswith("denied."))
    cut = settle(lambda: Counter(access_log.read_text().splitlines()))
    decided_when_cut = sum(count for line, count in cut.items() if not line.startswith("- "))
    waiting_when_cut = sum(count for line, count in cut.items() if line == "- DC")
    log = envoy.log()
    lines = Lines(log)
    logged, left_out = lines.refusals.total(), envoy.count("jwt_auth.log_lines_left_out")
    growth = report.growth(memory)
    updates = harness.updates(envoy)
    taken, refused = updates["update_success"], updates["update_rejected"] + updates["update_failure"]
    good, broken = (chaos.count(what) for what in (NEW_CONFIGURATION, BROKEN_CONFIGURATION))
    # A worker of the native edition tells with its next request what it left out in the last second that had any.
    untold = Flood.connections * Flood.requests if harness.IS_NATIVE else 0
    happened = {what for _, what in chaos.events}
    checks = {
        "every good request passed, but for those that met no service, and no other did": not ledger.wrongs,
        "no other request came to the service": not world.misled,
        "no client is stuck": not any(each.is_alive() for each in clients),
        "no request is stuck": settle(lambda: gauge(envoy, "http.http.downstream_rq_active")) == 0,
        "every decision was counted once": counted == ledger.decided + decided_when_cut,
        "clients went away while their request waited": waiting_when_cut > 0,
        "memory does not grow": growth.is_flat(memory[-1][0]),
        "no worker logged more in a second than it may": lines.are_bounded(),
        "what was refused beyond that was counted": left_out > 0 and denied - untold <= logged + left_out <= denied,
        "nothing crashed and no secret was logged": is_clean(log),
        "each good configuration was taken, and each broken one refused": (taken, refused) == (good + 1, broken),
        "everything went wrong that was to": memory[-1][0] < ALL_TURNS - 1 or happened >= EVERY_EVENT,
    }
    return {
        "edition": harness.EDITION,
        "seconds": ledger.seconds(),
        "sent": ledger.sent(),
        "answers": sorted((kind, str(answer), count) for (kind, answer), count in ledger.answers.items()),
        "decided": ledger.decided,
        "decided_when_cut": decided_when_cut,
        "waiting_when_cut": waiting_when_cut,
        "counted": counted,
        "denied": denied,
        "logged": logged,
        "left_out": left_out,
        "most_logged": max(lines.refusals.values(), default=0),
        "updates": updates,
        "log_lines": log.count("\n"),
        "memory": memory,
        "growth": asdict(growth),
        "median_memory": statistics.median(mib for _, mib in memory),
        "events": chaos.events,
        "checks": checks,
        "wrongs": ledger.wrongs + world.misled[:20],
        "wrong_count": ledger.wrong_count + len(world.misled),
        "holds": all(checks.values()),
    }


class Lines:
    """What was logged: how many refusals and how many other lines each thread had in each second."""

    def __init__(self, log):
        self.refusals, self._others, self._updates = Counter(), Counter(), set()
        for second, thread, kind in LINE.findall(log):
            second = datetime.fromisoformat(second)
            (self.refusals if kind == "denied: " else self._others)[thread, second] += 1
            if kind == "configured with ":
                self._updates |= {second, second + timedelta(seconds=1)}

    def are_bounded(self):
        """Whether no worker has logged more in a second than it may."""
        return all(
            count <= limit * self._configurations(second) + spare
            # A line may be written in the second after the one that it counts for.
            for lines, limit, spare in [(self.refusals, REFUSALS_A_SECOND, 1), (self._others, OTHERS_A_SECOND, LINES_PER_UPDATE)]
            for (_, second), count in lines.items()
        )

    def _configurations(self, second):
        """How many may be in use: with an update the old one, each with a limit of its own."""
        return 2 if second in self._updates else 1


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


def decisions(envoy):
    """How many requests the filter says that it has decided, by how."""
    ways = r"authenticated|anonymous|preflight|disabled|denied\.\w+"
    found = re.findall(rf"{harness.COUNTERS}jwt_auth\.({ways}): (\d+)\n", envoy.admin("/stats?filter=jwt_auth") + "\n")
    return Counter({way: int(count) for way, count in found})


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
