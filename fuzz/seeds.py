"""Makes the corpora that fuzzing begins with, out of the inputs of the tests and of fuzz/seeds/TARGET/: fuzz/corpus/TARGET/.

In fuzz/seeds/ stand the inputs for which the fuzzer has found a fault, each named by what it showed.
"""

import base64
import hashlib
import json
from pathlib import Path
from struct import pack

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
SEEDS = ROOT / "fuzz" / "seeds"


def main():
    vectors = json.loads((ROOT / "tests/core/rfc_vectors.json").read_text())
    inline = texts("tests/core/issuers", "*/inline.json")
    issuers = [json.loads(text) for text in texts("tests/interoperability/issuers", "*.json")]
    sets = [json.dumps({"keys": [vector["jwk"]]}) for vector in vectors]
    sets += [json.dumps(credential["jwks"]) for text in inline for credential in credentials(text) if "jwks" in credential]
    sets += [json.dumps(issuer["jwks"]) for issuer in issuers]
    configurations = [*texts("envoy", "**/*.yaml"), *texts("tests/core", "**/plugin.*"), *inline]
    # What a token's parts hold, and nesting at and beyond its bound.
    parts = [part for vector in vectors for part in vector["token"].split(".")[:2]]
    nested = [f'{{"a":{"[" * depth}{"]" * depth}}}' for depth in (125, 126, 127, 128)]
    # Beyond the range of a double, as only a member of the outermost object may be, and outside of any object.
    numbers = ['{"a":1e400}', '{"a":[1e400]}', "1e400", "7"]
    write("json", [*sets, *(text for text in configurations if text.startswith("{")), *map(decoded, parts), *nested, *numbers])
    # Among them one with a key more than a set may have.
    many = json.dumps({"keys": [{**vectors[-1]["jwk"], "kid": str(number)} for number in range(101)]})
    discovery = json.dumps({"issuer": "https://a.example", "jwks_uri": "https://a.example/jwks"})
    metadata = [json.dumps(issuer["metadata"]) for issuer in issuers]
    answers = [f"200 max-age=60\n{body}" for body in [*sets, many, discovery, *metadata]]
    answers += [f"200+{left_out} public, max-age=60\n{body}" for left_out in (512, 1 << 19) for body in (sets[0], discovery)]
    write("key_sets", answers)
    written = [*inline, *nested, *map(json.dumps, single_fields())]
    write("configuration", [*configurations, *written, *(struct(json.loads(text)) for text in written)])
    # What is typed is read as it is, the rest is drawn from octets.
    curls = [line[line.index("curl ") :] for text in texts("docs", "*.md") for line in text.splitlines() if "curl " in line]
    typed = [f"GET /?jwt={vector['token']} HTTP/1.1\r\nAuthorization: Bearer {vector['token']}" for vector in vectors]
    write("requests", [*curls, *typed, *(drawn(number, 256) for number in range(256))])
    # The first octet chooses the configuration.
    write("decide", [bytes([number]) + drawn(number, 128)[1:] for number in range(256)])
    gateways = [*texts("envoy/gateway", "*.yaml"), *texts("cli/tests/convert", "*.yaml")]
    write("convert", [*gateways, *(drawn(number, 256) for number in range(64))])
    lists = [block.split("```")[0] for text in texts("docs", "revocation.md") for block in text.split("```json\n")[1:]]
    write("revocation", [*lists, *(drawn(number, 256) for number in range(64))])
    for folder in SEEDS.iterdir():
        write(folder.name, [path.read_bytes() for path in folder.iterdir()])


def texts(folder, pattern):
    """What stands in the files that match, of which there is one at least."""
    paths = sorted((ROOT / folder).glob(pattern))
    if not paths:
        raise SystemExit(f"no file matches {folder}/{pattern}")
    return [path.read_text() for path in paths]


def credentials(configuration):
    """The credentials of all consumers of a configuration."""
    return [it for consumer in json.loads(configuration)["consumers"] for it in consumer.get("jwt_secrets", [])]


def single_fields():
    """Configurations with one field each, as its schema has it, and with what stands in few fields."""
    schema = json.loads((ROOT / "envoy/jwt-auth.schema.json").read_text())
    for name, field in schema["properties"].items():
        for content in [*field.get("examples", []), field.get("default"), True, False, -1, 1.5]:
            yield {name: content}


def struct(members):
    """A google.protobuf.Struct."""
    return b"".join(field(1, field(1, name.encode()) + field(2, value(of))) for name, of in members.items())


def value(of):
    """A google.protobuf.Value."""
    match of:
        case None:
            return b"\x08\0"
        case bool():
            return bytes([4 << 3, of])
        case int() | float():
            return bytes([2 << 3 | 1]) + pack("<d", of)
        case str():
            return field(3, of.encode())
        case dict():
            return field(5, struct(of))
        case list():
            return field(6, b"".join(field(1, value(item)) for item in of))


def field(number, octets):
    """A field of octets in protobuf's wire format."""
    length, rest = [], len(octets)
    while rest >= 0x80:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([number << 3 | 2, *length, rest]) + octets


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def drawn(number, length):
    """Octets of chance, the same ones each time, behind one that says that something is to be drawn from them."""
    return b"\0" + hashlib.shake_256(number.to_bytes()).digest(length)


def write(target, inputs):
    """Each input in a file that is named by what it holds, as libFuzzer does."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    if not inputs:
        raise SystemExit(f"no seed for {target}")
    for content in inputs:
        octets = content if isinstance(content, bytes) else content.encode()
        (folder / hashlib.sha1(octets).hexdigest()).write_bytes(octets)


if __name__ == "__main__":
    main()
