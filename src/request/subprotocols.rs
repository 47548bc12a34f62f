//! A token among the subprotocols that a client offers with a WebSocket (RFC 6455 §11.3.4): the only part of the handshake
//! that scripts in browsers can write.

use std::{borrow::Cow, fmt};

use crate::encoding::base64::{decode_url, encode_url};

/// How a subprotocol is known to be a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenProtocol {
    /// It stands behind the subprotocol of this name: `bearer, <token>`.
    After(String),
    /// It begins with a prefix, which the token follows.
    Prefixed {
        /// What it begins with.
        prefix: String,
        /// Whether the token is encoded once more, in base64url, as Kubernetes' API server has it.
        base64url: bool,
    },
}

impl TokenProtocol {
    /// What a client offers that has a token.
    pub fn with(&self, token: &str) -> String {
        match self {
            Self::After(name) => format!("{name}, {token}"),
            Self::Prefixed { prefix, base64url: false } => format!("{prefix}{token}"),
            Self::Prefixed { prefix, base64url: true } => format!("{prefix}{}", encode_url(token)),
        }
    }

    /// The token in a subprotocol, given the one before it in the list.
    pub(super) fn token<'v>(&self, before: Option<&[u8]>, protocol: &'v [u8]) -> Option<Cow<'v, [u8]>> {
        match self {
            Self::After(name) => (before == Some(name.as_bytes())).then_some(Cow::Borrowed(protocol)),
            Self::Prefixed { prefix, base64url } => {
                let rest = protocol.strip_prefix(prefix.as_bytes())?;
                Some(match (base64url, decode_url(rest)) {
                    (false, _) => Cow::Borrowed(rest),
                    (true, Some(token)) => Cow::Owned(token),
                    // It stands for a token that cannot be read.
                    (true, None) => Cow::Borrowed(protocol),
                })
            }
        }
    }
}

/// The subprotocols of a list, each with the one before it. Empty elements do not count (RFC 9110 §5.6.1.2).
pub(super) fn protocols(list: &[u8]) -> impl Iterator<Item = (Option<&[u8]>, &[u8])> {
    let mut before = None;
    let elements = list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty());
    elements.map(move |element| (before.replace(element), element))
}

impl fmt::Display for TokenProtocol {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::After(name) => write!(formatter, "the WebSocket subprotocol after {name}"),
            Self::Prefixed { prefix, .. } => write!(formatter, "a WebSocket subprotocol {prefix}…"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(of: &TokenProtocol, list: &str) -> Vec<String> {
        let found = protocols(list.as_bytes()).filter_map(|(before, protocol)| of.token(before, protocol));
        found.map(|token| String::from_utf8(token.into_owned()).unwrap()).collect()
    }

    #[test]
    fn a_token_stands_behind_the_name() {
        let of = TokenProtocol::After("bearer".to_owned());
        for (list, expected) in [
            ("bearer, T", vec!["T"]),
            ("chat,bearer,T,v2", vec!["T"]),
            ("bearer,, T", vec!["T"]),
            ("bearer, bearer, T", vec!["bearer", "T"]),
            ("bearer, T, bearer, U", vec!["T", "U"]),
            ("bearer", vec![]),
            ("T, bearer", vec![]),
            ("Bearer, T", vec![]),
            ("bearer T", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(tokens(&of, list), expected, "{list}");
        }
        assert_eq!(tokens(&of, &of.with("a.b.c")), ["a.b.c"]);
    }

    #[test]
    fn a_token_follows_the_prefix() {
        let plain = TokenProtocol::Prefixed { prefix: "jwt.".to_owned(), base64url: false };
        assert_eq!(tokens(&plain, "chat, jwt.a.b.c, jwt."), ["a.b.c", ""]);
        let encoded = TokenProtocol::Prefixed { prefix: "k.".to_owned(), base64url: true };
        assert_eq!(tokens(&encoded, "k.YS5iLmM, chat"), ["a.b.c"]);
        assert_eq!(encoded.with("a.b.c"), "k.YS5iLmM");
        assert_eq!(plain.with("a.b.c"), "jwt.a.b.c");
        for unreadable in ["k.YS5iLmM=", "k.a.b.c", "k.YS5iLm"] {
            assert_eq!(tokens(&encoded, unreadable), [unreadable]);
        }
    }
}
