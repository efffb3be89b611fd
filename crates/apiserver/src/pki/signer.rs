//! What the built-in signers certify (Kubernetes documentation, "Certificates and Certificate Signing Requests",
//! "Kubernetes signers"). Pure: an object in, a verdict out.

use jiff::SignedDuration;
use serde_json::Value;

use super::{
    certificate::{AltName, Usages, key_usage},
    csr::{Request, from_spec},
};

/// Client certificates that the API server honours, for anyone.
pub(super) const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
/// Client certificates of kubelets.
pub(super) const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// Serving certificates of kubelets.
pub(super) const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";

/// What to certify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The request, as it was checked.
    pub request: Request,
    /// Usages.
    pub usages: Usages,
    /// How long.
    pub life: SignedDuration,
}

/// What is to be done about a `CertificateSigningRequest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: not approved, denied, failed, done already, or not ours to sign.
    Leave,
    /// Certify it.
    Sign(Box<Grant>),
    /// It is approved, but its signer cannot certify it: the condition `Failed` shall say so.
    Fail(String),
}

fn has_condition(csr: &Value, wanted: &str) -> bool {
    csr.pointer("/status/conditions")
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().any(|c| c.get("type").and_then(Value::as_str) == Some(wanted)))
}

/// Judges a stored `CertificateSigningRequest`.
pub fn assess(csr: &Value) -> Verdict {
    let done = csr.pointer("/status/certificate").and_then(Value::as_str).is_some_and(|c| !c.is_empty());
    if done || !has_condition(csr, "Approved") || has_condition(csr, "Denied") || has_condition(csr, "Failed") {
        return Verdict::Leave;
    }
    let Some(spec) = csr.get("spec") else { return Verdict::Leave };
    let signer = spec.get("signerName").and_then(Value::as_str).unwrap_or_default();
    if ![CLIENT, KUBELET_CLIENT, KUBELET_SERVING].contains(&signer) {
        return Verdict::Leave;
    }
    match grant(signer, spec) {
        Ok(grant) => Verdict::Sign(Box::new(grant)),
        Err(why) => Verdict::Fail(why.to_owned()),
    }
}

fn grant(signer: &str, spec: &Value) -> Result<Grant, &'static str> {
    let request = from_spec(spec)?;
    let usages = usages(signer, spec)?;
    match signer {
        KUBELET_CLIENT => {
            kubelet_subject(&request)?;
            match request.alt_names.first() {
                None => {}
                Some(AltName::Dns(_)) => return Err("DNS subjectAltNames are not allowed"),
                Some(AltName::Email(_)) => return Err("Email subjectAltNames are not allowed"),
                Some(AltName::Ip(_)) => return Err("IP subjectAltNames are not allowed"),
                Some(AltName::Uri(_)) => return Err("URI subjectAltNames are not allowed"),
            }
        }
        KUBELET_SERVING => {
            kubelet_subject(&request)?;
            if request.alt_names.is_empty() {
                return Err("DNS or IP subjectAltName is required");
            }
            for name in &request.alt_names {
                match name {
                    AltName::Dns(_) | AltName::Ip(_) => {}
                    AltName::Email(_) => return Err("Email subjectAltNames are not allowed"),
                    AltName::Uri(_) => return Err("URI subjectAltNames are not allowed"),
                }
            }
        }
        // Admission refuses this on creation; the signer refuses it again, because it is the key to everything.
        _ if request.organizations.iter().any(|o| o == "system:masters") => {
            return Err("the group system:masters is not allowed");
        }
        _ if request.common_name.is_empty() => return Err("the subject holds no common name"),
        _ => {}
    }
    Ok(Grant { request, usages, life: life(spec) })
}

fn kubelet_subject(request: &Request) -> Result<(), &'static str> {
    if request.organizations != ["system:nodes"] {
        return Err("subject organization is not system:nodes");
    }
    match request.common_name.strip_prefix("system:node:") {
        None | Some("") => Err("subject common name does not begin with system:node:"),
        Some(_) => Ok(()),
    }
}

/// The usages, if the signer permits them: the one authentication purpose it is for, and what TLS needs.
fn usages(signer: &str, spec: &Value) -> Result<Usages, &'static str> {
    let purpose = if signer == KUBELET_SERVING { "server auth" } else { "client auth" };
    let mut granted = Usages::default();
    let mut purposeful = false;
    for usage in spec.get("usages").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        match usage {
            "digital signature" => granted.key_usage |= key_usage::DIGITAL_SIGNATURE,
            "key encipherment" => granted.key_usage |= key_usage::KEY_ENCIPHERMENT,
            usage if usage == purpose => purposeful = true,
            _ => return Err("the usages go beyond what this signer permits"),
        }
    }
    let kubelet = signer != CLIENT;
    if !purposeful || (kubelet && granted.key_usage & key_usage::DIGITAL_SIGNATURE == 0) {
        return Err("the usages lack what this signer requires");
    }
    granted.server = purpose == "server auth";
    granted.client = !granted.server;
    Ok(granted)
}

/// The requested duration within ten minutes and one year; one year when none is requested.
fn life(spec: &Value) -> SignedDuration {
    const YEAR: i64 = 365 * 24 * 3600;
    let seconds = spec.get("expirationSeconds").and_then(Value::as_i64).unwrap_or(YEAR);
    SignedDuration::from_secs(seconds.clamp(600, YEAR))
}
