//! What holds for any object and any patch.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::strategic::pod_like;
use crate::patch::{json_patch, merge_patch, strategic_merge_patch};

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "metadata",
        "finalizers",
        "spec",
        "containers",
        "volumes",
        "strategy",
        "env",
        "name",
        "type",
        "$patch",
        "$retainKeys",
        "$deleteFromPrimitiveList/finalizers",
        "$setElementOrder/containers",
        "$setElementOrder/finalizers",
    ])
    .prop_map(str::to_owned)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        prop::sample::select(vec!["a", "b", "replace", "delete", "merge", "name", "type"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..5).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(name(), any_json(), 0..5).prop_map(|m| Value::Object(m.into_iter().collect()))
}

fn has_null_member(value: &Value) -> bool {
    match value {
        Value::Object(m) => m.values().any(|v| v.is_null() || has_null_member(v)),
        _ => false,
    }
}

fn operation() -> impl Strategy<Value = Value> {
    let path = prop_oneof![
        Just(String::new()),
        prop::collection::vec(prop::sample::select(vec!["metadata", "spec", "name", "0", "1", "-", "01"]), 1..4)
            .prop_map(|p| format!("/{}", p.join("/"))),
    ];
    let verb = prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test"]);
    (verb, path.clone(), path, any_json())
        .prop_map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
}

proptest! {
    #[test]
    fn merge_patch_is_idempotent_and_leaves_no_nulls_of_its_own(object in any_object(), patch in any_object()) {
        let mut once = object.clone();
        merge_patch(&mut once, &patch);
        let mut twice = once.clone();
        merge_patch(&mut twice, &patch);
        prop_assert_eq!(&once, &twice);
        let mut alone = Value::Null;
        merge_patch(&mut alone, &patch);
        prop_assert!(!has_null_member(&alone));
        let mut unchanged = object.clone();
        merge_patch(&mut unchanged, &Value::Object(Map::new()));
        prop_assert_eq!(unchanged, object);
    }

    #[test]
    fn json_patch_never_panics_and_is_all_or_nothing(object in any_object(), patch in prop::collection::vec(operation(), 0..6)) {
        let mut work = object.clone();
        match json_patch(&mut work, Value::Array(patch).to_string().as_bytes()) {
            Ok(()) => prop_assert!(work.is_object()),
            Err(e) => {
                prop_assert_eq!(work, object);
                prop_assert!(e.code == 422 || e.code == 400);
            }
        }
    }

    #[test]
    fn json_patch_never_panics_on_any_bytes(patch in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut object = json!({"a": 1});
        let _ = json_patch(&mut object, &patch);
        prop_assert!(object.is_object());
    }

    #[test]
    fn strategic_never_panics_and_is_all_or_nothing(object in any_object(), patch in any_json()) {
        let mut work = object.clone();
        match strategic_merge_patch(&pod_like(), &mut work, &patch) {
            Ok(()) => prop_assert!(work.is_object()),
            Err(e) => {
                prop_assert_eq!(work, object);
                prop_assert!(e.code == 422 || e.code == 400);
            }
        }
    }

    #[test]
    fn an_accepted_strategic_patch_leaves_no_directive_behind(patch in any_object()) {
        fn clean(value: &Value) -> bool {
            match value {
                Value::Object(m) => m.iter().all(|(k, v)| !k.starts_with('$') && clean(v)),
                Value::Array(l) => l.iter().all(clean),
                _ => true,
            }
        }
        let mut work = json!({"spec": {"containers": [{"name": "a", "env": [{"name": "X"}]}], "strategy": {"type": "a"}},
            "metadata": {"finalizers": ["a", "b"]}});
        if strategic_merge_patch(&pod_like(), &mut work, &patch).is_ok() {
            prop_assert!(clean(&work), "{}", work);
        }
    }
}
