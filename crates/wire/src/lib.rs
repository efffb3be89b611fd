//! The bytes that machine and server share: what an installer tells of itself; later TPM 2.0 structures and credentials, the
//! attestation messages, the kernel command line, the agent config and UEFI boot entries.
//!
//! Role: the one crate that both the agent on the machine and metalman link, so that the two cannot drift apart.
//!
//! Invariants: sans-IO; decoding never panics and bounds what it allocates; no Kubernetes types, no async runtime.

pub mod boot_event;
