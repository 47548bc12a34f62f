"""The filter's configuration in a file of its own (envoy/ecds): replaced under load, and replaced by broken ones."""

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

import harness
import samples
from conftest import check_log
from consumers import HS256, RS256
from expect import passed, unauthorized
from key_server import KeyServer, key_set
from tokens import ISSUER, in_seconds, key

OLD, NEW, STEADY = RS256, key("ES256"), HS256
STEADY_KEY = "steady"
CLIENT_APP = {"username": "ClientApp"}
STEADY_CLIENT = {"username": "Steady", "jwt_secrets": [STEADY.credential(STEADY_KEY)]}


def resource(*keys):
    """The sample's file with these keys for its consumer, beside a consumer that is always there."""
    document = samples.document("ecds/jwt-auth.yaml")
    [plugin] = samples.filters(document)
    samples.fill_in(plugin)
    client_app, *others = plugin["configuration"]["value"]["consumers"]
    assert not others and client_app["username"] == "ClientApp"
    client_app["jwt_secrets"] = [each.credential() for each in keys]
    plugin["configuration"]["value"]["consumers"] += [STEADY_CLIENT]
    return yaml.safe_dump(document)


class Renamed:
    """A directory in which the file is replaced by renaming another onto it."""

    def __init__(self, directory):
        self.path = directory / "jwt-auth.yaml"

    def put(self, text):
        (self.path.with_name("next.yaml")).write_text(text)
        self.path.with_name("next.yaml").rename(self.path)


class Mounted:
    """A directory as Kubernetes mounts a ConfigMap: links to the files of a directory, which is replaced as a whole."""

    def __init__(self, directory):
        self.path = directory / "jwt-auth.yaml"
        self._versions = 0

    def put(self, text):
        self._versions += 1
        version = self.path.with_name(f"..version{self._versions}")
        version.mkdir()
        (version / self.path.name).write_text(text)
        link = self.path.with_name("..data_tmp")
        link.symlink_to(version.name)
        link.rename(self.path.with_name("..data"))
        if not self.path.is_symlink():
            self.path.symlink_to(f"..data/{self.path.name}")


@pytest.fixture(params=[Renamed, Mounted])
def file(request, tmp_path):
    directory = tmp_path / "watched"
    directory.mkdir()
    return request.param(directory)


@pytest.fixture
def start(upstream, tmp_path, file):
    """Starts the sample with two workers and the file."""

    def start(issuer_port=None):
        config = samples.runnable(samples.document("ecds/envoy.yaml"), upstream)
        [source] = [item["path_config_source"] for item in samples.walk(config) if _has_source(item)]
        assert source["path"] == "envoy/ecds/jwt-auth.yaml"
        source.update(path=str(file.path), watched_directory={"path": str(file.path.parent)})
        if issuer_port is not None:
            clusters = config["static_resources"]["clusters"]
            issuer = json.loads(json.dumps(clusters[0]).replace(clusters[0]["name"], "issuer"))
            [address] = samples.addresses(issuer)
            address["port_value"] = issuer_port
            clusters.append(issuer)
        return harness.Envoy(None, upstream, tmp_path, "debug", concurrency=2, bootstrap=config)

    return start


def _has_source(item):
    return isinstance(item, dict) and "path_config_source" in item


def token_of(signer, iss=ISSUER):
    return signer.token(iss=iss, exp=in_seconds(300))


def passes(listener, token):
    """Whether the token passes, on a connection of its own, and so on any worker."""
    return listener.bearer(token).status == 200


def always(condition):
    """Whether it holds 20 times in a row: often enough to have met both workers."""
    return all(condition() for _ in range(20))


class Load:
    """Clients that send a valid token without a pause, each on one connection; `answers` are their statuses."""

    def __init__(self, listener, clients=4):
        self._listener = listener
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(clients)]
        self.answers = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _send(self):
        connection = http.client.HTTPConnection(*self._listener.address, timeout=10)
        while not self._ended.is_set():
            try:
                token = token_of(STEADY, STEADY_KEY)
                connection.request("GET", "/", headers={"authorization": f"Bearer {token}"})
                answer = connection.getresponse()
                answer.read()
                self.answers.append(answer.status)
            except OSError as error:
                self.answers.append(repr(error))
                connection.close()
        connection.close()

    def go_on(self, requests=200):
        """Waits until that many more requests have been answered."""
        until = len(self.answers) + requests
        harness.until(lambda: len(self.answers) >= until, f"{requests} requests")


def test_a_credential_is_rotated_under_load_and_no_valid_token_is_refused(file, start):
    file.put(resource(OLD))
    old, new = token_of(OLD), token_of(NEW)
    with start() as envoy, Load(envoy["http"]) as load:
        listener = envoy["http"]
        assert passes(listener, old)
        assert not passes(listener, new)
        load.go_on()

        file.put(resource(OLD, NEW))
        harness.until(lambda: always(lambda: passes(listener, new)), "the new key to work")
        assert always(lambda: passes(listener, old))
        load.go_on()

        file.put(resource(NEW))
        harness.until(lambda: always(lambda: not passes(listener, old)), "the old key to stop working")
        assert always(lambda: passes(listener, new))
        load.go_on()

        assert harness.updates(envoy)["update_success"] == 3
        assert harness.updates(envoy)["update_rejected"] == harness.updates(envoy)["update_failure"] == 0
        check_log(envoy.log())
    assert set(load.answers) == {200}


REFUSED = resource(OLD).replace("claims_to_verify", "claims_to_verfy")
BROKEN = {
    "a fault in the plugin configuration": (REFUSED, "update_rejected", "claims_to_verfy: an unknown field; expected one of"),
    "no YAML": ("resources: [", "update_failure", "Filesystem config update failure"),
    "nothing": ("", "update_failure", "Filesystem config update failure"),
    "a module that is not there": (
        resource(NEW).replace(str(harness.MODULE), "/nowhere.wasm"),
        "update_rejected",
        "Filesystem config update rejected",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_file_changes_nothing_but_a_counter_and_a_line_in_the_log(file, start, broken):
    text, counter, line = BROKEN[broken]
    file.put(resource(OLD))
    with start() as envoy, Load(envoy["http"]) as load:
        listener = envoy["http"]
        load.go_on(50)
        before = harness.updates(envoy)
        file.put(text)
        harness.until(lambda: harness.updates(envoy)[counter] == before[counter] + 1, f"{counter} to rise")
        envoy.wait_for_log(line)
        load.go_on()

        assert always(lambda: passes(listener, token_of(OLD)))
        assert listener.bearer(token_of(NEW)).body == b'{"message":"Invalid algorithm"}'
        assert listener.send().status == 401
        assert harness.updates(envoy)["update_success"] == before["update_success"]

        # It is not stuck either: a good file is taken.
        file.put(resource(NEW))
        harness.until(lambda: always(lambda: passes(listener, token_of(NEW))), "the good file to be in force")
    assert set(load.answers) == {200}


def test_until_the_first_good_file_nothing_passes(file, start):
    file.put(REFUSED)
    with start() as envoy:
        listener = envoy["http"]
        for response in [listener.send(), listener.bearer(token_of(OLD))]:
            assert (response.status, response.reached) == (500, 0)
        file.put(resource(OLD))
        harness.until(lambda: always(lambda: passes(listener, token_of(OLD))), "the good file to be in force")
        passed(listener.bearer(token_of(OLD)), CLIENT_APP)
        unauthorized(listener.send())


def test_nothing_that_was_counted_is_lost_with_a_configuration(file, start):
    file.put(resource(OLD))
    sent = 0
    with start() as envoy:
        listener = envoy["http"]
        for signer in [NEW, OLD, NEW]:
            for _ in range(50):
                listener.send()
            sent += 50
            # Before the next tick takes the counters to Envoy.
            before = harness.updates(envoy)["update_success"]
            file.put(resource(signer))
            harness.until(lambda: harness.updates(envoy)["update_success"] == before + 1, "the update")

        def counted():
            lines = envoy.admin("/stats?filter=jwt_auth.denied.no_token").splitlines()
            return sum(int(line.split(": ")[1]) for line in lines)

        harness.until(lambda: counted() >= sent, f"{sent} denials to be counted")
        assert counted() == sent


def test_a_request_that_waits_for_a_key_set_is_answered_although_its_configuration_is_replaced(file, start):
    remote = {"uri": "http://issuer.example.com/jwks", "cluster": "issuer", "timeout": "3s"}
    waiting = yaml.safe_load(resource(OLD))
    [plugin] = samples.filters(waiting)
    consumer = {"username": "App", "jwt_secrets": [{"key": ISSUER, "remote_jwks": remote}]}
    plugin["configuration"]["value"]["consumers"] = [consumer]
    file.put(yaml.safe_dump(waiting))
    with KeyServer() as issuer:
        issuer.set("/jwks", key_set(OLD))
        issuer.hold("/jwks")
        with start(issuer.port) as envoy, ThreadPoolExecutor(1) as client:
            answer = client.submit(envoy["http"].bearer, token_of(OLD))
            harness.until(lambda: issuer.count("/jwks"), "the fetch")
            envoy.wait_for_log(r"waits for a key set")
            file.put(resource(NEW))
            response = answer.result(timeout=20)
            assert (response.status, response.body) == (503, b'{"message":"Key set unavailable"}')
            harness.until(lambda: passes(envoy["http"], token_of(NEW)), "the new configuration to be in force")
            check_log(envoy.log())
