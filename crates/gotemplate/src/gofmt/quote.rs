//! Go's quoting of strings and characters (`strconv.Quote` and its relatives).

use crate::runes;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a quoted string; bytes that are no UTF-8 become `\x..`.
pub(super) fn append_quoted(out: &mut Vec<u8>, s: &[u8], quote: u8, ascii: bool) {
    out.push(quote);
    for (at, rune, width) in runes::iter(s) {
        if rune == runes::ERROR && width == 1 {
            out.extend_from_slice(b"\\x");
            push_hex(out, s[at].into(), 2);
        } else {
            append_escaped(out, rune, quote, ascii);
        }
    }
    out.push(quote);
}

/// Appends a quoted character; what is none becomes U+FFFD.
pub(super) fn append_quoted_rune(out: &mut Vec<u8>, rune: u32, ascii: bool) {
    out.push(b'\'');
    let rune = if char::from_u32(rune).is_some() { rune } else { runes::ERROR };
    append_escaped(out, rune, b'\'', ascii);
    out.push(b'\'');
}

/// Appends a character as it is written between quotes.
pub(crate) fn append_escaped(out: &mut Vec<u8>, rune: u32, quote: u8, ascii: bool) {
    if rune == u32::from(quote) || rune == u32::from(b'\\') {
        out.push(b'\\');
        runes::encode(rune, out);
        return;
    }
    if runes::is_print(rune) && (rune < 0x80 || !ascii) {
        runes::encode(rune, out);
        return;
    }
    let short: &[u8] = match rune {
        0x07 => b"\\a",
        0x08 => b"\\b",
        0x0C => b"\\f",
        0x0A => b"\\n",
        0x0D => b"\\r",
        0x09 => b"\\t",
        0x0B => b"\\v",
        _ => b"",
    };
    if !short.is_empty() {
        out.extend_from_slice(short);
        return;
    }
    let (letter, digits) = match rune {
        0..0x20 | 0x7F => (b'x', 2),
        0x80..0x1_0000 => (b'u', 4),
        _ => (b'U', 8),
    };
    out.extend_from_slice(&[b'\\', letter]);
    push_hex(out, rune, digits);
}

fn push_hex(out: &mut Vec<u8>, value: u32, digits: u32) {
    for i in (0..digits).rev() {
        out.push(HEX[(value >> (4 * i)) as usize & 0xF]);
    }
}

/// Whether the string can stand between backquotes (`strconv.CanBackquote`).
pub(super) fn can_backquote(s: &[u8]) -> bool {
    runes::iter(s).all(|(_, rune, width)| match (rune, width) {
        (0xFEFF, _) | (runes::ERROR, 1) => false,
        (_, 2..) | (0x09, _) => true,
        _ => rune >= 0x20 && rune != u32::from(b'`') && rune != 0x7F,
    })
}
