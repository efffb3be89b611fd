//! `CustomResourceDefinition` itself: its strategy, and what its status says.
//!
//! Names are decided while the object is written, so that a definition is established in the very answer to its
//! creation. The controller decides again when a name was freed.

pub mod names;
pub mod status;
mod validate;

use std::sync::Weak;

use serde_json::{Value, json};

use super::{Column, Strategy, WriteContext, cells, check, names as rules, registry::Shared};
use crate::{field::FieldError, object};

/// Holds a definition until its objects are gone.
pub const CLEANUP_FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

pub(super) struct CrdStrategy {
    shared: Weak<Shared>,
}

impl CrdStrategy {
    pub(super) fn new(shared: Weak<Shared>) -> Self {
        Self { shared }
    }

    fn settle(&self, crd: &mut Value, now: &str) {
        let others =
            self.shared.upgrade().map(|s| s.snapshot().taken(cells::text(crd, "spec.group"), object::name(crd)));
        status::settle(crd, &others.unwrap_or_default(), now);
    }
}

fn storage_version(crd: &Value) -> &str {
    let found = cells::list(crd, "spec.versions").iter().find(|v| v["storage"] == true);
    found.map_or("", |v| cells::text(v, "name"))
}

/// The definition may only go after its objects.
fn hold(crd: &mut Value) {
    let meta = object::metadata_mut(crd);
    let list = meta.entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut()
        && !list.iter().any(|f| f == CLEANUP_FINALIZER)
    {
        list.push(CLEANUP_FINALIZER.into());
    }
}

impl Strategy for CrdStrategy {
    fn default(&self, object: &mut Value) {
        let Some(kind) = object.pointer("/spec/names/kind").and_then(Value::as_str).map(str::to_owned) else { return };
        for (field, value) in [("singular", kind.to_lowercase()), ("listKind", format!("{kind}List"))] {
            if cells::text(object, &format!("spec.names.{field}")).is_empty()
                && cells::at(object, "spec.names").is_object()
            {
                object["spec"]["names"][field] = value.into();
            }
        }
        check::default(object, "spec.conversion.strategy", "None");
        // Served as absent when false, as upstream does.
        if cells::at(object, "spec.preserveUnknownFields") == &Value::Bool(false) {
            check::remove(&mut object["spec"], "preserveUnknownFields");
        }
    }
    fn prepare_create(&self, ctx: &WriteContext<'_>, object: &mut Value) {
        object["status"] = json!({"storedVersions": [storage_version(object)]});
        hold(object);
        self.settle(object, ctx.now);
    }
    fn prepare_update(&self, ctx: &WriteContext<'_>, object: &mut Value, old: &Value) {
        if !ctx.subresource.is_empty() {
            return;
        }
        check::keep(object, old, "status");
        let storage = storage_version(object).to_owned();
        check::default(object, "status.storedVersions", json!([]));
        if let Some(list) = object.pointer_mut("/status/storedVersions").and_then(Value::as_array_mut)
            && !storage.is_empty()
            && !list.iter().any(|v| *v == storage)
        {
            list.push(storage.into());
        }
        if object::is_deleting(old) {
            return;
        }
        hold(object);
        if cells::at(object, "spec.names") != cells::at(old, "spec.names") {
            self.settle(object, ctx.now);
        }
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        validate::validate(object, old)
    }
    fn validate_name(&self, name: &str) -> Option<String> {
        rules::dns1123_subdomain(name)
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[cells::CREATED_AT])
    }
    fn cells(&self, object: &Value, _now: jiff::Timestamp) -> Vec<Value> {
        vec![cells::name(object), cells::created_at(object)]
    }
}

#[cfg(test)]
mod tests;
