//! Field sets: the laws of sets, and the wire form.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::managed::field_set::{FieldSet, display};

fn path() -> impl Strategy<Value = Vec<String>> {
    let element = prop::sample::select(vec!["f:a", "f:b", "f:.", "k:{\"name\":\"x\"}", "v:1", "i:0"]);
    prop::collection::vec(element.prop_map(str::to_owned), 1..4)
}

fn paths() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(path(), 0..12)
}

fn set(paths: &[Vec<String>]) -> FieldSet {
    let mut set = FieldSet::default();
    for path in paths {
        set.insert(path.iter().cloned());
    }
    set
}

fn has(set: &FieldSet, path: &[String]) -> bool {
    set.contains(path.iter().map(String::as_str))
}

proptest! {
    #[test]
    fn membership_decides_every_operation(a in paths(), b in paths(), probe in path()) {
        let (x, y) = (set(&a), set(&b));
        let mut union = x.clone();
        union.union(&y);
        let mut difference = x.clone();
        difference.subtract(&y);
        let both = x.intersection(&y);
        for p in a.iter().chain(&b).chain([&probe]) {
            let (in_x, in_y) = (a.contains(p), b.contains(p));
            prop_assert_eq!(has(&x, p), in_x);
            prop_assert_eq!(has(&union, p), in_x || in_y);
            prop_assert_eq!(has(&difference, p), in_x && !in_y);
            prop_assert_eq!(has(&both, p), in_x && in_y);
        }
        prop_assert_eq!(x.meets(&y), !both.is_empty());
        prop_assert_eq!(both.is_empty(), both.paths().is_empty());
        prop_assert_eq!(difference.is_empty(), difference.paths().is_empty());
    }

    #[test]
    fn algebra(a in paths(), b in paths(), c in paths()) {
        let (a, b, c) = (set(&a), set(&b), set(&c));
        let union = |x: &FieldSet, y: &FieldSet| { let mut u = x.clone(); u.union(y); u };
        let minus = |x: &FieldSet, y: &FieldSet| { let mut d = x.clone(); d.subtract(y); d };
        prop_assert_eq!(union(&a, &b), union(&b, &a));
        prop_assert_eq!(union(&union(&a, &b), &c), union(&a, &union(&b, &c)));
        prop_assert_eq!(union(&a, &a), a.clone());
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
        prop_assert_eq!(a.intersection(&union(&b, &c)), union(&a.intersection(&b), &a.intersection(&c)));
        prop_assert_eq!(minus(&a, &b), minus(&a, &a.intersection(&b)));
        prop_assert_eq!(union(&minus(&a, &b), &a.intersection(&b)), a.clone());
        prop_assert!(minus(&a, &a).is_empty());
    }

    #[test]
    fn the_wire_form_is_canonical(a in paths()) {
        let mut sorted: Vec<_> = a.clone();
        sorted.sort();
        sorted.dedup();
        let x = set(&a);
        prop_assert_eq!(&x, &set(&sorted), "one set, one form");
        let wire = x.clone().into_fields_v1();
        prop_assert_eq!(&FieldSet::parse(&wire).unwrap(), &x);
        let mut listed: Vec<Vec<String>> = x.paths().iter().map(|p| p.iter().map(|e| (*e).to_owned()).collect()).collect();
        listed.sort();
        prop_assert_eq!(listed, sorted);
    }

    #[test]
    fn parsing_never_panics_and_settles(text in "[fkvi.z]?:?[a-z0-9{}\":,. é]{0,12}", below in "[fkvi]:[0-9{}\"a]{0,4}") {
        let wire = json!({text: {below: {}, ".": 3}, "f:ok": {}});
        if let Ok(parsed) = FieldSet::parse(&wire) {
            let again = FieldSet::parse(&parsed.clone().into_fields_v1()).unwrap();
            prop_assert_eq!(again, parsed);
        }
    }
}

#[test]
fn paths_are_shown_as_people_read_them() {
    let set = FieldSet::parse(
        &json!({"f:spec": {"f:c": {"k:{\"name\":\"x\",\"port\":80}": {"f:image": {}}}, "f:t": {"v:\"a\"": {}},
        "f:l": {"i:2": {}}}}),
    )
    .unwrap();
    let shown: Vec<_> = set.paths().iter().map(|p| display(p)).collect();
    assert_eq!(shown, [".spec.c[name=\"x\",port=80].image", ".spec.l[2]", ".spec.t[=\"a\"]"]);
    assert_eq!(FieldSet::parse(&Value::Null).unwrap(), FieldSet::default());
    assert!(FieldSet::parse(&json!({"z:future": {}})).unwrap().is_empty());
    assert!(FieldSet::parse(&json!({"f:a": {"z:future": {}}})).unwrap().is_empty());
}
