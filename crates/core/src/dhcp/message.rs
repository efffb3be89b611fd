//! The fixed part of a message (RFC 2131 section 2), and its options.
//!
//! Invariants: any bytes parse or are refused with a reason, without panic, in one allocation; options that `file` or `sname`
//! carried are among the options, and the field is then empty.

use std::net::Ipv4Addr;

use thiserror::Error;

use super::{Options, code, message_type::MessageType};
use crate::api::MacAddr;

/// Bytes before the magic cookie.
pub(super) const FIXED: usize = 236;
/// What tells DHCP options from BOOTP's vendor area (RFC 2131 section 3).
pub(super) const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
/// `op` of what clients send.
pub(super) const BOOTREQUEST: u8 = 1;
/// `op` of what servers send.
pub(super) const BOOTREPLY: u8 = 2;
/// The bit of `flags` by which a client asks for replies by broadcast.
pub(super) const BROADCAST: u16 = 0x8000;
/// `htype` of Ethernet.
const ETHERNET: u8 = 1;
/// No datagram is longer, and lengths of values fit 16 bits.
const LONGEST: usize = 65_535;
/// IP and UDP headers, which option 57 counts.
const HEADERS: u16 = 28;
/// What every client takes (RFC 2131 section 2), headers included.
const SMALLEST_MAXIMUM: u16 = 576;
/// Beyond this, replies would be fragments on Ethernet, which firmware does not put together.
const LARGEST_MAXIMUM: u16 = 1500;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// 1 from clients, 2 from servers.
    pub op: u8,
    /// Kind of hardware address: 1 is Ethernet.
    pub htype: u8,
    /// How many bytes of `chaddr` count, at most 16.
    pub hlen: u8,
    /// Relays passed.
    pub hops: u8,
    /// Transaction.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// The broadcast bit, and 15 that are zero.
    pub flags: u16,
    /// Address that the client has and answers ARP for.
    pub ciaddr: Ipv4Addr,
    /// Address that the client is given.
    pub yiaddr: Ipv4Addr,
    /// Where to boot from next.
    pub siaddr: Ipv4Addr,
    /// Relay agent's address.
    pub giaddr: Ipv4Addr,
    /// Client hardware address, 16 bytes of which `hlen` count.
    pub chaddr: [u8; 16],
    /// Server host name, ended by a zero.
    pub sname: [u8; 64],
    /// Boot file name, ended by a zero.
    pub file: [u8; 128],
    /// The options.
    pub options: Options,
}

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MessageError {
    /// Fewer bytes than the fixed part.
    #[error("{length} bytes are too few")]
    Truncated {
        /// How many there are.
        length: usize,
    },
    /// More bytes than a datagram has.
    #[error("{length} bytes are too many")]
    Oversized {
        /// How many there are.
        length: usize,
    },
    /// The magic cookie is missing: BOOTP of before RFC 1497, or something else altogether.
    #[error("the magic cookie of DHCP is missing")]
    NoCookie,
    /// A hardware address longer than its field.
    #[error("a hardware address of {hlen} bytes does not fit its field of 16")]
    HardwareLength {
        /// What `hlen` says.
        hlen: u8,
    },
}

impl MessageError {
    /// The word for metrics and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Oversized { .. } => "oversized",
            Self::NoCookie => "no_cookie",
            Self::HardwareLength { .. } => "hardware_length",
        }
    }
}

impl Message {
    /// Parses the payload of a UDP datagram.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let length = bytes.len();
        if length > LONGEST {
            return Err(MessageError::Oversized { length });
        }
        let (fixed, rest) = bytes.split_first_chunk::<FIXED>().ok_or(MessageError::Truncated { length })?;
        let field = rest.strip_prefix(&MAGIC_COOKIE).ok_or(MessageError::NoCookie)?;
        let mut message = Self::parse_fixed(fixed)?;
        let (options, overload) = Options::read(field, &message.file, &message.sname);
        message.options = options;
        if overload.file {
            message.file = [0; 128];
        }
        if overload.sname {
            message.sname = [0; 64];
        }
        Ok(message)
    }

    fn parse_fixed(fixed: &[u8; FIXED]) -> Result<Self, MessageError> {
        let [op, htype, hlen, hops, ..] = *fixed;
        if hlen > 16 {
            return Err(MessageError::HardwareLength { hlen });
        }
        Ok(Self {
            op,
            htype,
            hlen,
            hops,
            xid: u32::from_be_bytes(at(fixed, 4)),
            secs: u16::from_be_bytes(at(fixed, 8)),
            flags: u16::from_be_bytes(at(fixed, 10)),
            ciaddr: at::<4>(fixed, 12).into(),
            yiaddr: at::<4>(fixed, 16).into(),
            siaddr: at::<4>(fixed, 20).into(),
            giaddr: at::<4>(fixed, 24).into(),
            chaddr: at(fixed, 28),
            sname: at(fixed, 44),
            file: at(fixed, 108),
            options: Options::default(),
        })
    }

    /// The hardware address, if it is an Ethernet address.
    pub fn mac(&self) -> Option<MacAddr> {
        let octets = self.chaddr.first_chunk::<6>()?;
        (self.htype == ETHERNET && self.hlen == 6).then_some(MacAddr::new(*octets))
    }

    /// What kind of message it is; none for BOOTP and for kinds unknown here.
    pub fn message_type(&self) -> Option<MessageType> {
        match self.options.get(code::MESSAGE_TYPE) {
            Some([value]) => MessageType::from_code(*value),
            _ => None,
        }
    }

    /// Whether the client asks for replies by broadcast.
    pub const fn wants_broadcast(&self) -> bool {
        self.flags & BROADCAST != 0
    }

    /// An option that is one address.
    pub(super) fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.options.get(code).and_then(|value| <[u8; 4]>::try_from(value).ok()).map(Ipv4Addr::from)
    }

    /// The largest UDP payload that the client takes. Option 57 is read as the size of the datagram with its headers, for
    /// RFC 2132 section 9.10 gives 576 as its smallest value; clients that mean less get a little less than they would take.
    pub fn max_payload(&self) -> usize {
        let said = match self.options.get(code::MAX_MESSAGE_SIZE) {
            Some([high, low]) => u16::from_be_bytes([*high, *low]),
            _ => SMALLEST_MAXIMUM,
        };
        usize::from(said.clamp(SMALLEST_MAXIMUM, LARGEST_MAXIMUM) - HEADERS)
    }
}

/// `N` bytes of the fixed part; the offsets are the constants above.
fn at<const N: usize>(fixed: &[u8; FIXED], offset: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&fixed[offset..offset + N]);
    field
}

#[cfg(test)]
mod tests;
