//! Whatever the object and the schema: no panic, and pruning and defaulting settle at once.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::schema::SchemaRoot;

const NAMES: [&str; 6] = ["a", "b", "spec", "metadata", "kind", "x-y"];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        "[a-z0-9:/.µ-]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(&NAMES[..]), inner), 0..5).prop_map(|entries| entries
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<Map<_, _>>()
                .into()),
        ]
    })
}

fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "string", "default": "d", "maxLength": 3})),
        Just(json!({"type": "string", "nullable": true, "format": "date-time"})),
        Just(json!({"type": "integer", "default": 3, "minimum": 0, "multipleOf": 3})),
        Just(json!({"type": "number", "x-kubernetes-validations": [{"rule": "self / 2.0 < 10.0"}]})),
        Just(json!({"x-kubernetes-int-or-string": true})),
        Just(json!({"x-kubernetes-preserve-unknown-fields": true})),
        Just(
            json!({"type": "string", "format": "duration", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]})
        ),
        Just(json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}})),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let properties = prop::collection::vec((prop::sample::select(&["a", "b", "x-y"][..]), inner.clone()), 0..3)
            .prop_map(|p| p.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>());
        prop_oneof![
            inner.clone().prop_map(|i| json!({"type": "array", "items": i,
                "x-kubernetes-validations": [{"rule": "self.all(x, x == x) || size(self) > 2"}]})),
            inner.prop_map(|i| json!({"type": "object", "additionalProperties": i})),
            (properties.clone(), any::<bool>()).prop_map(|(p, keep)| {
                let mut schema = json!({"type": "object", "properties": p, "nullable": true});
                if keep {
                    schema["x-kubernetes-preserve-unknown-fields"] = true.into();
                }
                schema
            }),
            properties.prop_map(|mut p| {
                p.insert("a".into(), json!({"type": "string", "default": "k"}));
                json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"],
                       "items": {"type": "object", "properties": p}})
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn walks_never_panic_and_settle(
        schema in any_schema(),
        objects in prop::collection::vec(any_json(), 2),
        builtin in any_json(),
    ) {
        let root = SchemaRoot::from_crd(&json!({"type": "object", "properties": {"spec": schema}}), "")
            .expect("the schemas made here are structural");
        let mut object = json!({"metadata": objects[0], "spec": objects[0]});
        let old = json!({"spec": objects[1]});
        root.type_errors(&object);
        root.validate(&object, Some(&old));
        root.prune(&mut object);
        let pruned = object.clone();
        prop_assert!(root.prune(&mut object).is_empty());
        prop_assert_eq!(&object, &pruned);
        root.apply_defaults(&mut object);
        let defaulted = object.clone();
        root.apply_defaults(&mut object);
        prop_assert_eq!(&object, &defaulted);
        prop_assert!(root.prune(&mut object).is_empty(), "defaults are pruned");
        root.validate(&object, Some(&old));
        root.validate(&object, Some(&object));

        for definition in ["io.k8s.api.core.v1.Pod", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"] {
            let kind = SchemaRoot::builtin(definition).unwrap();
            let mut object = json!({"metadata": builtin, "spec": builtin, "status": builtin});
            kind.type_errors(&object);
            kind.prune(&mut object);
            prop_assert!(kind.prune(&mut object).is_empty());
            kind.validate(&object, None);
        }
    }

    #[test]
    fn arbitrary_schemas_and_rules_never_panic(schema in any_json(), rule in "[a-z0-9 .()\\[\\]{}&|!?:'\"<>=+*/%-]{0,40}") {
        let _ = SchemaRoot::from_crd(&schema, "x");
        let _ = SchemaRoot::from_crd(&json!({"type": "object", "properties": schema.clone()}), "x");
        let _ = SchemaRoot::from_crd(
            &json!({"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "x-kubernetes-validations": [{"rule": rule, "message": "m"}]}}}), "x");
    }
}
