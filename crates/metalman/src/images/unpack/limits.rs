//! How much one image may cost.

use super::UnpackError;

/// Bounds for one image, all layers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Uncompressed bytes.
    pub bytes: u64,
    /// Entries of all layers, also those that are not kept.
    pub entries: u64,
    /// Files that can be asked for; a file below a linked folder counts for each name.
    pub files: usize,
    /// Bytes of all names together: what the tree costs in memory.
    pub names: usize,
    /// Bytes of a path.
    pub path: usize,
    /// Parts of a path.
    pub depth: usize,
    /// Uncompressed bytes for each compressed one, once `ratio_after` bytes came out.
    pub ratio: u64,
    /// Before that the ratio does not matter: small files of zeros are no bombs.
    pub ratio_after: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 32 << 30,
            entries: 500_000,
            files: 100_000,
            names: 32 << 20,
            path: 1024,
            depth: 64,
            // Deflate reaches 1032 at most; an honest disk image, mostly empty, reaches a few hundred.
            ratio: 500,
            ratio_after: 1 << 30,
        }
    }
}

impl Limits {
    pub(super) fn check_names(&self, names: usize) -> Result<(), UnpackError> {
        if names > self.names {
            return Err(UnpackError::Limit { what: "too many and long names", limit: format!("{} bytes", self.names) });
        }
        Ok(())
    }
}
