//! What a kubelet may write into the objects that the node authorizer lets it write (Kubernetes documentation,
//! "Admission Controllers", `NodeRestriction`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Attributes,
    admission::Write,
    node::{account_of, refers_to_any, requested_name, runs_on},
    objects::Objects,
};
use crate::{error::ApiError, object};

/// Labels that a kubelet sets on its Node.
const KUBELET_LABELS: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

fn forbidden(asked: &Attributes<'_>, name: &str, why: &str) -> ApiError {
    ApiError::forbidden(asked.group, asked.resource, name, why)
}

/// Admits a write of the kubelet of `node`.
pub(super) fn admit(objects: &dyn Objects, node: &str, write: &Write<'_>) -> Result<(), ApiError> {
    let asked = write.attributes;
    match (asked.group, asked.resource, asked.subresource) {
        ("", "nodes", _) => own_node(node, write),
        ("", "pods", _) => own_pod(objects, node, write),
        ("coordination.k8s.io", "leases", _) => own_lease(node, write),
        ("", "serviceaccounts", "token") => own_token(objects, node, write),
        _ => Ok(()),
    }
}

fn own_node(node: &str, write: &Write<'_>) -> Result<(), ApiError> {
    let asked = write.attributes;
    let name = requested_name(asked, write.object);
    let refuse = |why: String| Err(forbidden(asked, name, &why));
    if name != node || write.object.is_some_and(|o| object::name(o) != node) {
        return refuse(format!("node {node:?} is not allowed to modify node {name:?}"));
    }
    let Some(new) = write.object else { return Ok(()) };
    let field = |object: Option<&Value>, path: &str| object.and_then(|o| o.pointer(path)).cloned().unwrap_or_default();
    let changed = changed_labels(new, write.old);
    let labels: Vec<&str> = changed.into_iter().filter(|label| !may_set(label)).collect();
    if !labels.is_empty() {
        let verb = if write.old.is_some() { "modify labels" } else { "set the following labels" };
        return refuse(format!("is not allowed to {verb}: {}", labels.join(", ")));
    }
    if !field(Some(new), "/spec/configSource").is_null() && write.old.is_none() {
        return refuse(format!("node {node:?} is not allowed to create pods with a non-nil configSource"));
    }
    if write.old.is_some() {
        let same = |path| field(Some(new), path) == field(write.old, path);
        if !same("/spec/taints") {
            return refuse(format!("node {node:?} is not allowed to modify taints"));
        }
        if !same("/metadata/ownerReferences") {
            return refuse(format!("node {node:?} is not allowed to modify ownerReferences"));
        }
    }
    Ok(())
}

fn changed_labels<'a>(new: &'a Value, old: Option<&'a Value>) -> BTreeSet<&'a str> {
    let labels =
        |object: Option<&'a Value>| object.and_then(|o| o.pointer("/metadata/labels")).and_then(Value::as_object);
    let (new, old) = (labels(Some(new)), labels(old));
    let keys = [new, old].into_iter().flatten().flat_map(|l| l.keys());
    keys.filter(|k| new.and_then(|l| l.get(*k)) != old.and_then(|l| l.get(*k))).map(String::as_str).collect()
}

/// Whether a kubelet may set a label on its Node: any that is not Kubernetes' own, and those of Kubernetes meant for it.
fn may_set(label: &str) -> bool {
    let Some((domain, _)) = label.split_once('/') else { return true };
    let within = |parent: &str| domain == parent || domain.strip_suffix(parent).is_some_and(|d| d.ends_with('.'));
    if within("node-restriction.kubernetes.io") {
        return false;
    }
    if !within("kubernetes.io") && !within("k8s.io") {
        return true;
    }
    KUBELET_LABELS.contains(&label) || within("kubelet.kubernetes.io") || within("node.kubernetes.io")
}

fn own_lease(node: &str, write: &Write<'_>) -> Result<(), ApiError> {
    let asked = write.attributes;
    let name = requested_name(asked, write.object);
    if asked.namespace == "kube-node-lease" && name == node && write.object.is_none_or(|o| object::name(o) == node) {
        return Ok(());
    }
    Err(forbidden(asked, name, "can only access node lease with the same name as the requesting node"))
}

fn own_pod(objects: &dyn Objects, node: &str, write: &Write<'_>) -> Result<(), ApiError> {
    let asked = write.attributes;
    let name = requested_name(asked, write.object);
    let refuse = |why: String| Err(forbidden(asked, name, &why));
    let stored = write.old.cloned().or_else(|| objects.get("pods", asked.namespace, name));
    match (asked.verb, asked.subresource) {
        ("create", "") => {
            // Only mirrors of static Pods, which refer to nothing: a Pod that does would open Secrets to its creator.
            let Some(pod) = write.object else { return Ok(()) };
            if pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_none() {
                return refuse(format!(
                    "pod does not have \"kubernetes.io/config.mirror\" annotation, node {node:?} can only create mirror pods"
                ));
            }
            if !runs_on(pod, node) {
                return refuse(format!("node {node:?} can only create pods with spec.nodeName set to itself"));
            }
            if pod.pointer("/spec/serviceAccountName").and_then(Value::as_str).is_some_and(|s| !s.is_empty())
                || refers_to_any(pod)
            {
                return refuse(format!(
                    "node {node:?} can not create pods that reference a service account, secrets or configmaps"
                ));
            }
            Ok(())
        }
        ("delete", "") | ("create", "eviction") => match stored {
            Some(pod) if !runs_on(&pod, node) => {
                refuse(format!("node {node:?} can only delete pods with spec.nodeName set to itself"))
            }
            _ => Ok(()),
        },
        ("update" | "patch", "status") => {
            let Some(pod) = stored.filter(|pod| runs_on(pod, node)) else {
                return refuse(format!(
                    "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
                ));
            };
            if write.object.is_some_and(|new| !changed_labels(new, Some(&pod)).is_empty()) {
                return refuse(format!("node {node:?} cannot update labels through pod status"));
            }
            Ok(())
        }
        (verb, _) => refuse(format!("unexpected operation {verb:?}")),
    }
}

/// Tokens only for the account of a Pod on this Node, and bound to that Pod.
fn own_token(objects: &dyn Objects, node: &str, write: &Write<'_>) -> Result<(), ApiError> {
    let asked = write.attributes;
    let refuse = |why: String| Err(forbidden(asked, asked.name, &why));
    let bound = write.object.and_then(|request| request.pointer("/spec/boundObjectRef"));
    let text = |field: &str| bound.and_then(|b| b.get(field)).and_then(Value::as_str).unwrap_or_default();
    if text("kind") != "Pod" || text("name").is_empty() {
        return refuse("node requested token not bound to a pod".to_owned());
    }
    if text("uid").is_empty() {
        return refuse("node requested token with a pod binding without a uid".to_owned());
    }
    match objects.get("pods", asked.namespace, text("name")) {
        Some(pod) if object::uid(&pod) != text("uid") => {
            refuse(format!("the UID in the bound object reference ({}) does not match the UID in record", text("uid")))
        }
        Some(pod) if runs_on(&pod, node) && account_of(&pod) == asked.name => Ok(()),
        _ => refuse("node requested token bound to a pod scheduled on a different node".to_owned()),
    }
}
