//! Tests of schemas. Expectations come from the Kubernetes documentation of `CustomResourceDefinition`s (structural
//! schemas, pruning, defaulting, validation rules, ratcheting) and the API reference of the built-in kinds.

use serde_json::{Value, json};

use super::SchemaRoot;

mod builtin;
mod cel;
mod properties;
mod structural;
mod validation;

/// A root with `spec` of the given schema.
#[allow(clippy::needless_pass_by_value)] // `json!` at the call
fn spec(schema: Value) -> SchemaRoot {
    let root = json!({"type": "object", "properties": {"spec": schema}});
    SchemaRoot::from_crd(&root, "schema").unwrap_or_else(|e| panic!("not structural: {e:?}"))
}

/// The errors of an object with that `spec`, as text.
#[allow(clippy::needless_pass_by_value)] // `json!` at the call
fn faults(root: &SchemaRoot, value: Value) -> Vec<String> {
    texts(&root.validate(&json!({"spec": value}), None))
}

/// The errors of an update.
#[allow(clippy::needless_pass_by_value)] // `json!` at the call
fn faults_of_update(root: &SchemaRoot, old: Value, new: Value) -> Vec<String> {
    texts(&root.validate(&json!({"spec": new}), Some(&json!({"spec": old}))))
}

fn texts(errors: &[crate::field::FieldError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
