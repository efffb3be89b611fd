//! Applying: what is owned, what is removed, what is left alone.

use serde_json::{Value, json};

use super::widget::{T0, T1, T2, create, entries, force, owned, schema, ssa, update, widget, writer};
use crate::managed::apply;

#[test]
fn creating_owns_exactly_the_configuration() {
    let mut config = widget(&json!({
        "replicas": 3, "selector": {"app": "x"}, "tags": ["a", "b"], "values": {"k": "v"}, "anything": {"deep": [1], "e": {}},
        "containers": [{"name": "c", "args": ["-v"], "ports": [{"containerPort": 80}]}],
    }));
    config["metadata"]["labels"] = json!({"l": "1"});
    config["metadata"]["finalizers"] = json!(["example.com/f"]);
    config["metadata"]["creationTimestamp"] = Value::Null;
    let object = ssa(None, "me", T0, &config).unwrap();
    assert_eq!(object["spec"], config["spec"]);
    assert_eq!(object["metadata"].get("creationTimestamp"), None);
    assert_eq!(
        entries(&object),
        [json!({
            "manager": "me", "operation": "Apply", "apiVersion": "example.com/v1", "time": T0, "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {"f:l": {}}, "f:finalizers": {"v:\"example.com/f\"": {}}},
                "f:spec": {
                    "f:replicas": {}, "f:selector": {}, "f:tags": {"v:\"a\"": {}, "v:\"b\"": {}}, "f:values": {"f:k": {}},
                    "f:anything": {"f:deep": {}, "f:e": {}},
                    "f:containers": {"k:{\"name\":\"c\"}": {
                        ".": {}, "f:name": {}, "f:args": {},
                        "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                    }},
                },
            },
        })]
    );
}

#[test]
fn applying_again_changes_nothing_at_all() {
    let config = widget(&json!({"replicas": 3, "tags": ["a"], "containers": [{"name": "c", "image": "i"}]}));
    let first = ssa(None, "me", T0, &config).unwrap();
    assert_eq!(ssa(Some(&first), "me", T1, &config).unwrap(), first);
    let other = update(&first, "controller", T1, |o| o["spec"]["paused"] = json!(true));
    assert_eq!(ssa(Some(&other), "me", T2, &config).unwrap(), other);
    // Other fields, same object: the entry is new, and so is its time.
    let more = ssa(
        Some(&other),
        "me",
        T2,
        &widget(&json!({"replicas": 3, "paused": true, "tags": ["a"],
        "containers": [{"name": "c", "image": "i"}]})),
    )
    .unwrap();
    assert_eq!(more["spec"], other["spec"]);
    assert_eq!(entries(&more)[0]["time"], T2);
}

/// `(applied first, applied then, spec after)` by one manager.
#[test]
fn what_is_no_longer_applied_is_removed() {
    let table = [
        (json!({"replicas": 3, "paused": true}), json!({"replicas": 3}), json!({"replicas": 3})),
        (json!({"values": {"a": "1", "b": "2"}}), json!({"values": {"b": "2"}}), json!({"values": {"b": "2"}})),
        (json!({"replicas": 1, "values": {"a": "1"}}), json!({"replicas": 1}), json!({"replicas": 1})),
        (json!({"tags": ["a", "b", "c"]}), json!({"tags": ["c"]}), json!({"tags": ["c"]})),
        (json!({"selector": {"a": "1", "b": "2"}}), json!({"selector": {"a": "1"}}), json!({"selector": {"a": "1"}})),
        (json!({"replicas": 1, "selector": {"a": "1"}}), json!({"replicas": 1}), json!({"replicas": 1})),
        (
            json!({"containers": [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b"}]}),
            json!({"containers": [{"name": "a", "image": "1"}]}),
            json!({"containers": [{"name": "a", "image": "1"}]}),
        ),
        (
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]}]}),
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}),
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}),
        ),
        (
            json!({"anything": {"x": {"y": 1, "z": 2}, "l": [1]}}),
            json!({"anything": {"x": {"z": 2}}}),
            json!({"anything": {"x": {"z": 2}}}),
        ),
        (json!({"strategy": {"type": "a"}, "replicas": 1}), json!({"replicas": 1}), json!({"replicas": 1})),
        // Another kind of value in an undivided place.
        (json!({"anything": {"x": {"y": 1}}}), json!({"anything": {"x": [1]}}), json!({"anything": {"x": [1]}})),
        (json!({"anything": {"x": 1}}), json!({"anything": {"x": {"y": 1}}}), json!({"anything": {"x": {"y": 1}}})),
    ];
    for (first, then, after) in table {
        let object = ssa(None, "me", T0, &widget(&first)).unwrap();
        let object = ssa(Some(&object), "me", T1, &widget(&then)).unwrap();
        assert_eq!(object["spec"], after, "{first} then {then}");
        let fresh = ssa(None, "me", T1, &widget(&then)).unwrap();
        assert_eq!(entries(&object), entries(&fresh), "ownership after {first} then {then}");
    }
}

#[test]
fn what_others_own_or_nobody_owns_stays() {
    let both = widget(&json!({"values": {"shared": "1", "mine": "1"}, "containers": [{"name": "a", "image": "i"}]}));
    let object = ssa(None, "me", T0, &both).unwrap();
    let object = ssa(Some(&object), "you", T1, &widget(&json!({"values": {"shared": "1"}}))).unwrap();
    let object = update(&object, "controller", T1, |o| {
        o["spec"]["values"]["theirs"] = json!("1");
        o["spec"]["containers"][0]["args"] = json!(["x"]);
    });
    let object = ssa(Some(&object), "me", T2, &widget(&json!({"containers": [{"name": "a"}]}))).unwrap();
    assert_eq!(
        object["spec"],
        json!({
        "values": {"shared": "1", "theirs": "1"}, "containers": [{"name": "a", "args": ["x"]}]})
    );
    // The item goes with the only one who owns its identity, as documented for list items.
    let object = ssa(Some(&object), "me", T2, &widget(&json!({"replicas": 1}))).unwrap();
    assert_eq!(object["spec"], json!({"values": {"shared": "1", "theirs": "1"}, "replicas": 1}));

    // Fields that nobody owns survive beside those that are given up.
    let first = widget(&json!({"values": {"mine": "1", "kept": "1"}}));
    let mut dangling = ssa(None, "me", T0, &first).unwrap();
    dangling["spec"]["values"]["unowned"] = json!("1");
    let object = ssa(Some(&dangling), "me", T1, &widget(&json!({"values": {"kept": "1"}}))).unwrap();
    assert_eq!(object["spec"], json!({"values": {"kept": "1", "unowned": "1"}}));
}

#[test]
fn giving_up_everything_removes_the_entry() {
    let object = create("maker", T0, &widget(&json!({"paused": true})));
    let object = ssa(Some(&object), "me", T0, &widget(&json!({"replicas": 1}))).unwrap();
    let nothing = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}});
    let object = ssa(Some(&object), "me", T1, &nothing).unwrap();
    assert_eq!(object["spec"], json!({"paused": true}));
    assert_eq!(entries(&object).len(), 1);
}

#[test]
fn identity_and_bookkeeping_are_nobodys() {
    let mut config = widget(&json!({"replicas": 1}));
    config["metadata"] = json!({"name": "w", "namespace": "ns", "uid": "u", "resourceVersion": "5", "generation": 7,
        "deletionTimestamp": T0, "managedFields": null, "annotations": {"a": "b"}});
    let object = ssa(None, "me", T0, &config).unwrap();
    assert_eq!(
        owned(&object, "me", "Apply"),
        json!({"f:metadata": {"f:annotations": {"f:a": {}}}, "f:spec": {"f:replicas": {}}})
    );
    // Preconditions pass to the caller, the server's own fields do not.
    assert_eq!(object["metadata"]["resourceVersion"], "5");
    assert_eq!(object["metadata"].get("generation"), None);
    assert_eq!(object["metadata"].get("deletionTimestamp"), None);
    let created = create("maker", T0, &config);
    assert_eq!(owned(&created, "maker", "Update")["f:metadata"], json!({"f:annotations": {".": {}, "f:a": {}}}));
}

#[test]
fn refusals_before_merging() {
    let bad = |edit: fn(&mut Value)| {
        let mut config = widget(&json!({}));
        edit(&mut config);
        let error = apply(&schema(), None, config, writer("me", T0), true).unwrap_err();
        assert_eq!((error.code, error.reason), (400, "BadRequest"));
        error.message
    };
    assert_eq!(bad(|c| c["metadata"]["managedFields"] = json!([])), "metadata.managedFields must be nil");
    assert!(bad(|c| c["apiVersion"] = json!("example.com/v2")).starts_with(
        "Incorrect version specified in apply patch. Specified patch version: example.com/v2, expected: example.com/v1"
    ));
    assert!(bad(|c| c["metadata"] = json!("x")).contains("metadata must be an object"));
    assert!(bad(|c| *c = json!([])).contains("must be an object"));
    let message = bad(|c| c["spec"]["containers"] = json!([{"name": "a"}, {"name": "a"}]));
    assert!(message.ends_with(".spec.containers: duplicate entries for key [name=\"a\"]"), "{message}");
    let message = bad(|c| c["spec"]["containers"] = json!([{"image": "a"}]));
    assert!(
        message.contains(
            ".spec.containers: element 0: associative list with keys has an element that omits all key fields"
        )
    );
    let message = bad(|c| {
        c["spec"]["containers"] = json!([{"name": "a", "ports": [{"containerPort": 1}, {"containerPort": 1.0}]}]);
    });
    assert!(message.contains(".spec.containers[name=\"a\"].ports: duplicate entries"), "{message}");
    assert!(bad(|c| c["spec"]["tags"] = json!([{}])).contains("has an element that's a map type"));
}

#[test]
fn null_and_empty_values() {
    let live = create(
        "maker",
        T0,
        &widget(&json!({"replicas": 1, "values": {"a": "1"}, "tags": ["a"], "selector": {"a": "b"}})),
    );
    let config = widget(&json!({"values": null, "tags": null, "strategy": {}, "replicas": null}));
    let object = force(Some(&live), "me", T1, &config);
    // Null takes any shape: members of divided fields stay, others become null.
    assert_eq!(
        object["spec"],
        json!({"replicas": null, "values": {"a": "1"}, "tags": ["a"], "selector": {"a": "b"}, "strategy": {}})
    );
    assert_eq!(
        owned(&object, "me", "Apply")["f:spec"],
        json!({"f:values": {}, "f:tags": {}, "f:strategy": {}, "f:replicas": {}})
    );
}

#[test]
fn status_takes_only_status() {
    let live = ssa(None, "me", T0, &widget(&json!({"replicas": 1}))).unwrap();
    let mut config = widget(&json!({"replicas": 9}));
    config["metadata"]["labels"] = json!({"no": "no"});
    config["status"] = json!({"phase": "Ready", "conditions": [{"type": "A", "status": "True"}]});
    let mut status = writer("controller", T1);
    status.subresource = "status";
    let object = apply(&schema(), Some(&live), config, status, false).unwrap();
    assert_eq!(object["spec"], json!({"replicas": 1}));
    assert_eq!(object["metadata"].get("labels"), None);
    assert_eq!(object["status"]["phase"], "Ready");
    let entry = entries(&object).into_iter().find(|e| e["manager"] == "controller").unwrap();
    assert_eq!(entry["subresource"], "status");
    assert_eq!(
        entry["fieldsV1"],
        json!({"f:status": {"f:phase": {}, "f:conditions": {
        "k:{\"type\":\"A\"}": {".": {}, "f:type": {}, "f:status": {}}}}})
    );
}
