//! RFC 6902 and RFC 7386 by their own examples, and the limits.

use serde_json::{Value, json};

use crate::patch::{MAX_OPERATIONS, json_patch, merge_patch};

fn patched(mut object: Value, patch: &Value) -> Result<Value, crate::error::ApiError> {
    let before = object.clone();
    let result = json_patch(&mut object, patch.to_string().as_bytes());
    if result.is_err() {
        assert_eq!(object, before, "a refused patch changes nothing");
    }
    result.map(|()| object)
}

#[test]
fn rfc6902_appendix_a() {
    let table = [
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux"}]),
            json!({"baz": "qux", "foo": "bar"}),
        ),
        (
            json!({"foo": ["bar", "baz"]}),
            json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
            json!({"foo": ["bar", "qux", "baz"]}),
        ),
        (json!({"baz": "qux", "foo": "bar"}), json!([{"op": "remove", "path": "/baz"}]), json!({"foo": "bar"})),
        (
            json!({"foo": ["bar", "qux", "baz"]}),
            json!([{"op": "remove", "path": "/foo/1"}]),
            json!({"foo": ["bar", "baz"]}),
        ),
        (json!({"baz": "qux"}), json!([{"op": "replace", "path": "/baz", "value": "boo"}]), json!({"baz": "boo"})),
        (
            json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
            json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
            json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
        ),
        (
            json!({"foo": ["all", "grass", "cows", "eat"]}),
            json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
            json!({"foo": ["all", "cows", "eat", "grass"]}),
        ),
        (
            json!({"baz": "qux", "foo": ["a", 2, "c"]}),
            json!([{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}]),
            json!({"baz": "qux", "foo": ["a", 2, "c"]}),
        ),
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/child", "value": {"grandchild": {}}}]),
            json!({"foo": "bar", "child": {"grandchild": {}}}),
        ),
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}]),
            json!({"foo": "bar", "baz": "qux"}),
        ),
        (json!({"/": 9, "~1": 10}), json!([{"op": "test", "path": "/~01", "value": 10}]), json!({"/": 9, "~1": 10})),
        (
            json!({"foo": ["bar"]}),
            json!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
            json!({"foo": ["bar", ["abc", "def"]]}),
        ),
        (json!({"n": 1}), json!([{"op": "test", "path": "/n", "value": 1.0}]), json!({"n": 1})),
    ];
    for (object, patch, expected) in table {
        assert_eq!(patched(object, &patch).unwrap(), expected, "{patch}");
    }
}

#[test]
fn what_cannot_be_applied_is_422_and_names_the_operation() {
    let object = json!({"metadata": {"labels": {"a/b": "1"}}, "list": [1]});
    let table = [
        (
            json!([{"op": "test", "path": "/metadata/labels/a~1b", "value": "2"}]),
            "operation 0 (test \"/metadata/labels/a~1b\")",
        ),
        (
            json!([{"op": "test", "path": "/nope", "value": null}]),
            "operation 0 (test \"/nope\"): there is no such path",
        ),
        (
            json!([{"op": "add", "path": "/x", "value": 1}, {"op": "remove", "path": "/y"}]),
            "operation 1 (remove \"/y\")",
        ),
        (json!([{"op": "replace", "path": "/nope", "value": 1}]), "operation 0 (replace \"/nope\")"),
        (json!([{"op": "add", "path": "/a/b/c", "value": 1}]), "operation 0 (add \"/a/b/c\")"),
        (json!([{"op": "add", "path": "/list/9", "value": 1}]), "operation 0 (add"),
        (json!([{"op": "remove", "path": "/list/-"}]), "operation 0 (remove"),
        (json!([{"op": "copy", "from": "/nope", "path": "/x"}]), "operation 0 (copy"),
        (json!([{"op": "move", "from": "/metadata", "path": "/metadata/x"}]), "operation 0 (move"),
        (json!([{"op": "replace", "path": "", "value": 5}]), "not an object"),
        // The move to the root has no inverse; whoever undoes operations must not trip over it.
        (
            json!([{"op": "move", "from": "/metadata", "path": ""}, {"op": "remove", "path": "/y"}]),
            "operation 1 (remove",
        ),
    ];
    for (patch, expected) in table {
        let error = patched(object.clone(), &patch).unwrap_err();
        assert_eq!((error.code, error.reason), (422, "Invalid"), "{patch}");
        assert!(error.message.contains(expected), "{patch}: {}", error.message);
    }
}

#[test]
fn malformed_is_400() {
    for patch in [
        "",
        "{",
        "{}",
        "5",
        "[5]",
        "[[]]",
        r#"[{"op":"frob","path":"/a"}]"#,
        r#"[{"op":"add","path":"/a"}]"#,
        r#"[{"op":"remove"}]"#,
        r#"[{"op":"remove","path":"a"}]"#,
        r#"[{"path":"/a","value":1}]"#,
        r#"[{"op":"add","path":"/a~2","value":1}]"#,
    ] {
        let mut object = json!({"a": 1});
        let error = json_patch(&mut object, patch.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.reason), (400, "BadRequest"), "{patch}: {}", error.message);
        assert_eq!(object, json!({"a": 1}));
    }
}

#[test]
fn growth_is_bounded() {
    let op = json!({"op": "add", "path": "/a", "value": 1});
    assert_eq!(patched(json!({}), &Value::Array(vec![op.clone(); MAX_OPERATIONS])).unwrap(), json!({"a": 1}));
    let error = patched(json!({}), &Value::Array(vec![op; MAX_OPERATIONS + 1])).unwrap_err();
    assert_eq!((error.code, error.reason), (413, "RequestEntityTooLarge"));
    assert_eq!(error.message, "The allowed maximum operations in a JSON patch is 10000, got 10001");

    // Doubling: 2^40 bytes without a limit.
    let doubling: Vec<_> = (0..40).map(|_| json!({"op": "copy", "from": "/l", "path": "/l/-"})).collect();
    let wide: Vec<_> = (0..40)
        .flat_map(|i| {
            [
                json!({"op": "copy", "from": format!("/{i}"), "path": "/t"}),
                json!({"op": "add", "path": format!("/{}", i + 1), "value": []}),
                json!({"op": "copy", "from": "/t", "path": format!("/{}/-", i + 1)}),
                json!({"op": "copy", "from": "/t", "path": format!("/{}/-", i + 1)}),
            ]
        })
        .collect();
    for (object, patch) in [(json!({"l": ["x"]}), doubling), (json!({"0": "x".repeat(1000)}), wide)] {
        let error = patched(object, &Value::Array(patch)).unwrap_err();
        assert_eq!(error.code, 422);
        assert!(error.message.contains("exceed") || error.message.contains("deeper"), "{}", error.message);
    }
    // Depth: what cannot be parsed again must not be stored.
    let mut nest = Vec::new();
    for _ in 0..60 {
        nest.push(json!({"op": "move", "from": "/a", "path": "/b"}));
        nest.push(json!({"op": "add", "path": "/a", "value": {"x": {"x": {}}}}));
        nest.push(json!({"op": "move", "from": "/b", "path": "/a/x/x/x"}));
    }
    let error = patched(json!({"a": {}}), &Value::Array(nest)).unwrap_err();
    assert!(error.message.contains("nest deeper than 100 levels"), "{}", error.message);
}

#[test]
fn rfc7386_appendix_a() {
    let table = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ];
    for (mut object, patch, expected) in table {
        merge_patch(&mut object, &patch);
        assert_eq!(object, expected, "{patch}");
    }
}
