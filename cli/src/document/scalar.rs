//! What a plain word of YAML means: a matter of who reads it.

use super::{Dialect, NodeContent, NodeText};

/// The value of a word that is not quoted.
pub(super) fn resolve(word: &str, dialect: Dialect) -> NodeContent {
    if matches!(word, "" | "~" | "null" | "Null" | "NULL") {
        return NodeContent::Null;
    }
    if let Some(flag) = flag(word, dialect) {
        return NodeContent::Bool(flag);
    }
    match dialect {
        Dialect::Envoy => envoy_number(word),
        Dialect::Go => go_number(word),
    }
    .unwrap_or_else(|| NodeContent::Text(NodeText::new(word)))
}

fn flag(word: &str, dialect: Dialect) -> Option<bool> {
    let is_cased = |lower: &str| {
        let (first, rest) = lower.split_at(1);
        word == lower || word == lower.to_uppercase() || word == format!("{}{rest}", first.to_uppercase())
    };
    let short = match dialect {
        Dialect::Envoy => Some(("y", "n")),
        Dialect::Go => None,
    };
    let mut pairs = [("true", "false"), ("yes", "no"), ("on", "off")].into_iter().chain(short);
    pairs.find_map(|(yes, no)| if is_cased(yes) { Some(true) } else { is_cased(no).then_some(false) })
}

/// Whole numbers in decimal, octal (`010`) and hexadecimal. Those that a 64-bit integer holds and a 32-bit one does not
/// are text, in decimal; everything else is text as it stands.
fn envoy_number(word: &str) -> Option<NodeContent> {
    let (negative, digits) = sign(word);
    let magnitude = if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        radix(hex, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        radix(digits, 8)
    } else {
        radix(digits, 10)
    }?;
    let number = signed(negative, magnitude)?;
    Some(match i32::try_from(number) {
        Ok(number) => NodeContent::Number(f64::from(number)),
        Err(_) => NodeContent::Text(NodeText::new(number.to_string())),
    })
}

/// As go-yaml resolves numbers: integers with underscores and the prefixes `0x`, `0o`, `0b` and `0`, then fractions.
fn go_number(word: &str) -> Option<NodeContent> {
    let plain = word.replace('_', "");
    let (negative, digits) = sign(&plain);
    let integer = if let Some(hex) = digits.strip_prefix("0x") {
        radix(hex, 16)
    } else if let Some(octal) = digits.strip_prefix("0o") {
        radix(octal, 8)
    } else if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary, 2)
    } else if digits.len() > 1 && digits.starts_with('0') {
        radix(digits, 8)
    } else {
        radix(digits, 10)
    };
    if let Some(number) = integer.and_then(|magnitude| signed(negative, magnitude)) {
        return Some(NodeContent::Number(number as f64));
    }
    // `inf`, `nan` and `infinity`, which Rust would read, are words; `.inf` and `.nan` no JSON can say.
    let is_decimal = digits.starts_with(|first: char| first == '.' || first.is_ascii_digit());
    let number: f64 = is_decimal.then(|| plain.parse().ok()).flatten()?;
    number.is_finite().then_some(NodeContent::Number(number))
}

fn sign(word: &str) -> (bool, &str) {
    match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    }
}

/// Reads digits alone: no sign, which Rust would take.
fn radix(digits: &str, radix: u32) -> Option<i128> {
    let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    is_number.then(|| i128::from_str_radix(digits, radix).ok()).flatten()
}

fn signed(negative: bool, magnitude: i128) -> Option<i64> {
    i64::try_from(if negative { magnitude.checked_neg()? } else { magnitude }).ok()
}
