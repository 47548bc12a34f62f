//! Lists and maps between brackets, in YAML and in JSON.

use super::{Replacement, page::Page};
use crate::{
    document::{Extent, ExtentContent},
    yaml_output::Yaml,
};

/// From where to where a value stands between brackets, a member with its name.
type Span = (usize, usize);

/// Adds items to a list.
pub(super) fn append(page: &Page, list: &Extent, items: &[Yaml]) -> Option<Vec<Replacement>> {
    let spans = spans(list);
    let in_lines = spans.last().is_none_or(|(start, end)| page.part(*start, *end).contains('\n'));
    add(page, list, &spans, |indentation, is_own_line| {
        let flow = page.flow(in_lines && is_own_line);
        items.iter().map(|item| item.flow(&flow, indentation)).collect()
    })
}

/// Adds a list to a map.
pub(super) fn append_list(page: &Page, map: &Extent, name: &str, items: &[Yaml]) -> Option<Vec<Replacement>> {
    let list = Yaml::List(items.to_vec());
    add(page, map, &spans(map), |indentation, is_own_line| {
        vec![page.flow(is_own_line).member(name, &list, indentation)]
    })
}

/// Takes an item out of a list.
pub(super) fn remove(page: &Page, list: &Extent, index: usize) -> Option<Vec<Replacement>> {
    take(page, list, &spans(list), index)
}

/// Takes a member out of a map.
pub(super) fn remove_member(page: &Page, map: &Extent, name: &str) -> Option<Vec<Replacement>> {
    let index = map.members().iter().position(|member| member.name == name)?;
    take(page, map, &spans(map), index)
}

/// What the values of a list or map are indented by, if they have lines of their own.
pub(super) fn unit(page: &Page, extent: &Extent) -> Option<String> {
    let is_flow =
        matches!(extent.content, ExtentContent::List { is_flow: true, .. } | ExtentContent::Map { is_flow: true, .. });
    let (first, _) = *spans(extent).first().filter(|_| is_flow)?;
    if !page.part(extent.start, first).contains('\n') {
        return None;
    }
    let unit = page.indentation(first).strip_prefix(page.indentation(extent.start)).filter(|unit| !unit.is_empty());
    Some(unit.unwrap_or("  ").to_owned())
}

fn spans(extent: &Extent) -> Vec<Span> {
    let members = extent.members().iter().map(|member| (member.start, member.value.end));
    members.chain(extent.items().iter().map(|item| (item.start, item.end))).collect()
}

/// Adds values behind the last. `write` gives them for the indentation of their lines, and whether they have lines of their own.
fn add(
    page: &Page,
    within: &Extent,
    spans: &[Span],
    write: impl Fn(&str, bool) -> Vec<String>,
) -> Option<Vec<Replacement>> {
    let (inner, close) = (within.start.checked_add(1)?, within.end.checked_sub(1)?);
    let (Some((first, _)), Some((_, last))) = (spans.first().copied(), spans.last().copied()) else {
        if !page.part(inner, close).trim().is_empty() {
            return None;
        }
        let outer = page.indentation(within.start);
        let text = match page.unit() {
            Some(unit) => {
                let own = format!("{outer}{unit}");
                format!("\n{own}{}\n{outer}", write(&own, true).join(&format!(",\n{own}")))
            }
            None => write(outer, false).join(page.flow(false).comma()),
        };
        return Some(vec![Replacement { start: inner, end: close, text }]);
    };
    let insert = |at, text| Replacement { start: at, end: at, text };
    if !page.part(within.start, first).contains('\n') {
        let comma = page.flow(false).comma();
        let values = write(page.indentation(within.start), false);
        return Some(vec![insert(last, format!("{comma}{}", values.join(comma)))]);
    }
    let own = page.indentation(first);
    let rest = page.part(last, close);
    let has_comma = rest.trim_start().starts_with(',');
    let at = if rest.contains('\n') { page.line_end(last) } else { last };
    let values = write(own, true).join(&format!(",\n{own}"));
    Some(if has_comma {
        vec![insert(at, format!("\n{own}{values},"))]
    } else {
        vec![insert(last, ",".to_owned()), insert(at, format!("\n{own}{values}"))]
    })
}

/// Takes a value out, with the comma that it needs no more.
fn take(page: &Page, within: &Extent, spans: &[Span], index: usize) -> Option<Vec<Replacement>> {
    let cut = |start, end| Replacement { start, end, text: String::new() };
    let (start, end) = *spans.get(index)?;
    let close = within.end.checked_sub(1)?;
    let before = page.part(0, start).trim_end().len();
    if let Some(comma) = comma(page, end, close) {
        let behind = comma.checked_add(1)?;
        let spaces =
            page.part(behind, close).len().checked_sub(page.part(behind, close).trim_start_matches(' ').len())?;
        let shares_line = page.part(before, start).contains('\n') && !is_rest_of_line(page, behind);
        return Some(vec![if before == start || shares_line {
            cut(start, behind.checked_add(spaces)?)
        } else {
            cut(before, behind)
        }]);
    }
    let Some((_, previous)) = index.checked_sub(1).and_then(|previous| spans.get(previous)) else {
        let is_only = page.part(end, close).trim().is_empty() && before == within.start.checked_add(1)?;
        return Some(vec![cut(before, if is_only { close } else { end })]);
    };
    let comma = comma(page, *previous, start)?;
    let behind = comma.checked_add(1)?;
    Some(if behind == before { vec![cut(comma, end)] } else { vec![cut(comma, behind), cut(before, end)] })
}

/// The comma that follows, with only white space before it.
fn comma(page: &Page, from: usize, to: usize) -> Option<usize> {
    let rest = page.part(from, to);
    let comma = rest.trim_start();
    comma.starts_with(',').then(|| from.saturating_add(rest.len().saturating_sub(comma.len())))
}

/// Whether nothing but a comment follows in a line.
fn is_rest_of_line(page: &Page, from: usize) -> bool {
    let rest = page.part(from, page.line_end(from)).trim();
    rest.is_empty() || rest.starts_with('#')
}
