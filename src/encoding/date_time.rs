//! Points in time as RFC 3339 §5.6 writes them: `2026-11-25T00:00:00Z`.

/// Reads a date and time, as milliseconds since the epoch. What lies before the epoch, or on no calendar, is none.
pub fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let offset_at = time.find(['Z', 'z', '+', '-'])?;
    let (time, offset) = time.split_at_checked(offset_at)?;
    let (time, fraction) = time.split_once('.').map_or((time, None), |(time, fraction)| (time, Some(fraction)));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_date = (1..=12).contains(&month) && day >= 1 && day <= days_in(month, year);
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let minutes = days_since_epoch(year, month, day)
        .saturating_mul(24)
        .saturating_add(hour)
        .saturating_mul(60)
        .saturating_add(minute)
        .saturating_sub(offset_in_minutes(offset)?);
    let seconds = minutes.saturating_mul(60).saturating_add(second);
    let millis = seconds.saturating_mul(1000).saturating_add(fraction.map_or(Some(0), milliseconds)?);
    u64::try_from(millis).ok()
}

/// Numbers of so many digits, with something between them.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut next = |digits| number(parts.next()?, digits);
    let [first, second, third] = digits;
    let numbers = [next(first)?, next(second)?, next(third)?];
    parts.next().is_none().then_some(numbers)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// The first three digits of a fraction of a second.
fn milliseconds(fraction: &str) -> Option<i64> {
    let is_number = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number(format!("{fraction}00").get(..3)?, 3)).flatten()
}

fn offset_in_minutes(offset: &str) -> Option<i64> {
    if offset.eq_ignore_ascii_case("Z") {
        return Some(0);
    }
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours <= 23 && minutes <= 59).then(|| hours.saturating_mul(60).saturating_add(minutes).saturating_mul(sign))
}

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let before = year.saturating_sub(1);
    let leap_days = before.div_euclid(4).saturating_sub(before.div_euclid(100)).saturating_add(before.div_euclid(400));
    let of_years = before.saturating_mul(365).saturating_add(leap_days);
    let of_months = (1..month).fold(0_i64, |days, month| days.saturating_add(days_in(month, year)));
    let since_year_1 = of_years.saturating_add(of_months).saturating_add(day).saturating_sub(1);
    since_year_1.saturating_sub(719_162)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn dates_are_milliseconds_since_the_epoch() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-25T00:00:00Z", 1_795_564_800_000),
            ("2000-02-29T12:34:56Z", 951_827_696_000),
            ("2024-12-31t23:59:60z", 1_735_689_600_000),
            ("2026-11-25T01:30:00+01:30", 1_795_564_800_000),
            ("2026-11-24 23:00:00-01:00", 1_795_564_800_000),
            ("2026-11-25T00:00:00.5Z", 1_795_564_800_500),
            ("2026-11-25T00:00:00.123456Z", 1_795_564_800_123),
        ] {
            assert_eq!(parse(text), Some(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_and_time_with_an_offset_is_none() {
        for text in [
            "",
            "2026-11-25",
            "2026-11-25T00:00:00",
            "2026-11-25T00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "2026-11-25T24:00:00Z",
            "2026-11-25T00:60:00Z",
            "2026-11-25T00:00:61Z",
            "2026-11-25T00:00:00.Z",
            "2026-11-25T00:00:00.1234xZ",
            "2026-11-25T00:00:00+1:00",
            "2026-11-25T00:00:00+24:00",
            "2026-11-25T00:00:00ZZ",
            "26-11-25T00:00:00Z",
            "+026-11-25T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1795564800",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
