//! What a refusal often comes from: said behind the reason, or nothing.

use jwt_auth_filter::{crypto::Algorithm, encoding::base64::decode_lenient, token::Jws};

use crate::{
    configurations::Configuration,
    signing_key::{Secret, SigningKey},
};

/// About a token that is not well-formed.
pub(super) fn of_form(token: &[u8]) -> String {
    let dots = token.iter().filter(|byte| **byte == b'.').count();
    if token.iter().any(|byte| b"$`".contains(byte)) {
        "; it holds a $ or a `: a shell puts a value there that is not known here".to_owned()
    } else if token.starts_with(b"\"") || token.starts_with(b"'") {
        "; it stands in quotes".to_owned()
    } else if dots == 4 {
        "; it has five parts, like an encrypted token (JWE), but the filter takes signed tokens".to_owned()
    } else if dots != 2 {
        format!("; it has {} part{}", dots.saturating_add(1), if dots == 0 { "" } else { "s" })
    } else {
        String::new()
    }
}

/// About an identifier that no credential has: one that differs in its case or in a slash at its end.
pub(super) fn of_identifier(identifier: &str, configuration: &Configuration) -> String {
    let same = |other: &str| other.trim_end_matches('/').eq_ignore_ascii_case(identifier.trim_end_matches('/'));
    let similar = configuration.credentials().into_iter().find_map(|credential| {
        let other = credential.identifier().filter(|other| same(other))?;
        Some(format!("; line {} has {other:?}", credential.node.at.line))
    });
    similar.unwrap_or_default()
}

/// About a signature that is made with none of these secrets, as `secret_is_base64` has them: one that is, the other way.
pub(super) fn of_secrets(jws: &Jws, algorithm: Algorithm, secrets: &[&str], is_base64: bool) -> &'static str {
    let other_way = |secret: &str| if is_base64 { Some(secret.into()) } else { decode_lenient(secret) };
    let verifies = |secret: &&str| {
        let signature = other_way(secret).and_then(|secret| Secret(secret).sign(algorithm, jws.signing_input));
        signature.is_some_and(|signature| jws.signature() == Ok(signature.as_slice()))
    };
    match secrets.iter().any(verifies) {
        true if is_base64 => "; it was signed with the secret as it stands, but secret_is_base64 is true",
        true => "; it was signed with the secret decoded from base64, but secret_is_base64 is not true",
        false => "",
    }
}
