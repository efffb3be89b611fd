//! The CustomResourceDefinition, as installed.
//!
//! Invariants:
//! - what is generated here is what `deploy/crd` holds and what the tests of validation evaluate;
//! - no field is `nullable`: API servers then drop a null, as they do for the types of other controllers, instead of
//!   storing it past the rules.

use super::{Machine, schema::rule};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use kube_core::CustomResourceExt;
use serde_json::{Value, json};

/// The CustomResourceDefinition of Machine.
pub fn machine_crd() -> CustomResourceDefinition {
    let mut crd = Machine::crd();
    for version in &mut crd.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|validation| validation.open_api_v3_schema.as_mut()) {
            *schema = finish(schema);
        }
    }
    crd
}

fn finish(schema: &JSONSchemaProps) -> JSONSchemaProps {
    let mut value = serde_json::to_value(schema).expect("a schema is JSON");
    tidy(&mut value);
    // A Node carries its Machine's name as a label value, which has 63 characters at most.
    value["x-kubernetes-validations"] = json!([rule(
        "size(self.metadata.name) <= 63",
        "metadata.name must be at most 63 characters: the Machine's Node carries it as a label value",
    )]);
    serde_json::from_value(value).expect("a tidied schema is a schema")
}

/// Drops what the generator adds and this schema does not mean, at every level.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("nullable");
            // Rust's documentation breaks lines for the source; `kubectl explain` breaks them for the terminal.
            if let Some(Value::String(description)) = map.get_mut("description") {
                *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
