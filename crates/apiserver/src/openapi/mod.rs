//! The published descriptions of the API: `OpenAPI` v2 (JSON and gnostic's protobuf, which kubectl before 1.27 insists on),
//! `OpenAPI` v3 per group and version.
//!
//! Clients read three things in them: schemas (`kubectl explain`, client-side validation, merge keys for `apply`),
//! which kinds a path serves, and which parameters an operation takes (`kubectl` decides on server-side dry run and field
//! validation by looking for the parameter on the PATCH of the kind). Everything here is a pure function of the
//! resources; callers cache by the registry's generation.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};

use crate::kinds::Resource;

mod operations;
mod protobuf;
mod schemas;

#[cfg(test)]
mod tests;

use schemas::Dialect;

/// `/openapi/v2` as JSON (Swagger 2.0) for these resources: definitions with `x-kubernetes-group-version-kind`, paths
/// with `x-kubernetes-action`.
pub fn v2(resources: &[Arc<Resource>], version: &str) -> Value {
    let mut definitions = schemas::Definitions::new(Dialect::V2);
    let mut paths = Map::new();
    for resource in resources {
        definitions.add(resource);
        operations::paths(resource, Dialect::V2, &mut paths);
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": paths,
        "definitions": definitions.finish(resources),
        "securityDefinitions": {"BearerToken": {
            "description": "Bearer Token authentication", "type": "apiKey", "name": "authorization", "in": "header"}},
        "security": [{"BearerToken": []}],
    })
}

/// A Swagger document in the protobuf encoding of gnostic's `openapi.v2.Document`
/// (`application/com.github.proto-openapi.spec.v2@v1.0+protobuf`).
pub fn v2_protobuf(document: &Value) -> Vec<u8> {
    protobuf::document(document)
}

/// `/openapi/v3`: the index, paths to relative URLs with the hash of the document there. Clients keep a document under
/// its hashed URL for ever, so that `hash` must follow from the document's content; a version without one is left out.
pub fn v3_index(resources: &[Arc<Resource>], hash: impl Fn(&str, &str) -> Option<String>) -> Value {
    let versions: BTreeSet<(&str, &str)> = resources.iter().map(|r| (r.group.as_str(), r.version.as_str())).collect();
    let paths: Map<String, Value> = versions
        .into_iter()
        .filter_map(|(group, version)| {
            let path = group_version_path(group, version);
            let url = format!("/openapi/v3/{path}?hash={}", hash(group, version)?);
            Some((path, json!({"serverRelativeURL": url})))
        })
        .collect();
    json!({"paths": paths})
}

/// `/openapi/v3/apis/GROUP/VERSION` (or `api/v1`).
pub fn v3(resources: &[Arc<Resource>], group: &str, version: &str, server_version: &str) -> Option<Value> {
    let mut definitions = schemas::Definitions::new(Dialect::V3);
    let mut paths = Map::new();
    let mut found = false;
    for resource in resources.iter().filter(|r| r.group == group && r.version == version) {
        found = true;
        definitions.add(resource);
        operations::paths(resource, Dialect::V3, &mut paths);
    }
    found.then(|| {
        json!({
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": server_version},
            "paths": paths,
            "components": {
                "schemas": definitions.finish(resources),
                "securitySchemes": {"BearerToken": {
                    "description": "Bearer Token authentication", "type": "apiKey", "name": "authorization", "in": "header"}},
            },
        })
    })
}

/// `api/v1`, `apis/apps/v1`.
fn group_version_path(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}
