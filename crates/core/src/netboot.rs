//! What a netboot image says about itself: which boot file is for which firmware, and which files there are.
//!
//! Role: parses `metadata.yaml`, and names the architectures of PXE clients (RFC 4578 section 2.1 and the IANA registry
//! "Processor Architecture Types"). The shell unpacks images and fills the [`FileIndex`].
//!
//! Invariants: paths are relative to the image's `disk/` folder, with `/` between parts and without `.`, `..` or empty
//! parts ([`normalise`]); an image's index lists regular files only.

mod architecture;
mod metadata;
mod path;

use std::collections::BTreeMap;

pub use self::{
    architecture::Architecture,
    metadata::{BootFiles, Metadata, MetadataError},
    path::{PathError, normalise},
};

/// The folder of an image whose files are served.
pub const DISK: &str = "disk";
/// The file of an image, below [`DISK`], that says which boot file is for which firmware.
pub const METADATA: &str = "metadata.yaml";
/// Ending of the files that are rendered for each Machine.
pub const TEMPLATE_SUFFIX: &str = ".tmpl";

/// A regular file of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// In bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// Modification time from the layer, in seconds since 1970.
    pub modified: i64,
}

/// Digests are written in lowercase hex digits (OCI image specification, "Digests").
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

/// The regular files of an image by their normalised path below `disk/`.
pub type FileIndex = BTreeMap<String, FileInfo>;

#[cfg(test)]
mod tests;
