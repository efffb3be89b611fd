//! What is refused, in which words.

use serde_json::json;

use super::*;

#[test]
fn creations_are_refused_naming_the_field() {
    let apps = |spec: Value| json!({"spec": spec});
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    let pod = |container: Value| json!({"spec": {"containers": [container]}});
    let rbac = "rbac.authorization.k8s.io";
    let cases: Vec<(&str, &str, Value, &[&str])> = vec![
        (
            "",
            "configmaps",
            json!({"data": {"a/b": ""}, "binaryData": {"x": "?"}}),
            &[
                "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or \
             '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
                "binaryData[x]: Invalid value: \"x\": must be base64",
            ],
        ),
        (
            "",
            "configmaps",
            json!({"data": {"k": "", "l": ""}, "binaryData": {"k": ""}}),
            &["data[k]: Invalid value: \"k\": duplicate of key present in binaryData"],
        ),
        (
            "",
            "configmaps",
            json!({"data": {"k": "x".repeat(1024 * 1024 + 1)}}),
            &["data: Too long: may not be more than 1048576 bytes"],
        ),
        (
            "",
            "secrets",
            json!({"data": {"k": "no base64!"}}),
            &["data[k]: Invalid value: \"<secret contents redacted>\": must be base64"],
        ),
        (
            "",
            "secrets",
            json!({"type": "kubernetes.io/tls"}),
            &["data[tls.crt]: Required value", "data[tls.key]: Required value"],
        ),
        (
            "",
            "secrets",
            json!({"type": "kubernetes.io/basic-auth"}),
            &["data[username]: Required value", "data[password]: Required value"],
        ),
        ("", "secrets", json!({"type": "kubernetes.io/ssh-auth"}), &["data[ssh-privatekey]: Required value"]),
        (
            "",
            "secrets",
            json!({"type": "kubernetes.io/dockerconfigjson"}),
            &["data[.dockerconfigjson]: Required value"],
        ),
        (
            "",
            "secrets",
            json!({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{x"}}),
            &[
                "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": must be a JSON object: line 1 column 2",
            ],
        ),
        (
            "",
            "secrets",
            json!({"type": "kubernetes.io/service-account-token"}),
            &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
        ),
        (
            "",
            "nodes",
            json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule"},
            {"key": "b", "effect": "Never"}]}}),
            &[
                "spec.taints[1]: Duplicate value: \"a:NoSchedule\"",
                "spec.taints[2].effect: Unsupported value: \"Never\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \
             \"NoExecute\"",
            ],
        ),
        ("", "pods", json!({"spec": {"containers": []}}), &["spec.containers: Required value"]),
        (
            "",
            "pods",
            pod(json!({"name": "A", "image": ""})),
            &[
                "spec.containers[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case \
             alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
             '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
                "spec.containers[0].image: Required value",
            ],
        ),
        (
            "",
            "pods",
            pod(json!({"name": "a", "image": "x", "ports": [{"containerPort": 70000}],
            "volumeMounts": [{"name": "v", "mountPath": "/"}], "env": [{"name": ""}]})),
            &[
                "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
                "spec.containers[0].env[0].name: Required value",
                "spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
            ],
        ),
        ("apps", "deployments", apps(json!({"template": template})), &["spec.selector: Required value"]),
        (
            "apps",
            "deployments",
            apps(json!({"selector": {}, "template": template})),
            &["spec.selector: Invalid value: \"object\": empty selector is invalid for deployment"],
        ),
        (
            "apps",
            "daemonsets",
            apps(json!({"selector": {"matchLabels": {"a": "c"}}, "template": template})),
            &[
                "spec.template.metadata.labels: Invalid value: \"{\\\"a\\\":\\\"b\\\"}\": `selector` does not match template `labels`",
            ],
        ),
        (
            "apps",
            "replicasets",
            apps(json!({"selector": {"matchLabels": {"a": "b"}}, "replicas": -1,
            "template": {"metadata": {"labels": {"a": "b"}},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}})),
            &[
                "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
            ],
        ),
        ("", "services", json!({"spec": {}}), &["spec.ports: Required value"]),
        (
            "",
            "services",
            json!({"spec": {"type": "Magic", "ports": [{"port": 0}, {"name": "b", "port": 1}]}}),
            &[
                "spec.type: Unsupported value: \"Magic\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \
             \"NodePort\"",
                "spec.ports[0].name: Required value",
                "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            "coordination.k8s.io",
            "leases",
            json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}),
            &[
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            rbac,
            "roles",
            json!({"rules": [{"apiGroups": [""], "resources": ["pods"]}, {"verbs": ["get"]},
            {"verbs": ["get"], "nonResourceURLs": ["/x"]}]}),
            &[
                "rules[0].verbs: Required value: verbs must contain at least one value",
                "rules[1].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[1].resources: Required value: resource rules must supply at least one resource",
                "rules[2].nonResourceURLs: Invalid value: \"array\": namespaced rules cannot apply to non-resource URLs",
            ],
        ),
        (rbac, "clusterroles", json!({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]}), &[]),
        (
            rbac,
            "clusterrolebindings",
            json!({"roleRef": {"kind": "Role"}, "subjects": [{"kind": "Robot", "name": "r"},
            {"kind": "ServiceAccount", "name": "s"}]}),
            &[
                "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
                "roleRef.name: Required value",
                "subjects[0].kind: Unsupported value: \"Robot\": supported values: \"Group\", \"ServiceAccount\", \"User\"",
                "subjects[1].namespace: Required value",
            ],
        ),
        (
            "policy",
            "poddisruptionbudgets",
            json!({"spec": {"minAvailable": 1, "maxUnavailable": "120%"}}),
            &[
                "spec: Invalid value: \"object\": minAvailable and maxUnavailable cannot be both set",
                "spec.maxUnavailable: Invalid value: \"120%\": must not be greater than 100%",
            ],
        ),
        (
            "",
            "events",
            json!({"metadata": {"namespace": "x"}, "involvedObject": {"namespace": "y"}}),
            &["involvedObject.namespace: Invalid value: \"y\": does not match event.namespace"],
        ),
        (
            "events.k8s.io",
            "events",
            json!({"metadata": {"namespace": "x"}, "regarding": {"namespace": "x"}, "type": "Loud",
            "deprecatedCount": 1}),
            &[
                "eventTime: Required value",
                "type: Unsupported value: \"Loud\": supported values: \"Normal\", \"Warning\"",
                "deprecatedCount: Invalid value: 1: needs to be unset",
            ],
        ),
    ];
    for (group, plural, object, expected) in cases {
        let (_, errors) = create(&resource(group, plural), object.clone());
        assert_eq!(errors, expected, "{plural}: {object}");
    }
}

/// Group, plural, subresource, the old object, what the client changes, and the errors.
type Case = (&'static str, &'static str, &'static str, Value, fn(&mut Value), Vec<String>);

#[test]
fn what_may_not_change() {
    let frozen = "field is immutable when `immutable` is set";
    let cases: Vec<Case> = vec![
        ("", "configmaps", "", json!({"immutable": true, "data": {"a": "b"}}), |o| {
            o["data"]["a"] = "c".into();
            o["immutable"] = false.into();
        }, vec![format!("immutable: Forbidden: {frozen}"), format!("data: Forbidden: {frozen}")]),
        ("", "secrets", "", json!({"type": "Opaque"}), |o| o["type"] = "example.com/x".into(), vec![
            "type: Invalid value: \"example.com/x\": field is immutable".into()]),
        ("", "secrets", "", json!({"type": "Opaque", "immutable": true}), |o| o["data"] = json!({"a": ""}), vec![
            format!("data: Forbidden: {frozen}")]),
        ("", "nodes", "", json!({"spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]}}), |o| {
            o["spec"]["podCIDR"] = "10.0.1.0/24".into();
        }, vec!["spec.podCIDR: Forbidden: node updates may not change podCIDR except from \"\" to valid".into()]),
        ("rbac.authorization.k8s.io", "rolebindings", "", json!({"roleRef": {"kind": "Role", "name": "r",
            "apiGroup": "rbac.authorization.k8s.io"}}), |o| o["roleRef"]["name"] = "s".into(), vec![
            "roleRef: Invalid value: \"object\": cannot change roleRef".into()]),
        ("certificates.k8s.io", "certificatesigningrequests", "approval",
            json!({"status": {"conditions": [{"type": "Denied", "status": "True"}]}}), |o| o["status"] = json!({}), vec![
            "status.conditions: Forbidden: updates may not remove a condition of type \"Denied\"".into()]),
        ("certificates.k8s.io", "certificatesigningrequests", "approval",
            json!({"status": {"conditions": [{"type": "Denied", "status": "True"}]}}), |o| {
            o["status"]["conditions"].as_array_mut().unwrap().push(json!({"type": "Approved", "status": "True"}));
        }, vec!["status.conditions[1].type: Invalid value: \"Approved\": Approved and Denied conditions are mutually exclusive".into()]),
    ];
    for (group, plural, subresource, old, change, expected) in cases {
        let (_, errors) = update(&resource(group, plural), subresource, &old, change);
        assert_eq!(errors, expected, "{plural}: {old}");
    }
}

#[test]
fn pods_and_selectors_stay_as_they_are() {
    let r = resource("", "pods");
    let (pod, _) = create(&r, json!({"spec": {"containers": [{"name": "a", "image": "x:1"}]}}));
    let (_, errors) = update(&r, "", &pod, |p| p["spec"]["containers"][0]["image"] = "x:2".into());
    assert_eq!(errors, [""; 0]);
    let (_, errors) = update(&r, "", &pod, |p| p["spec"]["nodeName"] = "n".into());
    assert!(errors[0].starts_with("spec: Forbidden: pod updates may not change fields other than"), "{errors:?}");
    let r = resource("apps", "deployments");
    let template =
        json!({"metadata": {"labels": {"a": "b", "c": "d"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    let (old, _) = create(&r, json!({"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}));
    let (_, errors) = update(&r, "", &old, |d| d["spec"]["selector"] = json!({"matchLabels": {"c": "d"}}));
    assert_eq!(errors, ["spec.selector: Invalid value: \"object\": field is immutable"]);
}

#[test]
fn names_by_kind() {
    for (group, plural, good, bad) in [
        ("", "configmaps", "kube-root-ca.crt", "A"),
        ("", "namespaces", "a", "a.b"),
        ("", "services", "a", "0a"),
        ("rbac.authorization.k8s.io", "clusterroles", "system:node", "a/b"),
        ("coordination.k8s.io", "leases", "a.b", "a_b"),
    ] {
        let r = resource(group, plural);
        assert_eq!(r.strategy.validate_name(good), None, "{plural}");
        assert!(r.strategy.validate_name(bad).is_some(), "{plural}");
    }
    assert_eq!(resource("authorization.k8s.io", "subjectaccessreviews").strategy.validate_name(""), None);
}
