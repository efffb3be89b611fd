use super::*;

#[tokio::test]
async fn answers_with_a_status() {
    let c = Cluster::new().await;
    let made = c.config_map("a", json!({})).await;
    let status = c.delete(&format!("{MAPS}/a"), Value::Null).await.expect(200);
    assert_eq!((&status["kind"], &status["status"]), (&json!("Status"), &json!("Success")));
    assert_eq!(status["details"], json!({"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}));
    c.delete(&format!("{MAPS}/a"), Value::Null).await.refused(404, "configmaps \"a\" not found");
}

#[tokio::test]
async fn preconditions() {
    let c = Cluster::new().await;
    let made = c.config_map("a", json!({})).await;
    let uri = format!("{MAPS}/a");
    c.delete(&uri, json!({"preconditions": {"uid": "other"}})).await.refused(409, "UID in precondition: other");
    c.delete(&uri, json!({"preconditions": {"resourceVersion": "1"}}))
        .await
        .refused(409, "ResourceVersion in precondition: 1");
    c.delete(&uri, json!({"preconditions": {"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]}})).await.expect(200);
    c.delete(&uri, json!({"propagationPolicy": "Up"})).await.refused(422, "propagationPolicy");
    c.delete(&uri, json!([])).await.refused(400, "must be a JSON object");
}

#[tokio::test]
async fn finalizers_hold_the_object() {
    let c = Cluster::new().await;
    let mut object = map("a");
    object["metadata"]["finalizers"] = json!(["example.com/hold"]);
    c.post(MAPS, &object).await.expect(201);
    let uri = format!("{MAPS}/a");
    let dying = c.delete(&uri, Value::Null).await.expect(200);
    assert_eq!(dying["kind"], "ConfigMap");
    assert!(dying["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(dying["metadata"]["deletionGracePeriodSeconds"], 0);
    assert_eq!(c.delete(&uri, Value::Null).await.expect(200), dying, "deleting again changes nothing");
    let mut more = dying.clone();
    more["metadata"]["finalizers"] = json!(["example.com/hold", "example.com/more"]);
    c.put(&uri, &more).await.refused(422, "no new finalizers can be added if the object is being deleted");
    c.patch("merge", &uri, &json!({"data": {"still": "alive"}})).await.expect(200);
    c.patch("merge", &uri, &json!({"metadata": {"finalizers": null}})).await.expect(200);
    c.get(&uri).await.refused(404, "not found");
}

#[tokio::test]
async fn propagation_becomes_a_finalizer() {
    let c = Cluster::new().await;
    for (name, policy, finalizer) in [("a", "Orphan", "orphan"), ("b", "Foreground", "foregroundDeletion")] {
        c.config_map(name, json!({})).await;
        let dying = c.delete(&format!("{MAPS}/{name}?propagationPolicy={policy}"), Value::Null).await.expect(200);
        assert_eq!(dying["metadata"]["finalizers"], json!([finalizer]));
    }
    c.config_map("d", json!({})).await;
    c.delete(&format!("{MAPS}/d"), json!({"propagationPolicy": "Background"})).await.expect(200);
    c.get(&format!("{MAPS}/d")).await.refused(404, "not found");
}

#[tokio::test]
async fn a_dry_run_deletes_nothing() {
    let c = Cluster::new().await;
    c.config_map("a", json!({})).await;
    c.delete(&format!("{MAPS}/a"), json!({"dryRun": ["All"]})).await.expect(200);
    c.delete(&format!("{MAPS}/a?dryRun=All"), Value::Null).await.expect(200);
    c.get(&format!("{MAPS}/a")).await.expect(200);
}

#[tokio::test]
async fn collections_by_selector() {
    let c = Cluster::new().await;
    for (name, app) in [("a", "x"), ("b", "y"), ("d", "x")] {
        c.config_map(name, json!({"app": app})).await;
    }
    let gone = c.delete(&format!("{MAPS}?labelSelector=app%3Dx"), Value::Null).await.expect(200);
    assert_eq!(gone["items"].as_array().expect("items").len(), 2);
    let left = c.get(MAPS).await.expect(200);
    assert_eq!(left["items"][0]["metadata"]["name"], "b");
    c.delete("/api/v1/configmaps", Value::Null).await.refused(405, "does not allow this method");
}

#[tokio::test]
async fn a_running_pod_gets_time() {
    let c = Cluster::new().await;
    let uri = "/api/v1/namespaces/default/pods";
    let pod = |name: &str, node: &str| json!({"metadata": {"name": name}, "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i"}]}});
    c.post(uri, &pod("idle", "")).await.expect(201);
    c.delete(&format!("{uri}/idle"), Value::Null).await.expect(200);
    c.get(&format!("{uri}/idle")).await.refused(404, "not found");
    c.post(uri, &pod("busy", "n")).await.expect(201);
    let dying = c.delete(&format!("{uri}/busy"), Value::Null).await.expect(200);
    assert_eq!(dying["metadata"]["deletionGracePeriodSeconds"], 30);
    let sooner = c.delete(&format!("{uri}/busy?gracePeriodSeconds=5"), Value::Null).await.expect(200);
    assert_eq!(sooner["metadata"]["deletionGracePeriodSeconds"], 5);
    c.delete(&format!("{uri}/busy"), json!({"gracePeriodSeconds": 0})).await.expect(200);
    c.get(&format!("{uri}/busy")).await.refused(404, "not found");
}

#[tokio::test]
async fn some_namespaces_last() {
    let c = Cluster::new().await;
    c.delete("/api/v1/namespaces/default", Value::Null).await.refused(403, "this namespace may not be deleted");
}

#[tokio::test]
async fn a_deleted_definition_is_no_longer_served() {
    let c = Cluster::new().await;
    c.widgets().await;
    c.get(WIDGETS).await.expect(200);
    let uri = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com";
    // What holds a definition back while objects exist is a finalizer of the server's own.
    c.delete(uri, Value::Null).await.expect(200);
    if c.get(uri).await.code == 200 {
        c.patch("merge", uri, &json!({"metadata": {"finalizers": null}})).await.expect(200);
    }
    c.get(WIDGETS).await.refused(404, "could not find the requested resource");
}

#[tokio::test]
async fn what_is_kept_for_the_collector_has_no_empty_metadata() {
    let c = Cluster::new().await;
    let made = c.post(MAPS, &map("a")).await.expect(201);
    assert!(made["metadata"].get("managedFields").is_none(), "{made}");
    let kept = c.delete(&format!("{MAPS}/a"), json!({"propagationPolicy": "Orphan"})).await.expect(200);
    assert_eq!(kept["metadata"]["finalizers"], json!(["orphan"]));
    assert!(kept["metadata"].as_object().expect("metadata").values().all(|v| !v.is_null()), "{kept}");
}
