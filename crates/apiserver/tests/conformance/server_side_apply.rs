//! "Server-Side Apply": ownership, conflicts, transfer, removal.

use serde_json::{Value, json};

use super::cluster::{Cluster, causes};

fn map(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data})
}

fn owned<'a>(object: &'a Value, manager: &str) -> &'a Value {
    let entry = object["metadata"]["managedFields"].as_array().into_iter().flatten().find(|e| e["manager"] == manager);
    entry.map_or(&Value::Null, |e| &e["fieldsV1"])
}

#[tokio::test]
async fn apply_creates_owns_and_removes() {
    let c = Cluster::get().await;
    let path = format!("/api/v1/namespaces/{}/configmaps/m", c.namespace().await);
    let created = c.admin().apply(&path, "?fieldManager=one", &map(&json!({"a": "1", "b": "2"}))).await.expect(201);
    let entry = &created["metadata"]["managedFields"][0];
    assert_eq!(entry["manager"], "one");
    assert_eq!(entry["operation"], "Apply");
    assert_eq!((entry["apiVersion"].as_str(), entry["fieldsType"].as_str()), (Some("v1"), Some("FieldsV1")));
    assert_eq!(entry["fieldsV1"], json!({"f:data": {"f:a": {}, "f:b": {}}}));

    // The same again changes nothing.
    let again = c.admin().apply(&path, "?fieldManager=one", &map(&json!({"a": "1", "b": "2"}))).await.expect(200);
    assert_eq!(again["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);

    // What is no longer applied goes, unless somebody else owns it.
    c.admin().apply(&path, "?fieldManager=two", &map(&json!({"b": "2"}))).await.expect(200);
    let less = c.admin().apply(&path, "?fieldManager=one", &map(&json!({}))).await.expect(200);
    assert_eq!(less["data"], json!({"b": "2"}));
}

#[tokio::test]
async fn conflicts_name_the_manager_and_the_field() {
    let c = Cluster::get().await;
    let path = format!("/api/v1/namespaces/{}/configmaps/m", c.namespace().await);
    c.admin().apply(&path, "?fieldManager=one", &map(&json!({"a": "1"}))).await.expect(201);
    // The same value is shared, not disputed.
    c.admin().apply(&path, "?fieldManager=two", &map(&json!({"a": "1"}))).await.expect(200);
    let other = map(&json!({"a": "9"}));
    let status = c.admin().apply(&path, "?fieldManager=three", &other).await.refused(409, "Conflict");
    assert!(
        status["message"].as_str().unwrap().starts_with("Apply failed with 2 conflicts: conflicts with"),
        "{status}"
    );
    assert_eq!(causes(&status), [".data.a", ".data.a"]);
    assert_eq!(status["details"]["causes"][0]["reason"], "FieldManagerConflict");
    // In any order.
    for manager in ["conflict with \"one\"", "conflict with \"two\""] {
        let causes = status["details"]["causes"].as_array().unwrap();
        assert!(causes.iter().any(|c| c["message"].as_str().unwrap().starts_with(manager)), "{manager}: {status}");
    }

    let forced = c.admin().apply(&path, "?fieldManager=three&force=true", &other).await.expect(200);
    assert_eq!(forced["data"]["a"], "9");
    assert_eq!(owned(&forced, "one"), &Value::Null, "nothing is left of the former owner");
    assert_eq!(owned(&forced, "three"), &json!({"f:data": {"f:a": {}}}));
}

#[tokio::test]
async fn updates_take_ownership_of_what_they_change() {
    let c = Cluster::get().await;
    let path = format!("/api/v1/namespaces/{}/configmaps/m", c.namespace().await);
    c.admin().apply(&path, "?fieldManager=one", &map(&json!({"a": "1", "b": "2"}))).await.expect(201);
    let patched =
        c.admin().merge_patch(&format!("{path}?fieldManager=hand"), &json!({"data": {"a": "5"}})).await.expect(200);
    assert_eq!(owned(&patched, "hand"), &json!({"f:data": {"f:a": {}}}));
    assert_eq!(owned(&patched, "one"), &json!({"f:data": {"f:b": {}}}));
    let status =
        c.admin().apply(&path, "?fieldManager=one", &map(&json!({"a": "1", "b": "2"}))).await.refused(409, "Conflict");
    assert_eq!(causes(&status), [".data.a"]);
    assert!(
        status["message"].as_str().unwrap().starts_with("Apply failed with 1 conflict: conflict with \"hand\""),
        "{status}"
    );
}

#[tokio::test]
async fn apply_needs_a_manager_and_a_clean_object() {
    let c = Cluster::get().await;
    let path = format!("/api/v1/namespaces/{}/configmaps/m", c.namespace().await);
    c.admin().apply(&path, "", &map(&json!({}))).await.refused(422, "Invalid");
    let mut dirty = map(&json!({}));
    dirty["metadata"]["managedFields"] = json!([{"manager": "x", "operation": "Apply", "apiVersion": "v1",
        "fieldsType": "FieldsV1", "fieldsV1": {}}]);
    let status = c.admin().apply(&path, "?fieldManager=one", &dirty).await.refused(400, "BadRequest");
    assert!(status["message"].as_str().unwrap().contains("metadata.managedFields must be nil"), "{status}");
    let mut other = map(&json!({}));
    other["metadata"]["name"] = "other".into();
    c.admin().apply(&path, "?fieldManager=one", &other).await.refused(400, "BadRequest");
    c.admin().merge_patch(&format!("{path}?force=true"), &json!({})).await.refused(422, "Invalid");
}

#[tokio::test]
async fn lists_with_keys_merge_item_by_item() {
    let c = Cluster::get().await;
    let path = format!("/api/v1/namespaces/{}/services/s", c.namespace().await);
    let service = |ports: Value| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
            "spec": {"clusterIP": "None", "selector": {"a": "b"}, "ports": ports}})
    };
    let http = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
    c.admin().apply(&path, "?fieldManager=one", &service(http.clone())).await.expect(201);
    // A key's default counts: protocol is TCP when it is not given.
    let both = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
        "spec": {"ports": [{"name": "https", "port": 443}]}});
    let merged = c.admin().apply(&path, "?fieldManager=two", &both).await.expect(200);
    let ports: Vec<_> =
        merged["spec"]["ports"].as_array().unwrap().iter().map(|p| p["port"].as_u64().unwrap()).collect();
    assert_eq!(ports, [80, 443]);
    let key = r#"k:{"port":443,"protocol":"TCP"}"#;
    assert!(owned(&merged, "two")["f:spec"]["f:ports"].get(key).is_some(), "{}", owned(&merged, "two"));

    let none = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}});
    let less = c.admin().apply(&path, "?fieldManager=two", &none).await.expect(200);
    assert_eq!(less["spec"]["ports"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn managed_fields_can_be_reset() {
    let c = Cluster::get().await;
    let path = format!("/api/v1/namespaces/{}/configmaps/m", c.namespace().await);
    c.admin().apply(&path, "?fieldManager=one", &map(&json!({"a": "1"}))).await.expect(201);
    let reset = json!({"metadata": {"managedFields": [{}]}});
    let object = c.admin().merge_patch(&path, &reset).await.expect(200);
    assert_eq!(owned(&object, "one"), &Value::Null);
    // Nobody owns it now, so anybody may apply.
    c.admin().apply(&path, "?fieldManager=two", &map(&json!({"b": "1"}))).await.expect(200);
}
