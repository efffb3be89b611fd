//! What is in an image, as far as a look at it needs: every file's description, and the bytes of those that are read.
//!
//! Invariants: memory is bounded, however large the image: of large files the first bytes are kept, of small ones all, until
//! there are too many. Paths are those that machines ask for: links are followed.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

use metalman_core::{
    netboot::{FileIndex, FileInfo},
    template::LARGEST,
};

use super::source::{Entry, Source, SourceError};
use crate::images::digest::Hashing;

/// What is kept of each file: enough for the headers of programs.
const HEAD: usize = 4096;
/// What is kept of all files together, in bytes.
const MOST_KEPT: usize = 256 << 20;

/// What is in an image.
#[derive(Debug, Default)]
pub struct Content {
    /// The files that machines can ask for.
    pub files: FileIndex,
    /// Links that lead nowhere.
    pub broken: Vec<String>,
    kept: Kept,
}

/// The beginnings of files, by their digests.
#[derive(Debug, Default)]
pub struct Kept {
    heads: BTreeMap<[u8; 32], Vec<u8>>,
    bytes: usize,
}

impl Content {
    /// The content of a folder. Reads every file once.
    pub fn of(source: &Source) -> Result<Self, SourceError> {
        let mut content = Self::default();
        for (path, entry) in source.entries() {
            if let Entry::File { .. } = entry {
                let failed = |error| SourceError::Read { path: source.root().join(path), source: error };
                let info = content.kept.keep(&mut source.open(path)?).map_err(failed)?;
                content.files.insert(path.clone(), info);
            }
        }
        for (path, entry) in source.entries() {
            if let Entry::Link { .. } = entry {
                content.link(source, path);
            }
        }
        Ok(content)
    }

    /// Of files that were read elsewhere.
    pub fn new(files: FileIndex, kept: Kept) -> Self {
        Self { files, broken: Vec::new(), kept }
    }

    /// The whole content of a file, if it is small.
    pub fn whole(&self, path: &str) -> Option<&[u8]> {
        let size = self.files.get(path)?.size;
        self.head(path).filter(|head| head.len() as u64 == size)
    }

    /// The beginning of a file.
    pub fn head(&self, path: &str) -> Option<&[u8]> {
        self.kept.heads.get(&self.files.get(path)?.sha256).map(Vec::as_slice)
    }

    /// A link is the file that it leads to; a link to a folder stands for what is in it.
    fn link(&mut self, source: &Source, path: &str) {
        match source.resolve(path) {
            None => self.broken.push(path.to_owned()),
            Some((_, Entry::Link { .. })) => {}
            Some((target, Entry::File { .. })) => {
                if let Some(info) = self.files.get(&target).cloned() {
                    self.files.insert(path.to_owned(), info);
                }
            }
            Some((target, Entry::Folder)) => {
                let prefix = if target.is_empty() { String::new() } else { format!("{target}/") };
                let below: Vec<(String, FileInfo)> = source
                    .entries()
                    .iter()
                    .filter(|(_, entry)| matches!(entry, Entry::File { .. }))
                    .filter_map(|(file, _)| {
                        Some((format!("{path}/{}", file.strip_prefix(&prefix)?), self.files.get(file)?))
                    })
                    .map(|(name, info)| (name, info.clone()))
                    .collect();
                self.files.extend(below);
            }
        }
    }
}

impl Kept {
    /// Reads a file to its end.
    pub fn keep(&mut self, content: &mut dyn Read) -> io::Result<FileInfo> {
        let mut hashing = Hashing::new(Head { bytes: Vec::new(), room: LARGEST + 1 });
        io::copy(content, &mut hashing)?;
        let (head, sha256, size) = hashing.finish();
        let mut head = head.bytes;
        if head.len() > LARGEST || self.bytes + head.len() > MOST_KEPT {
            head.truncate(HEAD);
        }
        head.shrink_to_fit();
        if self.bytes + head.len() <= MOST_KEPT && !self.heads.contains_key(&sha256) {
            self.bytes += head.len();
            self.heads.insert(sha256, head);
        }
        Ok(FileInfo { size, sha256, modified: 0 })
    }
}

struct Head {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        self.room -= taken;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
