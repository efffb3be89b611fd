//! The contents of an image being made: files named by their own SHA-256.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use metalman_core::netboot::{FileIndex, hex};

use super::{StoreError, failed};
use crate::images::{
    digest::Hashing,
    unpack::{Sink, Stored},
};

/// Takes contents. The same content twice is one file.
#[derive(Debug)]
pub struct Contents {
    dir: PathBuf,
    buffer: Vec<u8>,
}

impl Contents {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, buffer: vec![0; 256 << 10] }
    }
}

impl Sink for Contents {
    fn store(&mut self, content: &mut dyn Read) -> io::Result<Stored> {
        let being_written = self.dir.join("part");
        let mut file = Hashing::new(File::create(&being_written)?);
        loop {
            let n = match content.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            file.write_all(&self.buffer[..n])?;
        }
        let (_, sha256, size) = file.finish();
        fs::rename(&being_written, self.dir.join(hex(&sha256)))?;
        Ok(Stored { sha256, size })
    }
}

/// Removes what later layers hid or replaced; the bytes that stay.
pub(super) fn retain(dir: &Path, files: &FileIndex) -> Result<u64, StoreError> {
    let wanted: BTreeSet<String> = files.values().map(|info| hex(&info.sha256)).collect();
    let mut bytes = 0;
    for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
        let entry = entry.map_err(failed("list", dir))?;
        let path = entry.path();
        if entry.file_name().to_str().is_some_and(|name| wanted.contains(name)) {
            bytes += entry.metadata().map_err(failed("read", &path))?.len();
        } else {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(bytes)
}
