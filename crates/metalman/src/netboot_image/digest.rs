//! SHA-256 of what is written, on its way through.

use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};
use metalman_core::netboot::hex;

/// Hashes and counts what passes to the writer inside.
pub struct Hashing<W> {
    inner: W,
    context: Context,
    size: u64,
}

impl<W: Write> Hashing<W> {
    /// Around a writer.
    pub fn new(inner: W) -> Self {
        Self { inner, context: Context::new(&SHA256), size: 0 }
    }

    /// The writer inside, the digest as `sha256:…`, and the size in bytes of what passed.
    pub fn finish(self) -> (W, String, u64) {
        let (inner, sha256, size) = self.finish_raw();
        (inner, format!("sha256:{}", hex(&sha256)), size)
    }

    /// The same, with the digest as bytes.
    pub fn finish_raw(self) -> (W, [u8; 32], u64) {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.context.finish().as_ref());
        (self.inner, sha256, self.size)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.context.update(&bytes[..taken]);
        self.size += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
