//! What an operator asks of a Machine, one file per concern.
//!
//! Invariant: see [`crate::api`]; strict in the schema, lenient when decoding.

#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "documentation of fields is what `kubectl explain` prints, where Markdown is noise"
)]

mod agent;
mod kubernetes;
mod operations;
mod pxe;
mod redfish;
mod references;
mod ssh;

pub use agent::{AgentSpec, ComponentDownload, Downloads};
pub use kubernetes::KubernetesSpec;
pub(crate) use kubernetes::with_v;
pub use operations::{Counters, OperationsSpec};
pub use pxe::{AttestationPolicy, AttestationSpec, CloudInitSpec, DhcpLease, DiskHints, PxeSpec};
pub use redfish::RedfishSpec;
pub use references::{ConfigMapKeyRef, LocalRef, SecretKeyRef};
pub use ssh::SshSpec;
