"""A host of the proxy-wasm ABI 0.2.1 in a few lines: it runs the module in wasmtime, without a proxy.

It behaves as Envoy does or, by its `Quirks`, as other hosts have been seen to. Any call of the module's can be made to answer
with a status and to do nothing else. Whatever the module does then, a `Host` says what would have gone upstream.
"""

import functools
import itertools
import json
import struct
import time
from dataclasses import dataclass, field

import wasmtime
from harness import MODULE

OK, NOT_FOUND, BAD_ARGUMENT, CAS_MISMATCH, UNIMPLEMENTED = 0, 1, 2, 8, 12
CONTINUE, PAUSE = 0, 1
REQUEST_HEADERS, REQUEST_TRAILERS, CALL_RESPONSE_HEADERS = 0, 1, 6
PLUGIN_CONFIGURATION, CALL_RESPONSE_BODY = 7, 4
PLUGIN = 1
ENVOY_PROPERTIES = {b"xds\0node\0user_agent_name": b"envoy"}
LEVELS = ["trace", "debug", "info", "warning", "error", "critical"]


class Trap(Exception):
    """What a host does in place of answering, when it does not like a call."""


@dataclass(frozen=True)
class Quirks:
    """In what a host differs from Envoy."""

    is_envoy: bool = True
    most_pairs: int = 10_000
    removes_headers: bool = True
    sets_all: bool = True
    changes_path: bool = True
    ticks_change: bool = True
    knows_contexts: bool = True
    calls_from_response: bool = True
    zero_is_any_change: bool = True
    takes_properties: bool = True
    traps_unknown_functions: bool = False
    has_clock: bool = True
    # As Envoy while it validates a configuration: it has a name, but does not say it.
    is_nameless: bool = False


ENVOY = Quirks()
# NGINX 1.27 with ngx_wasm_module.
NGINX = Quirks(
    is_envoy=False,
    most_pairs=100,
    removes_headers=False,
    sets_all=False,
    changes_path=False,
    ticks_change=False,
    knows_contexts=False,
    calls_from_response=False,
    zero_is_any_change=False,
    takes_properties=False,
    traps_unknown_functions=True,
)


@dataclass
class Request:
    """A request that the module was asked about, as the host keeps it."""

    id: int
    sent: list
    hidden: set = field(default_factory=set)
    trailers: list = field(default_factory=list)
    action: int = PAUSE
    has_resumed: bool = False
    response: tuple | None = None

    @property
    def status(self):
        """The status of the module's own answer, if it gave one."""
        return self.response and self.response[0]

    @property
    def passes(self):
        """Whether it goes upstream."""
        return self.response is None and (self.action == CONTINUE or self.has_resumed)

    def upstream(self, name):
        """The values of a header that go upstream."""
        return [value for other, value in self.sent if other == name]


@dataclass
class Call:
    """A request of the module's own, and the answer that the host has for it."""

    cluster: str
    headers: dict
    answer: tuple = ((), b"")


@functools.cache
def compiled():
    assert MODULE.is_file(), f"{MODULE} is not there: `make build` makes it"
    engine = wasmtime.Engine()
    return engine, wasmtime.Module.from_file(engine, str(MODULE))


def imported():
    """The names of what the module asks of a host, without what the language's runtime asks."""
    names = [wanted.name for wanted in compiled()[1].imports]
    return [name for name in names if name.startswith("proxy_") or name == "random_get"]


class Host:
    """The module, in one virtual machine with one plugin."""

    def __init__(self, quirks=ENVOY, faults=None):
        self.quirks = quirks
        self.faults = dict(faults or {})
        self.log, self.ticks, self.calls, self.shared = [], [], {}, {}
        self.level = "trace"  # the least that it keeps lines of
        self.requests, self.called = {}, set()
        self.counters, self.numbers = {}, itertools.count(2)
        self.current, self.answering, self.configuration = PLUGIN, None, b""
        engine, module = compiled()
        self.store = wasmtime.Store(engine)
        imports = [self._function(wanted) for wanted in module.imports]
        exports = wasmtime.Instance(self.store, module, imports).exports(self.store)
        self.exports = {name: exports[name] for name in exports}
        self.memory = exports["memory"]
        self._callback("_initialize")
        self._callback("proxy_on_context_create", PLUGIN, 0)
        self._callback("proxy_on_vm_start", PLUGIN, 0)

    # What a host does with a module.

    def configure(self, configuration):
        """Hands a configuration over; whether the module takes it."""
        text = configuration if isinstance(configuration, bytes) else json.dumps(configuration).encode()
        self.configuration = text
        return bool(self._callback("proxy_on_configure", PLUGIN, len(text)))

    def request(self, *headers, method="GET", path="/", trailers=(), has_body=False):
        """Asks about a request; with trailers also about its end."""
        request = Request(next(self.numbers), [(":method", method), (":path", path), (":authority", "h"), *headers])
        request.trailers = list(trailers)
        self.requests[request.id] = request
        self._callback("proxy_on_context_create", request.id, PLUGIN)
        self.current = request.id
        request.action = self._callback(
            "proxy_on_request_headers", request.id, len(request.sent), not (has_body or trailers)
        )
        if trailers:
            self._callback("proxy_on_request_trailers", request.id, len(trailers))
        self.current = PLUGIN
        return request

    def body(self, request):
        """Asks about a portion of a request's body; whether it may pass."""
        self.current = request.id
        action = self._callback("proxy_on_request_body", request.id, 1, 0)
        self.current = PLUGIN
        return action == CONTINUE

    def end(self, request):
        """Is done with a request."""
        del self.requests[request.id]
        self._callback("proxy_on_delete", request.id)

    def stop(self):
        """Is done with the plugin."""
        self._callback("proxy_on_delete", PLUGIN)

    def tick(self):
        """Calls the module as it asked to be called now and then."""
        self._callback("proxy_on_tick", PLUGIN)

    def answer(self, number, headers=(), body=b""):
        """Answers a request of the module's own; one without headers has broken off."""
        call = self.calls.pop(number)
        call.answer = (list(headers), body)
        self.answering = call
        self._callback("proxy_on_http_call_response", PLUGIN, number, len(call.answer[0]), len(body), 0)
        self.answering = None

    def _callback(self, name, *arguments):
        return self.exports[name](self.store, *arguments)

    # What a host offers a module.

    def _function(self, wanted):
        name = wanted.name
        own = getattr(self, "_" + name, None)

        def answer(*arguments):
            self.called.add(name)
            if name in self.faults:
                return self.faults[name]
            return UNIMPLEMENTED if own is None else own(*arguments)

        return wasmtime.Func(self.store, wanted.type, answer)

    def _read(self, at, size):
        return bytes(self.memory.read(self.store, at, at + size))

    def _text(self, at, size):
        return self._read(at, size).decode()

    def _write(self, at, form, number):
        self.memory.write(self.store, struct.pack(form, number), at)

    def _give(self, octets, data, size):
        at = self._callback("proxy_on_memory_allocate", len(octets)) if octets else 0
        if octets:
            self.memory.write(self.store, octets, at)
        self._write(data, "<I", at)
        self._write(size, "<I", len(octets))
        return OK

    def _map(self, kind):
        """The fields of a list that the module can see."""
        if kind == CALL_RESPONSE_HEADERS:
            return self.answering.answer[0] if self.answering else None
        request = self.requests.get(self.current)
        if request is None:
            return None
        if kind == REQUEST_TRAILERS:
            return request.trailers
        return [(name, value) for name, value in request.sent if name not in request.hidden]

    def _proxy_log(self, level, at, size):
        self.log.append((LEVELS[level], self._text(at, size)))
        return OK

    def _proxy_get_log_level(self, at):
        self._write(at, "<I", LEVELS.index(self.level))
        return OK

    def _proxy_get_current_time_nanoseconds(self, at):
        if not self.quirks.has_clock:
            return UNIMPLEMENTED
        self._write(at, "<Q", time.time_ns())
        return OK

    def _random_get(self, at, size):
        self.memory.write(self.store, bytes(range(1, size + 1)), at)
        return OK

    def _proxy_set_tick_period_milliseconds(self, period):
        if self.ticks and not self.quirks.ticks_change:
            raise Trap("tick_period already set")
        self.ticks.append(period)
        return OK

    def _proxy_get_buffer_bytes(self, kind, start, size, data, length):
        octets = {PLUGIN_CONFIGURATION: self.configuration}.get(kind)
        if kind == CALL_RESPONSE_BODY and self.answering:
            octets = self.answering.answer[1]
        return NOT_FOUND if octets is None else self._give(octets[start : start + size], data, length)

    def _proxy_get_header_map_pairs(self, kind, data, size):
        fields = self._map(kind)
        if fields is None:
            return BAD_ARGUMENT
        return self._give(serialized(fields[: self.quirks.most_pairs]), data, size)

    def _proxy_get_header_map_value(self, kind, at, length, data, size):
        fields, name = self._map(kind), self._text(at, length).lower()
        if fields is None:
            if kind == REQUEST_HEADERS and not self.quirks.knows_contexts:
                raise Trap("no request")
            return BAD_ARGUMENT
        found = [value for other, value in fields if other == name]
        return self._give(octets(found[0]), data, size) if found else NOT_FOUND

    def _proxy_replace_header_map_value(self, kind, at, length, value, size):
        fields, name = self._fields(kind), self._text(at, length).lower()
        if fields is None:
            return BAD_ARGUMENT
        if name == ":path" and not self.quirks.changes_path:
            return OK
        places = [place for place, (other, _) in enumerate(fields) if other == name]
        new = (name, self._read(value, size).decode("latin-1"))
        if not places:
            fields.append(new)
        else:
            fields[places[0]] = new
            if self.quirks.sets_all:
                for place in reversed(places[1:]):
                    del fields[place]
        return OK

    def _proxy_add_header_map_value(self, kind, at, length, value, size):
        fields = self._fields(kind)
        if fields is None:
            return BAD_ARGUMENT
        fields.append((self._text(at, length).lower(), self._read(value, size).decode("latin-1")))
        return OK

    def _proxy_remove_header_map_value(self, kind, at, length):
        fields, name = self._fields(kind), self._text(at, length).lower()
        if fields is None:
            return BAD_ARGUMENT
        if self.quirks.removes_headers:
            fields[:] = [field for field in fields if field[0] != name]
        else:
            self.requests[self.current].hidden.add(name)
        return OK

    def _fields(self, kind):
        request = self.requests.get(self.current)
        return request and {REQUEST_HEADERS: request.sent, REQUEST_TRAILERS: request.trailers}.get(kind)

    def _proxy_get_property(self, at, length, data, size):
        known = ENVOY_PROPERTIES if self.quirks.is_envoy else {}
        value = known.get(self._read(at, length))
        if value and self.quirks.is_nameless:
            value = b""
        return NOT_FOUND if value is None else self._give(value, data, size)

    def _proxy_set_property(self, at, length, value, size):
        return OK if self.quirks.takes_properties else NOT_FOUND

    def _proxy_get_shared_data(self, at, length, data, size, change):
        value, number = self.shared.get(self._text(at, length), (None, 0))
        if value is None:
            return NOT_FOUND
        self._write(change, "<I", number)
        return self._give(value, data, size)

    def _proxy_set_shared_data(self, at, length, value, size, change):
        name = self._text(at, length)
        present = self.shared.get(name, (None, 0))[1]
        is_any = change == 0 and (self.quirks.zero_is_any_change or present == 0)
        if not is_any and change != present:
            return CAS_MISMATCH
        self.shared[name] = (self._read(value, size), present + 1)
        return OK

    def _proxy_http_call(self, cluster, cluster_size, headers, headers_size, *rest):
        if self.answering and not self.quirks.calls_from_response:
            raise Trap("a call from the answer to another")
        number = next(self.numbers)
        fields = dict(deserialized(self._read(headers, headers_size)))
        self.calls[number] = Call(self._text(cluster, cluster_size), fields)
        self._write(rest[-1], "<I", number)
        return OK

    def _proxy_continue_stream(self, stream):
        request = self.requests.get(self.current)
        if request is None:
            return BAD_ARGUMENT
        request.has_resumed = True
        return OK

    def _proxy_send_local_response(self, status, _details, _size, body, body_size, headers, headers_size, _grpc):
        request = self.requests.get(self.current)
        if request is None:
            return BAD_ARGUMENT
        request.response = (status, dict(deserialized(self._read(headers, headers_size))), self._text(body, body_size))
        return OK

    def _proxy_set_effective_context(self, number):
        if self.quirks.knows_contexts:
            if number != PLUGIN and number not in self.requests:
                return BAD_ARGUMENT
            self.current = number
        return OK

    def _proxy_call_foreign_function(self, at, length, *_):
        if self.quirks.traps_unknown_functions:
            raise Trap(f"no function {self._text(at, length)}")
        return NOT_FOUND

    def _proxy_define_metric(self, _kind, at, length, number):
        names = list(self.counters)
        name = self._text(at, length)
        self.counters.setdefault(name, 0)
        self._write(number, "<I", list(self.counters).index(name) if name in names else len(names))
        return OK

    def _proxy_increment_metric(self, number, by):
        names = list(self.counters)
        if number >= len(names):
            return NOT_FOUND
        self.counters[names[number]] += by
        return OK

    def _proxy_record_metric(self, number, _value):
        return OK if number < len(self.counters) else NOT_FOUND

    # What the language's runtime asks of a host.

    def _environ_sizes_get(self, count, size):
        self._write(count, "<I", 0)
        self._write(size, "<I", 0)
        return OK

    def _environ_get(self, *_):
        return OK

    def _fd_write(self, *_):
        return OK

    def _proc_exit(self, code):
        raise Trap(f"exit {code}")


def octets(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def serialized(fields):
    """Header fields as the ABI puts them in memory."""
    texts = [octets(text) for name_and_value in fields for text in name_and_value]
    lengths = b"".join(struct.pack("<I", len(text)) for text in texts)
    return struct.pack("<I", len(fields)) + lengths + b"".join(text + b"\0" for text in texts)


def deserialized(data):
    """The header fields of such a text."""
    (count,) = struct.unpack_from("<I", data)
    lengths = struct.unpack_from(f"<{2 * count}I", data, 4)
    texts, at = [], 4 + 8 * count
    for length in lengths:
        texts.append(data[at : at + length].decode())
        at += length + 1
    return list(zip(texts[::2], texts[1::2], strict=True))
