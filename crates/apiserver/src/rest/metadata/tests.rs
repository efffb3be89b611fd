use serde_json::json;

use super::*;

fn any_name(_: &str) -> Option<String> {
    None
}
fn no_dots(name: &str) -> Option<String> {
    (name.contains('.') || name.ends_with('-')).then(|| "no dots".to_owned())
}
#[allow(clippy::needless_pass_by_value, reason = "callers read better with literals")]
fn faults(metadata: Value) -> Vec<String> {
    let object = json!({"metadata": metadata});
    validate(&object, true, &no_dots).iter().map(ToString::to_string).collect()
}

#[test]
fn normalise_checks_types() {
    for bad in [
        json!({"metadata": 1}),
        json!({"metadata": {"name": 1}}),
        json!({"metadata": {"labels": []}}),
        json!({"metadata": {"labels": {"a": 1}}}),
        json!({"metadata": {"annotations": {"a": {}}}}),
        json!({"metadata": {"finalizers": "x"}}),
        json!({"metadata": {"finalizers": [1]}}),
        json!({"metadata": {"ownerReferences": ["x"]}}),
        json!({"metadata": {"ownerReferences": [{"uid": 1}]}}),
        json!({"metadata": {"ownerReferences": [{"controller": "x"}]}}),
        json!({"metadata": {"managedFields": {}}}),
        json!({"metadata": {"creationTimestamp": "yesterday"}}),
        json!({"metadata": {"generation": "1"}}),
    ] {
        let e = normalise(&mut bad.clone()).expect_err("wrong type");
        assert!(e.contains("metadata"), "{bad}: {e}");
    }
    let mut o = json!({"metadata": {"name": "a", "creationTimestamp": null, "labels": {}, "finalizers": [], "managedFields": [], "annotations": {"x": null}}});
    normalise(&mut o).expect("fine");
    assert_eq!(o["metadata"], json!({"name": "a", "managedFields": [], "annotations": {"x": ""}}));
}

#[test]
fn names_and_namespaces() {
    assert_eq!(faults(json!({"name": "a", "namespace": "n"})), Vec::<String>::new());
    assert_eq!(faults(json!({"namespace": "n"})), ["metadata.name: Required value: name or generateName is required"]);
    assert_eq!(faults(json!({"name": "a.b", "namespace": "n"})), ["metadata.name: Invalid value: \"a.b\": no dots"]);
    assert_eq!(faults(json!({"name": "a-x", "generateName": "a-", "namespace": "n"})), Vec::<String>::new());
    assert_eq!(faults(json!({"name": "a"})), ["metadata.namespace: Required value"]);
    let cluster = validate(&json!({"metadata": {"name": "a", "namespace": "n"}}), false, &any_name);
    assert_eq!(cluster[0].to_string(), "metadata.namespace: Forbidden: not allowed on this type");
}

#[test]
fn labels_annotations_finalizers() {
    let f = faults(json!({"name": "a", "namespace": "n", "labels": {"a b": "x", "ok": "not ok"}}));
    assert_eq!(f.len(), 2);
    assert!(f.iter().all(|f| f.starts_with("metadata.labels: Invalid value")), "{f:?}");
    let f = faults(json!({"name": "a", "namespace": "n", "annotations": {"big": "x".repeat(ANNOTATIONS_LIMIT)}}));
    assert_eq!(f, ["metadata.annotations: Too long: may not be more than 262144 bytes"]);
    assert!(faults(json!({"name": "a", "namespace": "n", "annotations": {"big": "x".repeat(ANNOTATIONS_LIMIT - 3), "Ex.com/A": ""}})).len() == 1);
    assert_eq!(faults(json!({"name": "a", "namespace": "n", "finalizers": ["ex.com/f", "no good"]})).len(), 1);
    assert_eq!(faults(json!({"name": "a", "namespace": "n", "finalizers": ["orphan", "foregroundDeletion"]})).len(), 1);
}

#[test]
fn owners() {
    let owner = |name: &str, controller: bool| json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": "u", "controller": controller});
    assert!(
        faults(json!({"name": "a", "namespace": "n", "ownerReferences": [owner("x", true), owner("y", false)]}))
            .is_empty()
    );
    let f = faults(json!({"name": "a", "namespace": "n", "ownerReferences": [owner("x", true), owner("y", true)]}));
    assert!(f[0].contains("Found \"true\" in references for Pod/x and Pod/y"), "{f:?}");
    let f = faults(json!({"name": "a", "namespace": "n", "ownerReferences": [{"kind": "Pod"}]}));
    assert_eq!(f.len(), 3);
}

#[test]
fn updates_keep_and_guard_identity() {
    let old = json!({"metadata": {"name": "a", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 3, "managedFields": [{"manager": "m"}]}});
    let mut new = json!({"metadata": {"name": "a", "generation": 9}});
    carry_over(&mut new, &old);
    assert_eq!(new, old);
    assert!(validate_update(&new, &old).is_empty());
    new["metadata"]["creationTimestamp"] = "2001-01-01T00:00:00Z".into();
    carry_over(&mut new, &old);
    assert_eq!(new, old, "the time of creation is the server's to say");
    new["metadata"]["uid"] = "v".into();
    let e = validate_update(&new, &old);
    assert_eq!(e[0].to_string(), "metadata.uid: Invalid value: \"v\": field is immutable");
}

#[test]
fn a_deleting_object_takes_no_new_finalizers() {
    let old = json!({"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x/a"]}});
    let mut new = old.clone();
    new["metadata"]["deletionTimestamp"] = "2026-01-01T01:00:00+01:00".into();
    assert!(validate_update(&new, &old).is_empty(), "the same instant");
    new["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:01Z".into();
    assert_eq!(validate_update(&new, &old)[0].path, "metadata.deletionTimestamp");
    new["metadata"].as_object_mut().expect("metadata").remove("deletionTimestamp");
    carry_over(&mut new, &old);
    assert_eq!(new, old);
    new["metadata"]["finalizers"] = json!(["x/a", "x/b"]);
    assert!(validate_update(&new, &old)[0].to_string().contains("found new finalizers [\"x/b\"]"));
    new["metadata"]["finalizers"] = json!([]);
    assert!(validate_update(&new, &old).is_empty());
}
