//! The line of the configuration that a check goes by.

use jwt_auth_filter::{config::Config, policy::Policy};

use super::facts::Facts;
use crate::document::Node;

/// Which rule a policy is that of, if it is that of one.
pub(super) fn rule_of(policy: &Policy, config: &Config) -> Option<usize> {
    config.rules.iter().position(|rule| std::ptr::eq(&rule.policy, policy))
}

/// The line that a check goes by, if the file has it: of the credential, of the rule, or of what holds for all.
pub(super) fn of(check: &str, facts: &Facts, rule: Option<usize>) -> Option<usize> {
    if OF_CREDENTIAL.contains(&check) {
        return Some(credential(facts)?.at.line);
    }
    let root = &facts.configuration.root;
    let rule = rule.and_then(|at| root.get("rules")?.items().get(at));
    let places = [credential(facts), rule, Some(root)];
    first(fields(check), places.into_iter().flatten()).map(|(_, line)| line)
}

/// The checks that go by the credential as a whole.
const OF_CREDENTIAL: [&str; 5] = ["credential", "budget", "key set", "algorithm", "signature"];

/// The fields that a check goes by.
pub(super) fn fields(check: &str) -> &'static [&'static str] {
    match check {
        "token" => &["header_names", "raw_header_names", "uri_param_names", "cookie_names"],
        "key" => &["key_claim_name"],
        "exp" | "nbf" => &["claims_to_verify"],
        "iat" => &["max_token_age"],
        "maximum" => &["maximum_expiration"],
        "sender" => &["sender_constraint"],
        "type" => &["token_types"],
        "present" => &["require"],
        "audience" => &["audiences"],
        "revocation" => &["revoked"],
        "access" => &["allow", "deny"],
        "subject" => &["subjects"],
        "claims" => &["required_claims"],
        _ => &[],
    }
}

/// The first of the places that has one of the fields: the field, and its line.
pub(super) fn first<'n>(
    fields: &'static [&'static str],
    mut places: impl Iterator<Item = &'n Node>,
) -> Option<(&'static str, usize)> {
    places.find_map(|node| fields.iter().find_map(|name| Some((*name, node.member(name)?.at.line))))
}

/// The first credential that the token names.
fn credential<'a>(facts: &Facts<'a>) -> Option<&'a Node> {
    let credentials = facts.configuration.credentials();
    Some(credentials.into_iter().find(|it| it.identifier() == Some(&facts.identifier))?.node)
}
