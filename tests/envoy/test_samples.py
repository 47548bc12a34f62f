"""The samples in envoy/: each is what its reader takes, and the filter takes the plugin configuration in each."""

import json
import re
import subprocess

import compose_spec
import jsonschema
import kubernetes_validate
import pytest
from cloudcoil.models.istio.extensions.v1alpha1 import WasmPlugin
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from referencing import Registry, Resource

import harness
import samples
from consumers import RS256
from expect import BAD_SIGNATURE, passed, refused, unauthorized
from tokens import Key, in_seconds

ISTIO = "istio/wasmplugin.yaml"
ENVOY_GATEWAY = "envoy-gateway/extension-policy.yaml"
KUBERNETES = "kubernetes/jwt-auth.yaml"
ENVOY_GATEWAY_NATIVE = "envoy-gateway/native.yaml"
COMPOSE = {"wasm": "docker-compose.yaml", "native": "docker-compose.native.yaml"}
KUBERNETES_VERSION = "1.37"
# Those with the filter as Envoy configures it; Istio and Envoy Gateway configure the VM by themselves.
OF_ENVOY = ["minimal.yaml", "ecds/jwt-auth.yaml", "oauth.yaml", "mcp.yaml", KUBERNETES, "envoy.yaml", "operators.yaml"]

CLIENT_APP = {"username": "ClientApp"}
DEMO = Key("RS256", load_pem_private_key((samples.SAMPLES / "demo" / "private-key.pem").read_bytes(), password=None))


def istio_plugin():
    return samples.document(ISTIO)["spec"]["pluginConfig"]


def envoy_gateway_plugin():
    return samples.document(ENVOY_GATEWAY)["spec"]["wasm"][0]["config"]


def envoy_gateway_native_plugin():
    _, policy = samples.documents(ENVOY_GATEWAY_NATIVE)
    return policy["spec"]["dynamicModule"][0]["config"]


def kubernetes(kind):
    [resource] = [item for item in samples.documents(KUBERNETES) if item["kind"] == kind]
    return resource


def kubernetes_envoy():
    return samples.read(kubernetes("ConfigMap")["data"]["envoy.yaml"])


def kubernetes_plugin():
    [plugin] = samples.filters(kubernetes_envoy())
    return plugin["configuration"]["value"]


def envoy_plugins(name):
    """The plugin configurations in a file for Envoy."""
    configurations = [plugin["configuration"]["value"] for plugin in samples.filters(samples.documents(name))]
    return [json.loads(value) if isinstance(value, str) else value for value in configurations]


# Istio and Envoy Gateway hand JSON to the filter, Envoy a Struct or JSON as its file says.
FILLED_IN = {
    "istio": json.dumps(samples.with_key(istio_plugin())),
    "envoy-gateway": json.dumps(samples.with_key(envoy_gateway_plugin())),
    "envoy-gateway, native": json.dumps(samples.with_key(envoy_gateway_native_plugin())),
    "minimal, Struct": samples.with_key(envoy_plugins("minimal.yaml")[0]),
    "minimal, text": json.dumps(samples.with_key(envoy_plugins("minimal.yaml")[1])),
}
AS_THEY_STAND = {
    "istio, as it stands": json.dumps(istio_plugin()),
    "envoy-gateway, as it stands": json.dumps(envoy_gateway_plugin()),
    "envoy-gateway, native, as it stands": json.dumps(envoy_gateway_native_plugin()),
    "kubernetes, as it stands": kubernetes_plugin(),
    "minimal, Struct, as it stands": envoy_plugins("minimal.yaml")[0],
    "minimal, text, as it stands": json.dumps(envoy_plugins("minimal.yaml")[1]),
}
LISTENERS = FILLED_IN | AS_THEY_STAND


@pytest.mark.parametrize("name", FILLED_IN)
def test_the_filter_takes_the_plugin_configuration(envoy, name):
    passed(envoy[name].bearer(RS256.token(exp=in_seconds(60))), CLIENT_APP)
    unauthorized(envoy[name].send())


@pytest.mark.parametrize("name", AS_THEY_STAND)
def test_as_it_stands_the_filter_takes_the_sample_and_lets_nobody_in(envoy, name):
    for signer in [RS256, DEMO]:
        refused(envoy[name].bearer(signer.token(exp=in_seconds(60))), BAD_SIGNATURE)


@pytest.mark.parametrize("config", [lambda: samples.document("envoy.yaml"), kubernetes_envoy], ids=["envoy", "kubernetes"])
def test_envoy_runs_the_sample(upstream, tmp_path, config):
    config = config()
    with harness.Envoy(None, upstream, tmp_path, bootstrap=samples.runnable(config, upstream)) as envoy:
        passed(envoy["http"].bearer(RS256.token(exp=in_seconds(60))), CLIENT_APP)
        unauthorized(envoy["http"].send())


def test_istio_s_schema_takes_every_field_of_the_sample():
    sample = samples.document(ISTIO)
    assert sample["spec"]["failStrategy"] == "FAIL_RELOAD"
    sample["spec"]["failStrategy"] = "FAIL_CLOSE"  # the model is that of an Istio that has no other
    assert WasmPlugin.model_validate(sample).model_dump(by_alias=True, exclude_unset=True) == sample


@pytest.mark.parametrize("change", [{"failStrategy": "FAIL"}, {"failstrategy": "FAIL_CLOSE"}, {"phase": "LATE"}])
def test_istio_s_schema_would_refuse_a_mistake(change):
    sample = samples.document(ISTIO)
    sample["spec"].update(change)
    try:
        assert WasmPlugin.model_validate(sample).model_dump(by_alias=True, exclude_unset=True) != sample
    except ValueError:
        pass


def test_kubernetes_takes_every_resource_of_the_sample():
    resources = samples.documents(KUBERNETES)
    assert [resource["kind"] for resource in resources] == ["ConfigMap", "Deployment", "Service"]
    for resource in resources:
        kubernetes_validate.validate(resource, KUBERNETES_VERSION, strict=True)


def test_the_resources_for_kubernetes_fit_together():
    config, deployment, service = samples.documents(KUBERNETES)
    pod = deployment["spec"]["template"]
    [container] = pod["spec"]["containers"]
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    listeners = kubernetes_envoy()["static_resources"]["listeners"]

    assert volumes["config"]["configMap"]["name"] == config["metadata"]["name"]
    assert f"{mounts['config']}/{next(iter(config['data']))}" in container["command"]
    [plugin] = samples.filters(kubernetes_envoy())
    assert plugin["vm_config"]["code"]["local"]["filename"] == f"{mounts['module']}/plugin.wasm"
    assert ports == {item["name"]: item["address"]["socket_address"]["port_value"] for item in listeners}
    assert container["readinessProbe"]["httpGet"]["port"] in ports
    assert service["spec"]["ports"][0]["targetPort"] in ports
    labels = pod["metadata"]["labels"]
    assert service["spec"]["selector"] == labels == deployment["spec"]["selector"]["matchLabels"]


def test_the_kubelet_reaches_readiness_and_nothing_else_of_the_admin_interface(upstream, tmp_path):
    config = samples.runnable(kubernetes_envoy(), upstream)
    # The admin interface gets its port only when Envoy starts, and the sample's cluster for it must know it.
    [admin] = [cluster for cluster in config["static_resources"]["clusters"] if cluster["name"] == "admin"]
    [address] = samples.addresses(admin)
    assert address == {"address": "127.0.0.1", "port_value": 9901}
    address["port_value"] = upstream.port
    with harness.Envoy(None, upstream, tmp_path, bootstrap=config) as envoy:
        assert envoy["probes"].send(path="/ready").upstream["path"] == "/ready"
        for path in ["/", "/quitquitquit", "/ready/", "/READY", "/config_dump"]:
            assert envoy["probes"].send("POST", path).status == 404


# What the sample uses of gateway.envoyproxy.io/v1alpha1, as its custom resource definition has it: no package that
# can be installed publishes that. A dict has exactly these members; a set is a choice; a type is any value of it.
TARGETS = [{"group": {"gateway.networking.k8s.io"}, "kind": {"Gateway", "HTTPRoute", "GRPCRoute"}, "name": str}]


def of_envoy_gateway(kind, spec):
    metadata = {"name": str, "namespace": str}
    return {"apiVersion": {"gateway.envoyproxy.io/v1alpha1"}, "kind": {kind}, "metadata": metadata, "spec": spec}


EXTENSION_POLICY = of_envoy_gateway(
    "EnvoyExtensionPolicy",
    {
        "targetRefs": TARGETS,
        "wasm": [
            {
                "name": str,
                "rootID": str,
                "code": {"type": {"Image"}, "image": {"url": str}},
                "failOpen": {False},
                "config": dict,
            }
        ],
    },
)
ENVOY_PROXY = of_envoy_gateway(
    "EnvoyProxy",
    {
        "provider": {
            "type": {"Kubernetes"},
            "kubernetes": {
                "envoyDeployment": {
                    "container": {"volumeMounts": [{"name": str, "mountPath": str, "readOnly": {True}}]},
                    "pod": {"volumes": [{"name": str, "image": {"reference": str, "pullPolicy": {"IfNotPresent"}}}]},
                }
            },
        },
        "dynamicModules": [
            {"name": str, "source": {"type": {"Local"}, "local": {"path": str}}, "doNotClose": {True}},
        ],
    },
)
NATIVE_POLICY = of_envoy_gateway(
    "EnvoyExtensionPolicy",
    {"targetRefs": TARGETS, "dynamicModule": [{"name": str, "filterName": {"jwt_auth"}, "config": dict}]},
)


def assert_shape(value, shape, path=""):
    if isinstance(shape, dict):
        assert isinstance(value, dict) and value.keys() == shape.keys(), path
        for name, member in shape.items():
            assert_shape(value[name], member, f"{path}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list) and value, path
        for index, item in enumerate(value):
            assert_shape(item, shape[0], f"{path}[{index}]")
    elif isinstance(shape, set):
        assert value in shape, path
    else:
        assert isinstance(value, shape), path


def test_envoy_gateway_s_policy_has_the_fields_of_its_definition():
    assert_shape(samples.document(ENVOY_GATEWAY), EXTENSION_POLICY)
    assert "://" not in samples.document(ENVOY_GATEWAY)["spec"]["wasm"][0]["code"]["image"]["url"]


def test_envoy_gateway_s_resources_for_the_native_edition_have_the_fields_of_their_definitions():
    proxy, policy = samples.documents(ENVOY_GATEWAY_NATIVE)
    assert_shape(proxy, ENVOY_PROXY)
    assert_shape(policy, NATIVE_POLICY)


def test_envoy_gateway_s_resources_for_the_native_edition_fit_together():
    proxy, policy = samples.documents(ENVOY_GATEWAY_NATIVE)
    assert proxy["metadata"]["namespace"] == policy["metadata"]["namespace"]
    [allowed] = proxy["spec"]["dynamicModules"]
    [used] = policy["spec"]["dynamicModule"]
    assert used["name"] == allowed["name"]
    deployment = proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"]
    [mount] = deployment["container"]["volumeMounts"]
    [volume] = deployment["pod"]["volumes"]
    assert mount["name"] == volume["name"]
    assert allowed["source"]["local"]["path"] == f"{mount['mountPath']}/{harness.NATIVE_MODULE.name}"


@pytest.mark.skipif(not harness.NATIVE_MODULE.is_file(), reason="make native makes the module")
def test_the_native_edition_runs_as_envoy_gateway_configures_it(upstream, tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "LOGGER", "dynamic_modules")
    name = "envoy.filters.http.dynamic_modules/envoyextensionpolicy/default/jwt-auth/dynamic-module/0"
    plugin = json.dumps(samples.with_key(envoy_gateway_native_plugin()))
    # What it writes of the two resources: the module by its path, and the filter off but on the routes of the policy.
    its = {
        "name": name,
        "disabled": True,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
            "dynamic_module_config": {
                "module": {"local": {"filename": str(harness.NATIVE_MODULE)}},
                "do_not_close": True,
            },
            "filter_name": "jwt_auth",
            "filter_config": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": plugin},
        },
    }
    on = {name: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "http1"}, "typed_per_filter_config": on}
    with harness.Envoy({"gateway": harness.Listen(None, [route], behind=[its])}, upstream, tmp_path) as envoy:
        passed(envoy["gateway"].bearer(RS256.token(exp=in_seconds(60))), CLIENT_APP)
        unauthorized(envoy["gateway"].send())


@pytest.mark.parametrize("name", COMPOSE.values())
def test_docker_compose_takes_the_sample(name):
    compose_spec.PyCompose.from_yaml(samples.text(name)).validate()
    with pytest.raises(ValueError):
        compose_spec.PyCompose.from_yaml(samples.text(name).replace("depends_on:", "depends_upon:"))


@pytest.mark.parametrize("name", COMPOSE.values())
def test_docker_compose_s_addresses_replace_the_sample_s(name):
    command = samples.document(name)["services"]["envoy"]["command"]
    assert command[:2] == ["sh", "-c"]
    derive, separator, _ = command[2].partition(" > /tmp/envoy.yaml")
    assert separator and derive.startswith("sed ") and re.search(r"&& exec envoy -c /tmp/envoy.yaml ", command[2])
    derived = subprocess.run(["sh", "-c", derive], cwd=samples.ROOT, check=True, capture_output=True, text=True).stdout
    resources = samples.read(derived)["static_resources"]
    listener, service = samples.addresses(resources)
    assert listener == {"address": "0.0.0.0", "port_value": 8080}
    assert service == {"address": "upstream", "port_value": 8081}


@pytest.mark.parametrize("edition", COMPOSE)
def test_docker_compose_mounts_what_is_there(edition):
    if edition == "native" and not harness.NATIVE_MODULE.is_file():
        pytest.skip("make native makes the module")
    for service in samples.document(COMPOSE[edition])["services"].values():
        for volume in service.get("volumes", []):
            assert (samples.SAMPLES / volume["source"]).is_file(), volume["source"]


def test_docker_compose_loads_the_native_edition_from_where_it_is_mounted():
    envoy = samples.document(COMPOSE["native"])["services"]["envoy"]
    [(_, module)] = [(it["source"], it["target"]) for it in envoy["volumes"] if it["source"].endswith(".so")]
    assert module == f"{envoy['environment']['ENVOY_DYNAMIC_MODULES_SEARCH_PATH']}/{harness.NATIVE_MODULE.name}"
    upstream = samples.document(COMPOSE["native"])["services"]["upstream"]
    assert upstream == {"extends": {"file": COMPOSE["wasm"], "service": "upstream"}}
    assert "upstream" in samples.document(COMPOSE["wasm"])["services"]


def schema_of_editors(name):
    """The schema that the first line of a sample names, for editors with a YAML language server."""
    modeline = re.match(r"# yaml-language-server: \$schema=(\S+)\n", samples.text(name))
    path = (samples.SAMPLES / name).parent / modeline[1]

    def beside(uri):
        return Resource.from_contents(json.loads((path.parent / uri).read_text()))

    return jsonschema.Draft202012Validator(json.loads(path.read_text()), registry=Registry(retrieve=beside))


WITH_SCHEMA = [
    *["envoy.yaml", "native.yaml", "jwt-auth.yaml", "oauth.yaml", "mcp.yaml", "operators.yaml", "minimal.yaml"],
    *["ecds/jwt-auth.yaml", ISTIO, ENVOY_GATEWAY, ENVOY_GATEWAY_NATIVE],
]


@pytest.mark.parametrize("name", WITH_SCHEMA)
def test_editors_check_the_filter_s_fields_wherever_they_stand(name):
    schema = schema_of_editors(name)

    def objections(right="", wrong=""):
        documents = samples.parse(samples.text(name).replace(right, wrong) if right else samples.text(name))
        return [error.message for document in documents for error in schema.iter_errors(document)]

    assert objections() == []
    assert "'claim_to_verify' was unexpected" in "".join(objections("claims_to_verify:", "claim_to_verify:"))
    assert "'jwt_secret' was unexpected" in "".join(objections("jwt_secrets:", "jwt_secret:"))
    if name == "native.yaml":  # a route has a policy of its own there
        assert "'disable' was unexpected" in "".join(objections("{ disabled: true }", "{ disable: true }"))
        assert objections("{ disabled: true }", "{ routes: [health] }") != []


DYNAMIC_MODULE = {"name": "jwt_auth", "do_not_close": True}


def native(**fields):
    return {"static_resources": {"listeners": [{"http_filters": [{"typed_config": fields}]}]}}


def native_gateway(config):
    modules = [{"name": "other", "config": {"a": 1}}, {"name": "jwt-auth", "filterName": "jwt_auth", "config": config}]
    return {"kind": "EnvoyExtensionPolicy", "spec": {"dynamicModule": modules}}


def any_of(message, value):
    return {"@type": f"type.googleapis.com/{message}", "value": value}


@pytest.mark.parametrize(
    "file",
    [
        lambda config: native(filter_name="jwt_auth", filter_config=any_of("google.protobuf.Struct", config)),
        lambda config: native(filter_name="jwt_auth", filter_config=any_of("xds.type.v3.TypedStruct", config)),
        lambda config: native(dynamic_module_config=DYNAMIC_MODULE, filter_config=any_of("google.protobuf.Struct", config)),
        native_gateway,
    ],
    ids=["Struct", "TypedStruct", "by the module's name", "envoy-gateway"],
)
def test_editors_check_the_filter_s_fields_in_each_form_of_a_dynamic_module(file):
    schema = schema_of_editors("envoy.yaml")
    assert not list(schema.iter_errors(file({"claims_to_verify": ["exp"]})))
    [error] = schema.iter_errors(file({"claim_to_verify": ["exp"]}))
    assert "'claim_to_verify' was unexpected" in error.message


def test_editors_leave_other_dynamic_modules_alone():
    schema = schema_of_editors("envoy.yaml")
    other = any_of("google.protobuf.Struct", {"claim_to_verify": 1})
    for fields in [{"filter_name": "waf"}, {"dynamic_module_config": {"name": "waf"}}, {}]:
        assert not list(schema.iter_errors(native(filter_config=other, **fields)))
    text = any_of("google.protobuf.StringValue", "{}")
    assert not list(schema.iter_errors(native(filter_name="jwt_auth", filter_config=text)))


@pytest.mark.parametrize("path", sorted(samples.SAMPLES.rglob("*.yaml")), ids=lambda path: path.name)
def test_no_sample_has_a_key_twice(path):
    assert samples.documents(path.relative_to(samples.SAMPLES))


@pytest.mark.parametrize("name", OF_ENVOY)
def test_no_other_plugin_shares_the_memory_that_key_sets_are_in(name):
    plugins = samples.filters(kubernetes_envoy() if name == KUBERNETES else samples.documents(name))
    assert plugins
    assert all(plugin["vm_config"]["vm_id"] == "jwt_auth" for plugin in plugins)
    assert "vm_id: jwt_auth" in samples.text(name)
