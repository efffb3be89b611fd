//! A folder that goes with its owner, and that nobody else may look into: an image may be from a private registry.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// A temporary folder, or a file in it.
#[derive(Debug, Error)]
#[error("{} cannot be used", path.display())]
pub struct TemporaryError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// The folder.
#[derive(Debug)]
pub struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// An empty folder of its own.
    pub fn new() -> Result<Self, TemporaryError> {
        let path = std::env::temp_dir().join(format!("metalman-image-{}", uuid::Uuid::new_v4()));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self { path }),
            Err(source) => Err(TemporaryError { path, source }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests;
