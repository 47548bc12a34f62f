//! Who is calling, as the upstream is told.

use crate::{
    authenticate::{Decision, Outcome},
    encoding::HeaderText,
    policy::Consumer,
    request::{NotChanged, RequestHeaders},
};

/// The identity headers of one request: each with its value, or without one when it does not apply.
pub type IdentityHeaders<'c> = [(&'static str, Option<&'c str>); 6];

/// The identity headers that a decision gives a request.
pub fn headers<'d>(decision: &'d Decision) -> IdentityHeaders<'d> {
    let (consumer, credential, anonymous) = match &decision.outcome {
        Outcome::Authenticated(authenticated) => {
            let credential = authenticated.credential();
            (Some(credential.consumer().as_ref()), Some(credential.identifier()), None)
        }
        Outcome::Anonymous { consumer, .. } => (Some(*consumer), None, Some("true")),
        Outcome::Optional
        | Outcome::Preflight
        | Outcome::Disabled
        | Outcome::ResourceMetadata(_)
        | Outcome::Denied(_) => (None, None, None),
    };
    let name = |name: fn(&Consumer) -> &Option<HeaderText>| name(consumer?).as_ref().map(HeaderText::as_str);
    let groups = consumer.filter(|_| decision.policy.access.tells_groups()).and_then(|it| it.groups.joined());
    [
        ("X-Consumer-ID", name(|consumer| &consumer.id)),
        ("X-Consumer-Custom-ID", name(|consumer| &consumer.custom_id)),
        ("X-Consumer-Username", name(|consumer| &consumer.username)),
        ("X-Consumer-Groups", groups.map(HeaderText::as_str)),
        ("X-Credential-Identifier", credential.map(HeaderText::as_str)),
        ("X-Anonymous-Consumer", anonymous),
    ]
}

/// Writes the identity headers, after taking away what the client sent under their names.
///
/// Some hosts answer that a header was removed and leave it there, or change only the first of several: so removal is
/// read back, and a request that keeps a client's identity header must not go upstream.
pub fn apply(identity: &IdentityHeaders, request: &mut impl RequestHeaders) -> Result<(), NotChanged> {
    identity.iter().try_for_each(|(name, value)| write(name, *value, request))
}

/// Writes one header that the filter alone may write, or removes it.
pub(crate) fn write(name: &str, value: Option<&str>, request: &mut impl RequestHeaders) -> Result<(), NotChanged> {
    if request.header(name).is_some() && !request.remove_header(name) {
        return Err(NotChanged::new(name));
    }
    match value {
        Some(value) if !request.set_header(name, value) => Err(NotChanged::new(name)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn every_header_that_is_written_is_among_the_names() {
        let config = Config::parse(b"").unwrap();
        let decision = Decision { policy: &config.policy, claim_headers: &[], token: 0, outcome: Outcome::Preflight };
        let written = headers(&decision).map(|(name, _)| name.to_ascii_lowercase());
        assert_eq!(written, crate::policy::IDENTITY_HEADERS);
    }
}
