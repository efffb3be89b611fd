use super::*;

#[tokio::test]
async fn three_kinds_of_patch() {
    let c = Cluster::new().await;
    c.config_map("a", json!({})).await;
    let uri = format!("{MAPS}/a");
    let merged = c.patch("merge", &uri, &json!({"data": {"x": "1", "k": null}})).await.expect(200);
    assert_eq!(merged["data"], json!({"x": "1"}));
    let json_patch =
        json!([{"op": "test", "path": "/data/x", "value": "1"}, {"op": "add", "path": "/data/y", "value": "2"}]);
    assert_eq!(c.patch("json", &uri, &json_patch).await.expect(200)["data"], json!({"x": "1", "y": "2"}));
    let strategic = json!({"data": {"$patch": "replace", "z": "3"}});
    assert_eq!(c.patch("strategic", &uri, &strategic).await.expect(200)["data"], json!({"z": "3"}));
}

#[tokio::test]
async fn refusals() {
    let c = Cluster::new().await;
    c.config_map("a", json!({})).await;
    let uri = format!("{MAPS}/a");
    c.patch("merge", &format!("{MAPS}/b"), &json!({})).await.refused(404, "not found");
    c.patch("merge", &uri, &json!([1])).await.refused(400, "must be a JSON object");
    c.send(Method::PATCH, &uri, &[("content-type", "application/merge-patch+json")], "{")
        .await
        .refused(400, "error decoding patch");
    c.send(Method::PATCH, &uri, &[("content-type", "application/json")], "{}")
        .await
        .refused(415, "application/strategic-merge-patch+json");
    c.patch("merge", &uri, &json!({"metadata": {"name": "other"}}))
        .await
        .refused(400, "does not match the name on the URL (a)");
    c.patch("merge", &uri, &json!({"kind": "Secret"})).await.refused(422, "does not match");
    c.patch("merge", &format!("{uri}?force=true"), &json!({}))
        .await
        .refused(422, "may not be specified for non-apply patch");
    let wrong = json!([{"op": "test", "path": "/data/k", "value": "no"}]);
    c.patch("json", &uri, &wrong).await.refused(422, "");
    c.widgets().await;
    c.widget("w", 1).await;
    c.patch("strategic", &format!("{WIDGETS}/w"), &json!({})).await.refused(415, "application/merge-patch+json");
    c.patch("merge", &format!("{WIDGETS}/w"), &json!({"spec": {"size": 99}})).await.refused(422, "spec.size");
    c.patch("merge", &format!("{WIDGETS}/w?fieldValidation=Strict"), &json!({"spec": {"x": 1}}))
        .await
        .refused(422, "strict decoding error: unknown field \"spec.x\"");
}

#[tokio::test]
async fn a_version_in_the_patch_is_a_precondition() {
    let c = Cluster::new().await;
    let made = c.config_map("a", json!({})).await;
    let uri = format!("{MAPS}/a");
    let version = &made["metadata"]["resourceVersion"];
    c.patch("merge", &uri, &json!({"metadata": {"resourceVersion": version}, "data": {"x": "1"}})).await.expect(200);
    c.patch("merge", &uri, &json!({"metadata": {"resourceVersion": version}, "data": {"x": "2"}}))
        .await
        .refused(409, "the object has been modified");
}

#[tokio::test]
async fn racing_patches_all_happen() {
    let c = Arc::new(Cluster::new().await);
    c.config_map("a", json!({})).await;
    let patches = (0..8).map(|i| {
        let c = Arc::clone(&c);
        tokio::spawn(async move {
            c.patch("merge", &format!("{MAPS}/a"), &json!({"data": {format!("k{i}"): "v"}})).await.expect(200);
        })
    });
    for patch in patches.collect::<Vec<_>>() {
        patch.await.expect("patched");
    }
    let after = c.get(&format!("{MAPS}/a")).await.expect(200);
    assert_eq!(after["data"].as_object().expect("data").len(), 9);
}

#[tokio::test]
async fn a_dry_run_patch_changes_nothing() {
    let c = Cluster::new().await;
    let made = c.config_map("a", json!({})).await;
    let shown = c.patch("merge", &format!("{MAPS}/a?dryRun=All"), &json!({"data": {"x": "1"}})).await.expect(200);
    assert_eq!(shown["data"]["x"], "1");
    assert_eq!(c.get(&format!("{MAPS}/a")).await.expect(200), made);
}
