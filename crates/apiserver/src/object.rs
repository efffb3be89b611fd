//! Accessors over an object as JSON: the server keeps objects as `serde_json::Value`, because it serves kinds
//! that it learns at run time.

use serde_json::{Map, Value};

/// A string field of `metadata`, empty when absent.
pub fn meta_str<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get("metadata").and_then(|m| m.get(field)).and_then(Value::as_str).unwrap_or_default()
}
/// `metadata.name`.
pub fn name(object: &Value) -> &str {
    meta_str(object, "name")
}
/// `metadata.namespace`, empty for cluster-scoped objects.
pub fn namespace(object: &Value) -> &str {
    meta_str(object, "namespace")
}
/// `metadata.uid`.
pub fn uid(object: &Value) -> &str {
    meta_str(object, "uid")
}
/// `metadata.resourceVersion`.
pub fn resource_version(object: &Value) -> &str {
    meta_str(object, "resourceVersion")
}
/// `metadata.deletionTimestamp` is set.
pub fn is_deleting(object: &Value) -> bool {
    !meta_str(object, "deletionTimestamp").is_empty()
}
/// `metadata.finalizers`.
pub fn finalizers(object: &Value) -> Vec<String> {
    object
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array)
        .map(|l| l.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default()
}
/// `metadata`, created when it is absent or not an object. The object itself must be a JSON object.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    let root = object.as_object_mut().expect("objects are JSON objects: the decoder refuses anything else");
    let meta = root.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if !meta.is_object() {
        *meta = Value::Object(Map::new());
    }
    meta.as_object_mut().expect("just ensured")
}
/// Sets a string field of `metadata`; an empty value removes it.
pub fn set_meta(object: &mut Value, field: &str, value: &str) {
    let meta = metadata_mut(object);
    if value.is_empty() {
        meta.remove(field);
    } else {
        meta.insert(field.to_owned(), value.into());
    }
}
