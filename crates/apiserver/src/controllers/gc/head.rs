//! The part of an object that garbage collection looks at, read without building the rest.

use serde::Deserialize;

use crate::store::Stored;

/// `metadata.ownerReferences[]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Owner {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) block_owner_deletion: bool,
}

/// What matters of `metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Head {
    pub(super) uid: String,
    pub(super) deletion_timestamp: Option<String>,
    pub(super) finalizers: Vec<String>,
    pub(super) owner_references: Vec<Owner>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    metadata: Head,
}

impl Head {
    pub(super) fn of(stored: &Stored) -> Self {
        // Stored metadata was validated; one that cannot be read has no owners and is never collected.
        serde_json::from_slice::<Document>(&stored.json).unwrap_or_default().metadata
    }
    pub(super) fn deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
    pub(super) fn has(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|f| f == finalizer)
    }
    /// It depends on others, or waits to be deleted.
    pub(super) fn concerns(&self) -> bool {
        !self.owner_references.is_empty() || self.deleting()
    }
}
