//! Go's view of text: bytes read as UTF-8, where every byte that is not part of a character counts as U+FFFD of width one.

#[expect(clippy::unreadable_literal, reason = "a table for the machine")]
mod tables;

/// What a byte that is no UTF-8 is read as.
pub(crate) const ERROR: u32 = 0xFFFD;
/// The last code point.
pub(crate) const MAX: u32 = 0x10_FFFF;

/// The first character and its width in bytes; `(ERROR, 1)` if it is no UTF-8, `(ERROR, 0)` if there is nothing.
pub(crate) fn decode(s: &[u8]) -> (u32, usize) {
    let Some(&first) = s.first() else { return (ERROR, 0) };
    if first < 0x80 {
        return (first.into(), 1);
    }
    let width = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return (ERROR, 1),
    };
    let valid = s.get(..width).and_then(|s| std::str::from_utf8(s).ok()).and_then(|s| s.chars().next());
    valid.map_or((ERROR, 1), |c| (c.into(), width))
}

/// The characters with their places and widths.
pub(crate) fn iter(s: &[u8]) -> impl Iterator<Item = (usize, u32, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (rune, width) = decode(&s[at..]);
        if width == 0 {
            return None;
        }
        at += width;
        Some((at - width, rune, width))
    })
}

/// How many characters there are.
pub(crate) fn count(s: &[u8]) -> usize {
    if s.is_ascii() { s.len() } else { iter(s).count() }
}

/// Appends a character; what is none becomes U+FFFD.
pub(crate) fn encode(rune: u32, into: &mut Vec<u8>) {
    let c = char::from_u32(rune).unwrap_or(char::REPLACEMENT_CHARACTER);
    into.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Whether Go considers the character part of an identifier.
pub(crate) fn is_alphanumeric(rune: u32) -> bool {
    match u8::try_from(rune) {
        Ok(b) if b < 0x80 => b == b'_' || b.is_ascii_alphanumeric(),
        _ => within(tables::LETTER_OR_DIGIT, rune),
    }
}

/// Go's `strconv.IsPrint`.
pub(crate) fn is_print(rune: u32) -> bool {
    match u8::try_from(rune) {
        Ok(b) if b < 0x80 => b == b' ' || b.is_ascii_graphic(),
        _ => within(tables::PRINT, rune),
    }
}

fn within(boundaries: &[u32], rune: u32) -> bool {
    boundaries.partition_point(|b| *b <= rune) % 2 == 1
}
