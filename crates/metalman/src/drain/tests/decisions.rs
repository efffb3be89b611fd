use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::core::Status;
use serde_json::{Value, json};

use super::super::decision::{Fate, Held, Hold, Pass, cordon, fate, refused, report, take_back};

fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().expect("a time")
}

fn pod(name: &str, more: &Value) -> Pod {
    let mut pod = json!({
        "metadata": { "name": name, "namespace": "ns" }, "spec": { "containers": [] }, "status": { "phase": "Running" },
    });
    for (part, fields) in more.as_object().into_iter().flatten() {
        for (field, value) in fields.as_object().into_iter().flatten() {
            pod[part][field] = value.clone();
        }
    }
    serde_json::from_value(pod).expect("a Pod")
}

#[test]
fn what_is_evicted_and_what_stays() {
    let owner = |kind: &str, controller: bool| {
        json!({ "metadata": { "ownerReferences": [
            { "apiVersion": "apps/v1", "kind": kind, "name": "o", "uid": "u", "controller": controller }] } })
    };
    let ends = |at: &str| json!({ "metadata": { "deletionTimestamp": at } });
    let cases = [
        (json!({}), Fate::Evicted),
        (json!({ "status": { "phase": "Pending" } }), Fate::Evicted),
        (json!({ "status": { "phase": "Unknown" } }), Fate::Evicted),
        (owner("ReplicaSet", true), Fate::Evicted),
        (owner("DaemonSet", true), Fate::Stays),
        (owner("DaemonSet", false), Fate::Evicted),
        (json!({ "metadata": { "annotations": { "kubernetes.io/config.mirror": "x" } } }), Fate::Stays),
        (json!({ "status": { "phase": "Succeeded" } }), Fate::Stays),
        (json!({ "status": { "phase": "Failed" } }), Fate::Stays),
        (ends("2026-01-01T12:00:25Z"), Fate::Held(Hold::Ending)),
        (ends("2026-01-01T11:59:52Z"), Fate::Held(Hold::Ending)),
        (ends("2026-01-01T11:59:40Z"), Fate::Held(Hold::Stuck)),
    ];
    for (more, expected) in cases {
        assert_eq!(fate(&pod("a", &more), now()), expected, "{more}");
    }
}

fn status(code: u16, message: &str, cause: Option<(&str, &str)>) -> Status {
    let causes: Vec<Value> =
        cause.iter().map(|(reason, message)| json!({ "reason": reason, "message": message })).collect();
    let status = json!({ "kind": "Status", "code": code, "message": message, "details": { "causes": causes } });
    serde_json::from_value(status).expect("a Status")
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_budget() {
    let budget = "The disruption budget web needs 2 healthy pods and has 2 currently";
    let violates = "Cannot evict pod as it would violate the pod's disruption budget.";
    assert_eq!(refused(&status(404, "not found", None)), None, "gone is gone");
    let says = |status: &Status, words: &str| assert_eq!(refused(status), Some(Hold::Refused(words.into())));
    says(&status(429, violates, Some(("DisruptionBudget", budget))), budget);
    says(&status(429, violates, None), violates);
    says(&status(429, "Too many requests", Some(("Other", "x"))), "Too many requests");
    says(
        &status(500, "This pod has more than one PodDisruptionBudget", None),
        "This pod has more than one PodDisruptionBudget",
    );
    says(&status(403, "may not", None), "may not");
    assert!(matches!(refused(&status(409, "uid", None)), Some(Hold::Unanswered(_))));
}

fn held(name: &str, hold: Hold) -> Held {
    Held::new(&pod(name, &json!({})), hold)
}

#[test]
fn a_report_begins_with_what_an_operator_can_change() {
    let budget = || Hold::Refused("The disruption budget web needs 2 healthy pods and has 2 currently".into());
    assert_eq!(report(vec![]), Pass::default());
    let pass = report(vec![held("d", Hold::Ending), held("b", budget()), held("a", budget()), held("c", Hold::Stuck)]);
    assert_eq!(pass.left, 4);
    assert_eq!(
        pass.why,
        "ns/a, ns/b: The disruption budget web needs 2 healthy pods and has 2 currently; ns/c: past its grace period and \
         still there: is its kubelet alive?; ns/d: ending"
    );
    let shuffled =
        report(vec![held("c", Hold::Stuck), held("a", budget()), held("d", Hold::Ending), held("b", budget())]);
    assert_eq!(shuffled, pass, "the same words in whatever order the answers came");
}

#[test]
fn a_report_stays_short() {
    let crowd: Vec<Held> = (0..250).map(|i| held(&format!("p{i:03}"), Hold::Ending)).collect();
    assert_eq!(report(crowd).why, "ns/p000, ns/p001, ns/p002 and 247 more: ending");
    let each: Vec<Held> =
        (0..30).map(|i| held(&format!("p{i:02}"), Hold::Refused(format!("because of {i:02}")))).collect();
    let pass = report(each);
    assert_eq!(pass.left, 30);
    assert!(pass.why.ends_with("ns/p03: because of 03; 26 more for other reasons"), "{}", pass.why);
}

fn node(unschedulable: Option<bool>, by: Option<&str>) -> Node {
    let mut node = json!({ "metadata": { "name": "n" }, "spec": {} });
    if let Some(flag) = unschedulable {
        node["spec"]["unschedulable"] = flag.into();
    }
    if let Some(by) = by {
        node["metadata"]["annotations"] = json!({ "unbounded-cloud.io/cordoned-by": by });
    }
    serde_json::from_value(node).expect("a Node")
}

#[test]
fn only_a_cordon_of_metalmans_is_taken_back() {
    let ours = json!({
        "metadata": { "annotations": { "unbounded-cloud.io/cordoned-by": "metalman" } }, "spec": { "unschedulable": true },
    });
    for schedulable in [None, Some(false)] {
        assert_eq!(cordon(&node(schedulable, None)), Some(ours.clone()));
    }
    assert_eq!(cordon(&node(Some(false), Some("metalman"))), Some(ours), "taken back by hand meanwhile");
    for by in [None, Some("metalman"), Some("ops")] {
        assert_eq!(cordon(&node(Some(true), by)), None);
    }

    assert_eq!(take_back(&node(Some(true), None)), None, "the operator's");
    assert_eq!(take_back(&node(Some(true), Some("ops"))), None);
    for flag in [Some(true), None] {
        let patch = take_back(&node(flag, Some("metalman"))).expect("ours");
        assert_eq!(patch["spec"], json!({ "unschedulable": null }));
        assert_eq!(patch["metadata"]["annotations"], json!({ "unbounded-cloud.io/cordoned-by": null }));
    }
}
