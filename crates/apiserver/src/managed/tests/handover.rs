//! From client-side to server-side apply, and from untracked to tracked.

use serde_json::{Value, json};

use super::widget::{T0, T1, T2, create, entries, force, owned, ssa, update, widget};

const LAST: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn client_side(spec: &Value) -> Value {
    let mut object = widget(spec);
    object["metadata"]["annotations"] = json!({LAST: format!("{}\n", widget(spec))});
    create("kubectl-client-side-apply", T0, &object)
}

#[test]
fn kubectl_takes_over_what_it_applied_itself() {
    let live = client_side(&json!({"replicas": 1, "paused": true}));
    let config = widget(&json!({"replicas": 2, "paused": true}));
    let object = ssa(Some(&live), "kubectl", T1, &config).unwrap();
    assert_eq!(object["spec"], config["spec"]);
    let last: Value = serde_json::from_str(object["metadata"]["annotations"][LAST].as_str().unwrap()).unwrap();
    assert_eq!(last, config);
    assert_eq!(ssa(Some(&object), "kubectl", T2, &config).unwrap(), object);
    // Any other name opts out.
    assert!(ssa(Some(&live), "me", T1, &config).is_err());
}

#[test]
fn kubectl_does_not_take_what_others_changed_since() {
    let live = client_side(&json!({"replicas": 1, "paused": true}));
    let live = update(&live, "scaler", T1, |o| o["spec"]["replicas"] = json!(5));
    let error = ssa(Some(&live), "kubectl", T2, &widget(&json!({"replicas": 2, "paused": false}))).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"scaler\" using example.com/v1: .spec.replicas"
    );
}

#[test]
fn kubectls_migration_patch() {
    // kubectl rewrites the entries: the client-side manager's become those of the server-side one.
    let live = client_side(&json!({"replicas": 1, "paused": true}));
    let migrated = update(&live, "kubectl", T1, |o| {
        let entry = &mut o["metadata"]["managedFields"][0];
        entry["manager"] = json!("kubectl");
        entry["operation"] = json!("Apply");
    });
    assert_eq!(entries(&migrated).len(), 1);
    assert_eq!(entries(&migrated)[0]["time"], T0);
    let object = ssa(Some(&migrated), "kubectl", T2, &widget(&json!({"replicas": 2}))).unwrap();
    assert_eq!(object["spec"], json!({"replicas": 2}));
    assert_eq!(object["metadata"].get("annotations"), None);
}

#[test]
fn a_schema_that_became_atomic() {
    // `selector` and `args` as entries of an older schema knew them: part by part.
    let mut live =
        ssa(None, "old", T0, &widget(&json!({"selector": {"a": "1"}, "containers": [{"name": "c", "args": ["x"]}]})))
            .unwrap();
    live["metadata"]["managedFields"][0]["fieldsV1"] = json!({"f:spec": {
        "f:selector": {".": {}, "f:a": {}},
        "f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}, "f:args": {"v:\"x\"": {}}}},
    }});
    let error = ssa(
        Some(&live),
        "me",
        T1,
        &widget(&json!({"selector": {"b": "1"}, "containers": [{"name": "c", "args": ["y"]}]})),
    );
    assert_eq!(
        error.unwrap_err().message,
        "Apply failed with 2 conflicts: conflicts with \"old\":\n- .spec.selector\n- .spec.containers[name=\"c\"].args"
    );
    let object = ssa(Some(&live), "me", T1, &widget(&json!({"paused": true}))).unwrap();
    assert_eq!(
        owned(&object, "old", "Apply"),
        json!({"f:spec": {
        "f:selector": {}, "f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}, "f:args": {}}}}})
    );
}

#[test]
fn what_was_there_before_the_first_apply() {
    let mut live = widget(&json!({"replicas": 1, "paused": true}));
    live["metadata"]["uid"] = json!("u");
    let updated = update(&live, "someone", T0, |o| o["spec"]["replicas"] = json!(2));
    assert_eq!(entries(&updated), [] as [Value; 0], "untracked objects stay untracked until applied to");
    let error = ssa(Some(&live), "me", T1, &widget(&json!({"replicas": 3}))).unwrap_err();
    assert!(error.message.contains("conflict with \"before-first-apply\" using example.com/v1: .spec.replicas"));
    let object = force(Some(&live), "me", T1, &widget(&json!({"replicas": 3})));
    assert_eq!(owned(&object, "me", "Apply"), json!({"f:spec": {"f:replicas": {}}}));
    assert_eq!(owned(&object, "before-first-apply", "Update"), json!({"f:spec": {".": {}, "f:paused": {}}}));
    assert_eq!(object["metadata"]["uid"], "u");
}
