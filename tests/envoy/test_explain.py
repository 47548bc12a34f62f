"""What `jwt-auth explain` says of a request, held against what Envoy does with it: they never disagree."""

import json
import re
import shutil
import subprocess

import client
import harness
import pytest
from consumers import CLIENT_APP, HS256, plugin
from key_server import KeyServer, key_set
from samples import ROOT
from tokens import ISSUER, key

PROGRAM = ROOT / "target" / "debug" / "jwt-auth"
CONFIGURATION = plugin(
    CLIENT_APP,
    header_names=["authorization", "x-token"],
    uri_param_names=["jwt"],
    cookie_names=["session"],
    run_on_preflight=False,
)
HIDING = {
    **CONFIGURATION,
    "hide_credentials": True,
    "claims_to_headers": [{"claim": "sub", "header": "X-Sub"}],
    "forward_payload_header": "X-Payload",
}
LISTENERS = {"places": CONFIGURATION, "hiding": HIDING}
TOKEN = HS256.token()
OTHER = HS256.token(n=2)


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    """Whether a request passes, and what the client is answered else."""
    path = tmp_path_factory.mktemp("explain") / "plugin.json"
    path.write_text(json.dumps(CONFIGURATION))

    def explain(request):
        command = [PROGRAM, "explain", "--config", path, "--format", "json"]
        done = subprocess.run(command, input=request, capture_output=True, timeout=60)
        assert done.returncode in (0, 1), done.stderr
        verdict = json.loads(done.stdout)["verdict"]
        assert verdict["passes"] is (done.returncode == 0)
        return (200, None) if verdict["passes"] else (verdict["status"], verdict["body"])

    return explain


def outcome(status, body):
    return (200, None) if status == 200 else (status, json.loads(body))


REQUESTS = [
    "GET / HTTP/1.1\nAuthorization: Bearer TOK\n",
    "GET / HTTP/1.1\nAUTHORIZATION:bearer\t TOK \t\n",
    "GET / HTTP/1.1\nAuthorization: Bearer TOK, Bearer OTHER\n",
    "GET / HTTP/1.1\nAuthorization: Bearer TOK\nAuthorization: Bearer OTHER\n",
    "GET / HTTP/1.1\nAuthorization: Basic x\nAuthorization: Bearer TOK\n",
    "GET / HTTP/1.1\nAuthorization:\nAuthorization: Bearer TOK\n",
    "GET / HTTP/1.1\nAuthorization: Bearer TOK\nX-Token: Bearer TOK\n",
    "GET / HTTP/1.1\nAuthorization: Bearer TOK\nX-Token: Bearer OTHER\n",
    "GET / HTTP/1.1\nX-Token:\nX-Token: Bearer TOK\n",
    "GET / HTTP/1.1\nX-Token: Bearer TOK\nX-Token: Bearer OTHER\n",
    "GET / HTTP/1.1\nX-Token: Bearer \"TOK\"\n",
    "GET / HTTP/1.1\nCookie: a=b; session=TOK\n",
    "GET / HTTP/1.1\nCookie: session=TOK\nCookie: session=OTHER\n",
    "GET / HTTP/1.1\nCookie: a\nCookie: session=TOK\n",
    "GET / HTTP/1.1\nCookie: session=\"TOK\"\n",
    "GET / HTTP/1.1\nCookie: SESSION=TOK, session=TOK\n",
    "GET /?jwt=TOK HTTP/1.1\n",
    "GET http://a.example/b?jwt=TOK HTTP/1.1\n",
    "GET /?jwt=&jwt=TOK HTTP/1.1\n",
    "GET /?jwt=TOK&jwt=OTHER HTTP/1.1\n",
    "GET /?JWT=TOK HTTP/1.1\n",
    "GET /?%6Awt=TOK HTTP/1.1\n",
    "GET /?jwt=TOK%2E HTTP/1.1\n",
    "GET /?jwt=+TOK HTTP/1.1\n",
    "GET /?a;jwt=TOK HTTP/1.1\n",
    "GET /?a?jwt=TOK HTTP/1.1\n",
    "GET /a;jwt=TOK HTTP/1.1\n",
    "GET /%3Fjwt=TOK HTTP/1.1\n",
    "OPTIONS / HTTP/1.1\n",
    "PROPFIND /?jwt=TOK HTTP/1.1\n",
    "GET /?jwt=TOK HTTP/1.1\nAuthorization:\n",
    "GET / HTTP/1.1\nAuthorization: ,Bearer TOK\n",
    "GET / HTTP/1.1\nAuthorization: Bearer TOK\nAuthorization:\n",
    "GET / HTTP/1.1\nAuthorization:\nAuthorization:\n",
    "GET / HTTP/1.1\nCookie: session=\nCookie: session=TOK\n",
    "GET / HTTP/1.1\nCookie:\nCookie: session=TOK\n",
    "GET / HTTP/1.1\nAuthorization: Bearer\n TOK\n",
    "GET / HTTP/1.1\nA: b\n Authorization: Bearer TOK\n",
    "GET / HTTP/1.1\nAuthorization:\n \t Bearer TOK\n",
    "GET /a/../b?jwt=TOK HTTP/1.1\n",
    "GET //a?jwt=TOK HTTP/1.1\n",
    "GET /?jwt=TOK%26 HTTP/1.1\n",
    "GET /?jwt=TOK&jwt HTTP/1.1\n",
    "GET /?jwt=%zzTOK HTTP/1.1\n",
    "GET / HTTP/1.1\nX-Consumer-ID: 1\nAuthorization: Bearer TOK\n",
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_on_the_wire(envoy, explained, request_):
    given = request_.replace("TOK", TOKEN).replace("OTHER", OTHER)
    line, _, rest = given.partition("\n")
    on_the_wire = f"{line}\nHost: a.example\nConnection: close\n{rest}\n".replace("\n", "\r\n").encode()
    response = client.http1_raw(envoy["places"].address, on_the_wire)
    expected = outcome(response.status, response.body)
    assert explained(given.encode()) == expected
    assert explained(on_the_wire) == expected


# What Envoy itself sets.
ENVOY_S_OWN = re.compile("host|connection|x-forwarded-.*|x-request-id|x-envoy-.*")

FORWARDED = [
    [("Authorization", "Bearer TOK"), ("Accept", "*")],
    [("Authorization", "Bearer TOK"), ("X-Token", "Basic x"), ("X-Token", "bearer TOK")],
    [("Cookie", "a=b; session=TOK"), ("X-Sub", "forged"), ("x-payload", "forged")],
    [("Cookie", "session=TOK"), ("X-Consumer-Username", "forged"), ("X-Anonymous-Consumer", "true")],
]


@pytest.mark.parametrize("headers", FORWARDED)
def test_what_the_upstream_gets(envoy, tmp_path, headers):
    headers = [(name, value.replace("TOK", HS256.token(sub="me"))) for name, value in headers]
    response = envoy["hiding"].send(path="/a", headers=headers)
    got = [(name.lower(), value) for name, value in response.upstream["headers"]]
    got = sorted((name, value) for name, value in got if not ENVOY_S_OWN.fullmatch(name))

    config = tmp_path / "plugin.json"
    config.write_text(json.dumps(HIDING))
    request = "GET /a HTTP/1.1\n" + "".join(f"{name}: {value}\n" for name, value in headers)
    command = [PROGRAM, "explain", "--config", config, "--format", "json"]
    told = json.loads(subprocess.run(command, input=request.encode(), capture_output=True, timeout=60).stdout)
    changes = told["verdict"]["upstream"]
    removed = {name.lower() for name in changes["removed"] + changes["shortened"]}
    assert {name for name, _ in headers if name.lower() not in dict(got)} <= set(changes["removed"])
    set_ = {name.lower(): value for name, value in changes["set"].items()}
    kept = [(name.lower(), value) for name, value in headers if name.lower() not in removed | set(set_)]
    shortened = [(name, value) for name, value in got if name in {name.lower() for name in changes["shortened"]}]
    assert got == sorted([*kept, *set_.items(), *shortened])


COMMANDS = [
    "curl URL/a?b -H 'Authorization: Bearer TOK'",
    "curl URL -H Authorization:\\ Bearer\\ TOK",
    "curl -sXPUT -HAuthorization:\"Bearer TOK\" URL",
    "curl URL -H 'Authorization: Bearer TOK' -H 'Authorization:'",
    "curl URL -H 'Authorization: Bearer TOK' -H 'Authorization: Bearer OTHER'",
    "curl URL -H 'Authorization;' -H 'Authorization: Bearer TOK'",
    "curl URL -H 'X-Token;' -H 'X-Token: Bearer TOK'",
    "curl URL -u a:b -H 'Authorization: Bearer TOK'",
    "curl URL -u a:b -H 'X-Token: Bearer TOK'",
    "curl URL --oauth2-bearer TOK",
    "curl URL --oauth2-bearer OTHER -H 'Authorization: Basic x'",
    "curl URL -u a:b --oauth2-bearer TOK",
    "curl URL --oauth2-bearer TOK -u a:b",
    "curl URL -u a:b --basic --oauth2-bearer TOK",
    "curl URL --oauth2-bearer OTHER --oauth2-bearer TOK -H 'X-Token: Bearer TOK'",
    "curl URL -b session=TOK",
    "curl URL -b a=b -b session=TOK",
    "curl URL -b session=TOK -b session=OTHER",
    "curl URL -b session=TOK -H 'Cookie: a=b'",
    "curl URL -b a=b -H 'Cookie: session=TOK'",
    "curl URL -b session=TOK -H 'Cookie:'",
    "curl URL/?jwt=TOK",
    "curl 'URL?jwt=TOK#fragment'",
    "curl 'URL/#?jwt=TOK'",
    "curl -G URL -d jwt=TOK",
    "curl -G URL -d a=b -d jwt=TOK --data-urlencode c=d",
    "curl -G URL/?a --data-urlencode jwt=TOK",
    "curl -G URL --data-urlencode 'jwt=TOK='",
    "curl -G URL --data-urlencode '=jwt=TOK'",
    "curl -G URL --data-urlencode 'jwt%3DTOK'",
    "curl -G URL --data-raw jwt=TOK",
    "curl -G URL -F jwt=TOK",
    "curl URL -d jwt=TOK",
    "curl URL --url-query jwt=TOK",
    "curl URL --url-query +jwt=TOK",
    "curl URL --url-query 'jwt=TOK='",
    "curl URL --url-query a -G -d jwt=TOK",
    "curl --url URL -X OPTIONS",
    "curl URL -I",
    "curl URL -T /dev/null -H 'x-token: bearer TOK'",
    "curl \\\n  URL \\\n  -H 'x-token: bearer TOK' \\\n  --compressed",
    "curl URL -H $'x-token: \\u0062earer\\x20TOK' --data-raw $'it\\'s'",
    "curl URL -H \"x-token: bearer TOK\" -H \"a: \\\"b\\\" \\c\" # a comment -H",
    "curl URL 2> /dev/null -H 'x-token: bearer TOK' | cat",
    "curl -H 'x-token: bearer TOK' -H 'x-token: bearer OTHER' URL && true",
    "curl URL --oauth2-bearer TOK -H 'authorization:'",
    "curl URL -H 'X-Token: Bearer TOK' -H 'X-Token;'",
    "curl URL -H 'X-Token: Bearer TOK;'",
    "curl URL -H 'X-Token:;Bearer TOK'",
    "curl URL -H 'X-Token' -H 'x-token: Bearer TOK'",
    "curl -L URL/ -e x:y -A 'x: y' --referer x -H 'Accept:' -H 'X-Token: Bearer TOK'",
    "curl -bsession=TOK --cookie-jar /dev/null URL",
    "curl -b ';session=TOK' URL",
    "curl -b '' -H 'x-token: bearer TOK' URL",
    "curl URL/../a/./?jwt=TOK",
    "curl --path-as-is URL/../a/./?jwt=TOK",
    "curl URL/?jwt=TOK -G -d ''",
    "curl URL/?jwt=TOK -G -d jwt=TOK -d jwt=TOK",
    "curl URL/?jwt=TOK -G -d jwt=OTHER",
    "curl URL --json '{}' -H 'x-token: bearer TOK'",
]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_curl_command_line(envoy, explained, command):
    host, port = envoy["places"].address
    given = command.replace("TOK", TOKEN).replace("OTHER", OTHER).replace("URL", f"http://{host}:{port}")
    quiet = given.replace("curl", "curl -q -sS -w '\\n%{http_code}'", 1)
    done = subprocess.run(["bash", "-c", quiet], capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=60)
    body, _, status = done.stdout.rpartition("\n")
    expected = explained(given.encode())
    if " -I" in command:
        assert int(status) == expected[0]
    else:
        assert outcome(int(status), body) == expected


EC = key("ES256")
KEY_SETS = {
    "none": {"keys": []},
    "weak": {"keys": [{"kty": "RSA", "n": "_w", "e": "AQAB", "kid": "1"}]},
    "secret": {"keys": [{"kty": "oct", "k": "AQAB", "kid": "1"}]},
    "of another kid": key_set((EC, "2")),
    "of another kind": key_set((key("Ed25519"), "1")),
    "good": key_set((EC, "1")),
    "too long": {**key_set((EC, "1")), "more": "x" * (512 << 10)},
    "no set": [],
}
INVALID_ALGORITHM = (401, {"message": "Invalid algorithm"})


def test_what_becomes_of_a_key_set(upstream, tmp_path):
    def configuration(path):
        remote = {"uri": f"http://issuer.example.com/{path}", "cluster": "issuer"}
        return plugin({"username": "App", "jwt_secrets": [{"key": ISSUER, "remote_jwks": remote}]})

    tokens = [EC.token(header={"kid": kid} if kid else None) for kid in (None, "1")]
    answers = {}
    with KeyServer() as server:
        paths = {name: name.replace(" ", "-") for name in KEY_SETS}
        for name, set_ in KEY_SETS.items():
            server.set(f"/{paths[name]}", set_)
        listeners = {name: configuration(path) for name, path in paths.items()}
        with harness.Envoy(listeners, upstream, tmp_path, clusters={"issuer": server.port}) as envoy:
            for name in KEY_SETS:
                answers[name] = [outcome(it.status, it.body) for it in map(envoy[name].bearer, tokens)]

    for name, set_ in KEY_SETS.items():
        config, file = tmp_path / "plugin.json", tmp_path / "set.json"
        config.write_text(json.dumps(configuration("set")))
        file.write_text(json.dumps(set_))
        for token, answer in zip(tokens, answers[name], strict=True):
            command = [PROGRAM, "explain", "--config", config, "--jwks", file, "--token", token, "--format", "json"]
            done = subprocess.run(command, capture_output=True, timeout=60)
            if name in ("too long", "no set"):
                # The filter has no set then, and says when to try again.
                assert (done.returncode, answer) == (2, (503, {"message": "Key set unavailable"})), name
                continue
            verdict = json.loads(done.stdout)["verdict"]
            assert answer == ((200, None) if verdict["passes"] else (verdict["status"], verdict["body"])), name
    for name in ("none", "weak", "secret", "of another kind"):
        assert answers[name] == [INVALID_ALGORITHM] * 2, name
    assert answers["good"] == [(200, None)] * 2
