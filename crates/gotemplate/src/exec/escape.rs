//! `html`, `js` and `urlquery`.

use super::builtin::text;
use super::val::Val;
use crate::func::FuncError;
use crate::gofmt::Printer;
use crate::runes;
use crate::value::Value;

/// Prints the arguments like `print`, but an absent one as output would show it, and escapes the result.
pub(super) fn escaped<'a>(args: &[Val<'a>], max: usize, escape: fn(&[u8], &mut Vec<u8>)) -> Result<Val<'a>, FuncError> {
    let no_value = Value::from("<no value>");
    let values = args.iter().map(|a| a.some().unwrap_or(&no_value));
    let plain = text(max, |p: &mut Printer<'_>| p.print(values))?;
    let plain = plain.as_value().as_bytes().unwrap_or_default();
    let mut out = Vec::with_capacity(plain.len() + plain.len() / 8);
    escape(plain, &mut out);
    if out.len() > max {
        return Err(FuncError::limit(max));
    }
    Ok(Val::owned(out.as_slice()))
}

pub(super) fn html(s: &[u8], out: &mut Vec<u8>) {
    for b in s {
        match b {
            0 => out.extend_from_slice("\u{FFFD}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            _ => out.push(*b),
        }
    }
}

pub(super) fn js(s: &[u8], out: &mut Vec<u8>) {
    for (at, rune, width) in runes::iter(s) {
        match u8::try_from(rune).unwrap_or(0x80) {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\'' => out.extend_from_slice(b"\\'"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'<' => out.extend_from_slice(b"\\u003C"),
            b'>' => out.extend_from_slice(b"\\u003E"),
            b'&' => out.extend_from_slice(b"\\u0026"),
            b'=' => out.extend_from_slice(b"\\u003D"),
            b' '..0x80 => out.push(s[at]),
            _ if rune >= 0x80 && runes::is_print(rune) => out.extend_from_slice(&s[at..at + width]),
            _ => out.extend_from_slice(format!("\\u{rune:04X}").as_bytes()),
        }
    }
}

pub(super) fn url_query(s: &[u8], out: &mut Vec<u8>) {
    for b in s {
        match b {
            b' ' => out.push(b'+'),
            b'-' | b'_' | b'.' | b'~' => out.push(*b),
            _ if b.is_ascii_alphanumeric() => out.push(*b),
            _ => out.extend_from_slice(format!("%{b:02X}").as_bytes()),
        }
    }
}
