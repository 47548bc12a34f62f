//! `header_names`, `raw_header_names`, `uri_param_names` and `cookie_names`: where a token may stand.

use super::{
    cookie_name,
    fault::{Problem, Reported},
    fields::{Fields, name, printable},
    header_name,
};
use crate::request::TokenPlaces;

/// Reads the places; a field that is left out is the parent's.
pub(super) fn read(fields: &mut Fields, parent: Option<&TokenPlaces>) -> Result<TokenPlaces, Reported> {
    let header_names = fields.inherited("header_names", parent.map(|it| &it.header_names), |fields, field| {
        Ok(fields.values(field, header_name)?.unwrap_or_else(|| vec!["authorization".to_owned()]))
    });
    let raw_header_names =
        fields.inherited("raw_header_names", parent.map(|it| &it.raw_header_names), |fields, field| {
            Ok(fields.values(field, header_name)?.unwrap_or_default())
        });
    let uri_param_names = fields.inherited("uri_param_names", parent.map(|it| &it.uri_param_names), |fields, field| {
        Ok(fields.values(field, name)?.unwrap_or_else(|| vec!["jwt".to_owned()]))
    });
    let cookie_names = fields.inherited("cookie_names", parent.map(|it| &it.cookie_names), |fields, field| {
        Ok(fields.values(field, cookie_name)?.unwrap_or_default())
    });
    let places = TokenPlaces {
        header_names: header_names?,
        raw_header_names: raw_header_names?,
        uri_param_names: uri_param_names?,
        cookie_names: cookie_names?,
    };
    // `Bearer` would be a part of the token that is read in the second way.
    if let Some(name) = places.raw_header_names.iter().find(|name| places.header_names.contains(name)) {
        let found = format!("{}, which is in header_names too", printable(name));
        return Err(fields.report("raw_header_names", Problem::new(found, "headers that hold a token in one way")));
    }
    Ok(places)
}
