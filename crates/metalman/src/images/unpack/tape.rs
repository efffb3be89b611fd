//! tar, as far as layers use it: POSIX ustar with pax records, and GNU's long names.
//!
//! Invariant: names and records are read into memory only up to a bound, whatever a header announces.

use std::io::{self, Read};

use tar::Header;

use super::{UnpackError, paths::show, stream::Stream};
use crate::images::digest::Digest;

const BLOCK: usize = 512;
/// Longest pax header or GNU long name taken.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Symlink,
    Hardlink,
    /// Nothing that can be served; what, for people.
    Special(&'static str),
}

/// An entry, its content not yet read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    /// Of links.
    pub(super) target: Vec<u8>,
    /// Seconds since 1970.
    pub(super) modified: i64,
}

/// Whose fault it is that content was not stored.
pub(super) enum Failure {
    Tape(UnpackError),
    Sink(io::Error),
}

/// Reads entry after entry.
pub(super) struct Tape<'a> {
    stream: Stream<'a>,
    /// Content of the current entry that was not read.
    left: u64,
    /// Zeros after it.
    padding: u64,
}

/// What extensions say about the entry that follows them.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    modified: Option<i64>,
    sparse: bool,
}

impl<'a> Tape<'a> {
    pub(super) fn new(stream: Stream<'a>) -> Self {
        Self { stream, left: 0, padding: 0 }
    }

    /// The next entry; none at the end of the archive.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, UnpackError> {
        let mut extensions = Extensions::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size().map_err(|e| damaged(&e))?;
            let kind = header.entry_type();
            if kind.is_pax_local_extensions() {
                let records = self.extension(size)?;
                read_pax(&records, &mut extensions)?;
            } else if kind.is_gnu_longname() {
                extensions.path = Some(until_nul(self.extension(size)?));
            } else if kind.is_gnu_longlink() {
                extensions.target = Some(until_nul(self.extension(size)?));
            } else if kind.is_pax_global_extensions() {
                self.announce(size);
            } else {
                return Ok(Some(self.entry(&header, size, extensions)));
            }
        }
    }

    /// Gives the content of the current entry to somebody who reads it to its end.
    pub(super) fn content<T>(&mut self, take: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> Result<T, Failure> {
        let mut content = Content { stream: &mut self.stream, left: &mut self.left, broke: None };
        let outcome = take(&mut content);
        if let Some(error) = content.broke.take() {
            return Err(Failure::Tape(self.stream.explain(&error)));
        }
        outcome.map_err(Failure::Sink)
    }

    /// The end: digest of the layer, and the bytes of all layers so far.
    pub(super) fn finish(self) -> Result<(Digest, u64), UnpackError> {
        self.stream.finish()
    }

    fn entry(&mut self, header: &Header, size: u64, extensions: Extensions) -> Entry {
        let path = extensions.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let target = extensions.target.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        let kind = match header.entry_type().as_byte() {
            // Before POSIX a folder was a file whose name ends in a slash.
            b'0' | 0 | b'7' if path.ends_with(b"/") => Kind::Folder,
            _ if extensions.sparse => Kind::Special("a sparse file"),
            b'0' | 0 | b'7' => Kind::File,
            b'1' => Kind::Hardlink,
            b'2' => Kind::Symlink,
            b'3' => Kind::Special("a character device"),
            b'4' => Kind::Special("a block device"),
            b'5' => Kind::Folder,
            b'6' => Kind::Special("a FIFO"),
            b'S' => Kind::Special("a sparse file"),
            _ => Kind::Special("something of an unknown type"),
        };
        // Links, folders and devices have no content, whatever their size says (POSIX pax, "ustar Interchange Format").
        let bare = matches!(header.entry_type().as_byte(), b'1'..=b'6');
        self.announce(if bare { 0 } else { extensions.size.unwrap_or(size) });
        let modified = extensions.modified.or_else(|| header.mtime().ok().and_then(|t| i64::try_from(t).ok()));
        Entry { path, kind, target: target.unwrap_or_default(), modified: modified.unwrap_or_default() }
    }

    fn announce(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn header(&mut self) -> Result<Option<Header>, UnpackError> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < BLOCK {
            match self.stream.read(&mut block[filled..]) {
                // Some tools leave the end marker out.
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(UnpackError::Damaged { problem: "it ends in the middle of a header".into() }),
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.stream.explain(&error)),
            }
        }
        if block.iter().all(|b| *b == 0) {
            return Ok(None);
        }
        let sum: u32 =
            block.iter().enumerate().map(|(at, b)| if (148..156).contains(&at) { 32 } else { u32::from(*b) }).sum();
        match header.cksum() {
            Ok(told) if told == sum => Ok(Some(header)),
            _ => Err(UnpackError::Damaged { problem: "a header's checksum is wrong".into() }),
        }
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, UnpackError> {
        if size > LONGEST_EXTENSION {
            let limit = format!("{LONGEST_EXTENSION} bytes");
            return Err(UnpackError::Limit { what: "a name or pax header is too long", limit });
        }
        self.announce(size);
        let mut bytes = Vec::new();
        let outcome = self.content(|content| content.read_to_end(&mut bytes));
        match outcome {
            Ok(_) => Ok(bytes),
            Err(Failure::Tape(error)) => Err(error),
            Err(Failure::Sink(error)) => Err(damaged(&error)),
        }
    }

    fn skip(&mut self) -> Result<(), UnpackError> {
        // Saturating is exact enough: no stream is that long, and the read fails at its end.
        let mut left = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        let mut buffer = [0; 16 << 10];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(buffer.len()).min(buffer.len());
            match self.stream.read(&mut buffer[..most]) {
                Ok(0) => return Err(self.stream.explain(&io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => left -= n as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.stream.explain(&error)),
            }
        }
        Ok(())
    }
}

/// The content of one entry.
struct Content<'t, 'a> {
    stream: &'t mut Stream<'a>,
    left: &'t mut u64,
    /// The stream's failure, to tell it from the reader's own.
    broke: Option<io::Error>,
}

impl Read for Content<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(*self.left).unwrap_or(usize::MAX).min(buf.len());
        if most == 0 {
            return Ok(0);
        }
        let outcome = match self.stream.read(&mut buf[..most]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            other => other,
        };
        match outcome {
            Ok(n) => {
                *self.left -= n as u64;
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.broke = Some(error);
                Err(kind.into())
            }
        }
    }
}

/// Records of `LENGTH KEY=VALUE\n`, where the length counts all of it (POSIX pax, "pax Extended Header").
fn read_pax(records: &[u8], into: &mut Extensions) -> Result<(), UnpackError> {
    let refuse = || UnpackError::Damaged { problem: "a pax record is malformed".into() };
    let mut rest = records;
    while !rest.is_empty() {
        let space = rest.iter().position(|b| *b == b' ').filter(|at| *at <= 8).ok_or_else(refuse)?;
        let length: usize = std::str::from_utf8(&rest[..space]).ok().and_then(|t| t.parse().ok()).ok_or_else(refuse)?;
        let record = rest.get(space + 1..length).and_then(|r| r.strip_suffix(b"\n")).ok_or_else(refuse)?;
        let equals = record.iter().position(|b| *b == b'=').ok_or_else(refuse)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let text = || std::str::from_utf8(value).ok();
        match key {
            b"path" => into.path = Some(value.to_vec()),
            b"linkpath" => into.target = Some(value.to_vec()),
            b"size" => into.size = Some(text().and_then(|t| t.parse().ok()).ok_or_else(refuse)?),
            b"mtime" => into.modified = text().and_then(|t| t.split('.').next()?.parse().ok()),
            key if key.starts_with(b"GNU.sparse.") => into.sparse = true,
            _ => {}
        }
        rest = &rest[length..];
    }
    Ok(())
}

fn until_nul(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(end) = name.iter().position(|b| *b == 0) {
        name.truncate(end);
    }
    name
}

fn damaged(error: &io::Error) -> UnpackError {
    UnpackError::Damaged { problem: show(error.to_string().as_bytes()) }
}
