//! Writing messages: within the size that the client takes, over `file` and `sname` where the options field is too short
//! (option 52), in pieces where a value is longer than 255 bytes (RFC 3396).
//!
//! Invariants: never more than the maximum asked for; what cannot fit is left out whole, and what a reply cannot do without
//! ([`ESSENTIAL`]) has its room kept; the relay agent information comes last (RFC 3046 section 2.2).

use std::ops::Range;

use super::{
    Message, code,
    message::{FIXED, MAGIC_COOKIE},
};

/// What every client takes: 576 bytes less IP and UDP headers (RFC 2131 section 2).
pub const SMALLEST_MAX_PAYLOAD: usize = 548;
/// BOOTP's fixed size: relays and firmware drop what is shorter (RFC 1542 section 2.1).
const SHORTEST: usize = 300;
/// A piece of a value (RFC 3396).
const PIECE: usize = 255;
/// Option 52 as it is written: code, length, flags.
const OVERLOAD: usize = 3;
/// Where the options field begins.
const OPTIONS: usize = FIXED + MAGIC_COOKIE.len();
/// These keep their place in the options field whatever else is left out.
const ESSENTIAL: [u8; 5] =
    [code::MESSAGE_TYPE, code::SERVER_IDENTIFIER, code::LEASE_TIME, code::BOOT_FILE, code::RELAY_AGENT_INFORMATION];

impl Message {
    /// Writes the message over what the buffer holds, in at most `max_size` bytes (of which there are at least
    /// [`SMALLEST_MAX_PAYLOAD`]), and returns how many options did not fit.
    pub fn encode_into(&self, out: &mut Vec<u8>, max_size: usize) -> usize {
        let max_size = max_size.max(SMALLEST_MAX_PAYLOAD);
        out.clear();
        self.encode_fixed(out);
        out.extend_from_slice(&MAGIC_COOKIE);
        // One byte is End's.
        let room = max_size - OPTIONS - 1;
        let needed: usize = self.options.iter().map(|(_, value)| encoded_length(value)).sum();
        let left_out = if needed <= room {
            self.options.iter().for_each(|(code, value)| encode_option(out, code, value));
            0
        } else {
            self.encode_overloaded(out, room)
        };
        out.push(code::END);
        if out.len() < SHORTEST {
            out.resize(SHORTEST, code::PAD);
        }
        left_out
    }

    fn encode_fixed(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.op, self.htype, self.hlen, self.hops]);
        out.extend_from_slice(&self.xid.to_be_bytes());
        out.extend_from_slice(&self.secs.to_be_bytes());
        out.extend_from_slice(&self.flags.to_be_bytes());
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            out.extend_from_slice(&address.octets());
        }
        out.extend_from_slice(&self.chaddr);
        out.extend_from_slice(&self.sname);
        out.extend_from_slice(&self.file);
    }

    /// Spreads the options over the three fields, in order, each where it first fits whole: few clients join an option that
    /// continues in another field. A boot file name, even one that option 67 repeats, gives way last, as some ROMs look for
    /// it in `file` only. Returns how many fit nowhere.
    fn encode_overloaded(&self, out: &mut Vec<u8>, room: usize) -> usize {
        let mut fields = [
            Field::new(1, 108..FIXED, self.may_overload(&self.file, code::BOOT_FILE)),
            Field::new(2, 44..108, self.may_overload(&self.sname, code::TFTP_SERVER_NAME)),
        ];
        if self.file[0] != 0 {
            fields.reverse();
        }
        let options = self.options.iter();
        let reserved: usize =
            options.filter(|(code, _)| ESSENTIAL.contains(code)).map(|(_, value)| encoded_length(value)).sum();
        let room = room - OVERLOAD;
        // Only a relay agent information of hundreds of bytes can be too long: it is then left out, as RFC 3046 section 2.2
        // says.
        let mut essential_room = reserved.min(room);
        let mut room = room - essential_room;
        let flags_at = out.len() + OVERLOAD - 1;
        out.extend_from_slice(&[code::OVERLOAD, 1, 0]);
        let mut left_out = 0;
        for (code, value) in self.options.iter() {
            let length = encoded_length(value);
            let place = if ESSENTIAL.contains(&code) { &mut essential_room } else { &mut room };
            if length <= *place {
                *place -= length;
                encode_option(out, code, value);
            } else if code == code::RELAY_AGENT_INFORMATION || !fields.iter_mut().any(|field| field.take(code, value)) {
                left_out += 1;
            }
        }
        for field in fields.iter().filter(|field| !field.bytes.is_empty()) {
            out[flags_at] |= field.flag;
            field.write(out);
        }
        left_out
    }

    /// A field may carry options when it is empty, or holds nothing that the option of the same meaning does not say.
    fn may_overload(&self, field: &[u8], same: u8) -> bool {
        let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
        text.is_empty() || self.options.get(same) == Some(text)
    }
}

/// `file` or `sname` being filled with options.
struct Field {
    /// Its bit in option 52.
    flag: u8,
    /// Its place in the message.
    at: Range<usize>,
    bytes: Vec<u8>,
    room: usize,
}

impl Field {
    fn new(flag: u8, at: Range<usize>, usable: bool) -> Self {
        // One byte is End's.
        let room = if usable { at.len() - 1 } else { 0 };
        Self { flag, at, bytes: Vec::new(), room }
    }

    fn take(&mut self, code: u8, value: &[u8]) -> bool {
        let length = encoded_length(value);
        let fits = length <= self.room;
        if fits {
            self.room -= length;
            encode_option(&mut self.bytes, code, value);
        }
        fits
    }

    fn write(&self, message: &mut [u8]) {
        let field = &mut message[self.at.clone()];
        field.fill(code::PAD);
        field[..self.bytes.len()].copy_from_slice(&self.bytes);
        field[self.bytes.len()] = code::END;
    }
}

fn encoded_length(value: &[u8]) -> usize {
    value.len() + 2 * value.len().div_ceil(PIECE).max(1)
}

fn encode_option(out: &mut Vec<u8>, code: u8, value: &[u8]) {
    let mut piece = |bytes: &[u8]| {
        out.extend_from_slice(&[code, u8::try_from(bytes.len()).unwrap_or(u8::MAX)]);
        out.extend_from_slice(bytes);
    };
    if value.is_empty() {
        piece(value);
    }
    value.chunks(PIECE).for_each(piece);
}

#[cfg(test)]
mod tests;
