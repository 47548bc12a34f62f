//! The plugin `request-termination`.

use super::{super::gateway::Answer, plugin_configs::ConfigFields};

/// What it answers; `None` if that depends on the request, or is no answer that Envoy gives.
pub(super) fn termination(mut fields: ConfigFields) -> Option<Answer> {
    let status = fields.number("status_code").unwrap_or(503.0);
    let (message, body) = (fields.text("message"), fields.text("body"));
    let content_type = fields.text("content_type");
    let depends_on_request = [fields.text("trigger").is_some(), fields.flag("echo", false)].contains(&true);
    fields.finish(&[]);
    let status = (200..=599_u16).find(|known| f64::from(*known) == status).filter(|_| !depends_on_request)?;
    if let Some(body) = body {
        return Some(Answer { status, body, content_type });
    }
    Some(match message.as_deref().or_else(|| usual_message(status)) {
        Some(message) => Answer::of_message(status, message),
        None => Answer { status, body: String::new(), content_type: None },
    })
}

fn usual_message(status: u16) -> Option<&'static str> {
    Some(match status {
        401 => "Unauthorized",
        404 => "Not found",
        405 => "Method not allowed",
        500 => "An unexpected error occurred",
        502 => "Bad Gateway",
        503 => "Service unavailable",
        _ => return None,
    })
}
