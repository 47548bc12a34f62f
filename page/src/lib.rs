//! The part of the token page that is compiled to Wasm: it answers what the page asks, both as JSON.
//!
//! It decides nothing and knows no browser. `jwt_auth_cli` explains, checks and signs, as it does for the program `jwt-auth`.
//! The moment to decide for is part of the question.

#[cfg(target_arch = "wasm32")]
mod abi;
mod explaining;
mod given;
mod making;

use serde::Deserialize;
use serde_json::{Value, json};

/// What the page asks.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
enum Question {
    /// What becomes of a request?
    Explain(explaining::Case),
    /// What is wrong with a configuration?
    Check { configuration: String },
    /// A key, please.
    Key { algorithm: String },
    /// A token, please.
    Token(making::TokenForm),
    /// A configuration, please.
    Configuration(making::ConfigurationForm),
}

/// The answer to a question, both in JSON.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the page asks"))]
fn answer(question: &[u8]) -> Vec<u8> {
    let answer = match serde_json::from_slice(question) {
        Ok(Question::Explain(case)) => explaining::explain(&case),
        Ok(Question::Check { configuration }) => explaining::check(&configuration),
        Ok(Question::Key { algorithm }) => making::key(&algorithm),
        Ok(Question::Token(form)) => making::token(&form),
        Ok(Question::Configuration(form)) => making::configuration(&form),
        Err(error) => problem(&format!("the page asks what nobody understands: {error}")),
    };
    answer.to_string().into_bytes()
}

/// The answer that there is none, and why.
fn problem(text: &str) -> Value {
    json!({ "problem": { "in": Value::Null, "text": text } })
}
