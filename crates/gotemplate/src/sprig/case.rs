//! Upper, lower and title case as Go maps them: one character to one character.
//!
//! Role: Rust's case mapping is the full one (`ß` becomes `SS`), Go's is Unicode's simple one. Invariant: a byte that is not UTF-8
//! becomes U+FFFD when a text is mapped, as in Go's `strings.Map`.

use crate::runes;

pub(super) fn upper(s: &[u8]) -> Vec<u8> {
    map(s, upper_rune)
}

pub(super) fn lower(s: &[u8]) -> Vec<u8> {
    map(s, lower_rune)
}

/// Go's `strings.Title`: the first letter of each word in title case; an apostrophe ends a word.
pub(super) fn title(s: &[u8]) -> Vec<u8> {
    let mut previous = ' ';
    map(s, |c| {
        let mapped = if is_separator(previous) { title_rune(c) } else { c };
        previous = c;
        mapped
    })
}

/// The first letter after each space in lower case.
pub(super) fn untitle(s: &[u8]) -> Vec<u8> {
    let mut first = true;
    map(s, |c| {
        if c.is_whitespace() {
            first = true;
            c
        } else if std::mem::take(&mut first) {
            lower_rune(c)
        } else {
            c
        }
    })
}

fn map(s: &[u8], mut f: impl FnMut(char) -> char) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    for (_, rune, _) in runes::iter(s) {
        runes::encode(u32::from(f(char::from_u32(rune).unwrap_or(char::REPLACEMENT_CHARACTER))), &mut out);
    }
    out
}

fn single(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next();
    if mapped.next().is_none() { first } else { None }
}

fn upper_rune(c: char) -> char {
    single(c.to_uppercase()).unwrap_or_else(|| iota_subscript(c))
}

/// Greek letters with iota subscript: the full mapping makes two letters of them, the simple one the title case letter.
fn iota_subscript(c: char) -> char {
    match c {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => offset(c, 8),
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => offset(c, 9),
        _ => c,
    }
}

fn offset(c: char, by: u32) -> char {
    char::from_u32(u32::from(c) + by).unwrap_or(c)
}

fn lower_rune(c: char) -> char {
    // The full mapping of the dotted capital I has a combining dot; it is the only such letter.
    single(c.to_lowercase()).unwrap_or(if c == '\u{130}' { 'i' } else { c })
}

fn title_rune(c: char) -> char {
    match c {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => c,
        _ => upper_rune(c),
    }
}

fn is_separator(c: char) -> bool {
    if c.is_ascii() { !(c.is_ascii_alphanumeric() || c == '_') } else { !c.is_alphanumeric() && c.is_whitespace() }
}
