//! Strategic merge patch by the examples of the Kubernetes documentation.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::{
    error::ApiError,
    patch::strategic_merge_patch,
    schema::{Schema, SchemaRoot},
};

fn map<const N: usize>(properties: [(&str, Schema); N]) -> Schema {
    Schema {
        type_: "object".into(),
        properties: properties.into_iter().map(|(k, v)| (k.to_owned(), Arc::new(v))).collect(),
        ..Schema::default()
    }
}

fn merging(key: Option<&str>, items: Schema) -> Schema {
    Schema {
        type_: "array".into(),
        items: Some(Arc::new(items)),
        patch_merge: true,
        patch_merge_key: key.map(str::to_owned),
        ..Schema::default()
    }
}

fn scalar() -> Schema {
    Schema { type_: "string".into(), ..Schema::default() }
}

/// What matters of a Deployment's pod template, with the strategies of the core types, one of them behind a reference.
pub(super) fn pod_like() -> SchemaRoot {
    let container = map([
        ("name", scalar()),
        ("args", Schema { type_: "array".into(), items: Some(Arc::new(scalar())), ..Schema::default() }),
        ("env", merging(Some("name"), map([("name", scalar()), ("value", scalar())]))),
        ("ports", merging(Some("containerPort"), map([("containerPort", scalar())]))),
    ]);
    let strategy = Schema { patch_retain_keys: true, ..map([("type", scalar()), ("rollingUpdate", map([]))]) };
    let root = map([
        ("metadata", map([("finalizers", merging(None, scalar())), ("labels", map([]))])),
        (
            "spec",
            map([
                (
                    "containers",
                    merging(Some("name"), Schema { reference: Some("Container".into()), ..Schema::default() }),
                ),
                ("tolerations", Schema { type_: "array".into(), items: Some(Arc::new(map([]))), ..Schema::default() }),
                ("volumes", merging(Some("name"), map([("name", scalar())]))),
                ("strategy", strategy),
                ("broken", merging(None, map([]))),
            ]),
        ),
    ]);
    SchemaRoot {
        root: Arc::new(root),
        definitions: Arc::new(BTreeMap::from([("Container".to_owned(), Arc::new(container))])),
    }
}

fn patched(mut object: Value, patch: &Value) -> Result<Value, ApiError> {
    let before = object.clone();
    let result = strategic_merge_patch(&pod_like(), &mut object, patch);
    if result.is_err() {
        assert_eq!(object, before, "a refused patch changes nothing");
    }
    result.map(|()| object)
}

/// `spec` before, patch of `spec`, `spec` after.
fn table(rows: impl IntoIterator<Item = (Value, Value, Value)>) {
    for (before, patch, after) in rows {
        let got = patched(json!({"spec": before}), &json!({"spec": patch})).unwrap();
        assert_eq!(got, json!({"spec": after}), "{before} <- {patch}");
    }
}

#[test]
fn lists_merge_by_key_or_are_replaced() {
    table([
        (
            json!({"containers": [{"name": "nginx", "image": "nginx:1.0"}]}),
            json!({"containers": [{"name": "log-tailer", "image": "log-tailer:1.0"}]}),
            json!({"containers": [{"name": "log-tailer", "image": "log-tailer:1.0"}, {"name": "nginx", "image": "nginx:1.0"}]}),
        ),
        (
            json!({"containers": [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "1"}]}]}),
            json!({"containers": [{"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "2"}, {"name": "Z", "value": null}]}]}),
            json!({"containers": [{"name": "a", "image": "a:2",
                "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}, {"name": "Z"}]}]}),
        ),
        (
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "x"}]}]}),
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "y"}]}]}),
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "y"}]}]}),
        ),
        (
            json!({"tolerations": [{"key": "a"}, {"key": "b"}], "containers": [{"name": "a", "args": ["1", "2"]}]}),
            json!({"tolerations": [{"key": "c", "gone": null}], "containers": [{"name": "a", "args": ["3"]}]}),
            json!({"tolerations": [{"key": "c"}], "containers": [{"name": "a", "args": ["3"]}]}),
        ),
        // Unknown to the schema: as RFC 7386.
        (json!({"extra": {"a": 1, "l": [1]}}), json!({"extra": {"a": null, "l": [2]}}), json!({"extra": {"l": [2]}})),
        (json!({"replicas": 1, "x": 2}), json!({"replicas": null, "absent": null}), json!({"x": 2})),
        (json!({"x": null}), json!({"x": {"y": {"z": null}}}), json!({"x": {"y": {}}})),
    ]);
}

#[test]
fn patch_directives() {
    table([
        (
            json!({"containers": [{"name": "nginx", "image": "nginx:1.0"}]}),
            json!({"containers": [{"name": "log-tailer", "image": "log-tailer:1.0"}, {"$patch": "replace"}]}),
            json!({"containers": [{"name": "log-tailer", "image": "log-tailer:1.0"}]}),
        ),
        (
            json!({"containers": [{"name": "nginx"}, {"name": "log-tailer"}]}),
            json!({"containers": [{"$patch": "delete", "name": "log-tailer"}]}),
            json!({"containers": [{"name": "nginx"}]}),
        ),
        (
            json!({"containers": [{"name": "nginx"}]}),
            json!({"containers": [{"$patch": "delete", "name": "absent"}]}),
            json!({"containers": [{"name": "nginx"}]}),
        ),
        (
            json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}),
            json!({"strategy": {"$patch": "replace", "type": "Recreate", "rollingUpdate": null}}),
            json!({"strategy": {"type": "Recreate"}}),
        ),
        (json!({"selector": {"a": "b"}}), json!({"selector": {"$patch": "delete"}}), json!({"selector": {}})),
        (
            json!({"selector": {"a": "b"}}),
            json!({"selector": {"$patch": "merge", "c": "d"}}),
            json!({"selector": {"a": "b", "c": "d"}}),
        ),
        // Nothing to delete or replace yet: no directive may reach the object.
        (
            json!({}),
            json!({"containers": [{"$patch": "delete", "name": "x"}, {"name": "y"}]}),
            json!({"containers": [{"name": "y"}]}),
        ),
        (json!({}), json!({"selector": {"$patch": "delete"}, "x": {"y": {"$patch": "replace"}}}), json!({"x": {}})),
    ]);
}

#[test]
fn retain_keys() {
    table([
        (
            json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "30%"}}}),
            json!({"strategy": {"$retainKeys": ["type"], "rollingUpdate": null, "type": "Recreate"}}),
            json!({"strategy": {"type": "Recreate"}}),
        ),
        (
            json!({"volumes": [{"name": "foo", "hostPath": {"path": "/a"}}]}),
            json!({"volumes": [{"name": "foo", "$retainKeys": ["name", "emptyDir"], "emptyDir": {}}]}),
            json!({"volumes": [{"name": "foo", "emptyDir": {}}]}),
        ),
        (
            json!({}),
            json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}),
            json!({"strategy": {"type": "Recreate"}}),
        ),
    ]);
}

#[test]
fn primitive_lists() {
    let finalizers = |list: Value| json!({"metadata": {"finalizers": list}});
    let rows = [
        (json!(["a", "b", "c"]), json!({"$deleteFromPrimitiveList/finalizers": ["a", "x"]}), json!(["b", "c"])),
        (json!(["a", "b"]), json!({"finalizers": ["b", "c"]}), json!(["a", "b", "c"])),
        (
            json!(["a", "b", "c"]),
            json!({"$deleteFromPrimitiveList/finalizers": ["b"], "$setElementOrder/finalizers": ["d", "c", "a"], "finalizers": ["d"]}),
            json!(["d", "c", "a"]),
        ),
        (json!(["a", "b", "c"]), json!({"$setElementOrder/finalizers": ["c", "a"]}), json!(["b", "c", "a"])),
    ];
    for (before, patch, after) in rows {
        let got = patched(finalizers(before), &json!({"metadata": patch})).unwrap();
        assert_eq!(got, finalizers(after), "{patch}");
    }
    let nothing = patched(json!({}), &json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}})).unwrap();
    assert_eq!(nothing, json!({"metadata": {}}));
}

/// Live names, order list, patch list, names after.
type Row<'a> = (&'a [&'a str], &'a [&'a str], Value, &'a [&'a str]);

#[test]
fn element_order() {
    let list = |names: &[&str]| Value::Array(names.iter().map(|n| json!({"name": n})).collect());
    let rows: [Row<'_>; 5] = [
        // The order of the request wins over the live order.
        (&["1", "2", "3"], &["3", "2", "1"], json!([]), &["3", "2", "1"]),
        // An item that only the server knows keeps its place where it can.
        (&["1", "srv", "3"], &["1", "2", "3"], json!([{"name": "2"}]), &["1", "2", "srv", "3"]),
        (&["a", "b"], &["b", "a"], json!([{"name": "b"}]), &["b", "a"]),
        (&["a", "b", "c"], &["c", "a"], json!([{"name": "b", "$patch": "delete"}]), &["c", "a"]),
        (&[], &["b", "a"], json!([{"name": "b"}, {"name": "a"}]), &["b", "a"]),
    ];
    for (live, order, change, expected) in rows {
        let mut patch = json!({"$setElementOrder/containers": list(order)});
        if change != json!([]) {
            patch["containers"] = change;
        }
        let before = if live.is_empty() { json!({}) } else { json!({"containers": list(live)}) };
        let got = patched(json!({"spec": before}), &json!({"spec": patch})).unwrap();
        assert_eq!(got["spec"]["containers"], list(expected), "{patch}");
    }
}

#[test]
fn refusals() {
    let object = json!({"metadata": {"finalizers": ["a"]}, "spec": {
        "containers": [{"name": "a"}], "strategy": {"type": "x"}, "broken": [{"a": 1}], "volumes": [{"name": "v"}]}});
    let rows = [
        (json!({"spec": {"strategy": {"$patch": "frob"}}}), 422, "unknown patch type: frob in map: map[]"),
        (
            json!({"spec": {"containers": [{"image": "secret"}]}}),
            422,
            "map: map[image] does not contain declared merge key: name",
        ),
        (
            json!({"spec": {"containers": [{"$patch": "delete", "image": "x"}]}}),
            422,
            "does not contain declared merge key: name",
        ),
        (
            json!({"spec": {"containers": [{"$patch": "merge", "name": "x"}]}}),
            422,
            "merging lists cannot yet be specified in the patch",
        ),
        (json!({"spec": {"containers": ["x"]}}), 422, "list element types are not identical"),
        (json!({"spec": {"containers": [["x"]]}}), 422, "lists of lists are not supported"),
        (json!({"spec": {"broken": [{"a": 1}]}}), 422, "cannot merge lists without merge key"),
        (json!({"spec": {"strategy": {"$retainKeys": "type"}}}), 400, "invalid patch format of retainKeys"),
        (
            json!({"spec": {"strategy": {"$retainKeys": ["type"], "other": 1}}}),
            400,
            "invalid patch format of retainKeys",
        ),
        (
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": "a"}}),
            400,
            "invalid patch format of primitive list",
        ),
        (json!({"metadata": {"$deleteFromPrimitiveList": ["a"]}}), 400, "invalid patch format of primitive list"),
        (json!({"metadata": {"$setElementOrder": ["a"]}}), 400, "invalid patch format of setElementOrder list"),
        (json!({"metadata": {"$setElementOrder/finalizers": {}}}), 400, "invalid patch format of setElementOrder list"),
        (
            json!({"metadata": {"$setElementOrder/finalizers": ["a", "b"], "finalizers": ["b", "a"]}}),
            422,
            "doesn't match the $setElementOrder list",
        ),
        (json!(["x"]), 400, "invalid JSON document"),
    ];
    for (patch, code, expected) in rows {
        let error = patched(object.clone(), &patch).unwrap_err();
        assert_eq!(error.code, code, "{patch}: {}", error.message);
        assert!(error.message.contains(expected), "{patch}: {}", error.message);
        assert!(!error.message.contains("secret"), "no values in errors");
    }
}
