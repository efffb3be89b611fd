//! Status and scale: API conventions, "Spec and Status"; "`CustomResourceDefinitions`", "Status subresource".

use serde_json::{Value, json};

use super::cluster::{Cluster, unique};

#[tokio::test]
async fn status_and_spec_are_written_apart() {
    let c = Cluster::get().await;
    let name = unique("node");
    let nodes = "/api/v1/nodes";
    let body = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"nodeInfo": {"kubeletVersion": "v0"}}});
    c.undo(format!("{nodes}/{name}"));
    c.admin().post(nodes, &body).await.expect(201);
    let path = format!("{nodes}/{name}");

    let status = json!({"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Test", "message": "",
        "lastHeartbeatTime": "2024-01-01T00:00:00Z", "lastTransitionTime": "2024-01-01T00:00:00Z"}]},
        "spec": {"unschedulable": true}});
    let written = c.admin().merge_patch(&format!("{path}/status"), &status).await.expect(200);
    assert_eq!(written["status"]["conditions"][0]["type"], "Ready");
    assert!(
        written["spec"].get("unschedulable").is_none(),
        "the spec is not the status's to change: {}",
        written["spec"]
    );

    let both = json!({"status": {"conditions": null}, "spec": {"unschedulable": true}});
    let written = c.admin().merge_patch(&path, &both).await.expect(200);
    assert_eq!(written["spec"]["unschedulable"], true);
    assert_eq!(written["status"]["conditions"][0]["type"], "Ready", "the status is not the spec's to change");

    let second = json!({"status": {"conditions": [{"type": "DiskPressure", "status": "False"}]}});
    let merged = c.admin().strategic_patch(&format!("{path}/status"), &second).await.expect(200);
    assert_eq!(merged["status"]["conditions"].as_array().unwrap().len(), 2, "conditions merge by type");
}

#[tokio::test]
async fn a_status_update_carries_its_precondition() {
    let c = Cluster::get().await;
    let name = unique("node");
    let body = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
    c.undo(format!("/api/v1/nodes/{name}"));
    let old = c.admin().post("/api/v1/nodes", &body).await.expect(201);
    let path = format!("/api/v1/nodes/{name}");
    c.admin().merge_patch(&path, &json!({"metadata": {"labels": {"x": "y"}}})).await.expect(200);
    let mut stale: Value = old;
    stale["status"]["phase"] = "Running".into();
    c.admin().put(&format!("{path}/status"), &stale).await.refused(409, "Conflict");
    let fresh = c.admin().get(&format!("{path}/status")).await.expect(200);
    c.admin().put(&format!("{path}/status"), &fresh).await.expect(200);
}
