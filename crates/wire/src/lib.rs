//! The bytes that machine and server share: TPM 2.0 structures and credentials, the attestation messages, the kernel
//! command line, the agent config and UEFI boot entries.
//!
//! Role: the one crate that both the agent on the machine and metalman link, so that the two cannot drift apart.
//!
//! State: nothing is here yet. The first formats arrive with attestation and the agent, their first users.
//!
//! Invariants to come: sans-IO; decoding never panics and bounds what it allocates; no Kubernetes types, no async runtime.
