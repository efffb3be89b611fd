use serde_json::{Value, json};

use super::{faults, faults_of_update, spec, texts};
use crate::schema::SchemaRoot;

#[test]
fn errors_have_the_words_of_kubernetes() {
    let named = |s: Value| json!({"type": "object", "properties": {"x": s}});
    for (schema, value, expected) in [
        (
            json!({"type": "string"}),
            json!(5),
            "spec.x: Invalid value: \"integer\": spec.x in body must be of type string: \"integer\"",
        ),
        (
            json!({"type": "integer"}),
            json!("a"),
            "spec.x: Invalid value: \"string\": spec.x in body must be of type integer: \"string\"",
        ),
        (
            json!({"type": "integer"}),
            json!(1.5),
            "spec.x: Invalid value: \"number\": spec.x in body must be of type integer: \"number\"",
        ),
        (
            json!({"type": "boolean"}),
            json!([]),
            "spec.x: Invalid value: \"array\": spec.x in body must be of type boolean: \"array\"",
        ),
        (
            json!({"type": "string"}),
            json!(null),
            "spec.x: Invalid value: \"null\": spec.x in body must be of type string: \"null\"",
        ),
        (
            json!({"type": "string", "enum": ["a", "b"]}),
            json!("c"),
            "spec.x: Unsupported value: \"c\": supported values: \"a\", \"b\"",
        ),
        (
            json!({"type": "string", "pattern": "^a+$"}),
            json!("b"),
            "spec.x: Invalid value: \"b\": spec.x in body should match '^a+$'",
        ),
        (json!({"type": "string", "maxLength": 2}), json!("äöü"), "spec.x: Too long: may not be more than 2 bytes"),
        (
            json!({"type": "string", "minLength": 2}),
            json!("ä"),
            "spec.x: Invalid value: \"ä\": spec.x in body should be at least 2 chars long",
        ),
        (
            json!({"type": "integer", "minimum": 1}),
            json!(0),
            "spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1",
        ),
        (
            json!({"type": "number", "maximum": 1, "exclusiveMaximum": true}),
            json!(1.0),
            "spec.x: Invalid value: 1.0: spec.x in body should be less than 1",
        ),
        (
            json!({"type": "integer", "multipleOf": 5}),
            json!(7),
            "spec.x: Invalid value: 7: spec.x in body should be a multiple of 5",
        ),
        (
            json!({"type": "array", "items": {"type": "integer"}, "maxItems": 1}),
            json!([1, 2]),
            "spec.x: Too many: 2: must have at most 1 items",
        ),
        (
            json!({"type": "array", "items": {"type": "integer"}, "minItems": 1}),
            json!([]),
            "spec.x: Invalid value: 0: spec.x in body should have at least 1 items",
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1}),
            json!({"a": "", "b": ""}),
            "spec.x: Too many: 2: must have at most 1 items",
        ),
        (
            json!({"type": "array", "items": {"type": "string"}}),
            json!(["a", 1]),
            "spec.x[1]: Invalid value: \"integer\": spec.x[1] in body must be of type string: \"integer\"",
        ),
        (
            json!({"type": "object", "properties": {"y": {"type": "string"}}, "required": ["y"]}),
            json!({}),
            "spec.x.y: Required value",
        ),
        (
            json!({"type": "string", "format": "date-time"}),
            json!("yesterday"),
            "spec.x: Invalid value: \"yesterday\": spec.x in body must be of type date-time: \"yesterday\"",
        ),
        (
            json!({"x-kubernetes-int-or-string": true}),
            json!(true),
            "spec.x: Invalid value: \"boolean\": spec.x in body must be of type integer,string: \"boolean\"",
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}),
            json!(["a", "b", "a"]),
            "spec.x[2]: Duplicate value: \"a\"",
        ),
    ] {
        let root = spec(named(schema.clone()));
        assert_eq!(faults(&root, json!({"x": value})), [expected], "{schema} {value}");
    }
}

#[test]
fn formats() {
    for (format, good, bad) in [
        (
            "date-time",
            vec!["2024-02-29T12:00:00Z", "2024-01-01T00:00:00.5+02:00"],
            vec!["2023-02-29T12:00:00Z", "2024-01-01", ""],
        ),
        ("date", vec!["2024-02-29"], vec!["2024-2-29", "2023-02-29", "x"]),
        ("ipv4", vec!["10.0.0.1"], vec!["10.0.0.256", "10.0.0", "::1", "010.0.0.1"]),
        ("ipv6", vec!["fe80::1"], vec!["10.0.0.1", "fe80::g"]),
        ("cidr", vec!["10.0.0.0/8", "fe80::/64"], vec!["10.0.0.0", "10.0.0.0/33", "10.0.0.0/+8"]),
        (
            "mac",
            vec!["00:00:5e:00:53:01", "00-00-5E-00-53-01", "0000.5e00.5301"],
            vec!["00:00:5e:00:53", "00005e005301"],
        ),
        ("uuid", vec!["123e4567-e89b-12d3-a456-426614174000"], vec!["123e4567", ""]),
        ("uuid4", vec!["123e4567-e89b-42d3-a456-426614174000"], vec!["123e4567-e89b-12d3-a456-426614174000"]),
        ("byte", vec!["aGVsbG8=", ""], vec!["aGVsbG8", "***"]),
        ("email", vec!["a@example.com", "a.b+c@example"], vec!["a", "@example.com", "a@b@"]),
        ("hostname", vec!["a.example.com", "localhost"], vec!["-a", "a_b", "a..b", ""]),
        ("uri", vec!["https://a.example/x?y#z", "/rooted", "urn:x"], vec!["", "no scheme", "http://h:port/"]),
        ("duration", vec!["1h30m", "300ms", "0", "-1.5s", "3 days"], vec!["", "1", "h", "1x"]),
        ("unheard-of", vec!["anything"], vec![]),
        ("password", vec!["anything"], vec![]),
    ] {
        let root = spec(json!({"type": "string", "format": format}));
        for s in good {
            assert_eq!(faults(&root, json!(s)), Vec::<String>::new(), "{format} {s:?}");
        }
        for s in bad {
            assert_eq!(faults(&root, json!(s)).len(), 1, "{format} {s:?}");
        }
    }
    let int32 = spec(json!({"type": "integer", "format": "int32"}));
    assert!(faults(&int32, json!(i32::MAX)).is_empty());
    assert_eq!(faults(&int32, json!(3_000_000_000_u32)).len(), 1);
}

#[test]
fn combinators() {
    let root = spec(json!({
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "n": {"type": "integer"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        "not": {"properties": {"n": {"enum": [13]}}, "required": ["n"]},
    }));
    assert!(faults(&root, json!({"a": "x"})).is_empty());
    assert_eq!(
        faults(&root, json!({}))[0],
        "spec: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found none valid"
    );
    assert_eq!(
        faults(&root, json!({"a": "", "b": ""})),
        [
            "spec: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found 2 valid alternatives"
        ]
    );
    assert_eq!(
        faults(&root, json!({"a": "", "n": 13})),
        ["spec: Invalid value: \"\": \"spec\" must not validate the schema (not)"]
    );
    let any = spec(json!({"type": "integer", "anyOf": [{"maximum": 3}, {"minimum": 10}]}));
    assert!(faults(&any, json!(2)).is_empty() && faults(&any, json!(11)).is_empty());
    assert_eq!(
        faults(&any, json!(5))[0],
        "spec: Invalid value: \"\": \"spec\" must validate at least one schema (anyOf)"
    );
}

#[test]
fn map_lists_are_unique_by_their_keys_and_defaults_count() {
    let root = spec(
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": {"type": "object", "required": ["port"], "properties": {
            "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}}}}),
    );
    assert!(faults(&root, json!([{"port": 1}, {"port": 1, "protocol": "UDP"}])).is_empty());
    let errors = faults(&root, json!([{"port": 1}, {"port": 1, "protocol": "TCP"}]));
    assert_eq!(errors, ["spec[1]: Duplicate value: {\"port\":1,\"protocol\":\"TCP\"}"]);
}

#[test]
fn pruning_keeps_what_the_schema_knows() {
    let root = spec(json!({"type": "object", "properties": {
        "json": {"x-kubernetes-preserve-unknown-fields": true, "type": "object", "properties": {
            "spec": {"type": "object", "properties": {"foo": {"type": "string"}}}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {"type": "string"}}}},
        "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}},
    }}));
    let mut object = json!({
        "apiVersion": "v1", "kind": "K", "junk": 1,
        "metadata": {"name": "n", "labels": {"l": "v"}, "bogus": true},
        "spec": {
            "json": {"anything": {"x": 1}, "spec": {"foo": "abc", "bar": "def"}},
            "list": [{"a": "1"}, {"a": "2", "b": 3}],
            "map": {"k": {"a": "", "z": 1}},
            "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "what": 1}, "spec": {"x": 1}, "status": {}},
        },
    });
    let mut removed = root.prune(&mut object);
    removed.sort();
    assert_eq!(
        removed,
        [
            "junk",
            "metadata.bogus",
            "spec.json.spec.bar",
            "spec.list[1].b",
            "spec.map.k.z",
            "spec.pod.metadata.what",
            "spec.pod.spec.x",
            "spec.pod.status"
        ]
    );
    assert_eq!(object["spec"]["json"], json!({"anything": {"x": 1}, "spec": {"foo": "abc"}}));
    assert_eq!(object["metadata"], json!({"name": "n", "labels": {"l": "v"}}));
    assert!(root.prune(&mut object).is_empty());
}

#[test]
fn defaulting_and_nullable_as_documented() {
    // The table of the documentation's "Defaulting and Nullable".
    let root = spec(json!({"type": "object", "properties": {
        "foo": {"type": "string", "nullable": false, "default": "default"},
        "bar": {"type": "string", "nullable": true},
        "baz": {"type": "string"},
        "deep": {"type": "object", "default": {}, "properties": {"a": {"type": "integer", "default": 1}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"p": {"type": "string", "default": "TCP"}}}},
    }}));
    let mut object = json!({"spec": {"foo": null, "bar": null, "baz": null, "list": [{}, {"p": "UDP"}]}});
    root.apply_defaults(&mut object);
    assert_eq!(
        object["spec"],
        json!({"foo": "default", "bar": null, "deep": {"a": 1}, "list": [{"p": "TCP"}, {"p": "UDP"}]})
    );
    assert!(root.validate(&object, None).is_empty());
    // Defaults apply inside of objects that are there, not instead of objects that are not.
    let mut absent = json!({});
    root.apply_defaults(&mut absent);
    assert_eq!(absent, json!({}));
}

#[test]
fn embedded_resources_name_their_type() {
    let root = spec(
        json!({"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}),
    );
    assert!(faults(&root, json!({"apiVersion": "v1", "kind": "Pod", "spec": {"x": 1}})).is_empty());
    assert_eq!(faults(&root, json!({"apiVersion": "v1"})), ["spec.kind: Required value: must not be empty"]);
}

#[test]
fn ratcheting_tolerates_what_did_not_change() {
    let root = spec(json!({"type": "object", "properties": {
        "a": {"type": "string", "maxLength": 3, "x-kubernetes-validations": [{"rule": "self.startsWith('x')"}]},
        "b": {"type": "integer"},
        "rows": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
                 "items": {"type": "object", "required": ["n"], "properties": {"n": {"type": "string"}, "v": {"type": "integer", "minimum": 5}}}},
        "plain": {"type": "array", "items": {"type": "integer", "minimum": 5}},
    }}));
    let old = json!({"a": "long before", "b": 1, "rows": [{"n": "a", "v": 1}], "plain": [1]});
    let with = |field: &str, value: Value| {
        let mut new = old.clone();
        new[field] = value;
        faults_of_update(&root, old.clone(), new)
    };
    assert_eq!(with("b", json!(2)), Vec::<String>::new());
    assert_eq!(with("rows", json!([{"n": "b", "v": 9}, {"n": "a", "v": 1}])), Vec::<String>::new(), "moved");
    assert_eq!(with("rows", json!([{"n": "a", "v": 2}])).len(), 1, "changed");
    assert_eq!(with("a", json!("longer now"))[0], "spec.a: Too long: may not be more than 3 bytes");
    // Items of an atomic list have no counterpart.
    assert_eq!(with("plain", json!([1, 7])).len(), 1);
    assert_eq!(faults(&root, old.clone()).len(), 4, "{:?}", faults(&root, old.clone()));
}

#[test]
fn the_number_of_errors_is_bounded() {
    let root = spec(json!({"type": "array", "items": {"type": "string"}}));
    let many: Vec<Value> = (0..50_000).map(|i| json!(i)).collect();
    assert!(faults(&root, json!(many)).len() <= 200);
}

#[test]
fn rules_wait_for_a_valid_shape() {
    let root = SchemaRoot::from_crd(
        &json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string"}}, "x-kubernetes-validations": [{"rule": "self.a == 'x'"}]}}}),
        "",
    )
    .unwrap();
    assert_eq!(
        texts(&root.validate(&json!({"spec": {}}), None)),
        [
            "spec.a: Required value",
            "<nil>: Invalid value: \"null\": some validation rules were not checked because the object was invalid; correct \
             the existing errors to complete validation"
        ]
    );
}
