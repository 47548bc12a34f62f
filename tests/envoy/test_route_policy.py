"""Policies that Envoy's routes and virtual hosts have of their own (typed_per_filter_config), in the native edition.

One is that of docs/authorization.md.
"""

import http.client
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

import harness
from conftest import check_log
from consumers import CLIENT_APP, GUEST, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import (
    NO_CREDENTIALS,
    NO_TOKEN,
    forbidden,
    passed,
    passed_as_anonymous,
    passed_unauthenticated,
    refused,
    unauthorized,
)
from harness import Listen, until
from key_server import KeyServer, key_set
from tokens import key

pytestmark = pytest.mark.skipif(not harness.IS_NATIVE, reason="only a dynamic module gets such a configuration")

FILTER = "envoy.filters.http.wasm"  # as the harness names it
CANNOT = "You cannot consume this service"
INTERNAL = b'{"message":"An unexpected error occurred"}'


def own(policy):
    """What a route, or what holds it, says of the filter."""
    form = "google.protobuf.StringValue" if isinstance(policy, str) else "google.protobuf.Struct"
    return {
        "typed_per_filter_config": {
            FILTER: {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute",
                "dynamic_module_config": {"name": "jwt_auth", "do_not_close": True},
                "filter_name": "of-a-test",
                "filter_config": {"@type": f"type.googleapis.com/{form}", "value": policy},
            }
        }
    }


def route(path, policy=None, name="", **match):
    says = {} if policy is None else own(policy)
    return {"name": name, "match": {"prefix": path, **match}, "route": {"cluster": "http1"}, **says}


def header(name, value):
    return {"headers": [{"name": name, "string_match": {"exact": value}}]}


TO_ROLE = {"claims_to_headers": [{"claim": "role", "header": "x-role"}]}
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "authorization.md").read_text()
SAMPLE = yaml.safe_load(re.search(r"may have a policy of its own:\n\n```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
[HEALTH] = SAMPLE["routes"]
ROUTES = [
    {
        **route("/health"),
        "match": HEALTH["match"],
        "typed_per_filter_config": {FILTER: HEALTH["typed_per_filter_config"]["jwt_auth"]},
    },
    route("/disabled", {"disabled": True}),
    route("/partners", {"allow": ["Partner"]}),
    route("/aud", {"audiences": ["api"], "claims_to_verify": None}),
    route("/text", json.dumps({"anonymous": "guest"})),
    route("/kid", {"key_claim_name": "kid"}),
    route("/sub", {"key_claim_name": "sub"}),
    route("/role", TO_ROLE),
    route("/nobody", {"anonymous": "nobody"}),
    route("/unreserved", {"claims_to_headers": [{"claim": "role", "header": "x-other"}]}),
    route("/encoded", {"secret_is_base64": True}),
    route("/ruled", {"realm": "the route's own"}, name="ruled"),
    route("/unruled", name="ruled"),
    route("/hidden", {"hide_credentials": True}),
    route("/", {"disabled": True}, **header("x-consumer-username", "ClientApp")),
    route("/"),
]
HOSTS = {
    "virtual_hosts": [
        {
            "name": "of its own",
            "domains": ["service.example.com"],
            "routes": [route("/strict", {"anonymous": None}), route("/")],
            **own({"anonymous": "guest"}),
        },
        {"name": "all", "domains": ["*"], "routes": [route("/")]},
    ],
    **own({"realm": "of all hosts"}),
}
RULES = [{"routes": ["ruled"], "anonymous": "guest", "realm": "the rule's"}]
FIELDS = {"claims_to_verify": ["exp"], "reserved_headers": ["x-role"]}
GOLD = {
    **route("/", {"realm": "gold"}, **header("x-consumer-username", "ClientApp")),
    "request_headers_to_add": [{"header": {"key": "x-route", "value": "gold"}}],
}
CHOSEN_ANEW = [GOLD, route("/")]
LISTENERS = {
    "routes": Listen(plugin(CLIENT_APP, PARTNER, GUEST, rules=RULES, **FIELDS), ROUTES),
    "hosts": Listen(plugin(CLIENT_APP, GUEST), manager={"route_config": HOSTS}),
    "unlike": Listen(plugin(PARTNER, realm="another filter"), ROUTES),
    "kept": Listen(plugin(CLIENT_APP), CHOSEN_ANEW),
    "chosen anew": Listen(plugin(CLIENT_APP, clear_route_cache=True), CHOSEN_ANEW),
}
LASTING = HS256.token(exp=1 << 40)


def internal_error(response):
    assert (response.status, response.body, response.reached) == (500, INTERNAL, 0)


def test_a_route_sets_fields_and_inherits_the_others(envoy):
    listener = envoy["routes"]
    passed(listener.bearer(LASTING), CLIENT_APP)
    forbidden(listener.bearer(LASTING, path="/partners"), CANNOT)
    partner = RS256.token(iss=PARTNER_ISSUER, exp=1 << 40)
    passed(listener.bearer(partner, path="/partners"), PARTNER, PARTNER_ISSUER)
    refused(listener.bearer(RS256.token(iss=PARTNER_ISSUER), path="/partners"), {"exp": "must be a number"})


def test_null_is_the_default_and_claims_are_at_hand_although_the_filter_needs_none(envoy):
    """The second token was remembered where nobody asked for its claims."""
    listener = envoy["routes"]
    passed(listener.bearer(HS256.token(aud="api"), path="/aud"), CLIENT_APP)
    for_api = HS256.token(aud="api", exp=1 << 40)
    for _ in range(2):
        passed(listener.bearer(for_api), CLIENT_APP)
        passed(listener.bearer(for_api, path="/aud"), CLIENT_APP)
    assert listener.bearer(LASTING, path="/aud").status == 401


def test_a_disabled_route_needs_no_token(envoy):
    for path in "/disabled", "/health":
        passed_unauthenticated(envoy["routes"].send(path=path))
    unauthorized(envoy["routes"].send(path="/"))


def test_it_may_be_text_with_json(envoy):
    passed_as_anonymous(envoy["routes"].send(path="/text"), GUEST)


def test_a_remembered_token_counts_only_where_the_same_claim_names_its_credential(envoy):
    listener = envoy["routes"]
    token = HS256.token(header={"kid": "nobody"}, sub="nobody either", exp=1 << 40)
    for _ in range(2):
        passed(listener.bearer(token), CLIENT_APP)
        for path, claim in ("/kid", "kid"), ("/sub", "sub"):
            refused(listener.bearer(token, path=path), NO_CREDENTIALS.replace("iss", claim))


def test_a_virtual_host_has_a_policy_and_its_route_a_nearer_one(envoy):
    passed_as_anonymous(envoy["hosts"].send(), GUEST)
    refused(envoy["hosts"].send(path="/strict"), "Unauthorized", NO_TOKEN)
    elsewhere = http.client.HTTPConnection(*envoy["hosts"].address)
    elsewhere.request("GET", "/", headers={"host": "other.example.com"})
    assert elsewhere.getresponse().getheader("www-authenticate") == 'Bearer realm="of all hosts"'


def test_it_goes_before_rules(envoy):
    passed_as_anonymous(envoy["routes"].send(path="/unruled"), GUEST)
    refused(envoy["routes"].send(path="/ruled"), "Unauthorized", 'Bearer realm="the route\'s own"')


def test_it_is_read_over_the_filter_that_the_request_comes_to(envoy):
    response = envoy["unlike"].send(path="/kid")
    assert response.header("www-authenticate") == 'Bearer realm="another filter"'
    internal_error(envoy["unlike"].send(path="/text"))


@pytest.mark.parametrize(
    "path, line",
    [
        ("/nobody", 'anonymous: "nobody", which is not the name of a consumer; expected the id or username of one'),
        ("/unreserved", "claims_to_headers: x-other, a header that clients may send on other routes; expected a header of the"),
        ("/encoded", "secret_is_base64: true, unlike in the filter's configuration and its rules; expected the form"),
    ],
)
def test_what_cannot_be_followed_lets_nobody_in(envoy, path, line):
    since = len(envoy.log())
    for _ in range(3):
        internal_error(envoy["routes"].bearer(LASTING, path=path))
    told = re.findall(rf"policy of a route, over the filter's configuration: {re.escape(line)}", envoy.log()[since:])
    assert len(told) == 1


def test_no_client_can_send_a_header_that_a_route_fills(envoy):
    listener = envoy["routes"]
    token = HS256.token(role="user", exp=1 << 40)
    assert listener.bearer(token, path="/role").upstream_headers("x-role") == ["user"]
    for path in "/role", "/", "/disabled":
        response = listener.bearer(token, path=path, headers=[("x-role", "root")])
        forbidden(response, "Header not allowed: x-role")


def test_a_client_cannot_talk_a_request_onto_a_route(envoy):
    response = envoy["routes"].send(headers=[("x-consumer-username", "ClientApp")])
    forbidden(response, "Header not allowed: x-consumer-username")
    response = envoy["hosts"].send(headers=[("x-consumer-username", "ClientApp")])
    forbidden(response, "Header not allowed: x-consumer-username")


def test_a_route_that_is_chosen_anew_must_not_have_another_policy(envoy):
    internal_error(envoy["chosen anew"].bearer(LASTING))
    envoy.wait_for_log("denied: the route that was chosen anew has another policy of its own")


def test_a_route_stays_unless_it_is_to_be_chosen_anew(envoy):
    response = envoy["kept"].bearer(LASTING)
    passed(response, CLIENT_APP)
    assert response.upstream_headers("x-route") == []


def test_tokens_are_hidden_where_the_route_says_so(envoy):
    hidden = envoy["routes"].bearer(LASTING, path="/hidden")
    passed(hidden, CLIENT_APP)
    assert hidden.upstream_headers("authorization") == []
    assert envoy["routes"].bearer(LASTING).upstream_headers("authorization") != []


@pytest.mark.parametrize(
    "policy, line",
    [
        ({"disabled": "yes"}, "disabled: a string; expected true or false"),
        ({"routes": ["a"]}, "routes: an unknown field; expected one of disabled, header_names"),
        ({"consumers": []}, "consumers: an unknown field; expected one of disabled, header_names"),
        ({"required_claims": [{"claim": "a"}]}, "required_claims[0]: no condition; expected one of"),
        ({"claims_to_verify": [], "maximum_expiration": 60}, "maximum_expiration: set without exp in claims_to_verify"),
        ("{", "the configuration: invalid JSON"),
    ],
)
def test_one_at_fault_keeps_envoy_from_starting(upstream, tmp_path, policy, line):
    envoy = harness.Envoy({"main": Listen(plugin(), [route("/", policy)])}, upstream, tmp_path)
    assert envoy.refuses_to_start() != 0
    assert f'jwt_auth: policy of a route, "of-a-test": {line}' in envoy.log()


@pytest.mark.parametrize(
    "policy", [{"maximum_expiration": 60}, {"forward_payload_header": "x-p"}, {"anonymous": "x"}, {}]
)
def test_what_only_the_filter_can_tell_is_no_fault_of_it(upstream, tmp_path, policy):
    envoy = harness.Envoy({"main": Listen(plugin(), [route("/", policy)])}, upstream, tmp_path)
    assert envoy.validates(), envoy.log()


def test_an_update_of_the_routes_takes_the_place_of_its_policies(upstream, tmp_path):
    """A file of routes that Envoy watches, replaced by others, one of them at fault, while the listener stays."""
    file = tmp_path / "watched" / "routes.json"
    file.parent.mkdir()

    def put(policy):
        host = {"name": "all", "domains": ["*"], "routes": [route("/", policy)]}
        routes = {"@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "name": "r", "virtual_hosts": [host]}
        file.with_name("next").write_text(json.dumps({"resources": [routes]}))
        file.with_name("next").rename(file)

    source = {"path_config_source": {"path": str(file), "watched_directory": {"path": str(file.parent)}}}
    manager = {"route_config": None, "rds": {"route_config_name": "r", "config_source": source}}
    put({"anonymous": "guest"})
    with harness.Envoy({"main": Listen(plugin(CLIENT_APP, GUEST), manager=manager)}, upstream, tmp_path) as envoy:
        listener = envoy["main"]
        passed_as_anonymous(listener.send(), GUEST)
        for policy, status in [({"realm": "new"}, 401), ({"disabled": True}, 200), (None, 401), ({"anonymous": "guest"}, 200)]:
            put(policy)
            until(lambda: listener.send().status == status, f"{policy} in force")
        put({"anonymous": 1})
        envoy.wait_for_log(r'policy of a route, "of-a-test": anonymous: a number')
        passed_as_anonymous(listener.send(), GUEST)
        check_log(envoy.log())


def test_a_request_that_waits_for_a_key_set_goes_by_the_policy_of_its_route(upstream, tmp_path):
    """It does so when it is decided again, too."""
    signer = key("ES256")
    token = signer.token(header={"kid": "named-by-kid"}, iss="somebody", exp=1 << 40)
    remote = {"uri": "http://issuer/jwks", "cluster": "issuer"}
    fetched = {"username": "Fetched", "jwt_secrets": [{"key": "named-by-kid", "remote_jwks": remote}]}
    listeners = {"main": Listen(plugin(fetched), [route("/kid", {"key_claim_name": "kid"}), route("/")])}
    with KeyServer() as keys, ThreadPoolExecutor() as clients:
        keys.set("/jwks", key_set((signer, "named-by-kid")))
        gate = keys.hold("/jwks")
        with harness.Envoy(listeners, upstream, tmp_path, clusters={"issuer": keys.port}) as envoy:
            waiting = clients.submit(envoy["main"].bearer, token, path="/kid")
            envoy.wait_for_log("a request waits for a key set")
            gate.set()
            passed(waiting.result(), fetched, "named-by-kid")
            refused(envoy["main"].bearer(token), NO_CREDENTIALS)
