use serde_json::json;

use super::*;
use crate::kinds::custom::tests::widget_crd;

#[test]
fn builtin_resources() {
    let registry = Registry::new();
    for (group, plural, kind, namespaced, storage) in [
        ("", "configmaps", "ConfigMap", true, "configmaps"),
        ("", "nodes", "Node", false, "nodes"),
        ("apps", "daemonsets", "DaemonSet", true, "daemonsets.apps"),
        ("events.k8s.io", "events", "Event", true, "events"),
        (
            "certificates.k8s.io",
            "certificatesigningrequests",
            "CertificateSigningRequest",
            false,
            "certificatesigningrequests.certificates.k8s.io",
        ),
    ] {
        let r = registry.get(group, "v1", plural).unwrap_or_else(|| panic!("{plural}"));
        assert_eq!((r.kind.as_str(), r.namespaced, &*r.storage), (kind, namespaced, storage));
        assert_eq!(registry.by_kind(group, "v1", kind).unwrap().plural, plural);
    }
    assert!(registry.get("", "v2", "pods").is_none());
    assert!(registry.get("apps", "v1", "pods").is_none());
    let stored = registry.stored();
    assert_eq!(stored.iter().filter(|r| &*r.storage == "events").count(), 1);
    assert!(!stored.iter().any(|r| r.kind == "TokenReview"));
}

#[test]
fn the_newest_registration_wins() {
    let registry = Registry::new();
    let mut newer = widget_crd();
    newer["metadata"]["resourceVersion"] = "9".into();
    newer["status"]["acceptedNames"]["shortNames"] = json!(["w"]);
    registry.register(&newer);
    let generation = registry.generation();
    let held = registry.get("example.com", "v1", "widgets").unwrap();
    registry.register(&widget_crd());
    registry.register(&newer);
    assert_eq!(registry.generation(), generation, "nothing changed");
    let now = registry.get("example.com", "v1", "widgets").unwrap();
    assert_eq!(now.short_names, ["w"]);
    assert!(Arc::ptr_eq(&held, &now), "an equal definition is not rebuilt");
    registry.unregister(&json!({"metadata": {"name": "widgets.example.com", "uid": "another"}}));
    assert!(registry.get("example.com", "v1", "widgets").is_some(), "a predecessor's end is not the successor's");
    registry.unregister(&newer);
    assert!(registry.get("example.com", "v1", "widgets").is_none());
    assert!(registry.generation() > generation);
    assert_eq!(held.plural, "widgets", "a reader's snapshot lives on");
}

#[test]
fn unestablished_definitions_are_not_served() {
    let registry = Registry::new();
    let mut crd = widget_crd();
    crd["status"]["conditions"][1]["status"] = "False".into();
    registry.register(&crd);
    assert!(registry.get("example.com", "v1", "widgets").is_none());
    assert_eq!(registry.shared.snapshot().taken("example.com", "").len(), 1, "its names are taken all the same");
    assert_eq!(registry.shared.snapshot().taken("example.com", "widgets.example.com").len(), 0);
}
