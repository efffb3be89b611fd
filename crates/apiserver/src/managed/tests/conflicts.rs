//! Conflicts, worded as kubectl users know them.

use serde_json::json;

use super::widget::{T0, T1, T2, create, entries, force, owned, schema, ssa, update, widget, writer};
use crate::managed::{apply, track_update};

#[test]
fn one_conflict_with_an_updater() {
    let live = create("kubectl-client-side-apply", T0, &widget(&json!({"replicas": 1, "paused": true})));
    let error = ssa(Some(&live), "me", T1, &widget(&json!({"replicas": 3, "paused": true}))).unwrap_err();
    assert_eq!((error.code, error.reason), (409, "Conflict"));
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using example.com/v1: .spec.replicas"
    );
    assert_eq!(
        error.details,
        json!({"causes": [{
            "reason": "FieldManagerConflict",
            "message": "conflict with \"kubectl-client-side-apply\" using example.com/v1",
            "field": ".spec.replicas",
        }]})
    );
}

#[test]
fn several_managers_and_fields() {
    let spec = json!({"replicas": 1, "containers": [{"name": "a", "image": "1"}], "tags": ["t"]});
    let live = ssa(None, "applier", T0, &widget(&spec)).unwrap();
    let live = ssa(Some(&live), "sharer", T0, &widget(&json!({"replicas": 1}))).unwrap();
    let mut with_status = live.clone();
    with_status["status"] = json!({"phase": "Ready"});
    let mut status = writer("controller", T1);
    status.subresource = "status";
    track_update(&schema(), Some(&live), &mut with_status, status);
    let mut config = widget(&json!({"replicas": 2, "containers": [{"name": "a", "image": "2"}], "tags": ["t"]}));
    config["status"] = json!({"phase": "Failed"});
    let error = ssa(Some(&with_status), "me", T2, &config).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 4 conflicts: conflicts with \"applier\":\n- .spec.replicas\n- .spec.containers[name=\"a\"].image\n\
         conflicts with \"controller\" with subresource \"status\" using example.com/v1:\n- .status.phase\n\
         conflicts with \"sharer\":\n- .spec.replicas"
    );
    assert_eq!(error.details["causes"].as_array().map(Vec::len), Some(4));
    assert_eq!(error.details["causes"][0]["message"], "conflict with \"applier\"");

    let forced = force(Some(&with_status), "me", T2, &config);
    assert_eq!(forced["spec"]["replicas"], 2);
    assert_eq!(owned(&forced, "sharer", "Apply"), json!(null));
    assert_eq!(owned(&forced, "controller", "Update"), json!({"f:status": {}}));
    assert_eq!(
        owned(&forced, "applier", "Apply"),
        json!({"f:spec": {"f:tags": {"v:\"t\"": {}}, "f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}}}}})
    );
}

#[test]
fn the_same_value_is_shared() {
    let live = ssa(None, "one", T0, &widget(&json!({"replicas": 3, "selector": {"a": "b"}}))).unwrap();
    let live = ssa(Some(&live), "two", T1, &widget(&json!({"replicas": 3.0, "selector": {"a": "b"}}))).unwrap();
    assert_eq!(owned(&live, "one", "Apply"), owned(&live, "two", "Apply"));
    // A shared field goes only with its last owner.
    let live = ssa(Some(&live), "one", T2, &widget(&json!({"paused": true}))).unwrap();
    assert_eq!(live["spec"]["selector"], json!({"a": "b"}));
    let live = ssa(Some(&live), "two", T2, &widget(&json!({"strategy": {"type": "x"}}))).unwrap();
    assert_eq!(live["spec"], json!({"paused": true, "strategy": {"type": "x"}}));
}

#[test]
fn an_atomic_field_conflicts_as_a_whole() {
    let live = ssa(None, "one", T0, &widget(&json!({"selector": {"a": "1"}, "anything": {"l": [1, 2]}}))).unwrap();
    let error = ssa(Some(&live), "two", T1, &widget(&json!({"selector": {"b": "1"}, "anything": {"l": [1, 2, 3]}})))
        .unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 2 conflicts: conflicts with \"one\":\n- .spec.selector\n- .spec.anything.l"
    );
}

#[test]
fn an_applier_conflicts_with_its_own_updates() {
    let live = create("me", T0, &widget(&json!({"replicas": 1})));
    let error = ssa(Some(&live), "me", T1, &widget(&json!({"replicas": 2}))).unwrap_err();
    assert!(error.message.contains("conflict with \"me\" using example.com/v1: .spec.replicas"), "{}", error.message);
}

#[test]
fn what_an_applier_lost_to_an_update_it_may_only_take_back_by_force() {
    let config = widget(&json!({"replicas": 1}));
    let live = ssa(None, "me", T0, &config).unwrap();
    let live = update(&live, "scaler", T1, |o| o["spec"]["replicas"] = json!(5));
    assert_eq!(owned(&live, "me", "Apply"), json!(null));
    let error = ssa(Some(&live), "me", T2, &config).unwrap_err();
    assert!(error.message.contains("conflict with \"scaler\""), "{}", error.message);
    let live = force(Some(&live), "me", T2, &config);
    assert_eq!(entries(&live).len(), 1);
    // Or by leaving the field out, as documented for handing replicas to an autoscaler.
    let live = update(&live, "scaler", T2, |o| o["spec"]["replicas"] = json!(7));
    let live = ssa(Some(&live), "me", T2, &widget(&json!({"paused": true}))).unwrap();
    assert_eq!(live["spec"], json!({"replicas": 7, "paused": true}));
}

#[test]
fn one_applier_has_one_entry_whatever_version_it_used() {
    let live = ssa(None, "me", T0, &widget(&json!({"replicas": 1, "paused": true}))).unwrap();
    let mut config = widget(&json!({"replicas": 2}));
    config["apiVersion"] = json!("example.com/v2");
    let mut other = writer("me", T1);
    other.api_version = "example.com/v2";
    let live = apply(&schema(), Some(&live), config, other, false).unwrap();
    assert_eq!(live["spec"], json!({"replicas": 2}));
    assert_eq!(entries(&live).len(), 1);
    assert_eq!(entries(&live)[0]["apiVersion"], "example.com/v2");
}
