use serde_json::{Value, json};

use super::texts;
use crate::schema::SchemaRoot;

/// The faults of `spec`'s schema in a root that is otherwise fine.
#[allow(clippy::needless_pass_by_value)] // `json!` at the call
fn refused(schema: Value) -> Vec<String> {
    let root = json!({"type": "object", "properties": {"spec": schema}});
    match SchemaRoot::from_crd(&root, "s") {
        Ok(_) => Vec::new(),
        Err(errors) => texts(&errors),
    }
}

#[test]
fn structural_schemas_of_the_documentation_are_accepted() {
    for schema in [
        json!({"type": "object", "properties": {"cronSpec": {"type": "string", "pattern": "^(\\d+|\\*)$"}}}),
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
        json!({"x-kubernetes-preserve-unknown-fields": true}),
        json!({"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}),
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"properties": {"a": {"minLength": 1}}}]}),
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "port"],
               "items": {"type": "object", "required": ["name"], "properties": {
                   "name": {"type": "string"}, "port": {"type": "integer", "default": 80}}}}),
    ] {
        assert_eq!(refused(schema.clone()), Vec::<String>::new(), "{schema}");
    }
}

#[test]
fn what_is_not_structural_is_refused_with_field_and_reason() {
    let at = "s.properties[spec]";
    for (schema, expected) in [
        (
            json!({"description": "no type"}),
            format!("{at}.type: Required value: must not be empty for specified object fields"),
        ),
        (
            json!({"type": "array", "items": {}}),
            format!("{at}.items.type: Required value: must not be empty for specified array items"),
        ),
        (json!({"type": "array"}), format!("{at}.items: Required value: must be specified")),
        (json!({"type": "object", "$ref": "#/x"}), format!("{at}.$ref: Forbidden: $ref is not supported")),
        (
            json!({"type": "object", "definitions": {"a": {}}}),
            format!("{at}.definitions: Forbidden: definitions is not supported"),
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}),
            format!(
                "{at}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
            ),
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
            format!("{at}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"),
        ),
        (
            json!({"type": "object", "additionalProperties": false}),
            format!("{at}.additionalProperties: Forbidden: additionalProperties cannot be set to false"),
        ),
        (
            json!({"type": "object", "allOf": [{"type": "object"}]}),
            format!("{at}.allOf[0].type: Forbidden: must be empty to be structural"),
        ),
        (
            json!({"type": "object", "oneOf": [{"properties": {"b": {"minimum": 1}}}]}),
            format!("{at}.properties[b]: Required value: because it is defined in {at}.oneOf[0].properties[b]"),
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "object"}}),
            format!(
                "{at}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"
            ),
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
                   "items": {"type": "object", "properties": {"n": {"type": "string"}}}}),
            format!(
                "{at}.items.properties[n].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            ),
        ),
        (
            json!({"type": "object", "x-kubernetes-list-type": "set"}),
            format!("{at}.type: Invalid value: \"object\": must be array if x-kubernetes-list-type is specified"),
        ),
        (
            json!({"type": "string", "pattern": "("}),
            format!(
                "{at}.pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: unclosed group"
            ),
        ),
        (
            json!({"type": "string", "default": 5}),
            format!(
                "{at}.default: Invalid value: \"integer\": {at}.default in body must be of type string: \"integer\""
            ),
        ),
        (
            json!({"type": "object", "default": {"b": 1}, "properties": {"a": {"type": "integer"}}}),
            format!("{at}.default: Invalid value: \"object\": must not have unknown field \"b\""),
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "integer"}}, "x-kubernetes-validations": [{"rule": "self.b > 1"}]}),
            format!(
                "{at}.x-kubernetes-validations[0].rule: Invalid value: \"self.b > 1\": compilation failed: undefined field 'b'"
            ),
        ),
        (
            json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self > 1", "messageExpression": "self + 1"}]}),
            format!(
                "{at}.x-kubernetes-validations[0].messageExpression: Invalid value: \"self + 1\": compilation failed: must evaluate to a string, but is int"
            ),
        ),
        (
            json!({"type": "integer", "x-kubernetes-validations": [{"message": "m"}]}),
            format!("{at}.x-kubernetes-validations[0].rule: Required value: rule is not specified"),
        ),
    ] {
        assert_eq!(refused(schema.clone()), vec![expected], "{schema}");
    }
}

#[test]
fn the_root_is_an_object_and_says_little_about_metadata() {
    let refused = |root: Value| texts(&SchemaRoot::from_crd(&root, "").unwrap_err());
    assert_eq!(refused(json!({})), ["type: Required value: must not be empty at the root"]);
    assert_eq!(refused(json!({"type": "string"})), ["type: Invalid value: \"string\": must be object at the root"]);
    let labels = json!({"type": "object", "properties": {"labels": {"type": "object"}}});
    let errors = refused(json!({"type": "object", "properties": {"metadata": labels}}));
    assert!(errors[0].contains("must not specify anything other than name and generateName"), "{errors:?}");

    let name = json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}});
    let root = SchemaRoot::from_crd(&json!({"type": "object", "properties": {"metadata": name}}), "").unwrap();
    let long = json!({"metadata": {"name": "four", "labels": {"a": "b"}}});
    assert_eq!(texts(&root.validate(&long, None)), ["metadata.name: Too long: may not be more than 3 bytes"]);
}

#[test]
fn hostile_schemas_end_in_an_error() {
    let deep = format!("{}self{}", "(".repeat(4000), ")".repeat(4000));
    let sum = vec!["1"; 5000].join("+") + " > 1";
    let long = format!("self == '{}'", "x".repeat(20_000));
    for rule in [deep, sum, long, "Message{field: 1} == self".into(), "self.map(x".into(), "\u{0}".into()] {
        let schema = json!({"type": "string", "x-kubernetes-validations": [{"rule": rule}]});
        let errors = refused(schema);
        assert!(errors.iter().any(|e| e.contains("compilation failed")), "{errors:?}");
    }
    // Long, but flat.
    let nots = format!("{}true", "!".repeat(9000));
    assert!(refused(json!({"type": "string", "x-kubernetes-validations": [{"rule": nots}]})).is_empty());
    let pattern = json!({"type": "string", "pattern": "(((a{100}){100}){100})"});
    assert!(refused(pattern)[0].contains("too large"));
}
