//! The node authorizer: what a kubelet may do beyond RBAC (Kubernetes documentation, "Using Node Authorization"). It reads
//! only what concerns its own Node and the Pods bound to it.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Attributes, UserInfo, objects::Objects, rbac::Rule};
use crate::{kinds::selector::FieldSelector, object};

const NODES: &str = "system:nodes";
const LEASE_NAMESPACE: &str = "kube-node-lease";

/// The Node that a user is the kubelet of.
pub(super) fn name(user: &UserInfo) -> Option<&str> {
    user.username.strip_prefix("system:node:").filter(|name| !name.is_empty() && user.is_in(NODES))
}

/// What every kubelet may do, whatever the object. Also the built-in `ClusterRole` `system:node`.
pub(super) fn rules() -> Vec<Rule> {
    let rule = Rule::resources;
    vec![
        rule(&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
        rule(&["authorization.k8s.io"], &["localsubjectaccessreviews", "subjectaccessreviews"], &["create"]),
        rule(&[""], &["services"], &["get", "list", "watch"]),
        rule(&[""], &["nodes"], &["create"]),
        rule(&[""], &["nodes", "nodes/status"], &["patch", "update"]),
        rule(&[""], &["events"], &["create", "patch", "update"]),
        rule(&["events.k8s.io"], &["events"], &["create", "patch", "update"]),
        rule(&[""], &["pods"], &["create", "delete"]),
        rule(&[""], &["pods/status"], &["patch", "update"]),
        rule(&[""], &["pods/eviction"], &["create"]),
        rule(&["certificates.k8s.io"], &["certificatesigningrequests"], &["create", "get", "list", "watch"]),
        rule(&["node.k8s.io"], &["runtimeclasses"], &["get", "list", "watch"]),
        rule(&["storage.k8s.io"], &["csidrivers"], &["get", "list", "watch"]),
    ]
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(rules);

/// `Ok` when allowed; otherwise the reason, empty when this authorizer has nothing to say.
pub(super) fn authorize(objects: &dyn Objects, node: &str, asked: &Attributes<'_>) -> Result<(), String> {
    let reading = ["get", "list", "watch"].contains(&asked.verb);
    match (asked.group, asked.resource, asked.subresource) {
        ("", "secrets" | "configmaps", _) => related(objects, node, asked, reading),
        ("", "pods", "") if reading => own_pods(objects, node, asked),
        ("", "nodes", "") if reading => own_node(node, asked),
        ("", "serviceaccounts", "token") if asked.verb == "create" => related(objects, node, asked, true),
        ("coordination.k8s.io", "leases", "") => own_lease(node, asked),
        _ if RULES.iter().any(|rule| rule.allows(asked)) => Ok(()),
        _ => Err(String::new()),
    }
}

/// Whether a field selector demands `field = value`, read by the same grammar that it is applied with.
fn selects(selector: &str, field: &str, value: &str) -> bool {
    FieldSelector::parse(selector).is_ok_and(|s| s.required(field) == Some(value))
}

fn own_node(node: &str, asked: &Attributes<'_>) -> Result<(), String> {
    let listing = asked.verb != "get";
    if asked.name == node || (listing && selects(asked.field_selector, "metadata.name", node)) {
        Ok(())
    } else if listing {
        Err(format!("node {node:?} can only list and watch itself, with the field selector metadata.name={node}"))
    } else {
        Err(format!("node {node:?} cannot read {:?}, only its own Node object", asked.name))
    }
}

fn own_lease(node: &str, asked: &Attributes<'_>) -> Result<(), String> {
    if asked.namespace != LEASE_NAMESPACE {
        return Err(format!("can only access leases in the {LEASE_NAMESPACE:?} system namespace"));
    }
    if !["get", "create", "update", "patch", "delete"].contains(&asked.verb) {
        return Err("can only get, create, update, patch, or delete a node lease".to_owned());
    }
    // The name of a created Lease is in its body; admission compares it.
    if asked.name == node || (asked.verb == "create" && asked.name.is_empty()) {
        return Ok(());
    }
    Err("can only access node lease with the same name as the requesting node".to_owned())
}

fn own_pods(objects: &dyn Objects, node: &str, asked: &Attributes<'_>) -> Result<(), String> {
    if asked.verb == "get" {
        let pod = objects.get("pods", asked.namespace, asked.name);
        return if pod.is_some_and(|p| runs_on(&p, node)) { Ok(()) } else { Err(unrelated(node)) };
    }
    if selects(asked.field_selector, "spec.nodeName", node) {
        return Ok(());
    }
    Err(format!("can only list and watch pods with the field selector spec.nodeName={node}"))
}

fn unrelated(node: &str) -> String {
    format!("no relationship found between node '{node}' and this object")
}

/// Whether a Pod is bound to the Node.
pub(super) fn runs_on(pod: &Value, node: &str) -> bool {
    pod.pointer("/spec/nodeName").and_then(Value::as_str) == Some(node)
}

/// Secrets and `ConfigMaps` that Pods of the Node refer to, and tokens of the accounts that they run as.
fn related(objects: &dyn Objects, node: &str, asked: &Attributes<'_>, verb_fits: bool) -> Result<(), String> {
    if !verb_fits || (!asked.subresource.is_empty() && asked.resource != "serviceaccounts") {
        return Err(format!("can only read resources of this type, not {}", asked.verb));
    }
    if asked.name.is_empty() || asked.namespace.is_empty() {
        return Err("No Object name found".to_owned());
    }
    let refers = |pod: &Value| match asked.resource {
        "serviceaccounts" => account_of(pod) == asked.name,
        resource => refers_to(pod, resource, asked.name),
    };
    let pods = objects.list("pods", Some(asked.namespace));
    if pods.iter().any(|pod| runs_on(pod, node) && refers(pod)) { Ok(()) } else { Err(unrelated(node)) }
}

/// The `ServiceAccount` that a Pod runs as.
pub(super) fn account_of(pod: &Value) -> &str {
    pod.pointer("/spec/serviceAccountName").and_then(Value::as_str).filter(|s| !s.is_empty()).unwrap_or("default")
}

/// Whether a Pod refers to the Secret or `ConfigMap` anywhere: environment, volumes, projections, image pulls.
pub(super) fn refers_to(pod: &Value, resource: &str, name: &str) -> bool {
    let keys: &[&str] = match resource {
        "secrets" => &["secretRef", "secretKeyRef", "secret", "nodePublishSecretRef", "imagePullSecrets"],
        _ => &["configMapRef", "configMapKeyRef", "configMap"],
    };
    mentions(pod.get("spec").unwrap_or(&Value::Null), keys, &|found| name == found)
}

/// Whether a Pod refers to any Secret or `ConfigMap`.
pub(super) fn refers_to_any(pod: &Value) -> bool {
    let keys = [
        "secretRef",
        "secretKeyRef",
        "secret",
        "nodePublishSecretRef",
        "imagePullSecrets",
        "configMapRef",
        "configMapKeyRef",
        "configMap",
    ];
    mentions(pod.get("spec").unwrap_or(&Value::Null), &keys, &|_| true)
}

/// Walks a Pod's spec for references under these keys: objects (or lists of objects) with a `name` or `secretName`.
fn mentions(value: &Value, keys: &[&str], wanted: &dyn Fn(&str) -> bool) -> bool {
    let named = |reference: &Value| {
        ["name", "secretName"].iter().any(|f| reference.get(f).and_then(Value::as_str).is_some_and(wanted))
    };
    match value {
        Value::Array(list) => list.iter().any(|v| mentions(v, keys, wanted)),
        Value::Object(map) => map.iter().any(|(key, v)| {
            let refers =
                keys.contains(&key.as_str()) && (named(v) || v.as_array().is_some_and(|list| list.iter().any(named)));
            // azureFile and others name their Secret beside other fields.
            let direct = key == "secretName" && keys.contains(&"secret") && v.as_str().is_some_and(wanted);
            refers || direct || mentions(v, keys, wanted)
        }),
        _ => false,
    }
}

/// The name in `metadata`, or the one in the request where the body has none yet.
pub(super) fn requested_name<'a>(asked: &Attributes<'a>, body: Option<&'a Value>) -> &'a str {
    if asked.name.is_empty() { body.map(object::name).unwrap_or_default() } else { asked.name }
}
