use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn paths() {
    let object = json!({
        "metadata": {"name": "x", "labels": {"a.b/c": "l"}},
        "list": [10, 20, 30, 40],
        "conditions": [{"type": "Ready", "status": "True", "n": 1}, {"type": "Up", "status": "False", "n": 2}],
    });
    for (path, expected) in [
        (".metadata.name", json!(["x"])),
        ("{.metadata.name}", json!(["x"])),
        ("$.metadata.name", json!(["x"])),
        (".metadata.labels.a\\.b/c", json!(["l"])),
        (".metadata.labels['a.b/c']", json!(["l"])),
        (".metadata['labels'][\"a.b/c\"]", json!(["l"])),
        (".missing.name", json!([])),
        (".metadata.name.deeper", json!([])),
        (".list[0]", json!([10])),
        (".list[-1]", json!([40])),
        (".list[9]", json!([])),
        (".list[-9]", json!([])),
        (".list[1:3]", json!([20, 30])),
        (".list[:2]", json!([10, 20])),
        (".list[-2:]", json!([30, 40])),
        (".list[::2]", json!([10, 30])),
        (".list[0,2]", json!([10, 30])),
        (".list[*]", json!([10, 20, 30, 40])),
        (".conditions[*].type", json!(["Ready", "Up"])),
        (".conditions[?(@.type==\"Ready\")].status", json!(["True"])),
        (".conditions[?(@.type=='Up')].status", json!(["False"])),
        (".conditions[?( @.type != \"Up\" )].status", json!(["True"])),
        (".conditions[?(@.n>1)].type", json!(["Up"])),
        (".conditions[?(@.n>=1)].type", json!(["Ready", "Up"])),
        (".conditions[?(@.missing)].type", json!([])),
        (".conditions[?(@.missing==\"a\")].type", json!([])),
        ("..type", json!(["Ready", "Up"])),
        (".metadata.labels.*", json!(["l"])),
    ] {
        let found = JsonPath::parse(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let found: Vec<&Value> = found.find(&object);
        assert_eq!(json!(found), expected, "{path}");
    }
}

#[test]
fn errors() {
    for path in [
        "metadata.name",
        ".a[",
        ".a[]",
        ".a[x]",
        ".a['b]",
        ".a[?(@.b==)]",
        ".a[?(@.b==\"c\"]",
        ".a[1:2:0]",
        ".a..",
        ".a[-]",
        ".a[?(b)]",
        ".a b",
        ".a[99999999999999999999]",
    ] {
        assert!(JsonPath::parse(path).is_err(), "{path}");
    }
    let deep = ".a[?(@".repeat(100);
    assert!(JsonPath::parse(&deep).is_err());
}

#[test]
fn plain_fields_are_told_apart() {
    assert_eq!(JsonPath::parse(".spec.replicas").unwrap().plain_fields(), Some(vec!["spec", "replicas"]));
    assert_eq!(JsonPath::parse(".spec.list[0]").unwrap().plain_fields(), None);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "[.\\[\\]*?@()=!<>'\"a-c0-9:,\\\\ -]{0,40}") {
        if let Ok(path) = JsonPath::parse(&text) {
            path.find(&json!({"a": [{"b": 1}, {"c": ["x"]}]}));
        }
    }
}
