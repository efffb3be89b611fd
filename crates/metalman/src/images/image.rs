//! One unpacked image: its files, mapped when they are first asked for.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use metalman_core::netboot::{FileIndex, FileInfo, Metadata, hex};

use super::{digest::sha256, mapping};

/// An unpacked image.
#[derive(Debug)]
pub struct Image {
    /// Digest of its manifest, `sha256:…`.
    pub digest: String,
    /// What it says about itself.
    pub metadata: Metadata,
    /// Its regular files.
    pub files: FileIndex,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Memory(BTreeMap<[u8; 32], Bytes>),
    Disk {
        /// Holds each content under the digits of its SHA-256.
        dir: PathBuf,
        /// What was mapped; mappings live as long as the image, and cost address space only.
        mapped: Mutex<BTreeMap<[u8; 32], Bytes>>,
        /// Shared lock: no process collects the image while one holds it.
        _in_use: File,
    },
}

impl Image {
    /// An image whose contents lie in a folder, each named by its SHA-256. The file keeps it there.
    pub(super) fn on_disk(digest: String, metadata: Metadata, files: FileIndex, dir: PathBuf, in_use: File) -> Self {
        Self { digest, metadata, files, content: Content::Disk { dir, mapped: Mutex::default(), _in_use: in_use } }
    }

    /// An image in memory, modified in 1970: for tests and tools.
    pub fn in_memory(digest: String, metadata: Metadata, files: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        let mut index = FileIndex::new();
        let mut contents = BTreeMap::new();
        for (path, bytes) in files {
            let info = FileInfo { size: bytes.len() as u64, sha256: sha256(&bytes), modified: 0 };
            contents.insert(info.sha256, bytes);
            index.insert(path, info);
        }
        Self { digest, metadata, files: index, content: Content::Memory(contents) }
    }

    /// The file's description.
    pub fn info(&self, path: &str) -> Option<&FileInfo> {
        self.files.get(path)
    }

    /// The content of a file of the index, mapped: slices and clones cost nothing.
    pub fn open(&self, path: &str) -> io::Result<Bytes> {
        let info = self.info(path).ok_or(io::ErrorKind::NotFound)?;
        match &self.content {
            Content::Memory(contents) => Ok(contents.get(&info.sha256).ok_or(io::ErrorKind::NotFound)?.clone()),
            Content::Disk { dir, mapped, .. } => {
                let mut mapped = mapped.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(bytes) = mapped.get(&info.sha256) {
                    return Ok(bytes.clone());
                }
                let bytes = mapping::map(&File::open(dir.join(hex(&info.sha256)))?, info.size)?;
                mapped.insert(info.sha256, bytes.clone());
                Ok(bytes)
            }
        }
    }
}
