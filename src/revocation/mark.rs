//! What a revoked token is known by: a hash of its `jti`, its `sub`, its consumer or its credential.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{
    encoding::json::{Members, Raw},
    policy::Credential,
};

/// The first 16 octets of the SHA-256 hash of a text such as `jti:4711`.
///
/// A token that is not revoked must not have the mark of one that is. Its holder may choose its `jti`, and to lock somebody
/// else out, would have to find a text with the mark of that one's `jti`: a second preimage, which takes 2^128 hashes. Two
/// texts of one's own with the same mark are found with 2^64, but whoever has one of them revoked locks out himself. By chance,
/// with a million entries, a token has the mark of one with a probability of 2^-108.
pub type Mark = [u8; 16];

/// The mark of a text.
pub(super) fn mark(text: &str) -> Mark {
    let hash = Sha256::digest(text.as_bytes());
    hash.first_chunk().copied().unwrap_or_default()
}

/// The text of a name by itself. A kind never holds a colon, so no two of them give the same text.
pub(super) fn text(kind: &str, name: &str) -> String {
    format!("{kind}:{name}")
}

/// The text of a name that counts for the tokens of one credential only. The length says where its key ends.
pub(super) fn text_of_credential(kind: &str, credential: &str, name: &str) -> String {
    format!("credential-{kind}:{}:{credential}{name}", credential.len())
}

/// All marks that a token may be revoked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks(Arc<[Mark]>);

impl Marks {
    /// The marks of a token with these claims, which a credential's key has signed.
    pub fn of(claims: &Members, credential: &Credential) -> Self {
        let key = credential.identifier().as_str();
        let consumer = credential.consumer();
        let names = [&consumer.username, &consumer.id].into_iter().flatten();
        let mut texts: Vec<String> = names.map(|name| text("consumer", name.as_str())).collect();
        texts.push(text("credential", key));
        for kind in ["jti", "sub"] {
            if let Some(name) = claims.get(kind).and_then(Raw::scalar) {
                texts.push(text(kind, &name));
                texts.push(text_of_credential(kind, key, &name));
            }
        }
        Self(texts.iter().map(|text| mark(text)).collect())
    }

    /// The marks.
    pub fn iter(&self) -> impl Iterator<Item = &Mark> {
        self.0.iter()
    }

    /// How many bytes they take.
    pub fn size(&self) -> usize {
        size_of_val(&*self.0)
    }
}
