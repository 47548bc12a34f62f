//! Claims as headers for the upstream, and what else a policy makes of a request that passes.

use std::{borrow::Cow, sync::Arc};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    encoding::{
        HeaderText,
        base64::encode_url,
        json::{Members, Raw},
    },
    token::ClaimPath,
};

/// What a policy sends upstream beside the identity headers.
#[derive(Debug, Clone, Default)]
pub struct Forwarding {
    /// Claims that are sent as headers.
    pub claims_to_headers: Vec<ClaimHeader>,
    /// The header that all claims are sent in, in lower case.
    pub payload_header: Option<Arc<str>>,
    /// Whether the token is taken out of the request.
    pub hide_credentials: bool,
    /// Whether the proxy is told to choose the route anew.
    pub clear_route_cache: bool,
}

/// A claim that is sent as a header.
#[derive(Debug, Clone)]
pub struct ClaimHeader {
    /// Which claim.
    pub claim: ClaimPath,
    /// The header's name, in lower case.
    pub header: Arc<str>,
    /// What stands between the items of a list: punctuation and spaces.
    pub separator: String,
}

/// A header for the upstream: its name in lower case, and a value that a header can carry.
pub type Header = (Arc<str>, String);

impl Forwarding {
    /// Whether it needs a token's claims.
    pub fn uses_claims(&self) -> bool {
        !self.claims_to_headers.is_empty() || self.payload_header.is_some()
    }

    /// The names of the headers that it writes.
    pub fn header_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.claims_to_headers.iter().map(|it| &it.header).chain(&self.payload_header)
    }

    /// The headers for a verified token, of which `payload` is the text of `claims`.
    pub fn headers(&self, payload: &str, claims: &Members) -> Vec<Header> {
        let of_claims = self.claims_to_headers.iter().filter_map(|it| it.of(claims));
        let of_payload = self.payload_header.iter().map(|name| (Arc::clone(name), encode_url(payload)));
        of_claims.chain(of_payload).collect()
    }
}

impl ClaimHeader {
    /// The claim by its name, as text that a header could carry.
    pub fn of(&self, claims: &Members) -> Option<Header> {
        Some((Arc::clone(&self.header), self.value(claims)?))
    }

    /// The claim as a header's value; `None` where there is nothing to send. What no header can carry unchanged is
    /// percent-encoded (RFC 3986 §2.1), and so is an item of a list that would look like two, and what holds a percent sign:
    /// so no two texts give the same value, and decoding it gives the text.
    fn value(&self, claims: &Members) -> Option<String> {
        let claim = self.claim.find(claims)?;
        let value = match claim.one().and_then(Raw::scalar) {
            Some(text) => encoded_unless(text, HeaderText::fits),
            None => {
                let items: Vec<String> = claim.items()?.into_iter().filter_map(|item| self.item(item)).collect();
                items.join(&self.separator)
            }
        };
        (!value.is_empty()).then_some(value)
    }

    fn item(&self, item: Raw) -> Option<String> {
        // Who splits at a comma strips the space after it: a separator's spaces count only where it has nothing else.
        let marks = if self.separator.trim().is_empty() { &self.separator } else { self.separator.trim() };
        let is_one_item = |text: &str| HeaderText::fits(text) && !text.contains(|it| marks.contains(it));
        Some(encoded_unless(item.scalar()?, is_one_item)).filter(|item| !item.is_empty())
    }
}

/// The text itself where it is fit to be sent, else percent-encoded.
fn encoded_unless(text: Cow<str>, is_fit: impl Fn(&str) -> bool) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

    if is_fit(&text) && !text.contains('%') {
        text.into_owned()
    } else {
        utf8_percent_encode(&text, RESERVED).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(claims: &str, claim: &str, separator: &str) -> Option<String> {
        let claim = ClaimPath::parse(claim).unwrap();
        ClaimHeader { claim, header: "x".into(), separator: separator.to_owned() }
            .value(&Members::parse(claims).unwrap())
    }

    #[test]
    fn single_values_are_sent_as_they_are_spelled() {
        for (json, expected) in [
            (r#""a b, c; 100 \"d\"""#, r#"a b, c; 100 "d""#),
            (r#""K\u00e4ufer""#, "Käufer"),
            ("12345678901234567890", "12345678901234567890"),
            ("1.50", "1.50"),
            ("-0", "-0"),
            ("true", "true"),
            ("false", "false"),
        ] {
            assert_eq!(value(&format!(r#"{{"a":{{"b":{json}}}}}"#), "a.b", ",").as_deref(), Some(expected));
        }
        for json in ["null", "{}", r#"{"c":1}"#, r#""""#, "[]", "[null,{},[1],\"\"]"] {
            assert_eq!(value(&format!(r#"{{"a":{json}}}"#), "a", ","), None, "{json}");
        }
    }

    #[test]
    fn what_no_header_carries_is_percent_encoded() {
        for (json, expected) in [
            (r#""a\r\nx-admin: true""#, "a%0D%0Ax-admin%3A%20true"),
            (r#""\u0000""#, "%00"),
            (r#"" padded ""#, "%20padded%20"),
            (r#""a\u0085b""#, "a%C2%85b"),
            (r#"" admin""#, "%20admin"),
            (r#""%20admin""#, "%2520admin"),
            (r#""%61dmin""#, "%2561dmin"),
            (r#"["%2C","%"]"#, "%252C,%25"),
            (r#"["a\nb","c"]"#, "a%0Ab,c"),
        ] {
            assert_eq!(value(&format!(r#"{{"a":{json}}}"#), "a", ",").as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_item_cannot_pass_for_two() {
        let claims = r#"{"a":["user","x,admin","y z",1,true]}"#;
        assert_eq!(value(claims, "a", ",").unwrap(), "user,x%2Cadmin,y z,1,true");
        assert_eq!(value(claims, "a", ", ").unwrap(), "user, x%2Cadmin, y z, 1, true");
        assert_eq!(value(claims, "a", " ").unwrap(), "user x,admin y%20z 1 true");
    }
}
