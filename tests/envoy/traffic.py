"""Requests of all kinds, so that there is something to see of each."""

from consumers import CLIENT_APP, GUEST, HS256, PARTNER, RS256, plugin
from harness import Listen
from key_server import KeyServer, key_set
from tokens import in_seconds, key

ISSUER_KEY = key("ES256", "traffic")
FOREIGN = key("HS256", "of somebody else")
KEYS = "/jwks.json"


def key_server():
    """The issuer of one of the consumers."""
    server = KeyServer()
    server.set(KEYS, key_set(ISSUER_KEY))
    return server


def clusters(server):
    return {"keys": server.port}


def listeners(server):
    """The filter as it is often configured, and one that lets everybody pass."""
    remote = {"uri": f"http://keys.example.com{KEYS}", "cluster": "keys", "timeout": "1s", "cache_duration": "2s"}
    issuer = {"username": "Remote", "jwt_secrets": [{"key": "remote", "algorithm": "ES256", "remote_jwks": remote}]}
    strict = plugin(CLIENT_APP, PARTNER, GUEST, issuer, claims_to_verify=["exp"], run_on_preflight=False, deny=["Partner"])
    open_route = [{"name": "open", "match": {"prefix": "/open"}, "route": {"cluster": "http1"}}]
    rest = {"name": "all", "match": {"prefix": "/"}, "route": {"cluster": "http1"}}
    return {
        "strict": Listen({**strict, "measure_verification": True, "rules": [{"routes": ["open"], "disabled": True}]}, [*open_route, rest]),
        "anonymous": plugin(CLIENT_APP, GUEST, anonymous="guest"),
        "optional": plugin(CLIENT_APP, optional=True),
    }


def well(envoy, number):
    """Requests that pass: with a token that returns, and with new ones."""
    strict = envoy["strict"]
    returning = HS256.token(exp=4_000_000_000)
    statuses = [strict.bearer(returning).status for _ in range(4)]
    statuses += [strict.bearer(HS256.token(exp=4_000_000_000, jti=str(number))).status]
    statuses += [strict.bearer(ISSUER_KEY.token(iss="remote", exp=4_000_000_000, jti=str(number))).status]
    statuses += [strict.send(path="/open").status, envoy["anonymous"].send().status, envoy["optional"].send().status]
    return [*statuses, strict.preflight().status]


REFUSED = {
    "no_token": lambda: "",
    "malformed_token": lambda: "x",
    "unknown_key": lambda: HS256.token(iss="nobody"),
    "invalid_signature": lambda: FOREIGN.token(exp=4_000_000_000),
    "expired": lambda: HS256.token(exp=in_seconds(-60)),
    "not_allowed": lambda: RS256.token(iss="https://partner.example.com", exp=4_000_000_000),
}


def refused(envoy, reason):
    """A request that is refused for this reason."""
    return envoy["strict"].bearer(REFUSED[reason]()).status
