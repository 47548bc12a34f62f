//! `docs/walkthrough.md`: every command of the page, in its order and in one folder. The calls go through Envoy in
//! `tests/envoy/test_walkthrough.py`; here they are left out.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]

mod folder;

use std::fs;

use folder::{Folder, ROOT, run};

/// The blocks of code of a language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Whether lines are those of a page, on which `…` stands for anything: at the end of a line for its rest, alone for lines.
fn are_told(lines: &[&str], told: &[&str]) -> bool {
    match (told.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((&"…", rest)), _) => (0..=lines.len()).any(|skipped| are_told(&lines[skipped..], rest)),
        (Some((told, more_told)), Some((line, more))) => is_told(line, told) && are_told(more, more_told),
        _ => false,
    }
}

fn is_told(line: &str, told: &str) -> bool {
    let parts: Vec<&str> = told.split('…').collect();
    let mut rest = match line.strip_prefix(parts[0]) {
        Some(rest) if parts.len() > 1 => rest,
        other => return other == Some(""),
    };
    for part in &parts[1..parts.len() - 1] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(parts[parts.len() - 1])
}

#[test]
fn every_command_does_what_the_page_says() {
    let page = fs::read_to_string(format!("{ROOT}/docs/walkthrough.md")).unwrap();
    let folder = Folder::new();
    folder.write("kong.yaml", blocks(&page, "yaml")[0]);
    let mut count = 0;
    for block in blocks(&page, "console") {
        for part in block.split("$ jwt-auth ").skip(1) {
            let (command, told) = part.split_once('\n').unwrap();
            let told: Vec<&str> = told.lines().take_while(|line| !line.starts_with("$ ")).collect();
            let command = format!("jwt-auth {command}");
            let done = run(folder.command("sh").args(["-c", &command]), "");
            assert_eq!(done.code, 0, "{command}: {done:?}");
            let output = format!("{}{}", done.out, done.err);
            let lines: Vec<&str> = output.lines().collect();
            let is_note_alone = told.is_empty() && done.out.is_empty();
            assert!(is_note_alone || are_told(&lines, &told), "{command}:\n{output}");
            count += 1;
        }
    }
    assert!(count >= 12, "{count}");
    let left = folder.done("credential list --config envoy.yaml");
    assert_eq!(left.lines().count(), 2, "{left}");
}
