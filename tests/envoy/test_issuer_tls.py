"""An issuer that Envoy reaches over TLS: what the log says when the handshake fails."""

import datetime
import re
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import harness
from conftest import check_log
from consumers import plugin
from expect import passed
from key_server import KeyServer, key_set
from tokens import ISSUER, key

KEY = key("ES256")
HOST = "issuer.example.com"
# Since 1.38.1 Envoy keeps what was wrong with TLS from whoever sent the request, and from filters, unless this is false.
TELLS_TLS = {"envoy.reloadable_features.hide_transport_failure_reason_in_response_body": False}


class Authority:
    """A certificate of its own, and the key that it is for."""

    def __init__(self, directory):
        private = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        directory.mkdir()
        self.certificate, self.key = directory / "certificate.pem", directory / "key.pem"
        self.certificate.write_bytes(builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.key.write_bytes(private.private_bytes(*form))

    def server_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def trusted(self, san=HOST):
        """What has Envoy trust this certificate alone, for a name."""
        names = [{"san_type": "DNS", "matcher": {"exact": san}}]
        context = {"trusted_ca": {"filename": str(self.certificate)}, "match_typed_subject_alt_names": names}
        return {"sni": HOST, "common_tls_context": {"validation_context": context}}


FAILURES = {
    "untrusted": "TLS_error:.*CERTIFICATE_VERIFY_FAILED",
    "another name": "TLS_error:.*CERTIFICATE_VERIFY_FAILED",
    "no TLS": "TLS_error:.*WRONG_VERSION_NUMBER",
}


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    directory = tmp_path_factory.mktemp("authorities")
    return [Authority(directory / name) for name in ("own", "other")]


@pytest.fixture(params=[TELLS_TLS, {}], ids=["told", "by default"])
def envoy(request, authorities, upstream, tmp_path):
    """An Envoy with a listener for each way to reach the issuer, and whether it tells what was wrong with TLS."""
    own, other = authorities
    with KeyServer(own.server_context()) as over_tls, KeyServer() as plain:
        for server in (over_tls, plain):
            server.set("/jwks", key_set((KEY, "1")))
        clusters = {
            "good": (over_tls.port, own.trusted()),
            "untrusted": (over_tls.port, other.trusted()),
            "another name": (over_tls.port, own.trusted("other.example.com")),
            "no TLS": (plain.port, own.trusted()),
        }
        listeners = {name: listener_of(name) for name in clusters}
        with harness.Envoy(listeners, upstream, tmp_path, clusters=clusters, runtime=request.param) as running:
            yield running, bool(request.param)
            check_log(running.log())


def listener_of(cluster):
    source = {"uri": f"https://{HOST}/jwks", "cluster": cluster}
    return plugin({"username": "App", "jwt_secrets": [{"key": f"{ISSUER}/{cluster}", "remote_jwks": source}]})


def test_a_failed_handshake_is_told_in_envoys_words(envoy):
    running, tells = envoy
    for cluster, why in FAILURES.items():
        response = running[cluster].bearer(KEY.token(iss=f"{ISSUER}/{cluster}", header={"kid": "1"}))
        assert (response.status, response.body, response.reached) == (503, b'{"message":"Key set unavailable"}', 0)
        failed = rf'\(cluster "{cluster}"\): the connection to the server failed: '
        reason = running.wait_for_log(failed + '"(.*?)"; trying again')[1]
        assert re.match(why if tells else f"remote connection failure$|{why}", reason)
        assert len(reason) <= 100  # it may be any text


def test_a_trusted_issuer_is_asked(envoy):
    running, _ = envoy
    passed(running["good"].bearer(KEY.token(iss=f"{ISSUER}/good", header={"kid": "1"})), {"username": "App"}, f"{ISSUER}/good")
