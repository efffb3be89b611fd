use super::*;
use crate::{
    auth::UserInfo,
    kinds::{Registry, Resource},
};

const NOW: &str = "2026-01-01T00:00:00Z";

fn crd(plural: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.example.com"), "uid": plural, "resourceVersion": "3"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
                    "properties": {"size": {"type": "integer"}}}}}}}],
        },
    })
}

fn resource(registry: &Registry) -> std::sync::Arc<Resource> {
    registry.get("apiextensions.k8s.io", "v1", "customresourcedefinitions").unwrap()
}

fn created(registry: &Registry, mut object: Value) -> Value {
    let r = resource(registry);
    let user = UserInfo::default();
    r.strategy.default(&mut object);
    r.strategy.prepare_create(&WriteContext { user: &user, subresource: "", now: NOW }, &mut object);
    object
}

fn errors(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let registry = Registry::new();
    let mut object = created(&registry, crd("widgets", "Widget"));
    change(&mut object);
    let user = UserInfo::default();
    let ctx = WriteContext { user: &user, subresource: "", now: NOW };
    resource(&registry).strategy.validate(&ctx, &object, None).iter().map(ToString::to_string).collect()
}

fn condition<'a>(crd: &'a Value, type_: &str) -> &'a Value {
    cells::list(crd, "status.conditions").iter().find(|c| c["type"] == type_).unwrap()
}

#[test]
fn a_new_definition_is_established_at_once() {
    let registry = Registry::new();
    let object = created(&registry, crd("widgets", "Widget"));
    assert_eq!(object["spec"]["names"]["singular"], "widget");
    assert_eq!(object["spec"]["names"]["listKind"], "WidgetList");
    assert_eq!(object["spec"]["conversion"]["strategy"], "None");
    assert_eq!(object["status"]["storedVersions"], json!(["v1"]));
    assert_eq!(object["status"]["acceptedNames"]["kind"], "Widget");
    assert_eq!(object["metadata"]["finalizers"], json!([CLEANUP_FINALIZER]));
    assert_eq!(
        condition(&object, "Established"),
        &json!({"type": "Established", "status": "True", "reason": "InitialNamesAccepted",
            "message": "the initial names have been accepted", "lastTransitionTime": NOW})
    );
    assert_eq!(condition(&object, "NamesAccepted")["status"], "True");
    assert_eq!(errors(|_| {}), [""; 0]);
    registry.register(&object);
    assert!(registry.get("example.com", "v1", "widgets").is_some());
}

#[test]
fn the_second_to_want_a_name_does_not_get_it() {
    let registry = Registry::new();
    registry.register(&created(&registry, crd("widgets", "Widget")));
    let second = created(&registry, crd("gadgets", "Widget"));
    assert_eq!(condition(&second, "NamesAccepted")["status"], "False");
    assert_eq!(condition(&second, "NamesAccepted")["reason"], "ListKindConflict");
    assert_eq!(condition(&second, "NamesAccepted")["message"], "\"WidgetList\" is already in use");
    assert_eq!(condition(&second, "Established")["reason"], "NotAccepted");
    registry.register(&second);
    assert!(registry.get("example.com", "v1", "gadgets").is_none());
    // Once the name is free, it is granted.
    let mut again = second;
    status::settle(&mut again, &[], "2026-01-02T00:00:00Z");
    assert_eq!(condition(&again, "Established")["status"], "True");
    assert_eq!(condition(&again, "Established")["lastTransitionTime"], "2026-01-02T00:00:00Z");
}

#[test]
fn an_established_definition_keeps_its_names() {
    let registry = Registry::new();
    registry.register(&created(&registry, crd("widgets", "Widget")));
    let old = created(&registry, crd("gadgets", "Gadget"));
    let mut new = old.clone();
    new["spec"]["names"]["shortNames"] = json!(["widget"]);
    let user = UserInfo::default();
    let ctx = WriteContext { user: &user, subresource: "", now: NOW };
    resource(&registry).strategy.prepare_update(&ctx, &mut new, &old);
    assert_eq!(condition(&new, "NamesAccepted")["reason"], "ShortNamesConflict");
    assert_eq!(condition(&new, "Established")["status"], "True");
    assert_eq!(new["status"]["acceptedNames"].get("shortNames"), None);
}

#[test]
fn stored_versions_and_the_finalizer_survive_updates() {
    let registry = Registry::new();
    let old = created(&registry, crd("widgets", "Widget"));
    let mut new = old.clone();
    let v2 = json!({"name": "v2", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}});
    new["spec"]["versions"][0]["storage"] = false.into();
    new["spec"]["versions"].as_array_mut().unwrap().push(v2.clone());
    new["metadata"].as_object_mut().unwrap().remove("finalizers");
    let user = UserInfo::default();
    let ctx = WriteContext { user: &user, subresource: "", now: NOW };
    let r = resource(&registry);
    r.strategy.prepare_update(&ctx, &mut new, &old);
    assert_eq!(new["status"]["storedVersions"], json!(["v1", "v2"]));
    assert_eq!(new["metadata"]["finalizers"], json!([CLEANUP_FINALIZER]));
    assert_eq!(r.strategy.validate(&ctx, &new, Some(&old)), []);
    new["spec"]["versions"] = json!([v2]);
    let e = r.strategy.validate(&ctx, &new, Some(&old));
    assert!(
        e[0].to_string().starts_with("status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions")
    );
    new = old.clone();
    new["spec"]["scope"] = "Cluster".into();
    let e = r.strategy.validate(&ctx, &new, Some(&old));
    assert_eq!(e[0].to_string(), "spec.scope: Invalid value: \"Cluster\": field is immutable");
}

#[test]
fn refusals_name_the_field() {
    type Change = fn(&mut Value);
    let cases: &[(Change, &str)] = &[
        (
            |c| c["metadata"]["name"] = "x.example.com".into(),
            "metadata.name: Invalid value: \"x.example.com\": must be spec.names.plural+\".\"+spec.group",
        ),
        (
            |c| c["spec"]["scope"] = "Global".into(),
            "spec.scope: Unsupported value: \"Global\": supported values: \"Cluster\", \"Namespaced\"",
        ),
        (
            |c| c["spec"]["versions"][0]["storage"] = false.into(),
            "spec.versions: Invalid value: \"array\": must have exactly one version marked as storage version",
        ),
        (
            |c| c["spec"]["versions"][0]["schema"] = json!({}),
            "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
        ),
        (
            |c| c["spec"]["conversion"]["strategy"] = "Webhook".into(),
            "spec.conversion.strategy: Unsupported value: \"Webhook\": supported values: \"None\": conversion webhooks \
             are not called by this server",
        ),
        (
            |c| {
                c["spec"]["versions"][0]["additionalPrinterColumns"] =
                    json!([{"name": "A", "type": "text", "jsonPath": ".a"}]);
            },
            "spec.versions[0].additionalPrinterColumns[0].type: Invalid value: \"text\": must be one of \
             boolean,date,integer,number,string",
        ),
        (
            |c| {
                c["spec"]["versions"][0]["additionalPrinterColumns"] =
                    json!([{"name": "A", "type": "date", "jsonPath": "a"}]);
            },
            "spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: \"a\": must be a simple json path \
             starting with .",
        ),
        (
            |c| {
                c["spec"]["versions"][0]["additionalPrinterColumns"] =
                    json!([{"name": "A", "type": "date", "jsonPath": ".a["}]);
            },
            "spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: \".a[\": is an invalid jsonpath: \
             invalid array index before \"\"",
        ),
        (
            |c| c["spec"]["versions"][0]["selectableFields"] = json!([{"jsonPath": ".spec.color"}]),
            "spec.versions[0].selectableFields[0].jsonPath: Invalid value: \".spec.color\": is an invalid path: must \
             point to a string, integer or boolean of the schema",
        ),
        (
            |c| {
                c["spec"]["versions"][0]["subresources"] =
                    json!({"scale": {"specReplicasPath": ".status.n", "statusReplicasPath": ".status.n"}});
            },
            "spec.versions[0].subresources.scale.specReplicasPath: Invalid value: \".status.n\": should be a json \
             path under .spec",
        ),
        (
            |c| c["spec"]["names"]["listKind"] = "Widget".into(),
            "spec.names.listKind: Invalid value: \"Widget\": kind and listKind may not be the same",
        ),
        (
            |c| {
                c["spec"]["group"] = "x.k8s.io".into();
                c["metadata"]["name"] = "widgets.x.k8s.io".into();
            },
            "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval \
             annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(errors(change), [*expected]);
    }
    let ok = errors(|c| {
        c["spec"]["versions"][0]["selectableFields"] = json!([{"jsonPath": ".spec.size"}]);
        c["spec"]["versions"][0]["subresources"] =
            json!({"scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}});
    });
    assert_eq!(ok, [""; 0]);
}
