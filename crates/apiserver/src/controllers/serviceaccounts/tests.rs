use super::*;
use crate::controllers::{
    tests::{Cluster, key, namespace},
    write::Policy,
};

const NOW: &str = "2026-01-01T00:00:00Z";

#[test]
fn the_config_map_is_made_mended_and_left_alone() {
    let made = root_ca(None, "x", "PEM", "u", NOW).unwrap();
    assert_eq!(made["data"]["ca.crt"], "PEM");
    assert_eq!(made["metadata"]["uid"], "u");
    assert_eq!(root_ca(Some(&made), "x", "PEM", "u2", NOW), None);
    let mended = root_ca(Some(&made), "x", "NEW", "u2", NOW).unwrap();
    assert_eq!(mended["data"]["ca.crt"], "NEW");
    assert_eq!(mended["metadata"]["uid"], "u", "it stays the same object");
    assert_eq!(account(Some(&made), "x", "u", NOW), None);
    assert_eq!(account(None, "x", "u", NOW).unwrap()["kind"], "ServiceAccount");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_namespace_is_given_its_own_again_and_again() {
    let c = Cluster::start();
    c.put("namespaces", namespace("x")).await;
    let map = key("configmaps", "x", ROOT_CA);
    let account = key("serviceaccounts", "x", ACCOUNT);
    let content = || c.get(&map).map(|m| m["data"]["ca.crt"].clone());
    c.until("both are there", || content() == Some("the CA".into()) && c.store.get(&account).is_some()).await;
    let uid = object::uid(&c.get(&account).unwrap()).to_owned();
    c.delete(&account, Policy::Background).await;
    c.until("the account is back", || c.get(&account).is_some_and(|a| object::uid(&a) != uid)).await;
    c.change(&map, |m| m["data"] = json!({"ca.crt": "forged"})).await;
    c.until("the certificate is back", || content() == Some("the CA".into())).await;
}
