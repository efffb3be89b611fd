use serde_json::json;

use super::*;
use crate::kinds::{Registry, custom::tests::widget_crd};

fn names(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|v| v[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn classic_documents() {
    let all = Registry::new().all();
    assert_eq!(
        core_versions(&all, "127.0.0.1:6443"),
        json!({"kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}]})
    );
    assert_eq!(names(&groups(&all)["groups"], "name")[..3], ["apps", "events.k8s.io", "authentication.k8s.io"]);
    assert_eq!(
        group(&all, "apps").unwrap(),
        json!({"kind": "APIGroup", "apiVersion": "v1", "name": "apps",
            "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"},
            "versions": [{"groupVersion": "apps/v1", "version": "v1"}]})
    );
    assert_eq!(group(&all, ""), None);
    assert_eq!(group(&all, "batch"), None);
    assert_eq!(resource_list(&all, "apps", "v2"), None);
    let core = resource_list(&all, "", "v1").unwrap();
    let list = core["resources"].as_array().unwrap();
    let by_name = |n: &str| list.iter().find(|r| r["name"] == n).unwrap_or_else(|| panic!("{n}")).clone();
    assert_eq!(core["groupVersion"], "v1");
    assert_eq!(
        by_name("pods"),
        json!({"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "shortNames": ["po"],
            "categories": ["all"],
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]})
    );
    assert_eq!(by_name("namespaces/finalize")["verbs"], json!(["update"]));
    assert_eq!(
        by_name("serviceaccounts/token"),
        json!({"name": "serviceaccounts/token", "singularName": "", "namespaced": true, "kind": "TokenRequest",
            "group": "authentication.k8s.io", "version": "v1", "verbs": ["create"]})
    );
    assert!(!by_name("namespaces")["verbs"].as_array().unwrap().contains(&json!("deletecollection")));
    let reviews = resource_list(&all, "authorization.k8s.io", "v1").unwrap();
    assert!(reviews["resources"].as_array().unwrap().iter().all(|r| r["verbs"] == json!(["create"])));
}

#[test]
fn aggregated_documents() {
    let registry = Registry::new();
    registry.register(&widget_crd());
    let all = registry.all();
    let core = aggregated(&all, true, "v2");
    assert_eq!(core["apiVersion"], "apidiscovery.k8s.io/v2");
    assert_eq!(core["items"].as_array().unwrap().len(), 1);
    assert_eq!(core["items"][0]["metadata"], json!({"creationTimestamp": null}));
    let rest = aggregated(&all, false, "v2beta1");
    assert_eq!(rest["apiVersion"], "apidiscovery.k8s.io/v2beta1");
    let groups: Vec<_> =
        rest["items"].as_array().unwrap().iter().map(|g| g["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(groups.first(), Some(&"apps"));
    assert_eq!(groups.last(), Some(&"example.com"), "custom groups come last");
    let widgets = rest["items"].as_array().unwrap().last().unwrap();
    assert_eq!(names(&widgets["versions"], "version"), ["v1", "v1beta1"], "the most stable version first");
    assert_eq!(
        widgets["versions"][0]["resources"][0],
        json!({
            "resource": "widgets", "singularResource": "widget", "scope": "Namespaced",
            "responseKind": {"group": "example.com", "version": "v1", "kind": "Widget"},
            "shortNames": ["wd"], "categories": ["all"],
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            "subresources": [
                {"subresource": "status", "verbs": ["get", "patch", "update"],
                 "responseKind": {"group": "example.com", "version": "v1", "kind": "Widget"}},
                {"subresource": "scale", "verbs": ["get", "patch", "update"],
                 "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"}},
            ],
        })
    );
}
