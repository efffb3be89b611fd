//! A kind with every division of fields, and the verbs of the tests.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::{
    error::ApiError,
    managed::{Writer, apply, track_update},
    schema::{ListType, Schema, SchemaRoot},
};

pub(super) const T0: &str = "2026-01-01T00:00:00Z";
pub(super) const T1: &str = "2026-01-01T00:00:01Z";
pub(super) const T2: &str = "2026-01-01T00:00:02Z";

fn of(type_: &str) -> Schema {
    Schema { type_: type_.into(), ..Schema::default() }
}

fn map<const N: usize>(properties: [(&str, Schema); N]) -> Schema {
    Schema { properties: properties.into_iter().map(|(k, v)| (k.to_owned(), Arc::new(v))).collect(), ..of("object") }
}

fn list(list_type: ListType, keys: &[&str], items: Schema) -> Schema {
    Schema {
        list_type,
        list_map_keys: keys.iter().map(|k| (*k).to_owned()).collect(),
        items: Some(Arc::new(items)),
        ..of("array")
    }
}

/// Like a Deployment, with the rarer divisions beside.
pub(super) fn schema() -> SchemaRoot {
    let port = map([
        ("containerPort", of("integer")),
        ("protocol", Schema { default: Some(json!("TCP")), ..of("string") }),
        ("name", of("string")),
    ]);
    let container = map([
        ("name", of("string")),
        ("image", of("string")),
        ("args", list(ListType::Atomic, &[], of("string"))),
        ("ports", list(ListType::Map, &["containerPort", "protocol"], port)),
    ]);
    let spec = map([
        ("replicas", of("integer")),
        ("paused", of("boolean")),
        ("selector", Schema { map_atomic: true, additional_properties: Some(Arc::new(of("string"))), ..of("object") }),
        (
            "containers",
            list(ListType::Map, &["name"], Schema { reference: Some("Container".into()), ..Schema::default() }),
        ),
        ("tags", list(ListType::Set, &[], of("string"))),
        ("values", Schema { additional_properties: Some(Arc::new(of("string"))), ..of("object") }),
        ("anything", Schema { preserve_unknown: true, ..of("object") }),
        ("strategy", map([("type", of("string"))])),
    ]);
    let condition = map([("type", of("string")), ("status", of("string")), ("message", of("string"))]);
    let status = map([("phase", of("string")), ("conditions", list(ListType::Map, &["type"], condition))]);
    // Custom kinds declare `metadata` as a bare object.
    let root = map([
        ("apiVersion", of("string")),
        ("kind", of("string")),
        ("metadata", of("object")),
        ("spec", spec),
        ("status", status),
    ]);
    SchemaRoot {
        root: Arc::new(root),
        definitions: Arc::new(BTreeMap::from([("Container".to_owned(), Arc::new(container))])),
    }
}

pub(super) fn writer<'a>(manager: &'a str, now: &'a str) -> Writer<'a> {
    Writer { manager, api_version: "example.com/v1", subresource: "", now }
}

/// A Widget with this spec.
pub(super) fn widget(spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
}

pub(super) fn ssa(live: Option<&Value>, manager: &str, now: &str, config: &Value) -> Result<Value, ApiError> {
    apply(&schema(), live, config.clone(), writer(manager, now), false)
}

pub(super) fn force(live: Option<&Value>, manager: &str, now: &str, config: &Value) -> Value {
    apply(&schema(), live, config.clone(), writer(manager, now), true).unwrap()
}

/// An update that changes `live` by `edit`.
pub(super) fn update(live: &Value, manager: &str, now: &str, edit: impl FnOnce(&mut Value)) -> Value {
    let mut new = live.clone();
    edit(&mut new);
    track_update(&schema(), Some(live), &mut new, writer(manager, now));
    new
}

pub(super) fn create(manager: &str, now: &str, object: &Value) -> Value {
    let mut new = object.clone();
    track_update(&schema(), None, &mut new, writer(manager, now));
    new
}

/// The fields of one manager's entry, `Null` without one.
pub(super) fn owned(object: &Value, manager: &str, operation: &str) -> Value {
    entries(object)
        .iter()
        .find(|e| e["manager"] == manager && e["operation"] == operation)
        .map_or(Value::Null, |e| e["fieldsV1"].clone())
}

pub(super) fn entries(object: &Value) -> Vec<Value> {
    object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default()
}
