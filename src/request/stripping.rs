//! Taking tokens out of a request before it goes upstream. What else stands there stays as it is, octet for octet.
//!
//! All tokens in the places go, not only the one that was verified: the upstream must not be left with another, which
//! nobody looked at.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    NotChanged, Place, RequestHeaders, SplitCookie, TokenPlaces, TokenProtocol,
    carriers::{cookie_pair, header_token, query_value},
    subprotocols::protocols,
};

/// Takes the tokens, and a proof that came with one, out of every place where they may stand, but for the one that is `kept`.
///
/// # Errors
/// The host did not change what it was to change.
pub fn take_out_tokens(
    places: &TokenPlaces,
    kept: Option<&[u8]>,
    request: &mut impl RequestHeaders,
) -> Result<(), NotChanged> {
    let goes = |token: &[u8]| !token.is_empty() && kept != Some(token);

    if !places.uri_param_names.is_empty()
        && let Some(path) = request.path().and_then(|path| path_without(&path, &places.uri_param_names, goes))
        && !request.set_path(&path)
    {
        return Err(NotChanged::new(":path"));
    }
    for (name, prefixes) in prefixes_by_header(places) {
        edit(request, name, |value| header_without_any(value, &prefixes, goes))?;
    }
    if !places.websocket_protocols.is_empty() {
        edit_list(request, TokenPlaces::WEBSOCKET_HEADER, |list| {
            protocols_without(list, &places.websocket_protocols, goes)
        })?;
    }
    if places.uses_cookies() {
        let cookies = request.cookies().unwrap_or_default();
        let split = places.split_cookies.iter().filter(|it| it.token(&cookies).is_some_and(|token| goes(&token)));
        let split: Vec<&SplitCookie> = split.collect();
        edit(request, "cookie", |value| cookies_without(value, &places.cookie_names, &split, goes))?;
    }
    // A proof goes with its token.
    if places.takes_dpop && kept.is_none() {
        edit(request, TokenPlaces::PROOF_HEADER, |_| Some(Vec::new()))?;
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

/// The headers that are searched, each once, with what a token may stand behind there.
fn prefixes_by_header(places: &TokenPlaces) -> BTreeMap<&str, Vec<&str>> {
    let mut by_header: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for place in places.header_places() {
        if let Place::Header(name, prefix, _) = place {
            by_header.entry(name).or_default().push(prefix);
        }
    }
    by_header
}

/// Edits every occurrence of a header; `without` gives what is left of a value, and `None` if nothing changes. A value
/// of which nothing is left is removed. Only once for each header: a host tells of a request what came, not what is left.
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

/// Edits a list that may stand in several headers of one name, as [`edit`] does, and leaves it in one.
fn edit_list(
    request: &mut impl RequestHeaders,
    name: &str,
    without: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<(), NotChanged> {
    let list = request.header_values(name).join(b",".as_slice());
    let Some(left) = without(&list) else { return Ok(()) };
    let is_edited = request.remove_header(name) && (left.is_empty() || request.add_header(name, &left));
    if is_edited { Ok(()) } else { Err(NotChanged::new(name)) }
}

/// A path without the parameters that hold tokens, and without the question mark when no parameter is left.
fn path_without(path: &[u8], names: &[String], goes: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let at = path.iter().position(|byte| *byte == b'?')?;
    let (before, query) = (path.get(..at)?, path.get(at.saturating_add(1)..)?);
    let query = list_without(query, b'&', |pair| query_value(pair, names).is_some_and(|(_, value)| goes(&value)))?;
    Some(if query.is_empty() { before.to_vec() } else { [before, b"?", &query].concat() })
}

/// The cookies without those that hold a token, and without those that hold a part of one of `split`.
fn cookies_without(
    cookies: &[u8],
    names: &[String],
    split: &[&SplitCookie],
    goes: impl Fn(&[u8]) -> bool,
) -> Option<Vec<u8>> {
    let holds_token = |name: &[u8], value: &[u8]| goes(value) && names.iter().any(|own| own.as_bytes() == name);
    let is_part = |name: &[u8]| split.iter().any(|it| it.number(name).is_some());
    value_without(cookies, b';', |cookie| {
        cookie_pair(cookie).is_some_and(|(name, value)| holds_token(name, value) || is_part(name))
    })
}

/// What is left of a value when the tokens behind all the prefixes are taken out.
fn header_without_any(value: &[u8], prefixes: &[&str], goes: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    // What goes from behind one prefix can bring what stands behind another to the beginning, where more is a token.
    until_nothing_goes(value, |value| prefixes.iter().find_map(|prefix| header_without(value, prefix, &goes)))
}

/// Whatever a token stands behind: another scheme, an empty element, or an element of a list within quotes. Without a prefix
/// the value is a token, or nothing.
fn header_without(value: &[u8], prefix: &str, goes: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let holds_token = |element: &[u8]| header_token(element, prefix).is_some_and(&goes);
    if prefix.is_empty() {
        return holds_token(value).then(Vec::new);
    }
    let left = value_without(value, b',', holds_token);
    // What is left may be read as one token, with its commas: behind the prefix, or behind the one that is kept.
    let rest = left.as_deref().unwrap_or(value);
    if holds_token(rest) { Some(Vec::new()) } else { left }
}

/// The subprotocols without those that are tokens. A name that a token stood behind goes to the end, so that the service can
/// choose it, and takes nothing else that the client has offered for its token: of several names the first.
fn protocols_without(list: &[u8], tokens: &[TokenProtocol], goes: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    // Of names at the end, one is what stands behind another. This takes out all of them at once.
    until_nothing_goes(list, |list| protocols_without_once(list, tokens, &goes))
}

fn protocols_without_once(list: &[u8], tokens: &[TokenProtocol], goes: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let token = |before, protocol| tokens.iter().find_map(|it| it.token(before, protocol));
    if !protocols(list).any(|(before, protocol)| token(before, protocol).is_some_and(|token| goes(&token))) {
        return None;
    }
    let is_name = |protocol: &[u8]| {
        tokens.iter().any(|it| matches!(it, TokenProtocol::After(name) if name.as_bytes() == protocol))
    };
    let stays = |before, protocol| token(before, protocol).is_none_or(|token| !goes(&token));
    let left = protocols(list).filter(|(before, protocol)| stays(*before, protocol));
    let (named, others): (Vec<_>, Vec<_>) =
        left.partition(|(before, protocol)| is_name(protocol) || before.is_some_and(is_name));
    Some(others.into_iter().chain(named).map(|(_, protocol)| protocol).collect::<Vec<_>>().join(b", ".as_slice()))
}

/// What is left when something is taken out as often as there is something; `None` if there is nothing from the beginning.
fn until_nothing_goes(value: &[u8], without: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut left = without(value)?;
    while let Some(less) = without(&left) {
        left = less;
    }
    Some(left)
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

    fn is_any(token: &[u8]) -> bool {
        !token.is_empty()
    }

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
            assert_eq!(text(path_without(path.as_bytes(), &names, is_any)).as_deref(), Some(expected), "{path}");
        }
        for path in ["/p", "/p?", "/p?x=jwt=T", "/p?jwt=", "/jwt=T", "/p?jwts=T", ""] {
            assert_eq!(path_without(path.as_bytes(), &names, is_any), None, "{path}");
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
            assert_eq!(
                text(cookies_without(cookies.as_bytes(), &names, &[], is_any)).as_deref(),
                Some(expected),
                "{cookies}"
            );
        }
        for cookies in ["", "a=1", "T=T", "tt=T", "t=", "t", "t =", "t x=T"] {
            assert_eq!(cookies_without(cookies.as_bytes(), &names, &[], is_any), None, "{cookies}");
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
            ("Bearer ,T", ""),
            ("Bearer ,T, Bearer U", ""),
            ("Digest a=\"b, Bearer T\"", "Digest a=\"b"),
        ] {
            assert_eq!(text(header_without(value.as_bytes(), "Bearer", is_any)).as_deref(), Some(expected), "{value}");
        }
        for value in ["", "Bearer", "Bearer ", "Basic dTpw", "BearerT", "Digest a=\"b, c\""] {
            assert_eq!(header_without(value.as_bytes(), "Bearer", is_any), None, "{value}");
        }
    }

    #[test]
    fn what_one_scheme_leaves_at_the_beginning_is_no_token_of_another() {
        for value in
            ["DPoP T,Bearer ,real", "Bearer T,DPoP ,real", "DPoP T,Bearer U,DPoP ,real", "DPoP ,T,Bearer ,real"]
        {
            for prefixes in [["Bearer", "DPoP"], ["DPoP", "Bearer"]] {
                let left = header_without_any(value.as_bytes(), &prefixes, is_any);
                assert_eq!(text(left).as_deref(), Some(""), "{value} {prefixes:?}");
            }
        }
        let left = header_without_any(b"Basic x,DPoP T,Bearer ,y", &["Bearer", "DPoP"], is_any);
        assert_eq!(text(left).as_deref(), Some("Basic x,Bearer ,y"), "which is no token there");
        assert_eq!(text(header_without_any(b"Basic x", &["Bearer", "DPoP"], is_any)), None);
    }

    #[test]
    fn the_parts_of_a_token_go_and_one_that_is_kept_stays() {
        let split = SplitCookie { name: "s".to_owned(), separator: ".".to_owned(), first: 0 };
        let without = |cookies: &str| text(cookies_without(cookies.as_bytes(), &["t".to_owned()], &[&split], is_any));
        assert_eq!(without("a=1; s.0=T; b=2; s.1=U; s.77=V; s.x=W").as_deref(), Some("a=1; b=2; s.x=W"));
        let other = |token: &[u8]| token != b"T";
        assert_eq!(text(cookies_without(b"t=U; t=T", &["t".to_owned()], &[], other)).as_deref(), Some("t=T"));
        assert_eq!(text(header_without(b"Bearer T", "Bearer", other)), None);
        // Read as a whole, they are other tokens.
        for other_token in
            [b"Bearer T,U".as_slice(), b"Bearer T, Basic dTpw", b"Bearer T, Bearer U,V", b"Bearer ,, Bearer T"]
        {
            let left = header_without(other_token, "Bearer", other);
            assert_eq!(text(left).as_deref(), Some(""), "{}", String::from_utf8_lossy(other_token));
        }
        assert_eq!(text(header_without(b"U", "", other)).as_deref(), Some(""));
    }

    #[test]
    fn no_subprotocol_takes_the_place_of_a_token() {
        let tokens = [
            TokenProtocol::After("bearer".to_owned()),
            TokenProtocol::Prefixed { prefix: "jwt.".to_owned(), base64url: false },
        ];
        for (list, expected) in [
            ("bearer, T", "bearer"),
            ("bearer,T,chat", "chat, bearer"),
            ("chat, bearer, T, evil", "chat, evil, bearer"),
            ("bearer, bearer, T, evil", "evil, bearer"),
            ("bearer, T, bearer, U, v2", "v2, bearer"),
            ("jwt.T, chat", "chat"),
            ("jwt.T", ""),
            ("bearer, jwt.T, evil", "evil, bearer"),
        ] {
            assert_eq!(text(protocols_without(list.as_bytes(), &tokens, is_any)).as_deref(), Some(expected), "{list}");
        }
        for list in ["", "chat", "T, bearer", "chat, jwt."] {
            assert_eq!(protocols_without(list.as_bytes(), &tokens, is_any), None, "{list}");
        }
        let other = |token: &[u8]| token != b"T";
        let kept = protocols_without(b"bearer, U, bearer, T, chat", &tokens, other);
        assert_eq!(text(kept).as_deref(), Some("chat, bearer, T"));
    }
}
