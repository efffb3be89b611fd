//! How a Machine boots over the network: image, leases, BMC, attestation and disk.

use super::redfish::RedfishSpec;
use super::references::{ConfigMapKeyRef, LocalRef};
use crate::api::schema::{self, rule};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Network boot of this Machine. Without it, metalman leaves the Machine alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("required" = ["image"]))]
pub struct PxeSpec {
    /// OCI reference of the netboot image, by tag or digest, for example registry.example.com/netboot/ubuntu:24.04. Or
    /// oci:/path[:tag]: an OCI layout on metalman's own disk, below --layout-root.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "schema::image")]
    pub image: String,
    /// A Secret of type kubernetes.io/dockerconfigjson in metalman's namespace, to pull the image with. Default:
    /// anonymous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_secret_ref: Option<LocalRef>,
    /// DHCP leases, one per NIC that may boot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend(
        "maxItems" = 32,
        "x-kubernetes-validations" = [rule(
            "self.all(a, self.exists_one(b, a.mac.lowerAscii().replace('-', ':') == b.mac.lowerAscii().replace('-', ':')))",
            "dhcpLeases must not repeat a mac: each NIC has one lease",
        )],
    ))]
    pub dhcp_leases: Vec<DhcpLease>,
    /// The BMC, over Redfish. Without it, metalman serves the Machine but cannot power it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redfish: Option<RedfishSpec>,
    /// What cloud-init on the installed host is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_init: Option<CloudInitSpec>,
    /// What the Machine must prove before it gets a credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<AttestationSpec>,
    /// Which disk to install on. All hints given must match; hints that match no disk, or several, fail. Default: the
    /// largest disk that is not removable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskHints>,
}

/// What DHCP answers to one NIC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("required" = ["mac", "ipv4", "subnetMask"]))]
pub struct DhcpLease {
    /// Ethernet address of the NIC: six pairs of hex digits in any case, separated by ':' or by '-'.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "schema::mac")]
    pub mac: String,
    /// IPv4 address that the NIC gets, in dotted decimal. Also how its HTTP and TFTP requests are recognised.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "schema::ipv4")]
    pub ipv4: String,
    /// Subnet mask (DHCP option 1), contiguous, for example 255.255.255.0.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "schema::subnet_mask")]
    pub subnet_mask: String,
    /// Default gateway (DHCP option 3). Default: none is offered. One outside the subnet is legal, and gets a warning in
    /// the condition LeasesValid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::gateway")]
    pub gateway: Option<String>,
    /// Name servers (DHCP option 6): IPv4 addresses, in order of preference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::dns_servers")]
    pub dns: Vec<String>,
    /// Host name (DHCP option 12). Default: none is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::hostname")]
    pub hostname: Option<String>,
    /// Domain name (DHCP option 15). Default: none is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::domain")]
    pub domain: Option<String>,
    /// MTU of the interface in bytes (DHCP option 26), 576 to 9216. Default: none is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::mtu")]
    pub mtu: Option<i32>,
    /// Time servers (DHCP option 42): IPv4 addresses, in order of preference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::ntp_servers")]
    pub ntp: Vec<String>,
}

/// What cloud-init on the installed host is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudInitSpec {
    /// A ConfigMap with custom user-data, in data or binaryData. Default: an empty #cloud-config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_data_config_map_ref: Option<ConfigMapKeyRef>,
}

/// What a Machine must prove before it gets a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AttestationSpec {
    /// TPM: credentials are only ever encrypted to this Machine's TPM. TPMIfPresent (the default): in plaintext only to a
    /// machine that never showed a TPM, and only while a repave opened the window. None: no proof is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::attestation_policy")]
    pub policy: Option<AttestationPolicy>,
    /// SHA-256 (64 hex digits) of the SubjectPublicKeyInfo of the TPM's endorsement key, to register it before first
    /// contact. Default: the key seen first is pinned in status.tpm.ekPublicKey.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ek_public_key_hash")]
    pub ek_public_key_hash: Option<String>,
}

/// How strictly a Machine must attest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum AttestationPolicy {
    /// A credential is only ever encrypted to the Machine's TPM.
    #[serde(rename = "TPM")]
    Tpm,
    /// In plaintext only to a machine that never showed a TPM, and only while a repave opened the window.
    #[default]
    #[serde(rename = "TPMIfPresent")]
    TpmIfPresent,
    /// No proof is asked.
    None,
}

/// A word that this version does not know means the strictest policy: it can only have come past another schema, and a
/// guess must not hand out a credential.
impl<'de> Deserialize<'de> for AttestationPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match String::deserialize(deserializer)?.as_str() {
            "TPMIfPresent" => Self::TpmIfPresent,
            "None" => Self::None,
            _ => Self::Tpm,
        })
    }
}

impl PxeSpec {
    /// How strictly the Machine must attest.
    pub fn attestation_policy(&self) -> AttestationPolicy {
        self.attestation.as_ref().and_then(|attestation| attestation.policy).unwrap_or_default()
    }
}

/// Hints for the disk to install on. All that are given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DiskHints {
    /// Serial number, as the kernel reports it (lsblk -o SERIAL).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::disk_text")]
    pub serial: Option<String>,
    /// World wide name, as the kernel reports it (lsblk -o WWN), for example 0x5000c500a1b2c3d4.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::disk_text")]
    pub wwn: Option<String>,
    /// Model, as the kernel reports it (lsblk -o MODEL).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::disk_text")]
    pub model: Option<String>,
    /// Device name, for example nvme0n1, /dev/sda or a link below /dev/disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::device_name")]
    pub device_name: Option<String>,
    /// Smallest acceptable size, in GiB (2^30 bytes).
    #[serde(rename = "minSizeGiB", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::min_size_gib")]
    pub min_size_gib: Option<i64>,
    /// true: only spinning disks; false: only solid state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotational: Option<bool>,
}
