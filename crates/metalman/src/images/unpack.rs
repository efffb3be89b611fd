//! Layers into files: the only reader of what strangers packed.
//!
//! Role: applies layers, lowest first, to a tree in memory, whiteouts included (OCI image specification, "Image Layer
//! Filesystem Changeset"), and hands the content of files below `disk/` to a [`Sink`]. Pure over [`Read`] and the sink.
//!
//! Invariants: no name of a layer ever becomes a name on this disk (the sink sees bytes, not paths), so nothing can escape;
//! bytes, entries, names, depth and compression ratio are bounded, and so is memory; what is refused is named with its path.

mod limits;
mod paths;
mod stream;
mod tape;
mod tree;

use std::io::{self, Read};

use metalman_core::netboot::{DISK, FileIndex, FileInfo};

pub use self::limits::Limits;
use self::{
    paths::Place,
    stream::Stream,
    tape::{Entry, Kind, Tape},
    tree::Tree,
};
use super::digest::{Algorithm, Digest};

/// Takes the content of files.
pub trait Sink {
    /// Reads the content to its end and keeps it.
    fn store(&mut self, content: &mut dyn Read) -> io::Result<Stored>;
}

/// Content that a sink keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its digest.
    pub sha256: [u8; 32],
    /// Its size in bytes.
    pub size: u64,
}

/// Why a layer is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Not what its compression or tar demands.
    #[error("the layer cannot be read as a tar archive: {problem}")]
    Damaged {
        /// What is wrong.
        problem: String,
    },
    /// It leads somewhere else.
    #[error("the layer holds {path:?}, which leads out of the image")]
    Escapes {
        /// The name, cut.
        path: String,
    },
    /// A symbolic link that leads out of `disk/`.
    #[error("{path:?} is a symbolic link to {target:?}, which leads out of disk/")]
    LinkEscapes {
        /// The link, cut.
        path: String,
        /// Its target, cut.
        target: String,
    },
    /// A name that cannot be served.
    #[error("the layer holds {path:?}: {problem}")]
    Name {
        /// The name, cut.
        path: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A device, a FIFO, a sparse file.
    #[error("the layer holds {path:?}, {what}; only files, folders and links can be served")]
    Special {
        /// The name, cut.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// More than is allowed.
    #[error("the image is refused: {what}, more than {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: String,
    },
    /// The sink failed.
    #[error("the content of {path:?} cannot be kept")]
    Sink {
        /// The name, cut.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Unpacks the layers of one image.
#[derive(Debug)]
pub struct Unpacker {
    limits: Limits,
    tree: Tree,
    layers: u32,
    entries: u64,
    names: usize,
    bytes: u64,
}

impl Unpacker {
    /// For one image.
    pub fn new(limits: Limits) -> Self {
        Self { limits, tree: Tree::default(), layers: 0, entries: 0, names: 0, bytes: 0 }
    }

    /// Applies the next layer, as it was transferred. The digest of what it is uncompressed, for its `diff_id`.
    pub fn layer(
        &mut self,
        compressed: impl Read,
        algorithm: Algorithm,
        sink: &mut dyn Sink,
    ) -> Result<Digest, UnpackError> {
        self.layers += 1;
        let stream = Stream::new(Box::new(compressed), algorithm, self.limits, self.bytes)?;
        let mut tape = Tape::new(stream);
        while let Some(entry) = tape.next()? {
            self.entries += 1;
            if self.entries > self.limits.entries {
                return Err(UnpackError::Limit { what: "too many entries", limit: self.limits.entries.to_string() });
            }
            self.entry(&entry, &mut tape, sink)?;
        }
        let (digest, bytes) = tape.finish()?;
        self.bytes = bytes;
        Ok(digest)
    }

    /// The files that are left, by their path below `disk/`; links resolved.
    pub fn finish(self) -> Result<FileIndex, UnpackError> {
        self.tree.index(&self.limits)
    }

    fn entry(&mut self, entry: &Entry, tape: &mut Tape<'_>, sink: &mut dyn Sink) -> Result<(), UnpackError> {
        let Place::Disk(path) = paths::place(&entry.path, &self.limits)? else { return Ok(()) };
        self.names += entry.path.len() + entry.target.len();
        self.limits.check_names(self.names)?;
        let shown = paths::show(&entry.path);
        let layer = self.layers;
        match paths::whiteout(&path) {
            paths::Whiteout::None => {}
            paths::Whiteout::Opaque => {
                self.tree.make_opaque(&path[..path.len() - 1], layer);
                return Ok(());
            }
            paths::Whiteout::Of(name) => {
                let mut hidden = path;
                hidden.pop();
                hidden.push(name);
                self.tree.hide(&hidden, layer);
                return Ok(());
            }
            paths::Whiteout::Reserved => return Ok(()),
        }
        if path == [DISK] && entry.kind != Kind::Folder {
            return Err(UnpackError::Name { path: shown, problem: "it must be a folder" });
        }
        match entry.kind {
            Kind::Folder => self.tree.folder(&path, layer),
            Kind::File => {
                if !self.tree.may_hold(&path) {
                    return Err(below_something(shown));
                }
                let stored = tape.content(|content| sink.store(content)).map_err(|failure| match failure {
                    tape::Failure::Tape(error) => error,
                    tape::Failure::Sink(source) => UnpackError::Sink { path: shown.clone(), source },
                })?;
                let info = FileInfo { size: stored.size, sha256: stored.sha256, modified: entry.modified };
                self.tree.file(&path, info, layer)
            }
            Kind::Symlink => {
                let target = paths::text(&entry.target, &self.limits)?;
                self.tree.link(&path, target, layer)
            }
            Kind::Hardlink => {
                let Place::Disk(target) = paths::place(&entry.target, &self.limits)? else {
                    let problem = "it is a hard link to a file outside of disk/, which is not kept";
                    return Err(UnpackError::Name { path: shown, problem });
                };
                if !self.tree.copy(&target, &path, layer) {
                    let problem = "it is a hard link to a file that is not there";
                    return Err(UnpackError::Name { path: shown, problem });
                }
                return Ok(());
            }
            Kind::Special(what) => return Err(UnpackError::Special { path: shown, what }),
        }
        .then_some(())
        .ok_or_else(|| below_something(paths::show(&entry.path)))
    }
}

fn below_something(path: String) -> UnpackError {
    UnpackError::Name { path, problem: "it lies below a file or a symbolic link" }
}

#[cfg(test)]
mod tests;
