use super::*;

#[tokio::test]
async fn a_stale_version_conflicts() {
    let c = Cluster::new().await;
    let mut first = c.config_map("a", json!({})).await;
    let stale = first.clone();
    first["data"]["k"] = "w".into();
    let second = c.put(&format!("{MAPS}/a"), &first).await.expect(200);
    assert_ne!(second["metadata"]["resourceVersion"], stale["metadata"]["resourceVersion"]);
    assert_eq!(second["metadata"]["uid"], stale["metadata"]["uid"]);
    let body = c
        .put(&format!("{MAPS}/a"), &stale)
        .await
        .refused(409, "the object has been modified; please apply your changes to the latest version and try again");
    assert!(body["message"].as_str().expect("text").starts_with("Operation cannot be fulfilled on configmaps \"a\": "));
}

#[tokio::test]
async fn without_a_version_it_is_unconditional_for_built_in_kinds_only() {
    let c = Cluster::new().await;
    c.config_map("a", json!({})).await;
    let mut object = map("a");
    object["data"] = json!({"new": "1"});
    assert_eq!(c.put(&format!("{MAPS}/a"), &object).await.expect(200)["data"], json!({"new": "1"}));
    c.widgets().await;
    c.widget("w", 1).await;
    c.put(&format!("{WIDGETS}/w"), &widget("w", 2))
        .await
        .refused(422, "metadata.resourceVersion: Invalid value: 0: must be specified for an update");
}

#[tokio::test]
async fn does_not_create() {
    let c = Cluster::new().await;
    c.put(&format!("{MAPS}/a"), &map("a")).await.refused(404, "configmaps \"a\" not found");
    c.put(&format!("{MAPS}/a"), &map("b"))
        .await
        .refused(400, "the name of the object (b) does not match the name on the URL (a)");
    c.put(&format!("{MAPS}/a"), &json!({})).await.refused(400, "name of the object must be provided");
}

#[tokio::test]
async fn identity_is_immutable() {
    let c = Cluster::new().await;
    let made = c.config_map("a", json!({})).await;
    let mut other = made.clone();
    other["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z".into();
    let kept = c.put(&format!("{MAPS}/a"), &other).await.expect(200);
    assert_eq!(kept, made, "the client's time counts for nothing");
    let mut other = made.clone();
    other["metadata"]["uid"] = "other".into();
    c.put(&format!("{MAPS}/a"), &other).await.refused(409, "Precondition failed: UID in precondition: other");
    let mut other = made;
    other["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z".into();
    c.put(&format!("{MAPS}/a"), &other).await.refused(422, "metadata.deletionTimestamp");
}

#[tokio::test]
async fn what_changes_nothing_is_not_written() {
    let c = Cluster::new().await;
    c.widgets().await;
    let made = c.widget("w", 1).await;
    let again = c.put(&format!("{WIDGETS}/w"), &made).await.expect(200);
    assert_eq!(again, made);
    let patched = c.patch("merge", &format!("{WIDGETS}/w"), &json!({"spec": {"size": 1}})).await.expect(200);
    assert_eq!(patched, made);
}

#[tokio::test]
async fn generation_counts_the_spec_only() {
    let c = Cluster::new().await;
    c.widgets().await;
    c.widget("w", 1).await;
    let uri = format!("{WIDGETS}/w");
    let labelled = c.patch("merge", &uri, &json!({"metadata": {"labels": {"a": "b"}}})).await.expect(200);
    assert_eq!(labelled["metadata"]["generation"], 1);
    let changed = c.patch("merge", &uri, &json!({"spec": {"size": 2}})).await.expect(200);
    assert_eq!(changed["metadata"]["generation"], 2);
    let status = c.patch("merge", &format!("{uri}/status"), &json!({"status": {"phase": "Up"}})).await.expect(200);
    assert_eq!(status["metadata"]["generation"], 2);
    let forged = c.patch("merge", &uri, &json!({"metadata": {"generation": 40}})).await.expect(200);
    assert_eq!(forged["metadata"]["generation"], 2);
}

#[tokio::test]
async fn status_and_spec_are_written_apart() {
    let c = Cluster::new().await;
    c.widgets().await;
    let mut w = c.widget("w", 1).await;
    let uri = format!("{WIDGETS}/w");
    w["status"] = json!({"phase": "Up"});
    w["spec"]["size"] = 5.into();
    w["metadata"]["labels"] = json!({"l": "1"});
    let after = c.put(&format!("{uri}/status"), &w).await.expect(200);
    assert_eq!((&after["status"]["phase"], &after["spec"]["size"]), (&json!("Up"), &json!(1)));
    assert!(after["metadata"].get("labels").is_none());
    assert!(
        after["metadata"]["managedFields"].as_array().expect("owners").iter().any(|m| m["subresource"] == "status")
    );
    let mut next = after.clone();
    next["status"] = json!({"phase": "Down"});
    next["spec"]["size"] = 6.into();
    let after = c.put(&uri, &next).await.expect(200);
    assert_eq!((&after["status"]["phase"], &after["spec"]["size"]), (&json!("Up"), &json!(6)));
    assert_eq!(c.get(&format!("{uri}/status")).await.expect(200), after);
    c.get(&format!("{uri}/nothing")).await.refused(404, "could not find the requested resource");
    c.delete(&format!("{uri}/status"), Value::Null).await.refused(405, "does not allow this method");
}

#[tokio::test]
async fn a_nodes_status_endpoint_may_annotate() {
    let c = Cluster::new().await;
    c.post("/api/v1/nodes", &json!({"metadata": {"name": "n"}})).await.expect(201);
    let patch = json!({"metadata": {"annotations": {"a": "b"}}, "spec": {"unschedulable": true}, "status": {"nodeInfo": {"architecture": "amd64"}}});
    let node = c.patch("strategic", "/api/v1/nodes/n/status", &patch).await.expect(200);
    assert_eq!(node["metadata"]["annotations"]["a"], "b");
    assert_eq!(node["status"]["nodeInfo"]["architecture"], "amd64");
    assert!(node["spec"].get("unschedulable").is_none());
}

#[tokio::test]
async fn scale_is_a_view_of_the_replicas() {
    let c = Cluster::new().await;
    let labels = json!({"app": "d"});
    let deployment = json!({
        "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    });
    let uri = "/apis/apps/v1/namespaces/default/deployments";
    c.post(uri, &deployment).await.expect(201);
    let mut scale = c.get(&format!("{uri}/d/scale")).await.expect(200);
    assert_eq!(
        (&scale["kind"], &scale["spec"]["replicas"], &scale["status"]["selector"]),
        (&json!("Scale"), &json!(1), &json!("app=d"))
    );
    scale["spec"]["replicas"] = 4.into();
    assert_eq!(c.put(&format!("{uri}/d/scale"), &scale).await.expect(200)["spec"]["replicas"], 4);
    c.put(&format!("{uri}/d/scale"), &scale).await.refused(409, "the object has been modified");
    let patched = c.patch("merge", &format!("{uri}/d/scale"), &json!({"spec": {"replicas": 2}})).await.expect(200);
    assert_eq!(patched["spec"]["replicas"], 2);
    let after = c.get(&format!("{uri}/d")).await.expect(200);
    assert_eq!((&after["spec"]["replicas"], &after["metadata"]["generation"]), (&json!(2), &json!(3)));
    c.patch("merge", &format!("{uri}/d/scale"), &json!({"spec": {"replicas": -1}})).await.refused(422, "spec.replicas");
}
