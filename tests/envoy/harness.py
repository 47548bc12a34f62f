"""Runs a real Envoy: one process, and in it one listener per plugin configuration.

A plugin configuration is a dict, which Envoy gets as a `google.protobuf.Struct`, or a str, which it gets as a
`google.protobuf.StringValue`, or a `Discovered`, which it gets from a file that it watches, or None for a listener without the
filter. A `Listen` puts it among other routes and filters.
"""

import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import client
from upstream import LOOPBACK

DIST = Path(__file__).resolve().parents[2] / "dist"
MODULE = Path(os.environ.get("JWT_AUTH_WASM") or DIST / "jwt-auth.wasm")
# The edition that the tests are about: the Wasm module, or the shared object that Envoy loads into its own process.
EDITION = os.environ.get("EDITION", "wasm")
IS_NATIVE = EDITION == "native"
NATIVE_MODULE = Path(os.environ.get("JWT_AUTH_NATIVE") or DIST / "libjwt_auth.so")
# Under which name Envoy logs the lines of the module, what stands in front of each, and in front of its counters.
LOGGER = "dynamic_modules" if IS_NATIVE else "wasm"
SAYS = r"jwt_auth: " if IS_NATIVE else r"wasm log[^:]*: "
COUNTERS = r"dynamicmodulescustom\." if IS_NATIVE else r"wasmcustom\."
ENVOY = os.environ.get("ENVOY") or shutil.which("envoy", path=Path(sys.executable).parent) or "envoy"


def envoy_binary():
    """The program itself. The Python package starts it by a script."""
    program = Path(shutil.which(ENVOY))
    if program.read_bytes().startswith(b"#!"):
        program = Path(importlib.util.find_spec("envoy").origin).parent / "_bin" / "envoy"
    return program


@functools.cache
def envoy_exports(function):
    """Whether Envoy has a function for dynamic modules."""
    return function.encode() in envoy_binary().read_bytes()


# Becomes Envoy, after asking the kernel to end it when this process ends, however that happens.
LAUNCHER = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
os.execvp(sys.argv[1], sys.argv[1:])
"""

# What the log says when the module crashed or Envoy could not run it.
CRASH = re.compile(r"panicked|Function: proxy_on|Proxy-Wasm|Uncaught RuntimeError|Wasm VM failed", re.IGNORECASE)

PREFLIGHT = [("origin", "https://app.example.com"), ("access-control-request-method", "GET")]


# How many times as long as usual anything may take, such as in an Envoy that runs in a debugger.
PATIENCE = float(os.environ.get("PATIENCE", 1))


def until(condition, what, seconds=20):
    """Polls until the condition gives something true, and gives that."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.01)
    return result


@dataclass
class Listen:
    """A plugin configuration with routes of its own, filters behind it, and further settings of the connection manager.

    With `switched_off`, Envoy passes the filter by but on routes that switch it on. With `tls`, a key that has a certificate,
    the listener speaks TLS and asks clients for a certificate, of which it takes any.
    """

    plugin: "dict | str | Discovered | None"
    routes: list = field(default_factory=lambda: ROUTES)
    behind: list = field(default_factory=list)
    manager: dict = field(default_factory=dict)
    switched_off: bool = False
    tls: object = None


class Discovered:
    """A plugin configuration in a file that Envoy watches, in the place of one that stands in its own configuration."""

    NAME = "jwt_auth"

    def __init__(self, directory, plugin):
        self._path = directory / "jwt-auth.json"
        self.put(plugin)

    def put(self, plugin):
        """Replaces the configuration by renaming a file, as Envoy wants it; octets are written as they are."""
        following = self._path.with_name("next.json")
        following.write_bytes(plugin if isinstance(plugin, bytes) else json.dumps(self._resources(plugin)).encode())
        following.rename(self._path)

    def filter(self):
        """What stands among the filters of a listener."""
        source = {"path": str(self._path), "watched_directory": {"path": str(self._path.parent)}}
        types = [_filter({}, {}, False)["typed_config"]["@type"]]
        discovery = {"type_urls": types, "config_source": {"resource_api_version": "V3", "path_config_source": source}}
        return {"name": self.NAME, "config_discovery": discovery}

    def _resources(self, plugin):
        typed_config = _filter(plugin, {"vm_config": {"vm_id": "discovered"}}, False)["typed_config"]
        resource = {"@type": _type("envoy.config.core.v3.TypedExtensionConfig"), "name": self.NAME}
        return {"resources": [{**resource, "typed_config": typed_config}]}


def updates(envoy):
    """How the configurations that were discovered fared, by the names of Envoy's counters."""
    prefix = f"extension_config_discovery.http_filter.{Discovered.NAME}."
    lines = envoy.admin(f"/stats?filter={prefix}").splitlines()
    counters = (line.removeprefix(prefix).split(": ") for line in lines)
    return {name: int(value) for name, value in counters if value.isdigit()}


class Envoy:
    """An Envoy process; `envoy["name"]` is the listener of that name.

    Instead of listeners it takes the text of a sample from envoy/, which then gets the ports that it can have;
    `bootstrap` is a whole configuration to run instead of one listener per plugin configuration: a dict, or YAML.
    """

    def __init__(
        self,
        listeners,
        upstream,
        directory,
        log_level="debug",
        concurrency=1,
        clusters=None,
        wasm=None,
        bootstrap=None,
        runtime=None,
    ):
        self._upstream = upstream
        self._admin_path = directory / "admin"
        self._log_path = directory / "envoy.log"
        if isinstance(listeners, str):
            bootstrap = _sample(listeners, upstream)
        config_path = directory / ("envoy.yaml" if isinstance(bootstrap, str) else "envoy.json")
        bootstrap = bootstrap or _bootstrap(listeners, upstream, clusters or {}, wasm or {}, runtime or {})
        config_path.write_text(bootstrap if isinstance(bootstrap, str) else json.dumps(bootstrap))
        self._command = [
            *[sys.executable, "-IS", "-c", LAUNCHER, ENVOY, "--config-path", str(config_path)],
            *["--admin-address-path", str(self._admin_path)],
            *["--log-level", "warning", "--component-log-level", f"{LOGGER}:{log_level}"],
            *["--concurrency", str(concurrency), "--disable-hot-restart"],
            *["--file-flush-interval-msec", "20"],
        ]
        self._process = None
        self._listeners = {}

    def __enter__(self):
        self._launch()
        try:
            until(self._serves, "Envoy to start")
            statuses = json.loads(self.admin("/listeners?format=json"))["listener_statuses"]
            for status in statuses:
                port = status["local_address"]["socket_address"]["port_value"]
                self._listeners[status["name"]] = Listener((LOOPBACK, port), self._upstream)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def __getitem__(self, name):
        return self._listeners[name]

    def refuses_to_start(self):
        """Starts an Envoy that is expected to end by itself, and gives its exit code."""
        self._launch()
        try:
            return self._process.wait(timeout=20 * PATIENCE)
        finally:
            self.__exit__()

    def validates(self):
        """Whether Envoy takes the configuration, without running with it."""
        self._launch("--mode", "validate")
        return self._process.wait(timeout=20 * PATIENCE) == 0

    def _launch(self, *options):
        with self._log_path.open("wb") as log:  # Envoy's own log file would lag seconds behind
            self._process = subprocess.Popen(
                [*self._command, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(NATIVE_MODULE.parent)},
                start_new_session=True,  # so that Ctrl-C in a terminal reaches only the tests, which then end Envoy
            )

    def _serves(self):
        code = self._process.poll()
        assert code is None, f"Envoy ended with {code}:\n{self.log()[-4000:]}"
        try:
            return self.admin("/ready") == "LIVE\n"
        except (OSError, ValueError):
            return False  # not yet listening, or the address file is not yet written

    def admin_address(self):
        """Where Envoy's administration interface listens."""
        return self._admin_path.read_text()

    def admin(self, path):
        """GETs a page of Envoy's administration interface."""
        with urllib.request.urlopen(f"http://{self.admin_address()}{path}", timeout=5 * PATIENCE) as answer:
            return answer.read().decode()

    def set_log_level(self, level):
        """Has Envoy keep lines of the filter from this level on."""
        self.post(f"/logging?{LOGGER}={level}")

    def post(self, path):
        """Has Envoy do something by its administration interface."""
        address = f"http://{self.admin_address()}{path}"
        urllib.request.urlopen(urllib.request.Request(address, method="POST"), timeout=5 * PATIENCE).close()

    def terminate(self):
        """Tells Envoy to end, as an init system does."""
        self._process.terminate()

    def ends(self):
        """The exit code of an Envoy that was told to end."""
        return self._process.wait(timeout=20 * PATIENCE)

    def count(self, name):
        """The sum of the counters whose names end so, as they are now."""
        stats = json.loads(self.admin("/stats?format=json"))["stats"]
        return sum(it["value"] for it in stats if it.get("name", "").endswith(name))

    def log(self):
        """The log so far."""
        return self._log_path.read_text(errors="replace")

    def wait_for_log(self, pattern, since=0):
        """Waits for a match of the regular expression in the log after the given position, and gives the match."""
        return until(lambda: re.search(pattern, self.log()[since:]), f"{pattern!r} in the log", seconds=5)

    def program(self):
        """The file of the program that runs, which a script may have started."""
        return os.readlink(f"/proc/{self._process.pid}/exe")

    def resident_kib(self):
        """The memory that the process holds."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])


class Listener:
    """Sends requests to one listener. One at a time: what reaches the upstream meanwhile is taken for the request's."""

    def __init__(self, address, upstream):
        self.address = address
        self.target = f"{address[0]}:{address[1]}"
        self._upstream = upstream

    def send(self, method="GET", path="/", headers=(), body=b"", using=client.http1):
        before = self._upstream.requests
        response = using(self.address, method, path, headers, body)
        response.reached = self._upstream.requests - before
        return response

    def preflight(self, headers=(), **request):
        """What a browser sends to ask whether it may send another request."""
        return self.send("OPTIONS", headers=[*PREFLIGHT, *headers], **request)

    def bearer(self, token, headers=(), **request):
        """Sends a request with the token where most clients put it."""
        return self.send(headers=[("authorization", b"Bearer " + client.octets(token)), *headers], **request)


# With it Prometheus gets the same names of counters from both editions.
NATIVE_RUNTIME = {"envoy.reloadable_features.dynamic_modules_strip_custom_stat_prefix": True}


def _bootstrap(listeners, upstream, clusters, wasm, runtime):
    runtime = {**(NATIVE_RUNTIME if IS_NATIVE else {}), **runtime}
    layers = [{"name": "tests", "static_layer": runtime}] if runtime else []
    return {
        "node": {"id": "tests", "cluster": "tests"},  # Envoy asks for both where a configuration is discovered
        "layered_runtime": {"layers": layers},
        "admin": {"address": _address(0)},
        "static_resources": {
            "listeners": [_listener(name, plugin, wasm) for name, plugin in listeners.items()],
            "clusters": [
                _cluster("http1", upstream.port),
                _cluster("http2", upstream.port, http2=True),
                _cluster("grpc", upstream.grpc_port, http2=True),
                *[_cluster(name, *(of if isinstance(of, tuple) else (of,))) for name, of in clusters.items()],
            ],
        },
    }


def _sample(text, upstream):
    """A sample that listens on any port and finds its service and the module."""
    places = {"port_value: 9901": "port_value: 0", "port_value: 8080": "port_value: 0", "dist/jwt-auth.wasm": str(MODULE)}
    for place, of_ours in {**places, "port_value: 8081": f"port_value: {upstream.port}"}.items():
        assert text.count(place) == 1, f"{place} is there {text.count(place)} times"
        text = text.replace(place, of_ours)
    return text


def _address(port):
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _cluster(name, port, tls=None, http2=False):
    """A cluster of one endpoint; over TLS if there is a context for it, `{}` for one that trusts everybody."""
    protocol = {"http2_protocol_options" if http2 else "http_protocol_options": {}}
    return {
        "name": name,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _type("envoy.extensions.upstreams.http.v3.HttpProtocolOptions"),
                "explicit_http_config": protocol,
            }
        },
        **({} if tls is None else {"transport_socket": _tls_socket(tls)}),
    }


def _tls_socket(context):
    kind = {"@type": _type("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext")}
    return {"name": "envoy.transport_sockets.tls", "typed_config": {**kind, **context}}


def _listener(name, listen, wasm):
    if not isinstance(listen, Listen):
        listen = Listen(listen)
    manager = {
        "@type": _type("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": name,
        "codec_type": "AUTO",
        "max_request_headers_kb": 96,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": listen.routes}]},
        "http_filters": _own_filters(listen, wasm),
        **listen.manager,
    }
    router = {"@type": _type("envoy.extensions.filters.http.router.v3.Router")}
    manager["http_filters"] += listen.behind
    manager["http_filters"].append({"name": "envoy.filters.http.router", "typed_config": router})
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    if listen.tls:
        chain["transport_socket"] = _mutual_tls(listen.tls)
    return {"name": name, "address": _address(0), "filter_chains": [chain]}


def _mutual_tls(key):
    certificate = {"inline_string": key.certificate}
    own = {"certificate_chain": certificate, "private_key": {"inline_string": key.private_pem}}
    any_client = {"trusted_ca": certificate, "trust_chain_verification": "ACCEPT_UNTRUSTED"}
    context = {
        "@type": _type("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
        "common_tls_context": {"tls_certificates": [own], "validation_context": any_client},
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _own_filters(listen, wasm):
    if listen.plugin is None:
        return []
    if isinstance(listen.plugin, Discovered):
        return [listen.plugin.filter()]
    return [_filter(listen.plugin, wasm, listen.switched_off)]


def _filter(plugin, wasm, switched_off):
    form = "google.protobuf.StringValue" if isinstance(plugin, str) else "google.protobuf.Struct"
    configuration = {"@type": _type(form), "value": plugin}
    if IS_NATIVE:
        return _native_filter(configuration, switched_off)
    return {
        "name": "envoy.filters.http.wasm",
        "disabled": switched_off,
        "typed_config": {
            "@type": _type("envoy.extensions.filters.http.wasm.v3.Wasm"),
            "config": {
                "name": "jwt_auth",
                "root_id": "jwt_auth",
                **wasm,
                "failure_policy": "FAIL_RELOAD",
                "configuration": configuration,
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": str(MODULE)}},
                    **wasm.get("vm_config", {}),
                },
            },
        },
    }


def _native_filter(configuration, switched_off):
    return {
        "name": "envoy.filters.http.wasm",  # as the routes name it that switch it on
        "disabled": switched_off,
        "typed_config": {
            "@type": _type("envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter"),
            "dynamic_module_config": {"name": "jwt_auth", "do_not_close": True},
            "filter_name": "jwt_auth",
            "filter_config": configuration,
        },
    }


def _type(name):
    return f"type.googleapis.com/{name}"


ROUTES = [
    {"match": {"prefix": "/", "grpc": {}}, "route": {"cluster": "grpc"}},
    {"match": {"prefix": "/http2"}, "route": {"cluster": "http2"}},
    {"match": {"prefix": "/"}, "route": {"cluster": "http1"}},
]
