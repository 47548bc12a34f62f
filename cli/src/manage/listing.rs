//! Tables of consumers and credentials.

use serde_json::{Value, json};

use super::{
    keys::Verifying,
    target::{ConsumerEntry, CredentialEntry, Target},
};
use crate::{document::NodeContent, printable::printable, time};

/// How much of a fingerprint a table shows: enough to tell any two keys apart.
const FINGERPRINT: usize = 16;

/// The consumers of a configuration.
pub(super) fn of_consumers(target: &Target) -> String {
    let mut rows = vec![["CONSUMER", "ID", "CUSTOM ID", "GROUPS", "CREDENTIALS"].map(str::to_owned)];
    rows.extend(target.consumers().map(|it| {
        let text = |field: &str| it.text(field).unwrap_or_default().to_owned();
        [
            it.name().to_owned(),
            text("id"),
            text("custom_id"),
            it.groups().join(", "),
            it.credentials().count().to_string(),
        ]
    }));
    table(&rows)
}

/// The consumers for programs.
pub(super) fn json_of_consumers(target: &Target) -> Value {
    let consumer = |it: ConsumerEntry| {
        json!({
            "username": it.text("username"),
            "id": it.text("id"),
            "custom_id": it.text("custom_id"),
            "groups": it.groups(),
            "credentials": it.credentials().count(),
            "line": it.node.at.line,
        })
    };
    target.consumers().map(consumer).collect()
}

/// The credentials of some consumers, at a time. Of several keys each has its line.
pub(super) fn of_credentials(consumers: &[ConsumerEntry], now: u64) -> String {
    const TITLES: [&str; 9] =
        ["CONSUMER", "GROUPS", "NUMBER", "KEY", "ALGORITHM", "VERIFIED WITH", "FINGERPRINT", "ADDED", "EXPIRES"];

    let mut rows = vec![TITLES.map(str::to_owned)];
    for consumer in consumers {
        let row = |number: String, rest: [String; 6]| {
            let [key, algorithm, what, fingerprint, added, expires] = rest;
            let (name, groups) = (consumer.name().to_owned(), consumer.groups().join(", "));
            [name, groups, number, key, algorithm, what, fingerprint, added, expires]
        };
        let before = rows.len();
        for credential in consumer.credentials() {
            let added = added(&credential).map(|at| time::distance(at, now)).unwrap_or_default();
            for it in credential.verifying() {
                let kid = it.kid.as_ref().map(|kid| format!(" {kid}")).unwrap_or_default();
                let fingerprint = it.fingerprint.unwrap_or_default().chars().take(FINGERPRINT).collect();
                let cells = [
                    credential.key().to_owned(),
                    it.algorithm.unwrap_or_default(),
                    format!("{}{kid}", it.what),
                    fingerprint,
                    added.clone(),
                    it.expires.map(|at| ending(at, now)).unwrap_or_default(),
                ];
                rows.push(row(credential.number().to_string(), cells));
            }
        }
        if rows.len() == before {
            rows.push(row(String::new(), Default::default()));
        }
    }
    table(&rows)
}

/// The credentials for programs, each with its keys.
pub(super) fn json_of_credentials(consumers: &[ConsumerEntry]) -> Value {
    let key = |it: Verifying| {
        json!({
            "verified_with": it.what,
            "kid": it.kid,
            "algorithm": it.algorithm,
            "fingerprint": it.fingerprint,
            "expires": it.expires,
        })
    };
    let credential = |consumer: &ConsumerEntry, it: CredentialEntry| {
        json!({
            "consumer": consumer.name(),
            "groups": consumer.groups(),
            "number": it.number(),
            "key": it.key(),
            "keys": it.verifying().into_iter().map(key).collect::<Value>(),
            "created_at": added(&it).map(|seconds| seconds as u64),
            "line": it.node.at.line,
        })
    };
    consumers.iter().flat_map(|consumer| consumer.credentials().map(move |it| credential(consumer, it))).collect()
}

/// When a credential was added, if it says so: in seconds since the epoch, as a number or a date.
fn added(credential: &CredentialEntry) -> Option<f64> {
    match &credential.node.get("created_at")?.content {
        NodeContent::Number(seconds) => Some(*seconds),
        NodeContent::Text(text) => time::parse_moment(&text.text, 0).ok().map(|seconds| seconds as f64),
        _ => None,
    }
}

fn ending(at: u64, now: u64) -> String {
    let date = time::date(at as f64).unwrap_or_default();
    let day = date.split(' ').next().unwrap_or_default();
    if at < now { format!("{day} (expired)") } else { day.to_owned() }
}

/// Columns as wide as their widest cell. A cell without anything is a dash.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let shown = |cell: &str| if cell.is_empty() { "-".to_owned() } else { printable(cell) };
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_columns_and_shows_no_control_characters() {
        let rows = [["A", "LONGER"], ["a b", ""], ["\u{1b}[2J\u{202e}", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "A      LONGER\na b    -\n\u{fffd}[2J\u{fffd}  x\n");
    }
}
