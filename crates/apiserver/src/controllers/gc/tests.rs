use serde_json::json;

use super::{
    head::Owner,
    judge::{State, Verdict, judge, without},
};
use crate::controllers::{
    tests::{Cluster, config_map, key},
    write::Policy,
};

fn owner(uid: &str, state: State) -> (Owner, State) {
    (Owner { uid: uid.into(), ..Owner::default() }, state)
}

#[test]
fn verdicts() {
    use State::{Absent, Solid, Unknown, Waiting};
    let drop = |uids: &[&str]| Verdict::Drop(uids.iter().map(|&u| u.to_owned()).collect());
    for (states, parent, finalizers, expected) in [
        (&[][..], false, &[][..], Verdict::Keep),
        (&[Solid], false, &[], Verdict::Keep),
        (&[Unknown, Absent], false, &[], Verdict::Keep),
        (&[Solid, Absent], false, &[], drop(&["1"])),
        (&[Absent, Waiting, Solid], false, &[], drop(&["0", "1"])),
        (&[Absent], false, &[], Verdict::Delete(Policy::Background)),
        (&[Absent], false, &["orphan"], Verdict::Delete(Policy::Orphan)),
        (&[Absent], true, &["foregroundDeletion"], Verdict::Delete(Policy::Foreground)),
        (&[Waiting], false, &[], Verdict::Delete(Policy::Background)),
        (&[Waiting, Absent], true, &[], Verdict::Delete(Policy::Foreground)),
    ] {
        let owners: Vec<_> = states.iter().enumerate().map(|(i, s)| owner(&i.to_string(), *s)).collect();
        let finalizers: Vec<String> = finalizers.iter().map(|&f| f.to_owned()).collect();
        assert_eq!(judge(&owners, parent, &finalizers), expected, "{states:?} {parent} {finalizers:?}");
    }
}

#[test]
fn references_are_removed_by_uid() {
    let object = config_map("c", &[("a", "1", false), ("b", "2", false)]);
    let left = without(object.clone(), &["1".into()]).unwrap();
    assert_eq!(left["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
    assert!(without(object.clone(), &["3".into()]).is_none());
    let none = without(object, &["1".into(), "2".into()]).unwrap();
    assert_eq!(none["metadata"].get("ownerReferences"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dependents_follow_their_owner_down_the_tree() {
    let c = Cluster::start();
    let a = c.put("configmaps", config_map("a", &[])).await;
    let b = c.put("configmaps", config_map("b", &[("a", "uid-a", false)])).await;
    let d = c.put("configmaps", config_map("d", &[("b", "uid-b", false)])).await;
    let other =
        c.put("configmaps", config_map("other", &[("d", "uid-d", false), ("keeper", "uid-keeper", false)])).await;
    c.delete(&a, Policy::Background).await;
    c.until_gone(&b).await;
    c.until_gone(&d).await;
    // The keeper never existed either.
    c.until_gone(&other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_owners_suffices() {
    let c = Cluster::start();
    let a = c.put("configmaps", config_map("a", &[])).await;
    c.put("configmaps", config_map("b", &[])).await;
    let child = c.put("configmaps", config_map("c", &[("a", "uid-a", false), ("b", "uid-b", false)])).await;
    c.delete(&a, Policy::Background).await;
    c.until("the lost reference is dropped", || {
        let owners = c.get(&child).unwrap()["metadata"]["ownerReferences"].clone();
        owners.as_array().is_some_and(|l| l.len() == 1 && l[0]["uid"] == "uid-b")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_never_was_and_one_that_cannot_be_known() {
    let c = Cluster::start();
    let mut unknown = config_map("unknown", &[("x", "u", false)]);
    unknown["metadata"]["ownerReferences"][0]["apiVersion"] = "example.com/v1".into();
    let unknown = c.put("configmaps", unknown).await;
    // Right name, other uid: a successor is not the owner.
    c.put("configmaps", config_map("a", &[])).await;
    let ghost = c.put("configmaps", config_map("ghost", &[("a", "another", false)])).await;
    c.until_gone(&ghost).await;
    assert!(c.get(&unknown).is_some(), "what cannot be looked up keeps its dependents");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreground_owner_waits_for_what_blocks_it() {
    let c = Cluster::start();
    let a = c.put("configmaps", config_map("a", &[])).await;
    let mut held = config_map("held", &[("a", "uid-a", true)]);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let held = c.put("configmaps", held).await;
    let free = c.put("configmaps", config_map("free", &[("a", "uid-a", true)])).await;
    c.delete(&a, Policy::Foreground).await;
    c.until_gone(&free).await;
    c.until("the held one is being deleted", || c.get(&held).is_some_and(|o| crate::object::is_deleting(&o))).await;
    assert!(c.get(&a).is_some(), "it waits");
    c.change(&held, |o| o["metadata"]["finalizers"] = json!([])).await;
    c.until_gone(&a).await;
    assert!(c.get(&held).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreground_deletion_goes_down_the_tree() {
    let c = Cluster::start();
    let a = c.put("configmaps", config_map("a", &[])).await;
    let b = c.put("configmaps", config_map("b", &[("a", "uid-a", true)])).await;
    let leaf = c.put("configmaps", config_map("leaf", &[("b", "uid-b", true)])).await;
    c.delete(&a, Policy::Foreground).await;
    for key in [&leaf, &b, &a] {
        c.until_gone(key).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_lose_the_reference_and_stay() {
    let c = Cluster::start();
    let a = c.put("configmaps", config_map("a", &[])).await;
    let child = c.put("configmaps", config_map("child", &[("a", "uid-a", true)])).await;
    c.delete(&a, Policy::Orphan).await;
    c.until_gone(&a).await;
    let left = c.get(&child).unwrap();
    assert_eq!(left["metadata"].get("ownerReferences"), None);
    assert!(!crate::object::is_deleting(&left));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn custom_objects_own_and_are_owned() {
    let c = Cluster::start();
    let mut crd = crate::kinds::custom::tests::widget_crd();
    crd["metadata"]["finalizers"] = json!([]);
    c.put("customresourcedefinitions.apiextensions.k8s.io", crd).await;
    c.until("widgets are served", || c.registry.get("example.com", "v1", "widgets").is_some()).await;
    let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "w", "namespace": "x", "uid": "uid-w"}});
    let widget = c.put("widgets.example.com", widget).await;
    let mut child = config_map("child", &[("w", "uid-w", false)]);
    child["metadata"]["ownerReferences"][0]["apiVersion"] = "example.com/v1beta1".into();
    child["metadata"]["ownerReferences"][0]["kind"] = "Widget".into();
    let child = c.put("configmaps", child).await;
    c.delete(&widget, Policy::Background).await;
    c.until_gone(&child).await;
    assert!(c.get(&key("configmaps", "x", "child")).is_none());
}
