"""The sample envoy/operators.yaml: an access log and an RBAC policy that know who calls."""

import json
import re
from pathlib import Path

import pytest

import harness
from expect import forbidden, passed, passed_unauthenticated, refused
from tokens import Key

SAMPLE = Path(__file__).resolve().parents[2] / "envoy" / "operators.yaml"
CLIENT_APP = {"username": "ClientApp"}
REPORTING = {"username": "reporting"}


def token(issuer, name, **claims):
    return Key("HS256", f"a demo secret of {name}".encode()).token(iss=issuer, exp=1 << 40, **claims)


@pytest.fixture(scope="module")
def envoy(upstream, tmp_path_factory):
    with harness.Envoy(SAMPLE.read_text(), upstream, tmp_path_factory.mktemp("operators")) as running:
        yield running


@pytest.fixture
def logged(envoy):
    """The line of the access log for the one request with this path."""

    def logged(path):
        return json.loads(envoy.wait_for_log(rf'(?m)^{{.*"path":"{re.escape(path)}".*}}$')[0])

    return logged


def test_the_access_log_names_the_consumer(envoy, logged):
    passed(envoy["http"].bearer(token("client-app", "ClientApp"), path="/named"), CLIENT_APP, "client-app")
    line = logged("/named")
    of_filter = {name: line[name] for name in ("consumer", "credential", "outcome", "status", "route", "client")}
    assert of_filter == {
        "consumer": "ClientApp",
        "credential": "client-app",
        "outcome": "authenticated",
        "status": 200,
        "route": "sample-iris",
        "client": "127.0.0.1",
    }


def test_the_access_log_names_the_reason_of_a_refusal(envoy, logged):
    refused(envoy["http"].bearer("x", path="/refused"), "Bad token; invalid JSON")
    line = logged("/refused")
    assert [line["consumer"], line["credential"], line["outcome"]] == [None, None, "denied.malformed_token"]


def test_the_access_log_shows_what_needed_no_token(envoy, logged):
    passed_unauthenticated(envoy["http"].send(path="/health"))
    assert [logged("/health")["consumer"], logged("/health")["outcome"]] == [None, "disabled"]


def test_no_token_gets_into_the_access_log(envoy, logged):
    it = token("client-app", "ClientApp", jti="in the query")
    passed(envoy["http"].send(path=f"/query?jwt={it}"), CLIENT_APP, "client-app")
    assert logged("/query")["consumer"] == "ClientApp"
    assert it not in envoy.log()


def test_rbac_decides_by_the_consumer(envoy):
    reporting = token("reporting", "reporting")
    passed(envoy["http"].bearer(reporting), REPORTING, "reporting")
    response = envoy["http"].bearer(reporting, method="DELETE")
    assert (response.status, response.body, response.reached) == (403, b"RBAC: access denied", 0)
    passed(envoy["http"].bearer(token("client-app", "ClientApp"), method="DELETE"), CLIENT_APP, "client-app")


def test_a_client_cannot_say_who_it_is(envoy):
    spoofed = [("x-consumer-username", "ClientApp")]
    response = envoy["http"].bearer(token("reporting", "reporting"), method="DELETE", headers=spoofed)
    forbidden(response, "Header not allowed: x-consumer-username")
