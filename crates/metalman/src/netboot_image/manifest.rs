//! The JSON documents of an image, as the OCI image specification 1.0 writes them.
//!
//! Invariant: maps are sorted and nothing is optional by chance, so that equal images are equal bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::images::{
    layout::REF_NAME,
    manifest::{OCI_CONFIG as CONFIG, OCI_INDEX as INDEX, OCI_MANIFEST as MANIFEST},
};

/// What stands for a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// `sha256:…`.
    pub digest: String,
    /// In bytes.
    pub size: u64,
    /// Remarks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// An image manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u8,
    /// [`MANIFEST`].
    pub media_type: &'static str,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<Descriptor>,
    /// Remarks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// An image's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// RFC 3339.
    pub created: String,
    /// As Go names it.
    pub architecture: String,
    /// As Go names it.
    pub os: String,
    /// Of the architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What would be run.
    pub config: RunConfig,
    /// The layers.
    pub rootfs: RootFs,
    /// How the layers came to be.
    pub history: Vec<History>,
}

/// What would be run, if a netboot image were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunConfig {
    /// Labels.
    #[serde(rename = "Labels", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// The layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Digests of the layers' tar streams.
    pub diff_ids: Vec<String>,
}

/// How a layer came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct History {
    /// RFC 3339.
    pub created: String,
    /// The command.
    pub created_by: &'static str,
}
