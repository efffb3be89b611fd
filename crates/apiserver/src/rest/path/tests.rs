use super::*;

fn resource(path: &str) -> ResourcePath {
    match parse(path) {
        Target::Resource(r) => r,
        Target::Document => panic!("{path} is not a resource path"),
    }
}

#[test]
fn core_and_grouped_collections() {
    let r = resource("/api/v1/namespaces/default/configmaps");
    assert_eq!(
        (r.group.as_str(), r.version.as_str(), r.namespace.as_str(), r.resource.as_str()),
        ("", "v1", "default", "configmaps")
    );
    assert_eq!(r.name, "");
    let r = resource("/apis/coordination.k8s.io/v1/leases");
    assert_eq!((r.group.as_str(), r.namespace.as_str(), r.resource.as_str()), ("coordination.k8s.io", "", "leases"));
}

#[test]
fn objects_and_subresources() {
    let r = resource("/apis/example.com/v1/machines/m1/status");
    assert_eq!((r.name.as_str(), r.subresource.as_str()), ("m1", "status"));
    let r = resource("/api/v1/namespaces/ns/serviceaccounts/sa/token/");
    assert_eq!((r.namespace.as_str(), r.name.as_str(), r.subresource.as_str()), ("ns", "sa", "token"));
}

#[test]
fn namespaces_themselves() {
    let r = resource("/api/v1/namespaces");
    assert_eq!((r.resource.as_str(), r.name.as_str(), r.namespace.as_str()), ("namespaces", "", ""));
    let r = resource("/api/v1/namespaces/ns");
    assert_eq!((r.resource.as_str(), r.name.as_str(), r.namespace.as_str()), ("namespaces", "ns", "ns"));
    let r = resource("/api/v1/namespaces/ns/finalize");
    assert_eq!((r.resource.as_str(), r.name.as_str(), r.subresource.as_str()), ("namespaces", "ns", "finalize"));
}

#[test]
fn legacy_watch_prefix() {
    let r = resource("/api/v1/watch/namespaces/ns/pods/p");
    assert!(r.legacy_watch);
    assert_eq!((r.namespace.as_str(), r.resource.as_str(), r.name.as_str()), ("ns", "pods", "p"));
}

#[test]
fn escapes_decode_but_cannot_add_segments() {
    let r = resource("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode");
    assert_eq!(r.name, "system:node");
    assert_eq!(parse("/api/v1/namespaces/a%2Fb/pods"), Target::Document);
    assert_eq!(parse("/api/v1/namespaces/%ff/pods"), Target::Document);
    assert_eq!(parse("/api/v1/namespaces/%zz/pods"), Target::Document);
}

#[test]
fn documents_and_nonsense() {
    for path in [
        "/",
        "",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/apps",
        "/apis/apps/v1",
        "/version",
        "/api/v1/watch",
        "/api/v1//pods",
        "/api/v1/pods//status",
        "//api/v1/pods",
    ] {
        assert_eq!(parse(path), Target::Document, "{path}");
    }
}
