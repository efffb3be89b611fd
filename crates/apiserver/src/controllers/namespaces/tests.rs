use serde_json::json;

use super::*;
use crate::controllers::tests::{Cluster, config_map, key, namespace};

const NOW: &str = "2026-01-01T00:00:00Z";

fn ending() -> Value {
    let mut ns = namespace("x");
    ns["metadata"]["deletionTimestamp"] = NOW.into();
    ns
}

#[test]
fn states() {
    let empty = Remains::default();
    let full = Remains {
        resources: [("configmaps.".to_owned(), 1)].into(),
        finalizers: [("example.com/hold".to_owned(), 1)].into(),
    };
    assert!(next_state(&namespace("x"), &empty, NOW).is_none(), "not deleted");
    let Some(Change::Put(held)) = next_state(&ending(), &full, NOW) else { panic!("content remains") };
    assert_eq!(held["status"]["phase"], "Terminating");
    assert_eq!(held["spec"]["finalizers"], json!(["kubernetes"]));
    let conditions = held["status"]["conditions"].as_array().unwrap();
    assert_eq!(conditions[0]["message"], "Some resources are remaining: configmaps. has 1 resource instances");
    assert!(next_state(&held, &full, NOW).is_none(), "nothing new to say");
    assert!(matches!(next_state(&held, &empty, NOW), Some(Change::Delete(_))));
    let mut others = ending();
    others["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let Some(Change::Put(kept)) = next_state(&others, &empty, NOW) else { panic!("another finalizer holds it") };
    assert_eq!(kept["spec"]["finalizers"], json!([]));
    assert!(next_state(&kept, &empty, NOW).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_takes_its_content_along() {
    let c = Cluster::start();
    let ns = c.put("namespaces", namespace("x")).await;
    c.put("namespaces", namespace("y")).await;
    let account = key("serviceaccounts", "x", "default");
    c.until("the account is there", || c.store.get(&account).is_some()).await;
    let mut held = config_map("held", &[]);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let held = c.put("configmaps", held).await;
    let free = c.put("configmaps", config_map("free", &[])).await;
    c.delete(&ns, Policy::Background).await;
    c.until_gone(&free).await;
    c.until_gone(&account).await;
    c.until("it says what holds it", || {
        let now = c.get(&ns).unwrap();
        now["status"]["phase"] == "Terminating" && now["status"]["conditions"][1]["reason"] == "SomeFinalizersRemain"
    })
    .await;
    c.change(&held, |o| o["metadata"]["finalizers"] = json!([])).await;
    c.until_gone(&ns).await;
    assert!(c.store.get(&key("namespaces", "", "y")).is_some());
    c.until("the other namespace keeps its account", || c.store.get(&key("serviceaccounts", "y", "default")).is_some())
        .await;
}
