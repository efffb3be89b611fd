//! Range requests (RFC 9110 section 14).
//!
//! Role: [`parse`] turns the field into byte ranges of a representation of a known length. Invariants: ranges are within the
//! representation and not empty; a field that asks for more pieces than [`MOST`], or for more bytes than there are, is
//! ignored (section 14.2 allows it, and names it an attack).

use std::ops::Range;

/// Pieces of one answer at most.
const MOST: usize = 32;

/// What a Range field asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing that this server understands: the whole representation.
    Whole,
    /// These pieces, in this order.
    Pieces(Vec<Range<u64>>),
    /// Nothing that exists: 416.
    Unsatisfiable,
}

/// Reads a Range field for a representation of `length` bytes.
pub(super) fn parse(field: &str, length: u64) -> Asked {
    let Some((unit, set)) = field.split_once('=') else { return Asked::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::Whole;
    }
    let mut pieces = Vec::new();
    let mut total = 0_u64;
    let mut asked = 0;
    for spec in set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty()) {
        asked += 1;
        // A field with one invalid piece is invalid as a whole.
        let Some(piece) = one(spec, length) else { return Asked::Whole };
        if asked > MOST {
            return Asked::Whole;
        }
        if !piece.is_empty() {
            total = total.saturating_add(piece.end - piece.start);
            pieces.push(piece);
        }
    }
    match (asked, pieces.len()) {
        (0, _) => Asked::Whole,
        (_, 0) => Asked::Unsatisfiable,
        // Overlapping pieces: the whole is less to send, and all that was asked for.
        (_, 2..) if total > length => Asked::Whole,
        _ => Asked::Pieces(pieces),
    }
}

/// One piece, empty when nothing of it exists; none when it is malformed.
fn one(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        // The last so many bytes.
        let suffix = number(last)?.min(length);
        return Some(length - suffix..length);
    }
    let first = number(first)?;
    let end = if last.is_empty() { length } else { number(last)?.saturating_add(1) };
    if end <= first && !last.is_empty() {
        return None;
    }
    Some(if first >= length { length..length } else { first..end.min(length) })
}

/// Digits only; what is beyond 64 bits is as good as infinite.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
