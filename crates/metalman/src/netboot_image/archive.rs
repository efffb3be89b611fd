//! A folder as a tar stream that depends on nothing but names, contents and who may run what.

use std::io::{self, Read, Write};

use metalman_core::netboot::DISK;
use tar::{Builder, EntryType, Header};
use thiserror::Error;

use super::source::{Entry, Source, SourceError};

/// Why the stream was not written.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The folder.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The other end.
    #[error("the layer cannot be written")]
    Write(#[source] io::Error),
}

/// Writes everything below `disk/`: sorted, owned by 0:0, modes 0644 and 0755, every time the same; no extended attributes.
/// `modified` is in seconds since 1970.
pub fn write(source: &Source, modified: u64, out: impl Write) -> Result<(), ArchiveError> {
    let mut tar = Builder::new(out);
    append(&mut tar, DISK, &mut header(EntryType::Directory, 0o755, 0, modified), io::empty())?;
    for (path, entry) in source.entries() {
        let name = format!("{DISK}/{path}");
        match entry {
            Entry::Folder => {
                append(&mut tar, &name, &mut header(EntryType::Directory, 0o755, 0, modified), io::empty())?;
            }
            Entry::Link { target } => {
                let mut header = header(EntryType::Symlink, 0o777, 0, modified);
                tar.append_link(&mut header, &name, target).map_err(ArchiveError::Write)?;
            }
            Entry::File { size, executable } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                append_file(&mut tar, source, path, &mut header(EntryType::Regular, mode, *size, modified))?;
            }
        }
    }
    tar.into_inner().and_then(|mut out| out.flush()).map_err(ArchiveError::Write)
}

fn header(kind: EntryType, mode: u32, size: u64, modified: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(modified);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn append(
    tar: &mut Builder<impl Write>,
    name: &str,
    header: &mut Header,
    content: impl Read,
) -> Result<(), ArchiveError> {
    tar.append_data(header, name, content).map_err(ArchiveError::Write)
}

/// A stream whose length differs from its header would make garbage of all that follows, so the length is enforced.
fn append_file(
    tar: &mut Builder<impl Write>,
    source: &Source,
    path: &str,
    header: &mut Header,
) -> Result<(), ArchiveError> {
    let full = source.root().join(path);
    let size = header.size().map_err(ArchiveError::Write)?;
    let file = source.open(path)?;
    let metadata = file.metadata().map_err(|source| SourceError::Read { path: full.clone(), source })?;
    if !metadata.is_file() || metadata.len() != size {
        return Err(SourceError::Changed { path: full }.into());
    }
    let mut content = Content { file, left: size, failed: None };
    let written = append(tar, &format!("{DISK}/{path}"), header, &mut content);
    if let Some(error) = content.failed.take() {
        return Err(SourceError::Read { path: full, source: error }.into());
    }
    if content.left > 0 {
        return Err(SourceError::Changed { path: full }.into());
    }
    written
}

/// A file's first `left` bytes, which remembers that it was the file and not the other end that failed.
struct Content<R> {
    file: R,
    left: u64,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        match self.file.read(&mut into[..most]) {
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }
}
