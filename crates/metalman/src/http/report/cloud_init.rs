//! The event in the body of cloud-init's webhook: a JSON object, or the same fields as a form.
//!
//! cloud-init's handler posts JSON and names no media type; clients of people's own often say that it is a form. So what the
//! body begins with decides.

use metalman_core::lifecycle::report::{Event, plain};
use serde_json::{Map, Value};

/// The fields that are read. Others (`files`) are left.
const TEXTS: [&str; 5] = ["name", "description", "event_type", "origin", "result"];
const TIMESTAMP: &str = "timestamp";

/// The event; or what is wrong, for whoever posted it.
pub(super) fn parse(body: &[u8]) -> Result<Event, String> {
    let fields = match body.trim_ascii_start().first() {
        Some(b'{') => json(body)?,
        _ => form(body),
    };
    let text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(plain(text))),
        Some(_) => Err(format!("not a cloud-init event: {name} is no string")),
    };
    let [name, description, event_type, origin, result] = TEXTS.map(text);
    let required = |name: &str, value: Result<Option<String>, String>| {
        value?.filter(|text| !text.is_empty()).ok_or_else(|| format!("not a cloud-init event: {name} is missing"))
    };
    Ok(Event {
        name: required("name", name)?,
        description: description?.unwrap_or_default(),
        event_type: required("event_type", event_type)?,
        origin: origin?.unwrap_or_default(),
        timestamp: timestamp(fields.get(TIMESTAMP)),
        result: result?,
    })
}

fn json(body: &[u8]) -> Result<Map<String, Value>, String> {
    serde_json::from_slice(body).map_err(|error| format!("not a cloud-init event: {error}"))
}

fn form(body: &[u8]) -> Map<String, Value> {
    let fields = form_urlencoded::parse(body.trim_ascii());
    fields.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}

/// By the machine's own clock: nobody relies on it, so nothing is wrong with it.
fn timestamp(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
