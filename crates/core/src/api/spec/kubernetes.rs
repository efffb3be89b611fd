//! What the Machine becomes in Kubernetes.

use super::references::{LocalRef, non_empty};
use crate::api::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The Node that the Machine becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KubernetesSpec {
    /// Kubernetes version to install, vX.Y.Z; a missing v is added. Default: the cluster's own version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::kubernetes_version")]
    pub version: Option<String>,
    /// The Node behind this Machine. Default: the Node with the Machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_ref: Option<LocalRef>,
    /// Labels that the Node registers with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::node_labels")]
    pub node_labels: BTreeMap<String, String>,
    /// Taints that the Node registers with, each key=value:Effect; Effect is NoSchedule, PreferNoSchedule or NoExecute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::taints")]
    pub register_with_taints: Vec<String>,
    /// A bootstrap token Secret to join with. Optional for Machines that boot over the network: these get a credential
    /// of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap_token_ref: Option<LocalRef>,
}

impl KubernetesSpec {
    /// The version with its `v`, when one was given.
    pub fn version(&self) -> Option<String> {
        non_empty(self.version.as_deref()).map(with_v)
    }
}

/// A Kubernetes version in the form Kubernetes itself uses, with `v` in front.
pub(crate) fn with_v(version: &str) -> String {
    if version.starts_with('v') { version.to_owned() } else { format!("v{version}") }
}
