//! `response`: how refused clients are answered.

use super::{
    fault::Reported,
    fields::{Fields, flag, number_within, text},
    header_text,
    schema::{Field, Shape},
};
use crate::policy::{ReplyFormat, Template};

/// The fields of `response`.
pub(super) const FIELDS: &[Field] = &[
    Field::with_default(
        "detail",
        Shape::Flag,
        "Whether the answer tells the reason. If not, all answers of a kind are the same; logs and metrics keep the reason.",
        "true",
        "false",
    ),
    Field::optional(
        "unauthorized",
        Shape::Object(TEMPLATE_FIELDS),
        "The answer when the caller is not known, usually 401.",
        r#"{"body": "{\"error\": \"%MESSAGE%\"}"}"#,
    ),
    Field::optional(
        "forbidden",
        Shape::Object(TEMPLATE_FIELDS),
        "The answer when the caller is known but may not call, usually 403.",
        r#"{"status": 404}"#,
    ),
    Field::optional(
        "unavailable",
        Shape::Object(TEMPLATE_FIELDS),
        "The answer when the caller cannot be determined now, usually 503.",
        r#"{"status": 502}"#,
    ),
];

const TEMPLATE_FIELDS: &[Field] = &[
    Field::optional("status", Shape::ErrorStatus, "The HTTP status.", "404"),
    Field::optional("content_type", Shape::HeaderText, "The media type of the body.", r#""application/problem+json""#),
    Field::optional(
        "body",
        Shape::Text,
        "The body. `%MESSAGE%` in it becomes the message, escaped as the content of a JSON string.",
        r#""{\"title\": \"%MESSAGE%\"}""#,
    ),
];

/// Reads `response`.
pub(super) fn read(fields: &mut Fields, field: &str) -> Result<ReplyFormat, Reported> {
    let format = fields.object(field, FIELDS, |fields| {
        let detail = fields.or_default("detail", flag, true);
        let unauthorized = fields.object("unauthorized", TEMPLATE_FIELDS, template);
        let forbidden = fields.object("forbidden", TEMPLATE_FIELDS, template);
        let unavailable = fields.object("unavailable", TEMPLATE_FIELDS, template);
        Ok(ReplyFormat {
            detail: detail?,
            unauthorized: unauthorized?.unwrap_or_default(),
            forbidden: forbidden?.unwrap_or_default(),
            unavailable: unavailable?.unwrap_or_default(),
        })
    });
    Ok(format?.unwrap_or_default())
}

fn template(fields: &mut Fields) -> Result<Template, Reported> {
    let status = fields.optional("status", number_within(400, 599));
    let content_type = fields.optional("content_type", header_text);
    let body = fields.optional("body", |value| Ok(text(value)?.into()));
    Ok(Template {
        status: status?.and_then(|status| u16::try_from(status).ok()),
        content_type: content_type?,
        body: body?,
    })
}
