//! Options (RFC 2132), kept as raw TLVs in the order in which they came.
//!
//! Role: one buffer holds them all, so that a message costs one allocation. Reading joins what came in several pieces (RFC
//! 3396) and what `file` and `sname` carry (option 52); writing is `encode`'s.
//!
//! Invariants: a code occurs once; neither pad, end nor overload are kept, as they belong to the encoding; any bytes can be
//! read, and an option whose length leads past its field costs that option and what follows it in this field, nothing else.

use std::net::Ipv4Addr;

use super::code;

/// Bytes in front of a value in the buffer: the code and a length of 16 bits, as joined values may be longer than 255.
const HEADER: usize = 3;
/// Overload's flags (RFC 2132 section 9.3).
const OVERLOADS_FILE: u8 = 1;
const OVERLOADS_SNAME: u8 = 2;

/// The options of a message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Options {
    bytes: Vec<u8>,
    /// Which codes are there: most questions are about options that are not.
    present: Codes,
}

/// Which fixed fields carried options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Overload {
    pub(super) file: bool,
    pub(super) sname: bool,
}

impl Options {
    /// The value of the option, if it is there.
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        if !self.contains(code) {
            return None;
        }
        self.iter().find_map(|(other, value)| (other == code).then_some(value))
    }

    /// Whether the option is there.
    pub fn contains(&self, code: u8) -> bool {
        self.present.contains(code)
    }

    /// Codes and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let ([code, high, low], tail) = rest.split_first_chunk::<HEADER>()?;
            let (value, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
            rest = tail;
            Some((*code, value))
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends an option. Not kept: what belongs to the encoding (pad, end, overload), what is there already, and a value
    /// that no datagram can hold.
    pub fn push(&mut self, code: u8, value: &[u8]) {
        if !matches!(code, code::PAD | code::END | code::OVERLOAD) && !self.contains(code) {
            self.append(code, value);
        }
    }

    /// An empty set with room for that many bytes of options.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), present: Codes::default() }
    }

    /// [`Options::push`] without looking whether it is there: the caller knows.
    pub(super) fn append(&mut self, code: u8, value: &[u8]) {
        if let Ok(length) = u16::try_from(value.len()) {
            let [high, low] = length.to_be_bytes();
            self.bytes.extend_from_slice(&[code, high, low]);
            self.bytes.extend_from_slice(value);
            self.present.insert(code);
        }
    }

    /// [`Options::append`] of a list of addresses, unless it is empty.
    pub(super) fn append_addresses(&mut self, code: u8, addresses: &[Ipv4Addr]) {
        if let (Ok(length), false) = (u16::try_from(4 * addresses.len()), addresses.is_empty()) {
            let [high, low] = length.to_be_bytes();
            self.bytes.extend_from_slice(&[code, high, low]);
            for address in addresses {
                self.bytes.extend_from_slice(&address.octets());
            }
            self.present.insert(code);
        }
    }

    /// Reads the options field and, where it says so, `file` and `sname`: in this order, which is also the order in which
    /// pieces are joined (RFC 3396 section 5).
    pub(super) fn read(options: &[u8], file: &[u8], sname: &[u8]) -> (Self, Overload) {
        let mut reader = Reader { options: Self::with_capacity(options.len() + 64), ..Reader::default() };
        reader.field(options);
        // Taken before the other fields are read: an overload option inside them means nothing.
        let flags = reader.overload;
        let overload = Overload { file: flags & OVERLOADS_FILE != 0, sname: flags & OVERLOADS_SNAME != 0 };
        if overload.file {
            reader.field(file);
        }
        if overload.sname {
            reader.field(sname);
        }
        let options = if reader.scattered { reader.options.joined() } else { reader.options };
        (options, overload)
    }

    /// Every code once, at the place of its first piece, with all its pieces: two passes, as strangers choose how many there
    /// are.
    fn joined(&self) -> Self {
        let mut lengths = [0; 256];
        let mut order = Vec::new();
        let mut seen = Codes::default();
        for (code, piece) in self.iter() {
            if seen.insert(code) {
                order.push(code);
            }
            lengths[usize::from(code)] += piece.len();
        }
        let length = order.iter().map(|code| HEADER + lengths[usize::from(*code)]).sum();
        let mut joined = Self { bytes: vec![0; length], present: self.present };
        let mut ends = [0; 256];
        let mut end = 0;
        for code in order {
            let length = lengths[usize::from(code)];
            // The pieces came out of one datagram: together they are shorter than 65536 bytes.
            let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            joined.bytes[end..end + HEADER].copy_from_slice(&[code, high, low]);
            ends[usize::from(code)] = end + HEADER;
            end += HEADER + length;
        }
        for (code, piece) in self.iter() {
            let end = &mut ends[usize::from(code)];
            joined.bytes[*end..*end + piece.len()].copy_from_slice(piece);
            *end += piece.len();
        }
        joined
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A set of codes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Codes([u128; 2]);

impl Codes {
    fn contains(self, code: u8) -> bool {
        self.0[usize::from(code >> 7)] & (1 << (code & 127)) != 0
    }

    /// Whether it was not there before.
    pub(super) fn insert(&mut self, code: u8) -> bool {
        let (word, bit) = (&mut self.0[usize::from(code >> 7)], 1 << (code & 127));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// Collects pieces.
#[derive(Default)]
struct Reader {
    options: Options,
    /// Where the header of the last piece is in the buffer.
    last: usize,
    /// Some code came again after another one.
    scattered: bool,
    overload: u8,
}

impl Reader {
    fn field(&mut self, mut rest: &[u8]) {
        loop {
            match *rest {
                [code::PAD, ref tail @ ..] => rest = tail,
                [] | [code::END, ..] | [_] => return,
                [code, length, ref tail @ ..] => {
                    let Some((value, tail)) = tail.split_at_checked(usize::from(length)) else { return };
                    self.piece(code, value);
                    rest = tail;
                }
            }
        }
    }

    fn piece(&mut self, code: u8, value: &[u8]) {
        if code == code::OVERLOAD {
            self.overload = value.first().copied().unwrap_or_default();
            return;
        }
        if !self.options.contains(code) {
            // The first piece, and mostly the only one.
        } else if self.options.bytes.get(self.last) == Some(&code) {
            return self.extend_last(value);
        } else {
            self.scattered = true;
        }
        self.last = self.options.bytes.len();
        self.options.append(code, value);
    }

    /// The usual way of splitting: one piece right behind the other.
    fn extend_last(&mut self, value: &[u8]) {
        let start = self.last + HEADER;
        let bytes = &mut self.options.bytes;
        if let Ok(length) = u16::try_from(bytes.len() - start + value.len()) {
            bytes[self.last + 1..start].copy_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(value);
        }
    }
}

#[cfg(test)]
mod tests;
