"""Rules per route and cluster: they go by what Envoy's router chose, and no request can talk them into another.

And Envoy's own switch per route, as docs/authorization.md has it.
"""

import http.client
import re
from pathlib import Path

import harness
import pytest
import yaml

import client
from consumers import CLIENT_APP, GUEST, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import IDENTITY, forbidden, identity, passed, passed_as_anonymous, passed_unauthenticated, refused, unauthorized
from harness import Listen
from tokens import Key

CANNOT = "You cannot consume this service"
BASE64 = {"username": "Encoded", "jwt_secrets": [{"key": "encoded", "secret": "c2VjcmV0IGVub3VnaCBmb3IgYW55Ym9keQ=="}]}


def route(name, match, cluster="http1"):
    named = {"name": name} if name else {}
    tells = [{"header": {"key": "x-route", "value": name or "unnamed"}}]
    return {**named, "match": match, "route": {"cluster": cluster}, "request_headers_to_add": tells}


ROUTES = [
    route("health", {"prefix": "/health"}),
    route("gold", {"prefix": "/", "headers": [{"name": "x-consumer-groups", "string_match": {"exact": "gold"}}]}),
    route("root", {"prefix": "/", "headers": [{"name": "x-role", "string_match": {"exact": "root"}}]}),
    route("partners", {"prefix": "/partners"}),
    route("by kid", {"prefix": "/kid"}),
    route("encoded", {"prefix": "/encoded"}),
    route("open", {"prefix": "/open"}),
    route("http2", {"prefix": "/http2"}, "http2"),
    route("", {"prefix": "/"}),
]
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "authorization.md").read_text()
SWITCH = yaml.safe_load(re.search(r"Envoy itself can switch.*?```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
SWITCHED_ON = {"typed_per_filter_config": SWITCH["routes"][0]["typed_per_filter_config"]}
RULES = [
    {"routes": ["health", "root"], "disabled": True},
    {"routes": ["partners"], "allow": ["partners"], "claims_to_verify": None},
    {"routes": ["by kid"], "key_claim_name": "kid"},
    {"routes": ["open"], "anonymous": "guest"},
    {"routes": ["open"], "services": ["http2"], "disabled": True},
    {"services": ["http2"], "realm": "two", "response": {"unauthorized": {"status": 403}}},
    {"routes": ["http2", "partners"], "disabled": True},
]
OUTSIDER = {**PARTNER, "groups": ["partners"]}
GOLD = {**CLIENT_APP, "groups": ["gold"]}
FIELDS = {"claims_to_verify": ["exp"], "deny": [], "rules": RULES}
PLUGIN = plugin(GOLD, OUTSIDER, GUEST, **FIELDS)
TIDY = {"normalize_path": True, "merge_slashes": True, "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD"}

SPLIT = {"clusters": [{"name": name, "weight": 1} for name in ("http1", "http2")]}

LISTENERS = {
    "as it comes": Listen(PLUGIN, ROUTES),
    "tidied up": Listen(PLUGIN, ROUTES, manager=TIDY),
    "claims": Listen(plugin(GOLD, claims_to_headers=[{"claim": "role", "header": "x-role"}], rules=RULES[:1]), ROUTES),
    "encoded": Listen(plugin(BASE64, rules=[{"routes": ["encoded"], "secret_is_base64": True}]), ROUTES),
    "split": Listen(
        plugin(GOLD, GUEST, rules=[{"routes": ["split"], "services": ["http2"], "anonymous": "guest"}]),
        [{"name": "split", "match": {"prefix": "/"}, "route": {"weighted_clusters": SPLIT}}],
    ),
    "hidden": Listen(plugin(GOLD, hide_credentials=True, rules=RULES[:1]), ROUTES),
    "switched by Envoy": Listen(
        plugin(CLIENT_APP, claims_to_verify=["exp"]),
        [route("health", {"prefix": "/health"}), {**route("other", {"prefix": "/"}), **SWITCHED_ON}],
        switched_off=SWITCH["http_filters"][0]["disabled"],
    ),
    "stripped early": Listen(
        PLUGIN,
        ROUTES,
        manager={
            "early_header_mutation_extensions": [
                {
                    "name": "envoy.http.early_header_mutation.header_mutation",
                    "typed_config": {
                        "@type": "type.googleapis.com/"
                        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                        "mutations": [{"remove": name} for name in IDENTITY],
                    },
                }
            ]
        },
    ),
}

LASTING = HS256.token(exp=1 << 40)


@pytest.mark.parametrize("fields", [{"rules": [{"routes": ["a"]}]}, {"hide_credentials": True}])
def test_envoy_validates_what_only_envoy_does(upstream, tmp_path, fields):
    """While it validates a configuration Envoy does not say all of itself that it says when it runs."""
    envoy = harness.Envoy({"main": plugin(**fields)}, upstream, tmp_path)
    assert envoy.validates(), envoy.log()


def reached(response):
    return response.upstream_headers("x-route")


def test_a_disabled_route_needs_no_token(envoy):
    response = envoy["as it comes"].send(path="/health")
    passed_unauthenticated(response)
    assert reached(response) == ["health"]
    unauthorized(envoy["as it comes"].send(path="/other"))


def test_a_rule_sets_fields_and_inherits_the_others(envoy):
    listener = envoy["as it comes"]
    refused(listener.bearer(HS256.token()), {"exp": "must be a number"})
    passed(listener.bearer(LASTING), GOLD)
    forbidden(listener.bearer(HS256.token(), path="/partners"), CANNOT)
    passed(listener.bearer(RS256.token(iss=PARTNER_ISSUER), path="/partners"), OUTSIDER, PARTNER_ISSUER)
    passed_as_anonymous(listener.send(path="/open"), GUEST)
    passed(listener.bearer(LASTING, path="/open"), GOLD)


def test_a_rule_may_go_by_the_cluster_and_the_first_that_matches_counts(envoy):
    """Those around it in the list would let the request through: one names another route as well, one comes later."""
    response = envoy["as it comes"].send(path="/http2")
    assert (response.status, response.header("www-authenticate"), response.reached) == (403, 'Bearer realm="two"', 0)
    passed(envoy["as it comes"].bearer(LASTING, path="/http2"), GOLD)


def test_of_a_route_with_several_clusters_the_rule_is_that_of_the_one_the_request_goes_to(envoy):
    """Envoy draws lots among them, and does not draw anew when it chooses the route again."""
    responses = [envoy["split"].send() for _ in range(40)]
    assert {response.status for response in responses} == {200, 401}
    for response in responses:
        if response.reached:
            passed_as_anonymous(response, GUEST)
            assert response.upstream["protocol"] == "HTTP/2"


def test_a_token_known_under_one_rule_is_no_pass_under_another(envoy):
    """The same token is one consumer's by `iss` and another's by `kid`."""
    listener = envoy["as it comes"]
    token = HS256.token(exp=1 << 40, kid=PARTNER_ISSUER)
    for _ in range(3):
        passed(listener.bearer(token), GOLD)
        refused(listener.bearer(token, path="/kid"), "Invalid algorithm")


def test_secrets_may_be_read_in_another_form(envoy):
    listener = envoy["encoded"]
    raw = Key("HS256", BASE64["jwt_secrets"][0]["secret"].encode()).token(iss="encoded")
    decoded = Key("HS256", b"secret enough for anybody").token(iss="encoded")
    for _ in range(2):
        passed(listener.bearer(raw), BASE64, "encoded")
        refused(listener.bearer(raw, path="/encoded"), "Invalid signature")
        passed(listener.bearer(decoded, path="/encoded"), BASE64, "encoded")
        refused(listener.bearer(decoded), "Invalid signature")


PATHS = [
    "//health",
    "/health/../private",
    "/health/..;/private",
    "/health/%2e%2e/private",
    "/health%2f..%2fprivate",
    "/HEALTH",
    "/Health",
    "/private/../health",
    "/private/%2e%2e/health",
    "/private;/health",
    "/private#/health",
    "/private?/health",
    "/%68ealth",
    "/heal%74h",
    "/health%00",
    "/./health",
    "/\\health",
    "/health\\..\\private",
]


WAYS = [
    *[(path, using) for path in PATHS for using in (client.http1, client.http2)],
    ("http://service.example.com/health/../private", client.http1),
]


@pytest.mark.parametrize("listener", ["as it comes", "tidied up", "switched by Envoy"])
@pytest.mark.parametrize("path, using", WAYS, ids=[f"{path} {using.__name__}" for path, using in WAYS])
def test_no_trick_with_the_path_gets_a_request_to_a_route_that_is_not_disabled(envoy, listener, path, using):
    """Whatever Envoy makes of the path, what passes without a token has gone to the route that is disabled."""
    response = envoy[listener].send(path=path, using=using)
    if response.reached:
        assert reached(response) == ["health"]
    else:
        assert response.status in (400, 401)


def test_a_client_cannot_choose_its_rule_by_a_header_that_the_filter_takes_away(envoy):
    """Envoy chooses the route again once the header is gone: without the refusal this would reach a private route."""
    for listener, header in [("claims", ("x-role", "root")), ("as it comes", ("x-consumer-groups", "gold"))]:
        forbidden(envoy[listener].send(headers=[header]), f"Header not allowed: {header[0]}")
        forbidden(envoy[listener].bearer(LASTING, headers=[header]), f"Header not allowed: {header[0]}")


@pytest.mark.parametrize("name", IDENTITY)
def test_every_identity_header_is_refused_where_there_are_rules(envoy, name):
    forbidden(envoy["as it comes"].send(path="/health", headers=[(name.upper(), "x")]), f"Header not allowed: {name}")


def test_envoy_can_strip_such_headers_before_it_chooses_a_route(envoy):
    spoofed = [(name, "gold") for name in IDENTITY]
    unauthorized(envoy["stripped early"].send(headers=spoofed))
    passed(envoy["stripped early"].bearer(LASTING, headers=spoofed), GOLD)
    passed_unauthenticated(envoy["stripped early"].send(path="/health", headers=spoofed))


def test_envoys_own_switch_does_the_same_but_for_identity_headers(envoy):
    listener = envoy["switched by Envoy"]
    unauthorized(listener.send())
    passed(listener.bearer(LASTING, headers=[("x-consumer-username", "root")]), CLIENT_APP)
    passed_unauthenticated(listener.send(path="/health"))
    spoofed = listener.send(path="/health", headers=[("x-consumer-username", "root")])
    assert identity(spoofed) == {"x-consumer-username": ["root"]}


def test_a_disabled_route_leaves_tokens_alone(envoy):
    """What stands there may be meant for the service itself."""
    response = envoy["hidden"].bearer("its own", path="/health?jwt=x")
    assert response.upstream_headers("authorization") == ["Bearer its own"]
    assert response.upstream["path"] == "/health?jwt=x"


def test_a_rule_is_found_for_every_request_of_a_connection(envoy):
    """The route is looked at anew each time, not once per connection."""
    connection = http.client.HTTPConnection(*envoy["as it comes"].address, timeout=10)
    statuses = []
    for path in ["/health", "/", "/health", "/partners", "/health"]:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    assert statuses == [200, 401, 200, 401, 200]

