//! What metalman knows of a Machine.
//!
//! Invariant: nothing here is needed to decide again after it was lost, except the counters, the pinned keys and the
//! conditions that carry deadlines.

use super::conditions::{self, Condition, Observation};
use super::phase::{self, Phase};
use super::schema;
use super::spec::Counters;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Observed state of the Machine; written by metalman.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct MachineStatus {
    /// Pending, Provisioning, Rebooting, Joining, Ready or Failed.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "phase::lenient")]
    #[schemars(schema_with = "schema::words")]
    pub phase: Option<Phase>,
    /// Why the Machine is in this phase, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub message: Option<String>,
    /// Power state as the BMC last reported it: On, Off, PoweringOn, PoweringOff, …
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub power: Option<String>,
    /// What was learned about the BMC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redfish: Option<RedfishStatus>,
    /// What was learned about the TPM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpm: Option<TpmStatus>,
    /// What another provisioner learned over SSH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshStatus>,
    /// What is known of the agent on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentStatus>,
    /// How far the operations of spec.operations were carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<OperationsStatus>,
    /// The netboot image that spec.pxe.image was resolved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageStatus>,
    /// Timeline of the current boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<BootStatus>,
    /// Observations: PoweredOff, BootOrderConfigSupported, Repaved, CloudInitDone, ImageReady, LeasesValid, BMCReachable,
    /// Attested.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// What was learned about the BMC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RedfishStatus {
    /// SHA-256 fingerprint (aa:bb:…) of the BMC's TLS certificate, pinned on first contact. Remove it to accept another.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub cert_fingerprint: Option<String>,
    /// The boot source that metalman told the BMC to override the next boot with (Pxe or UefiHttp), until the override was
    /// seen consumed or was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub boot_override: Option<String>,
}

/// What was learned about the TPM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TpmStatus {
    /// Public endorsement key (PEM, SubjectPublicKeyInfo), pinned on first attestation. Remove it after a change of the
    /// TPM or mainboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub ek_public_key: Option<String>,
}

/// What another provisioner learned over SSH.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SshStatus {
    /// Fingerprint of the SSH host key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub fingerprint: Option<String>,
}

/// What is known of the agent on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AgentStatus {
    /// OCI image that the agent runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub image: Option<String>,
}

/// How far the operations of spec.operations were carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct OperationsStatus {
    /// The rebootCounter that was carried out last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::counter")]
    pub reboot_counter: Option<i64>,
    /// The repaveCounter that was carried out last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::counter")]
    pub repave_counter: Option<i64>,
    /// Attempts made at the operation in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::counter")]
    pub attempts: Option<i64>,
    /// The rebootCounter that the attempts are made for. A higher one in spec begins anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::counter")]
    pub attempted_reboot_counter: Option<i64>,
    /// The repaveCounter that the attempts are made for. A higher one in spec begins anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::counter")]
    pub attempted_repave_counter: Option<i64>,
    /// Why the operation was given up after its last attempt. A higher counter arms it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub failure: Option<String>,
}

/// The netboot image that spec.pxe.image was resolved to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ImageStatus {
    /// Digest of the image's manifest, sha256:….
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub digest: Option<String>,
}

/// Timeline of the current boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BootStatus {
    /// Steps seen in this boot, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("maxItems" = 64))]
    pub steps: Vec<BootStep>,
    /// What went wrong in this boot and holds it up, for people: a template that fails, user-data that does not resolve.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub problem: Option<String>,
}

/// One step of a boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("required" = ["name"]))]
pub struct BootStep {
    /// What happened, for example DHCP or Installed: a step of the boot, in the order given by the documentation.
    #[schemars(schema_with = "schema::words")]
    pub name: String,
    /// When it happened (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::date_time")]
    pub time: Option<Time>,
    /// Details for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::words")]
    pub message: Option<String>,
}

impl MachineStatus {
    /// How far each operation was carried out; missing operations count as zeros.
    pub fn counters(&self) -> Counters {
        self.operations
            .as_ref()
            .map_or_else(Counters::default, |done| Counters::new(done.reboot_counter, done.repave_counter))
    }

    /// The condition of that type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        conditions::find(&self.conditions, type_)
    }

    /// Records an observation; see [`conditions::set`].
    pub fn set_condition(&mut self, observation: &Observation, generation: Option<i64>, now: Timestamp) -> bool {
        conditions::set(&mut self.conditions, observation, generation, now)
    }

    /// Removes a condition; says whether there was one.
    pub fn remove_condition(&mut self, type_: &str) -> bool {
        conditions::remove(&mut self.conditions, type_)
    }
}
