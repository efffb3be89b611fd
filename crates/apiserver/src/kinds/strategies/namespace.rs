//! Namespace and `ServiceAccount`.

use serde_json::{Value, json};

use crate::{
    kinds::{
        Column, Strategy, WriteContext, cells,
        check::{self, Check},
        crd::names::strings,
        names,
    },
    object,
};

/// The finalizer that the namespace controller removes once nothing is left inside.
pub(crate) const FINALIZER: &str = "kubernetes";
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

pub(super) struct Namespace;

/// Every namespace carries its name as a label, so that selectors can name it.
fn label(object: &mut Value) {
    let name = object::name(object).to_owned();
    if name.is_empty() {
        return;
    }
    let meta = object::metadata_mut(object);
    let labels = meta.entry("labels").or_insert_with(|| json!({}));
    if let Some(map) = labels.as_object_mut() {
        map.insert(NAME_LABEL.into(), name.into());
    }
}

impl Strategy for Namespace {
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_label(name)
    }
    fn default(&self, object: &mut Value) {
        label(object);
    }
    fn prepare_create(&self, _ctx: &WriteContext<'_>, object: &mut Value) {
        check::default(object, "spec.finalizers", json!([]));
        if let Some(list) = object.pointer_mut("/spec/finalizers").and_then(Value::as_array_mut)
            && !list.iter().any(|f| f == FINALIZER)
        {
            list.push(FINALIZER.into());
        }
        object["status"] = json!({"phase": "Active"});
    }
    fn prepare_update(&self, ctx: &WriteContext<'_>, object: &mut Value, old: &Value) {
        // Only the finalize subresource changes spec.finalizers.
        if ctx.subresource != "finalize" {
            check::keep(object, old, "spec");
        }
        if ctx.subresource != "status" {
            check::keep(object, old, "status");
        }
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, _old: Option<&Value>) -> Vec<crate::field::FieldError> {
        let mut check = Check::default();
        for (i, f) in strings(cells::at(object, "spec.finalizers")).iter().enumerate() {
            let path = format!("spec.finalizers[{i}]");
            check.rule(path.clone(), f, names::qualified_name);
            if !f.contains('/') && f != FINALIZER {
                check.invalid(path, f.as_str(), "name is neither a standard finalizer name nor is it fully qualified");
            }
        }
        check.errors
    }
    fn to_storage(&self, mut object: Value) -> Value {
        // A generated name is known only now.
        label(&mut object);
        object
    }
    fn selectable_fields(&self) -> Vec<String> {
        vec!["name".into(), "status.phase".into()]
    }
    fn selectable_field(&self, object: &Value, path: &str) -> Option<String> {
        match path {
            "name" => Some(object::name(object).to_owned()),
            "status.phase" => Some(cells::text(object, path).to_owned()),
            _ => None,
        }
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[("Status", "string", 0, "Active, or Terminating while its content is deleted."), cells::AGE])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        vec![cells::name(object), cells::text(object, "status.phase").into(), cells::age(object, now)]
    }
}

pub(super) struct ServiceAccount;

impl Strategy for ServiceAccount {
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[("Secrets", "string", 0, "Number of Secrets that pods of this account may use."), cells::AGE])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        vec![cells::name(object), cells::list(object, "secrets").len().into(), cells::age(object, now)]
    }
}
