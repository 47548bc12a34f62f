//! Manifests for Kubernetes, as users of the ingress controller have them.

use super::{
    answers,
    run::{Run, convert, files, run},
};

/// Objects of each kind, and what belongs together.
const MANIFESTS: &str = r#"
apiVersion: configuration.konghq.com/v1
kind: KongPlugin
metadata: {name: app-jwt}
plugin: jwt
config: {claims_to_verify: [exp], anonymous: guest}
---
apiVersion: configuration.konghq.com/v1
kind: KongPlugin
metadata: {name: admins}
plugin: acl
config: {allow: [admin]}
disabled: false
---
apiVersion: configuration.konghq.com/v1
kind: KongClusterPlugin
metadata: {name: browsers, labels: {global: "true"}, annotations: {kubernetes.io/ingress.class: kong}}
plugin: cors
config: {origins: ["https://app.example.com"]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: orders
  annotations:
    konghq.com/plugins: app-jwt, admins
    konghq.com/strip-path: "true"
    konghq.com/preserve-host: "false"
    konghq.com/methods: GET,POST
    konghq.com/headers.x-kind: a,b
    konghq.com/regex-priority: "7"
    konghq.com/protocols: http,https
    konghq.com/https-redirect-status-code: "308"
    konghq.com/host-aliases: b.example.com
    konghq.com/tags: a,b
    nginx.ingress.kubernetes.io/proxy-body-size: 8m
spec:
  ingressClassName: kong
  rules:
  - host: a.example.com
    http:
      paths:
      - {path: /orders, pathType: Prefix, backend: {service: {name: orders, port: {name: http}}}}
      - {path: /exact.html, pathType: Exact, backend: {service: {name: orders, port: {name: http}}}}
      - {path: '/~/items/\d+', pathType: ImplementationSpecific, backend: {service: {name: items, port: {number: 8080}}}}
  defaultBackend: {service: {name: items, port: {number: 8080}}}
---
apiVersion: v1
kind: Service
metadata:
  name: orders
  annotations: {konghq.com/read-timeout: "5000", konghq.com/retries: "2", konghq.com/path: /v1, konghq.com/protocol: https}
spec: {ports: [{name: http, port: 80}, {name: admin, port: 81}], selector: {app: orders}}
---
apiVersion: v1
kind: Service
metadata: {name: items, annotations: {konghq.com/plugins: app-jwt, konghq.com/host-header: items.example.com}}
spec: {type: ExternalName, externalName: items.example.com}
---
apiVersion: v1
kind: Secret
metadata: {name: ann-jwt, labels: {konghq.com/credential: jwt}}
stringData: {key: ann, algorithm: HS256, secret: 0123456789abcdef0123456789abcdef}
---
apiVersion: v1
kind: Secret
metadata: {name: ann-acl, labels: {konghq.com/credential: acl}}
data: {group: YWRtaW4=}
---
apiVersion: v1
kind: Secret
metadata: {name: bob}
data:
  kongCredType: and0
  key: Ym9i
  secret: ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMy
    MTA=
---
apiVersion: configuration.konghq.com/v1
kind: KongConsumer
metadata: {name: ann, annotations: {kubernetes.io/ingress.class: kong}}
username: ann
custom_id: "42"
credentials: [ann-jwt, ann-acl]
---
apiVersion: configuration.konghq.com/v1
kind: KongConsumer
metadata: {name: bob, annotations: {kubernetes.io/ingress.class: kong}}
custom_id: bob
credentials: [bob]
---
apiVersion: configuration.konghq.com/v1
kind: KongConsumer
metadata: {name: guest, annotations: {kubernetes.io/ingress.class: kong}}
username: guest
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders}
"#;

/// The list at the end without the places, and without the group that is in many files.
fn said(run: &Run) -> Vec<&str> {
    let all = run.notes().into_iter().map(|note| note.split_once(": ").unwrap().1);
    all.filter(|note| *note != "KongConsumerGroup default/g: has no counterpart").collect()
}

fn with(documents: &str) -> Run {
    convert(&format!("{MANIFESTS}---\n{documents}"))
}

#[test]
fn what_belongs_together_is_converted_like_a_declarative_file() {
    let shared = "methods: [GET, POST], headers: {x-kind: [a, b]}, regex_priority: 7, strip_path: true, preserve_host: false, \
                  protocols: [http, https], https_redirect_status_code: 308, plugins: [{name: jwt, config: {claims_to_verify: \
                  [exp], anonymous: guest}}, {name: acl, config: {allow: [admin]}}]";
    let hosts = "hosts: [a.example.com, b.example.com]";
    let declarative = format!(
        r#"
_format_version: "3.0"
services:
- {{name: default.orders.http, protocol: https, host: orders.default.svc.cluster.local, port: 80, path: /v1, read_timeout: 5000, retries: 2}}
- name: default.items.8080
  host: default.items.8080
  port: 8080
  plugins: [{{name: jwt, config: {{claims_to_verify: [exp], anonymous: guest}}}}]
upstreams:
- {{name: default.items.8080, host_header: items.example.com, targets: [{{target: "items.example.com:8080", weight: 1}}]}}
routes:
- {{name: default.orders.0.0, service: default.orders.http, {hosts}, paths: [/orders/, ~/orders$], {shared}}}
- {{name: default.orders.0.1, service: default.orders.http, {hosts}, paths: ['~/exact\.html$'], {shared}}}
- {{name: default.orders.0.2, service: default.items.8080, {hosts}, paths: ['~/items/\d+'], {shared}}}
- {{name: default.orders.default, service: default.items.8080, paths: [/], {shared}}}
plugins: [{{name: cors, config: {{origins: ["https://app.example.com"]}}}}]
consumers:
- username: ann
  custom_id: "42"
  jwt_secrets: [{{key: ann, secret: 0123456789abcdef0123456789abcdef}}]
  acls: [{{group: admin}}]
- {{custom_id: bob, jwt_secrets: [{{key: bob, secret: fedcba9876543210fedcba9876543210}}]}}
- {{username: guest}}
"#
    );
    assert_eq!(convert(MANIFESTS).converted(), convert(&declarative).converted());
}

#[test]
fn the_objects_may_stand_in_several_files_in_a_list_and_in_any_order() {
    let mut documents: Vec<&str> = MANIFESTS.split("---\n").collect();
    documents.reverse();
    let (first, second) = documents.split_at(6);
    let files =
        files("manifests", [("a.yaml", &first.join("---\n")), ("b.yaml", &format!("{}---\n", second.join("---\n")))]);
    let reversed = run(&files.each_ref().map(String::as_str), "");
    assert_eq!((reversed.code, reversed.err.as_str()), (0, ""));

    let item = |document: &&str| format!("- {}\n", document.trim().replace('\n', "\n  "));
    let items: String = MANIFESTS.split("---\n").collect::<Vec<_>>().iter().map(item).collect();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{items}");
    assert_eq!(convert(&list).converted(), convert(MANIFESTS).converted());
}

/// Somebody's manifests: without an Ingress there is no route, and the Secret is elsewhere.
#[test]
fn what_is_missing_beside_a_plugin_and_a_consumer_is_said() {
    let run = convert(include_str!("kubernetes.yaml"));
    assert_eq!(
        run.notes(),
        [
            "1:1: KongPlugin default/jwt-test: nothing in these files names it in konghq.com/plugins",
            "1:1: routes: none in these files: every request gets 404",
            "11:15: KongConsumer default/u.credentials: the Secret jwt-cred is not in these files, so u has no credential of it",
        ]
    );
    assert!(run.out.contains("- username: u\n"), "{}", run.out);
}

#[test]
fn a_plugin_alone_is_a_fault() {
    let (single, _) = include_str!("kubernetes.yaml").split_once("---\n").unwrap();
    assert_eq!(
        convert(single).faults(),
        [
            "1:1: the manifests: no Ingress, HTTPRoute, GRPCRoute or KongConsumer of the gateway; expected those that the plugins \
          are for"
        ]
    );
}

const ROUTES: &str = r#"
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, annotations: {kubernetes.io/ingress.class: kong, INGRESS}}
spec: {rules: [{http: {paths: [{path: /i, pathType: ImplementationSpecific, backend: {service: {name: s, port: {number: 80}}}}]}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: h, annotations: {ROUTE: ""}}
spec:
  parentRefs: [{name: kong}]
  rules:
  - {matches: [{path: {value: /h}}], backendRefs: [{name: s, port: 80}], filters: [FILTER]}
  - {matches: [{path: {type: Exact, value: /x}}], backendRefs: [{name: t, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: s, annotations: {SERVICE: ""}}
---
apiVersion: v1
kind: Service
metadata: {name: t}
---
apiVersion: configuration.konghq.com/v1
kind: KongConsumer
metadata: {name: u, annotations: {kubernetes.io/ingress.class: kong, CONSUMER}}
username: u
credentials: [u]
---
apiVersion: v1
kind: Secret
metadata: {name: u, labels: {konghq.com/credential: jwt}}
stringData: {key: u, secret: 0123456789abcdef0123456789abcdef}
---
apiVersion: configuration.konghq.com/v1beta1
kind: KongConsumerGroup
metadata: {name: g, annotations: {kubernetes.io/ingress.class: kong, GROUP}}
---
apiVersion: configuration.konghq.com/v1
kind: PLUGIN
metadata: {name: p, labels: {global: "LABEL"}}
plugin: NAME
"#;

/// The manifests with one plugin, which is named in some places.
fn placed(kind: &str, plugin: &str, places: &[(&str, &str)]) -> String {
    let mut source = ROUTES.replace("kind: PLUGIN", &format!("kind: {kind}")).replace("NAME", plugin);
    for (place, text) in places {
        source = source.replace(&format!("{place}: \"\""), text).replace(place, text);
    }
    for (place, text) in [
        ("INGRESS", "a: b"),
        ("ROUTE: \"\"", "a: b"),
        ("SERVICE: \"\"", "a: b"),
        ("CONSUMER", "a: b"),
        ("GROUP", "a: b"),
    ] {
        source = source.replace(place, text);
    }
    source.replace("FILTER", "").replace("LABEL", "false")
}

const NAMED: &str = "konghq.com/plugins: p";

/// Of the paths of the three routes those whose service is not reached; `None` if no consumer passes either.
fn closed(source: &str) -> Vec<String> {
    let all = answers(source);
    let [rest @ .., _] = all.as_slice() else { panic!("{all:?}") };
    rest.iter().filter(|(_, passes)| !passes).map(|(path, _)| path.clone()).collect()
}

#[test]
fn a_guard_in_each_place_that_may_name_a_plugin_closes_what_it_is_for() {
    let (x, i) = ("regex: \"(?:/x$).*\"", "prefix: /i");
    let h = ["regex: \"(?:/h$).*\"", "prefix: /h/"];
    let extension = "{type: ExtensionRef, extensionRef: {group: configuration.konghq.com, kind: KongPlugin, name: p}}";
    let global = [("LABEL", "true")];
    for kind in ["KongPlugin", "KongClusterPlugin"] {
        for (places, expected) in [
            (vec![], vec![]),
            (vec![("INGRESS", NAMED)], vec![i]),
            (vec![("INGRESS", "plugins.konghq.com: p")], vec![i]),
            (vec![("INGRESS", "key-auth.plugin.konghq.com: \"p\\n\"")], vec![i]),
            (vec![("ROUTE", NAMED)], vec![h[0], x, h[1]]),
            (vec![("FILTER", extension)], vec![h[0], h[1]]),
            (vec![("SERVICE", NAMED)], vec![h[0], i, h[1]]),
            (vec![("SERVICE", NAMED), ("INGRESS", NAMED)], vec![h[0], i, h[1]]),
            (vec![("INGRESS", NAMED), ("CONSUMER", NAMED)], vec![i]),
            (vec![("SERVICE", NAMED), ("GROUP", NAMED)], vec![h[0], i, h[1]]),
            (vec![("CONSUMER", NAMED)], vec![h[0], x, i, h[1]]),
            (vec![("GROUP", NAMED)], vec![h[0], x, i, h[1]]),
            (global.to_vec(), vec![h[0], x, i, h[1]]),
        ] {
            let source = placed(kind, "key-auth", &places);
            let mut found = closed(&source);
            let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{kind} {places:?}");
        }
    }
}

#[test]
fn a_plugin_that_keeps_one_consumer_out_does_so() {
    for (places, comes_in) in
        [(vec![], true), (vec![("CONSUMER", NAMED)], false), (vec![("CONSUMER", NAMED), ("INGRESS", NAMED)], false)]
    {
        let run = convert(&placed("KongPlugin", "ip-restriction", &places));
        assert_eq!(run.out.contains("secret: "), comes_in, "{}", run.out);
        assert!(run.out.contains("cluster: default.s.80"), "{}", run.out);
    }
}

#[test]
fn a_plugin_that_is_not_there_is_a_fault_where_it_is_named() {
    let named = |name: &str| placed("KongPlugin", "jwt", &[("INGRESS", &format!("konghq.com/plugins: '{name}'"))]);
    let missing = |namespace: &str, name: &str| {
        format!(
            "4:90: KongPlugin {namespace}/{name}: is named, but not in these files, nor is a KongClusterPlugin of this name"
        )
    };
    assert_eq!(convert(&named("p, q")).faults(), [missing("default", "q")]);
    assert_eq!(convert(&named("other:p")).faults(), [missing("other", "p")]);
    assert_eq!(convert(&named("default:p")).code, 0);
    // A plugin of another namespace is another plugin.
    let elsewhere = named("p").replace("metadata: {name: p,", "metadata: {name: p, namespace: other,");
    assert_eq!(convert(&elsewhere).faults(), [missing("default", "p")]);
    assert_eq!(convert(&elsewhere.replace("plugins: 'p'", "plugins: 'other:p'")).code, 0);
    assert_eq!(convert(&elsewhere.replace("kind: KongPlugin\n", "kind: KongClusterPlugin\n")).code, 0);
}

#[test]
fn a_configuration_may_stand_in_a_secret() {
    let source = |rest: &str, secret: &str| {
        let plugin = placed("KongPlugin", "jwt", &[("INGRESS", NAMED)]);
        format!("{plugin}{rest}\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: c}}\n{secret}\n")
    };
    let from = "configFrom: {secretKeyRef: {name: c, key: config}}";
    for secret in
        ["stringData: {config: 'claims_to_verify: [exp]'}", "data: {config: eyJjbGFpbXNfdG9fdmVyaWZ5IjpbImV4cCJdfQ==}"]
    {
        assert!(convert(&source(from, secret)).out.contains("claims_to_verify:\n"), "{secret}");
    }
    for secret in ["data: {}", "data: {config: '*'}", "stringData: {config: '['}"] {
        let run = convert(&source(from, secret));
        let message =
            "KongPlugin default/p.configFrom: names no value with a plugin's configuration of a Secret in these files";
        assert!(run.faults()[0].ends_with(message), "{}", run.err);
    }
    // What a patch makes of it is not known.
    let patched =
        convert(&source("configPatches: [{path: /anonymous, valueFrom: {secretKeyRef: {name: c, key: k}}}]", ""));
    assert!(patched.out.contains("the plugin jwt with configPatches has no counterpart\\\"}"), "{}", patched.out);
}

#[test]
fn a_credential_that_cannot_be_used_is_left_out_and_listed() {
    let source = placed("KongPlugin", "jwt", &[("INGRESS", NAMED)]);
    for (before, after, note) in [
        (
            "labels: {konghq.com/credential: jwt}",
            "labels: {}",
            "Secret default/u: is left out: it has no label konghq.com/credential that says of which plugin it is",
        ),
        (
            "konghq.com/credential: jwt",
            "konghq.com/credential: key-auth",
            "Secret default/u: a credential of the plugin key-auth has no counterpart",
        ),
        (
            "credentials: [u]",
            "credentials: [v]",
            "KongConsumer default/u.credentials: the Secret v is not in these files, so u has no credential of it",
        ),
        (
            "secret: 0123456789abcdef0123456789abcdef",
            "secret: '${SECRET}'",
            "Secret default/u: is left out: its value is not in this file, only a reference",
        ),
        (
            "stringData: {key: u, secret: 0123456789abcdef0123456789abcdef}",
            "data: {key: dQ==, secret: JHtTRUNSRVR9}",
            "Secret default/u: is left out: its value is not in this file, only a reference",
        ),
        (
            "stringData: {key: u, secret: 0123456789abcdef0123456789abcdef}",
            "data: {key: dQ==}",
            "Secret default/u: is left out: Kong generated its key or secret, which is not in this file",
        ),
    ] {
        let run = convert(&source.replace(before, after));
        assert_eq!(said(&run), [note], "{}", run.out);
        assert!(!run.out.contains("jwt_secrets"), "{}", run.out);
    }
    let run =
        convert(&source.replace(
            "stringData: {key: u, secret: 0123456789abcdef0123456789abcdef}",
            "data: {key: '*', secret: dQ==}",
        ));
    assert!(run.faults()[0].ends_with("Secret default/u.data.key: no text in base64"), "{}", run.err);
}

#[test]
fn what_is_of_another_ingress_class_is_left_out_but_for_plugins() {
    let other = MANIFESTS
        .replace("ingressClassName: kong", "ingressClassName: nginx")
        .replace("ingress.class: kong", "ingress.class: public");
    let run = convert(&other);
    let faults: Vec<&str> = run.faults().into_iter().map(|fault| fault.split_once(": ").unwrap().1).collect();
    for expected in [
        "the files: neither a route nor a consumer; expected Kong's configuration with routes",
        "KongPlugin default/app-jwt: nothing in these files names it in konghq.com/plugins",
        "KongClusterPlugin default/browsers: is of the ingress class public, not kong (--ingress-class); it counts all the same",
        "Ingress default/orders: is of the ingress class nginx, not kong (--ingress-class); it is left out",
        "KongConsumer default/ann: is of the ingress class public, not kong (--ingress-class); it is left out",
    ] {
        assert!(faults.contains(&expected), "{faults:?}");
    }

    let of_that_class = MANIFESTS
        .replace("ingressClassName: kong", "ingressClassName: public")
        .replace("ingress.class: kong", "ingress.class: public");
    assert_eq!(run_with_class(&of_that_class, "public").converted(), convert(MANIFESTS).converted());
    let class = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: public}\nspec: {controller: \
                 ingress-controllers.konghq.com/kong}\n";
    assert_eq!(convert(&format!("{of_that_class}---\n{class}")).converted(), convert(MANIFESTS).converted());

    let none = convert(&MANIFESTS.replace("  ingressClassName: kong\n", ""));
    assert_eq!(said(&none), ["Ingress default/orders: is of no ingress class; it is taken for the gateway's"]);
}

fn run_with_class(input: &str, class: &str) -> Run {
    run(&["-", "--ingress-class", class], input)
}

#[test]
fn older_ingresses_are_read_too() {
    let old = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: old, annotations: {kubernetes.io/ingress.class: kong}}\n\
               spec:\n  rules: [{http: {paths: [{path: /old, backend: {serviceName: orders, servicePort: http}}]}}]\n  backend: \
               {serviceName: items, servicePort: 8080}\n";
    let run = with(old);
    assert_eq!(said(&run), Vec::<&str>::new());
    for part in [
        "- name: default.old.0.0\n                match:\n                  prefix: /old\n",
        "- name: default.old.default\n",
    ] {
        assert!(run.out.contains(part), "{}", run.out);
    }
}

#[test]
fn a_kong_ingress_sets_what_the_annotations_leave_open() {
    let overriding = "apiVersion: configuration.konghq.com/v1\nkind: KongIngress\nmetadata: {name: k}\nroute: {methods: [PUT], \
                      strip_path: true}\nproxy: {protocol: https, path: /p}\nupstream: {host_header: h.example.com}\n";
    for annotation in ["konghq.com/override: k", "configuration.konghq.com: k"] {
        let source = placed("KongPlugin", "jwt", &[("INGRESS", annotation), ("SERVICE", annotation)]);
        let run = convert(&format!("{source}---\n{overriding}"));
        for part in ["regex: PUT\n", "UpstreamTlsContext\n", "substitution: /p/\n"] {
            assert!(run.out.contains(part), "{part}: {}", run.out);
        }
        let fault = "konghq.com/override: no KongIngress default/k is in these files";
        assert!(convert(&source).faults()[0].ends_with(fault), "{}", convert(&source).err);
    }
}

#[test]
fn an_annotation_or_object_without_a_counterpart_is_listed() {
    let run = convert(&placed(
        "KongPlugin",
        "jwt",
        &[("INGRESS", "konghq.com/plugins: p, konghq.com/rewrite: /x"), ("SERVICE", "konghq.com/client-cert: c")],
    ));
    assert_eq!(
        said(&run),
        [
            "Ingress default/i: konghq.com/rewrite: has no counterpart",
            "Service default/s: konghq.com/client-cert: has no counterpart"
        ]
    );
    let others = "apiVersion: configuration.konghq.com/v1beta1\nkind: TCPIngress\nmetadata: {name: t, annotations: \
                  {konghq.com/plugins: app-jwt}}\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\n";
    assert_eq!(
        said(&with(others)),
        [
            "TCPIngress default/t: has no counterpart",
            "TCPIngress default/t: the ingress controller reads no plugins of a TCPIngress"
        ]
    );
    let tls = MANIFESTS.replace("  ingressClassName: kong\n", "  ingressClassName: kong\n  tls: [{hosts: [a]}]\n");
    assert_eq!(said(&convert(&tls)), ["Ingress default/orders.spec.tls: has no counterpart"]);
}

#[test]
fn what_cannot_be_converted_is_a_fault() {
    let knative = "apiVersion: networking.internal.knative.dev/v1alpha1\nkind: Ingress\nmetadata: {name: k}\n";
    assert!(
        with(knative).faults()[0]
            .ends_with("Ingress default/k: an object of Knative; expected an Ingress in its place")
    );
    let again = "apiVersion: v1\nkind: Service\nmetadata: {name: orders}\n";
    assert!(
        with(again).faults()[0].ends_with("Service default/orders: an object of this kind and name stands here before")
    );
    let port = MANIFESTS.replace("[{name: http, port: 80}, ", "[");
    let message = "Service default/orders: no port; expected a number, or the name of a port of the Service, which must be in these \
                   files then";
    assert!(convert(&port).faults()[0].ends_with(message));
    let other = convert(&format!("{MANIFESTS}---\n_format_version: '3.0'\n"));
    assert_eq!(other.code, 2);
    assert!(
        other.err.contains("no manifest, but the document before is one; expected one form in a file"),
        "{}",
        other.err
    );
    let config = MANIFESTS.replace("claims_to_verify: [exp]", "claims_to_verify: [iat]");
    assert_eq!(
        convert(&config).faults(),
        ["6:28: KongPlugin default/app-jwt.config.claims_to_verify[0]: \"iat\"; expected exp or nbf"]
    );
}

/// The routes of one HTTPRoute or GRPCRoute: the condition on the path of each, and whether its service is reached.
fn of_route(kind: &str, spec: &str) -> Run {
    let service = |(namespace, name)| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n---\n")
    };
    let services: String = [("n", "s"), ("n", "t"), ("m", "s")].map(service).concat();
    convert(&format!(
        "{services}apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r, namespace: n}}\nspec: \
         {{parentRefs: [{{name: kong}}], {spec}}}\n"
    ))
}

/// Its annotations may name plugins.
#[test]
fn a_service_that_is_not_in_the_files_is_listed() {
    let run = convert(&MANIFESTS.replace("metadata: {name: items, annotations", "metadata: {name: other, annotations"));
    assert_eq!(
        said(&run),
        ["Service default/items: is not in these files; if its annotations name plugins, they are missing here"]
    );
}

#[test]
fn the_matches_of_an_http_route_become_conditions() {
    let run = of_route(
        "HTTPRoute",
        "hostnames: [a.example.com, '*.b.example.com'], rules: [{backendRefs: [{name: s, port: 80}], matches: [{path: {type: \
         PathPrefix, value: /a/}, method: GET, headers: [{name: X-A, value: a.b}, {name: x-b, type: RegularExpression, value: \
         '^c'}]}, {path: {type: RegularExpression, value: '/[0-9]+'}}]}, {backendRefs: [{name: s, port: 80, namespace: m}]}]",
    );
    let converted = run.converted();
    for part in [
        "prefix: /a/\n",
        "regex: \"(?:/a$).*\"\n",
        "regex: \"(?:/[0-9]+).*\"\n",
        "regex: GET\n",
        "name: x-a\n",
        "(?:.*,)?a\\\\.b(?:,.*)?",
        "regex: \"(?is).*(?:^c).*\"\n",
        "a\\\\.example\\\\.com",
        "[^:]*\\\\.b\\\\.example\\\\.com",
        "- name: httproute.n.r.0.0\n",
        "- name: httproute.n.r.0.1\n",
        "- name: httproute.n.r.1.0\n",
        "address: s.n.svc.cluster.local\n",
        "address: s.m.svc.cluster.local\n",
    ] {
        assert!(converted.contains(part), "{part}: {converted}");
    }
}

#[test]
fn several_backends_share_the_requests_by_weight() {
    let run = of_route(
        "HTTPRoute",
        "rules: [{backendRefs: [{name: s, port: 80, weight: 90}, {name: t, port: 81, weight: 10}]}]",
    );
    let converted = run.converted();
    let addresses = converted.split_once("name: httproute.n.r.0\n    connect").unwrap().1;
    for part in [
        "address: s.n.svc.cluster.local\n",
        "load_balancing_weight: 90\n",
        "address: t.n.svc.cluster.local\n",
        "load_balancing_weight: 10\n",
    ] {
        assert!(addresses.contains(part), "{part}: {addresses}");
    }
}

/// A part of the requests would go to a route that is more open.
#[test]
fn a_guarded_http_route_with_a_condition_on_the_query_is_closed_and_an_open_one_left_out() {
    let spec = |filters: &str| {
        format!(
            "rules: [{{backendRefs: [{{name: s, port: 80}}], matches: [{{path: {{value: /}}, queryParams: [{{name: a, value: \
             b}}]}}], filters: [{filters}]}}]"
        )
    };
    let run = of_route("HTTPRoute", &spec("{type: RequestRedirect}"));
    assert!(run.out.contains("a condition of the route has no counterpart"), "{}", run.out);
    let run = of_route("HTTPRoute", &spec(""));
    assert_eq!(said(&run), ["HTTPRoute n/r.query parameters: has no counterpart; the route is left out"]);
    assert!(!run.out.contains("httproute.n.r.0.0"), "{}", run.out);
}

#[test]
fn the_filters_of_an_http_route_are_listed_or_close_it() {
    for (filter, passes) in
        [("RequestHeaderModifier", true), ("URLRewrite", true), ("RequestRedirect", false), ("SomebodysOwn", false)]
    {
        let run = of_route(
            "HTTPRoute",
            &format!("rules: [{{backendRefs: [{{name: s, port: 80}}], filters: [{{type: {filter}}}]}}]"),
        );
        assert_eq!(run.out.contains("cluster: n.s.80\n"), passes, "{}", run.out);
        assert!(said(&run).iter().any(|note| note.contains(filter)), "{}", run.out);
    }
    let other = "rules: [{backendRefs: [{name: s, port: 80}], filters: [{type: ExtensionRef, extensionRef: {kind: Other, name: x}}]}]";
    assert!(!of_route("HTTPRoute", other).out.contains("cluster: n.s.80\n"));
    let of_backend =
        of_route("HTTPRoute", "rules: [{backendRefs: [{name: s, port: 80, filters: [{type: ExtensionRef}]}]}]");
    assert_eq!(said(&of_backend), ["HTTPRoute n/r.spec.rules[0].backendRefs[0].filters: has no counterpart"]);
}

#[test]
fn a_grpc_route_is_for_grpc_alone() {
    let run = of_route(
        "GRPCRoute",
        "rules: [{backendRefs: [{name: s, port: 80}], matches: [{method: {service: a.B, method: C}}, {method: {service: a.D}}, \
         {method: {method: E}}]}, {backendRefs: [{name: s, port: 80}]}]",
    );
    for part in [
        "regex: \"(?:/a\\\\.B/C$).*\"\n",
        "regex: \"(?:/a\\\\.D/).*\"\n",
        "regex: \"(?:/[^/]+/E$).*\"\n",
        "grpc: {}\n",
        "status: 415\n",
        "http2_protocol_options: {}\n",
        "cluster: grpc.n.s.80\n",
    ] {
        assert!(run.converted().contains(part), "{part}: {}", run.out);
    }
}
