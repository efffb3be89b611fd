//! The `Machine` custom resource: `machines.unbounded-cloud.io`, version `v1alpha3`.
//!
//! Role: the Rust types of the API, the CustomResourceDefinition generated from them, and typed views (parsed addresses,
//! defaults, counters) for those who decide.
//!
//! Invariants:
//! - JSON names, defaults and meanings are a public contract: existing manifests must keep applying;
//! - the *schema* is strict, so that a bad Machine is refused when it is written, with the field and the reason;
//! - the *types* are lenient: every field may be absent and strings stay strings. A Machine stored before a rule existed
//!   (or under another CRD) must never break the decoding of the list that it is part of.

pub mod address;
pub mod conditions;
mod crd;
pub mod labels;
pub mod lease;
mod machine;
mod phase;
mod schema;
pub mod spec;
pub mod status;

pub use address::MacAddr;
pub use crd::machine_crd;
pub use machine::{Machine, MachineSpec};
pub use phase::Phase;
pub use status::{ImageStatus, MachineStatus};

/// API group of the Machine kind; also the prefix of metalman's labels and annotations.
pub const GROUP: &str = "unbounded-cloud.io";
/// The one served and stored version.
pub const VERSION: &str = "v1alpha3";
/// `apiVersion` of a Machine.
pub const API_VERSION: &str = "unbounded-cloud.io/v1alpha3";
/// Name of the CustomResourceDefinition object.
pub const CRD_NAME: &str = "machines.unbounded-cloud.io";
