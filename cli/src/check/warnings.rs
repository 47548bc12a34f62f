//! What the filter takes, and what is seldom meant.

use jwt_auth_filter::{
    authenticate::VERIFICATION_BUDGET,
    config::{Config, Path, Step},
    crypto::{Algorithm, Key},
    policy::{Credential, Policy, ResourceMetadata},
    sender::{CertificateSource, SenderConstraint},
};

use super::{demands, dump, is_harmless};
use crate::{
    configurations::{Configuration, CredentialPlace},
    diagnostics::Diagnostic,
    document::Node,
};

/// The warnings about a configuration without faults.
pub(super) fn of(configuration: &Configuration, config: &Config) -> Vec<Diagnostic> {
    let warn = |path: Vec<Step>, text: &str| {
        let (at, is_harmless) = (configuration.root.place(&path), is_harmless(&configuration.root, &path));
        Diagnostic::warning(at, text).about(Path(path).to_string()).if_harmless(is_harmless)
    };
    let field = |name: &str| vec![Step::Field(name.to_owned())];
    let mut warnings: Vec<Diagnostic> =
        config.warnings.iter().map(|warning| warn(warning.path.0.clone(), &warning.text)).collect();

    if config.credentials.is_empty() {
        warnings.push(warn(field("consumers"), "no consumer has a credential, so no token is accepted"));
    }
    let revokes_by_jti = configuration.root.get("revoked").map(Node::items).unwrap_or_default();
    let revokes_by_jti = revokes_by_jti.iter().any(|entry| entry.get("jti").is_some());
    let list = configuration.root.get("revocation_list");
    let in_list = |name: &str| [field("revocation_list"), field(name)].concat();
    if config.revocations.allows_without_list {
        warnings.push(warn(in_list("on_unavailable"), "while there is no list, revoked tokens pass"));
    }
    if list.is_some_and(is_fetched_over_plain_http) {
        let text = "over plain HTTP, anybody on the way can take revoked tokens off the list";
        warnings.push(warn(in_list("uri"), text));
    }
    for PolicyPlace { policy, path, node } in policies(configuration, config) {
        let field = |name: &str| [path.clone(), field(name)].concat();
        // A rule inherits what it does not set, and the warning about it stands at the top already.
        let sets = |name: &str| path.is_empty() || node.member(name).is_some();
        if !policy.time_checks.exp && sets("claims_to_verify") {
            warnings.push(warn(field("claims_to_verify"), "without exp, an expired token is accepted for ever"));
        }
        if policy.token_places.headers().any(|name| name.contains('_')) && sets("header_names") {
            let text =
                "many proxies drop or refuse a header with an underscore in its name; Kong reads the one with a dash";
            warnings.push(warn(field("header_names"), text));
        }
        if !policy.token_places.uri_param_names.is_empty() && sets("uri_param_names") {
            let text =
                "a token is accepted in the query string, where access logs and histories keep it; [] turns it off";
            warnings.push(warn(field("uri_param_names"), text));
        }
        if policy.sender.constraint == SenderConstraint::Off && sets("sender_constraint") {
            let text = "a token that says that it is bound to its client is taken from whoever has it";
            warnings.push(warn(field("sender_constraint"), text));
        }
        if policy.sender.dpop().is_some_and(|dpop| dpop.origin.is_none()) && sets("dpop") {
            let text = "without origin, a proof that was made for another service can be used here, by whoever names it in Host";
            warnings.push(warn(field("dpop"), text));
        }
        if policy.sender.certificate_from != CertificateSource::Connection && sets("client_certificate_from") {
            let text = "whoever reaches this listener past the proxy that sets the header can write it, and show any certificate";
            warnings.push(warn(field("client_certificate_from"), text));
        }
        if let (Some(metadata), true) = (&policy.resource_metadata, sets("resource_metadata")) {
            warnings.extend(of_resource(metadata, policy).map(|text| warn(field("resource_metadata"), text)));
        }
        if !policy.token_places.websocket_protocols.is_empty()
            && !policy.forwarding.hide_credentials
            && (sets("websocket_protocols") || sets("hide_credentials"))
        {
            let text =
                "without hide_credentials the service may choose the token as its subprotocol, and so send it back";
            warnings.push(warn(field("websocket_protocols"), text));
        }
        let is_held = policy.access.deny.as_ref().is_some_and(|deny| !deny.is_empty())
            || !policy.demands.subjects.is_empty()
            || !policy.demands.required_claims.is_empty();
        if policy.optional && is_held && sets("optional") {
            let text = "whoever deny, subjects or required_claims keep out can leave the token out and pass";
            warnings.push(warn(field("optional"), text));
        }
        if (revokes_by_jti || list.is_some())
            && !policy.demands.require.iter().any(|path| path.is("jti"))
            && sets("require")
        {
            let text = "without jti, a token that has none cannot be revoked by it";
            warnings.push(warn(field("require"), text));
        }
        warnings.extend(demands::remarks(node, &path).into_iter().map(|(path, text)| warn(path, &text)));
    }
    warnings.extend(dump::remarks(configuration).into_iter().map(|(path, text)| warn(path, &text)));
    for credential in configuration.credentials() {
        let remarks = demands::remarks(credential.node, &credential.own_path());
        warnings.extend(remarks.into_iter().map(|(path, text)| warn(path, &text)));
        if let Some(text) = weak_secret(&credential, config) {
            warnings.push(warn(credential.path("secret"), &text));
        }
        let costly = [costly_key(&credential, config), costly_search(&credential, config)];
        warnings.extend(costly.iter().flatten().map(|text| warn(credential.path("key"), text)));
        for source in ["remote_jwks", "discovery"] {
            if credential.node.get(source).is_some_and(is_fetched_over_plain_http) {
                let mut path = credential.path(source);
                path.push(Step::Field("uri".to_owned()));
                warnings.push(warn(path, "over plain HTTP, anybody on the way can replace the keys with their own"));
            }
        }
    }
    warnings
}

/// What is seldom meant of a resource whose metadata are published.
fn of_resource(metadata: &ResourceMetadata, policy: &Policy) -> impl Iterator<Item = &'static str> {
    let host = metadata.resource.authority();
    let is_local = ["localhost", "127.0.0.1", "[::1]"].iter().any(|local| host.starts_with(local));
    let takes_others = !policy.demands.audiences.iter().any(|audience| audience == metadata.resource.as_str());
    let warnings = [
        (!metadata.is_secure() && !is_local).then_some("over plain HTTP, anybody on the way can name another issuer"),
        metadata.authorization_servers.is_empty().then_some(
            "no issuer is known by a URL, so clients do not learn where they get a token; name authorization_servers",
        ),
        takes_others
            .then_some("audiences does not name the resource, so a token that was issued for another is accepted"),
    ];
    warnings.into_iter().flatten()
}

fn is_fetched_over_plain_http(source: &Node) -> bool {
    let uri = source.get("uri").and_then(Node::text);
    uri.is_some_and(|uri| uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:")))
}

/// A policy, and where it stands.
struct PolicyPlace<'c> {
    policy: &'c Policy,
    path: Vec<Step>,
    node: &'c Node,
}

/// The policy at the top and those of the rules, but for what is open on purpose.
fn policies<'c>(configuration: &'c Configuration, config: &'c Config) -> Vec<PolicyPlace<'c>> {
    let root = &configuration.root;
    let nodes = root.get("rules").map(Node::items).unwrap_or_default();
    let rules = config.rules.iter().zip(nodes).enumerate().map(|(at, (rule, node))| {
        let path = vec![Step::Field("rules".to_owned()), Step::Item(at)];
        PolicyPlace { policy: &rule.policy, path, node }
    });
    let top = PolicyPlace { policy: &config.policy, path: Vec::new(), node: root };
    std::iter::once(top).chain(rules).filter(|place| !place.policy.disabled).collect()
}

/// The credential that the filter makes of one.
fn read<'c>(place: &CredentialPlace, config: &'c Config) -> Option<&'c Credential> {
    config.credentials.identified_by(place.identifier()?).get(place.before).map(AsRef::as_ref)
}

/// A secret that is shorter than the hash of an algorithm that it is for (RFC 7518 §3.2).
fn weak_secret(credential: &CredentialPlace, config: &Config) -> Option<String> {
    let credential = read(credential, config)?;
    let keys = credential.keys().current()?;
    let hashes = [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)];
    let (algorithm, least) = hashes.into_iter().find(|(algorithm, _)| credential.allows(*algorithm))?;
    keys.candidates(algorithm, None).find_map(|key| match key.key() {
        Key::Secret(secret) if secret.len() < least => Some(format!(
            "{} bytes long; {algorithm} needs {least}, or whoever has a token can guess the secret (RFC 7518, section 3.2)",
            secret.len()
        )),
        _ => None,
    })
}

/// An RSA key that costs whoever sends forged tokens nothing, and the verifier much more than usual.
fn costly_key(credential: &CredentialPlace, config: &Config) -> Option<String> {
    let keys = read(credential, config)?.keys().current()?;
    let is_costly =
        |algorithm| keys.candidates(algorithm, None).any(|it| matches!(it.key(), Key::Rsa(rsa) if rsa.is_costly()));
    let text =
        "an RSA key of over 4096 bits, or with an exponent other than 65537, makes each forged token costly to refuse";
    Algorithm::ALL.into_iter().any(is_costly).then(|| text.to_owned())
}

/// More keys that may have signed one token than a request may cost. Told at the first of the credentials that share them.
fn costly_search(place: &CredentialPlace, config: &Config) -> Option<String> {
    if place.before > 0 {
        return None;
    }
    let credentials = config.credentials.identified_by(place.identifier()?);
    let cost = |algorithm: Algorithm| {
        let sets = credentials.iter().filter(|it| it.allows(algorithm)).filter_map(|it| it.keys().current());
        sets.fold(0_u32, |sum, set| {
            set.candidates(algorithm, None).fold(sum, |sum, key| sum.saturating_add(key.key().verification_cost()))
        })
    };
    let algorithm = Algorithm::ALL.into_iter().find(|algorithm| cost(*algorithm) > VERIFICATION_BUDGET)?;
    Some(format!(
        "a token of {algorithm} without a kid may be of more keys than one request may try: some will be refused; give the \
         keys a kid, or use fewer"
    ))
}
