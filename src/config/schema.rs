//! What the configuration may hold, as data: its reader takes the names of the fields from here, and its documentation
//! takes everything.

/// A field of an object in the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What is said about it. The module for a proxy has no use for that and goes without.
    #[cfg(not(all(target_arch = "wasm32", feature = "module")))]
    pub about: About,
}

/// What is said about a field.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// What its value looks like.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What it means, in a sentence or two.
    pub description: &'static str,
    /// The value that it has when it is absent, as JSON; `None` when its absence has a meaning of its own.
    pub default: Option<&'static str>,
    /// A value that it may have, as JSON.
    pub example: &'static str,
}

impl Field {
    /// A field without a default that need not be there.
    pub const fn optional(name: &'static str, shape: Shape, description: &'static str, example: &'static str) -> Self {
        Self::new(name, About { shape, required: false, description, default: None, example })
    }

    /// A field with a default.
    pub const fn with_default(
        name: &'static str,
        shape: Shape,
        description: &'static str,
        default: &'static str,
        example: &'static str,
    ) -> Self {
        Self::new(name, About { shape, required: false, description, default: Some(default), example })
    }

    /// A field that must be there.
    pub const fn required(name: &'static str, shape: Shape, description: &'static str, example: &'static str) -> Self {
        Self::new(name, About { shape, required: true, description, default: None, example })
    }

    #[cfg_attr(all(target_arch = "wasm32", feature = "module"), allow(unused_variables))]
    const fn new(name: &'static str, about: About) -> Self {
        Self {
            name,
            #[cfg(not(all(target_arch = "wasm32", feature = "module")))]
            about,
        }
    }
}

/// The fields of two tables as one.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler alone")]
pub(super) const fn joined<const N: usize>(first: &[Field], second: &[Field]) -> [Field; N] {
    assert!(N == first.len() + second.len());
    let mut all = [first[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() { first[at] } else { second[at - first.len()] };
        at += 1;
    }
    all
}

/// What a value looks like. `null` is the same as no value everywhere; only in a rule does it differ from leaving the
/// field out, which inherits.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any text.
    Text,
    /// A text that is not empty.
    Name,
    /// A text that a header carries unchanged, as [`crate::encoding::HeaderText`] demands.
    HeaderText,
    /// A token of RFC 9110 §5.6.2, the form of the names of headers and cookies.
    Token,
    /// `true` or `false`.
    Flag,
    /// A whole number from 0 to a maximum.
    Number {
        /// The largest value.
        maximum: u32,
    },
    /// The HTTP status of an error, 400 to 599.
    ErrorStatus,
    /// A string, a number, `true` or `false`.
    Scalar,
    /// A text, or an object with `prefix`, `suffix` or `glob`.
    TextPattern,
    /// An object like the items of `required_claims`, in one of which it stands.
    RequiredClaim,
    /// One of some words.
    OneOf(&'static [&'static str]),
    /// The name of an [`Algorithm`](crate::crypto::Algorithm).
    Algorithm,
    /// A time: a number of seconds, or a text such as `"5s"`, `"0.25s"`, `"10m"`, `"24h"`.
    Duration {
        /// The shortest, in milliseconds.
        minimum: u64,
        /// The longest, in milliseconds.
        maximum: u64,
    },
    /// A point in time, as RFC 3339 §5.6 writes it.
    DateTime,
    /// An `http` or `https` URI without user and fragment.
    Uri,
    /// A key set (RFC 7517 §5): an object, or its JSON as text.
    KeySet,
    /// A public key: PEM, or a JWK as an object or as text.
    PublicKey,
    /// A consumer by its id or username, or an object with one of its names.
    ConsumerReference,
    /// A list, all items of one shape.
    List(&'static Shape),
    /// An object.
    Object(&'static [Field]),
}
