//! A file as it may be shown: without its secrets.

use std::ops::Range;

use super::{Embedded, Page, Replacement, applied, pages};
use crate::{
    configurations,
    document::{Extent, ExtentContent, ExtentMember},
};

/// The members that hold secrets: of a credential, and of a symmetric JWK.
const SECRET: [&str; 2] = ["secret", "k"];
const HIDDEN: &str = "(hidden)";

/// The text of a file with every secret hidden. `None` if it cannot be read.
pub(crate) fn without_secrets(text: &str, is_json: bool) -> Option<String> {
    let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for configuration in configurations::find(unmarked, is_json).ok()?.configurations {
        // What the program cannot find the places of it shows nothing of.
        let pages = pages(unmarked, &configuration).ok()?;
        ranges.extend(
            pages.iter().enumerate().flat_map(|(at, page)| of_page(page, pages.get(..=at).unwrap_or_default())),
        );
    }
    ranges.sort_by_key(|range| range.start);
    ranges.dedup();
    let hidden = |Range { start, end }: Range<usize>| {
        // The line break of a block stays.
        let secret = unmarked.get(start..end)?.trim_end_matches(['\r', '\n']);
        Some(Replacement { start, end: start.checked_add(secret.len())?, text: HIDDEN.to_owned() })
    };
    Some(applied(unmarked, ranges.into_iter().map(hidden).collect::<Option<_>>()?))
}

/// Where secrets stand in the file, of those in the last of these texts.
fn of_page(page: &Page, pages: &[Page]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    page.documents().iter().for_each(|document| collect(document, &mut found));
    let in_file = |range: Range<usize>| {
        let embedded: Vec<&Embedded> = pages.iter().rev().filter_map(|page| page.embedded.as_ref()).collect();
        let outer = |at: usize| embedded.iter().try_fold(at, |at, it| it.outer(at));
        Some(outer(range.start)?..outer(range.end)?)
    };
    found.into_iter().filter_map(in_file).collect()
}

fn collect(extent: &Extent, found: &mut Vec<Range<usize>>) {
    let is_secret = |member: &&ExtentMember| {
        SECRET.contains(&member.name.as_str()) && matches!(member.value.content, ExtentContent::Scalar { .. })
    };
    let secrets = extent.members().iter().filter(is_secret).map(|member| member.value.start..member.value.end);
    found.extend(secrets.filter(|range| !range.is_empty()));
    extent.children().for_each(|(_, child)| collect(child, found));
}
