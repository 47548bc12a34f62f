//! Points in time and spans of it, as people write and read them. All dates are in UTC.

use jiff::{Timestamp, civil, tz::TimeZone};

const UNITS: [(&str, i64); 5] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1), ("", 1)];

/// The time now, in seconds since the epoch.
#[cfg(feature = "program")]
pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Reads a span such as `90s`, `5m`, `1h`, `7d`, `-1h` or `3600`, in seconds.
pub(crate) fn parse_span(text: &str) -> Result<i64, String> {
    let span = UNITS.into_iter().find_map(|(unit, seconds)| {
        let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds)
    });
    span.ok_or_else(|| "expected a span such as 90s, 5m, 1h, 7d or -1h".to_owned())
}

/// Reads a moment: a date (`2026-11-24`), a date with a time, seconds since the epoch, or a span from `now` with its sign
/// (`+5m`). In seconds since the epoch.
pub(crate) fn parse_moment(text: &str, now: i64) -> Result<u64, String> {
    let span = text.starts_with(['+', '-']).then(|| parse_span(text.strip_prefix('+').unwrap_or(text)).ok()).flatten();
    let in_utc = |moment: civil::DateTime| TimeZone::UTC.to_timestamp(moment).ok().map(Timestamp::as_second);
    let moment = match span {
        Some(span) => now.checked_add(span),
        None => text
            .parse::<i64>()
            .ok()
            .or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_second))
            .or_else(|| text.parse::<civil::DateTime>().ok().and_then(in_utc)),
    };
    // The years 1970 to 9999: what is beyond them was given in milliseconds.
    let moment = moment.and_then(|moment| u64::try_from(moment).ok()).filter(|moment| *moment < 253_402_300_800);
    moment.ok_or_else(|| {
        "expected a moment from 1970 on, such as 2026-11-24T16:00:00Z, 2026-11-24, 1700000000 (seconds), +5m or -1h"
            .to_owned()
    })
}

/// A moment as a date, if a calendar has it.
pub(crate) fn date(seconds: f64) -> Option<String> {
    // The years 0 to 9999; beyond, a number says more.
    let is_date = (-62_167_219_200.0..253_402_300_800.0).contains(&seconds);
    let timestamp = is_date.then(|| Timestamp::from_second(seconds as i64).ok()).flatten()?;
    Some(timestamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// How far a moment is from another: `in 5 minutes`, `2 hours ago`, `now`.
pub(crate) fn distance(moment: f64, now: u64) -> String {
    let seconds = moment - now as f64;
    let length = seconds.abs();
    let words =
        [(31_557_600.0, "year"), (2_629_800.0, "month"), (86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute")]
            .into_iter()
            .find(|(unit, _)| length >= *unit)
            .unwrap_or((1.0, "second"));
    let count = (length / words.0).floor();
    if count < 1.0 {
        return "now".to_owned();
    }
    let plural = if count < 2.0 { "" } else { "s" };
    if seconds > 0.0 { format!("in {count} {}{plural}", words.1) } else { format!("{count} {}{plural} ago", words.1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_are_read_as_people_write_them() {
        assert_eq!(
            ["90s", "5m", "1h", "7d", "-1h", "60"].map(|text| parse_span(text).unwrap()),
            [90, 300, 3600, 604_800, -3600, 60]
        );
        for text in ["", "h", "1w", "1.5h", "1h30m", "9223372036854775807d"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
        for text in
            ["1700000000", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00", "2023-11-14 22:13:20", "+0", "-0s"]
        {
            assert_eq!(parse_moment(text, 1_700_000_000), Ok(1_700_000_000), "{text}");
        }
        assert_eq!(parse_moment("2023-11-14", 0), Ok(1_699_920_000));
        for text in ["", "yesterday", "-1", "1969-12-31", "2023-13-01", "1700000000000", "99999999999999999999"] {
            assert!(parse_moment(text, 0).is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_is_told_by_its_date_and_its_distance() {
        assert_eq!(date(1_700_000_000.5).as_deref(), Some("2023-11-14 22:13:20 UTC"));
        for beyond in [1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(date(beyond), None, "{beyond}");
        }
        let distance = |seconds: f64| super::distance(1_000_000_000.0 + seconds, 1_000_000_000);
        assert_eq!(
            [0.0, 0.5, 1.0, -59.0, 300.0].map(distance),
            ["now", "now", "in 1 second", "59 seconds ago", "in 5 minutes"]
        );
        assert_eq!([-3600.0, 172_800.0, -90_000_000.0].map(distance), ["1 hour ago", "in 2 days", "2 years ago"]);
    }
}
