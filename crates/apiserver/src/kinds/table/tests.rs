use super::*;
use crate::kinds::Registry;

fn now() -> Timestamp {
    "2026-01-01T01:00:00Z".parse().unwrap()
}

fn config_map() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "x", "creationTimestamp": "2026-01-01T00:00:00Z"}, "data": {"k": "v"},
    })
}

#[test]
fn tables() {
    let r = Registry::new().get("", "v1", "configmaps").unwrap();
    let t = table(&r, &[config_map()], json!({"resourceVersion": "7"}), Include::Metadata, true, now());
    assert_eq!(t["metadata"]["resourceVersion"], "7");
    assert_eq!(t["columnDefinitions"][0]["name"], "Name");
    assert_eq!(t["columnDefinitions"][0]["format"], "name");
    assert_eq!(t["rows"][0]["cells"], json!(["a", 1, "60m"]));
    assert_eq!(t["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(t["rows"][0]["object"]["metadata"]["namespace"], "x");
    assert_eq!(t["rows"][0]["object"].get("data"), None);
    let t = table(&r, &[config_map()], json!({}), Include::Object, false, now());
    assert_eq!(t["columnDefinitions"], Value::Null);
    assert_eq!(t["rows"][0]["object"], config_map());
    let t = table(&r, &[config_map()], json!({}), Include::None, true, now());
    assert_eq!(t["rows"][0]["object"], Value::Null);
}

#[test]
fn include_object_parameter() {
    assert_eq!(Include::parse(""), Some(Include::Metadata));
    assert_eq!(Include::parse("Object"), Some(Include::Object));
    assert_eq!(Include::parse("None"), Some(Include::None));
    assert_eq!(Include::parse("all"), None);
}

#[test]
fn partial_objects() {
    let list = partial_list(&[config_map()], json!({"resourceVersion": "7"}));
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["metadata"]["name"], "a");
    assert_eq!(partial(&json!({}))["metadata"], json!({}));
}

#[test]
fn every_kind_has_as_many_cells_as_columns_even_for_an_empty_object() {
    for r in Registry::new().all() {
        let columns = r.strategy.columns();
        assert!(columns.iter().any(|c| c.name == "Name" && c.format == "name"), "{r:?}");
        for object in [json!({}), json!({"spec": 1, "status": [], "data": "x", "metadata": null, "rules": {}})] {
            assert_eq!(r.strategy.cells(&object, now()).len(), columns.len(), "{r:?}");
        }
    }
}
