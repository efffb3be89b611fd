use super::*;

fn uri(manager: &str) -> String {
    format!("{MAPS}/a?fieldManager={manager}")
}
#[allow(clippy::needless_pass_by_value, reason = "callers read better with literals")]
fn config(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

#[tokio::test]
async fn creates_and_then_changes() {
    let c = Cluster::new().await;
    let made = c.patch("apply", &uri("one"), &config(json!({"x": "1"}))).await.expect(201);
    assert_eq!(made["metadata"]["managedFields"][0]["operation"], "Apply");
    let same = c.patch("apply", &uri("one"), &config(json!({"x": "1"}))).await.expect(200);
    assert_eq!(same["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"], "nothing changed");
    let next = c.patch("apply", &uri("one"), &config(json!({"y": "2"}))).await.expect(200);
    assert_eq!(next["data"], json!({"y": "2"}), "what is no longer applied goes");
}

#[tokio::test]
async fn conflicts_unless_forced() {
    let c = Cluster::new().await;
    c.patch("apply", &uri("one"), &config(json!({"x": "1"}))).await.expect(201);
    let body = c.patch("apply", &uri("two"), &config(json!({"x": "2"}))).await.refused(409, "conflict");
    assert_eq!(body["details"]["causes"][0]["reason"], "FieldManagerConflict");
    assert_eq!(body["details"]["causes"][0]["field"], ".data.x");
    let forced = c.patch("apply", &format!("{}&force=true", uri("two")), &config(json!({"x": "2"}))).await.expect(200);
    assert_eq!(forced["data"]["x"], "2");
}

#[tokio::test]
async fn takes_yaml() {
    let c = Cluster::new().await;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: \"1\"\n";
    let made =
        c.send(Method::PATCH, &uri("one"), &[("content-type", "application/apply-patch+yaml")], text).await.expect(201);
    assert_eq!(made["data"]["x"], "1");
}

#[tokio::test]
async fn refusals() {
    let c = Cluster::new().await;
    c.patch("apply", &format!("{MAPS}/a"), &config(json!({})))
        .await
        .refused(422, "fieldManager: Required value: is required for apply patch");
    c.patch("apply", &uri("one"), &json!({"metadata": {"name": "a"}})).await.refused(400, "apiVersion must be set");
    c.patch("apply", &uri("one"), &json!([])).await.refused(400, "must be a JSON object");
    let mut other = config(json!({}));
    other["metadata"]["name"] = "b".into();
    c.patch("apply", &uri("one"), &other).await.refused(400, "does not match the name on the URL");
    let mut managed = config(json!({}));
    managed["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    c.patch("apply", &uri("one"), &managed).await.refused(400, "metadata.managedFields must be nil");
    let mut known = config(json!({}));
    known["metadata"]["uid"] = "u".into();
    c.patch("apply", &uri("one"), &known).await.refused(409, "uid mismatch");
}

#[tokio::test]
async fn creating_by_apply_needs_create() {
    let c = Cluster::new().await;
    let role = json!({"metadata": {"name": "patcher"}, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}]});
    c.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", &role).await.expect(201);
    let binding = json!({
        "metadata": {"name": "patcher"}, "subjects": [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "patcher"},
    });
    c.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await.expect(201);
    let jane = c.user("jane");
    let headers = [("content-type", "application/apply-patch+yaml")];
    let text = config(json!({})).to_string();
    send(&jane, Method::PATCH, &uri("one"), &headers, text.clone()).await.refused(403, "cannot create");
    c.config_map("a", json!({})).await;
    send(&jane, Method::PATCH, &uri("one"), &headers, text).await.expect(200);
}

#[tokio::test]
async fn status_and_spec_are_applied_apart() {
    let c = Cluster::new().await;
    c.widgets().await;
    let mut object = widget("w", 2);
    object["status"] = json!({"phase": "Up"});
    let made = c.patch("apply", &format!("{WIDGETS}/w?fieldManager=one"), &object).await.expect(201);
    assert!(made.get("status").is_none());
    object["spec"]["size"] = 7.into();
    let after = c.patch("apply", &format!("{WIDGETS}/w/status?fieldManager=two"), &object).await.expect(200);
    assert_eq!((&after["spec"]["size"], &after["status"]["phase"]), (&json!(2), &json!("Up")));
}
