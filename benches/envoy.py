"""An Envoy process, and the parts of its configuration that all that is compared has in common."""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from suite import ENVOY, LAUNCHER, LOOPBACK, MODULE, NATIVE_MODULE, until

START_SECONDS = 120
LOG_TAIL = 2000

# Where the upstream is told who calls: this filter's headers, or those that jwt_authn is told to write.
WHO = "/who"
USERNAME = "%REQ(x-consumer-username?x-token-sub)%"
CREDENTIAL = "%REQ(x-credential-identifier?x-token-iss)%"

# The name of the cluster that reaches whoever publishes key sets.
KEYS_CLUSTER = "keys"


class Ended(Exception):
    """Envoy ended instead of starting; the text is the end of its log."""


class Envoy:
    """An Envoy with the given listeners, each a list of HTTP filters; running inside `with`.

    `keys_port` is where key sets are published. `unread` is a text that Envoy has to take in as it takes in a plugin
    configuration, and that nothing uses. The routes of the listeners in `own_policies` have a policy of their own for the
    native edition, which says nothing new.
    """

    def __init__(
        self,
        listeners: dict[str, list[dict]],
        directory: Path,
        concurrency: int = 1,
        unread: str = "",
        keys_port: int | None = None,
        own_policies: Sequence[str] = (),
    ):
        self._admin_path = directory / "admin"
        self._log_path = directory / "envoy.log"
        config_path = directory / "envoy.json"
        config_path.write_text(json.dumps(_bootstrap(listeners, unread, keys_port, own_policies)))
        self._command = [
            *[sys.executable, "-IS", "-c", LAUNCHER, ENVOY, "--config-path", str(config_path)],
            *["--admin-address-path", str(self._admin_path), "--log-level", "warning"],
            *["--concurrency", str(concurrency), "--disable-hot-restart"],
        ]

    def __enter__(self) -> Envoy:
        self._admin_path.unlink(missing_ok=True)
        before = time.monotonic()
        with self._log_path.open("wb") as log:
            modules = {**os.environ, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(NATIVE_MODULE.parent)}
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=modules
            )
        try:
            until(self._serves, "Envoy to start", START_SECONDS)
            self.start_seconds = time.monotonic() - before
            self._clock = _cpu_clock(self._process.pid)
            self._ports = self._listening()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _serves(self) -> bool:
        if self._process.poll() is not None:
            raise Ended(self._log_path.read_text(errors="replace")[-LOG_TAIL:])
        try:
            return self._admin("/ready") == "LIVE\n"
        except (OSError, ValueError):
            return False  # not yet listening, or the address file is not yet written

    def _listening(self) -> dict[str, int]:
        statuses = json.loads(self._admin("/listeners?format=json"))["listener_statuses"]
        return {status["name"]: status["local_address"]["socket_address"]["port_value"] for status in statuses}

    def _admin(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{self._admin_path.read_text()}{path}", timeout=5) as answer:
            return answer.read().decode()

    def address(self, listener: str) -> str:
        return f"{LOOPBACK}:{self._ports[listener]}"

    def cpu_seconds(self) -> float:
        """User and system time of all its threads so far: utime + stime of /proc/PID/stat, but in nanoseconds."""
        return time.clock_gettime(self._clock)

    def resident_mb(self) -> float:
        """The memory that the process holds, in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def _cpu_clock(pid: int) -> int:
    clock = ctypes.c_int()
    error = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise OSError(error, "clock_getcpuclockid")
    return clock.value


def version() -> str:
    """Envoy's version, such as 1.40.0."""
    text = subprocess.run([ENVOY, "--version"], check=True, capture_output=True, text=True).stdout
    return re.search(r"/(\d+\.\d+\.\d+)/", text)[1]


def _bootstrap(
    listeners: dict[str, list[dict]], unread: str, keys_port: int | None, own_policies: Sequence[str]
) -> dict:
    return {
        "node": {"id": "bench", "cluster": "bench"},  # without which Envoy discovers nothing
        "admin": {"address": _address(0)},
        "static_resources": {
            "listeners": [
                _listener(name, filters, unread, name in own_policies) for name, filters in listeners.items()
            ],
            "clusters": [_cluster(KEYS_CLUSTER, keys_port)] if keys_port else [],
        },
    }


def _cluster(name: str, port: int) -> dict:
    endpoint = {"endpoint": {"address": _address(port)}}
    return {"name": name, "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}}


def _address(port: int) -> dict:
    """Of this machine; 0 is any port that is free."""
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _listener(name: str, filters: list[dict], unread: str, has_own_policy: bool) -> dict:
    routes = [_who_route(), _route(has_own_policy)]
    manager = {
        "@type": _type("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": name.replace(" ", "_"),
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [*filters, _router()],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    metadata = {"typed_filter_metadata": {"unread": _string(unread)}}
    return {"name": name, "address": _address(0), "filter_chains": [chain], "metadata": metadata}


def _who_route() -> dict:
    headers = {"username": USERNAME, "credential": CREDENTIAL}
    return {
        "match": {"path": WHO},
        "direct_response": {"status": 200},
        "response_headers_to_add": [{"header": {"key": name, "value": of}} for name, of in headers.items()],
    }


def _route(has_own_policy: bool) -> dict:
    own = {"typed_per_filter_config": {"jwt_auth": _own_policy()}} if has_own_policy else {}
    return {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok\n"}}, **own}


def _own_policy() -> dict:
    return {
        "@type": _type("envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute"),
        "dynamic_module_config": {"name": "jwt_auth", "do_not_close": True},
        "filter_name": "jwt_auth",
        "filter_config": _string("{}"),
    }


def _router() -> dict:
    typed_config = {"@type": _type("envoy.extensions.filters.http.router.v3.Router")}
    return {"name": "envoy.filters.http.router", "typed_config": typed_config}


def jwt_authn(issuers: dict[str, dict], fields: dict) -> dict:
    """Envoy's own filter with a provider for each issuer, whose key set is given: looks where this filter looks by default,
    and writes as many headers. Of several providers any will do, one after the other, as Istio writes it."""
    providers = {f"bench-{number}": _provider(*its, fields) for number, its in enumerate(issuers.items())}
    each = [{"provider_name": name} for name in providers]
    requires = each[0] if len(each) == 1 else {"requires_any": {"requirements": each}}
    typed_config = {
        "@type": _type("envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"),
        "providers": providers,
        "rules": [{"match": {"prefix": "/"}, "requires": requires}],
    }
    return {"name": "envoy.filters.http.jwt_authn", "typed_config": typed_config}


def _provider(issuer: str, jwks: dict, fields: dict) -> dict:
    return {
        "issuer": issuer,
        "local_jwks": {"inline_string": json.dumps(jwks)},
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "from_params": ["jwt"],
        "forward": True,
        "claim_to_headers": [{"header_name": f"x-token-{claim}", "claim_name": claim} for claim in ("sub", "iss")],
        **fields,
    }


def wasm(plugin: str, vm_id: str) -> dict:
    """This filter with the plugin configuration, in a VM of its own."""
    config = {
        "name": "jwt_auth",
        "root_id": "jwt_auth",
        "failure_policy": "FAIL_RELOAD",
        "configuration": _string(plugin),
        "vm_config": {
            "vm_id": vm_id,
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": str(MODULE)}},
        },
    }
    typed_config = {"@type": _type("envoy.extensions.filters.http.wasm.v3.Wasm"), "config": config}
    return {"name": "envoy.filters.http.wasm", "typed_config": typed_config}


def dynamic_module(plugin: str) -> dict:
    """The native edition of this filter with a plugin configuration."""
    return {
        "name": "jwt_auth",
        "typed_config": {
            "@type": _type("envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter"),
            "dynamic_module_config": {"name": "jwt_auth", "do_not_close": True},
            "filter_name": "jwt_auth",
            "filter_config": _string(plugin),
        },
    }


def discovered(path: Path, its: dict) -> dict:
    """A filter of the same kind as this one, whose configuration Envoy discovers in a file."""
    source = {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}
    discovery = {"type_urls": [its["typed_config"]["@type"]], "config_source": source}
    return {"name": "jwt_auth", "config_discovery": discovery}


def _string(text: str) -> dict:
    return {"@type": _type("google.protobuf.StringValue"), "value": text}


def _type(name: str) -> str:
    return f"type.googleapis.com/{name}"
