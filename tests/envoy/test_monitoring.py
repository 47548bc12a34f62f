"""The alert rules and the dashboard, in a real Prometheus that scrapes a real Envoy."""

import json
import math
import subprocess

import pytest
import yaml

import harness
import prometheus
import traffic
from prometheus import DASHBOARD, MONITORING, PROMTOOL, RULES, SERVER

UNIT_TESTS = MONITORING / "prometheus-rules.test.yaml"
ALERTS = [rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"] if "alert" in rule]
TARGETS = {
    f"{panel['title']}, {target['legendFormat']}": prometheus.expression(target)
    for panel in prometheus.panels()
    for target in panel["targets"]
}


@pytest.fixture(scope="module")
def promtool():
    if PROMTOOL is None:
        pytest.skip(prometheus.MISSING.format("promtool"))
    return PROMTOOL


@pytest.fixture(scope="module")
def envoy(upstream, tmp_path_factory):
    directory = tmp_path_factory.mktemp("monitored")
    with traffic.key_server() as keys:
        listeners, clusters = traffic.listeners(keys), traffic.clusters(keys)
        with harness.Envoy(listeners, upstream, directory, "info", clusters=clusters) as running:
            yield running


@pytest.fixture(scope="module")
def watching(envoy, tmp_path_factory):
    """A Prometheus that has seen requests of all kinds come, at two looks at least: a rate is between two."""
    if SERVER is None:
        pytest.skip(prometheus.MISSING.format("prometheus"))
    with prometheus.Prometheus(envoy, tmp_path_factory.mktemp("prometheus")) as running:
        number = 0

        def has_seen_growth():
            nonlocal number
            number += 1
            assert traffic.well(envoy, number) == [200] * 10
            assert {traffic.refused(envoy, reason) for reason in traffic.REFUSED} == {401, 403}
            wanted = ["authenticated", "anonymous", "optional", "preflight", "disabled", "token_cache_hits"]
            wanted += ["verification_microseconds_count", "key_set_fetch_success"]
            wanted += [f"denied_{reason}" for reason in traffic.REFUSED]
            rates = (running.values(f"rate(jwt_auth_{name}[{prometheus.WINDOW}])") for name in wanted)
            return all(any(rate > 0 for rate in of_one) for of_one in rates)

        harness.until(has_seen_growth, "rates of all that was sent", seconds=60)
        yield running


def test_the_alert_rules_can_be_loaded(promtool):
    subprocess.run([promtool, "check", "rules", RULES], check=True)


def test_each_alert_fires_when_it_should_and_not_before(promtool):
    subprocess.run([promtool, "test", "rules", UNIT_TESTS.name], cwd=MONITORING, check=True)


def test_each_alert_has_a_unit_test():
    tests = yaml.safe_load(UNIT_TESTS.read_text())["tests"]
    assert [test["name"] for test in tests] == ALERTS
    for test in tests:
        silent, fires = test["alert_rule_test"]
        assert {silent["alertname"], fires["alertname"]} == {test["name"]}
        assert silent["exp_alerts"] == [] and [alert["exp_labels"]["instance"] for alert in fires["exp_alerts"]] == ["busy"]


def test_prometheus_evaluates_all_rules_on_what_envoy_shows(watching):
    def evaluated():
        (group,) = watching.ask("rules")["groups"]
        return [rule for rule in group["rules"] if rule["health"] != "unknown"]

    rules = harness.until(lambda: len(evaluated()) == len(ALERTS) + 1 and evaluated(), "the rules", seconds=30)
    assert {rule["health"] for rule in rules} == {"ok"}, rules
    harness.until(lambda: [value > 0 for value in watching.values("jwt_auth:denied:rate5m")] == [True], "the sum of denials")


@pytest.mark.parametrize("title", TARGETS)
def test_each_panel_has_data(watching, title):
    if harness.IS_NATIVE and prometheus.OF_WASM_ONLY.search(TARGETS[title]):
        pytest.skip("of the Wasm module only")
    (value,) = watching.values(TARGETS[title])
    assert math.isfinite(value) and value >= 0


def not_read(given, read, place="dashboard"):
    """What of a JSON value is not in what was read of it."""
    if isinstance(given, dict) and isinstance(read, dict):
        return [it for name in given for it in not_read(given[name], read.get(name), f"{place}.{name}")]
    if isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        return [it for at, pair in enumerate(zip(given, read)) for it in not_read(*pair, f"{place}[{at}]")]
    return [] if given == read else [f"{place}: {given!r} is read as {read!r}"]


def test_grafana_knows_each_field_of_the_dashboard():
    # Its model passes over what it does not know.
    pytest.importorskip("grafana_foundation_sdk", reason="Grafana's model of a dashboard needs Python 3.11")
    from grafana_foundation_sdk.cog import encoder, plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    plugins.register_default_plugins()

    def read(text):
        return json.loads(encoder.JSONEncoder().encode(Dashboard.from_json(json.loads(text))))

    text = DASHBOARD.read_text()
    assert not_read(json.loads(text), read(text)) == []
    for place, misspelt in {
        "panels[0].gridpos": text.replace('"gridPos"', '"gridpos"', 1),
        "panels[0].targets[0].legend": text.replace('"legendFormat"', '"legend"', 1),
        "panels[0].fieldConfig.defaults.custom.opacity": text.replace('"fillOpacity"', '"opacity"', 1),
    }.items():
        (missing,) = not_read(json.loads(misspelt), read(misspelt))
        assert missing.startswith(f"dashboard.{place}: ")


@pytest.mark.parametrize("name", ["job", "instance"])
def test_the_choices_of_the_dashboard_have_values(watching, name):
    found = watching.ask(f"label/{name}/values", **{"match[]": "jwt_auth_authenticated"})
    assert len(found) == 1

