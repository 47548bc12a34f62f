//! Which fields of a configuration hold no secrets.

use jwt_auth_filter::config::{FIELDS, Step, schema::Shape};

/// The list whose items hold secrets.
pub(super) const CREDENTIALS: &str = "jwt_secrets";

/// The shape of a list's items; any other shape is its own.
pub(super) fn item_of(shape: Shape) -> Shape {
    match shape {
        Shape::List(item) => item_of(*item),
        other => other,
    }
}

/// Whether values of a shape hold no secrets. Of a credential only those do not that can hold nothing but a few words,
/// numbers and times.
pub(super) fn is_harmless(shape: Shape, in_credentials: bool) -> bool {
    match shape {
        Shape::List(item) => is_harmless(*item, in_credentials),
        Shape::Flag | Shape::Number { .. } | Shape::ErrorStatus | Shape::OneOf(_) | Shape::Algorithm => true,
        Shape::Duration { .. } => true,
        Shape::Text | Shape::Name | Shape::HeaderText | Shape::Token | Shape::Scalar => !in_credentials,
        Shape::TextPattern | Shape::RequiredClaim | Shape::DateTime => !in_credentials,
        Shape::Object(_) => !in_credentials,
        Shape::Uri | Shape::KeySet | Shape::PublicKey | Shape::ConsumerReference => false,
    }
}

/// Whether a path leads to a field of the configuration whose values hold no secrets.
pub(crate) fn leads_to_harmless(path: &[Step]) -> bool {
    let names = path.iter().filter_map(|step| match step {
        Step::Field(name) => Some(name),
        Step::Item(_) => None,
    });
    let mut shape = Shape::Object(FIELDS);
    let mut in_credentials = false;
    for name in names {
        let Shape::Object(fields) = item_of(shape) else { return false };
        let Some(field) = fields.iter().find(|field| field.name == name) else { return false };
        shape = field.about.shape;
        in_credentials |= field.name == CREDENTIALS;
    }
    is_harmless(shape, in_credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<Step> {
        let step = |part: &str| part.parse().map_or_else(|_| Step::Field(part.to_owned()), Step::Item);
        text.split(' ').filter(|part| !part.is_empty()).map(step).collect()
    }

    #[test]
    fn only_fields_that_are_known_to_be_harmless_are() {
        for harmless in [
            "realm",
            "claims_to_verify 1",
            "rules 0 clock_skew_seconds",
            "required_claims 0 present",
            "response unauthorized status",
            "consumers 0 username",
            "consumers 0 jwt_secrets 0 algorithm",
            "consumers 0 jwt_secrets 0 remote_jwks timeout",
        ] {
            assert!(leads_to_harmless(&path(harmless)), "{harmless}");
        }
        for other in [
            "consumers 0 jwt_secrets",
            "consumers 0 jwt_secrets 0",
            "consumers 0 jwt_secrets 0 key",
            "consumers 0 jwt_secrets 0 secret",
            "consumers 0 jwt_secrets 0 rsa_public_key",
            "consumers 0 jwt_secrets 0 jwks",
            "consumers 0 jwt_secrets 0 jwks keys 0 kty",
            "consumers 0 jwt_secrets 0 remote_jwks",
            "consumers 0 jwt_secrets 0 remote_jwks uri",
            "consumers 0 jwt_secrets 0 unknown",
            "unknown",
            "realm name",
            "rules 0 secret",
        ] {
            assert!(!leads_to_harmless(&path(other)), "{other}");
        }
    }
}
