use super::*;

const TOKEN: &str = "/api/v1/namespaces/default/serviceaccounts/robot/token";

fn request(bound: &Value) -> String {
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"boundObjectRef": bound},
    });
    request.to_string()
}

#[tokio::test]
async fn a_kubelet_gets_tokens_for_its_own_pods_only() {
    let c = Cluster::new().await;
    c.post("/api/v1/namespaces/default/serviceaccounts", &json!({"metadata": {"name": "robot"}})).await.expect(201);
    let mut uids = Vec::new();
    for (name, node) in [("here", "n1"), ("there", "n2")] {
        let spec = json!({
            "serviceAccountName": "robot", "nodeName": node, "containers": [{"name": "c", "image": "i"}],
        });
        let pod = json!({"metadata": {"name": name}, "spec": spec});
        let made = c.post("/api/v1/namespaces/default/pods", &pod).await.expect(201);
        uids.push(made["metadata"]["uid"].clone());
    }
    let kubelet = c.api.router(Caller::Fixed(UserInfo {
        username: "system:node:n1".into(),
        groups: vec!["system:nodes".into(), "system:authenticated".into()],
        ..UserInfo::default()
    }));
    let ask = async |bound: Value| {
        let json = [("content-type", "application/json")];
        send(&kubelet, Method::POST, TOKEN, &json, request(&bound)).await
    };
    let pod = |name: &str, uid: &Value| json!({"kind": "Pod", "apiVersion": "v1", "name": name, "uid": uid});
    ask(Value::Null).await.refused(403, "node requested token not bound to a pod");
    ask(pod("there", &uids[1])).await.refused(403, "bound to a pod scheduled on a different node");
    ask(pod("here", &uids[1])).await.refused(403, "does not match the UID in record");
    let made = ask(pod("here", &uids[0])).await.expect(201);
    assert!(!made["status"]["token"].as_str().expect("a token").is_empty());
    // Others are bound by RBAC alone.
    let json = [("content-type", "application/json")];
    c.send(Method::POST, TOKEN, &json, request(&Value::Null)).await.expect(201);
}
