use std::{collections::BTreeSet, sync::Arc, time::Duration};

use metalman_core::api::Machine;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{NodeObject, Nodes};
use crate::watch::Change;

fn node(name: &str, machine: Option<&str>, heartbeat: &str) -> Value {
    let labels = machine.map_or(json!({}), |machine| json!({ "unbounded-cloud.io/machine": machine, "other": "x" }));
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": name, "labels": labels, "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{ "manager": "kubelet", "fieldsV1": { "f:status": {} } }] },
        "spec": { "podCIDR": "10.0.0.0/24", "unschedulable": false },
        "status": {
            "nodeInfo": { "bootID": "b1", "kernelVersion": "6.1" },
            "images": [{ "names": ["x"], "sizeBytes": 1 }],
            "conditions": [
                { "type": "MemoryPressure", "status": "False" },
                { "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "posting",
                  "lastHeartbeatTime": heartbeat, "lastTransitionTime": "2026-01-01T00:01:00Z" },
            ],
        },
    })
}

fn read(node: Value) -> NodeObject {
    // As text, which is how it comes: the reader may borrow from it.
    serde_json::from_str(&node.to_string()).expect("a Node")
}

fn machine(name: &str, node: Option<&str>) -> Machine {
    let reference = node.map_or(Value::Null, |node| json!({ "nodeRef": { "name": node } }));
    serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": name },
        "spec": { "kubernetes": reference },
    }))
    .expect("a Machine")
}

const FIRST: &str = "2026-01-01T00:02:00Z";
const LATER: &str = "2026-01-01T00:02:10Z";

async fn names(taken: impl Future<Output = BTreeSet<Arc<str>>>) -> Vec<String> {
    let names = timeout(Duration::from_secs(10), taken).await.expect("something changed");
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn only_what_matters_is_read() {
    let view = read(node("n1", Some("a"), FIRST)).into_view();
    assert_eq!((view.name.as_str(), view.boot_id.as_str(), view.ready), ("n1", "b1", true));
    assert_eq!(view.ready_message, "KubeletReady: posting");
    assert_eq!(view.heartbeat, Some(FIRST.parse().expect("a time")));
    assert!(!view.cordoned_by_us && !view.unschedulable);
    let mut cordoned = node("n1", None, FIRST);
    cordoned["spec"]["unschedulable"] = true.into();
    cordoned["metadata"]["annotations"] = json!({ "unbounded-cloud.io/cordoned-by": "metalman" });
    let view = read(cordoned).into_view();
    assert!(view.cordoned_by_us && view.unschedulable);
    // What a kubelet registers at first.
    let bare = read(json!({ "metadata": { "name": "n2" } })).into_view();
    assert!(!bare.ready && bare.heartbeat.is_none());
}

#[tokio::test]
async fn wakes_whom_it_concerns_and_tells_heartbeats_apart() {
    let nodes = Nodes::default();
    nodes.take(Change::Replace(vec![read(node("n1", Some("a"), FIRST)), read(node("n2", None, FIRST))]));
    assert_eq!(names(nodes.changed()).await, ["a"]);
    assert_eq!(nodes.of(&machine("b", Some("n2"))).expect("by reference").name, "n2");
    assert_eq!(nodes.of(&machine("a", None)).expect("by label").name, "n1");

    nodes.take(Change::Apply(read(node("n1", Some("a"), LATER))));
    assert_eq!(names(nodes.alive()).await, ["a"]);
    let mut restarted = node("n2", None, LATER);
    restarted["status"]["nodeInfo"]["bootID"] = "b2".into();
    nodes.take(Change::Apply(read(restarted)));
    assert_eq!(names(nodes.changed()).await, ["b"], "another boot is more than a heartbeat, and nothing else was");

    // The label moves: both are concerned.
    nodes.take(Change::Apply(read(node("n1", Some("c"), LATER))));
    assert_eq!(names(nodes.changed()).await, ["a", "c"]);
    assert!(nodes.of(&machine("a", None)).is_none());
    nodes.take(Change::Replace(vec![read(node("n2", None, LATER))]));
    assert_eq!(names(nodes.changed()).await, ["b", "c"], "n1 is gone");
    nodes.forget("b");
    nodes.take(Change::Delete(read(node("n2", None, LATER))));
    let index = nodes.lock();
    assert!(index.nodes.is_empty() && index.labelled.is_empty() && !index.awaited.contains_key("n2"));
}

#[test]
fn a_node_that_says_it_is_anothers_is_not_taken_by_name() {
    let nodes = Nodes::default();
    nodes.take(Change::Apply(read(node("a", Some("b"), FIRST))));
    assert!(nodes.of(&machine("a", None)).is_none());
    assert_eq!(nodes.of(&machine("b", None)).expect("by label").name, "a");
    nodes.take(Change::Apply(read(node("b", None, FIRST))));
    assert_eq!(nodes.of(&machine("b", None)).expect("by name").name, "b", "its own choice comes first");
}
