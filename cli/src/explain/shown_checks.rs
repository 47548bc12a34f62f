//! The checks that a request went through, as the core has decided them: those before the one that failed have passed. What
//! is said beside each is [looked up](super::facts).

use jwt_auth_filter::{
    authenticate::{Check, Decision, Denial, Outcome, Reason},
    config::Config,
    crypto::Algorithm,
    encoding::json::{Members, Raw},
    policy::Demands,
    request::Carriers,
    token::{ClaimFault, ClaimFaults, Compact, TokenType},
};

use super::{
    facts::Facts,
    hints,
    lines::{self, rule_of},
    request::GivenRequest,
};
use crate::{configurations::Configuration, printable::printable, time};

/// A check and how it went.
pub(super) struct ShownCheck {
    pub name: &'static str,
    pub passed: bool,
    pub detail: String,
    /// The line of the configuration that it goes by, if there is one.
    pub line: Option<usize>,
}

impl ShownCheck {
    fn passed(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, passed: true, detail: detail.into(), line: None }
    }

    fn failed(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, passed: false, detail: detail.into(), line: None }
    }
}

/// What stands in a token. Nothing of it is known to be true.
pub(super) struct TokenView {
    pub header: Vec<TokenMember>,
    pub claims: Vec<TokenMember>,
}

/// A member of a token's header or claims.
pub(super) struct TokenMember {
    pub name: String,
    /// As JSON.
    pub value: String,
    /// The date, of a claim that is one.
    pub date: Option<String>,
}

/// The claims that hold a date (RFC 7519 §4.1, OpenID Connect Core §2 and §5.1).
const DATES: [&str; 5] = ["exp", "nbf", "iat", "auth_time", "updated_at"];

/// The checks of a decision, and the token if one was looked at and can be read.
pub(super) fn of(
    config: &Config,
    configuration: &Configuration,
    decision: &Decision,
    request: &GivenRequest,
    at: u64,
) -> (Option<TokenView>, Vec<ShownCheck>) {
    let rule = rule(config, decision, request);
    let exempt = match &decision.outcome {
        Outcome::Preflight => {
            ShownCheck::passed("preflight", "a preflight request needs no token, because run_on_preflight is false")
        }
        Outcome::Optional => ShownCheck::passed("optional", "there is no token, and none is needed"),
        Outcome::Disabled => ShownCheck::passed("disabled", "the rule asks for no token"),
        Outcome::ResourceMetadata(metadata) => {
            let detail = format!("those of {}, which need no token", metadata.resource.as_str());
            return (None, vec![ShownCheck::passed("metadata", detail)]);
        }
        Outcome::Denied(Denial { reason: reason @ Reason::ForbiddenHeader(_), .. }) => {
            ShownCheck::failed(reason.check().name(), reason.to_string())
        }
        _ => {
            let (token, checks) = checked(config, configuration, decision, request, at);
            return (token, rule.into_iter().chain(checks).collect());
        }
    };
    (None, rule.into_iter().chain([exempt]).collect())
}

/// Which rule the decision was made by, where there are any.
fn rule(config: &Config, decision: &Decision, request: &GivenRequest) -> Option<ShownCheck> {
    let named = |name: &Option<String>| name.as_ref().map_or_else(|| "none given".to_owned(), |it| format!("{it:?}"));
    let places = format!("route {}, service {}", named(&request.route), named(&request.cluster));
    let is_known = request.route.is_some() || request.cluster.is_some();
    let how = if is_known { "" } else { "; --route and --service give them" };
    let mut policies = config.policies();
    if !policies.any(|policy| std::ptr::eq(policy, decision.policy)) {
        return Some(ShownCheck::passed("rule", format!("the route's own policy, for {places}")));
    }
    match rule_of(decision.policy, config) {
        Some(at) => Some(ShownCheck::passed("rule", format!("rules[{at}], for {places}"))),
        None if config.rules.is_empty() => None,
        None => Some(ShownCheck::passed("rule", format!("none matches, for {places}{how}"))),
    }
}

/// The checks of a request whose token was looked at.
fn checked(
    config: &Config,
    configuration: &Configuration,
    decision: &Decision,
    request: &GivenRequest,
    at: u64,
) -> (Option<TokenView>, Vec<ShownCheck>) {
    let policy = decision.policy;
    let carriers = Carriers::fetch(request, &policy.token_places);
    let found = carriers.numbered(decision.token);
    let token = found.as_ref().map(|found| found.octets.as_ref()).unwrap_or_default();
    let may_be_padded = found.as_ref().is_some_and(|found| found.place.may_be_padded());
    let compact = Compact::decode(token, may_be_padded).ok();
    let jws = compact.as_ref().and_then(|compact| compact.parse().ok());
    let facts = Facts::of(config, configuration, decision, request, token, jws.as_ref());
    let view = |members| self::members(members, at);
    let token = jws.as_ref().map(|jws| TokenView { header: view(&jws.header), claims: view(&jws.claims) });
    (token, Checks { facts, rule: rule_of(policy, config), at }.of(&decision.outcome))
}

struct Checks<'a> {
    facts: Facts<'a>,
    /// Which rule the policy is that of, if it is that of one.
    rule: Option<usize>,
    at: u64,
}

impl Checks<'_> {
    fn of(&self, outcome: &Outcome) -> Vec<ShownCheck> {
        let failure = outcome.failure();
        let is_passed = |check: &Check| failure.is_none_or(|reason| *check < reason.check());
        let passed = Check::ALL.into_iter().filter(is_passed).flat_map(|check| self.passed(check));
        let failed = failure.into_iter().flat_map(|reason| self.failed(reason));
        let all = passed.chain(failed).chain(anonymous_refused(outcome));
        all.map(|check| ShownCheck { line: lines::of(check.name, &self.facts, self.rule), ..check }).collect()
    }

    /// A check that has passed, with what it has found. None is shown that the policy does not ask for, or that finds
    /// something only when it fails.
    fn passed(&self, check: Check) -> Vec<ShownCheck> {
        let facts = &self.facts;
        let policy = facts.policy;
        let detail = match check {
            Check::Headers
            | Check::SignatureForm
            | Check::Extensions
            | Check::Budget
            | Check::KeySet
            | Check::FirstUse => None,
            Check::Token => Some(facts.place()),
            Check::Form => Some("header and claims, both well-formed".to_owned()),
            Check::KnownAlgorithm => Some(facts.algorithm_name().to_owned()),
            Check::KeyClaim => Some(format!("{} is {:?}", policy.key_claim_name, facts.identifier)),
            Check::Credential => Some(facts.credential()),
            Check::Algorithm => Some(format!("the credential takes {}", facts.algorithm_name())),
            Check::Signature => {
                Some(format!("verified with {}", facts.algorithm().map(Algorithm::key_in_words).unwrap_or_default()))
            }
            Check::Times => return self.times(ClaimFaults::default()),
            Check::MaximumExpiration => policy.time_checks.maximum_expiration.map(|_| self.when("exp")),
            Check::Sender => facts.binding(),
            Check::TokenType => self.asks(|it| !it.token_types.is_empty(), || format!("typ is {}", facts.token_type())),
            Check::Presence => self.asks(|it| !it.require.is_empty(), || "the claims of require are there".to_owned()),
            Check::Audience => self.asks(|it| !it.audiences.is_empty(), || format!("aud is {}", self.claim("aud"))),
            Check::Revocation => facts.revokes.then(|| "the token is not revoked".to_owned()),
            Check::Access => {
                policy.access.is_restricted().then(|| "allow and deny let the consumer through".to_owned())
            }
            Check::Subject => self.asks(|it| !it.subjects.is_empty(), || format!("sub is {}", self.claim("sub"))),
            Check::RequiredClaims => {
                self.asks(|it| !it.required_claims.is_empty(), || "required_claims are met".to_owned())
            }
        };
        detail.map(|detail| ShownCheck::passed(check.name(), detail)).into_iter().collect()
    }

    /// A detail, if the policy or the credential asks for what it is about.
    fn asks(&self, asks: impl Fn(&Demands) -> bool, detail: impl FnOnce() -> String) -> Option<String> {
        self.facts.demands().any(asks).then(detail)
    }

    /// The check that has failed, and why.
    fn failed(&self, reason: &Reason) -> Vec<ShownCheck> {
        let facts = &self.facts;
        let name = &facts.policy.key_claim_name;
        let detail = match reason {
            Reason::NoToken => facts.no_place(),
            Reason::MultipleTokens => format!("different ones in {}", facts.places()),
            Reason::Malformed(error) => format!("{error}{}", hints::of_form(facts.token)),
            Reason::UnsupportedAlgorithm => format!("{}; not an algorithm that the filter knows", facts.alg()),
            Reason::UnsupportedHeader("kid") => "the header kid is not a string".to_owned(),
            Reason::UnsupportedHeader(name) => {
                format!("the header {name} asks for an extension that the filter does not have")
            }
            Reason::NoKeyClaim => format!("no {name} in claims or header"),
            Reason::InvalidKeyClaim => format!("{name} is empty or not a string"),
            Reason::UnknownIdentifier(_) if !facts.credentials.is_empty() => {
                let iss = facts.claim("iss").map_or_else(|| "absent".to_owned(), |iss| printable(iss.text()));
                format!("none with this key is for tokens of this issuer: iss is {iss}")
            }
            Reason::UnknownIdentifier(_) => format!("none has this key{}", facts.similar_credential()),
            Reason::KeySetUnavailable(_) => {
                let uris = facts.missing_key_sets();
                format!("the filter fetches it from {uris}; here, give it with --jwks")
            }
            Reason::AlgorithmMismatch => facts.other_algorithms(),
            Reason::InvalidSignature => {
                let problem = "not made with the credential's key, or the token was changed or cut off since";
                format!("{problem}{}", facts.of_signature())
            }
            Reason::Claims(ClaimFaults { exp: Some(fault @ ClaimFault::TooFarOff), .. }) => {
                format!("{fault} ({})", self.when("exp"))
            }
            Reason::Claims(faults) => return self.times(*faults),
            Reason::TokenType => {
                let unfit =
                    |demands: &Demands| !demands.admit_type(facts.jws.and_then(|jws| jws.token_type()).as_ref());
                let names = self.unmet(unfit, |it| it.token_types.iter().map(TokenType::as_str).collect());
                format!("typ is {}; expected {names}", facts.token_type())
            }
            Reason::MissingClaim(claim) => format!("{claim} is not there"),
            Reason::Audience => {
                let names = self.unmet(
                    |it| facts.jws.is_some_and(|jws| !it.admit_audience(&jws.claims)),
                    |it| it.audiences.iter().map(String::as_str).collect(),
                );
                format!("aud is {}; expected one of {names}", self.claim("aud"))
            }
            Reason::RevocationsUnavailable(_) => {
                "the filter fetches the revocation list; here, give it with --revocations".to_owned()
            }
            Reason::Revoked => {
                "by its jti, its sub, its consumer or its credential; see revoked and revocation_list".to_owned()
            }
            Reason::Subject => format!("sub is {}, which is none of the subjects", self.claim("sub")),
            Reason::InsufficientClaims(required) => format!("{required}: not met"),
            Reason::Sender(fault) => facts.of_sender(fault),
            Reason::ForbiddenHeader(_)
            | Reason::VerificationBudget
            | Reason::AnonymousWithoutGroup
            | Reason::NotAllowed => reason.to_string(),
        };
        vec![ShownCheck::failed(reason.check().name(), detail)]
    }

    /// The time claims that the policy asks for, a check for each: one check finds the faults of all.
    fn times(&self, faults: ClaimFaults) -> Vec<ShownCheck> {
        let asked = self.facts.time_checks();
        let claims = [
            ("exp", asked.exp, faults.exp),
            ("nbf", asked.nbf, faults.nbf),
            ("iat", asked.maximum_age.is_some(), faults.iat),
        ];
        let check = |(name, _, fault): (&'static str, bool, Option<ClaimFault>)| match fault {
            None => ShownCheck::passed(name, self.when(name)),
            Some(fault) => ShownCheck::failed(name, format!("{fault} ({})", self.when(name))),
        };
        claims.into_iter().filter(|(_, is_asked, _)| *is_asked).map(check).collect()
    }

    /// A time claim as a date.
    fn when(&self, claim: &str) -> String {
        let time = self.facts.claim(claim).and_then(Raw::number);
        time.map_or_else(|| "not a number".to_owned(), |time| when(time, self.at))
    }

    /// The names that the first of the demands lists that is not met.
    fn unmet<'s>(&'s self, is_unmet: impl Fn(&Demands) -> bool, names: impl Fn(&'s Demands) -> Vec<&'s str>) -> String {
        self.facts.demands().find(|it| is_unmet(it)).map(|it| names(it).join(", ")).unwrap_or_default()
    }

    /// A claim as it stands there.
    fn claim(&self, name: &str) -> String {
        self.facts.claim(name).map_or_else(|| "absent".to_owned(), |claim| printable(claim.text()))
    }
}

/// That the anonymous consumer may not call, for whom the caller was to be taken after the failure.
fn anonymous_refused(outcome: &Outcome) -> Option<ShownCheck> {
    let Outcome::Denied(Denial { reason, consumer: Some(consumer), before_anonymous: Some(_), .. }) = outcome else {
        return None;
    };
    let without_group = if *reason == Reason::AnonymousWithoutGroup { ", and in no group" } else { "" };
    let detail = format!("the anonymous consumer {consumer} is not allowed{without_group}");
    Some(ShownCheck::failed(reason.check().name(), detail))
}

fn members(members: &Members, at: u64) -> Vec<TokenMember> {
    let member = |(name, value): (&str, Raw)| {
        let date = DATES.contains(&name).then(|| value.number().map(|time| when(time, at))).flatten();
        TokenMember { name: printable(name), value: printable(value.text()), date }
    };
    members.iter().map(member).collect()
}

/// A time claim as a date, and how far off it is.
fn when(time: f64, at: u64) -> String {
    let distance = time::distance(time, at);
    time::date(time).map_or_else(|| "not a date".to_owned(), |date| format!("{date}, {distance}"))
}
