//! The passage from client-side to server-side apply: `kubectl apply` left its last configuration in an annotation, and
//! `kubectl apply --server-side` must neither conflict with that nor let it go stale.

use serde_json::Value;

use super::{compare::compare, field_set::FieldSet, shape::fields_of};
use crate::schema::SchemaRoot;

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The only field manager that these rules hold for; others opt out by their name.
pub(super) const MANAGER: &str = "kubectl";

fn annotation(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str().filter(|text| !text.is_empty())
}

/// The fields of the last client-side configuration that still have its values: the same user may change them.
pub(super) fn still_as_applied(schema: &SchemaRoot, live: &Value, api_version: &str) -> Option<FieldSet> {
    let last: Value = serde_json::from_str(annotation(live)?).ok()?;
    if last.get("apiVersion").and_then(Value::as_str) != Some(api_version) {
        return None;
    }
    let mut fields = fields_of(schema, &last);
    let since = compare(schema, Some(&last), live, None);
    fields.subtract(&since.changed);
    fields.subtract(&since.removed);
    Some(fields)
}

/// Writes `config` into the annotation where the object has one, so that a later client-side apply computes its
/// deletions from what was really applied last.
pub(super) fn refresh(object: &mut Value, config: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let mut config = config.clone();
    if let Some(annotations) = config.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
    if let Some(slot) = object.pointer_mut("/metadata/annotations").and_then(|a| a.get_mut(ANNOTATION)) {
        *slot = format!("{config}\n").into();
    }
}
