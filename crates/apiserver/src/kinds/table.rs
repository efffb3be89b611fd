//! Server-side tables (`meta.k8s.io/v1` Table) and `PartialObjectMetadata`: what `kubectl get` and metadata-only clients
//! ask for through `Accept: …;as=Table` and `…;as=PartialObjectMetadata`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Column, Resource};

/// How much of the object a row carries (`includeObject`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Include {
    /// Nothing.
    None,
    /// Its metadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl Include {
    /// The query parameter; absent or empty is `Metadata`, anything unknown `None`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "Metadata" => Some(Self::Metadata),
            "None" => Some(Self::None),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }
}

/// A table of objects. `list_metadata` is the metadata of the list (`resourceVersion`, `continue` …) or of nothing for one
/// object, whose resourceVersion it then carries. `columns: false` leaves the definitions out, as every event of a
/// watch but the first does.
pub fn table(
    resource: &Resource,
    objects: &[Value],
    list_metadata: Value,
    include: Include,
    columns: bool,
    now: Timestamp,
) -> Value {
    let definitions: Vec<Value> =
        if columns { resource.strategy.columns().iter().map(definition).collect() } else { Vec::new() };
    let rows: Vec<Value> = objects.iter().map(|o| row(resource, o, include, now)).collect();
    let mut table = json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1",
        // A watch sends null, not an empty list, once the columns are known.
        "columnDefinitions": if columns { Value::Array(definitions) } else { Value::Null },
        "rows": rows,
    });
    table["metadata"] = list_metadata;
    table
}

/// The row of one object.
pub fn row(resource: &Resource, object: &Value, include: Include, now: Timestamp) -> Value {
    let mut row = json!({"cells": resource.strategy.cells(object, now)});
    match include {
        Include::None => row["object"] = Value::Null,
        Include::Metadata => row["object"] = partial(object),
        Include::Object => row["object"] = object.clone(),
    }
    row
}

fn definition(c: &Column) -> Value {
    json!({
        "name": c.name, "type": c.type_, "format": c.format, "description": c.description, "priority": c.priority,
    })
}

/// `PartialObjectMetadata` of an object.
pub fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| Value::Object(Map::new())),
    })
}

/// `PartialObjectMetadataList` of a list's objects.
pub fn partial_list(objects: &[Value], list_metadata: Value) -> Value {
    let mut list = json!({
        "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
        "items": objects.iter().map(partial).collect::<Vec<_>>(),
    });
    list["metadata"] = list_metadata;
    list
}

#[cfg(test)]
mod tests;
