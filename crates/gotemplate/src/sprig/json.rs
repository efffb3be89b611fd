//! JSON out. Role: `toJson`, `toPrettyJson`, `toRawJson`, with the bytes of Go's `encoding/json`; `fromJson` by [`super::json_parse`].
//!
//! Invariants: keys in byte order, struct fields in theirs; `<`, `>`, `&` and the line separators escaped unless raw; what has no JSON
//! (NaN, infinity, a function) is an error, which the names without `must` turn into an empty text.

use crate::func::{Args, Func, FuncError, Funcs};
use crate::gofmt::{MAX_DEPTH, format_float};
use crate::runes;
use crate::value::{Number, Type, Value};

use super::{Answer, base64, json_parse};

pub(super) fn add(set: Funcs) -> Funcs {
    let to = |style: Style, must: bool| {
        Func::new([Type::Any], move |a| match encode(&a[0], style, a) {
            Ok(out) => Ok(Value::string(out)),
            Err(Failure::Unsupported(reason)) if must => Err(reason.into()),
            Err(Failure::Unsupported(_)) => Ok("".into()),
            Err(Failure::Refused(error)) => Err(error),
        })
        .returns(Type::String)
    };
    set.with("toJson", to(Style::Html, false))
        .with("mustToJson", to(Style::Html, true))
        .with("toPrettyJson", to(Style::Pretty, false))
        .with("mustToPrettyJson", to(Style::Pretty, true))
        .with("toRawJson", to(Style::Raw, true))
        .with("mustToRawJson", to(Style::Raw, true))
        .with("fromJson", Func::new([Type::String], |a| parse(a).or(Ok(Value::Nil))))
        .with("mustFromJson", Func::new([Type::String], parse))
}

fn parse(args: &Args<'_>) -> Answer {
    // A value takes more room than its text: the smallest element is two bytes.
    args.check_size(args.bytes(0).len().saturating_mul(size_of::<Value>() / 2))?;
    json_parse::parse(args.bytes(0)).map_err(FuncError::from)
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Style {
    Html,
    Pretty,
    Raw,
}

pub(super) enum Failure {
    /// There is no JSON for this.
    Unsupported(String),
    /// Too large or too deep for this render.
    Refused(FuncError),
}

fn encode(value: &Value, style: Style, args: &Args<'_>) -> Result<Vec<u8>, Failure> {
    let mut encoder = Encoder { out: Vec::new(), style, args };
    encoder.value(value, 0)?;
    Ok(encoder.out)
}

struct Encoder<'a, 'b> {
    out: Vec<u8>,
    style: Style,
    args: &'a Args<'b>,
}

impl Encoder<'_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Failure> {
        self.args.check_size(self.out.len()).map_err(Failure::Refused)?;
        if depth > MAX_DEPTH {
            return Err(Failure::Refused("the value is nested too deeply".into()));
        }
        match value {
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::Bool(b) => self.out.extend_from_slice(if *b { b"true" } else { b"false" }),
            Value::Float(f) => self.float(*f, false)?,
            Value::Number(Number::Float32(f)) => self.float((*f).into(), true)?,
            Value::Int(i) => self.out.extend_from_slice(i.to_string().as_bytes()),
            Value::Uint(u) => self.out.extend_from_slice(u.to_string().as_bytes()),
            Value::Number(Number::Complex128(..)) | Value::Func(_) => {
                return Err(Failure::Unsupported(format!("json: unsupported type: {}", value.type_name())));
            }
            Value::Number(n) => match n.as_i64() {
                Some(i) => self.out.extend_from_slice(i.to_string().as_bytes()),
                None => self.out.extend_from_slice(n.bits().to_string().as_bytes()),
            },
            Value::String(s) => self.string(s),
            Value::List(l) => match l.to_byte_vec() {
                Some(bytes) => self.string(&base64::encode(&bytes)),
                None => self.sequence(*b"[]", l.iter(), depth, |e, v| e.value(v, depth + 1))?,
            },
            Value::Map(m) => self.sequence(*b"{}", m.entries().iter(), depth, |e, (k, v)| e.member(k, v, depth))?,
            Value::Struct(s) => {
                // Go leaves unexported fields out.
                let exported = s.fields().filter(|(k, _)| {
                    let first = runes::iter(k).next().and_then(|(_, c, _)| char::from_u32(c));
                    first.is_some_and(char::is_uppercase)
                });
                self.sequence(*b"{}", exported, depth, |e, (k, v)| e.member(k, v, depth))?;
            }
        }
        Ok(())
    }

    fn member(&mut self, key: &[u8], value: &Value, depth: usize) -> Result<(), Failure> {
        self.string(key);
        self.out.extend_from_slice(if self.style == Style::Pretty { b": " } else { b":" });
        self.value(value, depth + 1)
    }

    fn sequence<T>(
        &mut self,
        brackets: [u8; 2],
        items: impl Iterator<Item = T>,
        depth: usize,
        mut each: impl FnMut(&mut Self, T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.out.push(brackets[0]);
        let mut any = false;
        for item in items {
            if any {
                self.out.push(b',');
            }
            any = true;
            self.line(depth + 1);
            each(self, item)?;
        }
        if any {
            self.line(depth);
        }
        self.out.push(brackets[1]);
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if self.style == Style::Pretty {
            self.out.push(b'\n');
            self.out.extend(std::iter::repeat_n(b' ', 2 * depth));
        }
    }

    fn float(&mut self, f: f64, single: bool) -> Result<(), Failure> {
        if !f.is_finite() {
            let shown = String::from_utf8_lossy(&format_float(f, single, b'g', None)).into_owned();
            return Err(Failure::Unsupported(format!("json: unsupported value: {shown}")));
        }
        self.out.extend_from_slice(&number(f, single));
        Ok(())
    }

    fn string(&mut self, s: &[u8]) {
        self.out.push(b'"');
        for (start, rune, width) in runes::iter(s) {
            let escaped: &[u8] = match rune {
                0x22 => b"\\\"",
                0x5c => b"\\\\",
                0x08 => b"\\b",
                0x09 => b"\\t",
                0x0a => b"\\n",
                0x0c => b"\\f",
                0x0d => b"\\r",
                0x2028 => b"\\u2028",
                0x2029 => b"\\u2029",
                0xfffd => "\u{fffd}".as_bytes(),
                0..0x20 => {
                    self.out.extend_from_slice(format!("\\u{rune:04x}").as_bytes());
                    continue;
                }
                0x3c | 0x3e | 0x26 if self.style != Style::Raw => {
                    self.out.extend_from_slice(format!("\\u{rune:04x}").as_bytes());
                    continue;
                }
                _ => &s[start..start + width],
            };
            self.out.extend_from_slice(escaped);
        }
        self.out.push(b'"');
    }
}

/// A finite float as ECMAScript writes it, which `encoding/json` follows: exponents only for the very small and the very large.
pub(super) fn number(f: f64, single: bool) -> Vec<u8> {
    let size = f.abs();
    let (small, large) = if single { (f64::from(1e-6f32), f64::from(1e21f32)) } else { (1e-6, 1e21) };
    if size == 0.0 || (size >= small && size < large) {
        return format_float(f, single, b'f', None);
    }
    let mut out = format_float(f, single, b'e', None);
    if let [.., b'e', b'-', b'0', _] = out.as_slice() {
        out.remove(out.len() - 2);
    }
    out
}
