//! What the lexer looks for in bytes: spaces, trim markers, line ends, delimiters.

use crate::runes;

/// The width of a trim marker with the space that must accompany it.
pub(super) const MARKER: usize = 2;

/// What Go's templates take for a space.
pub(super) fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether a trim marker follows a left delimiter.
pub(super) fn left_marker(s: &[u8]) -> bool {
    matches!(s, [b'-', space, ..] if is_space(*space))
}

/// Whether a trim marker precedes a right delimiter.
pub(super) fn right_marker(s: &[u8]) -> bool {
    matches!(s, [space, b'-', ..] if is_space(*space))
}

pub(super) fn trim_end(s: &[u8]) -> &[u8] {
    let end = s.iter().rposition(|b| !is_space(*b)).map_or(0, |i| i + 1);
    &s[..end]
}

pub(super) fn leading_space(s: &[u8]) -> usize {
    s.iter().position(|b| !is_space(*b)).unwrap_or(s.len())
}

/// How many lines end here.
pub(super) fn newlines(s: &[u8]) -> usize {
    s.split(|b| *b == b'\n').count() - 1
}

/// Where `needle`, which is not empty, first occurs.
pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, rest) = needle.split_first()?;
    let mut from = 0;
    while let Some(at) = find_byte(&haystack[from..], *first) {
        if haystack[from + at + 1..].starts_with(rest) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Where a byte first occurs: eight bytes at a time, since most of a template is text without any delimiter.
fn find_byte(haystack: &[u8], byte: u8) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, _) = haystack.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        // A byte of `x` is zero where the haystack has the byte we look for; the lowest such sets its high bit.
        let x = u64::from_le_bytes(*word) ^ (LOW * u64::from(byte));
        if x.wrapping_sub(LOW) & !x & HIGH != 0 {
            break;
        }
        at += 8;
    }
    haystack[at..].iter().position(|b| *b == byte).map(|i| at + i)
}

/// `U+0040 '@'`
pub(super) fn code_point(rune: u32) -> String {
    match char::from_u32(rune) {
        Some(c) if runes::is_print(rune) => format!("U+{rune:04X} '{c}'"),
        _ => format!("U+{rune:04X}"),
    }
}
