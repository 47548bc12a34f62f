//! The certificate that the client has shown (RFC 8705): on the connection, or where TLS ends before this proxy, to the one in
//! front, which says so in a header.

use sha2::{Digest, Sha256};

use super::Hash;
use crate::{
    encoding::{base64::decode_standard, hex},
    request::Request,
};

/// `client_certificate_from`: what tells the client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateSource {
    /// The connection.
    Connection,
    /// The header `Client-Cert` (RFC 9440).
    ClientCert,
    /// The header `x-forwarded-client-cert`, as Envoy writes it.
    ForwardedClientCert,
}

impl CertificateSource {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Connection, Self::ClientCert, Self::ForwardedClientCert];

    /// Its name in the configuration: the header's, if it is one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::ClientCert => "client-cert",
            Self::ForwardedClientCert => "x-forwarded-client-cert",
        }
    }

    /// The SHA-256 hash of the client's certificate, in DER. `None` if there is none, or not just one.
    pub(super) fn hash(self, request: &impl Request) -> Option<Hash> {
        let values = || request.header_values(self.name());
        match self {
            Self::Connection => hex::decode(&request.peer_certificate_digest()?),
            Self::ClientCert => client_cert(only(&values())?),
            Self::ForwardedClientCert => forwarded(only(&values())?),
        }
    }
}

/// The only value: a proxy that adds its own to a client's would leave two.
fn only<T>(values: &[T]) -> Option<&T> {
    if let [value] = values { Some(value) } else { None }
}

/// The hash of a certificate that stands there as a byte sequence (RFC 9440 §2.2, RFC 9651 §3.3.5).
fn client_cert(value: &[u8]) -> Option<Hash> {
    let base64 = value.trim_ascii().strip_prefix(b":")?.strip_suffix(b":")?;
    let certificate = decode_standard(std::str::from_utf8(base64).ok()?)?;
    Some(Sha256::digest(certificate).into())
}

/// The `Hash` of the only element. Of several, none is sure to be written by a proxy: Envoy writes names of the client's
/// certificate without quotes, and a comma in one begins an element of the client's.
fn forwarded(value: &[u8]) -> Option<Hash> {
    let elements = outside_quotes(value, b',')?;
    let pairs = outside_quotes(only(&elements)?, b';')?;
    let mut hashes = pairs.into_iter().filter_map(|pair| {
        let (name, value) = pair.trim_ascii().split_at_checked(b"Hash=".len())?;
        name.eq_ignore_ascii_case(b"Hash=").then_some(value)
    });
    let hash = hashes.next()?;
    if hashes.next().is_some() { None } else { hex::decode(hash) }
}

/// The parts of a text between separators that stand in no quotes; `None` if quotes do not end. Within them, `\` takes its
/// meaning from the octet that follows.
fn outside_quotes(text: &[u8], separator: u8) -> Option<Vec<&[u8]>> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|byte| {
        let is_separator = *byte == separator && !is_quoted;
        let escapes = is_quoted && !is_escaped && *byte == b'\\';
        is_quoted ^= *byte == b'"' && !is_escaped;
        is_escaped = escapes;
        is_separator
    });
    let parts = parts.collect();
    (!is_quoted).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd";
    const OTHER: &str = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";

    #[test]
    fn a_forwarded_certificate_is_that_of_the_only_element() {
        let expected = hex::decode(HASH.as_bytes());
        for value in [
            format!("Hash={HASH}"),
            format!("hash={};By=spiffe://a/b", HASH.to_uppercase()),
            format!(r#"By=http://a;Hash={HASH};Subject="/C=US/CN=a, b;Hash={OTHER}";URI="#),
            format!(r#"By=http://a;Subject="CN=\",Hash={OTHER}" ; Hash={HASH}"#),
            format!(r#"Hash={HASH};Subject="CN=a\\""#),
        ] {
            assert_eq!(forwarded(value.as_bytes()), expected, "{value}");
        }
        for value in [
            String::new(),
            format!("Hash={OTHER},By=x;Hash={HASH}"),
            format!("Hash={OTHER}, Hash={HASH}"),
            // The client's certificate says that its name is `urn:x,Hash=…`.
            format!("By=http://a;Hash={OTHER};URI=urn:x,Hash={HASH}"),
            format!("Hash={HASH},"),
            format!("Hash={HASH},By=x"),
            format!("Hash={HASH};Hash={HASH}"),
            format!("Hash={HASH}0"),
            format!(r#"Hash="{HASH}""#),
            format!(r#"Subject="a;Hash={HASH}"#),
            format!(r#"Subject="a;Hash={HASH}""#),
            format!("XHash={HASH}"),
            HASH.to_owned(),
        ] {
            assert_eq!(forwarded(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn a_certificate_in_a_header_is_one_byte_sequence() {
        // "abc", whose hash is that of FIPS 180-2 appendix B.1.
        let expected = hex::decode(b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        for value in [":YWJj:", " :YWJj: "] {
            assert_eq!(client_cert(value.as_bytes()), expected, "{value}");
        }
        for value in
            ["", ":", "YWJj", ":YWJj", "YWJj:", ":YWJj:, :YWJj:", ":YWJj:;a=1", ":YW_j:", "\"YWJj\"", ":\u{e9}:"]
        {
            assert_eq!(client_cert(value.as_bytes()), None, "{value}");
        }
    }
}
