use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    eviction::{Verdict, ignores_budgets, judge, targeted},
    guards,
    status::{Controller, Scale, recheck, refreshed},
};
use crate::{
    object,
    store::{Key, Stored},
};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    at("2026-01-01T12:00:00Z")
}

fn budget(spec: Value) -> Value {
    let mut spec = spec;
    spec["selector"] = json!({"matchLabels": {"app": "a"}});
    json!({"metadata": {"name": "b", "namespace": "x", "generation": 3}, "spec": spec})
}

fn pod(name: &str, ready: bool) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "x"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
    })
}

fn owned(name: &str, uid: &str) -> Value {
    let mut pod = pod(name, true);
    let kind = if uid == "job" { "Job" } else { "ReplicaSet" };
    pod["metadata"]["ownerReferences"] = json!([
        {"apiVersion": "v1", "kind": "Other", "name": "o", "uid": "o"},
        {"apiVersion": "apps/v1", "kind": kind, "name": uid, "uid": uid, "controller": true},
    ]);
    pod
}

/// Controllers `three` and `five` have as many replicas, a Job has none, others are not there.
fn scale(controller: &Controller) -> Result<Option<Scale>, String> {
    let found = |n| Ok(Some((controller.uid.clone(), n)));
    match controller.uid.as_str() {
        "three" => found(3),
        "five" => found(5),
        "job" => Err("jobs.batch does not implement the scale subresource".to_owned()),
        _ => Ok(None),
    }
}

/// currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed.
fn numbers(budget: &Value) -> [i64; 4] {
    let n = |field: &str| budget["status"][field].as_i64().unwrap_or(-1);
    [n("currentHealthy"), n("desiredHealthy"), n("expectedPods"), n("disruptionsAllowed")]
}

fn condition(budget: &Value) -> (&str, &str) {
    let c = &budget["status"]["conditions"][0];
    assert_eq!(c["type"], "DisruptionAllowed");
    (c["status"].as_str().expect("a status"), c["reason"].as_str().expect("a reason"))
}

#[test]
fn a_status_counts_what_is_healthy_against_what_must_be() {
    let all =
        |uids: &[&str]| -> Vec<Value> { uids.iter().enumerate().map(|(i, u)| owned(&i.to_string(), u)).collect() };
    let bare = || vec![pod("a", true), pod("b", true), pod("c", false)];
    let cases: Vec<(Value, Vec<Value>, [i64; 4])> = vec![
        // Absolute numbers need no controller.
        (json!({"minAvailable": 1}), bare(), [2, 1, 3, 1]),
        (json!({"minAvailable": 2}), bare(), [2, 2, 3, 0]),
        (json!({"minAvailable": 5}), bare(), [2, 5, 3, 0]),
        (json!({"minAvailable": 0}), vec![], [0, 0, 0, 0]),
        // What is relative is relative to the scale of the controllers, each counted once, whatever Pods there are.
        (json!({"maxUnavailable": 1}), all(&["three", "three"]), [2, 2, 3, 0]),
        (json!({"maxUnavailable": 1}), all(&["three", "three", "three"]), [3, 2, 3, 1]),
        (json!({"maxUnavailable": 9}), all(&["three"]), [1, 0, 3, 1]),
        (json!({"maxUnavailable": "34%"}), all(&["three", "three", "three"]), [3, 1, 3, 2]),
        (json!({"minAvailable": "50%"}), all(&["three", "five", "five", "five", "five"]), [5, 4, 8, 1]),
        (json!({"minAvailable": "100%"}), all(&["three", "three", "three"]), [3, 3, 3, 0]),
        // Nobody says how many there should be of Pods without a controller.
        (json!({"maxUnavailable": 1}), bare(), [2, 0, 0, 0]),
        (json!({}), bare(), [2, 0, 0, 0]),
    ];
    for (spec, pods, expected) in cases {
        let counted = refreshed(&budget(spec.clone()), &pods, &scale, now());
        assert_eq!(numbers(&counted), expected, "{spec}: {} pods", pods.len());
        assert_eq!(counted["status"]["observedGeneration"], 3);
        let reason = if expected[3] > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
        assert_eq!(condition(&counted), reason);
        assert_eq!(
            refreshed(&counted, &pods, &scale, at("2026-01-02T00:00:00Z")),
            counted,
            "the same again: no change"
        );
    }
}

#[test]
fn what_cannot_be_counted_allows_nothing() {
    for (uid, why) in
        [("job", "jobs.batch does not implement the scale subresource"), ("gone", "found no controllers for pod \"p\"")]
    {
        let mut before = budget(json!({"maxUnavailable": 1}));
        before["status"] = json!({"disruptionsAllowed": 4, "observedGeneration": 2});
        let counted = refreshed(&before, &[owned("p", uid)], &scale, now());
        assert_eq!(counted["status"]["disruptionsAllowed"], 0);
        assert_eq!(counted["status"]["observedGeneration"], 2, "this spec was not counted");
        assert_eq!(condition(&counted), ("False", "SyncFailed"));
        assert_eq!(counted["status"]["conditions"][0]["message"], why);
        // Counted again as soon as it can be.
        let healed =
            refreshed(&counted, &[owned("p", "three"), owned("q", "three"), owned("r", "three")], &scale, now());
        assert_eq!((numbers(&healed), condition(&healed)), ([3, 2, 3, 1], ("True", "SufficientPods")));
    }
}

#[test]
fn evicted_pods_do_not_count_until_they_are_given_up() {
    let mut before = budget(json!({"minAvailable": 1}));
    before["status"]["disruptedPods"] = json!({
        "fresh": "2026-01-01T11:59:00Z", "stale": "2026-01-01T11:57:59Z", "deleted": "2026-01-01T11:59:30Z",
        "gone": "2026-01-01T11:59:30Z",
    });
    let mut deleted = pod("deleted", true);
    deleted["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:20Z".into();
    let pods = [pod("fresh", true), pod("stale", true), deleted, pod("other", true)];
    let counted = refreshed(&before, &pods, &scale, now());
    assert_eq!(numbers(&counted), [2, 1, 4, 1], "`stale` and `other` are healthy");
    assert_eq!(counted["status"]["disruptedPods"], json!({"fresh": "2026-01-01T11:59:00Z"}));
    assert_eq!(recheck(&counted), Some(at("2026-01-01T12:01:00Z")));
    let later = refreshed(&counted, &pods, &scale, at("2026-01-01T12:01:01Z"));
    assert_eq!(numbers(&later), [3, 1, 4, 2]);
    assert_eq!((&later["status"]["disruptedPods"], recheck(&later)), (&Value::Null, None));
}

#[test]
fn a_condition_keeps_the_time_of_its_last_change() {
    let pods = |n: usize| -> Vec<Value> { (0..n).map(|i| pod(&i.to_string(), true)).collect() };
    let first = refreshed(&budget(json!({"minAvailable": 1})), &pods(2), &scale, now());
    assert_eq!(first["status"]["conditions"][0]["lastTransitionTime"], "2026-01-01T12:00:00Z");
    assert_eq!(first["status"]["conditions"][0]["observedGeneration"], 3);
    let more = refreshed(&first, &pods(3), &scale, at("2026-01-01T13:00:00Z"));
    assert_eq!(more["status"]["conditions"], first["status"]["conditions"]);
    let fewer = refreshed(&more, &pods(1), &scale, at("2026-01-01T14:00:00Z"));
    assert_eq!(fewer["status"]["conditions"][0]["lastTransitionTime"], "2026-01-01T14:00:00Z");
}

fn stored(labels: &[(&str, &str)]) -> Stored {
    let labels: BTreeMap<String, String> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let key = Key { resource: "pods".into(), namespace: "x".into(), name: "p".into() };
    Stored { key, revision: 1, json: bytes::Bytes::new(), labels }
}

#[test]
fn an_empty_selector_selects_all_and_an_absent_one_none() {
    let with = |selector: Value| json!({"spec": {"selector": selector}});
    let labelled = stored(&[("app", "a")]);
    assert!(guards(&with(json!({})), &stored(&[])));
    assert!(guards(&with(json!({"matchLabels": {"app": "a"}})), &labelled));
    assert!(!guards(&with(json!({"matchLabels": {"app": "b"}})), &labelled));
    assert!(!guards(&with(Value::Null), &labelled));
    assert!(!guards(&json!({"spec": {}}), &labelled));
    let expression = json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]});
    assert!(guards(&with(expression.clone()), &labelled) && !guards(&with(expression), &stored(&[])));
}

#[test]
fn what_does_not_run_is_not_guarded() {
    for (phase, ignored) in
        [("Pending", true), ("Succeeded", true), ("Failed", true), ("Running", false), ("Unknown", false)]
    {
        assert_eq!(ignores_budgets(&json!({"metadata": {}, "status": {"phase": phase}})), ignored, "{phase}");
    }
    assert!(ignores_budgets(&json!({"metadata": {"deletionTimestamp": "x"}, "status": {"phase": "Running"}})));
}

fn status_of(spec: Value, status: Value) -> Value {
    let mut budget = budget(spec);
    budget["status"] = status;
    budget["status"]["observedGeneration"] = 3.into();
    budget
}

fn refusal(verdict: Verdict) -> (u16, String, String) {
    let Verdict::Refused(e) = verdict else { panic!("not refused: {verdict:?}") };
    let cause = e.details["causes"][0]["message"].as_str().unwrap_or_default().to_owned();
    (e.code, e.message, cause)
}

#[test]
fn a_disruption_is_charged_once() {
    let full = status_of(json!({}), json!({"disruptionsAllowed": 2, "currentHealthy": 3, "desiredHealthy": 1}));
    let Verdict::Charged(one) = judge(&full, &pod("a", true), now()) else { panic!("two are allowed") };
    assert_eq!(one["status"]["disruptionsAllowed"], 1);
    assert_eq!(one["status"]["disruptedPods"], json!({"a": "2026-01-01T12:00:00Z"}));
    assert_eq!(condition(&one), ("True", "SufficientPods"));
    let Verdict::Charged(none) = judge(&one, &pod("b", true), now()) else { panic!("one is allowed") };
    assert_eq!(none["status"]["disruptionsAllowed"], 0);
    assert_eq!(condition(&none), ("False", "InsufficientPods"));
    let (code, message, cause) = refusal(judge(&none, &pod("c", true), now()));
    assert_eq!((code, message.as_str()), (429, "Cannot evict pod as it would violate the pod's disruption budget."));
    assert_eq!(cause, "The disruption budget b does not allow evicting pods currently");
}

#[test]
fn a_refusal_says_why() {
    let ready = pod("a", true);
    let short = status_of(json!({}), json!({"disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2}));
    let (_, _, cause) = refusal(judge(&short, &ready, now()));
    assert_eq!(cause, "The disruption budget b needs 2 healthy pods and has 2 currently");
    let Verdict::Refused(e) = judge(&short, &ready, now()) else { panic!("refused") };
    assert_eq!(e.details.get("retryAfterSeconds"), None, "nobody knows when it will help");

    let mut failed = short.clone();
    failed["status"]["conditions"] =
        json!([{"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no scale"}]);
    let (_, _, cause) = refusal(judge(&failed, &ready, now()));
    assert!(cause.ends_with("because it failed sync: no scale"), "{cause}");

    let mut outdated = status_of(json!({}), json!({"disruptionsAllowed": 5}));
    outdated["metadata"]["generation"] = 4.into();
    let Verdict::Refused(e) = judge(&outdated, &ready, now()) else { panic!("the status is of an older spec") };
    assert_eq!((e.code, &e.details["retryAfterSeconds"]), (429, &json!(10)));
    assert!(matches!(judge(&budget(json!({})), &ready, now()), Verdict::Refused(_)), "no status yet");

    let negative = status_of(json!({}), json!({"disruptionsAllowed": -1}));
    assert_eq!(refusal(judge(&negative, &ready, now())).0, 403);
    let crowd: serde_json::Map<String, Value> = (0..2001).map(|i| (i.to_string(), "x".into())).collect();
    let crowded = status_of(json!({}), json!({"disruptionsAllowed": 1, "disruptedPods": crowd}));
    assert_eq!(refusal(judge(&crowded, &ready, now())).0, 403);
}

#[test]
fn an_unhealthy_pod_is_free_while_its_application_is_not_disrupted() {
    let (sick, spec) = (pod("a", false), json!({}));
    let satisfied = status_of(spec.clone(), json!({"disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2}));
    assert_eq!(judge(&satisfied, &sick, now()), Verdict::Free);
    let disrupted = status_of(spec.clone(), json!({"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 2}));
    assert_eq!(refusal(judge(&disrupted, &sick, now())).0, 429);
    let empty = status_of(spec, json!({"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0}));
    assert_eq!(refusal(judge(&empty, &sick, now())).0, 429, "nothing desired says nothing about health");
    let always = json!({"unhealthyPodEvictionPolicy": "AlwaysAllow"});
    let disrupted = status_of(always, json!({"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 2}));
    assert_eq!(judge(&disrupted, &sick, now()), Verdict::Free);
    assert_eq!(refusal(judge(&disrupted, &pod("b", true), now())).0, 429, "healthy ones are guarded");
}

#[test]
fn the_mark_of_an_eviction_is_set_once() {
    let marked = targeted(&pod("a", true), now());
    let c = &marked["status"]["conditions"][1];
    assert_eq!((&c["type"], &c["status"]), (&json!("DisruptionTarget"), &json!("True")));
    assert_eq!(c["reason"], "EvictionByEvictionAPI");
    assert_eq!(targeted(&marked, at("2026-02-02T00:00:00Z")), marked);
    assert_eq!(object::name(&marked), "a");
}
