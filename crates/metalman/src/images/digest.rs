//! Digests as registries write them: `algorithm:hex` (OCI image specification, "Digests").
//!
//! Invariant: a [`Digest`] holds only a registered algorithm and its exact number of lowercase hex digits, so it is safe as
//! part of a file name or URL.

use std::{
    fmt,
    io::{self, Write},
    str::FromStr,
};

use aws_lc_rs::digest::{Context, SHA256, SHA512};
use metalman_core::netboot::hex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The registered algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// What everybody uses.
    Sha256,
    /// What the specification allows as well.
    Sha512,
}

impl Algorithm {
    /// The word before the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    const fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// A digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a digest: expected sha256:<64 hex digits> or sha512:<128 hex digits>")]
pub struct DigestError {
    /// The text, cut.
    pub text: String,
}

impl Digest {
    /// The SHA-256 digest of some bytes.
    pub fn sha256(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest that a SHA-256 sum is.
    pub fn of_sha256(sum: [u8; 32]) -> Self {
        Self { algorithm: Algorithm::Sha256, hex: hex(&sum) }
    }

    /// Its algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its digits.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// Whether the bytes have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut hasher = Hasher::new(self.algorithm);
        hasher.update(bytes);
        hasher.finish() == *self
    }

    /// As the name of a folder.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.algorithm.as_str(), self.hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.as_str(), self.hex)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let refuse = || DigestError { text: text.chars().take(160).collect() };
        let (word, hex) = text.split_once(':').ok_or_else(refuse)?;
        let algorithm = match word {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => return Err(refuse()),
        };
        let digits = hex.len() == algorithm.digits() && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !digits {
            return Err(refuse());
        }
        Ok(Self { algorithm, hex: hex.to_owned() })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Computes a digest as the bytes come.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    context: Context,
}

impl Hasher {
    /// Of that algorithm.
    pub fn new(algorithm: Algorithm) -> Self {
        let context = Context::new(match algorithm {
            Algorithm::Sha256 => &SHA256,
            Algorithm::Sha512 => &SHA512,
        });
        Self { algorithm, context }
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// The digest of all of them.
    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm;
        Digest { algorithm, hex: hex(self.context.finish().as_ref()) }
    }
}

/// A writer that hashes and counts what passes to the writer inside: its SHA-256 sum, and its size.
pub struct Hashing<W> {
    inner: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Hashing<W> {
    /// Around a writer.
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new(Algorithm::Sha256), size: 0 }
    }

    /// The writer inside, the sum, and the size in bytes of what passed.
    pub fn finish(self) -> (W, [u8; 32], u64) {
        (self.inner, sum(&self.hasher.context.finish()), self.size)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..taken]);
        self.size += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// SHA-256 of some bytes, raw.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    sum(&aws_lc_rs::digest::digest(&SHA256, bytes))
}

fn sum(sha256: &aws_lc_rs::digest::Digest) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(sha256.as_ref());
    sum
}

/// Reads exactly 64 hex digits.
pub(crate) fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    let mut sum = [0; 32];
    for (byte, pair) in sum.iter_mut().zip(bytes.chunks_exact(2)) {
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(sum)
}
