//! Path elements as `FieldsV1` writes them: `f:<name>`, `k:<keys as JSON>`, `v:<value as JSON>`, `i:<index>`.
//!
//! Invariant: one element has one text (keys sorted, whole numbers without fraction), so that sets compare by text.

use serde_json::{Map, Value};

/// Why a text is not a path element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ElementError {
    /// Shorter than a prefix.
    #[error("key must be 2 characters long: {0:?}")]
    Short(String),
    /// The second character is not a colon.
    #[error("missing colon: {0:?}")]
    NoColon(String),
    /// The rest is not what the prefix promises.
    #[error("malformed path element: {0:?}")]
    Malformed(String),
}

pub(super) fn field(name: &str) -> String {
    format!("f:{name}")
}

/// The element of a set's item; `None` when it is not a scalar.
pub(super) fn value(item: &Value) -> Option<String> {
    match item {
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        scalar => Some(format!("v:{}", canonical(scalar))),
    }
}

/// The element of a list item identified by `keys`.
pub(super) fn keys(keys: &Map<String, Value>) -> String {
    let canonical: Map<String, Value> = keys.iter().map(|(k, v)| (k.clone(), canonical(v))).collect();
    format!("k:{}", Value::Object(canonical))
}

/// `80.0` and `80` are the same value and must give the same text.
fn canonical(value: &Value) -> Value {
    // 2^53: beyond it a float no longer stands for one whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(n) if n.is_f64() => match n.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range")]
            Some(f) if f.fract() == 0.0 && f.abs() < EXACT => Value::from(f as i64),
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

/// The canonical text of an element that somebody else wrote. `None` for prefixes of the future, which are dropped.
pub(super) fn normalize(text: &str) -> Result<Option<String>, ElementError> {
    if text.len() < 2 {
        return Err(ElementError::Short(text.to_owned()));
    }
    let malformed = || ElementError::Malformed(text.to_owned());
    match (text.get(..2), text.get(2..)) {
        (Some("f:"), Some(_)) => Ok(Some(text.to_owned())),
        (Some("k:"), Some(rest)) => {
            let map: Map<String, Value> = serde_json::from_str(rest).map_err(|_| malformed())?;
            if map.values().any(|v| v.is_object() || v.is_array()) {
                return Err(malformed());
            }
            Ok(Some(keys(&map)))
        }
        (Some("v:"), Some(rest)) => {
            let item: Value = serde_json::from_str(rest).map_err(|_| malformed())?;
            value(&item).map(Some).ok_or_else(malformed)
        }
        (Some("i:"), Some(rest)) => {
            let index: i64 = rest.parse().map_err(|_| malformed())?;
            Ok(Some(format!("i:{index}")))
        }
        _ if text.as_bytes()[1] == b':' => Ok(None),
        _ => Err(ElementError::NoColon(text.to_owned())),
    }
}

/// The element as people read it in a path: `.name`, `[key="value"]`, `[="value"]`, `[3]`.
pub(super) fn display(text: &str) -> String {
    match (text.get(..2), text.get(2..)) {
        (Some("f:"), Some(name)) => format!(".{name}"),
        (Some("k:"), Some(rest)) => {
            let map: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
            let pairs: Vec<_> = map.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("[{}]", pairs.join(","))
        }
        (Some("v:"), Some(rest)) => format!("[={rest}]"),
        (Some("i:"), Some(rest)) => format!("[{rest}]"),
        _ => format!("[{text}]"),
    }
}
