//! The vocabulary of table cells: columns every kind has, and how values become texts.

use jiff::Timestamp;
use serde_json::Value;

use super::{Column, duration};
use crate::object;

/// A column. `format` is empty but for the identifying one.
pub(super) fn column(name: &str, type_: &str, priority: i32, description: &str) -> Column {
    Column { name: name.into(), type_: type_.into(), format: String::new(), description: description.into(), priority }
}

/// `NAME` and the columns given as (name, type, priority, description).
pub(super) fn columns(own: &[(&str, &str, i32, &str)]) -> Vec<Column> {
    let own = own.iter().map(|(name, type_, priority, description)| column(name, type_, *priority, description));
    std::iter::once(name_column()).chain(own).collect()
}

/// `AGE` for [`columns`].
pub(super) const AGE: (&str, &str, i32, &str) = ("Age", "string", 0, "Time since the object was created.");

/// `CREATED AT` for [`columns`], of kinds that are rarely young.
pub(super) const CREATED_AT: (&str, &str, i32, &str) = ("Created At", "date", 0, "When the object was created.");

/// The cell of [`CREATED_AT`].
pub(super) fn created_at(object: &Value) -> Value {
    object::meta_str(object, "creationTimestamp").into()
}

/// `a=b,c=d`, or `<none>`.
pub(super) fn labels(map: &Value) -> String {
    let terms = map.as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()));
    or_none(terms.collect::<Vec<_>>().join(","))
}

/// `NAME`.
pub(super) fn name_column() -> Column {
    Column { format: "name".into(), ..column("Name", "string", 0, "Name of the object, unique within its namespace.") }
}

/// `AGE`.
pub(super) fn age_column() -> Column {
    column(AGE.0, AGE.1, AGE.2, AGE.3)
}

/// The cell of [`name_column`].
pub(super) fn name(object: &Value) -> Value {
    object::name(object).into()
}

/// The cell of [`age_column`].
pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    duration::since_text(object::meta_str(object, "creationTimestamp"), now).into()
}

/// The value at a dotted path of plain field names.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(object, |v, field| v.get(field).unwrap_or(&Value::Null))
}

/// The string at a dotted path, empty when absent.
pub(super) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    at(object, path).as_str().unwrap_or_default()
}

/// The list at a dotted path, empty when absent.
pub(super) fn list<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    at(object, path).as_array().map_or(&[], Vec::as_slice)
}

/// The whole number at a dotted path, zero when absent.
pub(super) fn int(object: &Value, path: &str) -> i64 {
    at(object, path).as_i64().unwrap_or_default()
}

/// `<none>` for an empty text.
pub(super) fn or_none(text: impl Into<String>) -> String {
    let text = text.into();
    if text.is_empty() { "<none>".into() } else { text }
}

/// A scalar as selectors and string columns show it; `None` for lists, objects and null.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}
