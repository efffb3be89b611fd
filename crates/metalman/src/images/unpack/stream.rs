//! The uncompressed bytes of a layer: counted, hashed, bounded.

use std::{
    cell::Cell,
    io::{self, BufReader, Read},
    rc::Rc,
};

use super::{Limits, UnpackError, paths::show};
use crate::images::digest::{Algorithm, Digest, Hasher};

/// gzip (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Zstandard (RFC 8878 section 3.1.1), and its skippable frames (section 3.1.2), with which a stream may begin.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// Largest zstd window taken: 128 MiB, which is what decoders take by default (RFC 8878 section 3.1.1.1.2 recommends less).
const ZSTD_WINDOW_LOG: u32 = 27;

/// The stream.
pub(super) struct Stream<'a> {
    inner: Box<dyn Read + 'a>,
    input: Rc<Cell<u64>>,
    output: u64,
    /// With the layers before.
    total: u64,
    limits: Limits,
    hasher: Hasher,
    exceeded: Option<UnpackError>,
}

/// Counts what is taken from the compressed side.
struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.count.set(self.count.get() + n as u64);
        Ok(n)
    }
}

impl<'a> Stream<'a> {
    /// By its first bytes, whatever its media type says: registries keep layers under both, and tools rename them.
    pub(super) fn new(
        compressed: Box<dyn Read + 'a>,
        algorithm: Algorithm,
        limits: Limits,
        total: u64,
    ) -> Result<Self, UnpackError> {
        let damaged = |e: io::Error| UnpackError::Damaged { problem: e.to_string() };
        let input = Rc::new(Cell::new(0));
        let mut counted = Counted { inner: compressed, count: input.clone() };
        let mut magic = Vec::with_capacity(4);
        counted.by_ref().take(4).read_to_end(&mut magic).map_err(damaged)?;
        let is_zstd = magic == ZSTD || (magic.len() == 4 && magic[0] & 0xf0 == 0x50 && magic[1..] == ZSTD_SKIPPABLE);
        let is_gzip = magic.starts_with(&GZIP);
        let whole = BufReader::with_capacity(128 << 10, io::Cursor::new(magic).chain(counted));
        let inner: Box<dyn Read + 'a> = if is_gzip {
            // Several members are one stream (RFC 1952 section 2.2).
            Box::new(flate2::bufread::MultiGzDecoder::new(whole))
        } else if is_zstd {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(whole).map_err(damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(damaged)?;
            Box::new(decoder)
        } else {
            Box::new(whole)
        };
        Ok(Self { inner, input, output: 0, total, limits, hasher: Hasher::new(algorithm), exceeded: None })
    }

    /// What a failed read means.
    pub(super) fn explain(&mut self, error: &io::Error) -> UnpackError {
        self.exceeded.take().unwrap_or_else(|| {
            let problem = match error.kind() {
                io::ErrorKind::UnexpectedEof => "it ends in the middle".into(),
                _ => show(error.to_string().as_bytes()),
            };
            UnpackError::Damaged { problem }
        })
    }

    /// Reads what is left, which is part of the digest, and gives digest and bytes of all layers so far.
    pub(super) fn finish(mut self) -> Result<(Digest, u64), UnpackError> {
        let mut rest = vec![0; 64 << 10];
        loop {
            match self.read(&mut rest) {
                Ok(0) => return Ok((self.hasher.finish(), self.total)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.explain(&error)),
            }
        }
    }

    fn check(&mut self) -> io::Result<()> {
        let Limits { bytes, ratio, ratio_after, .. } = self.limits;
        self.exceeded = if self.total > bytes {
            Some(UnpackError::Limit { what: "too much content", limit: format!("{bytes} bytes") })
        } else if self.output > ratio_after && self.output / self.input.get().max(1) > ratio {
            Some(UnpackError::Limit { what: "a layer is compressed too much", limit: format!("{ratio} to 1") })
        } else {
            return Ok(());
        };
        Err(io::ErrorKind::QuotaExceeded.into())
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.hasher.update(&buf[..n]);
        self.output += n as u64;
        self.total += n as u64;
        self.check()?;
        Ok(n)
    }
}
