//! The checks that a request goes through, one by one, in the filter's order.

use std::{fmt::Display, sync::Arc};

use jwt_auth_filter::{
    authenticate::{Authenticator, Decision, Denial, Outcome, Reason},
    crypto::{Algorithm, BuiltIn},
    encoding::json::{Members, Raw},
    jwks::VerificationKey,
    policy::{Credential, Keys},
    request::{Carriers, NotOneToken, TokenPlaces},
    token::{Compact, Jws, TimeChecks, Times},
};

use super::{hints, request::GivenRequest};
use crate::{configurations::Configuration, time};

/// A check and how it went.
pub(super) struct Step {
    pub name: &'static str,
    pub passed: bool,
    pub detail: String,
}

/// What stands in a token. Nothing of it is known to be true.
pub(super) struct TokenView {
    pub header: Vec<Member>,
    pub claims: Vec<Member>,
}

/// A member of a token's header or claims.
pub(super) struct Member {
    pub name: String,
    /// As JSON.
    pub value: String,
    /// The date, of a claim that is one.
    pub date: Option<String>,
}

/// The claims that hold a date (RFC 7519 §4.1, OpenID Connect Core §2 and §5.1).
const DATES: [&str; 5] = ["exp", "nbf", "iat", "auth_time", "updated_at"];

/// The steps up to the first that fails, and the token if it can be read.
pub(super) fn of(
    authenticator: &Authenticator<BuiltIn>,
    configuration: &Configuration,
    decision: &Decision,
    request: &GivenRequest,
    at: u64,
) -> (Option<TokenView>, Vec<Step>) {
    let mut checks = Checks { authenticator, configuration, decision, at, token: None, steps: Vec::new() };
    checks.rule(request);
    match &decision.outcome {
        Outcome::Preflight => {
            checks.pass("preflight", "a preflight request needs no token, because run_on_preflight is false")
        }
        Outcome::Disabled => checks.pass("disabled", "the rule asks for no token"),
        Outcome::Denied(Denial { reason: reason @ Reason::ForbiddenHeader(_), .. }) => {
            checks.fail("headers", reason.to_string());
        }
        _ => _ = checks.token(request),
    }
    checks.conclude();
    (checks.token, checks.steps)
}

/// A check has failed, so those after it are not made.
struct Failed;

struct Checks<'a> {
    authenticator: &'a Authenticator<BuiltIn>,
    configuration: &'a Configuration,
    decision: &'a Decision<'a>,
    at: u64,
    token: Option<TokenView>,
    steps: Vec<Step>,
}

impl Checks<'_> {
    fn pass(&mut self, name: &'static str, detail: impl Into<String>) {
        self.steps.push(Step { name, passed: true, detail: detail.into() });
    }

    fn fail(&mut self, name: &'static str, detail: impl Into<String>) -> Failed {
        self.steps.push(Step { name, passed: false, detail: detail.into() });
        Failed
    }

    /// Which rule the decision was made by, where there are any.
    fn rule(&mut self, request: &GivenRequest) {
        let rules = &self.authenticator.config().rules;
        let named =
            |name: &Option<String>| name.as_ref().map_or_else(|| "none given".to_owned(), |it| format!("{it:?}"));
        let places = format!("route {}, service {}", named(&request.route), named(&request.cluster));
        let is_known = request.route.is_some() || request.cluster.is_some();
        let how = if is_known { "" } else { "; --route and --service give them" };
        match rules.iter().position(|rule| std::ptr::eq(&rule.policy, self.decision.policy)) {
            Some(at) => self.pass("rule", format!("rules[{at}], for {places}")),
            None if !rules.is_empty() => self.pass("rule", format!("none matches, for {places}{how}")),
            None => {}
        }
    }

    fn token(&mut self, request: &GivenRequest) -> Result<(), Failed> {
        let places = &self.decision.policy.token_places;
        let carriers = Carriers::fetch(request, places);
        let token = match carriers.token(places) {
            Ok(token) => token,
            Err(NotOneToken::None) => return Err(self.fail("token", none_in(places))),
            Err(NotOneToken::Several) => {
                let found = format!("different ones in {}", places_with_token(request, places).join(" and "));
                return Err(self.fail("token", found));
            }
        };
        self.pass("token", format!("in {}", places_with_token(request, places).join(" and ")));

        let refused = |error: &dyn Display| format!("{error}{}", hints::of_form(&token));
        let compact = Compact::decode(&token).map_err(|error| self.fail("form", refused(&error)))?;
        let jws = compact.parse().map_err(|error| self.fail("form", refused(&error)))?;
        self.token = Some(TokenView { header: members(&jws.header, self.at), claims: members(&jws.claims, self.at) });
        self.pass("form", "header, claims and signature, all well-formed");
        self.credential(&jws)?;
        self.times(&jws.claims)?;
        self.demands(&jws.claims)
    }

    fn credential(&mut self, jws: &Jws) -> Result<(), Failed> {
        let algorithm = match jws.algorithm() {
            Some(algorithm) => algorithm,
            None => {
                let found = jws.header.get("alg").map_or("missing", Raw::text);
                return Err(self.fail("alg", format!("{}; no algorithm that the filter knows", printable(found))));
            }
        };
        self.pass("alg", algorithm.name());
        if let Some(name) = jws.unsupported_header() {
            return Err(
                self.fail("extensions", format!("the header {name} asks for one that the filter does not have"))
            );
        }

        let name = &self.decision.policy.key_claim_name;
        let Some(key) = jws.claim_or_header(name) else {
            return Err(self.fail("key", format!("no {name} in claims or header")));
        };
        let Some(key) = key.string().filter(|key| !key.is_empty()) else {
            return Err(self.fail("key", format!("{name} is empty or not a string")));
        };
        self.pass("key", format!("{name} is {key:?}"));

        let config = self.authenticator.config();
        let credentials = config.credentials_for(self.decision.policy).with_key(&key);
        let Some(first) = credentials.first() else {
            let similar = hints::of_key(&key, self.configuration);
            return Err(self.fail("credential", format!("none has this key{similar}")));
        };
        let lines: Vec<String> = self.lines_of(&key).iter().map(usize::to_string).collect();
        let consumer = first.consumer();
        self.pass("credential", format!("of consumer {consumer}, in line {}", lines.join(" and ")));
        let allowing: Vec<&Credential> =
            credentials.iter().map(AsRef::as_ref).filter(|credential| credential.allows(algorithm)).collect();
        self.signature(jws, algorithm, &key, credentials, &allowing)
    }

    /// The signature, by the keys of the credentials that allow the algorithm.
    fn signature(
        &mut self,
        jws: &Jws,
        algorithm: Algorithm,
        key: &str,
        all: &[Arc<Credential>],
        allowing: &[&Credential],
    ) -> Result<(), Failed> {
        let kid = jws.header.get("kid").and_then(Raw::string);
        let missing = allowing.iter().find_map(|credential| match credential.keys() {
            Keys::Remote(keys) if keys.keys().is_none() => Some(keys.source().uri.to_string()),
            _ => None,
        });
        let sets: Vec<_> = allowing.iter().filter_map(|credential| credential.keys().current()).collect();
        let verifies = |key: &Arc<VerificationKey>| key.key().verify(algorithm, jws.signing_input, jws.signature);
        let is_signed = sets.iter().any(|keys| keys.candidates(algorithm, kid.as_deref()).any(verifies));

        if !is_signed && let Some(uri) = missing {
            let detail = format!("the filter fetches it from {uri}, and nothing is fetched here; give it with --jwks");
            return Err(self.fail("key set", detail));
        }
        if !sets.iter().any(|keys| keys.serves(algorithm)) {
            let own =
                |it: &Arc<Credential>| Algorithm::ALL.into_iter().filter(|each| serves(it, *each)).collect::<Vec<_>>();
            let mut names: Vec<&str> = all.iter().flat_map(own).map(Algorithm::name).collect();
            names.dedup();
            return Err(self.fail(
                "algorithm",
                match names.as_slice() {
                    [] => format!("the credential has no key that it can use, and the token has {algorithm}"),
                    names => format!("the credential takes {}, not {algorithm}", names.join(" and ")),
                },
            ));
        }
        self.pass("algorithm", format!("the credential takes {algorithm}"));
        if !is_signed {
            let of_kid = kid.filter(|kid| !sets.iter().any(|keys| keys.has_kid(kid)));
            let unknown = of_kid.map(|kid| format!("; no key has the kid {kid:?}")).unwrap_or_default();
            let is_base64 = self.decision.policy.secret_is_base64;
            let base64 = hints::of_secrets(jws, algorithm, &self.secrets_of(key), is_base64);
            let problem = "not made with the credential's key, or the token was changed or cut off since";
            let detail = format!("{problem}{unknown}{base64}");
            return Err(self.fail("signature", detail));
        }
        self.pass("signature", format!("verified with {}", algorithm.key_in_words()));
        Ok(())
    }

    fn times(&mut self, claims: &Members) -> Result<(), Failed> {
        let TimeChecks { exp, nbf, maximum_expiration, .. } = self.decision.policy.time_checks;
        let alone = TimeChecks { exp: false, nbf: false, maximum_expiration: None, ..self.decision.policy.time_checks };
        let each = [
            ("exp", exp.then_some(TimeChecks { exp, ..alone })),
            ("nbf", nbf.then_some(TimeChecks { nbf, ..alone })),
            ("maximum", maximum_expiration.map(|_| TimeChecks { maximum_expiration, ..alone })),
        ];
        let mut result = Ok(());
        for (name, checks) in each.into_iter().filter_map(|(name, checks)| Some((name, checks?))) {
            let claim = if name == "nbf" { "nbf" } else { "exp" };
            let when = claims.get(claim).and_then(Raw::number).map(|time| when(time, self.at));
            let when = when.unwrap_or_else(|| "no number".to_owned());
            match Times::of(claims).check(checks, self.at) {
                Ok(()) => self.pass(name, when),
                Err(faults) => {
                    let faults: Vec<String> = faults.iter().map(|(_, fault)| fault.to_string()).collect();
                    result = Err(self.fail(name, format!("{} ({when})", faults.join(", "))));
                }
            }
        }
        result
    }

    /// What the policy demands beside the time, as the decision has found it.
    fn demands(&mut self, claims: &Members) -> Result<(), Failed> {
        let Decision { policy, outcome, .. } = self.decision;
        let reason = match outcome {
            Outcome::Denied(denial) | Outcome::Anonymous { denial, .. } => Some(&denial.reason),
            _ => None,
        };
        if !policy.audiences.is_empty() {
            let aud = claims.get("aud").map_or("absent".to_owned(), |aud| printable(aud.text()));
            if matches!(reason, Some(Reason::Audience)) {
                let audiences = policy.audiences.join(", ");
                return Err(self.fail("audience", format!("aud is {aud}; expected one of {audiences}")));
            }
            self.pass("audience", format!("aud is {aud}"));
        }
        if policy.access.allow.is_some() || !policy.access.deny.is_empty() {
            if let Some(reason @ Reason::NotAllowed) = reason {
                return Err(self.fail("access", reason.to_string()));
            }
            self.pass("access", "allow and deny let the consumer through");
        }
        if !policy.required_claims.is_empty() {
            if let Some(Reason::InsufficientClaims(required)) = reason {
                return Err(self.fail("claims", format!("{required}: not met")));
            }
            self.pass("claims", "required_claims are met");
        }
        Ok(())
    }

    /// Tells what the decision rests on, when none of the steps has told it.
    fn conclude(&mut self) {
        let (Outcome::Denied(denial) | Outcome::Anonymous { denial, .. }) = &self.decision.outcome else { return };
        if self.steps.iter().all(|step| step.passed) {
            let Denial { reason, .. } = denial;
            self.fail("policy", reason.to_string());
        }
    }

    /// The secrets of the credentials with a key, as they stand in the file.
    fn secrets_of(&self, key: &str) -> Vec<&str> {
        let credentials = self.configuration.credentials();
        let of_key = credentials.into_iter().filter(|it| it.key() == Some(key));
        of_key.filter_map(|it| it.node.get("secret")?.text()).collect()
    }

    /// The lines of the credentials with a key.
    fn lines_of(&self, key: &str) -> Vec<usize> {
        let credentials = self.configuration.credentials();
        credentials.into_iter().filter(|it| it.key() == Some(key)).map(|it| it.node.at.line).collect()
    }
}

/// Whether a credential takes an algorithm and has a key for it.
fn serves(credential: &Credential, algorithm: Algorithm) -> bool {
    credential.allows(algorithm) && credential.keys().current().is_some_and(|keys| keys.serves(algorithm))
}

/// That no place of the configuration holds a token.
fn none_in(places: &TokenPlaces) -> String {
    let names: Vec<String> = each_place(places).into_iter().map(|(name, _)| name).collect();
    if names.is_empty() {
        return "none is looked for: header_names, uri_param_names and cookie_names are all empty".to_owned();
    }
    format!("none in {}", names.join(", "))
}

/// The places that hold a token: each is asked for by itself.
fn places_with_token(request: &GivenRequest, places: &TokenPlaces) -> Vec<String> {
    let holds = |place: &TokenPlaces| !matches!(Carriers::fetch(request, place).token(place), Err(NotOneToken::None));
    each_place(places).into_iter().filter(|(_, place)| holds(place)).map(|(name, _)| name).collect()
}

fn each_place(places: &TokenPlaces) -> Vec<(String, TokenPlaces)> {
    let none = || TokenPlaces { uri_param_names: Vec::new(), cookie_names: Vec::new(), header_names: Vec::new() };
    let one = |name: &String| vec![name.clone()];
    let headers = places
        .header_names
        .iter()
        .map(|name| (format!("the header {name}"), TokenPlaces { header_names: one(name), ..none() }));
    let parameters = places
        .uri_param_names
        .iter()
        .map(|name| (format!("the query parameter {name}"), TokenPlaces { uri_param_names: one(name), ..none() }));
    let cookies = places
        .cookie_names
        .iter()
        .map(|name| (format!("the cookie {name}"), TokenPlaces { cookie_names: one(name), ..none() }));
    headers.chain(parameters).chain(cookies).collect()
}

fn members(members: &Members, at: u64) -> Vec<Member> {
    let member = |(name, value): (&str, Raw)| {
        let date = DATES.contains(&name).then(|| value.number().map(|time| when(time, at))).flatten();
        Member { name: printable(name), value: printable(value.text()), date }
    };
    members.iter().map(member).collect()
}

/// A time claim as a date, and how far off it is.
fn when(time: f64, at: u64) -> String {
    let distance = time::distance(time, at);
    time::date(time).map_or_else(|| "in no calendar".to_owned(), |date| format!("{date}, {distance}"))
}

/// A part of a token as a terminal may show it: whoever made the token may have put anything in it.
fn printable(text: &str) -> String {
    let is_harmless = |c: &char| {
        !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_harmless(&c) { c } else { '\u{fffd}' }).collect()
}
