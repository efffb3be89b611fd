//! From a JSON schema to a [`Schema`] node. Lenient: what is not understood stays in `keywords`; whether a schema may be
//! used is `structural`'s question.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{ListType, Schema};

/// The prefix of references between definitions.
pub(super) const DEFINITIONS: &str = "#/definitions/";

/// Reads a node and everything below it. `go_type` marks nodes of built-in types.
pub(super) fn read(json: &Value, go_type: bool) -> Schema {
    let mut schema = Schema { go_type, ..Schema::default() };
    let Some(object) = json.as_object() else {
        // `true` or a malformed node: anything goes, and is kept.
        schema.preserve_unknown = true;
        return schema;
    };
    if let Some(target) = object.get("$ref").and_then(Value::as_str) {
        schema.reference = Some(target.strip_prefix(DEFINITIONS).unwrap_or(target).to_owned());
        if let Some(description) = object.get("description") {
            schema.keywords.insert("description".into(), description.clone());
        }
        return schema;
    }
    for (key, value) in object {
        if !structure(&mut schema, key, value, go_type) {
            schema.keywords.insert(key.clone(), value.clone());
        }
    }
    schema
}

/// Takes a keyword that is a field of [`Schema`]; `false` leaves it to `keywords`.
fn structure(schema: &mut Schema, key: &str, value: &Value, go_type: bool) -> bool {
    match key {
        "type" => match value.as_str() {
            Some(t) => t.clone_into(&mut schema.type_),
            None => return false,
        },
        "properties" => {
            for (name, property) in value.as_object().unwrap_or(&Map::new()) {
                schema.properties.insert(name.clone(), Arc::new(read(property, go_type)));
            }
        }
        "additionalProperties" => match value {
            Value::Bool(false) | Value::Null => {}
            other => schema.additional_properties = Some(Arc::new(read(other, go_type))),
        },
        "items" => {
            if value.is_object() {
                schema.items = Some(Arc::new(read(value, go_type)));
            }
        }
        "required" => schema.required = strings(value),
        "nullable" => schema.nullable = value == true,
        "default" => schema.default = (!value.is_null()).then(|| value.clone()),
        "x-kubernetes-list-type" => {
            schema.list_type = match value.as_str() {
                Some("map") => ListType::Map,
                Some("set") => ListType::Set,
                _ => ListType::Atomic,
            };
            // An explicit "atomic" differs from silence only in what is published.
            return schema.list_type != ListType::Atomic;
        }
        "x-kubernetes-list-map-keys" => schema.list_map_keys = strings(value),
        "x-kubernetes-map-type" => {
            schema.map_atomic = value == "atomic";
            return schema.map_atomic;
        }
        "x-kubernetes-preserve-unknown-fields" => schema.preserve_unknown = value == true,
        "x-kubernetes-int-or-string" => schema.int_or_string = value == true,
        "x-kubernetes-embedded-resource" => schema.embedded_resource = value == true,
        "x-kubernetes-patch-merge-key" => schema.patch_merge_key = value.as_str().map(str::to_owned),
        "x-kubernetes-patch-strategy" => {
            let words = value.as_str().unwrap_or_default();
            schema.patch_merge = words.split(',').any(|w| w == "merge");
            schema.patch_retain_keys = words.split(',').any(|w| w == "retainKeys");
        }
        _ => return false,
    }
    true
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().map(|l| l.iter().filter_map(Value::as_str).map(str::to_owned).collect()).unwrap_or_default()
}
