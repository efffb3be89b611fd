//! Options of a read: what was asked for, what is granted (RFC 2347: what is not granted is not mentioned).

use std::time::Duration;

use thiserror::Error;

use super::{DEFAULT_BLKSIZE, Mode, RawOptions, packet::option_ack};

/// RFC 2348.
const SMALLEST_BLKSIZE: u64 = 8;
/// RFC 2348: what fits into the largest UDP datagram.
const LARGEST_BLKSIZE: u64 = 65464;
/// Windows of a netascii transfer are kept short: the place of each block in flight is remembered.
const NETASCII_WINDOW: u64 = 64;

/// How much a client may have.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest block in bytes.
    pub blksize: u16,
    /// Largest window in bytes; one block is always allowed. Bounds what one packet from a client can set in motion.
    pub window_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        // 4 MiB: 100 ms of round trip at 300 Mbit/s; beyond that the receiver's socket buffer decides.
        Self { blksize: 65464, window_bytes: 4 << 20 }
    }
}

/// What a transfer goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Bytes in each block but the last.
    pub blksize: u16,
    /// Blocks until an ACK is due; at least 1.
    pub windowsize: u16,
    /// When to send again, where the client chose it.
    pub timeout: Option<Duration>,
    granted: Granted,
}

/// What the OACK says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Granted {
    blksize: Option<u64>,
    timeout: Option<u64>,
    tsize: Option<u64>,
    windowsize: Option<u64>,
}

impl Negotiated {
    /// The OACK; none when no option was granted, in which case the transfer begins with DATA (RFC 2347).
    pub fn option_ack(&self) -> Option<Vec<u8>> {
        let granted = [
            ("blksize", self.granted.blksize),
            ("timeout", self.granted.timeout),
            ("tsize", self.granted.tsize),
            ("windowsize", self.granted.windowsize),
        ];
        let mut granted = granted.into_iter().filter_map(|(name, value)| Some((name, value?))).peekable();
        granted.peek().is_some().then_some(())?;
        Some(option_ack(granted))
    }
}

/// Decides on the options of a read of `size` bytes.
///
/// - `blksize` (RFC 2348): a smaller one may be granted; less than 8 is not an offer and is ignored.
/// - `timeout` (RFC 2349): 1 to 255 seconds, granted as it is or not at all.
/// - `tsize` (RFC 2349): the size, whatever number the client sent. Not for netascii: the size on the wire is known only
///   after reading all of it, and a wrong one makes clients allocate too little.
/// - `windowsize` (RFC 7440): 1 to 65535; a smaller one may be granted.
/// - everything else is ignored.
pub fn negotiate(options: RawOptions<'_>, mode: Mode, size: u64, limits: Limits) -> Negotiated {
    let asked = |name| options.get(name).and_then(decimal);
    let largest = LARGEST_BLKSIZE.min(limits.blksize.into()).max(SMALLEST_BLKSIZE);
    let blksize = asked("blksize").filter(|n| *n >= SMALLEST_BLKSIZE).map(|n| n.min(largest));
    let block = blksize.unwrap_or(DEFAULT_BLKSIZE.into());
    let widest = (u64::from(limits.window_bytes) / block).max(1);
    let widest = if mode == Mode::Netascii { widest.min(NETASCII_WINDOW) } else { widest };
    let windowsize = asked("windowsize").filter(|n| (1..=65535).contains(n)).map(|n| n.min(widest));
    let timeout = asked("timeout").filter(|n| (1..=255).contains(n));
    let tsize = asked("tsize").filter(|_| mode == Mode::Octet).map(|_| size);
    Negotiated {
        blksize: narrow(block),
        windowsize: windowsize.map_or(1, narrow),
        timeout: timeout.map(Duration::from_secs),
        granted: Granted { blksize, timeout, tsize, windowsize },
    }
}

fn narrow(n: u64) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// A decimal number as options carry it: digits only.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
    text.parse().ok()
}

/// An OACK that a client cannot accept: an option it did not ask for, or more than it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the server acknowledges {0} in a way that was not asked for")]
pub struct OptionError(pub &'static str);

#[cfg(test)]
mod tests;
