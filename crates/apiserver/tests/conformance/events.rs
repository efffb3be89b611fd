//! Events, through both of their API groups.

use serde_json::json;

use super::cluster::Cluster;

#[tokio::test]
async fn one_event_two_groups() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let body = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
        "eventTime": "2024-01-01T00:00:00.000000Z", "type": "Normal", "reason": "Tested", "action": "Testing", "note": "all is well",
        "reportingController": "example.com/tester", "reportingInstance": "tester-1",
        "regarding": {"apiVersion": "v1", "kind": "ConfigMap", "name": "m", "namespace": namespace}});
    let created =
        c.admin().post(&format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"), &body).await.expect(201);
    assert_eq!(created["note"], "all is well");
    let core = c.admin().get(&format!("/api/v1/namespaces/{namespace}/events/e")).await.expect(200);
    assert_eq!((core["apiVersion"].as_str(), core["kind"].as_str()), (Some("v1"), Some("Event")));
    assert_eq!((core["message"].as_str(), core["involvedObject"]["name"].as_str()), (Some("all is well"), Some("m")));
    assert_eq!(core["reportingComponent"], "example.com/tester");

    let list = c
        .admin()
        .get(&format!("/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name%3Dm,reason%3DTested"))
        .await
        .expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);

    let old = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "old"}, "type": "Warning", "reason": "Old",
        "message": "as before", "count": 3, "firstTimestamp": "2024-01-01T00:00:00Z", "lastTimestamp": "2024-01-01T00:01:00Z",
        "source": {"component": "elder"},
        "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "name": "m", "namespace": namespace}});
    c.admin().post(&format!("/api/v1/namespaces/{namespace}/events"), &old).await.expect(201);
    let new = c.admin().get(&format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events/old")).await.expect(200);
    assert_eq!((new["note"].as_str(), new["deprecatedCount"].as_u64()), (Some("as before"), Some(3)));
    assert_eq!(new["deprecatedSource"]["component"], "elder");
}

#[tokio::test]
async fn an_event_belongs_to_its_objects_namespace() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let body = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "reason": "R", "message": "m",
        "involvedObject": {"kind": "ConfigMap", "name": "m", "namespace": "elsewhere"}});
    c.admin().post(&format!("/api/v1/namespaces/{namespace}/events"), &body).await.refused(422, "Invalid");
}
