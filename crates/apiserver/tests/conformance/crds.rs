//! "Extend the Kubernetes API with `CustomResourceDefinitions`".

use serde_json::{Value, json};

use super::{
    cluster::{Cluster, causes, unique},
    wait,
};

/// A custom kind of a group of its own.
pub(crate) struct Widgets {
    pub(crate) group: String,
    pub(crate) definition: String,
}

pub(crate) fn definition(group: &str) -> Value {
    let schema = json!({"type": "object", "required": ["spec"], "properties": {
        "spec": {
            "type": "object", "description": "What is wanted.", "required": ["size"],
            "x-kubernetes-validations": [
                {"rule": "!has(self.min) || self.min <= self.size", "message": "size must be at least min", "fieldPath": ".size"},
                {"rule": "self.colour == oldSelf.colour", "message": "colour is immutable"}],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 100, "description": "How large, in centimetres."},
                "min": {"type": "integer"},
                "colour": {"type": "string", "enum": ["red", "green"], "default": "red"},
                "name": {"type": "string", "maxLength": 8, "pattern": "^[a-z]*$"},
                "when": {"type": "string", "format": "date-time"},
                "port": {"x-kubernetes-int-or-string": true},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "parts": {"type": "array", "maxItems": 4, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
                    "items": {"type": "object", "required": ["id"], "properties": {
                        "id": {"type": "string"},
                        "weight": {"type": "integer", "default": 7}}}},
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}}},
        "status": {"type": "object", "properties": {"phase": {"type": "string"}, "seen": {"type": "integer"}}}}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wdg"], "categories": ["toys"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.colour"}],
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {"name": "Colour", "type": "string", "jsonPath": ".spec.colour", "priority": 1},
                    {"name": "Part", "type": "string", "jsonPath": ".spec.parts[0].id"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]}]}})
}

/// Installs the widgets of a new group and waits until they are served.
pub(crate) async fn install(c: &Cluster) -> Widgets {
    let group = format!("{}.example.com", unique("w"));
    let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let name = format!("widgets.{group}");
    c.admin().post(crds, &definition(&group)).await.expect(201);
    c.undo(format!("{crds}/{name}"));
    wait::until("the definition is established", || async {
        let seen = c.admin().get(&format!("{crds}/{name}")).await;
        let conditions = seen.json["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let established = conditions.iter().any(|c| c["type"] == "Established" && c["status"] == "True");
        if established && c.admin().get(&format!("/apis/{group}/v1/widgets")).await.code == 200 {
            Ok(())
        } else {
            Err(seen.text)
        }
    })
    .await;
    Widgets { group, definition: format!("{crds}/{name}") }
}

impl Widgets {
    pub(crate) fn path(&self, namespace: &str) -> String {
        format!("/apis/{}/v1/namespaces/{namespace}/widgets", self.group)
    }
    pub(crate) fn object(&self, name: &str, spec: &Value) -> Value {
        json!({"apiVersion": format!("{}/v1", self.group), "kind": "Widget", "metadata": {"name": name}, "spec": spec})
    }
}

#[tokio::test]
async fn defaults_and_pruning() {
    let c = Cluster::get().await;
    let w = install(&c).await;
    let path = w.path(&c.namespace().await);
    let spec = json!({"size": 3, "unknown": 1, "free": {"any": {"thing": [1]}}, "parts": [{"id": "a", "extra": true}], "port": "http"});
    let created = c.admin().post(&path, &w.object("a", &spec)).await.expect(201);
    assert_eq!(
        created["spec"],
        json!({"size": 3, "colour": "red", "free": {"any": {"thing": [1]}}, "parts": [{"id": "a", "weight": 7}], "port": "http"})
    );
    assert_eq!(created["metadata"]["generation"], 1);
    let strict = format!("{path}?fieldValidation=Strict");
    let status = c.admin().post(&strict, &w.object("b", &spec)).await.refused(400, "BadRequest");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("unknown field \"spec.unknown\""), "{message}");
    assert!(message.contains("unknown field \"spec.parts[0].extra\""), "{message}");
}

#[tokio::test]
async fn the_schema_refuses_with_the_field_and_the_reason() {
    let c = Cluster::get().await;
    let w = install(&c).await;
    let path = w.path(&c.namespace().await);
    for (spec, field, reason) in [
        (json!({}), "spec.size", "Required value"),
        (json!({"size": 0}), "spec.size", "should be greater than or equal to 1"),
        (json!({"size": 101}), "spec.size", "should be less than or equal to 100"),
        (json!({"size": "3"}), "spec.size", "must be of type integer"),
        (json!({"size": 3, "colour": "blue"}), "spec.colour", "supported values: "),
        (json!({"size": 3, "name": "abcdefghi"}), "spec.name", "Too long"),
        (json!({"size": 3, "name": "A1"}), "spec.name", "should match '^[a-z]*$'"),
        (json!({"size": 3, "when": "yesterday"}), "spec.when", "must be of type date-time"),
        (json!({"size": 3, "port": true}), "spec.port", "must be of type integer,string"),
        (json!({"size": 3, "min": 5}), "spec.size", "size must be at least min"),
        (json!({"size": 3, "parts": [{"id": "a"}, {"id": "a"}]}), "spec.parts[1]", "Duplicate value"),
        (json!({"size": 3, "tags": ["x", "x"]}), "spec.tags[1]", "Duplicate value"),
        (
            json!({"size": 3, "parts": [{"id": "1"}, {"id": "2"}, {"id": "3"}, {"id": "4"}, {"id": "5"}]}),
            "spec.parts",
            "Too many",
        ),
        (json!({"size": 3, "parts": [{}]}), "spec.parts[0].id", "Required value"),
    ] {
        let status = c.admin().post(&path, &w.object("a", &spec)).await.refused(422, "Invalid");
        assert!(causes(&status).contains(&field), "{spec}: {status}");
        assert!(status["message"].as_str().unwrap().contains(reason), "{spec}: {status}");
    }
}

#[tokio::test]
async fn transition_rules_see_the_old_value() {
    let c = Cluster::get().await;
    let w = install(&c).await;
    let path = w.path(&c.namespace().await);
    c.admin().post(&path, &w.object("a", &json!({"size": 3, "colour": "green"}))).await.expect(201);
    let change = json!({"spec": {"colour": "red"}});
    let status = c.admin().merge_patch(&format!("{path}/a"), &change).await.refused(422, "Invalid");
    assert!(status["message"].as_str().unwrap().contains("colour is immutable"), "{status}");
    c.admin().merge_patch(&format!("{path}/a"), &json!({"spec": {"size": 4}})).await.expect(200);
}

#[tokio::test]
async fn status_is_a_subresource() {
    let c = Cluster::get().await;
    let w = install(&c).await;
    let path = w.path(&c.namespace().await);
    let mut object = w.object("a", &json!({"size": 3}));
    object["status"] = json!({"phase": "Made up"});
    let created = c.admin().post(&path, &object).await.expect(201);
    assert!(created.get("status").is_none(), "status is not set on creation: {created}");
    let both = json!({"spec": {"size": 9}, "status": {"phase": "Ready"}, "metadata": {"labels": {"a": "b"}}});
    let written = c.admin().merge_patch(&format!("{path}/a/status"), &both).await.expect(200);
    assert_eq!((written["spec"]["size"].as_u64(), written["status"]["phase"].as_str()), (Some(3), Some("Ready")));
    assert!(written["metadata"].get("labels").is_none(), "{}", written["metadata"]);
    assert_eq!(written["metadata"]["generation"], 1);
    let written = c.admin().merge_patch(&format!("{path}/a"), &both).await.expect(200);
    assert_eq!(written["metadata"]["generation"], 2);
    c.admin().merge_patch(&format!("{path}/a/status"), &json!({"status": {"seen": "x"}})).await.refused(422, "Invalid");
}

#[tokio::test]
async fn strategic_patches_are_for_built_in_kinds() {
    let c = Cluster::get().await;
    let w = install(&c).await;
    let path = w.path(&c.namespace().await);
    c.admin().post(&path, &w.object("a", &json!({"size": 3}))).await.expect(201);
    c.admin().strategic_patch(&format!("{path}/a"), &json!({})).await.refused(415, "UnsupportedMediaType");
}

#[tokio::test]
async fn apply_merges_lists_by_the_schema() {
    let c = Cluster::get().await;
    let w = install(&c).await;
    let path = format!("{}/a", w.path(&c.namespace().await));
    let one = w.object("a", &json!({"size": 3, "parts": [{"id": "x", "weight": 1}], "tags": ["p"]}));
    c.admin().apply(&path, "?fieldManager=one", &one).await.expect(201);
    let two = w.object("a", &json!({"size": 3, "parts": [{"id": "y", "weight": 2}], "tags": ["q"]}));
    let merged = c.admin().apply(&path, "?fieldManager=two", &two).await.expect(200);
    assert_eq!(merged["spec"]["parts"], json!([{"id": "x", "weight": 1}, {"id": "y", "weight": 2}]));
    assert_eq!(merged["spec"]["tags"], json!(["p", "q"]));
    let status = c
        .admin()
        .apply(&path, "?fieldManager=three", &w.object("a", &json!({"size": 5})))
        .await
        .refused(409, "Conflict");
    assert!(causes(&status).contains(&".spec.size"), "{status}");
}

#[tokio::test]
async fn tables_show_the_printer_columns() {
    let c = Cluster::get().await;
    let w = install(&c).await;
    let path = w.path(&c.namespace().await);
    c.admin().post(&path, &w.object("a", &json!({"size": 3}))).await.expect(201);
    let table = c.admin().get_as(&path, "application/json;as=Table;v=v1;g=meta.k8s.io").await.expect(200);
    let columns: Vec<_> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["name"].as_str().unwrap(), c["priority"].as_i64().unwrap()))
        .collect();
    assert_eq!(columns, [("Name", 0), ("Size", 0), ("Colour", 1), ("Part", 0), ("Age", 0)]);
    let cells = table["rows"][0]["cells"].as_array().unwrap();
    assert_eq!((&cells[0], &cells[1], &cells[2]), (&json!("a"), &json!(3), &json!("red")));
    assert!(cells[3].is_null() || cells[3] == "", "a missing value: {cells:?}");
}

#[tokio::test]
async fn selectable_fields() {
    let c = Cluster::get().await;
    let w = install(&c).await;
    let path = w.path(&c.namespace().await);
    c.admin().post(&path, &w.object("a", &json!({"size": 3}))).await.expect(201);
    c.admin().post(&path, &w.object("b", &json!({"size": 3, "colour": "green"}))).await.expect(201);
    let list = c.admin().get(&format!("{path}?fieldSelector=spec.colour%3Dgreen")).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["metadata"]["name"], "b");
    c.admin().get(&format!("{path}?fieldSelector=spec.size%3D3")).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn bad_definitions_are_refused() {
    let c = Cluster::get().await;
    let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let group = format!("{}.example.com", unique("w"));
    let change = |edit: &dyn Fn(&mut Value)| {
        let mut crd = definition(&group);
        edit(&mut crd);
        crd
    };
    let schema = "/spec/versions/0/schema/openAPIV3Schema";
    for (crd, field) in [
        (change(&|d| d["metadata"]["name"] = "other.example.com".into()), "metadata.name"),
        (change(&|d| d["spec"]["versions"][0]["storage"] = false.into()), "spec.versions"),
        (change(&|d| d["spec"]["versions"][0]["schema"] = Value::Null), "spec.versions[0].schema.openAPIV3Schema"),
        (change(&|d| d["spec"]["scope"] = "Galactic".into()), "spec.scope"),
        (
            change(&|d| {
                let node = d.pointer_mut(schema).unwrap().pointer_mut("/properties/spec/properties/size").unwrap();
                node.as_object_mut().unwrap().remove("type");
            }),
            ".openAPIV3Schema.properties[spec].properties[size].type",
        ),
        (
            change(&|d| {
                d.pointer_mut(schema).unwrap()["properties"]["spec"]["x-kubernetes-validations"] =
                    json!([{"rule": "self.("}]);
            }),
            ".openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule",
        ),
    ] {
        let status = c.admin().post(crds, &crd).await.refused(422, "Invalid");
        // A schema that all versions share is named `spec.validation`, one of its own `spec.versions[i].schema`.
        assert!(causes(&status).iter().any(|cause| cause.ends_with(field)), "expected {field}: {status}");
    }
}

#[tokio::test]
async fn a_second_version_serves_the_same_objects() {
    let c = Cluster::get().await;
    let w = install(&c).await;
    let namespace = c.namespace().await;
    let path = w.path(&namespace);
    c.admin().post(&path, &w.object("a", &json!({"size": 3}))).await.expect(201);
    let mut crd = c.admin().get(&w.definition).await.expect(200);
    let mut second = crd["spec"]["versions"][0].clone();
    second["name"] = "v2".into();
    second["storage"] = false.into();
    crd["spec"]["versions"].as_array_mut().unwrap().push(second);
    c.admin().put(&w.definition, &crd).await.expect(200);
    let newer = format!("/apis/{}/v2/namespaces/{namespace}/widgets/a", w.group);
    let object = wait::until("v2 is served", || async {
        let answer = c.admin().get(&newer).await;
        if answer.code == 200 { Ok(answer.json) } else { Err(answer.text) }
    })
    .await;
    assert_eq!(object["apiVersion"], format!("{}/v2", w.group));
    assert_eq!(object["spec"]["size"], 3);
}

#[tokio::test]
async fn a_definition_takes_its_objects_along() {
    let c = Cluster::get().await;
    let w = install(&c).await;
    let path = w.path(&c.namespace().await);
    c.admin().post(&path, &w.object("a", &json!({"size": 3}))).await.expect(201);
    c.admin().delete(&w.definition).await.expect(200);
    wait::gone(c.admin(), &w.definition).await;
    wait::gone(c.admin(), &path).await;
    // A new definition of that name begins empty.
    c.admin().post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition(&w.group)).await.expect(201);
    wait::until("widgets are served again, and empty", || async {
        let answer = c.admin().get(&path).await;
        if answer.code == 200 && answer.json["items"] == json!([]) { Ok(()) } else { Err(answer.text) }
    })
    .await;
}
