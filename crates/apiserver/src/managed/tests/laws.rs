//! What holds for any object and any configuration.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::widget::{T0, T1, T2, create, entries, force, schema, ssa, update, widget, writer};
use crate::managed::{FieldSet, apply, check_entries, track_update};

fn container() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["a", "b", "c", "d"]);
    (name, prop::option::of(0..3), prop::option::of(0..3)).prop_map(|(name, image, args)| {
        let mut c = json!({"name": name});
        if let Some(i) = image {
            c["image"] = json!(format!("{i}"));
        }
        if let Some(i) = args {
            c["args"] = json!([i]);
        }
        c
    })
}

fn distinct(mut list: Vec<Value>) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    list.retain(|c| seen.insert(c["name"].clone()));
    list
}

/// Valid specs, with every division in them.
fn spec() -> impl Strategy<Value = Value> {
    let tags = prop::collection::vec(prop::sample::select(vec!["x", "y", "z"]), 0..3).prop_map(|mut t| {
        let mut seen = std::collections::HashSet::new();
        t.retain(|v| seen.insert(*v));
        t
    });
    let values = prop::collection::btree_map("[ab]", "[12]", 0..3);
    (
        prop::option::of(0..3),
        prop::option::of(tags),
        prop::option::of(values.clone()),
        prop::option::of(values),
        prop::option::of(prop::collection::vec(container(), 0..4).prop_map(distinct)),
    )
        .prop_map(|(replicas, tags, values, selector, containers)| {
            let mut spec = json!({});
            for (name, value) in [
                ("replicas", replicas.map(Value::from)),
                ("tags", tags.map(Value::from)),
                ("values", values.map(|v| json!(v))),
                ("selector", selector.map(|v| json!(v))),
                ("containers", containers.map(Value::from)),
            ] {
                if let Some(value) = value {
                    spec[name] = value;
                }
            }
            spec
        })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from),
        Just(json!(1.5)),
        prop::sample::select(vec!["a", "b"]).prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "metadata",
        "spec",
        "status",
        "containers",
        "ports",
        "tags",
        "name",
        "labels",
        "finalizers",
        "ownerReferences",
        "uid",
        "values",
        "selector",
        "managedFields",
        "containerPort",
        "apiVersion",
        "conditions",
        "type",
    ]);
    leaf.prop_recursive(6, 50, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..5)
                .prop_map(|m| Value::Object(m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

fn sets(object: &Value) -> Vec<FieldSet> {
    entries(object).iter().map(|e| FieldSet::parse(&e["fieldsV1"]).unwrap()).collect()
}

proptest! {
    #[test]
    fn applying_twice_is_applying_once(before in spec(), config in spec()) {
        let live = create("maker", T0, &widget(&before));
        let once = force(Some(&live), "me", T1, &widget(&config));
        prop_assert_eq!(&force(Some(&once), "me", T2, &widget(&config)), &once);
        prop_assert_eq!(&ssa(Some(&once), "me", T2, &widget(&config)).unwrap(), &once, "no conflict with itself");
        prop_assert_eq!(&update(&once, "me", T2, |_| {}), &once);
        prop_assert_eq!(check_entries(&once["metadata"]["managedFields"]), Ok(()));
    }

    #[test]
    fn a_sole_applier_gets_exactly_what_it_applies(first in spec(), then in spec()) {
        let live = ssa(None, "me", T0, &widget(&first)).unwrap();
        let live = ssa(Some(&live), "me", T1, &widget(&then)).unwrap();
        for (name, value) in then.as_object().unwrap() {
            if value.as_array().is_some_and(Vec::is_empty) {
                continue; // an empty list claims no item: what is there stays or goes with its owner
            }
            prop_assert_eq!(&live["spec"][name], value, "{} then {}", first, then);
        }
        for name in first.as_object().unwrap().keys() {
            if then.get(name).is_none() && live["spec"].get(name).is_some_and(|v| !v.as_array().is_some_and(Vec::is_empty)) {
                prop_assert!(false, "{} should be gone from {}", name, live);
            }
        }
    }

    #[test]
    fn a_field_given_up_goes_iff_nobody_else_owns_it(mine in spec(), theirs in spec()) {
        let live = ssa(None, "me", T0, &widget(&mine)).unwrap();
        let live = force(Some(&live), "you", T1, &widget(&theirs));
        let after = ssa(Some(&live), "me", T2, &widget(&json!({}))).unwrap();
        let replay = ssa(None, "you", T1, &widget(&theirs)).unwrap();
        for name in ["replicas", "values", "selector", "tags"] {
            let (left, right) = (&after["spec"][name], &replay["spec"][name]);
            let empty = |v: &Value| v.is_null() || v == &json!({}) || v == &json!([]);
            let same = match (left.as_array(), right.as_array()) {
                (Some(l), Some(r)) => l.len() == r.len() && l.iter().all(|v| r.contains(v)),
                _ => left == right,
            };
            prop_assert!(same || (empty(left) && empty(right)), "{}: {} is not {}", name, left, right);
        }
    }

    #[test]
    fn a_changed_field_has_exactly_its_last_writer(before in spec(), after in spec()) {
        let live = create("maker", T0, &widget(&before));
        let new = update(&live, "other", T1, |o| o["spec"] = after.clone());
        let all = sets(&new);
        for (i, a) in all.iter().enumerate() {
            prop_assert!(!a.is_empty());
            for b in &all[i + 1..] {
                prop_assert!(a.intersection(b).is_empty(), "updaters never share");
            }
        }
        let mut joined = FieldSet::default();
        for s in &all {
            joined.union(s);
        }
        let fresh = sets(&create("x", T0, &widget(&after)));
        let mut missing = fresh.first().cloned().unwrap_or_default();
        missing.subtract(&joined);
        prop_assert!(missing.is_empty(), "everything is owned: {:?}", missing);
    }

    #[test]
    fn nothing_panics(live in any_json(), new in any_json(), config in any_json(), status in any::<bool>(), forced in any::<bool>()) {
        let mut who = writer("me", T1);
        if status {
            who.subresource = "status";
        }
        let mut tracked = new.clone();
        track_update(&schema(), Some(&live), &mut tracked, who);
        let mut created = new.clone();
        track_update(&schema(), None, &mut created, who);
        let _ = apply(&schema(), Some(&live), config.clone(), who, forced);
        if let Ok(applied) = apply(&schema(), Some(&created), config.clone(), who, forced) {
            prop_assert_eq!(apply(&schema(), Some(&applied), config, who, true).unwrap(), applied);
        }
    }
}

#[test]
fn depth_is_bounded() {
    let mut deep = json!(1);
    for _ in 0..120 {
        deep = json!({"d": deep});
    }
    let object = ssa(None, "me", T0, &widget(&json!({"anything": deep.clone()}))).unwrap();
    let text = object["metadata"]["managedFields"].to_string();
    assert!(serde_json::from_str::<Value>(&text).is_ok());
    let again = ssa(Some(&object), "you", T1, &widget(&json!({"anything": deep}))).unwrap();
    assert_eq!(entries(&again).len(), 2);
}
