//! What an API server does with the Machine schema, for tests: bounds and types here, rules through a CEL implementation.

use kube_cel::Validator;
use metalman_core::api::machine_crd;
use serde_json::{Value, json};

/// The schema of the served version.
pub(crate) fn schema() -> Value {
    let crd = serde_json::to_value(machine_crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// A Machine that is valid, for tests to break one field of.
pub(crate) fn valid() -> Value {
    serde_saphyr::from_str(include_str!("../fixtures/machine-full.yaml")).unwrap()
}

/// The refusals of the object, each as `path: reason`. As an API server does, rules are left out when the structure is
/// already wrong.
pub(crate) fn refusals(schema: &Value, object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    structure(schema, object, "", &mut found);
    if found.is_empty()
        && let Err(errors) = Validator::new().validate(schema, object, None)
    {
        found.extend(errors.iter().map(|error| format!("{}: {}", error.field_path, error.message)));
    }
    found
}

/// The refusals of [`valid`] with the value at that JSON pointer replaced, or added.
pub(crate) fn refusals_with(schema: &Value, pointer: &str, value: Value) -> Vec<String> {
    let mut object = valid();
    set(&mut object, pointer, value);
    refusals(schema, &object)
}

/// Sets the value at that pointer; its parent must exist.
pub(crate) fn set(object: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = object.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
    match parent {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        _ => parent[key.replace("~1", "/")] = value,
    }
}

fn structure(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let mut refuse = |reason: String| found.push(format!("{path}: {reason}"));
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        other => panic!("{path}: schema type {other:?}"),
    };
    if !fits {
        return refuse(format!("must be of type {}", schema["type"]));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        refuse(format!("supported values: {}", json!(words)));
    }
    let bound = |key: &str| schema[key].as_f64();
    if let Some(number) = value.as_f64() {
        if bound("minimum").is_some_and(|minimum| number < minimum) {
            refuse(format!("should be greater than or equal to {}", schema["minimum"]));
        }
        if bound("maximum").is_some_and(|maximum| number > maximum) {
            refuse(format!("should be less than or equal to {}", schema["maximum"]));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "lengths in tests are small")]
    let size = match value {
        Value::String(text) => ("Length", text.chars().count() as f64),
        Value::Array(items) => ("Items", items.len() as f64),
        Value::Object(map) => ("Properties", map.len() as f64),
        _ => ("", 0.0),
    };
    if bound(&format!("max{}", size.0)).is_some_and(|maximum| size.1 > maximum) {
        refuse("too long".into());
    }
    if bound(&format!("min{}", size.0)).is_some_and(|minimum| size.1 < minimum) {
        refuse("too short".into());
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if value.get(required.as_str().unwrap()).is_none() {
            refuse(format!("{} is required", required.as_str().unwrap()));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        structure(&schema["items"], item, &format!("{path}[{index}]"), found);
    }
    for (key, item) in value.as_object().into_iter().flatten() {
        let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if let Some(property) = schema["properties"].get(key) {
            structure(property, item, &below, found);
        } else if schema["additionalProperties"].is_object() {
            structure(&schema["additionalProperties"], item, &below, found);
        }
    }
}
