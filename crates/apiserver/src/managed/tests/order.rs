//! The order of merged lists: the applied order holds, live-only items keep their places.

use serde_json::{Value, json};

use super::widget::{T0, T1, create, force, schema, widget};
use crate::managed::merge::merge;

fn tags(live: &[&str], applied: &[&str]) -> Value {
    let live = widget(&json!({"tags": live}));
    merge(&schema(), &live, &widget(&json!({"tags": applied})))["spec"]["tags"].clone()
}

#[test]
fn order_of_sets() {
    let table: [(&[&str], &[&str], &[&str]); 10] = [
        (&["a", "b", "c"], &["d", "e"], &["a", "b", "c", "d", "e"]),
        (&["a", "b", "c"], &["c", "b", "a"], &["c", "b", "a"]),
        (&["a", "b", "c"], &["b"], &["a", "b", "c"]),
        (&["a", "b", "c", "d"], &["c", "b"], &["a", "c", "d", "b"]),
        (&["a", "b"], &["b", "a"], &["b", "a"]),
        (&["a", "c"], &["a", "b", "c"], &["a", "b", "c"]),
        (&["x", "a", "y", "b", "z"], &["b", "a"], &["x", "y", "b", "z", "a"]),
        (&[], &["b", "a"], &["b", "a"]),
        (&["a"], &[], &["a"]),
        // Duplicates that a schema change left behind do not multiply.
        (&["a", "b", "a"], &["a"], &["a", "b"]),
    ];
    for (live, applied, expected) in table {
        assert_eq!(tags(live, applied), json!(expected), "{live:?} <- {applied:?}");
    }
}

#[test]
fn order_of_keyed_lists() {
    let live = create(
        "maker",
        T0,
        &widget(&json!({"containers": [
        {"name": "a", "image": "1"}, {"name": "injected", "image": "1"}, {"name": "b", "image": "1"}]})),
    );
    let config =
        widget(&json!({"containers": [{"name": "b", "image": "2"}, {"name": "new"}, {"name": "a", "args": ["x"]}]}));
    let object = force(Some(&live), "me", T1, &config);
    let names: Vec<_> =
        object["spec"]["containers"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names.iter().filter(|n| **n != "injected").copied().collect::<Vec<_>>(), ["b", "new", "a"]);
    assert_eq!(names.len(), 4);
    let a = object["spec"]["containers"].as_array().unwrap().iter().find(|c| c["name"] == "a").unwrap();
    assert_eq!(a, &json!({"name": "a", "image": "1", "args": ["x"]}));
}
