//! The folder that becomes an image: what is in it, and what must not be.
//!
//! The folder given either holds `disk/`, or is itself what is meant to be `disk/`: then it holds `metadata.yaml`.
//!
//! Invariants: entries are sorted, and a folder comes before what is in it; every path is one that a request can name; a
//! symbolic link, followed to its end through other links, stays inside the folder.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use metalman_core::netboot::{DISK, METADATA, PathError, normalise};
use thiserror::Error;

/// How many links may lead to one another, as in Linux.
const LINKS: usize = 40;
/// How a layer says that a file of a lower one is gone: a file of that name would vanish.
const WHITEOUT: &str = ".wh.";

/// Something in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A folder.
    Folder,
    /// A regular file. Hard links are files, each of its own.
    File {
        /// In bytes.
        size: u64,
        /// Whether its owner may run it.
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// As it is written.
        target: String,
    },
}

/// A folder, taken stock of.
#[derive(Debug)]
pub struct Source {
    root: PathBuf,
    entries: BTreeMap<String, Entry>,
}

/// Why a folder cannot become an image.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It is neither of the two forms.
    #[error("{} holds neither {DISK}/ nor {METADATA}; put what machines fetch into {}, with a {METADATA}", .0.display(), .0.join(DISK).display())]
    NoDisk(PathBuf),
    /// Something that cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something that is no file, folder or link.
    #[error("{} is a {kind}; an image holds files, folders and links only", path.display())]
    Special {
        /// Which.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A name that no request could ask for.
    #[error("{} cannot be in an image: {reason}; rename it", path.display())]
    Name {
        /// The name.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// A path that no request could ask for.
    #[error("{} cannot be in an image", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: PathError,
    },
    /// A link that would lead machines, or metalman, out of the image.
    #[error("the link {} leads to {target:?}, outside of the image; put the file itself there, or link to one inside", path.display())]
    LeadsOut {
        /// The link.
        path: PathBuf,
        /// Where to.
        target: String,
    },
    /// Links that lead to one another without end.
    #[error("the link {} leads round in a circle", path.display())]
    Circle {
        /// The link.
        path: PathBuf,
    },
    /// A file that was written to in the meantime.
    #[error("{} changed while it was read; build again when nobody writes to it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

impl Source {
    /// Takes stock of a folder.
    pub fn scan(folder: &Path) -> Result<Self, SourceError> {
        let mut source = Self { root: root_of(folder)?, entries: BTreeMap::new() };
        source.walk()?;
        for (path, entry) in &source.entries {
            if let Entry::Link { target } = entry {
                source.check_link(path, target)?;
            }
        }
        Ok(source)
    }

    /// The folder that is `disk/` in the image.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is in it, by path below `disk/`.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// What a path leads to, links followed. None when there is nothing.
    pub fn resolve(&self, path: &str) -> Option<(String, &Entry)> {
        match self.follow(path) {
            Followed::To(path) if path.is_empty() => Some((path, &Entry::Folder)),
            Followed::To(path) => self.entries.get(&path).map(|entry| (path, entry)),
            Followed::Out | Followed::Circle => None,
        }
    }

    /// Opens a regular file of the folder.
    pub fn open(&self, path: &str) -> Result<File, SourceError> {
        let full = self.root.join(path);
        // Neither a link nor a pipe that took the file's place since the scan is opened.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(&full);
        opened.map_err(|source| SourceError::Read { path: full, source })
    }

    fn walk(&mut self) -> Result<(), SourceError> {
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let full = self.root.join(&folder);
            let failed = |source| SourceError::Read { path: full.clone(), source };
            for found in fs::read_dir(&full).map_err(failed)? {
                let found = found.map_err(failed)?;
                let full = found.path();
                let path = named(&folder, &found.file_name(), &full)?;
                let metadata =
                    fs::symlink_metadata(&full).map_err(|source| SourceError::Read { path: full.clone(), source })?;
                let entry = classify(&full, &metadata)?;
                if entry == Entry::Folder {
                    folders.push(path.clone());
                }
                self.entries.insert(path, entry);
            }
        }
        Ok(())
    }

    fn check_link(&self, path: &str, target: &str) -> Result<(), SourceError> {
        match self.follow(path) {
            Followed::To(_) => Ok(()),
            Followed::Out => Err(SourceError::LeadsOut { path: self.root.join(path), target: target.to_owned() }),
            Followed::Circle => Err(SourceError::Circle { path: self.root.join(path) }),
        }
    }

    /// Follows a path part by part. Links are followed as a file system would, so that `a/../b` means what it means there
    /// when `a` is a link; what does not exist is taken as a folder without links.
    fn follow(&self, path: &str) -> Followed {
        let mut waiting: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut here: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = waiting.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    if here.pop().is_none() {
                        return Followed::Out;
                    }
                    continue;
                }
                _ => here.push(part),
            }
            if let Some(Entry::Link { target }) = self.entries.get(&here.join("/")) {
                links += 1;
                if links > LINKS {
                    return Followed::Circle;
                }
                if target.starts_with('/') {
                    return Followed::Out;
                }
                here.pop();
                waiting.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        Followed::To(here.join("/"))
    }
}

enum Followed {
    To(String),
    Out,
    Circle,
}

/// Which folder is `disk/`.
fn root_of(folder: &Path) -> Result<PathBuf, SourceError> {
    let metadata = fs::metadata(folder).map_err(|source| SourceError::Read { path: folder.to_owned(), source })?;
    if !metadata.is_dir() {
        let source = io::ErrorKind::NotADirectory.into();
        return Err(SourceError::Read { path: folder.to_owned(), source });
    }
    let disk = folder.join(DISK);
    if disk.is_dir() {
        Ok(disk)
    } else if folder.join(METADATA).is_file() {
        Ok(folder.to_owned())
    } else {
        Err(SourceError::NoDisk(folder.to_owned()))
    }
}

fn named(folder: &str, name: &std::ffi::OsStr, full: &Path) -> Result<String, SourceError> {
    let refuse = |reason| SourceError::Name { path: full.to_owned(), reason };
    let name = name.to_str().ok_or_else(|| refuse("its name is not UTF-8"))?;
    if name.starts_with(WHITEOUT) {
        return Err(refuse("a name that begins with .wh. deletes a file when the image is unpacked"));
    }
    if name.contains('\\') {
        return Err(refuse("a backslash separates folders in the requests of firmware"));
    }
    let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    normalise(&path).map_err(|source| SourceError::Path { path: full.to_owned(), source })
}

fn classify(full: &Path, metadata: &Metadata) -> Result<Entry, SourceError> {
    let kind = metadata.file_type();
    let special = |kind| Err(SourceError::Special { path: full.to_owned(), kind });
    if kind.is_dir() {
        Ok(Entry::Folder)
    } else if kind.is_file() {
        Ok(Entry::File { size: metadata.len(), executable: metadata.permissions().mode() & 0o100 != 0 })
    } else if kind.is_symlink() {
        let read = |source| SourceError::Read { path: full.to_owned(), source };
        let target = fs::read_link(full).map_err(read)?;
        let target = target.to_str().ok_or_else(|| SourceError::Name {
            path: full.to_owned(),
            reason: "the target of the link is not UTF-8",
        })?;
        Ok(Entry::Link { target: target.to_owned() })
    } else if kind.is_fifo() {
        special("named pipe")
    } else if kind.is_socket() {
        special("socket")
    } else if kind.is_block_device() {
        special("block device")
    } else {
        special("character device")
    }
}

#[cfg(test)]
mod tests;
