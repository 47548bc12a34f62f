//! `jwt-auth convert`, run as a person runs it: what it reads, what it reports and where, and how it ends.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]

mod folder;
#[path = "convert/manifests.rs"]
mod manifests;
#[path = "convert/run.rs"]
mod run;

use std::fs;

use run::{convert, files, run};

const SAMPLE: &str = "envoy/gateway/kong.yaml";

const NESTED: &str = r#"
_format_version: "3.0"
services:
- name: orders
  url: https://orders.example.com:8443/api
  routes:
  - name: orders
    paths: [/orders, "~/o/[0-9]+$"]
    methods: [GET]
    plugins:
    - name: acl
      config: {allow: [staff]}
  plugins:
  - name: jwt
    config: {claims_to_verify: [exp], maximum_expiration: 600}
consumers:
- username: ClientApp
  id: 4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11
  jwt_secrets:
  - {key: k, secret: 0123456789abcdef0123456789abcdef}
  acls:
  - group: staff
"#;

const FLAT: &str = r#"
_format_version: "3.0"
_transform: false
services:
- {name: orders, protocol: https, host: orders.example.com, port: 8443, path: /api, id: s1}
routes:
- name: orders
  id: r1
  service: {name: orders}
  paths: [/orders, "~/o/[0-9]+$"]
  methods: [GET]
plugins:
- {name: acl, route: orders, config: {whitelist: [staff]}}
- {name: jwt, service: {id: s1}, config: {claims_to_verify: [exp], maximum_expiration: 600, anonymous: null}}
consumers:
- {username: ClientApp, id: 4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11}
jwt_secrets:
- {key: k, secret: 0123456789abcdef0123456789abcdef, consumer: ClientApp}
acls:
- {group: staff, consumer: {username: ClientApp}}
"#;

/// All that the gateway fills in by itself, and a configuration that plugins share.
const DECK: &str = r#"
_format_version: "3.0"
_info: {select_tags: [team-a], defaults: {}}
_plugin_configs:
  lifetime: {claims_to_verify: [exp], maximum_expiration: 600, header_names: [authorization]}
consumers:
- acls:
  - {group: staff, tags: [x]}
  id: 4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11
  jwt_secrets:
  - {algorithm: HS256, key: k, secret: 0123456789abcdef0123456789abcdef, rsa_public_key: null}
  username: ClientApp
services:
- connect_timeout: 60000
  enabled: true
  host: orders.example.com
  name: orders
  path: /api
  plugins:
  - name: jwt
    _config: lifetime
    config: {anonymous: null, cookie_names: [], key_claim_name: iss, realm: null, run_on_preflight: true,
      secret_is_base64: false, uri_param_names: [jwt]}
    enabled: true
    protocols: [grpc, grpcs, http, https]
  port: 8443
  protocol: https
  read_timeout: 60000
  retries: 5
  routes:
  - https_redirect_status_code: 426
    methods: [GET]
    name: orders
    path_handling: v0
    paths: [/orders, "~/o/[0-9]+$"]
    plugins:
    - name: acl
      config: {allow: [staff], always_use_authenticated_groups: false, deny: null, hide_groups_header: false}
      enabled: true
      protocols: [grpc, grpcs, http, https]
    preserve_host: false
    protocols: [http, https]
    regex_priority: 0
    request_buffering: true
    response_buffering: true
    strip_path: true
  write_timeout: 60000
"#;

/// All that `kong config db_export` writes.
const EXPORT: &str = r#"
_format_version: '3.0'
_transform: false
parameters:
- {created_at: 1, key: cluster_id, value: x}
workspaces:
- {id: w, name: default, config: {}, meta: {}}
services:
- {id: s1, name: orders, host: orders.example.com, port: 8443, protocol: https, path: /api, ws_id: w, enabled: true, retries: 5,
   connect_timeout: 60000, read_timeout: 60000, write_timeout: 60000, created_at: 1, updated_at: 1, tags: null, tls_verify: null,
   ca_certificates: null, client_certificate: null, tls_verify_depth: null}
routes:
- {id: r1, name: orders, service: s1, ws_id: w, paths: [/orders, "~/o/[0-9]+$"], methods: [GET], hosts: null, headers: null,
   snis: null, sources: null, destinations: null, protocols: [http, https], strip_path: true, preserve_host: false,
   path_handling: v0, regex_priority: 0, https_redirect_status_code: 426, request_buffering: true, response_buffering: true}
plugins:
- {id: p1, name: jwt, service: s1, route: null, consumer: null, consumer_group: null, ws_id: w, enabled: true, instance_name: null,
   protocols: [http], ordering: null, tags: null, cache_key: "plugins:jwt::s1::::w", config: {anonymous: null, claims_to_verify:
   [exp], cookie_names: {}, header_names: [authorization], key_claim_name: iss, maximum_expiration: 600, realm: null,
   run_on_preflight: true, secret_is_base64: false, uri_param_names: [jwt]}}
- {id: p2, name: acl, route: r1, service: null, consumer: null, ws_id: w, enabled: true, protocols: [http], config: {allow: [staff],
   deny: null, hide_groups_header: false, always_use_authenticated_groups: false, include_consumer_groups: false}}
consumers:
- {id: 4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11, username: ClientApp, custom_id: null, ws_id: w, type: 0, tags: null, created_at: 1}
jwt_secrets:
- {id: j1, consumer: 4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11, key: k, secret: 0123456789abcdef0123456789abcdef, algorithm: HS256,
   rsa_public_key: null, tags: null, ws_id: w, created_at: 1}
acls:
- {id: a1, consumer: 4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11, group: staff, ws_id: w, cache_key: "acls:c1:staff::::w", tags: null}
"#;

#[test]
fn nested_and_flat_files_and_what_kong_and_deck_dump_are_converted_alike() {
    let nested = convert(NESTED);
    for other in [FLAT, DECK, EXPORT] {
        assert_eq!(convert(other).converted(), nested.converted());
    }
}

#[test]
fn answers_of_the_admin_api_are_taken_together() {
    let files = files(
        "answers",
        [
            (
                "services.json",
                r#"{"data": [{"id": "s1", "name": "orders", "protocol": "https", "host": "orders.example.com", "port": 8443,
                    "path": "/api", "retries": 5, "tags": null, "created_at": 1}], "next": null}"#,
            ),
            (
                "routes.json",
                r#"{"data": [{"id": "r1", "name": "orders", "service": {"id": "s1"}, "hosts": null, "headers": null,
                    "paths": ["/orders", "~/o/[0-9]+$"], "methods": ["GET"], "snis": null, "strip_path": true}]}"#,
            ),
            (
                "plugins.json",
                r#"{"data": [
                    {"id": "p1", "name": "acl", "route": {"id": "r1"}, "service": null, "consumer": null,
                     "config": {"allow": ["staff"]}},
                    {"id": "p2", "name": "jwt", "route": null, "service": {"id": "s1"},
                     "config": {"claims_to_verify": ["exp"], "maximum_expiration": 600}}]}"#,
            ),
            (
                "consumers.json",
                r#"{"data": [{"id": "4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11", "username": "ClientApp", "custom_id": null}]}"#,
            ),
            (
                "jwts.json",
                r#"{"data": [{"id": "j", "key": "k", "secret": "0123456789abcdef0123456789abcdef", "algorithm": "HS256",
                    "rsa_public_key": null, "consumer": {"id": "4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11"}}]}"#,
            ),
            (
                "acls.json",
                r#"{"data": [{"id": "a", "group": "staff", "consumer": {"id": "4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11"}}]}"#,
            ),
        ],
    );
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    assert_eq!(run(&names, "").converted(), convert(NESTED).converted());
}

#[test]
fn things_name_each_other_as_in_every_admin_api() {
    let source = |reference: &str| FLAT.replace("service: {id: s1}", reference);
    for reference in [
        "service: s1",
        "service: orders",
        "service: {name: orders}",
        "service_id: s1",
        "service: {id: elsewhere, name: orders}",
    ] {
        assert_eq!(convert(&source(reference)).converted(), convert(FLAT).converted(), "{reference}");
    }
    for (reference, field) in
        [("service: s2", "service"), ("service: {id: s2}", "service"), ("service_id: s2", "service_id")]
    {
        let column = 17 + field.len();
        assert_eq!(
            convert(&source(reference)).faults(),
            [format!("14:{column}: plugins[1].{field}: names no existing service")]
        );
    }
    let targets = "upstreams: [{name: pool, id: u1}]\ntargets: [{target: 'a:1', upstream_id: u1}]\n";
    let pooled = convert(&format!("{}{targets}", FLAT.replace("host: orders.example.com", "host: pool")));
    assert!(pooled.converted().contains("address: a\n"), "{}", pooled.out);
}

#[test]
fn what_the_admin_api_says_of_its_own_file_is_read() {
    let wrapped = serde_json::json!({ "config": NESTED }).to_string();
    assert_eq!(convert(&wrapped).converted(), convert(NESTED).converted());
}

/// The conditions on the path in the order in which Envoy tries them.
fn paths(source: &str) -> Vec<String> {
    let converted = convert(source).converted().to_owned();
    let (_, routes) = converted.split_once("routes:\n").unwrap();
    let (routes, _) = routes.split_once("http_filters:").unwrap();
    let lines: Vec<&str> = routes.lines().map(str::trim).collect();
    let conditions = lines.windows(3).filter(|lines| lines[0] == "match:");
    conditions.map(|lines| if lines[1] == "safe_regex:" { lines[2] } else { lines[1] }.to_owned()).collect()
}

#[test]
fn a_path_is_a_regular_expression_by_the_rule_of_its_format() {
    let source = |version: &str, path: &str| {
        format!(
            "_format_version: {version}\nservices:\n- name: a\n  url: http://a.example.com\n  routes:\n  - name: a\n    \
             paths: ['{path}']\n"
        )
    };
    for version in ["'1.1'", "'2.1'", "2.1"] {
        assert_eq!(paths(&source(version, r"/a/\d+"))[0], r#"regex: "(?:/a/\\d+).*""#);
        assert_eq!(paths(&source(version, "/a-b_c.d~e/%20"))[0], r#"regex: "/a\\-b_c\\.d\\~e/(?i:%20).*""#);
    }
    assert_eq!(paths(&source("'3.0'", r"/a/(b)"))[0], r#"prefix: "/a/(b)""#);
    assert_eq!(paths(&source("3.0", r"~/a/(?<id>\d+)"))[0], r#"regex: "(?:/a/(?P<id>\\d+)).*""#);
}

#[test]
fn routes_stand_in_the_gateway_s_order() {
    let source = r#"
_format_version: "3.0"
services:
- name: a
  url: http://a.example.com
  routes:
  - {name: 1, paths: [/a]}
  - {name: two, paths: [/a/longer, /a/b], methods: [GET]}
  - {name: three, paths: ["~/first", "/z"]}
  - {name: four, paths: ["~/second"], regex_priority: 7}
"#;
    assert_eq!(convert(source).faults(), ["7:12: services[0].routes[0].name: a number; expected a text"]);
    let source = source.replace("name: 1", "name: one");
    assert_eq!(
        paths(&source),
        [
            "prefix: /a/longer",
            "prefix: /a/b",
            r#"regex: "(?:/second).*""#,
            r#"regex: "(?:/first).*""#,
            "prefix: /a",
            "prefix: /z",
            "prefix: /"
        ]
    );
}

const UNCONVERTIBLE: &str = r#"_format_version: "3.0"
certificates:
- {cert: x, key: y}
upstreams:
- name: pool
  algorithm: consistent-hashing
  healthchecks: {active: {healthy: {interval: 5}}}
  targets: [{target: "a.example.com:80"}]
services:
- name: a
  host: pool
  client_certificate: {id: x}
  routes:
  - name: with-sni
    snis: [a.example.com]
  - name: look-around
    paths: ["~/a(?!b)"]
  - name: tls-only
    paths: [/tls]
    protocols: [https]
    path_handling: v1
  - name: stream
    protocols: [tcp]
- name: tcp
  url: tcp://a.example.com:5432
  routes: [{name: behind-tcp}]
plugins:
- {name: rate-limiting, config: {minute: 1}}
- {name: custom-auth}
- {name: jwt, consumer: A}
consumers:
- username: A
  basicauth_credentials: [{username: a, password: b}]
  jwt_secrets:
  - {key: weak, algorithm: HS256}
  - {key: vault, secret: "{vault://env/secret}"}
  - {key: odd, algorithm: HS257, secret: s, rsa_public_key: p}
"#;

const NOTES: &[&str] = &[
    "3:3: certificates: has no counterpart",
    "6:14: upstreams[0].algorithm: has no counterpart; round-robin takes its place",
    "7:17: upstreams[0].healthchecks: has no counterpart",
    "12:23: services[0].client_certificate: has no counterpart",
    "14:5: with-sni: the route answers 503 until you decide: the plugin custom-auth has no counterpart",
    "15:11: services[0].routes[0].snis: has no counterpart; what the rest of the route matches gets 503 until you \
     decide",
    "16:5: look-around: the route answers 503 until you decide: the plugin custom-auth has no counterpart",
    "17:13: services[0].routes[1].paths: a regular expression that Envoy cannot run; what begins as it does gets 503 until \
     you decide",
    "18:5: tls-only: the route answers 503 until you decide: the plugin custom-auth has no counterpart",
    "20:16: services[0].routes[2].protocols: only with TLS: the route answers 426 until the listener has a certificate",
    "21:20: services[0].routes[2].path_handling: has no counterpart",
    "23:16: services[0].routes[3].protocols: has no counterpart; the route is left out",
    "24:3: services[1].protocol: has no counterpart; the service is left out",
    "26:12: behind-tcp: the route answers 503 until you decide: the plugin custom-auth has no counterpart",
    "28:3: plugins[0]: the plugin rate-limiting has no counterpart",
    "29:3: plugins[1]: the plugin custom-auth has no counterpart",
    "30:3: plugins[2]: the plugin jwt of a consumer has no counterpart; nobody passes as this consumer",
    "33:26: consumers[0].basicauth_credentials: has no counterpart",
    "35:5: consumers[0].jwt_secrets[0]: is left out: Kong generated its key or secret, which is not in this \
     file",
    "36:5: consumers[0].jwt_secrets[1]: is left out: its value is not in this file, only a reference",
];

#[test]
fn nothing_is_dropped_in_silence() {
    let run = convert(UNCONVERTIBLE);
    let notes = run.notes();
    for note in NOTES {
        assert!(notes.contains(note), "{note}\nis not in\n{}", notes.join("\n"));
    }
    assert_eq!(notes.len(), NOTES.len() + 1, "{}", notes.join("\n"));
    let [odd] = notes.as_slice().iter().filter(|note| note.starts_with("37:5:")).collect::<Vec<_>>()[..] else {
        panic!("{notes:?}")
    };
    assert!(odd.contains("is left out: \"HS257\"; expected one of HS256, "), "{odd}");
    assert_eq!(run.err, "21 settings have no counterpart; they are listed at the end of the output\n");
}

#[test]
fn strict_makes_an_error_of_it() {
    let run = run(&["--strict", "-"], UNCONVERTIBLE);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    let lines: Vec<&str> = run.err.lines().collect();
    assert_eq!(lines.len(), NOTES.len() + 2);
    assert!(lines.contains(&format!("<stdin>:{}", NOTES[0]).as_str()), "{}", run.err);
    assert_eq!(lines.last(), Some(&"not converted, because of --strict: these have no counterpart"));
}

#[test]
fn strict_changes_nothing_where_all_has_a_counterpart() {
    assert_eq!(run(&["--strict", "-"], NESTED).converted(), convert(NESTED).converted());
}

#[test]
fn a_route_that_loses_a_plugin_that_may_keep_people_out_is_closed() {
    let source = |plugin: &str| NESTED.replace("name: acl\n      config: {allow: [staff]}", &format!("name: {plugin}"));
    for plugin in ["key-auth", "ip-restriction", "aws-lambda", "somebody-s-own"] {
        let run = convert(&source(plugin));
        assert!(run.out.contains(&format!("the plugin {plugin} has no counterpart\\\"}}")), "{}", run.out);
        assert!(!run.out.contains("cluster: orders"), "{}", run.out);
    }
    for plugin in ["correlation-id", "prometheus", "rate-limiting"] {
        let run = convert(&source(plugin));
        assert!(run.out.contains("cluster: orders"), "{}", run.out);
        assert_eq!(run.notes().len(), 1);
    }
}

/// The lines between one that begins a part of the output and the first that is as far left, without their indentation.
fn part(text: &str, start: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.trim_start() == start).unwrap_or_else(|| panic!("{start}: {text}"));
    let indent = |line: &str| line.len() - line.trim_start().len();
    let start = indent(lines[at]);
    let belongs = |line: &&&str| indent(line) > start || indent(line) == start && line.trim().starts_with('-');
    let inner = lines[at + 1..].iter().take_while(belongs);
    inner.map(|line| line.trim()).collect::<Vec<_>>().join("\n")
}

const CORS_POLICY: &str = "envoy.filters.http.cors:";

#[test]
fn cors_is_envoy_s_own_and_stands_before_the_filter() {
    let source = |config: &str| {
        NESTED.replace("  plugins:\n  - name: jwt", &format!("  plugins:\n  - name: cors{config}\n  - name: jwt"))
    };
    let run = convert(&source(""));
    let filters = run.converted().split_once("http_filters:").unwrap().1.to_owned();
    assert!(filters.find("envoy.filters.http.cors").unwrap() < filters.find("name: jwt_auth").unwrap(), "{filters}");
    let of = |config: &str| part(convert(&source(&format!("\n    config: {config}"))).converted(), CORS_POLICY);
    let type_url = "\"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy\n";
    assert_eq!(
        of("{}"),
        format!(
            "{type_url}allow_origin_string_match:\n- exact: \"*\"\nallow_methods: \"GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT\"\n\
             allow_headers: \"*\"\nforward_not_matching_preflights: false"
        )
    );
    let all = "{origins: ['https://a.example.com:443', 'https://b.example.com:8443', '*'], methods: [GET, PUT], headers: [X-A, \
               authorization], exposed_headers: [X-B], max_age: 3600, credentials: true, private_network: true, \
               allow_origin_absent: false}";
    assert_eq!(
        of(all),
        format!(
            "{type_url}allow_origin_string_match:\n- exact: https://a.example.com\n- exact: https://b.example.com:8443\n- exact: \
             \"*\"\nallow_methods: \"GET,PUT\"\nallow_headers: \"X-A,authorization\"\nexpose_headers: X-B\nmax_age: \
             \"3600\"\nallow_credentials: true\nallow_private_network_access: true\nforward_not_matching_preflights: false"
        )
    );
    for (origin, regex) in [
        (r"^https?://.*\.example\.com$", r#""https?://.*\\.example\\.com$""#),
        (r".*\.example\.com", r#""[^:/]+://(?:.*\\.example\\.com)(?::[0-9]+)?""#),
    ] {
        let policy = of(&format!("{{origins: ['{origin}']}}"));
        assert!(policy.contains(&format!("safe_regex:\nregex: {regex}\n")), "{policy}");
    }
}

/// Of the plugins that apply, the most specific one counts, and one that is switched off does not.
#[test]
fn a_route_has_the_cors_of_its_own_or_else_that_of_its_service_or_of_all() {
    let source = "services:
- name: a
  url: http://a
  routes: [{name: own, paths: [/o]}, {name: inheriting, paths: [/f]}]
  plugins: [{name: cors, config: {origins: ['https://service']}}]
- name: b
  url: http://b
  routes: [{name: other, paths: [/x]}]
plugins:
- {name: cors, config: {origins: ['https://all']}}
- {name: cors, route: own, config: {origins: ['https://own']}}
- {name: cors, route: inheriting, enabled: false}
";
    let run = convert(source);
    for (route, origin) in [("own", "own"), ("inheriting", "service"), ("other", "all")] {
        let text = run.converted().split_once(&format!("- name: {route}\n")).unwrap().1;
        assert!(part(text, CORS_POLICY).contains(&format!("- exact: https://{origin}\n")), "{route}: {text}");
    }
}

#[test]
fn what_envoy_s_cors_does_not_do_is_listed() {
    let of = |config: &str| convert(&format!("{NESTED}plugins:\n- name: cors\n  config: {config}\n"));
    let run = of("{origins: ['https://(?!b)a', 'https://a++', 'https://c'], odd: 1}");
    let left_out = "plugins[0].config.origins: a regular expression that Envoy cannot run; the origin is left out";
    assert_eq!(
        run.notes(),
        [
            format!("25:22: {left_out}"),
            format!("25:40: {left_out}"),
            "25:74: plugins[0].config.odd: has no counterpart".to_owned()
        ]
    );
    let run = of("{preflight_continue: true}");
    let note = "plugins[0].config.preflight_continue: has no counterpart; the plugin cors is left out";
    assert_eq!(run.notes(), [format!("25:32: {note}")]);
    assert!(!run.out.contains(CORS_POLICY) && run.out.contains("cluster: orders"));
    assert_eq!(of("{max_age: soon}").faults(), ["25:21: plugins[0].config.max_age: a text; expected a number"]);
    // Envoy's filter does not look at what Envoy answers by itself.
    let run = convert(&format!("{NESTED}plugins:\n- name: cors\n- name: request-termination\n"));
    assert!(!run.out.contains("envoy.filters.http.cors"), "{}", run.out);
    assert_eq!(run.notes().len(), 1);
    assert!(run.notes()[0].starts_with("7:5: orders: the plugin cors has no counterpart where no service answers"));
}

#[test]
fn request_termination_answers_in_place_of_the_service_after_the_filter() {
    let of = |config: &str| {
        convert(&NESTED.replace(
            "name: acl\n      config: {allow: [staff]}",
            &format!("name: request-termination\n      config: {config}"),
        ))
    };
    let json = "key: content-type\nvalue: \"application/json; charset=utf-8\"";
    for (config, status, body, content_type) in [
        ("{}", 503, r#""{\"message\":\"Service unavailable\"}""#, Some(json)),
        ("{status_code: 404, message: null}", 404, r#""{\"message\":\"Not found\"}""#, Some(json)),
        (
            "{status_code: 403, message: 'So long, and \"thanks\"'}",
            403,
            r#""{\"message\":\"So long, and \\\"thanks\\\"\"}""#,
            Some(json),
        ),
        (
            "{status_code: 200, body: '<p>later</p>', content_type: text/html, trigger: '', echo: false}",
            200,
            r#""<p>later</p>""#,
            Some("key: content-type\nvalue: text/html"),
        ),
        ("{body: plain}", 503, "plain", None),
    ] {
        let run = of(config);
        let text = run
            .converted()
            .split_once("- name: orders\n")
            .unwrap()
            .1
            .split(&format!("\n{:14}- name: ", ""))
            .next()
            .unwrap()
            .to_owned();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let text = lines.join("\n");
        assert!(
            text.contains(&format!("direct_response:\nstatus: {status}\nbody:\ninline_string: {body}")),
            "{config}: {text}"
        );
        assert_eq!(text.contains("content-type"), content_type.is_some(), "{config}: {text}");
        assert!(content_type.is_none_or(|header| text.contains(header)), "{config}: {text}");
        // Who has no token is turned away before, as in the gateway.
        assert!(!part(&run.out, "rules:").contains("orders"), "{}", run.out);
    }
    let run = of("{status_code: 204}");
    let text = run.converted().split_once("- name: orders\n").unwrap().1.split_once("- name: no-route\n").unwrap().0;
    assert!(text.contains("status: 204\n") && !text.contains("body") && !text.contains("content-type"), "{text}");
    let long = "x".repeat(5000);
    assert!(of(&format!("{{body: {long}}}")).converted().contains("max_direct_response_body_size_bytes: 5000\n"));
}

/// Whether it answers at all depends on the request, or Envoy has no such answer.
#[test]
fn a_request_termination_that_has_no_counterpart_closes_its_route() {
    for config in ["{trigger: x-stop}", "{echo: true}", "{status_code: 101}", "{status_code: 200.5}"] {
        let run = convert(&format!("{NESTED}plugins:\n- name: request-termination\n  config: {config}\n"));
        assert!(!run.out.contains("cluster: orders") && run.out.contains("status: 503"), "{}", run.out);
        let note = "24:3: plugins[0]: the plugin request-termination with such a configuration has no counterpart";
        assert!(run.notes().contains(&note), "{:?}", run.notes());
    }
}

/// Its requests must not go to the next route that matches.
#[test]
fn an_open_route_that_is_terminated_and_cannot_be_matched_is_not_left_out() {
    let source = guarded("paths: [/a], snis: [a.example.com]").replace("name: jwt", "name: request-termination");
    assert_eq!(answers(&source)[0], ("prefix: /a".to_owned(), false));
}

#[test]
fn a_consumer_that_loses_a_plugin_that_may_keep_it_out_stays_out() {
    let source = |plugin: &str| format!("{NESTED}  plugins:\n  - name: {plugin}\n");
    for (plugin, comes_in) in [("request-termination", false), ("somebody-s-own", false), ("rate-limiting", true)] {
        let run = convert(&source(plugin));
        assert_eq!(run.out.contains("secret: "), comes_in, "{}", run.out);
        assert_eq!(run.notes().len(), 1);
    }
}

/// Somebody's file, in which the plugin `jwt` of each service is for one consumer.
#[test]
fn a_plugin_that_authenticates_closes_its_routes_if_it_is_for_a_consumer() {
    let source = include_str!("convert/consumer-scoped-jwt.yaml");
    let run = convert(source);
    let closed = |route: &str| {
        format!("{route}: the route answers 503 until you decide: the plugin jwt of a consumer has no counterpart")
    };
    for route in ["a", "b"] {
        assert!(run.notes().iter().any(|note| note.ends_with(&closed(route))), "{}", run.out);
    }
    assert!(!run.out.contains("cluster: service"), "{}", run.out);
}

#[test]
fn it_does_so_in_each_place_that_a_plugin_may_stand_in() {
    const OPEN: &str = "_format_version: \"3.0\"
services: [{name: s, id: s1, url: 'http://a', routes: [{name: r, id: r1, paths: [/r] ROUTE}] SERVICE}]
consumers: [{username: u, id: u1 CONSUMER}]
";
    assert!(
        convert(OPEN.replace("ROUTE", "").replace("SERVICE", "").replace("CONSUMER", "").as_str())
            .out
            .contains("cluster: s")
    );
    for plugin in ["jwt", "key-auth", "oauth2", "acl", "openid-connect"] {
        let place = |place: &str, rest: &str| {
            let plugins = format!(", plugins: [{{name: {plugin}{rest}}}]");
            ["ROUTE", "SERVICE", "CONSUMER"]
                .iter()
                .fold(OPEN.to_owned(), |source, name| source.replace(name, if *name == place { &plugins } else { "" }))
        };
        let flat = |rest: &str| format!("{}plugins: [{{name: {plugin}{rest}}}]\n", place("", ""));
        for source in [
            place("CONSUMER", ""),
            place("CONSUMER", ", route: r"),
            place("ROUTE", ", consumer: u"),
            place("SERVICE", ", consumer: {id: u1}"),
            flat(", consumer: u1"),
            flat(", consumer: {username: u}, service: s"),
            flat(", consumer: {username: u}, route: {id: r1}"),
            flat(", consumer_id: u1"),
            flat(", consumer_id: u1, route_id: r1"),
            flat(", consumer_id: u1, service_id: s1"),
        ] {
            let run = convert(&source);
            assert_eq!(run.code, 0, "{source}{}", run.err);
            assert!(!run.out.contains("cluster: s\n") && run.out.contains("status: 503"), "{source}{}", run.out);
        }
        // One that is switched off guards nothing.
        let run = convert(&flat(", consumer: u, enabled: false"));
        assert!(run.out.contains("cluster: s\n"), "{}", run.out);
    }
}

/// "Multiple authentication" as the gateway's documentation has it: who has no token is taken for a consumer, and that
/// consumer is turned away.
#[test]
fn nobody_passes_as_an_anonymous_consumer_that_is_turned_away() {
    let source = |plugin: &str| {
        let anonymous = NESTED.replace("maximum_expiration: 600", "maximum_expiration: 600, anonymous: guest");
        format!("{anonymous}- username: guest\n  plugins:\n  - name: {plugin}\n")
    };
    for (plugin, comes_in) in [("request-termination", false), ("rate-limiting", true)] {
        let run = convert(&source(plugin));
        assert_eq!(run.out.contains("anonymous: guest"), comes_in, "{}", run.out);
        assert!(run.out.contains("cluster: orders"), "{}", run.out);
        assert_eq!(run.notes().len(), 1);
    }
}

#[test]
fn what_kept_a_consumer_group_out_closes_the_routes_that_it_was_for() {
    let nested = |plugin: &str| format!("{NESTED}consumer_groups:\n- name: gold\n  plugins:\n  - name: {plugin}\n");
    let flat = |plugin: &str| format!("{NESTED}plugins:\n- name: {plugin}\n  consumer_group: gold\n");
    for (plugin, closes) in [("request-termination", true), ("jwt", true), ("rate-limiting-advanced", false)] {
        for (source, notes) in [(nested(plugin), 2), (flat(plugin), 1)] {
            let run = convert(&source);
            assert_eq!(run.out.contains("cluster: orders"), !closes, "{}", run.out);
            assert!(run.out.contains(&format!("the plugin {plugin} of a consumer group has no counterpart")));
            assert_eq!(run.notes().len(), notes + usize::from(closes), "{}", run.out);
        }
    }
}

#[test]
fn an_acl_that_goes_by_consumer_groups_closes_its_route() {
    let run = convert(&NESTED.replace("allow: [staff]", "deny: [gold], include_consumer_groups: true"));
    assert!(!run.out.contains("cluster: orders"), "{}", run.out);
    assert!(run.out.contains("the plugin acl with include_consumer_groups has no counterpart"), "{}", run.out);
}

/// A route for everything, and one that asks for a token.
fn guarded(route: &str) -> String {
    format!(
        "_format_version: '3.0'\nservices:\n- name: a\n  url: http://a.example.com\n  routes:\n  - {{name: open, paths: \
         [/]}}\n  - {{name: guarded, plugins: [{{name: jwt}}], {route}}}\n"
    )
}

/// The condition on the path of every route of Envoy in their order, and whether the service gets what matches.
fn answers(source: &str) -> Vec<(String, bool)> {
    let run = convert(source);
    assert_eq!(run.code, 0, "{}", run.err);
    let routes = run.out.split_once("routes:\n").unwrap().1.split_once("http_filters:").unwrap().0;
    // Each begins with its name, further left than the names of the headers in it.
    let route = |text: &str| {
        let matched = text.split_once("match:\n").unwrap().1.lines().map(str::trim);
        let path = matched.filter(|line| *line != "safe_regex:").take(1).collect();
        (path, text.contains("cluster: "))
    };
    routes.split(&format!("\n{:14}- name: ", "")).map(route).collect()
}

#[test]
fn a_guarded_route_that_cannot_be_matched_does_not_give_its_requests_to_an_open_one() {
    for (route, answered) in [
        ("paths: [/a], snis: [a.example.com]", "prefix: /a"),
        ("hosts: [a], sources: [{ip: 10.0.0.0/8}]", "prefix: /"),
        ("paths: [/a], protocols: [ws]", "prefix: /a"),
        ("paths: [/a], protocols: [wss, ws]", "prefix: /a"),
        ("expression: 'http.path ^= r#\"/a\"#'", "prefix: /"),
        (r"paths: ['~/admin/x(?!\d)']", "prefix: /admin/x"),
        (r"paths: ['~/admins?(?!\d)']", "prefix: /admin"),
        (r"paths: ['~/admin(?!x)|/b']", "prefix: /"),
        (r"paths: ['~/(?=a)']", "prefix: /"),
    ] {
        let source = guarded(route);
        let expected = [(answered, false), ("prefix: /", true), ("prefix: /", false)];
        assert_eq!(answers(&source), expected.map(|(path, passes)| (path.to_owned(), passes)), "{route}");
        let run = convert(&source);
        let [note] = run.notes()[..] else { panic!("{route}") };
        assert!(note.ends_with(" gets 503 until you decide"), "{note}");
    }
}

#[test]
fn an_open_route_that_cannot_be_matched_is_left_out() {
    for (route, note) in [
        ("paths: [/a], snis: [a.example.com]", "snis: has no counterpart; the route is left out"),
        ("paths: ['~/a(?!b)']", "paths: a regular expression that Envoy cannot run; the path is left out"),
        (
            "paths: [/a], protocols: [wss]",
            "protocols: takes WebSockets alone, which has no counterpart; the route is left out",
        ),
    ] {
        let source = guarded(route).replace("plugins: [{name: jwt}], ", "");
        assert_eq!(answers(&source), [("prefix: /".to_owned(), true), ("prefix: /".to_owned(), false)]);
        let run = convert(&source);
        let [found] = run.notes()[..] else { panic!("{route}") };
        assert!(found.ends_with(note), "{found}");
    }
}

/// The gateway takes them by their ids, which are not in every file.
#[test]
fn of_equal_routes_the_guarded_one_comes_first() {
    let source = guarded("paths: ['~/a/.*']").replace("[/]", "['~/.*']");
    let regex = |regex: &str| format!("regex: \"(?:{regex}).*\"");
    assert_eq!(answers(&source)[..2], [(regex("/a/.*"), true), (regex("/.*"), true)]);
}

#[test]
fn a_route_for_tls_refuses_what_comes_without() {
    let source = |status: &str| guarded(&format!("paths: [/a], protocols: [https]{status}"));
    for (status, answer) in [
        ("", "status: 426"),
        (", https_redirect_status_code: 301", "response_code: MOVED_PERMANENTLY"),
        (", https_redirect_status_code: 308", "response_code: PERMANENT_REDIRECT"),
    ] {
        let run = convert(&source(status));
        let (_, first) = run.out.split_once("- name: no-route\n").unwrap();
        let (first, _) = first.split_once("- name: guarded\n").unwrap();
        for part in ["prefix: /a\n", "name: x-forwarded-proto\n", "exact: http\n", answer] {
            assert!(first.contains(part), "{part}\nis not in\n{first}");
        }
    }
}

#[test]
fn a_route_for_grpc_keeps_its_path_and_refuses_other_requests() {
    let run = convert(&guarded("paths: [/a], protocols: [grpc]"));
    let (_, routes) = run.converted().split_once("- name: guarded\n").unwrap();
    let (guarded, other) = routes.split_once("- name: no-route\n").unwrap();
    assert!(guarded.contains("grpc: {}") && !guarded.contains("regex_rewrite"), "{guarded}");
    assert!(other.split("- name: ").next().unwrap().contains("status: 415"), "{other}");
}

/// The gateway's router does not ask what the service speaks.
#[test]
fn a_route_of_a_service_that_is_left_out_still_takes_its_requests() {
    let source =
        guarded("paths: [/a], service: tcp").replace("services:\n", "services:\n- {name: tcp, url: 'tcp://a:1'}\n");
    let source = source.replace("  - {name: guarded", "routes:\n- {name: guarded");
    assert_eq!(answers(&source)[..2], [("prefix: /a".to_owned(), false), ("prefix: /".to_owned(), true)]);
    assert!(convert(&source).out.contains("no Service found with those values"));
}

#[test]
fn an_acl_that_keeps_nobody_out_is_a_fault() {
    let faults = |config: &str| convert(&NESTED.replace("{allow: [staff]}", config)).faults().join("\n");
    let message = "services[0].routes[0].plugins[0].config";
    for config in ["{}", "{allow: []}", "{allow: null, deny: null}"] {
        assert_eq!(faults(config), format!("11:7: {message}: neither allow nor deny; expected one of them"));
    }
    for (config, what) in [("{deny: staff}", "a text"), ("{blacklist: [1]}", "a list")] {
        let expected = format!("{message}.deny: {what}; expected a list of texts");
        assert!(faults(config).contains(&expected), "{}", faults(config));
    }
    assert!(faults("[staff]").ends_with(&format!("12:15: {message}: a list; expected a map")));
}

#[test]
fn a_group_that_nobody_is_in_is_listed() {
    let run = convert(&NESTED.replace("allow: [staff]", "allow: [staff, board]"));
    assert_eq!(
        run.notes(),
        [
            "11:7: services[0].routes[0].plugins[0].config: the group \"board\" is left out, because no consumer is in it"
        ]
    );
}

#[test]
fn an_acl_whose_groups_nobody_is_in_lets_nobody_in_and_says_so() {
    let run = convert(&NESTED.replace("allow: [staff]", "allow: [board]"));
    let subject = "11:7: services[0].routes[0].plugins[0].config";
    assert_eq!(
        run.notes(),
        [
            format!("{subject}: no consumer is in a group of allow, so nobody may call: `allow: []`"),
            format!("{subject}: the group \"board\" is left out, because no consumer is in it"),
        ]
    );
    // The filter answers in place of a direct response: 401 without a token, as the gateway does, and 403 with one.
    assert!(run.out.contains("allow: []") && run.out.contains("cluster: orders"), "{}", run.out);
}

#[test]
fn an_acl_whose_deny_names_nobody_lets_all_in_and_says_so() {
    let run = convert(&NESTED.replace("allow: [staff]", "deny: [board]"));
    let subject = "11:7: services[0].routes[0].plugins[0].config";
    assert_eq!(
        run.notes(),
        [
            format!(
                "{subject}: no consumer is in a group of deny, so all may call, and the service gets no X-Consumer-Groups"
            ),
            format!("{subject}: the group \"board\" is left out, because no consumer is in it"),
        ]
    );
}

#[test]
fn the_service_is_not_told_the_groups_if_the_acl_hides_them() {
    let of = |fields: &str| convert(&NESTED.replace("allow: [staff]", &format!("allow: [staff]{fields}")));
    assert!(of(", hide_groups_header: true").converted().contains("hide_groups_header: true\n"));
    assert_eq!(of(", hide_groups_header: false").converted(), convert(NESTED).converted());
    // The plugin jwt knows no groups of its own.
    assert_eq!(of(", always_use_authenticated_groups: true").converted(), convert(NESTED).converted());
}

/// So it is in `deck`: what the plugin says stays, and the rest is filled in.
#[test]
fn a_null_of_a_plugin_counts_before_what_it_shares() {
    let own = "{anonymous: null, run_on_preflight: null,";
    let source = DECK
        .replace("header_names: [authorization]}", "anonymous: ClientApp, run_on_preflight: false}")
        .replace("{anonymous: null,", own)
        .replace("realm: null, run_on_preflight: true,", "realm: null,");
    assert!(source.contains(own));
    assert_eq!(convert(&source).converted(), convert(NESTED).converted());
}

#[test]
fn what_would_leave_it_open_who_may_call_is_a_fault() {
    let shared = DECK.replace("_config: lifetime", "_config: nothing");
    assert_eq!(
        convert(&shared).faults(),
        ["21:14: services[0].plugins[0]._config: names an entry of _plugin_configs that does not exist"]
    );
    let twice = format!("{NESTED}plugins:\n- {{name: jwt, service: orders}}\n");
    assert_eq!(
        convert(&twice).faults(),
        ["24:3: plugins[0]: the plugin jwt is configured twice for the same requests"]
    );
}

/// The gateway's plugin acl refuses a preflight request that the plugin jwt let through.
#[test]
fn with_an_acl_a_preflight_request_needs_a_token() {
    let source = NESTED.replace("maximum_expiration: 600", "maximum_expiration: 600, run_on_preflight: false");
    assert!(!convert(&source).converted().contains("run_on_preflight"));
    let without = source.replace("name: acl\n      config: {allow: [staff]}", "name: cors");
    assert!(convert(&without).out.contains("run_on_preflight: false"));
}

#[test]
fn what_only_deck_can_put_in_is_a_fault_where_it_decides() {
    const REFERENCE: &str = "'${{ env \"DECK_X\" }}'";

    for (of, path) in [
        ("/orders, ", "services[0].routes[0].paths"),
        ("GET]", "services[0].routes[0].methods"),
        ("staff]}", "services[0].routes[0].plugins[0].config"),
        ("https://orders.example.com:8443/api", "services[0].url"),
        ("ClientApp", "consumers[0].username"),
    ] {
        let after = of.trim_start_matches(|char: char| !", ]}".contains(char));
        let run = convert(&NESTED.replace(of, &format!("{REFERENCE}{after}")));
        let faults = run.faults();
        let start = format!("{path}: a reference to an environment variable");
        assert!(faults.iter().any(|fault| fault.contains(&start)), "{faults:?}");
    }
    let elsewhere = NESTED.replace("secret: 0123456789abcdef0123456789abcdef", &format!("secret: {REFERENCE}"));
    assert!(convert(&elsewhere).notes()[0].contains("is not in this file, only a reference"));
    for placeholder in ["${HOST}", "$HOST", "{{ .Values.host }}", "%HOST%", "{vault://env/host}", "a.${DOMAIN}"] {
        for (before, path) in [
            ("host: orders.example.com", "services[0].host"),
            ("paths: [/orders, \"~/o/[0-9]+$\"]", "routes[0].paths"),
            ("whitelist: [staff]", "plugins[0].config"),
            ("username: ClientApp, id", "consumers[0].username"),
        ] {
            let (name, rest) = before.split_once(": ").unwrap();
            let value = if rest.starts_with('[') { format!("['{placeholder}']") } else { format!("'{placeholder}'") };
            let after = if rest.ends_with(", id") { ", id" } else { "" };
            let run = convert(&FLAT.replace(before, &format!("{name}: {value}{after}")));
            let expected = format!("{path}: a placeholder; expected the value that takes its place");
            assert!(run.faults().iter().any(|fault| fault.ends_with(&expected)), "{}", run.err);
        }
    }
    let shared = DECK.replace("claims_to_verify: [exp], max", &format!("anonymous: {REFERENCE}, max"));
    assert!(convert(&shared).faults().iter().any(|fault| fault.contains("_plugin_configs: a reference to an env")));
    let of_plugin = |config: &str| convert(&format!("{NESTED}plugins: [{{{config}}}]\n"));
    let log = of_plugin(&format!("name: http-log, config: {{http_endpoint: {REFERENCE}}}"));
    assert_eq!(log.notes().len(), 1);
    let body = of_plugin("name: request-termination, config: {status_code: 200, body: '{{a: {}}} ${x}'}");
    assert!(body.converted().contains("{{a: {}}} ${x}"), "{}", body.out);
    for plugin in [
        format!("name: cors, config: {{origins: [{REFERENCE}]}}"),
        format!("name: request-termination, config: {{status_code: {REFERENCE}}}"),
    ] {
        assert!(of_plugin(&plugin).faults()[0].contains("plugins[0].config: a reference to an environment variable"));
    }
}

#[test]
fn a_filter_chain_may_keep_people_out() {
    let nested = NESTED
        .replace("  plugins:\n  - name: jwt", "  filter_chains: [{filters: [{name: f}]}]\n  plugins:\n  - name: jwt");
    let flat = format!("{NESTED}filter_chains: [{{route: orders, filters: [{{name: f}}]}}]\n");
    for source in [nested.as_str(), flat.as_str()] {
        let run = convert(source);
        assert!(!run.out.contains("cluster: orders"), "{}", run.out);
        assert_eq!(run.notes().len(), 2, "{}", run.out);
    }
    assert!(convert(&flat.replace("route: orders", "enabled: false")).converted().contains("cluster: orders"));
}

/// The gateway and Envoy both decode what needs no encoding before they look for a route; the rest may be in any case.
#[test]
fn a_path_is_matched_as_it_is_in_requests() {
    for (version, path, matched) in [
        ("2.1", "/%61dmin/%7Ea", "prefix: \"/admin/~a\""),
        ("2.1", "/a//b", "prefix: /a/b"),
        ("2.1", "/a%20b", r#"regex: "/a(?i:%20)b.*""#),
        ("2.1", "/a%20/[0-9]%2e", r#"regex: "(?:/a(?i:%20)/[0-9]\\x2e).*""#),
        ("3.0", "/a%2fb.c", r#"regex: "/a(?i:%2F)b\\.c.*""#),
        ("3.0", "/a(b)", "prefix: \"/a(b)\""),
        ("3.0", "~/%2F%41$", r#"regex: "(?:/(?i:%2F)A$).*""#),
    ] {
        let source = guarded(&format!("paths: ['{path}']")).replace("3.0", version);
        assert_eq!(answers(&source)[0], (matched.to_owned(), true), "{path}");
    }
    let space = answers(&guarded("paths: ['~/a b/[0-9]']"));
    assert_eq!(space[0], ("prefix: /a".to_owned(), false));
}

#[test]
fn a_path_that_nothing_could_match_is_a_fault() {
    for path in [r"/a/\d+", "/a[0-9]", "a", "~a", "/a b", "/a?b"] {
        let faults = convert(&guarded(&format!("paths: ['{path}']"))).faults().join("\n");
        assert!(faults.contains("paths: a text; expected a path from its first slash on"), "{path}: {faults}");
    }
}

#[test]
fn a_header_is_matched_under_the_name_and_among_the_values_that_the_gateway_takes_it_for() {
    let run = convert(&guarded("headers: {X_Kind: [a.b, '~*^c']}"));
    assert!(run.converted().contains("- name: x-kind\n"), "{}", run.out);
    assert!(run.out.contains(r#"regex: "(?is)(?:(?:.*,)?a\\.b(?:,.*)?|.*(?:^c).*)""#), "{}", run.out);
}

#[test]
fn a_port_is_the_one_that_the_gateway_takes() {
    for (service, port) in [
        ("{name: s, url: https://a.example.com}", 443),
        ("{name: s, url: http://a.example.com}", 80),
        ("{name: s, host: a.example.com, protocol: https}", 80),
        ("{name: s, host: a.example.com, protocol: https, port: 443}", 443),
    ] {
        let run = convert(&format!("services:\n- {service}\nroutes: [{{name: r, service: s}}]\n"));
        assert!(run.converted().contains(&format!("port_value: {port}\n")), "{}", run.out);
    }
    for (host, regex) in [("a:443", "a(?::443)?"), ("a:80", "a(?::80)?"), ("a:8000", "a:8000")] {
        assert!(convert(&guarded(&format!("hosts: ['{host}']"))).converted().contains(&format!("(?i){regex}\"")));
    }
}

#[test]
fn the_files_are_those_of_one_workspace() {
    let of = |name: &str| format!("_workspace: {name}\nconsumers: [{{username: {name}}}]\n");
    let files = files("workspaces", [("a.yaml", &of("a")), ("b.yaml", &of("b")), ("too.yaml", "_workspace: a\n")]);
    let [a, b, too] = files.each_ref().map(String::as_str);
    assert_eq!(run(&[a, too], "").code, 0);
    let both = run(&[a, b], "");
    assert_eq!(both.code, 1);
    assert!(both.err.contains("b.yaml:1:13: the workspace: not that of the files before"), "{}", both.err);
    let ids = "consumers: [{username: a, ws_id: x}, {username: b, ws_id: y}]";
    assert_eq!(
        convert(ids).faults(),
        ["1:59: the workspace: not that of the files before; expected the files of one workspace"]
    );
}

#[test]
fn a_page_or_the_plugins_must_not_be_missing() {
    const ROUTES: &str = r#"{"data": [{"name": "r", "paths": ["/a"]}], "next": "/routes?offset=x"}"#;

    let last = ROUTES.replace("\"r\"", "\"s\"").replace("\"/routes?offset=x\"", "null");
    let plugins = r#"{"data": [{"name": "jwt", "config": {}}], "next": null}"#;
    let files = files("pages", [("1.json", ROUTES), ("2.json", last.as_str()), ("plugins.json", plugins)]);
    let [first, second, plugins] = files.each_ref().map(String::as_str);
    assert!(run(&[first, second, plugins], "").converted().contains("- name: s\n"));
    for files in [[first, plugins], [second, first]] {
        let run = run(&files, "");
        assert_eq!(run.code, 1);
        assert!(
            run.err.contains("next: the answer has more pages; expected them in the files that follow"),
            "{}",
            run.err
        );
    }
    let open = run(&[second], "");
    assert!(
        open.out.contains("plugins: none in these answers: without plugins, everybody may use the routes"),
        "{}",
        open.out
    );
    let wrapped = r#"{"consumers": {"data": [], "next": "/consumers?offset=x"}}"#;
    assert_eq!(
        convert(wrapped).faults(),
        ["1:36: consumers.next: the answer has more pages; expected all in one list"]
    );
}

#[test]
fn what_an_answer_holds_is_told_apart() {
    for item in [
        r#"{"username": "a", "password": "x", "consumer": {"id": "c"}}"#,
        r#"{"name": "env", "prefix": "my-env", "config": {"prefix": "A_"}}"#,
    ] {
        let run = convert(&format!("{{\"data\": [{item}, {{\"username\": \"a\"}}]}}"));
        assert_eq!(
            run.notes(),
            ["1:1: routes: none in these files: every request gets 404", "1:11: data[0]: has no counterpart"]
        );
    }
    let chain = r#"{"data": [{"filters": [{"name": "f"}], "enabled": true}, {"username": "a"}]}"#;
    assert!(convert(chain).notes().contains(&"1:11: data[0]: the filter chain has no counterpart"));
    let old = r#"{"data": [{"paths": ["/a/(.*)"], "name": "r"}, {"name": "jwt", "config": {}}]}"#;
    assert!(convert(old).notes()[0].contains("paths: is taken as a prefix; a regular expression for Kong before 3.0"));
}

/// Rules go by names: what opens one route would open the other.
#[test]
fn no_two_routes_share_a_name() {
    let unnamed = r#"
services:
- url: http://a.example.com
  routes:
  - paths: [/open]
  - {name: route-1, paths: [/closed], plugins: [{name: jwt}]}
  - paths: [/open-too]
"#;
    let converted = convert(unnamed).converted().to_owned();
    let (_, disabled) = converted.split_once("rules:\n").unwrap();
    let (disabled, _) = disabled.split_once("disabled: true").unwrap();
    let open: Vec<&str> = disabled.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
    assert_eq!(open, ["routes:", "route-2", "route-3", "no-route"]);
    assert_eq!(
        convert(&unnamed.replace("- paths", "- name: route-1\n    paths")).faults(),
        [
            "7:5: services[0].routes[1]: \"route-1\" is the name of another route too",
            "8:5: services[0].routes[2]: \"route-1\" is the name of another route too"
        ]
    );
    let twice = "services: [{name: a, host: a}, {name: a, host: b}]";
    assert_eq!(convert(twice).faults(), ["1:32: services[1]: \"a\" is the name of another service too"]);
}

#[test]
fn what_the_gateway_would_not_take_is_a_fault() {
    let faults = |source: &str| convert(&format!("_format_version: '3.0'\n{source}")).faults().join("\n");
    for (source, fault) in [
        ("services: {a: 1}", "2:11: services: a map; expected a list"),
        ("services: [a]", "2:12: services[0]: a text; expected a map"),
        ("services: [{name: a}]", "2:12: services[0]: a service without a host"),
        (
            "services: [{host: a, port: 70000}]",
            "2:28: services[0].port: a number; expected a whole number from 0 to 65535",
        ),
        ("services: [{url: a}]", "2:18: services[0].url: a text; expected scheme://host:port/path"),
        ("routes: [{name: a, service: b}]", "2:29: routes[0].service: names no existing service"),
        ("routes: [{name: a, paths: /a}]", "2:27: routes[0].paths: a text; expected a list of texts"),
        ("plugins: [{name: jwt, route: x}]", "2:30: plugins[0].route: names no existing route"),
        ("consumers: [{tags: [a]}]", "2:13: consumers[0]: a consumer without a username, an id and a custom_id"),
        ("acls: [{group: a}]", "2:8: acls[0]: belongs to no consumer"),
        (
            "upstreams: [{name: a, targets: [{target: ':x'}]}]",
            "2:33: upstreams[0].targets[0]: a target without a host and a port",
        ),
    ] {
        assert!(faults(source).contains(fault), "{source}: {}", faults(source));
    }
    assert_eq!(
        convert("_format_version: '9'").faults(),
        ["1:18: _format_version: an unknown format; expected 1.1, 2.1 or 3.0"]
    );
}

#[test]
fn what_the_filter_would_not_take_of_a_plugin_is_a_fault_where_it_stands() {
    let faults = |config: &str| {
        let plugin = format!("services: [{{name: s, url: 'http://a', plugins: [{{name: jwt, config: {config}}}]}}]");
        convert(&format!("_format_version: '3.0'\n{plugin}\nconsumers: [{{username: a}}]\n")).faults().join("\n")
    };
    let path = "services[0].plugins[0].config";
    for (config, fault) in [
        (
            "{maximum_expiration: 0.5, claims_to_verify: [exp]}",
            "maximum_expiration: the number 0.5; expected a whole number from 0 to 31536000",
        ),
        ("{claims_to_verify: [iat]}", "claims_to_verify[0]: \"iat\"; expected exp or nbf"),
        (
            "{anonymous: 8a4e0f10-1111-4222-8333-444455556666}",
            "anonymous: names no existing consumer: \"8a4e0f10-1111-4222-8333-444455556666\"; no consumer has an id here: \
             `deck gateway dump --with-id` writes them",
        ),
    ] {
        let found = faults(config);
        assert!(found.starts_with("2:") && found.ends_with(&format!("{path}.{fault}")), "{config}: {found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

/// Between two whole seconds nothing expires, in the gateway neither.
#[test]
fn a_maximum_that_is_no_whole_number_becomes_the_one_below() {
    let run = convert(&NESTED.replace("maximum_expiration: 600", "maximum_expiration: 600.9"));
    let note = "services[0].plugins[0].config.maximum_expiration: no whole number; the filter has 600";
    assert!(run.notes()[0].ends_with(note), "{}", run.out);
    assert!(run.out.contains("maximum_expiration: 600\n"), "{}", run.out);
}

#[test]
fn what_fields_may_not_be_together_is_a_fault_where_it_stands() {
    let run = convert(&NESTED.replace("claims_to_verify: [exp], ", ""));
    let fault = "15:34: services[0].plugins[0].config.maximum_expiration: set without exp in claims_to_verify; expected 0, or exp in \
                 claims_to_verify";
    assert_eq!(run.faults(), [fault]);
    let encoded = NESTED
        .replace("maximum_expiration: 600", "secret_is_base64: true")
        .replace("0123456789abcdef0123456789abcdef", "'*'");
    let fault =
        "20:5: consumers[0].jwt_secrets[0].secret: not base64; expected base64, because secret_is_base64 is true";
    assert!(convert(&encoded).faults().contains(&fault), "{}", convert(&encoded).err);
    // In the answer of the Admin API all stands in one text.
    let wrapped = serde_json::json!({ "config": NESTED.replace("[exp]", "[iat]") }).to_string();
    assert!(convert(&wrapped).faults()[0].starts_with("1:11: services[0]"), "{}", convert(&wrapped).err);
}

/// Somebody's file, whose `anonymous` is an id that it does not have.
#[test]
fn an_anonymous_consumer_that_is_not_there_is_a_fault_in_its_line() {
    let run = convert(include_str!("convert/anonymous-uuid.yaml"));
    let [fault] = run.faults()[..] else { panic!("{}", run.err) };
    let subject = "services[0].plugins[0].config.anonymous";
    assert!(
        fault.starts_with("8:25: ") && fault.contains(subject) && fault.contains("\"8a4e0f10-1111-4222"),
        "{fault}"
    );
}

#[test]
fn an_empty_list_may_be_written_as_a_map() {
    let empty = NESTED
        .replace("    methods: [GET]\n", "    methods: [GET]\n    hosts: {}\n")
        .replace("  acls:\n", "  plugins: {}\n  acls:\n");
    assert_eq!(convert(&empty).converted(), convert(NESTED).converted());
    let source = |fields: &str| NESTED.replace("maximum_expiration: 600", &format!("maximum_expiration: 600{fields}"));
    assert_eq!(convert(&source(", cookie_names: {}")).converted(), convert(NESTED).converted());
    assert!(convert(&source(", uri_param_names: {}")).converted().contains("uri_param_names: []"));
}

#[test]
fn a_secret_that_stands_elsewhere_is_left_out() {
    let run = |secret: &str| {
        convert(&NESTED.replace("secret: 0123456789abcdef0123456789abcdef", &format!("secret: '{secret}'")))
    };
    let templates = [
        "${JWT_SECRET}",
        "${{ env \"DECK_A\" }}",
        "$JWT_SECRET",
        "$(JWT_SECRET)",
        "x${A}y",
        "{{ .Values.secret }}",
        "%SECRET%",
        "@secret@",
        "__SECRET__",
        "#{SECRET}#",
        "[[secret]]",
        "<%= ENV[\"A\"] %>",
        "<your secret here>",
        "{vault://a/b}",
        "{vault:a/b}",
        "%{SECRET}",
        "%(secret)s",
        "@{SECRET}",
        "@@SECRET@@",
        "%%SECRET%%",
        "$$SECRET",
        "$JWT-SECRET",
        "$jwt.secret",
        "$env:SECRET",
        ":SECRET",
        "~SECRET~",
        "{SECRET}",
        "{env:SECRET}",
        "[SECRET]",
        "((secret))",
        "(( vault \"a:b\" ))",
        "<<SECRET>>",
        "env(SECRET)",
        "{cipher}AQA6EDg0",
    ];
    let addresses = [
        "vault:secret/data/jwt#key",
        "ref+vault://secret/jwt#/key",
        "op://vault/item/field",
        "env:JWT_SECRET",
        "file:///run/secrets/jwt",
        "arn:aws:secretsmanager:eu-central-1:1:secret:a",
        "ENC[AES256_GCM,data:abc,type:str]",
        "$ANSIBLE_VAULT;1.1;AES256",
        "secretsmanager://jwt",
        "ssm:/prod/jwt",
        "env.JWT_SECRET",
        "https://vault.example.com/v1/secret/jwt",
    ];
    let masks = ["*****", "xxxxxxxx", "REDACTED", "**redacted**", "[masked]", "<hidden>"];
    let message = "is left out: its value is not in this file, only a reference";
    for secret in templates.iter().chain(&addresses).chain(&masks) {
        let run = run(secret);
        assert!(run.notes()[0].ends_with(message), "{secret}: {}", run.out);
        assert!(!run.out.contains("secret: "), "{}", run.out);
    }
    for secret in
        ["$1x", "a$b", "a${b", "100%", "$", "%%", "{1}", "{}", "<>", "a<b>", "__", "(a)", "[a b]", "environment", "x1"]
    {
        assert!(run(secret).converted().contains("secret: "), "{secret}");
    }
    // A key claim may be an address, and a public key be one that is not there.
    let with =
        |credential: &str| convert(&NESTED.replace("key: k, secret: 0123456789abcdef0123456789abcdef", credential));
    for template in templates {
        let run = with(&format!("key: '{template}', secret: 0123456789abcdef0123456789abcdef"));
        assert!(run.notes()[0].ends_with(message), "{template}: {}", run.out);
        let run = with(&format!("key: k, algorithm: RS256, rsa_public_key: '{template}', secret: s"));
        assert!(run.notes()[0].ends_with(message), "{template}: {}", run.out);
    }
    assert!(with("key: 'arn:aws:iam::1:x', secret: 0123456789abcdef0123456789abcdef").converted().contains("arn:aws"));
}

/// `!env JWT_SECRET` is not the secret `JWT_SECRET`.
#[test]
fn a_value_with_a_tag_of_another_program_is_not_taken_as_it_stands() {
    for (tagged, is_taken) in [
        ("!env JWT_SECRET", false),
        ("!vault |\n      abc", false),
        ("!ENV ${A}", false),
        ("!Sub [a]", false),
        ("!!binary dGV4dA==", false),
        ("!!str 0123", true),
        ("! 0123", true),
        ("'!env JWT_SECRET'", true),
    ] {
        let source = NESTED.replace(
            "- {key: k, secret: 0123456789abcdef0123456789abcdef}",
            &format!("- key: k\n    secret: {tagged}"),
        );
        let run = convert(&source);
        assert_eq!(run.code, if is_taken { 0 } else { 2 }, "{tagged}: {}", run.err);
        let message = ": a tag that is not of YAML itself; expected the value that it stands for\n";
        assert!(is_taken || run.err.starts_with("error: <stdin>:2") && run.err.ends_with(message), "{}", run.err);
    }
}

#[test]
fn a_file_without_anything_of_the_gateway_is_a_fault() {
    for source in [
        "a: 1",
        "_services: []",
        "{}",
        "name: jwt\nconfig: {}",
        "_format_version: '3.0'",
        "plugins: [{name: jwt}]",
        "services: [{name: a, url: 'http://a'}]",
        "_format_version: '3.0'\n_services: [{name: a}]",
        "_format_version: '3.0'\nservices: []\nroutes: null\nplugins: {}",
        r#"{"data": [], "next": null}"#,
    ] {
        let run = convert(source);
        let expected = [
            "nothing of the gateway's configuration; expected services, routes, plugins or consumers",
            "1:1: the files: neither a route nor a consumer; expected Kong's configuration with routes",
        ];
        assert!(expected.iter().any(|expected| run.faults()[0].ends_with(expected)), "{source}: {}", run.err);
    }
    let run = convert("consumers: [{username: a}]");
    assert_eq!(run.notes(), ["1:1: routes: none in these files: every request gets 404"]);
}

#[test]
fn what_the_filter_would_not_take_is_a_fault_at_its_consumer() {
    let source = "consumers:\n- username: a\n  jwt_secrets: [{key: k, secret: s}]\n- username: b\n  jwt_secrets: [{key: k, secret: \
                  not-to-be-repeated}]\n";
    let run = convert(source);
    assert_eq!(
        run.faults(),
        ["5:17: consumers[1].jwt_secrets[0].key: the key of another consumer's credential; expected a key that one \
          consumer has"]
    );
    assert!(!run.err.contains("not-to-be-repeated"));
}

#[test]
fn both_editions_get_the_same_configuration_each_in_its_own_filter() {
    let [wasm, native] = ["wasm", "native"].map(|edition| run(&[SAMPLE, "--edition", edition], ""));
    assert_eq!((native.code, native.err.as_str()), (0, wasm.err.as_str()));
    assert_eq!(run(&[SAMPLE], "").out, wasm.out);

    let runtime = "layered_runtime:\n  layers:\n  - name: names-of-counters\n    static_layer:\n      \
                   envoy.reloadable_features.dynamic_modules_strip_custom_stat_prefix: true\n  - name: admin\n    admin_layer: {}\n\
                   static_resources:\n";
    let filter = "          - name: jwt_auth
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter
              dynamic_module_config:
                name: jwt_auth
                do_not_close: true
              filter_name: jwt_auth
              filter_config:
";
    let without = |text: &str, start: &str, end: &str| {
        let (before, rest) = text.split_once(start).unwrap();
        let (_, after) = rest.split_once(end).unwrap();
        [before, after].concat()
    };
    assert!(native.out.contains(filter) && native.out.contains(runtime), "{}", native.out);
    let of_native = without(&native.out.replace(runtime, "static_resources:\n"), filter, "");
    let of_wasm = without(&wasm.out, "          - name: jwt_auth\n", "                configuration:\n");
    let unindented = |text: &str| text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n");
    assert_eq!(unindented(&of_native), unindented(&of_wasm));
}

#[test]
fn the_native_edition_has_no_wasm_file() {
    let run = run(&["-", "--edition", "native", "--module", "jwt-auth.wasm"], "");
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.starts_with("error: --module names a Wasm file, and --edition native has none: "), "{}", run.err);
}

#[test]
fn what_cannot_be_read_is_said_and_nothing_of_it_repeated() {
    for (arguments, input, problem) in [
        (["-"].as_slice(), "a: [secret", "<stdin>:"),
        (&["-"], "a: 1\n---\nb: secret\n", "<stdin>: 2 documents; expected one"),
        (&["-"], "a: secret\na: secret\n", "<stdin>:2:1: "),
        (&["/nowhere/kong.yaml"], "", "/nowhere/kong.yaml: "),
        (&["-", "--listen", "secret"], "", "invalid value"),
        (&["-", "--edition", "secret"], "", "[possible values: wasm, native]"),
        (&[], "", "required"),
    ] {
        let run = run(arguments, input);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.err);
        assert!(run.err.contains(problem), "{}", run.err);
        assert!(arguments.contains(&"secret") || !run.err.contains("secret"), "{}", run.err);
    }
    assert_eq!(convert("just text").faults(), ["1:1: the file: a text; expected a map"]);
}

#[test]
fn the_documentation_shows_what_it_prints() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = fs::read_to_string(format!("{root}/docs/migrating-from-kong.md")).unwrap();
    let run = run(&[SAMPLE], "");
    assert_eq!(run.code, 0);
    let (_, section) = page.split_once("## Convert the configuration").unwrap();
    let (_, shown) = section.split_once("```yaml\n").unwrap();
    let (shown, _) = shown.split_once("\n```").unwrap();
    for part in shown.split("\n…\n") {
        let lines: Vec<&str> = part.lines().collect();
        let all: Vec<&str> = run.out.lines().map(str::trim_start).collect();
        let trimmed: Vec<&str> = lines.iter().map(|line| line.trim_start()).collect();
        assert!(all.windows(trimmed.len()).any(|window| window == trimmed), "not printed:\n{part}");
    }
    assert!(section.contains(run.err.trim()), "{}", run.err);

    let commands: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("jwt-auth convert ")).collect();
    assert_eq!(commands.len(), 2);
    for command in commands {
        let (arguments, _) = command.split_once(" > ").unwrap();
        let run = self::run(&arguments.split(' ').collect::<Vec<_>>(), "");
        assert_eq!(run.code, 0, "{command}: {}", run.err);
    }
}

/// A gateway file with one route, these plugins and these consumers.
fn one_route(plugins: &str, consumers: &str) -> String {
    format!(
        "_format_version: \"3.0\"\nservices:\n- name: a\n  url: http://a\n  routes:\n  - {{name: r, paths: [/]}}\n  plugins:\n\
         {plugins}\nconsumers:\n{consumers}\n"
    )
}

#[test]
fn the_header_of_groups_is_told_and_hidden_as_in_the_gateway() {
    let consumers = "- {username: c, acls: [{group: staff}]}";
    let converted = |config: &str| {
        let plugins = format!("  - {{name: jwt}}\n  - {{name: acl, config: {config}}}");
        let run = convert(&one_route(&plugins, consumers));
        let notes: Vec<String> = run.notes().into_iter().map(str::to_owned).collect();
        (run.out, notes)
    };
    let (out, notes) = converted("{deny: [staff], hide_groups_header: true, always_use_authenticated_groups: true}");
    assert!(out.contains("hide_groups_header: true") && !out.contains("always_use"), "{out}");
    assert_eq!(notes, [""; 0]);
    assert!(!converted("{deny: [staff], hide_groups_header: false}").0.contains("hide_groups_header"));
    // A group that nobody is in keeps nobody out, and yet the plugin runs and tells groups.
    let (out, _) = converted("{deny: [nobody]}");
    assert!(out.contains("deny: []"), "{out}");
}

#[test]
fn what_is_converted_and_not_quite_the_same_is_listed() {
    let notes = |config: &str| {
        let run = convert(&one_route(&format!("  - {{name: jwt, config: {config}}}"), "- {username: c}"));
        let notes: Vec<String> =
            run.notes().into_iter().map(|note| note.split_once(": ").unwrap().1.to_owned()).collect();
        (run.out, notes)
    };
    let at = "services[0].plugins[0].config";
    let (_, listed) = notes("{cookie_names: [session], realm: 'a \"b\"'}");
    assert_eq!(
        listed,
        [
            format!(
                "{at}.cookie_names: the filter compares the names of cookies exactly, and Kong without regard to case"
            ),
            format!(
                "{at}.realm: the filter escapes the quotation marks and backslashes in the challenge, and Kong does not"
            ),
        ]
    );
    let (out, listed) = notes("{header_names: [X_Token, authorization], realm: plain}");
    assert!(out.contains("- X-Token\n") && !out.contains("X_Token"), "{out}");
    assert_eq!(listed, [""; 0]);
}

#[test]
fn a_credential_that_the_gateway_answers_500_to_is_listed() {
    let key = |bits: &str| {
        let pem = fs::read_to_string(format!("{}/tests/keys/rsa-{bits}.pem", env!("CARGO_MANIFEST_DIR"))).unwrap();
        serde_json::to_string(&pem).unwrap()
    };
    let notes = |algorithm: &str, bits: &str| {
        let credential = format!("{{key: k, algorithm: {algorithm}, rsa_public_key: {}}}", key(bits));
        let consumers = format!("- {{username: c, jwt_secrets: [{credential}]}}");
        convert(&one_route("  - {name: jwt}", &consumers)).notes().len()
    };
    assert_eq!(notes("PS256", "3072"), 1);
    assert_eq!(notes("PS512", "2048"), 0);
    assert_eq!(notes("RS256", "3072"), 0);
}

#[test]
fn a_credential_as_the_gateway_dumps_it_is_converted() {
    let credential = "{id: 2f0e3a8d-5d3c-4e6b-9a35-0a9a3a1b7c55, created_at: 1700000000, tags: [x], key: k, algorithm: HS256, \
                      secret: 0123456789abcdef0123456789abcdef, rsa_public_key: none, consumer: {username: c}}";
    let consumers = format!("- {{username: c, created_at: 1, updated_at: 2, jwt_secrets: [{credential}]}}");
    let dumped = convert(&one_route("  - {name: jwt}", &consumers));
    let bare = "- {username: c, jwt_secrets: [{key: k, secret: 0123456789abcdef0123456789abcdef}]}";
    assert_eq!(dumped.converted(), convert(&one_route("  - {name: jwt}", bare)).converted());
}
