//! Tests of the published documents: what clients are known to read in them.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use serde_json::{Value, json};

use super::{v2, v2_protobuf, v3, v3_index};
use crate::{
    kinds::{Column, Resource, Serves, Strategy, Subresource},
    schema::SchemaRoot,
};

struct Plain;

impl Strategy for Plain {
    fn validate_name(&self, _name: &str) -> Option<String> {
        None
    }
    fn columns(&self) -> Vec<Column> {
        Vec::new()
    }
    fn cells(&self, _object: &Value, _now: jiff::Timestamp) -> Vec<Value> {
        Vec::new()
    }
}

fn resource(group: &str, kind: &str, plural: &str, definition: &str, schema: Option<SchemaRoot>) -> Resource {
    Resource {
        group: group.into(),
        version: "v1".into(),
        kind: kind.into(),
        list_kind: format!("{kind}List"),
        plural: plural.into(),
        singular: kind.to_lowercase(),
        short_names: vec![],
        categories: vec![],
        namespaced: true,
        storage: plural.into(),
        serves: Serves::Stored,
        subresources: vec![Subresource { name: "status".into(), kind: None, verbs: vec!["get", "update", "patch"] }],
        custom: schema.is_some(),
        schema: schema.unwrap_or_else(|| SchemaRoot::builtin(definition).unwrap()),
        definition: definition.into(),
        strategy: Arc::new(Plain),
        tracks_generation: true,
    }
}

fn machine(spec: &Value) -> Resource {
    let schema = json!({"type": "object", "description": "A server.", "properties": {"spec": spec, "metadata": {"type": "object"}}});
    let schema = SchemaRoot::from_crd(&schema, "").unwrap();
    let mut r = resource("example.com", "Machine", "machines", "com.example.v1.Machine", Some(schema));
    r.namespaced = false;
    r
}

fn resources() -> Vec<Arc<Resource>> {
    let spec = json!({"type": "object", "description": "What is wanted.", "required": ["size"], "properties": {
        "size": {"type": "integer", "format": "int32", "minimum": 1, "default": 2, "description": "How large."},
        "mode": {"type": "string", "enum": ["a", "b"], "nullable": true},
        "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"known": {"type": "string"}}},
        "rows": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
                 "items": {"type": "object", "required": ["n"], "properties": {"n": {"type": "string"}}}},
    }});
    let mut account = resource("", "ServiceAccount", "serviceaccounts", "io.k8s.api.core.v1.ServiceAccount", None);
    account.subresources = vec![Subresource {
        name: "token".into(),
        kind: Some(("authentication.k8s.io".into(), "v1".into(), "TokenRequest".into())),
        verbs: vec!["create"],
    }];
    let mut review = resource(
        "authentication.k8s.io",
        "TokenReview",
        "tokenreviews",
        "io.k8s.api.authentication.v1.TokenReview",
        None,
    );
    review.serves = Serves::Review;
    review.namespaced = false;
    review.subresources.clear();
    let crd = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition";
    vec![
        account,
        resource("", "Pod", "pods", "io.k8s.api.core.v1.Pod", None),
        resource("apps", "Deployment", "deployments", "io.k8s.api.apps.v1.Deployment", None),
        review,
        resource("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", crd, None),
        machine(&spec),
    ]
    .into_iter()
    .map(Arc::new)
    .collect()
}

/// Every `$ref` below `value`.
fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(o) => {
            // In the schema of CustomResourceDefinition, `$ref` is also the name of a property.
            found.extend(o.get("$ref").and_then(Value::as_str));
            o.values().for_each(|v| references(v, found));
        }
        Value::Array(a) => a.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let all = resources();
    let document = v2(&all, "v1.35.0");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
    for (group, version) in [("", "v1"), ("apps", "v1"), ("example.com", "v1"), ("authentication.k8s.io", "v1")] {
        let document = v3(&all, group, version, "v1.35.0").unwrap();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            assert!(document.pointer(&reference[1..]).is_some(), "{group} {reference}");
        }
    }
    assert!(v3(&all, "nope", "v1", "v1.35.0").is_none());
}

#[test]
fn version_2_says_only_what_its_clients_understand() {
    let document = v2(&resources(), "v1.35.0");
    let machine = &document["definitions"]["com.example.v1.Machine"];
    assert_eq!(
        machine["x-kubernetes-group-version-kind"],
        json!([{"group": "example.com", "version": "v1", "kind": "Machine"}])
    );
    assert_eq!(
        machine["properties"]["metadata"]["$ref"],
        "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    );
    let spec = &machine["properties"]["spec"]["properties"];
    assert_eq!(spec["size"], json!({"type": "integer", "format": "int32", "minimum": 1, "description": "How large."}));
    assert_eq!(spec["mode"], json!({"enum": ["a", "b"]}));
    assert_eq!(spec["port"], json!({"x-kubernetes-int-or-string": true}));
    assert_eq!(spec["free"], json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    assert_eq!(spec["rows"]["x-kubernetes-list-map-keys"], json!(["n"]));
    let quantity = &document["definitions"]["io.k8s.apimachinery.pkg.api.resource.Quantity"];
    assert_eq!(quantity["type"], "string");
    let containers = &document["definitions"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-patch-strategy"], "merge");
    assert_eq!(document["definitions"]["com.example.v1.MachineList"]["required"], json!(["items"]));
}

#[test]
fn version_3_says_all() {
    let all = resources();
    let document = v3(&all, "example.com", "v1", "v1.35.0").unwrap();
    let spec = &document["components"]["schemas"]["com.example.v1.Machine"]["properties"]["spec"]["properties"];
    assert_eq!(spec["size"]["default"], 2);
    assert_eq!(spec["mode"]["nullable"], true);
    assert_eq!(spec["free"]["properties"]["known"]["type"], "string");
    let apps = v3(&all, "apps", "v1", "v1.35.0").unwrap();
    let template = &apps["components"]["schemas"]["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["template"];
    assert_eq!(template["allOf"], json!([{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec"}]));
    assert!(template["description"].as_str().unwrap().contains("pods"));
}

#[test]
fn clients_find_dry_run_and_field_validation_on_patch() {
    let all = resources();
    let names = |operation: &Value| -> Vec<String> {
        operation["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect()
    };
    let old = v2(&all, "v1.35.0");
    let new = v3(&all, "apps", "v1", "v1.35.0").unwrap();
    let deployment = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
    for document in [&old, &new] {
        let item = &document["paths"][deployment];
        let patch = &item["patch"];
        assert_eq!(
            patch["x-kubernetes-group-version-kind"],
            json!({"group": "apps", "version": "v1", "kind": "Deployment"})
        );
        assert_eq!(patch["x-kubernetes-action"], "patch");
        for name in ["dryRun", "fieldManager", "fieldValidation", "force"] {
            assert!(names(patch).iter().any(|n| n == name), "{name}");
        }
        assert!(["get", "put", "delete"].iter().all(|m| item[m].is_object()));
    }
    let token = &old["paths"]["/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"]["post"];
    assert_eq!(token["x-kubernetes-group-version-kind"]["kind"], "TokenRequest");
    let review = &old["paths"]["/apis/authentication.k8s.io/v1/tokenreviews"];
    assert!(review["post"].is_object() && review["get"].is_null());
    assert!(old["paths"]["/apis/example.com/v1/machines/{name}/status"]["patch"].is_object());
}

#[test]
fn custom_resources_do_not_offer_strategic_merge() {
    let document = v2(&resources(), "v1.35.0");
    let consumes = |path: &str| document["paths"][path]["patch"]["consumes"].to_string();
    assert!(consumes("/api/v1/namespaces/{namespace}/pods/{name}").contains("strategic"));
    assert!(!consumes("/apis/example.com/v1/machines/{name}").contains("strategic"));
}

#[test]
fn operation_ids_are_unique() {
    let document = v2(&resources(), "v1.35.0");
    let mut ids = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values().filter(|o| o.get("operationId").is_some()) {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{operation}");
        }
    }
    assert!(ids.contains("listCoreV1NamespacedPod") && ids.contains("patchExampleComV1MachineStatus"), "{ids:?}");
}

/// The index with the documents themselves in place of their hashes.
fn index(all: &[Arc<Resource>]) -> Value {
    v3_index(all, |group, version| v3(all, group, version, "v1.35.0").map(|document| document.to_string()))
}

#[test]
fn the_index_changes_with_a_custom_schema_and_only_there() {
    let urls = |size: &Value| {
        let mut all = resources();
        let last = all.len() - 1;
        all[last] = Arc::new(machine(&json!({"type": "object", "properties": {"size": size}})));
        index(&all)["paths"].clone()
    };
    let (one, two) = (urls(&json!({"type": "integer"})), urls(&json!({"type": "string"})));
    assert_ne!(one["apis/example.com/v1"], two["apis/example.com/v1"]);
    assert_eq!(one["apis/apps/v1"], two["apis/apps/v1"]);
    assert_eq!(one, urls(&json!({"type": "integer"})));
    let url = one["api/v1"]["serverRelativeURL"].as_str().unwrap();
    assert!(url.starts_with("/openapi/v3/api/v1?hash=") && url.len() > 40, "{url}");
    assert_eq!(v3_index(&resources(), |_, _| None), json!({"paths": {}}));
}

#[test]
fn documents_are_made_quickly() {
    let all = resources();
    v2(&all, "warm");
    let start = Instant::now();
    let document = v2(&all, "v1.35.0");
    let bytes = v2_protobuf(&document);
    index(&all);
    assert!(bytes.len() > 100_000);
    // A debug build on a busy machine; an interactive command waits for this once per change of the kinds.
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

/// The fields of a protobuf message: number, wire type, payload.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        n
    }
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                let n = varint(&mut bytes);
                out.push((key >> 3, 0, n.to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)).unwrap(),
            other => panic!("wire type {other}"),
        };
        out.push((key >> 3, key & 7, bytes[..length].to_vec()));
        bytes = &bytes[length..];
    }
    out
}

/// The payloads of one field.
fn all(message: &[u8], field: u64) -> Vec<Vec<u8>> {
    fields(message).into_iter().filter(|(f, ..)| *f == field).map(|(.., p)| p).collect()
}

/// The value of an entry of a map message.
fn entry(map: &[u8], field: u64, name: &str) -> Vec<u8> {
    let found = all(map, field).into_iter().find(|e| all(e, 1) == [name.as_bytes().to_vec()]);
    all(&found.unwrap_or_else(|| panic!("no {name}")), 2).remove(0)
}

#[test]
fn the_protobuf_form_has_the_field_numbers_of_its_definition() {
    let bytes = v2_protobuf(&v2(&resources(), "v1.35.0"));
    assert_eq!(all(&bytes, 1), [b"2.0".to_vec()]);
    let definitions = all(&bytes, 9).remove(0);
    let machine = entry(&definitions, 1, "com.example.v1.Machine");
    assert_eq!(all(&machine, 4), [b"A server.".to_vec()], "description");
    assert_eq!(all(&all(&machine, 22)[0], 1), [b"object".to_vec()], "type");
    let group_version_kind = entry(&machine, 31, "x-kubernetes-group-version-kind");
    let yaml: Value = serde_json::from_slice(&all(&group_version_kind, 2)[0]).unwrap();
    assert_eq!(yaml[0]["kind"], "Machine");
    let spec = entry(&all(&machine, 25)[0], 1, "spec");
    assert_eq!(all(&spec, 19), [b"size".to_vec()], "required");
    let size = entry(&all(&spec, 25)[0], 1, "size");
    assert_eq!(all(&size, 9), [1.0_f64.to_le_bytes().to_vec()], "minimum");
    let rows = entry(&all(&spec, 25)[0], 1, "rows");
    assert_eq!(all(&rows, 23).len(), 1, "items");
    let item = entry(&all(&bytes, 8)[0], 2, "/apis/example.com/v1/machines/{name}");
    let patch = all(&item, 8).remove(0);
    let parameters: Vec<_> = all(&patch, 8)
        .iter()
        .map(|item| all(&all(item, 1)[0], 2))
        .filter_map(|mut non_body| non_body.pop())
        .map(|non_body| all(&all(&non_body, 3)[0], 4).remove(0))
        .collect();
    assert!(parameters.contains(&b"dryRun".to_vec()));
}
