"""Claims and consumer for Envoy's other filters and its access log: claims_to_filter_state, and dynamic_metadata."""

import functools
import json
import re

import pytest

import harness
from consumers import CLIENT_APP, GUEST, HS256, RS256, plugin
from expect import passed, passed_as_anonymous, unauthorized
from harness import Listen
from tokens import ISSUER

ACME = {"username": "Acme", "groups": ["gold", "partners"], "jwt_secrets": [RS256.credential("acme")]}
DEEP = 28


def takes_metadata():
    """Only the native edition writes dynamic metadata, in Envoy 1.40 and newer."""
    return harness.IS_NATIVE and harness.envoy_exports("http_set_dynamic_metadata_struct")


native = pytest.mark.skipif(not takes_metadata(), reason="no dynamic metadata can be written here")


def typed(kind, **fields):
    return {"@type": f"type.googleapis.com/{kind}", **fields}


def logging(**fields):
    """An access log of one JSON object a request, on standard output."""
    form = {"path": "%REQ(:PATH)%", **fields}
    log = typed("envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", log_format={"json_format": form})
    return {"access_log": [{"name": "envoy.access_loggers.stdout", "typed_config": log}]}


def rbac(action, **principal):
    policy = {"permissions": [{"any": True}], "principals": [principal]}
    rules = {"action": action, "policies": {"only": policy}}
    kind = "envoy.extensions.filters.http.rbac.v3.RBAC"
    return {"name": "envoy.filters.http.rbac", "typed_config": typed(kind, rules=rules)}


def metadata(*path, namespace="jwt_auth", **value):
    return {"metadata": {"filter": namespace, "path": [{"key": key} for key in path], "value": value}}


LIMITED = {"max_tokens": 2, "tokens_per_fill": 2, "fill_interval": "3600s"}
ALL = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
LIMIT = {
    "name": "envoy.filters.http.local_ratelimit",
    "typed_config": typed(
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limit",
        token_bucket={"max_tokens": 1000, "tokens_per_fill": 1000, "fill_interval": "3600s"},
        filter_enabled=ALL,
        filter_enforced=ALL,
        descriptors=[{"entries": [{"key": "caller", "value": "Acme"}], "token_bucket": LIMITED}],
    ),
}
CALLER = {"key": "jwt_auth", "path": [{"key": "consumer"}, {"key": "username"}]}
BY_CALLER = {"actions": [{"metadata": {"descriptor_key": "caller", "metadata_key": CALLER, "source": "DYNAMIC"}}]}
LIMITED_ROUTES = [{"match": {"prefix": "/"}, "route": {"cluster": "http1", "rate_limits": [BY_CALLER]}}]

STATE = {"claims_to_filter_state": [{"claim": "tenant.name", "key": "tenant"}, {"claim": "roles", "key": "roles"}]}
IN_STATE = {name: f"%FILTER_STATE(wasm.jwt_auth.claim.{name}:PLAIN)%" for name in ("tenant", "roles")}
IS_ACME = {"filter_state": {"key": "wasm.jwt_auth.claim.tenant", "string_match": {"exact": "acme"}}}
CHOSEN = {"dynamic_metadata": {"claims": ["tenant.name", "level", "roles", "staff"]}}
WHOLE = {"dynamic_metadata": {"namespace": "envoy.filters.http.jwt_authn", "payload_in_metadata": "jwt_payload"}}
LISTENERS = {
    "state": Listen(plugin(CLIENT_APP, ACME, GUEST, **STATE, anonymous="guest"), manager=logging(**IN_STATE)),
    "state and RBAC": Listen(plugin(CLIENT_APP, **STATE), behind=[rbac("ALLOW", **IS_ACME)]),
}
if takes_metadata():
    everything = logging(metadata="%DYNAMIC_METADATA(jwt_auth)%", level="%DYNAMIC_METADATA(jwt_auth:claims:level)%")
    rules = [{"services": ["http2"], "anonymous": "guest"}, {"services": ["grpc"], "disabled": True}]
    LISTENERS |= {
        "chosen": Listen(plugin(CLIENT_APP, ACME, GUEST, rules=rules, **CHOSEN), manager=everything),
        "whole": Listen(plugin(CLIENT_APP, **WHOLE), manager=logging(metadata="%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%")),
        "RBAC": Listen(
            plugin(CLIENT_APP, ACME, **CHOSEN),
            behind=[rbac("ALLOW", **metadata("consumer", "groups", list_match={"one_of": {"string_match": {"exact": "gold"}}}))],
        ),
        "RBAC of a number": Listen(
            plugin(CLIENT_APP, **CHOSEN),
            behind=[rbac("ALLOW", **metadata("claims", "level", double_match={"range": {"start": 7, "end": 8}}))],
        ),
        "limited": Listen(plugin(CLIENT_APP, ACME, dynamic_metadata={}), LIMITED_ROUTES, behind=[LIMIT]),
    }


@pytest.fixture
def logged(envoy):
    """The line of the access log for the one request with this path."""
    return lambda path: json.loads(envoy.wait_for_log(rf'(?m)^{{.*"path":"{re.escape(path)}".*}}$')[0])


def test_claims_are_in_the_filter_state_and_in_no_header(envoy, logged):
    response = envoy["state"].bearer(HS256.token(tenant={"name": "acme"}, roles=["a", "b,c", 7]), path="/claims")
    passed(response, CLIENT_APP)
    assert not [name for name, value in response.upstream["headers"] if "acme" in value and name != "authorization"]
    line = logged("/claims")
    assert (line["tenant"], line["roles"]) == ("acme", "a,b%2Cc,7")


def test_what_a_claim_holds_cannot_forge_a_line_of_the_log(envoy, logged):
    envoy["state"].bearer(HS256.token(tenant={"name": 'x"\n{"path":"/forged"}'}), path="/forging")
    assert logged("/forging")["tenant"] == "x%22%0A%7B%22path%22%3A%22%2Fforged%22%7D"


def test_no_claims_are_there_of_a_token_that_is_not_valid(envoy, logged):
    forged = HS256.token(tenant={"name": "acme"})[:-4] + "AAAA"
    passed_as_anonymous(envoy["state"].bearer(forged, path="/anonymous"), GUEST)
    assert logged("/anonymous") == {"path": "/anonymous", "tenant": None, "roles": None}


def test_rbac_decides_by_a_claim_in_the_filter_state(envoy):
    listener = envoy["state and RBAC"]
    passed(listener.bearer(HS256.token(tenant={"name": "acme"})), CLIENT_APP)
    for claims in {"tenant": {"name": "other"}}, {"tenant": "acme"}, {}:
        response = listener.bearer(HS256.token(**claims))
        assert (response.status, response.reached) == (403, 0)


@native
def test_dynamic_metadata_has_consumer_credential_outcome_and_the_chosen_claims_with_their_types(envoy, logged):
    token = RS256.token(iss="acme", tenant={"name": "x"}, level=7.5, roles=["a", {"b": None}], staff=True, secret="s")
    assert envoy["chosen"].bearer(token, path="/chosen").status == 200
    line = logged("/chosen")
    assert line["level"] == 7.5
    assert line["metadata"] == {
        "outcome": "authenticated",
        "consumer": {"username": "Acme", "groups": ["gold", "partners"]},
        "credential": "acme",
        "claims": {"tenant.name": "x", "level": 7.5, "roles": ["a", {"b": None}], "staff": True},
    }
    passed(envoy["chosen"].bearer(HS256.token(), path="/without"), CLIENT_APP)
    consumer = {name: CLIENT_APP[name] for name in ("username", "id", "custom_id")}
    assert logged("/without")["metadata"] == {"outcome": "authenticated", "consumer": consumer, "credential": ISSUER}


@native
def test_nothing_of_a_token_is_left_where_it_does_not_count(envoy, logged):
    forged = HS256.token(level=7)[:-4] + "AAAA"
    envoy["chosen"].bearer(forged, path="/forged")
    assert logged("/forged")["metadata"] == {"outcome": "denied.invalid_signature"}
    envoy["chosen"].bearer(forged, path="/http2/guest")
    guest = {name: GUEST[name] for name in ("username", "id")}
    assert logged("/http2/guest")["metadata"] == {"outcome": "anonymous", "consumer": guest}


@native
def test_all_claims_may_be_there_where_the_filters_for_jwt_authn_look(envoy, logged):
    claims = {"iss": ISSUER, "sub": "x", "wide": 1 << 60, "nested": {"deep": [1, [2, {}]]}, "none": None, "": "empty"}
    passed(envoy["whole"].bearer(HS256.token(claims), path="/whole"), CLIENT_APP)
    assert logged("/whole")["metadata"]["jwt_payload"] == claims


@native
def test_a_number_that_is_none_to_others_stays_text(envoy, logged):
    envoy["whole"].bearer(HS256.token(f'{{"iss": "{ISSUER}", "huge": 1e400}}'), path="/huge")
    assert logged("/huge")["metadata"]["jwt_payload"]["huge"] == "1e400"


@native
def test_claims_that_envoy_could_not_read_are_not_passed_by(envoy):
    """It would have the metadata of no claim at all, and a filter that refuses by a claim would let the request through."""
    nested = functools.reduce(lambda inner, _: {"a": inner}, range(DEEP - 3), 1)
    passed(envoy["whole"].bearer(HS256.token(nested=nested)), CLIENT_APP)
    for deeper in functools.reduce(lambda inner, _: {"a": inner}, range(40), 1), functools.reduce(lambda it, _: [it], range(99), 1):
        response = envoy["whole"].bearer(HS256.token(nested=deeper))
        assert (response.status, response.reached) == (500, 0)


@native
def test_rbac_decides_by_a_group_and_by_a_number(envoy):
    assert envoy["RBAC"].bearer(RS256.token(iss="acme")).status == 200
    assert envoy["RBAC"].bearer(HS256.token()).status == 403
    assert envoy["RBAC of a number"].bearer(HS256.token(level=7)).status == 200
    for level in 8, "7", None:
        assert envoy["RBAC of a number"].bearer(HS256.token(level=level)).status == 403


@native
def test_a_rate_limit_counts_by_the_consumer(envoy):
    acme = RS256.token(iss="acme")
    assert [envoy["limited"].bearer(acme).status for _ in range(3)] == [200, 200, 429]
    assert [envoy["limited"].bearer(HS256.token()).status for _ in range(3)] == [200, 200, 200]
    unauthorized(envoy["limited"].send())


@pytest.mark.skipif(takes_metadata(), reason="it can be written here")
@pytest.mark.parametrize("fields", [{"dynamic_metadata": {}}, {"rules": [{"routes": ["r"], "dynamic_metadata": {}}]}])
def test_a_configuration_that_needs_it_is_refused_where_it_cannot_be_written(upstream, tmp_path, fields):
    envoy = harness.Envoy({"main": plugin(**fields)}, upstream, tmp_path)
    assert envoy.refuses_to_start() != 0
    assert re.search(r"dynamic_metadata requires (the native edition|Envoy 1\.40)", envoy.log())
