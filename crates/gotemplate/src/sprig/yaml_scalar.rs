//! YAML scalars. Role: which style a text needs so that it is read back as the same text, and how each style is written.
//!
//! Invariant: the decisions are yaml.v2's, character for character, also where another emitter would see no need for quotes.

use crate::runes;

use super::yaml::Emitter;

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// A text with the style to write it in.
pub(super) struct Scalar<'t> {
    text: &'t [u8],
    style: Style,
    foldable: bool,
    multiline: bool,
}

impl<'t> Scalar<'t> {
    /// What is no text: a number, a boolean, null.
    pub(super) fn plain(text: &'t [u8]) -> Self {
        Self { text, style: Style::Plain, foldable: true, multiline: false }
    }

    /// A text, quoted where it would be read as something else.
    pub(super) fn of(text: &'t [u8]) -> Self {
        let found = Analysis::of(text);
        let wanted = if text.contains(&b'\n') {
            Style::Literal
        } else if looks_like_another_type(text) {
            Style::DoubleQuoted
        } else {
            Style::Plain
        };
        let style = match wanted {
            Style::Plain if !found.plain => {
                if found.single_quoted {
                    Style::SingleQuoted
                } else {
                    Style::DoubleQuoted
                }
            }
            Style::Literal if !found.block => Style::DoubleQuoted,
            style => style,
        };
        Self { text, style, foldable: true, multiline: found.multiline }
    }

    /// Whether this can be a key before a `:` on one line.
    pub(super) fn is_simple_key(&self) -> bool {
        !self.multiline && self.text.len() <= 128
    }

    /// The same as a simple key: on one line, and never without any character.
    pub(super) fn into_key(self) -> Self {
        let style = if self.style == Style::Plain && self.text.is_empty() { Style::SingleQuoted } else { self.style };
        Self { style, foldable: false, ..self }
    }

    pub(super) fn write(&self, to: &mut Emitter) {
        match self.style {
            Style::Plain => self.write_plain(to),
            Style::SingleQuoted => self.write_single_quoted(to),
            Style::DoubleQuoted => self.write_double_quoted(to),
            Style::Literal => self.write_literal(to),
        }
    }

    fn characters(&self) -> impl Iterator<Item = (usize, u32, &'t [u8])> {
        let text = self.text;
        runes::iter(text).map(move |(at, c, width)| (at, c, &text[at..at + width]))
    }

    fn space_follows(&self, at: usize) -> bool {
        self.text.get(at + 1) == Some(&b' ')
    }

    fn write_plain(&self, to: &mut Emitter) {
        if !to.whitespace && !to.out.is_empty() {
            to.put(b" ");
        }
        let mut spaces = false;
        for (at, c, bytes) in self.characters() {
            if c == 0x20 {
                if self.foldable && !spaces && to.is_full() && !self.space_follows(at) {
                    to.line();
                } else {
                    to.put(bytes);
                }
                spaces = true;
            } else {
                to.put(bytes);
                to.indention = false;
                spaces = false;
            }
        }
        to.whitespace = false;
        to.indention = false;
    }

    fn write_single_quoted(&self, to: &mut Emitter) {
        to.indicator(b"'", true);
        let (mut spaces, mut breaks) = (false, false);
        for (at, c, bytes) in self.characters() {
            if c == 0x20 {
                let inside = at > 0 && at + 1 < self.text.len();
                if self.foldable && !spaces && to.is_full() && inside && !self.space_follows(at) {
                    to.line();
                } else {
                    to.put(bytes);
                }
                spaces = true;
            } else if is_break(c) {
                to.out.extend_from_slice(bytes);
                to.column = 0;
                to.indention = true;
                breaks = true;
            } else {
                if breaks {
                    to.line();
                }
                if c == 0x27 {
                    to.put(b"'");
                }
                to.put(bytes);
                to.indention = false;
                spaces = false;
                breaks = false;
            }
        }
        to.indicator(b"'", false);
    }

    fn write_double_quoted(&self, to: &mut Emitter) {
        // After a byte order mark, yaml.v2 takes every character for one.
        let all = self.text.starts_with("\u{feff}".as_bytes());
        let mut spaces = false;
        to.indicator(b"\"", true);
        for (at, c, bytes) in self.characters() {
            if all || !is_printable(c) || is_break(c) || c == 0x22 || c == 0x5c {
                to.put(escape(c).as_bytes());
                spaces = false;
            } else if c == 0x20 {
                if self.foldable && !spaces && to.is_full() && at > 0 && at + 1 < self.text.len() {
                    to.line();
                    if self.space_follows(at) {
                        to.put(b"\\");
                    }
                } else {
                    to.put(bytes);
                }
                spaces = true;
            } else {
                to.put(bytes);
                spaces = false;
            }
        }
        to.indicator(b"\"", false);
    }

    fn write_literal(&self, to: &mut Emitter) {
        to.indicator(b"|", true);
        let first = self.characters().next().map_or(0, |(_, c, _)| c);
        if first == 0x20 || is_break(first) {
            to.indicator(b"2", false);
        }
        let mut last = self.text;
        let mut ending_breaks = 0;
        while let Some((at, c, _)) = runes::iter(last).last().filter(|(_, c, _)| is_break(*c)) {
            debug_assert!(is_break(c), "the filter says so");
            last = &last[..at];
            ending_breaks += 1;
        }
        let keep = ending_breaks > 1 || last.is_empty();
        if ending_breaks == 0 {
            to.indicator(b"-", false);
        } else if keep {
            to.indicator(b"+", false);
        }
        to.line_break();
        to.indention = true;
        to.whitespace = true;
        let mut breaks = true;
        for (_, c, bytes) in self.characters() {
            if is_break(c) {
                to.out.extend_from_slice(bytes);
                to.column = 0;
                to.indention = true;
                breaks = true;
            } else {
                if breaks {
                    to.line();
                }
                to.put(bytes);
                to.indention = false;
                breaks = false;
            }
        }
    }
}

#[expect(clippy::match_overlapping_arm, reason = "the short names come first")]
fn escape(c: u32) -> String {
    match c {
        0x00 => "\\0".into(),
        0x07 => "\\a".into(),
        0x08 => "\\b".into(),
        0x09 => "\\t".into(),
        0x0a => "\\n".into(),
        0x0b => "\\v".into(),
        0x0c => "\\f".into(),
        0x0d => "\\r".into(),
        0x1b => "\\e".into(),
        0x22 => "\\\"".into(),
        0x5c => "\\\\".into(),
        0x85 => "\\N".into(),
        0xa0 => "\\_".into(),
        0x2028 => "\\L".into(),
        0x2029 => "\\P".into(),
        ..=0xff => format!("\\x{c:02X}"),
        ..=0xffff => format!("\\u{c:04X}"),
        _ => format!("\\U{c:08X}"),
    }
}

fn is_break(c: u32) -> bool {
    matches!(c, 0x0a | 0x0d | 0x85 | 0x2028 | 0x2029)
}

/// What yaml.v2 writes as it is: the characters beyond the basic plane are not among them.
fn is_printable(c: u32) -> bool {
    matches!(c, 0x0a | 0x20..=0x7e | 0xa0..=0xd7ff | 0xe000..=0xfefe | 0xff00..=0xfffd)
}

/// What the characters of a text allow.
#[expect(clippy::struct_excessive_bools, reason = "each style is allowed or not, independently")]
struct Analysis {
    multiline: bool,
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Analysis {
    fn of(text: &[u8]) -> Self {
        if text.is_empty() {
            return Self { multiline: false, plain: true, single_quoted: true, block: false };
        }
        let characters: Vec<u32> = runes::iter(text).map(|(_, c, _)| c).collect();
        let blank = |c: u32| c == 0x20 || c == 0x09;
        let mut indicators = text.starts_with(b"---") || text.starts_with(b"...");
        let (mut breaks, mut special, mut break_space, mut space_break) = (false, false, false, false);
        let mut preceded_by_whitespace = true;
        for (i, &c) in characters.iter().enumerate() {
            let followed_by_whitespace = characters.get(i + 1).is_none_or(|next| blank(*next));
            let symbol = u8::try_from(c).unwrap_or(0);
            indicators |= match symbol {
                b'#' => preceded_by_whitespace,
                b':' => followed_by_whitespace,
                b'?' | b'-' => i == 0 && followed_by_whitespace,
                b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@'
                | b'`' => i == 0,
                _ => false,
            };
            special |= !is_printable(c);
            let previous = i.checked_sub(1).map(|p| characters[p]);
            break_space |= c == 0x20 && previous.is_some_and(is_break);
            space_break |= is_break(c) && previous == Some(0x20);
            breaks |= is_break(c);
            preceded_by_whitespace = blank(c) || is_break(c) || c == 0;
        }
        let edge = |c: Option<&u32>| c.is_some_and(|c| *c == 0x20 || is_break(*c));
        let trailing_space = characters.last() == Some(&0x20);
        let quoted_only = space_break || special;
        Self {
            multiline: breaks,
            plain: !(edge(characters.first())
                || edge(characters.last())
                || break_space
                || quoted_only
                || breaks
                || indicators),
            single_quoted: !(break_space || quoted_only),
            block: !(trailing_space || quoted_only),
        }
    }
}

/// Whether a plain text would be read as a boolean, null, number or date of YAML 1.1.
fn looks_like_another_type(s: &[u8]) -> bool {
    const WORDS: [&str; 42] = [
        "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n",
        "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", ".nan", ".NaN", ".NAN", ".inf", ".Inf",
        ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", "", "", "",
    ];
    let Ok(text) = std::str::from_utf8(s) else { return false };
    match text.bytes().next() {
        None => true,
        Some(b'.') => WORDS.contains(&text) || is_float(text),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let plain = text.replace('_', "");
            WORDS.contains(&text) || is_date(text) || is_integer(&plain) || is_float(&plain) || is_sexagesimal(text)
        }
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => WORDS.contains(&text),
        _ => false,
    }
}

fn is_integer(text: &str) -> bool {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (body, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0b") => (&lower[2..], 2),
        Some("0o") => (&lower[2..], 8),
        _ if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        _ => (&lower[..], 10),
    };
    if body.starts_with(['+', '-']) {
        return false;
    }
    let signed = negative || text.starts_with('+');
    u64::from_str_radix(body, radix).is_ok_and(|n| !signed || n <= (i64::MAX as u64) + u64::from(negative))
}

/// A decimal float with at most one point, and at least one digit.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// YAML 1.1 reads 12:30 as a number in base 60.
fn is_sexagesimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let first = parts.next().unwrap_or("");
    if !(first.starts_with(|c: char| c.is_ascii_digit()) && digits(first)) {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    let sixty = |s: &str| matches!(s.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    let Some((last, middle)) = rest.split_last() else { return false };
    let (whole, fraction) = last.split_once('.').unwrap_or((last, ""));
    middle.iter().all(|s| sixty(s)) && sixty(whole) && digits(fraction)
}

/// A date, or a date and a time, as yaml.v2 reads timestamps.
fn is_date(text: &str) -> bool {
    let number = |s: &str, low: u32, high: u32| {
        (1..=2).contains(&s.len())
            && s.bytes().all(|b| b.is_ascii_digit())
            && s.parse().is_ok_and(|n: u32| (low..=high).contains(&n))
    };
    let Some((year, rest)) = text.split_once('-') else { return false };
    if year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let Some((month, rest)) = rest.split_once('-') else { return false };
    let (day, time) = rest.find(['T', 't', ' ']).map_or((rest, None), |i| (&rest[..i], Some(&rest[i..])));
    let year: u32 = year.parse().unwrap_or(0);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month.trim_start_matches('0') {
        "2" if leap => 29,
        "2" => 28,
        "4" | "6" | "9" | "11" => 30,
        _ => 31,
    };
    if !(number(month, 1, 12) && number(day, 1, days)) {
        return false;
    }
    let Some(time) = time else { return true };
    let clock = |s: &str| {
        let (whole, fraction) = s.split_once(['.', ',']).map_or((s, None), |(w, f)| (w, Some(f)));
        let parts: Vec<&str> = whole.split(':').collect();
        parts.len() == 3
            && number(parts[0], 0, 23)
            && number(parts[1], 0, 59)
            && number(parts[2], 0, 59)
            && fraction.is_none_or(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()))
    };
    let (separator, time) = time.split_at(1);
    if separator == " " {
        return clock(time);
    }
    let zone = |z: &str| {
        let parts: Option<(&str, &str)> = z.split_once(':');
        parts.is_some_and(|(h, m)| h.len() == 2 && m.len() == 2 && number(h, 0, 24) && number(m, 0, 60))
    };
    match time.strip_suffix('Z') {
        Some(time) => clock(time),
        None => time.rfind(['+', '-']).is_some_and(|i| clock(&time[..i]) && zone(&time[i + 1..])),
    }
}
