"""What the contract promises, as assertions: how a request is refused, and what an upstream gets of one that passes."""

import json

from tokens import ISSUER

NO_TOKEN = "Bearer"
INVALID_TOKEN = 'Bearer error="invalid_token"'

BAD_JSON = "Bad token; invalid JSON"
BAD_FORM = "Bad token; invalid signature"
BAD_ALG = "Bad token; invalid alg"
BAD_CRIT = "Bad token; invalid crit"
BAD_B64 = "Bad token; invalid b64"
NO_CREDENTIALS = "No credentials found for given 'iss'"
WRONG_ALGORITHM = "Invalid algorithm"
BAD_SIGNATURE = "Invalid signature"

IDENTITY = [
    "x-consumer-id",
    "x-consumer-custom-id",
    "x-consumer-username",
    "x-consumer-groups",
    "x-credential-identifier",
    "x-anonymous-consumer",
]


def refused(response, message, challenge=INVALID_TOKEN):
    """401, word for word, and nothing came to the upstream. `message` is the body, or the text of its `message`."""
    answer = message if isinstance(message, dict) else {"message": message}
    body = json.dumps(answer, separators=(",", ":"), ensure_ascii=False)
    assert (response.status, response.body.decode()) == (401, body)
    assert response.header("www-authenticate") == challenge
    assert response.header("content-type") == "application/json; charset=utf-8"
    assert response.reached == 0


def forbidden(response, message, challenge=None):
    """403, word for word, and nothing came to the upstream."""
    body = json.dumps({"message": message}, separators=(",", ":"))
    assert (response.status, response.body.decode()) == (403, body)
    assert response.header("www-authenticate") == challenge
    assert response.header("content-type") == "application/json; charset=utf-8"
    assert response.reached == 0


def unauthorized(response):
    refused(response, "Unauthorized", NO_TOKEN)


def passed(response, consumer, credential=ISSUER):
    """The upstream got the request, with exactly these identity headers, each once."""
    assert identity(response) == identity_of(consumer, credential)


def passed_as_anonymous(response, consumer):
    assert identity(response) == {**identity_of(consumer), "x-anonymous-consumer": ["true"]}


def passed_unauthenticated(response):
    """The upstream got the request without any identity header."""
    assert identity(response) == {}


def identity(response):
    """The identity headers that the upstream received, with all their values."""
    return {name: values for name in IDENTITY if (values := response.upstream_headers(name))}


def identity_of(consumer, credential=None):
    headers = {
        "x-consumer-id": consumer.get("id"),
        "x-consumer-custom-id": consumer.get("custom_id"),
        "x-consumer-username": consumer.get("username"),
        "x-consumer-groups": ", ".join(consumer.get("groups", [])) or None,
        "x-credential-identifier": credential,
    }
    return {name: [value] for name, value in headers.items() if value is not None}
