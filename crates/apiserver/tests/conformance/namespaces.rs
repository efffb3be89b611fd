//! Namespaces: what each one gets, and how it ends.

use serde_json::json;

use super::{
    cluster::{Cluster, unique},
    wait,
};

#[tokio::test]
async fn a_namespace_gets_an_account_and_the_root_certificate() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    for path in ["serviceaccounts/default", "configmaps/kube-root-ca.crt"] {
        wait::until(path, || async {
            let answer = c.admin().get(&format!("/api/v1/namespaces/{namespace}/{path}")).await;
            if answer.code == 200 { Ok(()) } else { Err(answer.text) }
        })
        .await;
    }
    let root = c.admin().get(&format!("/api/v1/namespaces/{namespace}/configmaps/kube-root-ca.crt")).await.expect(200);
    assert!(root["data"]["ca.crt"].as_str().unwrap().contains("BEGIN CERTIFICATE"));
    let object = c.admin().get(&format!("/api/v1/namespaces/{namespace}")).await.expect(200);
    assert_eq!(object["status"]["phase"], "Active");
    assert_eq!(object["metadata"]["labels"]["kubernetes.io/metadata.name"], namespace.as_str());
    assert_eq!(object["spec"]["finalizers"], json!(["kubernetes"]));
}

#[tokio::test]
async fn a_namespace_takes_its_content_along() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let path = format!("/api/v1/namespaces/{namespace}");
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "finalizers": ["example.com/hold"]}});
    c.admin().post(&format!("{path}/configmaps"), &map).await.expect(201);
    c.admin().delete(&path).await.expect(200);
    wait::until("the namespace is terminating", || async {
        let seen = c.admin().get(&path).await;
        if seen.json["status"]["phase"] == "Terminating" { Ok(()) } else { Err(seen.text) }
    })
    .await;
    let late = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}});
    let status = c.admin().post(&format!("{path}/configmaps"), &late).await.refused(403, "Forbidden");
    assert!(status["message"].as_str().unwrap().contains("because it is being terminated"), "{status}");
    wait::until("the content is being deleted", || async {
        let seen = c.admin().get(&format!("{path}/configmaps/m")).await;
        if seen.json["metadata"]["deletionTimestamp"].is_string() { Ok(()) } else { Err(seen.text) }
    })
    .await;
    c.admin()
        .merge_patch(&format!("{path}/configmaps/m"), &json!({"metadata": {"finalizers": null}}))
        .await
        .expect(200);
    wait::gone(c.admin(), &path).await;
}

#[tokio::test]
async fn a_namespace_name_is_a_label() {
    let c = Cluster::get().await;
    let body =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("{}.dotted", unique("n"))}});
    c.admin().post("/api/v1/namespaces", &body).await.refused(422, "Invalid");
}
