//! JSON in. Role: `fromJson`, with Go's words for what is wrong.
//!
//! Invariants: numbers become `float64`, objects maps that the template may change; of a repeated key the last counts; what is nested
//! deeper than [`MAX_DEPTH`] is refused, so that parsing needs little stack.

use crate::gofmt::MAX_DEPTH;
use crate::runes;
use crate::value::{List, Map, Str, Type, Value};

const UNEXPECTED_END: &str = "unexpected end of JSON input";

/// The value of a JSON text.
pub(super) fn parse(text: &[u8]) -> Result<Value, String> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    match parser.peek() {
        None => Ok(value),
        Some(b) => Err(invalid(b, "after top-level value")),
    }
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
}

/// Go's complaint about a byte, which it takes for a character.
fn invalid(b: u8, context: &str) -> String {
    let shown = match b {
        b'\'' => r"'\''".to_owned(),
        b'"' => r#"'"'"#.to_owned(),
        _ => {
            let mut out = Vec::new();
            crate::gofmt::append_escaped(&mut out, b.into(), b'\'', false);
            format!("'{}'", String::from_utf8_lossy(&out))
        }
    };
    format!("invalid character {shown} {context}")
}

impl Parser<'_> {
    /// The next byte that is no space, without taking it.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn expect(&mut self) -> Result<u8, String> {
        self.peek().ok_or_else(|| UNEXPECTED_END.to_owned())
    }

    fn byte(&mut self) -> Result<u8, String> {
        let b = *self.text.get(self.at).ok_or(UNEXPECTED_END)?;
        self.at += 1;
        Ok(b)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("exceeded max depth".into());
        }
        match self.expect()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => Ok(Value::string(self.string()?)),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Nil),
            b'-' | b'0'..=b'9' => self.number(),
            b => Err(invalid(b, "looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut entries: Vec<(Str, Value)> = Vec::new();
        loop {
            match self.expect()? {
                b'"' => {}
                b'}' if entries.is_empty() => break,
                b => return Err(invalid(b, "looking for beginning of object key string")),
            }
            let key = self.string()?;
            match self.expect()? {
                b':' => self.at += 1,
                b => return Err(invalid(b, "after object key")),
            }
            entries.push((key.into(), self.value(depth + 1)?));
            match self.expect()? {
                b',' => self.at += 1,
                b'}' => break,
                b => return Err(invalid(b, "after object key:value pair")),
            }
        }
        self.at += 1;
        Ok(Value::Map(Map::shared(entries)))
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        if self.expect()? == b']' {
            self.at += 1;
            return Ok(Value::List(List::of(Type::Any, items)));
        }
        loop {
            items.push(self.value(depth + 1)?);
            match self.expect()? {
                b',' => self.at += 1,
                b']' => break,
                b => return Err(invalid(b, "after array element")),
            }
        }
        self.at += 1;
        Ok(Value::List(List::of(Type::Any, items)))
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, String> {
        for wanted in word.bytes() {
            let b = self.byte()?;
            if b != wanted {
                return Err(invalid(b, &format!("in literal {word} (expecting '{}')", char::from(wanted))));
            }
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        if self.text[self.at] == b'-' {
            self.at += 1;
        }
        match self.byte()? {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            b => return Err(invalid(b, "in numeric literal")),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        let literal = String::from_utf8_lossy(&self.text[start..self.at]);
        let number: f64 = literal.parse().unwrap_or(f64::INFINITY);
        if number.is_finite() {
            return Ok(Value::Float(number));
        }
        Err(format!("json: cannot unmarshal number {literal} into Go value of type float64"))
    }

    fn digits(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self, context: &str) -> Result<(), String> {
        let b = self.byte()?;
        if !b.is_ascii_digit() {
            return Err(invalid(b, context));
        }
        self.digits();
        Ok(())
    }

    fn string(&mut self) -> Result<Vec<u8>, String> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.byte()? {
                b'"' => return Ok(out),
                b'\\' => self.escape(&mut out)?,
                b @ 0..0x20 => return Err(invalid(b, "in string literal")),
                b if b.is_ascii() => out.push(b),
                _ => {
                    let (rune, width) = runes::decode(&self.text[self.at - 1..]);
                    runes::encode(rune, &mut out);
                    self.at += width - 1;
                }
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        out.push(match self.byte()? {
            b @ (b'"' | b'\\' | b'/') => b,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let first = self.hex()?;
                let mut rune = char::from_u32(first);
                // A high surrogate counts only together with the low one that follows.
                if rune.is_none() && self.text[self.at..].starts_with(b"\\u") {
                    let back = self.at;
                    self.at += 2;
                    let second = self.hex()?;
                    let both = char::decode_utf16([unit(first), unit(second)]).next();
                    rune = both.and_then(Result::ok);
                    if rune.is_none() {
                        self.at = back;
                    }
                }
                runes::encode(u32::from(rune.unwrap_or(char::REPLACEMENT_CHARACTER)), out);
                return Ok(());
            }
            b => return Err(invalid(b, "in string escape code")),
        });
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, String> {
        (0..4).try_fold(0, |n, _| {
            let b = self.byte()?;
            let digit = char::from(b).to_digit(16).ok_or_else(|| invalid(b, "in \\u hexadecimal character escape"))?;
            Ok(n * 16 + digit)
        })
    }
}

fn unit(n: u32) -> u16 {
    u16::try_from(n).unwrap_or(0xfffd)
}
