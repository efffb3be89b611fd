//! Field ownership (`metadata.managedFields`) and server-side apply.
//!
//! Who set which field is kept as one set of paths per manager. [`track_update`] is on the path of every write: it first
//! compares live and new object, and touches the entries only where something differs. [`apply`] merges a configuration
//! by the schema, refuses to change what others own, and removes what its manager no longer applies.
//!
//! Invariants: identity, type and bookkeeping metadata (`apiVersion`, `metadata.name`, `metadata.resourceVersion` …) is
//! never owned; a request that changes nothing leaves the entries byte for byte as they were, so that the caller can skip
//! the write; everything is a pure function of its arguments.

mod applying;
mod client;
mod compare;
mod conflict;
mod element;
mod entries;
mod field_set;
mod last_applied;
mod merge;
mod reconcile;
mod remove;
mod shape;
#[cfg(test)]
mod tests;
mod update;

pub use applying::apply;
pub use client::{check_field_manager, manager_of_user_agent};
pub use entries::{InvalidEntry, check_entries};
pub use field_set::FieldSet;
pub use update::track_update;

/// Who changes fields, and how it is written into `managedFields`.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// `fieldManager`, or what stands before the first `/` of the User-Agent.
    pub manager: &'a str,
    /// `apiVersion` of the request, e.g. `apps/v1`.
    pub api_version: &'a str,
    /// `status` or another subresource; empty for the main resource.
    pub subresource: &'a str,
    /// RFC 3339, seconds.
    pub now: &'a str,
}
