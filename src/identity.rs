//! Who is calling, as the upstream is told.

use thiserror::Error;

use crate::{
    authenticate::Outcome,
    consumer::{Consumer, HeaderText},
    request::Request,
};

/// The identity headers of one request: each with its value, or without one when it does not apply.
pub type IdentityHeaders<'c> = [(&'static str, Option<&'c str>); 5];

/// The identity headers that an outcome gives a request. `None` for a request that does not go upstream.
pub fn headers<'o>(outcome: &'o Outcome) -> Option<IdentityHeaders<'o>> {
    match outcome {
        Outcome::Authenticated(authenticated) => {
            let credential = authenticated.credential();
            Some(of(Some(credential.consumer()), Some(credential.key()), None))
        }
        Outcome::Anonymous { consumer, .. } => Some(of(Some(consumer), None, Some("true"))),
        Outcome::Preflight => Some(of(None, None, None)),
        Outcome::Denied(_) => None,
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
}

/// The client sent an identity header, and the host did not remove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the client's header {0} cannot be removed on this host")]
pub struct NotRemoved(&'static str);

/// Writes the identity headers, after taking away what the client sent under their names.
///
/// Some hosts answer that a header was removed and leave it there, or change only the first of several: so removal is
/// read back, and a request that keeps a client's identity header must not go upstream.
pub fn apply(identity: &IdentityHeaders, request: &mut impl RequestHeaders) -> Result<(), NotRemoved> {
    for (name, value) in identity {
        if request.header(name).is_some() && !request.remove_header(name) {
            return Err(NotRemoved(name));
        }
        if let Some(value) = value {
            request.set_header(name, value);
        }
    }
    Ok(())
}
