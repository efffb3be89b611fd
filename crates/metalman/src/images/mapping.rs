//! Memory maps of files in the cache.

use std::{fs::File, io};

use bytes::Bytes;
use memmap2::Mmap;

/// Maps a file of the cache, whose size is known.
#[allow(unsafe_code)]
pub(super) fn map(file: &File, size: u64) -> io::Result<Bytes> {
    // A shorter file would fault when it is read.
    if file.metadata()?.len() != size {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file in the cache was changed"));
    }
    if size == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the mapping is read-only, and the file is not changed while it exists: contents are written under another name,
    // renamed when complete, never opened for writing again, and removed only by unlinking, which leaves mappings whole. The
    // cache folder is metalman's own; whoever else can write to it can replace its images anyway.
    let map = unsafe { Mmap::map(file) }?;
    Ok(Bytes::from_owner(map))
}
