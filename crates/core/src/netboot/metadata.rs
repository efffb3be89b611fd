//! `metadata.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use super::{Architecture, PathError, normalise};

/// The key of the file for clients that say they are iPXE.
const IPXE: &str = "ipxe";

/// What `metadata.yaml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The boot files.
    pub boot_files: BootFiles,
}

/// Boot files by client, each a normalised path below `disk/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootFiles {
    by_architecture: BTreeMap<Architecture, String>,
    ipxe: Option<String>,
}

/// Why `metadata.yaml` cannot be used.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// Not YAML, or not of this shape.
    #[error("metadata.yaml cannot be read")]
    Yaml(#[source] Box<serde_saphyr::Error>),
    /// A key that no client would ever ask for.
    #[error(
        "metadata.yaml: bootFiles has the key {key:?}; known are x86-bios, x64-uefi, arm64-uefi, x64-uefi-http, arm64-uefi-http and ipxe"
    )]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A value that names no file.
    #[error("metadata.yaml: {key} {value:?} names no file of the image")]
    Path {
        /// The key.
        key: String,
        /// As written.
        value: String,
        /// Why.
        #[source]
        source: PathError,
    },
    /// It names no boot file at all.
    #[error("metadata.yaml names no boot file; set dhcpBootImageName or bootFiles")]
    NoBootFile,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Written {
    dhcp_boot_image_name: Option<String>,
    boot_files: BTreeMap<String, String>,
}

impl Metadata {
    /// Reads `metadata.yaml`. Unknown top-level keys are left to versions that know them.
    pub fn parse(yaml: &str) -> Result<Self, MetadataError> {
        let written: Option<Written> =
            serde_saphyr::from_str(yaml).map_err(|error| MetadataError::Yaml(Box::new(error)))?;
        let written = written.unwrap_or_default();
        let mut boot_files = BootFiles::default();
        if let Some(name) = written.dhcp_boot_image_name.filter(|name| !name.is_empty()) {
            let path = checked("dhcpBootImageName", &name)?;
            boot_files.by_architecture.insert(Architecture::X64Uefi, path);
        }
        for (key, value) in written.boot_files {
            let path = checked(&format!("bootFiles.{key}"), &value)?;
            match Architecture::ALL.into_iter().find(|architecture| architecture.as_str() == key) {
                Some(architecture) => {
                    boot_files.by_architecture.insert(architecture, path);
                }
                None if key == IPXE => boot_files.ipxe = Some(path),
                None => return Err(MetadataError::UnknownKey { key }),
            }
        }
        if boot_files.by_architecture.is_empty() && boot_files.ipxe.is_none() {
            return Err(MetadataError::NoBootFile);
        }
        Ok(Self { boot_files })
    }
}

impl BootFiles {
    /// The file for firmware of that architecture.
    pub fn of(&self, architecture: Architecture) -> Option<&str> {
        self.by_architecture.get(&architecture).map(String::as_str)
    }

    /// The file for a client that says it is iPXE.
    pub fn ipxe(&self) -> Option<&str> {
        self.ipxe.as_deref()
    }

    /// Every file named, with the key that names it.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let by_architecture = self.by_architecture.iter().map(|(key, path)| (key.as_str(), path.as_str()));
        by_architecture.chain(self.ipxe.as_deref().map(|path| (IPXE, path)))
    }
}

fn checked(key: &str, value: &str) -> Result<String, MetadataError> {
    normalise(value).map_err(|source| MetadataError::Path { key: key.to_owned(), value: value.to_owned(), source })
}
