//! Good requests, in an order in which they all succeed on an empty server.

use serde_json::{Value, json};

/// A good request.
pub(crate) struct Template {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: &'static str,
    pub(crate) content_type: &'static str,
    /// `Null`: none.
    pub(crate) body: Value,
}

const JSON: &str = "application/json";

fn template(method: &'static str, path: &str, body: Value) -> Template {
    Template { method, path: path.to_owned(), query: "", content_type: JSON, body }
}

fn patch(path: &str, kind: &'static str, query: &'static str, body: Value) -> Template {
    Template { method: "PATCH", path: path.to_owned(), query, content_type: kind, body }
}

/// The definition of a custom resource that uses most of what a schema can say.
fn definition() -> Value {
    let spec = json!({
        "type": "object", "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3},
            "mac": {"type": "string", "pattern": "^([0-9a-f]{2}:){5}[0-9a-f]{2}$"},
            "when": {"type": "string", "format": "date-time", "nullable": true},
            "ports": {
                "type": "array", "maxItems": 10, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object", "required": ["name"],
                    "properties": {"name": {"type": "string", "maxLength": 20}, "number": {"type": "integer"}},
                },
            },
            "labels": {"type": "object", "maxProperties": 10, "additionalProperties": {"type": "string", "maxLength": 50}},
            "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "both": {"x-kubernetes-int-or-string": true},
        },
        "x-kubernetes-validations": [
            {"rule": "self.size >= oldSelf.size", "message": "may not shrink"},
            {"rule": "!has(self.ports) || self.ports.all(p, p.name != 'bad')", "message": "no bad ports"},
        ],
    });
    let schema = json!({
        "type": "object",
        "properties": {"spec": spec, "status": {"type": "object", "properties": {"phase": {"type": "string"}}}},
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.test.example.com"},
        "spec": {
            "group": "test.example.com", "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList", "shortNames": ["th"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
            }],
        },
    })
}

fn object(api: &str, kind: &str, name: &str, mut rest: Value) -> Value {
    let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": {"a": "b"}}});
    object.as_object_mut().unwrap().append(rest.as_object_mut().unwrap());
    object
}

pub(crate) fn templates() -> Vec<Template> {
    let core = "/api/v1/namespaces/default";
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let pod = json!({"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]});
    let map = object("v1", "ConfigMap", "m", json!({"data": {"x": "1"}, "binaryData": {"y": "AAAA"}}));
    let rules = json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    let binding = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
        "subjects": [{"kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io"}],
    });
    let things = "/apis/test.example.com/v1/namespaces/default/things";
    let thing = object(
        "test.example.com/v1",
        "Thing",
        "t",
        json!({
            "spec": {"size": 4, "mac": "00:11:22:33:44:55", "ports": [{"name": "p", "number": 1}], "labels": {"l": "v"}, "both": "50%"},
        }),
    );
    let workload = json!({
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod},
    });
    let access = json!({"spec": {"user": "u", "resourceAttributes": {"verb": "get", "resource": "pods"}}});
    let event = json!({
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}, "reason": "R", "message": "m", "type": "Normal",
    });
    vec![
        template("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition()),
        template("POST", "/api/v1/namespaces", object("v1", "Namespace", "n", json!({}))),
        template("POST", &format!("{core}/configmaps"), map.clone()),
        template("PUT", &format!("{core}/configmaps/m"), map.clone()),
        patch(
            &format!("{core}/configmaps/m"),
            "application/merge-patch+json",
            "",
            json!({"data": {"x": null, "z": "2"}}),
        ),
        patch(
            &format!("{core}/configmaps/m"),
            "application/json-patch+json",
            "",
            json!([
                {"op": "add", "path": "/metadata/labels/q", "value": "r"}, {"op": "test", "path": "/kind", "value": "ConfigMap"},
                {"op": "copy", "from": "/metadata/labels/q", "path": "/metadata/labels/s"},
            ]),
        ),
        patch(
            &format!("{core}/configmaps/m"),
            "application/strategic-merge-patch+json",
            "",
            json!({"metadata": {"labels": {"t": "u"}}}),
        ),
        patch(&format!("{core}/configmaps/m"), "application/apply-patch+yaml", "fieldManager=me&force=true", map),
        template(
            "POST",
            &format!("{core}/secrets"),
            object("v1", "Secret", "s", json!({"type": "Opaque", "data": {"k": "AAAA"}})),
        ),
        template("POST", &format!("{core}/serviceaccounts"), object("v1", "ServiceAccount", "a", json!({}))),
        template(
            "POST",
            &format!("{core}/serviceaccounts/a/token"),
            json!({
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600},
            }),
        ),
        template("POST", "/api/v1/nodes", object("v1", "Node", "w", json!({"spec": {"podCIDR": "10.0.0.0/24"}}))),
        patch(
            "/api/v1/nodes/w/status",
            "application/strategic-merge-patch+json",
            "",
            json!({
                "status": {"conditions": [{"type": "Ready", "status": "True"}], "addresses": [{"type": "InternalIP", "address": "1.2.3.4"}]},
            }),
        ),
        template("POST", &format!("{core}/pods"), object("v1", "Pod", "p", json!({"spec": pod}))),
        patch(
            &format!("{core}/pods/p"),
            "application/strategic-merge-patch+json",
            "",
            json!({
                "spec": {"containers": [{"name": "c", "image": "j"}]},
            }),
        ),
        template(
            "POST",
            &format!("{core}/services"),
            object(
                "v1",
                "Service",
                "v",
                json!({
                    "spec": {"selector": {"a": "b"}, "ports": [{"port": 80, "targetPort": "http", "protocol": "TCP"}]},
                }),
            ),
        ),
        template("POST", &format!("{core}/events"), object("v1", "Event", "e", event)),
        template(
            "POST",
            "/apis/coordination.k8s.io/v1/namespaces/default/leases",
            object(
                "coordination.k8s.io/v1",
                "Lease",
                "l",
                json!({
                    "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2024-01-01T00:00:00.000000Z"},
                }),
            ),
        ),
        template(
            "POST",
            "/apis/apps/v1/namespaces/default/deployments",
            object("apps/v1", "Deployment", "d", json!({"spec": workload})),
        ),
        template(
            "POST",
            "/apis/apps/v1/namespaces/default/daemonsets",
            object("apps/v1", "DaemonSet", "d", json!({"spec": workload})),
        ),
        template(
            "POST",
            &format!("{rbac}/clusterroles"),
            object("rbac.authorization.k8s.io/v1", "ClusterRole", "r", rules.clone()),
        ),
        template(
            "POST",
            &format!("{rbac}/namespaces/default/roles"),
            object("rbac.authorization.k8s.io/v1", "Role", "r", rules),
        ),
        template(
            "POST",
            &format!("{rbac}/clusterrolebindings"),
            object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "b", binding),
        ),
        template("POST", things, thing.clone()),
        patch(&format!("{things}/t"), "application/apply-patch+yaml", "fieldManager=you&force=true", thing),
        patch(
            &format!("{things}/t"),
            "application/merge-patch+json",
            "",
            json!({"spec": {"size": 5, "any": {"x": [1]}}}),
        ),
        patch(&format!("{things}/t/status"), "application/merge-patch+json", "", json!({"status": {"phase": "Up"}})),
        template(
            "POST",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            object("authorization.k8s.io/v1", "SubjectAccessReview", "", access.clone()),
        ),
        template(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            object(
                "authorization.k8s.io/v1",
                "SelfSubjectAccessReview",
                "",
                json!({
                    "spec": {"nonResourceAttributes": {"verb": "get", "path": "/x"}},
                }),
            ),
        ),
        template(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            json!({
                "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": "default"},
            }),
        ),
        template(
            "POST",
            "/apis/authentication.k8s.io/v1/tokenreviews",
            json!({
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "x.y.z"},
            }),
        ),
        template("GET", &format!("{core}/configmaps"), Value::Null),
        template("GET", &format!("{core}/configmaps/m"), Value::Null),
        template("GET", &format!("{things}/t"), Value::Null),
        template("GET", things, Value::Null),
        template("GET", "/api/v1/pods", Value::Null),
        template("GET", "/apis", Value::Null),
        template("GET", "/openapi/v2", Value::Null),
        template("GET", "/openapi/v3/apis/test.example.com/v1", Value::Null),
        template("GET", "/metrics", Value::Null),
        template("GET", "/version", Value::Null),
        template(
            "DELETE",
            &format!("{core}/events/e"),
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {}}),
        ),
        template("DELETE", &format!("{core}/secrets"), Value::Null),
    ]
}
