//! Sprig's lenient conversions: anything to text, to an integer, to a float.
//!
//! Role: what `cast.ToInt64` and Sprig's `strval` do. Invariant: a failed conversion is zero, never an error, as there.

use crate::func::{Args, FuncError};
use crate::gofmt::{Printer, Stop};
use crate::value::{Kind, Number, Value};

/// The text of a value: strings and bytes as they are, all else as `%v`.
pub(super) fn text(value: &Value, args: &Args<'_>) -> Result<Vec<u8>, FuncError> {
    match value {
        Value::String(s) => Ok(s.to_vec()),
        Value::List(l) if let Some(bytes) = l.to_byte_vec() => Ok(bytes),
        _ => plain(value, args),
    }
}

/// The text of a value as `%v`.
pub(super) fn plain(value: &Value, args: &Args<'_>) -> Result<Vec<u8>, FuncError> {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, args.max_bytes());
    printer.print(std::iter::once(value));
    match printer.finish() {
        Ok(()) => Ok(out),
        Err(Stop::TooLong) => Err(FuncError::limit(args.max_bytes())),
        Err(_) => Err("the value is nested too deeply".into()),
    }
}

/// Go's kind of a value, by name.
pub(super) fn kind_name(value: &Value) -> String {
    match value.kind() {
        Kind::Nil => "invalid".into(),
        Kind::List => "slice".into(),
        Kind::Map => "map".into(),
        Kind::Struct => "struct".into(),
        Kind::Func => "func".into(),
        _ => value.type_name(),
    }
}

/// Sprig's `empty`: the zero value of its type, or without elements. A struct never is.
pub(super) fn is_empty(value: &Value) -> bool {
    !value.truth()
}

/// `cast.ToInt64`: floats lose their fraction, text is a Go integer literal, booleans are 0 and 1.
pub(super) fn int(value: &Value) -> i64 {
    match value {
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => *i,
        Value::Uint(u) => u.cast_signed(),
        Value::Float(f) => truncate(*f),
        Value::Number(Number::Float32(f)) => truncate((*f).into()),
        Value::Number(n) => n.bits().cast_signed(),
        Value::String(s) => parse_int(without_zero_fraction(s)).unwrap_or(0),
        _ => 0,
    }
}

/// `cast.ToFloat64`.
pub(super) fn float(value: &Value) -> f64 {
    match value {
        Value::Float(f) => *f,
        Value::Number(Number::Float32(f)) => (*f).into(),
        Value::Uint(u) | Value::Number(Number::Uint64(u)) => from_unsigned(*u),
        Value::String(s) => parse_float(s).unwrap_or(0.0),
        other => from_integer(int(other)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds as well")]
pub(super) fn from_integer(i: i64) -> f64 {
    i as f64
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds as well")]
fn from_unsigned(u: u64) -> f64 {
    u as f64
}

/// Go's conversion as amd64 does it: whatever does not fit is the smallest integer.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn truncate(f: f64) -> i64 {
    let fits = f > -9_223_372_036_854_777_856.0 && f < 9_223_372_036_854_775_808.0;
    if fits { f as i64 } else { i64::MIN }
}

/// `5.00` is an integer to `cast`, though `5.50` is none.
fn without_zero_fraction(s: &[u8]) -> &[u8] {
    let digits = s.iter().rposition(|b| *b != b'0').map_or(0, |i| i + 1);
    if digits > 0 && digits < s.len() && s[digits - 1] == b'.' { &s[..digits - 1] } else { s }
}

/// `strconv.ParseInt(s, 0, 64)`.
fn parse_int(s: &[u8]) -> Option<i64> {
    let (negative, digits) = match s {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, s),
    };
    let (base, body) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        _ => (10, digits),
    };
    let prefixed = base != 10;
    let mut value: i128 = 0;
    let mut previous_digit = prefixed;
    for b in body {
        if *b == b'_' {
            if !previous_digit {
                return None;
            }
            previous_digit = false;
        } else {
            value = value * i128::from(base) + i128::from(char::from(*b).to_digit(base)?);
            if value > i128::from(u64::MAX) {
                return None;
            }
            previous_digit = true;
        }
    }
    if body.is_empty() || !previous_digit {
        return None;
    }
    i64::try_from(if negative { -value } else { value }).ok()
}

/// `strconv.ParseFloat(s, 64)`, where an error is `None`; hexadecimal floats are read as Go reads them.
fn parse_float(s: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(s).ok()?;
    let (sign, body) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if ["inf", "infinity"].iter().any(|word| body.eq_ignore_ascii_case(word)) {
        return Some(sign * f64::INFINITY);
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(hex) = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
        return parse_hex_float(hex).map(|f| sign * f);
    }
    let bytes = body.as_bytes();
    let between_digits = |i: usize| {
        let digit = |j: Option<usize>| j.and_then(|j| bytes.get(j)).is_some_and(u8::is_ascii_digit);
        digit(i.checked_sub(1)) && digit(Some(i + 1))
    };
    if (0..bytes.len()).any(|i| bytes[i] == b'_' && !between_digits(i)) {
        return None;
    }
    body.replace('_', "").parse::<f64>().ok().filter(|f| f.is_finite()).map(|f| sign * f)
}

fn parse_hex_float(hex: &str) -> Option<f64> {
    let (mantissa, exponent) = hex.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > 13 {
        return None;
    }
    let bits = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()? * 4)?;
    Some(from_unsigned(bits) * 2f64.powi(shift))
}
