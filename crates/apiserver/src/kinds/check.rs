//! Collects field errors while a strategy walks an object.

use serde_json::Value;

use super::cells;
use crate::field::{FieldError, FieldErrorKind};

/// How Kubernetes says that a field may not change.
pub(super) const IMMUTABLE: &str = "field is immutable";

/// The errors found so far.
#[derive(Debug, Default)]
pub(super) struct Check {
    pub(super) errors: Vec<FieldError>,
}

impl Check {
    pub(super) fn add(&mut self, error: FieldError) {
        self.errors.push(error);
    }
    pub(super) fn required(&mut self, path: impl Into<String>, detail: &str) {
        self.add(FieldError::required(path, detail));
    }
    pub(super) fn invalid(&mut self, path: impl Into<String>, value: impl Into<Value>, detail: impl Into<String>) {
        self.add(FieldError::invalid(path, value.into(), detail));
    }
    pub(super) fn forbidden(&mut self, path: impl Into<String>, detail: &str) {
        self.add(FieldError::forbidden(path, detail));
    }
    pub(super) fn duplicate(&mut self, path: impl Into<String>, value: impl Into<Value>) {
        self.add(FieldError::new(FieldErrorKind::Duplicate, path, value.into(), ""));
    }
    /// `TooLong` of a collection that is limited in bytes.
    pub(super) fn too_large(&mut self, path: &str, limit: usize) {
        let detail = format!("may not be more than {limit} bytes");
        self.add(FieldError::new(FieldErrorKind::TooLong, path, Value::Null, detail));
    }
    /// The text at `path`, relative to `object` which stands at `base`, obeys `rule`.
    pub(super) fn rule(&mut self, at: impl Into<String>, text: &str, rule: super::names::Rule) {
        if let Some(why) = rule(text) {
            self.invalid(at, text, why);
        }
    }
    /// The text at `path` is present.
    pub(super) fn present(&mut self, object: &Value, base: &str, path: &str) -> bool {
        let present = !cells::text(object, path).is_empty();
        if !present {
            self.required(join(base, path), "");
        }
        present
    }
    /// The text at `path`, where present, is one of `supported`.
    pub(super) fn one_of(&mut self, object: &Value, base: &str, path: &str, supported: &[&str]) {
        let text = cells::text(object, path);
        if !text.is_empty() && !supported.contains(&text) {
            self.add(FieldError::not_supported(join(base, path), text.into(), supported));
        }
    }
    /// The number at `path`, where present, is not negative.
    pub(super) fn not_negative(&mut self, object: &Value, base: &str, path: &str) {
        let value = cells::at(object, path);
        if value.as_i64().is_some_and(|n| n < 0) {
            self.invalid(join(base, path), value.clone(), "must be greater than or equal to 0");
        }
    }
    /// The value at `path` is the same in `old`.
    pub(super) fn immutable(&mut self, object: &Value, old: &Value, path: &str) {
        let value = cells::at(object, path);
        if value != cells::at(old, path) {
            self.invalid(path, value.clone(), IMMUTABLE);
        }
    }
}

/// `base.path`, or `path` at the root.
pub(super) fn join(base: &str, path: &str) -> String {
    if base.is_empty() { path.to_owned() } else { format!("{base}.{path}") }
}

/// Sets `object.path` (dotted) to `value` where it is absent or null. Nothing happens below what is not an object.
pub(super) fn default(object: &mut Value, path: &str, value: impl Into<Value>) {
    let (parents, leaf) = path.rsplit_once('.').map_or((None, path), |(p, l)| (Some(p), l));
    let mut at = object;
    for field in parents.into_iter().flat_map(|p| p.split('.')) {
        let Some(map) = at.as_object_mut() else { return };
        at = map.entry(field).or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    let Some(map) = at.as_object_mut() else { return };
    if map.get(leaf).is_none_or(Value::is_null) {
        map.insert(leaf.to_owned(), value.into());
    }
}

/// Removes a top-level field.
pub(super) fn remove(object: &mut Value, field: &str) {
    if let Some(map) = object.as_object_mut() {
        map.remove(field);
    }
}

/// Sets a top-level field to what it is in `old`, which may be nothing.
pub(super) fn keep(object: &mut Value, old: &Value, field: &str) {
    if let Some(map) = object.as_object_mut() {
        match old.get(field) {
            Some(v) => map.insert(field.to_owned(), v.clone()),
            None => map.remove(field),
        };
    }
}

/// The items of the list at a JSON pointer, to be changed.
pub(super) fn items_mut<'a>(object: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    object.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten()
}
