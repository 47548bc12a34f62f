//! Who is calling, as the upstream is told.

use thiserror::Error;

use crate::{
    consumer::{Consumer, HeaderText},
    decision::Outcome,
    request::Request,
};

/// The identity headers of one request: each with its value, or without one when it does not apply.
pub type IdentityHeaders<'c> = [(&'static str, Option<&'c str>); 6];

/// The names of the identity headers, in lower case.
pub const NAMES: [&str; 6] = [
    "x-consumer-id",
    "x-consumer-custom-id",
    "x-consumer-username",
    "x-consumer-groups",
    "x-credential-identifier",
    "x-anonymous-consumer",
];

/// The identity headers that an outcome gives a request.
pub fn headers<'o>(outcome: &'o Outcome) -> IdentityHeaders<'o> {
    match outcome {
        Outcome::Authenticated(authenticated) => {
            let credential = authenticated.credential();
            of(Some(credential.consumer()), Some(credential.key()), None)
        }
        Outcome::Anonymous { consumer, .. } => of(Some(consumer), None, Some("true")),
        Outcome::Preflight | Outcome::Disabled | Outcome::Denied(_) => of(None, None, None),
    }
}

fn of<'c>(
    consumer: Option<&'c Consumer>,
    credential: Option<&'c HeaderText>,
    anonymous: Option<&'c str>,
) -> IdentityHeaders<'c> {
    let name = |name: fn(&Consumer) -> &Option<HeaderText>| name(consumer?).as_ref().map(HeaderText::as_str);
    [
        ("X-Consumer-ID", name(|consumer| &consumer.id)),
        ("X-Consumer-Custom-ID", name(|consumer| &consumer.custom_id)),
        ("X-Consumer-Username", name(|consumer| &consumer.username)),
        ("X-Consumer-Groups", consumer.and_then(|consumer| consumer.groups.joined()).map(HeaderText::as_str)),
        ("X-Credential-Identifier", credential.map(HeaderText::as_str)),
        ("X-Anonymous-Consumer", anonymous),
    ]
}

/// A request whose headers can be changed before it goes upstream.
pub trait RequestHeaders: Request {
    /// Sets a header that the request does not have.
    fn set_header(&mut self, name: &str, value: &str);

    /// Removes every occurrence of a header; whether none is left.
    fn remove_header(&mut self, name: &str) -> bool;

    /// All values of a header, in their order.
    fn header_values(&self, name: &str) -> Vec<Vec<u8>>;

    /// Adds a header beside those of the same name.
    fn add_header(&mut self, name: &str, value: &[u8]);

    /// Replaces the request target's path and query.
    fn set_path(&mut self, path: &[u8]);
}

/// The client sent a header that must not go upstream, and the host did not remove it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the client's header {0} cannot be removed on this host")]
pub struct NotRemoved(String);

impl NotRemoved {
    /// The header of this name was not removed.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }
}

/// Writes the identity headers, after taking away what the client sent under their names.
///
/// Some hosts answer that a header was removed and leave it there, or change only the first of several: so removal is
/// read back, and a request that keeps a client's identity header must not go upstream.
pub fn apply(identity: &IdentityHeaders, request: &mut impl RequestHeaders) -> Result<(), NotRemoved> {
    identity.iter().try_for_each(|(name, value)| write(name, *value, request))
}

/// Writes one header that the filter alone may write, or removes it.
pub(crate) fn write(name: &str, value: Option<&str>, request: &mut impl RequestHeaders) -> Result<(), NotRemoved> {
    if request.header(name).is_some() && !request.remove_header(name) {
        return Err(NotRemoved::new(name));
    }
    if let Some(value) = value {
        request.set_header(name, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_that_is_written_is_among_the_names() {
        let written = headers(&Outcome::Preflight).map(|(name, _)| name.to_ascii_lowercase());
        assert_eq!(written, NAMES);
    }
}
