//! What a token is bound to: its claim `cnf` (RFC 7800).

use std::sync::Arc;

use super::Hash;
use crate::encoding::{
    base64::decode_url,
    json::{Members, Raw},
};

/// What a token is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// Nothing: whoever has it may use it.
    None,
    /// What its sender must show to have.
    To(Arc<Confirmation>),
    /// Its `cnf` is no object of hashes, or asks for a proof that the filter does not know. A part of it is not enough.
    Unusable,
}

/// What the sender of a token must show to have. At least one of the two is there; if both are, both must be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// `x5t#S256` (RFC 8705 §3.1): the hash of the client's certificate.
    pub certificate: Option<Hash>,
    /// `jkt` (RFC 9449 §6.1): the thumbprint (RFC 7638) of the key that signs the client's proofs.
    pub key: Option<Hash>,
}

impl Binding {
    /// Reads it from a claims set.
    pub fn of(claims: &Members) -> Self {
        match claims.get("cnf").map(Confirmation::parse) {
            None => Self::None,
            Some(Some(confirmation)) => Self::To(Arc::new(confirmation)),
            Some(None) => Self::Unusable,
        }
    }
}

impl Confirmation {
    fn parse(cnf: Raw) -> Option<Self> {
        let mut confirmation = Self { certificate: None, key: None };
        for (name, value) in cnf.members()?.iter() {
            let hash = match name {
                "x5t#S256" => &mut confirmation.certificate,
                "jkt" => &mut confirmation.key,
                _ => return None,
            };
            *hash = Some(read_hash(value)?);
        }
        let is_bound = confirmation.certificate.is_some() || confirmation.key.is_some();
        is_bound.then_some(confirmation)
    }
}

fn read_hash(value: Raw) -> Option<Hash> {
    decode_url(value.string()?.as_bytes())?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8705 appendix A, and RFC 9449 §6.1.
    const CERTIFICATE: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
    const KEY: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    fn binding(claims: &str) -> Binding {
        Binding::of(&Members::parse(claims).unwrap())
    }

    #[test]
    fn a_token_is_bound_to_a_certificate_a_key_or_both() {
        let hash = |text: &str| decode_url(text).unwrap().try_into().ok();
        let to = |certificate, key| Binding::To(Arc::new(Confirmation { certificate, key }));
        assert_eq!(binding(r#"{"sub": "joe"}"#), Binding::None);
        assert_eq!(binding(&format!(r#"{{"cnf": {{"jkt": "{KEY}"}}}}"#)), to(None, hash(KEY)));
        let certificate = format!(r#"{{"cnf": {{"x5t#S256": "{CERTIFICATE}"}}}}"#);
        assert_eq!(binding(&certificate), to(hash(CERTIFICATE), None));
        let both = format!(r#"{{"cnf": {{"jkt": "{KEY}", "x5t#S256": "{CERTIFICATE}"}}}}"#);
        assert_eq!(binding(&both), to(hash(CERTIFICATE), hash(KEY)));
    }

    #[test]
    fn what_cannot_be_shown_is_not_taken_for_unbound() {
        let unknown = [r#""jwk": {"kty": "EC"}"#, r#""kid": "1""#, r#""jku": "https://a""#, r#""x": null"#];
        let wrong = [r#""jkt": 1"#, r#""jkt": null"#, r#""jkt": """#, r#""jkt": ["a"]"#, r#""jkt": "AQAB""#];
        let known = format!(r#""jkt": "{KEY}""#);
        for members in unknown.iter().chain(&wrong) {
            assert_eq!(binding(&format!(r#"{{"cnf": {{{members}}}}}"#)), Binding::Unusable, "{members}");
        }
        for members in unknown {
            let beside = format!(r#"{{"cnf": {{{known}, {members}}}}}"#);
            assert_eq!(binding(&beside), Binding::Unusable, "{beside}");
        }
        for cnf in ["{}", "null", "[]", "true", "1", r#""""#, &format!(r#""{KEY}""#), &format!(r#"[{{{known}}}]"#)] {
            assert_eq!(binding(&format!(r#"{{"cnf": {cnf}}}"#)), Binding::Unusable, "{cnf}");
        }
        // RFC 8705 §3.1, figure 2, prints a hash whose spare bits are set. No encoder writes that.
        let figure_2 = r#"{"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}"#;
        assert_eq!(binding(figure_2), Binding::Unusable);
    }
}
