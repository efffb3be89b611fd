use serde_json::json;

use super::*;
use crate::{
    controllers::tests::{Cluster, key},
    kinds::custom::tests::widget_crd,
};

const NOW: &str = "2026-01-01T00:00:00Z";

fn held() -> Value {
    let mut crd = widget_crd();
    crd["metadata"]["finalizers"] = json!([CLEANUP_FINALIZER]);
    crd
}

#[test]
fn an_ending_definition() {
    assert!(ending(held(), 0, NOW).is_none(), "not deleted");
    let mut crd = held();
    crd["metadata"]["deletionTimestamp"] = NOW.into();
    let Some(Change::Put(waits)) = ending(crd, 2, NOW) else { panic!("objects are left") };
    assert!(condition_true(&waits, "Terminating"));
    assert!(ending(waits.clone(), 1, NOW).is_none(), "said already");
    assert!(matches!(ending(waits, 0, NOW), Some(Change::Delete(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_takes_its_objects_along() {
    let c = Cluster::start();
    let crd = c.put(CRDS, held()).await;
    c.until("it is served", || c.registry.get("example.com", "v1", "widgets").is_some()).await;
    let mut widget = json!({"apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "w", "namespace": "x", "uid": "w", "finalizers": ["example.com/hold"]}});
    let first = c.put("widgets.example.com", widget.clone()).await;
    widget["metadata"] = json!({"name": "v", "namespace": "y", "uid": "v"});
    let second = c.put("widgets.example.com", widget).await;
    c.delete(&crd, Policy::Background).await;
    c.until_gone(&second).await;
    c.until("it waits for the first", || condition_true(&c.get(&crd).unwrap(), "Terminating")).await;
    assert!(c.registry.get("example.com", "v1", "widgets").is_some(), "its last objects can still be reached");
    c.change(&first, |o| o["metadata"]["finalizers"] = json!([])).await;
    c.until_gone(&crd).await;
    c.until("it is not served any more", || c.registry.get("example.com", "v1", "widgets").is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn freed_names_are_granted() {
    let c = Cluster::start();
    let first = c.put(CRDS, held()).await;
    c.until("the first is served", || c.registry.get("example.com", "v1", "widgets").is_some()).await;
    let mut second = held();
    second["metadata"] = json!({"name": "gadgets.example.com", "uid": "u2", "finalizers": [CLEANUP_FINALIZER]});
    second["spec"]["names"]["plural"] = "gadgets".into();
    second["spec"]["names"]["singular"] = "gadget".into();
    second["status"] = json!({"storedVersions": ["v1"]});
    let names = c.registry.taken_names("example.com", "gadgets.example.com");
    status::settle(&mut second, &names, NOW);
    assert!(!condition_true(&second, "Established"));
    c.put(CRDS, second).await;
    c.delete(&first, Policy::Background).await;
    c.until("the second is served", || c.registry.get("example.com", "v1", "gadgets").is_some()).await;
    let stored = c.get(&key(CRDS, "", "gadgets.example.com")).unwrap();
    assert!(condition_true(&stored, "NamesAccepted"));
}

#[test]
fn stored_definitions_are_served_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(dir.path()).unwrap();
        let put = Change::Put(widget_crd());
        store.commit(key(CRDS, "", "widgets.example.com"), crate::store::Precondition::Absent, put).await.unwrap();
        register_all(&store, &registry);
    });
    assert!(registry.get("example.com", "v1", "widgets").is_some());
}
