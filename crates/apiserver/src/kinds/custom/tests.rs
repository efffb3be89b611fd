use super::*;
use crate::kinds::Registry;

/// An established CRD with two versions, a status, a scale, columns and a selectable field.
pub(crate) fn widget_crd() -> Value {
    let names = json!({
        "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList", "shortNames": ["wd"],
        "categories": ["all"],
    });
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"color": {"type": "string"}}}}}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com", "uid": "u1", "resourceVersion": "5"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": names,
            "versions": [
                {"name": "v1beta1", "served": true, "storage": false, "schema": schema, "deprecated": true},
                {"name": "v1", "served": true, "storage": true, "schema": schema,
                 "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
                     "statusReplicasPath": ".status.replicas"}},
                 "selectableFields": [{"jsonPath": ".spec.color"}],
                 "additionalPrinterColumns": [
                    {"name": "Color", "type": "string", "jsonPath": ".spec.color"},
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "priority": 1},
                    {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                 ]},
                {"name": "v0", "served": false, "storage": false, "schema": schema},
            ],
        },
        "status": {
            "acceptedNames": names, "storedVersions": ["v1"],
            "conditions": [{"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"}],
        },
    })
}

fn now() -> jiff::Timestamp {
    "2026-01-01T01:00:00Z".parse().unwrap()
}

#[test]
fn served_versions_and_their_views() {
    let registry = Registry::new();
    let before = registry.generation();
    registry.register(&widget_crd());
    assert!(registry.generation() > before);
    assert!(registry.get("example.com", "v0", "widgets").is_none(), "not served");
    let v1 = registry.get("example.com", "v1", "widgets").unwrap();
    let beta = registry.get("example.com", "v1beta1", "widgets").unwrap();
    assert_eq!(&*v1.storage, "widgets.example.com");
    assert_eq!(v1.storage, beta.storage);
    assert_eq!(v1.definition, "com.example.v1.Widget");
    assert!(v1.strategy.stored_as_served() && !beta.strategy.stored_as_served());
    let stored = beta.strategy.to_storage(json!({"apiVersion": "example.com/v1beta1"}));
    assert_eq!(stored["apiVersion"], "example.com/v1");
    assert_eq!(beta.strategy.from_storage(stored)["apiVersion"], "example.com/v1beta1");
    assert_eq!(beta.strategy.warnings(&json!({}), None), ["example.com/v1beta1 Widget is deprecated"]);
    assert!(v1.has_status() && !beta.has_status());
    assert_eq!(v1.strategy.scale_paths().unwrap().spec_replicas, ".spec.replicas");
}

#[test]
fn columns_and_cells() {
    let registry = Registry::new();
    registry.register(&widget_crd());
    let v1 = registry.get("example.com", "v1", "widgets").unwrap();
    let names: Vec<_> = v1.strategy.columns().into_iter().map(|c| (c.name, c.priority)).collect();
    let expected = [("Name", 0), ("Color", 0), ("Size", 1), ("Ready", 0), ("Age", 0)];
    assert_eq!(names, expected.map(|(n, p)| (n.to_owned(), p)));
    let object = json!({
        "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"color": {"deep": true}, "size": 3.0},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    assert_eq!(
        v1.strategy.cells(&object, now()),
        [json!("a"), json!("{\"deep\":true}"), json!(3), json!("True"), json!("60m")]
    );
    let empty = json!({"metadata": {"name": "b"}});
    assert_eq!(v1.strategy.cells(&empty, now())[1..], [json!(null), json!(null), json!(null), json!(null)]);
    let beta = registry.get("example.com", "v1beta1", "widgets").unwrap();
    assert_eq!(beta.strategy.cells(&object, now()), [json!("a"), json!("60m")], "NAME and AGE without columns");
}

#[test]
fn selectable_fields_come_from_the_definition() {
    let registry = Registry::new();
    registry.register(&widget_crd());
    let v1 = registry.get("example.com", "v1", "widgets").unwrap();
    let s = crate::kinds::selector::FieldSelector::parse("spec.color=red").unwrap();
    s.check(&v1).unwrap();
    assert!(s.matches(&v1, &json!({"spec": {"color": "red"}})));
    assert!(!s.matches(&v1, &json!({"spec": {"color": "blue"}})));
    let beta = registry.get("example.com", "v1beta1", "widgets").unwrap();
    let e = s.check(&beta).unwrap_err();
    assert_eq!(e.message, "field label not supported: spec.color");
}

#[test]
fn versions_sort_by_stability() {
    let mut v =
        ["foo1", "v1alpha1", "v2", "v1beta2", "v10", "v1beta1", "v1", "v3beta1", "foo10", "v12alpha1", "v1betax"];
    v.sort_by_key(|n| version_rank(n));
    let sorted =
        ["v10", "v2", "v1", "v3beta1", "v1beta2", "v1beta1", "v12alpha1", "v1alpha1", "foo1", "foo10", "v1betax"];
    assert_eq!(v, sorted);
}

#[test]
fn a_terminating_definition_takes_no_new_objects() {
    let mut crd = widget_crd();
    crd["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let r = resources(&crd).remove(0);
    let user = crate::auth::UserInfo::default();
    let ctx = WriteContext { user: &user, subresource: "", now: "2026-01-01T00:00:00Z" };
    assert_eq!(r.strategy.validate(&ctx, &json!({}), None).len(), 1);
    assert_eq!(r.strategy.validate(&ctx, &json!({}), Some(&json!({}))), []);
}
