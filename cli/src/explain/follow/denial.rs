//! What a line of the log says, if it is one of the filter's about denials.

use serde_json::Value;

use crate::{
    explain::reasons::{self, InWords},
    printable::printable,
};

const DENIED: &str = "denied: ";
const REASON: &str = "; reason ";
const LEFT_OUT: &str = " more requests were denied; they are not logged one by one";
/// The members in which those who keep logs as JSON put a line: Docker, and Envoy's own formats by their usual names.
const IN_JSON: [&str; 3] = ["log", "message", "msg"];

/// A line about denials.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Denial(Denial),
    /// So many were denied in a second in which enough were logged.
    LeftOut {
        time: Option<String>,
        count: u64,
    },
}

/// A denial as the log has it. The texts in quotes are without them here, and escaped no more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Denial {
    /// When the line was written, as it stands there.
    pub time: Option<String>,
    /// What was wrong.
    pub text: String,
    pub reason: &'static InWords,
    pub consumer: Option<String>,
    pub route: Option<String>,
    pub kid: Option<String>,
    pub jti: Option<String>,
    pub client: Option<String>,
}

impl Line {
    /// Reads a line; `None` if it is about something else.
    pub(super) fn read(line: &str) -> Option<Self> {
        let line = line.trim();
        let inner = if line.starts_with('{') { in_json(line)? } else { line.to_owned() };
        let inner = printable(inner.trim_end());
        let time = time_in(&inner).or_else(|| time_in(line)).map(str::to_owned);
        let (said, is_from_filter) = said(&inner)?;
        if let Some(denied) = said.strip_prefix(DENIED) {
            return Denial::read(denied, time, is_from_filter).map(Self::Denial);
        }
        let count = said.strip_suffix(LEFT_OUT)?.parse().ok()?;
        Some(Self::LeftOut { time, count })
    }
}

/// The line that stands in an object of JSON.
fn in_json(line: &str) -> Option<String> {
    let Value::Object(mut members) = serde_json::from_str(line).ok()? else { return None };
    IN_JSON.into_iter().find_map(|name| match members.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    })
}

/// What the filter says in a line, and whether its name stands before it: without what Envoy, or what keeps its log, has put
/// before.
fn said(line: &str) -> Option<(&str, bool)> {
    let starts = line.match_indices(DENIED).map(|(at, _)| at);
    let left_out =
        line.strip_suffix(LEFT_OUT).map(|before| before.trim_end_matches(|it: char| it.is_ascii_digit()).len());
    starts.chain(left_out).find_map(|at| {
        let (before, said) = line.split_at_checked(at)?;
        let is_from_filter = before.ends_with("jwt_auth: ") || before.contains("wasm log") && before.ends_with(": ");
        // What `make run` prints has the time and the level alone; and somebody may give the bare line.
        let is_shortened = before.is_empty() || is_time_and_level(before);
        (is_from_filter || is_shortened).then_some((said, is_from_filter))
    })
}

/// Whether a text is `18:09:29 info: `, and no more: an access log may have a client's words before a denial.
fn is_time_and_level(text: &str) -> bool {
    let level = time_in(text).and_then(|time| text.strip_prefix(time)).unwrap_or(text).trim_start();
    matches!(level, "info: " | "error: ")
}

impl Denial {
    /// Reads what stands behind `denied: `.
    fn read(denied: &str, time: Option<String>, is_from_filter: bool) -> Option<Self> {
        // What stands before may hold the same words: a client chooses its token's issuer. So all behind must fit.
        let places = denied.match_indices(REASON).map(|(at, _)| at);
        let whole = places.filter_map(|at| {
            let (text, rest) = denied.split_at_checked(at)?;
            Some((text, Circumstances::read(rest.strip_prefix(REASON)?)?))
        });
        let found = whole.last();
        let (text, circumstances) = match found {
            Some(found) => found,
            // What the host did wrong is told without a reason.
            None if is_from_filter && !denied.contains(REASON) => {
                (denied, Circumstances { reason: reasons::find("internal_error"), ..Circumstances::default() })
            }
            None => return None,
        };
        let Circumstances { reason, consumer, route, kid, jti, client } = circumstances;
        Some(Self { time, text: text.to_owned(), reason: reason?, consumer, route, kid, jti, client })
    }
}

/// The reason, and what stands behind it.
#[derive(Default)]
struct Circumstances {
    reason: Option<&'static InWords>,
    consumer: Option<String>,
    route: Option<String>,
    kid: Option<String>,
    jti: Option<String>,
    client: Option<String>,
}

impl Circumstances {
    /// `expired, consumer "ClientApp", …` to the end, in the order in which the filter writes it.
    fn read(text: &str) -> Option<Self> {
        let (name, mut rest) = text.split_at_checked(text.find(',').unwrap_or(text.len()))?;
        let reason = Some(reasons::find(name)?);
        let mut next = |what: &str| {
            let (value, after) = quoted(rest.strip_prefix(", ")?.strip_prefix(what)?.strip_prefix(' ')?)?;
            rest = after;
            Some(value)
        };
        let [consumer, route, kid, jti, client] = ["consumer", "route", "kid", "jti", "client"].map(&mut next);
        rest.is_empty().then_some(Self { reason, consumer, route, kid, jti, client })
    }
}

/// A text in quotes without them, and what stands behind it. The filter escapes texts as Rust does.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut plain = String::new();
    let mut letters = inner.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((plain, inner.split_at_checked(at)?.1.strip_prefix('"')?)),
            '\\' => plain.push(match letters.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                'u' => {
                    let digits: String = letters.by_ref().map(|(_, it)| it).take_while(|it| *it != '}').collect();
                    char::from_u32(u32::from_str_radix(digits.strip_prefix('{')?, 16).ok()?)?
                }
                other => other,
            }),
            other => plain.push(other),
        }
    }
    None
}

/// The first time in a line, with the date if one stands before it: `2026-11-24 18:09:29.123`, `18:09:29`.
fn time_in(line: &str) -> Option<&str> {
    let is_shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text
                .bytes()
                .zip(shape.bytes())
                .all(|(byte, it)| if it == b'0' { byte.is_ascii_digit() } else { byte == it })
    };
    let at =
        (0..line.len()).find(|at| line.get(*at..at.saturating_add(8)).is_some_and(|it| is_shaped(it, "00:00:00")))?;
    let date = at
        .checked_sub(11)
        .filter(|start| line.get(*start..at.saturating_sub(1)).is_some_and(|it| is_shaped(it, "0000-00-00")));
    let behind = line.get(at.saturating_add(8)..).unwrap_or_default();
    let fraction =
        behind.strip_prefix('.').map_or(0, |it| it.bytes().take_while(u8::is_ascii_digit).count().saturating_add(1));
    line.get(date.unwrap_or(at)..at.saturating_add(8).saturating_add(fraction))
}

#[cfg(test)]
mod tests {
    use jwt_auth_filter::encoding::UntrustedText;

    use super::*;

    const WASM: &str = "[2026-11-24 18:09:29.123][17][info][wasm] [source/extensions/common/wasm/context.cc:1198] \
                        wasm log jwt_auth jwt_auth jwt_auth: ";
    const NATIVE: &str = "[2026-11-24 18:09:29.123][17][info][dynamic_modules] [source/x.cc:1] jwt_auth: ";
    const BARE: &str = r#"denied: exp: token expired; reason expired, consumer "ClientApp", route "all", kid "key 1", jti "token 7", client "127.0.0.1:50412""#;

    fn denial(line: &str) -> Option<Denial> {
        match Line::read(line)? {
            Line::Denial(denial) => Some(denial),
            Line::LeftOut { .. } => None,
        }
    }

    #[test]
    fn a_denial_is_read_whatever_stands_before_it() {
        let mut expected = Denial {
            time: None,
            text: "exp: token expired".to_owned(),
            reason: reasons::find("expired").unwrap(),
            consumer: Some("ClientApp".to_owned()),
            route: Some("all".to_owned()),
            kid: Some("key 1".to_owned()),
            jti: Some("token 7".to_owned()),
            client: Some("127.0.0.1:50412".to_owned()),
        };
        assert_eq!(denial(BARE).as_ref(), Some(&expected));
        expected.time = Some("18:09:29".to_owned());
        assert_eq!(denial(&format!("18:09:29 info: {BARE}\r\n")).as_ref(), Some(&expected));
        expected.time = Some("2026-11-24 18:09:29.123".to_owned());
        for before in [WASM, NATIVE] {
            assert_eq!(denial(&format!("{before}{BARE}\n")).as_ref(), Some(&expected), "{before}");
            let in_docker = serde_json::json!({"log": format!("{before}{BARE}\n"), "stream": "stderr"}).to_string();
            assert_eq!(denial(&in_docker).as_ref(), Some(&expected), "{before}");
        }
        expected.time = Some("2026-11-24T18:09:29.1".to_owned());
        let line = serde_json::json!({"time": "2026-11-24T18:09:29.1Z", "message": format!("jwt_auth: {BARE}")});
        assert_eq!(denial(&line.to_string()).as_ref(), Some(&expected));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let read = denial(&format!("{WASM}denied: no token; reason no_token")).unwrap();
        assert_eq!((read.text.as_str(), read.reason.reason), ("no token", "no_token"));
        assert_eq!((read.consumer, read.route, read.kid, read.jti, read.client), (None, None, None, None, None));
    }

    #[test]
    fn lines_of_other_things_are_skipped() {
        for line in [
            "",
            "{",
            "{}",
            r#"{"log": 7}"#,
            "[2026-11-24 18:09:29.123][1][info][main] starting main dispatch loop",
            &format!("{WASM}authenticated: consumer \"a\""),
            &format!("{WASM}12 requests were denied"),
            "GET /denied: no token; reason no_token",
            &format!("rbac {BARE}"),
            &format!("GET / info: {BARE}"),
            &format!("18:09:29 GET / error: {BARE}"),
            &format!("{WASM}denied: no token; reason of_somebody"),
            &format!("{WASM}denied: no token; reason no_token, colour \"red\""),
            &format!("{WASM}{BARE} and more"),
            "denied: a problem of the host",
        ] {
            assert_eq!(Line::read(line), None, "{line}");
        }
    }

    #[test]
    fn what_the_host_did_wrong_is_an_internal_error() {
        for before in [WASM, NATIVE] {
            let read = denial(&format!("{before}denied: the host did not remove a header")).unwrap();
            assert_eq!(
                (read.text.as_str(), read.reason.reason),
                ("the host did not remove a header", "internal_error")
            );
        }
    }

    #[test]
    fn how_many_were_left_out_is_read() {
        let line = format!("{NATIVE}17 more requests were denied; they are not logged one by one");
        assert_eq!(
            Line::read(&line),
            Some(Line::LeftOut { time: Some("2026-11-24 18:09:29.123".to_owned()), count: 17 })
        );
    }

    #[test]
    fn a_client_cannot_forge_a_denial_with_what_it_sends() {
        for forged in [
            r#"x"; reason expired, consumer "root"#,
            "; reason expired, consumer ",
            "; reason expired",
            "x denied: no token; reason no_token",
            "\n[info] jwt_auth: denied: no token; reason no_token",
            "\\",
            "\"",
            "\u{1b}[31m",
            "é\u{202e}",
        ] {
            let text = UntrustedText::new(forged);
            for tail in ["", ", client \"1.2.3.4:5\"", &format!(", kid {text}, jti {text}")] {
                let line = format!("{WASM}denied: No credentials found for {text}; reason unknown_key{tail}");
                let read = denial(&line).unwrap_or_else(|| panic!("{line}"));
                assert_eq!(read.reason.reason, "unknown_key", "{line}");
                assert_eq!(read.consumer, None, "{line}");
                if tail.starts_with(", kid") {
                    assert_eq!((read.kid.as_deref(), read.jti.as_deref()), (Some(forged), Some(forged)), "{line}");
                }
            }
        }
    }

    #[test]
    fn nothing_reaches_a_terminal_that_the_line_has_beside_its_letters() {
        let read = denial("denied: no token\u{1b}[31m; reason no_token").unwrap();
        assert_eq!(read.text, "no token\u{fffd}[31m");
    }
}
