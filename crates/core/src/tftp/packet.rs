//! The six packets of RFC 1350 and RFC 2347, read without copying and written with bounds.

use std::fmt;

use thiserror::Error;

const READ: u16 = 1;
const WRITE: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OPTION_ACK: u16 = 6;

/// Longest text of an ERROR that is sent: it is for a firmware's screen.
const LONGEST_ERROR: usize = 120;

/// A packet, borrowed from its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// RRQ.
    Read(Request<'a>),
    /// WRQ.
    Write(Request<'a>),
    /// DATA.
    Data {
        /// Number of the block, from 1; after 65535 comes 0.
        block: u16,
        /// Its content.
        data: &'a [u8],
    },
    /// ACK.
    Ack {
        /// The last block received in order.
        block: u16,
    },
    /// ERROR.
    Error {
        /// Which.
        code: ErrorCode,
        /// For people, in netascii; without its NUL.
        message: &'a [u8],
    },
    /// OACK (RFC 2347).
    OptionAck(RawOptions<'a>),
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Name of the file, as spelled.
    pub name: &'a [u8],
    /// Transfer mode, as spelled.
    mode: &'a [u8],
    /// Options (RFC 2347).
    pub options: RawOptions<'a>,
}

impl Request<'_> {
    /// The transfer mode; none when it is not one that is served. Case does not matter (RFC 1350 section 5).
    pub fn mode(&self) -> Option<Mode> {
        if self.mode.eq_ignore_ascii_case(b"octet") {
            Some(Mode::Octet)
        } else if self.mode.eq_ignore_ascii_case(b"netascii") {
            Some(Mode::Netascii)
        } else {
            None
        }
    }
}

/// How content is put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As it is.
    Octet,
    /// With the line ends of Telnet's network virtual terminal.
    Netascii,
}

impl Mode {
    /// Its name in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::Octet => "octet",
            Self::Netascii => "netascii",
        }
    }
}

/// Pairs of name and value, each ended by a NUL: checked once, read lazily.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawOptions<'a>(&'a [u8]);

impl<'a> RawOptions<'a> {
    /// No options.
    pub const NONE: RawOptions<'static> = RawOptions(&[]);

    fn checked(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (name, after) = text(rest)?;
            if name.is_empty() {
                // Some boot ROMs pad the request with NULs.
                return if after.iter().all(|b| *b == 0) {
                    Ok(Self(&bytes[..bytes.len() - rest.len()]))
                } else {
                    Err(PacketError::UnnamedOption)
                };
            }
            rest = text(after)?.1;
        }
        Ok(Self(bytes))
    }

    /// Names (in the client's spelling) and values.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut strings = self.0.split(|b| *b == 0);
        std::iter::from_fn(move || {
            let name = strings.next().filter(|name| !name.is_empty())?;
            Some((name, strings.next()?))
        })
    }

    /// The value of an option; the first one where a client repeats it, which RFC 2347 forbids.
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for RawOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printable = |bytes: &[u8]| bytes.escape_ascii().to_string();
        f.debug_map().entries(self.iter().map(|(name, value)| (printable(name), printable(value)))).finish()
    }
}

/// Why an ERROR is sent (RFC 1350 appendix, RFC 2347).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// See the message.
    pub const UNDEFINED: Self = Self(0);
    /// No such file.
    pub const NOT_FOUND: Self = Self(1);
    /// Not for you.
    pub const ACCESS_VIOLATION: Self = Self(2);
    /// Not TFTP, or not at this time.
    pub const ILLEGAL_OPERATION: Self = Self(4);
    /// A packet from a port that has no part in the transfer.
    pub const UNKNOWN_TRANSFER: Self = Self(5);
    /// The options are not acceptable.
    pub const OPTION_REFUSED: Self = Self(8);
}

/// A datagram that is no TFTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// Shorter than any packet of its kind.
    #[error("the packet is cut off")]
    Short,
    /// An operation that no RFC names.
    #[error("operation {0} is unknown")]
    Operation(u16),
    /// A string without its NUL.
    #[error("a string is not ended by a NUL")]
    Unterminated,
    /// A request for nothing.
    #[error("the request names no file")]
    NoName,
    /// Content after an option without a name.
    #[error("an option has no name")]
    UnnamedOption,
    /// An ACK with something behind it.
    #[error("an acknowledgement has {0} bytes too many")]
    Trailing(usize),
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, PacketError> {
        let (operation, body) = number(datagram)?;
        match operation {
            READ => parse_request(body).map(Self::Read),
            WRITE => parse_request(body).map(Self::Write),
            DATA => number(body).map(|(block, data)| Self::Data { block, data }),
            ACK => match number(body)? {
                (block, []) => Ok(Self::Ack { block }),
                // Ethernet's padding does not reach UDP; what is here, the sender wrote. Some firmware pads with NULs.
                (block, padding) if padding.iter().all(|b| *b == 0) => Ok(Self::Ack { block }),
                (_, more) => Err(PacketError::Trailing(more.len())),
            },
            ERROR => {
                let (code, text) = number(body)?;
                // The NUL is forgotten by enough firmware, and nothing follows that could be confused.
                let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
                Ok(Self::Error { code: ErrorCode(code), message: &text[..end] })
            }
            OPTION_ACK => RawOptions::checked(body).map(Self::OptionAck),
            other => Err(PacketError::Operation(other)),
        }
    }
}

fn parse_request(body: &[u8]) -> Result<Request<'_>, PacketError> {
    let (name, rest) = text(body)?;
    let (mode, rest) = text(rest)?;
    if name.is_empty() {
        return Err(PacketError::NoName);
    }
    Ok(Request { name, mode, options: RawOptions::checked(rest)? })
}

fn number(bytes: &[u8]) -> Result<(u16, &[u8]), PacketError> {
    let (number, rest) = bytes.split_first_chunk().ok_or(PacketError::Short)?;
    Ok((u16::from_be_bytes(*number), rest))
}

fn text(bytes: &[u8]) -> Result<(&[u8], &[u8]), PacketError> {
    let end = bytes.iter().position(|b| *b == 0).ok_or(PacketError::Unterminated)?;
    Ok((&bytes[..end], &bytes[end + 1..]))
}

fn pair(first: u16, second: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (first.to_be_bytes(), second.to_be_bytes());
    [a, b, c, d]
}

/// What stands before the content of a DATA packet.
pub fn data_header(block: u16) -> [u8; 4] {
    pair(DATA, block)
}

/// An ACK.
pub fn ack(block: u16) -> [u8; 4] {
    pair(ACK, block)
}

/// An ERROR. The message is cut to what fits on a firmware's screen; what is not printable ASCII becomes `?`.
pub fn error(code: ErrorCode, message: &str) -> Vec<u8> {
    let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c as u8 } else { b'?' };
    let mut packet = pair(ERROR, code.0).to_vec();
    packet.extend(message.chars().take(LONGEST_ERROR).map(printable));
    packet.push(0);
    packet
}

/// A read request with options. Names and values must have no NUL in them.
pub fn request(name: &str, mode: Mode, options: &[(&str, u64)]) -> Vec<u8> {
    let mut packet = READ.to_be_bytes().to_vec();
    for text in [name, mode.name()] {
        packet.extend_from_slice(text.as_bytes());
        packet.push(0);
    }
    write_options(&mut packet, options.iter().copied());
    packet
}

/// An OACK.
pub(super) fn option_ack<'a>(options: impl Iterator<Item = (&'a str, u64)>) -> Vec<u8> {
    let mut packet = OPTION_ACK.to_be_bytes().to_vec();
    write_options(&mut packet, options);
    packet
}

fn write_options<'a>(packet: &mut Vec<u8>, options: impl Iterator<Item = (&'a str, u64)>) {
    for (name, value) in options {
        packet.extend_from_slice(name.as_bytes());
        packet.push(0);
        packet.extend_from_slice(value.to_string().as_bytes());
        packet.push(0);
    }
}

#[cfg(test)]
mod tests;
