//! Lists as sets and maps: uniqueness, and which item of the stored list an item of the new one corresponds to.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

use serde_json::{Map, Value};

use super::{ListType, Schema, SchemaRoot, validate::sorted};
use crate::field::{FieldError, FieldErrorKind};

/// Adds an error for each item that repeats another one of a set or map.
pub(super) fn unique(root: &SchemaRoot, object: &Value, errors: &mut Vec<FieldError>) {
    node(root, &root.root, object, &mut String::new(), errors);
}

fn node(root: &SchemaRoot, schema: &Schema, value: &Value, path: &mut String, errors: &mut Vec<FieldError>) {
    let schema = root.resolve(schema);
    if schema.go_type || !schema.checks().keyed_lists_below {
        return;
    }
    let length = path.len();
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let Some(property) = schema.property(name) else { continue };
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                node(root, property, value, path, errors);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            if schema.list_type != ListType::Atomic {
                duplicates(schema, items, path, errors);
            }
            if let Some(item) = &schema.items {
                for (index, value) in items.iter().enumerate() {
                    let _ = write!(path, "[{index}]");
                    node(root, item, value, path, errors);
                    path.truncate(length);
                }
            }
        }
        _ => {}
    }
}

fn duplicates(schema: &Schema, items: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let mut seen = HashSet::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let shown = match schema.list_type {
            ListType::Map => match item {
                Value::Object(o) => Value::Object(keys_of(schema, o)),
                // Of the wrong type: reported by validation.
                _ => continue,
            },
            _ => sorted(item),
        };
        if !seen.insert(shown.to_string()) {
            errors.push(FieldError::new(FieldErrorKind::Duplicate, format!("{path}[{index}]"), shown, ""));
        }
    }
}

/// The identity of an item; a key that is absent counts with its default, as it will be stored.
fn keys_of(schema: &Schema, item: &Map<String, Value>) -> Map<String, Value> {
    let default = |key: &String| schema.items.as_ref()?.properties.get(key)?.default.as_ref();
    let mut keys: Vec<_> = schema.list_map_keys.iter().collect();
    keys.sort();
    keys.into_iter().filter_map(|k| item.get(k).or_else(|| default(k)).map(|v| (k.clone(), sorted(v)))).collect()
}

/// Finds the stored counterpart of a list's item. Only the items of a map have one: position says nothing.
pub(super) struct Correlation<'s, 'o> {
    keys: &'s [String],
    index: Option<HashMap<String, &'o Value>>,
}

impl<'s, 'o> Correlation<'s, 'o> {
    /// Indexes the stored list.
    pub(super) fn new(schema: &'s Schema, old: Option<&'o Value>) -> Self {
        let index = match (schema.list_type, old.and_then(Value::as_array)) {
            (ListType::Map, Some(items)) => Some(
                items
                    .iter()
                    .filter_map(|item| Some((identity(&schema.list_map_keys, item)?, item)))
                    .collect::<HashMap<_, _>>(),
            ),
            _ => None,
        };
        Self { keys: &schema.list_map_keys, index }
    }

    /// The stored item with the same keys.
    pub(super) fn find(&self, item: &Value) -> Option<&'o Value> {
        self.index.as_ref()?.get(&identity(self.keys, item)?).copied()
    }
}

fn identity(keys: &[String], item: &Value) -> Option<String> {
    let object = item.as_object()?;
    let mut text = String::new();
    for key in keys {
        let _ = write!(text, "{}\u{0}", object.get(key).unwrap_or(&Value::Null));
    }
    Some(text)
}
