"""The consumers that most tests configure."""

from tokens import key

HS256 = key("HS256")
RS256 = key("RS256")
PARTNER_ISSUER = "https://partner.example.com"

CLIENT_APP = {
    "username": "ClientApp",
    "id": "4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11",
    "custom_id": "crm-42",
    "jwt_secrets": [HS256.credential()],
}
PARTNER = {"username": "Partner", "jwt_secrets": [RS256.credential(PARTNER_ISSUER)]}
GUEST = {"username": "guest", "id": "0d2c8a34-97a1-4b5c-8f5e-2f6f9f0c7b21"}


def plugin(*consumers, **fields):
    """A plugin configuration; without consumers named, with ClientApp alone."""
    return {"consumers": list(consumers or [CLIENT_APP]), **fields}
