//! The patch types: "Update API Objects in Place Using kubectl patch", RFC 6902, RFC 7386, and the strategic merge patch of
//! the API conventions.

use http::Method;
use serde_json::{Value, json};

use super::cluster::Cluster;

async fn deployment(c: &Cluster) -> String {
    let deployments = format!("/apis/apps/v1/namespaces/{}/deployments", c.namespace().await);
    let body = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "d", "labels": {"x": "1"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "tolerations": [{"key": "one", "operator": "Exists"}],
                "containers": [
                    {"name": "first", "image": "one", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
                    {"name": "second", "image": "two"}]}}}});
    c.admin().post(&deployments, &body).await.expect(201);
    format!("{deployments}/d")
}

fn containers(object: &Value) -> Vec<(&str, &str)> {
    let list = object["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    list.iter().map(|c| (c["name"].as_str().unwrap(), c["image"].as_str().unwrap())).collect()
}

fn pod_spec(spec: &Value) -> Value {
    json!({"spec": {"template": {"spec": spec}}})
}

#[tokio::test]
async fn json_patches() {
    let c = Cluster::get().await;
    let path = deployment(&c).await;
    let patch = json!([
        {"op": "test", "path": "/metadata/labels/x", "value": "1"},
        {"op": "replace", "path": "/metadata/labels/x", "value": "2"},
        {"op": "add", "path": "/metadata/labels/y~1z", "value": "3"},
        {"op": "copy", "from": "/metadata/labels/x", "path": "/metadata/labels/w"},
        {"op": "move", "from": "/metadata/labels/w", "path": "/metadata/labels/v"}]);
    let patched = c.admin().json_patch(&path, &patch).await.expect(200);
    assert_eq!(patched["metadata"]["labels"], json!({"x": "2", "y/z": "3", "v": "2"}));

    let failing = json!([{"op": "test", "path": "/metadata/labels/x", "value": "no"}]);
    c.admin().json_patch(&path, &failing).await.refused(422, "Invalid");
    let missing = json!([{"op": "remove", "path": "/metadata/labels/absent"}]);
    c.admin().json_patch(&path, &missing).await.refused(422, "Invalid");
    c.admin().json_patch(&path, &json!({"not": "a list"})).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn merge_patches() {
    let c = Cluster::get().await;
    let path = deployment(&c).await;
    let patch = json!({"metadata": {"labels": {"x": null, "y": "2"}},
        "spec": {"template": {"spec": {"containers": [{"name": "only", "image": "three"}]}}}});
    let patched = c.admin().merge_patch(&path, &patch).await.expect(200);
    assert_eq!(patched["metadata"]["labels"], json!({"y": "2"}));
    assert_eq!(containers(&patched), [("only", "three")], "lists are replaced");
}

#[tokio::test]
async fn strategic_patches_merge_lists_by_key() {
    let c = Cluster::get().await;
    let path = deployment(&c).await;
    let patch = pod_spec(&json!({"containers": [{"name": "second", "image": "2b"}, {"name": "third", "image": "3"}]}));
    let patched = c.admin().strategic_patch(&path, &patch).await.expect(200);
    let mut found = containers(&patched);
    found.sort_unstable();
    assert_eq!(found, [("first", "one"), ("second", "2b"), ("third", "3")]);

    let nested = pod_spec(&json!({"containers": [{"name": "first", "env": [{"name": "B", "value": "9"}]}]}));
    let patched = c.admin().strategic_patch(&path, &nested).await.expect(200);
    let list = patched["spec"]["template"]["spec"]["containers"].as_array().unwrap().clone();
    let first = list.iter().find(|c| c["name"] == "first").unwrap();
    assert_eq!(first["env"], json!([{"name": "A", "value": "1"}, {"name": "B", "value": "9"}]));

    let delete = pod_spec(&json!({"containers": [{"name": "third", "$patch": "delete"}]}));
    let patched = c.admin().strategic_patch(&path, &delete).await.expect(200);
    assert!(!containers(&patched).contains(&("third", "3")));

    // Tolerations have no merge key: replaced.
    let tolerations = pod_spec(&json!({"tolerations": [{"key": "two", "operator": "Exists"}]}));
    let patched = c.admin().strategic_patch(&path, &tolerations).await.expect(200);
    assert_eq!(patched["spec"]["template"]["spec"]["tolerations"].as_array().unwrap().len(), 1);

    let replace = pod_spec(&json!({"containers": [{"$patch": "replace"}, {"name": "only", "image": "1"}]}));
    let patched = c.admin().strategic_patch(&path, &replace).await.expect(200);
    assert_eq!(containers(&patched), [("only", "1")]);
}

#[tokio::test]
async fn strategic_patches_keep_element_order_and_retain_keys() {
    let c = Cluster::get().await;
    let path = deployment(&c).await;
    let patch = pod_spec(&json!({
        "$setElementOrder/containers": [{"name": "second"}, {"name": "new"}, {"name": "first"}],
        "containers": [{"name": "new", "image": "n"}]}));
    let patched = c.admin().strategic_patch(&path, &patch).await.expect(200);
    assert_eq!(containers(&patched), [("second", "two"), ("new", "n"), ("first", "one")]);

    let recreate = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
    let patched = c.admin().strategic_patch(&path, &recreate).await.expect(200);
    assert_eq!(patched["spec"]["strategy"], json!({"type": "Recreate"}));
}

#[tokio::test]
async fn patches_edit_primitive_lists() {
    let c = Cluster::get().await;
    let path = deployment(&c).await;
    let add = json!({"metadata": {"finalizers": ["example.com/a", "example.com/b"]}});
    c.admin().strategic_patch(&path, &add).await.expect(200);
    let more = json!({"metadata": {"finalizers": ["example.com/c"]}});
    let patched = c.admin().strategic_patch(&path, &more).await.expect(200);
    // Where a new item goes is not promised.
    let mut found: Vec<_> =
        patched["metadata"]["finalizers"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, ["example.com/a", "example.com/b", "example.com/c"]);
    let remove = json!({"metadata": {
        "$deleteFromPrimitiveList/finalizers": ["example.com/a", "example.com/b", "example.com/c"]}});
    let patched = c.admin().strategic_patch(&path, &remove).await.expect(200);
    assert!(patched["metadata"].get("finalizers").is_none_or(|f| f == &json!([])), "{}", patched["metadata"]);
}

#[tokio::test]
async fn unknown_patch_types_are_refused() {
    let c = Cluster::get().await;
    let path = deployment(&c).await;
    let headers = [("content-type", "application/json")];
    c.admin().call(Method::PATCH, &path, &headers, b"{}".to_vec()).await.refused(415, "UnsupportedMediaType");
    let headers = [("content-type", "application/merge-patch+json")];
    c.admin().call(Method::PATCH, &path, &headers, b"{".to_vec()).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn a_patch_cannot_break_an_object() {
    let c = Cluster::get().await;
    let path = deployment(&c).await;
    c.admin().merge_patch(&path, &json!({"spec": {"replicas": -1}})).await.refused(422, "Invalid");
    c.admin().merge_patch(&path, &json!({"metadata": {"name": "other"}})).await.refused(400, "BadRequest");
    c.admin().merge_patch(&path, &json!({"kind": "ConfigMap"})).await.refused(422, "Invalid");
}
