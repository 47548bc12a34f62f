"""Runs a real Prometheus that scrapes an Envoy, and asks it what the dashboard asks."""

import contextlib
import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import harness
import node
from samples import ROOT
from upstream import LOOPBACK

MONITORING = ROOT / "monitoring"
RULES = MONITORING / "prometheus-rules.yaml"
DASHBOARD = MONITORING / "grafana-dashboard.json"
SERVER = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
MISSING = "no {}: the alert rules and the dashboard are not tried with Prometheus (Debian and Ubuntu: apt install prometheus)"

# What Envoy's native edition has no part in.
OF_WASM_ONLY = re.compile(r"envoy_wasm_|jwt_auth_host_crypto_")
WINDOW = "10s"


class Prometheus:
    """A Prometheus that looks at an Envoy once a second."""

    def __init__(self, envoy, directory):
        self._directory = directory
        self._port = node.free_port()
        static = {"targets": [envoy.admin_address()]}
        job = {"job_name": "envoy", "metrics_path": "/stats/prometheus", "static_configs": [static]}
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        configuration = {"global": every, "rule_files": [str(RULES)], "scrape_configs": [job]}
        # JSON is YAML.
        (directory / "prometheus.yaml").write_text(json.dumps(configuration))

    def __enter__(self):
        options = {
            "config.file": self._directory / "prometheus.yaml",
            "storage.tsdb.path": self._directory / "data",
            "web.listen-address": f"{LOOPBACK}:{self._port}",
        }
        self._log = (self._directory / "prometheus.log").open("wb")
        command = [SERVER, *(f"--{name}={value}" for name, value in options.items())]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)
        try:
            harness.until(self._is_ready, "Prometheus to start", seconds=60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _is_ready(self):
        assert self._process.poll() is None, (self._directory / "prometheus.log").read_text()[-4000:]
        with contextlib.suppress(OSError):
            return self._get("/-/ready")

    def _get(self, path, **query):
        url = f"http://{LOOPBACK}:{self._port}{path}?{urllib.parse.urlencode(query, doseq=True)}"
        with urllib.request.urlopen(url, timeout=10 * harness.PATIENCE) as answer:
            return answer.read().decode()

    def ask(self, path, **query):
        """The data of an answer of its API."""
        return json.loads(self._get(f"/api/v1/{path}", **query))["data"]

    def values(self, expression):
        """What an expression is now, for each of its series."""
        return [float(series["value"][1]) for series in self.ask("query", query=expression)["result"]]

    def course(self, expression, start, end):
        """What an expression was from one moment to another: its times and values."""
        found = self.ask("query_range", query=expression, start=start, end=end, step=1)["result"]
        return [[float(cell) for cell in column] for column in zip(*found[0]["values"])] if found else ([], [])


def panels():
    """The panels of the dashboard."""
    return json.loads(DASHBOARD.read_text())["panels"]


def expression(target):
    """What a panel asks, as Grafana asks it where all jobs and instances are chosen."""
    text = target["expr"].replace("$__rate_interval", WINDOW)
    return text.replace("$job", ".*").replace("$instance", ".*")
