//! Lists whose items have lines of their own, each behind a dash.

use super::{Replacement, page::Page};
use crate::{
    document::{Extent, ExtentMember},
    yaml_output::Yaml,
};

/// Adds items behind the last one.
pub(super) fn append(page: &Page, list: &Extent, items: &[Yaml]) -> Option<Vec<Replacement>> {
    let column = page.column(list.start);
    let lines = lines(page, items, column);
    Some(vec![page.lines_at(page.behind(list.end, column), &lines)])
}

/// Adds a list to a map.
pub(super) fn append_list(page: &Page, map: &Extent, name: &str, items: &[Yaml]) -> Option<Vec<Replacement>> {
    let column = page.column(map.start);
    let lines = Yaml::block_members(&[(name.to_owned(), Yaml::List(items.to_vec()))], column, page.layout());
    Some(vec![page.lines_at(page.behind(map.end, column), &lines)])
}

/// Puts items where a list is empty, or nothing stands behind its name.
pub(super) fn begin_list(page: &Page, map: &Extent, member: &ExtentMember, items: &[Yaml]) -> Option<Vec<Replacement>> {
    let colon = colon(page, member)?;
    let end = member.value.end.max(colon);
    if page.part(colon, end).contains('#') {
        return None;
    }
    let column = page.column(map.start).checked_add(page.layout().list_step)?;
    let lines = lines(page, items, column);
    Some(vec![Replacement { start: colon, end, text: String::new() }, page.lines_at(page.next_line(end), &lines)])
}

/// Takes out one of several items.
pub(super) fn remove(page: &Page, list: &Extent, index: usize) -> Option<Vec<Replacement>> {
    let column = page.column(list.start);
    let item = list.items().get(index)?;
    let dash = match index.checked_sub(1).and_then(|before| list.items().get(before)) {
        Some(before) => dash(page, page.behind(before.end, column), column)?,
        None => list.start,
    };
    if !page.begins_line(dash) {
        return None;
    }
    Some(vec![page.without_lines(page.line_start(dash), page.behind(item.end, column))])
}

/// Takes a whole member out of a map.
pub(super) fn remove_member(page: &Page, map: &Extent, member: &ExtentMember) -> Option<Vec<Replacement>> {
    let end = page.behind(member.value.end, page.column(map.start));
    Some(vec![page.without_lines(page.line_start(member.start), end)])
}

/// Takes out the only item, and says that the list is empty.
pub(super) fn empty_list(page: &Page, member: &ExtentMember) -> Option<Vec<Replacement>> {
    let list = &member.value;
    let colon = colon(page, member)?;
    if !page.begins_line(list.start) {
        return None;
    }
    let end = page.behind(list.end, page.column(list.start));
    Some(vec![
        Replacement { start: colon, end: colon, text: " []".to_owned() },
        page.without_lines(page.line_start(list.start), end),
    ])
}

fn lines(page: &Page, items: &[Yaml], column: usize) -> String {
    items.iter().map(|item| item.block_item(column, page.layout())).collect()
}

/// Behind the colon of a member.
fn colon(page: &Page, member: &ExtentMember) -> Option<usize> {
    let rest = page.part(member.name_end, page.text.len());
    let colon = rest.find(':').filter(|at| rest.get(..*at).is_some_and(|between| between.trim().is_empty()))?;
    member.name_end.checked_add(colon)?.checked_add(1)
}

/// The next dash in a column that begins a line.
fn dash(page: &Page, from: usize, column: usize) -> Option<usize> {
    let mut at = from;
    while at < page.text.len() {
        let dash = at.checked_add(column)?;
        if page.part(dash, dash.checked_add(1)?) == "-" && page.begins_line(dash) {
            return Some(dash);
        }
        at = page.next_line(at);
    }
    None
}
