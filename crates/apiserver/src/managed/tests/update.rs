//! Ownership after updates.

use serde_json::{Value, json};

use super::widget::{T0, T1, T2, create, entries, owned, schema, ssa, update, widget, writer};
use crate::managed::{InvalidEntry, check_entries, check_field_manager, manager_of_user_agent, track_update};

#[test]
fn creating_owns_everything_with_its_containers() {
    let object = create(
        "maker",
        T0,
        &widget(&json!({"replicas": 1, "tags": ["a"], "values": {}, "selector": {"a": "b"},
        "containers": [{"name": "c", "ports": [{"containerPort": 80}]}]})),
    );
    assert_eq!(
        entries(&object),
        [json!({
            "manager": "maker", "operation": "Update", "apiVersion": "example.com/v1", "time": T0, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {
                ".": {}, "f:replicas": {}, "f:tags": {".": {}, "v:\"a\"": {}}, "f:values": {}, "f:selector": {},
                "f:containers": {".": {}, "k:{\"name\":\"c\"}": {
                    ".": {}, "f:name": {},
                    "f:ports": {".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                }},
            }},
        })]
    );
}

#[test]
fn what_has_nothing_to_own_has_no_entries() {
    let mut object = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}});
    let sent = object.clone();
    track_update(&schema(), None, &mut object, writer("maker", T0));
    assert_eq!(object, sent);
    track_update(&schema(), Some(&sent), &mut object, writer("maker", T1));
    assert_eq!(object, sent);
}

#[test]
fn a_change_moves_its_field_and_only_that() {
    let live = create("maker", T0, &widget(&json!({"replicas": 1, "paused": true, "values": {"a": "1", "b": "2"}})));
    let live = update(&live, "other", T1, |o| {
        o["spec"]["replicas"] = json!(2);
        o["spec"]["values"]["a"] = json!("x");
        o["spec"]["values"]["c"] = json!("3");
    });
    assert_eq!(
        owned(&live, "maker", "Update"),
        json!({"f:spec": {".": {}, "f:paused": {}, "f:values": {".": {}, "f:b": {}}}})
    );
    assert_eq!(
        owned(&live, "other", "Update"),
        json!({"f:spec": {"f:replicas": {}, "f:values": {"f:a": {}, "f:c": {}}}})
    );
    let times: Vec<_> = entries(&live).iter().map(|e| e["time"].clone()).collect();
    assert_eq!(times, [T0, T1]);
    // Removal alone moves nothing, and touches no time.
    let live = update(&live, "third", T2, |o| {
        o["spec"].as_object_mut().unwrap().remove("paused");
        o["spec"].as_object_mut().unwrap().remove("values");
    });
    assert_eq!(owned(&live, "maker", "Update"), json!({"f:spec": {}}));
    assert_eq!(owned(&live, "other", "Update"), json!({"f:spec": {"f:replicas": {}}}));
    assert_eq!(entries(&live).len(), 2);
    let live = update(&live, "third", T2, |o| o.as_object_mut().unwrap().retain(|k, _| k != "spec"));
    assert_eq!(live["metadata"].get("managedFields"), None);
}

#[test]
fn no_change_leaves_everything_as_it_was() {
    let live = create(
        "maker",
        T0,
        &widget(&json!({"replicas": 1, "tags": ["a", "b"], "containers": [{"name": "a"}, {"name": "b"}]})),
    );
    assert_eq!(update(&live, "maker", T1, |_| {}), live);
    assert_eq!(update(&live, "other", T1, |_| {}), live);
    // Clients that do not know managedFields do not erase them; numbers are equal by value.
    let quiet = update(&live, "other", T1, |o| {
        o["metadata"].as_object_mut().unwrap().remove("managedFields");
    });
    assert_eq!(quiet, live);
    assert_eq!(entries(&update(&live, "other", T1, |o| o["spec"]["replicas"] = json!(1.0))), entries(&live));
    // Order is not owned.
    let reordered = update(&live, "other", T1, |o| {
        o["spec"]["containers"].as_array_mut().unwrap().reverse();
        o["spec"]["tags"].as_array_mut().unwrap().reverse();
    });
    assert_eq!(entries(&reordered), entries(&live));
}

#[test]
fn status_is_kept_apart() {
    let live = create("maker", T0, &widget(&json!({"replicas": 1})));
    let mut new = live.clone();
    new["status"] = json!({"phase": "Ready", "conditions": [{"type": "A", "status": "True"}]});
    new["spec"]["replicas"] = json!(99);
    new["metadata"]["managedFields"] = json!([]);
    let mut status = writer("controller", T1);
    status.subresource = "status";
    track_update(&schema(), Some(&live), &mut new, status);
    assert_eq!(entries(&new).len(), 2);
    assert_eq!(entries(&new)[0], entries(&live)[0]);
    assert_eq!(
        entries(&new)[1],
        json!({
            "manager": "controller", "operation": "Update", "apiVersion": "example.com/v1", "time": T1, "subresource": "status",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:status": {".": {}, "f:phase": {}, "f:conditions": {".": {},
                "k:{\"type\":\"A\"}": {".": {}, "f:type": {}, "f:status": {}}}}},
        })
    );
    // The same manager on the main resource has another entry.
    let twice = update(&new, "controller", T2, |o| o["spec"]["paused"] = json!(true));
    assert_eq!(entries(&twice).len(), 3);
}

#[test]
fn clients_may_edit_and_reset_entries() {
    let live = create("maker", T0, &widget(&json!({"replicas": 1})));
    for reset in [json!([]), json!([{}])] {
        let new = update(&live, "me", T1, |o| o["metadata"]["managedFields"] = reset);
        assert_eq!(new["metadata"].get("managedFields"), None);
    }
    let new = update(&live, "me", T1, |o| o["metadata"]["managedFields"][0]["manager"] = json!("renamed"));
    assert_eq!(owned(&new, "renamed", "Update"), json!({"f:spec": {".": {}, "f:replicas": {}}}));
    assert_eq!(entries(&new)[0]["time"], T0);
    // Untidy but valid entries are made canonical, unknown elements dropped.
    let new = update(&live, "me", T1, |o| {
        o["metadata"]["managedFields"][0]["fieldsV1"] = json!({"f:spec": {
            "k:{ \"b\": 1.0, \"a\":\"x\" }": {"f:x": {}}, "k:{\"a\":\"x\",\"b\":1}": {".": {}}, "v: 2": {}, "i:03": {}, "z:new": {}}});
    });
    assert_eq!(
        owned(&new, "maker", "Update"),
        json!({"f:spec": {
        "k:{\"a\":\"x\",\"b\":1}": {".": {}, "f:x": {}}, "v:2": {}, "i:3": {}}})
    );
    let entry = &entries(&live)[0];
    for (field, value) in [
        ("operation", json!("Frob")),
        ("apiVersion", json!("")),
        ("fieldsType", json!("FieldsV2")),
        ("fieldsV1", json!({"nope": {}})),
        ("fieldsV1", json!({"k:5": {}})),
        ("fieldsV1", json!({"v:{": {}})),
        ("fieldsV1", json!("x")),
    ] {
        let mut bad = entry.clone();
        bad[field] = value;
        assert!(check_entries(&json!([bad])).is_err(), "{bad}");
        let new = update(&live, "me", T1, |o| o["metadata"]["managedFields"] = json!([bad]));
        assert_eq!(new, live, "entries that cannot be read count as not sent");
    }
    assert_eq!(check_entries(&json!({})), Err(InvalidEntry::NotEntries));
    assert_eq!(check_entries(&json!([entry])), Ok(()));
}

#[test]
fn too_many_updaters_become_ancient() {
    let mut live = ssa(None, "applier", T0, &widget(&json!({"paused": true}))).unwrap();
    for i in 0..40 {
        let (manager, now) = (format!("m{i:02}"), format!("2026-01-01T00:01:{i:02}Z"));
        live = update(&live, &manager, &now, |o| o["spec"]["values"][format!("v{i:02}")] = json!("x"));
        let list = entries(&live);
        assert!(list.iter().filter(|e| e["operation"] == "Update").count() <= 10);
        assert_eq!(list.last().unwrap()["manager"], json!(manager));
    }
    let names: Vec<_> = entries(&live).iter().map(|e| e["manager"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names[0], "applier");
    assert_eq!(names[1], "ancient-changes");
    assert_eq!(names.iter().filter(|n| *n == "ancient-changes").count(), 1);
    assert_eq!(entries(&live)[1]["time"], "2026-01-01T00:01:30Z");
    let ancient = owned(&live, "ancient-changes", "Update");
    assert_eq!(
        ancient["f:spec"]["f:values"].as_object().map(serde_json::Map::len),
        Some(32),
        "31 fields and the map itself"
    );
}

#[test]
fn duplicates_are_owned_together() {
    let live = create("maker", T0, &widget(&json!({"tags": ["a"]})));
    let twice = update(&live, "other", T1, |o| o["spec"]["tags"] = json!(["a", "a"]));
    assert_eq!(owned(&twice, "other", "Update"), json!({"f:spec": {"f:tags": {"v:\"a\"": {}}}}));
    let once = update(&twice, "third", T2, |o| o["spec"]["tags"] = json!(["a"]));
    assert_eq!(owned(&once, "other", "Update"), Value::Null);
}

#[test]
fn names_of_managers() {
    assert!(check_field_manager("PatchOptions", Some("me"), true).is_ok());
    assert!(check_field_manager("CreateOptions", None, false).is_ok());
    let error = check_field_manager("PatchOptions", None, true).unwrap_err();
    assert_eq!(error.code, 422);
    assert_eq!(
        error.message,
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
    );
    assert!(
        check_field_manager("PatchOptions", Some(&"x".repeat(129)), false).unwrap_err().message.contains("Too long")
    );
    assert!(check_field_manager("PatchOptions", Some("a\nb"), false).unwrap_err().message.contains("printable"));
    assert_eq!(manager_of_user_agent("kubectl/v1.32 (linux/amd64)"), "kubectl");
    assert_eq!(manager_of_user_agent("a\u{7}b/1"), "ab");
    assert_eq!(manager_of_user_agent(&"é".repeat(100)).len(), 128);
    let mut anonymous = widget(&json!({"replicas": 1}));
    track_update(&schema(), None, &mut anonymous, writer("", T0));
    assert_eq!(entries(&anonymous)[0]["manager"], "unknown");
}
