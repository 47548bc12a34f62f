"""`jwt-auth convert`: manifests of the ingress controller, through Envoy."""

import base64

import pytest

import harness
from conftest import check_log
from consumers import HS256, RS256
from converting import EDITIONS, converted_for
from expect import refused
from tokens import in_seconds

MANIFESTS = """
apiVersion: configuration.konghq.com/v1
kind: KongPlugin
metadata: {{name: tokens, namespace: shop}}
plugin: jwt
config: {{claims_to_verify: [exp]}}
---
apiVersion: configuration.konghq.com/v1
kind: KongPlugin
metadata: {{name: staff, namespace: shop}}
plugin: acl
config: {{allow: [staff]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: open
  namespace: shop
spec:
  ingressClassName: kong
  rules:
  - http:
      paths:
      - {{path: /, pathType: Prefix, backend: {{service: {{name: api, port: {{number: {port}}}}}}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: orders
  namespace: shop
  annotations:
    konghq.com/plugins: tokens
    konghq.com/strip-path: "true"
spec:
  ingressClassName: kong
  rules:
  - http:
      paths:
      - {{path: /orders, pathType: Prefix, backend: {{service: {{name: api, port: {{name: http}}}}}}}}
      - {{path: '/~/items/(?<id>\\d+)', pathType: ImplementationSpecific, backend: {{service: {{name: api, port: {{name: http}}}}}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: admin, namespace: shop, annotations: {{konghq.com/plugins: tokens}}}}
spec:
  parentRefs: [{{name: kong}}]
  rules:
  - matches: [{{path: {{type: Exact, value: /admin}}}}, {{path: {{value: /staff}}, method: POST}}]
    filters: [{{type: ExtensionRef, extensionRef: {{group: configuration.konghq.com, kind: KongPlugin, name: staff}}}}]
    backendRefs: [{{name: api, port: {port}}}]
  - matches: [{{path: {{value: /shared}}}}]
    backendRefs: [{{name: api, port: {port}, weight: 1}}, {{name: api-too, port: {port}, weight: 1}}]
---
apiVersion: v1
kind: Service
metadata: {{name: api, namespace: shop}}
spec: {{type: ExternalName, externalName: 127.0.0.1, ports: [{{name: http, port: {port}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: api-too, namespace: shop}}
spec: {{type: ExternalName, externalName: 127.0.0.1}}
---
apiVersion: v1
kind: Secret
metadata: {{name: ann-jwt, namespace: shop, labels: {{konghq.com/credential: jwt}}}}
data: {{key: YW5u, secret: {secret}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: ann-acl, namespace: shop, labels: {{konghq.com/credential: acl}}}}
stringData: {{group: staff}}
---
apiVersion: v1
kind: Secret
metadata: {{name: bob, namespace: shop, labels: {{konghq.com/credential: jwt}}}}
stringData:
  key: bob
  algorithm: RS256
  rsa_public_key: |
    {public_key}
---
apiVersion: configuration.konghq.com/v1
kind: KongConsumer
metadata: {{name: ann, namespace: shop, annotations: {{kubernetes.io/ingress.class: kong}}}}
username: ann
credentials: [ann-jwt, ann-acl]
---
apiVersion: configuration.konghq.com/v1
kind: KongConsumer
metadata: {{name: bob, namespace: shop, annotations: {{kubernetes.io/ingress.class: kong}}}}
username: bob
credentials: [bob]
"""


@pytest.fixture(scope="module", params=EDITIONS)
def listener(request, upstream, tmp_path_factory):
    source = MANIFESTS.format(
        port=upstream.port,
        secret=base64.b64encode(HS256.private).decode(),
        public_key=RS256.spki.strip().replace("\n", "\n    "),
    )
    converted = converted_for(request.param, source)
    with harness.Envoy(None, upstream, tmp_path_factory.mktemp("manifests"), bootstrap=converted) as envoy:
        yield envoy["http"]
        check_log(envoy.log())


def ann():
    return HS256.token(iss="ann", exp=in_seconds(300))


def bob():
    return RS256.token(iss="bob", exp=in_seconds(300))


@pytest.mark.parametrize("path", ["/", "/orderss", "/staffs", "/admin/x", "/items/x"])
def test_what_no_plugin_is_for_is_open(listener, path):
    assert listener.send(path=path).upstream["path"] == path


@pytest.mark.parametrize("path", ["/orders", "/orders/1", "/items/7", "/items/7/x", "/admin", "/shared/x", "//orders/1"])
def test_who_has_no_token_is_refused(listener, path):
    refused(listener.send(path=path), "Unauthorized", "Bearer")


@pytest.mark.parametrize(
    "path, upstream_path",
    [("/orders", "/"), ("/orders/1", "/1"), ("/items/7", "/"), ("/items/7/x", "/x"), ("/shared/x", "/shared/x")],
)
def test_a_consumer_of_the_manifests_comes_in(listener, path, upstream_path):
    for token, name in [(ann(), "ann"), (bob(), "bob")]:
        response = listener.bearer(token, path=path)
        assert response.upstream["path"] == upstream_path
        assert response.upstream_headers("x-consumer-username") == [name]


def test_a_group_of_a_secret_counts(listener):
    assert listener.bearer(ann(), path="/admin").upstream_headers("x-consumer-username") == ["ann"]
    assert listener.bearer(bob(), path="/admin").status == 403
    assert listener.bearer(bob(), method="POST", path="/staff/x").status == 403
    # The match is for POST alone, so another route takes it.
    assert listener.send(path="/staff/x").status == 200


def test_the_service_gets_the_client_s_host(listener):
    assert listener.send(path="/").upstream_headers("host") == ["service.example.com"]
