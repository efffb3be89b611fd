//! The Machine object: its spec, and what follows from spec, status and metadata together.

#![allow(clippy::duplicated_attributes, reason = "each printcolumn has a type of its own")]

use super::labels;
use super::spec::{AgentSpec, Counters, DhcpLease, KubernetesSpec, OperationsSpec, PxeSpec, SshSpec};
use super::status::MachineStatus;
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Desired state of the Machine.
//
// The Host column needs a first choice and a fallback. A printer column is one JSONPath, of which API servers show the first
// value found, and the JSONPath of Kubernetes has unions and recursive descent: `['pxe','ssh']` are these two in this order,
// `..` is each with all that it holds, outermost first and lists in order, and `['ipv4','host']` the addresses, then the
// hosts, among them. Within pxe only leases have an ipv4; ssh itself comes before its bastion. (An index would read better,
// but a union ends at the first `]`.)
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[kube(
    group = "unbounded-cloud.io",
    version = "v1alpha3",
    kind = "Machine",
    plural = "machines",
    singular = "machine",
    shortname = "mach",
    status = "MachineStatus",
    derive = "PartialEq",
    doc = "A server that metalman provisions over the network into a Kubernetes Node.",
    crates(kube_core = "kube_core"),
    printcolumn(
        name = "Phase",
        type_ = "string",
        description = "Where the Machine is in its life",
        json_path = ".status.phase"
    ),
    printcolumn(
        name = "Host",
        type_ = "string",
        description = "Address of the first lease, else the SSH host",
        json_path = ".spec['pxe','ssh']..['ipv4','host']"
    ),
    printcolumn(
        name = "Image",
        type_ = "string",
        description = "Netboot image",
        json_path = ".spec.pxe.image",
        priority = 1
    ),
    printcolumn(
        name = "K8s Version",
        type_ = "string",
        description = "Kubernetes version asked for",
        json_path = ".spec.kubernetes.version"
    ),
    printcolumn(
        name = "Power",
        type_ = "string",
        description = "Power state as the BMC last reported it",
        json_path = ".status.power"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        description = "Why the Machine is in this phase",
        json_path = ".status.message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct MachineSpec {
    /// Network boot of this Machine. Without it, metalman leaves the Machine alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pxe: Option<PxeSpec>,
    /// The Node that the Machine becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesSpec>,
    /// The agent that runs on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentSpec>,
    /// Operations on the Machine. Raising a counter above the one in status asks for that operation, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<OperationsSpec>,
    /// Access over SSH, for another provisioner; metalman keeps it and never acts on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshSpec>,
}

impl Machine {
    /// The Machine's name; empty only for an object that never was on a server.
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// The site that owns it, when it has that label.
    pub fn site(&self) -> Option<&str> {
        self.label(labels::SITE)
    }

    /// The controller that performs reboot and repave instead of metalman, named by label or annotation.
    pub fn provider(&self) -> Option<&str> {
        self.label(labels::PROVIDER).or_else(|| self.annotation(labels::PROVIDER)).filter(|name| !name.is_empty())
    }

    /// The label's value.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(key).map(String::as_str)
    }

    /// The annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// The leases as written; none without `pxe`.
    pub fn dhcp_leases(&self) -> &[DhcpLease] {
        self.spec.pxe.as_ref().map_or(&[], |pxe| &pxe.dhcp_leases)
    }

    /// Where the Machine is reached: the first lease's address, else the SSH host. The printer column Host.
    pub fn host(&self) -> Option<&str> {
        let leased = self.dhcp_leases().first().map(|lease| lease.ipv4.as_str()).filter(|ipv4| !ipv4.is_empty());
        leased.or_else(|| self.spec.ssh.as_ref()?.host.as_deref())
    }

    /// The name of the Node that the Machine becomes: as referenced, else its own.
    pub fn node_name(&self) -> &str {
        self.spec
            .kubernetes
            .as_ref()
            .and_then(|kubernetes| kubernetes.node_ref.as_ref())
            .map(|node| node.name.as_str())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| self.name())
    }

    /// The Kubernetes version to install, with its `v`: the Machine's own, else the cluster's.
    pub fn kubernetes_version(&self, cluster: &str) -> String {
        self.spec.kubernetes.as_ref().and_then(KubernetesSpec::version).unwrap_or_else(|| super::spec::with_v(cluster))
    }

    /// The operations asked for; all defaults when the manifest has none.
    pub fn operations(&self) -> OperationsSpec {
        self.spec.operations.clone().unwrap_or_default()
    }

    /// How far each operation was asked for.
    pub fn wanted_counters(&self) -> Counters {
        self.spec.operations.as_ref().map_or_else(Counters::default, OperationsSpec::counters)
    }

    /// How far each operation was carried out.
    pub fn done_counters(&self) -> Counters {
        self.status.as_ref().map_or_else(Counters::default, MachineStatus::counters)
    }

    /// Whether a reboot is wanted and not done.
    pub fn reboot_wanted(&self) -> bool {
        self.wanted_counters().reboot > self.done_counters().reboot
    }

    /// Whether a repave is wanted and not done.
    pub fn repave_wanted(&self) -> bool {
        self.wanted_counters().repave > self.done_counters().repave
    }

    /// Counters that certainly ask for one more of each: one above the higher of spec and status, since a manifest from
    /// git may have lowered the spec's.
    pub fn next_counters(&self) -> Counters {
        let (wanted, done) = (self.wanted_counters(), self.done_counters());
        Counters {
            reboot: wanted.reboot.max(done.reboot).saturating_add(1),
            repave: wanted.repave.max(done.repave).saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests;
