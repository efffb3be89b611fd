//! How the lists and maps of built-in types merge, from the Kubernetes API reference (patch strategy, list type, map
//! type of each field). Two vocabularies stand side by side because they disagree: strategic merge patch identifies a
//! container's port by `containerPort`, server-side apply by `containerPort` and `protocol`.

use std::{collections::BTreeMap, sync::Arc};

use crate::schema::{ListType, Schema};

/// How strategic merge patch treats a list.
#[derive(Clone, Copy)]
enum Patch {
    /// Replaces it.
    Replace,
    /// Merges by this key.
    Merge(&'static str),
    /// Merges by this key; an item keeps only the keys that the patch names.
    RetainKeys(&'static str),
}
use Patch::{Merge, Replace, RetainKeys};

const CORE: &str = "io.k8s.api.core.v1.";
const APPS: &str = "io.k8s.api.apps.v1.";
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";
const EXTENSIONS: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.";

/// A list that is a map: package, type, field, map keys, patch strategy.
type KeyedList = (&'static str, &'static str, &'static str, &'static [&'static str], Patch);

const KEYED: &[KeyedList] = &[
    (META, "ObjectMeta", "ownerReferences", &["uid"], Merge("uid")),
    (APPS, "DaemonSetStatus", "conditions", &["type"], Merge("type")),
    (APPS, "DeploymentStatus", "conditions", &["type"], Merge("type")),
    (APPS, "ReplicaSetStatus", "conditions", &["type"], Merge("type")),
    (APPS, "StatefulSetStatus", "conditions", &["type"], Merge("type")),
    ("io.k8s.api.certificates.v1.", "CertificateSigningRequestStatus", "conditions", &["type"], Replace),
    ("io.k8s.api.policy.v1.", "PodDisruptionBudgetStatus", "conditions", &["type"], Merge("type")),
    (EXTENSIONS, "CustomResourceDefinitionStatus", "conditions", &["type"], Replace),
    (EXTENSIONS, "JSONSchemaProps", "x-kubernetes-validations", &["rule"], Merge("rule")),
    (CORE, "Container", "env", &["name"], Merge("name")),
    (CORE, "Container", "ports", &["containerPort", "protocol"], Merge("containerPort")),
    (CORE, "Container", "volumeDevices", &["devicePath"], Merge("devicePath")),
    (CORE, "Container", "volumeMounts", &["mountPath"], Merge("mountPath")),
    (CORE, "EphemeralContainer", "env", &["name"], Merge("name")),
    (CORE, "EphemeralContainer", "ports", &["containerPort", "protocol"], Merge("containerPort")),
    (CORE, "EphemeralContainer", "volumeDevices", &["devicePath"], Merge("devicePath")),
    (CORE, "EphemeralContainer", "volumeMounts", &["mountPath"], Merge("mountPath")),
    (CORE, "ContainerStatus", "allocatedResourcesStatus", &["name"], Merge("name")),
    (CORE, "ContainerStatus", "volumeMounts", &["mountPath"], Merge("mountPath")),
    (CORE, "ResourceStatus", "resources", &["resourceID"], Replace),
    (CORE, "NamespaceStatus", "conditions", &["type"], Merge("type")),
    (CORE, "NodeStatus", "addresses", &["type"], Merge("type")),
    (CORE, "NodeStatus", "conditions", &["type"], Merge("type")),
    (CORE, "PersistentVolumeClaimStatus", "conditions", &["type"], Merge("type")),
    (CORE, "PodSpec", "containers", &["name"], Merge("name")),
    (CORE, "PodSpec", "initContainers", &["name"], Merge("name")),
    (CORE, "PodSpec", "ephemeralContainers", &["name"], Merge("name")),
    (CORE, "PodSpec", "hostAliases", &["ip"], Merge("ip")),
    (CORE, "PodSpec", "imagePullSecrets", &["name"], Merge("name")),
    (CORE, "PodSpec", "resourceClaims", &["name"], RetainKeys("name")),
    (CORE, "PodSpec", "schedulingGates", &["name"], Merge("name")),
    (CORE, "PodSpec", "topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"], Merge("topologyKey")),
    (CORE, "PodSpec", "volumes", &["name"], RetainKeys("name")),
    (CORE, "PodStatus", "conditions", &["type"], Merge("type")),
    (CORE, "PodStatus", "podIPs", &["ip"], Merge("ip")),
    (CORE, "PodStatus", "resourceClaimStatuses", &["name"], RetainKeys("name")),
    (CORE, "ResourceRequirements", "claims", &["name"], Replace),
    (CORE, "ServiceAccount", "secrets", &["name"], Merge("name")),
    (CORE, "ServiceSpec", "ports", &["port", "protocol"], Merge("port")),
    (CORE, "ServiceStatus", "conditions", &["type"], Merge("type")),
];

/// Lists that are sets, and whether a strategic merge patch merges them.
const SETS: &[(&str, &str, &str, bool)] = &[
    (META, "ObjectMeta", "finalizers", true),
    (CORE, "NodeSpec", "podCIDRs", true),
    (CORE, "ContainerRestartRuleOnExitCodes", "values", false),
];

/// Objects and maps that are replaced as a whole by server-side apply: package and type (empty field), or one field.
const ATOMIC: &[(&str, &str, &str)] = &[
    (META, "LabelSelector", ""),
    (META, "OwnerReference", ""),
    (CORE, "ConfigMapKeySelector", ""),
    (CORE, "EndpointAddress", ""),
    (CORE, "EndpointPort", ""),
    (CORE, "FileKeySelector", ""),
    (CORE, "LocalObjectReference", ""),
    (CORE, "NodeSelector", ""),
    (CORE, "NodeSelectorTerm", ""),
    (CORE, "ObjectFieldSelector", ""),
    (CORE, "ObjectReference", ""),
    (CORE, "ResourceFieldSelector", ""),
    (CORE, "SecretKeySelector", ""),
    (CORE, "SecretReference", ""),
    (CORE, "TypedLocalObjectReference", ""),
    ("io.k8s.api.rbac.v1.", "RoleRef", ""),
    ("io.k8s.api.rbac.v1.", "Subject", ""),
    (CORE, "PodSpec", "nodeSelector"),
    (CORE, "ServiceSpec", "selector"),
    (CORE, "PersistentVolumeSpec", "claimRef"),
];

/// Defaults that are part of a list item's identity.
const DEFAULTS: &[(&str, &str, &str, &str)] =
    &[(CORE, "ContainerPort", "protocol", "TCP"), (CORE, "ServicePort", "protocol", "TCP")];

/// Writes the tables into the nodes.
pub(super) fn annotate(nodes: &mut BTreeMap<String, Schema>) {
    for (package, type_, field, keys, patch) in KEYED {
        edit(nodes, package, type_, field, |node| {
            node.list_type = ListType::Map;
            node.list_map_keys = keys.iter().map(|k| (*k).to_owned()).collect();
            match patch {
                Replace => {}
                Merge(key) | RetainKeys(key) => {
                    node.patch_merge = true;
                    node.patch_merge_key = Some((*key).to_owned());
                    node.patch_retain_keys = matches!(patch, RetainKeys(_));
                }
            }
        });
    }
    for (package, type_, field, merge) in SETS {
        edit(nodes, package, type_, field, |node| {
            node.list_type = ListType::Set;
            node.patch_merge = *merge;
        });
    }
    // Merged by patches, although server-side apply replaces it.
    edit(nodes, CORE, "PodStatus", "hostIPs", |node| {
        node.patch_merge = true;
        node.patch_merge_key = Some("ip".into());
    });
    // An object with retainKeys: a change of type drops the parameters of the other type.
    edit(nodes, APPS, "DeploymentSpec", "strategy", |node| node.patch_retain_keys = true);
    for (package, type_, field) in ATOMIC {
        if field.is_empty() {
            if let Some(node) = nodes.get_mut(&format!("{package}{type_}")) {
                node.map_atomic = true;
            }
        } else {
            edit(nodes, package, type_, field, |node| node.map_atomic = true);
        }
    }
    for (package, type_, field, value) in DEFAULTS {
        edit(nodes, package, type_, field, |node| node.default = Some((*value).into()));
    }
}

fn edit(
    nodes: &mut BTreeMap<String, Schema>,
    package: &str,
    type_: &str,
    field: &str,
    change: impl FnOnce(&mut Schema),
) {
    let node = nodes.get_mut(&format!("{package}{type_}")).and_then(|n| n.properties.get_mut(field));
    debug_assert!(node.is_some(), "{package}{type_}.{field} is in the merge tables but not in the types");
    if let Some(node) = node {
        let mut changed = (**node).clone();
        change(&mut changed);
        *node = Arc::new(changed);
    }
}
