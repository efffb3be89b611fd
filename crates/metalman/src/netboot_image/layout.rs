//! Writes OCI image layouts (image-layout.md of the OCI image specification 1.0).
//!
//! Invariants: a blob appears under its digest complete or not at all; the index is replaced in one step, after everything
//! that it leads to is on disk; images that the layout held before stay, except one of the same tag. Writers of one layout
//! wait for each other.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use thiserror::Error;

use super::manifest::{Descriptor, INDEX, REF_NAME};
use crate::images::digest::{Digest, Hashing};

const MARKER: &str = "oci-layout";
const VERSION: &str = "1.0.0";
const INDEX_FILE: &str = "index.json";
/// How files are called while they are written.
const INCOMING: &str = ".incoming-";

/// Why a layout was not written.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// A file of it.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A folder of something else.
    #[error("{} is not an OCI image layout, and not empty; name another folder, or a new one", .0.display())]
    Foreign(PathBuf),
    /// A layout that this version cannot add to.
    #[error("{} is damaged, or of another version: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In what way.
        reason: String,
    },
}

/// A layout being written. Holds it against other writers until it is dropped.
#[derive(Debug)]
pub struct LayoutWriter {
    root: PathBuf,
    _lock: File,
    files: u32,
}

/// A blob being written; gone again unless it is finished.
pub struct BlobWriter {
    out: Option<Hashing<BufWriter<File>>>,
    incoming: PathBuf,
    blobs: PathBuf,
}

impl LayoutWriter {
    /// Opens a layout, or makes one where nothing is.
    pub fn open(root: &Path) -> Result<Self, LayoutError> {
        fs::create_dir_all(root).map_err(failed("make the folder", root))?;
        let lock = File::open(root).map_err(failed("open", root))?;
        lock.lock().map_err(failed("lock", root))?;
        let mut writer = Self { root: root.to_owned(), _lock: lock, files: 0 };
        writer.prepare()?;
        Ok(writer)
    }

    fn prepare(&mut self) -> Result<(), LayoutError> {
        let marker = self.root.join(MARKER);
        match fs::read(&marker) {
            Ok(bytes) => {
                let version = serde_json::from_slice::<Value>(&bytes).ok();
                let version = version.as_ref().and_then(|v| v["imageLayoutVersion"].as_str());
                if version != Some(VERSION) {
                    let reason = format!("imageLayoutVersion is not {VERSION}");
                    return Err(LayoutError::Damaged { path: marker, reason });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !self.is_fresh()? {
                    return Err(LayoutError::Foreign(self.root.clone()));
                }
                self.write_index(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }))?;
                let text = json!({ "imageLayoutVersion": VERSION }).to_string();
                self.replace(MARKER, text.as_bytes())?;
            }
            Err(error) => return Err(failed("read", &marker)(error)),
        }
        self.sweep()?;
        let blobs = self.blobs();
        fs::create_dir_all(&blobs).map_err(failed("make the folder", &blobs))
    }

    /// Whether nothing is there yet, except what a writer left that was stopped at its first step.
    fn is_fresh(&self) -> Result<bool, LayoutError> {
        for found in fs::read_dir(&self.root).map_err(failed("read", &self.root))? {
            let name = found.map_err(failed("read", &self.root))?.file_name();
            if name != INDEX_FILE && !name.to_string_lossy().starts_with(INCOMING) {
                return Ok(false);
            }
        }
        let index = self.root.join(INDEX_FILE);
        Ok(!index.exists() || self.read_index()?["manifests"] == json!([]))
    }

    /// Removes what a killed writer left behind: under the lock, nobody else writes.
    fn sweep(&self) -> Result<(), LayoutError> {
        for found in fs::read_dir(&self.root).map_err(failed("read", &self.root))? {
            let found = found.map_err(failed("read", &self.root))?;
            if found.file_name().to_string_lossy().starts_with(INCOMING) {
                fs::remove_file(found.path()).map_err(failed("remove", &found.path()))?;
            }
        }
        Ok(())
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs").join("sha256")
    }

    fn incoming(&mut self) -> PathBuf {
        self.files += 1;
        self.root.join(format!("{INCOMING}{}-{}", std::process::id(), self.files))
    }

    /// Begins a blob.
    pub fn blob(&mut self) -> Result<BlobWriter, LayoutError> {
        let incoming = self.incoming();
        let file = File::create_new(&incoming).map_err(failed("make", &incoming))?;
        let out = Some(Hashing::new(BufWriter::with_capacity(256 * 1024, file)));
        Ok(BlobWriter { out, incoming, blobs: self.blobs() })
    }

    /// Writes a whole blob.
    pub fn put(&mut self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, LayoutError> {
        let mut blob = self.blob()?;
        blob.write_all(bytes).map_err(failed("write", &blob.incoming))?;
        blob.finish(media_type)
    }

    /// Gives an image a tag, which another image of that tag loses. Other images stay.
    pub fn tag(&mut self, manifest: &Descriptor, tag: &str) -> Result<(), LayoutError> {
        let mut index = self.read_index()?;
        let damaged =
            |reason: &str| LayoutError::Damaged { path: self.root.join(INDEX_FILE), reason: reason.to_owned() };
        let manifests = index["manifests"].as_array_mut().ok_or_else(|| damaged("it has no list of manifests"))?;
        manifests.retain(|entry| entry["annotations"][REF_NAME] != tag);
        let mut entry = manifest.clone();
        entry.annotations.insert(REF_NAME.to_owned(), tag.to_owned());
        manifests.push(serde_json::to_value(entry).map_err(|error| damaged(&error.to_string()))?);
        self.write_index(&index)
    }

    fn read_index(&self) -> Result<Value, LayoutError> {
        let path = self.root.join(INDEX_FILE);
        let bytes = fs::read(&path).map_err(failed("read", &path))?;
        serde_json::from_slice(&bytes).map_err(|error| LayoutError::Damaged { path, reason: error.to_string() })
    }

    fn write_index(&mut self, index: &Value) -> Result<(), LayoutError> {
        self.replace(INDEX_FILE, index.to_string().as_bytes())
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> Result<(), LayoutError> {
        let (incoming, path) = (self.incoming(), self.root.join(name));
        let mut file = File::create_new(&incoming).map_err(failed("make", &incoming))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed("write", &incoming))?;
        fs::rename(&incoming, &path).map_err(failed("write", &path))?;
        sync_folder(&self.root)
    }
}

impl BlobWriter {
    /// Puts the blob in place, and describes it.
    pub fn finish(mut self, media_type: &str) -> Result<Descriptor, LayoutError> {
        let Some(out) = self.out.take() else { unreachable!("a blob is finished once") };
        let (file, sha256, size) = out.finish();
        let file = file.into_inner().map_err(|error| failed("write", &self.incoming)(error.into_error()))?;
        file.sync_all().map_err(failed("write", &self.incoming))?;
        let digest = Digest::of_sha256(sha256);
        let path = self.blobs.join(digest.hex());
        // Also over one of that name: it may be what a full disk left of it.
        fs::rename(&self.incoming, &path).map_err(failed("write", &path))?;
        sync_folder(&self.blobs)?;
        Ok(Descriptor {
            media_type: media_type.to_owned(),
            digest: digest.to_string(),
            size,
            annotations: std::collections::BTreeMap::new(),
        })
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.flush()
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        // Moved away if it was finished.
        let _ = fs::remove_file(&self.incoming);
    }
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> LayoutError {
    let path = path.to_owned();
    move |source| LayoutError::Io { what, path: path.clone(), source }
}

/// A rename is durable once its folder is.
fn sync_folder(folder: &Path) -> Result<(), LayoutError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write", folder))
}

#[cfg(test)]
mod tests;
