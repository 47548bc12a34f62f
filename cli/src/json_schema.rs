//! `jwt-auth schema`: the JSON Schema (2020-12) of the plugin configuration, made of the tables that the filter reads by.

use jwt_auth_filter::{
    config::{
        FIELDS,
        schema::{Field, Shape},
    },
    crypto::Algorithm,
};
use serde_json::{Map, Value, json};

/// A text that a header carries unchanged: no control characters, and no white space at its ends.
const HEADER_TEXT: &str =
    r"^[^\s\u0000-\u001F\u007F-\u009F]([^\u0000-\u001F\u007F-\u009F]*[^\s\u0000-\u001F\u007F-\u009F])?$";
/// A token of RFC 9110 §5.6.2.
const TOKEN: &str = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

/// A number and its unit.
const DURATION: &str = r"^[0-9]*\.?[0-9]*[smh]$";

/// The schema, as it is printed.
pub(crate) fn text() -> String {
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of the JWT authentication filter",
        "description": "What stands in the filter's `configuration`. `null` is the same as no field.",
    });
    format!("{:#}\n", merged(head, object(FIELDS)))
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.about.required).map(|field| field.name).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        schema = merged(schema, json!({ "required": required }));
    }
    schema
}

fn property(field: &Field) -> Value {
    let mut about = json!({ "description": field.about.description });
    if let Some(default) = field.about.default {
        about = merged(about, json!({ "default": parsed(default) }));
    }
    about = merged(about, json!({ "examples": [parsed(field.about.example)] }));
    merged(about, if field.about.required { shape(field.about.shape) } else { or_null(shape(field.about.shape)) })
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Name => json!({ "type": "string", "minLength": 1 }),
        Shape::HeaderText => json!({ "type": "string", "pattern": HEADER_TEXT }),
        Shape::Token => json!({ "type": "string", "pattern": TOKEN }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Number { maximum } => json!({ "type": "integer", "minimum": 0, "maximum": maximum }),
        Shape::OneOf(words) => json!({ "type": "string", "enum": words }),
        Shape::Algorithm => json!({ "type": "string", "enum": Algorithm::ALL.map(Algorithm::name) }),
        Shape::PublicKey | Shape::ConsumerReference => json!({ "type": ["string", "object"] }),
        Shape::List(items) => json!({ "type": "array", "items": self::shape(*items) }),
        Shape::Object(fields) => object(fields),
        Shape::Duration { minimum, maximum } => {
            let seconds = |millis: u64| json!(millis as f64 / 1000.0);
            let (minimum, maximum) = (seconds(minimum), seconds(maximum));
            json!({ "type": ["number", "string"], "minimum": minimum, "maximum": maximum, "pattern": DURATION })
        }
        Shape::DateTime => json!({ "type": "string", "format": "date-time" }),
        Shape::Uri => json!({ "type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^#@]+$" }),
        Shape::KeySet => json!({ "type": ["object", "string"] }),
        Shape::TextPattern => {
            let text = json!({ "type": "string", "minLength": 1 });
            json!({ "type": ["string", "object"], "minLength": 1, "minProperties": 1, "maxProperties": 1,
                "additionalProperties": false, "properties": { "prefix": text, "suffix": text, "glob": text } })
        }
        Shape::RequiredClaim => json!({ "$ref": "#/properties/required_claims/items" }),
        Shape::ErrorStatus => json!({ "type": "integer", "minimum": 400, "maximum": 599 }),
        Shape::Scalar => json!({ "type": ["string", "number", "boolean"] }),
    }
}

/// The schema that takes `null` too.
fn or_null(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else { return schema };
    if let Some(types) = schema.get_mut("type") {
        let mut all: Vec<Value> = types.as_array().cloned().unwrap_or_else(|| vec![types.clone()]);
        all.push("null".into());
        *types = all.into();
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    Value::Object(schema)
}

/// The members of both, those of the second after those of the first.
fn merged(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(mut first), Value::Object(second)) => {
            first.extend(second);
            Value::Object(first)
        }
        (_, second) => second,
    }
}

/// JSON of a table; the tests see to it that all of it is.
fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}
