//! Go's quoted literals (`strconv.Unquote`).

use crate::runes;

/// A character or byte of a literal.
pub(super) struct Char {
    pub(super) value: u32,
    /// Written as UTF-8, rather than as the one byte that `\xff` means.
    multibyte: bool,
    /// How many bytes of the literal it takes.
    pub(super) width: usize,
}

/// The contents of a literal in double quotes or backquotes; nothing if the syntax is wrong.
pub(super) fn unquote(literal: &[u8]) -> Option<Vec<u8>> {
    let (quote, rest) = literal.split_first()?;
    let (last, body) = rest.split_last()?;
    if last != quote {
        return None;
    }
    if *quote == b'`' {
        return Some(body.iter().copied().filter(|b| *b != b'\r').collect());
    }
    // Without an escape, there is nothing to do but to see that it is UTF-8.
    if !body.contains(&b'\\') && std::str::from_utf8(body).is_ok() {
        return Some(body.to_vec());
    }
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while at < body.len() {
        let c = unquote_char(&body[at..], *quote)?;
        at += c.width;
        if c.multibyte {
            runes::encode(c.value, &mut out);
        } else {
            out.push(u8::try_from(c.value).ok()?);
        }
    }
    Some(out)
}

/// The first character of a literal's contents.
pub(super) fn unquote_char(s: &[u8], quote: u8) -> Option<Char> {
    let first = *s.first()?;
    if first == quote {
        return None;
    }
    if first >= 0x80 {
        let (value, width) = runes::decode(s);
        return Some(Char { value, multibyte: true, width });
    }
    if first != b'\\' {
        return Some(Char { value: first.into(), multibyte: false, width: 1 });
    }
    let simple = |b: u8| Some(Char { value: b.into(), multibyte: false, width: 2 });
    match *s.get(1)? {
        b'a' => simple(7),
        b'b' => simple(8),
        b'f' => simple(12),
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'v' => simple(11),
        b'\\' => simple(b'\\'),
        q @ (b'\'' | b'"') if q == quote => simple(q),
        b'x' => Some(Char { value: digits(s.get(2..4)?, 16)?, multibyte: false, width: 4 }),
        b'u' => code_point(s.get(2..6)?),
        b'U' => code_point(s.get(2..10)?),
        b'0'..=b'7' => {
            let value = digits(s.get(1..4)?, 8)?;
            (value <= 255).then_some(Char { value, multibyte: false, width: 4 })
        }
        _ => None,
    }
}

fn code_point(hex: &[u8]) -> Option<Char> {
    let value = digits(hex, 16)?;
    char::from_u32(value).map(|_| Char { value, multibyte: true, width: hex.len() + 2 })
}

fn digits(s: &[u8], radix: u32) -> Option<u32> {
    s.iter().try_fold(0u32, |n, b| n.checked_mul(radix)?.checked_add(char::from(*b).to_digit(radix)?))
}
