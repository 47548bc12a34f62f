//! What the contract expects of a case. The model knows a token by how it was made, so it reads and verifies nothing.

use jwt_auth_filter::{
    authenticate::{Check, VERIFICATION_BUDGET},
    crypto::Algorithm,
};

use serde_json::Value;

use super::{
    case::{
        Access, Bound, Carried, Case, Credential, Dpop, Form, Iss, Issuer, Keys, MAXIMUM, Method, Policy, Proof, Rule,
        Shown,
    },
    keys::{Jwk, are_alike},
};

/// A check that fails, by the name of its reason; of the time claims, which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub check: Check,
    pub reason: &'static str,
    pub times: [bool; 3],
    /// Whether nothing is wrong but that the token's time is over.
    pub is_expiry: bool,
    /// The credential that has signed the token, if that was found out: the one at this place.
    pub signed_by: Option<usize>,
}

fn fails<T>(check: Check, reason: &'static str) -> Result<T, Failure> {
    Err(Failure { check, reason, times: [false; 3], is_expiry: false, signed_by: None })
}

#[derive(Debug)]
pub(super) enum Expected {
    Exempt(&'static str),
    /// By the credential at this place.
    Authenticated(usize),
    Anonymous(Failure),
    Denied(Failure),
    /// The anonymous consumer is denied for this reason, after a failure.
    AnonymousDenied(Failure, &'static str),
}

impl Case {
    /// The policy that counts; none where no token is asked for.
    pub(super) fn in_force(&self) -> Option<&Policy> {
        match &self.rule {
            Some(Rule::Disabled) if self.asked.on_route => None,
            Some(Rule::Policy(policy)) if self.asked.on_route => Some(policy),
            _ => Some(&self.policy),
        }
    }

    pub(super) fn expected(&self) -> Expected {
        if self.rule.is_some() && self.asked.is_spoofed {
            return Expected::Denied(Failure {
                check: Check::Headers,
                reason: "forbidden_header",
                times: [false; 3],
                is_expiry: false,
                signed_by: None,
            });
        }
        let Some(policy) = self.in_force() else { return Expected::Exempt("disabled") };
        if self.asked.method == Method::Preflight && !policy.run_on_preflight {
            return Expected::Exempt("preflight");
        }
        match self.checked(policy) {
            Ok(signed_by) => Expected::Authenticated(signed_by),
            Err(failure) => {
                let kind = match failure.reason {
                    _ if [Check::Access, Check::Subject, Check::RequiredClaims].contains(&failure.check) => {
                        return Expected::Denied(failure);
                    }
                    "use_dpop_nonce" => return Expected::Denied(failure),
                    "no_token" => "missing",
                    "key_set_unavailable" | "revocations_unavailable" => "unavailable",
                    "expired" | "too_old" if failure.is_expiry => "expired",
                    _ => "invalid",
                };
                match policy.is_anonymous(kind) {
                    false if kind == "missing" && policy.is_optional() => Expected::Exempt("optional"),
                    false => Expected::Denied(failure),
                    true if policy.admits("guest") => Expected::Anonymous(failure),
                    // The guest is in no group.
                    true if policy.access == Access::NotGuest => Expected::AnonymousDenied(failure, "not_allowed"),
                    true => Expected::AnonymousDenied(failure, "anonymous_without_group"),
                }
            }
        }
    }

    /// The place of the credential that has signed the token that counts.
    fn checked(&self, policy: &Policy) -> Result<usize, Failure> {
        // What stands in the header behind `DPoP` is a token only where that is taken.
        let by_dpop = (0..).map(|place| place == 0 && self.asked.by_dpop);
        let searched = self.asked.carried.into_iter().zip(by_dpop).zip(policy.places);
        let searched = searched.filter_map(|(it, is)| (is && (!it.1 || policy.takes_dpop())).then_some(it));
        let mut found: Vec<(Carried, bool)> = Vec::new();
        for it in searched.filter(|(it, _)| [Carried::Token, Carried::Another].contains(it)) {
            if !found.contains(&it) {
                found.push(it);
            }
        }
        if found.len() > 1 && !policy.first_valid {
            return fails(Check::Token, "multiple_tokens");
        }
        // The failure of the first, or rather of the first that a set may still make valid.
        let (mut spent, mut failed): (u32, Option<(Failure, bool)>) = (0, None);
        for (carried, by_dpop) in found {
            match self.checked_one(policy, carried, by_dpop, &mut spent) {
                Err(failure) if ![Check::Access, Check::Subject, Check::RequiredClaims].contains(&failure.check) => {
                    let may_change = self.may_change(&failure);
                    if failed.is_none_or(|(_, earlier_may)| may_change && !earlier_may) {
                        failed = Some((failure, may_change));
                    }
                }
                decided => return decided,
            }
        }
        match failed {
            Some((failure, _)) => Err(failure),
            None => fails(Check::Token, "no_token"),
        }
    }

    /// Whether a set that is fetched may make the token valid.
    fn may_change(&self, failure: &Failure) -> bool {
        let names_revoked = |issuer: usize| {
            let revoked = self.issuers[issuer].revoked;
            revoked.is_some() && revoked == self.token.kid
        };
        let is_fetched = |credential: &Credential| match (&credential.keys, self.algorithm()) {
            (Keys::Remote(issuer, own), Some(algorithm)) => {
                !algorithm.is_symmetric() && own.is_none_or(|own| are_alike(own, algorithm)) && !names_revoked(*issuer)
            }
            _ => false,
        };
        let of_owner = |credential: &&Credential| credential.owner == self.aimed_at().owner;
        match failure.check {
            Check::Signature | Check::Algorithm | Check::KeySet => {
                self.credentials.iter().filter(of_owner).any(is_fetched)
            }
            _ => failure.reason == "revocations_unavailable",
        }
    }

    /// The place of the credential that has signed the token.
    fn checked_one(&self, policy: &Policy, carried: Carried, by_dpop: bool, spent: &mut u32) -> Result<usize, Failure> {
        let token = &self.token;
        if !matches!(token.form, Form::Good | Form::BadSignature | Form::FourParts) || carried == Carried::Another {
            return fails(Check::Form, "malformed_token");
        }
        let Some(algorithm) = self.algorithm() else { return fails(Check::KnownAlgorithm, "unsupported_algorithm") };
        if token.form != Form::Good {
            return fails(Check::SignatureForm, "malformed_token");
        }
        if token.unsupported.is_some() {
            return fails(Check::Extensions, "unsupported_header");
        }
        match token.iss {
            Iss::Absent => return fails(Check::KeyClaim, "no_key_claim"),
            Iss::Empty | Iss::Number => return fails(Check::KeyClaim, "invalid_key_claim"),
            Iss::Unknown => return fails(Check::Credential, "unknown_key"),
            Iss::Aimed => {}
        }
        let signed_by = self.signed(policy, algorithm, spent)?;
        self.admitted(policy, signed_by, by_dpop)
            .map_err(|failure| Failure { signed_by: Some(signed_by), ..failure })?;
        Ok(signed_by)
    }

    /// What is demanded of a token that this credential has signed.
    fn admitted(&self, policy: &Policy, signed_by: usize, by_dpop: bool) -> Result<(), Failure> {
        let token = &self.token;
        let own = self.credentials[signed_by].demands;
        self.in_time(policy, own)?;
        if self.revokes && token.sub == Some("s-1".into()) {
            return fails(Check::Revocation, "revoked");
        }
        if self.list == Some(false) {
            return fails(Check::Revocation, "revocations_unavailable");
        }
        self.sent_by_whom_it_is_bound_to(policy, by_dpop)?;
        let [token_types, require, subjects] = policy.kind;
        let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        if token_types && !text(&token.typ).eq_ignore_ascii_case("application/at+jwt") && text(&token.typ) != "at+jwt" {
            return fails(Check::TokenType, "token_type");
        }
        if require && token.jti.as_ref().is_none_or(Value::is_null) {
            return fails(Check::Presence, "missing_claim");
        }
        if (policy.audiences || own) && !token.aud.as_ref().is_some_and(|aud| aud.to_string().contains("api")) {
            return fails(Check::Audience, "audience");
        }
        if !policy.admits(&format!("c{}", self.aimed_at().owner)) {
            return fails(Check::Access, "not_allowed");
        }
        if subjects && !text(&token.sub).starts_with("s-") {
            return fails(Check::Subject, "subject");
        }
        if policy.required && !token.scope.is_some_and(|scope| scope.contains("read")) {
            return fails(Check::RequiredClaims, "insufficient_claims");
        }
        Ok(())
    }

    fn signed(&self, policy: &Policy, algorithm: Algorithm, spent: &mut u32) -> Result<usize, Failure> {
        let kid = self.token.kid;
        let (mut fits, mut is_missing, mut is_exhausted) = (false, false, false);
        let mut tried: Vec<(usize, usize)> = Vec::new();
        for (at, credential) in self.credentials.iter().enumerate() {
            if credential.owner != self.aimed_at().owner {
                continue;
            }
            let own = match &credential.keys {
                Keys::One(_, own) => Some(*own),
                Keys::Inline(_, own) | Keys::Remote(_, own) => *own,
            };
            // What is fetched is one set for all its credentials, else each has its own.
            let (whose, keys) = match &credential.keys {
                Keys::One(key, own) => {
                    (at, vec![Jwk { key: key.read_as(policy.is_base64), kid: None, algorithm: Some(*own) }])
                }
                Keys::Inline(_, Some(own)) | Keys::Remote(_, Some(own)) if !are_alike(*own, algorithm) => continue,
                Keys::Inline(keys, _) => (at, keys.clone()),
                Keys::Remote(..) if algorithm.is_symmetric() => continue,
                Keys::Remote(issuer, _) => {
                    let Issuer { set, revoked } = &self.issuers[*issuer];
                    let is_revoked = kid.is_some() && kid == *revoked;
                    is_missing |= set.is_none() && !is_revoked;
                    let Some(set) = set else { continue };
                    let counts = |jwk: &&Jwk| !jwk.key.is_secret() && (jwk.kid.is_none() || jwk.kid != *revoked);
                    (100 + issuer, set.iter().filter(counts).cloned().collect())
                }
            };
            fits |= keys.iter().any(|jwk| jwk.serves(algorithm, own));
            let serving = keys.iter().enumerate().filter(|(_, jwk)| jwk.serves(algorithm, own));
            let named = serving.clone().filter(|(_, jwk)| jwk.kid.is_some() && (kid.is_none() || jwk.kid == kid));
            for (place, jwk) in named.chain(serving.filter(|(_, jwk)| jwk.kid.is_none())).take(8) {
                if tried.contains(&(whose, place)) {
                    continue;
                }
                if *spent > 0 && *spent + jwk.key.cost() > VERIFICATION_BUDGET {
                    is_exhausted = true;
                    break;
                }
                *spent += jwk.key.cost();
                if jwk.key == self.signer().0 && !self.token.is_changed {
                    return Ok(at);
                }
                tried.push((whose, place));
            }
        }
        match (is_exhausted, is_missing, fits) {
            (true, _, _) => fails(Check::Budget, "verification_budget"),
            (_, true, _) => fails(Check::KeySet, "key_set_unavailable"),
            (_, _, false) => fails(Check::Algorithm, "algorithm_mismatch"),
            (_, _, true) => fails(Check::Signature, "invalid_signature"),
        }
    }

    fn sent_by_whom_it_is_bound_to(&self, policy: &Policy, by_dpop: bool) -> Result<(), Failure> {
        let bound = self.token.bound;
        let is_to_key = matches!(bound, Bound::ToKey | Bound::ToBoth);
        match bound {
            _ if policy.constraint == "off" => return Ok(()),
            Bound::Not if policy.constraint == "required" => return fails(Check::Sender, "unbound_token"),
            Bound::ToUnknown | Bound::Wrongly => return fails(Check::Sender, "unusable_confirmation"),
            _ if is_to_key != by_dpop => return fails(Check::Sender, "wrong_scheme"),
            Bound::ToCertificate | Bound::ToBoth => match self.asked.certificate {
                Shown::Nothing => return fails(Check::Sender, "no_certificate"),
                Shown::Another => return fails(Check::Sender, "wrong_certificate"),
                Shown::Own => {}
            },
            Bound::Not | Bound::ToKey => {}
        }
        match self.asked.proof {
            _ if !is_to_key => Ok(()),
            Proof::Good if policy.dpop == Dpop::WithNonces => fails(Check::Sender, "use_dpop_nonce"),
            Proof::Good => Ok(()),
            _ => fails(Check::Sender, "invalid_dpop_proof"),
        }
    }

    fn in_time(&self, policy: &Policy, own: bool) -> Result<(), Failure> {
        let (exp, nbf, iat) = (self.token.exp.seconds(), self.token.nbf.seconds(), self.token.iat.seconds());
        let exp_fault = match exp {
            _ if !policy.exp && !own => None,
            None => Some("invalid_time_claim"),
            Some(exp) => (exp + policy.skew() <= 0).then_some("expired"),
        };
        let nbf_fault = match nbf {
            _ if !policy.nbf => None,
            None => Some("invalid_time_claim"),
            Some(nbf) => (nbf - policy.skew() > 0).then_some("not_valid_yet"),
        };
        let iat_fault = match iat {
            _ if !policy.age => None,
            None => Some("invalid_time_claim"),
            Some(iat) if iat - policy.skew() > 0 => Some("not_valid_yet"),
            Some(iat) => (-iat > MAXIMUM + policy.skew()).then_some("too_old"),
        };
        if let Some(reason) = exp_fault.or(nbf_fault).or(iat_fault) {
            let times = [exp_fault, nbf_fault, iat_fault].map(|fault| fault.is_some());
            let faults = [exp_fault, nbf_fault, iat_fault];
            let is_expiry = faults.iter().flatten().all(|fault| ["expired", "too_old"].contains(fault));
            return Err(Failure { check: Check::Times, reason, times, is_expiry, signed_by: None });
        }
        if policy.has_maximum() && exp.is_some_and(|exp| exp > MAXIMUM) {
            return fails(Check::MaximumExpiration, "lifetime_too_long");
        }
        Ok(())
    }
}

impl Expected {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Exempt(name) => (*name).to_owned(),
            Self::Authenticated(_) => "authenticated".to_owned(),
            Self::Anonymous(_) => "anonymous".to_owned(),
            Self::Denied(failure) => format!("denied.{}", failure.reason),
            Self::AnonymousDenied(_, reason) => format!("denied.{reason}"),
        }
    }

    pub(super) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Exempt(_) | Self::Authenticated(_) => None,
            Self::Anonymous(failure) | Self::Denied(failure) | Self::AnonymousDenied(failure, _) => Some(failure),
        }
    }

    fn signed_by(&self) -> Option<usize> {
        if let Self::Authenticated(at) = self { Some(*at) } else { self.failure()?.signed_by }
    }

    /// The checks that are shown, each with whether it has passed.
    pub(super) fn shown_checks(&self, case: &Case) -> Vec<(&'static str, bool)> {
        let rule = case.rule.is_some().then_some(("rule", true));
        let checks = match (self, case.in_force()) {
            (Self::Exempt(name), _) => vec![(*name, true)],
            (_, Some(policy)) => self.checks(policy, case),
            (_, None) => vec![("headers", false)],
        };
        let anonymous = matches!(self, Self::AnonymousDenied(..)).then_some(("access", false));
        rule.into_iter().chain(checks).chain(anonymous).collect()
    }

    fn checks(&self, policy: &Policy, case: &Case) -> Vec<(&'static str, bool)> {
        let own = self.signed_by().is_some_and(|at| case.credentials[at].demands);
        let mut checks = Vec::new();
        for check in Check::ALL {
            match self.failure().filter(|failure| failure.check == check) {
                Some(Failure { times, .. }) if check == Check::Times => {
                    let failed = |name: &str| times[["exp", "nbf", "iat"].iter().position(|it| *it == name).unwrap()];
                    checks.extend(shown(policy, own, check, case).into_iter().map(|name| (name, !failed(name))));
                    break;
                }
                Some(_) => {
                    checks.push((check.name(), false));
                    break;
                }
                None => checks.extend(shown(policy, own, check, case).into_iter().map(|name| (name, true))),
            }
        }
        checks
    }
}

/// The names that are shown for a check that has passed.
fn shown(policy: &Policy, own: bool, check: Check, case: &Case) -> Vec<&'static str> {
    let some = |is: bool, name: &'static str| if is { vec![name] } else { vec![] };
    match check {
        Check::Headers | Check::SignatureForm | Check::Extensions | Check::Budget | Check::KeySet | Check::FirstUse => {
            vec![]
        }
        Check::Times => [some(policy.exp || own, "exp"), some(policy.nbf, "nbf"), some(policy.age, "iat")].concat(),
        Check::MaximumExpiration => some(policy.has_maximum(), "maximum"),
        Check::Sender => some(policy.constraint != "off" && case.token.bound != Bound::Not, "sender"),
        Check::TokenType => some(policy.kind[0], "type"),
        Check::Presence => some(policy.kind[1], "present"),
        Check::Revocation => some(case.revokes || case.list.is_some(), "revocation"),
        Check::Subject => some(policy.kind[2], "subject"),
        Check::Audience => some(policy.audiences || own, "audience"),
        Check::Access => some(policy.access != Access::Everybody, "access"),
        Check::RequiredClaims => some(policy.required, "claims"),
        _ => vec![check.name()],
    }
}
