"""Makes the corpora that fuzzing begins with, out of the inputs of the tests: fuzz/corpus/TARGET/."""

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"


def main():
    vectors = json.loads((ROOT / "tests/core/rfc_vectors.json").read_text())
    sets = [json.dumps({"keys": [vector["jwk"]]}) for vector in vectors]
    sets += [path.read_text() for path in sorted((ROOT / "tests/core/issuers").glob("*/jwks.json"))]
    configurations = [path.read_text() for path in sorted((ROOT / "envoy").rglob("*.yaml"))]
    configurations += [path.read_text() for path in sorted((ROOT / "tests/core").rglob("plugin.*"))]
    configurations += [path.read_text() for path in sorted((ROOT / "tests/core").rglob("inline.json"))]
    curls = [line for path in (ROOT / "docs").glob("*.md") for line in path.read_text().splitlines() if "curl " in line]
    tokens = [f"GET /?jwt={vector['token']} HTTP/1.1\r\nAuthorization: Bearer {vector['token']}" for vector in vectors]
    write("json", [*sets, *(text for text in configurations if text.startswith("{"))])
    # Among them one with a key more than a set may have.
    many = json.dumps({"keys": [{**vectors[-1]["jwk"], "kid": str(number)} for number in range(101)]})
    discovery = json.dumps({"issuer": "https://a.example", "jwks_uri": "https://a.example/jwks"})
    write("key_sets", [f"200 max-age=60\n{body}" for body in [*sets, many, discovery]])
    write("configuration", configurations)
    write("requests", [*curls, *tokens])
    write("decide", [bytes([number]) * 64 for number in range(256)])
    gateways = [path.read_text() for path in sorted((ROOT / "envoy/gateway").glob("*.yaml"))]
    gateways += [path.read_text() for path in sorted((ROOT / "cli/tests/convert").glob("*.yaml"))]
    write("convert", [*gateways, *(drawn(number, 256) for number in range(64))])
    lists = [block.split("```")[0] for block in (ROOT / "docs/revocation.md").read_text().split("```json\n")[1:]]
    write("revocation", [*lists, *(drawn(number, 256) for number in range(64))])


def drawn(number, length):
    """Octets of chance, the same ones each time, behind one that says that something is to be drawn from them."""
    return b"\0" + hashlib.shake_256(number.to_bytes()).digest(length)


def write(target, inputs):
    """Each input in a file that is named by what it holds, as libFuzzer does."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for content in inputs:
        octets = content if isinstance(content, bytes) else content.encode()
        (folder / hashlib.sha1(octets).hexdigest()).write_bytes(octets)


if __name__ == "__main__":
    main()
