"""The sample configurations in envoy/, read strictly, with what a user has to fill in filled in."""

from pathlib import Path

import yaml

import harness
from consumers import RS256

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "envoy"
DEMO_KEY = (SAMPLES / "demo" / "public-key.pem").read_text()
# In samples to be filled in: the beginning of a public key whose private key nobody has.
NOBODYS_KEY = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApvLGiSZ1SbkxXp3R/N31\n"
WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"


class StrictLoader(yaml.SafeLoader):
    """YAML in which a key may not stand twice; PyYAML would take the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice, {node.start_mark}: {keys}"
        return super().construct_mapping(node, deep)


def text(name):
    return (SAMPLES / name).read_text(encoding="utf-8")


def documents(name):
    return parse(text(name))


def parse(source):
    """YAML text as its documents."""
    return list(yaml.load_all(source, StrictLoader))


def document(name):
    [only] = documents(name)
    return only


def read(source):
    """YAML text as an object."""
    return yaml.load(source, StrictLoader)


def walk(value):
    """The value and all that it holds."""
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(item)


def addresses(value):
    """The socket addresses in an Envoy configuration."""
    return [item["socket_address"] for item in walk(value) if isinstance(item, dict) and "socket_address" in item]


def filters(value):
    """The configuration of each Wasm filter in an Envoy configuration."""
    return [item["config"] for item in walk(value) if isinstance(item, dict) and item.get("@type") == WASM]


def with_key(plugin):
    """A plugin configuration with a key of the tests' in the place of the sample's; there must be just one place."""
    [credential] = [item for item in walk(plugin) if isinstance(item, dict) and "rsa_public_key" in item]
    assert credential["rsa_public_key"].startswith(NOBODYS_KEY) or credential["rsa_public_key"] == DEMO_KEY
    credential["rsa_public_key"] = RS256.spki
    return plugin


def fill_in(plugin):
    """Gives a Wasm filter's configuration what a user has to: the place of the module, and a key."""
    plugin["vm_config"]["code"]["local"]["filename"] = str(harness.MODULE)
    with_key(plugin["configuration"]["value"])


def runnable(config, upstream):
    """An Envoy configuration as it can run here: on free ports, with the module and the upstream where they are."""
    for plugin in filters(config):
        fill_in(plugin)
    for cluster in config["static_resources"]["clusters"]:
        if cluster["name"] == "SampleIRISService":
            cluster["type"] = "STATIC"
            [address] = addresses(cluster)
            address.update(address=harness.LOOPBACK, port_value=upstream.port)
    for address in addresses([config["admin"], config["static_resources"]["listeners"]]):
        address.update(address=harness.LOOPBACK, port_value=0)
    return config
