//! A token that is too long for one cookie: its parts, each in a cookie with a number.

use std::fmt;

use super::carriers::cookie_pairs;

/// The name of a token's cookies, which are numbered: `session.0`, `session.1`, ….
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitCookie {
    /// What the names begin with.
    pub name: String,
    /// What stands between it and the number.
    pub separator: String,
    /// The number of the first part.
    pub first: usize,
}

impl SplitCookie {
    /// How many parts a token may have. Browsers keep 4096 octets of a cookie, and proxies 64 KiB of headers.
    pub const MAX_PARTS: usize = 16;

    /// The cookie of a token that fits into one part.
    pub fn with(&self, token: &str) -> String {
        let Self { name, separator, first } = self;
        format!("{name}{separator}{first}={token}")
    }

    /// Which part the cookie of a name is, counted from 0; `None` if it is none.
    pub(super) fn number(&self, cookie: &[u8]) -> Option<usize> {
        let digits = cookie.strip_prefix(self.name.as_bytes())?.strip_prefix(self.separator.as_bytes())?;
        let is_number = digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || !digits.starts_with(b"0"));
        let number = std::str::from_utf8(digits).ok().filter(|digits| is_number && !digits.is_empty())?;
        // One that is too large to count is a part as well, one too many.
        number.parse().unwrap_or(usize::MAX).checked_sub(self.first)
    }

    /// The token that the cookies hold in parts; `None` if there is no part. A part that is empty does not count.
    ///
    /// Parts that are not all there, each with one value, may have been left behind by several tokens. They are followed by a
    /// semicolon, which no JWT holds: so they make a bad token, rather than one that somebody has put together.
    pub(super) fn token(&self, cookies: &[u8]) -> Option<Vec<u8>> {
        let mut parts: [&[u8]; Self::MAX_PARTS] = [&[]; Self::MAX_PARTS];
        let (mut is_there, mut fits) = (false, true);
        for (name, value) in cookie_pairs(cookies) {
            let Some(number) = self.number(name).filter(|_| !value.is_empty()) else { continue };
            is_there = true;
            match parts.get_mut(number) {
                Some(part) if part.is_empty() || *part == value => *part = value,
                _ => fits = false,
            }
        }
        fits &= parts.iter().skip_while(|part| !part.is_empty()).all(|part| part.is_empty());
        is_there.then(|| parts.concat().into_iter().chain((!fits).then_some(b';')).collect())
    }
}

impl fmt::Display for SplitCookie {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self { name, separator, first } = self;
        write!(formatter, "the cookies {name}{separator}{first}, {name}{separator}{}, …", first.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(separator: &str, first: usize) -> SplitCookie {
        SplitCookie { name: "s".to_owned(), separator: separator.to_owned(), first }
    }

    fn token(cookies: &str) -> Option<String> {
        split(".", 0).token(cookies.as_bytes()).map(|token| String::from_utf8(token).unwrap())
    }

    #[test]
    fn the_parts_are_put_together_by_their_numbers() {
        let many: Vec<String> = (0..16).map(|number| format!("s.{number}={number:x}")).collect();
        for (cookies, expected) in [
            ("s.0=a", "a"),
            ("s.0=a; s.1=b; s.2=c", "abc"),
            ("x=1; s.1=b;s=whole; s.0 = a;t.0=x", "ab"),
            ("s.0=a; s.1=b; s.1=b", "ab"),
            ("s.0=a; s.1=; s.2=", "a"),
            (&many.join("; "), "0123456789abcdef"),
        ] {
            assert_eq!(token(cookies).as_deref(), Some(expected), "{cookies}");
        }
        assert_eq!(split("C", 1).token(b"s=chunks-2; sC1=a; sC2=b; sC0=z").unwrap(), b"ab");
        assert_eq!(split("", 0).token(b"s0=a; s1=b").unwrap(), b"ab");
        assert_eq!(token(&split(".", 0).with("a.b.c")).as_deref(), Some("a.b.c"));
    }

    #[test]
    fn parts_that_do_not_fit_make_a_bad_token() {
        for cookies in [
            "s.1=b",
            "s.0=a; s.2=c",
            "s.0=; s.1=b",
            "s.0=a; s.0=b",
            "s.0=a; s.16=b",
            "s.0=a; s.99999999999999999999999=b",
            "s.77=a",
        ] {
            assert!(token(cookies).unwrap().ends_with(';'), "{cookies}");
        }
    }

    #[test]
    fn other_cookies_are_no_parts() {
        for cookies in
            ["", "s=a", "s.=a", "s.x=a", "s.00=a", "s.01=a", "s.0x=a", "s.-1=a", "s.+1=a", "S.0=a", "xs.0=a", "s.0"]
        {
            assert_eq!(token(cookies), None, "{cookies}");
        }
    }
}
