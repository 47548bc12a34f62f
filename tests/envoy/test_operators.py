"""What operators see: counters, what the log says of a denial, and answers that look like another API's."""

import json
import re
import subprocess

import pytest
import yaml

import client
import harness
from consumers import CLIENT_APP, GUEST, HS256, PARTNER, RS256, plugin
from expect import passed, refused
from samples import ROOT
from tokens import in_seconds, key

PROGRAM = ROOT / "target" / "debug" / "jwt-auth"
MONITORING = ROOT / "monitoring"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
ROUTES = [
    {"name": "no-token", "match": {"prefix": "/open"}, "route": {"cluster": "http1"}},
    {"name": "all", "match": {"prefix": "/"}, "route": {"cluster": "http1"}},
]
STRICT = {
    "claims_to_verify": ["exp", "nbf"],
    "maximum_expiration": 60,
    "max_token_age": 60,
    "token_types": ["JWT"],
    "require": ["jti"],
    "subjects": ["s"],
    "audiences": ["api"],
    "revoked": [{"jti": "revoked"}],
    "deny": ["Partner"],
    "required_claims": [{"claim": "x", "present": True}],
    "rules": [{"routes": ["no-token"], "disabled": True}],
}
LIKE_ANOTHER_API = {
    "unauthorized": {"status": 404, "content_type": "application/problem+json", "body": '{"title":"%MESSAGE%","n":1}'},
    "forbidden": {"body": "no: %MESSAGE%"},
}

NOWHERE = {"uri": "http://keys.example.com/jwks", "cluster": "nowhere", "timeout": "1s"}
REMOTE = {"username": "Remote", "jwt_secrets": [{"key": "remote", "remote_jwks": NOWHERE}]}
STATE = ["consumer", "credential", "outcome"]
COSTLY = {"username": "Costly", "jwt_secrets": [key("Ed448", name).credential("costly") for name in "abc"]}
ACCESS_LOG = {
    "name": "envoy.access_loggers.stdout",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        "log_format": {
            "json_format": {name: f"%FILTER_STATE(wasm.jwt_auth.{name}:PLAIN)%" for name in STATE} | {"at": "%PATH(NQ)%"}
        },
    },
}

LISTENERS = {
    "counting": harness.Listen(plugin(CLIENT_APP, PARTNER, GUEST, COSTLY, run_on_preflight=False, **STRICT), ROUTES),
    "anonymous": plugin(CLIENT_APP, GUEST, anonymous="guest"),
    "measured": plugin(CLIENT_APP, measure_verification=True),
    "another API": plugin(CLIENT_APP, key_claim_name='a"b\\', response=LIKE_ANOTHER_API, deny=["ClientApp"]),
    "unavailable": plugin(
        REMOTE,
        response={"unavailable": {"status": 502, "body": "later: %MESSAGE%"}},
    ),
    "silent": plugin(CLIENT_APP, GUEST, PARTNER, REMOTE, realm="r", response={"detail": False}, deny=["Partner"]),
    "state": harness.Listen(
        plugin(CLIENT_APP, GUEST, PARTNER, anonymous="guest", deny=["Partner"], run_on_preflight=False, filter_state=True),
        manager={"access_log": [ACCESS_LOG]},
    ),
}


def counters(envoy):
    """The filter's counters as Envoy shows them."""
    return {name: int(count) for name, count in re.findall(rf"{harness.COUNTERS}jwt_auth\.(\S+): (\d+)\n", envoy.admin("/stats"))}


def growth(envoy, before):
    """By how much each counter has grown that requests make grow; key sets are fetched when it is their time."""
    grown = {name: count - before[name] for name, count in counters(envoy).items() if count != before[name]}
    return {name: count for name, count in grown.items() if not name.startswith("key_set_fetch.")}


@pytest.fixture
def counted(envoy):
    """Waits until exactly these counters have grown by so much since the test began."""
    before = counters(envoy)

    def counted(**grown):
        harness.until(lambda: growth(envoy, before) == grown, f"the counters {grown}", seconds=5)

    return counted


# --- Counters


def in_a_minute(**claims):
    return {"exp": in_seconds(50), "nbf": 0, "iat": in_seconds(0), "jti": "1", "sub": "s", "aud": "api", "x": 1, **claims}


def test_what_passes_is_counted(envoy, counted):
    token = HS256.token(**in_a_minute())
    for _ in range(3):
        passed(envoy["counting"].bearer(token), CLIENT_APP)
    envoy["counting"].preflight()
    envoy["counting"].send(path="/open")
    envoy["anonymous"].send()
    counted(authenticated=3, preflight=1, disabled=1, anonymous=1, token_cache_hits=2, token_cache_misses=1)


DENIALS = {
    "forbidden_header": lambda: ("x", [("x-consumer-id", "1")]),
    "multiple_tokens": lambda: ("a", [("cookie", "")]),
    "malformed_token": lambda: ("x", []),
    "unsupported_algorithm": lambda: (HS256.token(header={"alg": "none"}), []),
    "unsupported_header": lambda: (HS256.token(header={"crit": []}), []),
    "no_key_claim": lambda: (HS256.token("{}"), []),
    "invalid_key_claim": lambda: (HS256.token(iss=7), []),
    "unknown_key": lambda: (HS256.token(iss="nobody"), []),
    "algorithm_mismatch": lambda: (RS256.token(), []),
    "invalid_signature": lambda: (key("HS256", "foreign").token(), []),
    "verification_budget": lambda: (key("Ed448", "foreign").token(iss="costly"), []),
    "invalid_time_claim": lambda: (HS256.token(), []),
    "expired": lambda: (HS256.token(exp=1, nbf=0), []),
    "not_valid_yet": lambda: (HS256.token(**in_a_minute(nbf=1 << 40)), []),
    "too_old": lambda: (HS256.token(**in_a_minute(iat=1)), []),
    "lifetime_too_long": lambda: (HS256.token(**in_a_minute(exp=1 << 40)), []),
    "token_type": lambda: (HS256.token(header={"typ": "x"}, **in_a_minute()), []),
    "missing_claim": lambda: (HS256.token(**in_a_minute(jti=None)), []),
    "audience": lambda: (HS256.token(**in_a_minute(aud="other")), []),
    "revoked": lambda: (HS256.token(**in_a_minute(jti="revoked")), []),
    "not_allowed": lambda: (RS256.token(iss="https://partner.example.com", **in_a_minute()), []),
    "subject": lambda: (HS256.token(**in_a_minute(sub="t")), []),
    "insufficient_claims": lambda: (HS256.token(**in_a_minute(x=None)), []),
}


@pytest.fixture(scope="module")
def denied(envoy):
    """Sends all of them; gives by how much each counter has grown, and what was logged."""
    before, since = counters(envoy), len(envoy.log())
    for reason, request in DENIALS.items():
        token, headers = request()
        path = "/?jwt=b" if reason == "multiple_tokens" else "/"
        assert envoy["counting"].bearer(token, headers, path=path).reached == 0

    # Counters go to Envoy together, once a second, so that of the last denial comes with or after all others.
    harness.until(lambda: f"denied.{reason}" in growth(envoy, before), "the last denial to be counted", seconds=5)
    return growth(envoy, before), envoy.log()[since:]


@pytest.mark.parametrize("reason", DENIALS)
def test_a_denial_is_counted_by_its_reason_and_named_in_the_log(denied, reason):
    grown, log = denied
    assert grown[f"denied.{reason}"] == 1
    assert len(re.findall(rf"denied: .*; reason {reason}\b", log)) == 1


def test_each_denial_of_a_log_is_explained(denied, tmp_path):
    _, log = denied
    config = tmp_path / "plugin.json"
    config.write_text(json.dumps(LISTENERS["counting"].plugin))
    command = [PROGRAM, "explain", "--follow", "-", "--config", config, "--format", "json"]
    done = subprocess.run(command, input=log, capture_output=True, text=True, timeout=60, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["reason"] for line in told] == re.findall(r"denied: .*; reason (\w+)", log)
    assert {line["reason"] for line in told} == set(DENIALS)
    for line in told:
        assert line["time"] and line["client"]
        assert line["consumer"] is None or "has the consumer" in line["configuration"][0]


def test_denials_count_as_nothing_else(denied):
    grown, _ = denied
    assert set(grown) == {f"denied.{reason}" for reason in DENIALS} | {"token_cache_misses"}


def test_no_token_is_counted(envoy, counted):
    envoy["counting"].send()
    counted(**{"denied.no_token": 1})


def test_nothing_in_a_request_makes_a_counter(envoy):
    before = set(counters(envoy))
    for text in ["x.y", "jwt_auth.x", "\n", "é"]:
        envoy["counting"].bearer(HS256.token({"iss": text}, header={"kid": text, "alg": text}))
        envoy["counting"].bearer(HS256.token({"iss": text}))
    assert set(counters(envoy)) == before


def test_the_time_of_verifying_is_measured_where_it_is_wanted(envoy):
    def count():
        page = envoy.admin("/stats/prometheus")
        return int(re.search(r"(?m)^jwt_auth_verification_microseconds_count\S* (\d+)", page)[1])

    token = HS256.token(jti="measured")
    for _ in range(2):  # of which the second is known
        passed(envoy["measured"].bearer(token), CLIENT_APP)
        passed(envoy["anonymous"].bearer(token), CLIENT_APP)
    harness.until(lambda: count() == 1, "one verification to be measured", seconds=10)


# --- Dashboard and alerts


def test_every_metric_that_is_looked_at_exists(envoy):
    page = envoy.admin("/stats/prometheus")
    there = set(re.findall(r"(?m)^# TYPE (\S+)", page))
    for name in ["grafana-dashboard.json", "prometheus-rules.yaml"]:
        text = (MONITORING / name).read_text()
        wanted = set(re.findall(r"\b(?:jwt_auth_(?!filter)|envoy_wasm_)\w+", text))
        if harness.IS_NATIVE:
            wanted = {name for name in wanted if not re.match("envoy_wasm_|jwt_auth_host_crypto_", name)}
        assert wanted and {re.sub("_bucket$", "", metric) for metric in wanted} <= there


def test_every_reason_is_on_the_dashboard_and_in_the_sum(envoy):
    reasons = {name.removeprefix("denied.") for name in counters(envoy) if name.startswith("denied.")}
    for name in ["grafana-dashboard.json", "prometheus-rules.yaml"]:
        assert set(re.findall(r"jwt_auth_denied_(\w+)", (MONITORING / name).read_text())) == reasons


def test_every_counter_is_in_the_documentation(envoy):
    for name in counters(envoy):
        assert f"`{name.removeprefix('denied.')}`" in OPERATIONS, name


def test_the_dashboard_is_whole():
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert panel["title"] and panel["targets"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_the_alert_rules_are_whole():
    (group,) = yaml.safe_load((MONITORING / "prometheus-rules.yaml").read_text())["groups"]
    for rule in group["rules"]:
        assert set(rule) <= {"record", "alert", "expr", "for", "labels", "annotations"}
        assert ("record" in rule) != ("alert" in rule)
        assert rule["expr"].count("(") == rule["expr"].count(")") > 0 or "record" not in rule
        assert "record" in rule or rule["labels"]["severity"] in ("info", "warning", "critical")
        assert "record" in rule or set(rule["annotations"]) == {"summary", "description"}


# --- The log


def test_a_denial_is_logged_with_its_circumstances(envoy):
    since = len(envoy.log())
    envoy["counting"].bearer(HS256.token(header={"kid": "key 1"}, **in_a_minute(jti="token 7", exp=1)))
    line = envoy.wait_for_log(r"denied: exp: token expired; .*", since)[0]
    assert re.fullmatch(
        r'denied: exp: token expired; reason expired, consumer "ClientApp", route "all", kid "key 1", '
        r'jti "token 7", client "127\.0\.0\.1:\d+"',
        line,
    )


def test_kid_and_jti_cannot_forge_or_flood_a_line(envoy):
    since = len(envoy.log())
    for text in ["\n[info] forged", "\x1b[31m", "x" * 20_000]:
        envoy["counting"].bearer(HS256.token({"jti": text, "iss": "nobody"}, header={"kid": text}))
    harness.until(lambda: envoy.log()[since:].count("reason unknown_key") == 3, "the lines", seconds=5)
    log = envoy.log()[since:]
    assert "\x1b" not in log and not re.search(r"(?m)^\[info\] forged", log)
    assert max(map(len, log.splitlines())) < 1000


def test_a_flood_of_denials_is_counted_instead_of_logged(upstream, tmp_path):
    """Of one second's denials a worker logs a hundred, and then how many it left out."""
    with harness.Envoy({"flood": plugin()}, upstream, tmp_path, log_level="info") as flooded:
        total = 400
        clients = client.Streams(flooded["flood"].address)  # within a second also on a machine that has much to do
        clients.send([None] * total)
        assert clients.answers(count=total) == [401] * total
        clients.close()

        def told():
            if harness.IS_NATIVE:
                flooded["flood"].bearer(HS256.token())  # it has no timer for this, and tells at the next request
            lines = flooded.log()
            left_out = sum(map(int, re.findall(r"(\d+) more requests were denied; they are not logged", lines)))
            return lines.count("denied: no token;"), left_out

        harness.until(lambda: sum(told()) == total, "all denials to be logged or counted", seconds=5)
        logged, left_out = told()
        # The flood may have lasted into another second of the clock.
        assert 100 <= logged < total and left_out == total - logged > 0
        harness.until(lambda: counters(flooded)["log_lines_left_out"] == left_out, "the counter", seconds=5)
        assert counters(flooded)["denied.no_token"] == total


# --- Filter state


def test_the_filter_state_says_who_called_and_how_it_ended(envoy):
    listener, partner = envoy["state"], "https://partner.example.com"
    spoofed = [("x-consumer-username", "root"), ("wasm.jwt_auth.consumer", "root")]
    listener.bearer(HS256.token(), path="/named", headers=spoofed)
    listener.send(path="/nameless", headers=spoofed)
    listener.preflight(spoofed, path="/preflight")
    listener.bearer(RS256.token(iss=partner), path="/denied", headers=spoofed)
    for path, state in {
        "/named": ["ClientApp", "https://auth.example.com", "authenticated"],
        "/nameless": ["guest", None, "anonymous"],
        "/preflight": [None, None, "preflight"],
        "/denied": ["Partner", None, "denied.not_allowed"],
    }.items():
        line = json.loads(envoy.wait_for_log(rf'(?m)^{{.*"at":"{path}".*}}$')[0])
        assert [line[name] for name in STATE] == state, path


# --- Answers that look like another API's


def test_answers_may_have_another_status_type_and_body(envoy):
    response = envoy["another API"].bearer(HS256.token())
    assert (response.status, response.header("content-type")) == (404, "application/problem+json")
    assert json.loads(response.body) == {"title": "No mandatory 'a\"b\\' in claims", "n": 1}
    assert response.header("www-authenticate") == 'Bearer error="invalid_token"'
    response = envoy["another API"].bearer(HS256.token({'a"b\\': "https://auth.example.com"}))
    assert (response.status, response.body) == (403, b"no: You cannot consume this service")
    assert response.header("content-type") == "application/json; charset=utf-8"


def test_an_answer_while_keys_are_unavailable_may_look_different_too(envoy):
    since, before = len(envoy.log()), counters(envoy)
    response = envoy["unavailable"].bearer(RS256.token(iss="remote"))
    assert (response.status, response.body) == (502, b"later: Key set unavailable")
    assert response.header("retry-after")
    envoy.wait_for_log(r"denied: Key set unavailable; reason key_set_unavailable, consumer \"Remote\"", since)
    harness.until(lambda: growth(envoy, before).get("denied.key_set_unavailable") == 1, "the counter", seconds=5)


@pytest.mark.parametrize("token", ["", "x", HS256.token(iss="nobody"), RS256.token(), key("HS256", "foreign").token()])
def test_answers_may_tell_nothing(envoy, token):
    refused(envoy["silent"].bearer(token), "Unauthorized", 'Bearer realm="r"')


def test_an_answer_while_keys_are_unavailable_may_tell_nothing(envoy):
    response = envoy["silent"].bearer(RS256.token(iss="remote"))
    assert (response.status, response.body) == (503, b'{"message":"Service Unavailable"}')
    assert response.header("retry-after") and response.header("www-authenticate") is None


def test_a_refusal_of_somebody_known_may_tell_nothing_either(envoy):
    response = envoy["silent"].bearer(RS256.token(iss="https://partner.example.com"))
    assert (response.status, response.body) == (403, b'{"message":"Forbidden"}')
    envoy.wait_for_log("reason not_allowed")
