//! Taking tokens out of a request before it goes upstream. What else stands there stays as it is, octet for octet.
//!
//! All tokens in the places go, not only the one that was verified: the upstream must not be left with another, which
//! nobody looked at.

use std::borrow::Cow;

use super::{
    NotChanged, RequestHeaders, TokenPlaces,
    carriers::{bearer_token, cookie_value, query_value},
};

/// Takes the tokens out of every place where one may stand.
///
/// # Errors
/// The host did not change what it was to change.
pub fn take_out_tokens(places: &TokenPlaces, request: &mut impl RequestHeaders) -> Result<(), NotChanged> {
    if !places.uri_param_names.is_empty()
        && let Some(path) = request.path().and_then(|path| path_without(&path, &places.uri_param_names))
        && !request.set_path(&path)
    {
        return Err(NotChanged::new(":path"));
    }
    for name in &places.header_names {
        edit(request, name, header_without)?;
    }
    for name in &places.raw_header_names {
        edit(request, name, |_| Some(Vec::new()))?;
    }
    if !places.cookie_names.is_empty() {
        edit(request, "cookie", |value| cookies_without(value, &places.cookie_names))?;
    }
    Ok(())
}

/// Takes header names out of the request's `Connection` headers, where a client may name them to have the next hop remove
/// these headers (RFC 9110 §7.6.1). A proxy forwards `Connection` as it came when it upgrades a connection.
///
/// # Errors
/// The host did not change the header.
pub fn keep_end_to_end<'n>(
    names: impl Iterator<Item = &'n str> + Clone,
    request: &mut impl RequestHeaders,
) -> Result<(), NotChanged> {
    const CONNECTION: &str = "connection";

    if request.header(CONNECTION).is_none() {
        return Ok(());
    }
    let is_own = |option: &[u8]| names.clone().any(|name| option.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
    edit(request, CONNECTION, |value| value_without(value, b',', is_own))
}

/// Edits every occurrence of a header; `without` gives what is left of a value, and `None` if nothing changes. A value
/// of which nothing is left is removed.
fn edit(
    request: &mut impl RequestHeaders,
    name: &str,
    without: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<(), NotChanged> {
    let values: Vec<Vec<u8>> = request.header_values(name).into_iter().map(Cow::into_owned).collect();
    let edited: Vec<Option<Vec<u8>>> = values.iter().map(|value| without(value)).collect();
    if edited.iter().all(Option::is_none) {
        return Ok(());
    }
    let left = values.into_iter().zip(edited).map(|(value, edited)| edited.unwrap_or(value));
    let is_edited = request.remove_header(name)
        && left.filter(|value| !value.is_empty()).all(|value| request.add_header(name, &value));
    if is_edited { Ok(()) } else { Err(NotChanged::new(name)) }
}

/// A path without the parameters that hold tokens, and without the question mark when no parameter is left.
fn path_without(path: &[u8], names: &[String]) -> Option<Vec<u8>> {
    let at = path.iter().position(|byte| *byte == b'?')?;
    let (before, query) = (path.get(..at)?, path.get(at.saturating_add(1)..)?);
    let query = list_without(query, b'&', |pair| query_value(pair, names).is_some_and(|value| !value.is_empty()))?;
    Some(if query.is_empty() { before.to_vec() } else { [before, b"?", &query].concat() })
}

fn cookies_without(cookies: &[u8], names: &[String]) -> Option<Vec<u8>> {
    let holds_token =
        |cookie: &[u8]| names.iter().any(|name| cookie_value(cookie, name).is_some_and(|value| !value.is_empty()));
    value_without(cookies, b';', holds_token)
}

/// Whatever a token stands behind: another scheme, an empty element, or an element of a list within quotes.
fn header_without(value: &[u8]) -> Option<Vec<u8>> {
    value_without(value, b',', |element| bearer_token(element).is_some())
}

/// The list in a header's value without some of its elements, and without the space that stood behind a first one.
fn value_without(value: &[u8], separator: u8, goes: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    list_without(value, separator, goes).map(|left| left.trim_ascii_start().to_vec())
}

/// A list without some of its elements; `None` if none of them is to go.
fn list_without(list: &[u8], separator: u8, goes: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let elements = || list.split(|byte| *byte == separator);
    let left: Vec<&[u8]> = elements().filter(|element| !goes(element)).collect();
    (left.len() < elements().count()).then(|| left.join([separator].as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(left: Option<Vec<u8>>) -> Option<String> {
        left.map(|left| String::from_utf8(left).unwrap())
    }

    #[test]
    fn other_parameters_stay_byte_for_byte_and_in_order() {
        let names = ["jwt".to_owned(), "a b".to_owned()];
        for (path, expected) in [
            ("/p?jwt=T", "/p"),
            ("/p?jwt=T&jwt=T", "/p"),
            ("/p?x=1&jwt=T&y=%2f+%20", "/p?x=1&y=%2f+%20"),
            ("/p?jwt=T&x", "/p?x"),
            ("/p?x&jwt=T", "/p?x"),
            ("/p?%6Awt=T&a+b=U&JWT=V&jwt", "/p?JWT=V&jwt"),
            ("/p?&&jwt=T&", "/p?&&"),
            ("/p?x=?jwt=T&jwt=T", "/p?x=?jwt=T"),
            ("/jwt=T?jwt=%54", "/jwt=T"),
        ] {
            assert_eq!(text(path_without(path.as_bytes(), &names)).as_deref(), Some(expected), "{path}");
        }
        for path in ["/p", "/p?", "/p?x=jwt=T", "/p?jwt=", "/jwt=T", "/p?jwts=T", ""] {
            assert_eq!(path_without(path.as_bytes(), &names), None, "{path}");
        }
    }

    #[test]
    fn other_cookies_stay_byte_for_byte_and_in_order() {
        let names = ["t".to_owned()];
        for (cookies, expected) in [
            ("t=T", ""),
            ("a=1; t=T; b=\"2\"", "a=1; b=\"2\""),
            ("t=T; a=1;b=2", "a=1;b=2"),
            ("a=1;t=T;  b=2;t=U", "a=1;  b=2"),
            ("a=1; t =T; t\t= U", "a=1"),
        ] {
            assert_eq!(text(cookies_without(cookies.as_bytes(), &names)).as_deref(), Some(expected), "{cookies}");
        }
        for cookies in ["", "a=1", "T=T", "tt=T", "t=", "t", "t =", "t x=T"] {
            assert_eq!(cookies_without(cookies.as_bytes(), &names), None, "{cookies}");
        }
    }

    #[test]
    fn every_token_goes_from_a_header_wherever_it_stands() {
        for (value, expected) in [
            ("Bearer T", ""),
            ("bearer\tT ", ""),
            ("Bearer T, Basic dTpw", "Basic dTpw"),
            ("Bearer T,Bearer U,Basic x", "Basic x"),
            ("Basic x, Bearer T", "Basic x"),
            (", Bearer T", ""),
            (",,Bearer T,", ",,"),
            ("Digest a=\"b, Bearer T\"", "Digest a=\"b"),
        ] {
            assert_eq!(text(header_without(value.as_bytes())).as_deref(), Some(expected), "{value}");
        }
        for value in ["", "Bearer", "Bearer ", "Basic dTpw", "BearerT", "Digest a=\"b, c\""] {
            assert_eq!(header_without(value.as_bytes()), None, "{value}");
        }
    }
}
