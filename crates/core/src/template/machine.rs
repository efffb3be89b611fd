//! A Machine as Go's own type of it would look to a template: Go field names, promoted fields of the embedded metadata.
//!
//! Decisions, where Go and JSON differ: an absent string, number or list is its zero value; an absent sub-object is nil, so
//! that `{{if .Machine.Spec.Kubernetes}}` tells; `operations` is there always, in spec and status, with zeros, so that a
//! Machine without them renders. Times print as Go prints them.

use std::collections::BTreeMap;

use gotemplate::{List, Map, Number, Struct, Type, Value};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::Value as Json;

use crate::api::{
    API_VERSION, Machine, MachineSpec, MachineStatus,
    conditions::Condition,
    lease::Lease,
    spec::{
        AgentSpec, AttestationPolicy, AttestationSpec, ComponentDownload, ConfigMapKeyRef, Counters, DhcpLease,
        DiskHints, Downloads, KubernetesSpec, LocalRef, OperationsSpec, PxeSpec, RedfishSpec, SecretKeyRef, SshSpec,
    },
    status::{BootStatus, BootStep, OperationsStatus},
};

pub(super) fn machine(machine: &Machine) -> Struct {
    let types = Struct::new("v1.TypeMeta").field("Kind", "Machine").field("APIVersion", API_VERSION);
    let meta = metadata(&machine.metadata);
    let empty = MachineStatus::default();
    let mut value = Struct::new("v1alpha3.Machine").field("TypeMeta", types.clone()).field("ObjectMeta", meta.clone());
    // Go promotes the fields of embedded structs.
    for (name, promoted) in types.fields().chain(meta.fields()) {
        value = value.field(name.clone(), promoted.clone());
    }
    value.field("Spec", spec(&machine.spec)).field("Status", status(machine.status.as_ref().unwrap_or(&empty)))
}

fn metadata(meta: &ObjectMeta) -> Struct {
    let owners = meta.owner_references.iter().flatten().map(|owner| {
        let value = Struct::new("v1.OwnerReference")
            .field("APIVersion", owner.api_version.as_str())
            .field("Kind", owner.kind.as_str())
            .field("Name", owner.name.as_str())
            .field("UID", owner.uid.as_str());
        Value::from(value)
    });
    Struct::new("v1.ObjectMeta")
        .field("Name", text(meta.name.as_ref()))
        .field("GenerateName", text(meta.generate_name.as_ref()))
        .field("Namespace", text(meta.namespace.as_ref()))
        .field("SelfLink", "")
        .field("UID", text(meta.uid.as_ref()))
        .field("ResourceVersion", text(meta.resource_version.as_ref()))
        .field("Generation", Value::int64(meta.generation.unwrap_or(0)))
        .field("CreationTimestamp", time(meta.creation_timestamp.as_ref()))
        .field("DeletionTimestamp", meta.deletion_timestamp.as_ref().map(|at| time(Some(at))))
        .field("Labels", strings_map(meta.labels.as_ref()))
        .field("Annotations", strings_map(meta.annotations.as_ref()))
        .field("OwnerReferences", list("v1.OwnerReference", owners))
        .field("Finalizers", strings(meta.finalizers.iter().flatten()))
}

fn spec(spec: &MachineSpec) -> Struct {
    Struct::new("v1alpha3.MachineSpec")
        .field("PXE", spec.pxe.as_ref().map(pxe))
        .field("Kubernetes", spec.kubernetes.as_ref().map(kubernetes))
        .field("Agent", spec.agent.as_ref().map(agent))
        .field("Operations", operations(spec.operations.as_ref()))
        .field("SSH", spec.ssh.as_ref().map(ssh))
}

fn pxe(pxe: &PxeSpec) -> Struct {
    Struct::new("v1alpha3.PXESpec")
        .field("Image", pxe.image.as_str())
        .field("ImagePullSecretRef", pxe.image_pull_secret_ref.as_ref().map(local_ref))
        .field("DHCPLeases", list("v1alpha3.DHCPLease", pxe.dhcp_leases.iter().map(|one| lease(one).into())))
        .field("Redfish", pxe.redfish.as_ref().map(redfish))
        .field(
            "CloudInit",
            pxe.cloud_init.as_ref().map(|cloud_init| {
                let reference = cloud_init.user_data_config_map_ref.as_ref().map(config_map_ref);
                Struct::new("v1alpha3.CloudInitSpec").field("UserDataConfigMapRef", reference)
            }),
        )
        .field("Attestation", pxe.attestation.as_ref().map(attestation))
        .field("Disk", pxe.disk.as_ref().map(disk))
}

fn lease(lease: &DhcpLease) -> Struct {
    Struct::new("v1alpha3.DHCPLease")
        .field("MAC", lease.mac.as_str())
        .field("IPv4", lease.ipv4.as_str())
        .field("SubnetMask", lease.subnet_mask.as_str())
        .field("Gateway", text(lease.gateway.as_ref()))
        .field("DNS", strings(&lease.dns))
        .field("Hostname", text(lease.hostname.as_ref()))
        .field("Domain", text(lease.domain.as_ref()))
        .field("MTU", int32(lease.mtu))
        .field("NTP", strings(&lease.ntp))
}

/// The lease of the NIC that asks, in normal form.
pub(super) fn parsed_lease(parsed: &Lease) -> Struct {
    lease(&DhcpLease {
        mac: parsed.mac.to_string(),
        ipv4: parsed.ipv4.to_string(),
        subnet_mask: parsed.subnet_mask().to_string(),
        gateway: parsed.gateway.map(|gateway| gateway.to_string()),
        dns: parsed.dns.iter().map(ToString::to_string).collect(),
        hostname: parsed.hostname.clone(),
        domain: parsed.domain.clone(),
        mtu: parsed.mtu.map(i32::from),
        ntp: parsed.ntp.iter().map(ToString::to_string).collect(),
    })
}

fn redfish(redfish: &RedfishSpec) -> Struct {
    Struct::new("v1alpha3.RedfishSpec")
        .field("URL", redfish.url.as_str())
        .field("Username", text(redfish.username.as_ref()))
        .field("DeviceID", text(redfish.device_id.as_ref()))
        .field("PasswordRef", redfish.password_ref.as_ref().map(secret_ref))
        .field("CertFingerprint", text(redfish.cert_fingerprint.as_ref()))
}

fn local_ref(reference: &LocalRef) -> Struct {
    Struct::new("v1alpha3.LocalObjectReference").field("Name", reference.name.as_str())
}

fn secret_ref(reference: &SecretKeyRef) -> Struct {
    Struct::new("v1alpha3.SecretKeySelector")
        .field("Name", reference.name.as_str())
        .field("Namespace", reference.namespace.as_str())
        .field("Key", reference.key())
}

fn config_map_ref(reference: &ConfigMapKeyRef) -> Struct {
    Struct::new("v1alpha3.ConfigMapKeySelector")
        .field("Name", reference.name.as_str())
        .field("Namespace", reference.namespace.as_str())
        .field("Key", reference.key())
}

fn attestation(attestation: &AttestationSpec) -> Struct {
    let policy = match attestation.policy.unwrap_or_default() {
        AttestationPolicy::Tpm => "TPM",
        AttestationPolicy::TpmIfPresent => "TPMIfPresent",
        AttestationPolicy::None => "None",
    };
    Struct::new("v1alpha3.AttestationSpec")
        .field("Policy", policy)
        .field("EKPublicKeyHash", text(attestation.ek_public_key_hash.as_ref()))
}

fn disk(disk: &DiskHints) -> Struct {
    Struct::new("v1alpha3.DiskHints")
        .field("Serial", text(disk.serial.as_ref()))
        .field("WWN", text(disk.wwn.as_ref()))
        .field("Model", text(disk.model.as_ref()))
        .field("DeviceName", text(disk.device_name.as_ref()))
        .field("MinSizeGiB", Value::int64(disk.min_size_gib.unwrap_or(0)))
        .field("Rotational", disk.rotational)
}

fn kubernetes(kubernetes: &KubernetesSpec) -> Struct {
    Struct::new("v1alpha3.KubernetesSpec")
        .field("Version", text(kubernetes.version.as_ref()))
        .field("NodeRef", kubernetes.node_ref.as_ref().map(local_ref))
        .field("NodeLabels", strings_map(Some(&kubernetes.node_labels)))
        .field("RegisterWithTaints", strings(&kubernetes.register_with_taints))
        .field("BootstrapTokenRef", kubernetes.bootstrap_token_ref.as_ref().map(local_ref))
}

fn agent(agent: &AgentSpec) -> Struct {
    Struct::new("v1alpha3.AgentSpec")
        .field("Image", text(agent.image.as_ref()))
        .field("Version", text(agent.version.as_ref()))
        .field("BaseURL", text(agent.base_url.as_ref()))
        .field("URL", text(agent.url.as_ref()))
        .field("Downloads", agent.downloads.as_ref().map(downloads))
}

fn downloads(downloads: &Downloads) -> Struct {
    let one = |download: &Option<ComponentDownload>| {
        download.as_ref().map(|download| {
            Struct::new("v1alpha3.DownloadSource")
                .field("BaseURL", text(download.base_url.as_ref()))
                .field("URL", text(download.url.as_ref()))
                .field("Version", text(download.version.as_ref()))
        })
    };
    Struct::new("v1alpha3.AgentDownloadsSpec")
        .field("Kubernetes", one(&downloads.kubernetes))
        .field("Containerd", one(&downloads.containerd))
        .field("Runc", one(&downloads.runc))
        .field("CNI", one(&downloads.cni))
        .field("Crictl", one(&downloads.crictl))
}

fn operations(operations: Option<&OperationsSpec>) -> Struct {
    let counters = operations.map(OperationsSpec::counters).unwrap_or_default();
    let seconds = |pick: fn(&OperationsSpec) -> Option<i64>| Value::int64(operations.and_then(pick).unwrap_or(0));
    counted("v1alpha3.OperationsSpec", counters)
        .field("RepaveTimeoutSeconds", seconds(|o| o.repave_timeout_seconds))
        .field("MaxAttempts", int32(operations.and_then(|o| o.max_attempts)))
        .field("GracefulShutdownSeconds", seconds(|o| o.graceful_shutdown_seconds))
}

fn counted(name: &str, counters: Counters) -> Struct {
    Struct::new(name)
        .field("RebootCounter", Value::int64(counters.reboot))
        .field("RepaveCounter", Value::int64(counters.repave))
}

fn ssh(ssh: &SshSpec) -> Struct {
    let mut value = Struct::new("v1alpha3.SSHSpec")
        .field("Host", text(ssh.host.as_ref()))
        .field("Username", text(ssh.username.as_ref()))
        .field("PrivateKeyRef", ssh.private_key_ref.as_ref().map(|json| foreign(json, FOREIGN_DEPTH)))
        .field("Bastion", ssh.bastion.as_ref().map(|json| foreign(json, FOREIGN_DEPTH)));
    for (key, json) in ssh.other.iter().filter(|(key, _)| !key.is_empty()) {
        value = value.any_field(exported(key), foreign(json, FOREIGN_DEPTH));
    }
    value
}

/// How deep another provisioner's objects are shown.
const FOREIGN_DEPTH: u32 = 16;

/// What another provisioner defines: objects as structs, their keys as Go exports names.
fn foreign(json: &Json, depth: u32) -> Value {
    let Some(deeper) = depth.checked_sub(1) else { return Value::Nil };
    match json {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => number.as_i64().map_or_else(|| number.as_f64().unwrap_or(0.0).into(), Value::Int),
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Value::List(items.iter().map(|item| foreign(item, deeper)).collect()),
        Json::Object(object) => object
            .iter()
            .fold(Struct::new("v1alpha3.Foreign"), |value, (key, json)| {
                value.any_field(exported(key), foreign(json, deeper))
            })
            .into(),
    }
}

fn exported(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn status(status: &MachineStatus) -> Struct {
    let one = |name: &'static str, field: &'static str, text: Option<&String>| {
        Struct::new(name).field(field, text.map(String::as_str).unwrap_or_default())
    };
    let conditions = status.conditions.iter().map(|one| condition(one).into());
    Struct::new("v1alpha3.MachineStatus")
        .field("Phase", status.phase.map_or("", crate::api::Phase::as_str))
        .field("Message", text(status.message.as_ref()))
        .field("Power", text(status.power.as_ref()))
        .field(
            "Redfish",
            status
                .redfish
                .as_ref()
                .map(|r| one("v1alpha3.RedfishStatus", "CertFingerprint", r.cert_fingerprint.as_ref())),
        )
        .field(
            "TPM",
            status.tpm.as_ref().map(|tpm| one("v1alpha3.TPMStatus", "EKPublicKey", tpm.ek_public_key.as_ref())),
        )
        .field("SSH", status.ssh.as_ref().map(|ssh| one("v1alpha3.SSHStatus", "Fingerprint", ssh.fingerprint.as_ref())))
        .field("Agent", status.agent.as_ref().map(|agent| one("v1alpha3.AgentStatus", "Image", agent.image.as_ref())))
        .field("Operations", done(status))
        .field("Image", status.image.as_ref().map(|image| one("v1alpha3.ImageStatus", "Digest", image.digest.as_ref())))
        .field("Boot", status.boot.as_ref().map(boot))
        .field("Conditions", list("v1.Condition", conditions))
}

fn done(status: &MachineStatus) -> Struct {
    let attempts = status.operations.as_ref().map(|OperationsStatus { attempts, .. }| attempts.unwrap_or(0));
    counted("v1alpha3.OperationsStatus", status.counters()).field("Attempts", Value::int64(attempts.unwrap_or(0)))
}

fn boot(boot: &BootStatus) -> Struct {
    let steps = boot.steps.iter().map(|BootStep { name, time: at, message }| {
        let step = Struct::new("v1alpha3.BootStep").field("Name", name.as_str());
        step.field("Time", time(at.as_ref())).field("Message", text(message.as_ref())).into()
    });
    Struct::new("v1alpha3.BootStatus").field("Steps", list("v1alpha3.BootStep", steps))
}

fn condition(condition: &Condition) -> Struct {
    Struct::new("v1.Condition")
        .field("Type", condition.type_.as_str())
        .field("Status", condition.status.as_str())
        .field("ObservedGeneration", Value::int64(condition.observed_generation.unwrap_or(0)))
        .field("LastTransitionTime", time(condition.last_transition_time.as_ref()))
        .field("Reason", condition.reason.as_str())
        .field("Message", condition.message.as_str())
}

fn text(text: Option<&String>) -> Value {
    text.map(String::as_str).unwrap_or_default().into()
}

fn int32(number: Option<i32>) -> Value {
    Value::Number(Number::Int32(number.unwrap_or(0)))
}

fn strings<'a>(items: impl IntoIterator<Item = &'a String>) -> Value {
    Value::List(List::of(Type::String, items.into_iter().map(|item| item.as_str().into()).collect()))
}

fn strings_map(entries: Option<&BTreeMap<String, String>>) -> Value {
    let entries = entries.into_iter().flatten().map(|(key, value)| (key.as_str(), Value::from(value.as_str())));
    Value::Map(Map::of(Type::String, entries))
}

fn list(element: &str, items: impl Iterator<Item = Value>) -> Value {
    Value::List(List::of(Type::Struct(element.into()), items.collect()))
}

/// Go's `time.Time.String`, in UTC; the zero time prints so as well.
fn time(at: Option<&Time>) -> Value {
    at.map_or_else(
        || "0001-01-01 00:00:00 +0000 UTC".to_owned(),
        |at| at.0.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
    )
    .into()
}
