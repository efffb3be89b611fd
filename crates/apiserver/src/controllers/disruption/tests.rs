//! Over a real store: what makes a budget count again, and how its Pods' controllers are found.

use serde_json::{Value, json};

use super::super::tests::Cluster;
use super::*;

fn owner(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": format!("uid-{name}"), "controller": true}])
}

fn workload(kind: &str, name: &str, replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "x", "uid": format!("uid-{name}")},
        "spec": {"replicas": replicas},
    })
}

fn pod(name: &str, owners: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "x", "uid": format!("uid-{name}"), "labels": {"app": "a"}, "ownerReferences": owners},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

fn budget(name: &str, spec: Value) -> Value {
    let mut spec = spec;
    spec["selector"] = json!({"matchLabels": {"app": "a"}});
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "x", "uid": format!("uid-{name}"), "generation": 1}, "spec": spec,
    })
}

/// Waits until the budget says so: healthy, desired, expected, allowed.
async fn until(c: &Cluster, key: &Key, expected: [i64; 4]) {
    let seen = || {
        let status = c.get(key).map(|b| b["status"].clone()).unwrap_or_default();
        ["currentHealthy", "desiredHealthy", "expectedPods", "disruptionsAllowed"]
            .map(|f| status[f].as_i64().unwrap_or(-1))
    };
    let what = format!("{key:?} says {expected:?}, at first {:?}", seen());
    c.until(&what, || seen() == expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_follows_its_pods() {
    let c = Cluster::start();
    c.put("pods", pod("a", Value::Null)).await;
    let b = c.put(BUDGETS, budget("b", json!({"minAvailable": 1}))).await;
    until(&c, &b, [1, 1, 1, 0]).await;
    let second = c.put("pods", pod("b", Value::Null)).await;
    until(&c, &b, [2, 1, 2, 1]).await;
    c.change(&second, |p| p["status"]["conditions"][0]["status"] = "False".into()).await;
    until(&c, &b, [1, 1, 2, 0]).await;
    c.change(&second, |p| p["metadata"]["labels"] = json!({})).await;
    until(&c, &b, [1, 1, 1, 0]).await;
    c.change(&b, |b| {
        b["spec"]["minAvailable"] = 0.into();
        b["metadata"]["generation"] = 2.into();
    })
    .await;
    until(&c, &b, [1, 0, 1, 1]).await;
    assert_eq!(c.get(&b).expect("the budget")["status"]["observedGeneration"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_is_one_of_the_controllers_scale() {
    let c = Cluster::start();
    c.put("deployments.apps", workload("Deployment", "d", 4)).await;
    let mut set = workload("ReplicaSet", "r", 1);
    set["metadata"]["ownerReferences"] = owner("Deployment", "d");
    c.put("replicasets.apps", set).await;
    c.put("statefulsets.apps", workload("StatefulSet", "s", 2)).await;
    for (name, owners) in
        [("a", owner("ReplicaSet", "r")), ("b", owner("ReplicaSet", "r")), ("c", owner("StatefulSet", "s"))]
    {
        c.put("pods", pod(name, owners)).await;
    }
    let b = c.put(BUDGETS, budget("b", json!({"minAvailable": "50%"}))).await;
    until(&c, &b, [3, 3, 6, 0]).await;
    let lenient = c.put(BUDGETS, budget("lenient", json!({"maxUnavailable": 5}))).await;
    until(&c, &lenient, [3, 1, 6, 2]).await;

    c.put("daemonsets.apps", workload("DaemonSet", "ds", 0)).await;
    c.put("pods", pod("d", owner("DaemonSet", "ds"))).await;
    c.until("the budget says that it cannot count", || {
        let status = c.get(&b).expect("the budget")["status"].clone();
        status["disruptionsAllowed"] == 0
            && status["conditions"][0]["reason"] == "SyncFailed"
            && status["conditions"][0]["message"] == "daemonsets.apps does not implement the scale subresource"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eviction_that_did_not_happen_is_given_up() {
    let c = Cluster::start();
    for name in ["a", "b"] {
        c.put("pods", pod(name, Value::Null)).await;
    }
    let long_ago = write::text(Timestamp::now() - jiff::SignedDuration::from_mins(5));
    // One that is over in a moment: nothing happens then, and still it is counted again.
    let nearly = write::text(Timestamp::now() - jiff::SignedDuration::from_secs(118));
    let mut charged = budget("b", json!({"minAvailable": 0}));
    charged["status"] = json!({"disruptedPods": {"a": long_ago, "b": nearly}});
    let b = c.put(BUDGETS, charged).await;
    until(&c, &b, [1, 0, 2, 1]).await;
    until(&c, &b, [2, 0, 2, 2]).await;
    assert_eq!(c.get(&b).expect("the budget")["status"].get("disruptedPods"), None);
}
