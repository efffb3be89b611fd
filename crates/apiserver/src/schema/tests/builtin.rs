use serde_json::{Value, json};

use super::texts;
use crate::schema::{ListType, SchemaRoot};

fn kind(definition: &str) -> SchemaRoot {
    SchemaRoot::builtin(definition).unwrap_or_else(|| panic!("{definition}"))
}

#[test]
fn all_kinds_are_there_and_every_reference_resolves() {
    for definition in [
        "core.v1.Namespace",
        "core.v1.ConfigMap",
        "core.v1.Secret",
        "core.v1.ServiceAccount",
        "core.v1.Node",
        "core.v1.Event",
        "core.v1.Service",
        "core.v1.Pod",
        "core.v1.Endpoints",
        "core.v1.PersistentVolume",
        "events.v1.Event",
        "coordination.v1.Lease",
        "certificates.v1.CertificateSigningRequest",
        "rbac.v1.Role",
        "rbac.v1.RoleBinding",
        "rbac.v1.ClusterRole",
        "rbac.v1.ClusterRoleBinding",
        "authentication.v1.TokenReview",
        "authentication.v1.TokenRequest",
        "authentication.v1.SelfSubjectReview",
        "authorization.v1.SubjectAccessReview",
        "authorization.v1.SelfSubjectAccessReview",
        "authorization.v1.SelfSubjectRulesReview",
        "authorization.v1.LocalSubjectAccessReview",
        "apps.v1.Deployment",
        "apps.v1.DaemonSet",
        "apps.v1.ReplicaSet",
        "apps.v1.StatefulSet",
        "policy.v1.PodDisruptionBudget",
        "policy.v1.Eviction",
        "core.v1.NodeList",
    ] {
        kind(&format!("io.k8s.api.{definition}"));
    }
    kind("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition");
    for name in ["Status", "DeleteOptions", "ListMeta", "APIResourceList"] {
        kind(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{name}"));
    }
    assert!(SchemaRoot::builtin("io.k8s.api.core.v1.Nope").is_none());

    let definitions = SchemaRoot::builtin_definitions();
    let mut stack: Vec<_> = definitions.values().cloned().collect();
    while let Some(node) = stack.pop() {
        if let Some(reference) = &node.reference {
            assert!(definitions.contains_key(reference), "{reference}");
        }
        stack.extend(node.properties.values().chain(&node.items).chain(&node.additional_properties).cloned());
    }
}

#[test]
fn merge_semantics() {
    let pod = kind("io.k8s.api.core.v1.PodSpec");
    let containers = &pod.root.properties["containers"];
    assert!(containers.patch_merge && containers.list_type == ListType::Map);
    assert_eq!(containers.patch_merge_key.as_deref(), Some("name"));
    let container = pod.resolve(containers.items.as_ref().unwrap());
    let ports = &container.properties["ports"];
    assert_eq!(ports.patch_merge_key.as_deref(), Some("containerPort"));
    assert_eq!(ports.list_map_keys, ["containerPort", "protocol"]);
    let port = pod.resolve(ports.items.as_ref().unwrap());
    assert_eq!(port.properties["protocol"].default, Some(json!("TCP")));
    assert!(pod.root.properties["volumes"].patch_retain_keys);
    assert_eq!(pod.root.properties["tolerations"].list_type, ListType::Atomic);
    assert!(!pod.root.properties["tolerations"].patch_merge);
    assert!(pod.root.properties["nodeSelector"].map_atomic);
    let meta = kind("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    assert_eq!(meta.root.properties["finalizers"].list_type, ListType::Set);
    assert_eq!(meta.root.properties["ownerReferences"].patch_merge_key.as_deref(), Some("uid"));
}

#[test]
fn unknown_fields_go_and_nulls_mean_absent() {
    let pod = kind("io.k8s.api.core.v1.Pod");
    let mut object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "creationTimestamp": null},
        "spec": {"containers": [{"name": "a", "imag": "x", "resources": {"limits": {"cpu": 1}}}], "nodeName": null, "bogus": {}}});
    assert_eq!(pod.prune(&mut object), ["spec.bogus", "spec.containers[0].imag"]);
    assert_eq!(
        object,
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": 1}}}]}})
    );
    // CRDs hold schemas of any depth, and JSON that is nobody's business.
    let crd = kind("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition");
    let mut object = json!({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object", "properties": {
        "a": {"type": "object", "default": {"x": {"y": 1}}, "additionalProperties": {"type": "string", "typo": 1}},
        "b": {"type": "array", "items": {"type": "string", "enum": ["p", {"q": 1}]}},
        "c": {"additionalProperties": true}}}}}]}});
    let path = "spec.versions[0].schema.openAPIV3Schema.properties.a.additionalProperties.typo";
    assert_eq!(crd.prune(&mut object), [path]);
    assert_eq!(object.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/a/default/x/y"), Some(&json!(1)));
    assert_eq!(object.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/b/items/enum/1/q"), Some(&json!(1)));
}

#[test]
fn wrong_types_are_decoding_errors() {
    let detail = |definition: &str, object: Value| -> Vec<String> {
        kind(definition).type_errors(&object).into_iter().map(|e| format!("{}: {}", e.path, e.detail)).collect()
    };
    assert_eq!(
        detail("io.k8s.api.apps.v1.Deployment", json!({"spec": {"replicas": "three"}})),
        [
            "spec.replicas: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
        ]
    );
    assert_eq!(
        detail("io.k8s.api.core.v1.ConfigMap", json!({"data": {"a": 1}})),
        ["data.a: json: cannot unmarshal number into Go struct field ConfigMap.data.a of type string"]
    );
    assert_eq!(
        detail("io.k8s.api.core.v1.Pod", json!({"spec": {"containers": {}}})),
        [
            "spec.containers: json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"
        ]
    );
    assert_eq!(
        detail("io.k8s.api.core.v1.Secret", json!({"data": {"k": "!!"}})),
        ["data.k: illegal base64 data at input byte 0"]
    );
    assert_eq!(detail("io.k8s.api.core.v1.ConfigMap", json!([])).len(), 1);
    assert!(
        detail("io.k8s.api.core.v1.Pod", json!({"metadata": {"creationTimestamp": "noon"}}))[0]
            .contains("parsing time \"noon\"")
    );
    let limits = |cpu: Value| json!({"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": cpu}}}]}});
    for good in [json!("100m"), json!(1), json!(0.5), json!("1e3"), json!(null)] {
        assert_eq!(detail("io.k8s.api.core.v1.Pod", limits(good)), Vec::<String>::new());
    }
    assert!(detail("io.k8s.api.core.v1.Pod", limits(json!("lots")))[0].contains("quantities must match"));
    let target = |port: Value| json!({"spec": {"ports": [{"port": 80, "targetPort": port}]}});
    for good in [json!("http"), json!(8080)] {
        assert_eq!(detail("io.k8s.api.core.v1.Service", target(good)), Vec::<String>::new());
    }
    assert_eq!(detail("io.k8s.api.core.v1.Service", target(json!(true))).len(), 1);
    // Custom resources: their metadata is a built-in type.
    let custom = SchemaRoot::from_crd(&json!({"type": "object"}), "").unwrap();
    assert_eq!(
        custom.type_errors(&json!({"metadata": {"labels": {"a": true}}}))[0].detail,
        "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels.a of type string"
    );
}

#[test]
fn required_fields_where_zero_values_do_not_do() {
    let errors = |definition: &str, object: Value| texts(&kind(definition).validate(&object, None));
    assert_eq!(
        errors("io.k8s.api.core.v1.Pod", json!({"spec": {"containers": [{"image": "x"}]}})),
        ["spec.containers[0].name: Required value"]
    );
    assert_eq!(
        errors("io.k8s.api.apps.v1.Deployment", json!({"spec": {}})),
        ["spec.selector: Required value", "spec.template: Required value"]
    );
    for (definition, object) in [
        ("apps.v1.DaemonSet", json!({"status": {"numberReady": 1}})),
        (
            "rbac.v1.RoleBinding",
            json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "u"}]}),
        ),
        ("rbac.v1.Role", json!({"rules": [{"apiGroups": [""], "resources": ["pods"]}]})),
        ("authentication.v1.TokenRequest", json!({"spec": {"audiences": null}})),
        ("core.v1.Node", json!({"status": {"conditions": [{"type": "Ready"}], "nodeInfo": {"kubeletVersion": "v1"}}})),
        ("core.v1.ConfigMap", json!({"data": null})),
    ] {
        assert_eq!(errors(&format!("io.k8s.api.{definition}"), object), Vec::<String>::new(), "{definition}");
    }
}
