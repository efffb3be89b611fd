//! "Garbage Collection": owners and dependents, propagation policies.

use serde_json::{Value, json};

use super::{cluster::Cluster, wait};

struct Family {
    maps: String,
}

async fn family(c: &Cluster, blocking: bool) -> Family {
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}});
    let owner = c.admin().post(&maps, &body).await.expect(201);
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "child", "ownerReferences": [{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": blocking}]}});
    c.admin().post(&maps, &body).await.expect(201);
    Family { maps }
}

fn policy(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": name})
}

#[tokio::test]
async fn dependents_follow_in_the_background() {
    let c = Cluster::get().await;
    let f = family(&c, false).await;
    c.admin().delete_with(&format!("{}/owner", f.maps), &policy("Background")).await.expect(200);
    wait::gone(c.admin(), &format!("{}/child", f.maps)).await;
    c.admin().get(&format!("{}/owner", f.maps)).await.refused(404, "NotFound");
}

#[tokio::test]
async fn the_owner_waits_in_the_foreground() {
    let c = Cluster::get().await;
    let f = family(&c, true).await;
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    c.admin().merge_patch(&format!("{}/child", f.maps), &hold).await.expect(200);
    let deleting = c.admin().delete_with(&format!("{}/owner", f.maps), &policy("Foreground")).await.expect(200);
    assert_eq!(deleting["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    wait::until("the child is being deleted", || async {
        let seen = c.admin().get(&format!("{}/child", f.maps)).await;
        if seen.json["metadata"]["deletionTimestamp"].is_string() { Ok(()) } else { Err(seen.text) }
    })
    .await;
    c.admin().get(&format!("{}/owner", f.maps)).await.expect(200);
    c.admin().merge_patch(&format!("{}/child", f.maps), &json!({"metadata": {"finalizers": null}})).await.expect(200);
    wait::gone(c.admin(), &format!("{}/owner", f.maps)).await;
    c.admin().get(&format!("{}/child", f.maps)).await.refused(404, "NotFound");
}

#[tokio::test]
async fn orphans_stay() {
    let c = Cluster::get().await;
    let f = family(&c, false).await;
    c.admin().delete_with(&format!("{}/owner", f.maps), &policy("Orphan")).await.expect(200);
    wait::gone(c.admin(), &format!("{}/owner", f.maps)).await;
    wait::until("the child has no owner", || async {
        let seen = c.admin().get(&format!("{}/child", f.maps)).await;
        if seen.code == 200 && seen.json["metadata"].get("ownerReferences").is_none() { Ok(()) } else { Err(seen.text) }
    })
    .await;
}

#[tokio::test]
async fn an_owner_that_never_was_takes_its_dependent() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "child", "ownerReferences": [{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "ghost", "uid": "11111111-2222-3333-4444-555555555555"}]}});
    c.admin().post(&maps, &body).await.expect(201);
    wait::gone(c.admin(), &format!("{maps}/child")).await;
}

#[tokio::test]
async fn a_bad_policy_is_refused() {
    let c = Cluster::get().await;
    let f = family(&c, false).await;
    c.admin().delete_with(&format!("{}/owner", f.maps), &policy("Sideways")).await.refused(422, "Invalid");
}
